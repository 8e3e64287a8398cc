//! What is known beside the records of a subject: what a team's history teaches, and what an admin states.
//!
//! All of it may be missing. A rule that needs it says what it falls back on.

use std::{collections::BTreeMap, sync::Arc};

use followup_core::{Deal, DealId, DealState, OwnerId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{calendar::Calendars, portable};

/// What is known beside the records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Background {
    /// How long won deals stayed in each stage; shared by all subjects.
    #[serde(with = "portable::shared")]
    pub stages: Arc<StageTable>,
    /// Segments that somebody stated; they win over the policy's amount bands.
    #[serde(with = "portable::pairs")]
    pub segments: BTreeMap<DealId, Segment>,
    /// Which amount a deal had from when on, oldest first. A deal without entry had its amount from the start.
    #[serde(with = "portable::pairs")]
    pub amounts: BTreeMap<DealId, Vec<AmountEntry>>,
    /// The leader of an owner.
    #[serde(with = "portable::pairs")]
    pub leaders: BTreeMap<OwnerId, OwnerId>,
}

/// How large a deal is, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Segment {
    /// Small.
    Smb,
    /// Mid-sized.
    Mid,
    /// Large.
    Enterprise,
}

impl Segment {
    /// The word used in policy files and cases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smb => "smb",
            Self::Mid => "mid",
            Self::Enterprise => "enterprise",
        }
    }
}

/// A deal got an amount at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmountEntry {
    /// When.
    pub at: Timestamp,
    /// Minor units of the deal's currency; `None` = the amount was emptied.
    pub amount_minor: Option<i64>,
}

/// A stage of a pipeline, in the CRM's own words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StageKey {
    /// The pipeline, where the CRM has several.
    pub pipeline: Option<String>,
    /// The stage.
    pub stage: String,
}

/// How long deals that were won later had stayed in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passages {
    /// How many passages were seen.
    pub count: u32,
    /// Four out of five passages took no longer: thousandths of a business day, in units of the mean day of the deal
    /// owner's calendar.
    pub p80_millidays: i64,
}

/// Passages by pipeline and stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTable {
    /// Every stage with at least one passage.
    #[serde(with = "portable::pairs")]
    pub stages: BTreeMap<StageKey, Passages>,
}

impl StageTable {
    /// Learns from deals in any state and order: each stay in a stage that a won deal left before it was won, in
    /// business time of its owner. The 80th percentile is the nearest rank: the smallest stay that at least four of five
    /// do not exceed.
    pub fn learn<'d>(deals: impl IntoIterator<Item = &'d Deal>, calendars: &Calendars) -> Self {
        let mut stays: BTreeMap<StageKey, Vec<i64>> = BTreeMap::new();
        for deal in deals.into_iter().filter(|deal| deal.state == DealState::Won) {
            let calendar = calendars.of(deal.owner.as_ref());
            let mean_day = calendar.mean_day();
            for (stage, from, to) in stays_of(deal) {
                let length = calendar.business_between(from, to);
                if let Some(millidays) = millidays_of(length, mean_day) {
                    let key = StageKey {
                        pipeline: deal.pipeline.clone(),
                        stage: stage.to_owned(),
                    };
                    stays.entry(key).or_default().push(millidays);
                }
            }
        }
        let stages = stays
            .into_iter()
            .filter_map(|(key, stays)| Some((key, passages_of(stays)?)))
            .collect();
        Self { stages }
    }

    /// What is known of the stage a deal is in.
    pub fn of(&self, deal: &Deal) -> Option<Passages> {
        let key = StageKey {
            pipeline: deal.pipeline.clone(),
            stage: deal.stage.clone(),
        };
        self.stages.get(&key).copied()
    }
}

/// The stages a deal entered and left: stage, first instant, last instant.
fn stays_of(deal: &Deal) -> impl Iterator<Item = (&str, Timestamp, Timestamp)> {
    let mut entries: Vec<(&str, Timestamp)> = deal
        .stage_history
        .iter()
        .map(|entry| (entry.stage.as_str(), entry.entered_at))
        .chain([(deal.stage.as_str(), deal.stage_entered_at)])
        .collect();
    entries.sort_by_key(|(_, entered_at)| *entered_at);
    entries.dedup_by(|a, b| a.0 == b.0);
    let left: Vec<Timestamp> = entries.iter().skip(1).map(|(_, at)| *at).collect();
    entries
        .into_iter()
        .zip(left)
        .map(|((stage, from), to)| (stage, from, to))
}

fn millidays_of(length: SignedDuration, mean_day: SignedDuration) -> Option<i64> {
    let millidays = length
        .as_millis()
        .checked_mul(1_000)?
        .checked_div(mean_day.as_millis())?;
    i64::try_from(millidays).ok()
}

fn passages_of(mut stays: Vec<i64>) -> Option<Passages> {
    stays.sort_unstable();
    let rank = (stays.len() * 4).div_ceil(5);
    let p80_millidays = *stays.get(rank.checked_sub(1)?)?;
    Some(Passages {
        count: u32::try_from(stays.len()).unwrap_or(u32::MAX),
        p80_millidays,
    })
}
