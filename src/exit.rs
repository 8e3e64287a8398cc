//! Exit statuses, as documented for scripts.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// How a command ended. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Exit {
    /// Fine.
    Ok = 0,
    /// Differences were found, or the thing asked about is not as it should be.
    Differs = 1,
    /// Usage or configuration error; all problems were printed.
    Usage = 2,
    /// A connection cannot be used (auth, permission).
    Connection = 3,
    /// The state directory cannot be used.
    State = 4,
    /// Stopped before done (signal, budget, breaker, frozen).
    Stopped = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that already knows its exit status and has nothing to add to its message.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The status to exit with.
    pub exit: Exit,
    /// What to print: cause and fix.
    pub message: String,
}

impl Failure {
    /// A failure with this status and message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }
}
