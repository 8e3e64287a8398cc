//! A simulated CRM of any vendor as a transport; requests are noted.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use followup_sandbox::{Reply, Sandbox, Vendor};
use followup_transport::{Future, SendError, SendLimits, Transport};

/// One CRM of a sandbox as a transport.
#[derive(Debug, Clone)]
pub struct Wire {
    sandbox: Sandbox,
    vendor: Vendor,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    /// The CRM of this vendor.
    pub fn new(sandbox: &Sandbox, vendor: Vendor) -> Self {
        Self {
            sandbox: sandbox.clone(),
            vendor,
            seen: Arc::default(),
        }
    }

    /// Requests since the last call: method and path without query.
    ///
    /// # Panics
    /// When a holder panicked.
    pub fn drain(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().expect("no holder panicked"))
    }

    /// How many of the requests since the last call have this in their line.
    pub fn count(&self, part: &str) -> usize {
        self.drain().iter().filter(|line| line.contains(part)).count()
    }
}

impl Transport for Wire {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let line = format!("{} {}", request.method(), request.uri().path());
            self.seen.lock().expect("no holder panicked").push(line);
            let reply = match self.vendor {
                Vendor::Hubspot => self.sandbox.hubspot(request).await,
                Vendor::Salesforce => self.sandbox.salesforce(request).await,
                Vendor::Zoho => self.sandbox.zoho(request).await,
            };
            let answer = match reply {
                Reply::Answer(answer) => answer,
                // A client cannot tell whether the server acted before the connection closed.
                Reply::Closed { .. } => return Err(SendError::maybe_sent("the connection closed")),
            };
            let announced = answer
                .headers()
                .get(http::header::CONTENT_LENGTH)
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
