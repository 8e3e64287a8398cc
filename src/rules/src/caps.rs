//! Caps: how many new and open tasks one owner gets. What is beyond waits, visibly.
//!
//! Buyers come first, then the order of rules, then age. Gaps a buyer raised pass the soft caps and stop at the hard
//! ones. A gap that goes into a task that is already open costs nothing. What was owed before a connection began to
//! write is a backlog: it waits for room under the soft caps, whoever raised it, so that the first days bring no flood.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{OwnerId, TaskStatus};
use jiff::Timestamp;

use crate::{
    bundles::{self, BundleOf, KnownBundles},
    context::{Context, start_of_next_day},
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

/// Marks gaps that an owner's caps leave no room for as [`Outcome::Queued`].
///
/// `load` is what each owner already has, by [`Calendars::person_of`](crate::calendar::Calendars::person_of). No list is
/// known to be open.
pub fn apply_caps(
    evaluations: &mut [Evaluation],
    load: &BTreeMap<OwnerId, OwnerLoad>,
    context: &Context<'_>,
) {
    apply_caps_with(evaluations, load, &KnownBundles::default(), context);
}

/// Likewise, with the lists that are open.
///
/// A new list costs its owner as much as one task, an open one nothing. Where enough gaps that a buyer raised find no room even under the hard cap, they make a list, which costs nothing.
pub fn apply_caps_with(
    evaluations: &mut [Evaluation],
    load: &BTreeMap<OwnerId, OwnerLoad>,
    known: &KnownBundles,
    context: &Context<'_>,
) {
    let mut pass = Pass {
        load: load.clone(),
        lists: BTreeMap::new(),
        admitted: BTreeSet::new(),
        overflow: BTreeMap::new(),
        known,
        context,
    };
    let mut queue: BTreeSet<Candidate> = BTreeSet::new();
    for (place, evaluation) in evaluations.iter().enumerate() {
        queue.extend(candidates(place, evaluation));
    }
    while let Some(next) = queue.pop_first() {
        let Some(evaluation) = evaluations.get_mut(next.3) else {
            continue;
        };
        if pass.admits(evaluation, &next) {
            pass.admitted.insert(next.2);
        } else {
            queue_gap(evaluation, &next.2, known, context);
            let again = candidates(next.3, evaluation);
            queue.extend(again.filter(|candidate| !pass.admitted.contains(&candidate.2)));
        }
    }
    pass.list_overflow(evaluations);
}

/// A gap that would open a new task or go into a list: rule, age and key, then the place of its evaluation.
type Candidate = (RuleId, Timestamp, GapKey, usize);

fn candidates(place: usize, evaluation: &Evaluation) -> impl Iterator<Item = Candidate> + '_ {
    evaluation
        .gaps
        .iter()
        .filter(|gap| matches!(gap.outcome, Outcome::Task | Outcome::Bundled))
        .map(move |gap| (gap.key.rule, gap.anchor_at, gap.key.clone(), place))
}

/// One pass over everything that is judged at once.
struct Pass<'p> {
    load: BTreeMap<OwnerId, OwnerLoad>,
    /// What was decided about new lists.
    lists: BTreeMap<BundleOf, bool>,
    /// What has its room.
    admitted: BTreeSet<GapKey>,
    /// What a buyer raised beyond the hard cap.
    overflow: BTreeMap<BundleOf, Vec<(usize, GapKey)>>,
    known: &'p KnownBundles,
    context: &'p Context<'p>,
}

impl Pass<'_> {
    /// Whether there is room for a gap.
    fn admits(&mut self, evaluation: &Evaluation, candidate: &Candidate) -> bool {
        let gap = evaluation.gaps.iter().find(|gap| gap.key == candidate.2);
        let Some(gap) = gap else { return true };
        if gap.outcome == Outcome::Bundled {
            return self.admits_to_list(gap, evaluation);
        }
        if has_open_task(evaluation) {
            return true;
        }
        let factor = factor(gap, self.context);
        let Some(owner) = &gap.owner else { return true };
        let owner = self.context.calendars.person_of(owner).clone();
        let has_room = take_room(self.load.entry(owner).or_default(), factor, self.context);
        if !has_room && factor > 1 && gap.key.rule != RuleId::AfterHoursLead {
            let list = bundles::list_of(gap, self.context);
            let overflow = self.overflow.entry(list).or_default();
            overflow.push((candidate.3, gap.key.clone()));
        }
        has_room
    }

    fn admits_to_list(&mut self, gap: &Gap, evaluation: &Evaluation) -> bool {
        let list = bundles::list_of(gap, self.context);
        if self.known.open.contains_key(&list) || bundles::has_any_task(evaluation) {
            return true;
        }
        if let Some(decided) = self.lists.get(&list) {
            return *decided;
        }
        let owner = list.1.clone();
        let has_room = owner.is_none_or(|owner| {
            let load = self.load.entry(owner).or_default();
            take_room(load, 1, self.context)
        });
        self.lists.insert(list, has_room);
        has_room
    }

    /// What a buyer raised beyond the hard cap goes into a list where there is enough of it.
    fn list_overflow(self, evaluations: &mut [Evaluation]) {
        let list_from = usize::try_from(self.context.policy.deals.list_from).unwrap_or(usize::MAX);
        for (list, gaps) in self.overflow {
            let is_enough = list_from > 0 && gaps.len() >= list_from;
            if !is_enough && !self.known.open.contains_key(&list) {
                continue;
            }
            for (place, key) in gaps {
                let all = evaluations
                    .get_mut(place)
                    .into_iter()
                    .flat_map(|one| &mut one.gaps);
                for gap in all.filter(|gap| gap.key == key) {
                    gap.outcome = Outcome::Bundled;
                }
            }
        }
    }
}

pub(crate) fn has_open_task(evaluation: &Evaluation) -> bool {
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

/// Queues a gap; what was folded into it may lead in its place.
fn queue_gap(evaluation: &mut Evaluation, key: &GapKey, known: &KnownBundles, context: &Context<'_>) {
    let owner = evaluation.gaps.iter().find(|gap| gap.key == *key);
    let owner = owner.and_then(|gap| gap.owner.clone());
    bundles::queue(evaluation, known, |gap| gap.key == *key);
    let again_at = start_of_next_day(context.calendar(owner.as_ref()), context.now);
    evaluation.wake_at = Some(evaluation.wake_at.map_or(again_at, |known| known.min(again_at)));
}
