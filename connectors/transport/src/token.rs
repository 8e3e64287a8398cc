//! Where the bearer token comes from: a fixed one, or OAuth 2 with refresh.
//!
//! Invariants: at most one refresh is in flight per connection, everyone else waits for it and uses its result; a
//! rotated refresh token is durable before the new access token is used; a token never shows in `Debug`, errors or logs.

mod grant;
mod introspect;
mod memory;
mod oauth;
mod scopes;

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use crate::{budget::Budget, error::CallError, guard::Guarded, send::Future};

pub use grant::{Grant, Refusal};
pub use memory::TokenMemory;
pub use oauth::{OAuth, OAuthConfig};
pub use scopes::scopes_in;

/// The tokens of a connection, as they are stored.
#[derive(Clone)]
pub struct TokenPair {
    /// Sent with each request.
    pub access: SecretString,
    /// Buys the next access token.
    pub refresh: SecretString,
    /// When the access token was bought.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Where the access token is good, if the vendor tells that with it. Trusted no further than the guard trusts it.
    pub base_url: Option<Url>,
    /// What it may do, in the vendor's words and separated by spaces, if the vendor tells that with it.
    pub scopes: Option<String>,
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Keeps the tokens of one connection across restarts.
pub trait TokenStore: Send + Sync {
    /// Reads them; `None` if there are none yet.
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>>;

    /// Makes sure that there is room for what [`Self::store`] will be given: asked before tokens are bought, because a
    /// rotated refresh token that cannot be kept is a lost login. The text of an error as there.
    fn prepare(&self) -> Future<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Writes them; durable when it returns. The text of an error says what went wrong, without a token.
    fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>>;
}

/// A bearer token, and which one it is in the row of tokens.
#[derive(Clone)]
pub(crate) struct Bearer {
    pub(crate) secret: SecretString,
    pub(crate) generation: u64,
    pub(crate) base_url: Option<Url>,
}

/// Where a connection's bearer token comes from.
#[derive(Clone)]
pub enum TokenSource {
    /// One token that never changes.
    Fixed(SecretString),
    /// OAuth 2 with refresh.
    OAuth(Arc<OAuth>),
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "TokenSource::Fixed",
            Self::OAuth(_) => "TokenSource::OAuth",
        })
    }
}

impl TokenSource {
    /// A token that never changes. White space around it (a trailing newline of its file) is ignored.
    pub fn fixed(token: &str) -> Self {
        Self::Fixed(SecretString::from(token.trim().to_owned()))
    }

    /// OAuth 2 with refresh tokens kept in `store`.
    pub fn oauth(config: OAuthConfig, store: Arc<dyn TokenStore>) -> Self {
        Self::OAuth(Arc::new(OAuth::new(config, None, store)))
    }

    /// OAuth 2 where the vendor sells tokens its own way; the newest tokens are kept in `store`.
    pub fn granted(config: OAuthConfig, grant: Arc<dyn Grant>, store: Arc<dyn TokenStore>) -> Self {
        Self::OAuth(Arc::new(OAuth::new(config, Some(grant), store)))
    }

    pub(crate) async fn bearer(
        &self,
        wire: &Guarded,
        budget: &Arc<Budget>,
        now: Timestamp,
    ) -> Result<Bearer, CallError> {
        match self {
            Self::Fixed(secret) => Ok(Bearer {
                secret: secret.clone(),
                generation: 0,
                base_url: None,
            }),
            Self::OAuth(oauth) => oauth.bearer(None, wire, budget, now).await,
        }
    }

    /// What the token endpoint says about the token in use; `None` for a token that never changes.
    pub(crate) async fn introspect(
        &self,
        wire: &Guarded,
        budget: &Arc<Budget>,
        now: Timestamp,
    ) -> Result<Option<serde_json::Value>, CallError> {
        match self {
            Self::Fixed(_) => Ok(None),
            Self::OAuth(oauth) => oauth.introspect(wire, budget, now).await.map(Some),
        }
    }

    /// A newer token than `stale`, or `None` if there is no way to get one.
    pub(crate) async fn newer(
        &self,
        stale: &Bearer,
        wire: &Guarded,
        budget: &Arc<Budget>,
        now: Timestamp,
    ) -> Result<Option<Bearer>, CallError> {
        match self {
            Self::Fixed(_) => Ok(None),
            Self::OAuth(oauth) => oauth
                .bearer(Some(stale.generation), wire, budget, now)
                .await
                .map(Some),
        }
    }
}
