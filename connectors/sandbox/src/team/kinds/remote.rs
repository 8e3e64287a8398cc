//! The rep answers to the reminder itself: closes it, moves it, hands it on, rewrites it.

use jiff::SignedDuration;

use super::{Play, rule, wait};
use crate::{
    crm::{CallResult, FormKind, TaskAct},
    team::script::Script,
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("reminder-deferred", reminder_deferred),
    ("reminder-deleted", reminder_deleted),
    ("reminder-completed-by-hand", reminder_completed_by_hand),
    ("reminder-snoozed", reminder_snoozed),
    ("reminder-handed-on", reminder_handed_on),
    ("reminder-rewritten", reminder_rewritten),
];

fn reminder_deferred(s: &mut Script<'_>) {
    closed_by_hand(s, FormKind::Demo, TaskAct::Defer);
}

fn reminder_deleted(s: &mut Script<'_>) {
    closed_by_hand(s, FormKind::Pricing, TaskAct::Delete);
}

fn reminder_completed_by_hand(s: &mut Script<'_>) {
    closed_by_hand(s, FormKind::ContactUs, TaskAct::Complete);
}

/// What a rep has closed never comes back for the same request.
fn closed_by_hand(s: &mut Script<'_>, kind: FormKind, act: TaskAct) {
    let day = s.day(3);
    let asked = s.some_time(day, (10, 15));
    let after = s.some_minutes(wait::HANDLING);
    s.asks(asked, kind);
    s.owes_until_rep(rule::FIRST_TOUCH, asked + wait::REQUEST, after, act);
    s.watched_until(s.calendar.later(asked, 3));
}

/// Put off until the next morning; the answer comes after that.
fn reminder_snoozed(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 15));
    let from = asked + wait::REQUEST;
    let after = s.some_minutes(wait::HANDLING);
    let snoozed_until = s.calendar.time(day + 1, 10, 0);
    let answered = snoozed_until + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.follows_up(answered);
    s.owes(rule::FIRST_TOUCH, from, answered);
    s.on_reminder(after, TaskAct::MoveTo(snoozed_until));
}

/// Once given to a colleague it stays with them.
fn reminder_handed_on(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 13));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes((120, 180));
    s.asks(asked, FormKind::Demo);
    s.colleague_calls(called);
    s.owes(rule::FIRST_TOUCH, from, called);
    let colleague = s.colleague();
    s.on_reminder(SignedDuration::from_mins(40), TaskAct::Reassign(colleague));
}

/// The rep's own words on the task stay.
fn reminder_rewritten(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 13));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes((120, 180));
    s.asks(asked, FormKind::Pricing);
    s.calls(called, CallResult::Connected);
    s.owes(rule::FIRST_TOUCH, from, called);
    s.on_reminder(
        SignedDuration::from_mins(40),
        TaskAct::Rename("Ring after lunch, ask for the budget".to_owned()),
    );
}
