//! What a client sends, checked against the module's fields and turned into changes.
//!
//! Unknown and read-only names are ignored, as the vendor does. Sources: fact sheet sections 4 and 5.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    alarm,
    answer::Refusal,
    module::Module,
    schema::{Field, FieldType},
    switches::PastReminder,
    tenant::{Changes, Tenant},
};
use crate::salesforce::{Cell, Cells, parse_date, parse_instant};

/// One record of a write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) module: Module,
    pub(crate) object: &'a Map<String, Value>,
    /// Its place in `data`.
    pub(crate) index: usize,
    /// The record it changes; `None` to create one.
    pub(crate) id: Option<&'a str>,
    pub(crate) now: Timestamp,
}

impl Sent<'_> {
    fn path(&self, name: &str) -> String {
        format!("$.data[{}].{name}", self.index)
    }

    fn invalid(&self, name: &str) -> Refusal {
        Refusal::invalid(name, &self.path(name))
    }

    fn wrong_type(&self, name: &str, expected: &str) -> Refusal {
        self.invalid(name).with("expected_data_type", json!(expected))
    }

    fn missing(&self, name: &str) -> Refusal {
        Refusal::bad("MANDATORY_NOT_FOUND", "required field not found")
            .with("api_name", json!(name))
            .with("json_path", json!(self.path(name)))
    }
}

/// An id, in text or (as the vendor's own clients send it) in digits.
pub(crate) fn id_of(value: &Value) -> Option<String> {
    let number = || value.as_u64().map(|number| number.to_string());
    value.as_str().map(str::to_owned).or_else(number)
}

/// The id in `{"id": "…"}` or in a bare value.
fn id_in(value: &Value) -> Option<String> {
    id_of(value).or_else(|| id_of(value.get("id")?))
}

impl Tenant {
    /// The changes a record asks for.
    ///
    /// # Errors
    /// The one thing that is wrong with it, or `MULTIPLE_OR_MULTI_ERRORS`.
    pub(crate) fn check(&self, sent: &Sent<'_>) -> Result<Changes, Refusal> {
        let mut errors = Vec::new();
        let mut changes = Changes::new();
        for (name, value) in sent.object {
            // Both names of the same field are in use.
            let name = if name == "Outbound_Call_Status" {
                "Outgoing_Call_Status"
            } else {
                name.as_str()
            };
            let Some(field) = self.field(sent.module, name).filter(|field| !field.is_read_only) else {
                continue;
            };
            match self.cell(sent, field, value) {
                Ok(cell) => changes.push((field.name.clone(), cell)),
                Err(error) => errors.push(error),
            }
        }
        errors.extend(self.missing_fields(sent, &changes));
        if errors.is_empty() {
            errors.extend(self.check_together(sent, &mut changes).err());
        }
        match (errors.len(), errors.pop()) {
            (_, None) => {}
            (1, Some(error)) => return Err(error),
            (_, Some(last)) => {
                errors.push(last);
                let shown: Vec<Value> = errors.iter().map(Refusal::to_json).collect();
                return Err(
                    Refusal::bad("MULTIPLE_OR_MULTI_ERRORS", "multiple errors occurred")
                        .with("errors", json!(shown)),
                );
            }
        }
        self.check_unique(sent, &changes)?;
        Ok(changes)
    }

    fn missing_fields(&self, sent: &Sent<'_>, changes: &Changes) -> Vec<Refusal> {
        let is_given = |field: &Field| sent.object.get(&field.name).is_some_and(|value| !value.is_null());
        let is_cleared = |field: &Field| {
            changes
                .iter()
                .any(|(name, cell)| *name == field.name && cell.is_null())
        };
        self.store
            .schema(sent.module)
            .all()
            .filter(|field| field.is_required)
            .filter(|field| is_cleared(field) || sent.id.is_none() && !is_given(field))
            .map(|field| sent.missing(&field.name))
            .collect()
    }

