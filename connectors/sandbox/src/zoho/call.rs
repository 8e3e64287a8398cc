//! One request to the API, taken apart.

use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use crate::salesforce::{decode_segment, parse_instant};

/// A request under `/crm/v8/`.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path segments behind the version, decoded.
    pub(crate) rest: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Scopes of the token.
    pub(crate) scopes: Vec<String>,
    /// Id of the token's user.
    pub(crate) user: String,
    pub(crate) now: Timestamp,
}

impl Call {
    /// Takes `/crm/v8/…` apart: the version's number, and the segments behind it.
    pub(crate) fn path(path: &str) -> Option<(u16, Vec<String>)> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        if parts.next() != Some("crm") {
            return None;
        }
        let version = parts.next()?.strip_prefix('v')?;
        let number = version.split('.').next()?.parse().ok()?;
        Some((number, parts.map(decode_segment).collect()))
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A comma-separated parameter.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.query(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// A parameter that is a whole number of at least 1.
    pub(crate) fn count(&self, name: &str, default: usize) -> Result<usize, Refusal> {
        match self.query(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .ok()
                .filter(|count| *count > 0)
                .ok_or_else(|| Refusal::param(name).with("expected_data_type", json!("integer"))),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header that is an instant with its offset.
    pub(crate) fn instant_header(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.header(name) else {
            return Ok(None);
        };
        parse_instant(text).map(Some).ok_or_else(|| {
            Refusal::bad("INVALID_DATA", "the header value given seems to be invalid")
                .with("header_name", json!(name))
                .with("expected_data_type", json!("datetime"))
        })
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, Refusal> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => {
                Err(Refusal::bad("INVALID_DATA", "body").with("expected_data_type", json!("jsonobject")))
            }
            Err(_) => Err(Refusal::bad("INVALID_DATA", "invalid request body")
                .with("expected_data_type", json!("jsonobject"))),
        }
    }
}
