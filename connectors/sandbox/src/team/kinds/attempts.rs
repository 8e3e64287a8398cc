//! Tried, and no sign of life: when the company tries again.
//!
//! Whoever came to the company is tried again a working day after the first attempt, two after the second, three after
//! the third; a stranger it wrote to of its own accord two after the first. On a deal it tries four times. Half an hour
//! goes to mail that shows late, and what falls after hours waits for the morning. The next reminder is the record
//! owner's, whoever tried last.

use jiff::{SignedDuration, Timestamp};

use super::{Play, owes_until_called, rule, wait};
use crate::{
    crm::{CallResult, DealStep, FormKind, PersonChange, PersonOrigin, TaskAct},
    team::{act::Act, script::Script},
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("second-attempt-forgotten", second_attempt_forgotten),
    ("second-attempt-in-time", second_attempt_in_time),
    ("voicemail-then-mail", voicemail_then_mail),
    ("only-called-so-far", only_called_so_far),
    ("second-attempt-by-colleague", second_attempt_by_colleague),
    ("second-attempt-over-weekend", second_attempt_over_weekend),
    ("attempt-near-closing", attempt_near_closing),
    ("lead-answers-in-time", lead_answers_in_time),
    ("lead-answers-after-reminder", lead_answers_after_reminder),
    ("lead-books-after-reminder", lead_books_after_reminder),
    ("lead-asks-again-after-reminder", lead_asks_again_after_reminder),
    ("automatic-reply-is-no-answer", automatic_reply_is_no_answer),
    ("away-buyer-is-left-alone", away_buyer_is_left_alone),
    ("disqualified-after-attempt", disqualified_after_attempt),
    ("opted-out-after-attempt", opted_out_after_attempt),
    ("second-attempt-declined", second_attempt_declined),
    ("second-attempt-planned-by-human", second_attempt_planned_by_human),
    ("stranger-mailed-once", stranger_mailed_once),
    ("customer-mailed-once", customer_mailed_once),
    ("deal-mail-unanswered", deal_mail_unanswered),
    ("deal-won-after-reminder", deal_won_after_reminder),
    ("deal-won-before-reminder", deal_won_before_reminder),
    ("deal-attempts-used-up", deal_attempts_used_up),
];

/// A demo request that is called back at once, in vain; answers the instant of the call.
fn tried_at_once(s: &mut Script<'_>, day: u32, hours: (u32, u32)) -> Timestamp {
    let asked = s.some_time(day, hours);
    let tried = asked + SignedDuration::from_secs(75);
    s.asks(asked, FormKind::Demo);
    s.calls_in_vain(tried);
    tried
}

/// An ordinary inquiry that is answered by mail the same morning; answers the instant of the mail.
fn mailed_in_time(s: &mut Script<'_>, day: u32) -> Timestamp {
    let asked = s.some_time(day, (10, 11));
    let mailed = asked + SignedDuration::from_mins(130);
    s.asks(asked, FormKind::Other);
    s.writes(mailed, "main");
    mailed
}

/// Some minutes after the office has settled in: before anything is owed that day.
fn early(s: &mut Script<'_>, day: u32) -> Timestamp {
    s.calendar.time(day, 9, 32) + s.some_minutes((0, 6))
}

