//! Suppressors that pass by themselves. Each says whether it held a gap at an instant, and until when.

use followup_core::{Editor, Stamp, Task, TaskOrigin, TaskStatus};
use jiff::Timestamp;

use super::{Case, Hold};
use crate::{
    context::{TICK, later, start_of_next_day},
    model::OwnTask,
    policy::Span,
    predicates,
};

/// How long an overdue human task still covers its subject.
const COVERED_WITHIN: Span = Span::BusinessDays(1);

/// A hold over `[from, until)`, if it covers an instant.
fn hold(at: Timestamp, from: Timestamp, until: Timestamp, detail: &str) -> Option<Hold> {
    (from <= at && at < until).then(|| Hold {
        until,
        detail: detail.to_owned(),
    })
}

/// The longest of several holds.
fn longest(holds: impl Iterator<Item = Hold>) -> Option<Hold> {
    holds.max_by_key(|hold| hold.until)
}

/// A record of the human was merged a moment ago.
pub(super) fn merged(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    longest(
        case.people
            .iter()
            .flat_map(|human| &human.records)
            .filter_map(|record| {
                let merged_at = record.merged.as_ref()?.at?;
                let until = later(merged_at, case.context.policy.merge_settles);
                hold(
                    at,
                    merged_at,
                    until,
                    "records were merged a moment ago and activities may still move",
                )
            }),
    )
}

/// The owner is away.
pub(super) fn rep_absent(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    let until = case.calendar.absent_until(at)?;
    Some(Hold {
        until,
        detail: format!("the owner is away until {until}"),
    })
}

/// The latest absence notice of the buyer still holds.
pub(super) fn buyer_ooo(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    let notice = case
        .human
        .activities
        .iter()
        .rev()
        .find(|activity| activity.at <= at && predicates::is_away_notice(activity))?;
    let until = match notice.return_on {
        Some(return_on) => {
            let day_after = return_on.tomorrow().ok()?;
            case.calendar.next_opening(case.calendar.start_of(day_after))
        }
        None => case
            .calendar
            .next_opening(case.calendar.add(notice.at, case.context.policy.buyer_away)),
    };
    hold(
        at,
        notice.at,
        until,
        "an automatic reply says that the buyer is away",
    )
}

/// A meeting with anybody of the subject lies ahead or is going on.
pub(super) fn future_meeting(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    let people = case
        .people
        .iter()
        .flat_map(|human| human.activities.iter().copied());
    longest(people.filter_map(|activity| {
        let meeting = predicates::standing_meeting(activity)?;
        let end = predicates::meeting_end(meeting);
        hold(at, activity.at, end, "a meeting is booked")
    }))
}

/// A task of a human or of another tool covers the subject. For what a buyer raised it must be due today or earlier.
pub(super) fn open_human_task(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    let tasks = case.index.facts.tasks.iter();
    longest(
        tasks
            .filter(|task| task.origin != TaskOrigin::Followupd && covers(case, task))
            .filter_map(|task| {
                let (from, until) = cover_of(case, task)?;
                hold(
                    at,
                    from,
                    until,
                    "an open task of the owner or of another tool covers it",
                )
            }),
    )
}

fn covers(case: &Case<'_, '_>, task: &Task) -> bool {
    case.deal.is_some_and(|deal| task.deals.contains(&deal.id))
        || case
            .people
            .iter()
            .any(|human| task.people.iter().any(|person| human.has(person)))
}

/// From when to when a task covers: while it is open, until one business day after it was due and, beside what a buyer
/// raised, from the day it is due.
fn cover_of(case: &Case<'_, '_>, task: &Task) -> Option<(Timestamp, Timestamp)> {
    let wants_today =
        case.finding.key.rule.is_buyer_initiated() && case.context.policy.raise_beside_later_human_task;
    let closed_at = match task.status {
        TaskStatus::Open => Timestamp::MAX,
        TaskStatus::Done | TaskStatus::Deferred | TaskStatus::Deleted => {
            task.completed_at.unwrap_or(task.stamp.modified_at)
        }
    };
    let Some(due_at) = task.due_at else {
        return (!wants_today).then_some((task.created_at, closed_at));
    };
    let from = if wants_today {
        let due_day = case.calendar.start_of(case.calendar.date_on(due_at));
        task.created_at.max(due_day)
    } else {
        task.created_at
    };
    let until = later(case.calendar.add(due_at, COVERED_WITHIN), TICK);
    Some((from, until.min(closed_at)))
}

/// The rep closed a task of ours on the subject a short while ago.
pub(super) fn cooldown(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    if case.finding.key.rule.is_buyer_initiated() || case.has_open_task {
        return None;
    }
    let tasks = case.index.facts.own_tasks.iter();
    let is_on_subject =
        |task: &&OwnTask| case.index.resolve(&task.subject).as_ref() == Some(&case.finding.subject);
    longest(
        tasks
            .filter(is_on_subject)
            .filter(|task| task.status != TaskStatus::Open && task.closed_by_us.is_none())
            .filter_map(|task| {
                let closed_at = task.completed_at?;
                let until = case.calendar.add(closed_at, case.context.policy.cooldown);
                hold(
                    at,
                    closed_at,
                    until,
                    "a task on this subject was closed a short while ago",
                )
            }),
    )
}

/// A user created or edited the record a moment ago. Never touches an existing task.
pub(super) fn grace(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    if case.has_open_task {
        return None;
    }
    let records = case.human.records.iter().map(|record| &record.stamp);
    let deal = case.deal.map(|deal| &deal.stamp);
    let by_user = |stamp: &&Stamp| matches!(stamp.modified_by, Editor::User(_));
    longest(records.chain(deal).filter(by_user).filter_map(|stamp| {
        let until = later(stamp.modified_at, case.context.policy.grace);
        hold(
            at,
            stamp.modified_at,
            until,
            "a user edited the record a moment ago",
        )
    }))
}

/// Outside the owner's hours. Never touches an existing task.
pub(super) fn quiet_hours(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    if case.has_open_task || case.calendar.is_open(at) {
        return None;
    }
    let until = case.calendar.next_opening(at).max(start_if_endless(case, at));
    Some(Hold {
        until,
        detail: "it is outside the owner's hours".to_owned(),
    })
}

/// A calendar that never opens again gives `at` back: look again the next day.
fn start_if_endless(case: &Case<'_, '_>, at: Timestamp) -> Timestamp {
    if case.calendar.next_opening(at) > at {
        at
    } else {
        start_of_next_day(case.calendar, at)
    }
}
