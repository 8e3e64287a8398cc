//! What a try that brought no usable answer means for the call: again, a newer token, or the end.

use std::time::Duration;

use http::{StatusCode, response};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{Call, Client, Expect, Kind, decode::DecodeFault};
use crate::{
    backoff,
    error::{CallError, Cause, Effect},
    send::{Reached, SendError},
    text::tidy,
    token::Bearer,
    vendor::{Failure, HiddenError, Limit, Verdict},
};

/// Wait assumed when a throttle names none.
const THROTTLE_WAIT: Duration = Duration::from_secs(10);
/// Added to a pause of the whole account, and half as much again at most.
const ACCOUNT_SPREAD: Duration = Duration::from_secs(10);
/// A wait longer than this is told to the caller instead of slept through.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(30);
/// A larger body is no error dressed as a success.
const HIDDEN_MAX_BYTES: usize = 16 * 1024;

/// What to do after a try that brought no answer.
pub(super) enum Next {
    /// Try again after this long.
    Again(Duration, Failed),
    /// Try again at once with a newer token.
    NewToken(Failed),
    /// Give up.
    Stop(Failed),
}

/// One try of a call.
pub(super) struct Asked<'a> {
    pub(super) call: &'a Call,
    pub(super) bearer: &'a Bearer,
    pub(super) attempt: u32,
    pub(super) now: Timestamp,
}

pub(super) struct Failed {
    pub(super) cause: Cause,
    pub(super) effect: Effect,
    pub(super) message: String,
    pub(super) status: Option<u16>,
    pub(super) body: Option<Box<Value>>,
}

impl Client {
    pub(super) fn no_answer(&self, call: &Call, attempt: u32, error: &SendError) -> Next {
        let effect = match (error.reached, call.kind) {
            (Reached::MaybeSent, Kind::Write) => Effect::Maybe,
            _ => Effect::None,
        };
        let failed = Failed::new(Cause::Transport, effect, tidy(&error.message, &[]));
        self.again_unless_effect(attempt, failed)
    }

    pub(super) fn hidden_error(&self, call: &Call, body: &[u8]) -> Option<(HiddenError, Value)> {
        if call.expect != Expect::Json || body.len() > HIDDEN_MAX_BYTES {
            return None;
        }
        let json = serde_json::from_slice(body).ok()?;
        Some((self.parts.vendor.hidden_error(&json)?, json))
    }

    /// A success status with an error in the body: classified as if it had come with its own status. Whether a write
    /// had an effect all the same is not known.
    pub(super) fn judge_hidden(
        &self,
        asked: &Asked<'_>,
        head: &response::Parts,
        hidden: &HiddenError,
        json: Value,
    ) -> Next {
        let &Asked {
            call,
            bearer,
            attempt,
            now,
        } = asked;
        let verdict = self.parts.vendor.classify(&Failure {
            status: hidden.meant,
            headers: &head.headers,
            json: Some(&json),
        });
        let told = format!(
            "the CRM answered {} with error {}: {}",
            head.status.as_u16(),
            hidden.name,
            hidden.message
        );
        let told = tidy(&told, &[bearer.secret.expose_secret()]);
        let next = match call.kind {
            Kind::Read => self.judge(call, bearer, attempt, head.status, verdict, now),
            Kind::Write => Next::Stop(Failed {
                status: Some(head.status.as_u16()),
                ..Failed::new(Cause::Decode, Effect::Maybe, String::new())
            }),
        };
        next.with_body(Some(json)).told(told)
    }

    /// A success status whose body is no such thing.
    pub(super) fn unreadable(
        &self,
        call: &Call,
        attempt: u32,
        status: StatusCode,
        fault: DecodeFault,
    ) -> Next {
        let effect = match call.kind {
            Kind::Write => Effect::Maybe,
            Kind::Read => Effect::None,
        };
        let mut failed = Failed::new(Cause::Decode, effect, fault.message);
        failed.status = Some(status.as_u16());
        if fault.is_garbled {
            self.again_unless_effect(attempt, failed)
        } else {
            Next::Stop(failed)
        }
    }

