//! A policy over the past: what it would have asked for, judged at each earlier instant with what was known then.
//!
//! Nothing peeks ahead: an activity counts from the instant the CRM learned of it, a stage, an owner, a merge or a
//! conversion from the instant it happened. What a CRM keeps no dates of (status, flags, amount, close date, links) is
//! taken as it is today. Nobody works the tasks of a replay: each ends when the evidence says so, or expires.

use std::collections::BTreeSet;

use followup_core::{
    Activity, Deal, DealState, Editor, MeetingResult, OwnerId, OwnerSpell, Person, Stamp, Task, TaskStatus,
};
use jiff::Timestamp;

use crate::{
    context::{Context, TICK},
    evaluate::evaluate,
    model::{
        ClosedByUs, Coverage, Evaluation, Facts, Gap, Outcome, OwnTask, Readable, RuleId, Subject,
        TaskVerdict,
    },
    tasks::carrier,
};

/// Instants at which one subject is judged at most.
const MOMENTS_MAX: usize = 5_000;

/// A task that the policy would have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedTask {
    /// The rule that opened it.
    pub rule: RuleId,
    /// Whose list it would have been on.
    pub owner: Option<OwnerId>,
    /// When it would have been written.
    pub opened_at: Timestamp,
    /// How it would have ended; `None` = it would be open still.
    pub end: Option<(Timestamp, ReplayEnd)>,
}

/// How a replayed task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayEnd {
    /// The follow-up was recorded.
    Evidence,
    /// It stopped mattering.
    Moot,
    /// It was open for too long.
    Expired,
}

/// What a policy would have asked for about one subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// Tasks about the subject, by opening.
    pub tasks: Vec<ReplayedTask>,
    /// Entries in owners' lists, each gap once.
    pub listed: u32,
    /// More happened around the subject than is judged (5,000 instants); the last ones are missing.
    pub is_cut: bool,
}

/// Replays a policy over one subject from `since` to the context's instant, both inclusive.
///
/// The coverage says what can be read at all; that it was read in time is taken for granted. Anchors before `since` raise
/// nothing, as before a cutover. Caps concern all subjects together and are left to the caller.
pub fn replay(subject: &Subject, facts: &Facts, context: &Context<'_>, since: Timestamp) -> Replay {
    let coverage = read_in_time(context.coverage, since);
    let mut moments = moments(facts, since, context.now);
    let mut run = Run::default();
    let mut judged = 0;
    while let Some(now) = moments.pop_first() {
        judged += 1;
        if judged > MOMENTS_MAX {
            run.replay.is_cut = true;
            break;
        }
        let context_then = Context {
            coverage: &coverage,
            now,
            ..*context
        };
        let next = run.judge(subject, as_of(facts, now), &context_then);
        moments.extend(next.filter(|at| *at <= context.now));
    }
    run.replay.listed = u32::try_from(run.listed.len()).unwrap_or(u32::MAX);
    run.replay
}

/// A replay under way.
#[derive(Default)]
struct Run {
    replay: Replay,
    /// What the ledger would hold; the n-th is the n-th of the replay's.
    tasks: Vec<OwnTask>,
    listed: BTreeSet<crate::model::GapKey>,
}

impl Run {
    /// Judges one instant and carries out what follows; answers when to look again.
    fn judge(&mut self, subject: &Subject, mut known: Facts, context: &Context<'_>) -> Option<Timestamp> {
        known.own_tasks.clone_from(&self.tasks);
        let evaluation = evaluate(subject, &known, context);
        self.end_tasks(&evaluation, context.now);
        let listed = evaluation
            .gaps
            .iter()
            .filter(|gap| gap.outcome == Outcome::Bundled)
            .map(|gap| gap.key.clone());
        self.listed.extend(listed);
        let told = || {
            evaluation
                .gaps
                .iter()
                .filter(|gap| matches!(gap.outcome, Outcome::Task | Outcome::Folded(_)))
        };
        if let Some(carrier) = carrier(&evaluation, &known).map(|task| task.key.clone()) {
            for task in self.tasks.iter_mut().filter(|task| task.key == carrier) {
                let new: Vec<_> = told()
                    .map(|gap| gap.key.clone())
                    .filter(|key| !task.gaps.contains(key))
                    .collect();
                task.gaps.extend(new);
            }
            return evaluation.wake_at;
        }
        let lead = told().find(|gap| gap.outcome == Outcome::Task);
        let Some(lead) = lead.filter(|lead| !self.is_known(lead)) else {
            return evaluation.wake_at;
        };
        self.tasks.push(opened(lead, told(), context.now));
        self.replay.tasks.push(ReplayedTask {
            rule: lead.key.rule,
            owner: lead.owner.clone(),
            opened_at: context.now,
            end: None,
        });
        // The next judgement knows of the task.
        Some(context.now + TICK)
    }

