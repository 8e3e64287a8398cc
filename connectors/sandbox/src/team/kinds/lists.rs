//! What a rep finds in one list instead of a task each.
//!
//! Three or more people to be tried again at once make one list; whoever comes up while it is open is added to it, and
//! whoever was tried is taken off. It goes with the last of them. Deals whose date has passed are always in a list, one a
//! week, from the second office day after that date.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Play, rule, wait};
use crate::{
    crm::{CallResult, DealStep, PersonChange, PersonOrigin},
    team::{act::Act, script::Script},
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("list-of-strangers-grows-and-empties", grows_and_empties),
    ("list-of-strangers-over-night", over_night),
    ("close-date-passed-and-won", passed_and_won),
    ("close-date-passed-and-lost", passed_and_lost),
    ("close-date-met", date_met),
];

/// A stranger of a purchased list is written to, in vain; answers who it is and from when they are to be tried again.
fn tries_a_stranger(s: &mut Script<'_>, who: usize, mailed: Timestamp) -> Timestamp {
    let owner = s.rep();
    let imported = mailed - SignedDuration::from_mins(20);
    s.act(
        imported,
        Act::Person {
            who,
            origin: PersonOrigin::Import,
            is_customer: false,
            owner,
        },
    );
    s.about(who, |s| s.writes(mailed, "main"));
    s.try_again_from(mailed, wait::STRANGER_TRY)
}

/// Three strangers are written to before the office closes, so that all are due at one instant, the opening of the third
/// day; answers that instant.
fn tries_three(s: &mut Script<'_>, day: u32) -> Timestamp {
    let others = [s.buyer(), s.buyer()];
    let mut from = Timestamp::MIN;
    for (minute, who) in (0_u32..).step_by(3).zip([0].into_iter().chain(others)) {
        from = tries_a_stranger(s, who, s.calendar.time(day, 16, 40 + minute));
    }
    from
}

/// The rep reaches a stranger for whom a try was owed from `from`.
fn is_reached(s: &mut Script<'_>, who: usize, (from, called): (Timestamp, Timestamp)) {
    s.about(who, |s| {
        s.calls(called, CallResult::Connected);
        s.owes(rule::NEXT_ATTEMPT, from, called);
    });
}

/// One is reached, a fourth comes up and is added, one turns out to be nobody's lead; the list ends with the last call.
fn grows_and_empties(s: &mut Script<'_>) {
    let day = s.day(4);
    let from = tries_three(s, day);
    let fourth = s.buyer();
    let added_from = tries_a_stranger(s, fourth, s.calendar.time(day + 1, 10, 2));
    let early = from + SignedDuration::from_mins(34) + s.some_minutes((0, 8));
    is_reached(s, 0, (from, early));
    let seen_through = s.calendar.time(day + 3, 11, 40) + s.some_minutes((0, 40));
    s.about(1, |s| {
        s.change(seen_through, PersonChange::Disqualified);
        s.owes_until_moot(rule::NEXT_ATTEMPT, from, seen_through);
    });
    let late = s.calendar.time(day + 3, 14, 0) + s.some_minutes((0, 30));
    is_reached(s, 2, (from, late));
    let last = late + s.some_minutes((40, 60));
    is_reached(s, fourth, (added_from, last));
    s.watched_until(s.calendar.time(day + 4, 12, 0));
}

/// Only one is reached on the day; the others stay on it until the next, as on any other morning.
fn over_night(s: &mut Script<'_>) {
    let day = s.day(4);
    let from = tries_three(s, day);
    let same_day = s.calendar.time(day + 3, 14, 0) + s.some_minutes((0, 90));
    is_reached(s, 1, (from, same_day));
    let next_day = s.calendar.time(day + 4, 10, 0) + s.some_minutes((0, 60));
    is_reached(s, 0, (from, next_day));
    let last = next_day + s.some_minutes((40, 90));
    is_reached(s, 2, (from, last));
    s.watched_until(s.calendar.time(day + 4, 16, 0));
}

/// A deal that is to close on the day after they met; answers from when another date is asked for.
fn is_to_close(s: &mut Script<'_>, day: u32) -> Timestamp {
    let close_on = s.calendar.time(day + 1, 12, 0).to_zoned(TimeZone::UTC).date();
    s.meets_with_deal_to_close(day, Some(close_on));
    s.speaks(day);
    s.calendar.time(day + 1 + wait::CLOSE_DATE, 9, 0)
}

/// They speak on the day itself: nobody forgot the deal, only its date.
fn speaks_that_day(s: &mut Script<'_>, day: u32) {
    let at = s.calendar.time(day + 1, 15, 0) + s.some_minutes((0, 60));
    s.calls(at, CallResult::Connected);
}

/// The signature came late, and nobody had moved the date.
fn passed_and_won(s: &mut Script<'_>) {
    passed_until(s, DealStep::Won);
}

fn passed_and_lost(s: &mut Script<'_>) {
    passed_until(s, DealStep::Lost);
}

fn passed_until(s: &mut Script<'_>, step: DealStep) {
    let day = s.day(4);
    let from = is_to_close(s, day);
    speaks_that_day(s, day);
    let ended = from + s.some_minutes(wait::HANDLING);
    s.move_deal(ended, step);
    s.owes_until_moot(rule::CLOSE_DATE_PASSED, from, ended);
    s.watched_until(s.calendar.time(day + 4, 12, 0));
}

/// They sign on the day it was planned for.
fn date_met(s: &mut Script<'_>) {
    let day = s.day(4);
    is_to_close(s, day);
    let won = s.calendar.time(day + 1, 14, 0) + s.some_minutes((0, 90));
    s.move_deal(won, DealStep::Won);
    s.watched_until(s.calendar.time(day + 4, 12, 0));
}
