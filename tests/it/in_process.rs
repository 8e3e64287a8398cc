//! The engine over simulated stores and an in-process CRM, under paused time: trouble in every shape, and crashes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use followup_core::ConnectionId;
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_rules::{calendar::Calendar, policy::Policy};
use followup_sandbox::{ClockMode, Fault, Sandbox, Switches, WorldConfig, team::MARKED_RULES};
use followup_store::{SimJournal, SimKv, Store};
use followup_testkit::SandboxTransport;
use followup_transport::TokenSource;
use followupd::{
    clock::Clock,
    config::Mode,
    engine::{CycleReport, Engine, Link, Rhythm, Trouble},
    planning::Outbox,
    shared_store::{SharedStore, StoreThread},
    subject_key,
    sync::Silent,
    team::TeamSettings,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::support::MONDAY_NINE;

const CREATE: &str = "POST /crm/objects/2026-09/tasks/batch/create";

/// A portal and the disks of a daemon, which outlive any one daemon.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    kv: SimKv,
    journal: SimJournal,
    pub(crate) owner: String,
}

impl World {
    pub(crate) async fn new(switches: Switches) -> Self {
        let sandbox = Sandbox::new(WorldConfig {
            seed: 1,
            people: 0,
            as_of: MONDAY_NINE.parse().unwrap(),
            limits: true,
            clock: ClockMode::Tokio,
            switches,
        });
        let mut world = Self {
            sandbox,
            kv: SimKv::default(),
            journal: SimJournal::default(),
            owner: String::new(),
        };
        let owners = world.ask("GET", "/crm/owners/2026-09", &Value::Null).await;
        owners["results"][0]["id"]
            .as_str()
            .unwrap()
            .clone_into(&mut world.owner);
        world
    }

    /// The same portal for a daemon whose disks were lost.
    pub(crate) fn with_lost_disks(self) -> Self {
        Self {
            kv: SimKv::default(),
            journal: SimJournal::default(),
            ..self
        }
    }

    /// A daemon on these disks, as after a start.
    pub(crate) fn daemon(&self) -> Engine {
        self.daemon_with(vec![self.link("hub", Mode::Enforce)])
    }

    /// This portal as a connection.
    pub(crate) fn link(&self, name: &str, mode: Mode) -> Link {
        let config = HubspotConfig::new(
            ConnectionId::new(name).unwrap(),
            Url::parse("https://api.hubapi.com").unwrap(),
        );
        let tokens = TokenSource::fixed(&self.sandbox.access().access_token);
        let transport = Arc::new(SandboxTransport(self.sandbox.clone()));
        let hubspot = Hubspot::new(config, transport, tokens, subject_key::keyed(vec![7; 32]), 1).unwrap();
        Link::new(Arc::new(hubspot), mode, None)
    }

    /// A daemon on these disks that works through these connections.
    pub(crate) fn daemon_with(&self, links: Vec<Link>) -> Engine {
        let now = self.sandbox.now();
        let (store, _) = Store::simulated(self.kv.clone(), self.journal.clone(), now).unwrap();
        let sandbox = self.sandbox.clone();
        Engine {
            store: SharedStore::new(store, StoreThread::InPlace),
            clock: Clock::InProcess(Arc::new(move || sandbox.now())),
            policy: Arc::new(Policy::default().limited_to(MARKED_RULES)),
            team: TeamSettings {
                calendar: Calendar::default(),
                owners: BTreeMap::new(),
            },
            links,
            stop: CancellationToken::new(),
            waiting: AtomicUsize::new(0),
            keep_deleted: None,
            plan_turn: tokio::sync::Mutex::new(Outbox::default()),
        }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let bytes = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://api.hubapi.com{path}"))
            .header(
                "authorization",
                format!("Bearer {}", self.sandbox.access().access_token),
            )
            .header("content-type", "application/json")
            .body(bytes::Bytes::from(bytes))
            .unwrap();
        match self.sandbox.hubspot(request).await {
            followup_sandbox::Reply::Answer(answer) => {
                serde_json::from_slice(answer.body()).unwrap_or(Value::Null)
            }
            followup_sandbox::Reply::Closed { .. } => Value::Null,
        }
    }

    /// A demo request whose five minutes have just passed.
    pub(crate) async fn due_inquiry(&self) {
        self.inquiry("priya@acme.example.com").await;
        tokio::time::sleep(Duration::from_mins(6)).await;
    }

    pub(crate) async fn inquiry(&self, email: &str) -> String {
        let form = json!({"email": email, "firstname": "Priya", "lastname": "Nair", "company": "Acme",
            "form": "demo", "owner": self.owner});
        let answer = self.ask("POST", "/_sandbox/form", &form).await;
        answer["ids"][0].as_str().unwrap().to_owned()
    }

    pub(crate) async fn tasks(&self) -> Vec<Value> {
        let page = self
            .ask(
                "GET",
                "/crm/objects/2026-09/tasks?limit=100&properties=hs_task_status",
                &Value::Null,
            )
            .await;
        page["results"].as_array().unwrap().clone()
    }

