//! `properties/{T}`: reading the schema, and adding to it.

use http::Method;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    call::{Call, wrong_json},
    kind::Kind,
    portal::Portal,
    present::unknown_type,
    schema::{Property, UNIQUE_MAX, ValueType},
};

/// Everything under `properties`.
pub(crate) fn handle(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let rest: Vec<&str> = call.rest.iter().map(String::as_str).collect();
    let [kind, tail @ ..] = rest.as_slice() else {
        return Err(ApiError::no_such_path());
    };
    let kind = Kind::parse(kind).ok_or_else(|| unknown_type(kind))?;
    match (call.method, tail) {
        (&Method::GET, []) => {
            let shown: Vec<Value> = portal
                .schema(kind)
                .all()
                .enumerate()
                .map(|(order, property)| property.to_json(order))
                .collect();
            Ok(Answer::ok(json!({"results": shown})))
        }
        (&Method::POST, []) => create(portal, call, kind),
        (&Method::GET, ["groups"]) => Ok(groups(portal, kind)),
        (&Method::POST, ["groups"]) => create_group(portal, call, kind),
        (&Method::POST, ["batch", "read"]) => batch_read(portal, call, kind),
        (&Method::GET, ["groups", name]) => {
            let group = portal
                .schema(kind)
                .groups()
                .iter()
                .position(|(known, _)| known == name);
            let group = group.and_then(|at| portal.schema(kind).groups().get(at).map(|group| (at, group)));
            group
                .map(|(at, group)| Answer::ok(show_group(at, group)))
                .ok_or_else(ApiError::missing)
        }
        (&Method::GET, [name]) => portal
            .schema(kind)
            .get(name)
            .map(|property| Answer::ok(property.to_json(0)))
            .ok_or_else(ApiError::missing),
        (&Method::DELETE, [name]) => archive(portal, kind, name),
        (_, [] | [_] | ["groups", _]) => Err(ApiError::wrong_method()),
        _ => Err(ApiError::no_such_path()),
    }
}

fn show_group(order: usize, (name, label): &(String, String)) -> Value {
    json!({"name": name, "label": label, "displayOrder": order, "archived": false})
}

fn groups(portal: &Portal, kind: Kind) -> Answer {
    let shown: Vec<Value> = portal
        .schema(kind)
        .groups()
        .iter()
        .enumerate()
        .map(|(order, group)| show_group(order, group))
        .collect();
    Answer::ok(json!({"results": shown}))
}

fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, ApiError> {
    body.get(field)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| wrong_json(field))
}

/// Lower-case letters, digits and underscores, a letter first.
fn check_name(name: &str) -> Result<(), ApiError> {
    let is_valid = name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if is_valid {
        Ok(())
    } else {
        Err(ApiError::invalid(format!("{name} is not a valid internal name")))
    }
}

fn create_group(portal: &mut Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    let body = call.json()?;
    let (name, label) = (text(&body, "name")?, text(&body, "label")?);
    check_name(name)?;
    if portal.schema(kind).has_group(name) {
        return Err(ApiError::new(
            409,
            "CONFLICT",
            format!("Property group {name} already exists"),
        ));
    }
    portal
        .schema_mut(kind)
        .add_group(name.to_owned(), label.to_owned());
    let at = portal.schema(kind).groups().len() - 1;
    Ok(Answer::json(
        201,
        show_group(at, &(name.to_owned(), label.to_owned())),
    ))
}

