//! A very small HTTP server on this machine, for what a browser brings back from a login and for health questions.
//!
//! GET alone, no bodies, one request a connection. A request must name this machine in its `Host`, so that no page from
//! elsewhere can reach in under a name of its own. Everything has a bound: the head, the time, the connections at once.

use std::{net::IpAddr, sync::Arc, time::Duration};

use followup_transport::http::is_loopback_host;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

/// Longest request head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long a client may take for its request and for taking the answer.
const WITHIN: Duration = Duration::from_secs(5);
/// Connections at once.
const CONNECTIONS_MAX: usize = 16;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The path, for example `/callback`.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Content type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Reply {
    /// Plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: body.into(),
        }
    }
}

/// Who answers.
pub trait Handler: Send + Sync + 'static {
    /// Answers one question.
    fn answer(&self, asked: Asked) -> impl Future<Output = Reply> + Send;
}

/// Whether `Host` must name this machine. A listener elsewhere was configured by somebody who means it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// It must.
    ThisMachine,
    /// It may be any.
    Any,
}

impl Hosts {
    /// What suits a listening address.
    pub const fn of(address: IpAddr) -> Self {
        if address.is_loopback() {
            Self::ThisMachine
        } else {
            Self::Any
        }
    }
}

/// Answers until dropped.
pub async fn serve(listener: TcpListener, hosts: Hosts, handler: Arc<impl Handler>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut clients = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            Some(_) = clients.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let handler = Arc::clone(&handler);
                clients.spawn(async move {
                    let served = tokio::time::timeout(WITHIN * 2, client(stream, hosts, &*handler)).await;
                    if !matches!(served, Ok(Ok(()))) {
                        tracing::debug!("a client of the loopback server went away");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(error = %error, "the loopback server does not accept");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn client(mut stream: TcpStream, hosts: Hosts, handler: &impl Handler) -> std::io::Result<()> {
    let head = tokio::time::timeout(WITHIN, head(&mut stream)).await??;
    let reply = match parse(&head, hosts) {
        Ok(asked) => handler.answer(asked).await,
        Err(reply) => reply,
    };
    let reason = http::StatusCode::from_u16(reply.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Answer");
    let text = format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nReferrer-Policy: \
         no-referrer\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{}",
        reply.status,
        reply.content_type,
        reply.body.len(),
        reply.body
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

async fn head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).await?;
        if count == 0 || head.len() > HEAD_BYTES_MAX {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        head.extend(chunk.iter().take(count));
    }
    Ok(head)
}

fn parse(head: &[u8], hosts: Hosts) -> Result<Asked, Reply> {
    let text = std::str::from_utf8(head).map_err(|_| Reply::text(400, "not a request\n"))?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != "GET" {
        return Err(Reply::text(405, "GET only\n"));
    }
    let host = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map_or("", |(_, value)| value.trim());
    if hosts == Hosts::ThisMachine && !is_loopback_host(without_port(host)) {
        return Err(Reply::text(421, "this machine only\n"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Asked {
        path: path.to_owned(),
        query: query.to_owned(),
    })
}

fn without_port(host: &str) -> &str {
    if host.starts_with('[') {
        return host.split_once(']').map_or(host, |(address, _)| address);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(head: &str) -> Result<Asked, u16> {
        parse(head.as_bytes(), Hosts::ThisMachine).map_err(|reply| reply.status)
    }

    #[test]
    fn only_get_requests_for_this_machine_are_answered() {
        let good = "GET /callback?code=1&state=2 HTTP/1.1\r\nHost: localhost:8737\r\n\r\n";
        assert_eq!(
            asked(good).unwrap(),
            Asked {
                path: "/callback".to_owned(),
                query: "code=1&state=2".to_owned()
            }
        );
        assert!(asked("GET / HTTP/1.1\r\nhost: [::1]:8737\r\n\r\n").is_ok());
        assert_eq!(asked("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), Err(405));
        assert_eq!(
            asked("GET / HTTP/1.1\r\nHost: rebound.example.com\r\n\r\n"),
            Err(421)
        );
        assert_eq!(asked("GET / HTTP/1.1\r\n\r\n"), Err(421));
    }
}
