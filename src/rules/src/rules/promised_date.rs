//! `promised-date`: a date a human set for a follow-up is long past.
//!
//! *Definition*: an open task of a human on a person or deal, 5 business days after it was due. *Default*: a line in the
//! owner's own digest until the task is done. The human's task is the reminder: we never write a second one, whatever the
//! policy's delivery says.
//!
//! *Traps*: a task that is due, or due a short while ago, is none of our business (and covers its subject for one business
//! day more); tasks of other tools are not promises; a task without a date promises nothing.

use followup_core::{Deal, Person, Task, TaskOrigin, TaskStatus};
use jiff::Timestamp;

use super::{Rule, Words};
use crate::{
    context::{Context, Wake},
    finding::{self, Finding, Found, State},
    index::{Human, Index, is_open_at},
    model::{Crossing, EvidenceKind, Gap, GapKey, RuleId, Subject},
    policy::{Due, Span},
    wording::Scene,
};

/// Only tasks are looked at.
const NEEDS: &[EvidenceKind] = &[EvidenceKind::Task];

/// The rule.
pub(super) struct PromisedDate;

impl Rule for PromisedDate {
    fn id(&self) -> RuleId {
        RuleId::PromisedDate
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        NEEDS
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let is_theirs = |task: &&Task| {
            let first = task.people.iter().find_map(|person| index.human_of(person));
            first.is_some_and(|first| first.shown.id == human.shown.id)
        };
        let tasks = index.facts.tasks.iter().filter(is_theirs);
        let findings = tasks
            .filter_map(|task| {
                let (_, opening) = clock(task, human.owner(), context)?;
                let named = task.deals.iter().filter_map(|deal| index.deal(deal));
                let mut open = named.filter(|deal| is_open_at(deal, opening));
                let deal = open
                    .next()
                    .or_else(|| finding::subject_at(human, index, None, opening));
                let subject = deal.map_or_else(|| human.subject(), |deal| Subject::Deal(deal.id.clone()));
                judge(task, Some(human.shown), subject, human.owner(), index, context)
            })
            .collect();
        found(findings, context)
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        let has_person = |task: &Task| task.people.iter().any(|person| index.human_of(person).is_some());
        let tasks = index.facts.tasks.iter();
        let findings = tasks
            .filter(|task| task.deals.contains(&deal.id) && !has_person(task))
            .filter_map(|task| {
                let subject = Subject::Deal(deal.id.clone());
                judge(task, None, subject, deal.owner.as_ref(), index, context)
            })
            .collect();
        Some(found(findings, context))
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let waited = super::wait_text(self.id(), finding, context);
        format!("a task somebody set is still open{waited} after it was due")
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "open task of a human, past its date".to_owned()
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let what = match gap.subject {
            Subject::Human(_) => scene.full_name(person),
            Subject::Deal(_) => scene.phrase("common.a_deal"),
        };
        let values: &[(&str, &str)] = &[
            ("what", what.as_str()),
            ("when", &scene.local(gap.anchor_at)),
            ("date", &scene.date(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("promised-date.headline", values),
            happened: vec![scene.say("promised-date.happened", values)],
            step: scene.phrase("promised-date.step"),
            closes: scene.phrase("promised-date.closes"),
        }
    }
}

fn found<'a>(findings: Vec<Finding<'a>>, context: &Context<'_>) -> Found<'a> {
    Found {
        findings,
        quiet: (
            "no_promise",
            "no task of a human is long past its date".to_owned(),
        ),
        wake: Wake::new(context.now),
    }
}

/// When the wait after a promised date is over, and when the gap opens; `None` if the task promises nothing.
fn clock(
    task: &Task,
    owner: Option<&followup_core::OwnerId>,
    context: &Context<'_>,
) -> Option<(Timestamp, Timestamp)> {
    let is_promise = task.origin == TaskOrigin::Human && task.status == TaskStatus::Open;
    let due_at = task.due_at.filter(|_| is_promise)?;
    let rule = context.rule(RuleId::PromisedDate);
    let calendar = context.calendar(task.owner.as_ref().or(owner));
    let deadline_at = calendar.add(due_at, rule.map_or(Span::BusinessDays(5), |rule| rule.within));
    let guard = rule.map(|rule| rule.guard).unwrap_or_default();
    Some((
        deadline_at,
        calendar.next_opening(finding::visible_at(deadline_at, guard)),
    ))
}

fn judge<'a>(
    task: &'a Task,
    record: Option<&'a Person>,
    subject: Subject,
    owner: Option<&'a followup_core::OwnerId>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Option<Finding<'a>> {
    let (deadline_at, _) = clock(task, owner, context)?;
    let due_at = task.due_at?;
    let key = GapKey {
        rule: RuleId::PromisedDate,
        anchor: task.id.record().clone(),
        crossing: Crossing::NONE,
    };
    let rule = context.rule(RuleId::PromisedDate);
    let owner = task.owner.as_ref().or(owner);
    let guard = rule.map(|rule| rule.guard).unwrap_or_default();
    Some(Finding {
        task: index.own_task(&key),
        key,
        record,
        subject,
        owner: owner.cloned(),
        anchor_at: due_at,
        deadline_at,
        visible_at: finding::visible_at(deadline_at, guard),
        due: rule.map_or(Due::ClosingOfNextDay, |rule| rule.due),
        state: State::Owed,
        weakness: Some("the task is its own reminder"),
        basis: Vec::new(),
        attempts: None,
        deal: None,
        handed: None,
    })
}
