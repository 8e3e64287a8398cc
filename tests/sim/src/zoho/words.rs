//! Zoho's words on the wire.

use bytes::Bytes;
use followup_sandbox::Sandbox;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::words::{Answering, Look, Seen, Words, behind_marker, form_field, without_headers};

const VERSION: &str = "/crm/v8/";

/// One org's wire.
pub(super) struct ZohoWords {
    /// Where it leads.
    pub(super) sandbox: Sandbox,
    /// Credits of 24 hours: headers tell only what is left of them.
    pub(super) daily_max: u64,
}

impl Words for ZohoWords {
    fn carry(&self, request: Request<Bytes>) -> Answering<'_> {
        Box::pin(self.sandbox.zoho(request))
    }

    fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    fn seen(&self, request: &Request<Bytes>) -> Seen {
        let mut seen = Seen::default();
        let path = request.uri().path();
        if path == "/oauth/v2/token" {
            seen.is_refresh = true;
            seen.refresh_token = form_field(request.body(), "refresh_token");
            return seen;
        }
        let query = request.uri().query().unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches(VERSION).split('/').collect();
        match (request.method(), parts.as_slice()) {
            (&Method::POST, ["Tasks"]) => {
                seen.is_create = true;
                seen.keys = keys(request.body());
            }
            (&Method::PUT | &Method::DELETE, ["Tasks", id]) => seen.patched = Some((*id).to_owned()),
            (&Method::POST, ["coql"]) => {
                let select = select_of(request.body());
                if select.contains(" from Tasks where ") && select.contains(" in (") {
                    seen.look = Look::ByKey(select);
                } else {
                    // The history of stages goes with whatever read the deal: a poll, or the look at an open task's records,
                    // which may go on when polls may not.
                    seen.is_poll = !select.contains(" from DealHistory ");
                }
            }
            (&Method::GET, ["Tasks", key]) => seen.look = Look::ByKey((*key).to_owned()),
            // Open ones and closed ones may be in two lists: the second makes the look whole.
            (&Method::GET, [_, _, "Tasks" | "Tasks_History"]) => seen.look = Look::Wide,
            (&Method::GET, [_, _, "Emails"] | [_, "deleted"]) => seen.is_poll = true,
            (&Method::GET, [_]) => seen.is_poll = query.contains("sort_by="),
            _ => {}
        }
        seen
    }

    fn left(&self, headers: &HeaderMap) -> Option<(u64, u64)> {
        let left = headers.get("x-api-credits-remaining")?.to_str().ok()?;
        Some((left.parse().ok()?, self.daily_max))
    }

    fn is_throttle(&self, answer: &Response<Bytes>) -> bool {
        answer.status() == StatusCode::TOO_MANY_REQUESTS
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
        without_headers(answer, "x-api-credits")
    }
}

fn select_of(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let select = body.get("select_query").and_then(Value::as_str);
    select.unwrap_or_default().to_owned()
}

/// The follow-up keys of records to be created: in the field, or behind the marker in a text.
fn keys(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let rows = body.get("data").and_then(Value::as_array);
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let key = |row: &Value| {
        text(row, "Followupd_Key").or_else(|| {
            let mut marked = ["Description", "Subject"]
                .into_iter()
                .filter_map(|name| text(row, name));
            marked.find_map(|text| behind_marker(&text))
        })
    };
    rows.into_iter().flatten().filter_map(key).collect()
}
