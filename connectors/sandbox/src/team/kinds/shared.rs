//! People known to two CRMs: what one of them shows counts for what the other asks, and there is one reminder.
//!
//! The reminder hangs on the record that came first, so it is on the list of that record's owner in that CRM; after a
//! merge on the survivor's, after a conversion on the oldest that is left. Wherever the deal is there is the reminder
//! about it.

use jiff::{SignedDuration, Timestamp};

use super::{Play, owes_until_called, rule, wait};
use crate::{
    crm::{CallResult, FormKind, PersonChange, PersonOrigin, TaskAct},
    team::{act::Act, script::Script},
};

pub(super) const KINDS: &[(&str, Play)] = &[
    (
        "two-crms-reply-answered-in-the-other",
        reply_answered_in_the_other,
    ),
    (
        "two-crms-inquiry-called-in-the-other",
        inquiry_called_in_the_other,
    ),
    ("two-crms-inquiry-reaches-both", inquiry_reaches_both),
    ("two-crms-call-logged-twice", call_logged_twice),
    ("two-crms-mail-logged-twice", mail_logged_twice),
    ("two-crms-lead-entered-there-later", lead_entered_there_later),
    ("two-crms-customer-asks-as-lead", customer_asks_as_lead),
    ("two-crms-converted-while-open", converted_while_open),
    ("two-crms-converted-in-time", converted_in_time),
    ("two-crms-merged-in-time", merged_in_time),
    (
        "two-crms-second-attempt-in-the-other",
        second_attempt_in_the_other,
    ),
    (
        "two-crms-meeting-booked-in-the-other",
        meeting_booked_in_the_other,
    ),
    (
        "two-crms-colleague-answers-in-the-other",
        colleague_answers_in_the_other,
    ),
    (
        "two-crms-deal-reply-called-in-the-other",
        deal_reply_called_in_the_other,
    ),
    ("two-crms-mail-about-the-others-deal", mail_about_the_others_deal),
    ("two-crms-disqualified-while-open", disqualified_while_open),
    ("two-crms-reminder-completed-by-hand", reminder_completed_by_hand),
    (
        "two-crms-night-inquiry-answered-in-the-other",
        night_inquiry_answered_in_the_other,
    ),
    ("two-crms-human-task-in-the-other", human_task_in_the_other),
    ("two-crms-open-deal-in-the-other", open_deal_in_the_other),
    ("two-crms-opted-out-in-the-other", opted_out_in_the_other),
];

/// The rep enters the buyer.
fn enters(s: &mut Script<'_>, at: Timestamp, origin: PersonOrigin, is_customer: bool) {
    let owner = s.rep();
    s.act(
        at,
        Act::Person {
            who: 0,
            origin,
            is_customer,
            owner,
        },
    );
}

/// The buyer comes into this CRM from a list, first thing in the morning.
fn is_listed(s: &mut Script<'_>, day: u32) {
    let at = s.calendar.time(day, 9, 40);
    enters(s, at, PersonOrigin::Import, false);
}

/// Rep and buyer speak at home and write there; the other CRM has known the buyer since the same morning.
fn met_and_known_there(s: &mut Script<'_>, day: u32) {
    let met = s.meets(day, false);
    s.there(|s| enters(s, met + SignedDuration::from_mins(8), PersonOrigin::Manual, false));
    s.speaks(day);
}

/// A demo request at home that the website's other form hands to the other CRM a little later.
fn asks_in_both(s: &mut Script<'_>, asked: Timestamp) {
    s.asks(asked, FormKind::Demo);
    s.there(|s| s.asks(asked + SignedDuration::from_secs(20), FormKind::Demo));
}

fn reply_answered_in_the_other(s: &mut Script<'_>) {
    let day = s.day(2);
    met_and_known_there(s, day);
    let wrote = s.some_time(day + 1, (10, 14));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.there(|s| s.follows_up(answered));
    s.owes(rule::REPLY_WAITING, from, answered);
}

/// The record that came first is the other CRM's: the reminder is there, although the request is not.
fn inquiry_called_in_the_other(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day + 1, (10, 15));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.there(|s| {
        is_listed(s, day);
        s.calls(called, CallResult::Connected);
        s.owes(rule::FIRST_TOUCH, from, called);
    });
}

/// Two records and two requests, one human and one reminder.
fn inquiry_reaches_both(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 15));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes(wait::HANDLING);
    asks_in_both(s, asked);
    if s.coin() {
        s.calls(called, CallResult::Connected);
    } else {
        s.there(|s| s.calls(called, CallResult::Connected));
    }
    s.owes(rule::FIRST_TOUCH, from, called);
}

