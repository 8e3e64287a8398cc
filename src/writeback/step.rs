//! What write-back does next about one row of the ledger, and what each outcome means for it.
//!
//! Pure, and the whole protocol between ledger and CRM: [`super::WriteBack`] only carries it out in batches, and the
//! model check (`tests/model`) runs these same functions through every interleaving.

use std::collections::BTreeSet;

use followup_core::{
    Baseline, Closing, CreateOutcome, DraftLinks, LinkChange, RecordRef, Task, TaskChange, TaskDraft,
    TaskKey, TaskQuery, WriteOutcome,
};
use followup_rules::{Marker, parse_marker};
use followup_store::ledger::{Closed, Entry, RowState, TaskRow, WriteEnd};
use jiff::{SignedDuration, Timestamp};

use super::lines;
use crate::planning::Amendment;

/// Without a strong key a creation counts as absent only after the longest time that a server may take (10 min), its lag
/// (5 min) and the time for which a request may wait before it leaves (5 min).
pub const SETTLING: SignedDuration = SignedDuration::from_mins(20);

/// A task changed later than this after its creation was changed by somebody else than the creation.
const SETS_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// What is to be done about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing was sent: create it, once there is a text.
    Create,
    /// Nobody knows whether it is there: look it up by its key before anything else.
    Look,
    /// It is there and is to be completed, withdrawn or let go.
    Close,
    /// It is there and stays; its text may change.
    Keep,
    /// It is over, refused, or waits for a plan.
    Nothing,
}

/// What is to be done about a row.
pub fn next_step(row: &TaskRow) -> Step {
    if row.closed.is_some() {
        return Step::Nothing;
    }
    match (&row.state, &row.closing) {
        (RowState::InFlight { .. } | RowState::Unknown { .. }, _) => Step::Look,
        (RowState::Planned, None) => Step::Create,
        (RowState::Confirmed { .. }, Some(_)) => Step::Close,
        (RowState::Confirmed { .. }, None) => Step::Keep,
        (RowState::Planned, Some(_)) | (RowState::Rejected { .. }, _) => Step::Nothing,
    }
}

/// A row that is on its way although nobody waits for its answer: a process died, so the outcome is unknown.
pub fn orphaned(row: &TaskRow, now: Timestamp) -> Option<Entry> {
    matches!(row.state, RowState::InFlight { .. }).then(|| written(&row.key, WriteEnd::Unknown, now))
}

/// What must be durable before a creation is written to the socket.
pub const fn before_create(key: TaskKey, at: Timestamp, epoch: u64) -> Entry {
    Entry::Sent { key, at, epoch }
}

