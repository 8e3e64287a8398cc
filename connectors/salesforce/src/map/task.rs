//! Tasks (object reference: Task). `ActivityDate` is a date in the owner's sense; whether a status is closed is the
//! org's own decision.

use followup_core::{RecordKind, Task, TaskFields, TaskId, TaskKey, TaskOrigin, TaskStatus};

use followup_core::task_text::key_in_text;

use super::Context;
use crate::wire::Row;

impl Context<'_> {
    /// Our key on a task: in its field, in the subject, or in the text where that was read.
    pub(crate) fn key(&self, row: &Row) -> Option<TaskKey> {
        row.text(self.mapping.key_field())
            .map(|key| TaskKey(key.to_owned()))
            .or_else(|| row.text("Subject").and_then(key_in_text))
            .or_else(|| key_in_text(self.body(row)?))
    }

    fn body<'a>(&'a self, row: &'a Row) -> Option<&'a str> {
        row.text("Description")
            .or_else(|| self.details.bodies.get(row.text("Id")?).map(String::as_str))
    }
}

/// Maps a task; `None` for the master of a series, whose occurrences are rows of their own. Only of our own tasks are
/// texts kept.
pub(super) fn map_task(context: &Context<'_>, row: &Row) -> Result<Option<Task>, String> {
    let key = context.key(row);
    if row.is_true("IsRecurrence") && key.is_none() {
        return Ok(None);
    }
    let status = row.text("Status").unwrap_or_default().to_owned();
    let reading = if row.is_true("IsDeleted") {
        TaskStatus::Deleted
    } else if row.is_true("IsClosed") {
        TaskStatus::Done
    } else if context.mapping.is_deferred(&status) {
        TaskStatus::Deferred
    } else {
        // In progress, waiting, custom words: somebody still has to do it.
        TaskStatus::Open
    };
    let stamp = context.stamp(row)?;
    let completed_at = match row.instant("CompletedDateTime")? {
        Some(at) => Some(at),
        None => (reading == TaskStatus::Done).then_some(stamp.modified_at),
    };
    // A reminder that went off switches `IsReminderSet` off by itself: its date is what we wrote, whatever the switch.
    let fields = match &key {
        Some(_) => Some(TaskFields {
            subject: row.text("Subject").unwrap_or_default().to_owned(),
            body: context.body(row).unwrap_or_default().to_owned(),
            status,
            priority: row.text("Priority").unwrap_or_default().to_owned(),
            reminder_at: row.instant("ReminderDateTime")?,
        }),
        None => None,
    };
    let due_at = match row.date("ActivityDate")? {
        Some(on) => on
            .to_zoned(context.zone(row.text("OwnerId")).clone())
            .ok()
            .map(|zoned| zoned.timestamp()),
        None => None,
    };
    Ok(Some(Task {
        id: TaskId(context.record(RecordKind::Task, row.id()?)),
        origin: origin(context, row, key.is_some()),
        status: reading,
        due_at,
        owner: context.owner(row),
        people: context.people(row)?,
        deals: context.deals(row.text("WhatId")),
        key,
        fields,
        created_at: row.required_instant("CreatedDate")?,
        completed_at,
        stamp,
    }))
}

/// Ours carry a key; of the others, who created it tells.
fn origin(context: &Context<'_>, row: &Row, is_ours: bool) -> TaskOrigin {
    if is_ours {
        return TaskOrigin::Followupd;
    }
    let creator = row
        .text("CreatedById")
        .and_then(|id| context.owners.by_id.get(id));
    match creator {
        Some(facts) if !facts.is_person => TaskOrigin::OtherTool,
        _ => TaskOrigin::Human,
    }
}
