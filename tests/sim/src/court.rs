//! Where violations are told, and how often each invariant was looked at.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;

/// Violations kept of one run; the first is what matters.
const KEPT: usize = 5;

/// Something that must never be so was so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which invariant, for example `I-2`.
    pub invariant: &'static str,
    /// When it was seen.
    pub at: Timestamp,
    /// What was seen.
    pub what: String,
    /// What happened before, oldest first.
    pub before: Vec<String>,
}

/// Takes violations and counts looks. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Court(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    violations: Vec<Violation>,
    looks: BTreeMap<&'static str, u64>,
}

impl Court {
    /// Counts a look at an invariant.
    pub fn looked(&self, invariant: &'static str) {
        *self.lock().looks.entry(invariant).or_default() += 1;
    }

    /// Tells of a violation.
    pub fn accuse(&self, invariant: &'static str, at: Timestamp, what: String, before: Vec<String>) {
        let mut state = self.lock();
        if state.violations.len() < KEPT {
            state.violations.push(Violation {
                invariant,
                at,
                what,
                before,
            });
        }
    }

    /// Whether anything was told.
    pub fn has_any(&self) -> bool {
        !self.lock().violations.is_empty()
    }

    /// The violations so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    /// How often each invariant was looked at.
    pub fn looks(&self) -> BTreeMap<&'static str, u64> {
        self.lock().looks.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
