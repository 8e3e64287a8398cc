//! A plan, played: the schedule on one side, the daemon on the other, the invariants in between.

use std::{
    cell::{Ref, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use followup_core::RecordRef;
use followup_rules::Context;
use followup_store::{Entry, StoreError};
use followupd::{
    engine::{CycleReport, Engine},
    planning,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    court::{Court, Violation},
    crm::{self, SimCrm},
    daemon::{End, Process},
    defect::Defect,
    disk::Disk,
    invariants::{self, Scene},
    logs::Logs,
    people::{CANARY_DOMAIN, CANARY_NAME, People, PeopleAct, Then},
    plan::{Act, Crash, Plan, PortalPlan, Trouble},
    trace::Trace,
    weather::Weather,
};

/// The daemon is connected this long after the world began.
const CONNECTS_AFTER: SignedDuration = SignedDuration::from_mins(3);
/// Quiet at the end, in which everything must become green: the office opens within it.
const QUIET: SignedDuration = SignedDuration::from_mins(135);
/// After a trouble the connection may need this long for its breakers and retry budgets.
const RECOVERY: SignedDuration = SignedDuration::from_mins(20);
/// After the CRM said the day was used up, it is asked again within the hour.
const DAY_RECOVERY: SignedDuration = SignedDuration::from_mins(75);
/// The admin looks this often.
const ADMIN_EVERY: SignedDuration = SignedDuration::from_mins(20);
/// The slower checks run this often.
const CHECK_EVERY: SignedDuration = SignedDuration::from_mins(60);

/// What every part of a run holds on to.
#[derive(Clone)]
pub struct Shared {
    /// What happened.
    pub trace: Trace,
    /// What must not be so.
    pub court: Court,
    /// What was logged.
    pub logs: Logs,
    /// A rule broken on purpose.
    pub defect: Option<Defect>,
    disk: Arc<Mutex<Disk>>,
}

impl Shared {
    fn new(defect: Option<Defect>) -> Self {
        Self {
            trace: Trace::default(),
            court: Court::default(),
            logs: Logs::default(),
            defect,
            disk: Arc::new(Mutex::new(Disk::new())),
        }
    }

    /// The daemon's disks.
    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a violation with what happened before it.
    pub fn accuse(&self, id: &'static str, at: Timestamp, what: String) {
        self.trace.note(at, &format!("! {id} {what}"));
        self.court.accuse(id, at, what, self.trace.last());
    }
}

/// One portal and what is known of its run.
pub struct Portal {
    /// How it was drawn.
    pub plan: PortalPlan,
    /// The CRM.
    pub crm: Arc<dyn SimCrm>,
    /// Who works in it beside the script.
    pub people: People,
    /// When anything was wrong.
    pub weather: Weather,
    /// When the daemon was first connected.
    pub connected_at: Timestamp,
    /// When the state directory was last lost.
    pub lost_at: Option<Timestamp>,
    /// When the last cycle began.
    pub cycle_at: Option<Timestamp>,
    /// Several open tasks of one subject: since when.
    doubled: BTreeMap<String, Timestamp>,
    /// Tasks up to here were looked at.
    looked_at: Timestamp,
    /// The trouble in force, by number.
    trouble: Option<usize>,
}

/// Everything of a run that outlives the daemon.
pub struct World {
    /// Trace, court, logs and disks.
    pub shared: Shared,
    /// Wait between two cycles.
    pub poll: SignedDuration,
    portals: RefCell<Vec<Portal>>,
}

/// How a run ended.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Simulated days.
    pub days: u32,
    /// Portals.
    pub connections: usize,
    /// Hash of everything that happened.
    pub hash: u64,
    /// How much that was.
    pub events: u64,
    /// Requests the daemon sent.
    pub requests: u64,
    /// What was done to it, by kind: faults that struck, crashes, people.
    pub faults: BTreeMap<String, u64>,
    /// How often each invariant was looked at.
    pub looks: BTreeMap<&'static str, u64>,
    /// What must not have been so.
    pub violations: Vec<Violation>,
}

/// Plays a plan.
pub fn run(plan: &Plan, defect: Option<Defect>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(async { Game::new(plan, defect).play().await }),
        Err(error) => failed(plan, &error.to_string()),
    }
}

