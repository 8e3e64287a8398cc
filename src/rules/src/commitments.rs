//! Commitments: what shows that a next step is agreed on, so that rules about missing next steps are silent.
//!
//! An open task of a human or another tool that is not long past its date, a meeting ahead, or a CRM sequence the person
//! is enrolled in. Our own tasks are never one.

use followup_core::{Deal, Task, TaskOrigin, TaskStatus};

use crate::{
    calendar::Calendar,
    context::{Context, TICK, Wake, later},
    index::{Human, Index},
    policy::Span,
    predicates,
};

/// How long a task still stands for a next step after it was due.
const STANDS_AFTER_DUE: Span = Span::BusinessDays(1);

/// What a next step is known by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Commitment<'a> {
    /// A meeting ahead.
    Meeting,
    /// An open task.
    Task(&'a Task),
    /// A sequence or cadence of the CRM.
    Sequence,
}

/// The commitment that stands for a subject made of these people, on this deal; notes when one of them lapses.
pub(crate) fn commitment<'a>(
    people: &[&Human<'a>],
    deal: Option<&Deal>,
    index: &Index<'a>,
    calendar: &Calendar,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Option<Commitment<'a>> {
    let of_people = people.iter().flat_map(|human| human.activities.iter().copied());
    let meeting = of_people.filter_map(|activity| {
        let end = predicates::meeting_end(predicates::standing_meeting(activity)?);
        (end > context.now).then_some(end)
    });
    if let Some(end) = meeting.max() {
        wake.consider(end);
        return Some(Commitment::Meeting);
    }
    let stands = index.facts.tasks.iter().filter_map(|task| {
        let is_standing = task.status == TaskStatus::Open && task.origin != TaskOrigin::Followupd;
        let until = task
            .due_at
            .map(|due_at| later(calendar.add(due_at, STANDS_AFTER_DUE), TICK));
        let is_ahead = until.is_none_or(|until| until > context.now);
        (is_standing && is_ahead && is_about(task, people, deal)).then_some((until, task))
    });
    if let Some((until, task)) =
        stands.max_by(|a, b| (a.0.is_none(), a.0, &a.1.id).cmp(&(b.0.is_none(), b.0, &b.1.id)))
    {
        wake.consider_any(until);
        return Some(Commitment::Task(task));
    }
    let mut records = people.iter().flat_map(|human| &human.records);
    records
        .any(|record| record.merged.is_none() && record.sequence_next_step_at.is_some())
        .then_some(Commitment::Sequence)
}

/// Whether a task is attached to any of these people or to the deal.
pub(crate) fn is_about(task: &Task, people: &[&Human<'_>], deal: Option<&Deal>) -> bool {
    deal.is_some_and(|deal| task.deals.contains(&deal.id))
        || people
            .iter()
            .any(|human| task.people.iter().any(|person| human.has(person)))
}