/// One call in two logs is one attempt: the second is due a working day later, not two.
fn call_logged_twice(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 13));
    let tried = asked + SignedDuration::from_secs(75);
    asks_in_both(s, asked);
    s.calls(tried, CallResult::Voicemail);
    s.there(|s| s.calls(tried + SignedDuration::from_secs(40), CallResult::Voicemail));
    let from = s.try_again_from(tried, wait::SECOND_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

/// Both CRMs sync the mailbox: every mail is in both.
fn mail_logged_twice(s: &mut Script<'_>) {
    let day = s.day(2);
    met_and_known_there(s, day);
    let wrote = s.some_time(day + 1, (10, 14));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.there(|s| s.buyer_writes(wrote + SignedDuration::from_secs(30), "main"));
    s.writes_and_is_rung_back(answered, "main");
    s.there(|s| s.writes(answered + SignedDuration::from_secs(30), "main"));
    s.owes(rule::REPLY_WAITING, from, answered);
}

/// Another record of the same human, entered while the reminder is open, brings no second one.
fn lead_entered_there_later(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 14));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes((75, 120));
    s.asks(asked, FormKind::Pricing);
    s.there(|s| {
        let entered = from + SignedDuration::from_mins(40);
        enters(s, entered, PersonOrigin::Manual, false);
        s.calls(called, CallResult::Connected);
    });
    s.owes(rule::FIRST_TOUCH, from, called);
}

/// The other CRM's contact asks through the website and becomes a lead here.
fn customer_asks_as_lead(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day + 1, (10, 15));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes(wait::HANDLING);
    s.there(|s| {
        s.meets(day, true);
        s.speaks(day);
    });
    s.asks(asked, FormKind::ContactUs);
    s.calls(called, CallResult::Connected);
    s.there(|s| s.owes(rule::FIRST_TOUCH, from, called));
}

/// The lead's reminder stays where it is when the lead becomes a contact.
fn converted_while_open(s: &mut Script<'_>) {
    let day = s.day(2);
    met_and_known_there(s, day);
    let wrote = s.some_time(day + 1, (10, 13));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let answered = from + s.some_minutes((75, 110));
    s.there(|s| s.buyer_writes(wrote, "main"));
    s.act(from + SignedDuration::from_mins(35), Act::Convert { who: 0 });
    s.there(|s| s.writes_and_is_rung_back(answered, "main"));
    s.owes(rule::REPLY_WAITING, from, answered);
}

/// Once the lead is a contact, the other CRM's contact is the older record.
fn converted_in_time(s: &mut Script<'_>) {
    let day = s.day(2);
    met_and_known_there(s, day);
    let wrote = s.some_time(day + 1, (10, 13));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.act(wrote + SignedDuration::from_mins(140), Act::Convert { who: 0 });
    s.follows_up(answered);
    s.there(|s| s.owes(rule::REPLY_WAITING, from, answered));
}

/// Two records at home become one while the other CRM holds a third: the survivor's list.
fn merged_in_time(s: &mut Script<'_>) {
    let day = s.day(2);
    let double = s.buyer();
    let owner = s.rep();
    let listed = s.calendar.time(day, 9, 33);
    s.act(
        listed,
        Act::Person {
            who: double,
            origin: PersonOrigin::Import,
            is_customer: false,
            owner,
        },
    );
    s.there(|s| is_listed(s, day));
    let asked = s.some_time(day + 1, (10, 14));
    let from = s.calendar.later(asked, 1);
    let called = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::ContentDownload);
    s.act(
        asked + SignedDuration::from_mins(100),
        Act::Merge {
            winner: 0,
            loser: double,
        },
    );
    s.there(|s| s.calls(called, CallResult::Connected));
    s.owes(rule::FIRST_TOUCH, from, called);
}