fn failed(plan: &Plan, why: &str) -> Outcome {
    let shared = Shared::new(None);
    shared.accuse("setup", plan.begins_at, why.to_owned());
    Outcome {
        seed: plan.seed,
        days: plan.days,
        connections: plan.portals.len(),
        hash: 0,
        events: 0,
        requests: 0,
        faults: BTreeMap::new(),
        looks: BTreeMap::new(),
        violations: shared.court.violations(),
    }
}

/// A step of the schedule.
#[derive(Debug, Clone)]
enum Step {
    Event(usize),
    TroubleEnds {
        portal: usize,
        number: usize,
    },
    Neighbour {
        portal: usize,
        requests: u32,
        searches: u32,
        minutes: u32,
    },
    Answer {
        portal: usize,
        person: String,
    },
    Restart,
    Admin,
    Check,
}

/// A run under way.
struct Game<'a> {
    plan: &'a Plan,
    world: Rc<World>,
    process: Option<Process>,
    agenda: BTreeMap<(Duration, u64), Step>,
    planned: u64,
    started: Instant,
    crash: Option<Crash>,
    /// Since when the process has been marked to die, or is dead.
    dying_since: Option<Timestamp>,
    done: BTreeMap<String, u64>,
}

impl<'a> Game<'a> {
    fn new(plan: &'a Plan, defect: Option<Defect>) -> Self {
        let shared = Shared::new(defect);
        let portals = plan
            .portals
            .iter()
            .map(|portal| Portal {
                plan: portal.clone(),
                crm: crm::build(portal, plan.begins_at, &shared),
                people: People::default(),
                weather: Weather::default(),
                connected_at: plan.begins_at + CONNECTS_AFTER,
                lost_at: None,
                cycle_at: None,
                doubled: BTreeMap::new(),
                looked_at: plan.begins_at,
                trouble: None,
            })
            .collect();
        let mut game = Self {
            plan,
            world: Rc::new(World {
                shared,
                poll: plan.poll,
                portals: RefCell::new(portals),
            }),
            process: None,
            agenda: BTreeMap::new(),
            planned: 0,
            started: Instant::now(),
            crash: None,
            dying_since: None,
            done: BTreeMap::new(),
        };
        for (place, event) in plan.events.iter().enumerate() {
            game.at(event.at, Step::Event(place));
        }
        game.at(CONNECTS_AFTER, Step::Restart);
        game.at(ADMIN_EVERY, Step::Admin);
        game.at(CHECK_EVERY, Step::Check);
        game
    }

    fn at(&mut self, at: SignedDuration, step: Step) {
        let at = Duration::try_from(at).unwrap_or_default();
        self.planned += 1;
        self.agenda.insert((at, self.planned), step);
    }

    /// The same, counted from now.
    fn later(&mut self, by: SignedDuration, step: Step) {
        let now = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        self.at(now + by, step);
    }

    async fn play(mut self) -> Outcome {
        let _guard = self.world.shared.logs.listen();
        self.world
            .shared
            .logs
            .forbid([CANARY_NAME.to_owned(), CANARY_DOMAIN.to_owned()]);
        self.world.settle_in();
        let end = SignedDuration::from_hours(24 * i64::from(self.plan.days));
        self.play_until(end).await;
        if !self.world.shared.court.has_any() {
            self.calm_down(end).await;
        }
        self.outcome()
    }

    async fn play_until(&mut self, end: SignedDuration) {
        let end = Duration::try_from(end).unwrap_or_default();
        while !self.world.shared.court.has_any() {
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let until = next.map_or(end, |at| at.min(end));
            self.run_daemon_until(self.started + until).await;
            if self.started.elapsed() >= end {
                return;
            }
            let is_due = |at: &Duration| self.started.elapsed() >= *at;
            if let Some(entry) = self.agenda.first_entry()
                && is_due(&entry.key().0)
            {
                let step = entry.remove();
                self.step(step).await;
            }
        }
    }

