//! Caps: how many new and open tasks one owner gets. What is beyond waits, visibly.
//!
//! Buyers come first, then the order of rules, then age. Gaps a buyer raised pass the soft caps and stop at the hard
//! ones. A gap that goes into a task that is already open costs nothing. What was owed before a connection began to
//! write is a backlog: it waits for room under the soft caps, whoever raised it, so that the first days bring no flood.

use std::collections::BTreeMap;

use followup_core::{OwnerId, TaskStatus};
use jiff::Timestamp;

use crate::{
    bundles,
    context::{Context, start_of_next_day},
    fold,
    model::{Evaluation, Gap, GapKey, Outcome, OwnTask, RuleId, TaskVerdict},
};

/// What an owner already has from us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnerLoad {
    /// Tasks created on the owner's local date.
    pub new_today: u32,
    /// Tasks that are open.
    pub open: u32,
}

/// Counts what every owner already has, in all CRMs together.
pub fn owner_load(own_tasks: &[OwnTask], context: &Context<'_>) -> BTreeMap<OwnerId, OwnerLoad> {
    let mut load: BTreeMap<OwnerId, OwnerLoad> = BTreeMap::new();
    for task in own_tasks {
        let Some(owner) = &task.owner else { continue };
        let calendar = context.calendar(Some(owner));
        let entry = load
            .entry(context.calendars.person_of(owner).clone())
            .or_default();
        if calendar.date_on(task.created_at) == calendar.date_on(context.now) {
            entry.new_today = entry.new_today.saturating_add(1);
        }
        if task.status == TaskStatus::Open {
            entry.open = entry.open.saturating_add(1);
        }
    }
    load
}

/// A gap that would open a new task.
struct Candidate {
    priority: (RuleId, Timestamp, GapKey),
    place: usize,
}

/// Marks gaps that an owner's caps leave no room for as [`Outcome::Queued`]; `load` is what each owner already has, by
/// [`Calendars::person_of`](crate::calendar::Calendars::person_of).
pub fn apply_caps(
    evaluations: &mut [Evaluation],
    load: &BTreeMap<OwnerId, OwnerLoad>,
    context: &Context<'_>,
) {
    let mut load = load.clone();
    let mut queue: Vec<Candidate> = evaluations
        .iter()
        .enumerate()
        .filter(|(_, evaluation)| !has_open_task(evaluation))
        .filter_map(|(place, evaluation)| candidate(place, evaluation))
        .collect();
    while let Some(next) = queue
        .iter()
        .enumerate()
        .min_by(|(_, a), (_, b)| (&a.priority, a.place).cmp(&(&b.priority, b.place)))
        .map(|(at, _)| at)
    {
        let candidate = queue.swap_remove(next);
        let Some(evaluation) = evaluations.get_mut(candidate.place) else {
            continue;
        };
        let Some(first) = lead_of(evaluation) else {
            continue;
        };
        let owner = first
            .owner
            .as_ref()
            .map(|owner| context.calendars.person_of(owner).clone());
        let factor = factor(first, context);
        let has_room = owner.is_none_or(|owner| take_room(load.entry(owner).or_default(), factor, context));
        if !has_room {
            queue_lead(evaluation, context);
            queue.extend(self::candidate(candidate.place, evaluation));
        }
    }
}

fn candidate(place: usize, evaluation: &Evaluation) -> Option<Candidate> {
    let gap = evaluation.gaps.iter().find(|gap| gap.outcome == Outcome::Task)?;
    Some(Candidate {
        priority: (gap.key.rule, gap.anchor_at, gap.key.clone()),
        place,
    })
}

fn lead_of(evaluation: &mut Evaluation) -> Option<&mut Gap> {
    evaluation
        .gaps
        .iter_mut()
        .find(|gap| gap.outcome == Outcome::Task)
}

fn has_open_task(evaluation: &Evaluation) -> bool {
    evaluation.tasks.iter().any(|(key, verdict)| {
        matches!(verdict, TaskVerdict::Keep | TaskVerdict::Snoozed(_)) && !bundles::is_bundle(key)
    })
}

/// How far beyond the soft caps a gap may go.
fn factor(gap: &Gap, context: &Context<'_>) -> u32 {
    let connection = &gap.subject.record().connection;
    let known = context.coverage.connections.get(connection);
    let is_backlog = known
        .and_then(|known| known.acting_since)
        .is_some_and(|since| gap.opened_at < since);
    if gap.key.rule.is_buyer_initiated() && !is_backlog {
        context.policy.caps.hard_factor.max(1)
    } else {
        1
    }
}

/// Takes room for one more task, if there is any.
fn take_room(load: &mut OwnerLoad, factor: u32, context: &Context<'_>) -> bool {
    let caps = context.policy.caps;
    let has_room = load.new_today < caps.new_per_day.saturating_mul(factor)
        && load.open < caps.open.saturating_mul(factor);
    if has_room {
        load.new_today = load.new_today.saturating_add(1);
        load.open = load.open.saturating_add(1);
    }
    has_room
}

/// Queues the leading gap; what was folded into it may lead in its place.
fn queue_lead(evaluation: &mut Evaluation, context: &Context<'_>) {
    let mut owner = None;
    if let Some(lead) = lead_of(evaluation) {
        owner.clone_from(&lead.owner);
        lead.outcome = Outcome::Queued;
    }
    fold::unfold(&mut evaluation.gaps);
    fold::fold(&mut evaluation.gaps);
    let again_at = start_of_next_day(context.calendar(owner.as_ref()), context.now);
    evaluation.wake_at = Some(evaluation.wake_at.map_or(again_at, |known| known.min(again_at)));
}
