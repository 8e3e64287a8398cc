//! How Zoho says no, and how it tells of credits (status codes, error codes and limits of the v8 documentation; read
//! 2026-11).
//!
//! A refusal is a flat `{code, details, message, status}`, or the same wrapped in a list under `data`, or under a wrapper
//! of the resource's own name; one such object may come with status 200. 401 has two meanings: `OAUTH_SCOPE_MISMATCH` no
//! new token mends, everything else one may. 429 has two as well, credits and calls at once, which nothing tells apart: a
//! short wait comes first, and after several in a row the connection rests.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use followup_transport::{Failure, HiddenError, Limit, RateView, Vendor, Verdict};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// First wait after a 429: calls in flight end by themselves.
const CONCURRENT_WAIT: Duration = Duration::from_secs(1);
/// Rest after several 429 in a row, or once the credits are used up.
const CREDITS_WAIT: Duration = Duration::from_mins(15);
/// So many 429 in a row mean that the credits are used up.
const IN_A_ROW: u32 = 3;
/// Fewer credits left than this are as good as none.
const NEARLY_NONE: u64 = 20;
/// Wait after a record was locked by somebody else.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Wait while a mailbox is being synced; too long to be slept through.
const MAILBOX_WAIT: Duration = Duration::from_mins(10);

/// Zoho's ways, and what it said last.
#[derive(Debug)]
pub struct ZohoVendor {
    refused_in_a_row: AtomicU32,
    /// Credits left, as last told; the largest number = plenty.
    left: AtomicU64,
}

impl Default for ZohoVendor {
    fn default() -> Self {
        Self {
            refused_in_a_row: AtomicU32::new(0),
            left: AtomicU64::new(u64::MAX),
        }
    }
}

impl ZohoVendor {
    /// A call was answered: whatever limit there was is over.
    pub(crate) fn answered(&self) {
        self.refused_in_a_row.store(0, Ordering::Relaxed);
    }

    fn too_many(&self, policy: String) -> Verdict {
        let in_a_row = self.refused_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let are_credits_gone = in_a_row >= IN_A_ROW || self.left.load(Ordering::Relaxed) < NEARLY_NONE;
        if are_credits_gone {
            Verdict::Throttled {
                limit: Limit::Account,
                wait: Some(CREDITS_WAIT),
                policy: "credits of the last 24 hours".to_owned(),
            }
        } else {
            Verdict::Throttled {
                limit: Limit::Burst,
                wait: Some(CONCURRENT_WAIT * in_a_row),
                policy,
            }
        }
    }
}

impl Vendor for ZohoVendor {
    /// `X-API-CREDITS-REMAINING`, which comes only once half of the credits are used: absent = plenty.
    fn rate_view(&self, headers: &HeaderMap) -> RateView {
        let left = headers
            .get("x-api-credits-remaining")
            .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
        self.left.store(left.unwrap_or(u64::MAX), Ordering::Relaxed);
        RateView {
            daily_remaining: left,
            ..RateView::default()
        }
    }

    fn classify(&self, failure: &Failure<'_>) -> Verdict {
        let said = Said::of(failure.json);
        let message = said.line(failure.status.as_u16());
        match said.code.as_str() {
            "TOO_MANY_REQUESTS" => return self.too_many(message),
            "OAUTH_SCOPE_MISMATCH" => {
                return Verdict::Forbidden {
                    missing: "an OAuth scope (OAUTH_SCOPE_MISMATCH)".to_owned(),
                    fix: "log in again with the scopes that docs/operating.md lists for Zoho".to_owned(),
                };
            }
            "INVALID_HOST" => {
                return Verdict::LoginRefused {
                    message,
                    fix: "set login_url to the accounts server of the org's own data centre".to_owned(),
                };
            }
            "RECORD_LOCKED" | "CANNOT_PROCESS" => {
                let wait = if said.code == "CANNOT_PROCESS" {
                    MAILBOX_WAIT
                } else {
                    LOCK_WAIT
                };
                return Verdict::Busy { message, wait };
            }
            "INTERNAL_ERROR" | "INTERNAL_SERVER_ERROR" => return Verdict::Broken { message },
            _ => {}
        }
        match failure.status.as_u16() {
            401 => Verdict::Unauthorized {
                message,
                fix: "log in again and write the new refresh token to the configured file".to_owned(),
            },
            403 => Verdict::Forbidden {
                missing: said.missing(),
                fix: "give the profile of this connection's user that permission, or ask an admin which one is missing"
                    .to_owned(),
            },
            404 => Verdict::NotFound,
            429 => self.too_many(message),
            408 | 425 | 500..=599 => Verdict::Broken { message },
            _ => Verdict::Refused { message },
        }
    }

