//! One call from a connector, carried through budget, token, wire, parsing, classification and retry.
//!
//! Invariants: the body is read and parsed *inside* the retry, so that a cut or garbled answer is tried again; a read
//! is repeated within bounds; a write is never repeated once it can have had an effect, and its [`CallError`] says so.

mod call;
mod decode;
mod health;
mod judge;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use followup_core::Usage;
use http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::{
    budget::Budget,
    error::{CallError, Cause, Effect},
    guard::Guarded,
    send::{SendError, SendLimits},
    server_time::ServerClock,
    token::{Bearer, TokenSource},
    vendor::{Failure, RateView, Vendor},
};
use decode::decode;
use health::{Health, Tries};
use judge::{Asked, Failed, Next};

pub use call::{Call, Expect, Kind, Turn};

/// Most tries of one call.
const TRIES_MAX: u32 = 4;

/// A successful answer, decoded.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// Status, 2xx.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The decoded body; an empty body decodes as `null`.
    pub body: T,
}

/// What a client is made of.
pub struct ClientParts {
    /// The guarded wire.
    pub wire: Guarded,
    /// Where bearer tokens come from.
    pub tokens: TokenSource,
    /// The limits.
    pub budget: Arc<Budget>,
    /// The vendor's ways.
    pub vendor: Arc<dyn Vendor>,
    /// Scheme, host and path prefix of all requests.
    pub base_url: Url,
    /// Bounds of one exchange.
    pub limits: SendLimits,
    /// Seed of the jitter.
    pub seed: u64,
}

/// Carries calls to one connection.
pub struct Client {
    parts: ClientParts,
    rng: Mutex<fastrand::Rng>,
    health: Mutex<Health>,
    server_clock: ServerClock,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("host", &self.parts.base_url.host_str())
            .field("tokens", &self.parts.tokens)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client over `parts`.
    pub fn new(parts: ClientParts) -> Self {
        let rng = Mutex::new(fastrand::Rng::with_seed(parts.seed));
        Self {
            parts,
            rng,
            health: Mutex::default(),
            server_clock: ServerClock::default(),
        }
    }

    /// Limits as an answer's headers show them.
    pub fn rate_view(&self, headers: &HeaderMap) -> RateView {
        self.parts.vendor.rate_view(headers)
    }

    /// What the token endpoint says about our own token (RFC 7662); `None` for a token that never changes, which no
    /// endpoint explains.
    ///
    /// # Errors
    /// [`CallError`] when no token can be had or the endpoint does not answer.
    pub async fn introspect(&self, now: Timestamp) -> Result<Option<Value>, CallError> {
        self.parts
            .tokens
            .introspect(&self.parts.wire, &self.parts.budget, now)
            .await
    }

    /// The limits in use.
    pub fn budget(&self) -> &Budget {
        &self.parts.budget
    }

    /// Counters so far.
    pub fn usage(&self) -> Usage {
        self.parts.budget.usage()
    }

    /// The present by the CRM's own clock, as far as its last good answer tells; `None` before the first.
    pub fn server_now(&self) -> Option<Timestamp> {
        self.server_clock.now()
    }

