//! Consent in a browser: the address to open, the exchange of the code that comes back, and taking consent back
//! (RFC 6749 §4.1, RFC 7636, RFC 7009).
//!
//! Invariants: every login has a state and, where the vendor has it, a proof key of its own, used once; what a vendor
//! repeats of them reaches no message; nothing but the token endpoint and the revocation can be called.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use crate::{
    base64url,
    guard::{AllowList, Guarded},
    send::{SendLimits, Transport},
    text::tidy,
    token::{Refusal, TokenPair},
};

/// Random bytes a login is begun with: half for the state, half for the proof key.
pub const RANDOM_BYTES: usize = 64;

/// Bounds of one exchange: small answers, quick servers.
const LIMITS: SendLimits = SendLimits {
    total: Duration::from_secs(30),
    body_bytes_max: 64 * 1024,
};

/// Reads an answer of the token endpoint, whatever its status; `None` if it is no JSON.
pub type ReadAnswer =
    Box<dyn Fn(StatusCode, Option<&Value>, Timestamp) -> Result<TokenPair, Refusal> + Send + Sync>;

/// How a vendor wants to be told that a token is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeStyle {
    /// The token in a form.
    Form,
    /// The same, with the app's id and secret.
    FormWithClient,
    /// The token as a query parameter.
    Query,
}

/// One vendor's consent, for one app.
pub struct Consent {
    /// Where the browser goes, without parameters.
    pub authorize_url: Url,
    /// Where a code is exchanged.
    pub token_url: Url,
    /// Where a token is ended.
    pub revoke_url: Url,
    /// How.
    pub revoke_style: RevokeStyle,
    /// Requests that may leave: those two.
    pub allowed: AllowList,
    /// The app.
    pub client_id: String,
    /// Its secret; absent in public apps.
    pub client_secret: Option<SecretString>,
    /// What is asked for, joined the vendor's way.
    pub scopes: String,
    /// Further parameters of the address.
    pub extra: &'static [(&'static str, &'static str)],
    /// Whether the vendor knows proof keys (PKCE).
    pub has_pkce: bool,
    /// Reads the answer.
    pub read: ReadAnswer,
}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consent")
            .field("authorize_url", &self.authorize_url.as_str())
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// One login that was begun; good for one code.
pub struct Begun {
    /// The address to open in a browser.
    pub url: Url,
    redirect_uri: String,
    state: SecretString,
    verifier: Option<SecretString>,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Begun")
    }
}

impl Begun {
    /// Whether an answer that carries `state` belongs to this login. Takes as long for a near miss as for a far one.
    pub fn is_mine(&self, state: &str) -> bool {
        let (mine, theirs) = (Sha256::digest(self.state.expose_secret()), Sha256::digest(state));
        mine == theirs
    }
}

/// Why a login or its end did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The vendor refuses.
    #[error("{code}: {message}")]
    Refused {
        /// Its word for it.
        code: String,
        /// What it said.
        message: String,
        /// What mends it, where that is not the usual: begin again.
        fix: Option<String>,
    },
    /// Consent was given, but not to stay: no refresh token came.
    #[error("the login brought no refresh token")]
    NoRefreshToken,
    /// An allowance is used up.
    #[error("asked to wait {} s: {policy}", wait.as_secs())]
    Wait {
        /// For how long.
        wait: Duration,
        /// Which, in the vendor's words.
        policy: String,
    },
    /// No usable answer.
    #[error("{0}")]
    Broken(String),
}

