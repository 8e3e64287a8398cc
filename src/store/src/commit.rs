//! One page of changes as one batch: records whose content differs, index entries, tombstones, cursor, dirty marks.
//!
//! Applying a page twice, or overlapping pages, writes nothing the second time. An older version never overwrites a
//! newer one. The journal entries that must precede the batch (owner changes no CRM returns) are collected beside it.

mod untold;

use std::collections::BTreeSet;

use followup_core::{Gone, Lane, Page, Quarantined, Record, RecordKind, RecordRef, Stamp, Stream, Task};
use jiff::Timestamp;

use crate::{
    codec,
    erase::{
        self,
        admit::{self, Admitted},
    },
    error::StoreError,
    human, index,
    keys::{self, Rid, table},
    kv::Batch,
    lanes,
    ledger::{Entry, Ledger},
    sweep::{self, SweepPart},
    view::{Counts, Tombstone, View},
};

/// One page of a lane, to be committed with its cursor.
#[derive(Debug, Clone, Copy)]
pub struct PageCommit<'a> {
    /// Which connection it was read from.
    pub connection: &'a followup_core::ConnectionId,
    /// Which stream.
    pub stream: Stream,
    /// Which lane.
    pub lane: Lane,
    /// The page.
    pub page: &'a Page,
    /// The present.
    pub now: Timestamp,
}

/// What a page changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    /// Records the cache did not have.
    pub new: u64,
    /// Records whose content differs from the cached version.
    pub changed: u64,
    /// Records that say what the cache says already, or something older.
    pub unchanged: u64,
    /// Records that vanished with this page.
    pub gone: u64,
    /// Records set aside with this page.
    pub quarantined: u64,
    /// Of the new and changed ones, those a sweep brought although the settled lane should have before.
    pub overlooked: u64,
}

impl Committed {
    /// Whether anything but where the lane stands has changed.
    pub(crate) const fn has_news(&self) -> bool {
        self.new + self.changed + self.gone + self.quarantined > 0
    }
}

/// A finished batch and what must happen around it.
pub(crate) struct Prepared {
    pub(crate) batch: Batch,
    /// Journal entries that must be durable before the batch.
    pub(crate) entries: Vec<Entry>,
    pub(crate) committed: Committed,
    /// Records changed that others' timelines depend on, not only activities and tasks.
    pub(crate) is_structural: bool,
    /// A change whose reach no index tells.
    pub(crate) concerns_everybody: bool,
    pub(crate) touched: BTreeSet<Rid>,
}

/// How a record came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// In an index that may show what is no longer true.
    Indexed,
    /// From a list of what is there: a record that was gone is back.
    Listed,
}

