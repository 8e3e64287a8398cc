//! What the mapping makes of an org's own lists, for whoever adapts it.

use followup_core::{
    OrgWord, Place, WordList,
    discovery::{CALL_OUTCOMES, SOURCES, stage_meaning},
};

use super::{CallState, Mapping};

impl Mapping {
    /// Lead statuses.
    pub(crate) fn lead_statuses(&self, words: &[String]) -> WordList {
        let what = "lead statuses (Setup > Modules and Fields > Leads > Lead Status)";
        let choices = "a word of policy.toml, as unqualified; or the status itself";
        let mut list = WordList::new("leads.status", what, choices, Place::Table);
        for word in words {
            let means = self.status.get(&word.to_lowercase()).cloned();
            list.add(word, None, means, word);
        }
        list.look_for("leads.status", self.status.keys(), |word, known| known.is(word));
        list
    }

    /// Lead sources.
    pub(crate) fn lead_sources(&self, words: &[String]) -> WordList {
        let what = "lead sources (Setup > Modules and Fields > Leads > Lead Source)";
        let mut list = WordList::new("sources", what, SOURCES, Place::Table);
        for word in words {
            let lower = word.to_lowercase();
            let is_known = self.sources.contains_key(&lower)
                || self
                    .source_words
                    .iter()
                    .any(|(known, _)| lower.contains(known.as_str()));
            let means = is_known.then(|| self.source(Some(word)).as_str().to_owned());
            list.add(word, None, means, "other");
        }
        list.look_for("sources", self.sources.keys(), |word, known| known.is(word));
        list
    }

    /// Statuses of tasks, and what new, completed and withdrawn ones are called.
    pub(crate) fn task_statuses(&self, words: &[String]) -> WordList {
        let name = "tasks.statuses";
        let what = "task statuses (Setup > Modules and Fields > Tasks > Status)";
        let choices = "tasks.open_status, tasks.done_statuses, tasks.deferred_statuses";
        let mut list = WordList::new(name, what, choices, Place::Seen);
        for word in words {
            let means = if self.is_done(word) {
                Some("done".to_owned())
            } else if self.is_deferred(word) {
                Some("put off".to_owned())
            } else if word.eq_ignore_ascii_case(&self.open_status) {
                Some("to be done".to_owned())
            } else {
                self.seen.meaning(name, word)
            };
            list.add(word, None, means, "");
        }
        let is = |word: &str, known: &OrgWord| known.is(word);
        list.look_for("tasks.open_status", [&self.open_status], is);
        list.look_for("tasks.done_statuses", &self.done_statuses, is);
        list.look_for("tasks.deferred_statuses", &self.deferred_statuses, is);
        list
    }

    /// Priorities of tasks: two of them are written.
    pub(crate) fn task_priorities(&self, words: &[String]) -> WordList {
        let name = "tasks.priorities";
        let what = "task priorities (Setup > Modules and Fields > Tasks > Priority)";
        let choices = "tasks.high_priority, tasks.normal_priority";
        let mut list = WordList::new(name, what, choices, Place::Seen);
        for word in words {
            let means = if word.eq_ignore_ascii_case(&self.high_priority) {
                Some("urgent".to_owned())
            } else if word.eq_ignore_ascii_case(&self.normal_priority) {
                Some("usual".to_owned())
            } else {
                self.seen.meaning(name, word)
            };
            list.add(word, None, means, "");
        }
        let is = |word: &str, known: &OrgWord| known.is(word);
        list.look_for("tasks.high_priority", [&self.high_priority], is);
        list.look_for("tasks.normal_priority", [&self.normal_priority], is);
        list
    }

    /// Statuses of calls: some did not take place, or not yet.
    pub(crate) fn call_states(&self, words: &[String]) -> WordList {
        let name = "calls.statuses";
        let what = "call statuses (Setup > Modules and Fields > Calls); a call with any other took place";
        let choices = "calls.scheduled_statuses, calls.cancelled_statuses";
        let mut list = WordList::new(name, what, choices, Place::Seen);
        for word in words {
            let means = match self.call_state(Some(word)) {
                CallState::Scheduled => Some("still to be made".to_owned()),
                CallState::Cancelled => Some("called off".to_owned()),
                CallState::Made => self.seen.meaning(name, word),
            };
            list.add(word, None, means, "");
        }
        list
    }

    /// Results of calls.
    pub(crate) fn call_results(&self, words: &[String]) -> WordList {
        let what = "call results (Setup > Modules and Fields > Calls > Call Result)";
        let mut list = WordList::new("calls.results", what, CALL_OUTCOMES, Place::Patterns);
        for word in words {
            let lower = word.to_lowercase();
            let found = self
                .results
                .iter()
                .find(|(known, _)| lower.contains(known.as_str()));
            let means = found.map(|(_, outcome)| outcome.as_str().to_owned());
            list.add(word, None, means, "unknown");
        }
        list
    }

    /// Open stages of deals.
    pub(crate) fn open_stages(&self, words: &[String]) -> WordList {
        let name = "deals.stages";
        let what = "open deal stages (Setup > Pipelines); closed ones say themselves what they are";
        let choices = "deals.proposal_stages, deals.late_stages";
        let mut list = WordList::new(name, what, choices, Place::Seen);
        for word in words {
            let means = stage_meaning(self.stage_kind(word)).or_else(|| self.seen.meaning(name, word));
            list.add(word, None, means, "");
        }
        let holds = |word: &str, known: &OrgWord| known.holds(word);
        list.look_for("deals.proposal_stages", &self.proposal_stages, holds);
        list.look_for("deals.late_stages", &self.late_stages, holds);
        list
    }
}
