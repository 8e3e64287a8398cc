//! A cache copied into fresh files: what was deleted from the old ones is in no byte of the new.
//!
//! The storage engine only marks what is deleted, and fills the space again some day. The copy is whole and durable
//! before it takes the old one's place; a crash in between leaves one of the two, and the next opening finishes
//! ([`StateDir::finish_renewal`]).

use std::{ops::ControlFlow, path::Path};

use crate::{
    dir::StateDir,
    error::StoreError,
    journal::sync_parent,
    kv::{Batch, Clearing, Durability, Kv, SledKv, await_release},
};

/// Bytes of keys and values copied in one batch, about.
const BATCH_BYTES: usize = 4 << 20;

/// Copies everything `from` holds into a fresh cache beside the present one.
pub(crate) fn copy(dir: &StateDir, from: &dyn Kv, cache_bytes: u64) -> Result<(), StoreError> {
    let path = dir.create_fresh_cache()?;
    let copied = fill(&path, from, cache_bytes);
    if copied.is_err() {
        // A half copy is of no use, and the next opening would remove it anyway.
        dir.drop_fresh_cache().ok();
    }
    copied
}

fn fill(path: &Path, from: &dyn Kv, cache_bytes: u64) -> Result<(), StoreError> {
    let to = SledKv::open(path, cache_bytes, Clearing::AllSnapshots)?;
    let mut batch = Batch::new();
    let mut bytes = 0;
    from.export(&mut |key, value| {
        bytes += key.len() + value.len();
        batch.insert(key.to_vec(), Some(value.to_vec()));
        if bytes >= BATCH_BYTES {
            to.apply(&std::mem::take(&mut batch), Durability::Buffered)?;
            bytes = 0;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    to.apply(&batch, Durability::Synced)?;
    drop(to);
    await_release(path);
    sync_parent(&path.join("db"))
}

/// Puts the copy in the old cache's place and opens it. The old one must be closed.
pub(crate) fn swap(dir: &StateDir, cache_bytes: u64) -> Result<SledKv, StoreError> {
    await_release(&dir.cache());
    dir.swap_cache()?;
    SledKv::open(&dir.cache(), cache_bytes, Clearing::HalfSnapshots)
}

/// Stands for a cache while it is exchanged: whatever is asked of it fails.
pub(crate) struct Closed;

impl Closed {
    fn refuse<T>(action: &'static str) -> Result<T, StoreError> {
        Err(StoreError::Cache {
            action,
            message: "it could not be opened again after it was written anew".to_owned(),
        })
    }
}

impl Kv for Closed {
    fn apply(&self, _: &Batch, _: Durability) -> Result<(), StoreError> {
        Self::refuse("writing a batch")
    }

    fn flush(&self) -> Result<(), StoreError> {
        Self::refuse("flushing")
    }

    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Self::refuse("reading a key")
    }

    fn scan(&self, _: &[u8], _: crate::kv::Visit<'_>) -> Result<(), StoreError> {
        Self::refuse("scanning keys")
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        Self::refuse("measuring")
    }

    fn keys_read(&self) -> u64 {
        0
    }
}
