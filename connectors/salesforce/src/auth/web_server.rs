//! The browser part of the web-server flow: the address to open, and the exchange of the code that comes back (packaging
//! guide "Secure Your Connected Apps and External Client Apps", read 2026-11). PKCE always.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use followup_core::ConnectorError;
use followup_transport::{Guarded, Refusal, SendLimits, TokenPair, Transport, text::tidy};
use http::header;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use super::{base64url, read_answer, token_url};
use crate::paths::allow_list;

/// What is asked for: the API, and a refresh token.
const SCOPES: &str = "api refresh_token";

/// A secret made for one login; only who has it can use the code.
pub struct Pkce(SecretString);

impl fmt::Debug for Pkce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pkce")
    }
}

impl Pkce {
    /// From 32 random bytes, never used before.
    pub fn new(random: &[u8; 32]) -> Self {
        Self(SecretString::from(base64url::encode(random)))
    }

    /// What the browser carries: the hash of the secret.
    pub fn challenge(&self) -> String {
        base64url::encode(&Sha256::digest(self.0.expose_secret().as_bytes()))
    }
}

/// The address to open in a browser. `state` comes back with the code and must be compared.
///
/// # Errors
/// What is wrong with `login_url`.
pub fn authorize_url(
    login_url: &Url,
    client_id: &str,
    redirect_uri: &str,
    pkce: &Pkce,
    state: &str,
) -> Result<Url, String> {
    let mut url = login_url
        .join("/services/oauth2/authorize")
        .map_err(|error| format!("`{login_url}` cannot be a login_url: {error}"))?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", SCOPES)
        .append_pair("code_challenge", &pkce.challenge())
        .append_pair("code_challenge_method", "S256")
        .append_pair("state", state);
    Ok(url)
}

/// A code that came back from the browser.
#[derive(Debug)]
pub struct CodeExchange<'a> {
    /// Where one logs in.
    pub login_url: &'a Url,
    /// The app.
    pub client_id: &'a str,
    /// Its secret; absent in public clients. Confidential ones send it *and* the verifier.
    pub client_secret: Option<&'a SecretString>,
    /// As in the address that was opened.
    pub redirect_uri: &'a str,
    /// What came back; good once.
    pub code: &'a SecretString,
    /// The secret of this login.
    pub pkce: &'a Pkce,
}

impl CodeExchange<'_> {
    /// Buys the first tokens. They must be stored before they are used.
    ///
    /// # Errors
    /// [`ConnectorError::Unauthorized`] when the code is refused or no refresh token is granted,
    /// [`ConnectorError::Transport`] when no answer can be read.
    pub async fn tokens(
        &self,
        transport: Arc<dyn Transport>,
        now: Timestamp,
    ) -> Result<TokenPair, ConnectorError> {
        let refused = |message: String| ConnectorError::Refused {
            action: "exchange the code".to_owned(),
            message,
        };
        let url = token_url(self.login_url).map_err(refused)?;
        let wire =
            Guarded::new(transport, allow_list(), std::slice::from_ref(self.login_url)).map_err(refused)?;
        let request = self.request(&url).map_err(refused)?;
        let answer =
            wire.send(request, SendLimits::default())
                .await
                .map_err(|error| ConnectorError::Transport {
                    action: "exchange the code".to_owned(),
                    message: self.tidy(&error.message),
                })?;
        let body = serde_json::from_slice(answer.body()).ok();
        let none = SecretString::from(String::new());
        let pair = read_answer(self.login_url, answer.status(), body.as_ref(), &none, now)
            .map_err(|refusal| self.error(refusal, now))?;
        if pair.refresh.expose_secret().is_empty() {
            return Err(ConnectorError::Unauthorized {
                message: "the login brought no refresh token".to_owned(),
                fix: "grant the scope refresh_token (offline_access) to the app, then log in again"
                    .to_owned(),
            });
        }
        Ok(pair)
    }

    fn request(&self, url: &Url) -> Result<http::Request<Bytes>, String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", self.code.expose_secret())
            .append_pair("client_id", self.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("code_verifier", self.pkce.0.expose_secret());
        if let Some(secret) = self.client_secret {
            form.append_pair("client_secret", secret.expose_secret());
        }
        http::Request::post(url.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(form.finish()))
            .map_err(|error| format!("the request cannot be built: {error}"))
    }

    fn error(&self, refusal: Refusal, now: Timestamp) -> ConnectorError {
        match refusal {
            Refusal::Denied { code, message, fix } => ConnectorError::Unauthorized {
                message: self.tidy(&format!("{code}: {message}")),
                fix: fix
                    .unwrap_or_else(|| "log in again; a code is good once and for a few minutes".to_owned()),
            },
            Refusal::Wait { wait, policy } => ConnectorError::Throttled {
                until: now + SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO),
                policy,
            },
            Refusal::Broken(message) => ConnectorError::Transport {
                action: "exchange the code".to_owned(),
                message: self.tidy(&message),
            },
        }
    }

    fn tidy(&self, message: &str) -> String {
        let secret = self.client_secret.map_or("", |secret| secret.expose_secret());
        tidy(
            message,
            &[self.code.expose_secret(), self.pkce.0.expose_secret(), secret],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc_and_the_address_carries_no_secret() {
        // RFC 7636, appendix B.
        let random = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105,
            214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let pkce = Pkce::new(&random);
        assert_eq!(
            pkce.0.expose_secret(),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let login = Url::parse("https://acme.my.salesforce.com").unwrap();
        let url = authorize_url(&login, "app", "http://127.0.0.1:7777/callback", &pkce, "s1").unwrap();
        assert!(
            url.as_str()
                .contains("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        );
        assert!(!url.as_str().contains(pkce.0.expose_secret()));
    }
}