    fn is_known(&self, lead: &Gap) -> bool {
        self.tasks.iter().any(|task| task.key == lead.id().task_key())
    }

    fn end_tasks(&mut self, evaluation: &Evaluation, now: Timestamp) {
        for (task, replayed) in self.tasks.iter_mut().zip(&mut self.replay.tasks) {
            let ended = match evaluation.tasks.get(&task.key) {
                Some(TaskVerdict::DoneEvidence(_)) => (ReplayEnd::Evidence, ClosedByUs::Evidence),
                Some(TaskVerdict::Moot(_)) => (ReplayEnd::Moot, ClosedByUs::Withdrawn),
                Some(TaskVerdict::Expired) => (ReplayEnd::Expired, ClosedByUs::Expired),
                _ => continue,
            };
            replayed.end = Some((now, ended.0));
            task.status = if ended.0 == ReplayEnd::Moot {
                TaskStatus::Deferred
            } else {
                TaskStatus::Done
            };
            task.completed_at = Some(now);
            task.closed_by_us = Some(ended.1);
        }
    }
}

fn opened<'g>(lead: &Gap, told: impl Iterator<Item = &'g Gap>, now: Timestamp) -> OwnTask {
    let folded = told.filter(|gap| gap.key != lead.key).map(|gap| gap.key.clone());
    OwnTask {
        key: lead.id().task_key(),
        gaps: std::iter::once(lead.key.clone()).chain(folded).collect(),
        subject: lead.subject.clone(),
        status: TaskStatus::Open,
        owner: lead.owner.clone(),
        created_at: now,
        completed_at: None,
        due_at: Some(lead.due_at),
        original_due_at: Some(lead.due_at),
        is_edited_by_human: false,
        closed_by_us: None,
        said: Vec::new(),
    }
}

/// What can be read was read in time; what is older than `since` is not acted on.
fn read_in_time(coverage: &Coverage, since: Timestamp) -> Coverage {
    let mut coverage = coverage.clone();
    coverage.subjects.clear();
    for connection in coverage.connections.values_mut() {
        connection.cutover = since;
        connection.acting_since = None;
        connection.is_awaited = false;
        for readable in connection.kinds.values_mut() {
            if matches!(readable, Readable::To(_)) {
                *readable = Readable::To(Timestamp::MAX);
            }
        }
    }
    coverage
}

/// The instants in a span at which something became known about a subject, `since` itself included.
fn moments(facts: &Facts, since: Timestamp, until: Timestamp) -> BTreeSet<Timestamp> {
    let people = facts.people.iter().flat_map(|person| {
        let merged_at = person.merged.as_ref().and_then(|merge| merge.at);
        let converted_at = person.converted.as_ref().map(|conversion| conversion.at);
        [
            Some(person.created_at),
            person.inquiry_at,
            merged_at,
            converted_at,
            person.flags.bounced_at,
        ]
        .into_iter()
        .flatten()
        .chain(person.owner_history.iter().map(|spell| spell.from))
    });
    let deals = facts.deals.iter().flat_map(|deal| {
        [deal.created_at, deal.stage_entered_at]
            .into_iter()
            .chain(deal.stage_history.iter().map(|entry| entry.entered_at))
            .chain(deal.owner_history.iter().map(|spell| spell.from))
    });
    let activities = facts.activities.iter().flat_map(|activity| {
        let meeting = activity.meeting.as_ref();
        let ends_at = meeting.map(|meeting| meeting.ends_at.unwrap_or(meeting.starts_at));
        [Some(known_at(activity)), ends_at].into_iter().flatten()
    });
    let tasks = facts
        .tasks
        .iter()
        .flat_map(|task| [Some(task.created_at), task.completed_at].into_iter().flatten());
    people
        .chain(deals)
        .chain(activities)
        .chain(tasks)
        .filter(|at| (since..=until).contains(at))
        .chain([since])
        .collect()
}

/// When the CRM learned of an activity.
fn known_at(activity: &Activity) -> Timestamp {
    activity.logged_at.max(activity.at)
}