    /// Runs the process until an instant, or until it dies.
    async fn run_daemon_until(&mut self, until: Instant) {
        let Some(process) = &mut self.process else {
            tokio::time::sleep_until(until).await;
            return;
        };
        let end = tokio::select! {
            biased;
            end = process.run() => Some(end),
            () = tokio::time::sleep_until(until) => None,
        };
        if let Some(end) = end {
            self.died(&end);
        }
    }

    fn died(&mut self, end: &End) {
        self.process = None;
        let now = self.world.now();
        let planned = self.crash.take();
        if let (End::Failed(error), None) = (end, planned) {
            self.world
                .shared
                .accuse("store", now, format!("the daemon stopped by itself: {error}"));
        }
        let kept = planned.map_or(0, |crash| crash.kept);
        let down = planned.map_or(SignedDuration::from_secs(10), |crash| crash.down);
        let unsynced = self.world.shared.disk().crash(kept);
        *self.done.entry("crash".to_owned()).or_default() += 1;
        self.world.shared.trace.note(
            now,
            &format!("# died: {end:?}, {unsynced} batches unsynced, down for {down}"),
        );
        self.dying_since.get_or_insert(now);
        self.later(down, Step::Restart);
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Event(place) => {
                if let Some(event) = self.plan.events.get(place).cloned() {
                    self.event(event.number, event.portal, event.act);
                }
            }
            Step::TroubleEnds { portal, number } => self.world.end_trouble(portal, number),
            Step::Neighbour {
                portal,
                requests,
                searches,
                minutes,
            } => {
                self.world.neighbour(portal, requests, searches);
                if minutes > 0 {
                    let next = Step::Neighbour {
                        portal,
                        requests,
                        searches,
                        minutes: minutes - 1,
                    };
                    self.later(SignedDuration::from_mins(1), next);
                }
            }
            Step::Answer { portal, person } => self.world.answer(portal, &person),
            Step::Restart => self.restart().await,
            Step::Admin => {
                self.admin().await;
                self.later(ADMIN_EVERY, Step::Admin);
            }
            Step::Check => {
                self.check().await;
                self.later(CHECK_EVERY, Step::Check);
            }
        }
    }

    fn event(&mut self, number: usize, portal: usize, act: Act) {
        let now = self.world.now();
        self.world
            .shared
            .trace
            .note(now, &format!("# {number} {portal} {act:?}"));
        match act {
            Act::Trouble(trouble) => {
                self.world.begin_trouble(portal, number, &trouble);
                self.later(trouble.lasts, Step::TroubleEnds { portal, number });
            }
            Act::Crash(crash) => {
                if let Some(process) = &self.process
                    && self.crash.is_none()
                {
                    self.crash = Some(crash);
                    self.dying_since = Some(now);
                    if crash.is_power_cut {
                        self.world.shared.disk().cut_after(crash.after);
                    } else {
                        process.kill_after(crash.after);
                    }
                }
            }
            Act::LoseDisk => {
                self.process = None;
                self.crash = None;
                self.dying_since.get_or_insert(now);
                self.world.lose_disk();
                *self.done.entry("lose-disk".to_owned()).or_default() += 1;
                self.later(SignedDuration::from_secs(60), Step::Restart);
            }
            Act::People(act, salt) => {
                if let Some((person, after)) = self.world.people_act(portal, act, salt) {
                    self.later(after, Step::Answer { portal, person });
                }
                *self.done.entry("people".to_owned()).or_default() += 1;
            }
            Act::Neighbour {
                requests,
                searches,
                minutes,
            } => {
                let lasts = SignedDuration::from_mins(i64::from(minutes)) + RECOVERY;
                self.world.is_troubled(portal, now, now + lasts);
                *self.done.entry("neighbour".to_owned()).or_default() += 1;
                let next = Step::Neighbour {
                    portal,
                    requests,
                    searches,
                    minutes,
                };
                self.later(SignedDuration::ZERO, next);
            }
        }
    }

    async fn restart(&mut self) {
        if self.process.is_some() {
            return;
        }
        let now = self.world.now();
        match Process::start(&self.world) {
            Ok(process) => {
                let is_restart = self.dying_since.is_some();
                if let Some(since) = self.dying_since.take() {
                    for portal in 0..self.plan.portals.len() {
                        self.world.is_troubled(portal, since, now + RECOVERY);
                    }
                }
                self.world.shared.trace.note(now, "# started");
                if is_restart {
                    self.world.after_restart(&process.engine).await;
                }
                self.process = Some(process);
            }
            Err(error) => self
                .world
                .shared
                .accuse("setup", now, format!("the daemon cannot start: {error}")),
        }
    }

    /// What an admin does who reads the alarms: lifts a freeze, logs in anew.
    async fn admin(&mut self) {
        let now = self.world.now();
        let Some(process) = &self.process else { return };
        let engine = Arc::clone(&process.engine);
        if let Ok(Some(why)) = engine.frozen().await {
            self.world
                .shared
                .trace
                .note(now, &format!("# admin confirms: {why}"));
            let confirmed = engine
                .store
                .with(move |store| store.record(&[Entry::Confirmed { at: now }]))
                .await;
            if confirmed.is_err() {
                return;
            }
        }
        let refused: Vec<usize> = (0..engine.links.len())
            .filter(|index| {
                engine
                    .links
                    .get(*index)
                    .is_some_and(|link| link.state().refused.is_some())
            })
            .collect();
        let is_oauth = |index: &usize| {
            self.plan
                .portals
                .get(*index)
                .is_some_and(|portal| portal.is_oauth)
        };
        let dead: Vec<usize> = refused.into_iter().filter(is_oauth).collect();
        if dead.is_empty() {
            return;
        }
        for index in &dead {
            if let Some(crm) = self.world.crms().get(*index) {
                crm.log_in_anew();
            }
        }
        self.world
            .shared
            .trace
            .note(now, &format!("# admin logs in anew: {dead:?}"));
        self.process = None;
        self.world.shared.disk().crash(usize::MAX);
        self.dying_since.get_or_insert(now);
        self.later(SignedDuration::from_secs(20), Step::Restart);
    }

    async fn check(&self) {
        if self.dying_since.is_some() {
            // Nobody is there to do anything.
            return;
        }
        self.world.check_script();
        if let Some(process) = &self.process {
            self.world.check_walk_ons(&process.engine).await;
        }
    }

    /// Faults off, people home: everything must come to rest and be right.
    async fn calm_down(&mut self, end: SignedDuration) {
        let now = self.world.now();
        self.agenda
            .retain(|_, step| matches!(step, Step::Restart | Step::Admin));
        for portal in 0..self.plan.portals.len() {
            self.world.end_all_trouble(portal);
        }
        self.world.shared.trace.note(now, "# quiet");
        self.play_until(end + QUIET).await;
        if self.process.is_none() {
            self.restart().await;
            self.play_until(end + QUIET + SignedDuration::from_mins(40)).await;
        }
        if self.world.shared.court.has_any() {
            return;
        }
        self.check().await;
        let Some(process) = &self.process else {
            self.world
                .shared
                .accuse("I-11", self.world.now(), "the daemon is not running".to_owned());
            return;
        };
        if let Err(error) = self.world.check_rest(&process.engine).await {
            self.world
                .shared
                .accuse("store", self.world.now(), error.to_string());
        }
    }

    fn outcome(mut self) -> Outcome {
        let mut requests = 0;
        for crm in self.world.crms() {
            requests += crm.requests();
            for (kind, count) in crm.struck() {
                *self.done.entry(kind).or_default() += count;
            }
        }
        let shared = &self.world.shared;
        Outcome {
            seed: self.plan.seed,
            days: self.plan.days,
            connections: self.plan.portals.len(),
            hash: shared.trace.hash(),
            events: shared.trace.events(),
            requests,
            faults: self.done,
            looks: shared.court.looks(),
            violations: shared.court.violations(),
        }
    }
}

