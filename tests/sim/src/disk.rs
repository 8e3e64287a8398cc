//! The disks of a simulated daemon: they outlive it, and lose in a crash what was not synced.

use std::sync::{Arc, Mutex, PoisonError};

use followup_store::{
    Entry, Problem, SimJournal, SimKv, SimPower, StoreError,
    journal::{Journal, VisitEntry},
    kv::{Batch, Durability, Kv, Visit},
};

use crate::defect::Defect;

/// Writes after which a lazy disk gets round to a sync.
const LAZY_SYNC_EVERY: usize = 12;

/// Cache and journal on one power supply.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    kv: SimKv,
    journal: SimJournal,
    power: SimPower,
    /// Entries acknowledged but not durable: only a defect has any.
    pending: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        let power = SimPower::default();
        Self {
            kv: SimKv::on(&power),
            journal: SimJournal::on(&power),
            power,
            pending: Arc::default(),
        }
    }

    /// The parts for a store to be opened over.
    pub fn parts(&self, defect: Option<Defect>) -> (Box<dyn Kv>, Box<dyn Journal>) {
        if defect == Some(Defect::AcknowledgeBeforeSync) {
            let journal = LazyJournal {
                durable: self.journal.clone(),
                pending: Arc::clone(&self.pending),
            };
            return (Box::new(LazyKv(self.kv.clone())), Box::new(journal));
        }
        (Box::new(self.kv.clone()), Box::new(self.journal.clone()))
    }

    /// Cuts the power at one of the next writes.
    pub fn cut_after(&self, writes: u64) {
        self.power.cut_after(writes);
    }

    /// Calls a cut off that has not come yet; answers whether there is power.
    pub fn spare(&self) -> bool {
        let is_on = !self.power.is_cut();
        if is_on {
            self.power.restore();
        }
        is_on
    }

    /// The process is gone: of what no sync covered, `kept` batches of the cache survive. Answers how many there were.
    pub fn crash(&self, kept: usize) -> usize {
        let unsynced = self.kv.unsynced();
        self.kv.crash(kept);
        self.pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.power.restore();
        unsynced
    }

    /// The state directory is lost whole.
    pub fn lose(&mut self) {
        *self = Self::new();
    }

    /// Batches that no sync covers.
    pub fn unsynced(&self) -> usize {
        self.kv.unsynced()
    }

    /// What the journal would say after a power cut now: its entries, decoded.
    pub fn durable_entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.visit(&mut |payload| entries.extend(decode(payload)));
        entries
    }

    /// Calls `see` with the bytes of every durable entry and every value of the cache.
    pub fn visit_all(&self, see: &mut dyn FnMut(&[u8])) {
        self.visit(see);
        for value in self.kv.content().values() {
            see(value);
        }
    }

    /// Calls `see` with the bytes of every durable entry.
    pub fn visit(&self, see: &mut dyn FnMut(&[u8])) {
        let visited = self.journal.replay(&mut |_, payload| {
            see(payload);
            Ok(())
        });
        // The simulated journal has no way to fail a replay.
        visited.map(drop).unwrap_or_default();
    }
}

/// An entry from its bytes: a version byte, then postcard.
fn decode(payload: &[u8]) -> Option<Entry> {
    postcard::from_bytes(payload.get(1..)?).ok()
}

/// A journal that acknowledges before it syncs.
struct LazyJournal {
    durable: SimJournal,
    pending: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Journal for LazyJournal {
    fn append(&mut self, payloads: &[&[u8]]) -> Result<(), StoreError> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.extend(payloads.iter().map(|payload| payload.to_vec()));
        if pending.len() >= LAZY_SYNC_EVERY {
            let synced = std::mem::take(&mut *pending);
            let synced: Vec<&[u8]> = synced.iter().map(Vec::as_slice).collect();
            self.durable.append(&synced)?;
        }
        Ok(())
    }

    fn replay(&self, visit: VisitEntry<'_>) -> Result<Vec<Problem>, StoreError> {
        self.durable.replay(visit)
    }

    fn last_seq(&self) -> u64 {
        self.durable.last_seq()
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        self.durable.size_bytes()
    }
}

/// A cache that acknowledges before it syncs.
struct LazyKv(SimKv);

impl Kv for LazyKv {
    fn apply(&self, batch: &Batch, _: Durability) -> Result<(), StoreError> {
        self.0.apply(batch, Durability::Buffered)?;
        if self.0.unsynced() >= LAZY_SYNC_EVERY {
            self.0.flush()?;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }

    fn scan(&self, from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        self.0.scan(from, visit)
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        self.0.size_bytes()
    }

    fn keys_read(&self) -> u64 {
        self.0.keys_read()
    }
}
