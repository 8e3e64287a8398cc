//! What HubSpot accepts as a property value, and how it complains.
//!
//! All problems of one record go into one 400 whose message carries them as JSON text.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    answer::ApiError,
    call::wrong_json,
    kind::Kind,
    links::Key,
    pipelines::{DEAL_PIPELINE, deal_stage},
    portal::Portal,
    schema::{Property, ValueType},
};
use crate::clock::iso;

/// Longest text of a property.
const TEXT_MAX: usize = 65_536;

/// Dispositions every portal starts with, from the calls guide: (GUID, label).
pub(crate) const DISPOSITIONS: &[(&str, &str)] = &[
    ("9d9162e7-6cf3-4944-bf63-4dff82258764", "Busy"),
    ("f240bbac-87c9-4f6e-bf70-924b57d47db7", "Connected"),
    ("a4c4c377-d246-4b32-a13b-75a56a4cd0ff", "Left live message"),
    ("b2cf5968-551e-4856-9783-52b3da59a7d0", "Left voicemail"),
    ("73a0d17f-1163-4015-bdd5-ec830791da20", "No answer"),
    ("17b47fee-58de-441e-a44c-c6300d46f273", "Wrong number"),
];

/// Lifecycle stages in the only direction the API may move them.
const LIFECYCLE: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

/// A problem with one property: code and message.
type Problem = (&'static str, String);

/// Property values of a create or update, checked and brought into stored form; an empty value clears.
///
/// `target` is the record to be changed, `None` for a create.
pub(crate) fn check(
    portal: &Portal,
    kind: Kind,
    properties: &Map<String, Value>,
    target: Option<Key>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut accepted = BTreeMap::new();
    let mut problems: Vec<(String, Problem)> = Vec::new();
    for (name, value) in properties {
        match check_one(portal, kind, name, value)? {
            Ok(value) => {
                accepted.insert(name.clone(), value);
            }
            Err(problem) => problems.push((name.clone(), problem)),
        }
    }
    if target.is_none() {
        default_meeting_time(kind, &mut accepted);
        if problems.is_empty() {
            check_required(kind, &accepted)?;
        }
    }
    if !problems.is_empty() {
        return Err(not_valid(&problems));
    }
    drop_backward_stage(portal, kind, &mut accepted, target);
    check_unique(portal, kind, &accepted, target)?;
    Ok(accepted)
}

/// A meeting without `hs_timestamp` takes its start time.
fn default_meeting_time(kind: Kind, accepted: &mut BTreeMap<String, String>) {
    if kind == Kind::Meeting
        && !accepted.contains_key("hs_timestamp")
        && let Some(start) = accepted.get("hs_meeting_start_time").cloned()
    {
        accepted.insert("hs_timestamp".to_owned(), start);
    }
}

fn check_required(kind: Kind, accepted: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let missing: Vec<String> = kind
        .required_properties()
        .iter()
        .filter(|name| accepted.get(**name).is_none_or(String::is_empty))
        .map(|name| (*name).to_owned())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Error creating {}. Some required properties were not set.",
        kind.singular().to_uppercase()
    );
    Err(ApiError::invalid(message).with_context("properties", &missing))
}

/// The outer error is a body of the wrong shape, the inner one a value the vendor refuses.
fn check_one(
    portal: &Portal,
    kind: Kind,
    name: &str,
    value: &Value,
) -> Result<Result<String, Problem>, ApiError> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null if portal.switches.null_clears => String::new(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err(wrong_json(name)),
    };
    let Some(property) = portal.schema(kind).get(name) else {
        return Ok(Err((
            "PROPERTY_DOESNT_EXIST",
            format!("Property \"{name}\" does not exist"),
        )));
    };
    if property.is_read_only {
        let message = format!("\"{name}\" is a read only property; its value cannot be set.");
        return Ok(Err(("READ_ONLY_VALUE", message)));
    }
    if text.is_empty() {
        return Ok(Ok(text));
    }
    Ok(normalise(portal, kind, property, &text))
}

