//! Lists: one task of an owner for several gaps of one rule.
//!
//! Some rules are always delivered by a list; of the low ones (attempts, hygiene) three new gaps at once make one; and so
//! do three that a buyer raised beyond the owner's hard cap. Of deals without a next step a list names the top few, the
//! rest waits. On the first day after a leave, what became due meanwhile makes one list, whatever rules it is of.
//!
//! A list is an owner's, not a subject's: its key is made of the rule, the owner and the day on which its period begins,
//! so that a second list for the same period cannot be written, whatever was forgotten. It is longer than the key of a
//! gap, by which the two are told apart. A list that is open takes in what comes later; one that the rep settled is
//! followed by the next one in the next period. It closes when the last of its gaps is gone. A gap stays in the list that
//! holds it, whoever has that list now, and through whatever holds it back for a while: as a task of its own would stay
//! open. A list that dropped it and took it in again would tell the rep of it twice.

mod text;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use followup_core::{OwnerId, TaskKey};
use jiff::{Timestamp, civil::Date};
use sha2::{Digest, Sha256};

pub use self::text::{lint_bundle, render_bundle};
use crate::{
    calendar::Calendar,
    caps,
    context::Context,
    fold,
    model::{Evaluation, Gap, GapKey, Outcome, RuleId, TaskVerdict},
};

/// How many hex digits the key of a list has; that of a gap has 32.
const KEY_DIGITS: usize = 40;

/// Most gaps in one list: its marker names them all, and every change of one has the others judged too.
const PARTS_MAX: usize = 30;

/// Whoever was away for so many days of business comes back to one list.
const LEAVE_DAYS: u32 = 3;

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Gaps of one rule.
    Rule(RuleId),
    /// Gaps of any rule that became due while the owner was on leave.
    Return,
}

impl Topic {
    /// The rule's id, or `return`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.as_str(),
            Self::Return => "return",
        }
    }
}

impl From<RuleId> for Topic {
    fn from(rule: RuleId) -> Self {
        Self::Rule(rule)
    }
}

/// Whose list of what; `None` is the admin.
pub type BundleOf = (Topic, Option<OwnerId>);

/// The lists a ledger knows of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownBundles {
    /// Those that are open, by topic and [`Calendars::person_of`](crate::calendar::Calendars::person_of) the owner.
    pub open: BTreeMap<BundleOf, TaskKey>,
    /// Those that are closed, in whatever way, or that take nothing in any more.
    pub closed: BTreeSet<TaskKey>,
    /// Which open list holds a gap already.
    pub held: BTreeMap<GapKey, TaskKey>,
    /// What those that hold gaps are of; one that is missing here is of its gaps' rule.
    pub topics: BTreeMap<TaskKey, Topic>,
}

/// A list that should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle<'e> {
    /// Its key: of the open list, else of a new one.
    pub key: TaskKey,
    /// What it is of.
    pub topic: Topic,
    /// Whose; `None` is the admin.
    pub owner: Option<OwnerId>,
    /// What it lists, in the order of its text: the place of the evaluation, and the gap.
    pub parts: Vec<(usize, &'e Gap)>,
    /// When a new one is due: closing of the owner's next business day.
    pub due_at: Timestamp,
}

impl Bundle<'_> {
    /// The rule that stands for it: its own, or that of what it names first. `None` only of an empty list of no rule.
    pub fn rule(&self) -> Option<RuleId> {
        match self.topic {
            Topic::Rule(rule) => Some(rule),
            Topic::Return => self.parts.first().map(|(_, gap)| gap.key.rule),
        }
    }

    /// Whether anything in it is not held back.
    pub fn has_anything_now(&self) -> bool {
        self.parts.iter().any(|(_, gap)| gap.outcome == Outcome::Bundled)
    }

    /// Whether a buyer raised any of it.
    pub fn is_urgent(&self) -> bool {
        self.parts
            .iter()
            .any(|(_, gap)| gap.key.rule.is_buyer_initiated())
    }
}

