//! D-1 for owners' lists: an owner has one open list of a rule, whoever forgot what.
//!
//! One rule of those that are on here is delivered by lists, so an owner has one list.

use std::collections::BTreeMap;

use followup_sandbox::crm::TaskState;
use jiff::{SignedDuration, Timestamp};

use super::Scene;

/// Two open lists of one owner, longer than it takes to notice. Lists that a rep has changed are theirs.
pub fn one_per_owner(scene: &Scene<'_>, seen: &mut BTreeMap<String, Timestamp>) {
    scene.shared.court.looked("D-1");
    let mut open: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for list in scene.lists().filter(|list| list.state == TaskState::Open) {
        let is_edited = scene.portal.people.edits.keys().any(|(id, _)| *id == list.id);
        if let Some(owner) = list.owner.as_ref().filter(|_| !is_edited) {
            open.entry(format!("list of {owner}")).or_default().push(&list.id);
        }
    }
    open.retain(|_, lists| lists.len() > 1);
    seen.retain(|owner, _| !owner.starts_with("list of") || open.contains_key(owner));
    for (owner, lists) in open {
        let since = *seen.entry(owner.clone()).or_insert(scene.now);
        let bound = scene.tolerance() + SignedDuration::from_mins(45);
        if scene.portal.weather.after_clear(since, bound) < scene.now {
            scene.accuse("D-1", format!("{owner}: {lists:?} have been open since {since}"));
        }
    }
}
