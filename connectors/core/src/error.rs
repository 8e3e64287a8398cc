//! What can go wrong while talking to a CRM, by what the caller can do about it.

use jiff::Timestamp;

/// A failure of a whole request; failures of single items travel in outcomes and quarantines.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The CRM or our own budget asks to wait.
    #[error("throttled until {until:.0}: {policy}. Fix: none needed, reading goes on by itself then")]
    Throttled {
        /// When to come back.
        until: Timestamp,
        /// Which limit.
        policy: String,
    },
    /// The login does not work: wrong, revoked or expired token. Pauses the connection.
    #[error("the CRM refuses the login: {message}. Fix: {fix}")]
    Unauthorized {
        /// What the CRM said, capped and without secrets.
        message: String,
        /// The exact step that mends it.
        fix: String,
    },
    /// The login works but may not do this. Stops this stream only.
    #[error("the login may not {action}: missing {missing}. Fix: {fix}")]
    Forbidden {
        /// What was tried, for example "read contacts".
        action: String,
        /// The scope or permission, as the CRM names it.
        missing: String,
        /// The exact step that mends it.
        fix: String,
    },
    /// The record is not there.
    #[error("{what} is not there")]
    NotFound {
        /// Which record.
        what: String,
    },
    /// The CRM refuses the request as such; repeating it changes nothing.
    #[error("the CRM refuses to {action}: {message}")]
    Refused {
        /// What was tried.
        action: String,
        /// What the CRM said, capped at 300 characters.
        message: String,
    },
    /// The answer is not what the vendor documents (HTML instead of JSON, a cut page, a missing field).
    #[error("decoding {what}: {message}")]
    Decode {
        /// What was read, for example "page of contacts".
        what: String,
        /// Where and why, without payload.
        message: String,
    },
    /// Network trouble, timeouts and server errors, after all retries.
    #[error("talking to the CRM while trying to {action}: {message}")]
    Transport {
        /// What was tried.
        action: String,
        /// Why it failed.
        message: String,
    },
    /// The stored cursor cannot be used any more; start the lane again from its keyset.
    #[error("cursor of {stream} cannot be used: {message}")]
    Cursor {
        /// Which stream.
        stream: String,
        /// Why.
        message: String,
    },
}

impl ConnectorError {
    /// A stable word for logs, status and JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::Refused { .. } => "refused",
            Self::Decode { .. } => "decode",
            Self::Transport { .. } => "transport",
            Self::Cursor { .. } => "cursor",
        }
    }
}
