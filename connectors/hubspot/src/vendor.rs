//! How HubSpot says no: statuses, error bodies and rate headers (error-handling and usage guides, read 2026-11).
//!
//! Every field of an error body is optional, 429 comes in three shapes, and an edge in front of the API answers in
//! HTML; so the status decides first and the body refines.

use std::time::Duration;

use followup_transport::{Failure, HiddenError, Limit, RateView, Vendor, Verdict};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// Longest pause that HubSpot documents for a portal that moves between data centres (status 477).
const MOVING_MAX: Duration = Duration::from_hours(24);

/// HubSpot's ways.
#[derive(Debug, Clone, Copy)]
pub struct HubspotVendor;

impl Vendor for HubspotVendor {
    fn rate_view(&self, headers: &HeaderMap) -> RateView {
        // The `Secondly` pair is still sent but not enforced. Search answers carry none of these headers.
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
        RateView {
            burst_max: number("x-hubspot-ratelimit-max"),
            burst_remaining: number("x-hubspot-ratelimit-remaining"),
            daily_max: number("x-hubspot-ratelimit-daily"),
            daily_remaining: number("x-hubspot-ratelimit-daily-remaining"),
        }
    }

    fn classify(&self, failure: &Failure<'_>) -> Verdict {
        let message = message(failure);
        match failure.status.as_u16() {
            429 => throttled(failure, &message),
            401 => Verdict::Unauthorized {
                message,
                fix: "check that the access token is complete, not revoked and of this portal, then write it to \
                      the file named by access_token_file"
                    .to_owned(),
            },
            // A malformed token is refused by the edge, in HTML.
            530 => Verdict::Unauthorized {
                message: "HubSpot's edge refuses the token as malformed".to_owned(),
                fix: "write the whole access token, and nothing else, to the file named by access_token_file"
                    .to_owned(),
            },
            403 => forbidden(failure, message),
            404 => Verdict::NotFound,
            // A record under heavy writes stays locked for two seconds.
            423 => Verdict::Busy {
                message,
                wait: Duration::from_secs(2),
            },
            477 => Verdict::Throttled {
                limit: Limit::Account,
                wait: Some(
                    retry_after(failure.headers)
                        .unwrap_or(Duration::from_mins(10))
                        .min(MOVING_MAX),
                ),
                policy: "the portal is moving between data centres".to_owned(),
            },
            414 => Verdict::Refused {
                message: "the URL is too long for HubSpot".to_owned(),
            },
            408 | 425 | 500..=599 => Verdict::Broken { message },
            _ => Verdict::Refused { message },
        }
    }

    fn hidden_error(&self, body: &Value) -> Option<HiddenError> {
        // Batches say `COMPLETE`; records have no such field.
        if body.get("status")?.as_str()? != "error" {
            return None;
        }
        let name = text(Some(body), "category").or_else(|| text(Some(body), "errorType"));
        Some(HiddenError {
            meant: status_of(body).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            name: name.unwrap_or_else(|| "without a category".to_owned()),
            message: told(body).unwrap_or_else(|| "no message".to_owned()),
        })
    }
}

/// The status that belongs to an error inside an answer, by its category; `None` for a category nobody has seen.
pub(crate) fn status_of(error: &Value) -> Option<StatusCode> {
    let category = text(Some(error), "category").or_else(|| text(Some(error), "errorType"))?;
    Some(match category.as_str() {
        "VALIDATION_ERROR" => StatusCode::BAD_REQUEST,
        "INVALID_AUTHENTICATION" | "EXPIRED_AUTHENTICATION" => StatusCode::UNAUTHORIZED,
        "MISSING_SCOPES" | "BANNED" => StatusCode::FORBIDDEN,
        "OBJECT_NOT_FOUND" => StatusCode::NOT_FOUND,
        "CONFLICT" | "OBJECT_ALREADY_EXISTS" => StatusCode::CONFLICT,
        "RATE_LIMITS" | "RATE_LIMIT" => StatusCode::TOO_MANY_REQUESTS,
        "INTERNAL_ERROR" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => return None,
    })
}