impl Consent {
    /// Begins a login from random bytes that were never used before.
    pub fn begin(&self, redirect_uri: &str, random: &[u8; RANDOM_BYTES]) -> Begun {
        let (state, key) = random.split_at(RANDOM_BYTES / 2);
        let state = base64url::encode(state);
        let verifier = self.has_pkce.then(|| base64url::encode(key));
        let mut url = self.authorize_url.clone();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &self.client_id)
                .append_pair("redirect_uri", redirect_uri)
                .append_pair("scope", &self.scopes);
            for (name, value) in self.extra {
                query.append_pair(name, value);
            }
            if let Some(verifier) = &verifier {
                let challenge = base64url::encode(&Sha256::digest(verifier));
                query
                    .append_pair("code_challenge", &challenge)
                    .append_pair("code_challenge_method", "S256");
            }
            query.append_pair("state", &state);
        }
        Begun {
            url,
            redirect_uri: redirect_uri.to_owned(),
            state: SecretString::from(state),
            verifier: verifier.map(SecretString::from),
        }
    }

    /// Buys the first tokens with the code that came back. They must be stored before they are used.
    ///
    /// `begun` is absent for a code that was made by hand in the vendor's console.
    ///
    /// # Errors
    /// [`ConsentError`].
    pub async fn exchange(
        &self,
        begun: Option<&Begun>,
        code: &SecretString,
        transport: Arc<dyn Transport>,
        now: Timestamp,
    ) -> Result<TokenPair, ConsentError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", self.client_id.as_str()),
            ("code", code.expose_secret()),
        ];
        if let Some(secret) = &self.client_secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        let mut secrets = vec![code.expose_secret()];
        if let Some(begun) = begun {
            form.push(("redirect_uri", &begun.redirect_uri));
            if let Some(verifier) = &begun.verifier {
                form.push(("code_verifier", verifier.expose_secret()));
                secrets.push(verifier.expose_secret());
            }
        }
        let (status, body) = self
            .post(&self.token_url, &form, transport)
            .await
            .map_err(|error| self.clean(error, &secrets))?;
        let pair = (self.read)(status, body.as_ref(), now)
            .map_err(|refusal| self.clean(refusal.into(), &secrets))?;
        if pair.refresh.expose_secret().is_empty() {
            return Err(ConsentError::NoRefreshToken);
        }
        Ok(pair)
    }

    /// Ends a refresh token, and with it what was bought with it.
    ///
    /// # Errors
    /// [`ConsentError`]; a token the vendor does not know any more is [`ConsentError::Refused`].
    pub async fn revoke(
        &self,
        refresh: &SecretString,
        transport: Arc<dyn Transport>,
    ) -> Result<(), ConsentError> {
        let token = refresh.expose_secret();
        let mut url = self.revoke_url.clone();
        let mut form = vec![("token", token)];
        match self.revoke_style {
            RevokeStyle::Form => {}
            RevokeStyle::FormWithClient => {
                form.push(("token_type_hint", "refresh_token"));
                form.push(("client_id", &self.client_id));
                if let Some(secret) = &self.client_secret {
                    form.push(("client_secret", secret.expose_secret()));
                }
            }
            RevokeStyle::Query => {
                form.clear();
                url.query_pairs_mut().append_pair("token", token);
            }
        }
        let (status, body) = self
            .post(&url, &form, transport)
            .await
            .map_err(|error| self.clean(error, &[token]))?;
        let said = |key: &str| body.as_ref().and_then(|body| body.get(key)?.as_str());
        match said("error") {
            None if status.is_success() => Ok(()),
            None => Err(ConsentError::Broken(format!(
                "the revocation answered {}",
                status.as_u16()
            ))),
            Some(code) => {
                let refused = ConsentError::Refused {
                    code: code.to_owned(),
                    message: said("error_description").unwrap_or("no reason given").to_owned(),
                    fix: None,
                };
                Err(self.clean(refused, &[token]))
            }
        }
    }

    async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        transport: Arc<dyn Transport>,
    ) -> Result<(StatusCode, Option<Value>), ConsentError> {
        let mut base = url.clone();
        base.set_path("");
        base.set_query(None);
        let wire = Guarded::new(transport, self.allowed.clone(), &[base]).map_err(ConsentError::Broken)?;
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(body))
            .map_err(|error| ConsentError::Broken(format!("the request cannot be built: {error}")))?;
        let answer = wire
            .send(request, LIMITS)
            .await
            .map_err(|error| ConsentError::Broken(error.message))?;
        Ok((answer.status(), serde_json::from_slice(answer.body()).ok()))
    }

    /// Blanks what was sent out of what came back.
    fn clean(&self, error: ConsentError, secrets: &[&str]) -> ConsentError {
        let mut secrets = secrets.to_vec();
        if let Some(secret) = &self.client_secret {
            secrets.push(secret.expose_secret());
        }
        let tidy = |text: &str| tidy(text, &secrets);
        match error {
            ConsentError::Refused { code, message, fix } => ConsentError::Refused {
                code: tidy(&code),
                message: tidy(&message),
                fix,
            },
            ConsentError::Broken(message) => ConsentError::Broken(tidy(&message)),
            other => other,
        }
    }
}

impl From<Refusal> for ConsentError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied { code, message, fix } => Self::Refused { code, message, fix },
            Refusal::Wait { wait, policy } => Self::Wait { wait, policy },
            Refusal::Broken(message) => Self::Broken(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent() -> Consent {
        Consent {
            authorize_url: "https://login.example.com/authorize".parse().unwrap(),
            token_url: "https://login.example.com/token".parse().unwrap(),
            revoke_url: "https://login.example.com/revoke".parse().unwrap(),
            revoke_style: RevokeStyle::Form,
            allowed: AllowList::new()
                .allow(Method::POST, "/token")
                .allow(Method::POST, "/revoke"),
            client_id: "app".to_owned(),
            client_secret: Some(SecretString::from("planted-secret".to_owned())),
            scopes: "read write".to_owned(),
            extra: &[],
            has_pkce: true,
            read: Box::new(|_, _, _| Err(Refusal::Broken("no answer".to_owned()))),
        }
    }

    /// The state's half is zero, the key's half is that of RFC 7636, appendix B.
    fn random() -> [u8; RANDOM_BYTES] {
        let key = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105,
            214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let mut random = [0; RANDOM_BYTES];
        random[32..].copy_from_slice(&key);
        random
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc_and_the_address_carries_no_secret() {
        let begun = consent().begin("http://localhost:8737/callback", &random());
        let url = begun.url.as_str();
        assert!(url.contains("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        assert!(!url.contains("dBjftJeZ4CVP") && !url.contains("planted-secret"));
        assert!(url.contains("redirect_uri=http%3A%2F%2Flocalhost%3A8737%2Fcallback"));
    }

    #[test]
    fn only_the_state_of_this_login_is_mine() {
        let begun = consent().begin("http://localhost:8737/callback", &random());
        let (_, state) = begun.url.query_pairs().find(|(name, _)| name == "state").unwrap();
        assert!(begun.is_mine(&state));
        assert!(!begun.is_mine("") && !begun.is_mine(&state[1..]));
    }

    #[test]
    fn what_a_vendor_repeats_of_our_secrets_is_blanked() {
        let refused = ConsentError::Refused {
            code: "invalid_client".to_owned(),
            message: "planted-secret is not the secret of code-1".to_owned(),
            fix: None,
        };
        let shown = consent().clean(refused, &["code-1"]).to_string();
        assert!(
            !shown.contains("planted-secret") && !shown.contains("code-1"),
            "{shown}"
        );
    }
}
