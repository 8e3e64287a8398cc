//! Somebody of whom nothing was heard for six weeks writes again.
//!
//! That is worth a look the same day: half an hour later, when late mail has shown, and not after a working day as with
//! anybody else who writes.

use jiff::{SignedDuration, Timestamp};

use super::{Play, rule, wait};
use crate::{
    crm::{CallResult, PersonChange, PersonOrigin},
    team::{act::Act, script::Script},
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("dormant-lead-writes", dormant_lead_writes),
    ("dormant-lead-waits-for-days", dormant_lead_waits),
    ("dormant-lead-disqualified", dormant_lead_disqualified),
    ("dormant-lead-rung-at-once", dormant_lead_rung_at_once),
];

/// Six weeks ago the rep entered them and they spoke; today they write. Answers that instant.
fn writes_again(s: &mut Script<'_>, day: u32) -> Timestamp {
    let entered = s.six_weeks_ago();
    let owner = s.rep();
    s.act(
        entered,
        Act::Person {
            who: 0,
            origin: PersonOrigin::Manual,
            is_customer: false,
            owner,
        },
    );
    s.calls(entered + SignedDuration::from_secs(90), CallResult::Connected);
    let wrote = s.some_time(day, (10, 13));
    s.buyer_writes(wrote, "main");
    wrote
}

fn dormant_lead_writes(s: &mut Script<'_>) {
    let day = s.day(1);
    let wrote = writes_again(s, day);
    let from = wrote + wait::LATE_MAIL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.follows_up(answered);
    s.owes(rule::RE_ENGAGED, from, answered);
    s.told_by_mail();
    s.watched_until(s.calendar.time(day + 1, 15, 30));
}

/// By the time their mail has waited for a working day the reminder is there, and says that as well.
fn dormant_lead_waits(s: &mut Script<'_>) {
    let day = s.day(2);
    let wrote = writes_again(s, day);
    let from = wrote + wait::LATE_MAIL;
    let answered = s.calendar.later(wrote, 1) + wait::LATE_MAIL + s.some_minutes(wait::HANDLING);
    s.follows_up(answered);
    s.owes(rule::RE_ENGAGED, from, answered);
    s.told_by_mail();
    s.watched_until(s.calendar.time(day + 2, 12, 0));
}

fn dormant_lead_disqualified(s: &mut Script<'_>) {
    let day = s.day(2);
    let wrote = writes_again(s, day);
    let from = wrote + wait::LATE_MAIL;
    let seen_through = from + s.some_minutes(wait::HANDLING);
    s.change(seen_through, PersonChange::Disqualified);
    s.owes_until_moot(rule::RE_ENGAGED, from, seen_through);
    s.told_by_mail();
    s.watched_until(s.calendar.time(day + 2, 12, 0));
}

fn dormant_lead_rung_at_once(s: &mut Script<'_>) {
    let day = s.day(1);
    let wrote = writes_again(s, day);
    s.calls(wrote + SignedDuration::from_mins(2), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 1, 15, 30));
}
