//! Associations: per record, in batches, their labels, and the ones given inside a create.

use http::Method;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    call::{Call, id_text, wrong_json},
    kind::Kind,
    labels,
    links::{Key, LinkType, type_of},
    portal::Portal,
    present::unknown_type,
};
use crate::clock::iso;

/// Most inputs of a batch read.
const READ_MAX: usize = 1_000;
/// Most inputs of a batch write.
const WRITE_MAX: usize = 2_000;
/// Links of one record on a page.
const PAGE: usize = 500;

/// The whole write is refused.
fn not_valid() -> ApiError {
    ApiError::invalid("one or more associations are not valid")
}

/// A type of the path.
fn kind_of(name: &str) -> Result<Kind, ApiError> {
    Kind::parse(name).ok_or_else(|| unknown_type(name))
}

/// `associations` of a create: every type must lead from `kind` to the target, and the target must exist.
pub(crate) fn inline(
    portal: &Portal,
    kind: Kind,
    given: Option<&Value>,
) -> Result<Vec<(Key, u32)>, ApiError> {
    let mut links = Vec::new();
    let given = match given {
        None | Some(Value::Null) => return Ok(links),
        Some(Value::Array(given)) => given,
        Some(_) => return Err(wrong_json("associations")),
    };
    for link in given {
        let id = id_text(link.get("to").and_then(|to| to.get("id"))).ok_or_else(|| wrong_json("to"))?;
        let id: u64 = id.parse().map_err(|_| not_valid())?;
        let types = link
            .get("types")
            .and_then(Value::as_array)
            .ok_or_else(|| wrong_json("types"))?;
        for link_type in parse_types(types)? {
            let to = Kind::ALL
                .into_iter()
                .find(|to| {
                    portal.links.find(kind, *to, link_type).is_some() && portal.live((*to, id)).is_some()
                })
                .ok_or_else(not_valid)?;
            links.push(((to, id), link_type));
        }
    }
    Ok(links)
}

/// `[{associationCategory, associationTypeId}]`.
fn parse_types(types: &[Value]) -> Result<Vec<u32>, ApiError> {
    types
        .iter()
        .map(|link| {
            let category = link.get("associationCategory").and_then(Value::as_str);
            let id = link
                .get("associationTypeId")
                .and_then(Value::as_u64)
                .and_then(|id| u32::try_from(id).ok());
            match (category, id) {
                (Some("HUBSPOT_DEFINED" | "INTEGRATOR_DEFINED"), Some(id)) => Ok(id),
                (Some("USER_DEFINED"), Some(id)) => Ok(type_of(true, id)),
                _ => Err(wrong_json("associationTypeId")),
            }
        })
        .collect()
}

/// `objects/{T}/{id}/associations/…`.
pub(crate) fn of_record(
    portal: &mut Portal,
    call: &Call<'_>,
    (kind, id): (Kind, &str),
    tail: &[&str],
) -> Outcome {
    if !call.family.serves_associations() {
        return Err(ApiError::no_such_path());
    }
    let from = id
        .parse::<u64>()
        .map(|id| (kind, id))
        .map_err(|_| ApiError::missing())?;
    match (call.method, tail) {
        (&Method::GET, [to]) => list(portal, call, from, kind_of(to)?),
        (&Method::PUT, ["default", to, to_id]) => {
            let to = target(portal, from, kind_of(to)?, to_id)?;
            let id = portal.links.default_type(from.0, to.0).ok_or_else(not_valid)?;
            portal.links.add(from, to, id);
            Ok(Answer::ok(default_result(portal, call, from, to)))
        }
        (&Method::PUT, [to, to_id]) => label(portal, call, from, (kind_of(to)?, to_id)),
        (&Method::DELETE, [to, to_id]) => {
            if let Ok(to_id) = to_id.parse() {
                unlink(portal, call, from, (kind_of(to)?, to_id), None);
            }
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::no_such_path()),
    }
}

/// Both ends exist.
fn target(portal: &Portal, from: Key, to: Kind, id: &str) -> Result<Key, ApiError> {
    let to = id
        .parse::<u64>()
        .map(|id| (to, id))
        .map_err(|_| ApiError::missing())?;
    if portal.live(from).is_none() || portal.live(to).is_none() {
        return Err(ApiError::missing());
    }
    Ok(to)
}

/// The unlabelled link between two records, seen from both ends.
fn default_pairs(portal: &Portal, from: Key, to: Key) -> [Value; 2] {
    let pair = |from: Key, to: Key| {
        json!({
            "from": {"id": from.1.to_string()}, "to": {"id": to.1.to_string()},
            "associationSpec": {
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": portal.links.default_type(from.0, to.0),
            },
        })
    };
    [pair(from, to), pair(to, from)]
}

fn default_result(portal: &Portal, call: &Call<'_>, from: Key, to: Key) -> Value {
    let (at, pairs) = (iso(call.now), default_pairs(portal, from, to));
    json!({"status": "COMPLETE", "results": pairs, "startedAt": at, "completedAt": at})
}

