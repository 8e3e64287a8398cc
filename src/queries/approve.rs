//! An admin's decisions: lift a freeze, let proposed tasks be written, or never write them.

use followup_core::{Baseline, TaskKey};
use followup_rules::is_bundle;
use followup_store::{
    Store, StoreError,
    ledger::{Closed, Entry, RowState, TaskRow},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response, plan};
use crate::{engine::Engine, exit::Exit};

/// What a freeze was about, once it is lifted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Confirmed {
    /// Whether writes are allowed now.
    pub ok: bool,
    /// Why writes were frozen; null if they were not.
    pub was_frozen: Option<String>,
    /// Why writes are frozen still: another cause stood behind the one that was confirmed.
    pub problems: Vec<String>,
}

/// What was decided about proposed tasks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Decided {
    /// Keys the decision applies to.
    pub decided: Vec<String>,
    /// Keys that are not proposed now.
    pub unknown: Vec<String>,
}

/// Lifts the freeze; the next cycle judges every subject again.
pub(super) async fn confirm(engine: &Engine) -> Result<Response, QueryError> {
    let now = engine.clock.now();
    let was_frozen = engine.frozen().await?;
    engine.store.with(move |store| store.confirm(now)).await?;
    let still = engine.frozen().await?;
    Ok(Response::of(
        if still.is_none() { Exit::Ok } else { Exit::Differs },
        &Confirmed {
            ok: still.is_none(),
            was_frozen,
            problems: still.into_iter().collect(),
        },
    ))
}

/// Lets proposed tasks be written by the next cycle.
pub(super) async fn approve(engine: &Engine, keys: &[String]) -> Result<Response, QueryError> {
    decide(engine, keys, |_, key, at| {
        vec![Entry::Approved {
            key: TaskKey(key.task_key.clone()),
            at,
        }]
    })
    .await
}

/// Never writes these: the ledger remembers them as dismissed.
pub(super) async fn reject(engine: &Engine, keys: &[String]) -> Result<Response, QueryError> {
    if keys.is_empty() {
        return Err(QueryError::Usage(
            "name the task keys to reject; `followupd plan` shows them".to_owned(),
        ));
    }
    decide(engine, keys, rejected).await
}

async fn decide(
    engine: &Engine,
    keys: &[String],
    entries: fn(&Store, &plan::WouldCreate, Timestamp) -> Vec<Entry>,
) -> Result<Response, QueryError> {
    let now = engine.clock.now();
    let Response { body, .. } = plan::plan(engine).await?;
    let proposed: plan::Plan = serde_json::from_value(body)
        .map_err(|error| QueryError::Usage(format!("reading the plan: {error}")))?;
    let wanted = |task: &&plan::WouldCreate| keys.is_empty() || keys.contains(&task.task_key);
    let chosen: Vec<plan::WouldCreate> = proposed
        .would_create
        .into_iter()
        .filter(|task| wanted(&task))
        .collect();
    let decided: Vec<String> = chosen.iter().map(|task| task.task_key.clone()).collect();
    let unknown: Vec<String> = keys
        .iter()
        .filter(|key| !decided.contains(key))
        .cloned()
        .collect();
    engine
        .store
        .with(move |store| apply(store, &chosen, entries, now))
        .await?;
    let exit = if unknown.is_empty() {
        Exit::Ok
    } else {
        Exit::Differs
    };
    Ok(Response::of(exit, &Decided { decided, unknown }))
}

fn apply(
    store: &mut Store,
    chosen: &[plan::WouldCreate],
    entries: fn(&Store, &plan::WouldCreate, Timestamp) -> Vec<Entry>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let all: Vec<Entry> = chosen.iter().flat_map(|task| entries(store, task, now)).collect();
    if !all.is_empty() {
        store.record(&all)?;
    }
    // A list is decided about once everything it names is judged together.
    let gaps = chosen.iter().flat_map(|task| &task.gaps);
    let named = gaps.filter_map(|id| Some(store.ledger().gap(id)?.subject.clone()));
    let leading = chosen.iter().filter_map(|task| task.subject.parse().ok());
    let subjects: Vec<_> = leading.chain(named).collect();
    store.mark_dirty(&subjects)
}

fn rejected(store: &Store, task: &plan::WouldCreate, now: Timestamp) -> Vec<Entry> {
    let (Ok(subject), Ok(owner)) = (task.subject.parse(), task.owner.parse()) else {
        return Vec::new();
    };
    let subject: followup_core::RecordRef = subject;
    let key = TaskKey(task.task_key.clone());
    let owner: followup_core::RecordRef = owner;
    let row = TaskRow {
        key: key.clone(),
        connection: subject.connection.clone(),
        subject: if is_bundle(&key) { owner.clone() } else { subject },
        owner: followup_core::OwnerId(owner),
        gaps: task.gaps.clone(),
        shown: task.gaps.clone(),
        run: format!("rejected-{}", store.ledger().epoch()),
        state: RowState::Planned,
        planned_at: now,
        created_at: None,
        due_at: task.due,
        baseline: Baseline::default(),
        closing: None,
        closed: None,
    };
    vec![
        Entry::Intended { row: Box::new(row) },
        Entry::Closed {
            key,
            closed: Closed::Dismissed,
            at: now,
        },
    ]
}
