//! Deals and the history of their stages.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, DealId, OwnerId, PersonId},
    person::{OwnerSpell, Stamp},
};

/// Whether a deal is still in play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DealState {
    /// In play.
    Open,
    /// Closed and won.
    Won,
    /// Closed and lost.
    Lost,
}

/// What a stage means to the rules, by the connection's mapping (default: by its name).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// Any open stage.
    Open,
    /// A quote or proposal is out.
    Proposal,
    /// Close to signing.
    Late,
}

/// A deal entered a stage at this instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageEntry {
    /// Stage id or name in the CRM's own words.
    pub stage: String,
    /// When it was entered.
    pub entered_at: Timestamp,
}

/// Revenue in play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// The record.
    pub id: DealId,
    /// Display name.
    pub name: String,
    /// Pipeline id, where the CRM has several.
    pub pipeline: Option<String>,
    /// Current stage in the CRM's own words (id).
    pub stage: String,
    /// What the stage means.
    pub stage_kind: StageKind,
    /// When the current stage was entered.
    pub stage_entered_at: Timestamp,
    /// Known stage entries, oldest first, the current one included.
    pub stage_history: Vec<StageEntry>,
    /// In play or closed.
    pub state: DealState,
    /// Amount in minor units of `currency` (cents).
    pub amount_minor: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// Who is responsible.
    pub owner: Option<OwnerId>,
    /// Known changes of owner, oldest first.
    pub owner_history: Vec<OwnerSpell>,
    /// When the record was created.
    pub created_at: Timestamp,
    /// Expected close date (no zone: a calendar date).
    pub close_on: Option<Date>,
    /// People on the deal.
    pub people: Vec<PersonId>,
    /// The account record, where linked.
    pub account: Option<AccountId>,
    /// CRM change stamp.
    pub stamp: Stamp,
}

/// Currencies without minor units (ISO 4217).
const WITHOUT_MINOR: &[&str] = &["CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND"];

/// Digits of the minor unit of a currency, by its code: an amount of 12.50 EUR is 1250 cents.
pub fn minor_digits(code: &str) -> u32 {
    if WITHOUT_MINOR.contains(&code) { 0 } else { 2 }
}