fn throttled(failure: &Failure<'_>, message: &str) -> Verdict {
    let policy = text(failure.json, "policyName").unwrap_or_default();
    let (limit, usual) = if policy.eq_ignore_ascii_case("DAILY") || message.contains("daily limit") {
        (Limit::Daily, Duration::from_hours(1))
    } else if policy.to_ascii_uppercase().contains("SECONDLY_ROLLING") || message.contains("ten_secondly") {
        (Limit::Burst, Duration::from_secs(10))
    } else if message.contains("secondly") {
        // Only the search limit counts by the second; its body names no policy.
        (Limit::Search, Duration::from_secs(1))
    } else {
        (Limit::Burst, Duration::from_secs(10))
    };
    let stated =
        retry_after(failure.headers).map_or(usual, |hint| hint.clamp(usual, Duration::from_hours(1)));
    Verdict::Throttled {
        limit,
        wait: Some(stated),
        policy: if policy.is_empty() {
            match limit {
                Limit::Search => "search, per second".to_owned(),
                _ => "rate limit".to_owned(),
            }
        } else {
            policy
        },
    }
}

fn forbidden(failure: &Failure<'_>, message: String) -> Verdict {
    if text(failure.json, "category").as_deref() == Some("BANNED") {
        return Verdict::Unauthorized {
            message,
            fix: "the app is banned from this portal: ask a HubSpot super admin to allow it again".to_owned(),
        };
    }
    let scopes = required_scopes(failure.json);
    if scopes.is_empty() {
        return Verdict::Forbidden {
            missing: format!("a permission HubSpot does not name ({message})"),
            fix: "compare the scopes of the app or service key with the list in the documentation".to_owned(),
        };
    }
    let missing = scopes.join(" or ");
    Verdict::Forbidden {
        fix: format!("add the scope {missing} to the app or service key in HubSpot's settings"),
        missing,
    }
}

