//! The org's own records, held against the cache.

use std::collections::BTreeSet;

use followup_core::{OwnerId, PersonId, Record, RecordKind, RecordRef, TaskKey, TaskStatus};
use followup_sandbox::RecordView;

use crate::crm::differs;

/// What the cache calls a row, in the words of the record it must be; `None` for rows that are no record of their own.
///
/// `twins` are tasks that have a message behind them.
pub(super) fn kind_of(view: &RecordView, twins: &BTreeSet<String>) -> Option<RecordKind> {
    Some(match view.kind {
        "Lead" => RecordKind::Lead,
        "Contact" => RecordKind::Contact,
        "Account" => RecordKind::Account,
        "Opportunity" => RecordKind::Deal,
        "EmailMessage" => RecordKind::Email,
        // The copy of an invited user is none.
        "Event" if !is(view, "IsChild") => RecordKind::Meeting,
        "Task" if twins.contains(&view.id) => return None,
        "Task" => match text(view, "TaskSubtype") {
            Some("Call") => RecordKind::Call,
            Some("Email") => RecordKind::Email,
            _ => RecordKind::Task,
        },
        _ => return None,
    })
}

/// The API's name of what holds records of a kind; an e-mail may be a message or a task.
pub(super) fn objects_of(kind: RecordKind) -> &'static [&'static str] {
    match kind {
        RecordKind::Lead => &["Lead"],
        RecordKind::Contact => &["Contact"],
        RecordKind::Account => &["Account"],
        RecordKind::Deal => &["Opportunity"],
        RecordKind::Meeting => &["Event"],
        RecordKind::Email => &["EmailMessage", "Task"],
        RecordKind::Task | RecordKind::Call => &["Task"],
        _ => &[],
    }
}

/// A value.
pub(super) fn text<'a>(view: &'a RecordView, name: &str) -> Option<&'a str> {
    view.values
        .get(name)
        .map(String::as_str)
        .filter(|text| !text.is_empty())
}

/// A flag.
pub(super) fn is(view: &RecordView, name: &str) -> bool {
    text(view, name) == Some("true")
}

/// How a cached record differs from the row.
pub(super) fn difference(id: &RecordRef, cached: &Record, view: &RecordView) -> Option<String> {
    match cached {
        Record::Person(person) => owner(id, person.owner.as_ref(), view),
        Record::Deal(deal) => owner(id, deal.owner.as_ref(), view),
        Record::Task(task) => {
            let state = match text(view, "Status") {
                _ if view.archived_at.is_some() => TaskStatus::Deleted,
                _ if is(view, "IsClosed") => TaskStatus::Done,
                Some("Deferred") => TaskStatus::Deferred,
                _ => TaskStatus::Open,
            };
            if task.status != state {
                return Some(differs(id, "status", &task.status, &state));
            }
            let key = task.key.as_ref().map(TaskKey::as_str);
            let theirs = text(view, "FollowupKey__c");
            if theirs.is_some() && key != theirs {
                return Some(differs(id, "key", &key, &theirs));
            }
            owner(id, task.owner.as_ref(), view).or_else(|| who(id, &task.people, view))
        }
        Record::Activity(activity) if view.kind != "EmailMessage" => who(id, &activity.people, view),
        _ => None,
    }
}

fn owner(id: &RecordRef, ours: Option<&OwnerId>, view: &RecordView) -> Option<String> {
    let ours = ours.map(|owner| owner.record().native_id.as_str());
    let theirs = text(view, "OwnerId");
    (ours != theirs).then(|| differs(id, "owner", &ours, &theirs))
}

fn who(id: &RecordRef, ours: &[PersonId], view: &RecordView) -> Option<String> {
    let ours = ours.first().map(|person| person.record().native_id.as_str());
    let theirs = text(view, "WhoId");
    (ours != theirs).then(|| differs(id, "person", &ours, &theirs))
}
