//! Inquiries that wait until a reminder is owed.

use jiff::SignedDuration;

use super::{Play, owes_until_called, rule, wait};
use crate::{
    crm::{CallResult, FormKind, PersonChange, PersonOrigin},
    team::{act::Act, script::Script},
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("demo-called-after-reminder", demo_called_after_reminder),
    ("demo-mailed-after-reminder", demo_mailed_after_reminder),
    ("pricing-answered-by-colleague", pricing_answered_by_colleague),
    ("contact-request-voicemail-left", contact_request_voicemail_left),
    ("night-inquiry-handled-late", night_inquiry_handled_late),
    ("weekend-inquiry-handled-late", weekend_inquiry_handled_late),
    ("download-forgotten", download_forgotten),
    ("download-before-weekend", download_before_weekend),
    ("night-download-forgotten", night_download_forgotten),
    ("other-form-forgotten", other_form_forgotten),
    ("demo-at-closing-time", demo_at_closing_time),
    ("acknowledgement-only", acknowledgement_only),
    ("first-mail-bounced", first_mail_bounced),
    ("note-is-no-answer", note_is_no_answer),
    ("lead-calls-in", lead_calls_in),
    ("second-inquiry-later", second_inquiry_later),
    ("known-lead-asks-again", known_lead_asks_again),
    ("owner-changed-in-time", owner_changed_in_time),
    ("merged-duplicate", merged_duplicate),
    ("human-task-in-three-days", human_task_in_three_days),
    ("disqualified-while-open", disqualified_while_open),
    ("two-reasons-one-reminder", two_reasons_one_reminder),
    ("never-handled", never_handled),
];

fn demo_called_after_reminder(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 15));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.calls(called, CallResult::Connected);
    s.owes(rule::FIRST_TOUCH, from, called);
}

/// The mail closes the reminder and is an attempt: nobody answers it, so there is a second one to make.
fn demo_mailed_after_reminder(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 13));
    let from = asked + wait::REQUEST;
    let mailed = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.writes(mailed, "main");
    s.owes(rule::FIRST_TOUCH, from, mailed);
    reached_on_second_attempt(s, mailed);
}

/// The second attempt is forgotten as well, and the rep gets through after the reminder.
fn reached_on_second_attempt(s: &mut Script<'_>, tried: jiff::Timestamp) {
    let from = s.try_again_from(tried, wait::SECOND_TRY);
    owes_until_called(s, rule::NEXT_ATTEMPT, from);
}

/// What the colleague leaves open, if it was a mail, is the owner's again.
fn pricing_answered_by_colleague(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 13));
    let from = asked + wait::REQUEST;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Pricing);
    s.owes(rule::FIRST_TOUCH, from, answered);
    if s.coin() {
        s.colleague_calls(answered);
    } else {
        s.colleague_writes(answered, "main");
        reached_on_second_attempt(s, answered);
    }
}

/// A voicemail is an attempt, and an attempt is a touch; the second one gets through.
fn contact_request_voicemail_left(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 13));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::ContactUs);
    s.calls(called, CallResult::Voicemail);
    s.owes(rule::FIRST_TOUCH, from, called);
    reached_on_second_attempt(s, called);
}

fn night_inquiry_handled_late(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (19, 23));
    let from = s.calendar.time(day + 1, 9, 0);
    let kind = if s.coin() { FormKind::Demo } else { FormKind::Other };
    let answered = from + s.some_minutes((60, 150));
    s.asks(asked, kind);
    s.follows_up(answered);
    s.owes(rule::AFTER_HOURS, from, answered);
}

fn weekend_inquiry_handled_late(s: &mut Script<'_>) {
    let friday = s.friday(1);
    let asked = s.some_time(friday, (10, 16)) + SignedDuration::from_hours(24);
    let from = s.calendar.time(friday + 1, 9, 0);
    let answered = from + s.some_minutes((60, 150));
    s.asks(asked, FormKind::Pricing);
    s.follows_up(answered);
    s.owes(rule::AFTER_HOURS, from, answered);
}

fn download_forgotten(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 14));
    download(s, asked);
}

/// The weekend does not count: what was asked on Friday is due on Monday.
fn download_before_weekend(s: &mut Script<'_>) {
    let friday = s.friday(1);
    let asked = s.some_time(friday, (10, 14));
    download(s, asked);
}

fn download(s: &mut Script<'_>, asked: jiff::Timestamp) {
    let from = s.calendar.later(asked, 1);
    let answered = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::ContentDownload);
    s.follows_up(answered);
    s.owes(rule::FIRST_TOUCH, from, answered);
}

/// Counts from the next opening and stays an ordinary first touch.
fn night_download_forgotten(s: &mut Script<'_>) {
    let day = s.day(2);
    let asked = s.some_time(day, (19, 23));
    let from = s.calendar.time(day + 2, 9, 0);
    let answered = from + s.some_minutes((60, 150));
    s.asks(asked, FormKind::ContentDownload);
    s.follows_up(answered);
    s.owes(rule::FIRST_TOUCH, from, answered);
}

fn other_form_forgotten(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 11));
    let from = asked + wait::OTHER;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Other);
    s.follows_up(answered);
    s.owes(rule::FIRST_TOUCH, from, answered);
}

