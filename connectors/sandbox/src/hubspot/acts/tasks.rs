//! Tasks as the people who work on them see them.

use super::super::{kind::Kind, portal::Portal, record::Record, validate::date_time};
use crate::crm::{TaskState, TaskView, marker_key};

impl Portal {
    pub(super) fn task_view(&self, task: &Record) -> TaskView {
        let text = |name: &str| task.value(name).unwrap_or_default().to_owned();
        let ids = |kind| {
            // Links outlive the archiving of either end.
            let linked = self.links.linked((Kind::Task, task.id), kind);
            linked.map(|(key, _)| key.1.to_string()).collect()
        };
        let status = text("hs_task_status");
        let state = match status.as_str() {
            _ if task.archived_at.is_some() => TaskState::Deleted,
            "COMPLETED" => TaskState::Done,
            "DEFERRED" => TaskState::Deferred,
            _ => TaskState::Open,
        };
        let closed_at = match state {
            TaskState::Open => None,
            TaskState::Deleted => task.archived_at,
            TaskState::Done | TaskState::Deferred => Some(task.since("hs_task_status")),
        };
        let body = text("hs_task_body");
        let key = self
            .schema(Kind::Task)
            .custom_unique()
            .find_map(|property| task.value(&property.name).map(str::to_owned))
            .or_else(|| marker_key(&body));
        TaskView {
            id: task.id.to_string(),
            key,
            owner: task.value("hubspot_owner_id").map(str::to_owned),
            people: ids(Kind::Contact),
            deals: ids(Kind::Deal),
            state,
            subject: text("hs_task_subject"),
            body,
            created_at: task.created_at,
            closed_at,
            due_at: task.value("hs_timestamp").and_then(date_time),
            reminder_at: task.value("hs_task_reminders").and_then(date_time),
        }
    }
}
