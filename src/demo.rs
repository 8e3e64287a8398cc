//! Sandbox and daemon in one process: weeks in seconds, narrated, and marked by the sandbox's script.
//!
//! Time is tokio's, paused: it moves only when everybody waits. So nothing here may touch a socket, a disk or another
//! thread; the store is the simulated twin of the real one, and everything above it is the code the service runs.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicUsize},
};

use followup_core::{ConnectionId, Record, RecordKind, TaskId};
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_rules::{calendar::Calendar, policy::Policy};
use followup_sandbox::{
    ClockMode, Fault, Reply, Sandbox, Switches, WorldConfig,
    team::{MARKED_RULES, Score, SituationScore},
};
use followup_store::{
    SimJournal, SimKv, Store, StoreError,
    ledger::{Closed, TaskRow},
};
use followup_transport::{Future, SendError, SendLimits, TokenSource, Transport};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    clock::Clock,
    config::Mode,
    engine::{CycleReport, Engine, Link, Rhythm},
    planning::Outbox,
    shared_store::{SharedStore, StoreThread},
    subject_key,
    sync::Silent,
    team::TeamSettings,
};

/// The Monday on which every demo begins, an hour before the team does.
const BEGINS_AT: &str = "2026-11-02T08:00:00Z";

/// Situations in a demo: every kind of the checked-in mix at least once.
const SITUATIONS: u32 = 100;

/// Wait between two cycles.
const POLL_EVERY: SignedDuration = SignedDuration::from_mins(2);

/// A task may appear or vanish this long after its instant.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(12);

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Simulated days.
    pub days: u32,
    /// Seed of the world.
    pub seed: u64,
    /// Inject faults.
    pub chaos: bool,
}

/// The closing figures. Truth comes from the sandbox's script, not from the daemon's view.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Person records in the CRM.
    pub people: u64,
    /// Activities in the CRM.
    pub activities: u64,
    /// Expected gaps that got their task.
    pub gaps_found: u64,
    /// Tasks of ours in the CRM.
    pub tasks_created: u64,
    /// Of these, completed because the follow-up happened.
    pub tasks_closed_by_evidence: u64,
    /// Of these, withdrawn because they stopped mattering.
    pub tasks_moot: u64,
    /// Second tasks for one gap or one subject.
    pub duplicates: u64,
    /// Expected gaps without their task.
    pub gaps_missed: u64,
    /// Tasks nobody should have got, or for the wrong person, or at the wrong time.
    pub wrong_tasks: u64,
    /// Requests the daemon sent.
    pub api_calls: u64,
    /// Requests answered with "slow down".
    pub rate_limited: u64,
    /// Simulated days.
    pub simulated_days: u32,
    /// By kind of situation: how many, and how many were handled right.
    pub by_situation: BTreeMap<String, SituationScore>,
    /// Each miss in words.
    pub problems: Vec<String>,
}

impl Figures {
    /// Nothing missed, doubled or wrong.
    pub fn is_right(&self) -> bool {
        self.duplicates == 0 && self.gaps_missed == 0 && self.wrong_tasks == 0 && self.problems.is_empty()
    }
}

/// Runs the demo.
///
/// # Errors
/// Whatever keeps the program from running; wrong figures are no error.
pub fn run(options: &DemoOptions, narrate: &dyn Fn(&str)) -> anyhow::Result<Figures> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(simulate(options, narrate))
}

