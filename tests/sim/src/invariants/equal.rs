//! D-10: equal facts, equal work: people who asked in the same instant get their tasks in the same cycle.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Scene;

/// Looks at people who asked together and whom nobody touched.
pub fn check(scene: &Scene<'_>) {
    scene.shared.court.looked("D-10");
    if !scene.portal.plan.is_exact() || scene.is_capped {
        return;
    }
    let mut together: BTreeMap<Timestamp, Vec<(Timestamp, &str)>> = BTreeMap::new();
    for walk_on in &scene.portal.people.walk_ons {
        let task = scene.ours().find(|task| task.people.contains(&walk_on.id));
        if let (Some(task), Some(_), None) = (task, walk_on.owed_from, walk_on.touched_at) {
            together
                .entry(walk_on.asked_at)
                .or_default()
                .push((task.created_at, &walk_on.id));
        }
    }
    for (asked_at, tasks) in together {
        let first = tasks.iter().min();
        let last = tasks.iter().max();
        if let (Some(first), Some(last)) = (first, last)
            && last.0.duration_since(first.0) > SignedDuration::from_mins(3)
            && scene
                .portal
                .weather
                .after_clear(asked_at, last.0.duration_since(asked_at))
                <= last.0
        {
            scene.accuse(
                "D-10",
                format!(
                    "of those who asked at {asked_at}, {} got a task at {} and {} at {}",
                    first.1, first.0, last.1, last.0
                ),
            );
        }
    }
}
