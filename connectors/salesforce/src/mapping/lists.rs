//! What the mapping makes of an org's own lists, for whoever adapts it.

use followup_core::{
    OrgWord, Place, WordList,
    discovery::{CALL_OUTCOMES, SOURCES, stage_meaning},
};

use super::{Logged, Mapping};
use crate::org::Choice;

impl Mapping {
    /// Statuses of leads that are not converted.
    pub(crate) fn lead_statuses(&self, words: &[String]) -> WordList {
        let what = "lead statuses (Setup > Object Manager > Lead > Fields > Lead Status)";
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
        let what = "lead sources (Setup > Object Manager > Lead > Fields > Lead Source)";
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

    /// Statuses of tasks. Closed ones say themselves that they are.
    pub(crate) fn task_statuses(&self, words: &[Choice]) -> WordList {
        let name = "tasks.statuses";
        let what = "task statuses (Setup > Object Manager > Task > Fields > Status)";
        let mut list = WordList::new(name, what, "tasks.deferred_statuses", Place::Seen);
        for choice in words {
            let means = if choice.is_marked {
                Some("done".to_owned())
            } else if self.is_deferred(&choice.name) {
                Some("put off".to_owned())
            } else if choice.is_default {
                Some("to be done".to_owned())
            } else {
                self.seen.meaning(name, &choice.name)
            };
            list.add(&choice.name, None, means, "");
        }
        list.look_for(
            "tasks.deferred_statuses",
            &self.deferred_statuses,
            |word, known| known.is(word),
        );
        list
    }

    /// Types of tasks: a closed one of some types is a logged call or mail.
    pub(crate) fn task_types(&self, words: &[String]) -> WordList {
        let name = "tasks.types";
        let what = "task types (Setup > Object Manager > Task > Fields > Type)";
        let mut list = WordList::new(name, what, "tasks.call_types, tasks.email_types", Place::Seen);
        for word in words {
            let means = match self.logged(None, Some(word), None) {
                Logged::Call => Some("a logged call".to_owned()),
                Logged::Email(_) => Some("a logged mail".to_owned()),
                Logged::Neither => self.seen.meaning(name, word),
            };
            list.add(word, None, means, "");
        }
        let is = |word: &str, known: &OrgWord| known.is(word);
        list.look_for("tasks.call_types", &self.call_types, is);
        list.look_for("tasks.email_types", &self.email_types, is);
        list
    }

    /// Outcomes of calls, where the org made a list of them.
    pub(crate) fn call_dispositions(&self, words: &[String]) -> WordList {
        let what = "call results (Setup > Object Manager > Task > Fields > Call Result)";
        let mut list = WordList::new("calls.dispositions", what, CALL_OUTCOMES, Place::Patterns);
        for word in words {
            let lower = word.to_lowercase();
            let found = self
                .dispositions
                .iter()
                .find(|(known, _)| lower.contains(known.as_str()));
            let means = found.map(|(_, outcome)| outcome.as_str().to_owned());
            list.add(word, None, means, "unknown");
        }
        list
    }

    /// Open stages of opportunities.
    pub(crate) fn open_stages(&self, words: &[String]) -> WordList {
        let name = "deals.stages";
        let what = "open stages (Setup > Object Manager > Opportunity > Fields > Stage); closed ones say themselves \
                    what they are";
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
