//! Logging in: a refresh token of a self client or of a consent in a browser buys access tokens at the accounts server of
//! the org's data centre (OAuth pages of Zoho accounts and of v8, read 2026-11).
//!
//! The answer names the API host (`api_domain`), which is believed only under Zoho's own domains. The body tells success
//! from failure, never the status: errors come with 200. Ten access tokens in ten minutes are all a refresh token buys; so
//! a live one is kept across restarts, and one that is refused is not replaced again within two minutes.

mod consent;

use std::{sync::Arc, time::Duration};

use followup_transport::{Grant, OAuthConfig, Refusal, TokenPair, TokenSource, TokenStore, token::scopes_in};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;
use url::{Host, Url};

use crate::paths::{DOMAINS, TOKEN};

pub use consent::{SCOPES, consent, judge_scopes, steps};

/// Accounts servers, one a data centre.
pub const ACCOUNTS: &[&str] = &[
    "accounts.zoho.com",
    "accounts.zoho.eu",
    "accounts.zoho.in",
    "accounts.zoho.com.au",
    "accounts.zoho.jp",
    "accounts.zohocloud.ca",
    "accounts.zoho.com.cn",
    "accounts.zoho.sa",
    "accounts.zoho.uk",
];

/// Shortest time between two purchases: five in ten minutes at most, so that a second copy has its half.
const SPACING: SignedDuration = SignedDuration::from_mins(2);
/// Rest after "too many requests": what is left of the ten minutes is not told.
const THROTTLE_WAIT: Duration = Duration::from_mins(10);
/// Life of a token whose answer names none, and the longest that is believed: a figure in milliseconds is none.
const LIFE_SECONDS: i64 = 3_600;

/// The tokens of a connection, bought at `login_url` and kept in `store`. `fix` is the step that brings a new consent,
/// shown when the login is refused.
///
/// # Errors
/// What is wrong with `login_url`.
pub fn tokens(
    login_url: &Url,
    client_id: &str,
    client_secret: SecretString,
    refresh_token: SecretString,
    fix: &str,
    store: Arc<dyn TokenStore>,
) -> Result<TokenSource, String> {
    check_login_url(login_url)?;
    let token_url = login_url
        .join(TOKEN)
        .map_err(|error| format!("`{login_url}` cannot be a login_url: {error}"))?;
    let config = OAuthConfig {
        token_url,
        client_id: client_id.to_owned(),
        client_secret: client_secret.clone(),
        refresh_token,
        fix: fix.to_owned(),
    };
    let grant = Login {
        url: login_url.clone(),
        client_id: client_id.to_owned(),
        client_secret,
    };
    Ok(TokenSource::granted(config, Arc::new(grant), store))
}

/// Whether this is the accounts server of a data centre, or a simulated one on this machine.
///
/// # Errors
/// What would be right.
pub fn check_login_url(url: &Url) -> Result<(), String> {
    let is_known = url.host_str().is_some_and(|host| ACCOUNTS.contains(&host));
    if is_loopback(url) || (is_known && url.scheme() == "https" && url.port().is_none()) {
        return Ok(());
    }
    Err(format!(
        "`{url}` is no accounts server of Zoho's; use the one of the org's data centre, for example https://{}",
        ACCOUNTS.get(1).copied().unwrap_or_default()
    ))
}

/// One connection's way to log in.
struct Login {
    url: Url,
    client_id: String,
    client_secret: SecretString,
}

impl Grant for Login {
    fn form(
        &self,
        refresh: &SecretString,
        _now: Timestamp,
    ) -> Result<Vec<(&'static str, SecretString)>, String> {
        let plain = |text: &str| SecretString::from(text.to_owned());
        Ok(vec![
            ("grant_type", plain("refresh_token")),
            ("refresh_token", refresh.clone()),
            ("client_id", plain(&self.client_id)),
            ("client_secret", self.client_secret.clone()),
        ])
    }

    fn read(
        &self,
        status: StatusCode,
        body: Option<&Value>,
        refresh: &SecretString,
        now: Timestamp,
    ) -> Result<TokenPair, Refusal> {
        read_answer(&self.url, status, body, refresh, now)
    }

    fn spacing(&self) -> SignedDuration {
        SPACING
    }
}

/// Reads an answer of the token endpoint: it is a success if, and only if, it holds an access token.
fn read_answer(
    login_url: &Url,
    status: StatusCode,
    body: Option<&Value>,
    refresh: &SecretString,
    now: Timestamp,
) -> Result<TokenPair, Refusal> {
    let text = |key: &str| {
        let text = body.and_then(|body| body.get(key)?.as_str());
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let Some(access) = text("access_token") else {
        return Err(refusal(status, text("error"), text("error_description")));
    };
    let host = text("api_domain")
        .ok_or_else(|| Refusal::Broken("the token answer names no api_domain".to_owned()))?;
    let life = body
        .and_then(|body| body.get("expires_in")?.as_i64())
        .filter(|seconds| (1..=LIFE_SECONDS).contains(seconds))
        .unwrap_or(LIFE_SECONDS);
    Ok(TokenPair {
        access: SecretString::from(access),
        refresh: text("refresh_token").map_or_else(|| refresh.clone(), SecretString::from),
        issued_at: now,
        expires_at: now + SignedDuration::from_secs(life),
        base_url: Some(api_host(login_url, &host)?),
        scopes: body.and_then(scopes_in),
    })
}

/// The host a token answer names, if it is one of Zoho's: anything else would carry our token to a stranger.
fn api_host(login_url: &Url, text: &str) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(|_| Refusal::Broken("api_domain is no URL".to_owned()))?;
    let is_zohos = match url.host() {
        Some(Host::Domain(host)) => {
            url.scheme() == "https"
                && url.port().is_none()
                && DOMAINS
                    .iter()
                    .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
        }
        _ => false,
    };
    // A simulated org: both hosts are this machine.
    if is_zohos || (is_loopback(&url) && is_loopback(login_url)) {
        return Ok(url);
    }
    Err(Refusal::Denied {
        code: "foreign_host".to_owned(),
        message: "the token answer names a host that is not one of Zoho's".to_owned(),
        fix: Some(
            "check login_url; if it is right, tell your network's admin that something answers for it"
                .to_owned(),
        ),
    })
}