fn normalise(portal: &Portal, kind: Kind, property: &Property, text: &str) -> Result<String, Problem> {
    let name = &property.name;
    match property.value_type {
        ValueType::Text if name == "email" && kind == Kind::Contact => email(text),
        ValueType::Text if text.chars().count() > TEXT_MAX => Err((
            "PROPERTY_VALUE_TOO_LONG",
            format!("{name} is longer than {TEXT_MAX} characters"),
        )),
        ValueType::Text => Ok(text.to_owned()),
        ValueType::Number => number(text).map(str::to_owned).ok_or_else(|| not_a_number(text)),
        ValueType::Millis => match text.parse::<i64>() {
            Ok(millis) if millis >= 0 => Ok(text.to_owned()),
            _ => Err(not_a_number(text)),
        },
        ValueType::Bool => match text.to_ascii_lowercase().as_str() {
            flag @ ("true" | "false") => Ok(flag.to_owned()),
            _ => Err(not_an_option(text, &["true".to_owned(), "false".to_owned()])),
        },
        ValueType::DateTime => date_time(text).map(iso).ok_or_else(|| not_a_date(text)),
        ValueType::Date => date(text)
            .map(|date| date.to_string())
            .ok_or_else(|| not_a_date(text)),
        ValueType::Options => option(property, text).map(|()| text.to_owned()),
        ValueType::Multi => {
            let parts = text
                .trim_start_matches(';')
                .split(';')
                .filter(|part| !part.is_empty());
            if !property.options.is_empty() {
                for part in parts {
                    option(property, part)?;
                }
            }
            Ok(text.to_owned())
        }
        ValueType::Owner => owner(portal, text),
        ValueType::Headers => match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err(("INVALID_JSON", format!("{name} is not a JSON object"))),
        },
        ValueType::Disposition if DISPOSITIONS.iter().any(|(id, _)| *id == text) => Ok(text.to_owned()),
        ValueType::Disposition => {
            let allowed: Vec<String> = DISPOSITIONS.iter().map(|(id, _)| (*id).to_owned()).collect();
            Err(not_an_option(text, &allowed))
        }
        ValueType::Pipeline if text == DEAL_PIPELINE => Ok(text.to_owned()),
        ValueType::Stage if deal_stage(text).is_some() => Ok(text.to_owned()),
        ValueType::Pipeline | ValueType::Stage => Err((
            "INVALID_OPTION",
            format!("{text} is not the internal id of a {name}"),
        )),
    }
}

fn email(text: &str) -> Result<String, Problem> {
    let is_valid = text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains('@')
    }) && !text.contains(char::is_whitespace);
    if is_valid {
        Ok(text.to_lowercase())
    } else {
        Err(("INVALID_EMAIL", format!("Email address {text} is invalid")))
    }
}

fn owner(portal: &Portal, text: &str) -> Result<String, Problem> {
    match text.parse::<u64>() {
        Ok(id) if portal.owners.contains_key(&id) => Ok(id.to_string()),
        _ => Err(("INVALID_OWNER_ID", format!("Owner with id {text} does not exist"))),
    }
}

/// A number without thousands separators and with one dot at most.
fn number(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits
        .chars()
        .all(|letter| letter.is_ascii_digit() || matches!(letter, '.' | 'e' | 'E' | '-' | '+'));
    (is_plain && text.parse::<f64>().is_ok_and(f64::is_finite)).then_some(text)
}