    fn token_scheme(&self) -> &'static str {
        "Zoho-oauthtoken"
    }

    /// 304 is an answer: nothing changed since.
    fn is_success(&self, status: StatusCode) -> bool {
        status.is_success() || status == StatusCode::NOT_MODIFIED
    }

    /// An error object where data should be. Outcomes of single records are data.
    fn hidden_error(&self, body: &Value) -> Option<HiddenError> {
        if body.get("status").and_then(Value::as_str) != Some("error") {
            return None;
        }
        let said = Said::of(Some(body));
        let meant = match said.code.as_str() {
            "INVALID_TOKEN" | "AUTHENTICATION_FAILURE" | "INVALID_OAUTHTOKEN" | "OAUTH_SCOPE_MISMATCH" => {
                StatusCode::UNAUTHORIZED
            }
            "NO_PERMISSION" | "AUTHORIZATION_FAILED" => StatusCode::FORBIDDEN,
            "TOO_MANY_REQUESTS" => StatusCode::TOO_MANY_REQUESTS,
            "INTERNAL_ERROR" | "INTERNAL_SERVER_ERROR" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Some(HiddenError {
            meant,
            name: said.code,
            message: said.message,
        })
    }
}

/// What an error says, in whichever wrapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) code: String,
    pub(crate) message: String,
    /// The field or parameter it is about.
    pub(crate) field: Option<String>,
    /// Permissions it names.
    permissions: Vec<String>,
}

