//! Tokens bought in a vendor's own way: the connector writes the form and reads the answer, everything else (one at a
//! time, durable before use, tries, budget, guard) stays as for the plain refresh.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{
    TokenPair,
    oauth::{Fault, LIMITS},
};
use crate::{
    budget::{Budget, Pool, Priority},
    guard::Guarded,
    server_time::stated_time,
};

/// How one vendor sells access tokens.
pub trait Grant: Send + Sync {
    /// The form fields of a token request. `refresh` is the newest refresh token; empty in flows that have none.
    ///
    /// # Errors
    /// What is wrong with the configured secrets, without showing them.
    fn form(
        &self,
        refresh: &SecretString,
        now: Timestamp,
    ) -> Result<Vec<(&'static str, SecretString)>, String>;

    /// Reads an answer of the token endpoint, whatever its status; `body` is `None` if it is no JSON. An answer without
    /// a new refresh token means that `refresh` stays.
    ///
    /// # Errors
    /// [`Refusal`] by what can be done about it.
    fn read(
        &self,
        status: StatusCode,
        body: Option<&Value>,
        refresh: &SecretString,
        now: Timestamp,
    ) -> Result<TokenPair, Refusal>;

    /// Whether nothing can be bought without a refresh token, so that a person must log in first.
    fn needs_refresh_token(&self) -> bool {
        true
    }

    /// Whether the form states the time, so that a refusal may be the fault of a clock.
    fn states_time(&self) -> bool {
        false
    }

    /// Shortest time between two purchases, where a vendor sells only so many: a token that is refused sooner is not
    /// replaced before, however often the program is restarted meanwhile.
    fn spacing(&self) -> SignedDuration {
        SignedDuration::ZERO
    }
}

/// Why an answer of a token endpoint holds no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The credentials are refused: a human must act.
    Denied {
        /// The vendor's word.
        code: String,
        /// What it said.
        message: String,
        /// The exact step that mends it, where it is not the usual one.
        fix: Option<String>,
    },
    /// An allowance is used up.
    Wait {
        /// For how long.
        wait: Duration,
        /// Which, in the vendor's words.
        policy: String,
    },
    /// Broken for now.
    Broken(String),
}

/// Clocks farther apart than this may be why a form that states the time is refused.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(30);

/// One token request; a second one by the vendor's clock, if ours may be why the first is refused.
pub(super) async fn ask(
    grant: &dyn Grant,
    url: Url,
    refresh: &SecretString,
    wire: &Guarded,
    budget: &Arc<Budget>,
    now: Timestamp,
) -> Result<TokenPair, Fault> {
    let read = |answer: &http::Response<Bytes>| {
        let body: Option<Value> = serde_json::from_slice(answer.body()).ok();
        grant.read(answer.status(), body.as_ref(), refresh, now)
    };
    let answer = send(request(grant, &url, refresh, now)?, wire, budget, now).await?;
    let bought = read(&answer);
    let theirs = stated_time(answer.headers())
        .filter(|theirs| grant.states_time() && theirs.duration_since(now).abs() > CLOCKS_APART);
    let bought = match (bought, theirs) {
        (Err(Refusal::Denied { message, .. }), Some(theirs)) => {
            tracing::warn!(clock.vendor = %theirs, clock.ours = %now, reason = message,
                "the login is refused and this machine's clock differs from the vendor's; asking once more by theirs");
            read(&send(request(grant, &url, refresh, theirs)?, wire, budget, now).await?)
        }
        (bought, _) => bought,
    };
    bought.map_err(|refusal| match refusal {
        Refusal::Denied { code, message, fix } => Fault::Denied { code, message, fix },
        Refusal::Wait { wait, policy } => Fault::Budget {
            until: now + SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO),
            policy,
        },
        Refusal::Broken(message) => Fault::Broken(message),
    })
}

async fn send(
    request: http::Request<Bytes>,
    wire: &Guarded,
    budget: &Arc<Budget>,
    now: Timestamp,
) -> Result<http::Response<Bytes>, Fault> {
    budget
        .admit(Pool::Burst, Priority::Token, now)
        .await
        .map_err(|throttle| Fault::Budget {
            until: throttle.until,
            policy: throttle.policy,
        })?;
    Ok(wire.send(request, LIMITS).await?)
}

fn request(
    grant: &dyn Grant,
    url: &Url,
    refresh: &SecretString,
    now: Timestamp,
) -> Result<http::Request<Bytes>, Fault> {
    let fields = grant.form(refresh, now).map_err(|message| Fault::Denied {
        code: "not_sent".to_owned(),
        message,
        fix: None,
    })?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        form.append_pair(name, value.expose_secret());
    }
    http::Request::post(url.as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(Bytes::from(form.finish()))
        .map_err(|error| Fault::Broken(format!("the request cannot be built: {error}")))
}
