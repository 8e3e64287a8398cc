//! I-4: no task for somebody deleted or opted out, and none for what came before the connection did.

use jiff::{SignedDuration, Timestamp};

use super::Scene;

/// Just before it writes the daemon reads the person again; what happens after that read it cannot know.
const LAST_LOOK: SignedDuration = SignedDuration::from_mins(3);

/// Looks at tasks created after `since`.
pub fn check(scene: &Scene<'_>, since: Timestamp) {
    scene.shared.court.looked("I-4");
    for task in scene
        .ours()
        .chain(scene.lists())
        .filter(|task| task.created_at > since)
    {
        for person in &task.people {
            if let Some((why, at)) = scene.portal.crm.barred(person)
                && at < task.created_at - LAST_LOOK
                && at > Timestamp::MIN
            {
                scene.accuse(
                    "I-4",
                    format!(
                        "task {} was created at {} for person {person}, {why} since {at}",
                        task.id, task.created_at
                    ),
                );
            }
        }
        let early = scene.portal.people.walk_ons.iter().find(|walk_on| {
            walk_on.asked_at <= scene.portal.connected_at - scene.skew
                && walk_on.touched_at.is_none()
                && task.people.contains(&walk_on.id)
        });
        if let Some(walk_on) = early {
            scene.accuse(
                "I-4",
                format!(
                    "task {} is about person {}, who asked at {} before anybody was connected",
                    task.id, walk_on.id, walk_on.asked_at
                ),
            );
        }
    }
}
