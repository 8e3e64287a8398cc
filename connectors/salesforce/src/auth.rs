//! Logging in: web-server flow with PKCE and rotating refresh tokens, JWT bearer, client credentials (OAuth pages of the
//! help and of the packaging guide, read 2026-11).
//!
//! A token answer names no end: a token is used until a call is refused with `INVALID_SESSION_ID`. It names the org's
//! host instead (`instance_url`), which is believed only under Salesforce's own domains. With rotation, using an old
//! refresh token revokes the whole grant; so the new one is durable before anything else happens (transport's
//! `TokenSource` sees to that), and a refused one is never tried again in a loop. JWT bearer and client credentials have
//! no refresh token that could be lost.

mod consent;
mod jwt;

use std::{sync::Arc, time::Duration};

use followup_transport::{Grant, OAuthConfig, Refusal, TokenPair, TokenSource, TokenStore, token::scopes_in};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;
use url::{Host, Url};

use crate::{
    paths::{DOMAINS, TOKEN},
    vendor::Said,
};

pub use consent::{SCOPES, consent, judge_scopes, steps};
pub use jwt::JwtKey;

/// Life written down for a token that has no stated end: no session lasts as long, the first refusal ends it.
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// Pause after the org had no call left even for a login.
const ALLOWANCE_WAIT: Duration = Duration::from_mins(15);

/// How a connection logs in.
pub enum Flow {
    /// A human consented in a browser; what came of it is a refresh token.
    WebServer {
        /// Absent in public clients.
        client_secret: Option<SecretString>,
        /// The one to begin with; what the store holds wins.
        refresh_token: SecretString,
    },
    /// A signed statement in the name of a user whom an admin approved for the app.
    JwtBearer {
        /// The user's name in Salesforce.
        username: String,
        /// Signs the statement.
        key: JwtKey,
    },
    /// The app's own user ("Run As"); needs the My Domain host.
    ClientCredentials {
        /// The app's secret.
        client_secret: SecretString,
    },
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::WebServer { .. } => "Flow::WebServer",
            Self::JwtBearer { .. } => "Flow::JwtBearer",
            Self::ClientCredentials { .. } => "Flow::ClientCredentials",
        })
    }
}

/// The tokens of a connection, bought at `login_url` and kept in `store`. `fix` is the step that brings a new consent,
/// shown when the login is refused.
///
/// # Errors
/// What is wrong with `login_url`.
pub fn tokens(
    login_url: &Url,
    client_id: &str,
    flow: Flow,
    fix: &str,
    store: Arc<dyn TokenStore>,
) -> Result<TokenSource, String> {
    if matches!(flow, Flow::ClientCredentials { .. }) && is_shared_host(login_url) {
        return Err(
            "client credentials need the org's own host as login_url, as https://acme.my.salesforce.com"
                .to_owned(),
        );
    }
    let refresh_token = match &flow {
        Flow::WebServer { refresh_token, .. } => refresh_token.clone(),
        _ => SecretString::from(String::new()),
    };
    let client_secret = match &flow {
        Flow::WebServer {
            client_secret: Some(secret),
            ..
        }
        | Flow::ClientCredentials {
            client_secret: secret,
        } => secret.clone(),
        _ => SecretString::from(String::new()),
    };
    let config = OAuthConfig {
        token_url: token_url(login_url)?,
        client_id: client_id.to_owned(),
        client_secret,
        refresh_token,
        fix: fix.to_owned(),
    };
    let grant = Login {
        url: login_url.clone(),
        client_id: client_id.to_owned(),
        flow,
    };
    Ok(TokenSource::granted(config, Arc::new(grant), store))
}

fn token_url(login_url: &Url) -> Result<Url, String> {
    login_url
        .join(TOKEN)
        .map_err(|error| format!("`{login_url}` cannot be a login_url: {error}"))
}

/// Whether this is a host that all orgs share.
fn is_shared_host(login_url: &Url) -> bool {
    matches!(
        login_url.host_str(),
        Some("login.salesforce.com" | "test.salesforce.com")
    )
}

