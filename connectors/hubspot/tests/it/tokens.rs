//! OAuth against the simulated portal: expiry, rotation, revocation.

use std::sync::{Arc, Mutex};

use followup_core::{Connector, ConnectorError, Lane, PullRequest, Stream};
use followup_hubspot::Hubspot;
use followup_testkit::{SandboxTransport, Scene, Switches};
use followup_transport::{Future, OAuthConfig, TokenPair, TokenSource, TokenStore};
use jiff::SignedDuration;
use secrecy::SecretString;

use crate::support::config;

#[derive(Default)]
struct Memory(Mutex<Option<TokenPair>>);

impl TokenStore for Memory {
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
        let pair = self
            .0
            .lock()
            .map(|pair| pair.clone())
            .map_err(|error| error.to_string());
        Box::pin(async move { pair })
    }

    fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>> {
        let stored = self
            .0
            .lock()
            .map(|mut pair| *pair = Some(tokens))
            .map_err(|error| error.to_string());
        Box::pin(async move { stored })
    }
}

fn connector<S: TokenStore + 'static>(scene: &Scene, store: &Arc<S>) -> Hubspot {
    let access = scene.sandbox.access();
    let config = config();
    let oauth = OAuthConfig {
        token_url: config
            .base_url
            .join("/oauth/2026-09/token")
            .expect("a constant path"),
        client_id: access.client_id,
        client_secret: SecretString::from(access.client_secret),
        refresh_token: SecretString::from(access.refresh_token),
        fix: "log in again".to_owned(),
    };
    Hubspot::new(
        config,
        Arc::new(SandboxTransport(scene.sandbox.clone())),
        TokenSource::oauth(oauth, store.clone()),
        Arc::new(|subject: &str| subject.len().to_string()),
        1,
    )
    .expect("a usable configuration")
}

fn request(scene: &Scene) -> PullRequest {
    PullRequest {
        stream: Stream::Contacts,
        lane: Lane::Backfill,
        cursor: None,
        now: scene.now(),
    }
}

