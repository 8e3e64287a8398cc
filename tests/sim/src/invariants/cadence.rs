//! D-7: one connection's trouble never delays another: in its own clear weather each keeps its rhythm.

use jiff::{SignedDuration, Timestamp};

use super::Scene;

/// Nights are polled this much slower.
const NIGHT: i32 = 5;

/// A cycle may wait for minutes where others keep the account busy.
const BUSY: SignedDuration = SignedDuration::from_mins(10);

/// Looks at the time between two cycles.
pub fn check(scene: &Scene<'_>, last: Option<Timestamp>) {
    scene.shared.court.looked("D-7");
    let Some(last) = last else { return };
    let bound = scene.poll * NIGHT + BUSY;
    let weather = &scene.portal.weather;
    if scene.now.duration_since(last) > bound && weather.after_clear(last, bound) <= scene.now {
        scene.accuse(
            "D-7",
            format!("no cycle between {last} and {}, in clear weather", scene.now),
        );
    }
}