/// One connection's way to log in.
struct Login {
    url: Url,
    client_id: String,
    flow: Flow,
}

impl Grant for Login {
    fn form(
        &self,
        refresh: &SecretString,
        now: Timestamp,
    ) -> Result<Vec<(&'static str, SecretString)>, String> {
        let plain = |text: &str| SecretString::from(text.to_owned());
        Ok(match &self.flow {
            Flow::WebServer { client_secret, .. } => {
                let mut form = vec![
                    ("grant_type", plain("refresh_token")),
                    ("refresh_token", refresh.clone()),
                    ("client_id", plain(&self.client_id)),
                ];
                if let Some(secret) = client_secret {
                    form.push(("client_secret", secret.clone()));
                }
                form
            }
            Flow::JwtBearer { username, key } => {
                let assertion = key.assertion(&self.client_id, username, audience(&self.url), now)?;
                vec![
                    ("grant_type", plain("urn:ietf:params:oauth:grant-type:jwt-bearer")),
                    ("assertion", assertion),
                ]
            }
            Flow::ClientCredentials { client_secret } => vec![
                ("grant_type", plain("client_credentials")),
                ("client_id", plain(&self.client_id)),
                ("client_secret", client_secret.clone()),
            ],
        })
    }

    fn needs_refresh_token(&self) -> bool {
        matches!(self.flow, Flow::WebServer { .. })
    }

    fn read(
        &self,
        status: StatusCode,
        body: Option<&Value>,
        refresh: &SecretString,
        now: Timestamp,
    ) -> Result<TokenPair, Refusal> {
        read_answer(&self.url, status, body, refresh, now).map_err(|refusal| match (refusal, &self.flow) {
            (
                Refusal::Denied {
                    code,
                    message,
                    fix: None,
                },
                Flow::JwtBearer { .. },
            ) => Refusal::Denied {
                code,
                message,
                fix: Some(JWT_FIX.to_owned()),
            },
            (refusal, _) => refusal,
        })
    }

    fn states_time(&self) -> bool {
        matches!(self.flow, Flow::JwtBearer { .. })
    }
}

/// What may be wrong where a signed statement is refused.
const JWT_FIX: &str = "check this machine's clock, that the connected app holds the certificate of jwt_key_file, and that \
     the user is approved for the app";

/// Who a signed statement is meant for: production, or the host of all sandbox orgs.
fn audience(login_url: &Url) -> &'static str {
    let host = login_url.host_str().unwrap_or_default();
    if host == "test.salesforce.com" || host.contains(".sandbox.") {
        "https://test.salesforce.com"
    } else {
        "https://login.salesforce.com"
    }
}

/// Reads an answer of the token endpoint. Only `access_token` and `instance_url` are in the answers of all flows.
fn read_answer(
    login_url: &Url,
    status: StatusCode,
    body: Option<&Value>,
    refresh: &SecretString,
    now: Timestamp,
) -> Result<TokenPair, Refusal> {
    let text = |key: &str| body.and_then(|body| body.get(key)?.as_str()).map(str::to_owned);
    if status.is_success()
        && let Some(access) = text("access_token")
    {
        let instance = text("instance_url")
            .ok_or_else(|| Refusal::Broken("the token answer names no instance_url".to_owned()))?;
        return Ok(TokenPair {
            access: SecretString::from(access),
            refresh: text("refresh_token").map_or_else(|| refresh.clone(), SecretString::from),
            issued_at: now,
            expires_at: now + LIFE,
            base_url: Some(instance_url(login_url, &instance)?),
            scopes: body.and_then(scopes_in),
        });
    }
    Err(refusal(status, body))
}

