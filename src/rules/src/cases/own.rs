//! The tasks of a case that this program wrote: which gap each of them stands for.

use followup_core::{Person, RecordRef};
use jiff::{SignedDuration, Timestamp};

use super::{ids::Ids, read::Scene, records::TaskParts};
use crate::{
    model::{Crossing, GapKey, OwnTask, RuleId},
    problem::fields::{Fields, Reader},
};

/// Reads the `gap` of a task of ours and puts the task together.
pub(super) fn read_own_task(
    gap: &Fields<'_, '_>,
    parts: Option<&TaskParts>,
    scene: &Scene<'_>,
    people: &[Person],
) -> Option<OwnTask> {
    let ids = scene.ids;
    let rule = gap.need("rule", read_rule);
    let subject = gap.need("subject", |reader, node, path| ids.subject(reader, node, path));
    let anchor = gap.need("anchor", |reader, node, path| ids.anchor(reader, node, path));
    let number = gap.read("crossing", Reader::count);
    gap.finish();
    let (rule, subject, anchor, parts) = (rule?, subject?, anchor?, parts?);
    let occurrences = occurrences(&anchor, people);
    let created_at = parts.task.created_at;
    let crossing = match number {
        Some(number) => numbered(gap, &occurrences, number)?,
        None => current_at(&occurrences, created_at),
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
    })
}

/// A rule's name.
pub(super) fn read_rule(
    reader: &Reader<'_>,
    node: &crate::problem::document::Node,
    path: &str,
) -> Option<RuleId> {
    let words: Vec<(&str, RuleId)> = RuleId::ALL.iter().map(|rule| (rule.as_str(), *rule)).collect();
    reader.word(node, path, &words)
}

/// The occurrences of a gap with this anchor, in time order: for a person the instants at which an inquiry started the
/// clock (the creation, and a later inquiry); one without instant for every other record.
pub(super) fn occurrences(anchor: &RecordRef, people: &[Person]) -> Vec<Crossing> {
    let Some(person) = people.iter().find(|person| person.id.record() == anchor) else {
        return vec![Crossing::NONE];
    };
    match person.inquiry_at {
        Some(inquiry_at) if inquiry_at > person.created_at => {
            vec![Crossing::at(person.created_at), Crossing::at(inquiry_at)]
        }
        Some(inquiry_at) => vec![Crossing::at(inquiry_at)],
        None => vec![Crossing::at(person.created_at)],
    }
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

/// The latest occurrence that had started at an instant, else the first.
fn current_at(occurrences: &[Crossing], at: Timestamp) -> Crossing {
    occurrences
        .iter()
        .rev()
        .find(|crossing| crossing.at_ms <= at.as_millisecond())
        .or_else(|| occurrences.first())
        .copied()
        .unwrap_or_default()
}

/// The number of an occurrence, counted from 1; `None` if the records of the case do not show it.
pub(super) fn number_of(crossing: Crossing, anchor: &RecordRef, people: &[Person]) -> Option<u32> {
    let index = occurrences(anchor, people)
        .iter()
        .position(|known| *known == crossing)?;
    u32::try_from(index + 1).ok()
}

/// The `anchor` of an expectation.
pub(super) fn read_anchor(fields: &Fields<'_, '_>, ids: &Ids) -> Option<RecordRef> {
    fields.read("anchor", |reader, node, path| ids.anchor(reader, node, path))
}
