//! The buyer wrote last.

use jiff::SignedDuration;

use super::{Play, owes_until_called, rule, wait};
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

/// The answer closes the reminder and stays without one itself.
fn deal_reply_mailed(s: &mut Script<'_>) {
    let day = s.day(3);
    s.meets_with_deal(day);
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let answered = from + s.some_minutes(wait::SOON);
    s.buyer_writes(wrote, "main");
    s.writes(answered, "main");
    s.owes(rule::REPLY_WAITING, from, answered);
    silence_follows(s, answered, day + 3);
}

/// The buyer says nothing to our answer: the next attempt is the owner's, who gets through on the morning of `day`.
fn silence_follows(s: &mut Script<'_>, answered: jiff::Timestamp, day: u32) {
    let from = s.try_again_from(answered, wait::SECOND_TRY);
    let called = s.calendar.time(day, 9, 32) + s.some_minutes((0, 28));
    s.calls(called, CallResult::Connected);
    s.owes(rule::NEXT_ATTEMPT, from, called);
}

fn deal_reply_called(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets_with_deal(day);
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let called = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.calls(called, CallResult::Connected);
    s.owes(rule::REPLY_WAITING, from, called);
}

fn deal_reply_answered_by_colleague(s: &mut Script<'_>) {
    let day = s.day(3);
    s.meets_with_deal(day);
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let answered = from + s.some_minutes(wait::SOON);
    s.buyer_writes(wrote, "main");
    s.colleague_writes(answered, "new");
    s.owes(rule::REPLY_WAITING, from, answered);
    silence_follows(s, answered, day + 3);
}

/// One gap, counted from the first message.
fn deal_two_messages_waiting(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets_with_deal(day);
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let answered = from + s.some_minutes(wait::SOON);
    s.buyer_writes(wrote, "main");
    s.buyer_writes(wrote + SignedDuration::from_mins(110), "main");
    s.follows_up(answered);
    s.owes(rule::REPLY_WAITING, from, answered);
}

/// An answered message and a later one are two gaps; between them nobody can say that the buyer will write again.
fn deal_buyer_writes_again_later(s: &mut Script<'_>) {
    let day = s.day(3);
    s.meets_with_deal(day);
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let answered = from + s.some_minutes(wait::SOON);
    s.buyer_writes(wrote, "main");
    s.writes(answered, "main");
    s.owes(rule::REPLY_WAITING, from, answered);
    let wrote_again = s.some_time(day + 3, (10, 11));
    let try_from = s.try_again_from(answered, wait::SECOND_TRY);
    s.buyer_writes(wrote_again, "main");
    s.owes(rule::NEXT_ATTEMPT, try_from, wrote_again);
    let from_again = wrote_again + wait::DEAL_REPLY;
    owes_until_called(s, rule::REPLY_WAITING, from_again);
}

/// The reminder goes with the deal; the farewell by phone settles the mail itself.
fn deal_lost_while_open(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets_with_deal(day);
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let lost = from + s.some_minutes((32, 50));
    s.buyer_writes(wrote, "main");
    s.move_deal(lost, DealStep::Lost);
    s.calls(lost + SignedDuration::from_mins(32), CallResult::Connected);
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
    let answered = from + s.some_minutes(wait::SOON);
    let to = s.colleague_email();
    s.buyer_writes_to(wrote, to, "colleague");
    s.colleague_writes(answered, "colleague");
    s.buyer_calls(answered + SignedDuration::from_mins(20));
    s.owes(rule::REPLY_WAITING, from, answered);
    s.for_colleague();
}

fn lead_reply_answered_in_new_thread(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 14));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.writes_and_is_rung_back(answered, "new");
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
    s.speaks(day);
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
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 14));
    s.buyer_writes(wrote, "main");
    s.follows_up(wrote + SignedDuration::from_mins(125));
    s.watched_until(s.calendar.later(wrote, 1) + SignedDuration::from_hours(2));
}

fn lead_reply_buyer_calls(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 14));
    s.buyer_writes(wrote, "main");
    s.buyer_calls(wrote + SignedDuration::from_mins(140));
    s.watched_until(s.calendar.later(wrote, 1) + SignedDuration::from_hours(2));
}

fn lead_reply_meeting_booked_in_time(s: &mut Script<'_>) {
    let day = s.day(4);
    s.meets(day, false);
    s.speaks(day);
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

/// Nobody waits for an answer; the rep rings the same day anyway.
fn mailbox_answers(s: &mut Script<'_>, is_flagged: bool) {
    let day = s.day(3);
    s.meets(day, false);
    s.speaks(day);
    let mailed = s.some_time(day + 1, (10, 14));
    s.writes(mailed, "new");
    s.mailbox_answers(mailed + SignedDuration::from_secs(90), "new", is_flagged);
    s.calls(mailed + SignedDuration::from_mins(150), CallResult::Connected);
    s.watched_until(s.calendar.later(mailed, 2));
}
