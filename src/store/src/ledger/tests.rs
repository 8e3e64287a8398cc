//! The ledger as a fold over entries.

use followup_core::{Baseline, ConnectionId, RecordKind};

use super::*;

fn record(kind: RecordKind, id: &str) -> RecordRef {
    RecordRef::new(ConnectionId::new("hub").unwrap(), kind, id)
}

fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn planned(key: &str) -> TaskRow {
    TaskRow {
        key: TaskKey(key.to_owned()),
        connection: ConnectionId::new("hub").unwrap(),
        owner: OwnerId(record(RecordKind::Owner, "7")),
        subject: record(RecordKind::Contact, "1"),
        gaps: vec![key.to_owned()],
        shown: vec![key.to_owned()],
        run: "r1".to_owned(),
        state: RowState::Planned,
        planned_at: instant(100),
        created_at: None,
        due_at: instant(900),
        baseline: Baseline::default(),
        closing: None,
        closed: None,
    }
}

#[test]
fn a_lost_answer_keeps_the_first_instant_of_sending_until_it_is_resolved() {
    let mut ledger = Ledger::default();
    let key = TaskKey("k".to_owned());
    ledger.apply(&Entry::Intended {
        row: Box::new(planned("k")),
    });
    ledger.apply(&Entry::Sent {
        key: key.clone(),
        at: instant(110),
        epoch: 1,
    });
    ledger.apply(&Entry::Written {
        key: key.clone(),
        end: WriteEnd::Unknown,
        at: instant(140),
    });
    ledger.apply(&Entry::Sent {
        key: key.clone(),
        at: instant(150),
        epoch: 2,
    });
    assert_eq!(
        ledger.task(&key).unwrap().state,
        RowState::InFlight {
            sent_at: instant(110),
            epoch: 2
        }
    );
    let id = TaskId(record(RecordKind::Task, "55"));
    let end = WriteEnd::Confirmed {
        id: id.clone(),
        baseline: Baseline::default(),
    };
    ledger.apply(&Entry::Written {
        key: key.clone(),
        end,
        at: instant(160),
    });
    assert_eq!(ledger.task_by_remote(&id).unwrap().key, key);
}

#[test]
fn a_task_follows_its_subject_through_a_merge() {
    let mut ledger = Ledger::default();
    ledger.apply(&Entry::Intended {
        row: Box::new(planned("k")),
    });
    let survivor = record(RecordKind::Contact, "2");
    ledger.apply(&Entry::Moved {
        key: TaskKey("k".to_owned()),
        subject: survivor.clone(),
    });
    assert_eq!(ledger.tasks_about(&survivor).count(), 1);
    assert_eq!(ledger.tasks_about(&record(RecordKind::Contact, "1")).count(), 0);
}

#[test]
fn a_freeze_lasts_until_it_is_confirmed() {
    let mut ledger = Ledger::default();
    ledger.apply(&Entry::Frozen {
        reason: FreezeReason::LedgerLost { adopted: 3 },
        at: instant(1),
    });
    assert!(ledger.frozen().is_some());
    ledger.apply(&Entry::Confirmed { at: instant(2) });
    assert!(ledger.frozen().is_none());
}

#[test]
fn what_is_confirmed_is_granted_to_the_sweep_that_asked_and_to_no_other() {
    let hub = || ConnectionId::new("hub").unwrap();
    let mut ledger = Ledger::default();
    ledger.apply(&Entry::Frozen {
        reason: FreezeReason::Vanishing {
            connection: hub(),
            stream: "contacts".to_owned(),
            missing: 90,
            cached: 100,
            began: instant(1),
        },
        at: instant(2),
    });
    assert!(!ledger.may_vanish(&hub(), Stream::Contacts, instant(1)));
    ledger.apply(&Entry::Confirmed { at: instant(3) });
    assert!(ledger.frozen().is_none());
    assert!(ledger.may_vanish(&hub(), Stream::Contacts, instant(1)));
    assert!(!ledger.may_vanish(&hub(), Stream::Contacts, instant(9)));
    assert!(!ledger.may_vanish(&hub(), Stream::Deals, instant(1)));
}

#[test]
fn entries_about_unknown_tasks_change_nothing() {
    let mut ledger = Ledger::default();
    let key = TaskKey("nowhere".to_owned());
    ledger.apply(&Entry::Sent {
        key: key.clone(),
        at: instant(1),
        epoch: 1,
    });
    ledger.apply(&Entry::Closed {
        key,
        closed: Closed::Declared,
        at: instant(2),
    });
    assert_eq!(ledger, Ledger::default());
}

#[test]
fn a_creation_that_was_given_up_is_remembered_until_the_task_is_there() {
    let mut ledger = Ledger::default();
    let key = TaskKey("k".to_owned());
    let written = |end, at| Entry::Written {
        key: TaskKey("k".to_owned()),
        end,
        at: instant(at),
    };
    ledger.apply(&Entry::Intended {
        row: Box::new(planned("k")),
    });
    ledger.apply(&Entry::Sent {
        key: key.clone(),
        at: instant(110),
        epoch: 1,
    });
    assert_eq!(ledger.given_up_at(&key), None);
    ledger.apply(&written(WriteEnd::Absent, 140));
    assert_eq!(ledger.given_up_at(&key), Some(instant(110)));
    ledger.apply(&written(WriteEnd::NotSent, 150));
    assert_eq!(ledger.given_up_at(&key), Some(instant(110)));
    let there = WriteEnd::Confirmed {
        id: TaskId(record(RecordKind::Task, "9")),
        baseline: Baseline::default(),
    };
    ledger.apply(&written(there, 160));
    assert_eq!(ledger.given_up_at(&key), None);
}
