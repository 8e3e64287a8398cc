//! Mail that comes back from the only address there is.
//!
//! Whoever works on somebody is told once the mail has shown, half an hour after it came back: there is a number to ring.
//! Nobody is told about a customer without a deal.

use jiff::{SignedDuration, Timestamp};

use super::{Play, owes_until_called, rule, wait};
use crate::{
    crm::{CallResult, PersonChange},
    team::script::Script,
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("bounced-address-rung-after-reminder", bounced_address_rung),
    ("bounced-address-on-deal", bounced_address_on_deal),
    ("bounced-address-disqualified", bounced_address_disqualified),
    ("bounced-address-rung-at-once", bounced_address_rung_at_once),
    ("bounced-address-of-a-customer", bounced_address_of_a_customer),
];

/// The day after the two have spoken the rep's mail comes back; answers that instant.
fn comes_back(s: &mut Script<'_>, day: u32) -> Timestamp {
    s.speaks(day);
    let bounced = s.some_time(day + 1, (10, 14));
    s.writes_in_vain(bounced);
    bounced
}

fn bounced_address_rung(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    let from = comes_back(s, day) + wait::LATE_MAIL;
    owes_until_called(s, rule::BOUNCED_ADDRESS, from);
    s.told_by_mail();
    s.watched_until(s.calendar.time(day + 2, 15, 0));
}

fn bounced_address_on_deal(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets_with_deal(day);
    let from = comes_back(s, day) + wait::LATE_MAIL;
    owes_until_called(s, rule::BOUNCED_ADDRESS, from);
    s.told_by_mail();
    s.watched_until(s.calendar.time(day + 2, 15, 0));
}

/// They have left the company: no lead any more.
fn bounced_address_disqualified(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    let from = comes_back(s, day) + wait::LATE_MAIL;
    let seen_through = from + s.some_minutes(wait::HANDLING);
    s.change(seen_through, PersonChange::Disqualified);
    s.owes_until_moot(rule::BOUNCED_ADDRESS, from, seen_through);
    s.told_by_mail();
    s.watched_until(s.calendar.time(day + 2, 15, 0));
}

/// The rep sees it come back and picks up the phone.
fn bounced_address_rung_at_once(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, false);
    let bounced = comes_back(s, day);
    s.calls(bounced + SignedDuration::from_mins(2), CallResult::Connected);
    s.watched_until(s.calendar.time(day + 2, 15, 0));
}

fn bounced_address_of_a_customer(s: &mut Script<'_>) {
    let day = s.day(2);
    s.meets(day, true);
    comes_back(s, day);
    s.watched_until(s.calendar.time(day + 2, 15, 0));
}
