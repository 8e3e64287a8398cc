//! Claims about business time. November 2026: the 2nd, 9th, 16th and 23rd are Mondays.

use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn on(text: &str) -> Date {
    text.parse().unwrap()
}

fn hours(pairs: &[(&str, &[&str])]) -> WeeklyHours {
    let written = pairs
        .iter()
        .map(|(key, spans)| {
            (
                (*key).to_owned(),
                spans.iter().map(|span| (*span).to_owned()).collect(),
            )
        })
        .collect();
    WeeklyHours::parse(&written).unwrap()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn standard() -> Calendar {
    Calendar::default()
}

fn split() -> Calendar {
    Calendar::new(
        TimeZone::UTC,
        hours(&[("mon-fri", &["09:00-12:00", "13:00-17:00"])]),
        BTreeSet::new(),
        Vec::new(),
    )
}

fn bh(count: i64) -> Span {
    Span::Business(SignedDuration::from_hours(count))
}

const fn bd(count: i32) -> Span {
    Span::BusinessDays(count)
}

#[test]
fn open_at_the_opening_instant_and_closed_at_the_closing_instant() {
    let calendar = standard();
    assert!(!calendar.is_open(at("2026-11-16T08:59:59Z")));
    assert!(calendar.is_open(at("2026-11-16T09:00:00Z")));
    assert!(calendar.is_open(at("2026-11-16T16:59:59Z")));
    assert!(!calendar.is_open(at("2026-11-16T17:00:00Z")));
    assert!(!calendar.is_open(at("2026-11-15T12:00:00Z")));
}

#[test]
fn next_opening_is_the_instant_itself_while_open() {
    let calendar = standard();
    assert_eq!(
        calendar.next_opening(at("2026-11-16T10:30:00Z")),
        at("2026-11-16T10:30:00Z")
    );
    assert_eq!(
        calendar.next_opening(at("2026-11-16T07:00:00Z")),
        at("2026-11-16T09:00:00Z")
    );
    assert_eq!(
        calendar.next_opening(at("2026-11-20T17:00:00Z")),
        at("2026-11-23T09:00:00Z")
    );
}

#[test]
fn next_opening_of_a_lunch_break_is_the_second_shift() {
    assert_eq!(
        split().next_opening(at("2026-11-16T12:00:00Z")),
        at("2026-11-16T13:00:00Z")
    );
}

#[test]
fn closing_of_day_is_the_last_shift_and_rolls_over_once_it_has_passed() {
    let calendar = split();
    assert_eq!(
        calendar.closing_of_day(at("2026-11-16T07:00:00Z")),
        at("2026-11-16T17:00:00Z")
    );
    assert_eq!(
        calendar.closing_of_day(at("2026-11-16T12:30:00Z")),
        at("2026-11-16T17:00:00Z")
    );
    assert_eq!(
        calendar.closing_of_day(at("2026-11-16T17:00:00Z")),
        at("2026-11-17T17:00:00Z")
    );
    assert_eq!(
        calendar.closing_of_day(at("2026-11-21T10:00:00Z")),
        at("2026-11-23T17:00:00Z")
    );
}

#[test]
fn closing_of_next_day_is_that_of_the_next_day_of_business() {
    let calendar = standard();
    assert_eq!(
        calendar.closing_of_next_day(at("2026-11-16T07:00:00Z")),
        at("2026-11-17T17:00:00Z")
    );
    assert_eq!(
        calendar.closing_of_next_day(at("2026-11-20T10:00:00Z")),
        at("2026-11-23T17:00:00Z")
    );
}

#[test]
fn business_hours_run_only_inside_the_hours() {
    let calendar = split();
    assert_eq!(
        calendar.add(at("2026-11-16T11:30:00Z"), bh(4)),
        at("2026-11-16T16:30:00Z")
    );
    assert_eq!(
        calendar.add(at("2026-11-16T16:30:00Z"), bh(1)),
        at("2026-11-17T09:30:00Z")
    );
    assert_eq!(
        calendar.add(at("2026-11-20T18:00:00Z"), bh(2)),
        at("2026-11-23T11:00:00Z")
    );
    assert_eq!(
        calendar.add(at("2026-11-16T16:00:00Z"), bh(1)),
        at("2026-11-16T17:00:00Z")
    );
}

#[test]
fn a_business_day_keeps_the_wall_time() {
    let calendar = standard();
    assert_eq!(
        calendar.add(at("2026-11-16T10:20:00Z"), bd(1)),
        at("2026-11-17T10:20:00Z")
    );
    assert_eq!(
        calendar.add(at("2026-11-19T10:20:00Z"), bd(2)),
        at("2026-11-23T10:20:00Z")
    );
    assert_eq!(
        calendar.add(at("2026-11-21T22:00:00Z"), bd(1)),
        at("2026-11-24T09:00:00Z")
    );
}

#[test]
fn a_business_day_is_clamped_to_the_hours_of_the_day_it_reaches() {
    let calendar = Calendar::new(
        TimeZone::UTC,
        hours(&[("mon-thu", &["08:00-18:00"]), ("fri", &["10:00-13:00"])]),
        BTreeSet::new(),
        Vec::new(),
    );
    assert_eq!(
        calendar.add(at("2026-11-19T16:00:00Z"), bd(1)),
        at("2026-11-20T13:00:00Z")
    );
    assert_eq!(
        calendar.add(at("2026-11-19T08:30:00Z"), bd(1)),
        at("2026-11-20T10:00:00Z")
    );
}

#[test]
fn a_holiday_is_no_day_of_business() {
    let calendar = Calendar::new(
        TimeZone::UTC,
        WeeklyHours::standard(),
        BTreeSet::from([on("2026-11-26")]),
        Vec::new(),
    );
    assert!(!calendar.is_open(at("2026-11-26T10:00:00Z")));
    assert_eq!(
        calendar.add(at("2026-11-25T11:00:00Z"), bd(1)),
        at("2026-11-27T11:00:00Z")
    );
    assert_eq!(
        calendar.add(at("2026-11-25T16:00:00Z"), bh(2)),
        at("2026-11-27T10:00:00Z")
    );
    assert_eq!(
        calendar.business_between(at("2026-11-25T16:00:00Z"), at("2026-11-27T10:00:00Z")),
        SignedDuration::from_hours(2)
    );
}

#[test]
fn local_hours_follow_the_clock_changes_of_the_zone() {
    let calendar = standard().with_zone(zone("Europe/Berlin"));
    // summer time ends on 2026-10-25
    assert!(calendar.is_open(at("2026-10-23T07:00:00Z")));
    assert!(!calendar.is_open(at("2026-10-26T07:30:00Z")));
    assert_eq!(
        calendar.add(at("2026-10-23T10:00:00Z"), bd(1)),
        at("2026-10-26T11:00:00Z")
    );
}

#[test]
fn a_night_that_loses_an_hour_loses_it_for_business_hours() {
    let calendar = Calendar::new(
        zone("Europe/Berlin"),
        hours(&[("mon-sun", &["00:00-24:00"])]),
        BTreeSet::new(),
        Vec::new(),
    );
    // 2026-03-29 has 23 hours
    assert_eq!(
        calendar.business_between(at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z")),
        SignedDuration::from_hours(23)
    );
    assert_eq!(
        calendar.add(at("2026-03-28T23:30:00Z"), bh(3)),
        at("2026-03-29T02:30:00Z")
    );
}

#[test]
fn an_opening_in_a_skipped_hour_opens_when_the_hour_has_been_skipped() {
    let calendar = Calendar::new(
        zone("Europe/Berlin"),
        hours(&[("sun", &["02:30-06:00"])]),
        BTreeSet::new(),
        Vec::new(),
    );
    assert_eq!(
        calendar.next_opening(at("2026-03-28T12:00:00Z")),
        at("2026-03-29T01:30:00Z")
    );
}

#[test]
fn round_the_clock_hours_have_no_gap_at_midnight() {
    let calendar = Calendar::new(
        TimeZone::UTC,
        hours(&[("mon-sun", &["00:00-24:00"])]),
        BTreeSet::new(),
        Vec::new(),
    );
    assert!(calendar.is_open(at("2026-11-17T00:00:00Z")));
    assert_eq!(
        calendar.add(at("2026-11-16T22:00:00Z"), bh(30)),
        at("2026-11-18T04:00:00Z")
    );
    assert_eq!(
        calendar.subtract(at("2026-11-18T04:00:00Z"), bh(30)),
        at("2026-11-16T22:00:00Z")
    );
    assert_eq!(
        calendar.closing_of_day(at("2026-11-16T22:00:00Z")),
        at("2026-11-17T00:00:00Z")
    );
}

#[test]
fn subtraction_mirrors_addition() {
    let calendar = standard();
    assert_eq!(
        calendar.subtract(at("2026-11-17T10:00:00Z"), bh(2)),
        at("2026-11-16T16:00:00Z")
    );
    assert_eq!(
        calendar.subtract(at("2026-11-23T10:20:00Z"), bd(2)),
        at("2026-11-19T10:20:00Z")
    );
    assert_eq!(
        calendar.subtract(at("2026-11-22T10:20:00Z"), bd(1)),
        at("2026-11-19T17:00:00Z")
    );
    assert_eq!(
        calendar.subtract(at("2026-11-17T08:00:00Z"), bh(1)),
        at("2026-11-16T16:00:00Z")
    );
}

#[test]
fn absences_do_not_stop_the_clock() {
    let absence = Absence {
        first_on: on("2026-11-16"),
        last_on: on("2026-11-20"),
    };
    let calendar = standard().with_absences(vec![absence]);
    assert!(calendar.is_open(at("2026-11-17T10:00:00Z")));
    assert_eq!(
        calendar.add(at("2026-11-16T10:00:00Z"), bd(1)),
        at("2026-11-17T10:00:00Z")
    );
}

#[test]
fn a_leave_is_over_on_the_first_day_of_business_after_it_and_on_that_day_alone() {
    let absence = Absence {
        first_on: on("2026-11-04"),
        last_on: on("2026-11-15"),
    };
    let calendar = standard().with_absences(vec![absence]);
    let back = |now: &str, days| calendar.back_from_leave(at(now), days);
    assert_eq!(back("2026-11-16T23:00:00Z", 3), Some(at("2026-11-16T09:00:00Z")));
    assert_eq!(back("2026-11-16T00:00:00Z", 8), Some(at("2026-11-16T09:00:00Z")));
    for (now, days) in [
        ("2026-11-15T23:00:00Z", 3),
        ("2026-11-17T09:00:00Z", 3),
        ("2026-11-16T09:00:00Z", 9),
        ("2026-11-12T09:00:00Z", 1),
    ] {
        assert_eq!(back(now, days), None, "{now}");
    }
}

#[test]
fn an_absence_lasts_until_the_opening_of_the_first_day_back() {
    let days = |first: &str, last: &str| Absence {
        first_on: on(first),
        last_on: on(last),
    };
    let calendar = Calendar::new(
        TimeZone::UTC,
        WeeklyHours::standard(),
        BTreeSet::from([on("2026-11-23")]),
        vec![days("2026-11-16", "2026-11-20"), days("2026-11-24", "2026-11-24")],
    );
    let back_at = Some(at("2026-11-25T09:00:00Z"));
    assert_eq!(calendar.absent_until(at("2026-11-16T00:00:00Z")), back_at);
    assert_eq!(calendar.absent_until(at("2026-11-20T23:59:59Z")), back_at);
    assert_eq!(calendar.absent_until(at("2026-11-21T10:00:00Z")), None);
}

#[test]
fn dates_are_those_of_the_zone() {
    let calendar = standard().with_zone(zone("America/Los_Angeles"));
    assert_eq!(calendar.date_on(at("2026-11-17T05:00:00Z")), on("2026-11-16"));
    assert_eq!(calendar.start_of(on("2026-11-16")), at("2026-11-16T08:00:00Z"));
}

#[test]
fn years_of_holidays_end_in_an_answer() {
    let holidays: BTreeSet<Date> = on("2026-01-01")
        .series(jiff::Span::new().days(1))
        .take_while(|date| date.year() < 2046)
        .collect();
    let calendar = Calendar::new(TimeZone::UTC, WeeklyHours::standard(), holidays, Vec::new());
    let start_at = at("2026-11-16T10:00:00Z");
    assert!(calendar.next_opening(start_at) > start_at);
    assert!(calendar.add(start_at, bd(3)) > start_at);
    assert!(calendar.add(start_at, bh(30)) > start_at);
    assert!(calendar.subtract(start_at, bh(30)) < start_at);
}

#[test]
fn instants_at_the_ends_of_time_end_in_an_answer() {
    let calendar = standard().with_zone(zone("Europe/Berlin"));
    assert!(calendar.add(Timestamp::MAX, bd(2)) <= Timestamp::MAX);
    assert!(calendar.subtract(Timestamp::MIN, bh(2)) >= Timestamp::MIN);
    assert!(calendar.business_between(Timestamp::MIN, at("2026-11-16T10:00:00Z")) > SignedDuration::ZERO);
}

fn calendars() -> impl Strategy<Value = Calendar> {
    let zones = prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]);
    let weeks = prop::sample::select(vec![
        hours(&[("mon-fri", &["09:00-17:00"])]),
        hours(&[
            ("mon-fri", &["08:30-12:00", "13:15-17:45"]),
            ("sat", &["10:00-12:00"]),
        ]),
        hours(&[("mon-sun", &["00:00-24:00"])]),
    ]);
    let holidays = prop::collection::btree_set(0_i64..120, 0..6);
    (zones, weeks, holidays).prop_map(|(name, week, holidays)| {
        let first_on = on("2026-02-01");
        let holidays = holidays
            .into_iter()
            .map(|days| first_on.checked_add(jiff::Span::new().days(days)).unwrap())
            .collect();
        Calendar::new(zone(name), week, holidays, Vec::new())
    })
}

