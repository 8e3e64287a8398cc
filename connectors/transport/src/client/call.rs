//! One request in a connector's words.

use http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;
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

/// What a success is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// A JSON document.
    Json,
    /// Comma-separated text; decoded as a JSON string.
    Csv,
}

/// One request's standing: who goes first, and the present as the caller knows it.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// Who goes first.
    pub priority: Priority,
    /// The present.
    pub now: Timestamp,
}

impl Turn {
    /// A look around.
    pub const fn look(now: Timestamp) -> Self {
        Self {
            priority: Priority::Poll,
            now,
        }
    }

    /// The write side.
    pub const fn write(now: Timestamp) -> Self {
        Self {
            priority: Priority::Write,
            now,
        }
    }
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
    /// Headers beyond the usual ones.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What a success is expected to be.
    pub expect: Expect,
    /// How often it counts against the daily allowance.
    pub cost: u32,
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
            headers: Vec::new(),
            expect: Expect::Json,
            cost: 1,
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
            headers: Vec::new(),
            expect: Expect::Json,
            cost: 1,
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
            headers: Vec::new(),
            expect: Expect::Json,
            cost: 1,
        }
    }

    /// The same call, paced by the search window.
    #[must_use]
    pub const fn as_search(mut self) -> Self {
        self.pool = Pool::Search;
        self
    }

    /// The same call, counting `cost` times against the daily allowance.
    #[must_use]
    pub const fn costing(mut self, cost: u32) -> Self {
        self.cost = cost;
        self
    }

    /// The same call with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    /// The same call, answered with comma-separated text.
    #[must_use]
    pub const fn as_csv(mut self) -> Self {
        self.expect = Expect::Csv;
        self
    }
}
