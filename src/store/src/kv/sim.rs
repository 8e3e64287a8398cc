//! The simulated twin: a map in memory with the crash behaviour of a log-structured engine.
//!
//! Handles share one state, so a test keeps one while the store owns another, "crashes" it and opens it again.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Batch, Durability, Kv, Visit};
use crate::error::StoreError;

/// The power supply of simulated parts: when it is cut, every later operation of every part on it fails.
#[derive(Debug, Clone, Default)]
pub struct SimPower(Arc<Mutex<Power>>);

#[derive(Debug, Default)]
struct Power {
    writes_left: Option<u64>,
    is_cut: bool,
}

impl SimPower {
    /// Lets `writes` more writes through; the one after them is lost and cuts the power.
    pub fn cut_after(&self, writes: u64) {
        let mut power = self.lock();
        power.writes_left = Some(writes);
    }

    /// Switches the power on again, without a planned cut.
    pub fn restore(&self) {
        *self.lock() = Power::default();
    }

    /// Whether the power was cut.
    pub fn is_cut(&self) -> bool {
        self.lock().is_cut
    }

    /// Spends one write; false = the power is (now) cut and the write must have no effect.
    pub(crate) fn spend(&self) -> bool {
        let mut power = self.lock();
        if power.is_cut {
            return false;
        }
        match &mut power.writes_left {
            None => true,
            Some(0) => {
                power.is_cut = true;
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Power> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cache in memory. Clones share one content.
#[derive(Debug, Clone, Default)]
pub struct SimKv {
    state: Arc<Mutex<State>>,
    power: SimPower,
}

#[derive(Debug, Default)]
struct State {
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    live: BTreeMap<Vec<u8>, Vec<u8>>,
    unsynced: Vec<Batch>,
    keys_read: u64,
    syncs: u64,
}

impl SimKv {
    /// An empty cache on a power supply of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty cache on a shared power supply.
    pub fn on(power: &SimPower) -> Self {
        Self {
            power: power.clone(),
            ..Self::default()
        }
    }

    /// Crashes: of the batches that no sync covered, only the first `kept` survive.
    pub fn crash(&self, kept: usize) {
        let mut state = self.lock();
        let survivors: Vec<Batch> = state.unsynced.drain(..).take(kept).collect();
        let mut durable = std::mem::take(&mut state.durable);
        for batch in &survivors {
            write(&mut durable, batch);
        }
        state.live = durable.clone();
        state.durable = durable;
    }

    /// Batches that no sync covers yet.
    pub fn unsynced(&self) -> usize {
        self.lock().unsynced.len()
    }

    /// How often a sync was made.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Everything it holds, for comparisons.
    pub fn content(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.lock().live.clone()
    }

    /// Damages it: puts a value behind the back of the store.
    pub fn tamper(&self, key: &[u8], value: Option<&[u8]>) {
        let mut state = self.lock();
        let batch = Batch::from([(key.to_vec(), value.map(<[u8]>::to_vec))]);
        write(&mut state.live, &batch);
        write(&mut state.durable, &batch);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn powered(&self, action: &'static str) -> Result<(), StoreError> {
        if self.power.is_cut() {
            return Err(no_power(action));
        }
        Ok(())
    }
}

fn no_power(action: &'static str) -> StoreError {
    StoreError::Cache {
        action,
        message: "simulated power cut".to_owned(),
    }
}

fn write(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &Batch) {
    for (key, value) in batch {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}

impl Kv for SimKv {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        if !self.power.spend() {
            return Err(no_power("writing a batch"));
        }
        let mut state = self.lock();
        write(&mut state.live, batch);
        state.unsynced.push(batch.clone());
        drop(state);
        match durability {
            Durability::Synced => self.flush(),
            Durability::Buffered => Ok(()),
        }
    }

    fn flush(&self) -> Result<(), StoreError> {
        if !self.power.spend() {
            return Err(no_power("syncing"));
        }
        let mut state = self.lock();
        for batch in std::mem::take(&mut state.unsynced) {
            write(&mut state.durable, &batch);
        }
        state.syncs += 1;
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.powered("reading a key")?;
        let mut state = self.lock();
        state.keys_read += 1;
        Ok(state.live.get(key).cloned())
    }

    fn scan(&self, from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        self.powered("scanning keys")?;
        let mut next = Some(from.to_vec());
        // One key at a time, so that a visitor may look up other keys without a deadlock.
        while let Some(start) = next.take() {
            let mut state = self.lock();
            let Some((key, value)) = state
                .live
                .range(start..)
                .next()
                .map(|(key, value)| (key.clone(), value.clone()))
            else {
                break;
            };
            state.keys_read += 1;
            drop(state);
            if let ControlFlow::Break(()) = visit(&key, &value)? {
                break;
            }
            let mut after = key;
            after.push(0);
            next = Some(after);
        }
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        let state = self.lock();
        let bytes: usize = state
            .live
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        Ok(bytes as u64)
    }

    fn keys_read(&self) -> u64 {
        self.lock().keys_read
    }
}
