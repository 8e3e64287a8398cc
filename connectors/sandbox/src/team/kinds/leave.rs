//! The buyer is away, and their mailbox says until when.
//!
//! Whoever is away is left alone, and on the first day back too: the reminder comes on the morning after it, if anything
//! was under way. Who gets in touch before that is owed none.

use jiff::{SignedDuration, Timestamp};

use super::{Play, owes_until_called, rule, wait};
use crate::{
    crm::{FormKind, PersonChange},
    team::script::Script,
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("back-from-leave-forgotten", back_forgotten),
    ("back-from-leave-disqualified", back_disqualified),
    ("back-from-leave-rings-first", back_rings_first),
    ("back-from-leave-of-a-customer", back_of_a_customer),
];

/// The last day away after a mail on an office day: the second one, or the first where that is a Friday.
fn last_day_away(s: &Script<'_>, day: u32) -> u32 {
    if s.calendar.is_friday(day + 2) {
        day + 1
    } else {
        day + 2
    }
}

/// The mailbox answers a mail at once, with the last day away.
fn is_away(s: &mut Script<'_>, mailed: Timestamp, last: u32) {
    let last_day = s.calendar.time(last, 12, 0);
    s.mailbox_tells_leave(mailed + SignedDuration::from_secs(90), last_day);
}

/// An inquiry is answered by mail the same morning, and the lead is away; answers their last day away.
fn asks_and_leaves(s: &mut Script<'_>, day: u32) -> u32 {
    let asked = s.some_time(day, (10, 11));
    let mailed = asked + SignedDuration::from_mins(130);
    s.asks(asked, FormKind::Other);
    s.writes(mailed, "main");
    let last = last_day_away(s, day);
    is_away(s, mailed, last);
    last
}

/// The second attempt would have been owed meanwhile: one reminder speaks of both.
fn back_forgotten(s: &mut Script<'_>) {
    let day = s.day(5);
    let last = asks_and_leaves(s, day);
    let from = s.calendar.time(last + 2, 9, 0);
    owes_until_called(s, rule::BACK_FROM_LEAVE, from);
    s.watched_until(s.calendar.time(day + 5, 12, 0));
}

fn back_disqualified(s: &mut Script<'_>) {
    let day = s.day(5);
    let last = asks_and_leaves(s, day);
    let from = s.calendar.time(last + 2, 9, 0);
    let seen_through = from + s.some_minutes(wait::HANDLING);
    s.change(seen_through, PersonChange::Disqualified);
    s.owes_until_moot(rule::BACK_FROM_LEAVE, from, seen_through);
    s.watched_until(s.calendar.time(day + 5, 12, 0));
}

/// They ring on their first day back.
fn back_rings_first(s: &mut Script<'_>) {
    let day = s.day(5);
    let last = asks_and_leaves(s, day);
    s.buyer_calls(s.calendar.time(last + 1, 11, 20));
    s.watched_until(s.calendar.time(day + 5, 12, 0));
}

/// Nobody waits for a customer who need not answer, away or not.
fn back_of_a_customer(s: &mut Script<'_>) {
    let day = s.day(5);
    let mailed = s.meets(day, true);
    let last = last_day_away(s, day);
    is_away(s, mailed, last);
    s.watched_until(s.calendar.time(day + 5, 12, 0));
}
