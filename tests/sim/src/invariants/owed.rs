//! I-3 and D-2: what is owed comes within a bound of clear time, or shows a reason.

use followup_sandbox::crm::TaskView;
use jiff::SignedDuration;

use super::{Expected, Scene};

/// After the state directory was lost the cutover is new: what began before it is not acted on.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(30);

/// What the script expects.
pub fn scripted(scene: &Scene<'_>) {
    scene.shared.court.looked("I-3");
    if !scene.portal.plan.is_exact() {
        return;
    }
    for expected in scene
        .expected()
        .iter()
        .filter(|expected| is_judged(scene, expected))
    {
        let due = scene.due_of(expected);
        let is_over = expected.until.is_some_and(|until| until <= due);
        if due >= scene.now || is_over {
            continue;
        }
        let came = scene.ours().find(|task| {
            expected.is_about(task) && task.created_at >= expected.from && task.created_at <= due
        });
        match came {
            None => scene.accuse(
                "I-3",
                format!(
                    "{} ({}): {} owed from {} has no task by {due}",
                    expected.situation, expected.subject, expected.rule, expected.from
                ),
            ),
            Some(task) if !is_right_owner(scene, expected, task) => scene.accuse(
                "D-2",
                format!(
                    "{}: task {} is on the list of {:?}, not of {}",
                    expected.situation, task.id, task.owner, expected.owner
                ),
            ),
            Some(_) => {}
        }
    }
}

fn is_right_owner(scene: &Scene<'_>, expected: &Expected, task: &TaskView) -> bool {
    task.owner.as_deref() == Some(expected.owner.as_str()) || scene.portal.people.concerns(task)
}

/// Whether the daemon could know what the expectation rests on.
pub fn is_judged(scene: &Scene<'_>, expected: &Expected) -> bool {
    let is_known = expected.from >= scene.portal.connected_at;
    let is_lost = scene
        .portal
        .lost_at
        .is_some_and(|lost| expected.from < lost + FORGOTTEN);
    let is_told = scene.is_exact || !expected.is_of_two();
    is_known && is_told && !is_lost && !expected.subject.is_empty() && !expected.is_listed()
}

/// Walk-ons nobody touched whose task is overdue; the caller asks for the reason.
pub fn walk_ons(scene: &Scene<'_>) -> Vec<(String, String)> {
    scene.shared.court.looked("D-2");
    if !scene.portal.plan.is_exact() {
        return Vec::new();
    }
    let mut overdue = Vec::new();
    for walk_on in &scene.portal.people.walk_ons {
        let Some(from) = walk_on.owed_from else { continue };
        let is_lost = scene.portal.lost_at.is_some_and(|lost| from < lost + FORGOTTEN);
        let due = scene.due(from, &scene.portal.weather);
        // What a full day holds back shows its reason only while it is owed: after a touch there is nothing left to ask about.
        let until = if scene.is_capped { scene.now } else { due };
        let is_touched = walk_on.touched_at.is_some_and(|at| at <= until);
        if is_lost
            || is_touched
            || walk_on.is_gone
            || due >= scene.now
            || walk_on.asked_at <= scene.portal.connected_at
        {
            continue;
        }
        let is_there =
            |task: &TaskView| task.people.contains(&walk_on.id) && task.created_at >= walk_on.asked_at;
        if !scene.ours().any(is_there) {
            overdue.push((
                walk_on.id.clone(),
                format!(
                    "person {} asked at {} and has no task by {due}",
                    walk_on.id, walk_on.asked_at
                ),
            ));
        }
    }
    overdue
}

/// The script's own marks, where nothing went wrong that could excuse anything.
pub fn marks(scene: &Scene<'_>) {
    scene.shared.court.looked("D-2");
    let was_calm = scene.portal.weather.was_always_clear() && scene.portal.sparing.was_always_clear();
    if !scene.portal.plan.is_exact() || !was_calm {
        return;
    }
    let is_scripted = |problem: &&String| !problem.contains("is about nobody in the script");
    let problems = scene.portal.crm.score(scene.tolerance());
    if let Some(problem) = problems.iter().find(is_scripted) {
        scene.accuse("D-2", problem.clone());
    }
}
