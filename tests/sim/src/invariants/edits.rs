//! D-3, second half: a field a human edited is theirs.

use followup_sandbox::crm::{TaskAct, TaskState, TaskView};

use super::Scene;
use crate::people::WalkOn;

/// Every field a rep set holds what they set.
pub fn check(scene: &Scene<'_>) {
    scene.shared.court.looked("D-3");
    for ((task_id, field), edit) in &scene.portal.people.edits {
        let Some(task) = scene.tasks.iter().find(|task| task.id == *task_id) else {
            continue;
        };
        let stays = match &edit.act {
            TaskAct::Complete => task.state == TaskState::Done,
            TaskAct::Defer => task.state == TaskState::Deferred,
            TaskAct::Delete => task.state == TaskState::Deleted,
            TaskAct::MoveTo(at) => scene.portal.crm.is_due(task, *at),
            TaskAct::Reassign(owner) => task.owner.as_ref() == Some(owner),
            TaskAct::Rename(subject) => task.subject == *subject,
        };
        // Who is deleted takes tasks along, in some CRMs.
        let went_along = task.state == TaskState::Deleted && is_about_somebody_gone(scene, task);
        if !stays && !went_along && !scene.portal.crm.changed_by_us(task_id, edit.at) {
            scene.accuse(
                "D-3",
                format!(
                    "the {field} of task {task_id}, set by its rep at {}, was changed: {:?}",
                    edit.at, edit.act
                ),
            );
        }
    }
}

fn is_about_somebody_gone(scene: &Scene<'_>, task: &TaskView) -> bool {
    let is_it = |walk_on: &&WalkOn| task.people.iter().any(|person| walk_on.ids.contains(person));
    let mut about = scene.portal.people.walk_ons.iter().filter(is_it);
    about.any(|walk_on| walk_on.is_gone)
}
