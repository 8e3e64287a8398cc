//! Calls nobody took, meetings nobody came to, meetings nothing followed, and attempts that are used up.
//!
//! A missed call waits two working hours, one on a deal. Who did not come is written to four working hours after the
//! meeting; what was agreed on in one is sent within a working day. Three mails to a stranger are enough: a week later
//! somebody decides. Half an hour goes to mail that shows late, but for missed calls.

use jiff::{SignedDuration, Timestamp};

use super::{Play, owes_until_called, rule, wait};
use crate::{
    crm::{CallResult, MeetingEnd, PersonOrigin},
    team::{act::Act, script::Script},
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("missed-call-returned-after-reminder", missed_call_returned),
    ("missed-call-on-deal", missed_call_on_deal),
    ("missed-call-rings-twice", missed_call_rings_twice),
    ("missed-call-returned-in-time", missed_call_returned_in_time),
    ("missed-call-planned-by-human", missed_call_planned_by_human),
    ("no-show-written-to-after-reminder", no_show_written_to),
    ("no-show-tried-at-once", no_show_tried_at_once),
    ("no-show-rebooked-in-time", no_show_rebooked),
    ("meeting-recap-forgotten", meeting_recap_forgotten),
    ("meeting-recap-on-deal", meeting_recap_on_deal),
    ("meeting-recap-sent-in-time", meeting_recap_sent_in_time),
    ("meeting-next-step-planned", meeting_next_step_planned),
    ("attempts-used-up", attempts_used_up),
    ("attempts-used-up-answered-in-time", attempts_used_up_answered),
];

/// A lead the rep has spoken with the day before, and some instant of the day after, early enough for all that follows.
fn known_lead(s: &mut Script<'_>, tail: u32) -> (u32, Timestamp) {
    let day = s.day(tail);
    s.meets(day, false);
    s.speaks(day);
    (day, s.some_time(day + 1, (10, 13)))
}

fn missed_call_returned(s: &mut Script<'_>) {
    let (_, rang) = known_lead(s, 1);
    let from = rang + wait::MISSED_CALL;
    let called = from + s.some_minutes(wait::HANDLING);
    s.buyer_rings_in_vain(rang);
    s.calls(called, CallResult::Connected);
    s.owes(rule::MISSED_CALL, from, called);
}

fn missed_call_on_deal(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets_with_deal(day);
    s.speaks(day);
    let rang = s.some_time(day + 1, (10, 14));
    let from = rang + wait::MISSED_CALL_ON_DEAL;
    let called = from + s.some_minutes(wait::HANDLING);
    s.buyer_rings_in_vain(rang);
    s.calls(called, CallResult::Connected);
    s.owes(rule::MISSED_CALL, from, called);
}

/// Two phones of one group rang: one call, one reminder.
fn missed_call_rings_twice(s: &mut Script<'_>) {
    let (_, rang) = known_lead(s, 1);
    let from = rang + wait::MISSED_CALL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_rings_in_vain(rang);
    s.buyer_rings_in_vain(rang + SignedDuration::from_secs(25));
    s.writes_and_is_rung_back(answered, "new");
    s.owes(rule::MISSED_CALL, from, answered);
}

fn missed_call_returned_in_time(s: &mut Script<'_>) {
    let (_, rang) = known_lead(s, 1);
    s.buyer_rings_in_vain(rang);
    s.calls(rang + SignedDuration::from_mins(55), CallResult::Connected);
    s.watched_until(rang + SignedDuration::from_hours(3));
}

/// The rep has planned to ring back today.
fn missed_call_planned_by_human(s: &mut Script<'_>) {
    let (day, rang) = known_lead(s, 2);
    s.buyer_rings_in_vain(rang);
    s.plans(
        rang + SignedDuration::from_mins(20),
        s.calendar.time(day + 1, 16, 45),
    );
    s.calls(s.calendar.time(day + 1, 16, 10), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 2, 12, 0));
}

