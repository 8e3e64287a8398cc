//! Everything one judgement rests on, without anything personal: enough to judge again, on any machine, to the same bytes.
//!
//! Names, addresses, numbers and what people wrote are replaced; ids, instants, flags and the CRM's own words for statuses
//! and stages stay, because the rules read them. What replaces an address keeps whether it is in a domain that the policy
//! excludes. Texts of tasks are no part of a judgement. Lists and caps concern all subjects together and are left out.

use std::collections::BTreeSet;

use followup_core::{OwnerId, RecordRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    calendar::Calendars,
    context::Context,
    evaluate,
    model::{Coverage, Evaluation, Facts, Gap, Outcome, Subject, TaskVerdict},
    policy::Policy,
};

/// What one judgement rests on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Evidence {
    /// What is judged.
    pub subject: Subject,
    /// As of when.
    pub now: Timestamp,
    /// The records around it.
    pub facts: Facts,
    /// What the team wants; without texts.
    pub policy: Policy,
    /// Who works when.
    pub calendars: Calendars,
    /// Up to when everything is known.
    pub coverage: Coverage,
}

impl Evidence {
    /// Gathers and redacts.
    pub fn of(subject: &Subject, facts: &Facts, context: &Context<'_>) -> Self {
        let mut evidence = Self {
            subject: subject.clone(),
            now: context.now,
            facts: facts.clone(),
            policy: context.policy.clone(),
            calendars: context.calendars.clone(),
            coverage: context.coverage.clone(),
        };
        evidence.leave_out_others();
        evidence.redact();
        evidence
    }

    /// The verdict, as one value whose text is the same wherever it is judged.
    pub fn verdict(&self) -> Value {
        let context = Context {
            policy: &self.policy,
            calendars: &self.calendars,
            coverage: &self.coverage,
            now: self.now,
        };
        told(&evaluate(&self.subject, &self.facts, &context))
    }

    /// Owners and records that are not among the facts.
    fn leave_out_others(&mut self) {
        let owners: BTreeSet<&OwnerId> = self.facts.owners.keys().collect();
        let calendars = &mut self.calendars;
        calendars.delegates.retain(|owner, _| owners.contains(owner));
        let delegates: BTreeSet<&OwnerId> = calendars.delegates.values().collect();
        calendars
            .by_owner
            .retain(|owner, _| owners.contains(owner) || delegates.contains(owner));
        calendars.same_person.retain(|owner, _| owners.contains(owner));
        calendars.languages.clear();
        let people = self.facts.people.iter().map(|person| person.id.record());
        let deals = self.facts.deals.iter().map(|deal| deal.id.record());
        let records: BTreeSet<&RecordRef> = people.chain(deals).chain([self.subject.record()]).collect();
        self.coverage
            .subjects
            .retain(|(record, _), _| records.contains(record));
        let background = &mut self.facts.background;
        background.leaders.retain(|owner, _| owners.contains(owner));
    }

    fn redact(&mut self) {
        let excluded = &self.policy.excluded_domains;
        for (place, person) in self.facts.people.iter_mut().enumerate() {
            person.name = format!("Person {place}");
            person.company = person.company.as_ref().map(|_| "Company".to_owned());
            for (nth, email) in person.emails.iter_mut().enumerate() {
                let domain = email
                    .rsplit_once('@')
                    .map(|(_, domain)| domain.to_ascii_lowercase());
                let domain = domain.filter(|domain| excluded.contains(domain));
                *email = format!("p{place}-{nth}@{}", domain.as_deref().unwrap_or("example.com"));
            }
            for (nth, phone) in person.phones.iter_mut().enumerate() {
                *phone = format!("+1 555 {:04}", (place * 10 + nth) % 10_000);
            }
        }
        for (place, deal) in self.facts.deals.iter_mut().enumerate() {
            deal.name = format!("Deal {place}");
        }
        for exception in &mut self.policy.exceptions {
            let owner = self.facts.owners.values().find(|owner| {
                let email = owner.email.as_deref();
                email.is_some_and(|email| email.eq_ignore_ascii_case(&exception.owner))
            });
            exception.owner = match owner {
                Some(owner) => owner.id.record().native_id.clone(),
                None if exception.owner.contains('@') => "somebody else".to_owned(),
                None => exception.owner.clone(),
            };
            "its author".clone_into(&mut exception.author);
            "its reason".clone_into(&mut exception.reason);
        }
        for (place, owner) in self.facts.owners.values_mut().enumerate() {
            owner.name = format!("Owner {place}");
            owner.email = owner.email.as_ref().map(|_| format!("o{place}@example.com"));
        }
        for activity in &mut self.facts.activities {
            // a keyed hash tells nothing elsewhere; that two are equal does
            activity.subject_hash = activity
                .subject_hash
                .take()
                .map(|hash| followup_core::text_hash(&hash));
        }
        for task in &mut self.facts.tasks {
            task.fields = None;
        }
    }
}

fn told(evaluation: &Evaluation) -> Value {
    let skips = evaluation.skips.iter().map(|skip| {
        json!({"gap": skip.key.id().0, "rule": skip.key.rule, "reason": skip.reason, "detail": skip.detail})
    });
    let tasks = evaluation.tasks.iter().map(|(key, verdict)| {
        let detail = match verdict {
            TaskVerdict::DoneEvidence(record) => json!(record.to_string()),
            TaskVerdict::Moot(why) => json!(why),
            TaskVerdict::Snoozed(until) => json!(until),
            _ => Value::Null,
        };
        json!({"task": key.as_str(), "verdict": verdict.as_str(), "detail": detail})
    });
    let reports = evaluation.reports.iter().map(|report| {
        json!({"rule": report.rule, "state": report.state, "reason": report.reason, "detail": report.detail,
            "wake_at": report.wake_at})
    });
    json!({
        "subject": evaluation.subject.to_string(),
        "gaps": evaluation.gaps.iter().map(gap).collect::<Vec<_>>(),
        "skips": skips.collect::<Vec<_>>(),
        "tasks": tasks.collect::<Vec<_>>(),
        "rules": reports.collect::<Vec<_>>(),
        "wake_at": evaluation.wake_at,
    })
}

fn gap(gap: &Gap) -> Value {
    let detail = match &gap.outcome {
        Outcome::Folded(rule) => json!(rule),
        Outcome::Held(code) => json!(code),
        Outcome::Blocked(why) => json!(why),
        _ => Value::Null,
    };
    json!({
        "gap": gap.id().0,
        "rule": gap.key.rule,
        "subject": gap.subject.to_string(),
        "owner": gap.owner.as_ref().map(ToString::to_string),
        "instead_of": gap.instead_of.as_ref().map(|away| away.owner.to_string()),
        "outcome": gap.outcome.as_str(),
        "detail": detail,
        "clause": gap.clause,
        "anchor": gap.key.anchor.to_string(),
        "anchor_at": gap.anchor_at,
        "deadline_at": gap.deadline_at,
        "opened_at": gap.opened_at,
        "due_at": gap.due_at,
        "evidence": gap.evidence,
        "suppressors": gap.suppressors,
    })
}