/// Attempts count wherever they are logged.
fn second_attempt_in_the_other(s: &mut Script<'_>) {
    let day = s.day(3);
    let asked = s.some_time(day, (10, 12));
    let tried = asked + SignedDuration::from_secs(75);
    asks_in_both(s, asked);
    s.calls_in_vain(tried);
    let first_from = s.try_again_from(tried, wait::SECOND_TRY);
    let again = first_from + s.some_minutes(wait::HANDLING);
    s.there(|s| s.writes(again, "main"));
    s.owes(rule::NEXT_ATTEMPT, first_from, again);
    let from = s.try_again_from(again, wait::THIRD_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

fn meeting_booked_in_the_other(s: &mut Script<'_>) {
    let day = s.day(3);
    met_and_known_there(s, day);
    let wrote = s.some_time(day + 1, (10, 14));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let booked = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.there(|s| s.books(booked, s.calendar.time(day + 3, 15, 0)));
    s.owes(rule::REPLY_WAITING, from, booked);
}

fn colleague_answers_in_the_other(s: &mut Script<'_>) {
    let day = s.day(2);
    met_and_known_there(s, day);
    let wrote = s.some_time(day + 1, (10, 14));
    let from = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.there(|s| s.colleague_calls(answered));
    s.owes(rule::REPLY_WAITING, from, answered);
}

/// The deal is at home, the call in the other CRM, which knows nothing of the deal.
fn deal_reply_called_in_the_other(s: &mut Script<'_>) {
    let day = s.day(1);
    let met = s.meets_with_deal(day);
    s.there(|s| enters(s, met + SignedDuration::from_mins(8), PersonOrigin::Manual, false));
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let called = from + s.some_minutes(wait::HANDLING);
    s.buyer_writes(wrote, "main");
    s.there(|s| s.calls(called, CallResult::Connected));
    s.owes(rule::REPLY_WAITING, from, called);
}

/// The mail is in the other CRM only; who wrote it is on one open deal, so it is about that deal.
fn mail_about_the_others_deal(s: &mut Script<'_>) {
    let day = s.day(1);
    let met = s.meets_with_deal(day);
    s.there(|s| enters(s, met + SignedDuration::from_mins(8), PersonOrigin::Manual, false));
    s.speaks(day);
    let wrote = s.some_time(day + 1, (10, 11));
    let from = wrote + wait::DEAL_REPLY;
    let called = from + s.some_minutes(wait::HANDLING);
    s.there(|s| s.buyer_writes(wrote, "new"));
    s.calls(called, CallResult::Connected);
    s.owes(rule::REPLY_WAITING, from, called);
}

/// Seen through by whoever looks after the record that stands for the person.
fn disqualified_while_open(s: &mut Script<'_>) {
    let day = s.day(1);
    is_listed(s, day);
    let asked = s.some_time(day + 1, (10, 15));
    let from = asked + wait::REQUEST;
    let seen_through = from + s.some_minutes(wait::HANDLING);
    s.there(|s| s.asks(asked, FormKind::Demo));
    s.change(seen_through, PersonChange::Disqualified);
    s.owes_until_moot(rule::FIRST_TOUCH, from, seen_through);
}

/// Ticked off in one CRM it does not come back in the other.
fn reminder_completed_by_hand(s: &mut Script<'_>) {
    let day = s.day(3);
    let asked = s.some_time(day, (10, 15));
    let after = s.some_minutes(wait::HANDLING);
    asks_in_both(s, asked);
    s.owes_until_rep(rule::FIRST_TOUCH, asked + wait::REQUEST, after, TaskAct::Complete);
    s.watched_until(s.calendar.later(asked, 3));
}

/// In the morning there is nothing to answer, as the other CRM shows.
fn night_inquiry_answered_in_the_other(s: &mut Script<'_>) {
    let day = s.day(2);
    let asked = s.some_time(day, (18, 20));
    s.asks(asked, FormKind::Demo);
    s.there(|s| {
        is_listed(s, day);
        s.colleague_writes(asked + SignedDuration::from_mins(95), "main");
        s.calls(s.calendar.time(day + 1, 14, 25), CallResult::Connected);
    });
    s.watched_until(s.calendar.time(day + 2, 12, 0));
}

/// The rep has planned it for today, in the other CRM.
fn human_task_in_the_other(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 11));
    s.asks(asked, FormKind::Other);
    s.there(|s| {
        is_listed(s, day);
        s.plans(
            asked + SignedDuration::from_mins(40),
            s.calendar.time(day, 16, 45),
        );
    });
    s.calls(s.calendar.time(day, 16, 10), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 1, 16, 0));
}

/// Somebody is on it already: the other CRM holds the deal, which was touched the day before.
fn open_deal_in_the_other(s: &mut Script<'_>) {
    let day = s.day(2);
    s.there(|s| {
        s.meets_with_deal(day);
        s.speaks(day);
    });
    let asked = s.some_time(day + 1, (10, 14));
    s.asks(asked, FormKind::Pricing);
    s.there(|s| s.calls(asked + SignedDuration::from_mins(130), CallResult::Connected));
    s.watched_until(s.calendar.later(asked, 1));
}

/// What a person asked of one CRM holds for all.
fn opted_out_in_the_other(s: &mut Script<'_>) {
    let day = s.day(3);
    if let Some(buyer) = s.persona() {
        buyer.phone = None;
    }
    let asked = s.some_time(day + 1, (10, 14));
    s.asks(asked, FormKind::ContentDownload);
    s.there(|s| {
        is_listed(s, day);
        s.change(asked + SignedDuration::from_mins(80), PersonChange::OptedOut);
    });
    s.watched_until(s.calendar.later(asked, 2));
}
