//! `/oauth/v2/…`: consent, the token endpoint, revocation. Errors come with 200 unless a switch says otherwise.
//!
//! Sources: fact sheet sections 1.2 and 1.4.

use bytes::Bytes;
use http::{Method, Request, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    answer::Answer,
    auth::NoToken,
    hosts::{self, Place},
    tenant::Tenant,
};
use crate::consent::{Reaction, back};

/// One request to the accounts server.
#[derive(Debug)]
pub(crate) struct Login<'a> {
    method: &'a Method,
    path: &'a str,
    /// Query and form fields together; the endpoint reads both.
    fields: Vec<(String, String)>,
    /// Scheme and host the client used.
    base: &'a str,
    now: Timestamp,
}

impl<'a> Login<'a> {
    pub(crate) fn new(request: &'a Request<Bytes>, base: &'a str, now: Timestamp) -> Self {
        let uri = request.uri();
        let query = uri.query().unwrap_or_default();
        let mut fields: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        fields.extend(form_of(request));
        Self {
            method: request.method(),
            path: uri.path().trim_end_matches('/'),
            fields,
            base,
            now,
        }
    }

    fn field(&self, name: &str) -> &str {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    fn scopes(&self) -> Vec<String> {
        self.field("scope")
            .split(',')
            .map(str::trim)
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// Fields of a body, in either encoding of forms; the vendor's own clients use both.
fn form_of(request: &Request<Bytes>) -> Vec<(String, String)> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let boundary = content_type
        .and_then(|value| value.to_str().ok())
        .filter(|value| value.starts_with("multipart/form-data"))
        .and_then(|value| value.split_once("boundary="))
        .map(|(_, boundary)| boundary.trim_matches('"'));
    let Some(boundary) = boundary else {
        return form_urlencoded::parse(request.body()).into_owned().collect();
    };
    let text = String::from_utf8_lossy(request.body());
    text.split(&format!("--{boundary}"))
        .filter_map(|part| {
            let (head, value) = part.split_once("\r\n\r\n")?;
            let (_, name) = head.split_once("name=\"")?;
            let (name, _) = name.split_once('"')?;
            Some((name.to_owned(), value.trim_end_matches("\r\n").to_owned()))
        })
        .collect()
}

impl Tenant {
    /// A request under `/oauth/`.
    pub(crate) fn login(&mut self, login: &Login<'_>) -> Answer {
        match (login.method, login.path) {
            (&Method::POST, "/oauth/v2/token") => self.token(login),
            (&Method::GET, "/oauth/v2/auth") => self.consent(login),
            (&Method::POST, "/oauth/v2/token/revoke") => {
                if self.auth.revoke(login.field("token")) {
                    Answer::ok(json!({"status": "success"}))
                } else {
                    self.refused("invalid_code")
                }
            }
            (&Method::GET, "/oauth/serverinfo") => {
                let locations: Map<String, Value> = hosts::servers(login.base, &self.switches.data_center)
                    .into_iter()
                    .map(|(of, server)| (of.to_owned(), json!(server)))
                    .collect();
                Answer::ok(json!({"result": "success", "locations": locations}))
            }
            _ => Answer::html(404),
        }
    }

    /// An error of the token endpoint: the body says it, not the status.
    fn refused(&self, error: &str) -> Answer {
        Answer::json(self.switches.token_error_status, json!({"error": error}))
    }

    /// Ten tokens in ten minutes.
    pub(crate) fn token_throttle(&self) -> Answer {
        let body = json!({
            "error_description": "You have made too many requests continuously. Please try again after some time.",
            "error": "Access Denied",
            "status": "failure",
        });
        Answer::json(self.switches.token_throttle_status, body)
    }

    fn token(&mut self, login: &Login<'_>) -> Answer {
        if login.field("client_id") != self.auth.client_id {
            return self.refused("invalid_client");
        }
        if login.field("client_secret") != self.auth.client_secret {
            return self.refused("invalid_client_secret");
        }
        if hosts::place_of(login.base, &self.switches.data_center) == Place::Elsewhere {
            return self.refused("invalid_code");
        }
        match login.field("grant_type") {
            "refresh_token" => {
                let refresh = login.field("refresh_token").to_owned();
                self.issue(&refresh, login)
                    .map_or_else(|refusal| refusal, Answer::ok)
            }
            "authorization_code" => self.exchange(login).unwrap_or_else(|refusal| refusal),
            _ => self.refused("invalid_request"),
        }
    }

    /// The answer with a fresh access token; there is no refresh token in it.
    fn issue(&mut self, refresh: &str, login: &Login<'_>) -> Result<Value, Answer> {
        let made = self
            .auth
            .refresh(&mut self.rng, refresh, login.now, &self.switches);
        match made {
            Ok((token, scopes)) => Ok(json!({
                "access_token": token,
                "scope": scopes.join(" "),
                "api_domain": hosts::api_domain(login.base, &self.switches.data_center),
                "token_type": "Bearer",
                "expires_in": u32::from(self.switches.token_minutes) * 60,
            })),
            Err(NoToken::InvalidCode) => Err(self.refused("invalid_code")),
            Err(NoToken::Throttled) => Err(self.token_throttle()),
        }
    }

    fn exchange(&mut self, login: &Login<'_>) -> Result<Answer, Answer> {
        let code = self
            .auth
            .take_code(login.field("code"), login.now)
            .ok_or_else(|| self.refused("invalid_code"))?;
        let redirect_uri = login.field("redirect_uri");
        if code
            .redirect_uri
            .as_deref()
            .is_some_and(|given| given != redirect_uri)
        {
            return Err(self.refused("invalid_redirect_uri"));
        }
        let refresh = self.auth.approve(&mut self.rng, code.scopes, &self.switches);
        let mut answer = self.issue(&refresh, login)?;
        if code.is_offline
            && let Some(object) = answer.as_object_mut()
        {
            object.insert("refresh_token".to_owned(), json!(refresh));
        }
        Ok(Answer::ok(answer))
    }

    /// The consent page; the browser goes back with code, location and accounts server, or with an error.
    fn consent(&mut self, login: &Login<'_>) -> Answer {
        let redirect_uri = login.field("redirect_uri");
        // An unknown client or address gets a page: nobody is sent anywhere.
        if login.field("client_id") != self.auth.client_id || !self.auth.page.knows(redirect_uri) {
            return Answer::html(400);
        }
        let state = login.field("state");
        if login.scopes().is_empty() {
            return back(redirect_uri, &[("error", "invalid_scope"), ("state", state)]);
        }
        if self.auth.page.answer == Reaction::Deny {
            return back(redirect_uri, &[("error", "access_denied"), ("state", state)]);
        }
        let is_offline = login.field("access_type") == "offline";
        let code = self.auth.issue_code(
            &mut self.rng,
            Some(redirect_uri.to_owned()),
            login.scopes(),
            is_offline,
            login.now,
        );
        let Some(code) = code else {
            return self.token_throttle();
        };
        let server = hosts::accounts_server(login.base, &self.switches.data_center);
        back(
            redirect_uri,
            &[
                ("code", &code),
                ("location", &self.switches.data_center),
                ("accounts-server", &server),
                ("state", state),
            ],
        )
    }
}
