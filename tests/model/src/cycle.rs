//! One cycle of the engine, one call a step: what is durable before what, and what is lost by a death in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use followup_core::{Task, TaskKey};
use followup_rules::{Context, evaluate, model::Outcome};
use followup_store::{
    Ledger,
    ledger::{Entry, RowState, TaskRow},
};
use followupd::{
    planning::{
        PlanInputs, adopted_entries, decide, established_entries,
        facts::{Seen, own_task},
    },
    writeback::step::{self, Step, next_step},
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    defect::Defect,
    facts,
    protocol::{Luck, Protocol},
    state::{Pc, Process, State},
};

mod write;

use write::{close, note_amended, note_closed};

/// What a step does once its entries are durable.
type Then = Box<dyn FnOnce(&mut State, &mut Process)>;

/// What a step writes into the journal, and what it does once that is durable.
struct Turn {
    /// Whether the subject is marked to be judged again, durably and before all else.
    marks_first: bool,
    entries: Vec<Entry>,
    then: Then,
}

impl Turn {
    fn new(entries: Vec<Entry>, then: impl FnOnce(&mut State, &mut Process) + 'static) -> Self {
        Self {
            marks_first: false,
            entries,
            then: Box::new(then),
        }
    }

    fn marking(mut self, is_met: bool) -> Self {
        self.marks_first = is_met;
        self
    }

    fn goto(pc: Pc) -> Self {
        Self::new(Vec::new(), move |_, process| process.pc = pc)
    }
}

/// A cycle begins.
pub(crate) fn begin(state: &mut State) {
    let began = state.tick;
    state.process = Some(Process {
        pc: Pc::ReadTasks,
        began,
        ..Process::new()
    });
}

impl Protocol {
    /// Takes the next step. With `kept`, the process dies when that many of its entries are durable.
    pub(crate) fn step(&self, state: &mut State, luck: Luck, kept: Option<usize>) {
        let Some(mut process) = state.process.take() else {
            return;
        };
        if luck != Luck::Good {
            state.left.faults -= 1;
        }
        let turn = self.turn(state, &mut process, luck);
        if turn.marks_first {
            mark_dirty(state);
        }
        let durable = kept.unwrap_or(turn.entries.len());
        for entry in turn.entries.iter().take(durable) {
            state.ledger.apply(entry);
        }
        if kept.is_none() {
            (turn.then)(state, &mut process);
            state.process = Some(process);
        }
    }

    /// How many entries the next step writes, if all goes well.
    pub(crate) fn entries_of_step(&self, state: &State) -> usize {
        let may_write_many = |process: &&Process| {
            matches!(
                process.pc,
                Pc::ReadTasks | Pc::Establish | Pc::Plan | Pc::NoteClosed | Pc::NoteAmended | Pc::Orphans
            )
        };
        let Some(mut process) = state.process.as_ref().filter(may_write_many).cloned() else {
            return 0;
        };
        let mut scratch = state.clone();
        self.turn(&mut scratch, &mut process, Luck::Good).entries.len()
    }

    fn turn(&self, state: &mut State, process: &mut Process, luck: Luck) -> Turn {
        match process.pc {
            Pc::Idle => Turn::goto(Pc::Idle),
            Pc::ReadTasks => self.read_tasks(state, process, luck),
            Pc::CommitTasks => commit_tasks(),
            Pc::ReadRest => read_rest(),
            Pc::Establish => self.establish(state, process),
            Pc::Inputs => inputs(state),
            Pc::Orphans => orphans(state, process),
            Pc::Look => self.look(state, process, luck, None),
            Pc::Plan => self.plan(state, process),
            Pc::Create => self.create(state, process, false),
            Pc::Await | Pc::AwaitAgain => self.answered(state, process, luck),
            Pc::LookAgain => {
                let keys: Vec<TaskKey> = process.sending.iter().map(|draft| draft.key.clone()).collect();
                self.look(state, process, luck, Some(&keys))
            }
            Pc::CreateAgain => self.create(state, process, true),
            Pc::Close => close(state, process, luck),
            Pc::NoteClosed => note_closed(process),
            Pc::Amend => self.amend(state, process, luck),
            Pc::NoteAmended => note_amended(process),
        }
    }

    fn read_tasks(&self, state: &State, process: &mut Process, luck: Luck) -> Turn {
        if luck == Luck::Fails {
            process.is_unsure = true;
            return Turn::goto(Pc::ReadRest);
        }
        let is_new = |(id, version): &(&followup_core::TaskId, &u8)| {
            luck != Luck::Lags && state.cache.delivered.get(*id) != Some(*version)
        };
        process.page = state
            .crm
            .versions
            .iter()
            .filter(is_new)
            .filter_map(|(id, version)| Some((state.crm.tasks.get(id)?.clone(), *version)))
            .collect();
        let entries = if self.has(Defect::AdoptedLate) {
            Vec::new()
        } else {
            adopted(&state.ledger, process, facts::at(process.began))
        };
        Turn::new(entries, |_, process| process.pc = Pc::CommitTasks)
    }

