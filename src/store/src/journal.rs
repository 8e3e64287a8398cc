//! The seam under the ledger: an append-only list of entries, durable when `append` returns.

use crate::error::{Problem, StoreError};

mod file;
mod frame;
mod sim;

pub(crate) use self::file::{sync_parent, write_new};
pub use self::{file::FileJournal, sim::SimJournal};

/// Largest entry, in bytes.
pub(crate) const ENTRY_BYTES_MAX: usize = 1 << 20;

/// Called with the sequence number (from 1) and the bytes of each entry, in order.
pub type VisitEntry<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), StoreError>;

/// An append-only list of entries.
pub trait Journal: Send + Sync {
    /// Appends entries in order; all of them are durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::JournalClosed`]: any number of the entries, from the first on, may be
    /// durable nevertheless. [`StoreError::TooLarge`]: none is.
    fn append(&mut self, payloads: &[&[u8]]) -> Result<(), StoreError>;

    /// Visits every entry that can be read, and tells what cannot.
    ///
    /// # Errors
    /// [`StoreError::Io`], and whatever the visitor returns.
    fn replay(&self, visit: VisitEntry<'_>) -> Result<Vec<Problem>, StoreError>;

    /// Bytes on disk (or in memory, for a simulated one).
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn size_bytes(&self) -> Result<u64, StoreError>;
}

pub(crate) fn check_sizes(payloads: &[&[u8]]) -> Result<(), StoreError> {
    if payloads.iter().any(|payload| payload.len() > ENTRY_BYTES_MAX) {
        return Err(StoreError::TooLarge {
            what: "a journal entry in bytes",
            max: ENTRY_BYTES_MAX as u64,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
