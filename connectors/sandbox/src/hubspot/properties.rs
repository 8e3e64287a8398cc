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

/// Most inputs of a batch.
const INPUTS_MAX: usize = 100;

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
        (&Method::POST, ["batch", "create"]) => batch_create(portal, call, kind),
        (&Method::POST, ["batch", "archive"]) => batch_archive(portal, call, kind),
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
        (&Method::PATCH, [name]) => update(portal, call, kind, name),
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
    let property = check_create(portal, call, kind, &call.json()?)?;
    let shown = property.to_json(0);
    portal.schema_mut(kind).add(property);
    Ok(Answer::json(201, shown))
}

/// The property a body describes; nothing is written.
fn check_create(portal: &Portal, call: &Call<'_>, kind: Kind, body: &Value) -> Result<Property, ApiError> {
    let (name, label) = (text(body, "name")?, text(body, "label")?);
    let (group, field_type) = (text(body, "groupName")?, text(body, "fieldType")?);
    let wire_type = text(body, "type")?;
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
    let options = options(body)?;
    if value_type == ValueType::Options && options.is_empty() {
        return Err(ApiError::invalid(format!(
            "Property {name} of type enumeration needs options"
        )));
    }
    Ok(Property {
        name: name.to_owned(),
        label: label.to_owned(),
        group: group.to_owned(),
        value_type,
        field_type: field_type.to_owned(),
        description: body
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        options,
        is_read_only: false,
        is_unique,
        is_searchable: true,
        added_at: Some(call.now),
    })
}

/// Values and labels of an enumeration.
fn options(body: &Value) -> Result<Vec<(String, String)>, ApiError> {
    let options = body
        .get("options")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    options
        .iter()
        .map(|option| {
            Ok((
                text(option, "value")?.to_owned(),
                text(option, "label")?.to_owned(),
            ))
        })
        .collect()
}

/// Label, description, group and options can change; name, type and uniqueness cannot.
fn update(portal: &mut Portal, call: &Call<'_>, kind: Kind, name: &str) -> Outcome {
    let body = call.json()?;
    let property = portal.schema(kind).get(name).ok_or_else(ApiError::missing)?;
    if property.added_at.is_none() {
        return Err(ApiError::invalid(format!(
            "{name} is defined by HubSpot and its definition cannot be changed"
        )));
    }
    let group = body.get("groupName").and_then(Value::as_str);
    if let Some(group) = group.filter(|group| !portal.schema(kind).has_group(group)) {
        return Err(ApiError::invalid(format!(
            "Property group {group} does not exist"
        )));
    }
    let options = options(&body)?;
    let given = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
    let property = portal
        .schema_mut(kind)
        .get_mut(name)
        .ok_or_else(ApiError::missing)?;
    if let Some(label) = given("label") {
        property.label = label;
    }
    if let Some(description) = given("description") {
        property.description = description;
    }
    if let Some(group) = given("groupName") {
        property.group = group;
    }
    if !options.is_empty() {
        property.options = options;
    }
    Ok(Answer::ok(property.to_json(0)))
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

/// The answer of a batch of properties: 207 where something failed.
fn batch(call: &Call<'_>, status: u16, results: &[Value], errors: &[Value]) -> Answer {
    let at = crate::clock::iso(call.now);
    let mut body = json!({"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at});
    if let (false, Some(object)) = (errors.is_empty(), body.as_object_mut()) {
        object.insert("numErrors".to_owned(), json!(errors.len()));
        object.insert("errors".to_owned(), json!(errors));
        return Answer::json(207, body);
    }
    Answer::json(status, body)
}

fn batch_read(portal: &Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    let body = call.json()?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in Call::inputs(&body, INPUTS_MAX)? {
        let name = text(input, "name")?;
        if let Some(property) = portal.schema(kind).get(name) {
            results.push(property.to_json(0));
        } else {
            let error = ApiError::new(404, "OBJECT_NOT_FOUND", format!("Property {name} does not exist"));
            errors.push(error.with_context("name", &[name.to_owned()]).to_item(None));
        }
    }
    Ok(batch(call, 200, &results, &errors))
}

/// One bad input refuses the whole request.
fn batch_create(portal: &mut Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    let body = call.json()?;
    let before = portal.schema(kind).clone();
    let mut results = Vec::new();
    for input in Call::inputs(&body, INPUTS_MAX)? {
        match check_create(portal, call, kind, input) {
            Ok(property) => {
                results.push(property.to_json(0));
                portal.schema_mut(kind).add(property);
            }
            Err(error) => {
                *portal.schema_mut(kind) = before;
                return Err(error);
            }
        }
    }
    Ok(batch(call, 201, &results, &[]))
}

fn batch_archive(portal: &mut Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    let body = call.json()?;
    for input in Call::inputs(&body, INPUTS_MAX)? {
        archive(portal, kind, text(input, "name")?)?;
    }
    Ok(Answer::empty(204))
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
