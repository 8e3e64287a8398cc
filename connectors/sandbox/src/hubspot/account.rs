//! Account details, API use, and call dispositions.

use http::Method;
use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    call::Call,
    portal::Portal,
    validate::DISPOSITIONS,
};
use crate::clock::iso;

/// `account-info/…`.
pub(crate) fn handle(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    if call.method != Method::GET {
        return Err(ApiError::wrong_method());
    }
    let rest: Vec<&str> = call.rest.iter().map(String::as_str).collect();
    match rest.as_slice() {
        ["details"] => Ok(details(portal, call)),
        ["api-usage", "daily", "private-apps"] => Ok(usage(portal, call)),
        _ => Err(ApiError::no_such_path()),
    }
}

fn details(portal: &Portal, call: &Call<'_>) -> Answer {
    let zone = portal.limits.zone();
    let seconds = zone.to_offset(call.now).seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    Answer::ok(json!({
        "portalId": portal.auth.hub_id, "accountType": "STANDARD",
        "timeZone": zone.iana_name().unwrap_or("UTC"), "companyCurrency": "USD", "additionalCurrencies": [],
        "utcOffset": format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        "utcOffsetMilliseconds": i64::from(seconds) * 1_000, "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "eu1",
    }))
}

fn usage(portal: &mut Portal, call: &Call<'_>) -> Answer {
    let (used, max) = portal.limits.daily(call.now);
    Answer::ok(json!({"results": [{
        "name": "Private app API calls daily limit", "usageLimit": max, "currentUsage": used,
        "collectedAt": iso(call.now), "fetchStatus": "SUCCESS", "resetsAt": iso(portal.limits.resets_at(call.now)),
    }]}))
}

/// `GET calling/v1/dispositions`.
pub(crate) fn dispositions(call: &Call<'_>) -> Outcome {
    match (call.method, call.rest.as_slice()) {
        (&Method::GET, [name]) if name == "dispositions" => {
            let shown: Vec<Value> = DISPOSITIONS
                .iter()
                .map(|(id, label)| json!({"id": id, "label": label}))
                .collect();
            Ok(Answer::ok(Value::Array(shown)))
        }
        _ => Err(ApiError::no_such_path()),
    }
}
