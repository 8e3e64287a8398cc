//! `/services/oauth2/…`: the token endpoint with its flows, and what goes with it.
//!
//! Sources: fact sheet sections 1.1 to 1.5.

use http::{Method, Request, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Refusal},
    call::parse_query,
    jwt,
    kind::Kind,
    org::Org,
};
use crate::consent::{Reaction, back};

/// One request to the login side.
#[derive(Debug)]
pub(crate) struct Login<'a> {
    pub(crate) method: &'a Method,
    /// Last part of the path.
    pub(crate) name: &'a str,
    pub(crate) query: &'a str,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) authorization: Option<&'a str>,
    /// Scheme and host the client used.
    pub(crate) base: &'a str,
    pub(crate) now: Timestamp,
}

impl<'a> Login<'a> {
    pub(crate) fn new(
        request: &'a Request<bytes::Bytes>,
        name: &'a str,
        base: &'a str,
        now: Timestamp,
    ) -> Self {
        let uri = request.uri();
        Self {
            method: request.method(),
            name,
            query: uri.query().unwrap_or_default(),
            form: url::form_urlencoded::parse(request.body()).into_owned().collect(),
            authorization: request
                .headers()
                .get(header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok()),
            base,
            now,
        }
    }

    /// A form field; the token endpoint reads the query too.
    fn field(&self, name: &str) -> String {
        let in_query = parse_query(self.query);
        self.form
            .iter()
            .chain(&in_query)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }

    /// Client id and secret, from the form or from Basic authentication.
    fn client(&self) -> (String, String) {
        let basic = self
            .authorization
            .and_then(|text| text.strip_prefix("Basic "))
            .and_then(jwt::decode)
            .and_then(|bytes| String::from_utf8(bytes).ok());
        match basic.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((id, secret)) => (id.to_owned(), secret.to_owned()),
            None => (self.field("client_id"), self.field("client_secret")),
        }
    }

    fn bearer(&self) -> String {
        self.authorization
            .and_then(bearer)
            .map_or_else(|| self.field("access_token"), str::to_owned)
    }
}

/// The token of an `Authorization` header; the vendor also knows the word `OAuth`.
pub(crate) fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then(|| token.trim())
}

/// An error of the token endpoint.
pub(crate) fn refused(error: &str, description: &str) -> Answer {
    Answer::json(400, json!({"error": error, "error_description": description}))
}

impl Org {
    /// A request under `/services/oauth2/`.
    pub(crate) fn login(&mut self, login: &Login<'_>) -> Answer {
        match (login.method, login.name) {
            (&Method::POST | &Method::GET, "token") => self.token(login),
            (&Method::GET, "authorize") => self.authorize(login),
            (&Method::GET | &Method::POST, "userinfo") => self.userinfo(login),
            (&Method::POST, "introspect") => self.introspect(login),
            (&Method::POST | &Method::GET, "revoke") => {
                if self.auth.revoke(&login.field("token")) {
                    Answer::empty(200)
                } else {
                    refused("unsupported_token_type", "this token type is not supported")
                }
            }
            _ => Answer::html(404),
        }
    }

    fn token(&mut self, login: &Login<'_>) -> Answer {
        if let Err(exceeded) = self.limits.check(login.now) {
            return exceeded.refusal(&self.switches).into_answer();
        }
        if !self.switches.app_installed {
            return refused(
                "app_not_found",
                "External client app is not installed in this org",
            );
        }
        let outcome = match login.field("grant_type").as_str() {
            "authorization_code" => self.by_code(login),
            "refresh_token" => self.by_refresh(login),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => self.by_jwt(login),
            "client_credentials" => self.by_credentials(login),
            _ => Err(refused("unsupported_grant_type", "grant type not supported")),
        };
        outcome.unwrap_or_else(|refusal| refusal)
    }

    fn check_client(&self, login: &Login<'_>, wants_secret: bool) -> Result<(), Answer> {
        let (id, secret) = login.client();
        if id != self.auth.client_id {
            return Err(refused("invalid_client_id", "client identifier invalid"));
        }
        let is_missing = secret.is_empty() && !wants_secret;
        if !is_missing && secret != self.auth.client_secret {
            return Err(refused("invalid_client", "invalid client credentials"));
        }
        Ok(())
    }