fn create(portal: &mut Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    let body = call.json()?;
    let (name, label) = (text(&body, "name")?, text(&body, "label")?);
    let (group, field_type) = (text(&body, "groupName")?, text(&body, "fieldType")?);
    let wire_type = text(&body, "type")?;
    check_name(name)?;
    if portal.schema(kind).get(name).is_some() {
        return Err(ApiError::new(
            409,
            "CONFLICT",
            format!("Property {name} already exists"),
        ));
    }
    if !portal.schema(kind).has_group(group) {
        return Err(ApiError::invalid(format!(
            "Property group {group} does not exist"
        )));
    }
    let value_type = value_type(wire_type, field_type)?;
    let is_unique = body
        .get("hasUniqueValue")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if is_unique {
        check_unique(portal, kind, &value_type)?;
    }
    let options = body
        .get("options")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let options = options
        .iter()
        .map(|option| {
            Ok((
                text(option, "value")?.to_owned(),
                text(option, "label")?.to_owned(),
            ))
        })
        .collect::<Result<Vec<_>, ApiError>>()?;
    if value_type == ValueType::Options && options.is_empty() {
        return Err(ApiError::invalid(format!(
            "Property {name} of type enumeration needs options"
        )));
    }
    let property = Property {
        name: name.to_owned(),
        label: label.to_owned(),
        group: group.to_owned(),
        value_type,
        field_type: field_type.to_owned(),
        options,
        is_read_only: false,
        is_unique,
        is_searchable: true,
        added_at: Some(call.now),
    };
    let shown = property.to_json(0);
    portal.schema_mut(kind).add(property);
    Ok(Answer::json(201, shown))
}

fn value_type(wire_type: &str, field_type: &str) -> Result<ValueType, ApiError> {
    let (value_type, allowed): (ValueType, &[&str]) = match wire_type {
        "string" => (
            ValueType::Text,
            &["text", "textarea", "html", "phonenumber", "file"],
        ),
        "number" => (ValueType::Number, &["number"]),
        "date" => (ValueType::Date, &["date"]),
        "datetime" => (ValueType::DateTime, &["date"]),
        "bool" => (ValueType::Bool, &["booleancheckbox"]),
        "enumeration" if field_type == "checkbox" => (ValueType::Multi, &["checkbox"]),
        "enumeration" => (ValueType::Options, &["select", "radio"]),
        other => return Err(ApiError::invalid(format!("{other} is not a property type"))),
    };
    if allowed.contains(&field_type) {
        Ok(value_type)
    } else {
        Err(ApiError::invalid(format!(
            "fieldType {field_type} does not go with type {wire_type}"
        )))
    }
}

fn check_unique(portal: &Portal, kind: Kind, value_type: &ValueType) -> Result<(), ApiError> {
    if kind == Kind::Task && !portal.switches.unique_task_property {
        return Err(ApiError::invalid(format!(
            "Object type {} does not support unique properties",
            kind.type_id()
        )));
    }
    if !matches!(value_type, ValueType::Text | ValueType::Number) {
        return Err(ApiError::invalid(
            "Only text and number properties can have unique values",
        ));
    }
    if portal.schema(kind).custom_unique().count() >= UNIQUE_MAX {
        return Err(ApiError::invalid(format!(
            "At most {UNIQUE_MAX} unique properties per object type"
        )));
    }
    Ok(())
}

fn batch_read(portal: &Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    let body = call.json()?;
    let inputs = Call::inputs(&body, 100)?;
    let names = inputs
        .iter()
        .map(|input| text(input, "name"))
        .collect::<Result<Vec<_>, _>>()?;
    let shown: Vec<Value> = names
        .iter()
        .filter_map(|name| portal.schema(kind).get(name))
        .map(|property| property.to_json(0))
        .collect();
    let at = crate::clock::iso(call.now);
    Ok(Answer::ok(
        json!({"status": "COMPLETE", "results": shown, "startedAt": at, "completedAt": at}),
    ))
}

fn archive(portal: &mut Portal, kind: Kind, name: &str) -> Outcome {
    let property = portal.schema(kind).get(name).ok_or_else(ApiError::missing)?;
    if property.added_at.is_none() {
        return Err(ApiError::invalid(format!(
            "{name} is defined by HubSpot and cannot be archived"
        )));
    }
    portal.schema_mut(kind).remove(name);
    Ok(Answer::empty(204))
}
