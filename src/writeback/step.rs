//! What write-back does next about one row of the ledger, and what each outcome means for it.
//!
//! Pure, and the whole protocol between ledger and CRM: [`super::WriteBack`] only carries it out in batches, and the
//! model check (`tests/model`) runs these same functions through every interleaving.

use followup_core::{
    Baseline, Closing, CreateOutcome, DraftLinks, LinkChange, Task, TaskChange, TaskKey, TaskQuery,
    WriteOutcome,
};
use followup_store::ledger::{Closed, Entry, RowState, TaskRow, WriteEnd};
use jiff::{SignedDuration, Timestamp};

use super::lines;
use crate::planning::Amendment;

/// Without a strong key a creation counts as absent only after the longest time a server may take plus its lag.
pub const SETTLING: SignedDuration = SignedDuration::from_mins(15);

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
pub fn after_create(key: &TaskKey, outcome: &CreateOutcome, now: Timestamp) -> Entry {
    let end = match outcome {
        CreateOutcome::Done(task) | CreateOutcome::AlreadyThere(Some(task)) => is_there(task),
        CreateOutcome::Rejected { reason } => WriteEnd::Rejected {
            reason: reason.clone(),
        },
        CreateOutcome::NotSent { .. } | CreateOutcome::NotAllowed { .. } => WriteEnd::NotSent,
        CreateOutcome::AlreadyThere(None) | CreateOutcome::Unknown { .. } => WriteEnd::Unknown,
    };
    written(key, end, now)
}

/// What a look-up by key says; `None` while it is too early to conclude that the task is not there.
pub fn after_look(row: &TaskRow, found: Option<&Task>, is_strong: bool, now: Timestamp) -> Option<Entry> {
    if let Some(task) = found {
        return Some(written(&row.key, is_there(task), now));
    }
    let is_settled = sent_at(row).is_none_or(|sent_at| now.duration_since(sent_at) >= SETTLING);
    (is_strong || is_settled).then(|| written(&row.key, WriteEnd::Absent, now))
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

/// How a row is looked up.
pub fn query(row: &TaskRow) -> TaskQuery {
    let mut links = DraftLinks::default();
    match crate::planning::subject_of(&row.subject) {
        followup_rules::model::Subject::Human(id) => links.people.push(id),
        followup_rules::model::Subject::Deal(id) => links.deals.push(id),
    }
    TaskQuery {
        key: row.key.clone(),
        links,
        sent_at: sent_at(row),
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

fn is_there(task: &Task) -> WriteEnd {
    WriteEnd::Confirmed {
        id: task.id.clone(),
        baseline: Baseline::of(task),
    }
}

const fn sent_at(row: &TaskRow) -> Option<Timestamp> {
    match row.state {
        RowState::InFlight { sent_at, .. } | RowState::Unknown { sent_at } => Some(sent_at),
        RowState::Planned | RowState::Confirmed { .. } | RowState::Rejected { .. } => None,
    }
}

fn let_go(then: &Closed) -> Closed {
    match then {
        Closed::Withdrawn(why) => Closed::LetGo(why.clone()),
        other => other.clone(),
    }
}
