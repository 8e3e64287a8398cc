//! One task as a row to be created: only fields the user may write, dates in the owner's sense, and never a lead beside
//! an opportunity.

use std::collections::BTreeMap;

use followup_core::{RecordKind, TaskDraft, task_text as text};
use followup_transport::CallError;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::{
    Salesforce, View,
    api::Turn,
    org::KeyMode,
    schema::{Table, prefix},
    soql,
    wire::Row,
};

/// What became of the leads that drafts are about.
#[derive(Debug, Default)]
pub(super) struct Targets {
    leads: BTreeMap<String, Lead>,
}

#[derive(Debug)]
struct Lead {
    is_queued: bool,
    is_converted: bool,
    contact: Option<String>,
    deal: Option<String>,
}

impl Salesforce {
    /// Looks at the leads of drafts: one may have been converted, or belong to a queue, since the plan was made.
    pub(super) async fn targets(&self, drafts: &[TaskDraft], turn: Turn) -> Result<Targets, CallError> {
        let mut ids: Vec<String> = drafts
            .iter()
            .flat_map(|draft| &draft.links.people)
            .filter(|person| person.record().kind == RecordKind::Lead)
            .map(|person| person.record().native_id.clone())
            .collect();
        ids.sort();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Targets::default());
        }
        let fields = [
            "Id",
            "OwnerId",
            "IsConverted",
            "ConvertedContactId",
            "ConvertedOpportunityId",
        ];
        let view = self.view(turn).await?;
        let shown: Vec<&str> = fields
            .into_iter()
            .filter(|field| view.org.shows(Table::Lead, field))
            .collect();
        let rows = self.api.retrieve(Table::Lead, &shown, &ids, turn).await?;
        Ok(Targets {
            leads: rows.iter().filter_map(lead).collect(),
        })
    }
}

fn lead(row: &Row) -> Option<(String, Lead)> {
    let lead = Lead {
        is_queued: row
            .text("OwnerId")
            .is_some_and(|id| id.starts_with(prefix::QUEUE)),
        is_converted: row.is_true("IsConverted"),
        contact: row.text("ConvertedContactId").map(str::to_owned),
        deal: row.text("ConvertedOpportunityId").map(str::to_owned),
    };
    Some((row.text("Id")?.to_owned(), lead))
}

impl Targets {
    /// Why a draft is not sent at all; `None` = it may be.
    pub(super) fn refusal(&self, draft: &TaskDraft) -> Option<String> {
        if draft.owner.record().native_id.starts_with(prefix::QUEUE) {
            return Some("the owner is a queue; a task needs a person".to_owned());
        }
        let lead = self.lead_of(draft)?;
        if lead.is_converted {
            return lead
                .contact
                .is_none()
                .then(|| "the lead was converted, and its contact cannot be seen".to_owned());
        }
        lead.is_queued
            .then(|| "the lead belongs to a queue; nobody in particular works it".to_owned())
    }

    fn lead_of(&self, draft: &TaskDraft) -> Option<&Lead> {
        let person = draft.links.people.first()?.record();
        (person.kind == RecordKind::Lead)
            .then(|| self.leads.get(&person.native_id))
            .flatten()
    }

    /// Whom and what the task is about. A task about a lead must name nothing else.
    fn who_and_what(&self, draft: &TaskDraft) -> (Option<String>, Option<String>) {
        let deal = draft
            .links
            .deals
            .first()
            .map(|deal| deal.record().native_id.clone());
        let Some(person) = draft.links.people.first() else {
            return (None, deal);
        };
        let person = person.record();
        if person.kind != RecordKind::Lead {
            return (Some(person.native_id.clone()), deal);
        }
        match self.lead_of(draft) {
            Some(lead) if lead.is_converted => (lead.contact.clone(), deal.or_else(|| lead.deal.clone())),
            _ => (Some(person.native_id.clone()), None),
        }
    }
}

