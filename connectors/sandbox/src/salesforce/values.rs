//! Single values a client sends: read by the field's type, and held against its bounds.

use serde_json::Value;

use super::{
    answer::Refusal,
    cell::{Cell, CellType, parse_date, parse_instant},
    check::Writer,
    id,
    kind::Kind,
    org::{Org, STAGES},
    schema::Field,
    soql::Reader,
    switches::StatusValue,
};

impl Org {
    pub(crate) fn check_value(
        &self,
        writer: Writer<'_>,
        kind: Kind,
        field: &Field,
        cell: &Cell,
    ) -> Result<(), Refusal> {
        let Cell::Text(text) = cell else { return Ok(()) };
        if field.cell_type.is_id() {
            return self.check_reference(writer, kind, field, text);
        }
        let length = text.chars().count();
        if field.length > 0 && length > field.length {
            let message = format!(
                "{}: data value too large: {} (max length={})",
                field.label,
                text.chars().take(60).collect::<String>(),
                field.length
            );
            return Err(Refusal::bad("STRING_TOO_LONG", message).on(&field.name));
        }
        if field.cell_type == CellType::Email && !text.is_empty() && !crate::hubspot::is_address(text) {
            let message = format!("{}: invalid email address: {text}", field.label);
            return Err(Refusal::bad("INVALID_EMAIL_ADDRESS", message).on(&field.name));
        }
        let options = self.options(kind, field);
        if field.is_restricted && !options.is_empty() && !options.contains(text) {
            let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
            return Err(Refusal::bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message).on(&field.name));
        }
        Ok(())
    }

    /// The values of a picklist; some are the administrator's.
    pub(crate) fn options(&self, kind: Kind, field: &Field) -> Vec<String> {
        let names = |values: &[StatusValue]| values.iter().map(|value| value.name.clone()).collect();
        match (kind, field.name.as_str()) {
            (Kind::Task, "Status") => names(&self.switches.task_statuses),
            (Kind::Task, "Priority") => names(&self.switches.task_priorities),
            (Kind::Lead, "Status") => names(&self.switches.lead_statuses),
            (Kind::Opportunity, "StageName") => STAGES.iter().map(|stage| stage.0.to_owned()).collect(),
            _ => field.options.clone(),
        }
    }

    fn check_reference(
        &self,
        writer: Writer<'_>,
        kind: Kind,
        field: &Field,
        text: &str,
    ) -> Result<(), Refusal> {
        let Some(reference) = field
            .relationship()
            .filter(|reference| !reference.targets.is_empty())
        else {
            return Ok(());
        };
        let label = match field.name.as_str() {
            "WhoId" => "Name ID".to_owned(),
            "WhatId" => "Related To ID".to_owned(),
            name => format!("{} ID", name.trim_end_matches("Id")),
        };
        let is_type = reference
            .targets
            .iter()
            .any(|target| text.starts_with(target.prefix()));
        if !is_type {
            let message = format!("{label}: id value of incorrect type: {text}");
            return Err(Refusal::bad("FIELD_INTEGRITY_EXCEPTION", message).on(&field.name));
        }
        let reader: Reader<'_> = self.reader(writer.now, writer.user, "", true);
        let row = self.store.find(text);
        let Some((row, cells)) = row.and_then(|row| Some((row, reader.sees(row)?))) else {
            return Err(
                Refusal::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").on(&field.name),
            );
        };
        if cells.flag("IsDeleted") {
            return Err(Refusal::bad("ENTITY_IS_DELETED", "entity is deleted").on(&field.name));
        }
        if cells.flag("IsConverted") && kind.is_activity() {
            return Err(
                Refusal::bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
                    .on(&field.name),
            );
        }
        if field.name == "OwnerId" && row.kind == Kind::User && !cells.flag("IsActive") {
            let message = format!(
                "operation performed with inactive user [{text}] as owner of {}",
                kind.name().to_lowercase()
            );
            return Err(Refusal::bad("INACTIVE_OWNER_OR_USER", message).on(&field.name));
        }
        Ok(())
    }
}

/// A JSON value as `field` holds it.
pub(crate) fn read_value(field: &Field, value: &Value) -> Result<Cell, Refusal> {
    let (wire, _) = field.cell_type.wire();
    let wrong = |shown: &str| {
        Refusal::json(format!(
            "Cannot deserialize instance of {wire} from {shown} or request may be missing a required field at \
             [line:1, column:1]"
        ))
    };
    Ok(match (field.cell_type, value) {
        (_, Value::Null) => Cell::Null,
        (CellType::Bool, Value::Bool(flag)) => Cell::Bool(*flag),
        (CellType::Bool, Value::String(text)) if text == "true" || text == "false" => {
            Cell::Bool(text == "true")
        }
        (kind, Value::Number(number)) if kind.is_number() => Cell::Number(
            number
                .as_f64()
                .ok_or_else(|| wrong(&format!("VALUE_NUMBER value {number}")))?,
        ),
        (kind, Value::String(text)) if kind.is_number() => Cell::Number(
            text.parse()
                .map_err(|_| wrong(&format!("VALUE_STRING value {text}")))?,
        ),
        (CellType::Date, Value::String(text)) => {
            let date = parse_date(text).or_else(|| text.get(..10).and_then(parse_date));
            Cell::Date(date.ok_or_else(|| wrong(&format!("VALUE_STRING value {text}")))?)
        }
        (CellType::DateTime, Value::String(text)) => {
            let at = parse_instant(text);
            Cell::At(at.ok_or_else(|| wrong(&format!("VALUE_STRING value {text}")))?)
        }
        (kind, Value::String(text)) if kind.is_id() => {
            if text.is_empty() {
                return Ok(Cell::Null);
            }
            let id = id::parse(text).ok_or_else(|| {
                let message = format!("{} ID: id value of incorrect type: {text}", field.label);
                Refusal::bad("MALFORMED_ID", message).on(&field.name)
            })?;
            Cell::Text(id)
        }
        (kind, Value::String(text)) if kind.is_text() => {
            if text.trim().is_empty() {
                Cell::Null
            } else {
                Cell::text(text.trim_end().to_owned())
            }
        }
        (kind, Value::Number(number)) if kind.is_text() => Cell::Text(number.to_string()),
        (kind, Value::Bool(flag)) if kind.is_text() => Cell::Text(flag.to_string()),
        (_, Value::Object(_)) => return Err(wrong("START_OBJECT")),
        (_, Value::Array(_)) => return Err(wrong("START_ARRAY")),
        (_, other) => return Err(wrong(&format!("value {other}"))),
    })
}