/// A labelled PUT sets the label set: labels not named are dropped.
fn label(portal: &mut Portal, call: &Call<'_>, from: Key, (to, to_id): (Kind, &str)) -> Outcome {
    let body = call.json()?;
    let types = body.as_array().ok_or_else(|| wrong_json("associationSpecs"))?;
    let types = parse_types(types)?;
    let to = target(portal, from, to, to_id)?;
    if types.is_empty()
        || types
            .iter()
            .any(|id| portal.links.find(from.0, to.0, *id).is_none())
    {
        return Err(not_valid());
    }
    portal.links.remove(from, to);
    for id in types {
        portal.links.add(from, to, id);
    }
    let labels: Vec<String> = labels_between(portal, from, to);
    Ok(Answer::json(
        201,
        json!({
            "fromObjectTypeId": from.0.type_id(), "fromObjectId": from.1,
            "toObjectTypeId": to.0.type_id(), "toObjectId": to.1, "labels": labels,
        }),
    ))
}

fn labels_between(portal: &Portal, from: Key, to: Key) -> Vec<String> {
    let ids = portal
        .links
        .linked(from, to.0)
        .find(|(key, _)| *key == to)
        .map(|(_, ids)| ids);
    let labels = ids
        .into_iter()
        .flatten()
        .filter_map(|id| portal.links.find(from.0, to.0, *id));
    labels.filter_map(|link| link.label.clone()).collect()
}

/// Removes one type, or everything, between two records. A lead without its primary contact is gone.
fn unlink(portal: &mut Portal, call: &Call<'_>, from: Key, to: Key, link_type: Option<u32>) {
    match link_type {
        Some(id) => portal.links.remove_type(from, to, id),
        None => portal.links.remove(from, to),
    }
    for lead in [from, to] {
        let other = if lead == from { to.0 } else { from.0 };
        if lead.0 == Kind::Lead && other == Kind::Contact {
            let has_primary = portal
                .links
                .linked(lead, Kind::Contact)
                .any(|(_, ids)| ids.contains(&578));
            if !has_primary {
                portal.archive(lead, call.now);
            }
        }
    }
}

/// One link as the vendor shows it.
fn show(portal: &Portal, from: Kind, to: Key, ids: &std::collections::BTreeSet<u32>) -> Value {
    let types: Vec<Value> = ids
        .iter()
        .filter_map(|id| portal.links.find(from, to.0, *id))
        .map(LinkType::to_json)
        .collect();
    let id = if portal.switches.numeric_to_object_id {
        json!(to.1)
    } else {
        json!(to.1.to_string())
    };
    json!({"toObjectId": id, "associationTypes": types})
}

/// A page of one record's links and the id to go on from.
fn page(portal: &Portal, from: Key, to: Kind, after: Option<u64>, limit: usize) -> (Vec<Value>, Option<u64>) {
    let mut links = portal
        .links
        .linked(from, to)
        .filter(|(key, _)| portal.live(*key).is_some())
        .skip_while(|(key, _)| after.is_some_and(|after| key.1 < after));
    let results = links
        .by_ref()
        .take(limit)
        .map(|(key, ids)| show(portal, from.0, key, ids))
        .collect();
    (results, links.next().map(|(key, _)| key.1))
}

fn after(text: Option<&str>) -> Result<Option<u64>, ApiError> {
    text.filter(|text| !text.is_empty())
        .map(|text| {
            text.parse()
                .map_err(|_| ApiError::invalid(format!("Invalid paging token: {text}")))
        })
        .transpose()
}

fn list(portal: &Portal, call: &Call<'_>, from: Key, to: Kind) -> Outcome {
    if !portal.switches.record_associations_on_2026_09 && call.family.is_september() {
        return Err(ApiError::no_such_path());
    }
    if portal.live(from).is_none() {
        return Err(ApiError::missing());
    }
    let limit = call.limit(PAGE, PAGE)?;
    let (results, next) = page(portal, from, to, after(call.query("after"))?, limit);
    let mut body = json!({"results": results});
    if let (Some(next), Some(object)) = (next, body.as_object_mut()) {
        object.insert("paging".to_owned(), call.paging(&next.to_string()));
    }
    Ok(Answer::ok(body))
}

/// `associations/{from}/{to}/…`.
pub(crate) fn handle(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    if !call.family.serves_associations() {
        return Err(ApiError::no_such_path());
    }
    let rest: Vec<&str> = call.rest.iter().map(String::as_str).collect();
    let [from, to, tail @ ..] = rest.as_slice() else {
        return Err(ApiError::no_such_path());
    };
    let (from, to) = (kind_of(from)?, kind_of(to)?);
    match (call.method, tail) {
        (_, ["labels", tail @ ..]) => labels::handle(portal, call, (from, to), tail),
        (&Method::POST, ["batch", "read"]) => batch_read(portal, call, from, to),
        (&Method::POST, ["batch", "create"]) => batch_create(portal, call, from, to, false),
        (&Method::POST, ["batch", "associate", "default"]) => batch_create(portal, call, from, to, true),
        (&Method::POST, ["batch", "archive"]) => batch_archive(portal, call, from, to),
        (&Method::POST, ["batch", "labels", "archive"]) => batch_archive_labels(portal, call, from, to),
        _ => Err(ApiError::no_such_path()),
    }
}

