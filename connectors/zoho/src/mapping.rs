//! The words of an org in the words of the rules, from `config/connectors/zoho.toml`.
//!
//! The file in the repository is the built-in mapping; a connection may name its own copy. Every problem of a file is
//! reported at once.

mod lists;
mod raw;

use std::collections::BTreeMap;

use followup_core::{CallOutcome, SeenWords, Source, StageKind};

use raw::RawMapping;

/// The mapping the program is built with.
const BUILTIN: &str = include_str!("../../../config/connectors/zoho.toml");

/// Whether received mails are visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mailboxes {
    /// Find out.
    Auto,
    /// They are.
    Synced,
    /// They are not.
    Unsynced,
}

/// What a call's status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallState {
    /// It took place, or nothing says otherwise.
    Made,
    /// It is still to be made.
    Scheduled,
    /// It was called off.
    Cancelled,
}

/// A checked mapping. Keys and patterns are lower-case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    never_inbound: Vec<Source>,
    is_inbound_when_unset: bool,
    status: BTreeMap<String, String>,
    sources: BTreeMap<String, Source>,
    source_words: Vec<(String, Source)>,
    pub(crate) key_field: String,
    pub(crate) open_status: String,
    pub(crate) done_status: String,
    done_statuses: Vec<String>,
    pub(crate) deferred_status: String,
    deferred_statuses: Vec<String>,
    high_priority: String,
    normal_priority: String,
    /// What our own tasks set off.
    pub(crate) trigger: Vec<String>,
    pub(crate) withdraws_by_deleting: bool,
    scheduled_statuses: Vec<String>,
    cancelled_statuses: Vec<String>,
    results: Vec<(String, CallOutcome)>,
    pub(crate) mailboxes: Mailboxes,
    automated_sources: Vec<String>,
    cancelled_titles: Vec<String>,
    won_stages: Vec<String>,
    lost_stages: Vec<String>,
    proposal_stages: Vec<String>,
    late_stages: Vec<String>,
    integration_types: Vec<String>,
    seen: SeenWords,
}

impl Mapping {
    /// The mapping in the repository's `config/connectors/zoho.toml`.
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
        raw.checked()
    }

    /// The lead status in the policy's words.
    pub(crate) fn status(&self, status: &str) -> String {
        self.status
            .get(&status.to_lowercase())
            .cloned()
            .unwrap_or_else(|| status.to_owned())
    }

    /// Whether a status has a word of the policy's own.
    pub(crate) fn knows_status(&self, status: &str) -> bool {
        self.status.contains_key(&status.to_lowercase())
    }

    /// The class of a lead source.
    pub(crate) fn source(&self, source: Option<&str>) -> Source {
        let Some(source) = source.map(str::to_lowercase) else {
            return Source::Other;
        };
        let by_word = || {
            self.source_words
                .iter()
                .find(|(word, _)| source.contains(word.as_str()))
        };
        match self.sources.get(&source) {
            Some(class) => *class,
            None => by_word().map_or(Source::Other, |(_, class)| *class),
        }
    }

    /// Whether a lead with this source came to us.
    pub(crate) fn is_inbound(&self, source: Option<&str>) -> bool {
        match source {
            None => self.is_inbound_when_unset,
            Some(_) => !self.never_inbound.contains(&self.source(source)),
        }
    }

    pub(crate) fn is_done(&self, status: &str) -> bool {
        self.done_statuses.contains(&status.to_lowercase())
    }

    pub(crate) fn is_deferred(&self, status: &str) -> bool {
        self.deferred_statuses.contains(&status.to_lowercase())
    }

    pub(crate) fn priority(&self, is_high: bool) -> &str {
        if is_high {
            &self.high_priority
        } else {
            &self.normal_priority
        }
    }

    pub(crate) fn call_state(&self, status: Option<&str>) -> CallState {
        let Some(status) = status.map(str::to_lowercase) else {
            return CallState::Made;
        };
        if self.cancelled_statuses.contains(&status) {
            CallState::Cancelled
        } else if self.scheduled_statuses.contains(&status) {
            CallState::Scheduled
        } else {
            CallState::Made
        }
    }

    /// How a call ended; `None` = not recorded.
    pub(crate) fn call_outcome(&self, result: Option<&str>) -> Option<CallOutcome> {
        let result = result?.to_lowercase();
        let found = self
            .results
            .iter()
            .find(|(word, _)| result.contains(word.as_str()));
        Some(found.map_or(CallOutcome::Unknown, |(_, outcome)| *outcome))
    }

    /// Whether a mail from this source was sent by no rep.
    pub(crate) fn is_automated(&self, source: &str) -> bool {
        contains_any(&self.automated_sources, source)
    }

    pub(crate) fn is_cancelled(&self, title: &str) -> bool {
        let title = title.to_lowercase();
        self.cancelled_titles
            .iter()
            .any(|opening| title.starts_with(opening.as_str()))
    }

    /// Whether a stage that no pipeline names is a win (`Some(true)`) or a loss.
    pub(crate) fn closing(&self, stage: &str) -> Option<bool> {
        let stage = stage.to_lowercase();
        if self.won_stages.contains(&stage) {
            Some(true)
        } else {
            self.lost_stages.contains(&stage).then_some(false)
        }
    }

    /// What an open stage means.
    pub(crate) fn stage_kind(&self, stage: &str) -> StageKind {
        if contains_any(&self.late_stages, stage) {
            StageKind::Late
        } else if contains_any(&self.proposal_stages, stage) {
            StageKind::Proposal
        } else {
            StageKind::Open
        }
    }

    /// Whether a user of this type is a person. A type nobody shows is taken for one.
    pub(crate) fn is_person(&self, user_type: Option<&str>) -> bool {
        !user_type.is_some_and(|word| contains_any(&self.integration_types, word))
    }
}

