//! The words of a portal in the words of the rules, from `config/connectors/hubspot.toml`.
//!
//! The file in the repository is the built-in mapping; a connection may name its own copy. Every problem of a file is
//! reported at once.

mod words;

use std::collections::BTreeMap;

use followup_core::{
    CallOutcome, MeetingResult, SeenWords, Source, StageKind,
    discovery::{CALL_OUTCOMES, SOURCES},
};
use serde::Deserialize;

/// The mapping the program is built with.
const BUILTIN: &str = include_str!("../../../config/connectors/hubspot.toml");

/// A checked mapping. Keys are lower-case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    lead_stages: Vec<String>,
    customer_stages: Vec<String>,
    is_lead_when_unset: bool,
    is_inbound_without_inquiry: bool,
    never_inbound: Vec<Source>,
    status: BTreeMap<String, String>,
    unqualified_lead_stages: Vec<String>,
    inquiries: Vec<(String, Source)>,
    sources: BTreeMap<String, Source>,
    dispositions: BTreeMap<String, CallOutcome>,
    call_statuses: BTreeMap<String, CallOutcome>,
    meeting_outcomes: BTreeMap<String, MeetingResult>,
    proposal_stages: Vec<String>,
    late_stages: Vec<String>,
    seen: SeenWords,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    leads: RawLeads,
    status: BTreeMap<String, String>,
    #[serde(default)]
    lead_records: RawLeadRecords,
    inquiries: Vec<RawInquiry>,
    sources: BTreeMap<String, String>,
    calls: RawCalls,
    meetings: RawMeetings,
    deals: RawDeals,
    #[serde(default)]
    seen: SeenWords,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLeads {
    stages: Vec<String>,
    customer_stages: Vec<String>,
    unset_is_lead: bool,
    inbound_without_inquiry: bool,
    never_inbound: Vec<String>,
}