async fn simulate(options: &DemoOptions, narrate: &dyn Fn(&str)) -> anyhow::Result<Figures> {
    let begins_at: Timestamp = BEGINS_AT.parse()?;
    let sandbox = Sandbox::new(WorldConfig {
        seed: options.seed,
        people: SITUATIONS,
        as_of: begins_at,
        limits: true,
        clock: ClockMode::Tokio,
        switches: Switches::default(),
    });
    let engine = engine(&sandbox, options.seed, begins_at)?;
    let ends_at = begins_at + SignedDuration::from_hours(24 * i64::from(options.days));
    let mut narrator = Narrator::default();
    narrate(&format!(
        "A sales team on a simulated HubSpot, {} days from {begins_at}; the daemon polls every two minutes in working hours.",
        options.days
    ));
    let mut chaos = options.chaos.then(|| Chaos::new(options.seed, begins_at));
    while sandbox.now() < ends_at {
        if let Some(chaos) = &mut chaos {
            chaos.step(&sandbox);
        }
        for link in &engine.links {
            let report = engine.cycle(link, Rhythm::Repeated, &Silent).await?;
            narrator.tell(&engine, &sandbox, &report, narrate).await?;
        }
        tokio::time::sleep(engine.wait(POLL_EVERY).await?).await;
    }
    let figures = figures(&sandbox, options.days);
    narrate(&format!(
        "{} days: {} gaps found, {} tasks written, {} closed because the follow-up happened, {} withdrawn; {} duplicates, {} missed, {} wrong.",
        options.days,
        figures.gaps_found,
        figures.tasks_created,
        figures.tasks_closed_by_evidence,
        figures.tasks_moot,
        figures.duplicates,
        figures.gaps_missed,
        figures.wrong_tasks
    ));
    Ok(figures)
}

/// The service's engine over simulated stores and an in-process CRM.
fn engine(sandbox: &Sandbox, seed: u64, now: Timestamp) -> anyhow::Result<Engine> {
    let connection = ConnectionId::new("demo")?;
    let config = HubspotConfig::new(connection, Url::parse("https://api.hubapi.com")?);
    let tokens = TokenSource::fixed(&sandbox.access().access_token);
    let hash = subject_key::keyed(seed.to_be_bytes().to_vec());
    let transport: Arc<dyn Transport> = Arc::new(InProcess(sandbox.clone()));
    let connector = Hubspot::new(config, transport, tokens, hash, seed).map_err(anyhow::Error::msg)?;
    let (store, _) = Store::simulated(SimKv::default(), SimJournal::default(), now)?;
    let clock = sandbox.clone();
    Ok(Engine {
        store: SharedStore::new(store, StoreThread::InPlace),
        clock: Clock::InProcess(Arc::new(move || clock.now())),
        policy: Arc::new(Policy::default().limited_to(MARKED_RULES)),
        team: TeamSettings {
            calendar: Calendar::default(),
            owners: BTreeMap::new(),
        },
        links: vec![Link::new(Arc::new(connector), Mode::Enforce, None)],
        stop: CancellationToken::new(),
        waiting: AtomicUsize::new(0),
        plan_turn: tokio::sync::Mutex::new(Outbox::default()),
    })
}

/// Requests go straight to the sandbox.
struct InProcess(Sandbox);

