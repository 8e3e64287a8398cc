//! What only an administrator of the Salesforce org can do, and what its API has no words for.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::parse;
use crate::{
    crm::Crm,
    faults::parse_duration,
    salesforce::{Kind, OrgSwitches, parse_id},
    world::World,
};

/// `GET /_sandbox/salesforce`: every setting.
pub(super) fn settings(world: &World) -> Value {
    json!(world.org.switches)
}

/// `POST /_sandbox/salesforce`: changes the settings named; answers all of them.
pub(super) fn change_settings(world: &mut World, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let switches: OrgSwitches = changed(settings(world), body)?;
    world.org.set_switches(switches, now);
    Ok(settings(world))
}

/// All settings with those of `body` changed.
pub(super) fn changed<T: DeserializeOwned>(mut all: Value, body: &[u8]) -> Result<T, String> {
    let changes: serde_json::Map<String, Value> = parse(body, "an object of settings")?;
    if let Some(object) = all.as_object_mut() {
        for (name, value) in changes {
            if !object.contains_key(&name) {
                let known: Vec<&String> = object.keys().collect();
                return Err(format!("{name}: no such setting; known: {known:?}"));
            }
            object.insert(name, value);
        }
    }
    serde_json::from_value(all).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConvert {
    lead: String,
}

/// `POST /_sandbox/convert {"lead"}`: what the convert button does; answers account and contact.
pub(super) fn convert(world: &mut World, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let raw: RawConvert = parse(body, r#"{"lead": "00Q…"}"#)?;
    let lead = parse_id(&raw.lead)
        .filter(|id| world.org.is_live(Kind::Lead, id))
        .ok_or_else(|| format!("lead: there is no lead {:?} to convert", raw.lead))?;
    let by = world.org.integration_user.clone();
    let (account, contact) = world.org.convert(now, &lead, &by);
    Ok(json!({"account": account, "contact": contact}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMerge {
    winner: String,
    loser: String,
}

/// `POST /_sandbox/merge {"winner", "loser"}`: answers the survivor.
pub(super) fn merge(world: &mut World, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let raw: RawMerge = parse(body, r#"{"winner", "loser"}"#)?;
    Ok(json!({"id": world.org.merge_people(now, &raw.winner, &raw.loser)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPurge {
    id: String,
}

/// `POST /_sandbox/purge {"id"}`: the record leaves for good; not even `queryAll` shows it.
pub(super) fn purge(world: &mut World, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let raw: RawPurge = parse(body, r#"{"id"}"#)?;
    let id = parse_id(&raw.id).ok_or_else(|| format!("id: {:?} is no id", raw.id))?;
    if world.org.purge(&id, now) {
        Ok(json!({"id": id}))
    } else {
        Err(format!("id: there is no record {id}"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLock {
    id: String,
    r#for: String,
    #[serde(default)]
    touch: bool,
}

/// `POST /_sandbox/lock {"id", "for"}`: a long transaction holds the record, changed by it with `touch`.
pub(super) fn lock(world: &mut World, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let raw: RawLock = parse(body, r#"{"id", "for": "5m", "touch"?}"#)?;
    let id = parse_id(&raw.id).ok_or_else(|| format!("id: {:?} is no id", raw.id))?;
    let span = parse_duration(&raw.r#for)
        .and_then(|span| SignedDuration::try_from(span).ok())
        .ok_or_else(|| format!("for: {:?} is no duration with a unit", raw.r#for))?;
    let until = now.checked_add(span).map_err(|error| format!("for: {error}"))?;
    if !world.org.hold(&id, now, until, raw.touch) {
        return Err(format!("id: there is no record {id}"));
    }
    Ok(json!({"until": until}))
}