impl World {
    /// The CRM's date.
    pub fn now(&self) -> Timestamp {
        self.portals
            .borrow()
            .first()
            .map_or(Timestamp::UNIX_EPOCH, |portal| portal.crm.now())
    }

    /// How far ahead the daemon's clock is.
    pub fn skew(&self) -> SignedDuration {
        self.portals
            .borrow()
            .first()
            .map_or(SignedDuration::ZERO, |portal| portal.plan.skew)
    }

    /// The CRMs, in the order of the connections.
    pub fn crms(&self) -> Vec<Arc<dyn SimCrm>> {
        self.portals
            .borrow()
            .iter()
            .map(|portal| Arc::clone(&portal.crm))
            .collect()
    }

    fn settle_in(&self) {
        for portal in self.portals.borrow_mut().iter_mut() {
            let (name, strangers) = (&portal.plan.name, portal.plan.strangers);
            let people = &mut portal.people;
            portal
                .crm
                .act(&mut |crm, at| people.settle_in(name, at, strangers, crm));
            self.shared.logs.forbid(portal.crm.secrets());
        }
    }

    fn with<T>(&self, index: usize, act: impl FnOnce(&mut Portal) -> T) -> Option<T> {
        self.portals.borrow_mut().get_mut(index).map(act)
    }

