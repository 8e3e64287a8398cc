//! The ledger: what this program decided, wrote and learned about its own tasks, and nothing that a CRM could tell.
//!
//! It lives in memory and is rebuilt from the journal at every start: [`Entry`] values are appended durably first and
//! applied second ([`Ledger::apply`] is the only way it changes), so a crash between the two loses nothing. Entries
//! hold ids, instants and hashes, never names or texts.
//!
//! A task row walks `Planned → InFlight → Confirmed`, with `Unknown`, `Rejected` and `Closed` beside; see [`RowState`].

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{ConnectionId, OwnerId, RecordRef, Stream, TaskId, TaskKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod entry;
mod lists;
mod row;

pub use entry::{Entry, FreezeReason, GapEnd, GapRow, WriteEnd, WrittenWord};
pub use row::{ERASED, RowState, TaskRow};

/// Everything the journal says, folded into its present state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    epoch: u64,
    cutovers: BTreeMap<ConnectionId, Cutover>,
    frozen: Option<FreezeReason>,
    gaps: BTreeMap<String, GapRow>,
    open_gaps: BTreeMap<RecordRef, BTreeSet<String>>,
    tasks: BTreeMap<TaskKey, TaskRow>,
    /// When a creation left that was given up: no answer, and a look did not find it.
    given_up: BTreeMap<TaskKey, Timestamp>,
    by_remote: BTreeMap<TaskId, TaskKey>,
    by_subject: BTreeMap<RecordRef, BTreeSet<TaskKey>>,
    lists: lists::Lists,
    owner_changes: BTreeMap<RecordRef, Vec<(Option<OwnerId>, Timestamp)>>,
    amounts: BTreeMap<RecordRef, Vec<(Option<i64>, Timestamp)>>,
    quota: BTreeMap<ConnectionId, (String, u64)>,
    policy_version: Option<String>,
    runs: Vec<(String, Timestamp)>,
    approved: BTreeSet<TaskKey>,
    acting: BTreeMap<ConnectionId, Option<Timestamp>>,
    may_vanish: BTreeMap<(ConnectionId, String), Timestamp>,
    damage_known: BTreeSet<(u64, u64, u32)>,
    written: BTreeMap<TaskKey, Vec<WrittenWord>>,
}

impl Ledger {
    /// How often this state directory was opened.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The instant before which no anchor of a connection is acted on.
    pub fn cutover(&self, connection: &ConnectionId) -> Option<Cutover> {
        self.cutovers.get(connection).copied()
    }

    /// Why writes are frozen, if they are.
    pub const fn frozen(&self) -> Option<&FreezeReason> {
        self.frozen.as_ref()
    }

    /// A gap by its id.
    pub fn gap(&self, id: &str) -> Option<&GapRow> {
        self.gaps.get(id)
    }

    /// Every gap, by id.
    pub fn gaps(&self) -> impl Iterator<Item = (&String, &GapRow)> {
        self.gaps.iter()
    }

    /// Ids of the gaps about a subject that have not ended.
    pub fn open_gaps_about(&self, subject: &RecordRef) -> impl Iterator<Item = &String> {
        self.open_gaps.get(subject).into_iter().flatten()
    }

    /// A task by its key.
    pub fn task(&self, key: &TaskKey) -> Option<&TaskRow> {
        self.tasks.get(key)
    }

    /// The task behind a CRM record.
    pub fn task_by_remote(&self, id: &TaskId) -> Option<&TaskRow> {
        self.by_remote.get(id).and_then(|key| self.tasks.get(key))
    }

    /// When the last creation of a task left that was given up, because it had no answer and a look did not find it. It
    /// may arrive after all.
    pub fn given_up_at(&self, key: &TaskKey) -> Option<Timestamp> {
        self.given_up.get(key).copied()
    }

