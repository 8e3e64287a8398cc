//! The server on a real socket: what only a connection can show.

use followup_sandbox::{Sandbox, Switches, parse_faults, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::support::config;

/// Sends one request on a fresh connection and reads until the server closes it.
async fn raw(address: &str, token: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A cut connection may end in a reset; what arrived before it counts.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn a_socket_shows_answers_closed_connections_and_cut_bodies() {
    let sandbox = Sandbox::new(config(Switches::default()));
    let token = sandbox.access().access_token;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let stop = CancellationToken::new();
    let mut server = JoinSet::new();
    server.spawn(serve(sandbox.clone(), listener, stop.clone().cancelled_owned()));

    let path = "/crm/objects/2026-09/contacts";
    let create = r#"{"properties": {"email": "a@acme.example"}}"#;
    let made = raw(&address, &token, "POST", path, create).await;
    assert!(
        made.starts_with("HTTP/1.1 201 ") && made.contains("a@acme.example"),
        "{made}"
    );
    let now = raw(&address, "none", "GET", "/_sandbox/now", "").await;
    assert!(now.ends_with(r#"{"now":"2026-01-05T08:00:00Z"}"#), "{now}");

    let faults = r#"[
        {"match": "POST /crm/objects/2026-09/contacts", "kind": "close_after_commit"},
        {"match": "GET /crm/objects/2026-09/contacts", "kind": "truncate:20"},
        {"match": "GET /crm/objects/2026-09/deals", "kind": "close_before"}
    ]"#;
    sandbox.set_faults(parse_faults(faults).expect("valid"));
    let second = create.replace("a@", "b@");
    assert_eq!(raw(&address, &token, "POST", path, &second).await, "");
    assert_eq!(
        raw(&address, &token, "GET", "/crm/objects/2026-09/deals", "").await,
        ""
    );
    let cut = raw(&address, &token, "GET", path, "").await;
    let (head, body) = cut.split_once("\r\n\r\n").expect("a head");
    assert!(
        head.contains("content-length: ") && !head.contains("content-length: 20"),
        "{head}"
    );
    assert_eq!(body.len(), 20);
    let whole = raw(&address, &token, "GET", path, "").await;
    assert!(whole.contains("a@acme.example") && whole.contains("b@acme.example"));

    stop.cancel();
    server
        .join_next()
        .await
        .expect("one server")
        .expect("no panic")
        .expect("a clean end");
}
