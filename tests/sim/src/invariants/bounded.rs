//! I-9: what waits is bounded.

use super::Scene;

/// Batches of the cache that no sync covers: pages without news wait for the next one with.
const UNSYNCED_MAX: usize = 20_000;

/// Looks at what waits.
pub fn check(scene: &Scene<'_>) {
    scene.shared.court.looked("I-9");
    let unsynced = scene.shared.disk().unsynced();
    if unsynced > UNSYNCED_MAX {
        scene.accuse("I-9", format!("{unsynced} batches of the cache wait for a sync"));
    }
}
