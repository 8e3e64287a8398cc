//! One request, taken apart: which resource, in which path family, with which query and body.
//!
//! HubSpot has two path families, `/crm/v3/objects/…` (v4 for associations) and `/crm/objects/2026-09/…`. [`Family`]
//! is the table of their differences; everything else is shared.

use std::borrow::Cow;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;
use url::form_urlencoded;

use super::answer::ApiError;

/// A path family and what it does differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V1,
    V3,
    V4,
    Dated2026March,
    Dated2026September,
    Dated2026SeptemberBeta,
}

impl Family {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "v1" => Self::V1,
            "v3" => Self::V3,
            "v4" => Self::V4,
            "2026-03" => Self::Dated2026March,
            "2026-09" => Self::Dated2026September,
            "2026-09-beta" => Self::Dated2026SeptemberBeta,
            _ => return None,
        })
    }

    pub(crate) const fn is_dated(self) -> bool {
        matches!(
            self,
            Self::Dated2026March | Self::Dated2026September | Self::Dated2026SeptemberBeta
        )
    }

    /// 2026-09: admin rules bind writes, and emails want both scopes.
    pub(crate) const fn is_september(self) -> bool {
        matches!(self, Self::Dated2026September | Self::Dated2026SeptemberBeta)
    }

    /// The legacy family keeps associations under v4 and everything else under v3.
    pub(crate) const fn serves_associations(self) -> bool {
        self.is_dated() || matches!(self, Self::V4)
    }

    /// See [`Family::serves_associations`].
    pub(crate) const fn serves_records(self) -> bool {
        self.is_dated() || matches!(self, Self::V3)
    }

    /// Status of a batch removal of associations.
    pub(crate) const fn archived_links_status(self) -> u16 {
        if self.is_dated() { 200 } else { 204 }
    }
}

/// A request to the API.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) family: Family,
    /// `objects`, `associations`, `owners`, `properties`, `pipelines`, `account-info`, `calling`, `oauth`.
    pub(crate) resource: String,
    /// Path segments behind resource and version.
    pub(crate) rest: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: &'a [u8],
    /// Address the client used, for `paging.next.link`.
    pub(crate) path: &'a str,
    pub(crate) now: Timestamp,
}

impl<'a> Call<'a> {
    /// Takes a request apart; `None` when the path belongs to no known family.
    pub(crate) fn parse(
        method: &'a Method,
        path: &'a str,
        query: &str,
        body: &'a [u8],
        now: Timestamp,
    ) -> Option<Self> {
        let segments: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| decode(part).into_owned())
            .collect();
        let (family, resource, rest) = match segments.split_first()? {
            (root, rest) if root == "crm" => {
                let (first, second) = (rest.first()?, rest.get(1)?);
                if let Some(family @ (Family::V1 | Family::V3 | Family::V4)) = Family::parse(first) {
                    (family, second.clone(), rest.get(2..)?.to_vec())
                } else {
                    let family = Family::parse(second).filter(|family| family.is_dated())?;
                    (family, first.clone(), rest.get(2..)?.to_vec())
                }
            }
            (root, rest) if matches!(root.as_str(), "oauth" | "account-info" | "calling") => (
                Family::parse(rest.first()?)?,
                root.clone(),
                rest.get(1..)?.to_vec(),
            ),
            _ => return None,
        };
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Some(Self {
            method,
            family,
            resource,
            rest,
            query,
            body,
            path,
            now,
        })
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A list parameter, exploded (`a=1&a=2`) or comma-separated (`a=1,2`).
    pub(crate) fn query_list(&self, name: &str) -> Vec<String> {
        self.query
            .iter()
            .filter(|(key, _)| key == name)
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn query_flag(&self, name: &str) -> bool {
        self.query(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `limit` between 1 and `max`.
    pub(crate) fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        let Some(text) = self.query("limit") else {
            return Ok(default);
        };
        match text.parse::<usize>() {
            Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
            _ => Err(ApiError::invalid(format!(
                "limit must be a whole number between 1 and {max}, got {text}"
            ))),
        }
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Result<Value, ApiError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(ApiError::invalid(
                "Invalid JSON input: a request body was expected, but none found",
            ));
        }
        serde_json::from_slice(self.body).map_err(|error| {
            ApiError::invalid(format!(
                "Invalid input JSON on line {}, column {}: not well-formed JSON",
                error.line(),
                error.column()
            ))
        })
    }

    /// The `inputs` array of a batch body, at most `max` entries.
    pub(crate) fn inputs(body: &Value, max: usize) -> Result<&Vec<Value>, ApiError> {
        let inputs = body
            .get("inputs")
            .and_then(Value::as_array)
            .ok_or_else(|| wrong_json("inputs"))?;
        if inputs.is_empty() {
            return Err(ApiError::invalid("inputs must not be empty"));
        }
        if inputs.len() > max {
            return Err(ApiError::invalid(format!(
                "The maximum number of inputs supported in a batch request is {max}, got {}",
                inputs.len()
            )));
        }
        Ok(inputs)
    }

    /// `paging` for a further page; the link may show another path style, so only `after` counts.
    pub(crate) fn paging(&self, after: &str) -> Value {
        serde_json::json!({"next": {
            "after": after,
            "link": format!("https://api.hubapi.com{}?after={after}", self.path),
        }})
    }
}

/// The body's shape is wrong at `field`.
pub(crate) fn wrong_json(field: &str) -> ApiError {
    ApiError::invalid(format!(
        "Invalid input JSON on line 1, column 1: Cannot deserialize value of field '{field}'"
    ))
}

/// An id in a body: a string, or a number.
pub(crate) fn id_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Percent-decoding of one path segment; `+` stays `+`.
fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let escaped = segment.replace('+', "%2B");
    let decoded = form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map(|(key, _)| key.into_owned());
    Cow::Owned(decoded.unwrap_or_default())
}
