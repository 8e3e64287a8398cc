//! Writing records with everything HubSpot derives from a write: completion dates, stage dates, mail addresses and
//! the roll-ups that bump linked records.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    kind::Kind,
    links::Key,
    pipelines::{DEAL_PIPELINE, deal_stage},
    portal::{Portal, instant},
    record::{Record, Source},
    schema::STAGE_DATE,
    validate::date_time,
};

/// Longest `hs_body_preview`.
const PREVIEW_MAX: usize = 512;

impl Portal {
    /// Creates a record from checked values and links it; answers its id.
    pub(crate) fn create_record(
        &mut self,
        kind: Kind,
        at: Timestamp,
        mut values: BTreeMap<String, String>,
        links: &[(Key, u32)],
        source: Source,
    ) -> u64 {
        values.retain(|_, value| !value.is_empty());
        for (name, default) in self
            .defaults(kind)
            .into_iter()
            .chain(first_source(kind, at, source))
        {
            values.entry(name.to_owned()).or_insert(default);
        }
        derive(None, kind, at, &mut values);
        note_editor(&mut values, source, true);
        values.retain(|_, value| !value.is_empty());
        for value in values.values_mut() {
            if let Some(rest) = value.strip_prefix(';') {
                *value = rest.to_owned();
            }
        }
        let id = self.insert(kind, at, values, source);
        for (to, link_type) in links {
            self.links.add((kind, id), *to, *link_type);
        }
        self.roll_up((kind, id), at);
        id
    }

    /// Applies checked changes to a live record.
    pub(crate) fn update_record(
        &mut self,
        key: Key,
        at: Timestamp,
        mut changes: BTreeMap<String, String>,
        source: Source,
    ) {
        let Some(record) = self.live(key) else { return };
        append_multi(record, &mut changes);
        derive(Some(record), key.0, at, &mut changes);
        note_editor(&mut changes, source, false);
        self.change(key, at, &changes, source);
        self.roll_up(key, at);
    }

