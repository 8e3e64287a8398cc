//! Situations in which nothing may be written.

use jiff::SignedDuration;

use super::Play;
use crate::{
    crm::{CallResult, FormKind, PersonChange},
    team::{act::Act, script::Script},
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("demo-answered-at-once", demo_answered_at_once),
    (
        "night-inquiry-answered-before-opening",
        night_inquiry_answered_before_opening,
    ),
    ("download-answered-in-time", download_answered_in_time),
    ("import-of-eighty", import_of_eighty),
    ("disqualified-in-time", disqualified_in_time),
    ("opted-out", opted_out),
    ("lead-without-owner", lead_without_owner),
    ("lead-of-a-queue", lead_of_a_queue),
    ("owner-has-left", owner_has_left),
    ("human-task-due-today", human_task_due_today),
    ("meeting-ahead", meeting_ahead),
    ("buyer-on-open-deal-asks", buyer_on_open_deal_asks),
];

/// The file of an import.
const IMPORTED: u32 = 80;

fn demo_answered_at_once(s: &mut Script<'_>) {
    let day = s.day(0);
    let asked = s.some_time(day, (10, 16));
    s.asks(asked, FormKind::Demo);
    s.calls(asked + SignedDuration::from_secs(75), CallResult::Connected);
    s.watched_until(asked + SignedDuration::from_hours(4));
}

/// In the morning there is nothing to answer; the rep speaks with them before another attempt is owed.
fn night_inquiry_answered_before_opening(s: &mut Script<'_>) {
    let day = s.day(2);
    let asked = s.some_time(day, (18, 20));
    s.asks(asked, FormKind::Demo);
    s.colleague_writes(asked + SignedDuration::from_mins(95), "main");
    s.calls(s.calendar.time(day + 1, 14, 25), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 2, 12, 0));
}

fn download_answered_in_time(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 14));
    s.asks(asked, FormKind::ContentDownload);
    s.follows_up(asked + SignedDuration::from_mins(130));
    s.watched_until(s.calendar.later(asked, 1) + SignedDuration::from_hours(2));
}

fn import_of_eighty(s: &mut Script<'_>) {
    let day = s.day(2);
    let at = s.some_time(day, (10, 14));
    let (owner, serial) = (s.rep(), s.serial());
    s.act(
        at,
        Act::Import {
            count: IMPORTED,
            serial,
            owner,
        },
    );
    s.watched_until(s.calendar.later(at, 2));
}

fn disqualified_in_time(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 14));
    s.asks(asked, FormKind::Other);
    s.change(asked + SignedDuration::from_mins(80), PersonChange::Disqualified);
    s.watched_until(s.calendar.later(asked, 1));
}

/// No channel is left to suggest.
fn opted_out(s: &mut Script<'_>) {
    let day = s.day(2);
    if let Some(buyer) = s.persona() {
        buyer.phone = None;
    }
    let asked = s.some_time(day, (10, 14));
    s.asks(asked, FormKind::ContentDownload);
    s.change(asked + SignedDuration::from_mins(80), PersonChange::OptedOut);
    s.watched_until(s.calendar.later(asked, 2));
}

fn lead_without_owner(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 14));
    s.act(
        asked,
        Act::Form {
            who: 0,
            kind: FormKind::Demo,
            owner: None,
        },
    );
    s.watched_until(s.calendar.later(asked, 1));
}

/// Whoever takes it out of the queue will answer.
fn lead_of_a_queue(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 14));
    let owner = Some(s.queue());
    s.act(
        asked,
        Act::Form {
            who: 0,
            kind: FormKind::Demo,
            owner,
        },
    );
    s.watched_until(s.calendar.later(asked, 1));
}

fn owner_has_left(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 14));
    let owner = Some(s.who_left());
    s.act(
        asked,
        Act::Form {
            who: 0,
            kind: FormKind::Demo,
            owner,
        },
    );
    s.watched_until(s.calendar.later(asked, 1));
}

/// The rep has planned it for today and keeps to the plan.
fn human_task_due_today(s: &mut Script<'_>) {
    let day = s.day(1);
    let asked = s.some_time(day, (10, 11));
    s.asks(asked, FormKind::Other);
    s.plans(
        asked + SignedDuration::from_mins(40),
        s.calendar.time(day, 16, 45),
    );
    s.calls(s.calendar.time(day, 16, 10), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 1, 16, 0));
}

/// The buyer has picked a slot; the rep confirms before it.
fn meeting_ahead(s: &mut Script<'_>) {
    let day = s.day(3);
    let asked = s.some_time(day, (10, 14));
    s.asks(asked, FormKind::ContentDownload);
    s.books(
        asked + SignedDuration::from_mins(60),
        s.calendar.time(day + 2, 15, 0),
    );
    s.writes(s.calendar.time(day + 2, 10, 5), "main");
    s.watched_until(s.calendar.time(day + 3, 12, 0));
}

/// Somebody is on it already: the deal is open and was touched the day before.
fn buyer_on_open_deal_asks(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets_with_deal(day);
    s.speaks(day);
    let asked = s.some_time(day + 1, (10, 14));
    s.asks(asked, FormKind::Pricing);
    s.calls(asked + SignedDuration::from_mins(130), CallResult::Connected);
    s.watched_until(s.calendar.later(asked, 1));
}
