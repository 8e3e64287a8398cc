//! The words of an org in the words of the rules, from `config/connectors/salesforce.toml`.
//!
//! The file in the repository is the built-in mapping; a connection may name its own copy. Every problem of a file is
//! reported at once.

mod lists;
mod words;

use std::collections::BTreeMap;

use followup_core::{CallOutcome, Direction, SeenWords, Source, StageKind};
use serde::Deserialize;

use words::{call_outcome, capture, direction, sight, source};

/// The mapping the program is built with.
const BUILTIN: &str = include_str!("../../../config/connectors/salesforce.toml");

/// Whether the user of the connection sees everybody's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The org is asked.
    Auto,
    /// It does, by whatever right.
    Whole,
    /// It does not.
    Partial,
}

/// Whether mails are where queries reach them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capture {
    /// Find out.
    Auto,
    /// Captured mails are records.
    Synced,
    /// They are not.
    Unsynced,
    /// Nothing captures mails.
    Absent,
}

/// What a closed task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    /// A call.
    Call,
    /// A mail; `true` if it went to a list.
    Email(bool),
    /// A to-do that was done.
    Neither,
}

/// A checked mapping. Keys and patterns are lower-case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    never_inbound: Vec<Source>,
    is_inbound_when_unset: bool,
    status: BTreeMap<String, String>,
    sources: BTreeMap<String, Source>,
    source_words: Vec<(String, Source)>,
    key_field: String,
    call_subtypes: Vec<String>,
    call_types: Vec<String>,
    email_subtypes: Vec<String>,
    email_types: Vec<String>,
    list_subtypes: Vec<String>,
    email_subjects: Vec<String>,
    deferred_statuses: Vec<String>,
    unset_direction: Direction,
    dispositions: Vec<(String, CallOutcome)>,
    capture: Capture,
    captured_sources: Vec<String>,
    automated_sources: Vec<String>,
    cancelled_subjects: Vec<String>,
    proposal_stages: Vec<String>,
    late_stages: Vec<String>,
    people_types: Vec<String>,
    sight: Sight,
    seen: SeenWords,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    leads: RawLeads,
    sources: BTreeMap<String, String>,
    source_words: Vec<RawSource>,
    tasks: RawTasks,
    calls: RawCalls,
    mails: RawMails,
    meetings: RawMeetings,
    deals: RawDeals,
    users: RawUsers,
    #[serde(default)]
    seen: SeenWords,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLeads {
    never_inbound: Vec<String>,
    unset_is_inbound: bool,
    status: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    contains: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTasks {
    key_field: String,
    call_subtypes: Vec<String>,
    call_types: Vec<String>,
    email_subtypes: Vec<String>,
    email_types: Vec<String>,
    list_subtypes: Vec<String>,
    email_subjects: Vec<String>,
    deferred_statuses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalls {
    unset_direction: String,
    dispositions: Vec<RawDisposition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDisposition {
    contains: String,
    outcome: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMails {
    einstein_capture: String,
    captured_sources: Vec<String>,
    automated_sources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeetings {
    cancelled_subjects: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeals {
    proposal_stages: Vec<String>,
    late_stages: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUsers {
    people_types: Vec<String>,
    #[serde(default = "auto")]
    sees_all_records: String,
}

fn auto() -> String {
    "auto".to_owned()
}

impl Mapping {
    /// The mapping in the repository's `config/connectors/salesforce.toml`.
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
        let mapping = Self::checked(raw, &mut problems);
        match mapping {
            Some(mapping) if problems.is_empty() => Ok(mapping),
            _ => Err(problems),
        }
    }

    fn checked(raw: RawMapping, problems: &mut Vec<String>) -> Option<Self> {
        let never_inbound = raw
            .leads
            .never_inbound
            .iter()
            .filter_map(|word| known("leads.never_inbound", word, source, problems))
            .collect();
        let sources = raw
            .sources
            .iter()
            .filter_map(|(key, word)| {
                let class = known(&format!("sources.{key}"), word, source, problems)?;
                Some((key.to_lowercase(), class))
            })
            .collect();
        let source_words = source_words(&raw.source_words, problems);
        let dispositions = dispositions(&raw.calls.dispositions, problems);
        let key_field = raw.tasks.key_field;
        if !is_field_name(&key_field) {
            problems.push(format!(
                "tasks.key_field: `{key_field}` is no name of a custom field; write it as FollowupKey__c"
            ));
        }
        let unset_direction = known(
            "calls.unset_direction",
            &raw.calls.unset_direction,
            direction,
            problems,
        );
        let capture = known(
            "mails.einstein_capture",
            &raw.mails.einstein_capture,
            capture,
            problems,
        );
        let sight = known(
            "users.sees_all_records",
            &raw.users.sees_all_records,
            sight,
            problems,
        );
        Some(Self {
            never_inbound,
            is_inbound_when_unset: raw.leads.unset_is_inbound,
            status: lower_keys(raw.leads.status),
            sources,
            source_words,
            key_field,
            call_subtypes: lower_all(&raw.tasks.call_subtypes),
            call_types: lower_all(&raw.tasks.call_types),
            email_subtypes: lower_all(&raw.tasks.email_subtypes),
            email_types: lower_all(&raw.tasks.email_types),
            list_subtypes: lower_all(&raw.tasks.list_subtypes),
            email_subjects: lower_all(&raw.tasks.email_subjects),
            deferred_statuses: lower_all(&raw.tasks.deferred_statuses),
            unset_direction: unset_direction?,
            dispositions,
            capture: capture?,
            captured_sources: lower_all(&raw.mails.captured_sources),
            automated_sources: lower_all(&raw.mails.automated_sources),
            cancelled_subjects: lower_all(&raw.meetings.cancelled_subjects),
            proposal_stages: lower_all(&raw.deals.proposal_stages),
            late_stages: lower_all(&raw.deals.late_stages),
            people_types: lower_all(&raw.users.people_types),
            sight: sight?,
            seen: raw.seen,
        })
    }

    /// The field that carries our key.
    pub(crate) fn key_field(&self) -> &str {
        &self.key_field
    }

    pub(crate) const fn sight(&self) -> Sight {
        self.sight
    }

    pub(crate) const fn capture(&self) -> Capture {
        self.capture
    }

    /// Whether a message with this source was captured from a mailbox.
    pub(crate) fn is_captured(&self, source: &str) -> bool {
        contains_any(&self.captured_sources, source)
    }

    /// Whether a message with this source was written by no rep and no buyer on that day.
    pub(crate) fn is_automated(&self, source: &str) -> bool {
        contains_any(&self.automated_sources, source)
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
        self.sources
            .get(&source)
            .or_else(|| {
                self.source_words
                    .iter()
                    .find(|(word, _)| source.contains(word.as_str()))
                    .map(|(_, class)| class)
            })
            .copied()
            .unwrap_or(Source::Other)
    }

    /// Whether a lead with this source came to us.
    pub(crate) fn is_inbound(&self, source: Option<&str>) -> bool {
        match source {
            None => self.is_inbound_when_unset,
            Some(_) => !self.never_inbound.contains(&self.source(source)),
        }
    }

    /// What a closed task is, by subtype, else by type, else by the opening of its subject.
    pub(crate) fn logged(&self, subtype: Option<&str>, kind: Option<&str>, subject: Option<&str>) -> Logged {
        let is = |words: &[String], word: Option<&str>| {
            word.is_some_and(|word| words.iter().any(|known| known.eq_ignore_ascii_case(word)))
        };
        if is(&self.call_subtypes, subtype) {
            return Logged::Call;
        }
        if is(&self.email_subtypes, subtype) {
            return Logged::Email(is(&self.list_subtypes, subtype));
        }
        if is(&self.call_types, kind) {
            return Logged::Call;
        }
        let subject = subject.unwrap_or_default().to_lowercase();
        if is(&self.email_types, kind) || starts_with_any(&self.email_subjects, &subject) {
            return Logged::Email(false);
        }
        Logged::Neither
    }

    pub(crate) fn is_deferred(&self, status: &str) -> bool {
        self.deferred_statuses.contains(&status.to_lowercase())
    }

    /// Which way a call went.
    pub(crate) fn call_direction(&self, call_type: Option<&str>) -> Direction {
        match call_type.map(str::to_lowercase).as_deref() {
            Some("inbound") => Direction::In,
            Some("outbound") => Direction::Out,
            Some("internal") => Direction::Internal,
            Some(_) => Direction::Unknown,
            None => self.unset_direction,
        }
    }

    /// How a call ended; `None` = not recorded.
    pub(crate) fn call_outcome(&self, disposition: Option<&str>) -> Option<CallOutcome> {
        let disposition = disposition?.to_lowercase();
        Some(
            self.dispositions
                .iter()
                .find(|(word, _)| disposition.contains(word.as_str()))
                .map_or(CallOutcome::Unknown, |(_, outcome)| *outcome),
        )
    }

    pub(crate) fn is_cancelled(&self, subject: &str) -> bool {
        starts_with_any(&self.cancelled_subjects, &subject.to_lowercase())
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
        user_type.is_none_or(|word| self.people_types.contains(&word.to_lowercase()))
    }
}

fn source_words(raw: &[RawSource], problems: &mut Vec<String>) -> Vec<(String, Source)> {
    raw.iter()
        .filter_map(|row| {
            let class = known("source_words.source", &row.source, source, problems)?;
            Some((row.contains.to_lowercase(), class))
        })
        .collect()
}

fn dispositions(raw: &[RawDisposition], problems: &mut Vec<String>) -> Vec<(String, CallOutcome)> {
    raw.iter()
        .filter_map(|row| {
            let key = "calls.dispositions.outcome";
            let outcome = known(key, &row.outcome, call_outcome, problems)?;
            Some((row.contains.to_lowercase(), outcome))
        })
        .collect()
}

/// Letters, digits and underscores: harmless in a query.
fn is_field_name(name: &str) -> bool {
    name.len() > 3
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.ends_with("__c")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn contains_any(words: &[String], text: &str) -> bool {
    let text = text.to_lowercase();
    words.iter().any(|word| text.contains(word.as_str()))
}

fn starts_with_any(words: &[String], lower: &str) -> bool {
    words.iter().any(|word| lower.starts_with(word.as_str()))
}

fn lower_keys(words: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let lower = |(key, word): (String, String)| (key.to_lowercase(), word);
    words.into_iter().map(lower).collect()
}

fn lower_all(words: &[String]) -> Vec<String> {
    words.iter().map(|word| word.to_lowercase()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_a_mapping_and_reads_as_the_vendor_documents() {
        let mapping = Mapping::builtin();
        assert_eq!(mapping.source(Some("Web")), Source::Other);
        assert_eq!(mapping.source(Some("Contact Us")), Source::ContactUs);
        assert_eq!(mapping.source(Some("Website: Demo request")), Source::Demo);
        assert_eq!(mapping.source(Some("Purchased List")), Source::List);
        assert_eq!(mapping.source(Some("Zzz")), Source::Other);
        assert!(mapping.is_inbound(None) && mapping.is_inbound(Some("Web")));
        assert!(!mapping.is_inbound(Some("Purchased List")));
        assert_eq!(mapping.status("Closed - Not Converted"), "unqualified");
        assert_eq!(mapping.status("Working - Contacted"), "Working - Contacted");
        assert_eq!(mapping.logged(Some("Call"), None, None), Logged::Call);
        assert_eq!(mapping.logged(Some("ListEmail"), None, None), Logged::Email(true));
        assert_eq!(
            mapping.logged(Some("Task"), None, Some("Email: offer")),
            Logged::Email(false)
        );
        assert_eq!(mapping.logged(Some("Task"), Some("Call"), None), Logged::Call);
        assert_eq!(
            mapping.logged(Some("Task"), None, Some("Call Ana")),
            Logged::Neither
        );
        assert_eq!(
            mapping.call_outcome(Some("Not Connected")),
            Some(CallOutcome::NoAnswer)
        );
        assert_eq!(
            mapping.call_outcome(Some("Connected - spoke")),
            Some(CallOutcome::Connected)
        );
        assert_eq!(
            mapping.call_outcome(Some("Correct Contact")),
            Some(CallOutcome::Unknown)
        );
        assert_eq!(mapping.call_outcome(None), None);
        assert_eq!(mapping.call_direction(None), Direction::Out);
        assert_eq!(mapping.call_direction(Some("Internal")), Direction::Internal);
        assert_eq!(mapping.stage_kind("Proposal/Price Quote"), StageKind::Proposal);
        assert_eq!(mapping.stage_kind("Negotiation/Review"), StageKind::Late);
        assert_eq!(mapping.stage_kind("Prospecting"), StageKind::Open);
        assert!(mapping.is_person(Some("Standard")) && !mapping.is_person(Some("AutomatedProcess")));
        assert!(mapping.is_cancelled("Canceled: Demo"));
    }

    #[test]
    fn every_unknown_word_and_key_is_reported_with_its_place() {
        let text = BUILTIN
            .replace("outcome = \"busy\"", "outcome = \"occupied\"")
            .replace("einstein_capture = \"auto\"", "einstein_capture = \"maybe\"")
            .replace("key_field = \"FollowupKey__c\"", "key_field = \"Key'; DELETE\"");
        let problems = Mapping::from_toml(&text).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        for place in [
            "calls.dispositions.outcome",
            "mails.einstein_capture",
            "tasks.key_field",
        ] {
            assert!(problems.iter().any(|problem| problem.contains(place)), "{place}");
        }
        let unknown = format!("{BUILTIN}\nrobots = []\n");
        assert!(Mapping::from_toml(&unknown).unwrap_err()[0].contains("robots"));
    }
}
