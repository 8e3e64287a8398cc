//! A plan, played: the schedule on one side, the daemon on the other, the invariants in between.
//!
//! `game` steps through the schedule and lets the process live and die, `world` is what outlives it, `watch` holds
//! everything against the invariants.

mod game;
mod watch;
mod world;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    court::{Court, Violation},
    defect::Defect,
    disk::Disk,
    logs::Logs,
    plan::Plan,
    trace::Trace,
};
use game::Game;

pub use world::{Portal, World};

/// After a trouble the connection may need this long for its breakers and retry budgets.
const RECOVERY: SignedDuration = SignedDuration::from_mins(20);
/// The admin looks this often.
const ADMIN_EVERY: SignedDuration = SignedDuration::from_mins(20);

/// What every part of a run holds on to.
#[derive(Clone)]
pub struct Shared {
    /// What happened.
    pub trace: Trace,
    /// What must not be so.
    pub court: Court,
    /// What was logged.
    pub logs: Logs,
    /// A rule broken on purpose.
    pub defect: Option<Defect>,
    disk: Arc<Mutex<Disk>>,
}

impl Shared {
    fn new(defect: Option<Defect>) -> Self {
        Self {
            trace: Trace::default(),
            court: Court::default(),
            logs: Logs::default(),
            defect,
            disk: Arc::new(Mutex::new(Disk::new())),
        }
    }

    /// The daemon's disks.
    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a violation with what happened before it.
    pub fn accuse(&self, id: &'static str, at: Timestamp, what: String) {
        self.trace.note(at, &format!("! {id} {what}"));
        self.court.accuse(id, at, what, self.trace.last());
    }
}

/// How a run ended.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Simulated days.
    pub days: u32,
    /// Portals.
    pub connections: usize,
    /// Hash of everything that happened.
    pub hash: u64,
    /// How much that was.
    pub events: u64,
    /// Requests the daemon sent.
    pub requests: u64,
    /// What was done to it, by kind: faults that struck, crashes, people.
    pub faults: BTreeMap<String, u64>,
    /// How often each invariant was looked at.
    pub looks: BTreeMap<&'static str, u64>,
    /// What must not have been so.
    pub violations: Vec<Violation>,
}

/// Plays a plan.
pub fn run(plan: &Plan, defect: Option<Defect>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(async { Game::new(plan, defect).play().await }),
        Err(error) => failed(plan, &error.to_string()),
    }
}

fn failed(plan: &Plan, why: &str) -> Outcome {
    let shared = Shared::new(None);
    shared.accuse("setup", plan.begins_at, why.to_owned());
    Outcome {
        seed: plan.seed,
        days: plan.days,
        connections: plan.portals.len(),
        hash: 0,
        events: 0,
        requests: 0,
        faults: BTreeMap::new(),
        looks: BTreeMap::new(),
        violations: shared.court.violations(),
    }
}