/// The row of a draft.
pub(super) fn row(draft: &TaskDraft, view: &View, targets: &Targets, key_field: &str) -> Value {
    let task = view.org.table(Table::Task);
    let may_write = |field: &str| {
        task.and_then(|seen| seen.field(field))
            .is_some_and(|field| field.is_createable)
    };
    let owner = draft.owner.record().native_id.clone();
    let zone = view
        .owners
        .by_id
        .get(&owner)
        .and_then(|facts| facts.zone.clone())
        .unwrap_or_else(|| view.setup.time_zone.clone());
    let is_strong = view.key_mode == KeyMode::Strong;
    let key_in_subject = (!is_strong).then(|| draft.key.as_str());
    let (who, what) = targets.who_and_what(draft);
    let mut fields = Map::new();
    fields.insert("attributes".to_owned(), json!({"type": "Task"}));
    let mut put = |name: &str, value: Value| {
        if may_write(name) && !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("Subject", json!(text::subject(&draft.subject, key_in_subject)));
    put("Description", json!(text::compose(&draft.body, &draft.marker)));
    put("Status", json!(view.setup.open_status()));
    put("Priority", json!(view.setup.priority(draft.is_urgent)));
    put("ActivityDate", json!(due_on(draft, zone)));
    put("OwnerId", json!(owner));
    put("WhoId", json!(who));
    put("WhatId", json!(what));
    // Both or neither: what the one means without the other is not documented.
    put("IsReminderSet", json!(draft.reminder_at.is_some()));
    put(
        "ReminderDateTime",
        json!(draft.reminder_at.map(|at| soql::instant(soql::second_floor(at)))),
    );
    if is_strong {
        put(key_field, json!(draft.key.as_str()));
    }
    Value::Object(fields)
}

/// The day the task is due, as its owner sees the calendar.
fn due_on(draft: &TaskDraft, zone: TimeZone) -> String {
    soql::date(draft.due_at.to_zoned(zone).date())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use followup_core::{ConnectionId, DealId, DraftLinks, OwnerId, PersonId, RecordRef, TaskKey};

    use super::*;
    use crate::{
        map::{OwnerDirectory, OwnerFacts},
        org::{Org, Seen, Setup},
        wire::DescribeWire,
    };

    fn record(kind: RecordKind, id: &str) -> RecordRef {
        RecordRef::new(ConnectionId::new("sf").unwrap(), kind, id)
    }

    fn draft(person: RecordRef) -> TaskDraft {
        TaskDraft {
            key: TaskKey("k1".to_owned()),
            owner: OwnerId(record(RecordKind::Owner, "005A")),
            links: DraftLinks {
                people: vec![PersonId(person)],
                deals: vec![DealId(record(RecordKind::Deal, "006A"))],
            },
            subject: "Reply to Ana".to_owned(),
            body: "Ana asked.".to_owned(),
            marker: "[followupd key=k1]".to_owned(),
            due_at: "2026-03-03T05:00:00Z".parse().unwrap(),
            reminder_at: Some("2026-03-02T16:00:00Z".parse().unwrap()),
            is_urgent: true,
        }
    }

    fn view(fields: &[&str], key_mode: KeyMode) -> View {
        let fields: Vec<Value> = fields
            .iter()
            .map(|name| json!({"name": name, "createable": true}))
            .collect();
        let wire: DescribeWire = serde_json::from_value(json!({"fields": fields})).unwrap();
        let facts = OwnerFacts {
            is_person: true,
            zone: TimeZone::get("America/Los_Angeles").ok(),
        };
        View {
            org: Arc::new(Org::new(BTreeMap::from([(
                Table::Task,
                Seen::of(&wire).unwrap(),
            )]))),
            setup: Arc::new(Setup::default()),
            owners: Arc::new(OwnerDirectory {
                by_id: BTreeMap::from([("005A".to_owned(), facts)]),
                by_email: BTreeMap::new(),
            }),
            key_mode,
            me: None,
            mails_are_dark: None,
            sight_lacks: None,
        }
    }

    const ALL: &[&str] = &[
        "Subject",
        "Description",
        "Status",
        "Priority",
        "ActivityDate",
        "OwnerId",
        "WhoId",
        "WhatId",
        "IsReminderSet",
        "ReminderDateTime",
        "FollowupKey__c",
    ];

    fn targets(is_queued: bool, contact: Option<&str>) -> Targets {
        let lead = Lead {
            is_queued,
            is_converted: contact.is_some(),
            contact: contact.map(str::to_owned),
            deal: None,
        };
        Targets {
            leads: BTreeMap::from([("00QA".to_owned(), lead)]),
        }
    }

    #[test]
    fn the_due_date_is_the_owners_and_the_reminder_an_instant() {
        let draft = draft(record(RecordKind::Contact, "003A"));
        let row = row(
            &draft,
            &view(ALL, KeyMode::Strong),
            &Targets::default(),
            "FollowupKey__c",
        );
        assert_eq!(
            row["ActivityDate"], "2026-03-02",
            "it is still Monday in Los Angeles"
        );
        assert_eq!(row["ReminderDateTime"], "2026-03-02T16:00:00Z");
        assert_eq!(row["IsReminderSet"], true);
        assert_eq!((&row["WhoId"], &row["WhatId"]), (&json!("003A"), &json!("006A")));
        assert_eq!(row["FollowupKey__c"], "k1");
        assert_eq!(row["Subject"], "Reply to Ana");
        assert_eq!(row["attributes"], json!({"type": "Task"}));
    }

    #[test]
    fn a_lead_stands_alone_and_a_converted_one_gives_way_to_its_contact() {
        let draft = draft(record(RecordKind::Lead, "00QA"));
        let view = view(ALL, KeyMode::Strong);
        let plain = row(&draft, &view, &targets(false, None), "FollowupKey__c");
        assert_eq!(
            (&plain["WhoId"], &plain["WhatId"]),
            (&json!("00QA"), &Value::Null)
        );
        let moved = row(&draft, &view, &targets(false, Some("003Z")), "FollowupKey__c");
        assert_eq!(
            (&moved["WhoId"], &moved["WhatId"]),
            (&json!("003Z"), &json!("006A"))
        );
        assert_eq!(targets(false, Some("003Z")).refusal(&draft), None);
    }

    #[test]
    fn what_belongs_to_a_queue_never_gets_a_task() {
        let mut draft = draft(record(RecordKind::Lead, "00QA"));
        assert!(targets(true, None).refusal(&draft).unwrap().contains("queue"));
        draft.owner = OwnerId(record(RecordKind::Owner, "00GA"));
        assert!(targets(false, None).refusal(&draft).unwrap().contains("queue"));
    }

    #[test]
    fn without_the_field_the_key_travels_in_the_subject_and_hidden_fields_are_left_out() {
        let draft = draft(record(RecordKind::Contact, "003A"));
        let fields: Vec<&str> = ALL
            .iter()
            .copied()
            .filter(|name| !matches!(*name, "FollowupKey__c" | "Priority"))
            .collect();
        let mode = KeyMode::Marker("no field".to_owned());
        let row = row(
            &draft,
            &view(&fields, mode),
            &Targets::default(),
            "FollowupKey__c",
        );
        assert_eq!(row["Subject"], "Reply to Ana [followupd key=k1]");
        assert_eq!(row.get("FollowupKey__c"), None);
        assert_eq!(row.get("Priority"), None);
    }
}