/// Absent in copies of older files.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLeadRecords {
    unqualified_stages: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInquiry {
    contains: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalls {
    dispositions: BTreeMap<String, String>,
    statuses: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeetings {
    outcomes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeals {
    proposal_stages: Vec<String>,
    late_stages: Vec<String>,
}

impl Mapping {
    /// The mapping in the repository's `config/connectors/hubspot.toml`.
    ///
    /// # Panics
    /// Never: a test loads that file.
    pub fn builtin() -> Self {
        Self::from_toml(BUILTIN).expect("the built-in mapping is loaded by a test")
    }

    /// The text of that file.
    pub const fn builtin_text() -> &'static str {
        BUILTIN
    }

    /// Reads a mapping file.
    ///
    /// # Errors
    /// Every problem, each with its key and what would be right.
    pub fn from_toml(text: &str) -> Result<Self, Vec<String>> {
        let raw: RawMapping =
            toml::from_str(text).map_err(|error| vec![error.to_string().trim_end().to_owned()])?;
        let mut problems = Vec::new();
        let mapping = Self {
            lead_stages: lower_all(&raw.leads.stages),
            customer_stages: lower_all(&raw.leads.customer_stages),
            is_lead_when_unset: raw.leads.unset_is_lead,
            is_inbound_without_inquiry: raw.leads.inbound_without_inquiry,
            never_inbound: raw
                .leads
                .never_inbound
                .iter()
                .filter_map(|word| known("leads.never_inbound", word, source, &mut problems))
                .collect(),
            status: raw
                .status
                .into_iter()
                .map(|(key, word)| (key.to_lowercase(), word))
                .collect(),
            unqualified_lead_stages: lower_all(&raw.lead_records.unqualified_stages),
            inquiries: raw
                .inquiries
                .iter()
                .filter_map(|inquiry| {
                    let class = known("inquiries.source", &inquiry.source, source, &mut problems)?;
                    Some((inquiry.contains.to_lowercase(), class))
                })
                .collect(),
            sources: table("sources", &raw.sources, source, &mut problems),
            dispositions: table(
                "calls.dispositions",
                &raw.calls.dispositions,
                call_outcome,
                &mut problems,
            ),
            call_statuses: table("calls.statuses", &raw.calls.statuses, call_outcome, &mut problems),
            meeting_outcomes: table(
                "meetings.outcomes",
                &raw.meetings.outcomes,
                meeting_result,
                &mut problems,
            ),
            proposal_stages: lower_all(&raw.deals.proposal_stages),
            late_stages: lower_all(&raw.deals.late_stages),
            seen: raw.seen,
        };
        if problems.is_empty() {
            Ok(mapping)
        } else {
            Err(problems)
        }
    }

    /// Whether a contact in this lifecycle stage is a lead.
    pub(crate) fn is_lead(&self, stage: Option<&str>) -> bool {
        stage.map_or(self.is_lead_when_unset, |stage| {
            self.lead_stages.contains(&stage.to_lowercase())
        })
    }

    /// The status of a contact: "customer" by stage; "unqualified" by its newest lead record; else its lead status in
    /// the policy's words, else the stage of that record as it is.
    pub(crate) fn status(
        &self,
        stage: Option<&str>,
        lead_status: Option<&str>,
        lead_stage: Option<&str>,
    ) -> Option<String> {
        if stage.is_some_and(|stage| self.customer_stages.contains(&stage.to_lowercase())) {
            return Some("customer".to_owned());
        }
        if self.is_lead_unqualified(lead_stage) {
            return Some("unqualified".to_owned());
        }
        let Some(word) = lead_status else {
            return lead_stage.map(str::to_owned);
        };
        Some(
            self.status
                .get(&word.to_lowercase())
                .cloned()
                .unwrap_or_else(|| word.to_owned()),
        )
    }

    /// Whether a lead record in this stage was given up.
    pub(crate) fn is_lead_unqualified(&self, lead_stage: Option<&str>) -> bool {
        lead_stage.is_some_and(|stage| {
            let stage = stage.to_lowercase();
            self.unqualified_lead_stages
                .iter()
                .any(|word| stage.contains(word.as_str()))
        })
    }

    /// The class of a form submission by its event name.
    pub(crate) fn inquiry(&self, event_name: &str) -> Source {
        let event_name = event_name.to_lowercase();
        self.inquiries
            .iter()
            .find(|(pattern, _)| event_name.contains(pattern))
            .map_or(Source::Other, |(_, class)| *class)
    }

    /// The class of a record by the way it was created.
    pub(crate) fn origin(&self, words: &[Option<&str>]) -> Source {
        words
            .iter()
            .flatten()
            .find_map(|word| self.sources.get(&word.to_lowercase()))
            .copied()
            .unwrap_or(Source::Other)
    }

    /// Whether a contact that never filled in a form came to us rather than being looked up by us.
    pub(crate) fn is_inbound_without_inquiry(&self, stage: Option<&str>, source: Source) -> bool {
        self.is_inbound_without_inquiry && self.is_lead(stage) && !self.never_inbound.contains(&source)
    }

    /// How a call ended: by disposition, else by status; `None` = not recorded.
    pub(crate) fn call_outcome(
        &self,
        disposition: Option<&str>,
        status: Option<&str>,
    ) -> Option<CallOutcome> {
        match disposition {
            Some(guid) => Some(
                self.dispositions
                    .get(&guid.to_lowercase())
                    .copied()
                    .unwrap_or(CallOutcome::Unknown),
            ),
            None => self.call_statuses.get(&status?.to_lowercase()).copied(),
        }
    }

    /// How a meeting ended. The vendor prints labels and not values, so spaces and underscores read alike.
    pub(crate) fn meeting_result(&self, outcome: Option<&str>) -> MeetingResult {
        outcome
            .map(|outcome| outcome.trim().to_lowercase().replace([' ', '-'], "_"))
            .and_then(|outcome| self.meeting_outcomes.get(&outcome).copied())
            .unwrap_or(MeetingResult::Unknown)
    }

    /// What a deal stage means, by its id and label.
    pub(crate) fn stage_kind(&self, id: &str, label: Option<&str>) -> StageKind {
        let id = id.to_lowercase();
        let label = label.unwrap_or_default().to_lowercase();
        let fits = |words: &[String]| {
            words
                .iter()
                .any(|word| *word == id || label.contains(word.as_str()))
        };
        if fits(&self.late_stages) {
            StageKind::Late
        } else if fits(&self.proposal_stages) {
            StageKind::Proposal
        } else {
            StageKind::Open
        }
    }
}

fn lower_all(words: &[String]) -> Vec<String> {
    words.iter().map(|word| word.to_lowercase()).collect()
}

fn table<T>(
    section: &str,
    raw: &BTreeMap<String, String>,
    read: fn(&str) -> Result<T, &'static str>,
    problems: &mut Vec<String>,
) -> BTreeMap<String, T> {
    raw.iter()
        .filter_map(|(key, word)| {
            let value = known(&format!("{section}.{key}"), word, read, problems)?;
            Some((key.to_lowercase(), value))
        })
        .collect()
}

fn known<T>(
    key: &str,
    word: &str,
    read: fn(&str) -> Result<T, &'static str>,
    problems: &mut Vec<String>,
) -> Option<T> {
    match read(word) {
        Ok(value) => Some(value),
        Err(expected) => {
            problems.push(format!("{key}: `{word}` is none of {expected}"));
            None
        }
    }
}

fn source(word: &str) -> Result<Source, &'static str> {
    Source::parse(word).ok_or(SOURCES)
}

fn call_outcome(word: &str) -> Result<CallOutcome, &'static str> {
    Ok(match word {
        "connected" => CallOutcome::Connected,
        "voicemail" => CallOutcome::Voicemail,
        "no-answer" => CallOutcome::NoAnswer,
        "busy" => CallOutcome::Busy,
        "wrong-number" => CallOutcome::WrongNumber,
        "missed" => CallOutcome::Missed,
        "declined" => CallOutcome::Declined,
        "unknown" => CallOutcome::Unknown,
        _ => return Err(CALL_OUTCOMES),
    })
}

