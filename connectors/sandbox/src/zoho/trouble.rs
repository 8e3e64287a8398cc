//! Trouble on demand, in Zoho's shapes.

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Refusal},
    limits, list, scopes,
    tenant::Tenant,
    token_of,
};
use crate::{faults::FaultKind, salesforce::parse_query};

impl Tenant {
    /// The answer a fault gives instead of carrying the request out.
    pub(crate) fn replaced(
        &mut self,
        request: &Request<Bytes>,
        fault: Option<&FaultKind>,
        now: Timestamp,
    ) -> Option<Answer> {
        let is_login = request.uri().path().starts_with("/oauth/");
        match fault? {
            FaultKind::Status(code) => Some(status_page(*code, is_login)),
            FaultKind::Html(code) => Some(Answer::html(*code)),
            FaultKind::Throttle(_) if is_login => Some(self.token_throttle()),
            FaultKind::Throttle(_) => Some(limits::too_many().into_answer()),
            FaultKind::Error(name) if is_login => Some(Answer::ok(json!({ "error": name }))),
            FaultKind::Error(name) => Some(self.named(name, request)),
            FaultKind::OkWithError if is_login => Some(Answer::ok(json!({"error": "invalid_code"}))),
            FaultKind::OkWithError => {
                let refusal = Refusal::bad("INTERNAL_ERROR", "Internal Server Error");
                Some(Answer::ok(failed_inside(request, &refusal)))
            }
            FaultKind::ExpirePageToken => {
                let query = parse_query(request.uri().query().unwrap_or_default());
                let (_, token) = query.iter().find(|(name, _)| name == "page_token")?;
                self.pages.expire(token, now);
                Some(list::expired().into_answer())
            }
            FaultKind::Forbid => Some(scopes::mismatch().into_answer()),
            FaultKind::RevokeToken => {
                if is_login {
                    self.auth.revoke_all();
                } else if let Some(token) = token_of(request, true) {
                    self.auth.revoke(token);
                }
                None
            }
            _ => None,
        }
    }

    /// An error the vendor has a name for.
    fn named(&self, name: &str, request: &Request<Bytes>) -> Answer {
        let refusal = match name {
            "AUTHENTICATION_FAILURE" => Refusal::new(401, name, "Authentication failed"),
            "INVALID_TOKEN" | "INVALID_OAUTHTOKEN" => Refusal::new(401, name, "invalid oauth token"),
            "OAUTH_SCOPE_MISMATCH" => scopes::mismatch(),
            "NO_PERMISSION" => Refusal::new(403, name, "permission denied")
                .with("permissions", json!(["Crm_Implied_View_Leads"])),
            "TOO_MANY_REQUESTS" => limits::too_many(),
            "DISCRETE_PAGINATION_LIMIT_EXCEEDED" => list::discrete_limit(),
            "EXPIRED_VALUE" => list::expired(),
            "ALREADY_MODIFIED" => Refusal::new(412, name, "the record has been modified already"),
            "CANNOT_PROCESS" => Refusal::bad(name, "the mails cannot be read now"),
            "INTERNAL_ERROR" => Refusal::new(500, name, "Internal Server Error"),
            "RECORD_LOCKED" | "RECORD_IN_BLUEPRINT" | "NOT_APPROVED" | "AUTHORIZATION_FAILED" => {
                let refusal = Refusal::bad(name, "the record cannot be changed now");
                if request.method() == Method::GET {
                    return refusal.into_answer();
                }
                let status = self.switches.all_refused_status;
                return Answer::json(status, failed_inside(request, &refusal));
            }
            other => Refusal::bad(other, "the request could not be carried out"),
        };
        refusal.into_answer()
    }
}

/// A write with the refusal in every record; for anything else the refusal itself.
fn failed_inside(request: &Request<Bytes>, refusal: &Refusal) -> Value {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
    match body.get("data").and_then(Value::as_array) {
        Some(records) => json!({"data": vec![refusal.to_json(); records.len()]}),
        None => refusal.to_json(),
    }
}

/// An error status from somewhere in front of the API.
fn status_page(code: u16, is_login: bool) -> Answer {
    if is_login {
        return Answer::json(code, json!({"error": "general_error"}));
    }
    let refusal = match code {
        401 => Refusal::new(401, "INVALID_TOKEN", "invalid oauth token"),
        404 => Refusal::no_such_path(),
        429 => limits::too_many(),
        502..=504 | 520..=599 => return Answer::html(code),
        400..=499 => Refusal::new(code, "INVALID_DATA", "the request could not be carried out"),
        _ => Refusal::new(code, "INTERNAL_ERROR", "Internal Server Error"),
    };
    refusal.into_answer()
}