    /// Every task, by key.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskRow> {
        self.tasks.values()
    }

    /// Tasks about a subject, by the record that stands for it.
    pub fn tasks_about<'a>(&'a self, subject: &RecordRef) -> impl Iterator<Item = &'a TaskRow> + use<'a> {
        self.by_subject
            .get(subject)
            .into_iter()
            .flatten()
            .filter_map(|key| self.tasks.get(key))
    }

    /// What the rep wrote to us into a task and counts now, by instant.
    pub fn words(&self, key: &TaskKey) -> &[WrittenWord] {
        self.written.get(key).map_or(&[], Vec::as_slice)
    }

    /// Changes of owner that were observed, oldest first.
    pub fn owner_changes(&self, record: &RecordRef) -> &[(Option<OwnerId>, Timestamp)] {
        self.owner_changes.get(record).map_or(&[], Vec::as_slice)
    }

    /// Amounts of a deal that were observed, oldest first; none while it never changed.
    pub fn amounts(&self, deal: &RecordRef) -> &[(Option<i64>, Timestamp)] {
        self.amounts.get(deal).map_or(&[], Vec::as_slice)
    }

    /// Requests counted against a connection's daily allowance: the day (in the vendor's terms) and the number.
    pub fn quota(&self, connection: &ConnectionId) -> Option<(&str, u64)> {
        self.quota
            .get(connection)
            .map(|(day, used)| (day.as_str(), *used))
    }

    /// The policy version of the last cycle.
    pub fn policy_version(&self) -> Option<&str> {
        self.policy_version.as_deref()
    }

    /// Whether an admin let this task be written.
    pub fn is_approved(&self, key: &TaskKey) -> bool {
        self.approved.contains(key)
    }

    /// Since when a connection writes tasks without asking; `None` while it does not.
    pub fn acting_since(&self, connection: &ConnectionId) -> Option<Timestamp> {
        self.acting.get(connection).copied().flatten()
    }

    /// Whether it was ever written down if a connection acts.
    pub fn knows_acting(&self, connection: &ConnectionId) -> bool {
        self.acting.contains_key(connection)
    }

    /// Whether an admin let the sweep of a stream that began then take what it missed for gone.
    pub fn may_vanish(&self, connection: &ConnectionId, stream: Stream, began: Timestamp) -> bool {
        let key = (connection.clone(), stream.as_str().to_owned());
        self.may_vanish.get(&key) == Some(&began)
    }

    /// Whether an admin knows of damaged bytes of the journal: where they begin, how many, their checksum.
    pub fn knows_damage(&self, offset: u64, len: u64, crc: u32) -> bool {
        self.damage_known.contains(&(offset, len, crc))
    }

    /// Run ids with their instants, oldest first.
    pub fn runs(&self) -> &[(String, Timestamp)] {
        &self.runs
    }

    /// Folds one entry in. Entries that do not fit the present state (a damaged journal) change what they can and
    /// never panic.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Opened { epoch, .. } => self.epoch = (*epoch).max(self.epoch),
            Entry::Connected {
                connection, cutover, ..
            } => {
                self.cutovers.insert(connection.clone(), *cutover);
            }
            Entry::Frozen { reason, .. } => self.frozen = Some(reason.clone()),
            Entry::Confirmed { .. } => self.thaw(),
            Entry::DamageConfirmed { offset, len, crc } => {
                self.damage_known.insert((*offset, *len, *crc));
            }
            Entry::RepWrote { key, words } => {
                self.written.insert(key.clone(), words.clone());
            }
            Entry::Approved { key, .. } => {
                self.approved.insert(key.clone());
            }
            Entry::Acting { connection, since } => {
                self.acting.insert(connection.clone(), *since);
            }
            Entry::PolicyUsed { version, .. } => self.policy_version = Some(version.clone()),
            Entry::RunStarted { run, at } => self.runs.push((run.clone(), *at)),
            Entry::OwnerChanged { record, owner, from } => {
                self.owner_changes
                    .entry(record.clone())
                    .or_default()
                    .push((owner.clone(), *from));
            }
            Entry::AmountChanged {
                deal,
                amount_minor,
                from,
            } => {
                let amounts = self.amounts.entry(deal.clone()).or_default();
                amounts.push((*amount_minor, *from));
            }
            Entry::QuotaSpent {
                connection,
                day,
                used,
            } => {
                self.quota.insert(connection.clone(), (day.clone(), *used));
            }
            Entry::GapOpened { id, gap } => self.open_gap(id, gap),
            Entry::GapEnded { id, end, at } => self.end_gap(id, *end, *at),
            other => self.apply_task(other),
        }
    }

    /// Lifts the freeze; what a sweep asked about is granted to that sweep.
    fn thaw(&mut self) {
        if let Some(FreezeReason::Vanishing {
            connection,
            stream,
            began,
            ..
        }) = self.frozen.take()
        {
            self.may_vanish.insert((connection, stream), began);
        }
    }

    fn apply_task(&mut self, entry: &Entry) {
        match entry {
            Entry::Intended { row } | Entry::Adopted { row } => self.insert_row((**row).clone()),
            Entry::Sent { key, at, epoch } => self.with(key, |row| row.sent(*at, *epoch)),
            Entry::Written { key, end, at } => {
                if *end == WriteEnd::Absent {
                    let sent_at = self.task(key).and_then(TaskRow::sent_at);
                    self.given_up
                        .extend(sent_at.map(|sent_at| (key.clone(), sent_at)));
                }
                self.with(key, |row| row.written(end, *at));
                if let WriteEnd::Confirmed { id, .. } = end {
                    self.given_up.remove(key);
                    self.by_remote.insert(id.clone(), key.clone());
                }
            }
            Entry::ReadBack { key, baseline } => self.with(key, |row| row.baseline = baseline.clone()),
            Entry::Folded { key, gaps, shown, .. } => {
                self.with(key, |row| {
                    row.gaps.clone_from(gaps);
                    row.shown.clone_from(shown);
                });
                if let Some(row) = self.tasks.get(key) {
                    self.lists.hold(row, &self.gaps);
                }
            }
            Entry::CloseIntended {
                key,
                closing,
                then,
                at,
            } => {
                self.with(key, |row| row.closing = Some((*closing, then.clone(), *at)));
            }
            Entry::Closed { key, closed, at } => self.with(key, |row| row.close(closed.clone(), *at)),
            Entry::Moved { key, subject } => self.move_row(key, subject),
            _ => {}
        }
    }

    fn open_gap(&mut self, id: &str, gap: &GapRow) {
        if let Some(before) = self.gaps.insert(id.to_owned(), gap.clone())
            && let Some(ids) = self.open_gaps.get_mut(&before.subject)
        {
            ids.remove(id);
        }
        self.open_gaps
            .entry(gap.subject.clone())
            .or_default()
            .insert(id.to_owned());
        self.lists.follow(id, &gap.subject);
    }

    fn end_gap(&mut self, id: &str, end: GapEnd, at: Timestamp) {
        let Some(gap) = self.gaps.get_mut(id) else { return };
        gap.end = Some((end, at));
        if let Some(ids) = self.open_gaps.get_mut(&gap.subject) {
            ids.remove(id);
        }
    }

    fn with(&mut self, key: &TaskKey, change: impl FnOnce(&mut TaskRow)) {
        if let Some(row) = self.tasks.get_mut(key) {
            change(row);
        }
    }

    fn insert_row(&mut self, row: TaskRow) {
        self.lists.hold(&row, &self.gaps);
        if let RowState::Confirmed { id } = &row.state {
            self.by_remote.insert(id.clone(), row.key.clone());
        }
        self.by_subject
            .entry(row.subject.clone())
            .or_default()
            .insert(row.key.clone());
        self.tasks.insert(row.key.clone(), row);
    }

    fn move_row(&mut self, key: &TaskKey, subject: &RecordRef) {
        let Some(row) = self.tasks.get_mut(key) else {
            return;
        };
        if let Some(keys) = self.by_subject.get_mut(&row.subject) {
            keys.remove(key);
        }
        row.subject = subject.clone();
        self.by_subject
            .entry(subject.clone())
            .or_default()
            .insert(key.clone());
    }
}

/// From when on a connection's gaps are acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutover {
    /// Anchors before this are never acted on.
    pub at: Timestamp,
    /// Set after the state directory was lost: no configuration may move it back.
    pub is_after_loss: bool,
}

impl Cutover {
    /// The cutover in force, given the configured one.
    pub fn in_force(self, configured: Option<Timestamp>) -> Timestamp {
        match configured {
            Some(configured) if self.is_after_loss => configured.max(self.at),
            Some(configured) => configured,
            None => self.at,
        }
    }
}

/// How a task of ours ended, as far as we know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Closed {
    /// We completed it on evidence.
    Evidence(RecordRef),
    /// We withdrew it; a word that says why.
    Withdrawn(String),
    /// We let go of it because a human had touched it; a word that says why.
    LetGo(String),
    /// The rep completed it.
    Declared,
    /// The rep put it off for good or deleted it.
    Dismissed,
    /// It was open for too long.
    Expired,
    /// `undo` withdrew it.
    Undone,
}

#[cfg(test)]
mod tests;
