//! One store, many users: batches take turns, and disk work never blocks the async runtime.
//!
//! Turns are first come, first served (tokio's mutex is fair), so one connection's backfill delays another by at
//! most one page. In a simulation the work runs in place, because paused time would run ahead of a blocking thread.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use followup_store::{Store, StoreError};
use tokio::sync::Mutex;

/// Where disk work runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreThread {
    /// On tokio's blocking threads: real disks.
    Blocking,
    /// In place: simulated stores under paused time.
    InPlace,
}

/// A handle to the one store of this process.
#[derive(Clone)]
pub struct SharedStore {
    store: Arc<Mutex<Store>>,
    beats: Arc<AtomicU64>,
    thread: StoreThread,
}

impl SharedStore {
    /// Shares `store`.
    pub fn new(store: Store, thread: StoreThread) -> Self {
        Self {
            store: Arc::new(Mutex::new(store)),
            beats: Arc::default(),
            thread,
        }
    }

    /// Runs one batch of store work in turn.
    ///
    /// # Errors
    /// What the work returns; [`StoreError`] also if the thread it ran on died.
    pub async fn with<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    {
        let mut guard = Arc::clone(&self.store).lock_owned().await;
        self.beats.fetch_add(1, Ordering::Relaxed);
        match self.thread {
            StoreThread::InPlace => work(&mut guard),
            StoreThread::Blocking => tokio::task::spawn_blocking(move || work(&mut guard))
                .await
                .unwrap_or_else(|_| Err(StoreError::died())),
        }
    }

    /// How many batches have run: a sign of life.
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Gives the store back once every other handle is gone; `None` while one is still held.
    pub fn into_inner(self) -> Option<Store> {
        Arc::into_inner(self.store).map(Mutex::into_inner)
    }
}
