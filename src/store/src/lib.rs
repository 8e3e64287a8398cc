//! Where followupd keeps what it knows: an append-only journal, the ledger folded from it, and a cache of records.
//!
//! The journal is the authority for everything no CRM can tell again (what we decided and wrote, owner changes that
//! were observed). The cache holds records, indexes, cursors and the dirty and due sets; it can be lost at any time
//! and is then fetched again. [`Store`] is the only way in.
//!
//! Read in this order: [`ledger`] (what we did), [`store`] (the facade), then inside: `commit` (a page as one batch),
//! `human` and `gather` (who is who, and what concerns a subject), `keys`, `index` and `codec` (the layout), `view`
//! (typed reads with writes laid over), `erase` (taking a human out), `open`, `verify` and `dir` (opening and damage), [`kv`] and [`journal`] (the
//! seams, each with a simulated twin).

pub mod journal;
pub mod kv;
pub mod ledger;
pub mod store;

mod codec;
mod commit;
mod dir;
mod erase;
mod error;
mod gather;
mod human;
mod index;
mod keys;
mod lanes;
mod open;
mod sweep;
#[cfg(test)]
mod testing;
mod verify;
mod view;

pub use commit::{Committed, PageCommit};
pub use dir::FORMAT;
pub use erase::Traces;
pub use error::{Problem, StoreError};
pub use gather::{BATCH_COUNT_MAX, BATCH_WITHIN, Gathered};
pub use journal::SimJournal;
pub use kv::{SimKv, SimPower};
pub use lanes::LaneState;
pub use ledger::{Entry, Ledger};
pub use store::{Forgotten, MissingPart, Opening, Place, Store, StoreOptions};
pub use sweep::{SweepPart, SweepState};
pub use view::Counts;