fn is_loopback(url: &Url) -> bool {
    url.host_str()
        .is_some_and(followup_transport::http::is_loopback_host)
}

/// What the token endpoint says no with, whatever its status.
fn refusal(status: StatusCode, code: Option<String>, message: Option<String>) -> Refusal {
    let message = message.unwrap_or_else(|| "no reason given".to_owned());
    let Some(code) = code.filter(|_| !status.is_server_error()) else {
        return Refusal::Broken(format!("the token endpoint answered {}", status.as_u16()));
    };
    if code == "Access Denied" || status == StatusCode::TOO_MANY_REQUESTS {
        return Refusal::Wait {
            wait: THROTTLE_WAIT,
            policy: "access tokens in ten minutes".to_owned(),
        };
    }
    let fix = match code.as_str() {
        "invalid_client" | "invalid_client_secret" => Some(
            "check client_id and the client secret against the API console of the org's own data centre"
                .to_owned(),
        ),
        _ => None,
    };
    Refusal::Denied { code, message, fix }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    fn read(status: u16, body: &Value) -> Result<TokenPair, Refusal> {
        read_answer(
            &"https://accounts.zoho.eu".parse().unwrap(),
            StatusCode::from_u16(status).unwrap(),
            Some(body),
            &SecretString::from("kept".to_owned()),
            "2026-03-02T10:00:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn the_answer_names_the_host_and_keeps_the_refresh_token() {
        let body = json!({"access_token": "1000.a", "scope": "ZohoCRM.modules.ALL", "token_type": "Bearer",
            "api_domain": "https://www.zohoapis.eu", "expires_in": 3600});
        let pair = read(200, &body).unwrap();
        assert_eq!(pair.base_url.unwrap().as_str(), "https://www.zohoapis.eu/");
        assert_eq!(pair.refresh.expose_secret(), "kept");
        assert_eq!(pair.expires_at.duration_since(pair.issued_at).as_secs(), 3_600);
        let body =
            json!({"access_token": "a", "api_domain": "https://www.zohoapis.eu", "expires_in": 3_600_000});
        let pair = read(200, &body).unwrap();
        assert_eq!(
            pair.expires_at.duration_since(pair.issued_at).as_secs(),
            3_600,
            "seconds, not milliseconds"
        );
    }

    #[test]
    fn a_token_is_never_carried_to_a_host_that_is_not_zohos() {
        for host in [
            "https://zohoapis.eu.example.com",
            "https://www.notzohoapis.eu",
            "http://www.zohoapis.eu",
            "https://www.zohoapis.eu:8443",
            "http://127.0.0.1:9000",
            "https://zohoapis.eu",
        ] {
            let body = json!({"access_token": "a", "api_domain": host});
            assert!(matches!(read(200, &body), Err(Refusal::Denied { .. })), "{host}");
        }
        assert!(matches!(
            read(200, &json!({"access_token": "a"})),
            Err(Refusal::Broken(_))
        ));
    }

    #[test]
    fn r15_errors_come_with_any_status_and_the_throttle_is_waited_out() {
        let throttled = json!({"error_description": "You have made too many requests continuously.",
            "error": "Access Denied", "status": "failure"});
        for status in [200, 400] {
            assert!(
                matches!(read(status, &throttled), Err(Refusal::Wait { .. })),
                "{status}"
            );
            let code = json!({"error": "invalid_code"});
            assert!(matches!(
                read(status, &code),
                Err(Refusal::Denied { fix: None, .. })
            ));
        }
        assert!(matches!(read(503, &json!({})), Err(Refusal::Broken(_))));
        assert!(matches!(
            read(200, &json!({"access_token": ""})),
            Err(Refusal::Broken(_))
        ));
    }

    #[test]
    fn every_data_centre_has_its_accounts_server_and_no_other_host_is_one() {
        for host in ACCOUNTS {
            let url = format!("https://{host}").parse().unwrap();
            assert_eq!(check_login_url(&url), Ok(()), "{host}");
        }
        assert_eq!(check_login_url(&"http://127.0.0.1:8080".parse().unwrap()), Ok(()));
        for bad in [
            "https://www.zohoapis.eu",
            "https://accounts.example.com",
            "http://accounts.zoho.eu",
        ] {
            assert!(check_login_url(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