    fn trouble(&self, pattern: &str, kind: &str, times: u32) {
        self.sandbox
            .set_faults(vec![Fault::new(pattern, kind, times).unwrap()]);
    }
}

async fn cycle(engine: &Engine) -> CycleReport {
    engine
        .cycle(&engine.links[0], Rhythm::Single, &Silent)
        .await
        .unwrap()
}

/// Every answer a creation can lose, with and without a strong key.
#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_answer_there_is_one_task_in_the_end() {
    let kinds = [
        "close_after_commit",
        "close_before",
        "status:500",
        "status:502",
        "status_after_commit:504",
        "html:524",
        "truncate:20",
        "ok_with_error",
        "throttle:burst",
        "delay:90s",
    ];
    for has_strong_key in [true, false] {
        for kind in kinds {
            let switches = Switches {
                unique_task_property: has_strong_key,
                ..Switches::default()
            };

            let world = World::new(switches).await;
            let engine = world.daemon();
            cycle(&engine).await;
            world.due_inquiry().await;
            world.trouble(CREATE, kind, 1);
            for _ in 0..6 {
                cycle(&engine).await;
                assert!(
                    world.tasks().await.len() <= 1,
                    "{kind}, strong key: {has_strong_key}"
                );
                tokio::time::sleep(Duration::from_mins(5)).await;
            }
            assert_eq!(
                world.tasks().await.len(),
                1,
                "{kind}, strong key: {has_strong_key}"
            );
        }
    }
}

