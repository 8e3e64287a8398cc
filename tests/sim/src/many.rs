//! Many seeds on several threads, each run in a runtime of its own.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::{
    defect::Defect,
    plan::{self, Crms, Wish},
    run::{self, Outcome},
};

/// Which runs to make.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// First seed.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// Simulated days; `None` draws them.
    pub days: Option<u32>,
    /// Connections; `None` draws them.
    pub connections: Option<usize>,
    /// Of which CRMs; `None` = as each seed says.
    pub crms: Option<Crms>,
    /// Threads.
    pub threads: usize,
}

/// Plays every seed of a batch; `told` hears of each outcome as it comes. In the order of the seeds.
pub fn play(batch: Batch, told: &(dyn Fn(&Outcome) + Sync)) -> Vec<Outcome> {
    let mut outcomes = each(batch, None, told, &|_| false);
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

/// Plays seeds with a defect until one fails; answers the outcome, and how many seeds that took. `None` = it was never
/// caught.
pub fn catch(batch: Batch, defect: Defect) -> Option<(Outcome, u64)> {
    let outcomes = each(batch, Some(defect), &|_| {}, &|outcome| {
        !outcome.violations.is_empty()
    });
    let caught = outcomes
        .into_iter()
        .filter(|outcome| !outcome.violations.is_empty());
    let first = caught.min_by_key(|outcome| outcome.seed)?;
    let needed = first.seed - batch.first + 1;
    Some((first, needed))
}

fn each(
    batch: Batch,
    defect: Option<Defect>,
    told: &(dyn Fn(&Outcome) + Sync),
    is_enough: &(dyn Fn(&Outcome) -> bool + Sync),
) -> Vec<Outcome> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut outcomes = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= batch.count {
                return outcomes;
            }
            let wish = Wish {
                seed: batch.first + place,
                days: batch.days,
                connections: batch.connections,
                crms: batch.crms,
            };
            let outcome = run::run(&plan::draw(wish), defect);
            told(&outcome);
            if is_enough(&outcome) {
                // Seeds before this one are under way or done; none after it is begun.
                next.store(batch.count, Ordering::Relaxed);
            }
            outcomes.push(outcome);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..batch.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_default())
            .collect()
    })
}

/// Sums over runs.
#[derive(Debug, Default)]
pub struct Totals {
    /// Runs.
    pub seeds: u64,
    /// Simulated days.
    pub days: u64,
    /// Events in the traces.
    pub events: u64,
    /// Requests the daemon sent.
    pub requests: u64,
    /// What was done to it, by kind.
    pub faults: BTreeMap<String, u64>,
    /// How often each invariant was looked at.
    pub looks: BTreeMap<&'static str, u64>,
    /// Runs with a violation.
    pub failures: u64,
}

impl Totals {
    /// Over these.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut totals = Self::default();
        for outcome in outcomes {
            totals.seeds += 1;
            totals.days += u64::from(outcome.days);
            totals.events += outcome.events;
            totals.requests += outcome.requests;
            totals.failures += u64::from(!outcome.violations.is_empty());
            for (kind, count) in &outcome.faults {
                let kind = kind.split(':').next().unwrap_or(kind).to_owned();
                *totals.faults.entry(kind).or_default() += count;
            }
            for (id, count) in &outcome.looks {
                *totals.looks.entry(id).or_default() += count;
            }
        }
        totals
    }
}