fn second_attempt_forgotten(s: &mut Script<'_>) {
    let day = s.day(1);
    let tried = tried_at_once(s, day, (10, 14));
    let from = s.try_again_from(tried, wait::SECOND_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

/// The rep follows the plan without being told.
fn second_attempt_in_time(s: &mut Script<'_>) {
    let day = s.day(4);
    tried_at_once(s, day, (11, 15));
    let again = early(s, day + 1);
    s.calls_in_vain(again);
    s.calls(s.calendar.time(day + 2, 15, 0), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 4, 12, 0));
}

/// Whichever way the second attempt went, it counts; the third is forgotten.
fn voicemail_then_mail(s: &mut Script<'_>) {
    let day = s.day(3);
    tried_at_once(s, day, (11, 15));
    let mailed = early(s, day + 1);
    s.writes(mailed, "main");
    let from = s.try_again_from(mailed, wait::THIRD_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

/// Two calls and no mail: that the other channel is open belongs in the one reminder, not in a second one.
fn only_called_so_far(s: &mut Script<'_>) {
    let day = s.day(3);
    let tried = tried_at_once(s, day, (10, 12));
    let first_from = s.try_again_from(tried, wait::SECOND_TRY);
    let again = first_from + s.some_minutes(wait::HANDLING);
    s.calls_in_vain(again);
    s.owes(rule::NEXT_ATTEMPT, first_from, again);
    let from = s.try_again_from(again, wait::THIRD_TRY);
    let mailed = from + s.some_minutes(wait::HANDLING);
    s.writes_and_is_rung_back(mailed, "main");
    s.owes(rule::NEXT_ATTEMPT, from, mailed);
}

/// An attempt is an attempt whoever makes it; what comes next stays the owner's.
fn second_attempt_by_colleague(s: &mut Script<'_>) {
    let day = s.day(3);
    let tried = tried_at_once(s, day, (10, 12));
    let first_from = s.try_again_from(tried, wait::SECOND_TRY);
    let again = first_from + s.some_minutes(wait::HANDLING);
    s.colleague_writes(again, "colleague");
    s.owes(rule::NEXT_ATTEMPT, first_from, again);
    let from = s.try_again_from(again, wait::THIRD_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

fn second_attempt_over_weekend(s: &mut Script<'_>) {
    let friday = s.friday(1);
    let tried = tried_at_once(s, friday, (10, 14));
    let from = s.try_again_from(tried, wait::SECOND_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

/// Nobody is reminded after hours: the morning after is soon enough.
fn attempt_near_closing(s: &mut Script<'_>) {
    let day = s.day(2);
    let asked = s.calendar.time(day, 16, 40) + s.some_minutes((0, 10));
    let tried = asked + SignedDuration::from_secs(75);
    s.asks(asked, FormKind::ContactUs);
    s.calls_in_vain(tried);
    let from = s.try_again_from(tried, wait::SECOND_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

fn lead_answers_in_time(s: &mut Script<'_>) {
    let day = s.day(2);
    let mailed = mailed_in_time(s, day);
    let wrote = mailed + s.some_minutes((30, 60));
    s.buyer_writes(wrote, "main");
    s.calls(wrote + SignedDuration::from_mins(100), CallResult::Connected);
    s.watched_until(s.calendar.later(mailed, 2));
}

/// The answer is all that was wanted; the rep calls back well in time.
fn lead_answers_after_reminder(s: &mut Script<'_>) {
    let day = s.day(2);
    let mailed = mailed_in_time(s, day);
    let from = s.try_again_from(mailed, wait::SECOND_TRY);
    let wrote = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.calls(wrote + SignedDuration::from_mins(70), CallResult::Connected);
    s.owes(rule::NEXT_ATTEMPT, from, wrote);
    s.watched_until(s.calendar.later(wrote, 1));
}

fn lead_books_after_reminder(s: &mut Script<'_>) {
    let day = s.day(4);
    let tried = tried_at_once(s, day, (10, 14));
    let from = s.try_again_from(tried, wait::SECOND_TRY);
    let booked = from + s.some_minutes(wait::HANDLING);
    s.books(booked, s.calendar.time(day + 3, 11, 0));
    s.owes(rule::NEXT_ATTEMPT, from, booked);
    s.watched_until(s.calendar.time(day + 4, 12, 0));
}

/// A new request is a fresh start: nobody needs to be told to try again, but somebody has to answer it.
fn lead_asks_again_after_reminder(s: &mut Script<'_>) {
    let day = s.day(1);
    let tried = tried_at_once(s, day, (10, 12));
    let first_from = s.try_again_from(tried, wait::SECOND_TRY);
    let asked = first_from + s.some_minutes((40, 90));
    s.asks(asked, FormKind::Pricing);
    s.owes_until_moot(rule::NEXT_ATTEMPT, first_from, asked);
    let from = asked + wait::REQUEST;
    owes_until_called(s, rule::FIRST_TOUCH, from);
}

/// A mailbox thanked for the mail, not the buyer: the attempt still stands alone.
fn automatic_reply_is_no_answer(s: &mut Script<'_>) {
    let day = s.day(1);
    let mailed = mailed_in_time(s, day);
    s.mailbox_answers(mailed + SignedDuration::from_secs(90), "main", false);
    let from = s.try_again_from(mailed, wait::SECOND_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

/// Who is known to be away is left alone until they are back.
fn away_buyer_is_left_alone(s: &mut Script<'_>) {
    let day = s.day(5);
    let mailed = mailed_in_time(s, day);
    s.mailbox_answers(mailed + SignedDuration::from_secs(90), "main", true);
    s.buyer_calls(s.calendar.time(day + 4, 11, 30));
    s.watched_until(s.calendar.time(day + 5, 12, 0));
}

fn disqualified_after_attempt(s: &mut Script<'_>) {
    let day = s.day(2);
    let tried = tried_at_once(s, day, (10, 14));
    let from = s.try_again_from(tried, wait::SECOND_TRY);
    let seen_through = from + s.some_minutes(wait::HANDLING);
    s.change(seen_through, PersonChange::Disqualified);
    s.owes_until_moot(rule::NEXT_ATTEMPT, from, seen_through);
    s.watched_until(s.calendar.later(tried, 2));
}

/// They may not be written to any more, and no number is known.
fn opted_out_after_attempt(s: &mut Script<'_>) {
    let day = s.day(2);
    if let Some(buyer) = s.persona() {
        buyer.phone = None;
    }
    let mailed = mailed_in_time(s, day);
    let from = s.try_again_from(mailed, wait::SECOND_TRY);
    let opted_out = from + s.some_minutes(wait::HANDLING);
    s.change(opted_out, PersonChange::OptedOut);
    s.owes_until_moot(rule::NEXT_ATTEMPT, from, opted_out);
    s.watched_until(s.calendar.later(mailed, 2));
}

/// Closed by hand, whichever way, it does not come back for the same attempt.
fn second_attempt_declined(s: &mut Script<'_>) {
    let day = s.day(5);
    let tried = tried_at_once(s, day, (10, 14));
    let from = s.try_again_from(tried, wait::SECOND_TRY);
    let after = s.some_minutes(wait::HANDLING);
    let act = if s.coin() {
        TaskAct::Defer
    } else {
        TaskAct::Complete
    };
    s.owes_until_rep(rule::NEXT_ATTEMPT, from, after, act);
    s.watched_until(s.calendar.later(from, 4));
}

/// The rep has a task of their own for it.
fn second_attempt_planned_by_human(s: &mut Script<'_>) {
    let day = s.day(3);
    let tried = tried_at_once(s, day, (10, 14));
    s.plans(
        tried + SignedDuration::from_mins(20),
        s.calendar.time(day + 2, 16, 0),
    );
    s.calls(s.calendar.time(day + 2, 14, 20), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 3, 16, 45));
}

/// They did not ask for anything: the company waits longer before it writes again.
fn stranger_mailed_once(s: &mut Script<'_>) {
    let day = s.day(2);
    let imported = s.calendar.time(day, 9, 40);
    let owner = s.rep();
    s.act(
        imported,
        Act::Person {
            who: 0,
            origin: PersonOrigin::Import,
            is_customer: false,
            owner,
        },
    );
    let mailed = s.some_time(day, (10, 14));
    s.writes(mailed, "main");
    let from = s.try_again_from(mailed, wait::STRANGER_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

/// Nobody chases a customer who need not answer.
fn customer_mailed_once(s: &mut Script<'_>) {
    let day = s.day(3);
    s.meets(day, true);
    s.watched_until(s.calendar.time(day + 3, 12, 0));
}

/// On a deal the buyer's own mail ends the second wait.
fn deal_mail_unanswered(s: &mut Script<'_>) {
    let day = s.day(3);
    let mailed = s.meets_with_deal(day);
    let first_from = s.try_again_from(mailed, wait::SECOND_TRY);
    let again = first_from + s.some_minutes(wait::HANDLING);
    s.calls_in_vain(again);
    s.owes(rule::NEXT_ATTEMPT, first_from, again);
    let from = s.try_again_from(again, wait::THIRD_TRY);
    let wrote = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.calls(wrote + SignedDuration::from_mins(70), CallResult::Connected);
    s.owes(rule::NEXT_ATTEMPT, from, wrote);
}

/// Nobody needs to be tried who has bought.
fn deal_won_after_reminder(s: &mut Script<'_>) {
    let day = s.day(2);
    let mailed = s.meets_with_deal(day);
    let from = s.try_again_from(mailed, wait::SECOND_TRY);
    let won = from + s.some_minutes(wait::HANDLING);
    s.move_deal(won, DealStep::Won);
    s.owes_until_moot(rule::NEXT_ATTEMPT, from, won);
    s.watched_until(s.calendar.time(day + 2, 16, 0));
}

/// Their mail was the signature; the record says customer from then on.
fn deal_won_before_reminder(s: &mut Script<'_>) {
    let day = s.day(3);
    s.meets_with_deal(day);
    let won = s.calendar.time(day, 15, 0) + s.some_minutes((0, 60));
    s.move_deal(won, DealStep::Won);
    s.change(won + SignedDuration::from_secs(20), PersonChange::Customer);
    s.watched_until(s.calendar.time(day + 3, 12, 0));
}

/// Four attempts in two days, all before a reminder: there is no fifth to be reminded of. They speak within the week.
fn deal_attempts_used_up(s: &mut Script<'_>) {
    let day = s.day(7);
    s.meets_with_deal(day);
    s.calls_in_vain(s.calendar.time(day, 14, 3));
    let third = early(s, day + 1);
    s.calls_in_vain(third);
    s.writes(s.calendar.time(day + 1, 15, 11), "new");
    s.calls(s.calendar.time(day + 6, 10, 30), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 7, 16, 0));
}