/// Likewise with our own tasks as they stood then; what a human did to one that is open still is taken as it is today.
pub fn as_of_with_own_tasks(facts: &Facts, at: Timestamp) -> Facts {
    let mut own_tasks = facts.own_tasks.clone();
    own_tasks.retain(|task| task.created_at <= at);
    for task in &mut own_tasks {
        task.said.retain(|said| said.at <= at);
        if task.completed_at.is_some_and(|completed_at| completed_at > at) {
            task.status = TaskStatus::Open;
            task.completed_at = None;
            task.closed_by_us = None;
        }
    }
    Facts {
        own_tasks,
        ..as_of(facts, at)
    }
}

/// What could be read at an earlier instant, if everything that can be read now was read in time; the cutovers stand.
pub fn coverage_of(coverage: &Coverage) -> Coverage {
    let mut then = read_in_time(coverage, Timestamp::MIN);
    for (connection, known) in &mut then.connections {
        known.cutover = coverage
            .connections
            .get(connection)
            .map_or(known.cutover, |known| known.cutover);
    }
    then
}

/// The records as they were known at an instant, as far as they have dates; without tasks of ours.
pub fn as_of(facts: &Facts, at: Timestamp) -> Facts {
    let mut known = Facts {
        own_tasks: Vec::new(),
        ..facts.clone()
    };
    known.people.retain(|person| person.created_at <= at);
    known
        .people
        .iter_mut()
        .for_each(|person| rewind_person(person, at));
    known.deals.retain(|deal| deal.created_at <= at);
    known.deals.iter_mut().for_each(|deal| rewind_deal(deal, at));
    known.activities.retain(|activity| known_at(activity) <= at);
    for meeting in known
        .activities
        .iter_mut()
        .filter_map(|activity| activity.meeting.as_mut())
    {
        let is_ahead = meeting.ends_at.unwrap_or(meeting.starts_at) > at;
        if is_ahead && matches!(meeting.result, MeetingResult::Held | MeetingResult::NoShow) {
            meeting.result = MeetingResult::Unknown;
        }
    }
    rewind_tasks(&mut known.tasks, at);
    known
}

/// Leaves out what was written later, and opens again what was completed later.
pub(crate) fn rewind_tasks(tasks: &mut Vec<Task>, at: Timestamp) {
    tasks.retain(|task| task.created_at <= at);
    for task in tasks {
        if task.completed_at.is_some_and(|completed_at| completed_at > at) {
            task.status = TaskStatus::Open;
            task.completed_at = None;
        }
    }
}

fn rewind_person(person: &mut Person, at: Timestamp) {
    person.inquiry_at = person.inquiry_at.filter(|inquiry_at| *inquiry_at <= at);
    person.flags.bounced_at = person.flags.bounced_at.filter(|bounced_at| *bounced_at <= at);
    let is_later = |then: Option<Timestamp>| then.is_some_and(|then| then > at);
    if is_later(person.merged.as_ref().and_then(|merge| merge.at)) {
        person.merged = None;
    }
    if is_later(person.converted.as_ref().map(|conversion| conversion.at)) {
        person.converted = None;
    }
    rewind_owner(&mut person.owner, &mut person.owner_history, at);
    rewind_stamp(&mut person.stamp, at);
}

fn rewind_deal(deal: &mut Deal, at: Timestamp) {
    let last_change = deal.stage_entered_at;
    deal.stage_history.retain(|entry| entry.entered_at <= at);
    if last_change > at
        && let Some(entry) = deal.stage_history.last()
    {
        deal.stage.clone_from(&entry.stage);
        deal.stage_entered_at = entry.entered_at;
    }
    if last_change > at && deal.state != DealState::Open {
        // A deal is closed by its last change of stage.
        deal.state = DealState::Open;
    }
    rewind_owner(&mut deal.owner, &mut deal.owner_history, at);
    rewind_stamp(&mut deal.stamp, at);
}

fn rewind_owner(owner: &mut Option<OwnerId>, history: &mut Vec<OwnerSpell>, at: Timestamp) {
    let had_later = history.iter().any(|spell| spell.from > at);
    history.retain(|spell| spell.from <= at);
    if had_later && let Some(spell) = history.last() {
        owner.clone_from(&spell.owner);
    }
}

/// A later change tells nothing about who was at work then.
fn rewind_stamp(stamp: &mut Stamp, at: Timestamp) {
    if stamp.modified_at > at {
        stamp.modified_at = at;
        stamp.modified_by = Editor::Unknown;
    }
}