    fn establish(&self, state: &State, process: &Process) -> Turn {
        let now = facts::at(process.began);
        let mut ledger = state.ledger.clone();
        let mut entries = Vec::new();
        if self.has(Defect::AdoptedLate) {
            entries = adopted(&ledger, process, now);
            for entry in &entries {
                ledger.apply(entry);
            }
        }
        if !state.cache.has_tasks {
            return Turn::new(entries, |_, process| process.pc = Pc::Idle);
        }
        let configured = Some(facts::configured_cutover());
        let mut fixed = established_entries(&ledger, &facts::hub(), configured, now).0;
        if self.has(Defect::FrozenLast) {
            fixed.sort_by_key(|entry| matches!(entry, Entry::Frozen { .. }));
        }
        entries.extend(fixed);
        Turn::new(entries, |_, process| process.pc = Pc::Inputs)
    }

    fn look(&self, state: &State, process: &Process, luck: Luck, only: Option<&[TaskKey]>) -> Turn {
        let after = match process.pc {
            Pc::Look => Pc::Plan,
            _ => Pc::CreateAgain,
        };
        let now = facts::at(process.began);
        let rows: Vec<&TaskRow> = rows(&state.ledger, Step::Look)
            .filter(|row| only.is_none_or(|keys| keys.contains(&row.key)))
            .collect();
        let mut entries = Vec::new();
        let mut there = Vec::new();
        if luck == Luck::Good {
            for row in rows {
                let found = state
                    .crm
                    .tasks
                    .values()
                    .find(|task| task.key.as_ref() == Some(&row.key));
                let found = found.filter(|_| !self.has(Defect::NoLook));
                let is_sure = self.is_strong || self.has(Defect::NoLook) || self.has(Defect::NoSettling);
                entries.extend(step::after_look(row, found, is_sure, now));
                there.extend(found.cloned());
            }
        }
        let forgets = self.has(Defect::PlannedForgotten);
        let is_met = !there.is_empty() && !self.has(Defect::MetUnjudged);
        let turn = Turn::new(entries, move |state, process| {
            put(state, there);
            let is_planned = |row: &TaskRow| row.closed.is_none() && row.state == RowState::Planned;
            if after == Pc::Plan && !forgets && state.ledger.tasks().any(is_planned) {
                mark_dirty(state);
            }
            process.pc = after;
        });
        turn.marking(is_met)
    }

    fn plan(&self, state: &State, process: &Process) -> Turn {
        let now = facts::at(process.began);
        let cache = &state.cache;
        let is_due = cache.is_dirty || cache.due_at.is_some_and(|at| at <= now);
        let is_writable = is_writable(&state.ledger);
        if !is_due || !cache.has_person {
            return Turn::goto(if is_writable { Pc::Create } else { Pc::Idle });
        }
        let mut ledger = state.ledger.clone();
        if self.has(Defect::ForgetsEnded) {
            ledger = without_ended(&ledger, now);
        }
        let own = own_tasks(&ledger, state);
        let facts = facts::facts(cache.is_called, cache.has_mail, own);
        let cutover = ledger
            .cutover(&facts::hub())
            .map_or(now, |cutover| cutover.in_force(Some(facts::configured_cutover())));
        let coverage = Arc::new(facts::coverage(cutover, now));
        let context = Context {
            policy: &self.policy,
            calendars: &self.calendars,
            coverage: &coverage,
            now,
        };
        let only_ours = |is: bool| {
            if is {
                BTreeSet::from([facts::hub()])
            } else {
                BTreeSet::new()
            }
        };
        let inputs = PlanInputs {
            policy: Arc::clone(&self.policy),
            calendars: Arc::clone(&self.calendars),
            coverage: Arc::clone(&coverage),
            writable: only_ours(is_writable),
            ask_first: BTreeSet::new(),
            unsure: only_ours(process.is_unsure),
            admins: Vec::new(),
            learned: Arc::default(),
            run: "run".to_owned(),
        };
        let evaluation = evaluate(&facts::subject(), &facts, &context);
        let decision = decide(&ledger, &evaluation, &facts, &context, &inputs);
        let mut decision = decision;
        if self.has(Defect::ToldWhenDecided)
            && let Some(amendment) = &decision.amendment
        {
            decision.entries.push(amendment.then.clone());
            decision.waits = false;
        }
        let waits = decision.waits
            || evaluation
                .gaps
                .iter()
                .any(|gap| matches!(gap.outcome, Outcome::Queued | Outcome::Blocked(_)));
        let soon = waits.then(|| now + SignedDuration::from_mins(5));
        let due_at = [evaluation.wake_at, soon].into_iter().flatten().min();
        Turn::new(decision.entries, move |state, process| {
            state.cache.is_dirty = false;
            state.cache.due_at = due_at;
            process
                .drafts
                .extend(decision.draft.map(|draft| (draft.key.clone(), draft)));
            process
                .amendments
                .extend(decision.amendment.map(|one| (one.change.key.clone(), one)));
            process.pc = if is_writable { Pc::Create } else { Pc::Idle };
        })
    }
}

