//! What a judgement is made with, beside the facts: policy, calendars, coverage and the instant.

use followup_core::OwnerId;
use jiff::{SignedDuration, Timestamp};

use crate::{
    calendar::{Calendar, Calendars},
    model::{Coverage, RuleId},
    policy::{Delivery, Policy, RulePolicy},
    texts::Language,
};

/// Everything beside the facts that a judgement depends on.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What the team wants.
    pub policy: &'a Policy,
    /// Business time by owner.
    pub calendars: &'a Calendars,
    /// Up to when each kind of record is known.
    pub coverage: &'a Coverage,
    /// The instant of the judgement.
    pub now: Timestamp,
}

impl<'a> Context<'a> {
    /// The settings of a rule; `None` if the policy does not name it.
    pub(crate) fn rule(&self, rule: RuleId) -> Option<&'a RulePolicy> {
        self.policy.rules.get(&rule)
    }

    /// Where a rule's gaps go; a rule the policy does not name is off.
    pub(crate) fn delivery(&self, rule: RuleId) -> Delivery {
        self.rule(rule).map_or(Delivery::Off, |rule| rule.delivery)
    }

    /// The phrases in which an owner is written to.
    pub(crate) fn language(&self, owner: Option<&OwnerId>) -> &'a Language {
        let texts = &self.policy.texts;
        let own = self.calendars.language_of(owner);
        texts.language(own.unwrap_or_else(|| texts.team_language()))
    }

    /// The calendar of an owner.
    pub(crate) fn calendar(&self, owner: Option<&OwnerId>) -> &'a Calendar {
        self.calendars.of(owner)
    }
}

/// One millisecond: the resolution of records, and what lies between "at" and "after" an inclusive bound.
pub(crate) const TICK: SignedDuration = SignedDuration::from_millis(1);

/// Collects the earliest later instant at which time alone may change a verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wake {
    now: Timestamp,
    at: Option<Timestamp>,
}

impl Wake {
    /// Nothing is known to change yet.
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self { now, at: None }
    }

    /// The verdict may change at this instant; ignored unless it lies ahead.
    pub(crate) fn consider(&mut self, at: Timestamp) {
        if at > self.now && self.at.is_none_or(|known| at < known) {
            self.at = Some(at);
        }
    }

    /// Likewise, if there is such an instant.
    pub(crate) fn consider_any(&mut self, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.consider(at);
        }
    }

    /// The earliest of all.
    pub(crate) const fn at(self) -> Option<Timestamp> {
        self.at
    }
}

/// The first instant of the local day after the one `at` falls on.
pub(crate) fn start_of_next_day(calendar: &Calendar, at: Timestamp) -> Timestamp {
    calendar
        .date_on(at)
        .tomorrow()
        .map_or(Timestamp::MAX, |date| calendar.start_of(date))
}

/// The instant at which the owner's hours next open (if closed) or close (if open): the end of the stretch, not of
/// the day.
pub(crate) fn next_turn(calendar: &Calendar, at: Timestamp) -> Timestamp {
    if !calendar.is_open(at) {
        return calendar.next_opening(at);
    }
    let closing = calendar.closing_of_day(at);
    let is_whole = |to: Timestamp| calendar.business_between(at, to) == to.duration_since(at);
    if is_whole(closing) {
        return closing;
    }
    let (mut low, mut high) = (at.as_millisecond(), closing.as_millisecond());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let is_open_through = Timestamp::from_millisecond(middle).is_ok_and(is_whole);
        if is_open_through {
            low = middle;
        } else {
            high = middle;
        }
    }
    Timestamp::from_millisecond(low).unwrap_or(closing)
}

/// `at` plus a length, at the end of time if that is beyond it.
pub(crate) fn later(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_add(length).unwrap_or(Timestamp::MAX)
}