/// Records without links come back as errors of a 207: the normal case, not a failure.
fn batch_read(portal: &Portal, call: &Call<'_>, from: Kind, to: Kind) -> Outcome {
    let body = call.json()?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in Call::inputs(&body, READ_MAX)? {
        let id = id_text(input.get("id")).ok_or_else(|| wrong_json("id"))?;
        let start = after(id_text(input.get("after")).as_deref())?;
        let key = id
            .parse::<u64>()
            .ok()
            .map(|id| (from, id))
            .filter(|key| portal.live(*key).is_some());
        let (links, next) = key.map_or_else(Default::default, |key| page(portal, key, to, start, PAGE));
        if links.is_empty() {
            errors.push(no_associations(from, to, &id));
            continue;
        }
        let mut result = json!({"from": {"id": id}, "to": links});
        if let (Some(next), Some(object)) = (next, result.as_object_mut()) {
            object.insert("paging".to_owned(), call.paging(&next.to_string()));
        }
        results.push(result);
    }
    let at = iso(call.now);
    let mut answer = json!({"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at});
    let status = if errors.is_empty() { 200 } else { 207 };
    if let (false, Some(object)) = (errors.is_empty(), answer.as_object_mut()) {
        object.insert("numErrors".to_owned(), json!(errors.len()));
        object.insert("errors".to_owned(), Value::Array(errors));
    }
    Ok(Answer::json(status, answer))
}

fn no_associations(from: Kind, to: Kind, id: &str) -> Value {
    let message = format!(
        "No {} is associated with {} {id}.",
        to.singular(),
        from.singular()
    );
    let mut error = ApiError::new(404, "OBJECT_NOT_FOUND", message)
        .with_context("fromObjectId", &[id.to_owned()])
        .with_context("fromObjectType", &[from.singular().to_owned()])
        .with_context("toObjectType", &[to.singular().to_owned()]);
    error.sub_category = Some("crm.associations.NO_ASSOCIATIONS_FOUND");
    error.to_item(None)
}

fn end(value: Option<&Value>) -> Result<u64, ApiError> {
    let id = id_text(value.and_then(|end| end.get("id"))).ok_or_else(|| wrong_json("id"))?;
    id.parse().map_err(|_| not_valid())
}

fn batch_create(portal: &mut Portal, call: &Call<'_>, from: Kind, to: Kind, by_default: bool) -> Outcome {
    let body = call.json()?;
    let mut links = Vec::new();
    for input in Call::inputs(&body, WRITE_MAX)? {
        let (a, b) = ((from, end(input.get("from"))?), (to, end(input.get("to"))?));
        if portal.live(a).is_none() || portal.live(b).is_none() {
            return Err(not_valid());
        }
        let types = if by_default {
            portal.links.default_type(from, to).into_iter().collect()
        } else {
            let types = input
                .get("types")
                .and_then(Value::as_array)
                .ok_or_else(|| wrong_json("types"))?;
            parse_types(types)?
        };
        if types.is_empty() || types.iter().any(|id| portal.links.find(from, to, *id).is_none()) {
            return Err(not_valid());
        }
        links.push((a, b, types));
    }
    let (at, mut results) = (iso(call.now), Vec::new());
    for (a, b, types) in links {
        for id in types {
            portal.links.add(a, b, id);
        }
        if by_default {
            results.extend(default_pairs(portal, a, b));
            continue;
        }
        results.push(json!({
            "fromObjectTypeId": from.type_id(), "fromObjectId": a.1, "toObjectTypeId": to.type_id(),
            "toObjectId": b.1, "labels": labels_between(portal, a, b),
        }));
    }
    let body = json!({"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at});
    Ok(Answer::json(if by_default { 200 } else { 201 }, body))
}

fn batch_archive(portal: &mut Portal, call: &Call<'_>, from: Kind, to: Kind) -> Outcome {
    let body = call.json()?;
    for input in Call::inputs(&body, WRITE_MAX)? {
        let a = (from, end(input.get("from"))?);
        let ends = match input.get("to") {
            Some(Value::Array(ends)) => ends
                .iter()
                .map(|to| end(Some(to)))
                .collect::<Result<Vec<_>, _>>()?,
            single => vec![end(single)?],
        };
        for b in ends {
            unlink(portal, call, a, (to, b), None);
        }
    }
    Ok(Answer::empty(call.family.archived_links_status()))
}

/// Takes labels away; the link itself stays.
fn batch_archive_labels(portal: &mut Portal, call: &Call<'_>, from: Kind, to: Kind) -> Outcome {
    let body = call.json()?;
    for input in Call::inputs(&body, WRITE_MAX)? {
        let (a, b) = ((from, end(input.get("from"))?), (to, end(input.get("to"))?));
        let types = input
            .get("types")
            .and_then(Value::as_array)
            .ok_or_else(|| wrong_json("types"))?;
        for id in parse_types(types)? {
            unlink(portal, call, a, b, Some(id));
        }
    }
    Ok(Answer::empty(call.family.archived_links_status()))
}
