//! `HubSpot`'s words on the wire.

use std::collections::BTreeMap;

use bytes::Bytes;
use followup_sandbox::Sandbox;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::words::{Answering, Look, Seen, Words, form_field, with_json, without_headers};

/// One account's wire.
pub(super) struct HubspotWords {
    /// Where it leads.
    pub(super) sandbox: Sandbox,
    /// The account's zone: its day begins at midnight there.
    pub(super) zone: String,
}

impl Words for HubspotWords {
    fn carry(&self, request: Request<Bytes>) -> Answering<'_> {
        Box::pin(self.sandbox.hubspot(request))
    }

    fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    fn seen(&self, request: &Request<Bytes>) -> Seen {
        let path = request.uri().path();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let mut seen = Seen {
            is_create: path.ends_with("/tasks/batch/create"),
            is_search: path.ends_with("/search"),
            ..Seen::default()
        };
        // A list is read at the object's own path: nothing follows the object's name.
        let is_list = request.method() == Method::GET
            && path.starts_with("/crm/")
            && path.contains("/objects/")
            && parts.len() == 4;
        seen.is_poll = seen.is_search || is_list;
        if path.starts_with("/oauth/") && path.ends_with("/token") {
            seen.refresh_token = form_field(request.body(), "refresh_token");
            seen.is_refresh = seen.refresh_token.is_some();
        }
        if seen.is_create {
            seen.keys = trace_ids(request.body());
        } else if path.contains("/tasks") {
            let path = request.uri().path_and_query().map_or(path, |path| path.as_str());
            let is_wide = path.contains("associations") || path.contains("batch/read");
            seen.look = if is_wide {
                Look::Wide
            } else {
                Look::ByKey(path.to_owned())
            };
        }
        if matches!(*request.method(), Method::PATCH | Method::DELETE) && path.contains("/tasks/") {
            seen.patched = parts.last().map(|id| (*id).to_owned());
        }
        seen
    }

    fn left(&self, headers: &HeaderMap) -> Option<(u64, u64)> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse().ok();
        Some((
            number("x-hubspot-ratelimit-daily-remaining")?,
            number("x-hubspot-ratelimit-daily")?,
        ))
    }

    fn is_throttle(&self, answer: &Response<Bytes>) -> bool {
        answer.status() == StatusCode::TOO_MANY_REQUESTS
    }

    fn day(&self, at: Timestamp) -> String {
        at.in_tz(&self.zone)
            .map_or_else(|_| at.to_string(), |zoned| zoned.date().to_string())
    }

    fn shuffled(&self, answer: Response<Bytes>) -> Response<Bytes> {
        with_results(answer, |results| results.reverse())
    }

    fn misplaced(&self, request: &Request<Bytes>, answer: Response<Bytes>) -> Response<Bytes> {
        let keys = trace_ids(request.body());
        with_results(answer, |results| {
            for (result, key) in results.iter_mut().zip(keys) {
                if let Some(result) = result.as_object_mut() {
                    result.insert("objectWriteTraceId".to_owned(), key.into());
                }
            }
        })
    }

    fn without_quota(&self, answer: Response<Bytes>) -> Response<Bytes> {
        without_headers(answer, "x-hubspot-ratelimit")
    }

    fn drop_overlap(&self, request: &mut Request<Bytes>, windows: &mut BTreeMap<String, i64>) {
        let path = request.uri().path().to_owned();
        if !path.ends_with("/search") {
            return;
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(request.body()) else {
            return;
        };
        let Some(filter) = body.pointer_mut("/filterGroups/0/filters/0") else {
            return;
        };
        let number = |filter: &Value, name: &str| filter.get(name)?.as_str()?.parse::<i64>().ok();
        let (Some(from), Some(until)) = (number(filter, "value"), number(filter, "highValue")) else {
            return;
        };
        let last = windows.entry(path).or_insert(i64::MIN);
        if let Some(filter) = filter.as_object_mut() {
            let from = from.max(last.saturating_add(1)).min(until);
            filter.insert("value".to_owned(), from.to_string().into());
        }
        *last = until.max(*last);
        *request.body_mut() = Bytes::from(body.to_string());
    }
}

fn trace_ids(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let inputs = body.get("inputs").and_then(Value::as_array);
    let ids = inputs
        .into_iter()
        .flatten()
        .filter_map(|input| input.get("objectWriteTraceId")?.as_str());
    ids.map(str::to_owned).collect()
}

fn with_results(answer: Response<Bytes>, change: impl FnOnce(&mut Vec<Value>)) -> Response<Bytes> {
    with_json(answer, |json| {
        let results = json.get_mut("results").and_then(Value::as_array_mut);
        results.map(change).is_some()
    })
}
