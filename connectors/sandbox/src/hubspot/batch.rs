//! `objects/{T}/batch/…`: read, create, update, upsert, archive, and what a partial failure looks like.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    call::{Call, id_text, wrong_json},
    kind::Kind,
    links::Key,
    objects::{self, Draft},
    portal::Portal,
    present::Selection,
    record::Source,
    validate,
};
use crate::clock::iso;

/// Most inputs in one request.
const INPUTS_MAX: usize = 100;

/// One batch request.
pub(crate) fn handle(portal: &mut Portal, call: &Call<'_>, kind: Kind, verb: &str) -> Outcome {
    let run = match verb {
        "read" => read,
        "create" => create,
        "update" => update,
        "upsert" => upsert,
        "archive" => archive,
        _ => return Err(ApiError::no_such_path()),
    };
    let body = call.json()?;
    run(portal, call, kind, &body)
}

/// The answer of a batch: the given status, or 207 where something failed.
fn finish(portal: &Portal, call: &Call<'_>, status: u16, results: &[Value], errors: &[Value]) -> Answer {
    let at = iso(call.now);
    let mut body = json!({"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at});
    let mut status = status;
    if let (false, Some(object)) = (errors.is_empty(), body.as_object_mut()) {
        object.insert("numErrors".to_owned(), json!(errors.len()));
        object.insert("errors".to_owned(), json!(errors));
        if portal.switches.multi_status_on_dated_paths || !call.family.is_september() {
            status = 207;
        }
    }
    Answer::json(status, body)
}

fn not_found(kind: Kind, ids: &[String]) -> Value {
    let message = format!(
        "Could not get some {} objects, they may be deleted or not exist",
        kind.singular().to_uppercase()
    );
    ApiError::new(404, "OBJECT_NOT_FOUND", message)
        .with_context("ids", ids)
        .to_item(None)
}

fn read(portal: &mut Portal, call: &Call<'_>, kind: Kind, body: &Value) -> Outcome {
    let selection = Selection::from_body(body);
    let id_property = body.get("idProperty").and_then(Value::as_str);
    let wants_archived = call.query_flag("archived");
    let (mut found, mut missing) = (BTreeSet::new(), Vec::new());
    for input in Call::inputs(body, INPUTS_MAX)? {
        let id = id_text(input.get("id")).ok_or_else(|| wrong_json("id"))?;
        let key = objects::resolve(portal, kind, &id, id_property)?;
        match key.and_then(|key| portal.record(key)) {
            Some(record) if record.archived_at.is_some() == wants_archived => {
                found.insert(record.id);
            }
            _ => missing.push(id),
        }
    }
    // Order is not promised, so it is not the order of the inputs.
    let results = found.iter().rev().filter_map(|id| portal.record((kind, *id)));
    let results: Vec<Value> = results.map(|record| portal.show(record, &selection)).collect();
    let errors = if missing.is_empty() {
        Vec::new()
    } else {
        vec![not_found(kind, &missing)]
    };
    Ok(finish(portal, call, 200, &results, &errors))
}

fn trace_id(input: &Value) -> Option<&str> {
    input.get("objectWriteTraceId").and_then(Value::as_str)
}

/// A partial failure is possible only if every input carries its own trace id.
fn is_traced(inputs: &[Value]) -> bool {
    let ids: BTreeSet<&str> = inputs
        .iter()
        .filter_map(trace_id)
        .filter(|id| !id.is_empty())
        .collect();
    ids.len() == inputs.len()
}

fn with_trace(mut shown: Value, input: &Value) -> Value {
    if let (Some(id), Some(object)) = (trace_id(input), shown.as_object_mut()) {
        object.insert("objectWriteTraceId".to_owned(), json!(id));
    }
    shown
}

fn create(portal: &mut Portal, call: &Call<'_>, kind: Kind, body: &Value) -> Outcome {
    let inputs = Call::inputs(body, INPUTS_MAX)?;
    let may_be_partial = is_traced(inputs);
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    if !may_be_partial {
        check_all(portal, call, kind, inputs)?;
    }
    for input in inputs {
        match objects::check_create(portal, call, kind, input) {
            Ok(draft) => results.push(with_trace(carry_out(portal, call, kind, &draft), input)),
            Err(error) => errors.push(error.to_item(trace_id(input))),
        }
    }
    Ok(finish(portal, call, 201, &results, &errors))
}

/// All inputs are good, and no two claim one unique value.
fn check_all(portal: &Portal, call: &Call<'_>, kind: Kind, inputs: &[Value]) -> Result<(), ApiError> {
    let mut claimed = BTreeSet::new();
    for input in inputs {
        let draft = objects::check_create(portal, call, kind, input)?;
        for (name, value) in draft.values {
            let is_unique = portal
                .schema(kind)
                .get(&name)
                .is_some_and(|property| property.is_unique);
            if is_unique && !value.is_empty() && !claimed.insert((name.clone(), value.clone())) {
                return Err(validate::conflict(kind, &name, &value, 0));
            }
        }
    }
    Ok(())
}

fn carry_out(portal: &mut Portal, call: &Call<'_>, kind: Kind, draft: &Draft) -> Value {
    let id = portal.create_record(
        kind,
        call.now,
        draft.values.clone(),
        &draft.links,
        Source::Integration,
    );
    portal
        .record((kind, id))
        .map(|record| portal.show_written(record))
        .unwrap_or_default()
}

/// A change of one input, checked: unlike a single change it does not follow merged ids.
fn check_update(
    portal: &Portal,
    kind: Kind,
    input: &Value,
) -> Result<(Key, BTreeMap<String, String>), ApiError> {
    let id = id_text(input.get("id")).ok_or_else(|| wrong_json("id"))?;
    let id_property = input.get("idProperty").and_then(Value::as_str);
    if kind == Kind::Contact && id_property == Some("email") {
        return Err(ApiError::invalid(
            "Contacts cannot be updated in a batch by email; use the record id",
        ));
    }
    let key = objects::resolve(portal, kind, &id, id_property)?;
    let key = key.filter(|key| portal.live(*key).is_some()).ok_or_else(|| {
        let message = format!("Could not find {} with id {id}", kind.singular().to_uppercase());
        ApiError::new(404, "OBJECT_NOT_FOUND", message).with_context("ids", std::slice::from_ref(&id))
    })?;
    let properties = input
        .get("properties")
        .and_then(Value::as_object)
        .ok_or_else(|| wrong_json("properties"))?;
    Ok((key, validate::check(portal, kind, properties, Some(key))?))
}

fn update(portal: &mut Portal, call: &Call<'_>, kind: Kind, body: &Value) -> Outcome {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in Call::inputs(body, INPUTS_MAX)? {
        match check_update(portal, kind, input) {
            Ok((key, changes)) => {
                portal.update_record(key, call.now, changes, Source::Integration);
                let shown = portal.live(key).map(|record| portal.show_written(record));
                results.push(with_trace(shown.unwrap_or_default(), input));
            }
            Err(error) => errors.push(error.to_item(trace_id(input))),
        }
    }
    Ok(finish(portal, call, 200, &results, &errors))
}

/// An upsert has no `associations`; it overwrites whatever a person changed.
fn upsert(portal: &mut Portal, call: &Call<'_>, kind: Kind, body: &Value) -> Outcome {
    let inputs = Call::inputs(body, INPUTS_MAX)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        let name = input
            .get("idProperty")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong_json("idProperty"))?;
        let id = id_text(input.get("id")).ok_or_else(|| wrong_json("id"))?;
        let known = objects::resolve(portal, kind, &id, Some(name))?;
        match upsert_one(portal, call, kind, (name, &id, known), input) {
            Ok((key, is_new)) => {
                let mut shown = portal
                    .live(key)
                    .map(|record| portal.show_written(record))
                    .unwrap_or_default();
                if let Some(object) = shown.as_object_mut() {
                    object.insert("new".to_owned(), json!(is_new));
                }
                results.push(with_trace(shown, input));
            }
            Err(error) => errors.push(error.to_item(trace_id(input))),
        }
    }
    Ok(finish(portal, call, 200, &results, &errors))
}

fn upsert_one(
    portal: &mut Portal,
    call: &Call<'_>,
    kind: Kind,
    (name, id, known): (&str, &str, Option<Key>),
    input: &Value,
) -> Result<(Key, bool), ApiError> {
    let mut properties = input
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .ok_or_else(|| wrong_json("properties"))?;
    if let Some(key) = known.filter(|key| portal.live(*key).is_some()) {
        let changes = validate::check(portal, kind, &properties, Some(key))?;
        portal.update_record(key, call.now, changes, Source::Integration);
        return Ok((key, false));
    }
    properties.insert(name.to_owned(), json!(id));
    let draft = objects::check_create(portal, call, kind, &json!({"properties": properties}))?;
    let id = portal.create_record(kind, call.now, draft.values, &draft.links, Source::Integration);
    Ok(((kind, id), true))
}

fn archive(portal: &mut Portal, call: &Call<'_>, kind: Kind, body: &Value) -> Outcome {
    for input in Call::inputs(body, INPUTS_MAX)? {
        let id = id_text(input.get("id")).ok_or_else(|| wrong_json("id"))?;
        if let Ok(id) = id.parse() {
            portal.archive((kind, id), call.now);
        }
    }
    Ok(Answer::empty(204))
}
