//! Apply: carry decisions out in one CRM and record every outcome.
//!
//! The order never changes: intent in the journal, look, send, outcome in the journal. A creation whose answer was
//! lost is *unknown*, never failed: it is looked up by its key before anything is repeated. Closing and amending
//! are idempotent and compare with what was last read back, so a field a human changed is left alone.
//!
//! What to do is read from the ledger, not from the caller: a crash anywhere resumes by running again. Only texts
//! come from outside ([`Outbox`]), because the ledger keeps none.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{
    Capability, Closing, Connector, ConnectorError, CreateOutcome, RecordRef, Task, TaskChange, TaskDraft,
    TaskKey, TaskQuery, WriteOutcome,
};
use followup_store::{
    StoreError,
    ledger::{Entry, RowState, TaskRow},
};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    engine::{Trouble, trouble_of},
    planning::{Amendment, Outbox},
    shared_store::SharedStore,
};

mod lines;
mod reread;
pub mod step;

use step::{Step, next_step};

/// Creations sent in one request.
const BATCH: usize = 50;

/// What was carried out.
#[derive(Debug, Default)]
pub struct Applied {
    /// Tasks that appeared in the CRM.
    pub created: u64,
    /// Tasks completed on evidence.
    pub closed: u64,
    /// Tasks withdrawn or let go.
    pub withdrawn: u64,
    /// Tasks whose text changed.
    pub amended: u64,
    /// Creations whose outcome is still unknown.
    pub unknown: u64,
    /// What did not work, one line each, without personal data.
    pub errors: Vec<String>,
    /// How bad it was.
    pub trouble: Trouble,
    /// Records turned out to be different just before writing: plan again.
    pub is_stale: bool,
    /// The login is refused or may not write: why, and what mends it. Nothing more was tried.
    pub refused: Option<String>,
}

impl Applied {
    /// A write that only an admin can make possible: told once, whatever the number of tasks.
    fn refuse(&mut self, reason: String) {
        self.trouble = self.trouble.max(Trouble::Refused);
        if self.refused.as_ref() != Some(&reason) {
            self.errors.push(reason.clone());
        }
        self.refused = Some(reason);
    }

    /// A read that write-back needs did not work. Only a refused login ends everything.
    fn fail(&mut self, what: &str, error: &ConnectorError) {
        if matches!(error, ConnectorError::Unauthorized { .. }) {
            return self.refuse(error.to_string());
        }
        self.trouble = self.trouble.max(trouble_of(error));
        self.errors.push(format!("{what}: {error}"));
    }
}

/// Carries decisions out in one connection.
pub struct WriteBack<'a> {
    /// The ledger.
    pub store: &'a SharedStore,
    /// The CRM.
    pub connector: &'a dyn Connector,
    /// What the connection can do.
    pub capabilities: &'a BTreeSet<Capability>,
    /// When a creation leaves is what its look-up waits from: a cycle may be long.
    pub clock: &'a Clock,
    /// Checked between requests: what is in flight is finished, nothing new is begun.
    pub stop: &'a CancellationToken,
}