fn meeting_result(word: &str) -> Result<MeetingResult, &'static str> {
    Ok(match word {
        "held" => MeetingResult::Held,
        "no-show" => MeetingResult::NoShow,
        "cancelled" => MeetingResult::Cancelled,
        "moved" => MeetingResult::Moved,
        "unknown" => MeetingResult::Unknown,
        _ => return Err("held, no-show, cancelled, moved, unknown"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_a_mapping_and_reads_as_the_vendor_documents() {
        let mapping = Mapping::builtin();
        assert_eq!(mapping.inquiry("Pricing page: Request a Demo"), Source::Demo);
        assert_eq!(mapping.inquiry("Home: newsletter"), Source::Other);
        assert_eq!(
            mapping.call_outcome(Some("F240BBAC-87c9-4f6e-bf70-924b57d47db7"), Some("BUSY")),
            Some(CallOutcome::Connected)
        );
        assert_eq!(
            mapping.call_outcome(Some("custom"), None),
            Some(CallOutcome::Unknown)
        );
        assert_eq!(mapping.call_outcome(None, Some("COMPLETED")), None);
        assert_eq!(mapping.meeting_result(Some("No show")), MeetingResult::NoShow);
        assert_eq!(mapping.stage_kind("contractsent", None), StageKind::Proposal);
        assert_eq!(mapping.stage_kind("17", Some("In negotiation")), StageKind::Late);
        assert_eq!(
            mapping.status(Some("customer"), Some("NEW"), None).unwrap(),
            "customer"
        );
        assert_eq!(
            mapping.status(None, Some("UNQUALIFIED"), None).unwrap(),
            "unqualified"
        );
        assert!(mapping.is_lead(None) && !mapping.is_lead(Some("opportunity")));
        assert!(!mapping.is_inbound_without_inquiry(Some("lead"), Source::Import));
    }

    #[test]
    fn every_unknown_word_and_key_is_reported_with_its_place() {
        let text = BUILTIN
            .replace("NO_SHOW = \"no-show\"", "NO_SHOW = \"absent\"")
            .replace("BUSY = \"busy\"", "BUSY = \"occupied\"");
        let problems = Mapping::from_toml(&text).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems
                .iter()
                .any(|problem| problem.contains("meetings.outcomes.NO_SHOW"))
        );
        let unknown = format!("{BUILTIN}\nstages_late = []\n");
        assert!(Mapping::from_toml(&unknown).unwrap_err()[0].contains("stages_late"));
    }
}
