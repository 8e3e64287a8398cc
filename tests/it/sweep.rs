//! Sweeps and losses of the journal, over simulated stores and an in-process portal: what vanished without a trace
//! goes, what the index never showed comes, and where that cannot be proved nothing happens.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use followup_core::{ConnectionId, RecordRef, Stream};
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_rules::{calendar::Calendar, policy::Policy};
use followup_sandbox::team::MARKED_RULES;
use followup_store::{Opening, SimJournal, SimKv, Store};
use followup_testkit::{IndexLag, SandboxTransport, Scene, Switches};
use followup_transport::{Future, SendError, SendLimits, TokenSource, Transport};
use followupd::{
    clock::Clock,
    config::Mode,
    engine::{CycleReport, Engine, Link, Rhythm, Trouble},
    planning::Outbox,
    queries::{self, Request},
    shared_store::{SharedStore, StoreThread},
    subject_key,
    sync::{SWEEP_EVERY, Silent},
    team::TeamSettings,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::support::CALL_TO_CONTACT;

const DAY: SignedDuration = SWEEP_EVERY;
const MINUTES: SignedDuration = SignedDuration::from_mins(15);

/// A portal and the disks of a daemon, which outlive any one daemon.
struct World {
    scene: Scene,
    kv: SimKv,
    journal: SimJournal,
    /// While set, every page of a list but the first comes empty, with status 200.
    is_short: Arc<AtomicBool>,
}

/// Carries requests to the portal, and at times loses what a list shows.
struct Short {
    inner: SandboxTransport,
    is_short: Arc<AtomicBool>,
}

impl Transport for Short {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let is_later_page = request
                .uri()
                .query()
                .is_some_and(|query| query.contains("after="));
            let answer = self.inner.send(request, limits).await?;
            if is_later_page && self.is_short.load(Ordering::Relaxed) {
                return Ok(answer.map(|_| Bytes::from_static(b"{\"results\":[]}")));
            }
            Ok(answer)
        })
    }
}

impl World {
    fn new(switches: Switches) -> Self {
        Self {
            scene: Scene::empty(switches),
            kv: SimKv::default(),
            journal: SimJournal::default(),
            is_short: Arc::default(),
        }
    }

    /// A daemon on these disks, as after a start.
    fn daemon(&self) -> Engine {
        self.opened().0
    }

    fn opened(&self) -> (Engine, Opening) {
        let config = HubspotConfig::new(hub(), Url::parse("https://api.hubapi.com").unwrap());
        let tokens = TokenSource::fixed(&self.scene.sandbox.access().access_token);
        let transport = Arc::new(Short {
            inner: SandboxTransport(self.scene.sandbox.clone()),
            is_short: Arc::clone(&self.is_short),
        });
        let hubspot = Hubspot::new(config, transport, tokens, subject_key::keyed(vec![7; 32]), 1).unwrap();
        let (store, opening) =
            Store::simulated(self.kv.clone(), self.journal.clone(), self.scene.now()).unwrap();
        let scene = self.scene.clone();
        let engine = Engine {
            store: SharedStore::new(store, StoreThread::InPlace),
            clock: Clock::InProcess(Arc::new(move || scene.now())),
            policy: Arc::new(Policy::default().limited_to(MARKED_RULES)),
            team: TeamSettings {
                calendar: Calendar::default(),
                owners: BTreeMap::new(),
            },
            links: vec![Link::new(Arc::new(hubspot), Mode::Enforce, None)],
            keep_deleted: None,
            stop: CancellationToken::new(),
            waiting: AtomicUsize::new(0),
            plan_turn: tokio::sync::Mutex::new(Outbox::default()),
        };
        (engine, opening)
    }

    /// Time passes, with a cycle at its end.
    async fn cycle_after(&self, engine: &Engine, by: SignedDuration) -> CycleReport {
        self.scene.advance(by);
        cycle(engine).await
    }

