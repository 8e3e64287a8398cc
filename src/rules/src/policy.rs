//! The policy: what the team wants to be reminded of, when, and how often.
//!
//! Defaults are the ones of the rules' specification; every key of a policy file changes one of them.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::Source;
use jiff::SignedDuration;

use crate::model::{Code, RuleId};

/// A length of time with its unit: `m`/`h`/`d` are calendar time, `bm`/`bh`/`bd` the owner's business time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Elapsed calendar time.
    Calendar(SignedDuration),
    /// Elapsed time inside business hours.
    Business(SignedDuration),
    /// Business days, as `add_bt` counts them.
    BusinessDays(i32),
}

/// Where a true gap goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// A task in the CRM.
    Task,
    /// The digest only.
    Digest,
    /// Nowhere: the rule is off.
    Off,
}

/// When a gap is due, counted from its opening unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// This long after the clock started (the anchor's instant).
    AfterStart(Span),
    /// This long after the next opening (after-hours rules).
    AfterOpening(Span),
    /// Closing of the day the gap opened.
    ClosingOfDay,
    /// Closing of the next business day.
    ClosingOfNextDay,
}

/// The settings of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePolicy {
    /// Where a gap goes.
    pub delivery: Delivery,
    /// Allowed wait, where no table entry says otherwise.
    pub within: Span,
    /// Allowed wait by source (`demo`) or state (`deal`, `lead`, `contact`).
    pub within_by: BTreeMap<String, Span>,
    /// Due, where no table entry says otherwise.
    pub due: Due,
    /// Due by source or state.
    pub due_by: BTreeMap<String, Due>,
    /// Wait for late visibility.
    pub guard: SignedDuration,
    /// Older anchors never open a gap.
    pub max_age: Option<Span>,
}

/// How much one owner may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// New tasks per owner and local day.
    pub new_per_day: u32,
    /// Open tasks per owner.
    pub open: u32,
    /// Buyer-initiated rules may pass the caps up to this factor.
    pub hard_factor: u32,
}

/// The whole policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// First 12 hex digits of the SHA-256 of the policy's canonical form: equal policies have equal versions.
    pub version: String,
    /// By rule; every rule of [`RuleId::ALL`] is present.
    pub rules: BTreeMap<RuleId, RulePolicy>,
    /// Caps.
    pub caps: Caps,
    /// Person statuses that end all follow-up, lower-case.
    pub dead_statuses: BTreeSet<String>,
    /// Person statuses that mean "is a customer", lower-case.
    pub customer_statuses: BTreeSet<String>,
    /// Suppressors that are switched off.
    pub suppress_off: BTreeSet<Code>,
    /// Mail domains of tests and spam, lower-case.
    pub excluded_domains: BTreeSet<String>,
    /// Sources that never raise `first-touch`.
    pub silent_sources: BTreeSet<Source>,
    /// Ask for the human task when it is due after today and a buyer-initiated rule is true: raise our own.
    pub raise_beside_later_human_task: bool,
}
