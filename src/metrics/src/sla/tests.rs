//! Promises by hand, and the figures of `tests/metrics/sla.py`.

use serde::Deserialize;

use super::*;

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn promise(target: i64, elapsed: i64, is_open: bool) -> Response {
    Response {
        promise: Promise::Reply,
        target: minutes(target),
        elapsed: minutes(elapsed),
        is_open,
        rep_absent: SignedDuration::ZERO,
        buyer_away: SignedDuration::ZERO,
    }
}

#[test]
fn a_promise_is_kept_at_its_target_and_missed_when_that_passes_answered_or_not() {
    assert_eq!(promise(60, 60, false).is_kept(), Some(true));
    assert_eq!(promise(60, 61, false).is_kept(), Some(false));
    assert_eq!(promise(60, 61, true).is_kept(), Some(false));
    assert_eq!(promise(60, 60, true).is_kept(), None, "its time has not come");
    assert!(promise(100, 81, false).is_near_miss() && !promise(100, 80, false).is_near_miss());
    assert!(!promise(100, 101, false).is_near_miss() && !promise(100, 99, true).is_near_miss());
}

#[test]
fn an_instant_at_which_both_are_away_pauses_a_clock_once() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let calendar = Calendar::default();
    // Monday to Friday, 09:00 to 17:00: the owner is away on Tuesday, the buyer from Tuesday noon to Thursday
    let pauses = Pauses {
        rep_absent: vec![(at("2026-11-17T00:00:00Z"), at("2026-11-18T00:00:00Z"))],
        absences: Vec::new(),
        buyer_away: vec![(at("2026-11-17T12:00:00Z"), at("2026-11-19T00:00:00Z"))],
    };
    let (from, to) = (at("2026-11-16T16:00:00Z"), at("2026-11-19T10:00:00Z"));
    let one = Response::between(Promise::Reply, from, minutes(240), to, false, &pauses, &calendar);
    // one hour on Monday, one on Thursday
    assert_eq!(one.elapsed, minutes(120));
    assert_eq!(
        (one.rep_absent, one.buyer_away),
        (minutes(480), minutes(300 + 480))
    );
    assert_eq!(one.is_kept(), Some(true));
}

#[test]
fn a_clock_runs_while_a_colleague_stands_in_unless_the_promise_is_older_than_the_leave() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let calendar = Calendar::default();
    let pauses = Pauses {
        absences: vec![(at("2026-11-17T00:00:00Z"), at("2026-11-19T00:00:00Z"))],
        ..Pauses::default()
    };
    let elapsed = |from: &str| {
        let to = at("2026-11-19T10:00:00Z");
        let one = Response::between(
            Promise::Reply,
            at(from),
            minutes(240),
            to,
            false,
            &pauses,
            &calendar,
        );
        one.elapsed
    };
    assert_eq!(
        elapsed("2026-11-16T16:00:00Z"),
        minutes(120),
        "it stayed with the owner"
    );
    assert_eq!(
        elapsed("2026-11-18T16:00:00Z"),
        minutes(120),
        "a colleague was asked"
    );
    assert_eq!(elapsed("2026-11-17T16:00:00Z"), minutes(60 + 480 + 60));
}

#[test]
fn an_overrun_that_may_still_grow_is_told_as_more() {
    let answered: Vec<Response> = (1..=20).map(|over| promise(60, 60 + over, false)).collect();
    assert_eq!(
        clock(Promise::Reply, &answered).overrun_p90.as_deref(),
        Some("18m")
    );
    let mut open = answered.clone();
    open[0].is_open = true;
    assert_eq!(clock(Promise::Reply, &open).overrun_p90.as_deref(), Some("> 18m"));
    assert_eq!(
        clock(Promise::Reply, &answered[1..]).overrun_p90,
        None,
        "19 are too few"
    );
}

#[derive(Deserialize)]
struct Known {
    name: String,
    /// Target, elapsed, open; in seconds.
    promises: Vec<(i64, i64, bool)>,
    kept: u64,
    missed: u64,
    not_yet_due: u64,
    near: u64,
    share: f64,
    low: f64,
    high: f64,
    near_share: f64,
    near_low: f64,
    near_high: f64,
    overrun_seconds: i64,
    overrun_is_open: bool,
}

#[test]
fn the_figures_agree_with_the_reference_to_1e9() {
    let text = include_str!("../../../../tests/metrics/sla.json");
    let known: Vec<Known> = serde_json::from_str(text).unwrap();
    assert!(known.len() >= 5);
    for known in known {
        let seconds = SignedDuration::from_secs;
        let promises: Vec<Response> = known
            .promises
            .iter()
            .map(|(target, elapsed, is_open)| Response {
                target: seconds(*target),
                elapsed: seconds(*elapsed),
                ..promise(0, 0, *is_open)
            })
            .collect();
        let told = clock(Promise::Reply, &promises);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{}: {a} is not {b}", known.name);
        let check = |share: &Share, k: u64, expect: [f64; 3]| {
            let Share::Shown {
                k: found,
                n,
                share,
                interval,
            } = share
            else {
                panic!("{}: {share:?}", known.name);
            };
            assert_eq!((*found, *n), (k, known.kept + known.missed), "{}", known.name);
            near(*share, expect[0]);
            near(interval.low, expect[1]);
            near(interval.high, expect[2]);
        };
        check(&told.attainment, known.kept, [known.share, known.low, known.high]);
        check(
            &told.near_miss,
            known.near,
            [known.near_share, known.near_low, known.near_high],
        );
        let not_yet = (known.not_yet_due >= 5).then_some(known.not_yet_due);
        assert_eq!(told.not_yet_due, not_yet, "{}", known.name);
        let all: Vec<&Response> = promises.iter().collect();
        let expect = (seconds(known.overrun_seconds), known.overrun_is_open);
        assert_eq!(overrun(&all), Some(expect), "{}", known.name);
    }
}
