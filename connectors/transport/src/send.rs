//! The seam below which bytes move: one request out, one whole answer in.
//!
//! Production plugs in [`crate::HttpTransport`], tests and the demo a simulated CRM in the same process.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;

/// A boxed future, so that transports can be used as trait objects.
pub type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// Bounds of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendLimits {
    /// From the first byte out to the last byte in.
    pub total: Duration,
    /// Largest body that is read, after decompression.
    pub body_bytes_max: usize,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            total: Duration::from_mins(2),
            body_bytes_max: 16 * 1024 * 1024,
        }
    }
}

/// Whether the server can have seen a request that got no usable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Certainly not: the connection was never made, or the request was refused before it left.
    NotSent,
    /// Perhaps: bytes may have left.
    MaybeSent,
}

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// Whether the server can have seen the request.
    pub reached: Reached,
    /// Why, without URL, payload or token.
    pub message: String,
}

impl SendError {
    /// The request certainly did not leave.
    pub fn not_sent(message: impl Into<String>) -> Self {
        Self {
            reached: Reached::NotSent,
            message: message.into(),
        }
    }

    /// Bytes may have left.
    pub fn maybe_sent(message: impl Into<String>) -> Self {
        Self {
            reached: Reached::MaybeSent,
            message: message.into(),
        }
    }
}

/// Sends one request and reads the whole answer, whatever its status.
pub trait Transport: Send + Sync {
    /// Sends `request` (absolute URI) within `limits`.
    ///
    /// # Errors
    /// [`SendError`] when no whole answer came; a status of 4xx or 5xx is an answer.
    fn send(
        &self,
        request: ::http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<::http::Response<Bytes>, SendError>>;
}
