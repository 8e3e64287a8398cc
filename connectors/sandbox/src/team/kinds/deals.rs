//! Deals that stand still: a proposal nobody speaks of any more, a buyer of whom nothing is heard.
//!
//! A proposal waits three working days from the later of its sending and the last contact, and is asked about again five
//! days after that if somebody only ticked the reminder off. A small deal has gone quiet seven working days after the
//! first of several tries nobody answered; who has used up all four tries decides five days after the last. Half an hour
//! goes to mail that shows late, and what falls after hours waits for the morning. Whoever signs, or says no, owes nothing
//! more.

use jiff::{SignedDuration, Timestamp};

use super::{Play, owes_until_called, rule, wait};
use crate::{
    crm::{CallResult, DealStep, TaskAct},
    team::script::Script,
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("proposal-left-waiting", proposal_left_waiting),
    ("proposal-chased-by-mail", proposal_chased_by_mail),
    ("proposal-lost-after-reminder", proposal_lost_after_reminder),
    ("proposal-asked-about-again", proposal_asked_about_again),
    ("proposal-spoken-of-in-time", proposal_spoken_of_in_time),
    ("proposal-with-meeting-ahead", proposal_with_meeting_ahead),
    ("deal-gone-quiet", deal_gone_quiet),
    ("deal-gone-quiet-and-lost", deal_gone_quiet_and_lost),
    ("deal-heard-of-in-time", deal_heard_of_in_time),
    ("deal-quiet-before-meeting", deal_quiet_before_meeting),
    ("deal-tries-used-up", deal_tries_used_up),
    ("deal-quiet-behind-a-reminder", deal_quiet_behind_a_reminder),
];

/// The two have spoken, and the proposal goes out before noon; answers that instant.
fn proposes(s: &mut Script<'_>, day: u32) -> Timestamp {
    s.meets_with_deal(day);
    s.speaks(day);
    let sent = s.calendar.time(day, 11, 35) + s.some_minutes((0, 20));
    s.move_deal(sent, DealStep::Proposal);
    sent
}

/// The buyer signs soon after the two have spoken.
fn signs_after(s: &mut Script<'_>, called: Timestamp) {
    s.move_deal(called + SignedDuration::from_mins(40), DealStep::Won);
}

fn proposal_left_waiting(s: &mut Script<'_>) {
    let day = s.day(4);
    let sent = proposes(s, day);
    let from = s.try_again_from(sent, wait::PROPOSAL);
    let called = from + s.some_minutes(wait::HANDLING);
    s.calls(called, CallResult::Connected);
    signs_after(s, called);
    s.owes(rule::PROPOSAL_WAITING, from, called);
    s.watched_until(s.calendar.time(day + 4, 12, 0));
}

/// The mail that asks about it is answered by nobody: the next try is owed the day after, long before the proposal
/// would be asked about again.
fn proposal_chased_by_mail(s: &mut Script<'_>) {
    let day = s.day(5);
    let sent = proposes(s, day);
    let from = s.try_again_from(sent, wait::PROPOSAL);
    let mailed = from + s.some_minutes(wait::HANDLING);
    s.writes(mailed, "main");
    s.owes(rule::PROPOSAL_WAITING, from, mailed);
    let try_from = s.try_again_from(mailed, wait::SECOND_TRY);
    let called = try_from + s.some_minutes(wait::HANDLING);
    s.calls(called, CallResult::Connected);
    signs_after(s, called);
    s.owes(rule::NEXT_ATTEMPT, try_from, called);
    s.watched_until(s.calendar.time(day + 5, 12, 0));
}

/// Another one was faster: there is nothing to ask any more.
fn proposal_lost_after_reminder(s: &mut Script<'_>) {
    let day = s.day(4);
    let sent = proposes(s, day);
    let from = s.try_again_from(sent, wait::PROPOSAL);
    let lost = from + s.some_minutes(wait::HANDLING);
    s.move_deal(lost, DealStep::Lost);
    s.owes_until_moot(rule::PROPOSAL_WAITING, from, lost);
    s.watched_until(s.calendar.time(day + 4, 12, 0));
}

/// The reminder is ticked off and nothing is heard: five working days later it is asked about once more.
fn proposal_asked_about_again(s: &mut Script<'_>) {
    let day = s.day(8);
    let sent = proposes(s, day);
    let from = s.try_again_from(sent, wait::PROPOSAL);
    let after = s.some_minutes(wait::HANDLING);
    s.owes_until_rep(rule::PROPOSAL_WAITING, from, after, TaskAct::Complete);
    let again_from = s.try_again_from(sent, wait::PROPOSAL + wait::PROPOSAL_AGAIN);
    let called = owes_until_called(s, rule::PROPOSAL_WAITING, again_from);
    signs_after(s, called);
}

