//! Changing tasks where the CRM refuses a write that rests on an old reading.
//!
//! Read, write on condition that nobody edited since, read back. What was edited meanwhile is read and judged anew, a few
//! times; a refusal that stands although nothing differs is not about an edit, and the write goes without the condition.

use std::{collections::BTreeMap, future::Future};

use jiff::Timestamp;

use crate::{
    error::ConnectorError,
    task::{Task, TaskChange, WriteOutcome},
};

/// Times a task is judged anew because somebody edited it meanwhile.
const ROUNDS_MAX: u32 = 3;

/// How one write ended.
#[derive(Debug)]
pub enum Written {
    /// It is there; what it made of the task is read back.
    Done,
    /// Somebody edited the task since it was read.
    Stale,
    /// Nothing more is to be done or known.
    Ended(WriteOutcome),
}

/// A CRM with conditional writes.
pub trait ConditionalTasks: Sync {
    /// What tasks are read with.
    type View: Send + Sync;

    /// What tasks are read with now.
    ///
    /// # Errors
    /// As reading fails.
    fn task_view(&self, now: Timestamp) -> impl Future<Output = Result<Self::View, ConnectorError>> + Send;

    /// Tasks as they stand, by native id; deleted ones are not there.
    ///
    /// # Errors
    /// As reading fails.
    fn tasks_now(
        &self,
        ids: &[String],
        view: &Self::View,
        now: Timestamp,
    ) -> impl Future<Output = Result<BTreeMap<String, Task>, ConnectorError>> + Send;

    /// Carries out one change of a task that was just read; `is_conditional` = only if nobody edited it since.
    fn carry_out(
        &self,
        change: &TaskChange,
        task: &Task,
        is_conditional: bool,
        view: &Self::View,
        now: Timestamp,
    ) -> impl Future<Output = Written> + Send;
}

/// Carries out changes; one outcome for each, in their order.
pub async fn amend(crm: &impl ConditionalTasks, changes: &[TaskChange], now: Timestamp) -> Vec<WriteOutcome> {
    let mut outcomes: BTreeMap<usize, WriteOutcome> = BTreeMap::new();
    let mut waiting: Vec<(usize, &TaskChange)> = changes.iter().enumerate().collect();
    let mut refused: BTreeMap<String, Task> = BTreeMap::new();
    for _ in 0..ROUNDS_MAX {
        if waiting.is_empty() {
            break;
        }
        waiting = round(crm, waiting, now, &mut refused, &mut outcomes).await;
    }
    (0..changes.len())
        .map(|place| {
            outcomes.remove(&place).unwrap_or_else(|| WriteOutcome::Retry {
                reason: "somebody keeps editing the task".to_owned(),
            })
        })
        .collect()
}

/// Reads the tasks, writes what is to be written, reads back; answers what must be judged anew. `refused` holds the tasks
/// as they were when a conditional write was refused.
async fn round<'a>(
    crm: &impl ConditionalTasks,
    changes: Vec<(usize, &'a TaskChange)>,
    now: Timestamp,
    refused: &mut BTreeMap<String, Task>,
    outcomes: &mut BTreeMap<usize, WriteOutcome>,
) -> Vec<(usize, &'a TaskChange)> {
    let ids: Vec<String> = changes
        .iter()
        .map(|(_, change)| change.id.record().native_id.clone())
        .collect();
    let read = async {
        let view = crm.task_view(now).await?;
        let tasks = crm.tasks_now(&ids, &view, now).await?;
        Ok::<_, ConnectorError>((view, tasks))
    };
    let (view, tasks) = match read.await {
        Ok(read) => read,
        Err(error) => {
            outcomes.extend(changes.into_iter().map(|(place, _)| (place, not_read(&error))));
            return Vec::new();
        }
    };
    let (mut stale, mut written) = (Vec::new(), Vec::new());
    for (place, change) in changes {
        let id = &change.id.record().native_id;
        let Some(task) = tasks.get(id) else {
            outcomes.insert(place, WriteOutcome::Gone);
            continue;
        };
        // Refused, and read again without a difference: it was not an edit that the date stood against.
        let is_conditional = refused.get(id) != Some(task);
        match crm.carry_out(change, task, is_conditional, &view, now).await {
            Written::Done => written.push((place, id.clone())),
            Written::Stale => {
                refused.insert(id.clone(), task.clone());
                stale.push((place, change));
            }
            Written::Ended(outcome) => {
                outcomes.insert(place, outcome);
            }
        }
    }
    let ids: Vec<String> = written.iter().map(|(_, id)| id.clone()).collect();
    match crm.tasks_now(&ids, &view, now).await {
        Ok(tasks) => outcomes.extend(written.iter().map(|(place, id)| {
            let task = tasks.get(id).cloned().map(Box::new);
            let outcome = task.map_or(WriteOutcome::Gone, |task| WriteOutcome::Done(Some(task)));
            (*place, outcome)
        })),
        Err(error) => outcomes.extend(written.iter().map(|(place, _)| (*place, not_read(&error)))),
    }
    stale
}

/// The task could not be read: the change can be sent again, unless an admin must act first.
fn not_read(error: &ConnectorError) -> WriteOutcome {
    let reason = error.to_string();
    match error {
        ConnectorError::Unauthorized { .. } | ConnectorError::Forbidden { .. } => {
            WriteOutcome::NotAllowed { reason }
        }
        _ => WriteOutcome::Retry { reason },
    }
}
