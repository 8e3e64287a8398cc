//! What must never be, and what must be once everything has calmed down.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{TaskKey, TaskStatus};
use followup_rules::parse_marker;
use followup_store::ledger::RowState;
use followupd::writeback::step::{Step, next_step};

use crate::explore::AT_WORK;
use crate::state::{Pc, State};

/// What is wrong with a state.
pub(crate) fn violation(state: &State) -> Option<String> {
    if let Some(wrong) = state.history.wrong {
        return Some(wrong.to_owned());
    }
    let is_established = state.ledger.cutover(&crate::facts::hub()).is_some();
    if state.history.is_unconfirmed && is_established && state.ledger.frozen().is_none() {
        return Some("writes are free after a loss that nobody confirmed".to_owned());
    }
    let mut by_key: BTreeMap<&TaskKey, usize> = BTreeMap::new();
    for key in state.crm.tasks.values().filter_map(|task| task.key.as_ref()) {
        *by_key.entry(key).or_default() += 1;
    }
    if by_key.values().any(|count| *count > 1) {
        return Some("two tasks were written for one key".to_owned());
    }
    if open_tasks(state) > 1 {
        return Some("two tasks are open about one person".to_owned());
    }
    for (id, human) in &state.crm.humans {
        let task = state.crm.tasks.get(id)?;
        let subject = task.fields.as_ref().map(|fields| &fields.subject);
        if human.subject.is_some() && human.subject.as_ref() != subject {
            return Some("a subject line that a human wrote was overwritten".to_owned());
        }
        if human.status.is_some_and(|status| status != task.status) {
            return Some("a task that a human ended was changed".to_owned());
        }
    }
    None
}

/// Whether nothing is left to be done, and everything is as it should be.
pub(crate) fn settled(state: &State) -> Result<(), String> {
    let is_idle = state
        .process
        .as_ref()
        .is_some_and(|process| process.pc == Pc::Idle);
    let has_read = state.cache.delivered == state.crm.versions
        && state.cache.is_called == state.crm.is_called
        && state.cache.has_mail == state.crm.has_mail
        && state.cache.has_person
        && state.wire.is_empty();
    if !is_idle || !has_read || state.ledger.frozen().is_some() {
        return Err(AT_WORK.to_owned());
    }
    for row in state.ledger.tasks() {
        match next_step(row) {
            Step::Look => return Err("what became of a creation stays unknown".to_owned()),
            Step::Create => return Err("a planned task is not created".to_owned()),
            Step::Close => return Err("a close is not carried out".to_owned()),
            Step::Keep => tells_the_truth(state, row)?,
            Step::Nothing => {}
        }
        if row.closed.is_none() && row.state == RowState::Planned {
            return Err("a planned task waits for ever".to_owned());
        }
    }
    let is_ended = state.crm.humans.values().any(|human| human.status.is_some());
    let open = open_tasks(state);
    if state.crm.is_called {
        return if open == 0 {
            Ok(())
        } else {
            Err("the follow-up happened and its task is still open".to_owned())
        };
    }
    let is_owed = !is_ended && !state.history.is_refused && !state.history.is_lost;
    if is_owed && open != 1 {
        return Err("a gap is open and has no task".to_owned());
    }
    Ok(())
}

/// An open task shows what the ledger says it shows, unless a human rewrote it.
fn tells_the_truth(state: &State, row: &followup_store::ledger::TaskRow) -> Result<(), String> {
    let Some(id) = row.remote() else { return Ok(()) };
    let Some(task) = state.crm.tasks.get(id) else {
        return Err("the ledger holds a task that is not there".to_owned());
    };
    if task.status != TaskStatus::Open {
        return Err("a task is over and the ledger does not know".to_owned());
    }
    if state.crm.humans.contains_key(id) {
        return Ok(());
    }
    let body = task.fields.as_ref().map(|fields| fields.body.as_str());
    let told: BTreeSet<String> = parse_marker(body.unwrap_or_default())
        .map(|marker| marker.gaps.iter().map(|gap| gap.id().0).collect())
        .unwrap_or_default();
    let meant: BTreeSet<String> = row.gaps.iter().cloned().collect();
    if told == meant {
        Ok(())
    } else {
        Err("the text of a task does not tell what it is about".to_owned())
    }
}

fn open_tasks(state: &State) -> usize {
    let is_open = |task: &&followup_core::Task| task.status == TaskStatus::Open;
    state.crm.tasks.values().filter(is_open).count()
}
