//! The mapping file as it is written, and its checks.

use std::collections::BTreeMap;

use followup_core::{CallOutcome, SeenWords, Source};
use serde::Deserialize;

use super::{Mailboxes, Mapping};

/// Kinds of automation a write may set off (insert and update pages of v8, read 2026-11).
const TRIGGERS: &[&str] = &["workflow", "approval", "blueprint", "pathfinder", "orchestration"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMapping {
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
    open_status: String,
    done_statuses: Vec<String>,
    deferred_statuses: Vec<String>,
    high_priority: String,
    normal_priority: String,
    trigger: Vec<String>,
    withdraw_by_deleting: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalls {
    scheduled_statuses: Vec<String>,
    cancelled_statuses: Vec<String>,
    results: Vec<RawResult>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResult {
    contains: String,
    outcome: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMails {
    mailboxes: String,
    automated_sources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeetings {
    cancelled_titles: Vec<String>,
}

#[expect(clippy::struct_field_names, reason = "the keys of the file")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeals {
    won_stages: Vec<String>,
    lost_stages: Vec<String>,
    proposal_stages: Vec<String>,
    late_stages: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUsers {
    integration_types: Vec<String>,
}

/// Problems of a file, gathered.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, key: &str, problem: &str) {
        self.0.push(format!("{key}: {problem}"));
    }

    fn source(&mut self, key: &str, word: &str) -> Option<Source> {
        let class = Source::parse(word);
        if class.is_none() {
            let known: Vec<&str> = Source::ALL.iter().map(|source| source.as_str()).collect();
            self.add(key, &format!("`{word}` is none of {}", known.join(", ")));
        }
        class
    }

    fn outcome(&mut self, key: &str, word: &str) -> Option<CallOutcome> {
        let outcome = CallOutcome::parse(word);
        if outcome.is_none() {
            let known: Vec<&str> = CallOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
            self.add(key, &format!("`{word}` is none of {}", known.join(", ")));
        }
        outcome
    }

    /// The first word of a list that must not be empty.
    fn first(&mut self, key: &str, words: &[String]) -> String {
        if words.is_empty() {
            self.add(key, "name at least one value");
        }
        words.first().cloned().unwrap_or_default()
    }
}

impl RawMapping {
    /// The mapping, or everything that is wrong with it.
    pub(super) fn checked(self) -> Result<Mapping, Vec<String>> {
        let mut problems = Problems::default();
        let never_inbound = self
            .leads
            .never_inbound
            .iter()
            .filter_map(|word| problems.source("leads.never_inbound", word))
            .collect();
        let sources = self
            .sources
            .iter()
            .filter_map(|(key, word)| {
                let class = problems.source(&format!("sources.{key}"), word)?;
                Some((key.to_lowercase(), class))
            })
            .collect();
        let source_words = self
            .source_words
            .iter()
            .filter_map(|row| {
                let class = problems.source("source_words.source", &row.source)?;
                Some((row.contains.to_lowercase(), class))
            })
            .collect();
        let results = self.calls.outcomes(&mut problems);
        let mailboxes = mailboxes(&self.mails.mailboxes, &mut problems);
        self.tasks.check(&mut problems);
        let done_status = problems.first("tasks.done_statuses", &self.tasks.done_statuses);
        let deferred_status = problems.first("tasks.deferred_statuses", &self.tasks.deferred_statuses);
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        Ok(Mapping {
            never_inbound,
            is_inbound_when_unset: self.leads.unset_is_inbound,
            status: self
                .leads
                .status
                .into_iter()
                .map(|(key, word)| (key.to_lowercase(), word))
                .collect(),
            sources,
            source_words,
            key_field: self.tasks.key_field,
            open_status: self.tasks.open_status,
            done_status,
            done_statuses: lower_all(&self.tasks.done_statuses),
            deferred_status,
            deferred_statuses: lower_all(&self.tasks.deferred_statuses),
            high_priority: self.tasks.high_priority,
            normal_priority: self.tasks.normal_priority,
            trigger: self.tasks.trigger,
            withdraws_by_deleting: self.tasks.withdraw_by_deleting,
            scheduled_statuses: lower_all(&self.calls.scheduled_statuses),
            cancelled_statuses: lower_all(&self.calls.cancelled_statuses),
            results,
            mailboxes,
            automated_sources: lower_all(&self.mails.automated_sources),
            cancelled_titles: lower_all(&self.meetings.cancelled_titles),
            won_stages: lower_all(&self.deals.won_stages),
            lost_stages: lower_all(&self.deals.lost_stages),
            proposal_stages: lower_all(&self.deals.proposal_stages),
            late_stages: lower_all(&self.deals.late_stages),
            integration_types: lower_all(&self.users.integration_types),
            seen: self.seen,
        })
    }
}

impl RawCalls {
    fn outcomes(&self, problems: &mut Problems) -> Vec<(String, CallOutcome)> {
        let read = |row: &RawResult| {
            let outcome = problems.outcome("calls.results.outcome", &row.outcome)?;
            Some((row.contains.to_lowercase(), outcome))
        };
        self.results.iter().filter_map(read).collect()
    }
}

impl RawTasks {
    fn check(&self, problems: &mut Problems) {
        if !is_field_name(&self.key_field) {
            let problem = format!(
                "`{}` is no API name of a field; write it as Followupd_Key",
                self.key_field
            );
            problems.add("tasks.key_field", &problem);
        }
        for word in &self.trigger {
            if !TRIGGERS.contains(&word.as_str()) {
                problems.add(
                    "tasks.trigger",
                    &format!("`{word}` is none of {}", TRIGGERS.join(", ")),
                );
            }
        }
    }
}

fn mailboxes(word: &str, problems: &mut Problems) -> Mailboxes {
    match word {
        "auto" => Mailboxes::Auto,
        "synced" => Mailboxes::Synced,
        "unsynced" => Mailboxes::Unsynced,
        other => {
            let problem = format!("`{other}` is none of auto, synced, unsynced");
            problems.add("mails.mailboxes", &problem);
            Mailboxes::Auto
        }
    }
}

/// Letters, digits and underscores: harmless in a query.
fn is_field_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn lower_all(words: &[String]) -> Vec<String> {
    words.iter().map(|word| word.to_lowercase()).collect()
}
