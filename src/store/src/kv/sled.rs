//! sled, held so that neither its panics nor its idea of a flush can hurt: the only file that names it.
//!
//! Invariants: a page is acknowledged only after `flush` *and* an fsync of the file `db` through a handle of our own
//! (sled's own flush on Linux only starts the write-out); every call runs where a panic becomes an error, and after
//! a panic nothing is asked of the tree again. The cache is authority for nothing, so any damage may end in a rebuild.

use std::{
    fs::{self, File, Permissions},
    ops::ControlFlow,
    os::unix::fs::PermissionsExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use super::{Batch, Durability, Kv, Visit};
use crate::error::StoreError;

/// How often sled's own timer writes out what no page forced.
const FLUSH_EVERY_MS: u64 = 500;

/// How long an earlier tree of this process may take to let its file go. Longer than that, opening is tried anyway.
const RELEASE_WITHIN: Duration = Duration::from_secs(10);

/// The cache on disk.
pub struct SledKv {
    db: sled::Db,
    file: File,
    is_broken: AtomicBool,
    keys_read: AtomicU64,
}

/// Which leftovers are removed before the tree is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clearing {
    /// Half-written snapshots only: each of them alone makes every open fail.
    HalfSnapshots,
    /// All snapshots: they are rebuilt from the log.
    AllSnapshots,
}

impl SledKv {
    /// Opens the tree in `dir`, creating it where there is none. `cache_bytes` bounds sled's page cache; plan three
    /// times as much memory.
    ///
    /// # Errors
    /// [`StoreError::Cache`] if the tree cannot be opened, also where sled panics; [`StoreError::Io`].
    pub(crate) fn open(dir: &Path, cache_bytes: u64, clearing: Clearing) -> Result<Self, StoreError> {
        await_release(dir);
        clear_snapshots(dir, clearing)?;
        let db = guarded("opening", || {
            sled::Config::new()
                .path(dir)
                .mode(sled::Mode::LowSpace)
                .cache_capacity(cache_bytes)
                .flush_every_ms(Some(FLUSH_EVERY_MS))
                .open()
        })?;
        for name in ["db", "conf"] {
            let path = dir.join(name);
            fs::set_permissions(&path, Permissions::from_mode(0o600))
                .map_err(StoreError::io("setting the permissions of", path))?;
        }
        let path = dir.join("db");
        let file = File::open(&path).map_err(StoreError::io("opening", path))?;
        Ok(Self {
            db,
            file,
            is_broken: AtomicBool::new(false),
            keys_read: AtomicU64::new(0),
        })
    }

    /// Runs a call into sled unless an earlier one panicked.
    fn call<T>(
        &self,
        action: &'static str,
        call: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, StoreError> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(broken(action, "an earlier call panicked".to_owned()));
        }
        guarded(action, || call(&self.db)).inspect_err(|_| self.is_broken.store(true, Ordering::Relaxed))
    }
}

fn guarded<T>(action: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(broken(action, error.to_string())),
        Err(_) => Err(broken(action, "the storage engine panicked".to_owned())),
    }
}

const fn broken(action: &'static str, message: String) -> StoreError {
    StoreError::Cache { action, message }
}

/// Waits until an earlier tree of this process is really closed: sled's helper threads keep its file locked for a
/// moment after it was dropped, and an open in that moment would look like damage. Other processes are kept out by
/// the lock on the state directory.
pub(crate) fn await_release(dir: &Path) {
    let path = dir.join("db");
    let Ok(file) = File::open(path) else {
        return;
    };
    let (done, released) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let outcome = file.lock();
        drop(file);
        // Nobody listens any more if it took too long.
        done.send(outcome).ok();
    });
    if released.recv_timeout(RELEASE_WITHIN).is_ok() {
        waiter.join().ok();
    }
}

fn clear_snapshots(dir: &Path, clearing: Clearing) -> Result<(), StoreError> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::io("listing", dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_half = name.starts_with("snap.") && name.ends_with(".generating");
        let is_meant = match clearing {
            Clearing::HalfSnapshots => is_half,
            Clearing::AllSnapshots => name.starts_with("snap."),
        };
        if is_meant {
            fs::remove_file(entry.path()).map_err(StoreError::io("removing", entry.path()))?;
        }
    }
    Ok(())
}

impl Kv for SledKv {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        self.call("writing a batch", |db| {
            let mut writes = sled::Batch::default();
            for (key, value) in batch {
                match value {
                    Some(value) => writes.insert(key.as_slice(), value.as_slice()),
                    None => writes.remove(key.as_slice()),
                }
            }
            db.apply_batch(writes)
        })?;
        match durability {
            Durability::Synced => self.flush(),
            Durability::Buffered => Ok(()),
        }
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.call("flushing", |db| db.flush())?;
        self.file
            .sync_all()
            .map_err(|error| broken("syncing", error.to_string()))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.keys_read.fetch_add(1, Ordering::Relaxed);
        let value = self.call("reading a key", |db| db.get(key))?;
        Ok(value.map(|bytes| bytes.to_vec()))
    }

    fn scan(&self, from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let mut iter = self.call("scanning keys", |db| Ok(db.range(from..)))?;
        loop {
            let next = self.call("scanning keys", |_| iter.next().transpose())?;
            let Some((key, value)) = next else {
                return Ok(());
            };
            self.keys_read.fetch_add(1, Ordering::Relaxed);
            if let ControlFlow::Break(()) = visit(&key, &value)? {
                return Ok(());
            }
        }
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        self.call("measuring", sled::Db::size_on_disk)
    }

    fn keys_read(&self) -> u64 {
        self.keys_read.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_and_nothing_is_asked_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let kv = SledKv::open(dir.path(), 1 << 20, Clearing::HalfSnapshots).unwrap();
        kv.get(b"before").unwrap();
        let outcome = kv.call("reading a key", |_| -> sled::Result<()> { panic!("damage") });
        assert!(matches!(outcome, Err(StoreError::Cache { .. })));
        assert!(kv.get(b"after").is_err());
        assert!(kv.apply(&Batch::new(), Durability::Synced).is_err());
        assert!(kv.scan(&[], &mut |_, _| Ok(ControlFlow::Continue(()))).is_err());
    }

    #[test]
    fn a_tree_opens_again_right_after_it_was_closed() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..20_u8 {
            let kv = SledKv::open(dir.path(), 1 << 20, Clearing::HalfSnapshots).unwrap();
            let batch = Batch::from([(vec![round], Some(vec![round]))]);
            kv.apply(&batch, Durability::Synced).unwrap();
        }
    }
}
