//! `associations/{from}/{to}/labels`: the types two object types can be linked by, a portal's own among them.

use http::Method;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    call::{Call, wrong_json},
    kind::Kind,
    links::{LinkType, type_of},
    portal::Portal,
};

/// Everything under `labels`.
pub(crate) fn handle(
    portal: &mut Portal,
    call: &Call<'_>,
    (from, to): (Kind, Kind),
    tail: &[&str],
) -> Outcome {
    match (call.method, tail) {
        (&Method::GET, []) => {
            let shown: Vec<Value> = portal.links.types(from, to).map(LinkType::to_json).collect();
            Ok(Answer::ok(json!({"results": shown})))
        }
        (&Method::POST, []) => add(portal, call, from, to),
        (&Method::PUT, []) => rename(portal, call, from, to),
        (&Method::DELETE, [id]) => {
            let id = id.parse().map_err(|_| ApiError::missing())?;
            portal.links.remove_label(from, to, type_of(true, id));
            Ok(Answer::empty(204))
        }
        (_, [] | [_]) => Err(ApiError::wrong_method()),
        _ => Err(ApiError::no_such_path()),
    }
}

fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field).and_then(Value::as_str)
}

fn add(portal: &mut Portal, call: &Call<'_>, from: Kind, to: Kind) -> Outcome {
    let body = call.json()?;
    let label = text(&body, "label").ok_or_else(|| wrong_json("label"))?;
    let inverse = text(&body, "inverseLabel").unwrap_or(label);
    let is_taken = portal
        .links
        .types(from, to)
        .any(|link| link.label.as_deref() == Some(label));
    if is_taken {
        let message = format!("A label {label} already exists");
        return Err(ApiError::new(409, "CONFLICT", message));
    }
    let both = portal.links.add_label(from, to, label, inverse);
    let shown: Vec<Value> = both.iter().map(LinkType::to_json).collect();
    Ok(Answer::ok(json!({"results": shown})))
}

fn rename(portal: &mut Portal, call: &Call<'_>, from: Kind, to: Kind) -> Outcome {
    let body = call.json()?;
    let label = text(&body, "label").ok_or_else(|| wrong_json("label"))?;
    let id = body
        .get("associationTypeId")
        .and_then(Value::as_u64)
        .and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| wrong_json("associationTypeId"))?;
    let inverse = text(&body, "inverseLabel");
    if !portal
        .links
        .rename_label((from, to), type_of(true, id), label, inverse)
    {
        return Err(ApiError::missing());
    }
    Ok(Answer::empty(204))
}
