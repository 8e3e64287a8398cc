//! Salesforce's words on the wire.

use bytes::Bytes;
use followup_sandbox::Sandbox;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::words::{Answering, Look, Seen, Words, behind_marker, form_field, without_headers};

/// One org's wire.
pub(super) struct SalesforceWords {
    /// Where it leads.
    pub(super) sandbox: Sandbox,
}

impl Words for SalesforceWords {
    fn carry(&self, request: Request<Bytes>) -> Answering<'_> {
        Box::pin(self.sandbox.salesforce(request))
    }

    fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    fn seen(&self, request: &Request<Bytes>) -> Seen {
        let path = request.uri().path();
        let mut seen = Seen::default();
        if path == "/services/oauth2/token" {
            seen.is_refresh = true;
            seen.refresh_token = form_field(request.body(), "refresh_token");
            return seen;
        }
        let method = request.method();
        if path.ends_with("/composite/sobjects") && method == Method::POST {
            seen.is_create = true;
            seen.keys = keys(request.body());
            return seen;
        }
        if matches!(*method, Method::PATCH | Method::DELETE)
            && let Some((_, id)) = path.split_once("/sobjects/Task/")
        {
            seen.patched = Some(id.to_owned());
            return seen;
        }
        let query = queries(request);
        seen.is_poll = query.contains("SystemModstamp >") || path.ends_with("/jobs/query");
        if query.contains(" FROM Task ") {
            let is_wide = query.contains("WhoId IN") || query.contains("WhatId IN");
            seen.look = if is_wide { Look::Wide } else { Look::ByKey(query) };
        }
        seen
    }

    fn left(&self, headers: &HeaderMap) -> Option<(u64, u64)> {
        let info = headers.get("sforce-limit-info")?.to_str().ok()?;
        let figures = info.strip_prefix("api-usage=")?.split(';').next()?;
        let (used, of) = figures.split_once('/')?;
        let (used, of): (u64, u64) = (used.parse().ok()?, of.parse().ok()?);
        Some((of.saturating_sub(used), of))
    }

    fn is_throttle(&self, answer: &Response<Bytes>) -> bool {
        let says = |word: &[u8]| answer.body().windows(word.len()).any(|part| part == word);
        match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::FORBIDDEN => says(b"REQUEST_LIMIT_EXCEEDED"),
            _ => false,
        }
    }

    /// Twenty-four hours roll; no day of them may hold more than our share either.
    fn day(&self, at: Timestamp) -> String {
        at.to_zoned(TimeZone::UTC).date().to_string()
    }

    /// In rolling hours what is left grows again by itself.
    fn era(&self, at: Timestamp) -> String {
        format!("hour {}", at.as_second().div_euclid(3_600))
    }

    fn without_quota(&self, answer: Response<Bytes>) -> Response<Bytes> {
        without_headers(answer, "sforce-limit-info")
    }
}

/// The queries a request carries, in its address or in its parts, as plain text.
fn queries(request: &Request<Bytes>) -> String {
    let mut text = plain(request.uri().query().unwrap_or_default());
    if request.method() == Method::POST {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let parts = body.get("compositeRequest").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            text.push('\n');
            text.push_str(&plain(
                part.get("url").and_then(Value::as_str).unwrap_or_default(),
            ));
        }
        text.push_str(body.get("query").and_then(Value::as_str).unwrap_or_default());
    }
    text
}

/// A query string decoded.
fn plain(query: &str) -> String {
    let query = query.split_once('?').map_or(query, |(_, query)| query);
    let values = url::form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned());
    values.collect::<Vec<String>>().join(" ")
}

/// The follow-up keys of rows to be created: in a field, or behind the marker in a text.
fn keys(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let rows = body.get("records").and_then(Value::as_array);
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let key = |row: &Value| {
        text(row, "FollowupKey__c").or_else(|| {
            let mut marked = ["Description", "Subject"]
                .into_iter()
                .filter_map(|name| text(row, name));
            marked.find_map(|text| behind_marker(&text))
        })
    };
    rows.into_iter().flatten().filter_map(key).collect()
}
