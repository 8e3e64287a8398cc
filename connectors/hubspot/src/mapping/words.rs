//! What the mapping makes of a portal's own lists, for whoever adapts it.

use followup_core::{
    MeetingResult, OrgWord, Place, WordList,
    discovery::{CALL_OUTCOMES, stage_meaning},
};

use super::Mapping;

impl Mapping {
    /// Lifecycle stages.
    pub(crate) fn lifecycle_stages<'w>(&self, words: impl Iterator<Item = (&'w str, &'w str)>) -> WordList {
        let name = "leads.stages";
        let what = "lifecycle stages of contacts (Settings > Objects > Contacts > Lifecycle stage)";
        let choices = "leads.stages, leads.customer_stages";
        let mut list = WordList::new(name, what, choices, Place::Seen);
        for (word, label) in words {
            let lower = word.to_lowercase();
            let means = if self.lead_stages.contains(&lower) {
                Some("a lead".to_owned())
            } else if self.customer_stages.contains(&lower) {
                Some("a customer".to_owned())
            } else {
                self.seen.meaning(name, word)
            };
            list.add(word, Some(label), means, "");
        }
        let is = |word: &str, known: &OrgWord| known.is(word);
        list.look_for("leads.stages", &self.lead_stages, is);
        list.look_for("leads.customer_stages", &self.customer_stages, is);
        list
    }

    /// Lead statuses.
    pub(crate) fn lead_statuses<'w>(&self, words: impl Iterator<Item = (&'w str, &'w str)>) -> WordList {
        let what = "lead statuses of contacts (property hs_lead_status)";
        let choices = "a word of policy.toml, as unqualified; or the status itself";
        let mut list = WordList::new("status", what, choices, Place::Table);
        for (word, label) in words {
            list.add(
                word,
                Some(label),
                self.status.get(&word.to_lowercase()).cloned(),
                word,
            );
        }
        list.look_for("status", self.status.keys(), |word, known| known.is(word));
        list
    }

    /// Stages of lead records.
    pub(crate) fn lead_record_stages<'w>(&self, words: impl Iterator<Item = (&'w str, &'w str)>) -> WordList {
        let name = "lead_records.unqualified_stages";
        let what = "stages of lead records (Settings > Objects > Leads > Pipelines)";
        let mut list = WordList::new(name, what, "lead_records.unqualified_stages", Place::Seen);
        for (word, label) in words {
            let is_unqualified = self.is_lead_unqualified(Some(word));
            let means = if is_unqualified {
                Some("unqualified".to_owned())
            } else {
                self.seen.meaning(name, word)
            };
            list.add(word, Some(label), means, "");
        }
        list
    }

    /// Outcomes of calls.
    pub(crate) fn call_dispositions<'w>(&self, words: impl Iterator<Item = (&'w str, &'w str)>) -> WordList {
        let what = "call outcomes (Settings > Calling > Call setup)";
        let mut list = WordList::new("calls.dispositions", what, CALL_OUTCOMES, Place::Table);
        for (word, label) in words {
            let means = self.dispositions.get(&word.to_lowercase());
            let means = means.map(|outcome| outcome.as_str().to_owned());
            list.add(word, Some(label), means, "unknown");
        }
        list.look_for("calls.dispositions", self.dispositions.keys(), |word, known| {
            known.is(word)
        });
        list
    }

    /// Statuses of calls. What is not listed leaves the judgement to the duration.
    pub(crate) fn call_states<'w>(&self, words: impl Iterator<Item = (&'w str, &'w str)>) -> WordList {
        let name = "calls.statuses";
        let what = "statuses of calls (property hs_call_status); of those not mapped the duration decides";
        let mut list = WordList::new(name, what, "calls.statuses", Place::Seen);
        for (word, label) in words {
            let means = self.call_statuses.get(&word.to_lowercase());
            let means = means.map(|outcome| outcome.as_str().to_owned());
            list.add(
                word,
                Some(label),
                means.or_else(|| self.seen.meaning(name, word)),
                "",
            );
        }
        list.look_for(name, self.call_statuses.keys(), |word, known| known.is(word));
        list
    }

    /// Outcomes of meetings.
    pub(crate) fn meeting_words<'w>(&self, words: impl Iterator<Item = (&'w str, &'w str)>) -> WordList {
        let what = "meeting outcomes (Settings > Objects > Activities > Meetings)";
        let choices = "held, no-show, cancelled, moved, unknown";
        let mut list = WordList::new("meetings.outcomes", what, choices, Place::Table);
        for (word, label) in words {
            let means = self.meeting_outcomes.get(&outcome_key(word)).copied();
            list.add(
                &outcome_key(word).to_uppercase(),
                Some(label),
                means.map(result_word),
                "unknown",
            );
        }
        list.look_for(
            "meetings.outcomes",
            self.meeting_outcomes.keys(),
            |word, known| known.is(word),
        );
        list
    }

    /// Open stages of deals.
    pub(crate) fn open_stages<'w>(&self, words: impl Iterator<Item = (&'w str, &'w str)>) -> WordList {
        let name = "deals.stages";
        let what = "open deal stages (Settings > Objects > Deals > Pipelines); closed ones say themselves what they are";
        let choices = "deals.proposal_stages, deals.late_stages";
        let mut list = WordList::new(name, what, choices, Place::Seen);
        for (word, label) in words {
            let means =
                stage_meaning(self.stage_kind(word, Some(label))).or_else(|| self.seen.meaning(name, word));
            list.add(word, Some(label), means, "");
        }
        let fits = |word: &str, known: &OrgWord| {
            let label = known.label.as_deref().unwrap_or(&known.word);
            known.is(word) || label.to_lowercase().contains(word)
        };
        list.look_for("deals.proposal_stages", &self.proposal_stages, fits);
        list.look_for("deals.late_stages", &self.late_stages, fits);
        list
    }
}

/// As keys of `[meetings.outcomes]` are compared.
fn outcome_key(word: &str) -> String {
    word.trim().to_lowercase().replace([' ', '-'], "_")
}

fn result_word(result: MeetingResult) -> String {
    match result {
        MeetingResult::Held => "held",
        MeetingResult::NoShow => "no-show",
        MeetingResult::Cancelled => "cancelled",
        MeetingResult::Moved => "moved",
        MeetingResult::Unknown => "unknown",
    }
    .to_owned()
}