    fn is_troubled(&self, index: usize, from: Timestamp, until: Timestamp) {
        self.with(index, |portal| portal.weather.trouble(from, until));
    }

    fn begin_trouble(&self, index: usize, number: usize, trouble: &Trouble) {
        let recovery = if trouble.kind == "throttle:daily" {
            DAY_RECOVERY
        } else {
            RECOVERY
        };
        let late = trouble
            .kind
            .strip_prefix("late:")
            .map(|_| SignedDuration::from_mins(15));
        let now = self.now();
        self.is_troubled(
            index,
            now,
            now + trouble.lasts + recovery + late.unwrap_or_default(),
        );
        self.with(index, |portal| {
            portal.crm.trouble(trouble);
            portal.trouble = Some(number);
        });
    }

    fn end_trouble(&self, index: usize, number: usize) {
        self.with(index, |portal| {
            if portal.trouble == Some(number) {
                portal.crm.clear();
                portal.trouble = None;
            }
        });
    }

    fn end_all_trouble(&self, index: usize) {
        self.with(index, |portal| {
            portal.crm.clear();
            portal.trouble = None;
        });
    }

    fn neighbour(&self, index: usize, requests: u32, searches: u32) {
        self.with(index, |portal| portal.crm.neighbour(requests, searches));
    }

    fn lose_disk(&self) {
        let now = self.now();
        self.shared.disk().lose();
        for portal in self.portals.borrow_mut().iter_mut() {
            portal.lost_at = Some(now);
            if portal.plan.is_oauth {
                portal.crm.log_in_anew();
            }
            // Until an admin has confirmed nothing is written.
            portal.weather.trouble(now, now + ADMIN_EVERY * 2 + RECOVERY);
        }
    }

    /// Somebody acts; answers whom a rep will call, and when.
    fn people_act(&self, index: usize, act: PeopleAct, salt: u64) -> Option<(String, SignedDuration)> {
        let (told, then) = self.with(index, |portal| {
            let mut told = (String::new(), None);
            let people = &mut portal.people;
            portal
                .crm
                .act(&mut |crm, at| told = people.act(act, salt, at, crm));
            if let Some(Then::Owner { owner, is_active }) = &told.1 {
                portal.crm.set_owner_active(owner, *is_active);
            }
            told
        })?;
        self.shared.trace.note(self.now(), &format!("# {told}"));
        match then? {
            Then::Answer { person, after } => Some((person, after)),
            Then::Owner { .. } => None,
        }
    }

    fn answer(&self, index: usize, person: &str) {
        self.with(index, |portal| {
            let people = &mut portal.people;
            portal.crm.act(&mut |crm, at| people.answer(person, at, crm));
        });
        self.shared
            .trace
            .note(self.now(), &format!("# {person} is called"));
    }

