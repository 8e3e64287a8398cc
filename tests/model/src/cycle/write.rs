//! The second half of a cycle: creations, closes and text changes, their answers, and what is noted of them.

use followup_core::{Baseline, CreateOutcome, TaskDraft, TaskKey, WriteOutcome};
use followup_store::ledger::{RowState, TaskRow};
use followupd::writeback::step::{self, Step};

use super::{Turn, mark_dirty, put, rows};
use crate::{
    defect::Defect,
    facts,
    protocol::{Luck, Protocol},
    state::{Pc, Process, State},
};

impl Protocol {
    pub(super) fn create(&self, state: &State, process: &mut Process, is_again: bool) -> Turn {
        if is_again {
            process.sending.retain(|draft| {
                let row = state.ledger.task(&draft.key);
                row.is_some_and(|row| row.state == RowState::Planned)
            });
        } else {
            let keys: Vec<TaskKey> = rows(&state.ledger, Step::Create)
                .map(|row| row.key.clone())
                .collect();
            process.sending = keys.iter().filter_map(|key| process.drafts.remove(key)).collect();
        }
        if process.sending.is_empty() {
            return Turn::goto(Pc::Close);
        }
        let at = if self.has(Defect::DatedByCycle) {
            facts::at(process.began)
        } else {
            facts::at(state.tick)
        };
        let entries = if self.has(Defect::NoIntent) {
            Vec::new()
        } else {
            let keys = process.sending.iter().map(|draft| draft.key.clone());
            keys.map(|key| step::before_create(key, at, 1)).collect()
        };
        let after = if is_again { Pc::AwaitAgain } else { Pc::Await };
        let sent = state.tick;
        Turn::new(entries, move |_, process| {
            process.sent = sent;
            process.pc = after;
        })
    }

    /// The CRM answers a creation, or not.
    pub(super) fn answered(&self, state: &mut State, process: &mut Process, luck: Luck) -> Turn {
        let now = facts::at(process.began);
        let mut entries = Vec::new();
        let mut there = Vec::new();
        let (mut has_unknown, mut is_met) = (false, false);
        for draft in &process.sending {
            let outcome = self.send(state, draft, luck);
            has_unknown |= matches!(
                outcome,
                CreateOutcome::Unknown { .. } | CreateOutcome::AlreadyThere(None)
            );
            let given_up_at = state.ledger.given_up_at(&draft.key);
            entries.extend(step::after_create(draft, &outcome, given_up_at, now));
            is_met |= matches!(outcome, CreateOutcome::AlreadyThere(Some(_)));
            if let CreateOutcome::Done(task) | CreateOutcome::AlreadyThere(Some(task)) = outcome {
                there.push(*task);
            }
        }
        let is_first = process.pc == Pc::Await;
        let looks_again = is_first && has_unknown && self.is_strong;
        let is_met = is_met && !self.has(Defect::MetUnjudged);
        let turn = Turn::new(entries, move |state, process| {
            put(state, there);
            if looks_again {
                process.pc = Pc::LookAgain;
            } else {
                process.sending.clear();
                process.pc = Pc::Close;
            }
        });
        turn.marking(is_met)
    }

    fn send(&self, state: &mut State, draft: &TaskDraft, luck: Luck) -> CreateOutcome {
        let reason = String::new();
        let is_announced = state
            .ledger
            .task(&draft.key)
            .is_some_and(|row| matches!(row.state, RowState::InFlight { .. }));
        if !is_announced {
            state.history.wrong = Some("a creation left without a durable intent");
        }
        if state.history.is_unconfirmed {
            state.history.wrong = Some("something was created after a loss that nobody confirmed");
        }
        match luck {
            Luck::Fails | Luck::Lags => CreateOutcome::NotSent { reason },
            Luck::Refused => {
                state.history.is_refused = true;
                // What is refused now would have been refused before.
                state.wire.retain(|(_, strayed)| strayed.key != draft.key);
                CreateOutcome::Rejected { reason }
            }
            Luck::Strays => {
                state.wire.push((state.tick, draft.clone()));
                CreateOutcome::Unknown { reason }
            }
            Luck::Good | Luck::AnswerLost => {
                let outcome = state.crm.create(draft, self.is_strong, facts::at(state.tick));
                if luck == Luck::Good {
                    outcome
                } else {
                    CreateOutcome::Unknown { reason }
                }
            }
        }
    }

    pub(super) fn amend(&self, state: &mut State, process: &mut Process, luck: Luck) -> Turn {
        let keys: Vec<TaskKey> = rows(&state.ledger, Step::Keep)
            .map(|row| row.key.clone())
            .collect();
        for key in keys {
            let Some(mut amendment) = process.amendments.remove(&key) else {
                continue;
            };
            let change = &mut amendment.change;
            if self.has(Defect::NoBaseline)
                && let Some(task) = state.crm.tasks.get(&change.id)
            {
                change.baseline = Baseline::of(task);
            }
            let outcome = amended(state, change, luck);
            process.amended.push((amendment, outcome));
        }
        let after = if process.amended.is_empty() {
            Pc::Idle
        } else {
            Pc::NoteAmended
        };
        Turn::goto(after)
    }
}

pub(super) fn note_amended(process: &mut Process) -> Turn {
    let mut entries = Vec::new();
    let mut there = Vec::new();
    for (amendment, outcome) in process.amended.drain(..) {
        entries.extend(step::after_amend(&amendment, &outcome));
        if let WriteOutcome::Done(Some(task)) | WriteOutcome::HumanEdited(task) = outcome {
            there.push(*task);
        }
    }
    Turn::new(entries, move |state, process| {
        put(state, there);
        process.pc = Pc::Idle;
    })
}

pub(super) fn close(state: &mut State, process: &mut Process, luck: Luck) -> Turn {
    let rows: Vec<TaskRow> = rows(&state.ledger, Step::Close).cloned().collect();
    for row in rows {
        if let Some(change) = step::closing_change(&row) {
            let outcome = amended(state, &change, luck);
            process.closes.push((row, outcome));
        }
    }
    let after = if process.closes.is_empty() {
        Pc::Amend
    } else {
        Pc::NoteClosed
    };
    Turn::goto(after)
}

pub(super) fn note_closed(process: &mut Process) -> Turn {
    let now = facts::at(process.began);
    let mut entries = Vec::new();
    let mut there = Vec::new();
    let mut is_dirty = false;
    for (row, outcome) in process.closes.drain(..) {
        entries.extend(step::after_close(&row, &outcome, now));
        is_dirty |= matches!(outcome, WriteOutcome::HumanEdited(_));
        if let WriteOutcome::Done(Some(task)) | WriteOutcome::HumanEdited(task) = outcome {
            there.push(*task);
        }
    }
    Turn::new(entries, move |state, process| {
        put(state, there);
        if is_dirty {
            mark_dirty(state);
        }
        process.pc = Pc::Amend;
    })
}

/// An amendment reaches the CRM and its answer comes back, or not.
fn amended(state: &mut State, change: &followup_core::TaskChange, luck: Luck) -> WriteOutcome {
    let reason = String::new();
    if luck == Luck::Fails {
        return WriteOutcome::Retry { reason };
    }
    let outcome = state.crm.amend(change, facts::at(state.tick));
    if luck == Luck::Good {
        outcome
    } else {
        WriteOutcome::Retry { reason }
    }
}
