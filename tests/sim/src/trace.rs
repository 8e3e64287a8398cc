//! Everything that happened, in order, as one hash; and the last of it in words.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;

/// Lines kept for a failure's report.
const KEPT: usize = 60;

/// Whether traces that begin from now on are written to standard error.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Writes every trace that begins from now on to standard error.
pub fn tell() {
    TOLD.store(true, Ordering::Relaxed);
}

/// What happened so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Trace(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    hash: u64,
    events: u64,
    last: VecDeque<String>,
    /// Everything is also written to standard error: `--trace`.
    is_told: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            events: 0,
            last: VecDeque::with_capacity(KEPT),
            is_told: TOLD.load(Ordering::Relaxed),
        }
    }
}

impl Trace {
    /// Notes one event.
    pub fn note(&self, at: Timestamp, what: &str) {
        let mut state = self.lock();
        state.events += 1;
        if state.is_told {
            // Standard error may be closed: the run goes on all the same.
            writeln!(std::io::stderr(), "{at} {what}").unwrap_or_default();
        }
        state.hash = fnv(state.hash, &at.as_millisecond().to_be_bytes());
        state.hash = fnv(state.hash, what.as_bytes());
        if state.last.len() == KEPT {
            state.last.pop_front();
        }
        state.last.push_back(format!("{at} {what}"));
    }

    /// The hash of all events so far.
    pub fn hash(&self) -> u64 {
        self.lock().hash
    }

    /// How many there were.
    pub fn events(&self) -> u64 {
        self.lock().events
    }

    /// The last ones, oldest first.
    pub fn last(&self) -> Vec<String> {
        self.lock().last.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// FNV-1a over `bytes`, going on from `hash`.
pub fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
