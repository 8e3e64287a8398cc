//! What a client sends, held against the schema and the org's rules before it is saved.
//!
//! Sources: fact sheet sections 3.7, 4.4, 5.1 to 5.4.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    answer::Refusal,
    id,
    kind::Kind,
    org::{Changes, Org},
    store::Cells,
    switches::RuleTest,
    values::read_value,
};

/// Somebody's write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    /// Id of the user.
    pub(crate) user: &'a str,
    pub(crate) now: Timestamp,
}

impl Org {
    /// Reads the fields of a body; `is_new` tells which of them may be written.
    pub(crate) fn read_fields(
        &self,
        writer: Writer<'_>,
        kind: Kind,
        body: &Map<String, Value>,
        is_new: bool,
    ) -> Result<Changes, Refusal> {
        let reader = self.reader(writer.now, writer.user, "", true);
        let mut changes = Vec::new();
        let mut closed = Vec::new();
        for (name, value) in body {
            if name.eq_ignore_ascii_case("attributes") {
                continue;
            }
            if name.eq_ignore_ascii_case("Id") {
                return Err(Refusal::bad(
                    "INVALID_FIELD",
                    "The Id field should not be specified in the sobject data.",
                ));
            }
            let field = reader
                .field(kind, name)
                .ok_or_else(|| Refusal::no_such_column(name, kind))?;
            let is_open = if is_new {
                field.is_createable
            } else {
                field.is_updateable
            };
            if is_open {
                changes.push((field.name.clone(), read_value(field, value)?));
            } else {
                closed.push(field.name.clone());
            }
        }
        if closed.is_empty() {
            return Ok(changes);
        }
        Err(Refusal {
            fields: closed.clone(),
            ..Refusal::bad(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                format!(
                    "Unable to create/update fields: {}. Please check the security settings of this field and verify \
                     that it is read/write for your profile or permission set.",
                    closed.join(", ")
                ),
            )
        })
    }

    /// Creates a record from a body; answers its id.
    pub(crate) fn create(
        &mut self,
        writer: Writer<'_>,
        kind: Kind,
        body: &Map<String, Value>,
    ) -> Result<String, Refusal> {
        if !kind.is_createable() {
            return Err(Refusal::bad(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                format!("entity type {} does not support create", kind.name()),
            ));
        }
        let changes = self.read_fields(writer, kind, body, true)?;
        self.check(writer, kind, None, &changes)?;
        Ok(self.commit(kind, None, changes, writer.user, writer.now))
    }

    /// Changes a record from a body.
    pub(crate) fn update(
        &mut self,
        writer: Writer<'_>,
        kind: Kind,
        id: &str,
        body: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        if !kind.is_createable() {
            return Err(Refusal::bad(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                format!("entity type {} does not support update", kind.name()),
            ));
        }
        let id = self.writable(writer, kind, id)?;
        let changes = self.read_fields(writer, kind, body, false)?;
        self.check(writer, kind, Some(&id), &changes)?;
        self.commit(kind, Some(&id), changes, writer.user, writer.now);
        Ok(())
    }

    /// Deletes a record.
    pub(crate) fn remove(&mut self, writer: Writer<'_>, kind: Kind, id: &str) -> Result<(), Refusal> {
        let id = self.writable(writer, kind, id)?;
        if !kind.is_deletable() {
            return Err(Refusal::new(
                403,
                "INSUFFICIENT_ACCESS_OR_READONLY",
                format!("{} records cannot be deleted", kind.label()),
            ));
        }
        let parents = self.parents_of(kind, Some(&id), &Vec::new());
        self.check_locks(writer.now, &parents)?;
        self.delete(kind, &id, writer.user, writer.now);
        Ok(())
    }

    /// The canonical id of a record that can be written now.
    fn writable(&self, writer: Writer<'_>, kind: Kind, id: &str) -> Result<String, Refusal> {
        let id = id::parse(id).ok_or_else(Refusal::not_found)?;
        let row = self.store.row(kind, &id).ok_or_else(Refusal::not_found)?;
        let reader = self.reader(writer.now, writer.user, "", true);
        if row.is_locked(writer.now) && row.seen(writer.now).is_some() {
            return Err(self.locked(&id));
        }
        let cells = reader.sees(row).ok_or_else(Refusal::not_found)?;
        if cells.flag("IsDeleted") {
            return Err(Refusal::deleted());
        }
        if kind == Kind::Lead && cells.flag("IsConverted") {
            return Err(Refusal::bad(
                "CANNOT_UPDATE_CONVERTED_LEAD",
                "cannot reference converted lead",
            ));
        }
        Ok(id)
    }

