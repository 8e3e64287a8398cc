//! What only an administrator of the Zoho org can do, and what its API has no words for.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{org::changed, parse};
use crate::{crm::Crm, world::World, zoho::Module};

/// `GET /_sandbox/zoho`: every setting.
pub(super) fn settings(world: &World) -> Value {
    json!(world.tenant.switches)
}

/// `POST /_sandbox/zoho`: changes the settings named; answers all of them.
pub(super) fn change_settings(world: &mut World, body: &[u8]) -> Result<Value, String> {
    let switches = changed(settings(world), body)?;
    world.tenant.set_switches(switches);
    Ok(settings(world))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawId {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLead {
    lead: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMerge {
    winner: String,
    loser: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrant {
    scopes: Vec<String>,
}

/// `POST /_sandbox/grant-code {"scopes"}`: a code made by hand in the console of a self client.
pub(super) fn grant_code(world: &mut World, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let raw: RawGrant = parse(body, r#"{"scopes": ["ZohoCRM.org.READ"]}"#)?;
    let tenant = &mut world.tenant;
    let code = tenant
        .auth
        .issue_code(&mut tenant.rng, None, raw.scopes, true, now)
        .ok_or("ten codes in ten minutes are all a client gets")?;
    Ok(json!({ "code": code }))
}

/// `POST /_sandbox/convert {"lead"}`, `merge {"winner", "loser"}`, `purge {"id"}` (for good), `restore {"id"}`.
pub(super) fn act(world: &mut World, path: &str, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let tenant = &mut world.tenant;
    let by = tenant.own_user.clone();
    match path {
        "convert" => {
            let raw: RawLead = parse(body, r#"{"lead": "…"}"#)?;
            let row = tenant.store.live(Module::Leads, &raw.lead);
            if row.is_none_or(|row| row.cells.flag("Converted__s")) {
                return Err(format!("lead: there is no lead {:?} to convert", raw.lead));
            }
            let (account, contact) = tenant.convert(now, &raw.lead, &by, None);
            Ok(json!({"account": account, "contact": contact}))
        }
        "merge" => {
            let raw: RawMerge = parse(body, r#"{"winner", "loser"}"#)?;
            Ok(json!({"id": tenant.merge_people(now, &raw.winner, &raw.loser)}))
        }
        "restore" => {
            let raw: RawId = parse(body, r#"{"id"}"#)?;
            if tenant.restore(&raw.id, now) {
                Ok(json!({"id": raw.id}))
            } else {
                Err(format!("id: there is no record {:?} in the recycle bin", raw.id))
            }
        }
        _ => {
            let raw: RawId = parse(body, r#"{"id"}"#)?;
            if tenant.purge(&raw.id, &by, now) {
                Ok(json!({"id": raw.id}))
            } else {
                Err(format!("id: there is no record {:?}", raw.id))
            }
        }
    }
}