    /// Everything that is looked at after each cycle.
    ///
    /// # Errors
    /// As the store fails.
    pub async fn after_cycle(
        &self,
        engine: &Engine,
        index: usize,
        report: &CycleReport,
        began_at: Timestamp,
    ) -> Result<(), StoreError> {
        let now = self.now();
        self.shared.trace.note(
            now,
            &format!(
                "= {} read {} judged {} new {} done {} withdrawn {} amended {} errors {:?} frozen {:?}",
                report.connection,
                report.pulled.values().sum::<u64>(),
                report.evaluated,
                report.tasks_created,
                report.tasks_closed,
                report.tasks_withdrawn,
                report.tasks_amended,
                report.errors,
                report.frozen
            ),
        );
        let name = report.connection.clone();
        let believed = engine
            .store
            .with(move |store| Ok(invariants::right_row::believed(store, &name)))
            .await?;
        let is_refused = engine
            .links
            .get(index)
            .is_some_and(|link| link.state().refused.is_some());
        if let Some(link) = engine.links.get(index) {
            invariants::secrets::cycle(&self.shared, report, link);
        }
        self.with(index, |portal| {
            self.shared.logs.forbid(portal.crm.secrets());
            if report.frozen.is_some() || is_refused {
                // Named and shown; an admin comes.
                portal.weather.trouble(began_at, now + ADMIN_EVERY + RECOVERY);
            }
            if portal.crm.is_scarce() {
                portal.weather.trouble(began_at, now + DAY_RECOVERY);
            }
            portal.crm.audit();
        });
        self.look(index, |scene, portal_doubled, looked_at| {
            invariants::cadence::check(scene, scene.portal.cycle_at);
            invariants::tasks::one_per_key(scene);
            invariants::tasks::one_per_subject(scene, portal_doubled);
            invariants::right_row::check(scene, &believed);
            invariants::barred::check(scene, *looked_at);
            invariants::edits::check(scene);
            invariants::bounded::check(scene);
            *looked_at = scene.now;
        });
        self.with(index, |portal| portal.cycle_at = Some(began_at));
        Ok(())
    }

    /// Shows a portal to invariants that remember something of it.
    fn look(
        &self,
        index: usize,
        check: impl FnOnce(&Scene<'_>, &mut BTreeMap<String, Timestamp>, &mut Timestamp),
    ) {
        let Some((mut doubled, mut looked_at)) = self.with(index, |portal| {
            (std::mem::take(&mut portal.doubled), portal.looked_at)
        }) else {
            return;
        };
        if let Some(portal) = self.portal(index) {
            let tasks = portal.crm.tasks();
            let scene = Scene {
                portal: &portal,
                shared: &self.shared,
                now: portal.crm.now(),
                poll: self.poll,
                tasks: &tasks,
            };
            check(&scene, &mut doubled, &mut looked_at);
        }
        self.with(index, |portal| {
            portal.doubled = doubled;
            portal.looked_at = looked_at;
        });
    }

    fn portal(&self, index: usize) -> Option<Ref<'_, Portal>> {
        Ref::filter_map(self.portals.borrow(), |portals| portals.get(index)).ok()
    }

    fn count(&self) -> usize {
        self.portals.borrow().len()
    }

    fn check_script(&self) {
        for index in 0..self.count() {
            self.look(index, |scene, _, _| {
                invariants::owed::scripted(scene);
                invariants::unowed::check(scene);
                invariants::unowed::walk_ons(scene);
                invariants::closed::check(scene);
                invariants::equal::check(scene);
            });
        }
    }

    async fn check_walk_ons(&self, engine: &Engine) {
        for index in 0..self.count() {
            let mut overdue = Vec::new();
            self.look(index, |scene, _, _| overdue = invariants::owed::walk_ons(scene));
            for (person, what) in overdue {
                match self.reason(engine, index, &person).await {
                    Ok(Some(reason)) => {
                        self.shared
                            .trace
                            .note(self.now(), &format!("# {person} waits: {reason}"));
                    }
                    Ok(None) => self.shared.accuse("I-3", self.now(), what),
                    Err(error) => self.shared.accuse("store", self.now(), error.to_string()),
                }
            }
        }
    }

