//! What rules about deals and lists ask of a policy beside waits and due dates.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::Span;

/// Settings of rules about deals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealSettings {
    /// `no-next-step`: a deal is left alone for this long after it entered its stage.
    pub in_stage: Span,
    /// `no-next-step`: how many deals an owner's list names at most.
    pub top: u32,
    /// `stage-stalled`: no conversation for this long.
    pub contact_within: Span,
    /// `stage-stalled`: how many passages of won deals it takes to learn from them.
    pub passages_min: u32,
    /// `gone-quiet`: how many touches went without reply.
    pub touches_min: u32,
    /// `proposal-waiting`: how often it is asked at most.
    pub repeats: u32,
    /// `loop-in-leader`: the amount, in whole units of the deal's currency; `None` = nobody is asked.
    pub leader_amount: Option<i64>,
    /// `loop-in-leader`: the share of the amount, in percent, below which a deal falls before it can cross again.
    pub rearm_percent: u32,
    /// `loop-in-leader`: how long it is asked.
    pub leader_lasts: Span,
    /// `single-threaded`: the least amount, in whole units; `None` = any.
    pub single_threaded_amount: Option<i64>,
    /// `ask-review`, `ask-referral`: nobody is asked twice within.
    pub ask_again: Span,
    /// `required-field`: fields by stage, the stage in lower case.
    pub required_fields: BTreeMap<String, BTreeSet<DealField>>,
    /// From how many gaps of one low rule on an owner gets one list instead of a task for each.
    pub list_from: u32,
}

/// A field of a deal that a stage can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DealField {
    /// The amount.
    Amount,
    /// The expected close date.
    CloseDate,
    /// Somebody of the buyer's.
    Contact,
    /// The account.
    Account,
}

impl DealField {
    /// Every field, in order.
    pub const ALL: &'static [Self] = &[Self::Amount, Self::CloseDate, Self::Contact, Self::Account];

    /// The word used in policy files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::CloseDate => "close-date",
            Self::Contact => "contact",
            Self::Account => "account",
        }
    }

    /// What it is called in a text.
    pub const fn plain(self) -> &'static str {
        match self {
            Self::Amount => "an amount",
            Self::CloseDate => "a close date",
            Self::Contact => "a contact",
            Self::Account => "an account",
        }
    }
}

impl Default for DealSettings {
    fn default() -> Self {
        Self {
            in_stage: Span::BusinessDays(1),
            top: 5,
            contact_within: Span::BusinessDays(7),
            passages_min: 30,
            touches_min: 2,
            repeats: 3,
            leader_amount: None,
            rearm_percent: 90,
            leader_lasts: Span::BusinessDays(5),
            single_threaded_amount: None,
            ask_again: super::defaults::days(180),
            required_fields: BTreeMap::new(),
            list_from: 3,
        }
    }
}
