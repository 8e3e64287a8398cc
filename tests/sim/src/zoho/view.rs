//! The org's own records, held against the cache.

use followup_core::{OwnerId, PersonId, Record, RecordKind, RecordRef, TaskKey, TaskStatus};
use followup_sandbox::RecordView;

use crate::crm::differs;

const KINDS: [(&str, RecordKind); 8] = [
    ("Leads", RecordKind::Lead),
    ("Contacts", RecordKind::Contact),
    ("Accounts", RecordKind::Account),
    ("Deals", RecordKind::Deal),
    ("Tasks", RecordKind::Task),
    ("Calls", RecordKind::Call),
    ("Events", RecordKind::Meeting),
    ("Notes", RecordKind::Note),
];

/// What the cache calls a row; `None` for rows that no stream delivers (mails, the history of stages).
pub(super) fn kind_of(view: &RecordView) -> Option<RecordKind> {
    KINDS
        .iter()
        .find(|(module, _)| *module == view.kind)
        .map(|(_, kind)| *kind)
}

/// The module that holds records of a kind.
pub(super) fn module_of(kind: RecordKind) -> Option<&'static str> {
    KINDS
        .iter()
        .find(|(_, known)| *known == kind)
        .map(|(module, _)| *module)
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
                Some("Completed") => TaskStatus::Done,
                Some("Deferred") => TaskStatus::Deferred,
                _ => TaskStatus::Open,
            };
            if task.status != state {
                return Some(differs(id, "status", &task.status, &state));
            }
            let key = task.key.as_ref().map(TaskKey::as_str);
            let theirs = text(view, "Followupd_Key");
            if theirs.is_some() && key != theirs {
                return Some(differs(id, "key", &key, &theirs));
            }
            owner(id, task.owner.as_ref(), view).or_else(|| who(id, &task.people, view))
        }
        Record::Activity(activity) if id.kind == RecordKind::Call => who(id, &activity.people, view),
        _ => None,
    }
}

fn owner(id: &RecordRef, ours: Option<&OwnerId>, view: &RecordView) -> Option<String> {
    let ours = ours.map(|owner| owner.record().native_id.as_str());
    let theirs = text(view, "Owner");
    (ours != theirs).then(|| differs(id, "owner", &ours, &theirs))
}

/// The contact by `Who_Id`, or the lead by `What_Id`, as long as it is there.
fn who(id: &RecordRef, ours: &[PersonId], view: &RecordView) -> Option<String> {
    let theirs = ["Contacts", "Leads"]
        .into_iter()
        .find_map(|module| view.links.get(module)?.first())?;
    let ours = ours.first().map(|person| person.record().native_id.as_str());
    (ours != Some(theirs.as_str())).then(|| differs(id, "person", &ours, &theirs))
}
