//! How Salesforce says no, and how it tells of limits (REST guide "Status Codes and Error Responses", limits cheat sheet;
//! read 2026-11).
//!
//! Most error bodies are arrays of `{errorCode, message, fields}`, some are bare objects, the token endpoint answers
//! `{error, error_description}`, edges answer HTML. One code has two meanings: `REQUEST_LIMIT_EXCEEDED` is the day's
//! allowance or too many calls at once, and only the text tells which.

use std::time::Duration;

use followup_transport::{Failure, Limit, RateView, Vendor, Verdict};
use http::HeaderMap;
use serde_json::Value;

/// Wait after "too many long calls at once": they end by themselves.
const CONCURRENT_WAIT: Duration = Duration::from_secs(5);
/// Wait after a row was locked by somebody else.
const LOCK_WAIT: Duration = Duration::from_millis(500);
/// Texts of a 401 that a new token does not mend (policies of the app or of the network).
const NEVER_REFRESH: &[&str] = &[
    "This session is not valid for use with the REST API",
    "Connected app is not attached to Agent",
];

/// Salesforce's ways.
#[derive(Debug, Clone, Copy)]
pub struct SalesforceVendor;

impl Vendor for SalesforceVendor {
    /// `Sforce-Limit-Info: api-usage=18/5000`, sometimes followed by `; per-app-api-usage=17/250(appName=x)`.
    fn rate_view(&self, headers: &HeaderMap) -> RateView {
        let usage = headers
            .get("sforce-limit-info")
            .and_then(|value| value.to_str().ok())
            .and_then(usage);
        usage.map_or_else(RateView::default, |(used, maximum)| RateView {
            daily_max: Some(maximum),
            daily_remaining: Some(maximum.saturating_sub(used)),
            ..RateView::default()
        })
    }

    fn classify(&self, failure: &Failure<'_>) -> Verdict {
        let said = Said::of(failure.json);
        let message = said.line(failure.status.as_u16());
        match said.code.as_str() {
            "REQUEST_LIMIT_EXCEEDED" => return limit_exceeded(&said),
            "UNABLE_TO_LOCK_ROW" => {
                return Verdict::Busy {
                    message,
                    wait: LOCK_WAIT,
                };
            }
            "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED" => {
                return Verdict::LoginRefused {
                    message,
                    fix: "enable the API for this org and the permission API Enabled for the user".to_owned(),
                };
            }
            "SERVER_UNAVAILABLE" => return Verdict::Broken { message },
            _ => {}
        }
        match failure.status.as_u16() {
            401 => unauthorized(message),
            403 => Verdict::Forbidden {
                missing: said.missing(),
                fix: "give the user of this connection that right (a permission set), or ask an admin which one is \
                      missing"
                    .to_owned(),
            },
            404 => Verdict::NotFound,
            410 => Verdict::LoginRefused {
                message: format!("this version of the API is retired: {message}"),
                fix: "set api_version to one the org lists".to_owned(),
            },
            429 => Verdict::Throttled {
                limit: Limit::Burst,
                wait: None,
                policy: message,
            },
            // Edges answer 406 and 420 for a moment; 408 and 425 are time-outs.
            406 | 408 | 420 | 425 | 500..=599 => Verdict::Broken { message },
            _ => Verdict::Refused { message },
        }
    }
}

fn usage(info: &str) -> Option<(u64, u64)> {
    let figures = info
        .split([';', ','])
        .find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, maximum) = figures.split_once('/')?;
    let digits = |text: &str| {
        let text: String = text.trim().chars().take_while(char::is_ascii_digit).collect();
        text.parse().ok()
    };
    Some((digits(used)?, digits(maximum)?))
}

fn limit_exceeded(said: &Said) -> Verdict {
    if said.message.to_ascii_lowercase().contains("concurrent") {
        Verdict::Throttled {
            limit: Limit::Burst,
            wait: Some(CONCURRENT_WAIT),
            policy: "calls at once".to_owned(),
        }
    } else {
        Verdict::Throttled {
            limit: Limit::Daily,
            wait: Some(Duration::from_mins(15)),
            policy: "calls in 24 hours".to_owned(),
        }
    }
}

fn unauthorized(message: String) -> Verdict {
    if NEVER_REFRESH.iter().any(|text| message.contains(text)) {
        return Verdict::LoginRefused {
            message,
            fix: "check the policies of the external client app (permitted users, IP relaxation, allowed scopes: api) \
                  and the login IP ranges of the user's profile"
                .to_owned(),
        };
    }
    Verdict::Unauthorized {
        message,
        fix: "log in again and write the new token to the configured file".to_owned(),
    }
}