    fn by_code(&mut self, login: &Login<'_>) -> Result<Answer, Answer> {
        let verifier = login.field("code_verifier");
        self.check_client(login, verifier.is_empty())?;
        let code = self
            .auth
            .take_code(&login.field("code"), login.now)
            .ok_or_else(|| refused("invalid_grant", "expired authorization code"))?;
        if code.redirect_uri != login.field("redirect_uri") {
            return Err(refused(
                "redirect_uri_mismatch",
                "redirect_uri must match configuration",
            ));
        }
        match code.challenge {
            Some(_) if verifier.is_empty() => {
                return Err(refused("invalid_grant", "code verifier is missing"));
            }
            Some(challenge) if challenge != jwt::challenge(&verifier) => {
                return Err(refused("invalid_request", "invalid code verifier"));
            }
            _ => {}
        }
        let user = self.integration_user.clone();
        self.check_user(&user)?;
        let (approval, refresh_token) = self.auth.approve(&mut self.rng, &user, login.now, &self.switches);
        Ok(self.issued(login, &user, Some(approval), Some(refresh_token)))
    }

    fn by_refresh(&mut self, login: &Login<'_>) -> Result<Answer, Answer> {
        self.check_client(login, false)?;
        let token = login.field("refresh_token");
        let (approval, user, rotated) = self
            .auth
            .refresh(&mut self.rng, &token, login.now, &self.switches)
            .ok_or_else(|| refused("invalid_grant", "expired access/refresh token"))?;
        let user = if user.is_empty() {
            self.integration_user.clone()
        } else {
            user
        };
        self.check_user(&user)?;
        Ok(self.issued(login, &user, Some(approval), rotated))
    }

    fn by_jwt(&mut self, login: &Login<'_>) -> Result<Answer, Answer> {
        let claims = jwt::claims(&login.field("assertion"))
            .ok_or_else(|| refused("invalid_grant", "invalid assertion"))?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("iss") != self.auth.client_id {
            return Err(refused("invalid_client_id", "client identifier invalid"));
        }
        let is_audience = ["https://login.salesforce.com", "https://test.salesforce.com"]
            .contains(&text("aud"))
            || text("aud") == login.base;
        if !is_audience {
            return Err(refused("invalid_grant", "Audience validation failed"));
        }
        let expires_at = claims
            .get("exp")
            .and_then(|exp| exp.as_i64().or_else(|| exp.as_str()?.parse().ok()))
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        if expires_at.is_none_or(|at| at <= login.now) {
            return Err(refused("invalid_grant", "assertion expired"));
        }
        let name = text("sub");
        let user = self
            .store
            .holders(Kind::User, "Username", name)
            .first()
            .map(|row| row.id.clone())
            .ok_or_else(|| refused("invalid_grant", "user hasn't approved this consumer"))?;
        self.check_user(&user)?;
        Ok(self.issued(login, &user, None, None))
    }

    fn by_credentials(&mut self, login: &Login<'_>) -> Result<Answer, Answer> {
        self.check_client(login, true)?;
        let host = login.base.split("//").nth(1).unwrap_or_default();
        if host.starts_with("login.") || host.starts_with("test.") {
            return Err(refused("invalid_grant", "request not supported on this domain"));
        }
        if !self.switches.has_run_as_user {
            return Err(refused("invalid_grant", "no client credentials user enabled"));
        }
        let user = self.integration_user.clone();
        self.check_user(&user)?;
        Ok(self.issued(login, &user, None, None))
    }

    fn check_user(&self, user: &str) -> Result<(), Answer> {
        if self.is_active(user) {
            Ok(())
        } else {
            Err(refused("inactive_user", "inactive user"))
        }
    }

    pub(crate) fn is_active(&self, user: &str) -> bool {
        self.store
            .row(Kind::User, user)
            .is_some_and(|row| row.cells.flag("IsActive"))
    }

    /// The token response. There is no `expires_in`, and `issued_at` is text.
    fn issued(
        &mut self,
        login: &Login<'_>,
        user: &str,
        approval: Option<usize>,
        refresh_token: Option<String>,
    ) -> Answer {
        let access_token = self
            .auth
            .issue(&mut self.rng, user, approval, login.now, &self.switches);
        let mut shown = json!({
            "access_token": access_token, "instance_url": login.base, "token_type": "Bearer",
            "id": format!("{}/id/{}/{user}", login.base, self.id),
            "scope": if approval.is_some() { "refresh_token api" } else { "api" },
        });
        if let (Some(_), Some(object)) = (approval, shown.as_object_mut()) {
            let signature: Vec<u8> = std::iter::repeat_with(|| self.rng.u8(..)).take(32).collect();
            object.insert("signature".to_owned(), json!(jwt::encode(&signature)));
            object.insert(
                "issued_at".to_owned(),
                json!(login.now.as_millisecond().to_string()),
            );
            if let Some(token) = refresh_token {
                object.insert("refresh_token".to_owned(), json!(token));
            }
        }
        Answer::ok(shown)
    }