    fn again_unless_effect(&self, attempt: u32, failed: Failed) -> Next {
        match failed.effect {
            Effect::Maybe => Next::Stop(failed),
            Effect::None => Next::Again(self.roll(|rng| backoff::after_fault(attempt, rng)), failed),
        }
    }

    pub(super) fn judge(
        &self,
        call: &Call,
        bearer: &Bearer,
        attempt: u32,
        status: StatusCode,
        verdict: Verdict,
        now: Timestamp,
    ) -> Next {
        let failed = |cause, effect, message: &str| {
            let message = tidy(message, &[bearer.secret.expose_secret()]);
            Failed {
                status: Some(status.as_u16()),
                ..Failed::new(cause, effect, message)
            }
        };
        match verdict {
            Verdict::Throttled { limit, wait, policy } => {
                let stated = wait.unwrap_or(THROTTLE_WAIT);
                let wait = self.roll(|rng| match limit {
                    // A pause of hours needs no spreading over hours.
                    Limit::Account => stated + backoff::after_throttle(ACCOUNT_SPREAD, rng),
                    _ => backoff::after_throttle(stated.saturating_mul(attempt), rng),
                });
                self.parts.budget.close(limit, wait, now);
                if matches!(limit, Limit::Burst | Limit::Search) {
                    // Whichever window the answer blames, this call waits too.
                    self.parts.budget.hold(call.pool, wait);
                }
                let until = now + SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
                let message = format!("the CRM asks to slow down: {policy}");
                let failed = failed(Cause::Throttled { until, policy }, Effect::None, &message);
                // The budget does the waiting, for everyone who shares the limit.
                match limit {
                    Limit::Burst | Limit::Search => Next::Again(Duration::ZERO, failed),
                    Limit::Daily | Limit::Account => Next::Stop(failed),
                }
            }
            Verdict::Busy { message, wait } => {
                let failed = failed(Cause::Transport, Effect::None, &message);
                if wait > BUSY_WAIT_MAX {
                    Next::Stop(failed)
                } else {
                    Next::Again(self.roll(|rng| backoff::after_throttle(wait, rng)), failed)
                }
            }
            Verdict::Unauthorized { message, fix } => {
                Next::NewToken(failed(Cause::Unauthorized { fix }, Effect::None, &message))
            }
            Verdict::LoginRefused { message, fix } => {
                Next::Stop(failed(Cause::Unauthorized { fix }, Effect::None, &message))
            }
            Verdict::Forbidden { missing, fix } => {
                let message = format!("missing {missing}");
                Next::Stop(failed(Cause::Forbidden { missing, fix }, Effect::None, &message))
            }
            Verdict::NotFound => Next::Stop(failed(Cause::NotFound, Effect::None, "not there")),
            Verdict::Refused { message } => Next::Stop(failed(Cause::Refused, Effect::None, &message)),
            Verdict::Broken { message } => {
                let effect = match call.kind {
                    Kind::Write => Effect::Maybe,
                    Kind::Read => Effect::None,
                };
                self.again_unless_effect(attempt, failed(Cause::Transport, effect, &message))
            }
        }
    }
}

impl Next {
    pub(super) fn with_body(self, body: Option<Value>) -> Self {
        self.change(|failed| failed.body = body.map(Box::new))
    }

    fn told(self, message: String) -> Self {
        self.change(|failed| failed.message = message)
    }

    fn change(mut self, change: impl FnOnce(&mut Failed)) -> Self {
        let (Self::Again(_, failed) | Self::NewToken(failed) | Self::Stop(failed)) = &mut self;
        change(failed);
        self
    }
}

impl Failed {
    pub(super) const fn new(cause: Cause, effect: Effect, message: String) -> Self {
        Self {
            cause,
            effect,
            message,
            status: None,
            body: None,
        }
    }

    pub(super) fn into_error(self, call: &Call) -> CallError {
        CallError {
            action: call.action.to_owned(),
            cause: self.cause,
            effect: self.effect,
            message: self.message,
            status: self.status,
            body: self.body,
        }
    }
}