    /// A mail from a contact whom the owner has called; answers the mail's id.
    async fn mail(&self, from: &str) -> String {
        let (owner, address) = self.scene.owners().await.remove(0);
        let contact =
            json!({"email": from, "firstname": "Priya", "lastname": "Nair", "hubspot_owner_id": owner});
        let contact = self.scene.create("contacts", contact, &[]).await;
        let call = json!({"hs_timestamp": self.scene.now().to_string(), "hs_call_direction": "OUTBOUND",
            "hs_call_status": "COMPLETED", "hs_call_duration": "180000", "hubspot_owner_id": owner,
            "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7"});
        self.scene
            .create("calls", call, &[(CALL_TO_CONTACT, &contact)])
            .await;
        self.scene.advance(MINUTES);
        let body = json!({"from": from, "to": address, "auto_reply": false});
        let (_, answer) = self.scene.send("POST", "/_sandbox/mail", Some(body)).await;
        answer["ids"][0].as_str().unwrap().to_owned()
    }

    async fn mails(&self, count: usize) -> Vec<String> {
        let mail = |number: usize| {
            json!({"hs_timestamp": format!("2026-03-01T10:{:02}:00Z", number % 60),
                "hs_email_direction": "EMAIL", "hs_email_status": "SENT"})
        };
        let mails: Vec<Value> = (0..count).map(mail).collect();
        self.scene.create_many("emails", &mails).await;
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/crm/objects/2026-03/emails?limit=100{after}");
            let (_, page) = self.scene.send("GET", &path, None).await;
            let found = page["results"].as_array().unwrap();
            ids.extend(found.iter().map(|mail| mail["id"].as_str().unwrap().to_owned()));
            match page["paging"]["next"]["after"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return ids,
            }
        }
    }

    async fn delete(&self, object: &str, ids: &[String]) {
        for id in ids {
            self.scene.archive(object, id).await;
        }
    }

    /// Tasks that are open in the portal.
    async fn open_tasks(&self) -> usize {
        let path = "/crm/objects/2026-03/tasks?limit=100&properties=hs_task_status";
        let (_, page) = self.scene.send("GET", path, None).await;
        let tasks = page["results"].as_array().unwrap();
        let is_open = |task: &&Value| task["properties"]["hs_task_status"] != "COMPLETED";
        tasks.iter().filter(is_open).count()
    }
}

fn hub() -> ConnectionId {
    ConnectionId::new("hub").unwrap()
}

async fn cycle(engine: &Engine) -> CycleReport {
    engine
        .cycle(&engine.links[0], Rhythm::Single, &Silent)
        .await
        .unwrap()
}

async fn status(engine: &Engine) -> Value {
    queries::answer(engine, &BTreeMap::new(), &Request::Status)
        .await
        .body
}

async fn confirm(engine: &Engine) {
    let response = queries::answer(engine, &BTreeMap::new(), &Request::Confirm).await;
    assert!(response.body["was_frozen"].is_string(), "{response:?}");
}

async fn activities(engine: &Engine) -> u64 {
    engine
        .store
        .with(|store| store.counts())
        .await
        .unwrap()
        .activities
}

/// When the last sweep of a stream began that came to its end.
async fn swept(engine: &Engine, stream: Stream) -> Option<jiff::Timestamp> {
    let sweep = engine.store.with(move |store| store.sweep(&hub(), stream)).await;
    sweep.unwrap().swept_at
}

#[tokio::test(start_paused = true)]
async fn r5_a_mail_deleted_without_a_trace_takes_its_task_along() {
    let world = World::new(Switches::default());
    let engine = world.daemon();
    cycle(&engine).await;
    let mail = world.mail("priya@acme.example.com").await;
    world.cycle_after(&engine, MINUTES).await;
    assert_eq!(status(&engine).await["sweep_missed"], Value::Null);
    let mut created = 0;
    for _ in 0..28 {
        created += world.cycle_after(&engine, MINUTES * 4).await.tasks_created;
    }
    assert_eq!((created, world.open_tasks().await), (1, 1), "the buyer waits");
    world.delete("emails", std::slice::from_ref(&mail)).await;
    let id: RecordRef = format!("hub:email:{mail}").parse().unwrap();
    for _ in 0..4 {
        world.cycle_after(&engine, MINUTES).await;
    }
    let known = id.clone();
    let kept = engine.store.with(move |store| store.get(&known)).await.unwrap();
    assert!(kept.is_some(), "no poll tells of it");

    let report = world.cycle_after(&engine, DAY).await;
    assert!(report.errors.is_empty(), "{report:?}");
    let kept = engine.store.with(move |store| store.get(&id)).await.unwrap();
    assert!(kept.is_none());
    let report = world.cycle_after(&engine, MINUTES).await;
    assert_eq!(report.tasks_withdrawn, 1, "{report:?}");
    assert_eq!(world.open_tasks().await, 0);
    let status = status(&engine).await;
    assert_eq!(status["sweep_missed"], json!(0));
    assert_eq!(status["connections"][0]["sweep_missed"], json!(0));
}

