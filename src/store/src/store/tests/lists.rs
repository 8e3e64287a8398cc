//! Owners' lists and what no CRM returns of a deal's past.

use followup_core::{Baseline, OwnerId, TaskId, TaskKey, TaskOrigin};

use super::*;
use crate::ledger::{Entry, GapRow, RowState, TaskRow};

const OTHER_DEAL: &str = "hub:deal:71";

fn gap(subject: &str) -> GapRow {
    GapRow {
        rule: "no-next-step".to_owned(),
        anchor: id(subject),
        crossing_ms: 0,
        repeat: 0,
        subject: id(subject),
        found_at: at(0),
        policy_version: "1".to_owned(),
        end: None,
    }
}

fn opened(name: &str, subject: &str) -> Entry {
    Entry::GapOpened {
        id: name.to_owned(),
        gap: gap(subject),
    }
}

fn list(gaps: &[&str]) -> TaskRow {
    let gaps: Vec<String> = gaps.iter().map(|gap| (*gap).to_owned()).collect();
    TaskRow {
        key: TaskKey("list".to_owned()),
        connection: hub(),
        owner: OwnerId(id("hub:owner:5")),
        subject: id("hub:owner:5"),
        shown: gaps.clone(),
        gaps,
        run: "r".to_owned(),
        state: RowState::Confirmed {
            id: TaskId(id("hub:task:9")),
        },
        planned_at: at(0),
        created_at: Some(at(0)),
        due_at: at(9),
        baseline: Baseline::default(),
        closing: None,
        closed: None,
    }
}

fn with_list() -> Store {
    let (mut store, ..) = simulated();
    let deals = [DEAL, OTHER_DEAL].map(|name| Record::Deal(deal(name, &[], 1)));
    commit(&mut store, deals.to_vec());
    let row = Box::new(list(&["g1", "g2"]));
    store
        .record(&[
            opened("g1", DEAL),
            opened("g2", OTHER_DEAL),
            Entry::Intended { row },
        ])
        .unwrap();
    take_dirty(&mut store);
    store
}

#[test]
fn a_list_that_changes_in_the_crm_has_everything_it_names_judged_again_though_nothing_is_linked() {
    let mut store = with_list();
    let mut ours = task("hub:task:9", &[], &[], 2);
    ours.origin = TaskOrigin::Followupd;
    ours.key = Some(TaskKey("list".to_owned()));
    commit(&mut store, vec![Record::Task(ours)]);
    assert_eq!(take_dirty(&mut store), [DEAL, OTHER_DEAL]);
    commit_gone(&mut store, gone("hub:task:9", None, 3));
    assert_eq!(take_dirty(&mut store), [DEAL, OTHER_DEAL]);
}

#[test]
fn a_list_is_found_by_what_it_names_also_after_a_gap_moved_to_another_record() {
    let mut store = with_list();
    let ledger = store.ledger();
    assert_eq!(ledger.lists_about(&id(DEAL)).count(), 1);
    assert_eq!(
        ledger.tasks_about(&id(DEAL)).count(),
        0,
        "it is no task about the deal"
    );
    let row = ledger.task(&TaskKey("list".to_owned())).unwrap();
    assert_eq!(ledger.subjects_of(row), [id(DEAL), id(OTHER_DEAL)].into());
    store.record(&[opened("g1", "hub:deal:72")]).unwrap();
    assert_eq!(store.ledger().lists_about(&id("hub:deal:72")).count(), 1);
    let folded = Entry::Folded {
        key: TaskKey("list".to_owned()),
        gaps: vec!["g1".to_owned(), "g2".to_owned(), "g3".to_owned()],
        shown: vec!["g3".to_owned()],
        at: at(4),
    };
    store.record(&[opened("g3", "hub:deal:73"), folded]).unwrap();
    let ledger = store.ledger();
    let row = ledger.task(&TaskKey("list".to_owned())).unwrap();
    assert_eq!(ledger.subjects_of(row).len(), 3);
    assert_eq!(ledger.shown_subjects_of(row), [id("hub:deal:73")].into());
    assert_eq!(ledger.lists().count(), 1);
}

#[test]
fn what_a_deal_was_worth_before_is_kept_from_the_first_change_on() {
    let (mut store, ..) = simulated();
    let worth = |amount, modified| {
        let mut deal = deal(DEAL, &[], modified);
        deal.amount_minor = amount;
        vec![Record::Deal(deal)]
    };
    commit(&mut store, worth(Some(100), 1));
    commit(&mut store, worth(Some(100), 2));
    assert_eq!(store.ledger().amounts(&id(DEAL)), []);
    commit(&mut store, worth(Some(900), 3));
    commit(&mut store, worth(None, 4));
    assert_eq!(
        store.ledger().amounts(&id(DEAL)),
        [(Some(100), at(0)), (Some(900), at(3)), (None, at(4))]
    );
}

#[test]
fn the_deals_of_a_connection_are_walked_in_parts_and_no_other_kind_is_among_them() {
    let mut store = with_list();
    commit(&mut store, vec![Record::Person(person(ANN, 1))]);
    let (first, next) = store.deals(&hub(), None, 1).unwrap();
    assert_eq!(first.len(), 1);
    let (second, next) = store.deals(&hub(), next, 1).unwrap();
    assert_eq!((second.len(), next.is_none()), (1, true));
    assert_ne!(first[0].id, second[0].id);
}
