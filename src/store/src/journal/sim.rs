//! The simulated twin: entries in memory, with a power supply that can fail between any two of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Damage, Journal, VisitEntry, check_sizes};
use crate::{
    error::{Problem, StoreError},
    kv::SimPower,
};

/// A journal in memory. Clones share one content, so a test keeps one while the store owns another.
#[derive(Debug, Clone, Default)]
pub struct SimJournal {
    /// `None` = damaged.
    entries: Arc<Mutex<Vec<Option<Vec<u8>>>>>,
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

    /// Damages an entry (counted from 0), as a disk that forgets would: it is there and says nothing.
    pub fn spoil(&self, index: usize) {
        if let Some(entry) = self.lock().get_mut(index) {
            *entry = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Vec<u8>>>> {
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
            self.lock().push(Some(payload.to_vec()));
        }
        Ok(())
    }

    fn replace(&mut self, payloads: &[Vec<u8>]) -> Result<(), StoreError> {
        if !self.power.spend() {
            return Err(StoreError::JournalClosed {
                why: "the simulated power was cut",
            });
        }
        *self.lock() = payloads.iter().cloned().map(Some).collect();
        Ok(())
    }

    fn replay(&self, visit: VisitEntry<'_>) -> Result<Vec<Problem>, StoreError> {
        let entries = self.lock().clone();
        for (seq, payload) in (1..).zip(&entries) {
            if let Some(payload) = payload {
                visit(seq, payload)?;
            }
        }
        Ok(Vec::new())
    }

    /// Damage, as of now: a simulated journal is opened with every store over it. Places count entries, not bytes.
    fn damage(&self) -> Vec<Damage> {
        let entries = self.lock();
        let spoilt = (0..).zip(entries.iter()).filter(|(_, entry)| entry.is_none());
        spoilt
            .map(|(index, _)| Damage {
                bytes: index..index + 1,
                crc: 0,
                missing: index + 1..index + 2,
            })
            .collect()
    }

    fn last_seq(&self) -> u64 {
        self.len() as u64
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.lock().iter().flatten().map(|entry| entry.len() as u64).sum())
    }
}