    fn defaults(&self, kind: Kind) -> Vec<(&'static str, String)> {
        match kind {
            Kind::Task => vec![
                ("hs_task_status", "NOT_STARTED".to_owned()),
                ("hs_task_priority", "NONE".to_owned()),
                ("hs_task_type", "TODO".to_owned()),
            ],
            Kind::Deal => vec![("pipeline", DEAL_PIPELINE.to_owned())],
            Kind::Contact => self
                .switches
                .default_lifecycle
                .iter()
                .map(|stage| ("lifecyclestage", stage.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// An activity's write shows on the records it is linked to, and bumps them.
    pub(crate) fn roll_up(&mut self, activity: Key, at: Timestamp) {
        if !activity.0.is_activity() {
            return;
        }
        for kind in [Kind::Contact, Kind::Company, Kind::Deal] {
            for id in self.linked(activity, kind) {
                let changes = self.rolled_up((kind, id), at);
                self.change((kind, id), at, &changes, Source::Calculation);
            }
        }
    }

    fn rolled_up(&self, key: Key, at: Timestamp) -> BTreeMap<String, String> {
        let mut sums = Sums::default();
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_activity()) {
            for activity in self
                .linked(key, kind)
                .into_iter()
                .filter_map(|id| self.record((kind, id)))
            {
                sums.add(activity, at);
            }
        }
        let assigned = self
            .record(key)
            .and_then(|record| record.value("hubspot_owner_assigneddate"));
        sums.into_changes(key.0, at, assigned.and_then(date_time))
    }
}

/// A contact that did not come by the web site is an offline source's.
fn first_source(kind: Kind, at: Timestamp, source: Source) -> Vec<(&'static str, String)> {
    let drill_down = match source {
        Source::Integration => "INTEGRATION",
        Source::Import => "IMPORT",
        Source::User(_) => "CRM_UI",
        Source::Mailbox => "EMAIL",
        Source::Form | Source::Calculation => return Vec::new(),
    };
    if kind != Kind::Contact {
        return Vec::new();
    }
    vec![
        ("hs_analytics_source", "OFFLINE".to_owned()),
        ("hs_analytics_source_data_1", drill_down.to_owned()),
        ("hs_latest_source", "OFFLINE".to_owned()),
        ("hs_latest_source_timestamp", instant(at)),
    ]
}

/// What the activities of a record add up to.
#[derive(Debug, Default)]
struct Sums {
    count: usize,
    contacted: usize,
    last_contacted: Option<Timestamp>,
    last_replied: Option<Timestamp>,
    next: Option<Timestamp>,
    engagements: Vec<(Timestamp, Kind)>,
}

impl Sums {
    fn add(&mut self, activity: &Record, at: Timestamp) {
        let Some(when) = activity.value("hs_timestamp").and_then(date_time) else {
            return;
        };
        self.count += 1;
        let is_open_task = activity.kind == Kind::Task
            && !matches!(activity.value("hs_task_status"), Some("COMPLETED" | "DEFERRED"));
        let is_open_meeting = activity.kind == Kind::Meeting
            && !matches!(
                activity.value("hs_meeting_outcome"),
                Some("CANCELED" | "RESCHEDULED")
            );
        if when > at && (is_open_task || is_open_meeting) {
            self.next = Some(self.next.map_or(when, |next| next.min(when)));
        }
        let is_incoming = activity
            .value("hs_email_direction")
            .is_some_and(|direction| direction != "EMAIL");
        if is_incoming {
            self.last_replied = self.last_replied.max(Some(when));
        }
        let is_contact = matches!(
            activity.kind,
            Kind::Call | Kind::Email | Kind::Meeting | Kind::Communication
        );
        if is_contact && when <= at {
            self.contacted += 1;
            self.last_contacted = self.last_contacted.max(Some(when));
            let is_inbound = is_incoming || activity.value("hs_call_direction") == Some("INBOUND");
            if !is_inbound && activity.value("hubspot_owner_id").is_some() {
                self.engagements.push((when, activity.kind));
            }
        }
    }

    fn into_changes(
        self,
        kind: Kind,
        at: Timestamp,
        assigned: Option<Timestamp>,
    ) -> BTreeMap<String, String> {
        let or_empty = |when: Option<Timestamp>| when.map(instant).unwrap_or_default();
        let mut changes: BTreeMap<String, String> = [
            ("notes_last_updated", instant(at)),
            ("notes_last_contacted", or_empty(self.last_contacted)),
            ("notes_next_activity_date", or_empty(self.next)),
            ("num_notes", self.count.to_string()),
            ("num_contacted_notes", self.contacted.to_string()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        if matches!(kind, Kind::Contact | Kind::Deal) {
            changes.insert(
                "hs_sales_email_last_replied".to_owned(),
                or_empty(self.last_replied),
            );
        }
        if kind == Kind::Contact {
            let first = self.engagements.iter().min_by_key(|(when, _)| *when);
            let since_owner = self
                .engagements
                .iter()
                .filter(|(when, _)| assigned.is_some_and(|assigned| *when >= assigned));
            let first_by_owner = since_owner.min_by_key(|(when, _)| *when);
            let waited = first_by_owner
                .zip(assigned)
                .map(|((when, _), assigned)| when.duration_since(assigned));
            changes.extend(
                [
                    ("hs_first_outreach_date", or_empty(first.map(|(when, _)| *when))),
                    (
                        "hs_sa_first_engagement_date",
                        or_empty(first_by_owner.map(|(when, _)| *when)),
                    ),
                    (
                        "hs_sa_first_engagement_object_type",
                        first_by_owner
                            .map(|(_, kind)| kind.singular().to_uppercase())
                            .unwrap_or_default(),
                    ),
                    (
                        "hs_time_to_first_engagement",
                        waited
                            .map(|waited| waited.as_millis().to_string())
                            .unwrap_or_default(),
                    ),
                    ("hs_is_unworked", first_by_owner.is_none().to_string()),
                ]
                .map(|(name, value)| (name.to_owned(), value)),
            );
        }
        changes
    }
}

/// A leading `;` on a multi-select appends to what is there.
fn append_multi(record: &Record, changes: &mut BTreeMap<String, String>) {
    for (name, value) in changes.iter_mut() {
        if let Some(added) = value.strip_prefix(';') {
            let present = record.value(name).unwrap_or_default();
            *value = if present.is_empty() {
                added.to_owned()
            } else {
                format!("{present};{added}")
            };
        }
    }
}

/// Who made and who last touched the record, where it was a user.
fn note_editor(changes: &mut BTreeMap<String, String>, source: Source, is_new: bool) {
    if let Source::User(Some(user)) = source {
        changes.insert("hs_updated_by_user_id".to_owned(), user.to_string());
        if is_new {
            changes.insert("hs_created_by_user_id".to_owned(), user.to_string());
        }
    }
}

/// Adds what follows from `changes` alone.
fn derive(record: Option<&Record>, kind: Kind, at: Timestamp, changes: &mut BTreeMap<String, String>) {
    let differs = |changes: &BTreeMap<String, String>, name: &str| {
        let present = record.and_then(|record| record.value(name)).unwrap_or_default();
        changes
            .get(name)
            .is_some_and(|value| value != present)
            .then(|| changes.get(name).cloned())
            .flatten()
    };
    if let Some(owner) = differs(changes, "hubspot_owner_id") {
        let assigned = if owner.is_empty() {
            String::new()
        } else {
            instant(at)
        };
        changes.insert("hubspot_owner_assigneddate".to_owned(), assigned);
    }
    if kind == Kind::Task
        && let Some(status) = differs(changes, "hs_task_status")
    {
        let is_done = status == "COMPLETED";
        let done_at = if is_done { instant(at) } else { String::new() };
        changes.insert("hs_task_completion_date".to_owned(), done_at);
        changes.insert("hs_task_is_completed".to_owned(), u8::from(is_done).to_string());
    }
    if kind == Kind::Deal
        && let Some(stage) = differs(changes, "dealstage")
    {
        derive_stage(&stage, at, changes);
    }
    if let Some(headers) = changes.get("hs_email_headers").cloned() {
        derive_addresses(&headers, changes);
    }
    for body in [
        "hs_task_body",
        "hs_call_body",
        "hs_meeting_body",
        "hs_note_body",
        "hs_communication_body",
        "hs_email_text",
    ] {
        if let Some(text) = changes.get(body) {
            let preview = preview(text);
            changes.insert("hs_body_preview".to_owned(), preview);
        }
    }
}

/// A deal's closed flags, probability, entry date and close date follow from its stage.
fn derive_stage(stage: &str, at: Timestamp, changes: &mut BTreeMap<String, String>) {
    let Some((id, _, probability, is_closed)) = deal_stage(stage) else {
        return;
    };
    changes.insert("hs_is_closed".to_owned(), is_closed.to_string());
    changes.insert("hs_is_closed_won".to_owned(), (*id == "closedwon").to_string());
    changes.insert("hs_deal_stage_probability".to_owned(), (*probability).to_owned());
    changes.insert(format!("{STAGE_DATE}{id}"), instant(at));
    if *is_closed {
        changes
            .entry("closedate".to_owned())
            .or_insert_with(|| instant(at));
    }
}

/// The read-only address properties of an email.
fn derive_addresses(headers: &str, changes: &mut BTreeMap<String, String>) {
    let headers: Map<String, Value> = serde_json::from_str(headers).unwrap_or_default();
    let part = |role: &str, field: &str| -> String {
        let people = match headers.get(role) {
            Some(Value::Array(people)) => people.clone(),
            Some(person @ Value::Object(_)) => vec![person.clone()],
            _ => Vec::new(),
        };
        let found: Vec<String> = people
            .iter()
            .filter_map(|person| person.get(field).and_then(Value::as_str))
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect();
        found.join(";")
    };
    for (property, role, field) in [
        ("hs_email_from_email", "from", "email"),
        ("hs_email_from_firstname", "from", "firstName"),
        ("hs_email_from_lastname", "from", "lastName"),
        ("hs_email_sender_email", "sender", "email"),
        ("hs_email_to_email", "to", "email"),
        ("hs_email_to_firstname", "to", "firstName"),
        ("hs_email_to_lastname", "to", "lastName"),
        ("hs_email_cc_email", "cc", "email"),
        ("hs_email_bcc_email", "bcc", "email"),
    ] {
        changes.insert(property.to_owned(), part(role, field));
    }
}

/// The text of a body without its tags.
fn preview(body: &str) -> String {
    let mut is_tag = false;
    let mut text = String::new();
    for letter in body.chars() {
        match letter {
            '<' => is_tag = true,
            '>' => is_tag = false,
            _ if !is_tag => text.push(letter),
            _ => {}
        }
    }
    text.trim().chars().take(PREVIEW_MAX).collect()
}