/// A meeting from 10:00 to 10:30 on the day after the two spoke; answers the instant it ends.
fn meets_tomorrow(s: &mut Script<'_>, day: u32, end: MeetingEnd) -> Timestamp {
    let starts_at = s.calendar.time(day + 1, 10, 0);
    let booked = s.calendar.time(day, 11, 30) + s.some_minutes((0, 60));
    s.books_only(booked, starts_at, end)
}

fn no_show_written_to(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets(day, false);
    s.speaks(day);
    let from = meets_tomorrow(s, day, MeetingEnd::NoShow) + wait::NO_SHOW;
    let written = from + s.some_minutes(wait::SOON);
    s.writes_and_is_rung_back(written, "new");
    s.owes(rule::NO_SHOW, from, written);
}

/// The rep rings from the empty room, and gets through the next morning.
fn no_show_tried_at_once(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    s.speaks(day);
    meets_tomorrow(s, day, MeetingEnd::NoShow);
    s.calls(s.calendar.time(day + 1, 10, 17), CallResult::Voicemail);
    s.calls(s.calendar.time(day + 2, 9, 34), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 2, 15, 0));
}

/// A new date is agreed on within the hour.
fn no_show_rebooked(s: &mut Script<'_>) {
    let day = s.day(4);
    s.meets(day, false);
    s.speaks(day);
    let missed = meets_tomorrow(s, day, MeetingEnd::NoShow);
    s.books(
        missed + SignedDuration::from_mins(50),
        s.calendar.time(day + 3, 11, 0),
    );
    s.watched_until(s.calendar.time(day + 4, 12, 0));
}

fn meeting_recap_forgotten(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    s.speaks(day);
    let ended = meets_tomorrow(s, day, MeetingEnd::Held);
    let from = s.calendar.later(ended, 1) + wait::LATE_MAIL;
    let sent = from + s.some_minutes(wait::HANDLING);
    s.writes_and_is_rung_back(sent, "new");
    s.owes(rule::MEETING_RECAP, from, sent);
}

fn meeting_recap_on_deal(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets_with_deal(day);
    s.speaks(day);
    let ended = meets_tomorrow(s, day, MeetingEnd::Held);
    let from = s.calendar.later(ended, 1) + wait::LATE_MAIL;
    owes_until_called(s, rule::MEETING_RECAP, from);
}

fn meeting_recap_sent_in_time(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    s.speaks(day);
    let ended = meets_tomorrow(s, day, MeetingEnd::Held);
    s.writes_and_is_rung_back(ended + SignedDuration::from_mins(70), "new");
    s.watched_until(s.calendar.time(day + 2, 15, 0));
}

/// A task of the rep's own is the next step.
fn meeting_next_step_planned(s: &mut Script<'_>) {
    let day = s.day(4);
    s.meets(day, false);
    s.speaks(day);
    let ended = meets_tomorrow(s, day, MeetingEnd::Held);
    s.plans(
        ended + SignedDuration::from_mins(35),
        s.calendar.time(day + 4, 12, 0),
    );
    s.calls(s.calendar.time(day + 4, 10, 20), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 4, 16, 0));
}

/// Three mails to a stranger, each before the next is due; answers the instant of the last.
fn writes_three_times(s: &mut Script<'_>, day: u32) -> Timestamp {
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
    s.writes(s.calendar.time(day, 10, 4), "main");
    s.writes(s.calendar.time(day + 1, 10, 9), "main");
    let last = s.some_time(day + 2, (10, 14));
    s.writes(last, "main");
    last
}

/// A fourth mail is no plan: the rep decides a week later, and rings.
fn attempts_used_up(s: &mut Script<'_>) {
    let day = s.day(7);
    let last = writes_three_times(s, day);
    let from = s.try_again_from(last, wait::DECIDE);
    owes_until_called(s, rule::ATTEMPTS_EXHAUSTED, from);
}

/// The stranger answers before the week is over.
fn attempts_used_up_answered(s: &mut Script<'_>) {
    let day = s.day(8);
    let last = writes_three_times(s, day);
    let wrote = s.calendar.later(last, 2);
    s.buyer_writes(wrote, "main");
    s.calls(wrote + SignedDuration::from_mins(100), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 8, 15, 30));
}