fn commit_tasks() -> Turn {
    Turn::new(Vec::new(), |state, process| {
        state.cache.has_tasks = true;
        for (task, version) in &process.page {
            state.cache.delivered.insert(task.id.clone(), *version);
            let before = state.cache.tasks.insert(task.id.clone(), task.clone());
            state.cache.is_dirty |= before.as_ref() != Some(task);
        }
        state.synced = state.cache.clone();
        process.pc = Pc::ReadRest;
    })
}

fn read_rest() -> Turn {
    Turn::new(Vec::new(), |state, process| {
        let (cache, crm) = (&mut state.cache, &state.crm);
        cache.is_dirty |=
            !cache.has_person || cache.is_called != crm.is_called || cache.has_mail != crm.has_mail;
        (cache.has_person, cache.is_called, cache.has_mail) = (true, crm.is_called, crm.has_mail);
        state.synced = state.cache.clone();
        process.pc = Pc::Establish;
    })
}

/// A changed policy (here: a freeze that came or went) makes everybody dirty, durably, before it is noted.
fn inputs(state: &State) -> Turn {
    let version = format!("frozen: {}", state.ledger.frozen().is_some());
    let is_writable = is_writable(&state.ledger);
    let after = if is_writable { Pc::Orphans } else { Pc::Plan };
    if state.ledger.policy_version() == Some(&version) {
        return Turn::goto(after);
    }
    let mut dirty = state.clone();
    mark_dirty(&mut dirty);
    let at = facts::at(state.tick);
    let (cache, synced) = (dirty.cache, dirty.synced);
    Turn::new(vec![Entry::PolicyUsed { version, at }], move |state, process| {
        (state.cache, state.synced) = (cache, synced);
        process.pc = after;
    })
}

fn orphans(state: &State, process: &Process) -> Turn {
    let now = facts::at(process.began);
    let entries = rows(&state.ledger, Step::Look)
        .filter_map(|row| step::orphaned(row, now))
        .collect();
    Turn::new(entries, |_, process| process.pc = Pc::Look)
}

fn adopted(ledger: &Ledger, process: &Process, now: Timestamp) -> Vec<Entry> {
    let tasks = process.page.iter().map(|(task, _)| task);
    tasks
        .flat_map(|task| adopted_entries(ledger, task, now))
        .collect()
}

fn own_tasks(ledger: &Ledger, state: &State) -> Vec<followup_rules::model::OwnTask> {
    let about = ledger.tasks_about(facts::subject().record());
    about
        .filter(|row| !row.is_refused())
        .map(|row| {
            let seen = row
                .remote()
                .and_then(|id| state.cache.tasks.get(id))
                .map_or(Seen::NotYet, |task| Seen::There(Box::new(task.clone())));
            own_task(ledger, row, &seen)
        })
        .collect()
}

/// The ledger as if nothing were remembered of what is over.
fn without_ended(ledger: &Ledger, now: Timestamp) -> Ledger {
    let mut forgetful = Ledger::default();
    if let Some(cutover) = ledger.cutover(&facts::hub()) {
        forgetful.apply(&Entry::Connected {
            connection: facts::hub(),
            cutover,
            at: now,
        });
    }
    for row in ledger.tasks().filter(|row| row.closed.is_none()) {
        forgetful.apply(&Entry::Intended {
            row: Box::new(row.clone()),
        });
        for id in &row.gaps {
            if let Some(gap) = ledger.gap(id) {
                let (id, gap) = (id.clone(), gap.clone());
                forgetful.apply(&Entry::GapOpened { id, gap });
            }
        }
    }
    forgetful
}

fn rows(ledger: &Ledger, step: Step) -> impl Iterator<Item = &TaskRow> {
    ledger.tasks().filter(move |row| next_step(row) == step)
}

fn is_writable(ledger: &Ledger) -> bool {
    ledger.frozen().is_none() && ledger.cutover(&facts::hub()).is_some()
}

/// Read-backs go into the cache at once; the next sync makes them durable.
fn put(state: &mut State, there: Vec<Task>) {
    let puts: BTreeMap<_, _> = there.into_iter().map(|task| (task.id.clone(), task)).collect();
    state.cache.tasks.extend(puts);
}

fn mark_dirty(state: &mut State) {
    state.cache.is_dirty |= state.cache.has_person;
    state.synced = state.cache.clone();
}
