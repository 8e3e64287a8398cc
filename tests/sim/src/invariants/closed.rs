//! D-3, first half: a task whose gap closed is closed or withdrawn within a poll, and not before.

use followup_sandbox::crm::{TaskState, TaskView};
use jiff::Timestamp;

use super::{Expected, Scene, owed};
use crate::weather::Weather;

/// Scripted endings.
pub fn check(scene: &Scene<'_>) {
    scene.shared.court.looked("D-3");
    if !scene.portal.plan.is_exact() {
        return;
    }
    let expected = scene.expected();
    for one in expected
        .iter()
        .filter(|one| owed::is_judged(scene, one) && one.ending != "by_rep")
    {
        for task in scene
            .ours()
            .filter(|task| one.is_about(task) && task.created_at >= one.from)
        {
            let is_its = one.until.is_none_or(|until| task.created_at <= until);
            let shares = |other: &&Expected| {
                other.subject == one.subject && other.from != one.from && task.created_at >= other.from
            };
            if is_its && !expected.iter().any(|other| shares(&other)) {
                one_task(scene, one, task);
            }
        }
    }
}

fn one_task(scene: &Scene<'_>, one: &Expected, task: &TaskView) {
    let words = |what: &str| {
        format!(
            "{}: task {} {what} (until {:?}, {})",
            one.situation, task.id, one.until, one.ending
        )
    };
    let Some(until) = one.until else {
        if task.state != TaskState::Open && one.ending == "never" {
            scene.accuse(
                "D-3",
                words(&format!("is {:?} and nobody did anything", task.state)),
            );
        }
        return;
    };
    match (task.state, task.closed_at) {
        (TaskState::Open, _) if scene.weather_of(one).after_clear(until, scene.tolerance()) < scene.now => {
            scene.accuse("D-3", words("is still open"));
        }
        (_, Some(closed_at)) if closed_at < until => {
            scene.accuse("D-3", words(&format!("was closed at {closed_at}")));
        }
        (TaskState::Done, Some(closed_at))
            if one.ending == "moot" && hid(scene.weather_of(one), until, closed_at) => {}
        (TaskState::Done, _) if one.ending == "moot" => {
            scene.accuse("D-3", words("was moot and counts as done"));
        }
        (TaskState::Deferred | TaskState::Deleted, _) if one.ending == "answered" => {
            scene.accuse("D-3", words(&format!("was answered and is {:?}", task.state)));
        }
        _ => {}
    }
}

/// Whether trouble hid what happened in between: where the end of a gap and a later follow-up come to light together, the
/// follow-up counts.
fn hid(weather: &Weather, from: Timestamp, to: Timestamp) -> bool {
    weather.after_clear(from, to.duration_since(from)) > to
}
