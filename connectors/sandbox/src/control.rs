//! The `/_sandbox/…` paths: time, statistics, truth, faults, and what no vendor API can make happen.

mod org;
mod zoho;

use bytes::Bytes;
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    consent::ConsentPage,
    crm::{Form, FormKind, Mail},
    faults::{parse_duration, parse_faults},
    hubspot::{Answer, is_address, outside_parties},
    world::{Vendor, World},
};

/// One control request; `path` is what follows `/_sandbox/`.
///
/// Time and faults are the world's; everything else concerns the CRM at whose address it was asked.
pub(crate) fn handle(
    world: &mut World,
    vendor: Vendor,
    request: &Request<Bytes>,
    path: &str,
    now: Timestamp,
) -> Answer {
    let body = request.body();
    let outcome = match (request.method(), path) {
        (&Method::GET, "now") => Ok(json!({"now": now})),
        (&Method::GET, "stats") => Ok(world.stats(vendor)),
        (&Method::GET, "truth") => Ok(world.truth(vendor)),
        (&Method::GET, "score") => score(world, vendor, request.uri().query().unwrap_or_default()),
        (&Method::POST, "advance") => advance(world, body, now),
        (&Method::POST, "faults") => faults(world, body),
        (&Method::POST, "form") => form(world, vendor, body, now),
        (&Method::POST, "mail") => mail(world, vendor, body, now),
        (&Method::POST, "neighbour") => neighbour(world, vendor, body, now),
        (&Method::POST, "consent") => consent(world, vendor, body),
        (&Method::POST, "grant-code") if vendor == Vendor::Zoho => zoho::grant_code(world, body, now),
        (&Method::GET, "salesforce") => Ok(org::settings(world)),
        (&Method::POST, "salesforce") => org::change_settings(world, body, now),
        (&Method::GET, "zoho") => Ok(zoho::settings(world)),
        (&Method::POST, "zoho") => zoho::change_settings(world, body),
        (&Method::POST, "convert" | "merge" | "purge" | "restore") if vendor == Vendor::Zoho => {
            zoho::act(world, path, body, now)
        }
        (&Method::POST, "convert") if vendor == Vendor::Salesforce => org::convert(world, body, now),
        (&Method::POST, "merge") if vendor == Vendor::Salesforce => org::merge(world, body, now),
        (&Method::POST, "purge") if vendor == Vendor::Salesforce => org::purge(world, body, now),
        (&Method::POST, "lock") if vendor == Vendor::Salesforce => org::lock(world, body, now),
        (
            _,
            "now" | "stats" | "truth" | "score" | "advance" | "faults" | "form" | "mail" | "neighbour"
            | "consent" | "salesforce" | "zoho",
        ) => {
            return Answer::json(
                405,
                json!({"error": format!("{} is not possible here", request.method())}),
            );
        }
        _ => {
            let known = "GET now, stats, truth, score; POST advance, faults, form, mail, neighbour, \
                         consent, salesforce, zoho (also GET); for an org: convert, merge, purge, lock, restore, \
                         grant-code";
            return Answer::json(
                404,
                json!({"error": format!("no control path {path:?}; known: {known}")}),
            );
        }
    };
    match outcome {
        Ok(body) => Answer::ok(body),
        Err(message) => Answer::json(400, json!({"error": message})),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8], shape: &str) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body must be {shape}: {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAdvance {
    by: Option<String>,
    to: Option<Timestamp>,
}

fn advance(world: &mut World, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let shape = r#"{"by": "4h"} or {"to": "2026-01-05T09:00:00Z"}"#;
    let raw: RawAdvance = parse(body, shape)?;
    let to = match (raw.by, raw.to) {
        (Some(by), None) => {
            let by = parse_duration(&by)
                .ok_or_else(|| format!("by: {by:?} is no duration with a unit, such as 90m"))?;
            let by = SignedDuration::try_from(by).map_err(|error| format!("by: {error}"))?;
            now.checked_add(by).map_err(|error| format!("by: {error}"))?
        }
        (None, Some(to)) if to < now => {
            return Err(format!("to: {to} is before {now}; time does not run back"));
        }
        (None, Some(to)) => to,
        _ => return Err(format!("the body must be {shape}, with one of the two")),
    };
    Ok(json!({"now": world.advance_to(to)}))
}

/// The marks of `GET score?tolerance=12m`.
fn score(world: &mut World, vendor: Vendor, query: &str) -> Result<Value, String> {
    let tolerance = query
        .strip_prefix("tolerance=")
        .and_then(parse_duration)
        .and_then(|tolerance| SignedDuration::try_from(tolerance).ok())
        .ok_or_else(|| "the query must be tolerance=12m: how late a task may come and go".to_owned())?;
    serde_json::to_value(world.score_of(vendor, tolerance)).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNeighbour {
    requests: u32,
}

fn neighbour(world: &mut World, vendor: Vendor, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let raw: RawNeighbour = parse(body, r#"{"requests": 1000}"#)?;
    Ok(match vendor {
        Vendor::Hubspot => {
            world.portal.limits.spend_by_others(raw.requests, now);
            world.portal.limits.quota(now)
        }
        Vendor::Salesforce => {
            world.org.limits.spend_by_others(raw.requests, now);
            world.org.limits.quota(now)
        }
        Vendor::Zoho => {
            world.tenant.limits.spend_by_others(raw.requests, now);
            world.tenant.quota(now)
        }
    })
}

/// `POST consent {"answer": "allow" | "deny", "redirect_uris"?}`: what the person at this CRM's consent page does from
/// now on, and which addresses are registered with the app.
fn consent(world: &mut World, vendor: Vendor, body: &[u8]) -> Result<Value, String> {
    let shape = r#"{"answer": "allow" or "deny", "redirect_uris": ["http://…"]}"#;
    let page: ConsentPage = parse(body, shape)?;
    let shown = serde_json::to_value(&page).map_err(|error| error.to_string());
    let place = match vendor {
        Vendor::Hubspot => &mut world.portal.auth.page,
        Vendor::Salesforce => &mut world.org.auth.page,
        Vendor::Zoho => &mut world.tenant.auth.page,
    };
    *place = page;
    shown
}

fn faults(world: &mut World, body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let faults = parse_faults(text).map_err(|error| error.to_string())?;
    let count = faults.len();
    world.faults.set(faults);
    Ok(json!({"faults": count}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawForm {
    email: String,
    #[serde(default)]
    firstname: String,
    #[serde(default)]
    lastname: String,
    #[serde(default)]
    company: String,
    phone: Option<String>,
    form: RawFormKind,
    owner: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawFormKind {
    Demo,
    Pricing,
    ContactUs,
    ContentDownload,
    Other,
}

fn check_address(field: &str, address: &str) -> Result<(), String> {
    if is_address(address) {
        Ok(())
    } else {
        Err(format!("{field}: {address:?} is not an e-mail address"))
    }
}

fn form(world: &mut World, vendor: Vendor, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let shape = r#"{"email", "firstname", "lastname", "company", "form", "owner"?}"#;
    let raw: RawForm = parse(body, shape)?;
    check_address("email", &raw.email)?;
    let owner = match raw.owner {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(Value::Number(id)) => Some(id.to_string()),
        Some(other) => return Err(format!("owner: {other} is not an owner id")),
    };
    if let Some(id) = &owner {
        let is_known = match vendor {
            Vendor::Hubspot => id
                .parse()
                .is_ok_and(|id: u64| world.portal.owners.contains_key(&id)),
            Vendor::Salesforce => world.org.has_owner(id),
            Vendor::Zoho => world.tenant.users.contains_key(id),
        };
        if !is_known {
            return Err(format!("owner: there is no owner with id {id}"));
        }
    }
    let kind = match raw.form {
        RawFormKind::Demo => FormKind::Demo,
        RawFormKind::Pricing => FormKind::Pricing,
        RawFormKind::ContactUs => FormKind::ContactUs,
        RawFormKind::ContentDownload => FormKind::ContentDownload,
        RawFormKind::Other => FormKind::Other,
    };
    let id = world.crm_mut(vendor).submit_form(
        now,
        Form {
            email: raw.email,
            first_name: raw.firstname,
            last_name: raw.lastname,
            company: raw.company,
            phone: raw.phone,
            kind,
            owner,
        },
    );
    Ok(json!({"ids": [id]}))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMail {
    from: String,
    to: OneOrMany,
    thread: Option<String>,
    #[serde(default)]
    auto_reply: bool,
    subject: Option<String>,
}

fn mail(world: &mut World, vendor: Vendor, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let raw: RawMail = parse(body, r#"{"from", "to", "thread"?, "auto_reply"?, "subject"?}"#)?;
    let to = match raw.to {
        OneOrMany::One(address) => vec![address],
        OneOrMany::Many(addresses) => addresses,
    };
    check_address("from", &raw.from)?;
    to.iter().try_for_each(|address| check_address("to", address))?;
    let mut outside = match vendor {
        Vendor::Hubspot => outside_parties(&world.portal, &raw.from, &to),
        Vendor::Salesforce => world.org.outside_parties(&raw.from, &to),
        Vendor::Zoho => world.tenant.outside_parties(&raw.from, &to),
    };
    if to.is_empty() || outside.is_empty() {
        return Err("to: mailbox sync logs no mail among the account's own users".to_owned());
    }
    if outside.len() > to.len() {
        return Err("from, to: mailbox sync sees only mail from or to one of the account's users".to_owned());
    }
    outside.sort_unstable();
    let default_subject = if raw.auto_reply {
        "Automatic reply: out of office"
    } else {
        "Your enquiry"
    };
    let mail = Mail {
        from: raw.from,
        to,
        subject: raw.subject.unwrap_or_else(|| default_subject.to_owned()),
        thread: Some(
            raw.thread
                .unwrap_or_else(|| format!("conversation-{}", outside.join("+"))),
        ),
        is_auto_reply: raw.auto_reply,
        is_bounced: false,
        is_automated: false,
    };
    let id = world.crm_mut(vendor).log_mail(now, mail);
    let ids: Vec<String> = Some(id).filter(|id| !id.is_empty()).into_iter().collect();
    Ok(json!({ "ids": ids }))
}
