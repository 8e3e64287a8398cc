//! `digest --owner`: what one rep is owed beside their tasks, and why it is not a task. Nothing of anybody else.

use std::collections::BTreeSet;

use followup_core::{OwnerId, Record, RecordKind, Task, TaskStatus};
use followup_rules::{
    Context, backlogs,
    calendar::Calendars,
    line_of,
    model::{Facts, Gap, Outcome},
    remote::Word,
};
use followup_store::{Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response, plan};
use crate::{
    engine::Engine,
    exit::Exit,
    planning::{self, Judged, PlanInputs},
};

/// Tasks read in one turn of the store.
const BATCH: usize = 1_000;

/// What one owner should know.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Digest {
    /// Who, by the id under which everything of theirs is counted.
    pub owner: String,
    /// As of when.
    pub as_of: Timestamp,
    /// The word of the language of the lines.
    pub language: String,
    /// Tasks of ours that are open.
    pub open_tasks: u32,
    /// Tasks of ours that were written today.
    pub new_today: u32,
    /// What waits for room under the caps, in the order in which it will come.
    pub queue: Vec<Item>,
    /// What is told here only.
    pub digest: Vec<Item>,
    /// What owners' lists hold.
    pub listed: Vec<Item>,
    /// What waits for a reason to pass.
    pub held: Vec<Item>,
    /// What cannot be judged, because data cannot be read.
    pub blocked: Vec<Item>,
    /// More open tasks past their date, whoever set them, than the policy bears.
    pub backlog: Option<Backlog>,
    /// Tasks of ours in which something was written that is not clear.
    pub unclear: Vec<Unclear>,
}

/// One gap.
#[derive(Debug, Serialize, Deserialize)]
pub struct Item {
    /// The rule.
    pub rule: String,
    /// The gap's id: `why` takes it.
    pub gap: String,
    /// The person or deal.
    pub subject: String,
    /// In one line.
    pub line: String,
    /// Since when it is owed.
    pub since: Timestamp,
    /// When the follow-up is due.
    pub due: Timestamp,
    /// Why it is not a task, where there is more to say than where it stands.
    pub reason: Option<String>,
}

/// Open tasks past their date.
#[derive(Debug, Serialize, Deserialize)]
pub struct Backlog {
    /// How many.
    pub overdue: u32,
    /// When the oldest of them was due.
    pub oldest_due: Timestamp,
    /// In the owner's language.
    pub lines: Vec<String>,
}

/// A word of the rep's that is not clear.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unclear {
    /// The task in the CRM.
    pub task: String,
    /// What would be.
    pub fix: String,
}

/// Judges everything, and tells what concerns one owner.
pub(super) async fn digest(engine: &Engine, who: &str) -> Result<Response, QueryError> {
    let now = engine.clock.now();
    let inputs = engine.inputs(now).await?;
    let connections: Vec<_> = engine
        .links
        .iter()
        .map(|link| link.connector.connection().clone())
        .collect();
    let owner = {
        let (who, calendars, connections) = (who.to_owned(), inputs.calendars.clone(), connections.clone());
        let found = engine.store.with(move |store| {
            let mut owners = Vec::new();
            for connection in &connections {
                owners.extend(store.owners(connection)?);
            }
            let is_meant = |owner: &&followup_core::Owner| {
                let is_address = owner
                    .email
                    .as_ref()
                    .is_some_and(|email| email.eq_ignore_ascii_case(&who));
                is_address || owner.id.record().to_string() == who
            };
            Ok(owners
                .iter()
                .find(is_meant)
                .map(|owner| calendars.person_of(&owner.id).clone()))
        });
        let missing =
            "no owner has this id or address; a task's owner in `followupd plan --json` is such an id";
        found
            .await?
            .ok_or_else(|| QueryError::NotFound(missing.to_owned()))?
    };
    let (judged, _) = plan::judge_all(engine, &inputs, now).await?;
    let mut tasks = Vec::new();
    for connection in connections {
        let mut place = None;
        loop {
            let (connection, from, owner) = (connection.clone(), place.take(), owner.clone());
            let calendars = inputs.calendars.clone();
            let (mut found, next) = engine
                .store
                .with(move |store| {
                    let (records, next) = store.records(&connection, RecordKind::Task, from, BATCH)?;
                    Ok((open_tasks(records, &owner, &calendars), next))
                })
                .await?;
            tasks.append(&mut found);
            place = next;
            if place.is_none() {
                break;
            }
        }
    }
    let digest = engine
        .store
        .with(move |store| Ok::<_, StoreError>(gather(store, &inputs, now, &owner, judged, &tasks)))
        .await?;
    Ok(Response::of(Exit::Ok, &digest))
}

