//! What a connector tells this crate about its vendor: how headers show limits, and how an answer says no.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// Limits as an answer's headers show them. Only ever lowers our own view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateView {
    /// Requests allowed per burst window.
    pub burst_max: Option<u64>,
    /// Requests left in the present burst window, for everyone who shares it.
    pub burst_remaining: Option<u64>,
    /// Requests allowed per day.
    pub daily_max: Option<u64>,
    /// Requests left today, for everyone who shares the allowance.
    pub daily_remaining: Option<u64>,
}

/// Which limit was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The burst window.
    Burst,
    /// The search window.
    Search,
    /// The daily allowance.
    Daily,
    /// Everything: the vendor asks to leave the whole account alone for a while.
    Account,
}

/// An answer that is no success.
#[derive(Debug)]
pub struct Failure<'a> {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// The body, if it is JSON.
    pub json: Option<&'a Value>,
}

/// What such an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Too many requests; nothing was done.
    Throttled {
        /// Which limit.
        limit: Limit,
        /// How long to wait, if the answer or the vendor's rules say so.
        wait: Option<Duration>,
        /// The limit in the vendor's words.
        policy: String,
    },
    /// The token is not accepted. One forced refresh is worth a try.
    Unauthorized {
        /// What the vendor said.
        message: String,
        /// The exact step that mends it.
        fix: String,
    },
    /// The login as such is refused; a newer token would be refused as well.
    LoginRefused {
        /// What the vendor said.
        message: String,
        /// The exact step that mends it.
        fix: String,
    },
    /// The token may not do this.
    Forbidden {
        /// Scope or permission, as the vendor names it.
        missing: String,
        /// The exact step that mends it.
        fix: String,
    },
    /// The record is not there.
    NotFound,
    /// Refused as such; nothing was done and repeating changes nothing.
    Refused {
        /// What the vendor said.
        message: String,
    },
    /// Broken for now. Whether something was done is not known.
    Broken {
        /// What the vendor said.
        message: String,
    },
    /// Not now (a locked record, say); nothing was done.
    Busy {
        /// What the vendor said.
        message: String,
        /// How long to wait.
        wait: Duration,
    },
}

/// An error that came with a success status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenError {
    /// The status it should have come with.
    pub meant: StatusCode,
    /// The vendor's word for it.
    pub name: String,
    /// What the vendor said.
    pub message: String,
}

/// One vendor's ways.
pub trait Vendor: Send + Sync {
    /// Reads the limits off an answer's headers.
    fn rate_view(&self, headers: &HeaderMap) -> RateView;

    /// Says what an answer that is no success means.
    fn classify(&self, failure: &Failure<'_>) -> Verdict;

    /// The word in front of the token in the `Authorization` header.
    fn token_scheme(&self) -> &'static str {
        "Bearer"
    }

    /// Whether a status is an answer to be decoded; one without a body decodes as `null`.
    fn is_success(&self, status: StatusCode) -> bool {
        status.is_success()
    }

    /// Recognises an error that this vendor dressed as a success; `None` = the body is what it claims to be. Asked for
    /// small bodies only.
    fn hidden_error(&self, _body: &Value) -> Option<HiddenError> {
        None
    }
}

/// Whether a status is worth another try when nothing in the body says otherwise: time-outs, overload, and the
/// 52x family of a proxy in front of the vendor.
pub fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500..=504 | 520..=599)
}
