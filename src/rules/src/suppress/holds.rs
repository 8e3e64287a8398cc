//! Suppressors that pass by themselves. Each says whether it held a gap at an instant, and until when.

use followup_core::{Activity, Editor, Stamp, Task, TaskOrigin, TaskStatus};
use jiff::Timestamp;

use super::{Case, Hold, Reading};
use crate::{
    context::{TICK, later, start_of_next_day},
    index::Human,
    model::{GapKey, OwnTask},
    policy::Span,
    predicates::{self, AnswerKind},
};

/// How close the next step of a sequence silences further attempts.
const SEQUENCE_AHEAD: Span = Span::BusinessDays(5);

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

/// Why an absence of the owner is no hold.
pub(super) fn absence_detail(case: &Case<'_, '_>) -> Reading {
    if case.asked == case.finding.owner.as_ref() {
        Reading::Clear
    } else {
        Reading::ClearBecause("the owner is away, and somebody stands in")
    }
}

/// The latest absence notice of the buyer still holds; on a deal, of everybody, until the first is back.
pub(super) fn buyer_ooo(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    let away: Option<Vec<Hold>> = case
        .concerned()
        .into_iter()
        .map(|human| away(case, human, at))
        .collect();
    away?.into_iter().min_by_key(|hold| hold.until)
}

fn away(case: &Case<'_, '_>, human: &Human<'_>, at: Timestamp) -> Option<Hold> {
    let notice = human
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
    if case.rule.stands_beside_meetings() {
        return None;
    }
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
    // what the previous owner left open is what a handover is about
    let is_left = |task: &Task| {
        let from = case.finding.handed.as_ref().map(|handed| handed.from);
        let owner = task.owner.as_ref();
        from.is_some_and(|from| owner.is_some_and(|owner| case.index.is_same_user(owner, from)))
    };
    longest(
        tasks
            .filter(|task| task.origin != TaskOrigin::Followupd && covers(case, task) && !is_left(task))
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

/// A CRM sequence is about to write to somebody of the subject: its next step is close, or was due and is still named.
pub(super) fn active_sequence(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    let from = sequence_from(case)?;
    let step_at = steps(case).max()?;
    hold(
        at,
        from,
        start_of_next_day(case.calendar, at.max(step_at)),
        "a sequence of the CRM has its next step within 5 business days",
    )
}

/// From when on a sequence holds: that long before the earliest next step.
pub(super) fn sequence_from(case: &Case<'_, '_>) -> Option<Timestamp> {
    let step_at = steps(case).min().filter(|_| case.rule.is_attempt())?;
    Some(case.calendar.subtract(step_at, SEQUENCE_AHEAD))
}

/// What to say of a sequence that does not hold.
pub(super) fn sequence_detail(case: &Case<'_, '_>) -> Reading {
    if !case.rule.is_attempt() {
        Reading::ClearBecause("sequences do not silence this rule")
    } else if steps(case).next().is_none() {
        Reading::Unknown("no sequence enrolment is readable")
    } else {
        Reading::ClearBecause("the next step of the sequence is more than 5 business days away")
    }
}

fn steps(case: &Case<'_, '_>) -> impl Iterator<Item = Timestamp> {
    case.people
        .iter()
        .flat_map(|human| &human.records)
        .filter(|record| record.merged.is_none())
        .filter_map(|record| record.sequence_next_step_at)
}

/// The rep closed a task of ours on the subject a short while ago, and no record shows that the follow-up was made.
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
            .filter(|task| !is_shown_done(task, case))
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

/// Whether a completed task is shown to be done by a record: a touch, conversation or booking after its anchor that
/// was made, or became known, after the task was created.
fn is_shown_done(task: &OwnTask, case: &Case<'_, '_>) -> bool {
    let is_known_since =
        |at: Timestamp, activity: &Activity| at >= task.created_at || activity.logged_at >= task.created_at;
    let shows = |key: &GapKey, activity: &Activity| {
        let answer = predicates::answer_of(activity, key.rule, case.index.facts, case.context)
            .filter(|(_, kind)| *kind != AnswerKind::Possible)
            .map(|(at, _)| at);
        let at = answer.or_else(|| predicates::booked_at(activity, case.context.now));
        at.is_some_and(|at| at > anchor_at(key, case) && is_known_since(at, activity))
    };
    task.status == TaskStatus::Done
        && case
            .people
            .iter()
            .flat_map(|human| &human.activities)
            .any(|activity| task.gaps.iter().any(|key| shows(key, activity)))
}

/// When the event happened that made a gap unique.
fn anchor_at(key: &GapKey, case: &Case<'_, '_>) -> Timestamp {
    let activities = &case.index.facts.activities;
    let anchor = activities
        .iter()
        .find(|activity| *activity.id.record() == key.anchor);
    anchor.map_or_else(
        || Timestamp::from_millisecond(key.crossing.at_ms).unwrap_or(Timestamp::MIN),
        |activity| activity.at,
    )
}

/// A user created or edited the record a moment ago. Never touches an existing task.
pub(super) fn grace(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    if case.has_open_task {
        return None;
    }
    let people = case.human.into_iter().flat_map(|human| &human.records);
    let records = people.map(|record| &record.stamp);
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

/// Outside the owner's hours. Never touches an existing task; a list is read when it is read.
pub(super) fn quiet_hours(case: &Case<'_, '_>, at: Timestamp) -> Option<Hold> {
    if case.finding.key.rule.is_always_bundled() || case.has_open_task || case.calendar.is_open(at) {
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
