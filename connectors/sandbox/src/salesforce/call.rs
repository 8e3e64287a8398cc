//! One request to the REST API, taken apart.

use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{answer::Refusal, check::Writer};

/// Smallest and largest page of a query.
pub(crate) const PAGE: (usize, usize) = (200, 2_000);

/// A request under `/services/data/vXX.X/`.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// `68.0`, as the client wrote it.
    pub(crate) version: String,
    /// `68`.
    pub(crate) version_number: u16,
    /// Path segments behind the version, decoded.
    pub(crate) rest: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Scheme and host the client used.
    pub(crate) base: String,
    /// Id of the user.
    pub(crate) user: String,
    pub(crate) now: Timestamp,
}

impl Call {
    /// Takes `/services/data/vXX.X/…?…` apart; `None` if it has another shape.
    pub(crate) fn path(path: &str) -> Option<(String, u16, Vec<String>)> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        if parts.next() != Some("services") || parts.next() != Some("data") {
            return None;
        }
        let version = parts.next()?.strip_prefix('v')?;
        let number = version.split('.').next()?.parse().ok()?;
        let rest = parts.map(decode).collect();
        Some((version.to_owned(), number, rest))
    }

    /// A subrequest of this one, with its own address and body.
    pub(crate) fn sub(&self, method: &str, url: &str, body: Option<&Value>) -> Option<Self> {
        let at = url.find("/services/data/").unwrap_or(0);
        let url = url.get(at..)?;
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let full = if path.starts_with("/services/") {
            path.to_owned()
        } else {
            format!("/services/data/{}", path.trim_start_matches('/'))
        };
        let (version, version_number, rest) = Self::path(&full)?;
        Some(Self {
            method: Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok()?,
            version,
            version_number,
            rest,
            query: parse_query(query),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            ..self.clone()
        })
    }

    pub(crate) fn writer(&self) -> Writer<'_> {
        Writer {
            user: &self.user,
            now: self.now,
        }
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.query(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
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

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The wished page size; the vendor keeps to its bounds.
    pub(crate) fn batch_size(&self) -> usize {
        let wish = self
            .header("sforce-query-options")
            .and_then(|options| {
                options.split([',', ';']).find_map(|option| {
                    let (name, value) = option.split_once('=')?;
                    name.trim()
                        .eq_ignore_ascii_case("batchSize")
                        .then(|| value.trim().parse().ok())
                        .flatten()
                })
            })
            .unwrap_or(PAGE.1);
        wish.clamp(PAGE.0, PAGE.1)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(Refusal::json(
                "The HTTP entity body is required, but this request has no entity body.",
            ));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            Refusal::json(format!(
                "Unexpected character at [line:{}, column:{}]",
                error.line(),
                error.column()
            ))
        })
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, Refusal> {
        match self.json()? {
            Value::Object(object) => Ok(object),
            _ => Err(Refusal::json("The body must be a JSON object")),
        }
    }
}

/// Parameters of a query string or form.
pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Percent-decoding of one path segment; `+` stays `+`.
pub(crate) fn decode(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.to_owned();
    }
    let escaped = format!("={}", segment.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
