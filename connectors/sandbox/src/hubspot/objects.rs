//! `objects/{T}`: list, read, create, change, archive and merge, one record at a time.

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    associations, batch,
    call::{Call, id_text, wrong_json},
    kind::Kind,
    links::Key,
    portal::Portal,
    present::Selection,
    record::Source,
    search, validate,
};

/// Largest list page.
const LIST_MAX: usize = 100;
/// Largest list page with property history.
const LIST_WITH_HISTORY_MAX: usize = 50;
/// A profile takes this many merges.
const MERGES_MAX: usize = 250;

/// Everything under `objects/{T}`.
pub(crate) fn handle(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let (name, rest) = call.rest.split_first().ok_or_else(ApiError::no_such_path)?;
    let kind = Kind::parse(name).ok_or_else(ApiError::no_such_path)?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    if let [id, "associations", tail @ ..] = rest.as_slice() {
        return associations::of_record(portal, call, (kind, id), tail);
    }
    if !call.family.serves_records() {
        return Err(ApiError::no_such_path());
    }
    match (call.method, rest.as_slice()) {
        (&Method::GET, []) => list(portal, call, kind),
        (&Method::POST, []) => create(portal, call, kind),
        (&Method::POST, ["search"]) => search::handle(portal, call, kind),
        (&Method::POST, ["merge"]) => merge(portal, call, kind),
        (&Method::POST, ["batch", verb]) => batch::handle(portal, call, kind, verb),
        (&Method::GET, [id]) => read(portal, call, kind, id),
        (&Method::PATCH, [id]) => update(portal, call, kind, id),
        (&Method::DELETE, [id]) => {
            if let Ok(id) = id.parse() {
                portal.archive((kind, id), call.now);
            }
            Ok(Answer::empty(204))
        }
        (_, [] | [_] | ["batch", _]) => Err(ApiError::wrong_method()),
        _ => Err(ApiError::no_such_path()),
    }
}

/// An id-ordered keyset: `after` is the id of the next record.
fn list(portal: &Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    let selection = Selection::from_query(call)?;
    let max = if selection.history.is_empty() {
        LIST_MAX
    } else {
        LIST_WITH_HISTORY_MAX
    };
    let limit = call.limit(10, max)?;
    let from = match call.query("after") {
        None | Some("") => 0,
        Some(text) => text
            .parse::<u64>()
            .map_err(|_| ApiError::invalid(format!("Invalid paging token: {text} is not a record id")))?,
    };
    let wants_archived = call.query_flag("archived");
    let mut found = portal
        .table(kind)
        .range(from..)
        .map(|(_, record)| record)
        .filter(|record| record.archived_at.is_some() == wants_archived);
    let results: Vec<Value> = found
        .by_ref()
        .take(limit)
        .map(|record| portal.show(record, &selection))
        .collect();
    let mut body = json!({"results": results});
    if let (Some(next), Some(object)) = (found.next(), body.as_object_mut()) {
        object.insert("paging".to_owned(), call.paging(&next.id.to_string()));
    }
    Ok(Answer::ok(body))
}

fn read(portal: &Portal, call: &Call<'_>, kind: Kind, id: &str) -> Outcome {
    let selection = Selection::from_query(call)?;
    let wants_archived = call.query_flag("archived");
    let key = resolve(portal, kind, id, call.query("idProperty"))?.map(|key| survivor(portal, key));
    let record = key.and_then(|key| portal.record(key));
    let record = record.filter(|record| record.archived_at.is_some() == wants_archived);
    record
        .map(|record| Answer::ok(portal.show(record, &selection)))
        .ok_or_else(ApiError::missing)
}

/// The record an id, or a unique value of `id_property`, points at; it may not exist.
pub(crate) fn resolve(
    portal: &Portal,
    kind: Kind,
    id: &str,
    id_property: Option<&str>,
) -> Result<Option<Key>, ApiError> {
    let Some(name) = id_property.filter(|name| !matches!(*name, "" | "hs_object_id")) else {
        return Ok(id.parse::<u64>().ok().map(|id| (kind, id)));
    };
    if !portal
        .schema(kind)
        .get(name)
        .is_some_and(|property| property.is_unique)
    {
        return Err(ApiError::invalid(format!(
            "Unable to perform update/upsert by non-unique {} property {name}",
            kind.type_id()
        )));
    }
    Ok(portal.holder(kind, name, id).map(|id| (kind, id)))
}