/// The open tasks of one person, in any CRM.
fn open_tasks(records: Vec<Record>, owner: &OwnerId, calendars: &Calendars) -> Vec<Task> {
    let of_owner = |record| match record {
        Record::Task(task) => Some(task),
        _ => None,
    };
    let is_theirs = |task: &Task| {
        let has = task.owner.as_ref();
        task.status == TaskStatus::Open && has.is_some_and(|has| calendars.person_of(has) == owner)
    };
    records
        .into_iter()
        .filter_map(of_owner)
        .filter(is_theirs)
        .collect()
}

fn gather(
    store: &Store,
    inputs: &PlanInputs,
    now: Timestamp,
    owner: &OwnerId,
    mut judged: Judged,
    tasks: &[Task],
) -> Digest {
    let context = plan::context(inputs, now);
    plan::deliver(store, &mut judged, &context);
    let load = planning::owner_load(store, &context);
    let load = load.get(owner).copied().unwrap_or_default();
    let mut digest = Digest {
        owner: owner.to_string(),
        as_of: now,
        language: context
            .calendars
            .language_of(Some(owner))
            .unwrap_or_else(|| context.policy.texts.team_language())
            .to_owned(),
        open_tasks: load.open,
        new_today: load.new_today,
        unclear: unclear(store, owner, &context),
        ..Digest::default()
    };
    let mut told: BTreeSet<String> = BTreeSet::new();
    for (evaluation, facts) in judged.evaluations.iter().zip(&judged.facts) {
        let of_owner = |gap: &&Gap| {
            let has = gap.owner.as_ref().filter(|_| !gap.key.rule.is_for_admin());
            has.is_some_and(|has| context.calendars.person_of(has) == owner)
        };
        for gap in evaluation.gaps.iter().filter(of_owner) {
            if told.insert(gap.id().0) {
                digest.add(gap, facts, &context);
            }
        }
    }
    digest.sort();
    let mut backlog = backlogs(tasks, &context);
    digest.backlog = backlog.pop().map(|backlog| Backlog {
        overdue: backlog.overdue,
        oldest_due: backlog.oldest_due_at,
        lines: backlog.lines(&context),
    });
    digest
}

impl Digest {
    fn add(&mut self, gap: &Gap, facts: &Facts, context: &Context<'_>) {
        let (to, reason) = match &gap.outcome {
            Outcome::Task | Outcome::Folded(_) => return,
            Outcome::Queued => (&mut self.queue, None),
            Outcome::Digest => (&mut self.digest, None),
            Outcome::Bundled => (&mut self.listed, None),
            Outcome::Held(code) => (&mut self.held, Some(code.as_str().to_owned())),
            Outcome::Blocked(why) => (&mut self.blocked, Some(why.clone())),
        };
        to.push(Item {
            rule: gap.key.rule.to_string(),
            gap: gap.id().0,
            subject: gap.subject.to_string(),
            line: line_of(gap, facts, context),
            since: gap.anchor_at,
            due: gap.due_at,
            reason,
        });
    }

    /// By priority of the rules, then by age.
    fn sort(&mut self) {
        let rank = |item: &Item| {
            let rule = followup_rules::model::RuleId::parse(&item.rule);
            (rule, item.since, item.gap.clone())
        };
        for items in [
            &mut self.queue,
            &mut self.digest,
            &mut self.listed,
            &mut self.held,
            &mut self.blocked,
        ] {
            items.sort_by_cached_key(rank);
        }
    }
}

fn unclear(store: &Store, owner: &OwnerId, context: &Context<'_>) -> Vec<Unclear> {
    let is_unclear = |words: &[followup_store::ledger::WrittenWord]| {
        words
            .iter()
            .any(|word| Word::parse(&word.word) == Some(Word::Unclear))
    };
    let rows = store.ledger().tasks().filter(|row| row.closed.is_none());
    rows.filter(|row| context.calendars.person_of(&row.owner) == owner)
        .filter(|row| is_unclear(store.ledger().words(&row.key)))
        .filter_map(|row| row.remote())
        .map(|task| Unclear {
            task: task.to_string(),
            fix: "write `#later` with a length of time, as in `#later 10d` or `#later 2 weeks`".to_owned(),
        })
        .collect()
}
