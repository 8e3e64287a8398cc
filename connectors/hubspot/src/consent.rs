//! Consent in a browser (OAuth guide and token reference, `2026-09`), and what an app must look like for it.
//!
//! The token endpoint reads everything from the body, the app's secret included. A proof key is sent along: the reference
//! lists `code_verifier`.

use followup_transport::{
    AllowList, Consent, Refusal, TokenPair, consent::RevokeStyle, http::is_loopback_host, token::scopes_in,
};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::scopes::{NEEDED, OPTIONAL, SCHEMA};

/// Where portals log in; EU portals are sent on to their own host.
const APP: &str = "https://app.hubspot.com";
/// Life of a token whose answer names none.
const LIFE_SECONDS: i64 = 1_800;

/// What is asked for, and what does not work without it.
pub fn scopes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let key = (SCHEMA, "the task key property cannot be made");
    NEEDED.iter().copied().chain(std::iter::once(key))
}

/// Consent in a browser for one app. `version` is that of the paths: `2026-09`, `2026-03` or `v3`.
///
/// # Errors
/// What is wrong with `base_url`.
pub fn consent(
    base_url: &Url,
    version: &str,
    client_id: &str,
    client_secret: SecretString,
) -> Result<Consent, String> {
    let at = |base: &Url, path: &str| {
        base.join(path)
            .map_err(|error| format!("`{base}` cannot be a base_url: {error}"))
    };
    let is_simulated = base_url.host_str().is_some_and(is_loopback_host);
    let app = if is_simulated {
        base_url.clone()
    } else {
        Url::parse(APP).map_err(|error| error.to_string())?
    };
    let asked: Vec<&str> = std::iter::once("oauth")
        .chain(scopes().map(|(scope, _)| scope))
        .collect();
    Ok(Consent {
        authorize_url: at(&app, "/oauth/authorize")?,
        token_url: at(base_url, &format!("/oauth/{version}/token"))?,
        // Only the dated paths know revocation (change log, OAuth v1 deprecation).
        revoke_url: at(base_url, "/oauth/2026-09/token/revoke")?,
        revoke_style: RevokeStyle::FormWithClient,
        allowed: AllowList::new()
            .allow(Method::POST, "/oauth/*/token")
            .allow(Method::POST, "/oauth/*/token/revoke"),
        client_id: client_id.to_owned(),
        client_secret: Some(client_secret),
        scopes: asked.join(" "),
        // The guide's prose says `optional_scopes`; this spelling is the one in use.
        extra: &[("optional_scope", OPTIONAL)],
        has_pkce: true,
        read: Box::new(read_answer),
    })
}

fn read_answer(status: StatusCode, body: Option<&Value>, now: Timestamp) -> Result<TokenPair, Refusal> {
    let text = |key: &str| body.and_then(|body| body.get(key)?.as_str()).map(str::to_owned);
    if status.is_success()
        && let Some(access) = text("access_token")
    {
        let life = body
            .and_then(|body| body.get("expires_in")?.as_i64())
            .filter(|seconds| *seconds > 0)
            .unwrap_or(LIFE_SECONDS);
        return Ok(TokenPair {
            access: SecretString::from(access),
            refresh: SecretString::from(text("refresh_token").unwrap_or_default()),
            issued_at: now,
            expires_at: now + SignedDuration::from_secs(life),
            base_url: None,
            scopes: body.and_then(scopes_in),
        });
    }
    let code = text("status").or_else(|| text("error"));
    let Some(code) = code.filter(|_| !status.is_server_error() && status.as_u16() != 429) else {
        return Err(Refusal::Broken(format!(
            "the token endpoint answered {}",
            status.as_u16()
        )));
    };
    let fix = match code.as_str() {
        "BAD_CLIENT_ID" | "BAD_CLIENT_SECRET" | "invalid_client" => {
            Some("check client_id and the client secret against the app's Auth page".to_owned())
        }
        _ => None,
    };
    let message = text("error_description")
        .or_else(|| text("message"))
        .unwrap_or_else(|| "no reason given".to_owned());
    Err(Refusal::Denied { code, message, fix })
}

/// What an admin does in HubSpot so that the login works, in order.
pub fn steps(redirect_uri: &str) -> Vec<String> {
    let required: Vec<&str> = scopes().map(|(scope, _)| scope).collect();
    vec![
        "Easier, if one portal is enough: create a service key with the scopes below (Settings, Integrations, Service \
         Keys), put it into a file and name that as access_token_file; no login is needed then."
            .to_owned(),
        "For OAuth: create a project app with distribution private and auth type oauth (HubSpot CLI: hs project create)."
            .to_owned(),
        format!("Redirect URL: {redirect_uri}"),
        format!("Required scopes: oauth, {}", required.join(", ")),
        format!("Optional scope: {OPTIONAL} (only portals that use the Leads object can give it)"),
        "Copy Client ID and client secret from the app's Auth page: the ID is client_id, the secret goes into \
         client_secret_file."
            .to_owned(),
        "Log in as a user who may install apps (super admin, or App Marketplace access), and choose the portal.".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_browser_goes_to_the_app_and_the_code_to_the_api() {
        let base = Url::parse("https://api.hubapi.com").unwrap();
        let consent = consent(&base, "2026-09", "app", SecretString::from("s3cret".to_owned())).unwrap();
        assert_eq!(
            consent.authorize_url.as_str(),
            "https://app.hubspot.com/oauth/authorize"
        );
        assert_eq!(
            consent.token_url.as_str(),
            "https://api.hubapi.com/oauth/2026-09/token"
        );
        assert!(consent.scopes.starts_with("oauth crm.objects.contacts.read "));
    }

    #[test]
    fn a_refusal_is_told_by_the_vendors_own_word() {
        let body =
            json!({"error": "invalid_grant", "status": "BAD_AUTH_CODE", "message": "unknown auth code"});
        let refusal = read_answer(StatusCode::BAD_REQUEST, Some(&body), Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(matches!(refusal, Refusal::Denied { code, fix: None, .. } if code == "BAD_AUTH_CODE"));
        let body =
            json!({"access_token": "a", "refresh_token": "r", "expires_in": 1800, "scopes": ["oauth"]});
        let pair = read_answer(StatusCode::OK, Some(&body), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            (pair.refresh.expose_secret(), pair.scopes.as_deref()),
            ("r", Some("oauth"))
        );
    }
}