/// What an error body says, in whichever shape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// `errorCode` (or `statusCode` in a row of a collection, or `error` of the token endpoint).
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
}

impl Said {
    pub(crate) fn of(json: Option<&Value>) -> Self {
        let first = match json {
            Some(Value::Array(errors)) => errors.first(),
            other => other,
        };
        let text = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| first?.get(name)?.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            code: text(&["errorCode", "statusCode", "error"]),
            message: text(&["message", "error_description"]),
            fields: first
                .and_then(|error| error.get("fields")?.as_array())
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        }
    }

    /// One line for an admin.
    pub(crate) fn line(&self, status: u16) -> String {
        match (self.code.is_empty(), self.message.is_empty()) {
            (true, true) => format!("answered {status}"),
            (true, false) => format!("{} (status {status})", self.message),
            (false, true) => format!("{} (status {status})", self.code),
            (false, false) => {
                let fields = if self.fields.is_empty() {
                    String::new()
                } else {
                    format!(" [{}]", self.fields.join(", "))
                };
                format!("{}: {}{fields}", self.code, self.message)
            }
        }
    }

    fn missing(&self) -> String {
        if self.code.is_empty() {
            "a permission Salesforce does not name".to_owned()
        } else {
            self.line(403)
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};
    use serde_json::json;

    use super::*;

    fn classify(status: u16, json: Option<&Value>) -> Verdict {
        SalesforceVendor.classify(&Failure {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &HeaderMap::new(),
            json,
        })
    }

    #[test]
    fn r17_one_code_closes_the_day_or_only_waits_a_moment_by_its_text() {
        for (text, expected) in [
            ("TotalRequests Limit exceeded.", Limit::Daily),
            (
                "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
                Limit::Burst,
            ),
            ("ConcurrentPerOrgLongTxn Limit exceeded", Limit::Burst),
            ("something new", Limit::Daily),
        ] {
            let body = json!([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": text}]);
            let Verdict::Throttled { limit, .. } = classify(403, Some(&body)) else {
                panic!("{text} is a throttle");
            };
            assert_eq!(limit, expected, "{text}");
        }
        let forbidden = json!([{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}]);
        assert!(matches!(
            classify(403, Some(&forbidden)),
            Verdict::Forbidden { .. }
        ));
    }

    #[test]
    fn an_expired_session_asks_for_a_new_token_and_a_policy_does_not() {
        let expired = json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]);
        assert!(matches!(
            classify(401, Some(&expired)),
            Verdict::Unauthorized { .. }
        ));
        for text in NEVER_REFRESH {
            let body = json!([{"message": format!("{text}."), "errorCode": "INVALID_SESSION_ID"}]);
            assert!(
                matches!(classify(401, Some(&body)), Verdict::LoginRefused { .. }),
                "{text}"
            );
        }
    }

    #[test]
    fn limit_headers_are_read_in_both_forms_and_garbage_is_ignored() {
        for (text, expected) in [
            ("api-usage=18/5000", Some((18, 5_000))),
            (
                "api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)",
                Some((25, 5_000)),
            ),
            (
                "per-app-api-usage=17/250(appName=x); api-usage=30/5000",
                Some((30, 5_000)),
            ),
            ("per-app-api-usage=17/250(appName=x)", None),
            ("api-usage=many/5000", None),
            ("", None),
        ] {
            assert_eq!(usage(text), expected, "{text}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            "sforce-limit-info",
            HeaderValue::from_static("api-usage=6000/5000"),
        );
        let view = SalesforceVendor.rate_view(&headers);
        assert_eq!((view.daily_max, view.daily_remaining), (Some(5_000), Some(0)));
    }

    #[test]
    fn r18_edges_and_servers_are_trouble_never_a_refusal() {
        for status in [406, 408, 420, 500, 502, 503, 520] {
            assert!(
                matches!(classify(status, None), Verdict::Broken { .. }),
                "{status}"
            );
        }
        let lock =
            json!([{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access"}]);
        for status in [400, 500] {
            assert!(
                matches!(classify(status, Some(&lock)), Verdict::Busy { .. }),
                "{status}"
            );
        }
        assert!(matches!(classify(410, None), Verdict::LoginRefused { .. }));
        assert!(matches!(classify(414, None), Verdict::Refused { .. }));
        // A sample of the guide is a bare object.
        let bare = json!({"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"});
        assert_eq!(classify(404, Some(&bare)), Verdict::NotFound);
        assert_eq!(Said::of(Some(&bare)).code, "NOT_FOUND");
    }
}