    /// The consent page and what the person there answers.
    fn authorize(&mut self, login: &Login<'_>) -> Answer {
        let redirect = login.field("redirect_uri");
        let is_known = login.field("client_id") == self.auth.client_id;
        // An unknown app or address gets a page: nobody is sent anywhere.
        if !is_known || !self.auth.page.knows(&redirect) || login.field("response_type") != "code" {
            return Answer::html(400);
        }
        let state = login.field("state");
        if self.auth.page.answer == Reaction::Deny {
            let description = "end-user denied authorization";
            return back(
                &redirect,
                &[
                    ("error", "access_denied"),
                    ("error_description", description),
                    ("state", &state),
                ],
            );
        }
        let challenge = Some(login.field("code_challenge")).filter(|challenge| !challenge.is_empty());
        let code = self
            .auth
            .issue_code(&mut self.rng, &redirect, challenge, login.now);
        back(&redirect, &[("code", &code), ("state", &state)])
    }

    fn userinfo(&mut self, login: &Login<'_>) -> Answer {
        let user = self.auth.check(&login.bearer(), login.now, &self.switches);
        match user {
            Some(user) => Answer::ok(self.identity(&user, login.base)),
            None => Answer::json(403, json!("Bad_OAuth_Token")),
        }
    }

    /// Who a session belongs to, as `userinfo` and the identity address tell it.
    pub(crate) fn identity(&self, user: &str, base: &str) -> Value {
        let row = self.store.row(Kind::User, user);
        let text = |name: &str| {
            row.and_then(|row| row.cells.text(name))
                .unwrap_or_default()
                .to_owned()
        };
        json!({
            "sub": format!("{base}/id/{}/{user}", self.id), "user_id": user,
            "organization_id": self.id, "preferred_username": text("Username"), "username": text("Username"),
            "nickname": text("Alias"), "name": text("Name"), "display_name": text("Name"), "email": text("Email"),
            "email_verified": true, "given_name": text("FirstName"), "family_name": text("LastName"),
            "zoneinfo": text("TimeZoneSidKey"), "timezone": text("TimeZoneSidKey"), "locale": text("LocaleSidKey"),
            "active": self.is_active(user), "user_type": "STANDARD", "is_app_installed": true,
            "urls": {
                "rest": format!("{base}/services/data/v{{version}}/"),
                "sobjects": format!("{base}/services/data/v{{version}}/sobjects/"),
                "query": format!("{base}/services/data/v{{version}}/query/"),
            },
        })
    }

    fn introspect(&mut self, login: &Login<'_>) -> Answer {
        if let Err(refusal) = self.check_client(login, true) {
            return refusal;
        }
        let token = login.field("token");
        if let Some((issued_at, expires_at, user)) = self.auth.session(&token, login.now) {
            let mut shown = json!({
                "active": true, "scope": "api refresh_token", "client_id": self.auth.client_id,
                "username": self.store.row(Kind::User, user).and_then(|row| row.cells.text("Username")),
                "sub": format!("{}/id/{}/{user}", login.base, self.id),
                "token_type": "access_token", "iat": issued_at.as_second(), "nbf": issued_at.as_second(),
            });
            if let (Some(at), Some(object)) = (expires_at, shown.as_object_mut()) {
                object.insert("exp".to_owned(), json!(at.as_second()));
            }
            return Answer::ok(shown);
        }
        if self.auth.is_refresh(&token) {
            return Answer::ok(json!({
                "active": true, "scope": "api refresh_token", "client_id": self.auth.client_id,
                "token_type": "refresh_token",
            }));
        }
        Answer::ok(json!({"active": false}))
    }

    /// The user behind a data request's bearer.
    pub(crate) fn admit_session(&mut self, token: Option<&str>, now: Timestamp) -> Result<String, Refusal> {
        token
            .and_then(|token| self.auth.check(token, now, &self.switches))
            .filter(|user| self.is_active(user))
            .ok_or_else(Refusal::no_session)
    }
}