    /// Why a person has no task, as `why-not` would show it; `None` if the daemon thinks one is owed, or knows nothing.
    async fn reason(
        &self,
        engine: &Engine,
        index: usize,
        person: &str,
    ) -> Result<Option<String>, StoreError> {
        let Some(link) = engine.links.get(index) else {
            return Ok(None);
        };
        let id = RecordRef::new(
            link.connector.connection().clone(),
            followup_core::RecordKind::Contact,
            person,
        );
        let now = engine.clock.now();
        let inputs = engine.inputs(now).await?;
        engine
            .store
            .with(move |store| {
                let context = Context {
                    policy: &inputs.policy,
                    calendars: &inputs.calendars,
                    coverage: &inputs.coverage,
                    now,
                };
                let mut reasons = Vec::new();
                for (evaluation, _) in planning::look_at(store, &id, &context)? {
                    let waits = evaluation.gaps.iter().map(|gap| gap.outcome.as_str());
                    reasons.extend(waits.filter(|outcome| *outcome != "task").map(str::to_owned));
                    reasons.extend(evaluation.skips.iter().map(|skip| format!("{:?}", skip.reason)));
                }
                Ok((!reasons.is_empty()).then(|| reasons.join(", ")))
            })
            .await
    }

    /// What must hold when a store was just opened again.
    async fn after_restart(&self, engine: &Engine) {
        for crm in self.crms() {
            let slack = crm.visibility() + self.skew().abs() + SignedDuration::from_secs(61);
            let found = {
                let crm = Arc::clone(&crm);
                engine
                    .store
                    .with(move |store| invariants::cache::behind(store, &*crm, slack))
                    .await
            };
            self.shared.court.looked("I-7");
            self.shared.court.looked("D-5");
            for what in found.unwrap_or_default().into_iter().take(1) {
                self.shared.accuse("I-7", self.now(), what);
            }
        }
    }

    /// What must hold once everything has come to rest.
    async fn check_rest(&self, engine: &Engine) -> Result<(), StoreError> {
        let now = self.now();
        for (index, crm) in self.crms().into_iter().enumerate() {
            if crm.is_scarce() {
                continue;
            }
            let before =
                now - crm.visibility() - self.skew().abs() - self.poll * 5 - SignedDuration::from_mins(14);
            let found = {
                let crm = Arc::clone(&crm);
                engine
                    .store
                    .with(move |store| invariants::cache::equals(store, &*crm, before))
                    .await?
            };
            self.shared.court.looked("I-1");
            for what in found.into_iter().take(2) {
                self.shared.accuse("I-1", now, what);
            }
            if let Some(link) = engine.links.get(index) {
                self.look(index, |scene, _, _| {
                    invariants::green::check(scene, link);
                    invariants::owed::marks(scene);
                });
            }
        }
        let unresolved = engine
            .store
            .with(move |store| Ok(invariants::resolved::unresolved(store, now)))
            .await?;
        self.shared.court.looked("I-12");
        for (connection, what) in unresolved {
            self.shared.accuse("I-12", now, format!("{connection}: {what}"));
        }
        self.check_plan(engine).await?;
        invariants::secrets::end(&self.shared, now);
        Ok(())
    }

    async fn check_plan(&self, engine: &Engine) -> Result<(), StoreError> {
        let last = self
            .portals
            .borrow()
            .iter()
            .filter_map(|portal| portal.cycle_at)
            .max();
        let Some(last) = last.map(|last| last + self.skew()) else {
            return Ok(());
        };
        let inputs = engine.inputs(last).await?;
        let before = self.shared.disk().durable_entries().len();
        let [first, second] = engine
            .store
            .with(move |store| invariants::same_plan::judge_all(store, &inputs, last))
            .await?;
        let news = self.shared.disk().durable_entries().split_off(before);
        self.shared.court.looked("I-6");
        self.shared.court.looked("D-9");
        let now = self.now();
        if self.count() == 1 && !news.is_empty() && !self.crms().iter().any(|crm| crm.is_scarce()) {
            self.shared
                .accuse("I-6", now, format!("judging everything anew decides {news:?}"));
        }
        if first != second {
            self.shared
                .accuse("D-9", now, format!("{first} and then {second}"));
        }
        Ok(())
    }
}
