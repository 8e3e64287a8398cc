//! One request in a connector's words.

use http::Method;
use serde_json::Value;

use crate::budget::{Pool, Priority};

/// Whether repeating a request is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes nothing, whatever its method.
    Read,
    /// Changes something: not repeated once it can have had an effect.
    Write,
}

/// One request in a connector's words.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Path and query below the base URL, beginning with `/`.
    pub path: String,
    /// JSON body.
    pub body: Option<Value>,
    /// Who goes first.
    pub priority: Priority,
    /// Which window paces it.
    pub pool: Pool,
    /// Whether it may be repeated.
    pub kind: Kind,
    /// What is being tried, for messages: "read contacts".
    pub action: &'static str,
}

impl Call {
    /// A GET.
    pub fn get(path: impl Into<String>, priority: Priority, action: &'static str) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: None,
            priority,
            pool: Pool::Burst,
            kind: Kind::Read,
            action,
        }
    }

    /// A POST that only reads (a search, a batch read).
    pub fn read_by_post(
        path: impl Into<String>,
        body: Value,
        priority: Priority,
        action: &'static str,
    ) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            body: Some(body),
            priority,
            pool: Pool::Burst,
            kind: Kind::Read,
            action,
        }
    }

    /// A request that changes something.
    pub fn write(method: Method, path: impl Into<String>, body: Option<Value>, action: &'static str) -> Self {
        Self {
            method,
            path: path.into(),
            body,
            priority: Priority::Write,
            pool: Pool::Burst,
            kind: Kind::Write,
            action,
        }
    }

    /// The same call, paced by the search window.
    #[must_use]
    pub const fn as_search(mut self) -> Self {
        self.pool = Pool::Search;
        self
    }
}
