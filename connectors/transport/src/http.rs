//! The real wire: reqwest over rustls.
//!
//! Follows no redirect (a bearer token must not wander to another host), has connect, idle and total timeouts, and
//! caps the decoded body while it streams. Plain http is spoken with loopback hosts only.

use std::{error::Error as _, fmt::Write as _, time::Duration};

use bytes::{Bytes, BytesMut};

use crate::send::{Future, SendError, SendLimits, Transport};

/// Longest wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Longest silence while an answer is read.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// Speaks HTTP/1.1 and HTTP/2 over TLS, and plain HTTP with loopback hosts.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    outside: reqwest::Client,
    /// Loopback never goes through a proxy.
    loopback: reqwest::Client,
}

impl HttpTransport {
    /// Sets up the TLS provider and the connection pools.
    ///
    /// # Errors
    /// When the system's certificates cannot be used.
    pub fn new() -> Result<Self, SendError> {
        // A second installation finds the first one in place, which is what we want.
        rustls::crypto::ring::default_provider().install_default().ok();
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_WITHIN)
                .read_timeout(READ_WITHIN)
                .user_agent(concat!("followupd/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| SendError::not_sent(describe(error)))
        };
        Ok(Self {
            outside: build(reqwest::Client::builder())?,
            loopback: build(reqwest::Client::builder().no_proxy())?,
        })
    }

    async fn exchange(
        &self,
        request: ::http::Request<Bytes>,
        limits: SendLimits,
    ) -> Result<::http::Response<Bytes>, SendError> {
        let is_loopback = check_scheme(request.uri())?;
        let client = if is_loopback {
            &self.loopback
        } else {
            &self.outside
        };
        let mut request =
            reqwest::Request::try_from(request).map_err(|error| SendError::not_sent(describe(error)))?;
        *request.timeout_mut() = Some(limits.total);
        let mut response = client.execute(request).await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                SendError::not_sent(describe(error))
            } else {
                SendError::maybe_sent(describe(error))
            }
        })?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| SendError::maybe_sent(describe(error)))?
        {
            if body.len() + chunk.len() > limits.body_bytes_max {
                return Err(SendError::maybe_sent(format!(
                    "the answer is larger than {} bytes",
                    limits.body_bytes_max
                )));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = ::http::Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: ::http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<::http::Response<Bytes>, SendError>> {
        Box::pin(self.exchange(request, limits))
    }
}

/// Refuses plain http outside this machine; tells whether the host is this machine.
fn check_scheme(uri: &::http::Uri) -> Result<bool, SendError> {
    let is_loopback = uri.host().is_some_and(is_loopback_host);
    match uri.scheme_str() {
        Some("https") => Ok(is_loopback),
        Some("http") if is_loopback => Ok(true),
        _ => Err(SendError::not_sent(
            "only https is spoken with hosts other than this machine; use an https base_url",
        )),
    }
}

/// Whether a host name or literal address means this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The chain of causes without the URL, which may carry a query.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a `String` cannot fail.
        write!(text, ": {cause}").ok();
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::send::Reached;

    fn get(uri: &str) -> ::http::Request<Bytes> {
        ::http::Request::get(uri).body(Bytes::new()).unwrap()
    }

    #[tokio::test]
    async fn plain_http_leaves_for_this_machine_only() {
        let transport = HttpTransport::new().unwrap();
        let error = transport
            .send(get("http://api.example.com/crm"), SendLimits::default())
            .await
            .unwrap_err();
        assert_eq!(error.reached, Reached::NotSent);
        assert!(error.message.contains("https"), "{}", error.message);
        for host in ["localhost", "127.0.0.1", "[::1]", "127.8.9.1"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["localhost.example.com", "128.0.0.1", "example.com"] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_is_known_not_to_have_been_sent() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let error = HttpTransport::new()
            .unwrap()
            .send(get(&format!("http://127.0.0.1:{port}/")), SendLimits::default())
            .await
            .unwrap_err();
        assert_eq!(error.reached, Reached::NotSent);
    }

    /// Answers one connection with raw bytes.
    fn serve_once(answer: Vec<u8>) -> (u16, std::thread::JoinHandle<()>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; 1024];
            while !seen.ends_with(b"\r\n\r\n") {
                let count = socket.read(&mut buffer).unwrap();
                seen.extend_from_slice(&buffer[..count]);
            }
            socket.write_all(&answer).unwrap();
        });
        (port, server)
    }

    #[tokio::test]
    async fn a_body_above_the_cap_and_a_cut_body_are_errors_that_may_have_had_an_effect() {
        let long = [
            b"HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n".as_slice(),
            &[b'x'; 64],
        ]
        .concat();
        let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n{\"results\"".to_vec();
        for (answer, expected) in [(long, "larger than 32 bytes"), (cut, "")] {
            let (port, server) = serve_once(answer);
            let limits = SendLimits {
                body_bytes_max: 32,
                ..SendLimits::default()
            };
            let error = HttpTransport::new()
                .unwrap()
                .send(get(&format!("http://127.0.0.1:{port}/")), limits)
                .await
                .unwrap_err();
            server.join().unwrap();
            assert_eq!(error.reached, Reached::MaybeSent);
            assert!(error.message.contains(expected), "{}", error.message);
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let (port, server) = serve_once(
            b"HTTP/1.1 302 Found\r\nlocation: https://elsewhere.example.com/\r\ncontent-length: 0\r\n\r\n"
                .to_vec(),
        );
        let answer = HttpTransport::new()
            .unwrap()
            .send(get(&format!("http://127.0.0.1:{port}/")), SendLimits::default())
            .await
            .unwrap();
        server.join().unwrap();
        assert_eq!(answer.status().as_u16(), 302);
    }
}
