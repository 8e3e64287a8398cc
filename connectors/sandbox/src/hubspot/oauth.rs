//! `oauth/…`: tokens by refresh and by authorization code, introspection, revocation, and the legacy look-ups.

use http::Method;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    answer::{Answer, ApiError, Outcome},
    auth::TOKEN_LIFE,
    call::{Call, Family},
    portal::Portal,
};
use crate::{
    consent::{Reaction, back},
    salesforce::challenge as s256,
};

/// An error of the token endpoints: RFC fields and the vendor's own side by side.
fn refused(error: &str, status: &str, message: &str) -> Answer {
    Answer::json(
        400,
        json!({"error": error, "error_description": message, "status": status, "message": message}),
    )
}

/// Everything under `oauth/{version}`; needs no bearer.
pub(crate) fn handle(portal: &mut Portal, call: &Call<'_>) -> Outcome {
    let rest: Vec<&str> = call.rest.iter().map(String::as_str).collect();
    match (call.method, rest.as_slice()) {
        (&Method::POST, ["token"]) => Ok(token(portal, call)),
        (&Method::POST, ["token", "introspect"]) => Ok(introspect(portal, call)),
        (&Method::POST, ["token", "revoke"]) if call.family.is_dated() => Ok(revoke(portal, call)),
        (&Method::GET, ["access-tokens", token]) if call.family == Family::V1 => {
            access_info(portal, call, token)
        }
        (&Method::GET, ["refresh-tokens", token]) if call.family == Family::V1 => refresh_info(portal, token),
        (&Method::DELETE, ["refresh-tokens", token]) if call.family == Family::V1 => {
            portal.auth.revoke(token);
            Ok(Answer::empty(204))
        }
        (_, ["token"] | ["token", _]) => Err(ApiError::wrong_method()),
        _ => Err(ApiError::no_such_path()),
    }
}

/// Form fields of the body; the query does not count.
fn form(call: &Call<'_>) -> Vec<(String, String)> {
    form_urlencoded::parse(call.body).into_owned().collect()
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter()
        .find(|(key, _)| key == name)
        .map_or("", |(_, value)| value.as_str())
}

fn check_client(portal: &Portal, form: &[(String, String)]) -> Option<Answer> {
    if field(form, "client_id") != portal.auth.client_id {
        return Some(refused(
            "invalid_client",
            "BAD_CLIENT_ID",
            "missing or unknown client id",
        ));
    }
    if field(form, "client_secret") != portal.auth.client_secret {
        return Some(refused(
            "invalid_client",
            "BAD_CLIENT_SECRET",
            "missing or wrong client secret",
        ));
    }
    None
}

fn token(portal: &mut Portal, call: &Call<'_>) -> Answer {
    let form = form(call);
    if let Some(refusal) = check_client(portal, &form) {
        return refusal;
    }
    let refresh_token = match field(&form, "grant_type") {
        "refresh_token" => {
            let given = field(&form, "refresh_token").to_owned();
            if !portal.auth.is_refresh(&given) {
                return refused(
                    "invalid_grant",
                    "BAD_REFRESH_TOKEN",
                    "missing or invalid refresh token",
                );
            }
            if portal.switches.rotates_refresh_token {
                portal.auth.revoke(&given);
                portal.auth.issue_refresh(&mut portal.rng)
            } else {
                given
            }
        }
        "authorization_code" => {
            if let Err(refusal) = check_code(portal, &form, call.now) {
                return refusal;
            }
            portal.auth.issue_refresh(&mut portal.rng)
        }
        _ => {
            return refused(
                "unsupported_grant_type",
                "BAD_GRANT_TYPE",
                "missing or unknown grant type",
            );
        }
    };
    let access_token = portal.auth.issue_access(&mut portal.rng, call.now);
    Answer::ok(json!({
        "access_token": access_token, "refresh_token": refresh_token, "token_type": "bearer",
        "token_use": "access_token", "expires_in": TOKEN_LIFE.as_secs(), "hub_id": portal.auth.hub_id,
        "user_id": 7, "scopes": portal.auth.scopes,
    }))
}

/// Uses up a code: it must be known, go back where it came from, and have its verifier if it came with a challenge.
fn check_code(portal: &mut Portal, form: &[(String, String)], now: jiff::Timestamp) -> Result<(), Answer> {
    let code = portal
        .auth
        .take_code(field(form, "code"), now)
        .ok_or_else(|| refused("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code"))?;
    if code.redirect_uri != field(form, "redirect_uri") {
        return Err(refused(
            "invalid_grant",
            "MISMATCH_REDIRECT_URI_AUTH_CODE",
            "redirect URI does not match the one the code was made for",
        ));
    }
    if code
        .challenge
        .is_some_and(|challenge| challenge != s256(field(form, "code_verifier")))
    {
        return Err(refused(
            "invalid_grant",
            "BAD_CODE_VERIFIER",
            "missing or wrong code verifier",
        ));
    }
    Ok(())
}

