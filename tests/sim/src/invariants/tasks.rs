//! I-2: at most one task per key, ever. D-1: at most one live task per subject.

use std::collections::BTreeMap;

use followup_sandbox::crm::{TaskState, TaskView};
use jiff::{SignedDuration, Timestamp};

use super::Scene;

/// A second task with a key is a violation whatever became of the first: a rep who deleted it must not see it again.
pub fn one_per_key(scene: &Scene<'_>) {
    scene.shared.court.looked("I-2");
    let mut by_key: BTreeMap<&str, &TaskView> = BTreeMap::new();
    for task in scene.ours().chain(scene.lists()) {
        let Some(key) = task.key.as_deref() else { continue };
        if let Some(first) = by_key.insert(key, task) {
            scene.accuse(
                "I-2",
                format!(
                    "tasks {} ({:?}, created {}) and {} ({:?}, created {}) carry the key {key}",
                    first.id, first.state, first.created_at, task.id, task.state, task.created_at
                ),
            );
        }
    }
}

/// Two open tasks about one subject.
///
/// Allowed only as long as it takes to notice, where a rep made one of them theirs, or where two people with a task each were merged (an open gap keeps its anchor, and its task stays). `seen` remembers
/// since when.
pub fn one_per_subject(scene: &Scene<'_>, seen: &mut BTreeMap<String, Timestamp>) {
    scene.shared.court.looked("D-1");
    let mut open: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for task in scene.ours() {
        let is_edited = scene.portal.people.edits.keys().any(|(id, _)| *id == task.id);
        let merged_at = |person| scene.portal.people.merged.get(person);
        let was_before_merge = task
            .people
            .iter()
            .any(|person| merged_at(person).is_some_and(|at| task.created_at <= *at));
        if task.state == TaskState::Open && !is_edited && !was_before_merge {
            open.entry(subject_of(task)).or_default().push(&task.id);
        }
    }
    open.retain(|_, tasks| tasks.len() > 1);
    seen.retain(|subject, _| subject.starts_with("list of") || open.contains_key(subject));
    for (subject, tasks) in open {
        let since = *seen.entry(subject.clone()).or_insert(scene.now);
        let bound = scene.tolerance() + SignedDuration::from_mins(45);
        if scene.portal.weather.after_clear(since, bound) < scene.now {
            scene.accuse(
                "D-1",
                format!("{subject} has had several open tasks since {since}: {tasks:?}"),
            );
        }
    }
}

fn subject_of(task: &TaskView) -> String {
    let deal = task.deals.first().map(|deal| format!("deal {deal}"));
    let person = || task.people.first().map(|person| format!("person {person}"));
    deal.or_else(person)
        .unwrap_or_else(|| format!("nothing, task {}", task.id))
}
