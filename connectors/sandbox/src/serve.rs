//! The sandbox on a loopback socket.
//!
//! Works on hyper directly: a client must be able to see a connection close without an answer, and a body that ends
//! before its announced length.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Request, Response, header};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::world::{Reply, Sandbox, Vendor};

/// Largest request body read.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the connection was to be closed")]
    Asked,
    #[error("reading the request")]
    Unreadable(#[source] hyper::Error),
    #[error("the request is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the body was to be cut")]
    Truncated,
}

/// Serves HubSpot's API and the control paths on `listener` until `stop`; open connections finish their request.
///
/// # Errors
/// `InvalidInput` for a listener that is not on loopback; otherwise when the listener fails for good. One connection's trouble ends only that connection.
pub async fn serve(
    sandbox: Sandbox,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    serve_vendor(sandbox, Vendor::Hubspot, listener, stop).await
}

/// As [`serve()`], for Salesforce's API, login host and instance in one.
///
/// # Errors
/// As [`serve()`].
pub async fn serve_salesforce(
    sandbox: Sandbox,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    serve_vendor(sandbox, Vendor::Salesforce, listener, stop).await
}

/// As [`serve()`], for Zoho CRM's API, accounts server and API in one.
///
/// # Errors
/// As [`serve()`].
pub async fn serve_zoho(
    sandbox: Sandbox,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    serve_vendor(sandbox, Vendor::Zoho, listener, stop).await
}

async fn serve_vendor(
    sandbox: Sandbox,
    vendor: Vendor,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let message = format!("the sandbox serves loopback addresses only, not {address}");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message));
    }
    let tracker = TaskTracker::new();
    let stopping = CancellationToken::new();
    let mut stop = pin!(stop);
    let outcome = loop {
        let accepted = tokio::select! {
            () = &mut stop => break Ok(()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tracker.spawn(connection(sandbox.clone(), vendor, stream, stopping.clone()));
            }
            Err(error) if is_passing(&error) => tracing::debug!(%error, "accepting a connection"),
            Err(error) => break Err(error),
        }
    };
    stopping.cancel();
    tracker.close();
    tracker.wait().await;
    outcome
}

/// The client gave up before it was accepted.
fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

async fn connection(sandbox: Sandbox, vendor: Vendor, stream: TcpStream, stopping: CancellationToken) {
    let service = service_fn(move |request| answer(sandbox.clone(), vendor, request));
    let mut serving = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = stopping.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn answer(
    sandbox: Sandbox,
    vendor: Vendor,
    request: Request<Incoming>,
) -> Result<Response<Answered>, Cut> {
    let (head, body) = request.into_parts();
    let body = collect(body).await?;
    match sandbox.reply(vendor, Request::from_parts(head, body)).await {
        Reply::Closed { .. } => Err(Cut::Asked),
        Reply::Answer(response) => Ok(response_of(response)),
    }
}

async fn collect(mut body: Incoming) -> Result<Bytes, Cut> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(mut data) = frame.map_err(Cut::Unreadable)?.into_data() else {
            continue;
        };
        if bytes.len() + data.remaining() > BODY_BYTES_MAX {
            return Err(Cut::TooLarge);
        }
        bytes.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    Ok(bytes.freeze())
}

fn response_of(response: Response<Bytes>) -> Response<Answered> {
    let (head, bytes) = response.into_parts();
    let is_cut = announced(&head.headers).is_some_and(|length| length > bytes.len());
    Response::from_parts(
        head,
        Answered {
            bytes: Some(bytes),
            cut: is_cut.then_some(CutStep::Flush),
        },
    )
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An answer's body, which may fail after its last byte.
struct Answered {
    bytes: Option<Bytes>,
    cut: Option<CutStep>,
}

/// What is left of cutting a body: first what was written must reach the wire, then the connection ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CutStep {
    Flush,
    End,
}

impl Body for Answered {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.cut {
            None => Poll::Ready(None),
            Some(CutStep::Flush) => {
                self.cut = Some(CutStep::End);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(CutStep::End) => {
                self.cut = None;
                Poll::Ready(Some(Err(Cut::Truncated)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.cut.is_none() && self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        if self.cut.is_some() {
            SizeHint::new()
        } else {
            SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
        }
    }
}