    pub(crate) fn locked(&self, id: &str) -> Refusal {
        Refusal::new(
            self.switches.lock_status,
            "UNABLE_TO_LOCK_ROW",
            format!("unable to obtain exclusive access to this record or 1 records: {id}"),
        )
    }

    /// Everything that can be wrong with a change to a record.
    fn check(
        &self,
        writer: Writer<'_>,
        kind: Kind,
        id: Option<&str>,
        changes: &Changes,
    ) -> Result<(), Refusal> {
        let mut cells = id
            .and_then(|id| self.store.row(kind, id))
            .map(|row| row.cells.clone())
            .unwrap_or_default();
        for (name, cell) in changes {
            cells.set(name, cell.clone());
        }
        self.check_required(kind, &cells, changes, id.is_none())?;
        for (name, cell) in changes {
            if let Some(field) = self.store.schema(kind).get(name) {
                self.check_value(writer, kind, field, cell)?;
            }
        }
        self.check_activity(kind, &cells)?;
        self.check_mail(kind, id, changes, &cells)?;
        self.check_unique(kind, id, changes)?;
        self.check_rules(kind, &cells)?;
        self.check_locks(writer.now, &self.parents_of(kind, id, changes))
    }

    fn check_required(
        &self,
        kind: Kind,
        cells: &Cells,
        changes: &Changes,
        is_new: bool,
    ) -> Result<(), Refusal> {
        let is_made_required = |name: &str| {
            self.switches.required_fields.iter().any(|required| {
                required.split_once('.').is_some_and(|(object, field)| {
                    object.eq_ignore_ascii_case(kind.name()) && field.eq_ignore_ascii_case(name)
                })
            })
        };
        let mut missing: Vec<String> = self
            .store
            .schema(kind)
            .all()
            .filter(|field| {
                let is_cleared = changes
                    .iter()
                    .any(|(name, cell)| *name == field.name && cell.is_null());
                let is_wanted = field.is_required && (is_new || is_cleared) || is_made_required(&field.name);
                is_wanted && cells.get(&field.name).is_null()
            })
            .map(|field| field.name.clone())
            .collect();
        if kind == Kind::Event && is_new {
            let has_start = !cells.get("StartDateTime").is_null()
                || !cells.get("ActivityDateTime").is_null()
                || cells.flag("IsAllDayEvent") && !cells.get("ActivityDate").is_null();
            let has_end = !cells.get("EndDateTime").is_null()
                || !cells.get("DurationInMinutes").is_null()
                || cells.flag("IsAllDayEvent");
            missing.extend((!has_start).then(|| "ActivityDateTime".to_owned()));
            missing.extend((!has_end).then(|| "DurationInMinutes".to_owned()));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        Err(Refusal {
            fields: missing,
            ..Refusal::bad("REQUIRED_FIELD_MISSING", message)
        })
    }

    fn check_activity(&self, kind: Kind, cells: &Cells) -> Result<(), Refusal> {
        if !kind.is_activity() {
            return Ok(());
        }
        let is_lead = cells
            .text("WhoId")
            .is_some_and(|who| who.starts_with(Kind::Lead.prefix()));
        if is_lead && !cells.get("WhatId").is_null() {
            // The vendor's words are not known; its code is.
            return Err(Refusal::bad(
                "FIELD_INTEGRITY_EXCEPTION",
                "Related To ID: an activity of a lead cannot be related to another record",
            )
            .on("WhatId"));
        }
        let wants_time = kind == Kind::Event || self.switches.reminder_needs_time;
        if wants_time && cells.flag("IsReminderSet") && cells.get("ReminderDateTime").is_null() {
            return Err(Refusal::bad(
                "FIELD_INTEGRITY_EXCEPTION",
                "Reminder Date/Time: a reminder needs a date and time",
            )
            .on("ReminderDateTime"));
        }
        if kind == Kind::Task && cells.text("TaskSubtype") == Some("Cadence") {
            return Err(Refusal::bad(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                "Task Subtype: bad value for restricted picklist field: Cadence",
            )
            .on("TaskSubtype"));
        }
        Ok(())
    }

    fn check_mail(
        &self,
        kind: Kind,
        id: Option<&str>,
        changes: &Changes,
        cells: &Cells,
    ) -> Result<(), Refusal> {
        if kind != Kind::EmailMessage {
            return Ok(());
        }
        // Only mail on a case has a reading state.
        if !matches!(cells.text("Status"), None | Some("3" | "5")) {
            return Err(Refusal::bad(
                "FIELD_INTEGRITY_EXCEPTION",
                "Status: mail that is not on a case can only be sent",
            )
            .on("Status"));
        }
        let was_sent = id
            .and_then(|id| self.store.row(kind, id))
            .is_some_and(|row| row.cells.text("Status") != Some("5"));
        let schema = self.store.schema(kind);
        let closed = changes.iter().find(|(name, _)| {
            name != "IsExternallyVisible" && schema.get(name).is_some_and(|field| !field.is_custom)
        });
        match closed.filter(|_| was_sent) {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::bad(
                "INSUFFICIENT_ACCESS_OR_READONLY",
                "mail that was sent cannot be changed",
            )
            .on(name)),
        }
    }

