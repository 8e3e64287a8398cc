//! Tasks of ours that the ledger does not know: adopt them, and after a loss freeze and start afresh.
//!
//! The keys and the marker block travel with each task, so the CRM itself says what a lost ledger knew.

use followup_core::{ConnectionId, Task, TaskStatus};
use followup_rules::{is_bundle, model::GapKey, parse_marker};
use followup_store::{
    Ledger, Store, StoreError,
    ledger::{Closed, Cutover, Entry, FreezeReason, GapEnd, GapRow, RowState, TaskRow},
};
use jiff::Timestamp;

use crate::writeback::step;

/// How a connection stands after its tasks were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Established {
    /// Known from before.
    Already,
    /// New: nothing of ours was there.
    Fresh,
    /// Our own tasks were there and no ledger knew them: adopted, frozen.
    AfterLoss {
        /// How many.
        adopted: u64,
    },
}

/// Takes tasks of ours that were seen into the ledger, if it does not know them or not that they are there; answers how
/// many.
///
/// # Errors
/// [`StoreError`] when the journal cannot be written.
pub fn adopt(store: &mut Store, tasks: &[Task], now: Timestamp) -> Result<u64, StoreError> {
    let mut entries = Vec::new();
    let mut adopted = 0;
    for task in tasks {
        let news = adopted_entries(store.ledger(), task, now);
        adopted += u64::from(!news.is_empty());
        entries.extend(news);
    }
    if !entries.is_empty() {
        store.record(&entries)?;
    }
    Ok(adopted)
}

/// Fixes from when on a connection is acted on, once its tasks stream was read whole.
///
/// # Errors
/// [`StoreError`] when the journal cannot be written.
pub fn establish(
    store: &mut Store,
    connection: &ConnectionId,
    configured: Option<Timestamp>,
    now: Timestamp,
) -> Result<Established, StoreError> {
    let (entries, established) = established_entries(store.ledger(), connection, configured, now);
    if !entries.is_empty() {
        store.record(&entries)?;
    }
    Ok(established)
}

/// What [`establish`] records, and how the connection stands then.
pub fn established_entries(
    ledger: &Ledger,
    connection: &ConnectionId,
    configured: Option<Timestamp>,
    now: Timestamp,
) -> (Vec<Entry>, Established) {
    if ledger.cutover(connection).is_some() {
        return (Vec::new(), Established::Already);
    }
    let adopted = ledger.tasks().filter(|row| row.connection == *connection).count() as u64;
    let is_after_loss = adopted > 0;
    let at = if is_after_loss {
        now
    } else {
        configured.unwrap_or(now)
    };
    let mut entries = Vec::new();
    if is_after_loss {
        // First: a death between the two must not leave a fixed cutover without the freeze.
        entries.push(Entry::Frozen {
            reason: FreezeReason::LedgerLost { adopted },
            at: now,
        });
    }
    entries.push(Entry::Connected {
        connection: connection.clone(),
        cutover: Cutover { at, is_after_loss },
        at: now,
    });
    let established = if is_after_loss {
        Established::AfterLoss { adopted }
    } else {
        Established::Fresh
    };
    (entries, established)
}

/// What the sight of one task of ours tells the ledger; nothing if it knows the task, or if the task names no owner or
/// no record.
///
/// A task whose creation was thought lost, or never to have happened, may appear late: then it is ours all the same, and
/// if its row was closed meanwhile it is taken up again, so that it is withdrawn. What was about somebody who was erased
/// stays unknown: the admin was told its key.
pub fn adopted_entries(ledger: &Ledger, task: &Task, now: Timestamp) -> Vec<Entry> {
    let known = task.key.as_ref().map(|key| ledger.task(key));
    match known {
        Some(None) => put_back(task, now).unwrap_or_default(),
        Some(Some(row)) if row.remote().is_some() || row.is_erased() => Vec::new(),
        Some(Some(row)) if row.closed.is_none() => step::met(row, task, now),
        Some(Some(_)) if task.status == TaskStatus::Open => put_back(task, now).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The entries that put one task into the ledger; `None` if it names no owner or no record, or is a list that does not
/// say any more of what.
fn put_back(task: &Task, now: Timestamp) -> Option<Vec<Entry>> {
    let key = task.key.clone()?;
    let marker = task.fields.as_ref().and_then(|fields| parse_marker(&fields.body));
    let subject = if is_bundle(&key) {
        marker.as_ref().filter(|marker| !marker.gaps.is_empty())?;
        task.owner.as_ref()?.record().clone()
    } else {
        marker
            .as_ref()
            .map(|marker| marker.subject.record().clone())
            .or_else(|| task.deals.first().map(|deal| deal.record().clone()))
            .or_else(|| task.people.first().map(|person| person.record().clone()))?
    };
    let about = |place| {
        marker
            .as_ref()
            .map(|marker| marker.subject_of(place).record().clone())
    };
    let keys: &[GapKey] = marker.as_ref().map_or(&[], |marker| &marker.gaps);
    let closed = match task.status {
        TaskStatus::Open => None,
        TaskStatus::Done => Some((Closed::Declared, GapEnd::DoneDeclared)),
        TaskStatus::Deferred | TaskStatus::Deleted => Some((Closed::Dismissed, GapEnd::Dismissed)),
    };
    let closed_at = task.completed_at.unwrap_or(task.stamp.modified_at);
    let mut entries: Vec<Entry> = keys
        .iter()
        .enumerate()
        .map(|(place, gap)| Entry::GapOpened {
            id: gap.id().0,
            gap: GapRow {
                rule: gap.rule.as_str().to_owned(),
                anchor: gap.anchor.clone(),
                crossing_ms: gap.crossing.at_ms,
                repeat: gap.crossing.repeat,
                subject: about(place).unwrap_or_else(|| subject.clone()),
                found_at: task.created_at,
                policy_version: "adopted".to_owned(),
                end: closed.as_ref().map(|(_, end)| (*end, closed_at)),
            },
        })
        .collect();
    let gaps = if keys.is_empty() {
        vec![key.0.clone()]
    } else {
        keys.iter().map(|gap| gap.id().0).collect()
    };
    entries.push(Entry::Adopted {
        row: Box::new(TaskRow {
            key,
            connection: task.id.record().connection.clone(),
            owner: task.owner.clone()?,
            subject,
            shown: gaps.clone(),
            gaps,
            run: "adopted".to_owned(),
            state: RowState::Confirmed { id: task.id.clone() },
            planned_at: task.created_at,
            created_at: Some(task.created_at),
            due_at: task.due_at.unwrap_or(now),
            baseline: step::baseline_of_met(task),
            closing: None,
            closed: closed.map(|(closed, _)| (closed, closed_at)),
        }),
    });
    Some(entries)
}
