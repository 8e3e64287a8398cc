//! `undo`: withdraws exactly the tasks a run created and nobody touched since.

use followup_core::{Closing, Record};
use followup_store::{
    Store, StoreError,
    ledger::{Closed, Entry, GapEnd, RowState, TaskRow},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{engine::Engine, exit::Exit};

/// What becomes of a run's tasks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Undone {
    /// Keys of tasks that are withdrawn, by the next cycle at the latest.
    pub withdrawn: Vec<String>,
    /// Tasks that stay, and why.
    pub kept: Vec<Kept>,
}

/// A task that stays.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Its key.
    pub task_key: String,
    /// Why it stays.
    pub reason: String,
}

/// Intends to withdraw a run's tasks; exit status 1 if some stay.
pub(super) async fn undo(engine: &Engine, run: &str) -> Result<Response, QueryError> {
    let now = engine.clock.now();
    let run = run.to_owned();
    let undone = engine.store.with(move |store| intend(store, &run, now)).await?;
    let Some(undone) = undone else {
        let message = "no task was created by this run; `followupd why TASK` shows the run of a task";
        return Err(QueryError::NotFound(message.to_owned()));
    };
    let exit = if undone.kept.is_empty() {
        Exit::Ok
    } else {
        Exit::Differs
    };
    Ok(Response::of(exit, &undone))
}

fn intend(store: &mut Store, run: &str, now: Timestamp) -> Result<Option<Undone>, StoreError> {
    let rows: Vec<TaskRow> = store
        .ledger()
        .tasks()
        .filter(|row| row.run == run)
        .cloned()
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let mut undone = Undone::default();
    let mut entries = Vec::new();
    for row in rows {
        let key = row.key.clone();
        if let Some(reason) = keeps(store, &row)? {
            undone.kept.push(Kept {
                task_key: key.0,
                reason: reason.to_owned(),
            });
            continue;
        }
        entries.push(if row.state == RowState::Planned {
            Entry::Closed {
                key: key.clone(),
                closed: Closed::Undone,
                at: now,
            }
        } else {
            Entry::CloseIntended {
                key: key.clone(),
                closing: Closing::Withdraw,
                then: Closed::Undone,
                at: now,
            }
        });
        let open = row
            .gaps
            .iter()
            .filter(|id| store.ledger().gap(id).is_some_and(|gap| gap.end.is_none()));
        entries.extend(open.map(|id| Entry::GapEnded {
            id: id.clone(),
            end: GapEnd::Undone,
            at: now,
        }));
        undone.withdrawn.push(key.0);
    }
    if !entries.is_empty() {
        store.record(&entries)?;
    }
    Ok(Some(undone))
}

/// Why a task is left alone, if it is.
fn keeps(store: &Store, row: &TaskRow) -> Result<Option<&'static str>, StoreError> {
    if row.closed.is_some() {
        return Ok(Some("it is closed already"));
    }
    let Some(id) = row.remote() else { return Ok(None) };
    let seen = match store.get(id.record())? {
        Some(Record::Task(task)) => Some(task),
        _ => None,
    };
    Ok(match seen {
        Some(task) if task.status != followup_core::TaskStatus::Open => Some("the rep closed it"),
        Some(task) if row.baseline.is_edited(&task) => Some("a human changed it"),
        _ => None,
    })
}
