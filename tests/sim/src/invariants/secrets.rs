//! D-8 and I-10: no token and nothing personal in journal, logs, errors or health.

use followupd::{
    engine::{CycleReport, Link},
    health,
};

use crate::run::Shared;

/// Looks at what a cycle shows the world.
pub fn cycle(shared: &Shared, report: &CycleReport, link: &Link) {
    for error in &report.errors {
        shared.logs.search("a cycle's error", error.as_bytes());
    }
    let health = serde_json::to_vec(&health::of(link)).unwrap_or_default();
    shared.logs.search("the health report", &health);
}

/// Looks at the journal, and tells of everything found so far.
pub fn end(shared: &Shared, at: jiff::Timestamp) {
    shared.court.looked("D-8");
    shared
        .disk()
        .visit(&mut |entry| shared.logs.search("the journal", entry));
    for found in shared.logs.found().into_iter().take(1) {
        shared.accuse("D-8", at, found);
    }
}