fn contains_any(words: &[String], text: &str) -> bool {
    let text = text.to_lowercase();
    words.iter().any(|word| text.contains(word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_a_mapping_and_reads_as_the_vendor_documents() {
        let mapping = Mapping::builtin();
        assert_eq!(mapping.source(Some("Web Form")), Source::Other);
        assert_eq!(mapping.source(Some("Demo Request")), Source::Demo);
        assert_eq!(mapping.source(Some("Web Download")), Source::ContentDownload);
        assert_eq!(mapping.source(Some("Purchased List")), Source::List);
        assert_eq!(mapping.source(Some("Zzz")), Source::Other);
        assert!(mapping.is_inbound(None) && mapping.is_inbound(Some("Web Form")));
        assert!(!mapping.is_inbound(Some("Cold Call")));
        assert_eq!(mapping.status("junk lead"), "unqualified");
        assert_eq!(mapping.status("Contacted"), "Contacted");
        assert!(mapping.is_done("completed") && mapping.is_deferred("Deferred"));
        assert_eq!(
            mapping.call_outcome(Some("No response/Busy")),
            Some(CallOutcome::NoAnswer)
        );
        assert_eq!(
            mapping.call_outcome(Some("Not interested")),
            Some(CallOutcome::Declined)
        );
        assert_eq!(
            mapping.call_outcome(Some("Interested")),
            Some(CallOutcome::Connected)
        );
        assert_eq!(mapping.call_outcome(Some("hm")), Some(CallOutcome::Unknown));
        assert_eq!(mapping.call_outcome(None), None);
        assert_eq!(mapping.call_state(Some("Scheduled")), CallState::Scheduled);
        assert_eq!(mapping.call_state(Some("Completed")), CallState::Made);
        assert_eq!(mapping.closing("Closed Won"), Some(true));
        assert_eq!(mapping.closing("Closed-Lost to Competition"), Some(false));
        assert_eq!(mapping.stage_kind("Negotiation/Review"), StageKind::Late);
        assert_eq!(mapping.stage_kind("Proposal/Price Quote"), StageKind::Proposal);
        assert_eq!(mapping.mailboxes, Mailboxes::Auto);
        assert!(mapping.trigger.is_empty());
    }

    #[test]
    fn every_problem_of_a_file_is_told_with_its_key() {
        let text = BUILTIN
            .replace(
                "never_inbound = [\"import\", \"list\", \"api\"]",
                "never_inbound = [\"imports\"]",
            )
            .replace("key_field = \"Followupd_Key\"", "key_field = \"x' or id > '0\"")
            .replace("trigger = []", "trigger = [\"everything\"]")
            .replace("mailboxes = \"auto\"", "mailboxes = \"perhaps\"")
            .replace("done_statuses = [\"Completed\"]", "done_statuses = []");
        let problems = Mapping::from_toml(&text).unwrap_err();
        for key in [
            "leads.never_inbound",
            "tasks.key_field",
            "tasks.trigger",
            "mails.mailboxes",
            "tasks.done_statuses",
        ] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(key)),
                "{key}: {problems:?}"
            );
        }
        let problems = Mapping::from_toml("[lead]").unwrap_err();
        assert_eq!(problems.len(), 1);
    }
}
