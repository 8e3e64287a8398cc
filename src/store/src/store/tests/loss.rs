//! A journal with damaged entries: what may not rest on it, and how a freeze is lifted.

use followup_core::{Baseline, TaskKey};

use super::*;
use crate::{
    SimJournal, SimKv,
    ledger::{FreezeReason, RowState, TaskRow},
};

fn row(key: &str, state: RowState) -> TaskRow {
    TaskRow {
        key: TaskKey(key.to_owned()),
        connection: hub(),
        owner: OwnerId(id(REP)),
        subject: id(ANN),
        gaps: vec![key.to_owned()],
        shown: vec![key.to_owned()],
        run: "r1".to_owned(),
        state,
        planned_at: at(1),
        created_at: None,
        due_at: at(9),
        baseline: Baseline::default(),
        closing: None,
        closed: None,
    }
}

/// A store whose tasks stream was read whole, with a planned task and a refused one; then entry `spoilt` is damaged.
fn damaged(spoilt: usize) -> (SimKv, SimJournal) {
    let (mut store, kv, journal) = simulated();
    let mut whole = page("t", Vec::new());
    whole.end = ReadTo(at(3));
    store
        .commit_page(PageCommit {
            connection: &hub(),
            stream: Stream::Tasks,
            lane: Lane::Backfill,
            page: &whole,
            now: at(3),
        })
        .unwrap();
    let reason = "no".to_owned();
    let rows = [
        row("planned", RowState::Planned),
        row("refused", RowState::Rejected { reason }),
    ];
    let entries = rows.map(|row| Entry::Intended { row: Box::new(row) });
    store.record(&entries).unwrap();
    store.record(&[Entry::Confirmed { at: at(4) }]).unwrap();
    journal.spoil(spoilt);
    (kv, journal)
}

fn reopened(parts: &(SimKv, SimJournal)) -> Store {
    Store::simulated(parts.0.clone(), parts.1.clone(), at(50))
        .unwrap()
        .0
}

fn state_of(store: &Store, key: &str) -> RowState {
    store
        .ledger()
        .task(&TaskKey(key.to_owned()))
        .unwrap()
        .state
        .clone()
}

fn are_tasks_read(store: &Store) -> bool {
    store.lanes(&hub(), Stream::Tasks).unwrap().backfill_done
}

#[test]
fn after_a_loss_no_creation_counts_as_unsent_and_all_tasks_are_read_again() {
    let parts = damaged(3);
    let store = reopened(&parts);
    assert_eq!(state_of(&store, "planned"), RowState::Unknown { sent_at: at(50) });
    assert!(matches!(state_of(&store, "refused"), RowState::Rejected { .. }));
    assert!(!are_tasks_read(&store));
    assert_eq!(
        store.ledger().frozen(),
        Some(&FreezeReason::JournalDamaged { entries: 1 })
    );
}

#[test]
fn a_loss_that_is_confirmed_is_not_asked_about_again() {
    let parts = damaged(3);
    let mut store = reopened(&parts);
    assert!(store.confirm(at(60)).unwrap().is_some());
    assert!(store.confirm(at(60)).unwrap().is_none());
    drop(store);
    assert!(reopened(&parts).ledger().frozen().is_none());
    parts.1.spoil(1);
    let store = reopened(&parts);
    assert_eq!(
        store.ledger().frozen(),
        Some(&FreezeReason::JournalDamaged { entries: 1 }),
        "another entry is another loss"
    );
    assert!(store.ledger().task(&TaskKey("planned".to_owned())).is_none());
}

#[test]
fn a_loss_behind_another_freeze_is_asked_about_when_that_is_lifted() {
    let parts = damaged(3);
    let breaker = FreezeReason::Breaker { planned: 99 };
    let mut store = Store::simulated(SimKv::new(), SimJournal::new(), at(0))
        .unwrap()
        .0;
    assert!(store.confirm(at(1)).unwrap().is_none());
    store = reopened(&parts);
    store.confirm(at(60)).unwrap();
    store
        .record(&[Entry::Frozen {
            reason: breaker.clone(),
            at: at(61),
        }])
        .unwrap();
    drop(store);
    parts.1.spoil(1);
    let mut store = reopened(&parts);
    assert_eq!(store.ledger().frozen(), Some(&breaker));
    assert_eq!(store.confirm(at(62)).unwrap(), Some(breaker));
    assert_eq!(
        store.ledger().frozen(),
        Some(&FreezeReason::JournalDamaged { entries: 1 })
    );
    store.confirm(at(63)).unwrap();
    assert!(store.ledger().frozen().is_none());
}
