//! One HubSpot account as its API shows it, by the fact sheet `apis/hubspot.md` and never as a client would like it.
//!
//! A request is taken apart once ([`call`]), let in or not ([`auth`], [`limits`]) and handled per resource. People's
//! acts reach the same records through [`Crm`](crate::crm::Crm) ([`acts`]).

mod account;
mod acts;
mod answer;
mod associations;
mod auth;
mod batch;
mod call;
mod filter;
mod kind;
mod labels;
mod limits;
mod links;
mod merge;
mod oauth;
mod objects;
mod owners;
mod pipelines;
mod portal;
mod present;
mod properties;
mod record;
mod schema;
mod search;
mod validate;
mod write;

use bytes::Bytes;
use http::{Request, header};
use jiff::Timestamp;
use serde_json::json;

pub(crate) use acts::{is_address, outside_parties};
pub(crate) use answer::{Answer, Body};
use answer::{ApiError, Outcome};
use auth::{Bearer, Refusal};
use call::Call;
pub use limits::Throttle;
pub(crate) use portal::Portal;

use crate::faults::FaultKind;

impl Portal {
    /// One request, `fault` included as far as it replaces the answer; the second value is "throttled".
    pub(crate) fn answer(
        &mut self,
        request: &Request<Bytes>,
        fault: Option<&FaultKind>,
        now: Timestamp,
    ) -> (Answer, bool) {
        let correlation_id = self.correlation_id();
        let answer = self.answer_inner(request, fault, now, &correlation_id);
        let is_throttled = answer.status == 429;
        (
            answer
                .with_header("x-hubspot-correlation-id", &correlation_id)
                .dated(now),
            is_throttled,
        )
    }

    fn answer_inner(
        &mut self,
        request: &Request<Bytes>,
        fault: Option<&FaultKind>,
        now: Timestamp,
        correlation_id: &str,
    ) -> Answer {
        let uri = request.uri();
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        if uri.path_and_query().map_or(0, |text| text.as_str().len()) > self.switches.url_bytes_max {
            return Answer::html(414);
        }
        if path == "/oauth/authorize" && request.method() == http::Method::GET {
            return oauth::authorize(self, query, now);
        }
        let call = Call::parse(request.method(), path, query, request.body(), now);
        if let Some(answer) = self.replaced(request, call.as_ref(), fault, correlation_id) {
            return answer;
        }
        let Some(call) = call else {
            return ApiError::no_such_path().into_answer(correlation_id);
        };
        if call.resource == "oauth" {
            return oauth::handle(self, &call).unwrap_or_else(|error| error.into_answer(correlation_id));
        }
        let bearer = match self.auth.check(request.headers(), now, &self.switches) {
            Ok(bearer) => bearer,
            Err(refusal) => return Refusal::into_answer(refusal, correlation_id),
        };
        self.answer_admitted(&call, bearer, correlation_id)
    }

    fn answer_admitted(&mut self, call: &Call<'_>, bearer: Bearer, correlation_id: &str) -> Answer {
        let mut answer = match self.limits.admit(call, bearer) {
            Err(throttle) => {
                let pause = self.switches.sends_retry_after.then(|| throttle.pause_secs());
                throttle.answer(correlation_id, pause)
            }
            Ok(()) => auth::check_scopes(&self.auth, call)
                .and_then(|()| self.handle(call))
                .unwrap_or_else(|error| error.into_answer(correlation_id)),
        };
        answer.headers.extend(self.limits.headers(call, bearer));
        answer
    }

    fn handle(&mut self, call: &Call<'_>) -> Outcome {
        match call.resource.as_str() {
            "objects" => objects::handle(self, call),
            "associations" => associations::handle(self, call),
            "owners" if call.family.serves_records() => owners::handle(self, call),
            "properties" if call.family.serves_records() => properties::handle(self, call),
            "pipelines" if call.family.serves_records() => pipelines::handle(call),
            "account-info" if call.family.serves_records() => account::handle(self, call),
            "calling" => account::dispositions(call),
            _ => Err(ApiError::no_such_path()),
        }
    }

    /// The answer a fault gives instead of carrying the request out.
    fn replaced(
        &mut self,
        request: &Request<Bytes>,
        call: Option<&Call<'_>>,
        fault: Option<&FaultKind>,
        correlation_id: &str,
    ) -> Option<Answer> {
        match fault? {
            FaultKind::Status(code) => Some(status_page(*code, correlation_id)),
            FaultKind::Html(code) => Some(Answer::html(*code)),
            FaultKind::Throttle(throttle) => {
                let pause = self.switches.sends_retry_after.then(|| throttle.pause_secs());
                Some(throttle.answer(correlation_id, pause))
            }
            FaultKind::OkWithError => Some(Answer::ok(json!({
                "status": "error", "message": "internal error", "correlationId": correlation_id,
                "category": "INTERNAL_ERROR",
            }))),
            FaultKind::ExpirePageToken => {
                let has_token = request
                    .uri()
                    .query()
                    .is_some_and(|query| query.contains("after="))
                    || call
                        .and_then(|call| call.json().ok())
                        .is_some_and(|body| body.get("after").is_some());
                has_token.then(|| ApiError::invalid("Invalid paging token").into_answer(correlation_id))
            }
            FaultKind::Forbid => {
                let error = call.map_or_else(|| auth::missing_scopes(&[]), auth::forbidden);
                Some(error.into_answer(correlation_id))
            }
            FaultKind::RevokeToken => {
                if call.is_some_and(|call| call.resource == "oauth") {
                    self.auth.revoke_refresh_tokens();
                } else if let Some(value) = request.headers().get(header::AUTHORIZATION)
                    && let Some(token) = value.to_str().ok().and_then(auth::bearer)
                {
                    self.auth.revoke(token);
                }
                None
            }
            _ => None,
        }
    }
}

/// An error status from somewhere in front of the API.
fn status_page(code: u16, correlation_id: &str) -> Answer {
    let (category, message) = match code {
        401 => ("INVALID_AUTHENTICATION", "Authentication credentials not found"),
        403 => ("BANNED", "This app is banned from this account"),
        404 => ("OBJECT_NOT_FOUND", "resource not found"),
        409 => ("CONFLICT", "conflict"),
        423 => ("LOCKED", "This record is locked by other writes"),
        429 => ("RATE_LIMITS", "You have reached your secondly limit."),
        477 => (
            "MIGRATION_IN_PROGRESS",
            "This account is moving between data centers",
        ),
        400..=499 => ("VALIDATION_ERROR", "The request could not be processed"),
        _ => ("INTERNAL_ERROR", "internal error"),
    };
    let answer = ApiError::new(code, category, message).into_answer(correlation_id);
    if code == 477 {
        answer.with_header("retry-after", &3_600)
    } else {
        answer
    }
}
