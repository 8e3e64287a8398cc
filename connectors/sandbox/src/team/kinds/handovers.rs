//! Somebody else looks after a lead or a deal: what was left open is to be taken up.
//!
//! The new owner has two working days, half a working day where the lead came to the company by itself; half an hour goes
//! to mail that shows late. What is handed over here is a task the owner before has left. Where nothing was open, nothing
//! is handed over.

use jiff::{SignedDuration, Timestamp};

use super::{Play, rule, wait};
use crate::{
    crm::{CallResult, FormKind, PersonChange, PersonOrigin},
    team::{act::Act, script::Script},
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("handover-left-lying", handover_left_lying),
    ("handover-of-a-request", handover_of_a_request),
    ("handover-of-a-deal", handover_of_a_deal),
    ("handover-disqualified", handover_disqualified),
    ("handover-taken-up-in-time", handover_taken_up_in_time),
    ("handover-of-nothing", handover_of_nothing),
];

/// The colleague gets the lead.
fn changes_hands(s: &mut Script<'_>, at: Timestamp) {
    let heir = s.colleague();
    s.change(at, PersonChange::Owner(Some(heir)));
}

/// The rep has spoken with somebody of a list.
fn spoken_with(s: &mut Script<'_>, day: u32) {
    let listed = s.calendar.time(day, 9, 40);
    let owner = s.rep();
    s.act(
        listed,
        Act::Person {
            who: 0,
            origin: PersonOrigin::Import,
            is_customer: false,
            owner,
        },
    );
    s.speaks(day);
}

/// The rep has a plan with somebody of a list, and the day after the lead is the colleague's; answers that instant.
fn left_with_a_plan(s: &mut Script<'_>, day: u32) -> Timestamp {
    spoken_with(s, day);
    plans_ahead(s, day);
    let changed = s.some_time(day + 1, (10, 14));
    changes_hands(s, changed);
    changed
}

/// A task of the rep's own for the fifth day.
fn plans_ahead(s: &mut Script<'_>, day: u32) {
    s.plans(s.calendar.time(day, 14, 20), s.calendar.time(day + 5, 12, 0));
}

fn handover_left_lying(s: &mut Script<'_>) {
    let day = s.day(5);
    let changed = left_with_a_plan(s, day);
    let from = s.try_again_from(changed, wait::HANDOVER);
    let called = from + s.some_minutes(wait::HANDLING);
    s.colleague_calls(called);
    s.owes(rule::HANDOVER, from, called);
    s.for_colleague();
    s.watched_until(s.calendar.time(day + 5, 11, 0));
}

/// Whoever asked for something waits half a working day for the new owner.
fn handover_of_a_request(s: &mut Script<'_>) {
    let day = s.day(5);
    let asked = s.some_time(day, (10, 11));
    s.asks(asked, FormKind::Other);
    s.calls(asked + SignedDuration::from_mins(50), CallResult::Connected);
    plans_ahead(s, day);
    let changed = s.some_time(day + 1, (10, 11));
    changes_hands(s, changed);
    let from = changed + wait::HANDOVER_OF_REQUEST;
    let called = from + s.some_minutes(wait::SOON);
    s.colleague_calls(called);
    s.owes(rule::HANDOVER, from, called);
    s.for_colleague();
    s.watched_until(s.calendar.time(day + 5, 11, 0));
}

/// The deal changes hands, alone or with the person on it: one handover either way.
fn handover_of_a_deal(s: &mut Script<'_>) {
    let day = s.day(5);
    s.meets_with_deal(day);
    s.speaks(day);
    plans_ahead(s, day);
    let changed = s.some_time(day + 1, (10, 14));
    let heir = s.colleague();
    s.act(changed, Act::GiveDeal { owner: heir });
    if s.coin() {
        changes_hands(s, changed + SignedDuration::from_secs(20));
    }
    let from = s.try_again_from(changed, wait::HANDOVER);
    let called = from + s.some_minutes(wait::HANDLING);
    s.colleague_calls(called);
    s.owes(rule::HANDOVER, from, called);
    s.for_colleague();
    s.watched_until(s.calendar.time(day + 5, 11, 0));
}

/// The new owner sees that it is no lead.
fn handover_disqualified(s: &mut Script<'_>) {
    let day = s.day(5);
    let changed = left_with_a_plan(s, day);
    let from = s.try_again_from(changed, wait::HANDOVER);
    let seen_through = from + s.some_minutes(wait::HANDLING);
    s.change(seen_through, PersonChange::Disqualified);
    s.owes_until_moot(rule::HANDOVER, from, seen_through);
    s.for_colleague();
    s.watched_until(s.calendar.time(day + 5, 11, 0));
}

fn handover_taken_up_in_time(s: &mut Script<'_>) {
    let day = s.day(5);
    let changed = left_with_a_plan(s, day);
    s.colleague_calls(s.calendar.later(changed, 1));
    s.watched_until(s.calendar.time(day + 5, 11, 0));
}

/// The two have spoken and nobody promised anything.
fn handover_of_nothing(s: &mut Script<'_>) {
    let day = s.day(5);
    spoken_with(s, day);
    let changed = s.some_time(day + 1, (10, 14));
    changes_hands(s, changed);
    s.watched_until(s.calendar.time(day + 5, 11, 0));
}