/// Who a merged-away id stands for, as far as single reads care.
fn survivor(portal: &Portal, key: Key) -> Key {
    if portal.switches.merged_id_resolves {
        follow_merges(portal, key)
    } else {
        key
    }
}

/// Old ids of merged records keep working for a single change.
pub(crate) fn follow_merges(portal: &Portal, key: Key) -> Key {
    let mut key = key;
    while let Some(id) = portal.merged.get(&key) {
        key.1 = *id;
    }
    key
}

fn properties_of(body: &Value) -> Result<&Map<String, Value>, ApiError> {
    body.get("properties")
        .and_then(Value::as_object)
        .ok_or_else(|| wrong_json("properties"))
}

/// A create, checked and ready to be carried out.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) values: std::collections::BTreeMap<String, String>,
    pub(crate) links: Vec<(Key, u32)>,
}

/// Checks one create input; nothing is written.
pub(crate) fn check_create(
    portal: &Portal,
    call: &Call<'_>,
    kind: Kind,
    input: &Value,
) -> Result<Draft, ApiError> {
    if portal.switches.refuses_tasks && kind == Kind::Task && call.family.is_september() {
        return Err(ApiError::invalid(
            "Record could not be created because it does not meet this account's conditional property rules",
        ));
    }
    let values = validate::check(portal, kind, properties_of(input)?, None)?;
    let links = associations::inline(portal, kind, input.get("associations"))?;
    if kind == Kind::Lead
        && !links
            .iter()
            .any(|(to, link)| to.0 == Kind::Contact && *link == 578)
    {
        return Err(ApiError::invalid(
            "A lead must be associated with an existing contact by its primary type 578",
        ));
    }
    Ok(Draft { values, links })
}

fn create(portal: &mut Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    let body = call.json()?;
    let draft = check_create(portal, call, kind, &body)?;
    let id = portal.create_record(kind, call.now, draft.values, &draft.links, Source::Integration);
    let record = portal.record((kind, id)).ok_or_else(ApiError::missing)?;
    Ok(Answer::json(201, portal.show_written(record)))
}

fn update(portal: &mut Portal, call: &Call<'_>, kind: Kind, id: &str) -> Outcome {
    let body = call.json()?;
    let key = resolve(portal, kind, id, call.query("idProperty"))?.map(|key| follow_merges(portal, key));
    let key = key
        .filter(|key| portal.live(*key).is_some())
        .ok_or_else(ApiError::missing)?;
    let changes = validate::check(portal, kind, properties_of(&body)?, Some(key))?;
    portal.update_record(key, call.now, changes, Source::Integration);
    let record = portal.live(key).ok_or_else(ApiError::missing)?;
    Ok(Answer::ok(portal.show_written(record)))
}

fn merge(portal: &mut Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    let body = call.json()?;
    let id = |name: &str| {
        id_text(body.get(name))
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or_else(|| wrong_json(name))
    };
    let (winner, loser) = ((kind, id("primaryObjectId")?), (kind, id("objectIdToMerge")?));
    if winner == loser {
        return Err(ApiError::invalid("Cannot merge a record with itself"));
    }
    if portal.live(winner).is_none() || portal.live(loser).is_none() {
        return Err(ApiError::missing());
    }
    let merges = portal
        .record(winner)
        .and_then(|record| record.value("hs_merged_object_ids"));
    if merges.is_some_and(|ids| ids.split(';').count() >= MERGES_MAX) {
        return Err(ApiError::invalid(format!(
            "Cannot have more than {MERGES_MAX} identities on a profile"
        )));
    }
    let survivor = portal.merge(winner, loser, call.now, Source::Integration);
    let record = portal.live((kind, survivor)).ok_or_else(ApiError::missing)?;
    Ok(Answer::ok(portal.show_written(record)))
}
