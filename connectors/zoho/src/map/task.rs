//! Tasks (fields of a standard org, read 2026-11). `Due_Date` is a date in the owner's sense; which statuses are over is
//! the mapping's word, since the org's own list does not say.

use followup_core::{
    RecordKind, Task, TaskFields, TaskId, TaskKey, TaskOrigin, TaskStatus, task_text::key_in_text,
};
use jiff::Timestamp;

use super::{CALL_TASK, Context};
use crate::wire::Row;

impl Context<'_> {
    /// Our key on a task: in its field, in the subject, or in the text.
    pub(crate) fn key(&self, row: &Row) -> Option<TaskKey> {
        row.text(&self.mapping.key_field)
            .map(|key| TaskKey(key.to_owned()))
            .or_else(|| row.text("Subject").and_then(key_in_text))
            .or_else(|| key_in_text(self.body(row)))
    }

    /// The whole text; lists may cut it.
    fn body<'a>(&'a self, row: &'a Row) -> &'a str {
        let whole = row.text("id").and_then(|id| self.details.bodies.get(id));
        whole
            .map(String::as_str)
            .or_else(|| row.text("Description"))
            .unwrap_or_default()
    }
}

/// Maps a task. Only of our own tasks are texts kept.
pub(super) fn map_task(context: &Context<'_>, row: &Row) -> Result<Task, String> {
    let key = context.key(row);
    let status = row.text("Status").unwrap_or_default().to_owned();
    let closed_at = row.instant("Closed_Time")?;
    let reading = if context.mapping.is_deferred(&status) {
        TaskStatus::Deferred
    } else if context.mapping.is_done(&status) || closed_at.is_some() {
        TaskStatus::Done
    } else {
        // In progress, waiting, custom words: somebody still has to do it.
        TaskStatus::Open
    };
    let stamp = context.stamp(row)?;
    let completed_at = (reading == TaskStatus::Done).then(|| closed_at.unwrap_or(stamp.modified_at));
    let fields = key.as_ref().map(|_| TaskFields {
        subject: row.text("Subject").unwrap_or_default().to_owned(),
        body: context.body(row).to_owned(),
        status,
        priority: row.text("Priority").unwrap_or_default().to_owned(),
        reminder_at: reminder(row),
    });
    let due_at = match row.date("Due_Date")? {
        Some(on) => on
            .to_zoned(context.zone(row.text("Owner.id")).clone())
            .ok()
            .map(|zoned| zoned.timestamp()),
        None => None,
    };
    Ok(Task {
        id: TaskId(context.record(RecordKind::Task, row.id()?)),
        origin: origin(context, row, key.is_some()),
        status: reading,
        due_at,
        owner: context.owner(row),
        people: context.people(row),
        deals: context.deals(row),
        key,
        fields,
        created_at: row.required_instant("Created_Time")?,
        completed_at,
        stamp,
    })
}

/// Maps a call that is still to be made: somebody has promised it.
pub(super) fn map_scheduled_call(context: &Context<'_>, row: &Row) -> Result<Task, String> {
    let id = format!("{CALL_TASK}{}", row.id()?);
    Ok(Task {
        id: TaskId(context.record(RecordKind::Task, &id)),
        origin: TaskOrigin::Human,
        status: TaskStatus::Open,
        due_at: Some(row.required_instant("Call_Start_Time")?),
        owner: context.owner(row),
        people: context.people(row),
        deals: context.deals(row),
        key: None,
        fields: None,
        created_at: row.required_instant("Created_Time")?,
        completed_at: None,
        stamp: context.stamp(row)?,
    })
}

/// When the reminder goes off: `FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:2026-11-23T09:00:00+01:00`, in whichever offset
/// it comes back. A relative one of a series says no instant.
fn reminder(row: &Row) -> Option<Timestamp> {
    let alarm = row.text("Remind_At.ALARM")?;
    let (_, at) = alarm.split_once("DATE-TIME:")?;
    followup_transport::row::parse_instant(at.split(';').next().unwrap_or(at).trim())
}

/// Ours carry a key; of the others, who created it tells.
fn origin(context: &Context<'_>, row: &Row, is_ours: bool) -> TaskOrigin {
    if is_ours {
        return TaskOrigin::Followupd;
    }
    let creator = row
        .text("Created_By.id")
        .and_then(|id| context.owners.by_id.get(id));
    match creator {
        Some(facts) if !facts.is_person => TaskOrigin::OtherTool,
        _ => TaskOrigin::Human,
    }
}
