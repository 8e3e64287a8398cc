//! The store as the rest of the program sees it: one value that owns journal, ledger and cache.
//!
//! Order of every write: journal first (durable), ledger second, cache last. So after a crash the ledger is never
//! behind what was acted on, and the cache at most repeats work. Methods block; run them where blocking is allowed.

use std::{collections::BTreeSet, fmt, path::Path};

use followup_core::{ConnectionId, Cursor, Gone, Lane, Record, RecordRef, Stream, Task};
use jiff::Timestamp;

use crate::{
    LaneState, codec,
    commit::{self, Committed, Draft, PageCommit, Prepared},
    dir::StateDir,
    error::{Problem, StoreError},
    journal::{Damage, Journal, SimJournal},
    keys::{self, Rid, table},
    kv::{Batch, Durability, Kv, SimKv},
    lanes,
    ledger::{Entry, Ledger},
    open,
    view::View,
};

mod erase;
mod loss;
mod missing;
mod read;
mod related;
mod retention;

pub use missing::MissingPart;
pub use read::Place;
pub use retention::Forgotten;

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Size of the cache's page cache in bytes; plan three times as much memory.
    pub cache_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 128 << 20,
        }
    }
}

/// How the state directory was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// No journal was there: a first start, or a loss of the directory.
    pub is_new: bool,
    /// A cache was there, or should have been, and begins empty now; records are fetched again.
    pub cache_rebuilt: bool,
    /// Damage that was found, and what was done about it.
    pub problems: Vec<Problem>,
    /// How often this directory was opened, this time included.
    pub epoch: u64,
}

/// Journal, ledger and cache of one state directory.
pub struct Store {
    kv: Box<dyn Kv>,
    journal: Box<dyn Journal>,
    ledger: Ledger,
    /// Damage of the journal that no admin knows of yet.
    damage: Vec<Damage>,
    /// Subjects whose whole circle is marked dirty: spares looking the circle up again while one is only read in.
    marked: BTreeSet<Rid>,
    /// Held for its lock, too; behind the cache, so that it is released after the cache is closed.
    dir: Option<StateDir>,
    /// How the cache on disk is opened again.
    cache_bytes: u64,
}