/// ISO-8601 or epoch milliseconds.
pub(crate) fn date_time(text: &str) -> Option<Timestamp> {
    if let Ok(millis) = text.parse::<i64>() {
        return Timestamp::from_millisecond(millis).ok();
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(crate::clock::to_millis(at));
    }
    let on = text.parse::<Date>().ok().filter(|_| !text.contains('T'))?;
    on.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A date, or midnight UTC in epoch milliseconds.
fn date(text: &str) -> Option<Date> {
    if let Ok(millis) = text.parse::<i64>() {
        let at = Timestamp::from_millisecond(millis).ok()?.to_zoned(TimeZone::UTC);
        return (at.time() == jiff::civil::Time::midnight()).then(|| at.date());
    }
    text.parse::<Date>().ok()
}

fn option(property: &Property, text: &str) -> Result<(), Problem> {
    if property.options.iter().any(|(value, _)| value == text) {
        return Ok(());
    }
    let allowed: Vec<String> = property.options.iter().map(|(value, _)| value.clone()).collect();
    Err(not_an_option(text, &allowed))
}

fn not_an_option(text: &str, allowed: &[String]) -> Problem {
    (
        "INVALID_OPTION",
        format!(
            "{text} was not one of the allowed options: [{}]",
            allowed.join(", ")
        ),
    )
}

fn not_a_number(text: &str) -> Problem {
    ("INVALID_INTEGER", format!("{text} was not a valid number."))
}

fn not_a_date(text: &str) -> Problem {
    ("INVALID_DATE", format!("{text} was not a valid date."))
}

fn not_valid(problems: &[(String, Problem)]) -> ApiError {
    let details: Vec<Value> = problems
        .iter()
        .map(|(name, (code, message))| {
            json!({"isValid": false, "message": message, "error": code, "name": name})
        })
        .collect();
    let text = Value::Array(details).to_string();
    let mut error = ApiError::invalid(format!("Property values were not valid: {text}"));
    for (name, (code, message)) in problems {
        error = error.with_error(code, message, Some(name));
    }
    error
}

/// A backward move of `lifecyclestage` has no effect.
fn drop_backward_stage(
    portal: &Portal,
    kind: Kind,
    accepted: &mut BTreeMap<String, String>,
    target: Option<Key>,
) {
    const STAGE: &str = "lifecyclestage";
    let rank = |value: &str| LIFECYCLE.iter().position(|stage| *stage == value);
    let present = target
        .and_then(|key| portal.record(key))
        .and_then(|record| record.value(STAGE));
    let is_backward = kind == Kind::Contact
        && match (present, accepted.get(STAGE)) {
            (Some(present), Some(wanted)) => !wanted.is_empty() && rank(wanted) < rank(present),
            _ => false,
        };
    if is_backward {
        accepted.remove(STAGE);
    }
}

/// A value another record holds in a unique property: 409 for a contact's address, 400 elsewhere.
pub(crate) fn check_unique(
    portal: &Portal,
    kind: Kind,
    accepted: &BTreeMap<String, String>,
    target: Option<Key>,
) -> Result<(), ApiError> {
    for (name, value) in accepted {
        if !portal
            .schema(kind)
            .get(name)
            .is_some_and(|property| property.is_unique)
        {
            continue;
        }
        match portal.holder(kind, name, value) {
            Some(holder) if target.is_none_or(|key| key.1 != holder) => {
                return Err(conflict(kind, name, value, holder));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The answer to a taken unique value.
pub(crate) fn conflict(kind: Kind, name: &str, value: &str, holder: u64) -> ApiError {
    if kind == Kind::Contact && name == "email" {
        return ApiError::new(
            409,
            "CONFLICT",
            format!("Contact already exists. Existing ID: {holder}"),
        );
    }
    let message =
        format!("{value} cannot be set: object {holder} already has that value for property {name}.");
    let details = json!([{
        "isValid": false, "message": message, "error": "CONFLICTING_UNIQUE_VALUE", "name": name,
        "conflictingObjectId": holder,
    }]);
    ApiError::invalid(format!("Property values were not valid: {details}")).with_error(
        "CONFLICTING_UNIQUE_VALUE",
        &message,
        Some(name),
    )
}

/// Lifecycle stage `wanted` lies ahead of `present`.
pub(crate) fn is_stage_ahead(present: Option<&str>, wanted: &str) -> bool {
    let rank = |value: &str| LIFECYCLE.iter().position(|stage| *stage == value);
    present.and_then(rank) < rank(wanted)
}
