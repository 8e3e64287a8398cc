//! The kinds of situation, one short script each: what happens, and the verdict beside it.
//!
//! A script places arrivals in the middle of office hours and keeps every act at least half an hour from the instants it
//! names in its verdict, so that polling and indexing delays never decide who is right. Where a request must be answered
//! before its reminder, the answer comes within two minutes.

mod inquiries;
mod quiet;
mod remote;
mod replies;

use super::script::Script;

/// Writes one situation.
pub(crate) type Play = fn(&mut Script<'_>);

const KINDS: &[&[(&str, Play)]] = &[inquiries::KINDS, quiet::KINDS, remote::KINDS, replies::KINDS];

/// The script of a kind.
pub(crate) fn play(name: &str) -> Option<Play> {
    KINDS
        .iter()
        .copied()
        .flatten()
        .find(|(kind, _)| *kind == name)
        .map(|(_, play)| *play)
}

/// Every kind that has a script.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().copied().flatten().map(|(kind, _)| *kind)
}

/// Rule ids the verdicts name.
mod rule {
    pub(super) const FIRST_TOUCH: &str = "first-touch";
    pub(super) const AFTER_HOURS: &str = "after-hours-lead";
    pub(super) const REPLY_WAITING: &str = "reply-waiting";
}

/// When a reminder is expected, as people at the company would tell a new colleague.
mod wait {
    use jiff::SignedDuration;

    /// A demo, pricing or contact request waits this long.
    pub(super) const REQUEST: SignedDuration = SignedDuration::from_mins(5);
    /// Any other inquiry that comes in the morning.
    pub(super) const OTHER: SignedDuration = SignedDuration::from_hours(4);
    /// A buyer's mail about an open deal that comes in the morning: half a working day, and half an hour for late mail.
    pub(super) const DEAL_REPLY: SignedDuration = SignedDuration::from_mins(4 * 60 + 30);
    /// What comes on top of a working day for any other mail.
    pub(super) const LATE_MAIL: SignedDuration = SignedDuration::from_mins(30);
    /// How long a rep takes after the reminder.
    pub(super) const HANDLING: (i64, i64) = (32, 90);
}