#[tokio::test(start_paused = true)]
async fn reads_go_on_over_many_token_lives_whether_refresh_tokens_rotate_or_not() {
    for rotates_refresh_token in [false, true] {
        let scene = Scene::empty(Switches {
            rotates_refresh_token,
            ..Switches::default()
        });
        let store = Arc::new(Memory::default());
        for _ in 0..2 {
            // A restart begins with the stored token.
            let connector = connector(&scene, &store);
            for _ in 0..3 {
                connector.pull(request(&scene)).await.unwrap();
                scene.advance(SignedDuration::from_mins(29));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_early_is_renewed_once_and_the_read_goes_on() {
    let scene = Scene::empty(Switches::default());
    let store = Arc::new(Memory::default());
    let connector = connector(&scene, &store);
    connector.pull(request(&scene)).await.unwrap();
    scene.faults(&[("GET /crm/objects", "revoke_token", 1)]);
    connector.pull(request(&scene)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_revoked_consent_pauses_the_connection_with_the_fix() {
    let scene = Scene::empty(Switches::default());
    scene.faults(&[("POST /oauth", "revoke_token", 1)]);
    let error = connector(&scene, &Arc::<Memory>::default())
        .pull(request(&scene))
        .await
        .unwrap_err();
    let ConnectorError::Unauthorized { fix, .. } = &error else {
        panic!("a revoked consent is unauthorized: {error:?}");
    };
    assert_eq!(fix, "log in again");
    let secrets = scene.sandbox.access();
    for secret in [secrets.refresh_token, secrets.client_secret] {
        assert!(!format!("{error} {error:?}").contains(&secret));
    }
}

#[tokio::test(start_paused = true)]
async fn the_scopes_of_an_oauth_token_are_told_missing_and_superfluous() {
    let mut switches = Switches::default();
    switches
        .missing_scopes
        .insert("crm.objects.deals.read".to_owned());
    switches.extra_scopes.insert("tickets".to_owned());
    let scene = Scene::empty(switches);
    let probe = connector(&scene, &Arc::<Memory>::default())
        .probe(scene.now())
        .await
        .unwrap();
    let told = |code: &str| {
        probe
            .problems
            .iter()
            .filter(|problem| problem.code == code)
            .map(|problem| problem.message.clone())
            .collect::<Vec<_>>()
    };
    let missing = told("missing_scope");
    assert!(
        missing.len() == 1 && missing[0].contains("crm.objects.deals.read"),
        "{missing:?}"
    );
    let superfluous = told("superfluous_scopes");
    assert!(
        superfluous.len() == 1 && superfluous[0].contains("tickets") && !superfluous[0].contains("owners"),
        "{superfluous:?}"
    );
    let secrets = scene.sandbox.access();
    assert!(!format!("{probe:?}").contains(&secrets.client_secret));
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_does_not_explain_the_token_is_no_trouble() {
    let scene = Scene::empty(Switches::default());
    scene.faults(&[("POST /oauth/*/token/introspect", "html:502", 0)]);
    let probe = connector(&scene, &Arc::<Memory>::default())
        .probe(scene.now())
        .await
        .unwrap();
    assert!(probe.problems.is_empty(), "{:?}", probe.problems);
}

#[tokio::test(start_paused = true)]
async fn r9_a_token_that_dies_between_any_two_pages_loses_no_place() {
    let scene = Scene::empty(Switches::default());
    let many: Vec<_> = (0..350)
        .map(|number| serde_json::json!({"email": format!("p{number}@example.com")}))
        .collect();
    scene.create_many("contacts", &many).await;
    let store = Arc::new(Memory::default());
    let connector = connector(&scene, &store);
    let (mut cursor, mut seen) = (None, std::collections::BTreeSet::new());
    loop {
        scene.faults(&[("GET /crm/objects", "revoke_token", 1)]);
        let page = connector
            .pull(PullRequest {
                cursor,
                ..request(&scene)
            })
            .await
            .unwrap();
        seen.extend(page.records.iter().map(|record| record.id().native_id.clone()));
        cursor = Some(page.cursor);
        if page.end != followup_core::PageEnd::More {
            break;
        }
    }
    assert_eq!(seen.len(), 350);
}

/// Keeps nothing: the disk is full.
struct Full;

impl TokenStore for Full {
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
        Box::pin(async { Ok(None) })
    }

    fn store(&self, _: TokenPair) -> Future<'_, Result<(), String>> {
        Box::pin(async { Err("no space left".to_owned()) })
    }
}

#[tokio::test(start_paused = true)]
async fn r12_a_rotated_token_that_cannot_be_kept_is_not_used() {
    let scene = Scene::empty(Switches {
        rotates_refresh_token: true,
        ..Switches::default()
    });
    let connector = connector(&scene, &Arc::new(Full));
    let error = connector.pull(request(&scene)).await.unwrap_err();
    assert!(error.to_string().contains("no space left"), "{error}");
    assert_eq!(
        scene.sandbox.stats()["requests"],
        serde_json::json!(1),
        "the refresh alone"
    );
    // The pair is lost now; that is one named state with its fix, not a silent loop.
    let error = connector.pull(request(&scene)).await.unwrap_err();
    assert!(
        matches!(&error, ConnectorError::Unauthorized { fix, .. } if fix == "log in again"),
        "{error:?}"
    );
}

/// Would keep nothing, and says so when it is asked.
struct Foreseen;

impl TokenStore for Foreseen {
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
        Full.load()
    }

    fn prepare(&self) -> Future<'_, Result<(), String>> {
        Box::pin(async { Err("no space left. Fix: make room".to_owned()) })
    }

    fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>> {
        Full.store(tokens)
    }
}

#[tokio::test(start_paused = true)]
async fn r12_no_token_is_asked_for_that_could_not_be_kept() {
    let scene = Scene::empty(Switches {
        rotates_refresh_token: true,
        ..Switches::default()
    });
    let error = connector(&scene, &Arc::new(Foreseen))
        .pull(request(&scene))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no space left. Fix: make room"),
        "{error}"
    );
    assert_eq!(scene.sandbox.stats()["requests"], serde_json::json!(0));
    // With room again the login is what it was.
    let store = Arc::new(Memory::default());
    connector(&scene, &store).pull(request(&scene)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn r13_a_refresh_token_a_sibling_has_just_rotated_is_looked_up_again() {
    let scene = Scene::empty(Switches {
        rotates_refresh_token: true,
        ..Switches::default()
    });
    let store = Arc::new(Memory::default());
    let (first, sibling) = (connector(&scene, &store), connector(&scene, &store));
    first.pull(request(&scene)).await.unwrap();
    sibling.pull(request(&scene)).await.unwrap();
    scene.advance(SignedDuration::from_mins(29));
    sibling.pull(request(&scene)).await.unwrap();
    first.pull(request(&scene)).await.unwrap();
}
