//! D-4: a task that no careful human would expect rests on an absence nobody could see.

use jiff::SignedDuration;

use super::Scene;

/// Reasons of other rules come later than this after somebody asked.
const OF_THE_ASKING: SignedDuration = SignedDuration::from_mins(60);

/// Whoever was called within minutes and left alone after that is owed nothing for having asked.
pub fn walk_ons(scene: &Scene<'_>) {
    scene.shared.court.looked("D-4");
    if !scene.portal.plan.is_exact() {
        return;
    }
    for walk_on in scene
        .portal
        .people
        .walk_ons
        .iter()
        .filter(|walk_on| walk_on.touched_at.is_none())
    {
        let Some(answered_at) = walk_on.answered_at else {
            continue;
        };
        let before = walk_on.asked_at + OF_THE_ASKING;
        let wrong = scene.ours().find(|task| {
            task.people.contains(&walk_on.id) && task.created_at > answered_at && task.created_at < before
        });
        if let Some(task) = wrong {
            scene.accuse(
                "D-4",
                format!(
                    "person {} asked at {}, was called at {answered_at} and got task {} at {}",
                    walk_on.id, walk_on.asked_at, task.id, task.created_at
                ),
            );
        }
    }
}

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
        // What a CRM in trouble knows of somebody is not waited for.
        let of_two = expected.iter().find(|one| one.is_of_two() && one.is_about(task));
        let is_dim = of_two.is_some_and(|_| !scene.is_exact || !scene.weather.was_always_clear());
        if !is_dim && !expected.iter().any(|one| fits(&one)) {
            let known = expected.iter().find(|expected| expected.is_about(task));
            let why = known.map_or_else(
                || "its subject is owed nothing".to_owned(),
                |one| {
                    format!(
                        "{} owes {} from {} until {:?}",
                        one.situation, one.rule, one.from, one.until
                    )
                },
            );
            scene.accuse(
                "D-4",
                format!(
                    "task {} of {} ({:?} {:?}) is not owed: {why}",
                    task.id, task.created_at, task.people, task.deals
                ),
            );
        }
    }
}
