//! The tasks of a case: human ones, and ours with the gap each of them stands for.

use followup_core::{Editor, RecordRef, Stamp, Task, TaskOrigin, TaskStatus};
use jiff::{SignedDuration, Timestamp};

use super::{
    crossings::{current_at, occurrences},
    ids::Ids,
    read::Scene,
    records::{read_deals, read_people},
};
use crate::{
    calendar::Calendars,
    model::{Crossing, Facts, GapKey, OwnTask, RuleId},
    problem::{
        document::Node,
        fields::{Fields, Reader},
    },
};

/// What every task of a case has, whoever wrote it.
#[derive(Debug)]
pub(super) struct TaskParts {
    pub(super) task: Task,
    pub(super) original_due_at: Option<Timestamp>,
    pub(super) is_edited_by_human: bool,
}

/// A task, without the gap that ours name.
pub(super) fn read_task(fields: &Fields<'_, '_>, scene: &Scene<'_>) -> Option<TaskParts> {
    let ids = scene.ids;
    let id = fields.need("id", |reader, node, path| ids.task(reader, node, path));
    let origins = [
        ("human", TaskOrigin::Human),
        ("followupd", TaskOrigin::Followupd),
        ("other_tool", TaskOrigin::OtherTool),
    ];
    let origin = fields.need("origin", |reader, node, path| reader.word(node, path, &origins));
    let statuses = [
        ("open", TaskStatus::Open),
        ("done", TaskStatus::Done),
        ("deferred", TaskStatus::Deferred),
        ("deleted", TaskStatus::Deleted),
    ];
    let status = fields.need("status", |reader, node, path| reader.word(node, path, &statuses));
    let due_at = fields.instant("due");
    let original_due_at = fields.instant("original_due");
    let completed_at = fields.instant("completed_at");
    let created_at = if origin == Some(TaskOrigin::Followupd) {
        fields.need("created_at", Reader::instant)
    } else {
        Some(fields.instant("created_at").unwrap_or(scene.connected_at))
    };
    let owner = fields.read("owner", |reader, node, path| ids.owner(reader, node, path));
    let (people, deals) = (read_people(fields, ids), read_deals(fields, ids));
    let is_edited_by_human = fields.flag("edited_by_human", false);
    let created_at = created_at?;
    let modified_at = completed_at.unwrap_or(created_at);
    Some(TaskParts {
        task: Task {
            id: id?,
            origin: origin?,
            status: status?,
            due_at,
            owner,
            people,
            deals,
            key: None,
            fields: None,
            created_at,
            completed_at,
            stamp: Stamp {
                modified_at,
                modified_by: Editor::Unknown,
                seen_at: modified_at,
            },
        },
        original_due_at,
        is_edited_by_human,
    })
}

/// Reads the `gap` of a task of ours and puts the task together.
pub(super) fn read_own_task(
    gap: &Fields<'_, '_>,
    parts: Option<&TaskParts>,
    scene: &Scene<'_>,
    facts: &Facts,
    calendars: &Calendars,
) -> Option<OwnTask> {
    let ids = scene.ids;
    let rule = gap.need("rule", read_rule);
    let subject = gap.need("subject", |reader, node, path| ids.subject(reader, node, path));
    let anchor = gap.need("anchor", |reader, node, path| ids.anchor(reader, node, path));
    let number = gap.read("crossing", Reader::count);
    gap.finish();
    let (rule, subject, anchor, parts) = (rule?, subject?, anchor?, parts?);
    let occurrences = occurrences(rule, &anchor, facts, calendars, scene.now);
    let created_at = parts.task.created_at;
    let crossing = match number {
        Some(number) => numbered(gap, &occurrences, number)?,
        None => current_at(rule, &anchor, &occurrences, created_at, facts, calendars),
    };
    let key = GapKey {
        rule,
        anchor,
        crossing,
    };
    let due_at = parts.task.due_at;
    // a task a human edited, without the due date we wrote, was due earlier than it is now
    let earlier = |due: Timestamp| {
        let offset = if parts.is_edited_by_human {
            SignedDuration::from_secs(1)
        } else {
            SignedDuration::ZERO
        };
        due.saturating_sub(offset).unwrap_or(due)
    };
    Some(OwnTask {
        key: key.id().task_key(),
        gaps: vec![key],
        subject,
        status: parts.task.status,
        owner: parts.task.owner.clone(),
        created_at,
        completed_at: parts.task.completed_at,
        due_at,
        original_due_at: parts.original_due_at.or_else(|| due_at.map(earlier)),
        is_edited_by_human: parts.is_edited_by_human,
        closed_by_us: None,
        said: Vec::new(),
    })
}

/// A rule's name.
pub(super) fn read_rule(reader: &Reader<'_>, node: &Node, path: &str) -> Option<RuleId> {
    let words: Vec<(&str, RuleId)> = RuleId::ALL.iter().map(|rule| (rule.as_str(), *rule)).collect();
    reader.word(node, path, &words)
}

/// The occurrence with this number, counted from 1.
fn numbered(gap: &Fields<'_, '_>, occurrences: &[Crossing], number: u32) -> Option<Crossing> {
    let index = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1));
    let found = index.and_then(|index| occurrences.get(index)).copied();
    if found.is_none() {
        gap.reader.report(
            "bad_value",
            gap.offset_of("crossing"),
            &gap.path_of("crossing"),
            format!(
                "there is no crossing {number}: the records of the case show {}",
                occurrences.len()
            ),
            "crossings are numbered 1, 2, … in time order".to_owned(),
        );
    }
    found
}

/// The number of an occurrence, counted from 1; `None` if the records of the case do not show it.
pub(super) fn number_of(key: &GapKey, facts: &Facts, calendars: &Calendars, now: Timestamp) -> Option<u32> {
    let index = occurrences(key.rule, &key.anchor, facts, calendars, now)
        .iter()
        .position(|known| *known == key.crossing)?;
    u32::try_from(index + 1).ok()
}

/// The `anchor` of an expectation.
pub(super) fn read_anchor(fields: &Fields<'_, '_>, ids: &Ids) -> Option<RecordRef> {
    fields.read("anchor", |reader, node, path| ids.anchor(reader, node, path))
}
