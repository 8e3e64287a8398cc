//! The simulated CRM as a transport: no sockets, so that paused time holds.

use bytes::Bytes;
use followup_sandbox::{Reply, Sandbox};
use followup_transport::{Future, SendError, SendLimits, Transport};
use http::header::CONTENT_LENGTH;

/// Carries requests to a sandbox in this process.
#[derive(Debug, Clone)]
pub struct SandboxTransport(pub Sandbox);

impl Transport for SandboxTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let answer = match self.0.hubspot(request).await {
                Reply::Answer(answer) => answer,
                // A client cannot tell whether the server acted before the connection closed.
                Reply::Closed { .. } => return Err(SendError::maybe_sent("the connection closed")),
            };
            let announced = answer
                .headers()
                .get(CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
            if announced.is_some_and(|length| length > answer.body().len()) {
                return Err(SendError::maybe_sent("the answer was cut"));
            }
            if answer.body().len() > limits.body_bytes_max {
                return Err(SendError::maybe_sent("the answer is too large"));
            }
            Ok(answer)
        })
    }
}