/// What the outcome of a creation says.
///
/// `given_up_at` is the ledger's: while an earlier creation of the same task may still arrive, a refusal of this one does
/// not say that the task is not there, so it is tried again.
pub fn after_create(
    draft: &TaskDraft,
    outcome: &CreateOutcome,
    given_up_at: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Entry> {
    let may_arrive = given_up_at.is_some_and(|sent_at| now.duration_since(sent_at) < SETTLING);
    let mut entries = Vec::new();
    if let CreateOutcome::AlreadyThere(Some(task)) = outcome {
        let meant = parse_marker(&draft.marker).map_or_else(Vec::new, |marker| gaps_of(&marker));
        entries.extend(told_otherwise(&draft.key, &meant, task, now));
    }
    let end = match outcome {
        CreateOutcome::Done(task) => is_there(task, Baseline::of(task)),
        CreateOutcome::AlreadyThere(Some(task)) => is_there(task, baseline_of_met(task)),
        CreateOutcome::Rejected { .. } if may_arrive => WriteEnd::NotSent,
        CreateOutcome::Rejected { reason } => WriteEnd::Rejected {
            reason: reason.clone(),
        },
        CreateOutcome::NotSent { .. } | CreateOutcome::NotAllowed { .. } => WriteEnd::NotSent,
        CreateOutcome::AlreadyThere(None) | CreateOutcome::Unknown { .. } => WriteEnd::Unknown,
    };
    entries.push(written(&draft.key, end, now));
    entries
}

/// What a look-up by key says; nothing while it is too early to conclude that the task is not there.
pub fn after_look(row: &TaskRow, found: Option<&Task>, is_strong: bool, now: Timestamp) -> Vec<Entry> {
    if let Some(task) = found {
        return met(row, task, now);
    }
    let is_settled = row
        .sent_at()
        .is_none_or(|sent_at| now.duration_since(sent_at) >= SETTLING);
    if is_strong || is_settled {
        vec![written(&row.key, WriteEnd::Absent, now)]
    } else {
        Vec::new()
    }
}

/// What the sight of a task says whose creation had no certain outcome. That it is there comes last: if only a part
/// becomes durable, it is met again.
pub fn met(row: &TaskRow, task: &Task, now: Timestamp) -> Vec<Entry> {
    let mut entries: Vec<Entry> = told_otherwise(&row.key, &row.gaps, task, now)
        .into_iter()
        .collect();
    entries.push(written(&row.key, is_there(task, baseline_of_met(task)), now));
    entries
}

/// A creation that was given up may be carried out after all, with an older text than the one meant now.
fn told_otherwise(key: &TaskKey, meant: &[String], task: &Task, now: Timestamp) -> Option<Entry> {
    let marker = parse_marker(&task.fields.as_ref()?.body)?;
    let gaps = gaps_of(&marker);
    let is_told = meant.iter().all(|gap| gaps.contains(gap)) && gaps.len() == meant.len();
    (!is_told).then(|| Entry::Folded {
        key: key.clone(),
        shown: gaps.clone(),
        gaps,
        at: now,
    })
}

fn gaps_of(marker: &Marker) -> Vec<String> {
    marker.gaps.iter().map(|gap| gap.id().0).collect()
}

/// What the outcome of a close says; `None` if it is tried again as it is.
pub fn after_close(row: &TaskRow, outcome: &WriteOutcome, now: Timestamp) -> Option<Entry> {
    let (_, then, _) = row.closing.as_ref()?;
    let closed = match outcome {
        WriteOutcome::Done(_) | WriteOutcome::Gone => then.clone(),
        WriteOutcome::Rejected { reason } => Closed::LetGo(reason.clone()),
        WriteOutcome::HumanEdited(_) => {
            return Some(Entry::CloseIntended {
                key: row.key.clone(),
                closing: Closing::LetGo,
                then: let_go(then),
                at: now,
            });
        }
        WriteOutcome::NotAllowed { .. } | WriteOutcome::Retry { .. } => return None,
    };
    Some(Entry::Closed {
        key: row.key.clone(),
        closed,
        at: now,
    })
}

/// What the outcome of a text change says. A human's text stays: the baseline keeps showing the edit. Where the change
/// may not have arrived the ledger says nothing, and the plan decides it again.
pub fn after_amend(amendment: &Amendment, outcome: &WriteOutcome) -> Vec<Entry> {
    let then = || amendment.then.clone();
    match outcome {
        WriteOutcome::Done(Some(task)) => vec![
            then(),
            Entry::ReadBack {
                key: amendment.change.key.clone(),
                baseline: Baseline::of(task),
            },
        ],
        WriteOutcome::HumanEdited(_) | WriteOutcome::Rejected { .. } => vec![then()],
        WriteOutcome::Done(None)
        | WriteOutcome::Gone
        | WriteOutcome::NotAllowed { .. }
        | WriteOutcome::Retry { .. } => Vec::new(),
    }
}

/// How a row is looked up that is about these records; a list is linked to what its own CRM knows of them.
pub fn query(row: &TaskRow, about: &BTreeSet<RecordRef>) -> TaskQuery {
    let mut links = DraftLinks::default();
    let is_there = |record: &&RecordRef| !row.is_list() || record.connection == row.connection;
    for record in about.iter().filter(is_there) {
        match crate::planning::subject_of(record) {
            followup_rules::model::Subject::Human(id) => links.people.push(id),
            followup_rules::model::Subject::Deal(id) => links.deals.push(id),
        }
    }
    TaskQuery {
        key: row.key.clone(),
        links,
        sent_at: row.sent_at(),
    }
}

/// The change that closes a row, if it is there and is to be closed.
pub fn closing_change(row: &TaskRow) -> Option<TaskChange> {
    let (closing, then, _) = row.closing.as_ref()?;
    Some(TaskChange {
        id: row.remote()?.clone(),
        key: row.key.clone(),
        baseline: row.baseline.clone(),
        subject: None,
        body: None,
        marker: String::new(),
        links: LinkChange::default(),
        append: lines::closing_line(then),
        closing: Some(*closing),
        created_at: row.created_at.unwrap_or(row.planned_at),
    })
}

fn written(key: &TaskKey, end: WriteEnd, at: Timestamp) -> Entry {
    let key = key.clone();
    Entry::Written { key, end, at }
}

fn is_there(task: &Task, baseline: Baseline) -> WriteEnd {
    WriteEnd::Confirmed {
        id: task.id.clone(),
        baseline,
    }
}

/// The baseline of a task that was met, not made: what we wrote was never read back. If it was changed since its
/// creation, a human may have done so, and all its texts count as theirs.
pub fn baseline_of_met(task: &Task) -> Baseline {
    let baseline = Baseline::of(task);
    if task.stamp.modified_at.duration_since(task.created_at) <= SETS_WITHIN {
        return baseline;
    }
    Baseline {
        subject_hash: String::new(),
        body_hash: String::new(),
        ..baseline
    }
}

fn let_go(then: &Closed) -> Closed {
    match then {
        Closed::Withdrawn(why) => Closed::LetGo(why.clone()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use followup_core::{ConnectionId, OwnerId, TaskFields, TaskId, TaskOrigin, TaskStatus};
    use followup_rules::{
        format_marker,
        model::{Crossing, GapKey, RuleId, Subject},
    };

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_793_610_000 + 60 * minute).unwrap()
    }

    fn id(text: &str) -> RecordRef {
        text.parse().unwrap()
    }

    fn gap(rule: RuleId) -> GapKey {
        GapKey {
            rule,
            anchor: id("hub:contact:1"),
            crossing: Crossing::NONE,
        }
    }

    fn row(gaps: &[RuleId]) -> TaskRow {
        let gaps: Vec<String> = gaps.iter().map(|rule| gap(*rule).id().0).collect();
        TaskRow {
            key: TaskKey("k".to_owned()),
            connection: ConnectionId::new("hub").unwrap(),
            owner: OwnerId(id("hub:owner:1")),
            subject: id("hub:contact:1"),
            shown: gaps.clone(),
            gaps,
            run: "run".to_owned(),
            state: RowState::Unknown { sent_at: at(0) },
            planned_at: at(0),
            created_at: None,
            due_at: at(60),
            baseline: Baseline::default(),
            closing: None,
            closed: None,
        }
    }

    fn task(gaps: &[RuleId]) -> Task {
        let marker = Marker {
            task_key: TaskKey("k".to_owned()),
            rule: gaps[0],
            subject: Subject::Human(followup_core::PersonId(id("hub:contact:1"))),
            further: Vec::new(),
            gaps: gaps.iter().map(|rule| gap(*rule)).collect(),
            policy_version: "1".to_owned(),
        };
        Task {
            id: TaskId(id("hub:task:9")),
            origin: TaskOrigin::Followupd,
            status: TaskStatus::Open,
            due_at: None,
            owner: None,
            people: Vec::new(),
            deals: Vec::new(),
            key: Some(TaskKey("k".to_owned())),
            fields: Some(TaskFields {
                body: format_marker(&marker),
                ..TaskFields::default()
            }),
            created_at: at(0),
            completed_at: None,
            stamp: followup_core::Stamp {
                modified_at: at(0),
                modified_by: followup_core::Editor::Unknown,
                seen_at: at(0),
            },
        }
    }

    #[test]
    fn a_refusal_is_believed_once_nothing_sent_before_can_arrive_any_more() {
        let draft = TaskDraft {
            key: TaskKey("k".to_owned()),
            owner: OwnerId(id("hub:owner:1")),
            links: DraftLinks::default(),
            subject: "Follow up".to_owned(),
            body: String::new(),
            marker: String::new(),
            due_at: at(60),
            reminder_at: None,
            is_urgent: false,
        };
        let refused = CreateOutcome::Rejected {
            reason: "a rule of the portal".to_owned(),
        };
        let end = |given_up_at, now| match after_create(&draft, &refused, given_up_at, now).pop() {
            Some(Entry::Written { end, .. }) => end,
            other => panic!("{other:?}"),
        };
        assert!(matches!(end(None, at(1)), WriteEnd::Rejected { .. }));
        assert_eq!(end(Some(at(0)), at(19)), WriteEnd::NotSent);
        assert!(matches!(end(Some(at(0)), at(20)), WriteEnd::Rejected { .. }));
    }

    #[test]
    fn without_a_strong_key_a_task_is_not_absent_before_everything_had_time_to_settle() {
        let row = row(&[RuleId::FirstTouch]);
        assert_eq!(after_look(&row, None, false, at(19)), Vec::new());
        assert_eq!(after_look(&row, None, false, at(20)).len(), 1);
        assert_eq!(
            after_look(&row, None, true, at(0)).len(),
            1,
            "repeating is harmless"
        );
    }

    #[test]
    fn the_texts_of_a_task_that_was_met_and_changed_are_a_humans() {
        let mut task = task(&[RuleId::FirstTouch]);
        assert!(!baseline_of_met(&task).is_edited(&task));
        task.stamp.modified_at = at(2);
        assert!(baseline_of_met(&task).is_edited(&task));
    }

    #[test]
    fn a_task_that_was_met_is_taken_as_it_is() {
        let both = [RuleId::ReplyWaiting, RuleId::FirstTouch];
        let meant = row(&both);
        assert_eq!(met(&meant, &task(&both), at(1)).len(), 1);
        let entries = met(&meant, &task(&[RuleId::FirstTouch]), at(1));
        let told = vec![gap(RuleId::FirstTouch).id().0];
        assert!(
            matches!(&entries[0], Entry::Folded { shown, gaps, .. } if *shown == told && *gaps == told),
            "an older text was carried out: {entries:?}"
        );
        assert!(
            matches!(entries.last(), Some(Entry::Written { .. })),
            "a part of it must not say that the task is there: {entries:?}"
        );
    }
}
