//! A call that did not succeed, and whether it can have had an effect.

use std::fmt;

use followup_core::ConnectorError;
use jiff::Timestamp;
use serde_json::Value;

/// Whether the CRM can have done what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Certainly not.
    None,
    /// Perhaps: look before repeating.
    Maybe,
}

/// Why a call failed, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The CRM or our own budget asks to wait until this instant.
    Throttled {
        /// When to come back.
        until: Timestamp,
        /// Which limit.
        policy: String,
    },
    /// The login does not work.
    Unauthorized {
        /// The exact step that mends it.
        fix: String,
    },
    /// The login may not do this.
    Forbidden {
        /// Scope or permission, as the CRM names it.
        missing: String,
        /// The exact step that mends it.
        fix: String,
    },
    /// The record is not there.
    NotFound,
    /// Refused as such.
    Refused,
    /// An answer that is not what the vendor documents.
    Decode,
    /// Network trouble or server errors, after all tries.
    Transport,
}

/// A failed call.
#[derive(Clone, PartialEq, thiserror::Error)]
#[error("trying to {action}: {message}")]
pub struct CallError {
    /// What was tried, for example "read contacts".
    pub action: String,
    /// Why it failed.
    pub cause: Cause,
    /// Whether it can have had an effect all the same.
    pub effect: Effect,
    /// What the CRM said, or what broke; capped, without secrets.
    pub message: String,
    /// Status of the last answer, if one came.
    pub status: Option<u16>,
    /// Body of a refusal, for the connector to look into. Never printed.
    pub body: Option<Box<Value>>,
}

impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallError")
            .field("action", &self.action)
            .field("cause", &self.cause)
            .field("effect", &self.effect)
            .field("message", &self.message)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl From<CallError> for ConnectorError {
    fn from(error: CallError) -> Self {
        let CallError {
            action,
            cause,
            message,
            ..
        } = error;
        match cause {
            Cause::Throttled { until, policy } => Self::Throttled { until, policy },
            Cause::Unauthorized { fix } => Self::Unauthorized { message, fix },
            Cause::Forbidden { missing, fix } => Self::Forbidden { action, missing, fix },
            Cause::NotFound => Self::NotFound { what: action },
            Cause::Refused => Self::Refused { action, message },
            Cause::Decode => Self::Decode {
                what: action,
                message,
            },
            Cause::Transport => Self::Transport { action, message },
        }
    }
}