fn instants() -> impl Strategy<Value = Timestamp> {
    let first = at("2026-02-01T00:00:00Z").as_second();
    (0_i64..120 * 24 * 60).prop_map(move |minutes| Timestamp::from_second(first + minutes * 60).unwrap())
}

/// The same cases on every run.
fn seeded() -> ProptestConfig {
    ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(2_026),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn added_business_time_is_the_business_time_between(
        calendar in calendars(), start_at in instants(), minutes in 0_i64..4_000,
    ) {
        let length = SignedDuration::from_mins(minutes);
        let end_at = calendar.add(start_at, Span::Business(length));
        prop_assert_eq!(calendar.business_between(start_at, end_at), length);
        if minutes > 0 {
            prop_assert_eq!(calendar.subtract(end_at, Span::Business(length)) <= calendar.next_opening(start_at), true);
        }
    }

    #[test]
    fn a_later_start_never_ends_earlier(
        calendar in calendars(), one in instants(), other in instants(), days in 0_i32..12, minutes in 0_i64..2_000,
    ) {
        let (early, late) = (one.min(other), one.max(other));
        for span in [Span::BusinessDays(days), Span::Business(SignedDuration::from_mins(minutes))] {
            prop_assert!(calendar.add(early, span) <= calendar.add(late, span));
            prop_assert!(calendar.add(early, span) >= early);
        }
    }

    #[test]
    fn the_next_opening_is_open_and_nothing_is_open_before_it(calendar in calendars(), start_at in instants()) {
        let opens_at = calendar.next_opening(start_at);
        prop_assert!(calendar.is_open(opens_at));
        prop_assert_eq!(calendar.business_between(start_at, opens_at), SignedDuration::ZERO);
        prop_assert!(opens_at.duration_since(start_at).as_secs() < 24 * 14 * HOUR);
    }
}