    /// Sends `call` and decodes the answer as `T`.
    ///
    /// # Errors
    /// [`CallError`] after all tries; its `effect` tells whether a write can have happened all the same.
    pub async fn call<T: DeserializeOwned>(
        &self,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer<T>, CallError> {
        let tries = self.health().check(call.action, now).map_err(|until| {
            let policy = format!("too many failures of \"{}\" in a row", call.action);
            let message = format!("{policy}; it is tried again at {until}");
            Failed::new(Cause::Throttled { until, policy }, Effect::None, message).into_error(call)
        })?;
        let result = self.call_with_retries(call, tries, now).await;
        match &result {
            Err(error) if matches!(error.cause, Cause::Transport | Cause::Decode) => {
                self.health().failed(call.action, now);
            }
            // Not an answer: says nothing about the class.
            Err(error) if error.status.is_none() => {}
            _ => self.health().succeeded(call.action, now),
        }
        result
    }

    async fn call_with_retries<T: DeserializeOwned>(
        &self,
        call: &Call,
        tries: Tries,
        now: Timestamp,
    ) -> Result<Answer<T>, CallError> {
        let started = Instant::now();
        let tries_max = match tries {
            Tries::Many => TRIES_MAX,
            Tries::One => 1,
        };
        let mut bearer = self
            .parts
            .tokens
            .bearer(&self.parts.wire, &self.parts.budget, now)
            .await
            .map_err(|error| CallError {
                action: call.action.to_owned(),
                ..error
            })?;
        let mut has_new_token = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let date = now + SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::ZERO);
            self.admit(call, date).await?;
            let next = match self.attempt(call, &bearer, attempt, date).await {
                Ok(answer) => return Ok(answer),
                Err(next) => next,
            };
            match next {
                Next::Again(wait, failed) if attempt < tries_max && self.may_retry(&failed, date) => {
                    tracing::debug!(
                        action = call.action,
                        retry.attempt = attempt,
                        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                        cause = failed.message,
                        "trying again"
                    );
                    tokio::time::sleep(wait).await;
                }
                Next::NewToken(failed) if !has_new_token => {
                    has_new_token = true;
                    let newer = self
                        .parts
                        .tokens
                        .newer(&bearer, &self.parts.wire, &self.parts.budget, date)
                        .await?;
                    let Some(newer) = newer else {
                        return Err(failed.into_error(call));
                    };
                    bearer = newer;
                }
                Next::Again(_, failed) | Next::NewToken(failed) | Next::Stop(failed) => {
                    return Err(failed.into_error(call));
                }
            }
        }
    }

    /// Waiting out a throttle costs the CRM nothing; everything else comes out of the retry budget.
    fn may_retry(&self, failed: &Failed, now: Timestamp) -> bool {
        matches!(failed.cause, Cause::Throttled { .. }) || self.health().take_retry(now)
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        // Counters stay usable whatever happened to whoever held them.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn admit(&self, call: &Call, now: Timestamp) -> Result<(), CallError> {
        self.parts
            .budget
            .admit_cost(call.pool, call.priority, call.cost, now)
            .await
            .map_err(|throttle| {
                let message = format!("waiting for the {}", throttle.policy);
                Failed::new(
                    Cause::Throttled {
                        until: throttle.until,
                        policy: throttle.policy,
                    },
                    Effect::None,
                    message,
                )
                .into_error(call)
            })
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        call: &Call,
        bearer: &Bearer,
        attempt: u32,
        now: Timestamp,
    ) -> Result<Answer<T>, Next> {
        let request = self
            .request(call, bearer)
            .map_err(|message| Next::Stop(Failed::new(Cause::Refused, Effect::None, message)))?;
        let total = self.parts.limits.total;
        // The wire keeps its own time; this holds whatever wire it is.
        let answer = tokio::time::timeout(total, self.parts.wire.send(request, self.parts.limits))
            .await
            .unwrap_or_else(|_| {
                Err(SendError::maybe_sent(format!(
                    "no whole answer within {} s",
                    total.as_secs()
                )))
            })
            .map_err(|error| self.no_answer(call, attempt, &error))?;
        let (head, body) = answer.into_parts();
        self.parts
            .budget
            .observe(&self.parts.vendor.rate_view(&head.headers), now);
        if self.parts.vendor.is_success(head.status) {
            self.server_clock.note(&head.headers);
            if let Some((hidden, json)) = self.hidden_error(call, &body) {
                let asked = Asked {
                    call,
                    bearer,
                    attempt,
                    now,
                };
                return Err(self.judge_hidden(&asked, &head, &hidden, json));
            }
            return match decode(call.expect, &head.headers, &body) {
                Ok(decoded) => Ok(Answer {
                    status: head.status,
                    headers: head.headers,
                    body: decoded,
                }),
                Err(fault) => Err(self.unreadable(call, attempt, head.status, fault)),
            };
        }
        let json = serde_json::from_slice::<Value>(&body).ok();
        let verdict = self.parts.vendor.classify(&Failure {
            status: head.status,
            headers: &head.headers,
            json: json.as_ref(),
        });
        let next = self.judge(call, bearer, attempt, head.status, verdict, now);
        Err(next.with_body(json))
    }

    fn request(&self, call: &Call, bearer: &Bearer) -> Result<http::Request<Bytes>, String> {
        // Some vendors tell with the token where it is good.
        let base = bearer.base_url.as_ref().unwrap_or(&self.parts.base_url);
        let base = base.as_str().trim_end_matches('/');
        let mut value = header::HeaderValue::from_str(&format!(
            "{} {}",
            self.parts.vendor.token_scheme(),
            bearer.secret.expose_secret()
        ))
        .map_err(|_| "the access token holds characters no header can carry; check its file".to_owned())?;
        value.set_sensitive(true);
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(format!("{base}{}", call.path))
            .header(header::AUTHORIZATION, value)
            .header(
                header::ACCEPT,
                match call.expect {
                    Expect::Json => "application/json",
                    Expect::Csv => "text/csv",
                },
            );
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let body = match &call.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        request
            .body(body)
            .map_err(|error| format!("the request cannot be built: {error}"))
    }

    fn roll<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