/// `errors[].context.requiredGranularScopes[]`: any one of them is enough.
fn required_scopes(json: Option<&Value>) -> Vec<String> {
    let mut scopes: Vec<String> = json
        .and_then(|json| json.get("errors"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|error| error.get("context")?.get("requiredGranularScopes")?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

/// What a validation error says, property by property. HubSpot puts the detail as JSON *inside* the message text, and
/// often again in `errors`; an admin should read neither as code.
pub(crate) fn told(error: &Value) -> Option<String> {
    let message = error.get("message")?.as_str()?;
    let inner = message
        .find("[{")
        .and_then(|start| Some((message.get(..start)?, message.get(start..)?)))
        .and_then(|(lead, rest)| {
            let mut items = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            Some((lead, items.next()?.ok()?))
        });
    let (lead, items) = match &inner {
        Some((lead, items)) => (*lead, items.as_array()),
        None => (message, error.get("errors").and_then(Value::as_array)),
    };
    let details: Vec<String> = items
        .into_iter()
        .flatten()
        .filter_map(|item| {
            let detail = item.get("message")?.as_str()?;
            let property = item.get("name").and_then(Value::as_str).or_else(|| {
                let named = item.get("context")?.get("propertyName")?;
                named.get(0)?.as_str()
            });
            Some(match property {
                Some(property) if !detail.contains(property) => format!("{property}: {detail}"),
                _ => detail.to_owned(),
            })
        })
        .filter(|detail| !lead.contains(detail.as_str()))
        .collect();
    if details.is_empty() {
        return Some(message.to_owned());
    }
    let lead = lead.trim_end().trim_end_matches([':', '.']);
    Some(format!("{lead}: {}", details.join("; ")))
}

fn message(failure: &Failure<'_>) -> String {
    let what = failure
        .json
        .and_then(told)
        .or_else(|| text(failure.json, "error_description"))
        .or_else(|| text(failure.json, "category"));
    match what {
        Some(what) => format!("{what} (status {})", failure.status.as_u16()),
        None if failure.json.is_none() => {
            format!("answered {} without JSON", failure.status.as_u16())
        }
        None => format!("answered {}", failure.status.as_u16()),
    }
}

fn text(json: Option<&Value>, key: &str) -> Option<String> {
    Some(json?.get(key)?.as_str()?.to_owned())
}

/// Seconds; not documented for 429, but honoured when it is there.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    fn classify(status: u16, json: Option<&Value>) -> Verdict {
        HubspotVendor.classify(&Failure {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &HeaderMap::new(),
            json,
        })
    }

    #[test]
    fn the_three_shapes_of_429_close_three_different_limits() {
        for (body, expected) in [
            (
                json!({"message":"You have reached your daily limit.","errorType":"RATE_LIMIT","policyName":"DAILY"}),
                Limit::Daily,
            ),
            (
                json!({"message":"You have reached your ten_secondly_rolling limit.","policyName":"TEN_SECONDLY_ROLLING"}),
                Limit::Burst,
            ),
            (
                json!({"message":"You have reached your secondly limit.","category":"RATE_LIMITS"}),
                Limit::Search,
            ),
            (json!({}), Limit::Burst),
        ] {
            let Verdict::Throttled { limit, .. } = classify(429, Some(&body)) else {
                panic!("429 is a throttle: {body}");
            };
            assert_eq!(limit, expected, "{body}");
        }
    }

    #[test]
    fn a_missing_scope_is_named_and_a_ban_is_not_taken_for_one() {
        let scopes = json!({"category":"MISSING_SCOPES","message":"no",
            "errors":[{"context":{"requiredGranularScopes":["crm.objects.deals.read","a"]}}]});
        let Verdict::Forbidden { missing, fix } = classify(403, Some(&scopes)) else {
            panic!("a missing scope forbids");
        };
        assert_eq!(missing, "a or crm.objects.deals.read");
        assert!(fix.contains("crm.objects.deals.read"));
        assert!(matches!(
            classify(403, Some(&json!({"category":"BANNED"}))),
            Verdict::Unauthorized { .. }
        ));
    }

    #[test]
    fn a_validation_error_reads_as_sentences_wherever_the_vendor_hides_them() {
        for (error, expected) in [
            (
                json!({"message": "Property values were not valid: [{\"isValid\":false,\"message\":\"RED is not an option\",\"error\":\"INVALID_OPTION\",\"name\":\"hs_task_priority\"}]"}),
                "Property values were not valid: hs_task_priority: RED is not an option",
            ),
            (
                json!({"message": "Rules of this account were broken.",
                    "errors": [{"message": "A cost center is required", "context": {"propertyName": ["cost_center"]}}]}),
                "Rules of this account were broken: cost_center: A cost center is required",
            ),
            (json!({"message": "Cut off: [{\"mess"}), "Cut off: [{\"mess"),
            (json!({"message": "Plain"}), "Plain"),
        ] {
            assert_eq!(told(&error).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_portal_that_moves_pauses_everything_for_as_long_as_it_says() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", http::HeaderValue::from_static("7200"));
        let verdict = HubspotVendor.classify(&Failure {
            status: StatusCode::from_u16(477).unwrap(),
            headers: &headers,
            json: None,
        });
        assert!(
            matches!(verdict, Verdict::Throttled { limit: Limit::Account, wait: Some(wait), .. }
                if wait == Duration::from_hours(2)),
            "{verdict:?}"
        );
    }

    #[test]
    fn html_from_the_edge_is_trouble_or_a_malformed_token_but_never_a_refusal() {
        assert!(matches!(classify(502, None), Verdict::Broken { .. }));
        assert!(matches!(classify(524, None), Verdict::Broken { .. }));
        assert!(matches!(classify(530, None), Verdict::Unauthorized { .. }));
        assert!(matches!(classify(423, None), Verdict::Busy { .. }));
    }
}