impl WriteBack<'_> {
    /// Settles creations whose outcome is unknown, and asks for a new text for those that were never sent.
    ///
    /// # Errors
    /// [`StoreError`] only: trouble with the CRM is in the answer.
    pub async fn resolve(&self, now: Timestamp, applied: &mut Applied) -> Result<(), StoreError> {
        let unknown = self.rows(|row| next_step(row) == Step::Look).await?;
        let orphaned = unknown
            .iter()
            .filter_map(|row| step::orphaned(row, now))
            .collect();
        self.record(orphaned).await?;
        self.look(&unknown, now, applied).await?;
        let planned: Vec<_> = self.rows(|row| row.state == RowState::Planned).await?;
        self.judge_again(planned.into_iter().map(|row| row.key).collect())
            .await
    }

    /// Creates, amends and closes what the ledger says and the outbox has texts for.
    ///
    /// # Errors
    /// [`StoreError`] only: trouble with the CRM is in the answer.
    pub async fn apply(
        &self,
        outbox: &mut Outbox,
        now: Timestamp,
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        let planned = self.rows(|row| next_step(row) == Step::Create).await?;
        let drafts: Vec<TaskDraft> = planned
            .iter()
            .filter_map(|row| outbox.drafts.remove(&row.key))
            .collect();
        for batch in drafts.chunks(BATCH) {
            if self.is_over(applied) {
                return Ok(());
            }
            self.create(batch, now, applied).await?;
        }
        let closing = self.rows(|row| next_step(row) == Step::Close).await?;
        for batch in closing.chunks(BATCH) {
            if self.is_over(applied) {
                return Ok(());
            }
            self.close(batch, now, applied).await?;
        }
        let open = self.rows(|row| next_step(row) == Step::Keep).await?;
        let changes: Vec<Amendment> = open
            .iter()
            .filter_map(|row| outbox.amendments.remove(&row.key))
            .collect();
        for batch in changes.chunks(BATCH) {
            if self.is_over(applied) {
                return Ok(());
            }
            self.amend(batch, now, applied).await?;
        }
        Ok(())
    }

    /// Told to stop, or only an admin can make the next write possible.
    fn is_over(&self, applied: &Applied) -> bool {
        self.stop.is_cancelled() || applied.refused.is_some()
    }

    // ---- create

    async fn create(
        &self,
        drafts: &[TaskDraft],
        now: Timestamp,
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        let drafts = self.still_true(drafts, now, applied).await?;
        if drafts.is_empty() {
            return Ok(());
        }
        let unknown = self.send(&drafts, now, applied).await?;
        if unknown.is_empty() || !self.capabilities.contains(&Capability::StrongTaskKey) {
            unresolved(&unknown, applied);
            return Ok(());
        }
        // A strong key makes repeating harmless once we have looked.
        let rows = self.rows(move |row| unknown.contains_key(&row.key)).await?;
        self.look(&rows, now, applied).await?;
        let absent = self.rows(|row| row.state == RowState::Planned).await?;
        let again: Vec<TaskDraft> = drafts
            .into_iter()
            .filter(|draft| absent.iter().any(|row| row.key == draft.key))
            .collect();
        if !again.is_empty() {
            let still = self.send(&again, now, applied).await?;
            unresolved(&still, applied);
        }
        Ok(())
    }

    /// Sends creations; answers the keys whose outcome is unknown.
    async fn send(
        &self,
        drafts: &[TaskDraft],
        now: Timestamp,
        applied: &mut Applied,
    ) -> Result<BTreeMap<TaskKey, String>, StoreError> {
        let keys: Vec<TaskKey> = drafts.iter().map(|draft| draft.key.clone()).collect();
        let sent_at = self.clock.now();
        let given_up = self
            .store
            .with(move |store| {
                let ledger = store.ledger();
                // Whoever was erased, or said no, since the plan gets no task.
                let is_open = |key: &TaskKey| ledger.task(key).is_some_and(|row| row.closed.is_none());
                let wanted = keys.into_iter().filter(is_open);
                let given_up: BTreeMap<TaskKey, Option<Timestamp>> = wanted
                    .map(|key| (key.clone(), ledger.given_up_at(&key)))
                    .collect();
                let epoch = ledger.epoch();
                let sent: Vec<Entry> = given_up
                    .keys()
                    .map(|key| step::before_create(key.clone(), sent_at, epoch))
                    .collect();
                store.record(&sent)?;
                Ok(given_up)
            })
            .await?;
        let drafts: Vec<TaskDraft> = drafts
            .iter()
            .filter(|draft| given_up.contains_key(&draft.key))
            .cloned()
            .collect();
        let outcomes = self.connector.create_tasks(&drafts, now).await;
        let mut unknown = BTreeMap::new();
        let mut there = Vec::new();
        let mut met = Vec::new();
        let mut entries = Vec::new();
        for (draft, outcome) in drafts.iter().zip(outcomes) {
            let key = draft.key.clone();
            let given_up_at = given_up.get(&key).copied().flatten();
            entries.extend(step::after_create(draft, &outcome, given_up_at, now));
            match outcome {
                CreateOutcome::Done(task) => {
                    applied.created += 1;
                    there.push(*task);
                }
                CreateOutcome::AlreadyThere(Some(task)) => {
                    met.push(key);
                    there.push(*task);
                }
                CreateOutcome::Rejected { reason } => {
                    applied
                        .errors
                        .push(format!("the CRM refuses task {key}: {reason}"));
                }
                CreateOutcome::NotSent { reason } => {
                    applied.errors.push(format!("task {key} was not sent: {reason}"));
                }
                CreateOutcome::NotAllowed { reason } => applied.refuse(reason),
                CreateOutcome::AlreadyThere(None) => {
                    unknown.insert(key, "a task with this key is there, but was not shown".to_owned());
                }
                CreateOutcome::Unknown { reason } => {
                    tracing::warn!(crm.connection = %self.connector.connection(), task.key = %key, reason = %reason,
                        "the answer to a task creation was lost; looking it up by its key");
                    unknown.insert(key, reason);
                }
            }
        }
        self.judge_again(met).await?;
        self.settle(entries, there).await?;
        Ok(unknown)
    }

    /// Reads the linked records again by id and drops drafts whose records changed or vanished since the plan, or cannot be
    /// read.
    async fn still_true(
        &self,
        drafts: &[TaskDraft],
        now: Timestamp,
        applied: &mut Applied,
    ) -> Result<Vec<TaskDraft>, StoreError> {
        let Some(checked) = self.read_again(linked(drafts), now, applied).await? else {
            return Ok(Vec::new());
        };
        applied.is_stale |= !checked.changed.is_empty();
        let is_same = |draft: &&TaskDraft| {
            let linked = linked(std::slice::from_ref(*draft));
            linked.is_disjoint(&checked.changed) && linked.is_disjoint(&checked.unread)
        };
        Ok(drafts.iter().filter(is_same).cloned().collect())
    }

    // ---- look

    async fn look(&self, rows: &[TaskRow], now: Timestamp, applied: &mut Applied) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let queries = self.queries(rows).await?;
        let found = match self.connector.find_tasks(&queries, now).await {
            Ok(found) => found,
            Err(error) => {
                applied.unknown += rows.len() as u64;
                applied.fail("looking up tasks by key", &error);
                return Ok(());
            }
        };
        let mut by_key: BTreeMap<TaskKey, Task> = BTreeMap::new();
        for found in found {
            // Of two, the oldest is ours: the connector lists it first.
            by_key.entry(found.key).or_insert(found.task);
        }
        let is_strong = self.capabilities.contains(&Capability::StrongTaskKey);
        let mut entries = Vec::new();
        let mut there = Vec::new();
        let mut met = Vec::new();
        for row in rows {
            let found = by_key.get(&row.key);
            let news = step::after_look(row, found, is_strong, now);
            applied.unknown += u64::from(news.is_empty());
            entries.extend(news);
            if let Some(task) = found {
                applied.created += 1;
                met.push(row.key.clone());
                there.push(task.clone());
            }
        }
        self.judge_again(met).await?;
        self.settle(entries, there).await
    }

    async fn queries(&self, rows: &[TaskRow]) -> Result<Vec<TaskQuery>, StoreError> {
        let rows = rows.to_vec();
        self.store
            .with(move |store| {
                let ledger = store.ledger();
                let query = |row: &TaskRow| step::query(row, &ledger.subjects_of(row));
                Ok(rows.iter().map(query).collect())
            })
            .await
    }

    // ---- close and amend

    async fn close(&self, rows: &[TaskRow], now: Timestamp, applied: &mut Applied) -> Result<(), StoreError> {
        let (rows, changes): (Vec<&TaskRow>, Vec<TaskChange>) = rows
            .iter()
            .filter_map(|row| Some((row, step::closing_change(row)?)))
            .unzip();
        let outcomes = self.connector.amend_tasks(&changes, now).await;
        let mut entries = Vec::new();
        let mut there = Vec::new();
        let mut dirty = Vec::new();
        for (row, outcome) in rows.into_iter().zip(outcomes) {
            entries.extend(step::after_close(row, &outcome, now));
            match outcome {
                WriteOutcome::Done(task) => {
                    match row.closing {
                        Some((Closing::Complete, ..)) => applied.closed += 1,
                        Some((Closing::Withdraw | Closing::LetGo, ..)) => applied.withdrawn += 1,
                        None => {}
                    }
                    there.extend(task.map(|task| *task));
                }
                WriteOutcome::Gone => {}
                WriteOutcome::HumanEdited(task) => {
                    there.push(*task);
                    dirty.push(row.key.clone());
                }
                WriteOutcome::Rejected { reason } => {
                    applied
                        .errors
                        .push(format!("the CRM refuses to close task {}: {reason}", row.key));
                }
                WriteOutcome::NotAllowed { reason } => applied.refuse(reason),
                WriteOutcome::Retry { reason } => {
                    applied
                        .errors
                        .push(format!("closing task {} is tried again later: {reason}", row.key));
                }
            }
        }
        self.settle(entries, there).await?;
        self.judge_again(dirty).await
    }

    async fn amend(
        &self,
        amendments: &[Amendment],
        now: Timestamp,
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        let changes: Vec<TaskChange> = amendments.iter().map(|one| one.change.clone()).collect();
        let outcomes = self.connector.amend_tasks(&changes, now).await;
        let mut entries = Vec::new();
        let mut there = Vec::new();
        for (amendment, outcome) in amendments.iter().zip(outcomes) {
            entries.extend(step::after_amend(amendment, &outcome));
            match outcome {
                WriteOutcome::Done(Some(task)) => {
                    applied.amended += 1;
                    there.push(*task);
                }
                // A human's text stays; the task lives on with it.
                WriteOutcome::HumanEdited(task) => there.push(*task),
                WriteOutcome::Done(None) | WriteOutcome::Gone => {}
                WriteOutcome::NotAllowed { reason } => applied.refuse(reason),
                WriteOutcome::Rejected { reason } | WriteOutcome::Retry { reason } => {
                    applied
                        .errors
                        .push(format!("amending task {}: {reason}", amendment.change.key));
                }
            }
        }
        self.settle(entries, there).await
    }

    // ---- store

    async fn rows<F>(&self, wanted: F) -> Result<Vec<TaskRow>, StoreError>
    where
        F: Fn(&TaskRow) -> bool + Send + 'static,
    {
        let connection = self.connector.connection().clone();
        self.store
            .with(move |store| {
                let mine =
                    |row: &&TaskRow| row.connection == connection && row.closed.is_none() && wanted(row);
                Ok(store.ledger().tasks().filter(mine).cloned().collect())
            })
            .await
    }

    async fn record(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.store.with(move |store| store.record(&entries)).await
    }

    /// Marks what tasks are about. A task that was met, not made, may be over already, and the poll that told of it came
    /// before the ledger knew it. Marked first: a death before the entries only judges once more.
    async fn judge_again(&self, tasks: Vec<TaskKey>) -> Result<(), StoreError> {
        if tasks.is_empty() {
            return Ok(());
        }
        self.store
            .with(move |store| {
                let ledger = store.ledger();
                let rows = tasks.iter().filter_map(|key| ledger.task(key));
                let subjects: Vec<RecordRef> = rows.flat_map(|row| ledger.subjects_of(row)).collect();
                store.mark_dirty(&subjects)
            })
            .await
    }

    /// Journal first, then the read-backs into the cache.
    async fn settle(&self, entries: Vec<Entry>, there: Vec<Task>) -> Result<(), StoreError> {
        if entries.is_empty() && there.is_empty() {
            return Ok(());
        }
        self.store
            .with(move |store| {
                if !entries.is_empty() {
                    store.record(&entries)?;
                }
                there.iter().try_for_each(|task| store.put_task(task))
            })
            .await
    }
}

/// Creations nobody knows the end of; the next cycle looks them up.
fn unresolved(unknown: &BTreeMap<TaskKey, String>, applied: &mut Applied) {
    applied.unknown += unknown.len() as u64;
    let line = |(key, reason): (&TaskKey, &String)| {
        format!(
            "nobody knows whether task {key} was created: {reason}. Fix: none needed, it is looked up by its key"
        )
    };
    applied.errors.extend(unknown.iter().map(line));
}

/// The people and deals that drafts are attached to.
fn linked(drafts: &[TaskDraft]) -> BTreeSet<RecordRef> {
    drafts
        .iter()
        .flat_map(|draft| {
            let people = draft.links.people.iter().map(|id| id.record().clone());
            people.chain(draft.links.deals.iter().map(|id| id.record().clone()))
        })
        .collect()
}
