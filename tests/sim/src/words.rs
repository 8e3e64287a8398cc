//! A vendor's words on the wire, as far as the books and the defects need them.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
};

use bytes::Bytes;
use followup_sandbox::Reply;
use http::{HeaderMap, Request, Response, header::CONTENT_LENGTH};
use jiff::Timestamp;
use serde_json::Value;

/// An answer under way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;

/// What one vendor's requests and answers say.
pub trait Words: Send + Sync {
    /// Carries a request to the CRM.
    fn carry(&self, request: Request<Bytes>) -> Answering<'_>;

    /// The CRM's date.
    fn now(&self) -> Timestamp;

    /// What the books need to know of a request.
    fn seen(&self, request: &Request<Bytes>) -> Seen;

    /// Requests left and allowed, as an answer's headers tell.
    fn left(&self, headers: &HeaderMap) -> Option<(u64, u64)>;

    /// Whether an answer asks to slow down.
    fn is_throttle(&self, answer: &Response<Bytes>) -> bool;

    /// The day for which requests are counted.
    fn day(&self, at: Timestamp) -> String;

    /// The span for which the last word on what is left holds.
    fn era(&self, at: Timestamp) -> String {
        self.day(at)
    }

    /// An answer with its results in another order, where the vendor promises none.
    fn shuffled(&self, answer: Response<Bytes>) -> Response<Bytes> {
        answer
    }

    /// An answer whose results belong to the inputs in the same place (a deliberate defect).
    fn misplaced(&self, _request: &Request<Bytes>, answer: Response<Bytes>) -> Response<Bytes> {
        answer
    }

    /// An answer whose headers say nothing of what is left (a deliberate defect).
    fn without_quota(&self, answer: Response<Bytes>) -> Response<Bytes> {
        answer
    }

    /// Begins a window of changes right behind the last one (a deliberate defect). `windows` remembers up to where each
    /// went.
    fn drop_overlap(&self, _request: &mut Request<Bytes>, _windows: &mut BTreeMap<String, i64>) {}
}

/// What the books need to know of a request.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent question about a request"
)]
pub struct Seen {
    /// Creates tasks.
    pub is_create: bool,
    /// Is counted as a search.
    pub is_search: bool,
    /// Reads changes.
    pub is_poll: bool,
    /// Gets a token.
    pub is_refresh: bool,
    /// Follow-up keys of what is created.
    pub keys: Vec<String>,
    /// The refresh token it carries.
    pub refresh_token: Option<String>,
    /// The task it changes.
    pub patched: Option<String>,
    /// For which tasks it looks.
    pub look: Look,
}

/// For which tasks a request looks.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// For none.
    #[default]
    Nowhere,
    /// For those whose key is in this text.
    ByKey(String),
    /// For all about some record.
    Wide,
}

impl Look {
    /// Takes from `lost` what this request looks for.
    pub fn finds(&self, lost: &mut BTreeSet<String>) {
        match self {
            Self::Nowhere => {}
            Self::ByKey(text) => lost.retain(|key| !text.contains(key.as_str())),
            Self::Wide => lost.clear(),
        }
    }
}

/// Changes the JSON of an answer, if it is JSON and `change` says so.
pub fn with_json(answer: Response<Bytes>, change: impl FnOnce(&mut Value) -> bool) -> Response<Bytes> {
    let (mut head, body) = answer.into_parts();
    let mut json: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !change(&mut json) {
        return Response::from_parts(head, body);
    }
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Bytes::from(json.to_string()))
}

/// The answer without the headers that begin so.
pub fn without_headers(mut answer: Response<Bytes>, start: &str) -> Response<Bytes> {
    let names: Vec<_> = answer
        .headers()
        .keys()
        .filter(|name| name.as_str().starts_with(start))
        .cloned()
        .collect();
    for name in names {
        answer.headers_mut().remove(name);
    }
    answer
}

/// A field of a form.
pub fn form_field(body: &[u8], wanted: &str) -> Option<String> {
    let mut form = url::form_urlencoded::parse(body);
    form.find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
}

/// The follow-up key behind the marker in a text.
pub fn behind_marker(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("[followupd key=")?;
    let word = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    Some(rest.chars().take_while(word).collect())
}