/// The host a token answer names, if it is one of Salesforce's: anything else would carry our token to a stranger.
fn instance_url(login_url: &Url, text: &str) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(|_| Refusal::Broken("instance_url is no URL".to_owned()))?;
    let is_ours = url.origin() == login_url.origin()
        || match url.host() {
            Some(Host::Domain(host)) => {
                url.scheme() == "https"
                    && url.port().is_none()
                    && DOMAINS
                        .iter()
                        .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
            }
            // A simulated org: both hosts are this machine.
            Some(_) => is_loopback(&url) && is_loopback(login_url),
            None => false,
        };
    if is_ours {
        return Ok(url);
    }
    Err(Refusal::Denied {
        code: "foreign_host".to_owned(),
        message: "the token answer names a host that is not one of Salesforce's".to_owned(),
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

/// What the token endpoint says no with: an OAuth object, an array as of a data call, or an edge's page.
fn refusal(status: StatusCode, body: Option<&Value>) -> Refusal {
    let said = Said::of(body);
    if said.code == "REQUEST_LIMIT_EXCEEDED" {
        return Refusal::Wait {
            wait: ALLOWANCE_WAIT,
            policy: "calls in 24 hours".to_owned(),
        };
    }
    let is_verdict = !status.is_server_error() && status.as_u16() != 429 && !said.code.is_empty();
    if !is_verdict {
        return Refusal::Broken(format!("the token endpoint answered {}", status.as_u16()));
    }
    let fix = match said.code.as_str() {
        "invalid_app_access" | "user_not_approved" => Some(
            "pre-authorise the user for the app: policies of the external client app, permitted users"
                .to_owned(),
        ),
        "app_not_found" => Some("install the external client app in this org, then log in again".to_owned()),
        "inactive_user" => Some("activate the user of this connection, or log in as another one".to_owned()),
        "invalid_client" | "invalid_client_id" | "invalid_client_credentials" => {
            Some("check client_id and the client secret against the app's consumer key and secret".to_owned())
        }
        _ if said.message.contains("Audience") => Some(
            "set login_url to the org's My Domain host (sandboxes: the one with .sandbox. in it)".to_owned(),
        ),
        _ if said.message.contains("approved this consumer") => Some(
            "pre-authorise the user for the app: policies of the external client app, permitted users"
                .to_owned(),
        ),
        _ if said.message.contains("no client credentials user") => {
            Some("name a Run As user in the client credentials policy of the app".to_owned())
        }
        _ => None,
    };
    Refusal::Denied {
        code: said.code,
        message: said.message,
        fix,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    fn login() -> Url {
        Url::parse("https://login.salesforce.com").unwrap()
    }

    fn now() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    fn read(login_url: &str, body: &Value) -> Result<TokenPair, Refusal> {
        let login_url = Url::parse(login_url).unwrap();
        let refresh = SecretString::from("old".to_owned());
        read_answer(&login_url, StatusCode::OK, Some(body), &refresh, now())
    }

    #[test]
    fn a_token_answer_brings_the_host_and_perhaps_a_new_refresh_token_but_no_end() {
        let body = json!({"access_token": "00D!x", "instance_url": "https://acme.my.salesforce.com",
            "id": "https://login.salesforce.com/id/00D/005", "token_type": "Bearer", "issued_at": "1795000000000"});
        let pair = read("https://login.salesforce.com", &body).unwrap();
        assert_eq!(pair.base_url.unwrap().as_str(), "https://acme.my.salesforce.com/");
        assert_eq!(
            pair.refresh.expose_secret(),
            "old",
            "no new one means rotation is off"
        );
        assert!(pair.expires_at > now() + SignedDuration::from_hours(24 * 300));
        let mut rotated = body;
        rotated["refresh_token"] = json!("new");
        assert_eq!(
            read("https://login.salesforce.com", &rotated)
                .unwrap()
                .refresh
                .expose_secret(),
            "new"
        );
    }

    #[test]
    fn a_host_that_is_not_salesforces_is_never_believed() {
        for (login_url, instance, is_fine) in [
            (
                "https://login.salesforce.com",
                "https://acme--dev.sandbox.my.salesforce.com",
                true,
            ),
            ("https://login.salesforce.com", "https://na1.salesforce.com", true),
            (
                "https://login.salesforce.com",
                "https://salesforce.com.evil.example",
                false,
            ),
            (
                "https://login.salesforce.com",
                "https://evilsalesforce.com",
                false,
            ),
            (
                "https://login.salesforce.com",
                "http://acme.my.salesforce.com",
                false,
            ),
            (
                "https://login.salesforce.com",
                "https://acme.my.salesforce.com:8443",
                false,
            ),
            ("https://login.salesforce.com", "http://127.0.0.1:80", false),
            ("https://login.salesforce.com", "https://169.254.169.254", false),
            ("http://127.0.0.1:9102", "http://127.0.0.1:9103", true),
            ("http://127.0.0.1:9102", "http://10.0.0.1", false),
        ] {
            let body = json!({"access_token": "x", "instance_url": instance});
            assert_eq!(
                read(login_url, &body).is_ok(),
                is_fine,
                "{login_url} -> {instance}"
            );
        }
        assert!(matches!(
            read("https://login.salesforce.com", &json!({"access_token": "x"})),
            Err(Refusal::Broken(_))
        ));
    }

    #[test]
    fn refusals_are_told_apart_from_used_up_calls_and_from_edges() {
        let denied = json!({"error": "invalid_grant", "error_description": "expired access/refresh token"});
        assert!(matches!(
            refusal(StatusCode::BAD_REQUEST, Some(&denied)),
            Refusal::Denied { code, fix: None, .. } if code == "invalid_grant"
        ));
        let missing =
            json!({"error": "app_not_found", "error_description": "External client app is not installed"});
        assert!(matches!(
            refusal(StatusCode::BAD_REQUEST, Some(&missing)),
            Refusal::Denied { fix: Some(fix), .. } if fix.contains("install")
        ));
        let limit =
            json!([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]);
        assert!(matches!(
            refusal(StatusCode::FORBIDDEN, Some(&limit)),
            Refusal::Wait { .. }
        ));
        assert!(matches!(
            refusal(StatusCode::BAD_GATEWAY, None),
            Refusal::Broken(_)
        ));
        assert!(matches!(
            refusal(StatusCode::BAD_REQUEST, None),
            Refusal::Broken(_)
        ));
    }

    #[test]
    fn client_credentials_are_not_tried_on_a_host_all_orgs_share() {
        struct Nowhere;
        impl TokenStore for Nowhere {
            fn load(&self) -> followup_transport::Future<'_, Result<Option<TokenPair>, String>> {
                Box::pin(async { Ok(None) })
            }
            fn store(&self, _: TokenPair) -> followup_transport::Future<'_, Result<(), String>> {
                Box::pin(async { Ok(()) })
            }
        }
        let flow = || Flow::ClientCredentials {
            client_secret: SecretString::from("s".to_owned()),
        };
        assert!(tokens(&login(), "app", flow(), "log in", Arc::new(Nowhere)).is_err());
        let own = Url::parse("https://acme.my.salesforce.com").unwrap();
        assert!(tokens(&own, "app", flow(), "log in", Arc::new(Nowhere)).is_ok());
    }

    #[test]
    fn each_flow_sends_what_its_page_lists() {
        let names = |flow: Flow| -> Vec<&'static str> {
            let login = Login {
                url: login(),
                client_id: "app".to_owned(),
                flow,
            };
            let form = login.form(&SecretString::from("r".to_owned()), now()).unwrap();
            form.into_iter().map(|(name, _)| name).collect()
        };
        let secret = || SecretString::from("s".to_owned());
        assert_eq!(
            names(Flow::WebServer {
                client_secret: Some(secret()),
                refresh_token: secret()
            }),
            ["grant_type", "refresh_token", "client_id", "client_secret"]
        );
        assert_eq!(
            names(Flow::WebServer {
                client_secret: None,
                refresh_token: secret()
            }),
            ["grant_type", "refresh_token", "client_id"]
        );
        assert_eq!(
            names(Flow::ClientCredentials {
                client_secret: secret()
            }),
            ["grant_type", "client_id", "client_secret"]
        );
    }
}