/// Where the memory of marked subjects is dropped rather than grown.
const MARKED_MAX: usize = 100_000;

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("epoch", &self.ledger.epoch())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a state directory, making it where there is none.
    ///
    /// Blocks for as long as the cache takes to read its log (seconds, after a long run).
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::NotOwner`], [`StoreError::Format`]: nothing was touched.
    /// [`StoreError::Io`] where the disk refuses. Damage is no error: it is mended, or set aside, and reported.
    pub fn open(dir: &Path, options: &StoreOptions, now: Timestamp) -> Result<(Self, Opening), StoreError> {
        let mut opening = Opening::default();
        let dir = StateDir::lock(dir, &mut opening.problems)?;
        let (journal, ledger) = open::journal(&dir, &mut opening)?;
        let kv = open::cache(&dir, options, now, &mut opening)?;
        let (mut store, opening) =
            Self::start(Box::new(kv), Box::new(journal), ledger, Some(dir), opening, now)?;
        store.cache_bytes = options.cache_bytes;
        Ok((store, opening))
    }

    /// A store over simulated parts.
    ///
    /// # Errors
    /// As the parts fail.
    pub fn simulated(kv: SimKv, journal: SimJournal, now: Timestamp) -> Result<(Self, Opening), StoreError> {
        Self::over(Box::new(kv), Box::new(journal), now)
    }

    /// A store over parts of the caller's own making, for simulations that wrap them.
    ///
    /// # Errors
    /// As the parts fail.
    pub fn over(
        kv: Box<dyn Kv>,
        journal: Box<dyn Journal>,
        now: Timestamp,
    ) -> Result<(Self, Opening), StoreError> {
        let mut opening = Opening::default();
        let mut ledger = Ledger::default();
        opening.is_new = journal.size_bytes()? == 0;
        open::replay(&*journal, &mut ledger, &mut opening.problems)?;
        if opening.is_new || !open::has_our_layout(&*kv)? {
            opening.cache_rebuilt = !open::is_empty(&*kv)?;
            open::clear(&*kv)?;
        }
        Self::start(kv, journal, ledger, None, opening, now)
    }

    fn start(
        kv: Box<dyn Kv>,
        journal: Box<dyn Journal>,
        ledger: Ledger,
        dir: Option<StateDir>,
        mut opening: Opening,
        now: Timestamp,
    ) -> Result<(Self, Opening), StoreError> {
        open::write_layout(&*kv)?;
        let mut damage = open::unknown_damage(journal.damage(), &ledger);
        damage.extend(open::missing_end(
            &*kv,
            journal.last_seq(),
            journal.size_bytes()?,
        )?);
        let place = dir
            .as_ref()
            .map_or_else(|| "journal".to_owned(), |dir| dir.journal().display().to_string());
        opening
            .problems
            .extend(damage.iter().map(|damage| damage.problem(&place)));
        let mut store = Self {
            kv,
            journal,
            ledger,
            damage,
            marked: BTreeSet::new(),
            dir,
            cache_bytes: 0,
        };
        let epoch = store.ledger.epoch() + 1;
        store.record(&[Entry::Opened { epoch, at: now }])?;
        opening.epoch = epoch;
        store.freeze_on_damage(now)?;
        Ok((store, opening))
    }

    /// What the journal says.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Writes entries into the journal, durably and first, then applies them to the ledger.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::JournalClosed`]: the ledger is as before; what the disk holds is told by
    /// the next opening. [`StoreError::TooLarge`]: nothing was written.
    pub fn record(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let payloads = entries
            .iter()
            .map(|entry| codec::encode(entry, "a journal entry"))
            .collect::<Result<Vec<_>, _>>()?;
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        self.journal.append(&payloads)?;
        for entry in entries {
            self.ledger.apply(entry);
        }
        Ok(())
    }

    /// Commits a page with its cursor in one atomic batch; durable when it returns, if it changed any record.
    ///
    /// # Errors
    /// Nothing of the page is visible, and the page can be committed again.
    pub fn commit_page(&mut self, commit: PageCommit<'_>) -> Result<Committed, StoreError> {
        let mut draft = Draft::new(View::new(&*self.kv), &self.ledger)?;
        draft.page(&commit)?;
        draft.mark_concerned(&self.marked)?;
        let prepared = draft.prepared();
        let committed = prepared.committed;
        self.carry_out(prepared)?;
        Ok(committed)
    }

    /// Journal first, cache second. A lost cursor only repeats reads, so a page without news waits for the next sync.
    fn carry_out(&mut self, prepared: Prepared) -> Result<(), StoreError> {
        self.record(&prepared.entries)?;
        if prepared.concerns_everybody {
            self.mark_all_dirty()?;
        }
        if !prepared.batch.is_empty() {
            let durability = if prepared.committed.has_news() {
                Durability::Synced
            } else {
                Durability::Buffered
            };
            self.write(prepared.batch, durability)?;
        }
        self.remember_marked(prepared.is_structural, prepared.touched);
        Ok(())
    }

    /// Writes into the cache, and with it up to which entry of the journal it was written.
    fn write(&self, mut batch: Batch, durability: Durability) -> Result<(), StoreError> {
        open::name_journal(&mut batch, self.journal.last_seq())?;
        self.kv.apply(&batch, durability)
    }

    fn remember_marked(&mut self, is_structural: bool, touched: BTreeSet<Rid>) {
        if is_structural || self.marked.len() + touched.len() > MARKED_MAX {
            self.marked.clear();
        }
        self.marked.extend(touched);
    }

    fn view(&self) -> View<'_> {
        View::new(&*self.kv)
    }

    /// Where a lane of a stream stands; `None` = at its start.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn cursor(
        &self,
        connection: &ConnectionId,
        stream: Stream,
        lane: Lane,
    ) -> Result<Option<Cursor>, StoreError> {
        lanes::cursor(&self.view(), connection, stream, lane)
    }

    /// How far a stream was read.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn lanes(&self, connection: &ConnectionId, stream: Stream) -> Result<LaneState, StoreError> {
        lanes::state(&self.view(), connection, stream)
    }

    /// Forgets the cursor of a lane, so that it starts again (the backfill counts as not done then).
    ///
    /// # Errors
    /// As the cache fails.
    pub fn reset_lane(
        &mut self,
        connection: &ConnectionId,
        stream: Stream,
        lane: Lane,
    ) -> Result<(), StoreError> {
        let mut view = self.view();
        lanes::reset(&mut view, connection, stream, lane)?;
        let batch = view.into_writes();
        self.write(batch, Durability::Synced)
    }

    /// People and deals to be judged again, at most `limit`.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn dirty(&self, limit: usize) -> Result<Vec<RecordRef>, StoreError> {
        let view = self.view();
        view.under(&[table::DIRTY], limit)?
            .iter()
            .map(|(key, _)| view.name(keys::last_rid(key)?))
            .collect()
    }

    /// Subjects whose wake-up instant is `now` or earlier, earliest first, at most `limit`.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RecordRef>, StoreError> {
        let view = self.view();
        view.due(now, limit)?
            .into_iter()
            .map(|rid| view.name(rid))
            .collect()
    }

    /// The earliest wake-up instant.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let first = self.view().under(&[table::DUE], 1)?;
        first
            .first()
            .map(|(key, _)| keys::time_of(key.get(1..9).unwrap_or_default()))
            .transpose()
    }

    /// Notes that subjects were judged: clears their dirty marks and replaces their wake-ups, in one batch.
    ///
    /// # Errors
    /// As the cache fails; then the subjects are judged again.
    pub fn settle(&mut self, subjects: &[(RecordRef, Option<Timestamp>)]) -> Result<(), StoreError> {
        let mut view = self.view();
        for (subject, wake_at) in subjects {
            let Some(rid) = view.rid(subject)? else {
                continue;
            };
            settle_one(&mut view, rid, *wake_at)?;
        }
        let batch = view.into_writes();
        self.marked.clear();
        if batch.is_empty() {
            return Ok(());
        }
        self.write(batch, Durability::Buffered)
    }

    /// Marks people and deals that the cache knows to be judged again; just these, not who is connected with them.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn mark_dirty(&mut self, records: &[RecordRef]) -> Result<(), StoreError> {
        let mut view = self.view();
        for record in records {
            if let Some(rid) = view.rid(record)? {
                commit::mark(&mut view, rid)?;
            }
        }
        let batch = view.into_writes();
        if batch.is_empty() {
            return Ok(());
        }
        self.write(batch, Durability::Synced)
    }

    /// Marks every person and deal to be judged again; returns how many records were looked at.
    ///
    /// # Errors
    /// As the cache fails; a part may be marked then.
    pub fn mark_all_dirty(&mut self) -> Result<u64, StoreError> {
        let marked = open::mark_all_dirty(&*self.kv)?;
        self.kv.flush()?;
        Ok(marked)
    }

    /// Puts the read-back of our own write into the cache at once; nobody is marked dirty by it.
    ///
    /// # Errors
    /// As the cache fails; the next poll brings the task then.
    pub fn put_task(&mut self, task: &Task) -> Result<(), StoreError> {
        let mut draft = Draft::new(self.view(), &self.ledger)?;
        draft.task(task)?;
        let batch = draft.view.into_writes();
        if batch.is_empty() {
            return Ok(());
        }
        self.write(batch, Durability::Buffered)
    }

    /// Takes in records that were read again by id, outside any lane, and those found gone; answers which of them
    /// say something new. Whom they concern is marked dirty, as by a page.
    ///
    /// # Errors
    /// Nothing of it is visible, and it can be repeated.
    pub fn refresh(&mut self, records: &[Record], gone: &[Gone]) -> Result<Vec<RecordRef>, StoreError> {
        let mut draft = Draft::new(View::new(&*self.kv), &self.ledger)?;
        let news = draft.refresh(records, gone)?;
        draft.mark_concerned(&self.marked)?;
        let prepared = draft.prepared();
        self.carry_out(prepared)?;
        Ok(news)
    }

    /// Bytes on disk: cache and journal.
    ///
    /// # Errors
    /// As the parts fail.
    pub fn size_bytes(&self) -> Result<(u64, u64), StoreError> {
        Ok((self.kv.size_bytes()?, self.journal.size_bytes()?))
    }

    /// Keys looked up or visited since the store was opened: the cost of reading, for benchmarks and tests.
    pub fn keys_read(&self) -> u64 {
        self.kv.keys_read()
    }

    /// Checks a state directory without changing what it says: the journal's frames and entries, and that records
    /// and indexes of the cache agree.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while a daemon runs, and as [`Store::open`].
    pub fn verify(dir: &Path) -> Result<Vec<Problem>, StoreError> {
        crate::verify::verify(dir)
    }

    /// Drops the cache and keeps the journal; the next run fetches the records again. Returns what is wrong with
    /// the journal.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while a daemon runs, and as [`Store::open`].
    pub fn rebuild(dir: &Path, _now: Timestamp) -> Result<Vec<Problem>, StoreError> {
        crate::verify::rebuild(dir)
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.kv.flush()
    }

    /// Makes everything durable and lets the directory go.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.flush()
    }
}

fn settle_one(view: &mut View<'_>, rid: Rid, wake_at: Option<Timestamp>) -> Result<(), StoreError> {
    let dirty = keys::of(table::DIRTY, rid);
    if view.has(&dirty)? {
        view.delete(dirty);
    }
    let wake = keys::of(table::WAKE, rid);
    let before = view.get(&wake)?;
    let after = wake_at.map(|at| keys::time_key_up(at).to_vec());
    if before == after {
        return Ok(());
    }
    if let Some(before) = before {
        view.delete(keys::key(table::DUE, &[&before, &rid.bytes()]));
        view.delete(wake.clone());
    }
    if let Some(after) = after {
        view.put(keys::key(table::DUE, &[&after, &rid.bytes()]), Vec::new());
        view.put(wake, after);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
