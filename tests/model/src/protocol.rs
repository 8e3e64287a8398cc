//! Everything that can happen: steps of the process, deaths and losses, the wire, humans, the clock.

use std::sync::Arc;

use followup_core::{TaskId, TaskStatus};
use followup_rules::{calendar::Calendars, policy::Policy};
use followup_store::{Ledger, ledger::Entry};

use crate::{
    claims,
    crm::Crm,
    cycle::begin,
    defect::Defect,
    explore::Model,
    facts,
    state::{Budget, Cache, History, Pc, Process, State},
};

/// A creation that left is carried out within this many steps of the clock (sixteen minutes), or never.
const WIRE_TICKS: u8 = 2;

/// A creation leaves within this many steps of the clock after it was written down that it does, or not at all.
const QUEUE_TICKS: u8 = 1;

/// What is checked.
pub struct Protocol {
    /// The CRM has a unique task property.
    pub is_strong: bool,
    /// What may go wrong at most.
    pub budget: Budget,
    /// A planted deviation.
    pub defect: Option<Defect>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) calendars: Arc<Calendars>,
}

/// The rules whose gaps the model knows; the others would only make its state larger.
const RULES: &[&str] = &[
    "reply-waiting",
    "first-touch",
    "after-hours-lead",
    "next-attempt",
    "one-channel",
];

impl Protocol {
    /// The protocol as it is.
    pub fn new(is_strong: bool, budget: Budget) -> Self {
        Self {
            is_strong,
            budget,
            defect: None,
            policy: Arc::new(Policy::default().limited_to(RULES)),
            calendars: Arc::new(Calendars::default()),
        }
    }

    /// The protocol with a deviation.
    #[must_use]
    pub fn with(mut self, defect: Defect) -> Self {
        self.defect = Some(defect);
        self
    }

    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}

/// How a step of the process goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// As it should.
    Good,
    /// A read fails; a write never leaves.
    Fails,
    /// What was asked is done, but the answer is lost.
    AnswerLost,
    /// The answer is lost, and the request may be carried out later, or never.
    Strays,
    /// The CRM refuses.
    Refused,
    /// A read succeeds but does not show the newest.
    Lags,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A process starts.
    Start,
    /// A cycle begins.
    Begin,
    /// The process takes its next step.
    Step(Pc, Luck),
    /// The process dies.
    Die {
        /// What was not synced survives.
        keeps_unsynced: bool,
        /// The creation it waits for is on its way.
        strays: bool,
    },
    /// The process dies in the middle of writing several entries; this many are durable.
    DieWriting(usize),
    /// A request that strayed is carried out.
    Arrives(usize),
    /// Time passes.
    Tick,
    /// The rep completes a task.
    Completes(TaskId),
    /// The rep deletes a task.
    Deletes(TaskId),
    /// The rep rewrites a task's subject line.
    Retitles(TaskId),
    /// The rep calls the person.
    Calls,
    /// The person's mail is logged.
    Writes,
    /// The state directory is lost.
    LosesAll,
    /// The cache is lost.
    LosesCache,
    /// The admin says `store confirm`.
    Confirms,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        State {
            ledger: Ledger::default(),
            cache: Cache::default(),
            synced: Cache::default(),
            process: Some(Process::new()),
            crm: Crm::default(),
            wire: Vec::new(),
            tick: 0,
            left: self.budget,
            history: History::default(),
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        match &state.process {
            None => {
                actions.push(Action::Start);
                if state.left.losses > 0 {
                    actions.push(Action::LosesCache);
                }
                // A creation that arrives after everything was lost and read anew is not covered: nobody can know it.
                if state.left.losses > 0 && state.wire.is_empty() {
                    actions.push(Action::LosesAll);
                }
            }
            Some(process) => self.process_actions(state, process, &mut actions),
        }
        if state.ledger.frozen().is_some() && state.process.as_ref().is_none_or(|one| one.pc == Pc::Idle) {
            actions.push(Action::Confirms);
        }
        if state.left.ticks > 0 && !is_overdue(state) {
            actions.push(Action::Tick);
        }
        actions.extend((0..state.wire.len()).map(Action::Arrives));
        if state.left.humans > 0 {
            human_actions(state, &mut actions);
        }
        actions
    }

    fn next(&self, state: &State, action: &Action) -> State {
        let mut next = state.clone();
        match action {
            Action::Start => next.process = Some(Process::new()),
            Action::Begin => begin(&mut next),
            Action::Step(_, luck) => self.step(&mut next, *luck, None),
            Action::DieWriting(kept) => {
                self.step(&mut next, Luck::Good, Some(*kept));
                next.cache = next.synced.clone();
                next.process = None;
                next.left.crashes -= 1;
            }
            Action::Die {
                keeps_unsynced,
                strays,
            } => die(&mut next, *keeps_unsynced, *strays),
            Action::Arrives(place) => {
                let (_, draft) = next.wire.remove(*place);
                let outcome = next.crm.create(&draft, self.is_strong, facts::at(next.tick));
                drop(outcome);
            }
            Action::Tick => {
                next.left.ticks -= 1;
                tick(&mut next);
            }
            Action::Confirms => confirm(&mut next),
            Action::LosesCache => lose_cache(&mut next),
            Action::LosesAll => {
                lose_cache(&mut next);
                next.ledger = Ledger::default();
                next.history.is_lost = true;
                next.history.is_unconfirmed = !next.crm.tasks.is_empty();
            }
            other => human(&mut next, other),
        }
        next
    }

    fn fingerprint(&self, state: &State) -> u128 {
        state.fingerprint()
    }

    fn violation(&self, state: &State) -> Option<String> {
        claims::violation(state)
    }

    fn calm(&self, state: &State) -> State {
        let mut next = state.clone();
        match &state.process {
            None => next.process = Some(Process::new()),
            Some(process) if process.pc != Pc::Idle => self.step(&mut next, Luck::Good, None),
            Some(_) if state.ledger.frozen().is_some() => confirm(&mut next),
            Some(_) => {
                tick(&mut next);
                begin(&mut next);
            }
        }
        next
    }

    fn settled(&self, state: &State) -> Result<(), String> {
        claims::settled(state)
    }
}

