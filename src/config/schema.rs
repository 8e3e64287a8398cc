//! A JSON Schema of `followupd.toml`, for editors.
//!
//! Which keys there are is asked of the reader itself, so that the schema never knows others than the program; types and
//! words come from a table beside it.

use std::{collections::BTreeMap, path::Path};

use followup_rules::problem::{
    document::{Document, Format},
    fields::Reader,
};
use serde_json::{Map, Value, json};

use super::read::Raw;

/// A key that is near no other, so that the reader lists all it knows.
const STRANGE: &str = "zzzzzzzzzzzzzzzz";

/// Tables, as they are written in a file, and their paths in the schema (`*`: any name).
const TABLES: &[(&str, &[&str])] = &[
    ("", &[]),
    ("[privacy]", &["privacy"]),
    ("[retention]", &["retention"]),
    ("[health]", &["health"]),
    ("[log]", &["log"]),
    ("[calendar]", &["calendar"]),
    ("[owners.\"a@example.com\"]", &["owners", "*"]),
    (
        "[owners.\"a@example.com\".calendar]",
        &["owners", "*", "calendar"],
    ),
    ("[connections.a]", &["connections", "*"]),
    ("[connections.a.auth]", &["connections", "*", "auth"]),
];

/// The schema.
pub fn schema() -> Value {
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "followupd.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": {},
    });
    for (header, path) in TABLES {
        let mut table = &mut root;
        for step in *path {
            table = descend(table, step);
        }
        let mut properties = Map::new();
        for key in known_keys(header) {
            let mut words: Vec<&str> = path.iter().copied().filter(|step| *step != "*").collect();
            words.push(&key);
            let schema = of_key(&words.join("."), &key);
            properties.insert(key, schema);
        }
        if let Some(known) = table.get_mut("properties").and_then(Value::as_object_mut) {
            known.append(&mut properties);
        }
    }
    root
}

/// The schema of a table below another, made where it is not there yet.
#[expect(
    clippy::indexing_slicing,
    reason = "the indexed value is an object of ours; indexing one makes what is not there"
)]
fn descend<'a>(table: &'a mut Value, step: &str) -> &'a mut Value {
    let place = if step == "*" {
        &mut table["additionalProperties"]
    } else {
        &mut table["properties"][step]
    };
    if place.get("properties").is_none() {
        *place = json!({"type": "object", "additionalProperties": false, "properties": {}});
    }
    place
}

/// What the reader would have taken in a table.
fn known_keys(header: &str) -> Vec<String> {
    let text = format!("{header}\n{STRANGE} = 1\n");
    let Ok(document) = Document::parse(&text, "schema", Format::Toml) else {
        return Vec::new();
    };
    let reader = Reader::new(&document);
    Raw::default().apply(&reader, &document, Path::new("schema"));
    let problems = reader.into_problems();
    let listed = problems
        .iter()
        .filter(|problem| problem.key.ends_with(STRANGE))
        .find_map(|problem| problem.fix.strip_prefix("known are: "));
    listed
        .into_iter()
        .flat_map(|list| list.split(", "))
        .map(str::to_owned)
        .collect()
}

/// What may stand behind a key. One the table does not know takes anything.
fn of_key(place: &str, key: &str) -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let words = |words: &[&str]| json!({"enum": words});
    let flag = || json!({"type": "boolean"});
    let by_place: BTreeMap<&str, Value> = BTreeMap::from([
        (
            "log.level",
            text("error, warn, info, debug, or a filter such as followupd=debug,info"),
        ),
        ("log.format", words(&["text", "json"])),
        (
            "retention.deleted_people",
            json!({"type": "string", "pattern": "^[0-9]+d$", "description": "90d or more; left out: for good"}),
        ),
        (
            "health.listen",
            text("address and port of this machine, for example 127.0.0.1:9464"),
        ),
        ("connections.provider", words(&["hubspot", "salesforce", "zoho"])),
        ("connections.mode", words(&["observe", "propose", "enforce"])),
        (
            "connections.auth.flow",
            words(&["web_server", "jwt_bearer", "client_credentials"]),
        ),
    ]);
    if let Some(schema) = by_place.get(place) {
        return schema.clone();
    }
    match key {
        "show_subjects" | "classify_bodies" | "admin" => flag(),
        "zone" => text("IANA time zone, for example Europe/Berlin"),
        "hours" => json!({"type": "object", "additionalProperties": {"type": "array",
            "items": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$"}}}),
        "holidays" => json!({"oneOf": [{"type": "string"}, {"type": "array"}]}),
        "absences" => json!({"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2}}),
        "api_share" | "burst_share" => json!({"type": "string", "pattern": "^(100|[1-9][0-9]?)%$"}),
        "search_per_second" => json!({"type": "integer", "minimum": 1, "maximum": 5}),
        "poll_every" => json!({"type": "string", "pattern": "^[0-9]+ ?(s|m|h)$", "description": "5s to 24h"}),
        "cutover" | "backfill_since" => json!({"type": "string", "format": "date-time"}),
        "base_url" | "login_url" => json!({"type": "string", "format": "uri"}),
        _ if key.ends_with("_file") || key == "data_dir" => {
            text("a path; relative to the folder of this file")
        }
        "same_as" | "leader" | "delegate" | "language" | "client_id" | "username" | "api_version" => {
            json!({"type": "string"})
        }
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_the_keys_of_every_table() {
        let schema = schema();
        let at = |pointer: &str| {
            schema
                .pointer(pointer)
                .unwrap_or_else(|| panic!("{pointer} is missing in {schema:#}"))
        };
        at("/properties/data_dir");
        at("/properties/key_file");
        at("/properties/health/properties/listen");
        at("/properties/owners/additionalProperties/properties/calendar/properties/hours");
        assert_eq!(
            at("/properties/connections/additionalProperties/properties/mode"),
            &json!({"enum": ["observe", "propose", "enforce"]})
        );
        at("/properties/connections/additionalProperties/properties/auth/properties/refresh_token_file");
        assert_eq!(at("/properties/calendar/additionalProperties"), &json!(false));
    }

    #[test]
    fn every_key_of_the_shipped_configuration_is_in_the_schema() {
        let shipped: toml::Value = toml::from_str(include_str!("../../config/followupd.toml")).unwrap();
        let shipped = serde_json::to_value(shipped).unwrap();
        let schema = schema();
        let mut todo = vec![(&shipped, &schema)];
        while let Some((value, schema)) = todo.pop() {
            let (Some(table), Some(properties)) = (value.as_object(), schema.get("properties")) else {
                continue;
            };
            for (key, value) in table {
                let below = properties.get(key).or_else(|| {
                    schema
                        .get("additionalProperties")
                        .filter(|other| other.is_object())
                });
                todo.push((
                    value,
                    below.unwrap_or_else(|| panic!("{key} is not in the schema")),
                ));
            }
        }
    }
}