#[tokio::test(start_paused = true)]
async fn what_the_index_never_shows_is_brought_by_the_sweep_and_counted() {
    let never = SignedDuration::from_hours(24 * 300);
    let world = World::new(Switches {
        index_lag: IndexLag {
            create: never,
            update: never,
            is_random: false,
        },
        ..Switches::default()
    });
    let companies: Vec<Value> = (0..130)
        .map(|number| json!({"name": format!("C{number}"), "domain": format!("c{number}.example.com")}))
        .collect();
    world.scene.create_many("companies", &companies).await;
    let engine = world.daemon();
    cycle(&engine).await;
    world.scene.advance(MINUTES);
    let late = json!({"name": "Late", "domain": "late.example.com"});
    let late = world.scene.create("companies", late, &[]).await;
    for _ in 0..6 {
        world.cycle_after(&engine, MINUTES).await;
    }
    let id: RecordRef = format!("hub:account:{late}").parse().unwrap();
    let known = id.clone();
    assert!(
        engine
            .store
            .with(move |store| store.get(&known))
            .await
            .unwrap()
            .is_none()
    );
    world.cycle_after(&engine, DAY).await;
    assert!(
        engine
            .store
            .with(move |store| store.get(&id))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(status(&engine).await["connections"][0]["sweep_missed"], json!(1));
    world.cycle_after(&engine, DAY).await;
    assert_eq!(
        status(&engine).await["connections"][0]["sweep_missed"],
        json!(0),
        "the next pass found nothing more"
    );
}

#[tokio::test(start_paused = true)]
async fn r7_an_empty_answer_in_the_middle_of_a_sweep_concludes_nothing() {
    let world = World::new(Switches::default());
    world.mails(130).await;
    let engine = world.daemon();
    cycle(&engine).await;
    assert_eq!(activities(&engine).await, 130);
    world.is_short.store(true, Ordering::Relaxed);
    let report = world.cycle_after(&engine, DAY).await;
    assert_eq!(report.errors.len(), 1, "{report:?}");
    assert!(report.errors[0].contains("the sweep of emails"), "{report:?}");
    assert_eq!((activities(&engine).await, report.frozen), (130, None));
    assert!(swept(&engine, Stream::Emails).await.is_none());
    // It rests, and then reads the stream again from its start.
    world.is_short.store(false, Ordering::Relaxed);
    let report = world.cycle_after(&engine, MINUTES).await;
    assert!(report.errors.is_empty(), "{report:?}");
    assert!(swept(&engine, Stream::Emails).await.is_none());
    let report = world.cycle_after(&engine, MINUTES * 4).await;
    assert!(report.errors.is_empty(), "{report:?}");
    assert!(swept(&engine, Stream::Emails).await.is_some());
    assert_eq!(activities(&engine).await, 130);
}

#[tokio::test(start_paused = true)]
async fn r7_when_a_large_part_would_vanish_an_admin_is_asked_first() {
    let world = World::new(Switches::default());
    let mails = world.mails(130).await;
    let engine = world.daemon();
    cycle(&engine).await;
    world.delete("emails", &mails[..60]).await;
    let report = world.cycle_after(&engine, DAY).await;
    assert_eq!(report.trouble, Trouble::Frozen, "{report:?}");
    let why = report.frozen.unwrap();
    assert!(
        why.contains("60 of 130") && why.contains("emails of hub") && why.contains("store confirm"),
        "{why}"
    );
    assert_eq!(status(&engine).await["frozen"], json!(why));
    // Neither time nor a restart answers for the admin.
    drop(engine);
    let engine = world.daemon();
    for _ in 0..3 {
        let report = world.cycle_after(&engine, MINUTES).await;
        assert!(report.frozen.is_some());
        assert_eq!(activities(&engine).await, 130);
    }
    confirm(&engine).await;
    let report = world.cycle_after(&engine, MINUTES).await;
    assert_eq!((report.frozen, activities(&engine).await), (None, 70));
    // The permission was for this pass.
    world.delete("emails", &mails[60..120]).await;
    let report = world.cycle_after(&engine, DAY * 2).await;
    assert!(report.frozen.is_some());
    assert_eq!(activities(&engine).await, 70);
}

#[tokio::test(start_paused = true)]
async fn fifty_of_many_vanish_without_asking() {
    let world = World::new(Switches::default());
    let mails = world.mails(130).await;
    let engine = world.daemon();
    cycle(&engine).await;
    world.delete("emails", &mails[..50]).await;
    let report = world.cycle_after(&engine, DAY).await;
    assert_eq!((report.frozen, activities(&engine).await), (None, 80));
}

/// A stream longer than one cycle's pages is swept over several, through restarts, and other lanes are not held up.
#[tokio::test(start_paused = true)]
async fn a_sweep_goes_on_over_cycles_and_restarts() {
    let world = World::new(Switches::default());
    let mails = world.mails(2_500).await;
    let mut engine = world.daemon();
    cycle(&engine).await;
    world.delete("emails", &mails[2_400..2_430]).await;
    world.scene.advance(DAY);
    let mut cycles = 0;
    while swept(&engine, Stream::Emails).await.is_none() {
        drop(engine);
        world.kv.crash(usize::MAX);
        engine = world.daemon();
        world.cycle_after(&engine, SignedDuration::from_mins(1)).await;
        cycles += 1;
        assert!(cycles < 6, "no end");
    }
    assert!(cycles > 1, "one cycle reads a part only");
    assert_eq!(activities(&engine).await, 2_470);
}

/// Each entry of the journal damaged in turn, with and without a strong key: writes stop until the loss is confirmed,
/// and afterwards there is still one task.
#[tokio::test(start_paused = true)]
async fn whichever_entry_of_the_journal_is_damaged_there_is_one_task() {
    for has_strong_key in [true, false] {
        let switches = Switches {
            unique_task_property: has_strong_key,
            ..Switches::default()
        };
        let mut entries = 1;
        let mut spoilt = 0;
        while spoilt < entries {
            let what = format!("entry {spoilt}, strong key: {has_strong_key}");
            let world = World::new(switches.clone());
            let engine = world.daemon();
            cycle(&engine).await;
            let (owner, _) = world.scene.owners().await.remove(0);
            let form = json!({"email": "priya@acme.example.com", "firstname": "Priya", "lastname": "Nair",
                "company": "Acme", "form": "demo", "owner": owner});
            world.scene.form(form).await;
            world.cycle_after(&engine, SignedDuration::from_mins(6)).await;
            assert_eq!(world.open_tasks().await, 1, "{what}");
            drop(engine);
            entries = world.journal.len();
            world.journal.spoil(spoilt);
            let (engine, opening) = world.opened();
            assert_eq!(opening.problems.len(), 1, "{what}: {:?}", opening.problems);
            for _ in 0..2 {
                let report = world.cycle_after(&engine, MINUTES).await;
                assert!(report.frozen.is_some(), "{what}: {report:?}");
                assert_eq!(world.open_tasks().await, 1, "{what}");
            }
            while engine.frozen().await.unwrap().is_some() {
                confirm(&engine).await;
            }
            for _ in 0..3 {
                world.cycle_after(&engine, MINUTES).await;
                assert_eq!(world.open_tasks().await, 1, "{what}");
            }
            drop(engine);
            let (engine, opening) = world.opened();
            assert!(opening.problems.is_empty(), "{what}: {:?}", opening.problems);
            let report = world.cycle_after(&engine, MINUTES).await;
            assert_eq!((report.frozen, world.open_tasks().await), (None, 1), "{what}");
            spoilt += 1;
        }
        assert!(entries > 5, "the story wrote its journal");
    }
}
