//! Deals that stand still: a proposal nobody speaks of any more.
//!
//! A proposal waits three working days from the later of its sending and the last contact, and is asked about again five
//! days after that if somebody only ticked the reminder off. Half an hour goes to mail that shows late. Whoever signs, or
//! says no, owes nothing more.

use jiff::{SignedDuration, Timestamp};

use super::{Play, rule, wait};
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
    let called = again_from + s.some_minutes(wait::HANDLING);
    s.calls(called, CallResult::Connected);
    s.owes(rule::PROPOSAL_WAITING, again_from, called);
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