    fn cell(&self, sent: &Sent<'_>, field: &Field, value: &Value) -> Result<Cell, Refusal> {
        let name = field.name.as_str();
        if value.is_null() {
            return Ok(Cell::Null);
        }
        match field.kind {
            kind if kind.is_text() => text(sent, field, value),
            FieldType::Boolean => value
                .as_bool()
                .map(Cell::Bool)
                .ok_or_else(|| sent.wrong_type(name, "boolean")),
            FieldType::Integer | FieldType::Double | FieldType::Currency => value
                .as_f64()
                .map(Cell::Number)
                .ok_or_else(|| sent.wrong_type(name, "double")),
            FieldType::Date => value
                .as_str()
                .and_then(parse_date)
                .map(Cell::Date)
                .ok_or_else(|| sent.wrong_type(name, "date")),
            FieldType::DateTime => value
                .as_str()
                .and_then(parse_instant)
                .map(Cell::At)
                .ok_or_else(|| sent.wrong_type(name, "datetime")),
            FieldType::Owner => self.owner(sent, name, value),
            FieldType::Lookup(far) => {
                let id = id_in(value).ok_or_else(|| sent.wrong_type(name, "jsonobject"))?;
                self.reference(sent, name, &id, far)
            }
            FieldType::What => self.what(sent, value),
            FieldType::Parent => self.parent(sent, value),
            FieldType::Alarm => self.alarm(sent, value),
            FieldType::Participants if value.as_array().is_some_and(|list| list.len() > 50) => {
                Err(sent.invalid(name).with("maximum_length", json!(50)))
            }
            FieldType::Participants | FieldType::Reminders if !value.is_array() => {
                Err(sent.wrong_type(name, "jsonarray"))
            }
            FieldType::Rrule if !value.is_object() => Err(sent.wrong_type(name, "jsonobject")),
            _ => Ok(Cell::text(value.to_string())),
        }
    }

    fn owner(&self, sent: &Sent<'_>, name: &str, value: &Value) -> Result<Cell, Refusal> {
        let id = id_in(value).ok_or_else(|| sent.wrong_type(name, "jsonobject"))?;
        let user = self.users.get(&id).ok_or_else(|| sent.invalid(name))?;
        if !user.is_active && self.switches.inactive_owner_refused {
            return Err(sent.invalid(name));
        }
        Ok(Cell::text(id))
    }

    fn reference(&self, sent: &Sent<'_>, name: &str, id: &str, far: Module) -> Result<Cell, Refusal> {
        match self.store.live(far, id) {
            Some(_) => Ok(Cell::text(id)),
            None => Err(Refusal {
                message: "the id given seems to be invalid".to_owned(),
                ..sent.invalid(name)
            }),
        }
    }

    /// What an activity is about: never a contact, and always with its module.
    fn what(&self, sent: &Sent<'_>, value: &Value) -> Result<Cell, Refusal> {
        let wrong = || Refusal {
            code: self.switches.wrong_parent_code.clone(),
            ..sent.invalid("What_Id")
        };
        let id = id_in(value).ok_or_else(|| sent.wrong_type("What_Id", "jsonobject"))?;
        let module = sent
            .object
            .get("$se_module")
            .and_then(Value::as_str)
            .and_then(Module::parse)
            .filter(|module| module.is_parent() && *module != Module::Contacts)
            .ok_or_else(wrong)?;
        if sent.module == Module::Events && module == Module::Leads && !self.switches.events_take_leads {
            return Err(wrong());
        }
        let row = self.store.live(module, &id).ok_or_else(|| Refusal {
            message: "the id given seems to be invalid".to_owned(),
            ..wrong()
        })?;
        if row.cells.flag("Converted__s") {
            return Err(wrong());
        }
        Ok(Cell::text(id))
    }

    /// `{"module": {"api_name": "Leads"}, "id": "…"}`.
    fn parent(&self, sent: &Sent<'_>, value: &Value) -> Result<Cell, Refusal> {
        let id = id_in(value).ok_or_else(|| sent.wrong_type("Parent_Id", "jsonobject"))?;
        let module = value
            .get("module")
            .and_then(|module| module.get("api_name"))
            .and_then(Value::as_str)
            .and_then(Module::parse)
            .filter(|module| module.is_parent())
            .ok_or_else(|| {
                let path = sent.path("Parent_Id.module");
                Refusal::bad("MANDATORY_NOT_FOUND", "required field not found")
                    .with("api_name", json!("module"))
                    .with("json_path", json!(path))
            })?;
        self.reference(sent, "Parent_Id", &id, module)
    }

    fn alarm(&self, sent: &Sent<'_>, value: &Value) -> Result<Cell, Refusal> {
        let text = value
            .get("ALARM")
            .and_then(Value::as_str)
            .ok_or_else(|| sent.wrong_type("Remind_At", "jsonobject"))?;
        let recurs = sent
            .object
            .get("Recurring_Activity")
            .is_some_and(|value| !value.is_null());
        let parsed = alarm::parse(text).ok_or_else(|| sent.invalid("Remind_At"))?;
        match parsed {
            alarm::Trigger::Relative if recurs => Ok(Cell::text(text)),
            alarm::Trigger::Relative => Err(sent.invalid("Remind_At")),
            alarm::Trigger::At(at) if at < sent.now => match self.switches.past_reminder {
                PastReminder::Kept => Ok(Cell::text(text)),
                PastReminder::Dropped => Ok(Cell::Null),
                PastReminder::Refused => Err(sent.invalid("Remind_At")),
            },
            alarm::Trigger::At(_) => Ok(Cell::text(text)),
        }
    }

