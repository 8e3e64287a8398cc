//! The policy: what the team wants to be reminded of, when, and how often.
//!
//! Defaults are the ones of the rules' specification ([`Policy::default`]); every key of a policy file changes one of
//! them ([`Policy::from_toml`], [`Policy::with`]). `config/policy.toml` shows every key at its default.

mod canonical;
mod deals;
mod defaults;
mod exception;
mod feedback;
mod read;
mod span;

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{ActivityKind, Source};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use self::{
    deals::{DealField, DealSettings},
    exception::Exception,
    feedback::FeedbackSettings,
    span::SpanError,
};
use crate::{
    model::{Code, RuleId},
    problem::{
        Problem,
        document::{Document, Format},
        fields::Reader,
    },
    texts::Texts,
};

/// A length of time with its unit: `m`/`h`/`d` are calendar time, `bm`/`bh`/`bd` the owner's business time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Span {
    /// Elapsed calendar time.
    Calendar(SignedDuration),
    /// Elapsed time inside business hours.
    Business(SignedDuration),
    /// Business days, as `add_bt` counts them.
    BusinessDays(i32),
}

/// Where a true gap goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// A task in the CRM.
    Task,
    /// The digest only.
    Digest,
    /// Nowhere: the rule is off.
    Off,
}

/// When a gap is due, counted from its opening unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Where the team wrote down how this is done, for a line in the task.
    pub playbook: Option<String>,
}

/// How much one owner may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// New tasks per owner and local day.
    pub new_per_day: u32,
    /// Open tasks per owner.
    pub open: u32,
    /// Buyer-initiated rules may pass the caps up to this factor.
    pub hard_factor: u32,
}

/// The whole policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// First 12 hex digits of the SHA-256 of the policy's canonical form: equal policies have equal versions.
    pub version: String,
    /// By rule; every rule of [`RuleId::ALL`] is present.
    pub rules: BTreeMap<RuleId, RulePolicy>,
    /// Caps.
    pub caps: Caps,
    /// More overdue tasks than this are a backlog.
    pub backlog_over: u32,
    /// Person statuses that end all follow-up, lower-case.
    pub dead_statuses: BTreeSet<String>,
    /// Person statuses that mean "is a customer", lower-case.
    pub customer_statuses: BTreeSet<String>,
    /// Deals below this amount, in whole units of their currency, go to the digest; `None` = no floor.
    pub value_floor: Option<i64>,
    /// What is not asked of whom, by whose word.
    pub exceptions: Vec<Exception>,
    /// Suppressors that are switched off.
    pub suppress_off: BTreeSet<Code>,
    /// Mail domains of tests and spam, lower-case.
    pub excluded_domains: BTreeSet<String>,
    /// Sources that never raise `first-touch`.
    pub silent_sources: BTreeSet<Source>,
    /// Ask for the human task when it is due after today and a buyer-initiated rule is true: raise our own.
    pub raise_beside_later_human_task: bool,
    /// A record that a user created or edited less than this ago is left alone.
    pub grace: SignedDuration,
    /// A merge takes this long to settle.
    pub merge_settles: SignedDuration,
    /// Wait after a task of the same subject was completed or dismissed.
    pub cooldown: Span,
    /// How long a buyer counts as away who gives no return date.
    pub buyer_away: Span,
    /// Rules for which a mail sent by a CRM sequence counts as a touch.
    pub sequence_counts_as_touch: BTreeSet<RuleId>,
    /// Plans of attempts by name: `inbound`, `outbound`, `deal`, and any of the team's own.
    pub plans: BTreeMap<String, Plan>,
    /// Deal amounts at which the larger segments begin.
    pub segments: Segments,
    /// What rules about deals and lists ask for besides.
    pub deals: DealSettings,
    /// What reps say back, and from when on it counts.
    pub feedback: FeedbackSettings,
    /// What tasks say, by language.
    #[serde(skip)]
    pub texts: Texts,
}

/// How often and in which rhythm to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The wait after attempt 1, 2, …
    pub gaps: Vec<Span>,
    /// Attempts at most.
    pub max: u32,
    /// Mails among them at most.
    pub max_emails: u32,
    /// Explicit steps; empty = any channel, in the rhythm of `gaps`.
    pub steps: Vec<PlanStep>,
}

/// One step of an explicit plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// When it opens, counted from the start of the run of attempts.
    pub after: Span,
    /// How long it stays open; missed only after that.
    pub window: Span,
    /// The channel to use.
    pub channel: ActivityKind,
}

/// Amount bands in whole units of the deal's currency; a deal below both, or without amount, is small.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// Mid-sized deals begin here; `None` = no such band.
    pub mid_from: Option<i64>,
    /// Enterprise deals begin here; `None` = no such band.
    pub enterprise_from: Option<i64>,
}

impl Policy {
    /// Reads a policy file over the defaults.
    ///
    /// # Errors
    /// Every problem of the file: unknown keys, values of the wrong type or without unit.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, Vec<Problem>> {
        let document = Document::parse(text, file, Format::Toml)?;
        Self::default().with(&document)
    }

    /// This policy with the keys of a document laid over it.
    ///
    /// # Errors
    /// As [`Self::from_toml`].
    pub fn with(&self, document: &Document) -> Result<Self, Vec<Problem>> {
        let mut policy = self.clone();
        let reader = Reader::new(document);
        read::apply(&reader, &document.root, &mut policy);
        if reader.is_clean() {
            policy.version = canonical::version(&policy);
            Ok(policy)
        } else {
            Err(reader.into_problems())
        }
    }

    /// The same policy with every rule off that is not among these, by their words.
    #[must_use]
    pub fn limited_to(mut self, rules: &[&str]) -> Self {
        for (rule, settings) in &mut self.rules {
            if !rules.contains(&rule.as_str()) {
                settings.delivery = Delivery::Off;
            }
        }
        self.version = canonical::version(&self);
        self
    }

    /// Every setting by the key path under which a policy file sets it.
    pub fn settings(&self) -> BTreeMap<String, String> {
        canonical::lines(self)
    }

    /// The settings of a rule.
    pub fn rule(&self, rule: RuleId) -> RulePolicy {
        self.rules
            .get(&rule)
            .cloned()
            .unwrap_or_else(|| defaults::rule_policy(rule))
    }
}

impl RulePolicy {
    /// The allowed wait for a source or state.
    pub fn within_for(&self, word: &str) -> Span {
        self.within_by.get(word).copied().unwrap_or(self.within)
    }

    /// When a gap is due for a source or state.
    pub fn due_for(&self, word: &str) -> Due {
        self.due_by.get(word).copied().unwrap_or(self.due)
    }
}

#[cfg(test)]
mod tests;
