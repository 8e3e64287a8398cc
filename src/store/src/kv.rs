//! The seam under the cache: an ordered map of bytes with atomic batches.
//!
//! Keys, codecs, indexes and the dirty and due sets lie above it, so tests with [`SimKv`] run all of them. The trait
//! is as small as it can be, so that the engine below it can be exchanged.

use std::{collections::BTreeMap, ops::ControlFlow};

use crate::error::StoreError;

mod sim;
mod sled;

pub(crate) use self::sled::{Clearing, await_release};
pub use self::{
    sim::{SimKv, SimPower},
    sled::SledKv,
};

/// Writes that become visible together: a value to put, or `None` to delete the key.
pub type Batch = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What must be true when [`Kv::apply`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The batch and everything before it survives a power cut.
    Synced,
    /// The batch may be lost in a crash, whole and only together with everything after it.
    Buffered,
}

/// Called with each key and value of a scan, in the order of the keys, until it breaks off.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>;

/// An ordered map of bytes.
pub trait Kv: Send + Sync {
    /// Applies a batch atomically.
    ///
    /// # Errors
    /// [`StoreError::Cache`]; after an error it is unknown whether the batch was applied, and repeating it is safe.
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError>;

    /// Makes everything applied so far durable.
    ///
    /// # Errors
    /// [`StoreError::Cache`].
    fn flush(&self) -> Result<(), StoreError>;

    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreError::Cache`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits keys from `from` (inclusive) upwards.
    ///
    /// # Errors
    /// [`StoreError::Cache`], and whatever the visitor returns.
    fn scan(&self, from: &[u8], visit: Visit<'_>) -> Result<(), StoreError>;

    /// Visits everything.
    ///
    /// # Errors
    /// As [`Kv::scan`].
    fn export(&self, visit: Visit<'_>) -> Result<(), StoreError> {
        self.scan(&[], visit)
    }

    /// Bytes on disk (or in memory, for a simulated one).
    ///
    /// # Errors
    /// [`StoreError::Cache`].
    fn size_bytes(&self) -> Result<u64, StoreError>;

    /// Keys looked up or visited since it was opened: what a read costs, independent of the machine.
    fn keys_read(&self) -> u64;
}

#[cfg(test)]
mod tests;
