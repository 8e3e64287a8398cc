//! The buyer wrote last.

use jiff::SignedDuration;

use super::{Play, rule, wait};
use crate::{
    crm::{CallResult, DealStep},
    team::script::Script,
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("deal-reply-mailed-after-reminder", deal_reply_mailed),
    ("deal-reply-called-after-reminder", deal_reply_called),
    (
        "deal-reply-answered-by-colleague",
        deal_reply_answered_by_colleague,
    ),
    ("deal-two-messages-waiting", deal_two_messages_waiting),
    ("deal-buyer-writes-again-later", deal_buyer_writes_again_later),
    ("deal-lost-while-open", deal_lost_while_open),
    ("reply-in-colleagues-thread", reply_in_colleagues_thread),
    (
        "lead-reply-answered-in-new-thread",
        lead_reply_answered_in_new_thread,
    ),
    ("lead-reply-across-weekend", lead_reply_across_weekend),
    ("lead-reply-meeting-booked", lead_reply_meeting_booked),
    ("customer-reply-forgotten", customer_reply_forgotten),
    ("lead-reply-answered-in-time", lead_reply_answered_in_time),
    ("lead-reply-buyer-calls", lead_reply_buyer_calls),
    (
        "lead-reply-meeting-booked-in-time",
        lead_reply_meeting_booked_in_time,
    ),
    (
        "deal-reply-meeting-already-planned",
        deal_reply_meeting_already_planned,
    ),
    ("out-of-office", out_of_office),
    ("automatic-reply-by-subject", automatic_reply_by_subject),
];

fn deal_reply_mailed(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets_with_deal(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.writes(answered, "main");
    s.owes(rule::REPLY_WAITING, from, answered);
}

fn deal_reply_called(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets_with_deal(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let called = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.calls(called, CallResult::Connected);
    s.owes(rule::REPLY_WAITING, from, called);
}

fn deal_reply_answered_by_colleague(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets_with_deal(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.colleague_writes(answered, "new");
    s.owes(rule::REPLY_WAITING, from, answered);
}

/// One gap, counted from the first message.
fn deal_two_messages_waiting(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets_with_deal(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.buyer_writes(wrote + SignedDuration::from_mins(110), "main");
    s.follows_up(answered);
    s.owes(rule::REPLY_WAITING, from, answered);
}

/// An answered message and a later one are two gaps.
fn deal_buyer_writes_again_later(s: &mut Script<'_>) {
    let day = s.day(3);
    s.meets_with_deal(day);
    for wrote_on in [day + 1, day + 3] {
        let wrote = s.some_time(wrote_on, (10, 11));
        let from = wrote + wait::DEAL_REPLY;
        let answered = from + s.some_minutes(wait::HANDLING);
        s.buyer_writes(wrote, "main");
        s.writes(answered, "main");
        s.owes(rule::REPLY_WAITING, from, answered);
    }
}

/// The reminder goes with the deal; the farewell half an hour later settles the mail itself.
fn deal_lost_while_open(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets_with_deal(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let lost = from + s.some_minutes((32, 50));
    s.buyer_writes(wrote, "main");
    s.move_deal(lost, DealStep::Lost);
    s.writes(lost + SignedDuration::from_mins(32), "main");
    s.owes_until_moot(rule::REPLY_WAITING, from, lost);
    s.watched_until(s.calendar.later(wrote, 1) + SignedDuration::from_hours(2));
}

/// Whoever of us wrote last in the conversation gets the reminder.
fn reply_in_colleagues_thread(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets_with_deal(day);
    s.colleague_writes(s.calendar.time(day, 14, 12), "colleague");
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let answered = from + s.some_minutes(wait::HANDLING);
    let to = s.colleague.email.clone();
    s.buyer_writes_to(wrote, to, "colleague");
    s.colleague_writes(answered, "colleague");
    s.owes(rule::REPLY_WAITING, from, answered);
    s.for_colleague();
}

fn lead_reply_answered_in_new_thread(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    let wrote = s.some_time(day + 1, (10, 14));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.writes(answered, "new");
    s.owes(rule::REPLY_WAITING, from, answered);
}

fn lead_reply_across_weekend(s: &mut Script<'_>) {
    let friday = s.friday(1);
    let wrote = s.some_time(friday, (12, 14));
    s.meets(friday, false);
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.follows_up(answered);
    s.owes(rule::REPLY_WAITING, from, answered);
}

/// A meeting booked after the message is an answer.
fn lead_reply_meeting_booked(s: &mut Script<'_>) {
    let day = s.day(3);
    s.meets(day, false);
    let wrote = s.some_time(day + 1, (10, 14));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let booked = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.books(booked, s.calendar.time(day + 3, 15, 0));
    s.owes(rule::REPLY_WAITING, from, booked);
}

fn customer_reply_forgotten(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, true);
    let wrote = s.some_time(day + 1, (10, 14));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.follows_up(answered);
    s.owes(rule::REPLY_WAITING, from, answered);
}

fn lead_reply_answered_in_time(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    let wrote = s.some_time(day + 1, (10, 14));
    s.buyer_writes(wrote, "main");
    s.follows_up(wrote + SignedDuration::from_mins(125));
    s.watched_until(s.calendar.later(wrote, 1) + SignedDuration::from_hours(2));
}

fn lead_reply_buyer_calls(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    let wrote = s.some_time(day + 1, (10, 14));
    s.buyer_writes(wrote, "main");
    s.buyer_calls(wrote + SignedDuration::from_mins(140));
    s.watched_until(s.calendar.later(wrote, 1) + SignedDuration::from_hours(2));
}

fn lead_reply_meeting_booked_in_time(s: &mut Script<'_>) {
    let day = s.day(4);
    s.meets(day, false);
    let wrote = s.some_time(day + 1, (10, 14));
    s.buyer_writes(wrote, "main");
    s.books(
        wrote + SignedDuration::from_mins(95),
        s.calendar.time(day + 3, 11, 0),
    );
    s.watched_until(s.calendar.time(day + 4, 12, 0));
}

/// They will speak soon anyway; the rep writes before they do.
fn deal_reply_meeting_already_planned(s: &mut Script<'_>) {
    let day = s.day(3);
    let met = s.meets_with_deal(day);
    s.books(
        met + SignedDuration::from_mins(90),
        s.calendar.time(day + 2, 14, 0),
    );
    let wrote = s.some_time(day + 1, (10, 11));
    s.buyer_writes(wrote, "main");
    s.writes(s.calendar.time(day + 2, 11, 10), "main");
    s.watched_until(s.calendar.time(day + 3, 12, 0));
}

fn out_of_office(s: &mut Script<'_>) {
    mailbox_answers(s, true);
}

fn automatic_reply_by_subject(s: &mut Script<'_>) {
    mailbox_answers(s, false);
}

fn mailbox_answers(s: &mut Script<'_>, is_flagged: bool) {
    let day = s.day(3);
    s.meets(day, false);
    let mailed = s.some_time(day + 1, (10, 14));
    s.writes(mailed, "new");
    s.mailbox_answers(mailed + SignedDuration::from_secs(90), "new", is_flagged);
    s.watched_until(s.calendar.later(mailed, 2));
}