impl Said {
    /// Reads an error: flat, in a list, or in a list under one name.
    pub(crate) fn of(json: Option<&Value>) -> Self {
        let Some(json) = json else { return Self::default() };
        let error = match json {
            Value::Array(errors) => errors.first(),
            Value::Object(fields) if !fields.contains_key("code") => fields
                .values()
                .find_map(|inner| inner.as_array()?.first())
                .filter(|inner| inner.get("code").is_some()),
            flat => Some(flat),
        };
        let Some(error) = error else {
            return Self::default();
        };
        let text = |name: &str| {
            error
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let details = error.get("details");
        let detail = |name: &str| Some(details?.get(name)?.as_str()?.to_owned());
        let permissions = details.and_then(|details| details.get("permissions")?.as_array());
        Self {
            code: text("code"),
            message: text("message"),
            field: ["api_name", "param_name", "column_name", "param"]
                .into_iter()
                .find_map(detail),
            permissions: permissions
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        }
    }

    /// One line for an admin.
    pub(crate) fn line(&self, status: u16) -> String {
        let about = self
            .field
            .as_ref()
            .map(|field| format!(" [{field}]"))
            .unwrap_or_default();
        match (self.code.is_empty(), self.message.is_empty()) {
            (true, true) => format!("answered {status}"),
            (true, false) => format!("{} (status {status})", self.message),
            (false, true) => format!("{}{about} (status {status})", self.code),
            (false, false) => format!("{}: {}{about}", self.code, self.message),
        }
    }

    fn missing(&self) -> String {
        if self.permissions.is_empty() {
            self.line(403)
        } else {
            self.permissions.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn classify(vendor: &ZohoVendor, status: u16, json: Option<&Value>) -> Verdict {
        vendor.classify(&Failure {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &HeaderMap::new(),
            json,
        })
    }

    #[test]
    fn a_refused_token_is_worth_a_new_one_and_a_missing_scope_is_not() {
        let vendor = ZohoVendor::default();
        for code in ["INVALID_TOKEN", "AUTHENTICATION_FAILURE", "INVALID_OAUTHTOKEN"] {
            let body =
                json!({"code": code, "details": {}, "message": "invalid oauth token", "status": "error"});
            let verdict = classify(&vendor, 401, Some(&body));
            assert!(matches!(verdict, Verdict::Unauthorized { .. }), "{code}");
        }
        let body = json!({"code": "OAUTH_SCOPE_MISMATCH", "details": {}, "message": "Unauthorized", "status": "error"});
        assert!(matches!(
            classify(&vendor, 401, Some(&body)),
            Verdict::Forbidden { .. }
        ));
        let body = json!({"code": "NO_PERMISSION", "details": {"permissions": ["Crm_Implied_View_Leads"]},
            "message": "permission denied", "status": "error"});
        let Verdict::Forbidden { missing, .. } = classify(&vendor, 403, Some(&body)) else {
            panic!("a missing permission");
        };
        assert_eq!(missing, "Crm_Implied_View_Leads");
    }

    #[test]
    fn errors_are_read_flat_in_lists_and_inside_a_success() {
        let flat = json!({"code": "INVALID_DATA", "details": {"api_name": "What_Id"}, "message": "bad", "status": "error"});
        for body in [
            flat.clone(),
            json!([flat]),
            json!({"data": [flat]}),
            json!({"tasks": [flat]}),
        ] {
            let said = Said::of(Some(&body));
            assert_eq!(
                (said.code.as_str(), said.field.as_deref()),
                ("INVALID_DATA", Some("What_Id"))
            );
        }
        let vendor = ZohoVendor::default();
        let body = json!({"code": "INVALID_TOKEN", "details": {}, "message": "no", "status": "error"});
        assert_eq!(
            vendor.hidden_error(&body).unwrap().meant,
            StatusCode::UNAUTHORIZED
        );
        for data in [
            json!({"data": [{"code": "INVALID_DATA", "status": "error"}]}),
            json!({"data": [], "info": {"more_records": false}}),
            Value::Null,
        ] {
            assert_eq!(vendor.hidden_error(&data), None, "{data}");
        }
    }

    #[test]
    fn r16_the_first_429_waits_a_moment_and_several_in_a_row_let_the_connection_rest() {
        let vendor = ZohoVendor::default();
        let limit = |vendor: &ZohoVendor| match classify(vendor, 429, None) {
            Verdict::Throttled { limit, wait, .. } => (limit, wait.unwrap()),
            other => panic!("{other:?}"),
        };
        assert_eq!(limit(&vendor), (Limit::Burst, Duration::from_secs(1)));
        assert_eq!(limit(&vendor), (Limit::Burst, Duration::from_secs(2)));
        assert_eq!(limit(&vendor), (Limit::Account, Duration::from_mins(15)));
        vendor.answered();
        assert_eq!(limit(&vendor).0, Limit::Burst);
        let mut headers = HeaderMap::new();
        headers.insert("x-api-credits-remaining", "3".parse().unwrap());
        vendor.answered();
        assert_eq!(vendor.rate_view(&headers).daily_remaining, Some(3));
        assert_eq!(limit(&vendor).0, Limit::Account, "hardly any credits are left");
    }

    #[test]
    fn nothing_new_is_an_answer_and_edges_are_trouble() {
        let vendor = ZohoVendor::default();
        assert!(vendor.is_success(StatusCode::NOT_MODIFIED) && vendor.is_success(StatusCode::MULTI_STATUS));
        assert!(!vendor.is_success(StatusCode::FOUND));
        for status in [500, 502, 504, 520] {
            assert!(matches!(classify(&vendor, status, None), Verdict::Broken { .. }));
        }
        let body =
            json!({"code": "CANNOT_PROCESS", "details": {}, "message": "sync is running", "status": "error"});
        assert!(matches!(
            classify(&vendor, 400, Some(&body)),
            Verdict::Busy { .. }
        ));
    }
}
