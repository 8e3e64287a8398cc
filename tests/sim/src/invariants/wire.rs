//! What is looked at as it leaves: intent before the socket (I-2), quota (I-5, D-6), tokens (I-8).

use followup_store::Entry;
use jiff::Timestamp;

use crate::{run::Shared, wire::Books};

/// Others' last part of the day, in percent.
const LAST_PERCENT: u64 = 10;
/// Requests of a cycle whose count a crash can lose.
const UNCOUNTED_MAX: u64 = 200;

/// The journal would say, after a power cut now, that these tasks were sent.
pub fn intent(shared: &Shared, keys: &[String], at: Timestamp) {
    shared.court.looked("I-2");
    let sent: Vec<String> = shared
        .disk()
        .durable_entries()
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Sent { key, .. } => Some(key.as_str().to_owned()),
            _ => None,
        })
        .collect();
    for key in keys.iter().filter(|key| !sent.contains(key)) {
        shared.accuse(
            "I-2",
            at,
            format!("task {key} leaves although its intent is not durable"),
        );
    }
}

/// A creation whose answer was lost is looked for before it is sent again.
pub fn looked(shared: &Shared, books: &Books, keys: &[String], at: Timestamp) {
    for key in keys.iter().filter(|key| books.lost.contains(*key)) {
        shared.accuse(
            "I-2",
            at,
            format!("task {key} is sent again, and nobody looked whether it is there"),
        );
    }
}

/// At most one refresh at a time.
pub fn one_refresh(shared: &Shared, books: &Books, at: Timestamp) {
    shared.court.looked("I-8");
    if books.refreshing > 1 {
        shared.accuse("I-8", at, format!("{} refreshes are in flight", books.refreshing));
    }
}

/// A replaced refresh token is never used again.
pub fn refresh(shared: &Shared, books: &Books, token: &str, at: Timestamp) {
    shared.court.looked("I-8");
    if books.replaced.contains(token) {
        shared.accuse(
            "I-8",
            at,
            "a refresh token is used that the server has replaced".to_owned(),
        );
    }
}

/// No poll once the headers told that the last part of the day is reached.
pub fn scarce(shared: &Shared, books: &Books, day: &str, at: Timestamp) {
    shared.court.looked("I-5");
    if let Some((known, left, of)) = &books.day_left
        && known == day
        && left * 100 < of * LAST_PERCENT
    {
        shared.accuse(
            "I-5",
            at,
            format!("a poll leaves although only {left} of {of} requests are left today"),
        );
    }
}

/// The CRM's own meter never saw more of ours in its window than our share. Called after each cycle.
pub fn spent(shared: &Shared, books: &Books, own: u64, daily: u64, at: Timestamp) {
    shared.court.looked("I-5");
    if own > daily + UNCOUNTED_MAX * (books.starts + 1) {
        shared.accuse(
            "I-5",
            at,
            format!("{own} credits of the last 24 hours are ours; our share is {daily}"),
        );
    }
}

/// No window and no day held more than our share. Called after each cycle.
pub fn shares(shared: &Shared, books: &Books, burst: usize, daily: u64, at: Timestamp) {
    shared.court.looked("D-6");
    let widest = books.widest_burst;
    if widest > burst {
        shared.accuse(
            "D-6",
            at,
            format!("{widest} requests left in ten seconds; our share is {burst}"),
        );
    }
    if books.widest_search > 5 {
        shared.accuse(
            "D-6",
            at,
            format!("{} searches left in a second", books.widest_search),
        );
    }
    for (day, count) in &books.by_day {
        if *count > daily + UNCOUNTED_MAX * (books.starts + 1) {
            shared.accuse(
                "D-6",
                at,
                format!("{count} requests left on {day}; our share is {daily}"),
            );
        }
    }
}
