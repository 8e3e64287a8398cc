//! One task as a record to be created or changed: dates in the owner's sense, reminders as absolute alarms, and the two
//! ways in which Zoho links people.

use followup_core::{DealId, DraftLinks, PersonId, RecordKind, TaskDraft, task_text as text};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use crate::{
    mapping::Mapping,
    org::KeyMode,
    schema::{Module, SE_MODULE},
    view::View,
};

/// Records to be written, and what they set off: the mapping's word; cadences never.
pub(super) fn with_trigger(mapping: &Mapping, records: &[Value]) -> Value {
    json!({"data": records, "trigger": mapping.trigger, "skip_feature_execution": [{"name": "cadences"}]})
}

/// The record of a draft: only fields the user may write.
pub(super) fn record(draft: &TaskDraft, view: &View, mapping: &Mapping) -> Value {
    let owner = &draft.owner.record().native_id;
    let zone = zone_of(owner, view);
    let key_in_subject = (!view.key_mode.has_field()).then(|| draft.key.as_str());
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        let field = view.org.field(Module::Tasks, name);
        if field.is_none_or(|field| field.is_writable) && !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("Subject", json!(text::subject(&draft.subject, key_in_subject)));
    put("Description", json!(text::compose(&draft.body, &draft.marker)));
    put("Status", json!(mapping.open_status));
    put("Priority", json!(mapping.priority(draft.is_urgent)));
    put(
        "Due_Date",
        json!(draft.due_at.to_zoned(zone.clone()).date().to_string()),
    );
    put("Owner", json!({ "id": owner }));
    if let Some(at) = draft.reminder_at {
        put("Remind_At", alarm(at, zone));
    }
    if let KeyMode::Strong { .. } | KeyMode::Plain(_) = view.key_mode {
        put(&mapping.key_field, json!(draft.key.as_str()));
    }
    let (person, deal) = first(&draft.links);
    for (name, value) in links(person, deal) {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    }
    Value::Object(fields)
}

fn first(links: &DraftLinks) -> (Option<&PersonId>, Option<&DealId>) {
    (links.people.first(), links.deals.first())
}

/// How people and deals are named: a contact by `Who_Id`, everything else by `What_Id` and the module it is of. A task
/// about a lead names nothing else.
pub(super) fn links(person: Option<&PersonId>, deal: Option<&DealId>) -> Vec<(&'static str, Value)> {
    let id = |id: &str| json!({ "id": id });
    let contact = person
        .map(PersonId::record)
        .filter(|record| record.kind != RecordKind::Lead);
    let lead = person
        .map(PersonId::record)
        .filter(|record| record.kind == RecordKind::Lead);
    let who = contact.map(|record| id(&record.native_id));
    let (what, module) = match (lead, deal) {
        (Some(lead), _) => (Some(id(&lead.native_id)), Some("Leads")),
        (None, Some(deal)) => (Some(id(&deal.record().native_id)), Some("Deals")),
        (None, None) => (None, None),
    };
    vec![
        ("Who_Id", json!(who)),
        ("What_Id", json!(what)),
        (SE_MODULE, json!(module)),
    ]
}

/// A reminder that goes off once, at an absolute instant, in the owner's offset.
fn alarm(at: Timestamp, zone: TimeZone) -> Value {
    let at = at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z");
    json!({"ALARM": format!("FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:{at}")})
}

fn zone_of(owner: &str, view: &View) -> TimeZone {
    let facts = view.owners.by_id.get(owner);
    facts
        .and_then(|facts| facts.zone.clone())
        .unwrap_or_else(|| view.setup.time_zone.clone())
}

#[cfg(test)]
mod tests {
    use followup_core::{ConnectionId, RecordRef};

    use super::*;

    fn person(kind: RecordKind) -> PersonId {
        PersonId(RecordRef::new(ConnectionId::new("zoho").unwrap(), kind, "7001"))
    }

    fn deal() -> DealId {
        DealId(RecordRef::new(
            ConnectionId::new("zoho").unwrap(),
            RecordKind::Deal,
            "7002",
        ))
    }

    #[test]
    fn a_lead_stands_in_what_id_with_its_module_and_alone() {
        assert_eq!(
            links(Some(&person(RecordKind::Lead)), Some(&deal())),
            [
                ("Who_Id", Value::Null),
                ("What_Id", json!({"id": "7001"})),
                (SE_MODULE, json!("Leads"))
            ]
        );
        assert_eq!(
            links(Some(&person(RecordKind::Contact)), Some(&deal())),
            [
                ("Who_Id", json!({"id": "7001"})),
                ("What_Id", json!({"id": "7002"})),
                (SE_MODULE, json!("Deals"))
            ]
        );
    }

    #[test]
    fn a_reminder_is_an_absolute_alarm_with_an_offset() {
        let at: Timestamp = "2026-11-23T08:00:00.250Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(
            alarm(at, zone),
            json!({"ALARM": "FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:2026-11-23T09:00:00+01:00"})
        );
    }
}