    fn check_unique(&self, kind: Kind, id: Option<&str>, changes: &Changes) -> Result<(), Refusal> {
        for (name, cell) in changes {
            let is_unique = self
                .store
                .schema(kind)
                .get(name)
                .is_some_and(|field| field.is_unique);
            let Some(value) = cell.as_text().filter(|_| is_unique) else {
                continue;
            };
            let kinds: &[Kind] = if kind.is_activity() && self.switches.unique_across_activities {
                &[Kind::Task, Kind::Event]
            } else {
                &[kind]
            };
            let holder = kinds
                .iter()
                .flat_map(|kind| self.store.holders(*kind, name, value))
                .find(|row| Some(row.id.as_str()) != id && !row.is_deleted());
            if let Some(holder) = holder {
                let message = format!(
                    "duplicate value found: {name} duplicates value on record with id: {}",
                    holder.id.get(..15).unwrap_or(&holder.id)
                );
                return Err(Refusal::bad("DUPLICATE_VALUE", message));
            }
        }
        Ok(())
    }

    fn check_rules(&self, kind: Kind, cells: &Cells) -> Result<(), Refusal> {
        let broken = self.switches.validation_rules.iter().find(|rule| {
            let text = cells.get(&rule.field).to_csv(true);
            rule.object.eq_ignore_ascii_case(kind.name())
                && match &rule.refuses {
                    RuleTest::Blank => text.is_empty(),
                    RuleTest::Equals(value) => text == *value,
                    RuleTest::Contains(value) => text.contains(value.as_str()),
                }
        });
        match broken {
            None => Ok(()),
            Some(rule) => {
                Err(Refusal::bad("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message.clone()).on(&rule.field))
            }
        }
    }

    /// The rows an activity's write locks beside its own: account, person, deal.
    fn parents_of(&self, kind: Kind, id: Option<&str>, changes: &Changes) -> Vec<String> {
        if !kind.is_activity() {
            return Vec::new();
        }
        let mut cells = id
            .and_then(|id| self.store.row(kind, id))
            .map(|row| row.cells.clone())
            .unwrap_or_default();
        for (name, cell) in changes {
            cells.set(name, cell.clone());
        }
        let is_closed = cells.text("Status").is_some_and(|status| {
            let values = &self.switches.task_statuses;
            values.iter().any(|value| value.is_final && value.name == status)
        });
        if id.is_none() && (is_closed || cells.get("ActivityDate").is_null()) {
            return Vec::new();
        }
        ["WhoId", "WhatId", "AccountId"]
            .into_iter()
            .filter_map(|name| cells.text(name).map(str::to_owned))
            .collect()
    }

    fn check_locks(&self, now: Timestamp, parents: &[String]) -> Result<(), Refusal> {
        let locked = parents
            .iter()
            .find(|id| self.store.find(id).is_some_and(|row| row.is_locked(now)));
        locked.map_or(Ok(()), |id| Err(self.locked(id)))
    }
}
