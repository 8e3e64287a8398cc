//! HubSpot's wire: real pages of a simulated portal, mutated on their way, through every call of the connector.

use std::{
    hash::{DefaultHasher, Hasher as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use fastrand::Rng;
use followup_core::{
    Baseline, Closing, ConnectionId, Connector as _, Cursor, DraftLinks, Lane, LinkChange, OwnerId, PersonId,
    PullRequest, RecordKind, RecordRef, Stream, TaskChange, TaskDraft, TaskId, TaskKey, TaskQuery,
};
use followup_fuzz::{Seeds, fire, mutate};
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_testkit::{SandboxTransport, Scene, Switches};
use followup_transport::{Future, SendError, SendLimits, TokenSource, Transport};
use serde_json::json;
use url::Url;

use crate::is_bounded;

/// A portal whose answers are mutated from some answer on.
struct Garbled {
    inner: SandboxTransport,
    pages: Seeds,
    rng: Mutex<Rng>,
    /// Answers that still come as they are.
    sound: AtomicU64,
}

impl Transport for Garbled {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let answer = self.inner.send(request, limits).await?;
            if self
                .sound
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
            {
                return Ok(answer);
            }
            let mut rng = self.rng.lock().unwrap();
            let (parts, body) = answer.into_parts();
            let other = self.pages.get(rng.usize(..8));
            let body = if rng.u8(..12) == 0 {
                mutate(other, &body, &mut rng)
            } else {
                mutate(&body, other, &mut rng)
            };
            Ok(http::Response::from_parts(parts, Bytes::from(body)))
        })
    }
}

fn connection() -> ConnectionId {
    ConnectionId::new("hub").unwrap()
}

fn record(kind: RecordKind, id: &str) -> RecordRef {
    RecordRef::new(connection(), kind, id)
}

/// A portal with a bit of everything.
async fn portal() -> (Scene, String, String) {
    let scene = Scene::empty(Switches::default());
    let (owner, _) = scene.owners().await.swap_remove(0);
    let person = scene
        .create(
            "contacts",
            json!({"email": "ana@example.com", "firstname": "Ana", "hubspot_owner_id": owner}),
            &[],
        )
        .await;
    scene
        .create("deals", json!({"dealname": "Forty desks"}), &[(3, &person)])
        .await;
    let call = json!({"hs_timestamp": "2026-11-02T09:00:00Z", "hs_call_direction": "OUTBOUND"});
    scene.create("calls", call, &[(194, &person)]).await;
    (scene, owner, person)
}

fn draft(owner: &str, person: &str) -> TaskDraft {
    let due_at = "2026-11-03T17:00:00Z".parse().unwrap();
    TaskDraft {
        key: TaskKey("0123456789abcdef0123456789abcdef".to_owned()),
        owner: OwnerId(record(RecordKind::Owner, owner)),
        links: DraftLinks {
            people: vec![PersonId(record(RecordKind::Contact, person))],
            deals: Vec::new(),
        },
        subject: "Call Ana".to_owned(),
        body: "She asked for a demo.".to_owned(),
        marker: "[followupd key=0123456789abcdef0123456789abcdef]".to_owned(),
        due_at,
        reminder_at: None,
        is_urgent: true,
    }
}

fn change() -> TaskChange {
    TaskChange {
        id: TaskId(record(RecordKind::Task, "1")),
        key: TaskKey("0123456789abcdef0123456789abcdef".to_owned()),
        baseline: Baseline::default(),
        subject: Some("Call Ana again".to_owned()),
        body: None,
        marker: String::new(),
        links: LinkChange::default(),
        append: Some("No longer needed.".to_owned()),
        closing: Some(Closing::Withdraw),
        created_at: "2026-11-02T09:00:00Z".parse().unwrap(),
    }
}

/// Calls everything a connector has, `sound` answers of which come as they are.
async fn call_everything(seed: u64, cursor: Option<&[u8]>, sound: u64) {
    let (scene, owner, person) = portal().await;
    let transport = Garbled {
        inner: SandboxTransport(scene.sandbox.clone()),
        pages: Seeds::of("hubspot"),
        rng: Mutex::new(Rng::with_seed(seed)),
        sound: AtomicU64::new(sound),
    };
    let base_url = Url::parse("https://api.hubapi.example.com").unwrap();
    let config = HubspotConfig {
        api_share: 100,
        ..HubspotConfig::new(connection(), base_url)
    };
    let tokens = TokenSource::fixed(&scene.sandbox.access().access_token);
    let hash = Arc::new(|subject: &str| format!("hash of {} letters", subject.len()));
    let hubspot = Hubspot::new(config, Arc::new(transport), tokens, hash, seed).unwrap();
    let now = scene.now();
    let size = [0; 4_000];
    is_bounded(&hubspot.probe(now).await, &size);
    let mut rng = Rng::with_seed(seed);
    for &stream in Stream::ALL {
        let lane = *rng
            .choice(&[Lane::Backfill, Lane::Hot, Lane::Settled, Lane::Sweep])
            .unwrap();
        let cursor = cursor.map(|text| Cursor(String::from_utf8_lossy(text).into_owned()));
        let request = PullRequest {
            stream,
            lane,
            cursor,
            now,
        };
        is_bounded(&hubspot.pull(request).await, &size);
    }
    let draft = draft(&owner, &person);
    let query = TaskQuery {
        key: draft.key.clone(),
        links: draft.links.clone(),
        sent_at: Some(now),
    };
    is_bounded(
        &hubspot.create_tasks(std::slice::from_ref(&draft), now).await,
        &size,
    );
    is_bounded(&hubspot.find_tasks(&[query], now).await, &size);
    is_bounded(&hubspot.amend_tasks(&[change()], now).await, &size);
    let ids = [
        record(RecordKind::Contact, &person),
        record(RecordKind::Task, "1"),
        record(RecordKind::Deal, "2"),
    ];
    is_bounded(&hubspot.read(&ids, now).await, &size);
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

#[test]
fn pages_of_hubspot() {
    fire(&Seeds::of("hubspot"), 250, |input| {
        let mut hasher = DefaultHasher::new();
        hasher.write(input);
        let seed = hasher.finish();
        // Sometimes the first answers are sound, so that what follows is reached.
        let sound = if seed.is_multiple_of(3) { 0 } else { seed % 29 };
        paused().block_on(call_everything(seed, None, sound));
    });
}

#[test]
fn cursors_of_hubspot() {
    fire(&Seeds::of("cursors"), 150, |input| {
        paused().block_on(call_everything(1, Some(input), u64::MAX));
    });
}