/// The key of an owner's list of a topic for the period that begins on a local date.
pub fn bundle_key(topic: impl Into<Topic>, owner: Option<&OwnerId>, begins_on: Date) -> TaskKey {
    let topic = topic.into();
    let mut hash = Sha256::new();
    let owner = owner.map_or_else(|| "admin".to_owned(), |owner| owner.record().to_string());
    for part in ["bundle", topic.as_str(), &owner, &begins_on.to_string()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut key = String::with_capacity(KEY_DIGITS);
    for byte in hash.finalize().iter().take(KEY_DIGITS / 2) {
        // Writing to a String cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    TaskKey(key)
}

/// Whether a task of ours is a list.
pub fn is_bundle(key: &TaskKey) -> bool {
    key.as_str().len() == KEY_DIGITS
}

/// The first local day of the period an instant falls into: the day itself, or Monday for rules with a list a week.
pub fn period_of(topic: impl Into<Topic>, calendar: &Calendar, at: Timestamp) -> Date {
    let today_on = calendar.date_on(at);
    let is_weekly = matches!(
        topic.into(),
        Topic::Rule(RuleId::CloseDatePassed | RuleId::StaleLead | RuleId::OutcomeMissing)
    );
    if !is_weekly {
        return today_on;
    }
    let since_monday = i64::from(today_on.weekday().to_monday_zero_offset());
    today_on
        .checked_sub(jiff::Span::new().days(since_monday))
        .unwrap_or(today_on)
}

/// Gathers what belongs into lists.
///
/// Marks gaps of low rules, and what waited for an owner on leave, as [`Outcome::Bundled`] where there are enough of them
/// at once or a list is open, and those beyond the top of a list of next steps as [`Outcome::Queued`]. To be asked before [`apply_caps_with`](crate::apply_caps_with), over every subject that is judged at once and every one
/// that an open list names.
pub fn apply_bundles(evaluations: &mut [Evaluation], known: &KnownBundles, context: &Context<'_>) {
    gather_new(evaluations, known, context, |lead| {
        waited_for_return(lead, context)
    });
    gather_new(evaluations, known, context, |lead| is_low(lead.key.rule));
    keep_top(evaluations, known, context);
}

/// Whether a list names a gap: one that belongs there, or one that it holds and that is only held back now.
fn is_listed(gap: &Gap, known: &KnownBundles) -> bool {
    match gap.outcome {
        Outcome::Bundled => true,
        Outcome::Held(_) | Outcome::Blocked(_) | Outcome::Digest => known.held.contains_key(&gap.key),
        Outcome::Task | Outcome::Folded(_) | Outcome::Queued => false,
    }
}

/// Whether a rule's gaps are worth one list rather than a task for each.
const fn is_low(rule: RuleId) -> bool {
    matches!(
        rule,
        RuleId::PlanStep | RuleId::NextAttempt | RuleId::AttemptsExhausted | RuleId::BouncedAddress
    )
}

/// Whether a gap became due while its owner was on leave, and today is the first day back. What a buyer asked on the
/// night before is due at the opening, and no part of the leave; leads of earlier nights are.
fn waited_for_return(gap: &Gap, context: &Context<'_>) -> bool {
    let rule = gap.key.rule;
    let is_own = !rule.is_aside() && !rule.is_always_bundled();
    let back_at = gap.owner.as_ref().and_then(|owner| {
        context
            .calendar(Some(owner))
            .back_from_leave(context.now, LEAVE_DAYS)
    });
    is_own && back_at.is_some_and(|back_at| gap.deadline_at < back_at)
}

/// Gathers what is meant into lists, where there is enough of it.
fn gather_new(
    evaluations: &mut [Evaluation],
    known: &KnownBundles,
    context: &Context<'_>,
    is_meant: impl Fn(&Gap) -> bool,
) {
    let mut groups: BTreeMap<BundleOf, Vec<usize>> = BTreeMap::new();
    for (place, evaluation) in evaluations.iter().enumerate() {
        let lead = evaluation.gaps.iter().find(|gap| gap.outcome == Outcome::Task);
        if let Some(lead) = lead.filter(|lead| is_meant(lead) && !caps::has_open_task(evaluation)) {
            groups.entry(list_of(lead, context)).or_default().push(place);
        }
    }
    let list_from = usize::try_from(context.policy.deals.list_from).unwrap_or(usize::MAX);
    for (list, places) in groups {
        if (list_from > 0 && places.len() >= list_from) || known.open.contains_key(&list) {
            for place in places {
                let gaps = evaluations
                    .get_mut(place)
                    .map_or(&mut [][..], |one| &mut one.gaps[..]);
                for gap in gaps.iter_mut().filter(|gap| gap.outcome == Outcome::Task) {
                    gap.outcome = Outcome::Bundled;
                }
            }
        }
    }
}

/// Whose list a gap belongs to.
pub fn list_of(gap: &Gap, context: &Context<'_>) -> BundleOf {
    let owner = gap.owner.as_ref().filter(|_| !gap.key.rule.is_for_admin());
    let topic = if waited_for_return(gap, context) {
        Topic::Return
    } else {
        Topic::Rule(gap.key.rule)
    };
    (
        topic,
        owner.map(|owner| context.calendars.person_of(owner).clone()),
    )
}

/// Of each owner's deals without a next step the top stays: what a task of ours names already, then by amount times age.
/// Of every other list the oldest stay, as many as one list can hold beside what is held back in it.
fn keep_top(evaluations: &mut [Evaluation], known: &KnownBundles, context: &Context<'_>) {
    let top = usize::try_from(context.policy.deals.top).unwrap_or(usize::MAX);
    let mut groups: BTreeMap<BundleOf, (usize, Vec<(Rank, usize)>)> = BTreeMap::new();
    for (place, evaluation) in evaluations.iter().enumerate() {
        for gap in evaluation.gaps.iter().filter(|gap| is_listed(gap, known)) {
            let (held_back, ranked) = groups.entry(list_of(gap, context)).or_default();
            if gap.outcome == Outcome::Bundled {
                ranked.push((rank(gap, evaluation, context.now), place));
            } else {
                *held_back += 1;
            }
        }
    }
    for (list, (held_back, mut ranked)) in groups {
        ranked.sort();
        let room = PARTS_MAX.saturating_sub(held_back);
        let stay = if list.0 == Topic::Rule(RuleId::NoNextStep) {
            top.min(room)
        } else {
            room
        };
        for (rank, place) in ranked.into_iter().skip(stay) {
            if let Some(evaluation) = evaluations.get_mut(place) {
                queue(evaluation, known, |gap| gap.key == rank.3);
            }
        }
    }
}

/// The order in a list: held by a task first, then for next steps amount times age, then age, then the key.
type Rank = (bool, Reverse<i128>, Timestamp, GapKey);

fn rank(gap: &Gap, evaluation: &Evaluation, now: Timestamp) -> Rank {
    let age = now.duration_since(gap.anchor_at).as_secs();
    let amount = gap
        .deal
        .as_ref()
        .filter(|_| gap.key.rule == RuleId::NoNextStep)
        .and_then(|deal| deal.amount_minor)
        .unwrap_or(0);
    (
        !has_any_task(evaluation),
        Reverse(i128::from(amount) * i128::from(age)),
        gap.anchor_at,
        gap.key.clone(),
    )
}

/// Whether a task of ours, a list or not, is open on the subject.
pub(crate) fn has_any_task(evaluation: &Evaluation) -> bool {
    let mut verdicts = evaluation.tasks.values();
    verdicts.any(|verdict| matches!(verdict, TaskVerdict::Keep | TaskVerdict::Snoozed(_)))
}

/// Queues the gaps that are meant; what was folded into them may lead in their place.
pub(crate) fn queue(evaluation: &mut Evaluation, known: &KnownBundles, is_meant: impl Fn(&Gap) -> bool) {
    for gap in evaluation.gaps.iter_mut().filter(|gap| is_meant(gap)) {
        gap.outcome = Outcome::Queued;
    }
    fold::unfold(&mut evaluation.gaps, known);
    fold::fold(&mut evaluation.gaps);
}

/// The lists that should be there, with what each of them names. A gap whose list of this period was closed waits for
/// the next period.
pub fn bundles<'e>(
    evaluations: &'e [Evaluation],
    known: &KnownBundles,
    context: &Context<'_>,
) -> Vec<Bundle<'e>> {
    let open: BTreeSet<&TaskKey> = known.open.values().chain(known.held.values()).collect();
    let mut bundles: BTreeMap<TaskKey, Bundle<'e>> = BTreeMap::new();
    for (place, evaluation) in evaluations.iter().enumerate() {
        for gap in evaluation.gaps.iter().filter(|gap| is_listed(gap, known)) {
            let list = list_of(gap, context);
            let key = known
                .held
                .get(&gap.key)
                .or_else(|| known.open.get(&list))
                .cloned();
            let Some(key) = key.or_else(|| {
                let begins_on = period_of(list.0, context.calendar(list.1.as_ref()), context.now);
                let fresh = bundle_key(list.0, list.1.as_ref(), begins_on);
                // Open under this key is a list that somebody else has now.
                (!known.closed.contains(&fresh) && !open.contains(&fresh)).then_some(fresh)
            }) else {
                continue;
            };
            let bundle = bundles.entry(key.clone()).or_insert_with(|| Bundle {
                topic: known.topics.get(&key).copied().unwrap_or(list.0),
                key,
                due_at: context.calendar(list.1.as_ref()).closing_of_next_day(context.now),
                owner: list.1,
                parts: Vec::new(),
            });
            bundle.parts.push((place, gap));
        }
    }
    let mut bundles: Vec<Bundle<'e>> = bundles.into_values().collect();
    for bundle in &mut bundles {
        let is_ranked = bundle.topic == Topic::Rule(RuleId::NoNextStep);
        let is_mixed = bundle.topic == Topic::Return;
        bundle.parts.sort_by_cached_key(|(place, gap)| {
            let evaluation = evaluations.get(*place).filter(|_| is_ranked);
            (
                evaluation.map(|evaluation| rank(gap, evaluation, context.now)),
                is_mixed.then_some(gap.key.rule),
                gap.anchor_at,
                gap.key.clone(),
            )
        });
    }
    bundles.sort_by(|a, b| (a.topic, &a.owner, &a.key).cmp(&(b.topic, &b.owner, &b.key)));
    bundles
}

/// What becomes of a list, given the verdict of every subject it names on it: it stays while one part of it does; the
/// rep's act counts for the whole; it was done if any part of it was.
pub fn bundle_verdict<'v>(parts: impl IntoIterator<Item = &'v TaskVerdict>) -> TaskVerdict {
    let rank = |verdict: &TaskVerdict| match verdict {
        TaskVerdict::Keep => 0,
        TaskVerdict::DoneDeclared => 1,
        TaskVerdict::Dismissed => 2,
        TaskVerdict::Snoozed(_) => 3,
        TaskVerdict::Expired => 4,
        TaskVerdict::DoneEvidence(_) => 5,
        TaskVerdict::Moot(_) => 6,
    };
    let first = parts.into_iter().min_by_key(|verdict| rank(verdict));
    first
        .cloned()
        .unwrap_or(TaskVerdict::Moot(crate::model::MootReason::AnchorGone.as_str()))
}
