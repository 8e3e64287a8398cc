//! The schedule, step by step, and the process that lives and dies in it.

use std::{collections::BTreeMap, rc::Rc, sync::Arc, time::Duration};

use followup_store::Entry;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{ADMIN_EVERY, Outcome, RECOVERY, Shared, World, world::CONNECTS_AFTER};
use crate::{
    daemon::{End, Process},
    defect::Defect,
    people::{CANARY_DOMAIN, CANARY_NAME},
    plan::{Act, Crash, Plan, PortalPlan},
};

/// Quiet at the end, in which everything must become green: the office opens within it.
const QUIET: SignedDuration = SignedDuration::from_mins(135);
/// The slower checks run this often.
const CHECK_EVERY: SignedDuration = SignedDuration::from_mins(60);

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
    ClockIsRight,
    Restart,
    Admin,
    Check,
}

/// A run under way.
pub(super) struct Game<'a> {
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
    pub(super) fn new(plan: &'a Plan, defect: Option<Defect>) -> Self {
        let shared = Shared::new(defect);
        let mut game = Self {
            plan,
            world: Rc::new(World::new(plan, shared)),
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

    pub(super) async fn play(mut self) -> Outcome {
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
            Step::ClockIsRight => self.clock_is_right(),
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
            Act::ClockJump { by, lasts } => {
                self.world.jump(by);
                for portal in 0..self.plan.portals.len() {
                    let until = now + lasts + by.abs() + RECOVERY;
                    self.world.is_troubled(portal, now, until);
                }
                *self.done.entry("clock-jump".to_owned()).or_default() += 1;
                self.later(lasts, Step::ClockIsRight);
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

    fn clock_is_right(&self) {
        self.world.jump(SignedDuration::ZERO);
        let now = self.world.now();
        self.world.shared.trace.note(now, "# the clock is set right");
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
        let is_oauth = |index: &usize| self.plan.portals.get(*index).is_some_and(PortalPlan::is_oauth);
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
        let is_cut_planned = self.crash.is_some_and(|crash| crash.is_power_cut);
        if is_cut_planned && self.process.is_some() && self.world.shared.disk().spare() {
            (self.crash, self.dying_since) = (None, None);
        }
        self.world.jump(SignedDuration::ZERO);
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
        let crms = self.world.crms();
        for (index, crm) in crms.iter().enumerate() {
            requests += crm.requests();
            let earlier = crms.iter().take(index);
            if earlier
                .into_iter()
                .any(|other| other.ground().is_same(crm.ground()))
            {
                // Faults are counted by world.
                continue;
            }
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
