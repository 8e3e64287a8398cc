//! Logging in by every flow, against the org's own token endpoint.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use followup_core::{Connector as _, ConnectorError, Lane, PullRequest, Stream};
use followup_salesforce::{
    Salesforce, SalesforceConfig,
    auth::{Flow, JwtKey, consent, tokens},
};
use followup_transport::{
    Begun, ConsentError, Future, SendError, SendLimits, TokenPair, TokenSource, TokenStore, Transport,
    consent::RANDOM_BYTES,
};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::support::{Org, config, connection};

/// Keeps tokens as a file would, and what was stored when.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) pair: Mutex<Option<TokenPair>>,
    pub(crate) stored: AtomicUsize,
}

impl TokenStore for Memory {
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
        let pair = self.pair.lock().expect("no holder panicked").clone();
        Box::pin(async move { Ok(pair) })
    }

    fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>> {
        *self.pair.lock().expect("no holder panicked") = Some(tokens);
        self.stored.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    }
}

fn login_url() -> Url {
    Url::parse("https://acme.my.salesforce.com").expect("a constant URL")
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

pub(crate) fn web_server(org: &Org) -> Flow {
    let access = org.sandbox.salesforce_access();
    Flow::WebServer {
        client_secret: Some(secret(&access.client_secret)),
        refresh_token: secret(&access.refresh_token),
    }
}

pub(crate) fn source(org: &Org, flow: Flow, store: &Arc<Memory>) -> TokenSource {
    let client_id = org.sandbox.salesforce_access().client_id;
    tokens(&login_url(), &client_id, flow, "log in again", store.clone()).expect("a usable login")
}

/// A connector that learns its host from the login.
pub(crate) fn connector(org: &Org, tokens: TokenSource) -> Salesforce {
    let config = SalesforceConfig {
        instance_url: None,
        ..SalesforceConfig::new(connection(), login_url())
    };
    Org::connector_over(config, tokens, Arc::new(org.wire.clone()))
}

pub(crate) async fn reads(org: &Org, connector: &Salesforce) -> Result<(), ConnectorError> {
    let pull = PullRequest {
        stream: Stream::Contacts,
        lane: Lane::Backfill,
        cursor: None,
        now: org.now(),
    };
    connector.pull(pull).await.map(|_| ())
}

pub(crate) fn token_calls(org: &Org) -> usize {
    let sent = org.wire.drain();
    sent.iter().filter(|line| line.contains("/oauth2/token")).count()
}

#[tokio::test(start_paused = true)]
async fn every_flow_brings_a_token_and_the_host_it_is_good_at() {
    let org = Org::empty();
    let access = org.sandbox.salesforce_access();
    let flows = [
        web_server(&org),
        Flow::JwtBearer {
            username: access.username.clone(),
            key: JwtKey::from_pem(&access.jwt_key_pem).unwrap(),
        },
        Flow::ClientCredentials {
            client_secret: secret(&access.client_secret),
        },
    ];
    for flow in flows {
        let name = format!("{flow:?}");
        let store = Arc::new(Memory::default());
        let connector = connector(&org, source(&org, flow, &store));
        reads(&org, &connector)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let pair = store.pair.lock().unwrap().clone().unwrap();
        assert!(pair.base_url.is_some(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_statement_dated_by_a_wrong_clock_is_dated_anew_by_the_orgs() {
    for minutes_off in [-10, 10] {
        let org = Org::empty();
        let access = org.sandbox.salesforce_access();
        let flow = Flow::JwtBearer {
            username: access.username.clone(),
            key: JwtKey::from_pem(&access.jwt_key_pem).unwrap(),
        };
        let store = Arc::new(Memory::default());
        let connector = connector(&org, source(&org, flow, &store));
        let pull = PullRequest {
            stream: Stream::Contacts,
            lane: Lane::Backfill,
            cursor: None,
            now: org.now() + SignedDuration::from_mins(minutes_off),
        };
        connector
            .pull(pull)
            .await
            .unwrap_or_else(|error| panic!("{minutes_off} minutes off: {error}"));
        // A clock that is behind writes a statement that has ended: one refusal, then the right one.
        let asked = if minutes_off < 0 { 2 } else { 1 };
        assert_eq!(token_calls(&org), asked, "{minutes_off} minutes off");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_is_renewed_and_the_rotated_token_is_stored_before_it_is_needed() {
    let org = Org::empty();
    let first_refresh = org.sandbox.salesforce_access().refresh_token;
    let store = Arc::new(Memory::default());
    let connector = connector(&org, source(&org, web_server(&org), &store));
    reads(&org, &connector).await.unwrap();
    assert_eq!(token_calls(&org), 1);
    reads(&org, &connector).await.unwrap();
    assert_eq!(
        token_calls(&org),
        0,
        "nothing says that a token ends, so it is used"
    );
    org.advance(SignedDuration::from_hours(3));
    reads(&org, &connector).await.unwrap();
    assert_eq!(token_calls(&org), 1, "a refused session is renewed once");
    let stored = store.pair.lock().unwrap().clone().unwrap();
    assert_ne!(stored.refresh.expose_secret(), first_refresh);
    assert_eq!(store.stored.load(Ordering::SeqCst), 2);
    // A restart goes on with what was stored, host included.
    let again = self::connector(&org, source(&org, web_server(&org), &store));
    reads(&org, &again).await.unwrap();
    assert_eq!(token_calls(&org), 0);
}

#[tokio::test(start_paused = true)]
async fn r11_many_reads_at_the_end_of_a_session_cause_one_refresh() {
    let org = Org::empty();
    let store = Arc::new(Memory::default());
    let connector = Arc::new(connector(&org, source(&org, web_server(&org), &store)));
    reads(&org, &connector).await.unwrap();
    org.advance(SignedDuration::from_hours(3));
    org.wire.drain();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (org, connector) = (org.clone(), Arc::clone(&connector));
        tasks.spawn(async move { reads(&org, &connector).await.is_ok() });
    }
    assert!(tasks.join_all().await.into_iter().all(|is_ok| is_ok));
    assert_eq!(token_calls(&org), 1);
}

#[tokio::test(start_paused = true)]
async fn r12_a_refresh_whose_answer_is_lost_ends_in_one_named_state_and_no_loop() {
    let org = Org::empty();
    let store = Arc::new(Memory::default());
    let connector = connector(&org, source(&org, web_server(&org), &store));
    reads(&org, &connector).await.unwrap();
    org.advance(SignedDuration::from_hours(3));
    org.faults(&[("POST /services/oauth2/token", "close_after_commit", 1)]);
    let error = reads(&org, &connector).await.unwrap_err();
    let ConnectorError::Unauthorized { fix, .. } = &error else {
        panic!("the grant is gone: {error}");
    };
    assert_eq!(fix, "log in again");
    org.wire.drain();
    reads(&org, &connector).await.unwrap_err();
    assert!(token_calls(&org) <= 1);
}

#[tokio::test(start_paused = true)]
async fn r13_a_token_that_a_sibling_rotated_is_taken_over_and_the_old_one_never_used_again() {
    let org = Org::empty();
    let store = Arc::new(Memory::default());
    let first = connector(&org, source(&org, web_server(&org), &store));
    reads(&org, &first).await.unwrap();
    let sibling = connector(&org, source(&org, web_server(&org), &store));
    reads(&org, &sibling).await.unwrap();
    org.advance(SignedDuration::from_hours(3));
    reads(&org, &first).await.unwrap();
    org.wire.drain();
    // Its session has ended, and its refresh token is the old one: sending that would revoke the whole grant.
    reads(&org, &sibling).await.unwrap();
    assert_eq!(token_calls(&org), 0);
    org.advance(SignedDuration::from_hours(3));
    reads(&org, &sibling).await.unwrap();
    reads(&org, &first).await.unwrap();
    assert_eq!(store.stored.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn r9_a_token_that_ends_between_two_pages_costs_nothing() {
    let org = Org::empty();
    let rows: Vec<_> = (0..5_000)
        .map(|number| serde_json::json!({"LastName": format!("Prova {number}"), "Company": "Acme"}))
        .collect();
    let ids = org.create_many("Lead", &rows).await;
    let store = Arc::new(Memory::default());
    let connector = connector(&org, source(&org, web_server(&org), &store));
    let (mut cursor, mut found, mut pages) = (None, Vec::new(), 0);
    loop {
        let pull = PullRequest {
            stream: Stream::Leads,
            lane: Lane::Sweep,
            cursor,
            now: org.now(),
        };
        let page = connector.pull(pull).await.unwrap();
        found.extend(page.records.iter().map(|record| record.id().native_id.clone()));
        cursor = Some(page.cursor);
        pages += 1;
        if matches!(page.end, followup_core::PageEnd::ReadTo(_)) {
            break;
        }
        org.advance(SignedDuration::from_hours(3));
    }
    assert!(pages >= 3);
    assert!(ids.iter().all(|id| found.contains(id)));
    assert_eq!(
        store.stored.load(Ordering::SeqCst),
        pages,
        "one refresh between any two pages"
    );
}

/// Answers data calls with a fixed 401; everything else goes to the org.
struct Refusing {
    inner: crate::support::Wire,
    text: &'static str,
}

impl Transport for Refusing {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        if request.uri().path().contains("/oauth2/token") {
            return self.inner.send(request, limits);
        }
        let body = serde_json::json!([{"message": self.text, "errorCode": "INVALID_SESSION_ID"}]);
        Box::pin(async move {
            let answer = http::Response::builder()
                .status(401)
                .header("content-type", "application/json")
                .body(Bytes::from(body.to_string()));
            Ok(answer.expect("a plain answer"))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_the_app_or_the_network_is_never_answered_with_a_refresh() {
    for text in [
        "This session is not valid for use with the REST API",
        "Connected app is not attached to Agent",
    ] {
        let org = Org::empty();
        let store = Arc::new(Memory::default());
        let tokens = source(&org, web_server(&org), &store);
        let wire = Refusing {
            inner: org.wire.clone(),
            text,
        };
        let config = SalesforceConfig {
            instance_url: None,
            ..config()
        };
        let connector = Org::connector_over(config, tokens, Arc::new(wire));
        let error = reads(&org, &connector).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unauthorized { .. }), "{error}");
        assert_eq!(
            store.stored.load(Ordering::SeqCst),
            1,
            "{text}: the first login, and no other"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_not_installed_says_what_to_do() {
    let org = Org::with(|org| org.app_installed = false);
    let store = Arc::new(Memory::default());
    let connector = connector(&org, source(&org, web_server(&org), &store));
    let error = reads(&org, &connector).await.unwrap_err();
    assert!(error.to_string().contains("install"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_code_from_the_browser_buys_the_first_tokens_and_only_with_its_secret() {
    let org = Org::empty();
    let access = org.sandbox.salesforce_access();
    let consent = consent(
        &login_url(),
        &access.client_id,
        Some(secret(&access.client_secret)),
    )
    .unwrap();
    let begun_with = |byte: u8| consent.begin("http://127.0.0.1:7777/callback", &[byte; RANDOM_BYTES]);
    let begun = begun_with(7);
    let code = async || {
        let request = http::Request::get(begun.url.as_str()).body(Bytes::new()).unwrap();
        let answer = org.wire.send(request, SendLimits::default()).await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let url = Url::parse(&location).unwrap();
        let find = |name: &str| {
            let (_, value) = url.query_pairs().find(|(key, _)| key == name).unwrap();
            value.into_owned()
        };
        assert!(begun.is_mine(&find("state")));
        secret(&find("code"))
    };
    let exchange = async |code: &SecretString, begun: &Begun| {
        consent
            .exchange(Some(begun), code, Arc::new(org.wire.clone()), org.now())
            .await
    };
    let pair = exchange(&code().await, &begun).await.unwrap();
    assert!(!pair.refresh.expose_secret().is_empty() && pair.base_url.is_some());
    assert_eq!(pair.scopes.as_deref(), Some("refresh_token api"));
    let error = exchange(&code().await, &begun_with(8)).await.unwrap_err();
    assert!(matches!(error, ConsentError::Refused { .. }), "{error}");
    consent
        .revoke(&pair.refresh, Arc::new(org.wire.clone()))
        .await
        .unwrap();
    let again = consent.revoke(&pair.refresh, Arc::new(org.wire.clone())).await;
    assert!(again.is_err(), "a token ends once");
}