/// What both legacy look-ups show of a token.
fn token_info(portal: &Portal, token: &str, token_type: &str) -> Map<String, Value> {
    let shown = json!({
        "token": token, "token_type": token_type, "hub_id": portal.auth.hub_id, "hub_domain": "example.com",
        "user": "admin@example.com", "user_id": 7, "scopes": portal.auth.scopes,
    });
    match shown {
        Value::Object(shown) => shown,
        _ => Map::new(),
    }
}

/// `GET /oauth/v1/access-tokens/{token}`, deprecated.
fn access_info(portal: &Portal, call: &Call<'_>, token: &str) -> Outcome {
    let left = portal
        .auth
        .access_left(token, call.now)
        .ok_or_else(ApiError::missing)?;
    let mut shown = token_info(portal, token, "access");
    shown.insert("app_id".to_owned(), json!(3_100));
    shown.insert("expires_in".to_owned(), json!(left.as_secs()));
    Ok(Answer::ok(Value::Object(shown)))
}

/// `GET /oauth/v1/refresh-tokens/{token}`, deprecated.
fn refresh_info(portal: &Portal, token: &str) -> Outcome {
    if !portal.auth.is_refresh(token) {
        return Err(ApiError::missing());
    }
    let mut shown = token_info(portal, token, "refresh");
    shown.insert("client_id".to_owned(), json!(portal.auth.client_id));
    Ok(Answer::ok(Value::Object(shown)))
}

/// The token to look at: sources disagree on the field, so all three are read.
fn subject(form: &[(String, String)]) -> String {
    ["token", "access_token", "refresh_token"]
        .iter()
        .map(|name| field(form, name))
        .find(|token| !token.is_empty())
        .unwrap_or_default()
        .to_owned()
}

fn introspect(portal: &Portal, call: &Call<'_>) -> Answer {
    let form = form(call);
    if let Some(refusal) = check_client(portal, &form) {
        return refusal;
    }
    let token = subject(&form);
    let mut shown = json!({
        "token": token, "token_type": "bearer", "hub_id": portal.auth.hub_id, "hub_domain": "example.com",
        "user": "admin@example.com", "user_id": 7, "app_id": 3_100, "client_id": portal.auth.client_id,
        "scopes": portal.auth.scopes, "is_private_distribution": true,
    });
    let left = portal.auth.access_left(&token, call.now);
    let (is_active, token_use) = match left {
        Some(_) => (true, "access_token"),
        None => (portal.auth.is_refresh(&token), "refresh_token"),
    };
    if !is_active {
        return Answer::ok(json!({"active": false, "token_use": field(&form, "token_type_hint")}));
    }
    if let Some(object) = shown.as_object_mut() {
        object.insert("active".to_owned(), Value::Bool(true));
        object.insert("token_use".to_owned(), json!(token_use));
        if let Some(left) = left {
            object.insert("expires_in".to_owned(), json!(left.as_secs()));
        }
    }
    Answer::ok(shown)
}

fn revoke(portal: &mut Portal, call: &Call<'_>) -> Answer {
    let form = form(call);
    if let Some(refusal) = check_client(portal, &form) {
        return refusal;
    }
    portal.auth.revoke(&subject(&form));
    Answer::empty(204)
}

/// `GET /oauth/authorize`: the consent page and what the person there answers.
pub(crate) fn authorize(portal: &mut Portal, query: &str, now: jiff::Timestamp) -> Answer {
    let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let redirect = field(&query, "redirect_uri").to_owned();
    // An unknown app or address gets a page: nobody is sent anywhere.
    if field(&query, "client_id") != portal.auth.client_id || !portal.auth.page.knows(&redirect) {
        return Answer::html(400);
    }
    let state = field(&query, "state");
    if field(&query, "scope").is_empty() {
        let description = "missing or empty scope parameter";
        return back(
            &redirect,
            &[
                ("error", "invalid_scope"),
                ("error_description", description),
                ("state", state),
            ],
        );
    }
    if portal.auth.page.answer == Reaction::Deny {
        let description = "The user has declined to install the app";
        return back(
            &redirect,
            &[
                ("error", "access_denied"),
                ("error_description", description),
                ("state", state),
            ],
        );
    }
    let challenge = Some(field(&query, "code_challenge").to_owned());
    let challenge =
        challenge.filter(|challenge| !challenge.is_empty() && !portal.switches.ignores_proof_keys);
    let code = portal.auth.issue_code(&mut portal.rng, &redirect, challenge, now);
    back(&redirect, &[("code", &code), ("state", state)])
}