impl Transport for InProcess {
    fn send(
        &self,
        request: http::Request<bytes::Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<bytes::Bytes>, SendError>> {
        Box::pin(async move {
            let lost = |why: &str| Err(SendError::maybe_sent(why));
            let answer = match tokio::time::timeout(limits.total, self.0.hubspot(request)).await {
                Ok(Reply::Answer(answer)) => answer,
                Ok(Reply::Closed { .. }) => return lost("the connection closed before an answer came"),
                Err(_) => return lost("no answer in time"),
            };
            let announced = answer.headers().get(http::header::CONTENT_LENGTH);
            let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
            if announced.is_some_and(|length| length > answer.body().len()) {
                return lost("the answer was cut");
            }
            Ok(answer)
        })
    }
}

fn figures(sandbox: &Sandbox, simulated_days: u32) -> Figures {
    let score: Score = sandbox.score(TOLERANCE);
    let stats = sandbox.stats();
    let count = |name: &str| {
        stats
            .get(name)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or_default()
    };
    Figures {
        people: score.people,
        activities: score.activities,
        gaps_found: score.gaps_found,
        tasks_created: score.tasks_created,
        tasks_closed_by_evidence: score.tasks_closed_by_evidence,
        tasks_moot: score.tasks_moot,
        duplicates: score.duplicates,
        gaps_missed: score.gaps_missed,
        wrong_tasks: score.wrong_tasks,
        api_calls: count("requests"),
        rate_limited: count("throttled"),
        simulated_days,
        by_situation: score.by_situation,
        problems: score.problems,
    }
}

/// Says what happens as it happens: arrivals, tasks that appear, tasks that end.
#[derive(Default)]
struct Narrator {
    rows: BTreeMap<TaskId, bool>,
    day: Option<String>,
    arrivals: u64,
}

impl Narrator {
    async fn tell(
        &mut self,
        engine: &Engine,
        sandbox: &Sandbox,
        report: &CycleReport,
        narrate: &dyn Fn(&str),
    ) -> Result<(), StoreError> {
        let now = sandbox.now();
        let day = now.strftime("%a %d %b").to_string();
        if self.day.as_ref() != Some(&day) {
            narrate(&format!("— {day} —"));
            self.day = Some(day);
        }
        for error in &report.errors {
            narrate(&format!("{} trouble: {error}", now.strftime("%H:%M")));
        }
        let people = engine.store.with(|store| Ok(store.counts()?.people)).await?;
        if people > self.arrivals {
            narrate(&format!(
                "{} {} new people in the CRM",
                now.strftime("%H:%M"),
                people - self.arrivals
            ));
            self.arrivals = people;
        }
        let told = self.rows.clone();
        let news = engine.store.with(move |store| news(store, &told)).await?;
        for (id, is_closed, line) in news {
            self.rows.insert(id, is_closed);
            narrate(&format!("{} {line}", now.strftime("%H:%M")));
        }
        Ok(())
    }
}

fn news(store: &Store, told: &BTreeMap<TaskId, bool>) -> Result<Vec<(TaskId, bool, String)>, StoreError> {
    let mut news = Vec::new();
    for row in store.ledger().tasks() {
        let Some(id) = row.remote() else { continue };
        if told.get(id).copied() == Some(row.closed.is_some()) {
            continue;
        }
        let subject = match store.get(id.record())? {
            Some(Record::Task(task)) => task.fields.map(|fields| fields.subject).unwrap_or_default(),
            _ => id.to_string(),
        };
        let owner = match store.get(row.owner.record())? {
            Some(Record::Owner(owner)) => owner.name,
            _ => row.owner.to_string(),
        };
        news.push((id.clone(), row.closed.is_some(), sentence(row, &subject, &owner)));
    }
    Ok(news)
}

fn sentence(row: &TaskRow, subject: &str, owner: &str) -> String {
    match row.closed.as_ref().map(|(closed, _)| closed) {
        None => format!("task for {owner}: {subject}"),
        Some(Closed::Evidence(record)) => {
            format!(
                "closed by itself ({} {} was logged): {subject}",
                article(record.kind),
                record.kind
            )
        }
        Some(Closed::Declared) => format!("{owner} completed: {subject}"),
        Some(Closed::Dismissed) => format!("{owner} does not want it; it will not come back: {subject}"),
        Some(Closed::Withdrawn(why) | Closed::LetGo(why)) => format!("withdrawn ({why}): {subject}"),
        Some(Closed::Expired | Closed::Undone) => format!("taken back: {subject}"),
    }
}

const fn article(kind: RecordKind) -> &'static str {
    if matches!(kind, RecordKind::Email | RecordKind::Account) {
        "an"
    } else {
        "a"
    }
}

/// A fault every few simulated hours, in turn.
struct Chaos {
    random: fastrand::Rng,
    next_at: Timestamp,
}

impl Chaos {
    const FAULTS: &'static [(&'static str, &'static str)] = &[
        (
            "POST /crm/objects/2026-09/tasks/batch/create",
            "close_after_commit",
        ),
        ("POST *", "close_before"),
        ("* /crm/objects/2026-09/emails*", "status:502"),
        ("GET *", "truncate:40"),
        ("POST *", "html:524"),
        ("* /crm/objects/2026-09/contacts*", "throttle:burst"),
        ("POST /crm/objects/2026-09/tasks/batch/create", "status:504"),
        ("* *", "delay:20s"),
    ];

    fn new(seed: u64, now: Timestamp) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            next_at: now + SignedDuration::from_hours(1),
        }
    }

    fn step(&mut self, sandbox: &Sandbox) {
        let now = sandbox.now();
        if now < self.next_at {
            return;
        }
        self.next_at = now + SignedDuration::from_mins(self.random.i64(30..240));
        let fault = self.random.choice(Self::FAULTS);
        let times = self.random.u32(1..4);
        if let Some(Ok(fault)) = fault.map(|(matches, kind)| Fault::new(matches, kind, times)) {
            sandbox.set_faults(vec![fault]);
        }
    }
}
