//! Logging in at the accounts server, and the few tokens it sells.

use std::sync::{Arc, Mutex};

use followup_core::{Connector as _, ConnectorError, Lane, PullRequest, Stream};
use followup_transport::{Future, TokenPair, TokenSource, TokenStore};
use followup_zoho::{Zoho, ZohoConfig, auth::tokens};
use jiff::SignedDuration;
use secrecy::SecretString;

use crate::support::{Org, connection, url};

/// Keeps tokens as a file would.
#[derive(Default)]
struct Memory(Mutex<Option<TokenPair>>);

impl TokenStore for Memory {
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
        let pair = self.0.lock().expect("no holder panicked").clone();
        Box::pin(async move { Ok(pair) })
    }

    fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>> {
        *self.0.lock().expect("no holder panicked") = Some(tokens);
        Box::pin(async { Ok(()) })
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn source(org: &Org, accounts: &str, store: &Arc<Memory>) -> TokenSource {
    let access = org.sandbox.zoho_access();
    tokens(
        &url(accounts),
        &access.client_id,
        secret(&access.client_secret),
        secret(&access.refresh_token),
        "log in again",
        store.clone(),
    )
    .expect("a usable login")
}

/// A connector that learns its host from the login.
fn connector(org: &Org, accounts: &str, store: &Arc<Memory>) -> Zoho {
    let config = ZohoConfig::new(connection(), url(accounts));
    Org::connector_over(config, source(org, accounts, store), Arc::new(org.wire.clone()))
}

async fn reads(org: &Org, connector: &Zoho) -> Result<(), ConnectorError> {
    let pull = PullRequest {
        stream: Stream::Contacts,
        lane: Lane::Backfill,
        cursor: None,
        now: org.now(),
    };
    connector.pull(pull).await.map(|_| ())
}

#[tokio::test(start_paused = true)]
async fn every_data_centre_is_reached_by_its_own_accounts_server_alone() {
    for (center, accounts) in [
        ("us", "https://accounts.zoho.com"),
        ("eu", "https://accounts.zoho.eu"),
        ("in", "https://accounts.zoho.in"),
        ("au", "https://accounts.zoho.com.au"),
        ("jp", "https://accounts.zoho.jp"),
        ("ca", "https://accounts.zohocloud.ca"),
        ("cn", "https://accounts.zoho.com.cn"),
        ("sa", "https://accounts.zoho.sa"),
        ("uk", "https://accounts.zoho.uk"),
    ] {
        let org = Org::empty().await;
        org.change(|org| org.data_center = center.to_owned());
        let store = Arc::default();
        reads(&org, &connector(&org, accounts, &store))
            .await
            .unwrap_or_else(|error| panic!("{center}: {error}"));
        let other = if center == "eu" {
            "https://accounts.zoho.com"
        } else {
            "https://accounts.zoho.eu"
        };
        let error = reads(&org, &connector(&org, other, &Arc::default()))
            .await
            .expect_err("another data centre");
        assert_eq!(error.code(), "unauthorized", "{center}");
    }
}

#[tokio::test(start_paused = true)]
async fn r15_twenty_restarts_in_five_minutes_cost_at_most_one_token_request() {
    let org = Org::empty().await;
    let store = Arc::default();
    for _ in 0..20 {
        let connector = connector(&org, "https://accounts.zoho.eu", &store);
        reads(&org, &connector).await.expect("a live token");
        org.advance(SignedDuration::from_secs(15));
    }
    assert!(org.wire.count("/oauth/v2/token") <= 1);
}

#[tokio::test(start_paused = true)]
async fn r15_restarts_with_a_token_the_org_refuses_spare_the_ten_that_are_sold() {
    let org = Org::empty().await;
    let store: Arc<Memory> = Arc::default();
    reads(&org, &connector(&org, "https://accounts.zoho.eu", &store))
        .await
        .expect("a live token");
    org.wire.drain();
    // Five minutes of restarts with a token that is no good: a few are bought, never ten.
    for _ in 0..20 {
        let stale = store.0.lock().expect("no holder panicked").clone();
        *store.0.lock().expect("no holder panicked") = stale.map(|pair| TokenPair {
            access: secret("1000.refused"),
            ..pair
        });
        let _ = reads(&org, &connector(&org, "https://accounts.zoho.eu", &store)).await;
        org.advance(SignedDuration::from_secs(15));
    }
    assert!(org.wire.count("/oauth/v2/token") <= 3);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ended_is_replaced_once_and_a_throttled_endpoint_is_left_alone() {
    for status in [200, 400] {
        let org = Org::with(|org| {
            org.token_throttle_status = status;
            org.tokens_per_ten_minutes = 2;
        })
        .await;
        let store = Arc::default();
        let connector = connector(&org, "https://accounts.zoho.eu", &store);
        reads(&org, &connector)
            .await
            .expect("the second token of the two");
        org.wire.drain();
        org.advance(SignedDuration::from_mins(50));
        reads(&org, &connector).await.expect("renewed ahead of its end");
        assert_eq!(org.wire.count("/oauth/v2/token"), 1);
        org.change(|org| org.tokens_per_ten_minutes = 0);
        org.advance(SignedDuration::from_mins(50));
        for _ in 0..5 {
            let error = reads(&org, &connector).await.expect_err("no token to be had");
            assert_eq!(error.code(), "throttled", "{status}");
        }
        assert_eq!(
            org.wire.count("/oauth/v2/token"),
            1,
            "asked once, then left alone"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_refresh_token_pauses_with_its_fix_and_a_missing_scope_asks_for_no_new_token() {
    let org = Org::empty().await;
    let access = org.sandbox.zoho_access();
    let wrong = tokens(
        &url("https://accounts.zoho.eu"),
        &access.client_id,
        secret(&access.client_secret),
        secret("1000.wrong"),
        "put a new refresh token into zoho_main.refresh-token",
        Arc::new(Memory::default()),
    )
    .expect("a usable login");
    let config = ZohoConfig::new(connection(), url("https://accounts.zoho.eu"));
    let refused = Org::connector_over(config, wrong, Arc::new(org.wire.clone()));
    let error = reads(&org, &refused).await.expect_err("refused");
    assert_eq!(error.code(), "unauthorized");
    assert!(error.to_string().contains("zoho_main.refresh-token"), "{error}");
    org.change(|org| {
        org.missing_scopes.insert("ZohoCRM.modules.ALL".to_owned());
    });
    let store = Arc::default();
    let connector = connector(&org, "https://accounts.zoho.eu", &store);
    let error = reads(&org, &connector).await.expect_err("a scope is missing");
    assert_eq!(error.code(), "forbidden", "{error}");
    assert_eq!(
        org.wire.count("/oauth/v2/token"),
        2,
        "one for each login, none for the scope"
    );
}
