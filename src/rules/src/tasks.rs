//! What becomes of the tasks we wrote: kept, done, moot, put off, dismissed or expired.
//!
//! Done and moot are different things: only a recorded follow-up or the rep's own completion is done. What we closed
//! ourselves is never read as the rep's act, and needs no verdict.

use std::collections::BTreeMap;

use followup_core::{RecordRef, TaskKey, TaskStatus};
use jiff::Timestamp;

use crate::{
    bundles,
    calendar::Calendar,
    context::{Context, Wake, later},
    evaluate::{Fate, Judged},
    finding::State,
    index::Index,
    model::{Evaluation, Facts, MootReason, OwnTask, RuleId, Subject, TaskVerdict},
    policy::{Delivery, Span},
    predicates, remote,
};

/// From this age on a task's gap appears in the digest.
const STALE_AFTER: Span = Span::BusinessDays(20);

/// From this age on a task is closed as expired.
const EXPIRES_AFTER: Span = Span::BusinessDays(21);

/// How far an open task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// To be worked.
    Fresh,
    /// Put off until then.
    Snoozed(Timestamp),
    /// Open for so long that the digest asks about it.
    Stale,
    /// Open for too long.
    Expired,
}

/// How far an open task is in its life; notes when that changes.
pub(crate) fn age(task: &OwnTask, calendar: &Calendar, now: Timestamp, wake: &mut Wake) -> Age {
    let snoozed_until = snoozed_until(task).max(remote::put_off_until(task, calendar));
    if let Some(until) = snoozed_until.filter(|until| *until > now) {
        wake.consider(until);
        return Age::Snoozed(until);
    }
    let from = snoozed_until.map_or(task.created_at, |until| until.max(task.created_at));
    let stale_at = calendar.add(from, STALE_AFTER);
    let expires_at = calendar.add(from, EXPIRES_AFTER);
    wake.consider(stale_at);
    wake.consider(expires_at);
    if now >= expires_at {
        Age::Expired
    } else if now >= stale_at {
        Age::Stale
    } else {
        Age::Fresh
    }
}

/// Until when a human put a task off: they moved its due date later than we wrote it.
fn snoozed_until(task: &OwnTask) -> Option<Timestamp> {
    let due_at = task.due_at.filter(|_| task.is_edited_by_human)?;
    if task.original_due_at.is_some_and(|original| due_at <= original) {
        return None;
    }
    let written_for = task
        .original_due_at
        .unwrap_or(task.created_at)
        .max(task.created_at);
    Some(due_at.min(later(written_for, remote::SNOOZE_MAX)))
}

/// The open task of ours into which the facts of a subject's open gaps go, if there is one: the oldest that stays.
///
/// Lists carry no subject. With it, the gap with outcome `task` amends that task ([`crate::render_into`]); without it, the gap opens a task under
/// its own key.
pub fn carrier<'f>(evaluation: &Evaluation, facts: &'f Facts) -> Option<&'f OwnTask> {
    facts
        .own_tasks
        .iter()
        .filter(|task| task.status == TaskStatus::Open && !bundles::is_bundle(&task.key))
        .filter(|task| {
            matches!(
                evaluation.tasks.get(&task.key),
                Some(TaskVerdict::Keep | TaskVerdict::Snoozed(_))
            )
        })
        .min_by_key(|task| (task.created_at, &task.key))
}

