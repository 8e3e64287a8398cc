//! D-3, second half: a field a human edited is theirs.

use followup_sandbox::crm::{TaskAct, TaskState};

use super::Scene;

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
            TaskAct::MoveTo(at) => task.due_at == Some(*at),
            TaskAct::Reassign(owner) => task.owner.as_ref() == Some(owner),
            TaskAct::Rename(subject) => task.subject == *subject,
        };
        if !stays && !scene.portal.crm.changed_by_us(task_id, edit.at) {
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