/// Three of the five minutes are left of the day, two are owed the next morning.
fn demo_at_closing_time(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.calendar.time(day, 16, 57);
    let from = s.calendar.time(day + 1, 9, 2);
    let answered = from + s.some_minutes((60, 150));
    s.asks(asked, FormKind::Demo);
    s.follows_up(answered);
    s.owes(rule::FIRST_TOUCH, from, answered);
}

fn acknowledgement_only(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 15));
    let from = asked + wait::REQUEST;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.acknowledges(asked + SignedDuration::from_secs(40));
    s.calls(answered, CallResult::Connected);
    s.owes(rule::FIRST_TOUCH, from, answered);
}

/// The mail never arrived, which is told first: there is a number to call. By the time the inquiry has waited too long, as
/// nobody has answered it, the reminder is there and says that as well.
fn first_mail_bounced(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 11));
    let bounced = asked + SignedDuration::from_mins(45);
    let called = asked + wait::OTHER + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Other);
    s.writes_in_vain(bounced);
    s.calls(called, CallResult::Connected);
    s.owes(rule::BOUNCED_ADDRESS, bounced + wait::LATE_MAIL, called);
    s.told_by_mail();
}

fn note_is_no_answer(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 11));
    let from = asked + wait::OTHER;
    let called = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Other);
    s.notes(asked + SignedDuration::from_mins(50));
    s.calls(called, CallResult::Connected);
    s.owes(rule::FIRST_TOUCH, from, called);
}

/// A conversation answers, whoever dialled.
fn lead_calls_in(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 15));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.buyer_calls(called);
    s.owes(rule::FIRST_TOUCH, from, called);
}

fn second_inquiry_later(s: &mut Script<'_>) {
    let day = s.day(2);
    for (asked_on, kind) in [(day, FormKind::Demo), (day + 2, FormKind::Pricing)] {
        let asked = s.some_time(asked_on, (10, 15));
        let from = asked + wait::REQUEST;
        let called = from + s.some_minutes(wait::HANDLING);
        s.asks(asked, kind);
        s.calls(called, CallResult::Connected);
        s.owes(rule::FIRST_TOUCH, from, called);
    }
}

/// Contact from before the request does not answer the request, not even a talk.
fn known_lead_asks_again(s: &mut Script<'_>) {
    let day = s.day(1);
    s.meets(day, false);
    s.speaks(day);
    let asked = s.some_time(day + 1, (10, 15));
    let from = asked + wait::REQUEST;
    let answered = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.follows_up(answered);
    s.owes(rule::FIRST_TOUCH, from, answered);
}

fn owner_changed_in_time(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 11));
    let from = asked + wait::OTHER;
    let called = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Other);
    let heir = s.colleague();
    s.change(
        asked + SignedDuration::from_mins(70),
        PersonChange::Owner(Some(heir)),
    );
    s.colleague_calls(called);
    s.owes(rule::FIRST_TOUCH, from, called);
    s.for_colleague();
}

/// The same human was imported earlier under another address; the records are merged before anything is owed.
fn merged_duplicate(s: &mut Script<'_>) {
    let day = s.day(2);
    let double = s.buyer();
    let owner = s.rep();
    let imported = s.calendar.time(day, 9, 40);
    s.act(
        imported,
        Act::Person {
            who: double,
            origin: PersonOrigin::Import,
            is_customer: false,
            owner,
        },
    );
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
    s.calls(called, CallResult::Connected);
    s.owes(rule::FIRST_TOUCH, from, called);
}

/// A task for later, such as routing writes for every new lead, does not silence a request of today.
fn human_task_in_three_days(s: &mut Script<'_>) {
    let day = s.day(3);
    let asked = s.some_time(day, (10, 15));
    let from = asked + wait::REQUEST;
    let called = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.plans(
        asked + SignedDuration::from_secs(30),
        s.calendar.time(day + 3, 12, 0),
    );
    s.calls(called, CallResult::Connected);
    s.owes(rule::FIRST_TOUCH, from, called);
}

fn disqualified_while_open(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 15));
    let from = asked + wait::REQUEST;
    let seen_through = from + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.change(seen_through, PersonChange::Disqualified);
    s.owes_until_moot(rule::FIRST_TOUCH, from, seen_through);
}

/// The lead also writes; by the time that mail is owed an answer the reminder is open, and it says so there.
fn two_reasons_one_reminder(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 11));
    let wrote = asked + s.some_minutes((60, 120));
    let mail_owed = s.calendar.later(wrote, 1) + wait::LATE_MAIL;
    let called = mail_owed + s.some_minutes(wait::HANDLING);
    s.asks(asked, FormKind::Demo);
    s.buyer_writes(wrote, "main");
    s.calls(called, CallResult::Connected);
    s.owes(rule::FIRST_TOUCH, asked + wait::REQUEST, called);
}

fn never_handled(s: &mut Script<'_>) {
    let day = s.day(3);
    let asked = s.some_time(day, (10, 15));
    s.asks(asked, FormKind::ContactUs);
    s.owes_until_it_expires(rule::FIRST_TOUCH, asked + wait::REQUEST);
    s.watched_until(s.calendar.later(asked, 3));
}