/// The verdict on each of our tasks on a subject. Tasks that we closed ourselves are left out.
pub(crate) fn verdicts(
    subject: &Subject,
    judged: &[Judged<'_>],
    index: &Index<'_>,
    context: &Context<'_>,
) -> BTreeMap<TaskKey, TaskVerdict> {
    index
        .facts
        .own_tasks
        .iter()
        .filter(|task| task.closed_by_us.is_none())
        .filter(|task| index.resolve(&task.subject).as_ref().unwrap_or(&task.subject) == subject)
        .map(|task| (task.key.clone(), verdict(task, judged, index, context)))
        .collect()
}

fn verdict(task: &OwnTask, judged: &[Judged<'_>], index: &Index<'_>, context: &Context<'_>) -> TaskVerdict {
    let own: Vec<&Judged<'_>> = judged
        .iter()
        .filter(|one| task.gaps.contains(&one.finding.key))
        .collect();
    match task.status {
        TaskStatus::Open => open_verdict(task, &own, index, context),
        TaskStatus::Done => evidence_since(task, &own, index, context)
            .map_or(TaskVerdict::DoneDeclared, TaskVerdict::DoneEvidence),
        TaskStatus::Deferred | TaskStatus::Deleted => TaskVerdict::Dismissed,
    }
}

fn open_verdict(
    task: &OwnTask,
    own: &[&Judged<'_>],
    index: &Index<'_>,
    context: &Context<'_>,
) -> TaskVerdict {
    let find = |pick: fn(&Judged<'_>) -> Option<TaskVerdict>| own.iter().find_map(|one| pick(one));
    let owed = find(|one| matches!(one.fate, Fate::Open(_) | Fate::NotDue).then_some(TaskVerdict::Keep))
        .or_else(|| {
            find(|one| match one.fate {
                Fate::Snoozed(until) => Some(TaskVerdict::Snoozed(until)),
                _ => None,
            })
        })
        .or_else(|| find(|one| matches!(one.fate, Fate::Expired).then_some(TaskVerdict::Expired)));
    owed.or_else(|| {
        find(|one| match &one.finding.state {
            State::Answered(activity) => Some(TaskVerdict::DoneEvidence(activity.id.record().clone())),
            State::Planned(task) => Some(TaskVerdict::DoneEvidence((*task).clone())),
            _ => None,
        })
    })
    .or_else(|| {
        find(|one| match &one.fate {
            Fate::Skipped(code, _) => Some(TaskVerdict::Moot(code.as_str())),
            _ => None,
        })
    })
    .unwrap_or_else(|| moot_or_keep(task, index, context))
}

/// The verdict on an open task none of whose gaps is found any more.
fn moot_or_keep(task: &OwnTask, index: &Index<'_>, context: &Context<'_>) -> TaskVerdict {
    let is_off = |rule: RuleId| context.delivery(rule) == Delivery::Off;
    let reason = if index.resolve(&task.subject).is_none() {
        MootReason::RecordDeleted
    } else if task.gaps.iter().all(|gap| is_off(gap.rule)) && !task.gaps.is_empty() {
        MootReason::PolicyChanged
    } else if is_stage_left(task, index) {
        MootReason::StageLeft
    } else {
        MootReason::AnchorGone
    };
    TaskVerdict::Moot(reason.as_str())
}

/// Whether a task asks about a stage that its deal left after the task was created.
fn is_stage_left(task: &OwnTask, index: &Index<'_>) -> bool {
    let Subject::Deal(id) = &task.subject else {
        return false;
    };
    task.gaps.iter().any(|gap| gap.rule.is_of_stage())
        && index
            .deal(id)
            .is_some_and(|deal| deal.stage_entered_at > task.created_at)
}

/// A record of a follow-up that was made, or became known, after a task was created.
fn evidence_since(
    task: &OwnTask,
    own: &[&Judged<'_>],
    index: &Index<'_>,
    context: &Context<'_>,
) -> Option<RecordRef> {
    let (rule, answered) = own.iter().find_map(|one| match one.finding.state {
        State::Answered(activity) => Some((one.finding.key.rule, activity)),
        _ => None,
    })?;
    let is_new = |activity: &followup_core::Activity| {
        let answered_at =
            predicates::answer_of(activity, rule, index.facts, context).map_or(activity.at, |(at, _)| at);
        answered_at >= task.created_at || activity.logged_at >= task.created_at
    };
    is_new(answered).then(|| answered.id.record().clone())
}
