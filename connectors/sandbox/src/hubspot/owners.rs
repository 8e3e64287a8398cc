//! `owners`: users and queues, archived ones apart.

use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    call::Call,
    portal::{Owner, Portal},
};
use crate::clock::iso;

/// Largest page (unconfirmed; the largest seen in use).
const PAGE_MAX: usize = 500;

/// `GET owners` and `GET owners/{id}`.
pub(crate) fn handle(portal: &Portal, call: &Call<'_>) -> Outcome {
    if call.method != http::Method::GET {
        return Err(ApiError::wrong_method());
    }
    match call.rest.as_slice() {
        [] => list(portal, call),
        [id] => {
            let id: u64 = id.parse().map_err(|_| ApiError::missing())?;
            let by_user = call
                .query("idProperty")
                .is_some_and(|name| name.eq_ignore_ascii_case("userId"));
            let is_archived = call.query_flag("archived");
            portal
                .owners
                .values()
                .find(|owner| {
                    if by_user {
                        owner.user_id == id
                    } else {
                        owner.id == id
                    }
                })
                .filter(|owner| owner.is_archived == is_archived)
                .map(|owner| Answer::ok(show(owner)))
                .ok_or_else(ApiError::missing)
        }
        _ => Err(ApiError::no_such_path()),
    }
}

fn list(portal: &Portal, call: &Call<'_>) -> Outcome {
    let limit = call.limit(100, PAGE_MAX)?;
    let is_archived = call.query_flag("archived");
    let email = call.query("email").map(str::to_lowercase);
    let from: u64 = match call.query("after") {
        None | Some("") => 0,
        Some(text) => {
            // The token is opaque: a client that counts on its own fails.
            let token = text
                .strip_prefix("b3du")
                .and_then(|id| u64::from_str_radix(id, 36).ok());
            token.ok_or_else(|| ApiError::invalid(format!("Invalid paging token: {text}")))?
        }
    };
    let mut found = portal
        .owners
        .range(from..)
        .map(|(_, owner)| owner)
        .filter(|owner| owner.is_archived == is_archived)
        .filter(|owner| {
            email
                .as_ref()
                .is_none_or(|email| owner.email.to_lowercase() == *email)
        });
    let results: Vec<Value> = found.by_ref().take(limit).map(show).collect();
    let mut body = json!({"results": results});
    if let (Some(next), Some(object)) = (found.next(), body.as_object_mut()) {
        object.insert(
            "paging".to_owned(),
            call.paging(&format!("b3du{}", base36(next.id))),
        );
    }
    Ok(Answer::ok(body))
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        let digit = u32::try_from(number % 36).unwrap_or(0);
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        number /= 36;
    }
    digits.iter().rev().collect()
}

fn show(owner: &Owner) -> Value {
    let user_id = if owner.is_archived || owner.is_queue {
        Value::Null
    } else {
        json!(owner.user_id)
    };
    let including = if owner.is_queue {
        Value::Null
    } else {
        json!(owner.user_id)
    };
    let mut shown = json!({
        "id": owner.id.to_string(), "email": owner.email, "type": if owner.is_queue { "QUEUE" } else { "PERSON" },
        "firstName": owner.first_name, "lastName": owner.last_name, "userId": user_id,
        "userIdIncludingInactive": including, "createdAt": iso(owner.created_at),
        "updatedAt": iso(owner.created_at), "archived": owner.is_archived,
    });
    if let (false, Some(object)) = (owner.is_archived, shown.as_object_mut()) {
        object.insert(
            "teams".to_owned(),
            json!([{"id": "4071", "name": "Sales", "primary": true}]),
        );
    }
    shown
}
