//! Trouble on demand, in Salesforce's shapes.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Refusal},
    cursors,
    limits::Exceeded,
    oauth::refused,
    org::Org,
    token_of,
};
use crate::{faults::FaultKind, hubspot::Throttle};

/// The edge's page for an address that is too long.
pub(crate) fn too_long() -> Answer {
    Answer::page(414, "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>")
}

impl Org {
    /// The answer a fault gives instead of carrying the request out.
    pub(crate) fn replaced(&mut self, request: &Request<Bytes>, fault: Option<&FaultKind>) -> Option<Answer> {
        let path = request.uri().path();
        let is_login = path.starts_with("/services/oauth2/");
        match fault? {
            FaultKind::Status(code) => Some(status_page(*code, is_login)),
            FaultKind::Html(code) => Some(if *code == 414 {
                too_long()
            } else {
                Answer::html(*code)
            }),
            FaultKind::Throttle(shape) => {
                let exceeded = match shape {
                    Throttle::Daily => Exceeded::Total,
                    Throttle::Burst => Exceeded::Concurrent,
                    Throttle::Search => Exceeded::LongTransactions,
                };
                Some(exceeded.refusal(&self.switches).into_answer())
            }
            FaultKind::Error(name) => Some(self.named(name, request)),
            FaultKind::OkWithError => Some(failed_inside(request, &self.locked("001000000000001AAA"))),
            FaultKind::ExpirePageToken => {
                let is_further = path.contains("/query/0r8")
                    || request
                        .uri()
                        .query()
                        .is_some_and(|query| query.contains("locator="));
                is_further.then(|| cursors::dead(&self.switches).into_answer())
            }
            FaultKind::Forbid => Some(forbidden(request.method())),
            FaultKind::RevokeToken => {
                if is_login {
                    self.auth.revoke_all();
                } else if let Some(token) = token_of(request) {
                    self.auth.end_session(&token);
                }
                None
            }
            _ => None,
        }
    }

    /// An error the vendor has a name for.
    fn named(&self, name: &str, request: &Request<Bytes>) -> Answer {
        let refusal = match name {
            // The two 401 bodies that no refresh heals (fact sheet section 1.5).
            "SESSION_NOT_FOR_REST" => Refusal::new(
                401,
                "INVALID_SESSION_ID",
                "This session is not valid for use with the REST API",
            ),
            "APP_NOT_ATTACHED" => Refusal::new(
                401,
                "INVALID_SESSION_ID",
                "Connected app is not attached to Agent",
            ),
            "INVALID_SESSION_ID" => Refusal::no_session(),
            "API_DISABLED_FOR_ORG" => {
                Refusal::new(403, name, "The REST API is not enabled for this Organization.")
            }
            "UNABLE_TO_LOCK_ROW" => return failed_inside(request, &self.locked("001000000000001AAA")),
            "QUERY_TIMEOUT" => Refusal::bad(name, "Your query request was running for too long."),
            "OPERATION_TOO_LARGE" => Refusal::bad(name, "exceeded 100000 distinct who/what's"),
            "INVALID_QUERY_LOCATOR" => cursors::dead(&self.switches),
            "SERVER_UNAVAILABLE" => Refusal::new(503, name, "Server Too Busy"),
            "STORAGE_LIMIT_EXCEEDED" => Refusal::new(400, name, "storage limit exceeded"),
            "invalid_grant" => return refused(name, "expired access/refresh token"),
            "inactive_user" => return refused(name, "inactive user"),
            "invalid_app_access" => {
                return refused(name, "user is not admin approved to access this app");
            }
            "app_not_found" => {
                return refused(name, "External client app is not installed in this org");
            }
            other => Refusal::bad(other, "the request could not be carried out"),
        };
        refusal.into_answer()
    }
}

/// A write of several records answers 200 with the refusal in every row; anything else answers the refusal.
fn failed_inside(request: &Request<Bytes>, refusal: &Refusal) -> Answer {
    let path = request.uri().path();
    let body: Value = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
    let row = json!({"success": false, "errors": [refusal.to_row()]});
    if path.contains("/composite/sobjects") && request.method() != Method::GET {
        let count = body.get("records").and_then(Value::as_array).map_or(1, Vec::len);
        return Answer::ok(json!(vec![row; count]));
    }
    if let Some(parts) = body.get("compositeRequest").and_then(Value::as_array) {
        let answers: Vec<Value> = parts
            .iter()
            .map(|part| {
                json!({
                    "body": [refusal.to_json()], "httpHeaders": {}, "httpStatusCode": refusal.status,
                    "referenceId": part.get("referenceId"),
                })
            })
            .collect();
        return Answer::ok(json!({"compositeResponse": answers}));
    }
    refusal.clone().into_answer()
}

fn forbidden(method: &Method) -> Answer {
    let refusal = if method == Method::GET {
        Refusal::new(
            403,
            "API_DISABLED_FOR_ORG",
            "The REST API is not enabled for this Organization.",
        )
    } else {
        Refusal::new(
            403,
            "INSUFFICIENT_ACCESS_OR_READONLY",
            "insufficient access rights on object id",
        )
    };
    refusal.into_answer()
}

/// An error status from somewhere in front of the API.
fn status_page(code: u16, is_login: bool) -> Answer {
    let refusal = match code {
        401 => Refusal::no_session(),
        404 => Refusal::not_found(),
        406 => return Answer::page(406, "CustomNotAcceptable"),
        410 => Refusal::new(
            410,
            "UNSUPPORTED_API_VERSION",
            "This API version has been retired",
        ),
        420 => return Answer::page(420, "<h1>We are setting things up for you</h1>"),
        503 => Refusal::new(503, "SERVER_UNAVAILABLE", "Server Too Busy"),
        400..=499 if is_login => {
            let mut answer = refused("invalid_request", "the request could not be carried out");
            answer.status = code;
            return answer;
        }
        400..=499 => Refusal::new(code, "INVALID_INPUT", "the request could not be carried out"),
        502 | 504 => return Answer::html(code),
        _ => Refusal::new(
            code,
            "UNKNOWN_EXCEPTION",
            "An unexpected error occurred. Please include this ErrorId if you contact support: 1093112-101 (-1)",
        ),
    };
    refusal.into_answer()
}