impl Protocol {
    fn process_actions(&self, state: &State, process: &Process, actions: &mut Vec<Action>) {
        let pc = process.pc;
        if pc == Pc::Idle {
            actions.push(Action::Begin);
        } else {
            let lucks = Self::lucks(state, process);
            actions.extend(lucks.into_iter().map(|luck| Action::Step(pc, luck)));
        }
        if state.left.crashes == 0 {
            return;
        }
        let waits = matches!(pc, Pc::Await | Pc::AwaitAgain);
        for strays in [false, true] {
            if strays && !waits {
                continue;
            }
            actions.push(Action::Die {
                keeps_unsynced: false,
                strays,
            });
            actions.push(Action::Die {
                keeps_unsynced: true,
                strays,
            });
        }
        let written = self.entries_of_step(state);
        actions.extend((1..written).map(Action::DieWriting));
    }

    /// How the next step can go.
    fn lucks(state: &State, process: &Process) -> Vec<Luck> {
        let can_fail = state.left.faults > 0;
        let mut lucks = vec![Luck::Good];
        if !can_fail {
            return lucks;
        }
        match process.pc {
            Pc::ReadTasks => {
                lucks.push(Luck::Fails);
                if state.cache.has_tasks && state.cache.delivered != state.crm.versions {
                    lucks.push(Luck::Lags);
                }
            }
            Pc::Look | Pc::LookAgain => lucks.push(Luck::Fails),
            Pc::Await | Pc::AwaitAgain => {
                lucks.extend([Luck::Fails, Luck::AnswerLost, Luck::Strays, Luck::Refused]);
            }
            Pc::Close => lucks.extend([Luck::Fails, Luck::AnswerLost]),
            Pc::Amend if !process.amendments.is_empty() => lucks.extend([Luck::Fails, Luck::AnswerLost]),
            _ => {}
        }
        lucks
    }
}

/// Whether a creation waits that must leave, or be given up, before more time passes.
fn is_overdue(state: &State) -> bool {
    state.process.as_ref().is_some_and(|process| {
        matches!(process.pc, Pc::Await | Pc::AwaitAgain) && state.tick - process.sent >= QUEUE_TICKS
    })
}

fn human_actions(state: &State, actions: &mut Vec<Action>) {
    for (id, task) in &state.crm.tasks {
        if task.status == TaskStatus::Open {
            actions.extend([Action::Completes(id.clone()), Action::Deletes(id.clone())]);
            if !state.crm.humans.contains_key(id) {
                actions.push(Action::Retitles(id.clone()));
            }
        }
    }
    if !state.crm.is_called {
        actions.push(Action::Calls);
        if !state.crm.has_mail {
            actions.push(Action::Writes);
        }
    }
}

fn human(next: &mut State, action: &Action) {
    let at = facts::at(next.tick);
    next.left.humans -= 1;
    match action {
        Action::Completes(id) => next.crm.end_by_human(id, TaskStatus::Done, at),
        Action::Deletes(id) => next.crm.end_by_human(id, TaskStatus::Deleted, at),
        Action::Retitles(id) => next.crm.retitle_by_human(id, at),
        Action::Calls => next.crm.is_called = true,
        _ => next.crm.has_mail = true,
    }
}

fn die(next: &mut State, keeps_unsynced: bool, strays: bool) {
    next.left.crashes -= 1;
    if strays && let Some(process) = &next.process {
        let tick = next.tick;
        next.wire
            .extend(process.sending.iter().cloned().map(|draft| (tick, draft)));
    }
    if keeps_unsynced {
        next.synced = next.cache.clone();
    } else {
        next.cache = next.synced.clone();
    }
    next.process = None;
}

fn tick(next: &mut State) {
    next.tick += 1;
    let now = next.tick;
    next.wire.retain(|(sent, _)| now - sent < WIRE_TICKS);
}

fn confirm(next: &mut State) {
    next.ledger.apply(&Entry::Confirmed {
        at: facts::at(next.tick),
    });
    next.history.is_unconfirmed = false;
}

fn lose_cache(next: &mut State) {
    next.cache = Cache::default();
    next.synced = Cache::default();
    next.left.losses -= 1;
}
