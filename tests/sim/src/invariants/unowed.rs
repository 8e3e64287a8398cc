//! D-4: a task that no careful human would expect rests on an absence nobody could see.

use super::Scene;

/// Every task about a scripted subject has its expectation.
pub fn check(scene: &Scene<'_>) {
    scene.shared.court.looked("D-4");
    if !scene.portal.plan.is_exact() {
        return;
    }
    let expected = scene.expected();
    for task in scene.ours().filter(|task| !scene.portal.people.concerns(task)) {
        let fits = |expected: &&super::Expected| {
            let after = expected.until.map(|until| until + scene.tolerance());
            expected.is_about(task)
                && task.created_at >= expected.from
                && after.is_none_or(|after| task.created_at <= after)
        };
        if !expected.iter().any(|one| fits(&one)) {
            let known = expected.iter().find(|expected| expected.is_about(task));
            let why = known.map_or_else(
                || "its subject is owed nothing".to_owned(),
                |one| format!("{} owes {} from {} until {:?}", one.situation, one.rule, one.from, one.until),
            );
            scene.accuse(
                "D-4",
                format!("task {} of {} ({:?} {:?}) is not owed: {why}", task.id, task.created_at, task.people, task.deals),
            );
        }
    }
}
