//! Tasks (tasks guide): `hs_timestamp` is the due date, the body is HTML, reminders are Unix milliseconds.

use followup_core::{
    RecordKind, Task, TaskFields, TaskId, TaskKey, TaskOrigin, TaskStatus, task_text::key_in_text,
};

use super::Context;
use crate::{
    schema::{Schema, TASK_KEY},
    wire::{Object, parse_instant},
};

/// Maps a task. Ours carry the key as a property or in the marker block; only of those are texts kept.
pub(super) fn map_task(context: &Context<'_>, schema: &Schema, object: &Object) -> Result<Task, String> {
    let body = object.text("hs_task_body").unwrap_or_default();
    let key = object
        .text(TASK_KEY)
        .map(|key| TaskKey(key.to_owned()))
        .or_else(|| key_in_text(body));
    let status = object.text("hs_task_status").unwrap_or("NOT_STARTED").to_owned();
    let origin = if key.is_some() {
        TaskOrigin::Followupd
    } else if object
        .text("hs_object_source")
        .is_some_and(|source| matches!(source, "INTEGRATION" | "API" | "AUTOMATION_PLATFORM"))
    {
        TaskOrigin::OtherTool
    } else {
        TaskOrigin::Human
    };
    let reading = if object.archived {
        TaskStatus::Deleted
    } else {
        match status.to_ascii_uppercase().as_str() {
            "COMPLETED" => TaskStatus::Done,
            "DEFERRED" => TaskStatus::Deferred,
            // IN_PROGRESS, WAITING and custom words: somebody still has to do it.
            _ => TaskStatus::Open,
        }
    };
    let mut stamp = context.stamp(schema, object)?;
    if let Some(at) = object.archived_at() {
        stamp.modified_at = stamp.modified_at.max(at);
    }
    let completed_at = match object.instant("hs_task_completion_date")? {
        Some(at) => Some(at),
        None => (reading == TaskStatus::Done).then_some(stamp.modified_at),
    };
    let fields = key.is_some().then(|| TaskFields {
        subject: object.text("hs_task_subject").unwrap_or_default().to_owned(),
        body: body.to_owned(),
        status,
        priority: object.text("hs_task_priority").unwrap_or_default().to_owned(),
        // Several reminders are `;`-separated; ours is the first.
        reminder_at: object
            .text("hs_task_reminders")
            .and_then(|list| list.split(';').next())
            .and_then(parse_instant),
    });
    Ok(Task {
        id: TaskId(context.record(RecordKind::Task, &object.id)),
        origin,
        status: reading,
        due_at: object.instant("hs_timestamp")?,
        owner: context.owner(object),
        people: context.people(&object.id),
        deals: context.deals(&object.id),
        key,
        fields,
        created_at: object.created(schema.created)?,
        completed_at,
        stamp,
    })
}