    /// What fields mean for each other.
    fn check_together(&self, sent: &Sent<'_>, changes: &mut Changes) -> Result<(), Refusal> {
        let mut cells = sent
            .id
            .and_then(|id| self.store.row(sent.module, id))
            .map(|row| row.cells.clone())
            .unwrap_or_default();
        for (name, cell) in changes.iter() {
            cells.set(name, cell.clone());
        }
        match sent.module {
            Module::Calls => check_call(sent, &cells, changes),
            Module::Events => match (cells.at("Start_DateTime"), cells.at("End_DateTime")) {
                (Some(start), Some(end)) if end < start => Err(Refusal {
                    code: "DEPENDENT_MISMATCH".to_owned(),
                    ..sent.invalid("End_DateTime")
                }),
                _ => Ok(()),
            },
            Module::Notes if cells.text("Parent_Id").is_none() => Err(sent.missing("Parent_Id")),
            _ => Ok(()),
        }
    }

    fn check_unique(&self, sent: &Sent<'_>, changes: &Changes) -> Result<(), Refusal> {
        for (name, cell) in changes {
            let field = self
                .store
                .schema(sent.module)
                .get(name)
                .filter(|field| field.is_unique || field.is_external);
            let (Some(field), Some(value)) = (field, cell.as_text()) else {
                continue;
            };
            let holders = self.store.holders(sent.module, &field.name, value);
            if let Some(holder) = holders.into_iter().find(|row| Some(row.id.as_str()) != sent.id) {
                let owner = holder.cells.text("Owner").map(|id| self.user_json(id));
                return Err(Refusal::bad("DUPLICATE_DATA", "duplicate data")
                    .with("api_name", json!(name))
                    .with("json_path", json!(sent.path(name)))
                    .with(
                        "duplicate_record",
                        json!({
                            "id": holder.id, "Owner": owner,
                            "module": {
                                "api_name": sent.module.name(),
                                "id": self.meta_id(&format!("module {}", sent.module.name())),
                            },
                        }),
                    )
                    .with("id", json!(holder.id)));
            }
        }
        Ok(())
    }
}

/// A completed call lasted; a scheduled one has not begun.
fn check_call(sent: &Sent<'_>, cells: &Cells, changes: &mut Changes) -> Result<(), Refusal> {
    let is_missed = cells.text("Call_Type") == Some("Missed");
    let is_ahead = matches!(
        cells.text("Outgoing_Call_Status"),
        Some("Scheduled" | "Overdue" | "Cancelled")
    );
    if is_missed || is_ahead {
        return Ok(());
    }
    let Some(duration) = cells.text("Call_Duration") else {
        return Err(sent.missing("Call_Duration"));
    };
    let seconds = duration_secs(duration).ok_or_else(|| sent.invalid("Call_Duration"))?;
    if seconds == 0 {
        return Err(Refusal {
            code: "DEPENDENT_MISMATCH".to_owned(),
            ..sent.invalid("Call_Duration")
        });
    }
    changes.push((
        "Call_Duration_in_seconds".to_owned(),
        Cell::Number(f64::from(seconds)),
    ));
    if cells.text("Call_Type") == Some("Outbound") && cells.text("Outgoing_Call_Status").is_none() {
        changes.push(("Outgoing_Call_Status".to_owned(), Cell::text("Completed")));
    }
    Ok(())
}

fn text(sent: &Sent<'_>, field: &Field, value: &Value) -> Result<Cell, Refusal> {
    let name = field.name.as_str();
    let text = value.as_str().ok_or_else(|| sent.wrong_type(name, "text"))?;
    if text.chars().count() > field.length {
        return Err(sent.invalid(name).with("maximum_length", json!(field.length)));
    }
    if field.kind == FieldType::Email && !text.is_empty() && !crate::hubspot::is_address(text) {
        return Err(sent.wrong_type(name, "email"));
    }
    Ok(if text.is_empty() {
        Cell::Null
    } else {
        Cell::text(text)
    })
}

/// `mm:ss`.
fn duration_secs(text: &str) -> Option<u32> {
    let (minutes, seconds) = text.split_once(':')?;
    let seconds: u32 = seconds.parse().ok().filter(|seconds| *seconds < 60)?;
    Some(minutes.parse::<u32>().ok()? * 60 + seconds)
}