/// The buyer rings about it, and the clock begins anew; they sign before it runs out.
fn proposal_spoken_of_in_time(s: &mut Script<'_>) {
    let day = s.day(5);
    proposes(s, day);
    s.buyer_calls(s.calendar.time(day + 2, 14, 20));
    s.move_deal(s.calendar.time(day + 4, 15, 30), DealStep::Won);
    s.watched_until(s.calendar.time(day + 5, 16, 0));
}

/// They have a date for it: nobody asks before that, and the day after they sign.
fn proposal_with_meeting_ahead(s: &mut Script<'_>) {
    let day = s.day(6);
    let sent = proposes(s, day);
    s.books(
        sent + SignedDuration::from_mins(130),
        s.calendar.time(day + 4, 11, 0),
    );
    s.move_deal(s.calendar.time(day + 5, 10, 40), DealStep::Won);
    s.watched_until(s.calendar.time(day + 6, 12, 0));
}

/// A mail and two calls, each before the next try is owed, and a last mail three days later: nobody answers. Answers the
/// instant of the first, when the silence begins.
fn tries_four_times(s: &mut Script<'_>, day: u32) -> Timestamp {
    let mailed = s.meets_with_deal(day);
    s.calls_in_vain(s.calendar.time(day, 14, 3));
    let third = s.calendar.time(day + 1, 9, 32) + s.some_minutes((0, 6));
    s.calls_in_vain(third);
    s.writes(s.calendar.time(day + 3, 15, 11), "new");
    mailed
}

fn deal_gone_quiet(s: &mut Script<'_>) {
    let day = s.day(8);
    let mailed = tries_four_times(s, day);
    let from = s.try_again_from(mailed, wait::QUIET);
    owes_until_called(s, rule::GONE_QUIET, from);
    s.watched_until(s.calendar.time(day + 8, 16, 30));
}

/// Another one was faster; the farewell by phone ends the tries as well.
fn deal_gone_quiet_and_lost(s: &mut Script<'_>) {
    let day = s.day(8);
    let mailed = tries_four_times(s, day);
    let from = s.try_again_from(mailed, wait::QUIET);
    let lost = from + s.some_minutes(wait::HANDLING);
    s.move_deal(lost, DealStep::Lost);
    s.calls(lost + SignedDuration::from_mins(32), CallResult::Connected);
    s.owes_until_moot(rule::GONE_QUIET, from, lost);
    s.watched_until(s.calendar.time(day + 8, 16, 30));
}

/// The buyer writes on the last day before that, and is called back.
fn deal_heard_of_in_time(s: &mut Script<'_>) {
    let day = s.day(8);
    tries_four_times(s, day);
    let wrote = s.calendar.time(day + 6, 13, 20);
    s.buyer_writes(wrote, "new");
    s.calls(wrote + SignedDuration::from_mins(100), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 8, 16, 30));
}

/// A meeting stands: nothing is quiet about that, and in it they speak.
fn deal_quiet_before_meeting(s: &mut Script<'_>) {
    let day = s.day(8);
    tries_four_times(s, day);
    s.books(s.calendar.time(day + 4, 10, 20), s.calendar.time(day + 8, 11, 0));
    s.watched_until(s.calendar.time(day + 8, 16, 30));
}

/// Four tries in two days: a week after the last somebody decides, and by the next morning the deal has gone quiet as
/// well. One reminder says both.
fn deal_tries_used_up(s: &mut Script<'_>) {
    let day = s.day(8);
    s.meets_with_deal(day);
    s.calls_in_vain(s.calendar.time(day, 14, 3));
    let third = s.calendar.time(day + 1, 9, 32) + s.some_minutes((0, 6));
    s.calls_in_vain(third);
    let last = s.calendar.time(day + 1, 15, 11);
    s.writes(last, "new");
    let from = s.try_again_from(last, wait::DECIDE);
    let called = s.calendar.time(day + 7, 11, 0) + s.some_minutes((0, 90));
    s.calls(called, CallResult::Connected);
    s.owes(rule::ATTEMPTS_EXHAUSTED, from, called);
    s.watched_until(s.calendar.time(day + 8, 16, 30));
}

/// The third try was asked for and never made; when the deal has gone quiet, the reminder that is there says so.
fn deal_quiet_behind_a_reminder(s: &mut Script<'_>) {
    let day = s.day(8);
    s.meets_with_deal(day);
    let tried = s.calendar.time(day, 14, 3);
    s.calls_in_vain(tried);
    let from = s.try_again_from(tried, wait::THIRD_TRY);
    let called = s.calendar.time(day + 7, 11, 0) + s.some_minutes((0, 90));
    s.calls(called, CallResult::Connected);
    s.owes(rule::NEXT_ATTEMPT, from, called);
    s.watched_until(s.calendar.time(day + 8, 16, 30));
}
