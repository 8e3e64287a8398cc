//! The seam under the ledger: an append-only list of entries, durable when `append` returns.

use std::ops::Range;

use crate::error::{Problem, StoreError};

mod file;
mod frame;
mod sim;

pub(crate) use self::file::{Inspected, sync_parent, write_new};
pub use self::{file::FileJournal, sim::SimJournal};

/// Largest entry, in bytes.
pub(crate) const ENTRY_BYTES_MAX: usize = 1 << 20;

/// Called with the sequence number (from 1) and the bytes of each entry, in order.
pub type VisitEntry<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), StoreError>;

/// Bytes of a journal that hold no entry any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where they lie.
    pub bytes: Range<u64>,
    /// Their checksum, which tells this damage from a later one at the same place.
    pub crc: u32,
    /// Numbers of the entries that were there, as far as their neighbours tell; empty = none was lost.
    pub missing: Range<u64>,
}

impl Damage {
    /// How many bytes.
    pub const fn len(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }

    /// Whether a place without bytes is meant: a file that lost them all.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries are lost.
    pub const fn lost(&self) -> u64 {
        self.missing.end - self.missing.start
    }

    /// The damage in words, and what it means.
    pub(crate) fn problem(&self, place: &str) -> Problem {
        let missing = match self.lost() {
            0 => "no entry is missing".to_owned(),
            1 => format!("entry {} is missing", self.missing.start),
            _ => format!(
                "entries {} to {} are missing",
                self.missing.start,
                self.missing.end - 1
            ),
        };
        let fix = if self.lost() == 0 {
            "nothing needs doing"
        } else {
            "put a backup of the journal back, or compare the open followupd tasks in the CRM with `followupd status`; \
             then run `followupd store confirm`: nothing is written before"
        };
        let what = if self.is_empty() {
            "entries that were written are not there"
        } else {
            "these bytes are damaged"
        };
        Problem::new(
            "journal",
            format!("{place}, bytes {}..{}", self.bytes.start, self.bytes.end),
            format!("{what}; {missing}"),
            fix,
        )
    }
}

/// An append-only list of entries.
pub trait Journal: Send + Sync {
    /// Appends entries in order; all of them are durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::JournalClosed`]: any number of the entries, from the first on, may be
    /// durable nevertheless. [`StoreError::TooLarge`]: none is.
    fn append(&mut self, payloads: &[&[u8]]) -> Result<(), StoreError>;

    /// Puts other entries in the place of all there are, from number 1 on; durable when it returns, and nothing of
    /// the old ones is left in the file. There are never fewer than before. Damage that was known is gone with it.
    ///
    /// # Errors
    /// [`StoreError::Io`]: the old entries are all there. [`StoreError::JournalClosed`] also where a journal cannot be
    /// written anew.
    fn replace(&mut self, _payloads: &[Vec<u8>]) -> Result<(), StoreError> {
        Err(StoreError::JournalClosed {
            why: "it cannot be written anew",
        })
    }

    /// Visits every entry that can be read, and tells what else is wrong.
    ///
    /// # Errors
    /// [`StoreError::Io`], and whatever the visitor returns.
    fn replay(&self, visit: VisitEntry<'_>) -> Result<Vec<Problem>, StoreError>;

    /// Damage that was found when the journal was opened; [`Journal::replay`] tells of everything else.
    fn damage(&self) -> Vec<Damage> {
        Vec::new()
    }

    /// Number of the last entry, counted from 1 through the whole life of the journal, damaged ones included; 0 = none.
    fn last_seq(&self) -> u64;

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