/// A batch in the making.
pub(crate) struct Draft<'a> {
    pub(crate) view: View<'a>,
    entries: Vec<Entry>,
    committed: Committed,
    is_structural: bool,
    concerns_everybody: bool,
    touched: BTreeSet<Rid>,
    ledger: &'a Ledger,
    counts: Counts,
    /// While a sweep is taken in: up to when the other lanes should have brought everything.
    settled_at: Option<Timestamp>,
    /// Whether anybody was erased, of whom a CRM may still tell.
    has_erased: bool,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(view: View<'a>, ledger: &'a Ledger) -> Result<Self, StoreError> {
        let counts = view.counts()?;
        let has_erased = admit::is_needed(&view)?;
        Ok(Self {
            view,
            entries: Vec::new(),
            committed: Committed::default(),
            is_structural: false,
            concerns_everybody: false,
            touched: BTreeSet::new(),
            ledger,
            counts,
            settled_at: None,
            has_erased,
        })
    }

    /// Everything of a page but its dirty marks.
    pub(crate) fn page(&mut self, commit: &PageCommit<'_>) -> Result<(), StoreError> {
        let arrival = match commit.lane {
            Lane::Backfill | Lane::Sweep => Arrival::Listed,
            Lane::Hot | Lane::Settled => Arrival::Indexed,
        };
        let is_sweep = commit.lane == Lane::Sweep;
        if is_sweep {
            self.settled_at = lanes::state(&self.view, commit.connection, commit.stream)?.settled_at;
        }
        for record in &commit.page.records {
            self.record(record, arrival)?;
        }
        for gone in &commit.page.gone {
            self.remove(gone)?;
        }
        for quarantined in &commit.page.quarantined {
            self.set_aside(quarantined)?;
        }
        self.finish_counts()?;
        if is_sweep {
            sweep::note_page(&mut self.view, commit, self.committed.overlooked)?;
        }
        let lane = (commit.connection, commit.stream, commit.lane);
        lanes::advance(&mut self.view, lane, &commit.page.cursor, commit.page.end)
    }

    /// Records that a sweep missed, looked up by id: `back` are there all the same, the others are gone.
    pub(crate) fn missing(&mut self, part: &SweepPart<'_>) -> Result<(), StoreError> {
        let records = &part.back.records;
        let there: BTreeSet<&RecordRef> = records.iter().map(Record::id).chain(&part.back.unread).collect();
        for record in records {
            self.record(record, Arrival::Listed)?;
        }
        let vanished = sweep::resolve(&mut self.view, part, &there)?;
        for gone in &vanished {
            self.remove(gone)?;
        }
        self.finish_counts()
    }

    /// Records read again by id, and those that turned out to be gone; answers which of them say something new.
    pub(crate) fn refresh(
        &mut self,
        records: &[Record],
        gone: &[Gone],
    ) -> Result<Vec<RecordRef>, StoreError> {
        let mut news = Vec::new();
        for record in records {
            let before = self.committed;
            self.record(record, Arrival::Listed)?;
            if self.committed.new + self.committed.changed > before.new + before.changed {
                news.push(record.id().clone());
            }
        }
        for gone in gone {
            self.remove(gone)?;
            news.push(gone.id.clone());
        }
        self.finish_counts()?;
        Ok(news)
    }

    pub(crate) fn prepared(self) -> Prepared {
        Prepared {
            batch: self.view.into_writes(),
            entries: self.entries,
            committed: self.committed,
            is_structural: self.is_structural,
            concerns_everybody: self.concerns_everybody,
            touched: self.touched,
        }
    }

    /// Our own write's read-back.
    pub(crate) fn task(&mut self, task: &Task) -> Result<(), StoreError> {
        self.record(&Record::Task(task.clone()), Arrival::Listed)?;
        self.finish_counts()
    }

    fn finish_counts(&mut self) -> Result<(), StoreError> {
        if self.view.counts()? != self.counts {
            self.view.put_counts(&self.counts)?;
        }
        Ok(())
    }

    fn record(&mut self, delivered: &Record, arrival: Arrival) -> Result<(), StoreError> {
        if !self.has_erased {
            return self.admitted(delivered, delivered, arrival);
        }
        match admit::admit(&self.view, self.ledger, delivered)? {
            Admitted::Whole => self.admitted(delivered, delivered, arrival),
            Admitted::Without(record) => self.admitted(delivered, &record, arrival),
            Admitted::Aside(quarantined) => self.set_aside(&quarantined),
            Admitted::No => {
                self.committed.unchanged += 1;
                Ok(())
            }
        }
    }

    /// Takes in what may be kept of a record; what was delivered tells whether it is a new version.
    fn admitted(
        &mut self,
        delivered: &Record,
        incoming: &Record,
        arrival: Arrival,
    ) -> Result<(), StoreError> {
        let rid = self.view.intern(incoming.id())?;
        let hash = codec::content_hash(delivered)?;
        let old_bytes = self.view.get(&keys::of(table::RECORD, rid))?;
        if old_bytes.as_deref().and_then(codec::record_hash) == Some(hash) {
            self.committed.unchanged += 1;
            return self.readable(rid);
        }
        let old = old_bytes.map(|bytes| codec::decode_record(&bytes)).transpose()?;
        let is_older = old
            .as_ref()
            .is_some_and(|old| incoming.stamp().modified_at < old.stamp().modified_at);
        if is_older || !self.revive(rid, incoming.stamp(), arrival)? {
            self.committed.unchanged += 1;
            return Ok(());
        }
        let mut record = incoming.clone();
        self.carry_owner_history(&mut record, old.as_ref());
        self.note_amount(&record, old.as_ref());
        self.reindex(rid, old.as_ref(), Some(&record))?;
        self.view.put(
            keys::of(table::RECORD, rid),
            codec::encode_record(&hash, &record)?,
        );
        self.readable(rid)?;
        let is_other_version = old
            .as_ref()
            .is_none_or(|old| old.stamp().modified_at != incoming.stamp().modified_at);
        let was_due = self
            .settled_at
            .is_some_and(|settled_at| incoming.stamp().modified_at <= settled_at);
        self.committed.overlooked += u64::from(is_other_version && was_due);
        if old.is_some() {
            self.committed.changed += 1;
        } else {
            self.committed.new += 1;
            *self.counts.of(&record) += 1;
        }
        self.watch_unknown_owner(rid, &record)
    }

    /// Takes a tombstone away if the record is back; false = the record is still gone and this version is stale.
    fn revive(&mut self, rid: Rid, stamp: &Stamp, arrival: Arrival) -> Result<bool, StoreError> {
        let Some(tombstone) = self.view.tombstone(rid)? else {
            return Ok(true);
        };
        if arrival == Arrival::Indexed && stamp.modified_at <= tombstone.gone.at {
            return Ok(false);
        }
        self.view.delete(keys::of(table::GONE, rid));
        if let Some(into) = &tombstone.gone.merged_into {
            let into = self.view.intern(into)?;
            self.view.delete(keys::pair(table::MERGED, into, rid));
            self.touched.insert(into);
        }
        self.counts.gone = self.counts.gone.saturating_sub(1);
        Ok(true)
    }

    /// A good version ends a quarantine.
    fn readable(&mut self, rid: Rid) -> Result<(), StoreError> {
        let key = keys::of(table::QUARANTINE, rid);
        if self.view.has(&key)? {
            self.view.delete(key);
            self.counts.quarantined = self.counts.quarantined.saturating_sub(1);
        }
        Ok(())
    }

    /// Writes the difference between the index keys of two versions, and notes whom it concerns.
    fn reindex(&mut self, rid: Rid, old: Option<&Record>, new: Option<&Record>) -> Result<(), StoreError> {
        let before = self.index_keys(rid, old)?;
        let after = self.index_keys(rid, new)?;
        for key in before.symmetric_difference(&after) {
            self.touch_peers(key)?;
        }
        for key in before.difference(&after) {
            self.view.delete(key.clone());
        }
        for key in after.difference(&before) {
            self.view.put(key.clone(), Vec::new());
        }
        for record in old.into_iter().chain(new) {
            for subject in index::subjects(record) {
                let subject = self.view.intern(subject)?;
                self.touched.insert(subject);
            }
        }
        self.touch_listed(old.into_iter().chain(new))?;
        if !matches!(old.or(new), Some(Record::Activity(_) | Record::Task(_))) {
            self.is_structural = true;
        }
        if let Some(Record::Owner(owner)) = old.or(new) {
            self.touch_owned(rid)?;
            // Whether its activities are touches depends on what stands behind it, and nothing lists those.
            self.concerns_everybody |= match new {
                Some(Record::Owner(new)) => new.kind != owner.kind,
                _ => true,
            };
        }
        Ok(())
    }

    fn index_keys(&mut self, rid: Rid, record: Option<&Record>) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        let Some(record) = record else {
            return Ok(BTreeSet::new());
        };
        let view = &mut self.view;
        index::keys_of(record, rid, &mut |id| view.intern(id).map(Some))
    }

    /// Whoever shared, or now shares, an identity with the record behind a key.
    fn touch_peers(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if matches!(key.first(), Some(&(table::EMAIL | table::PHONE))) {
            let prefix = key.get(..17).unwrap_or(key);
            self.touched.extend(self.view.rids_under(prefix)?);
        }
        Ok(())
    }

    /// A list of ours changed: what it lists is judged again, whether or not the CRM links it.
    fn touch_listed<'r>(&mut self, versions: impl Iterator<Item = &'r Record>) -> Result<(), StoreError> {
        for record in versions {
            let Record::Task(task) = record else { continue };
            let by_key = task.key.as_ref().and_then(|key| self.ledger.task(key));
            let Some(row) = by_key.or_else(|| self.ledger.task_by_remote(&task.id)) else {
                continue;
            };
            if row.is_list() && row.closed.is_none() {
                for subject in self.ledger.subjects_of(row) {
                    let subject = self.view.intern(&subject)?;
                    self.touched.insert(subject);
                }
            }
        }
        Ok(())
    }

    /// An owner changed: everything it owns, and whatever was done by it before it was known, is judged again.
    fn touch_owned(&mut self, owner: Rid) -> Result<(), StoreError> {
        self.touched
            .extend(self.view.rids_under(&keys::of(table::OWNED, owner))?);
        for activity in self.view.rids_under(&keys::of(table::UNKNOWN_OWNER, owner))? {
            self.view
                .delete(keys::pair(table::UNKNOWN_OWNER, owner, activity));
            if let Some(record) = self.view.record(activity)? {
                for subject in index::subjects(&record) {
                    self.touched.extend(self.view.rid(subject)?);
                }
            }
        }
        Ok(())
    }

    /// Remembers an activity done by somebody the cache does not know yet: whether it is a touch is still open.
    fn watch_unknown_owner(&mut self, rid: Rid, record: &Record) -> Result<(), StoreError> {
        if let Record::Activity(activity) = record
            && let Some(by) = &activity.by
        {
            let owner = self.view.intern(by.record())?;
            if !self.view.has(&keys::of(table::RECORD, owner))? {
                self.view
                    .put(keys::pair(table::UNKNOWN_OWNER, owner, rid), Vec::new());
            }
        }
        Ok(())
    }

    fn remove(&mut self, gone: &Gone) -> Result<(), StoreError> {
        let rid = self.view.intern(&gone.id)?;
        if self.has_erased && erase::is_erased(&self.view, rid)? {
            return self.readable(rid);
        }
        let known = self.view.tombstone(rid)?;
        let old = self.view.record(rid)?;
        let says_nothing_new = known
            .as_ref()
            .is_some_and(|known| gone.merged_into.is_none() || known.gone.merged_into == gone.merged_into);
        // A deletion older than the version we hold was undone since; a merge is never undone.
        let is_undone =
            gone.merged_into.is_none() && old.as_ref().is_some_and(|old| old.stamp().modified_at > gone.at);
        if says_nothing_new || is_undone {
            return Ok(());
        }
        self.reindex(rid, old.as_ref(), None)?;
        self.is_structural = true;
        self.touched.insert(rid);
        sweep::unmark(&mut self.view, rid)?;
        if let Some(before) = known.as_ref().and_then(|known| known.gone.merged_into.as_ref()) {
            let before = self.view.intern(before)?;
            self.touched.insert(before);
            self.view.delete(keys::pair(table::MERGED, before, rid));
        }
        if let Some(into) = &gone.merged_into {
            let into = self.view.intern(into)?;
            self.touched.insert(into);
            self.view.put(keys::pair(table::MERGED, into, rid), Vec::new());
        }
        if let Some(old) = &old {
            self.view.delete(keys::of(table::RECORD, rid));
            let count = self.counts.of(old);
            *count = count.saturating_sub(1);
        }
        if known.is_none() {
            self.counts.gone += 1;
        }
        self.readable(rid)?;
        // Only a merge needs the old record again; what was deleted is not kept.
        let last = old.or_else(|| known.and_then(|known| known.last));
        let tombstone = Tombstone {
            gone: gone.clone(),
            last: last.filter(|_| gone.merged_into.is_some()),
        };
        let bytes = codec::encode(&tombstone, "a tombstone")?;
        self.view.put(keys::of(table::GONE, rid), bytes);
        self.committed.gone += 1;
        Ok(())
    }

    fn set_aside(&mut self, quarantined: &Quarantined) -> Result<(), StoreError> {
        let rid = self.view.intern(&quarantined.id)?;
        let key = keys::of(table::QUARANTINE, rid);
        let bytes = codec::encode(quarantined, "a quarantined record")?;
        let before = self.view.get(&key)?;
        if before.as_ref() == Some(&bytes) {
            return Ok(());
        }
        if before.is_none() {
            self.counts.quarantined += 1;
        }
        self.view.put(key, bytes);
        self.committed.quarantined += 1;
        Ok(())
    }

    /// Marks everybody whom the changes concern. `already` = subjects all of whose circle is marked.
    pub(crate) fn mark_concerned(&mut self, already: &BTreeSet<Rid>) -> Result<(), StoreError> {
        let touched: BTreeSet<Rid> = self
            .touched
            .iter()
            .copied()
            .filter(|rid| rid.kind().is_some_and(human::is_subject))
            .filter(|rid| self.is_structural || !already.contains(rid))
            .collect();
        for rid in human::concerned(&self.view, &touched)? {
            mark(&mut self.view, rid)?;
        }
        Ok(())
    }
}

/// Marks a subject dirty if it is, or was, there and is not marked yet.
pub(crate) fn mark(view: &mut View<'_>, rid: Rid) -> Result<bool, StoreError> {
    let key = keys::of(table::DIRTY, rid);
    let is_subject = rid.kind().is_some_and(|kind: RecordKind| human::is_subject(kind));
    if !is_subject || view.has(&key)? {
        return Ok(false);
    }
    let is_known = view.has(&keys::of(table::RECORD, rid))? || view.has(&keys::of(table::GONE, rid))?;
    if is_known {
        view.put(key, Vec::new());
    }
    Ok(is_known)
}
