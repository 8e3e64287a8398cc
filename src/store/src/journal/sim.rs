//! The simulated twin: entries in memory, with a power supply that can fail between any two of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Journal, VisitEntry, check_sizes};
use crate::{
    error::{Problem, StoreError},
    kv::SimPower,
};

/// A journal in memory. Clones share one content, so a test keeps one while the store owns another.
#[derive(Debug, Clone, Default)]
pub struct SimJournal {
    entries: Arc<Mutex<Vec<Vec<u8>>>>,
    power: SimPower,
}

impl SimJournal {
    /// An empty journal on a power supply of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty journal on a shared power supply.
    pub fn on(power: &SimPower) -> Self {
        Self {
            power: power.clone(),
            ..Self::default()
        }
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether it holds no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Loses the last entries, as a disk without a working sync would.
    pub fn truncate(&self, len: usize) {
        self.lock().truncate(len);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for SimJournal {
    fn append(&mut self, payloads: &[&[u8]]) -> Result<(), StoreError> {
        check_sizes(payloads)?;
        for payload in payloads {
            if !self.power.spend() {
                return Err(StoreError::JournalClosed {
                    why: "the simulated power was cut",
                });
            }
            self.lock().push(payload.to_vec());
        }
        Ok(())
    }

    fn replay(&self, visit: VisitEntry<'_>) -> Result<Vec<Problem>, StoreError> {
        let entries = self.lock().clone();
        for (seq, payload) in (1..).zip(&entries) {
            visit(seq, payload)?;
        }
        Ok(Vec::new())
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.lock().iter().map(|entry| entry.len() as u64).sum())
    }
}