/// No schema rights: the key travels in the task's text, and each answer is lost although the task was made.
#[tokio::test(start_paused = true)]
async fn a_portal_that_refuses_our_property_gets_no_duplicate_when_answers_are_lost() {
    for kind in ["close_after_commit", "status_after_commit:504", "truncate:20"] {
        let world = World::new(Switches {
            unique_task_property: false,
            ..Switches::default()
        })
        .await;
        let engine = world.daemon();
        cycle(&engine).await;
        world.due_inquiry().await;
        world.trouble(CREATE, kind, 0);
        cycle(&engine).await;
        assert_eq!(world.tasks().await.len(), 1, "{kind}: made, and not told");
        // A restart remembers no more than the journal does; the settling time passes in between.
        let again = world.daemon();
        for _ in 0..6 {
            cycle(&again).await;
            tokio::time::sleep(Duration::from_mins(5)).await;
        }
        assert_eq!(world.tasks().await.len(), 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_may_not_write_pauses_its_connection_and_goes_on_once_it_may() {
    let world = World::new(Switches::default()).await;
    let engine = world.daemon();
    cycle(&engine).await;
    world.due_inquiry().await;
    world.trouble(CREATE, "forbid", 0);
    let report = cycle(&engine).await;
    assert_eq!(report.trouble, Trouble::Refused, "exit status 3");
    let told = report.errors.join("\n");
    assert!(told.contains("Fix: add the scope"), "{told}");
    assert_eq!(engine.links[0].state().refused.as_deref(), Some(told.as_str()));
    world.sandbox.set_faults(Vec::new());
    tokio::time::sleep(Duration::from_mins(1)).await;
    let report = cycle(&engine).await;
    assert_eq!(
        (report.tasks_created, report.trouble),
        (1, Trouble::None),
        "{report:?}"
    );
    assert_eq!(engine.links[0].state().refused, None);
}

/// The process dies at any moment of a cycle that creates; the disks keep what was synced.
#[tokio::test(start_paused = true)]
async fn a_daemon_that_dies_at_any_moment_leaves_one_task() {
    for after_ms in (0_u64..6_000).step_by(60) {
        let world = World::new(Switches::default()).await;
        let engine = world.daemon();
        cycle(&engine).await;
        world.due_inquiry().await;
        world.trouble("* /crm/*", "delay:100ms", 0);
        tokio::time::timeout(Duration::from_millis(after_ms), cycle(&engine))
            .await
            .ok();
        drop(engine);
        world.kv.crash(0);
        world.sandbox.set_faults(Vec::new());
        let again = world.daemon();
        cycle(&again).await;
        assert_eq!(world.tasks().await.len(), 1, "died after {after_ms} ms");
        cycle(&again).await;
        assert_eq!(world.tasks().await.len(), 1, "died after {after_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_deleted_between_gap_and_write_gets_no_task() {
    let world = World::new(Switches::default()).await;
    let engine = world.daemon();
    cycle(&engine).await;
    let contact = world.inquiry("priya@acme.example.com").await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(cycle(&engine).await.gaps_opened, 0, "known, and not due yet");
    tokio::time::sleep(Duration::from_mins(4)).await;
    // No poll tells of a deletion in time; only the re-read by id, just before the write.
    world
        .ask(
            "DELETE",
            &format!("/crm/objects/2026-09/contacts/{contact}"),
            &Value::Null,
        )
        .await;
    assert_eq!(cycle(&engine).await.gaps_opened, 1);
    for _ in 0..3 {
        cycle(&engine).await;
        assert_eq!(world.tasks().await.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn one_connection_in_trouble_leaves_the_state_usable() {
    let world = World::new(Switches::default()).await;
    let engine = world.daemon();
    world.trouble("* *", "status:503", 0);
    let report = cycle(&engine).await;
    assert!(!report.errors.is_empty());
    world.sandbox.set_faults(Vec::new());
    let report = cycle(&engine).await;
    assert!(report.errors.is_empty(), "{report:?}");
    world.due_inquiry().await;
    assert_eq!(cycle(&engine).await.tasks_created, 1);
    assert_eq!(
        engine.wait(SignedDuration::from_mins(1)).await.unwrap(),
        Duration::from_mins(1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_given_later_is_used_without_a_restart() {
    let world = World::new(Switches::default()).await;
    let engine = world.daemon();
    world.trouble("* /crm/objects/2026-09/calls*", "forbid", 0);
    cycle(&engine).await;
    world.due_inquiry().await;
    cycle(&engine).await;
    assert_eq!(world.tasks().await.len(), 0, "a call could be there");
    world.sandbox.set_faults(Vec::new());
    tokio::time::sleep(Duration::from_mins(16)).await;
    for _ in 0..2 {
        cycle(&engine).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    assert_eq!(world.tasks().await.len(), 1);
}

/// Nothing is gained by trying every few seconds what nobody answers.
#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_used_is_tried_in_the_usual_rhythm_though_something_is_due() {
    let world = World::new(Switches::default()).await;
    let engine = world.daemon();
    cycle(&engine).await;
    world.inquiry("priya@acme.example.com").await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    cycle(&engine).await;
    drop(engine);
    // After a restart nobody may look around, so nothing is planned and the verdict stays due.
    world.trouble("* *", "status:503", 0);
    let engine = world.daemon();
    tokio::time::sleep(Duration::from_mins(5)).await;
    cycle(&engine).await;
    let every = SignedDuration::from_mins(2);
    assert_eq!(engine.wait(every).await.unwrap(), Duration::from_mins(2));
}

/// A daemon on these disks whose machine's clock is as many hours ahead of the CRM's as `hours` says.
fn daemon_by_another_clock(world: &World, hours: &Arc<AtomicI64>) -> Engine {
    let (sandbox, hours) = (world.sandbox.clone(), Arc::clone(hours));
    Engine {
        clock: Clock::InProcess(Arc::new(move || {
            sandbox.now() + SignedDuration::from_hours(hours.load(Ordering::Relaxed))
        })),
        ..world.daemon()
    }
}

#[tokio::test(start_paused = true)]
async fn by_a_clock_a_day_off_nothing_is_read_or_written_and_nothing_is_lost() {
    let world = World::new(Switches::default()).await;
    let hours = Arc::new(AtomicI64::new(0));
    let engine = daemon_by_another_clock(&world, &hours);
    cycle(&engine).await;
    for (known, way) in [(0, "24 h 0 min ahead of"), (1, "24 h 0 min behind")] {
        hours.store(if known == 0 { 24 } else { -24 }, Ordering::Relaxed);
        world.inquiry(&format!("priya{known}@acme.example.com")).await;
        tokio::time::sleep(Duration::from_mins(2)).await;
        // Nor does it matter whether the clock was wrong from the start.
        for engine in [&engine, &daemon_by_another_clock(&world, &hours)] {
            let report = cycle(engine).await;
            let told = report.errors.join("\n");
            assert!(
                told.contains(way) && told.contains("Fix: let the clock be set"),
                "{told}"
            );
            assert_eq!(
                (report.trouble, report.pulled.len(), report.evaluated),
                (Trouble::CutShort, 0, 0)
            );
            assert_eq!(followupd::health::of(&engine.links[0]).last_error, Some(told));
        }
        hours.store(0, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_mins(2)).await;
        let report = cycle(&engine).await;
        assert_eq!(
            (report.trouble, report.tasks_created),
            (Trouble::None, 0),
            "not due: {report:?}"
        );
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert_eq!(cycle(&engine).await.tasks_created, 1, "{way}");
        assert_eq!(world.tasks().await.len(), known + 1);
    }
}

/// What counts on while a machine sleeps is the clock, not what the process reckons with.
#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_for_hours_goes_on_at_once() {
    let world = World::new(Switches::default()).await;
    let engine = world.daemon();
    cycle(&engine).await;
    world.inquiry("priya@acme.example.com").await;
    world.ask("POST", "/_sandbox/advance", &json!({"by": "5h"})).await;
    let report = cycle(&engine).await;
    assert_eq!(
        (report.trouble, report.tasks_created),
        (Trouble::None, 1),
        "{report:?}"
    );
}
