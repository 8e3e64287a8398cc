//! What `reply-waiting` and `missed-call` share: several things of one human that wait are one gap, the first its anchor.
//!
//! A task for it that was closed settles what had arrived by then; what comes later is a new anchor.

use followup_core::{Activity, TaskStatus};
use jiff::Timestamp;

use super::anchored::key_of;
use crate::{
    context::Context,
    finding::{self, Answer},
    index::{Human, Index},
    model::{OwnTask, RuleId},
    predicates::{self, AnswerKind},
};

/// Something the buyer did and what answered it.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    pub(super) activity: &'a Activity,
    pub(super) answer: Option<Answer<'a>>,
    pub(super) weakness: Option<&'static str>,
}

/// Anchors with what each of them covers: one per group of things that wait, and one per further thing that a task of
/// ours asks about.
pub(super) fn groups<'m, 'a>(
    all: &'m [Waiting<'a>],
    rule: RuleId,
    index: &Index<'a>,
) -> Vec<(&'m Waiting<'a>, Vec<&'a Activity>)> {
    let open: Vec<&Waiting<'a>> = all.iter().filter(|one| one.answer.is_none()).collect();
    let strong: Vec<&Waiting<'a>> = open
        .iter()
        .copied()
        .filter(|one| one.weakness.is_none())
        .collect();
    let mut rest = if strong.is_empty() { open } else { strong };
    let task = |one: &Waiting<'a>| index.own_task(&key_of(rule, one.activity));
    let mut groups = Vec::new();
    while let Some(first) = rest.first().copied() {
        let settled_at = task(first)
            .filter(|task| task.status != TaskStatus::Open)
            .map(settled_at);
        if let Some(settled_at) = settled_at {
            let (covered, later): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|one| one.activity.at <= settled_at);
            groups.push((first, activities_of(&covered)));
            rest = later;
            rest.retain(|one| one.activity.id != first.activity.id);
            continue;
        }
        let is_held = |one: &Waiting<'a>| task(one).is_some_and(|task| task.status == TaskStatus::Open);
        let held: Vec<&Waiting<'a>> = rest.iter().copied().filter(|one| is_held(one)).collect();
        let anchors = if held.is_empty() { vec![first] } else { held };
        groups.extend(anchors.into_iter().map(|anchor| (anchor, activities_of(&rest))));
        break;
    }
    groups
}

/// Up to when a closed task settles what its person did.
fn settled_at(task: &OwnTask) -> Timestamp {
    task.completed_at.unwrap_or(task.created_at)
}

fn activities_of<'a>(waiting: &[&Waiting<'a>]) -> Vec<&'a Activity> {
    waiting.iter().map(|one| one.activity).collect()
}

/// Touches and conversations, by instant, then bookings.
pub(super) fn touches_then_bookings<'h, 'a>(
    human: &'h Human<'a>,
    rule: RuleId,
    index: &Index<'a>,
    context: &Context<'_>,
) -> impl Iterator<Item = Answer<'a>> + use<'h, 'a> {
    let now = context.now;
    let bookings = human.activities.iter().copied().filter_map(move |activity| {
        let at = predicates::booked_at(activity, now)?;
        Some(Answer {
            at,
            kind: AnswerKind::Touch,
            activity,
        })
    });
    let answers = finding::answers_to(human, rule, index, context);
    answers.iter().copied().chain(bookings)
}

/// Touches, conversations and bookings, by instant.
pub(super) fn answers_and_bookings<'a>(
    human: &Human<'a>,
    rule: RuleId,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Vec<Answer<'a>> {
    let mut answers: Vec<Answer<'a>> = touches_then_bookings(human, rule, index, context).collect();
    answers.sort_by(|a, b| (a.at, &a.activity.id).cmp(&(b.at, &b.activity.id)));
    answers
}

/// Other humans an activity names: nobody says which of them acted, so an answer to any of them answers it.
pub(super) fn others_named<'i, 'a>(
    activity: &Activity,
    human: &Human<'a>,
    index: &'i Index<'a>,
) -> Vec<&'i Human<'a>> {
    activity
        .people
        .iter()
        .filter_map(|person| index.human_of(person))
        .filter(|other| other.shown.id != human.shown.id)
        .collect()
}

/// The first of several answers; a possible one only where nothing is proven.
pub(super) fn earliest<'a>(answers: impl IntoIterator<Item = Answer<'a>>) -> Option<Answer<'a>> {
    answers.into_iter().min_by(|a, b| {
        let rank = |answer: &Answer<'_>| (answer.kind == AnswerKind::Possible, answer.at);
        rank(a)
            .cmp(&rank(b))
            .then_with(|| a.activity.id.cmp(&b.activity.id))
    })
}
