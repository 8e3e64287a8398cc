//! Erasing a human: what goes, what stays without them, what is never taken in again, and that no byte is left.

use std::collections::BTreeMap;

use followup_core::{Account, AccountId, Baseline, TaskFields, TaskId, TaskKey, TaskOrigin};

use super::*;
use crate::{
    SimJournal, SimKv, SimPower,
    error::StoreError,
    ledger::{Closed, GapEnd, GapRow, RowState, TaskRow, WriteEnd, WrittenWord},
};

mod disk;

/// Priya in two CRMs and merged once; Omar is on a call with her.
const PRIYA: &str = "hub:contact:880001";
const EARLIER: &str = "hub:contact:880002";
const LEAD: &str = "zoho_eu:lead:880003";
const OMAR: &str = "hub:contact:770001";
const PILOT: &str = "hub:deal:880004";
const ALONE: &str = "hub:call:880005";
const WITH_OMAR: &str = "hub:call:880006";
const ON_THE_DEAL: &str = "hub:call:880007";
const TASK: &str = "hub:task:880008";
const LIST: &str = "hub:task:880009";
const ENDED: &str = "hub:task:880011";

/// What must be nowhere afterwards: names, an address, a number, words of the CRM, hashes of texts.
const PERSONAL: [&str; 6] = [
    "Priya",
    "Nair",
    "priya.nair@acme.example.com",
    "555 0107788",
    "no such rep as",
    "hash-of-a-text",
];

fn priya(record: &str, modified: i64) -> Record {
    let mut person = person(record, modified);
    person.name = "Priya Nair".to_owned();
    person.emails = vec!["priya.nair@acme.example.com".to_owned()];
    person.phones = vec!["555 0107788".to_owned()];
    person.account = Some(AccountId(id("hub:account:880010")));
    Record::Person(person)
}

fn records() -> Vec<Record> {
    let mut pilot = deal(PILOT, &[PRIYA, OMAR], 3);
    pilot.name = "Nair: forty desks".to_owned();
    let mut ours = task(TASK, &[PRIYA], &[], 4);
    ours.origin = TaskOrigin::Followupd;
    ours.key = Some(TaskKey("lead".to_owned()));
    ours.fields = Some(text("Call Priya Nair"));
    let mut list = task(LIST, &[], &[], 4);
    list.origin = TaskOrigin::Followupd;
    list.key = Some(TaskKey("list".to_owned()));
    list.fields = Some(text("2 leads: Omar Haddad, Priya Nair"));
    // The CRM took her off it when it ended.
    let mut ended = task(ENDED, &[], &[], 5);
    ended.origin = TaskOrigin::Followupd;
    ended.key = Some(TaskKey("ended".to_owned()));
    ended.fields = Some(text("Call Priya Nair again"));
    let mut omar = person(OMAR, 1);
    omar.name = "Omar Haddad".to_owned();
    vec![
        priya(PRIYA, 1),
        priya(LEAD, 2),
        priya(EARLIER, 1),
        Record::Person(omar),
        Record::Account(Account {
            id: AccountId(id("hub:account:880010")),
            name: "Priya Nair Consulting".to_owned(),
            owner: None,
            stamp: crate::testing::stamp(1),
        }),
        Record::Deal(pilot),
        Record::Activity(activity(ALONE, &[PRIYA, LEAD], &[], 11)),
        Record::Activity(activity(WITH_OMAR, &[PRIYA, OMAR], &[], 12)),
        Record::Activity(activity(ON_THE_DEAL, &[PRIYA], &[PILOT], 13)),
        Record::Task(ours),
        Record::Task(list),
        Record::Task(ended),
    ]
}

fn text(subject: &str) -> TaskFields {
    TaskFields {
        subject: subject.to_owned(),
        ..TaskFields::default()
    }
}

fn gap(subject: &str, end: Option<GapEnd>) -> GapRow {
    GapRow {
        rule: "first-touch".to_owned(),
        anchor: id(subject),
        crossing_ms: 1_772_438_400_000,
        repeat: 0,
        subject: id(subject),
        found_at: at(1),
        policy_version: "p1".to_owned(),
        end: end.map(|end| (end, at(2))),
    }
}

fn row(key: &str, subject: &str, gaps: &[&str], state: RowState) -> TaskRow {
    let gaps: Vec<String> = gaps.iter().map(|gap| (*gap).to_owned()).collect();
    TaskRow {
        key: TaskKey(key.to_owned()),
        connection: hub(),
        owner: OwnerId(id(REP)),
        subject: id(subject),
        shown: gaps.clone(),
        gaps,
        run: "r1".to_owned(),
        state,
        planned_at: at(1),
        created_at: Some(at(2)),
        due_at: at(9),
        baseline: Baseline {
            subject_hash: "hash-of-a-text".to_owned(),
            ..Baseline::default()
        },
        closing: None,
        closed: None,
    }
}

fn confirmed(task: &str) -> RowState {
    RowState::Confirmed { id: TaskId(id(task)) }
}

/// A task about her that is open, one that ended, one the CRM refused, one that may have arrived, and a list that
/// names her beside Omar.
fn decisions() -> Vec<Entry> {
    let mut list = row("list", REP, &["omars", "hers"], confirmed(LIST));
    list.baseline = Baseline::default();
    let rows = [
        row("lead", PRIYA, &["lead", "folded"], confirmed(TASK)),
        row("ended", LEAD, &["ended"], confirmed(ENDED)),
        row("refused", PRIYA, &["refused"], RowState::Planned),
        row("away", PRIYA, &["away"], RowState::Unknown { sent_at: at(1) }),
        list,
    ];
    let gaps = [
        ("lead", gap(PRIYA, None)),
        ("folded", gap(PRIYA, None)),
        ("ended", gap(LEAD, Some(GapEnd::DoneEvidence))),
        ("refused", gap(PRIYA, Some(GapEnd::Moot))),
        ("hers", gap(PRIYA, None)),
        ("omars", gap(OMAR, None)),
    ];
    let gaps = gaps.map(|(name, gap)| Entry::GapOpened {
        id: name.to_owned(),
        gap,
    });
    let rows = rows.map(|row| Entry::Intended { row: Box::new(row) });
    let key = |key: &str| TaskKey(key.to_owned());
    let mut entries: Vec<Entry> = gaps.into_iter().chain(rows).collect();
    entries.extend([
        Entry::Written {
            key: key("refused"),
            end: WriteEnd::Rejected {
                reason: "no such rep as Priya".to_owned(),
            },
            at: at(3),
        },
        Entry::Closed {
            key: key("ended"),
            closed: Closed::Evidence(id(ALONE)),
            at: at(4),
        },
        Entry::RepWrote {
            key: key("ended"),
            words: vec![WrittenWord {
                word: "wrong".to_owned(),
                at: at(4),
            }],
        },
        Entry::OwnerChanged {
            record: id(PRIYA),
            owner: None,
            from: at(1),
        },
    ]);
    entries
}

fn fill(store: &mut Store) {
    commit(store, records());
    commit_gone(store, gone(EARLIER, Some(PRIYA), 20));
    store.record(&decisions()).unwrap();
}

fn filled() -> (Store, SimKv, SimJournal) {
    let (mut store, kv, journal) = simulated();
    fill(&mut store);
    (store, kv, journal)
}

fn her(store: &Store) -> BTreeSet<PersonId> {
    store.human(&person_id(PRIYA)).unwrap()
}

fn erase(store: &mut Store) -> crate::Traces {
    let her = her(store);
    store.erase(&her, at(100)).unwrap()
}

fn text_of(parts: &(SimKv, SimJournal)) -> String {
    let mut all = Vec::new();
    for (key, value) in parts.0.content() {
        all.extend(key);
        all.extend(value);
    }
    parts
        .1
        .replay(&mut |_, payload| {
            all.extend_from_slice(payload);
            Ok(())
        })
        .unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

fn assert_nothing_personal(what: &str, text: &str) {
    for word in PERSONAL {
        assert!(!text.contains(word), "{word} is still in {what}");
    }
}

#[test]
fn everything_about_a_human_is_found_before_it_is_erased() {
    let (store, ..) = filled();
    let traces = store.traces(&her(&store)).unwrap();
    assert_eq!(traces.records, [PRIYA, EARLIER, LEAD].map(id).into());
    assert_eq!(traces.people.len(), 3, "the version before the merge is kept too");
    assert_eq!(traces.activities, [id(ALONE)].into());
    assert_eq!(traces.tasks, [TASK, ENDED].map(id).into());
    let shared = [PILOT, WITH_OMAR, ON_THE_DEAL, "hub:account:880010"];
    assert_eq!(traces.shared, shared.map(id).into());
    assert_eq!(traces.open_tasks, [TaskId(id(TASK))].into());
    assert_eq!(traces.ended_tasks, [TaskId(id(ENDED))].into());
    assert_eq!(traces.lost_tasks, [TaskKey("away".to_owned())].into());
    assert_eq!(traces.naming, [TaskId(id(LIST))].into());
    assert_eq!(traces.decisions, 4 + 5, "rows and gaps");
}

#[test]
fn what_was_about_a_human_goes_and_what_others_share_stays_without_them() {
    let (mut store, kv, journal) = filled();
    let counts = store.counts().unwrap();
    take_dirty(&mut store);
    erase(&mut store);
    for gone in [PRIYA, EARLIER, LEAD, ALONE, TASK, ENDED] {
        assert_eq!(store.get(&id(gone)).unwrap(), None, "{gone}");
        assert_eq!(store.tombstone(&id(gone)).unwrap(), None, "{gone}");
    }
    assert_eq!(store.person_by_email("priya.nair@acme.example.com").unwrap(), []);
    let Some(Record::Deal(pilot)) = store.get(&id(PILOT)).unwrap() else {
        panic!("the deal stays");
    };
    assert_eq!(pilot.people, [person_id(OMAR)]);
    assert_eq!(pilot.name, "deal 880004");
    let told = store.gather(&id(OMAR)).unwrap();
    let calls: Vec<String> = told.activities.iter().map(|call| call.id.to_string()).collect();
    assert_eq!(calls, [WITH_OMAR, ON_THE_DEAL], "the deal's history is whole");
    assert_eq!(take_dirty(&mut store), [OMAR, PILOT]);
    let after = store.counts().unwrap();
    assert_eq!(
        (after.people, after.activities, after.tasks, after.gone),
        (counts.people - 2, counts.activities - 1, counts.tasks - 2, 0)
    );
    // The open list still names her, in the CRM as here: its text is written anew first.
    let all = text_of(&(kv.clone(), journal)).replace("2 leads: Omar Haddad, Priya Nair", "");
    assert_nothing_personal("journal and cache", &all);
    let mut problems = Vec::new();
    crate::verify::check_cache(&kv, &mut problems);
    assert_eq!(problems, [], "the cache is whole");
}

#[test]
fn the_journal_keeps_keys_and_no_record_number_of_theirs() {
    let (mut store, _, journal) = filled();
    let before = journal.len();
    erase(&mut store);
    let ledger = store.ledger();
    for key in ["lead", "folded", "ended", "refused", "away", "hers"] {
        let row = ledger.task(&TaskKey(key.to_owned()));
        // What was folded into another task never had a key of its own; no task may begin with it either.
        assert!(
            key == "hers" || row.is_some_and(|row| row.closed.is_some()),
            "{key}"
        );
        assert!(ledger.gap(key).is_none_or(|gap| gap.end.is_some()), "{key}");
    }
    assert!(ledger.task(&TaskKey("away".to_owned())).unwrap().is_erased());
    let ended = ledger.task(&TaskKey("ended".to_owned())).unwrap();
    assert!(
        matches!(&ended.closed, Some((Closed::Evidence(_), at4)) if *at4 == at(4)),
        "what counts for a rule stays"
    );
    assert_eq!(ledger.words(&ended.key).len(), 1);
    assert_eq!(ledger.tasks_about(&id(PRIYA)).count(), 0);
    let list = ledger.task(&TaskKey("list".to_owned())).unwrap();
    assert!(list.closed.is_none(), "a list outlives whom it names");
    assert_eq!(list.shown, ["omars", "erased"]);
    assert_eq!(ledger.subjects_of(list), [id(OMAR)].into());
    assert!(journal.len() >= before, "numbers of entries never fall");
    let mut all = String::new();
    journal
        .replay(&mut |_, payload| {
            all += &String::from_utf8_lossy(payload);
            Ok(())
        })
        .unwrap();
    for record in [PRIYA, EARLIER, LEAD, ALONE] {
        let number = id(record).native_id;
        assert!(!all.contains(&number), "{record} is in the journal");
    }
}

#[test]
fn whoever_is_named_in_a_list_beside_them_is_judged_again_so_that_it_is_written_anew() {
    let (mut store, ..) = filled();
    let alone = row("alone", REP, &["hers"], confirmed("hub:task:880012"));
    store.record(&[Entry::Intended { row: Box::new(alone) }]).unwrap();
    let traces = store.traces(&her(&store)).unwrap();
    assert_eq!(
        traces.open_tasks,
        [TASK, "hub:task:880012"].map(|task| TaskId(id(task))).into()
    );
    take_dirty(&mut store);
    // Nothing else of Omar changes.
    let her = her(&store);
    for shared in [PILOT, WITH_OMAR, ON_THE_DEAL] {
        commit_gone(&mut store, gone(shared, None, 50));
    }
    take_dirty(&mut store);
    store.erase(&her, at(100)).unwrap();
    assert_eq!(take_dirty(&mut store), [OMAR]);
    let open = |key: &str| {
        store
            .ledger()
            .task(&TaskKey(key.to_owned()))
            .unwrap()
            .closed
            .is_none()
    };
    assert!(
        open("list") && !open("alone"),
        "a list of her alone ends with her"
    );
}

#[test]
fn the_next_opening_says_what_the_ledger_says() {
    let (mut store, kv, journal) = filled();
    erase(&mut store);
    let told = store.ledger().clone();
    drop(store);
    let (store, opening) = Store::simulated(kv, journal, at(200)).unwrap();
    assert_eq!(opening.problems, []);
    assert!(!opening.cache_rebuilt);
    let rows = |ledger: &Ledger| ledger.tasks().cloned().collect::<Vec<_>>();
    let gaps = |ledger: &Ledger| {
        ledger
            .gaps()
            .map(|(id, gap)| (id.clone(), gap.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(rows(store.ledger()), rows(&told));
    assert_eq!(gaps(store.ledger()), gaps(&told));
}

#[test]
fn erasing_twice_finds_nothing_the_second_time() {
    let (mut store, ..) = filled();
    let people = her(&store);
    store.erase(&people, at(100)).unwrap();
    let again = store.traces(&people).unwrap();
    assert!(again.activities.is_empty() && again.people.is_empty() && again.decisions == 0);
    assert!(again.is_empty(), "{again:?}");
    let ledger = store.ledger().clone();
    store.erase(&people, at(101)).unwrap();
    assert_eq!(store.ledger(), &ledger);
}

#[test]
fn what_a_crm_still_tells_of_them_is_set_aside_or_left_out() {
    let (mut store, ..) = filled();
    erase(&mut store);
    let before = store.counts().unwrap();
    // A page that was under way, then a change, then the sweep: all of them still have her.
    for (lane, modified) in [(Lane::Hot, 1), (Lane::Settled, 300), (Lane::Sweep, 400)] {
        let mut delivered = vec![
            priya(PRIYA, modified),
            Record::Activity(activity("hub:call:880020", &[PRIYA], &[], modified)),
            Record::Task(task("hub:task:880021", &[PRIYA], &[], modified)),
        ];
        // The CRM took her off it, and its text is as it was.
        let mut ours = task(ENDED, &[], &[], modified);
        ours.fields = Some(text("Call Priya Nair"));
        delivered.push(Record::Task(ours));
        let both = activity("hub:call:880022", &[PRIYA, OMAR], &[], modified);
        delivered.push(Record::Activity(both));
        let done = commit_in(&mut store, lane, &page(&format!("p{modified}"), delivered));
        assert_eq!(done.overlooked, 0, "nothing counts as missed");
    }
    assert_eq!(store.get(&id(PRIYA)).unwrap(), None);
    let counts = store.counts().unwrap();
    assert_eq!(counts.quarantined, before.quarantined + 1);
    assert_eq!((counts.people, counts.tasks), (before.people, before.tasks));
    assert_eq!(counts.activities, before.activities + 1);
    let Some(Record::Activity(both)) = store.get(&id("hub:call:880022")).unwrap() else {
        panic!("what others share is taken in");
    };
    assert_eq!(both.people, [person_id(OMAR)]);
    let aside = store.quarantine().unwrap();
    assert!(aside[0].reason.contains("erase it there"), "{aside:?}");
    assert!(store.traces(&[person_id(PRIYA)].into()).unwrap().is_empty());
    // Erased in the CRM: nothing is asked of anybody any more.
    commit_gone(&mut store, gone(PRIYA, None, 500));
    assert_eq!(
        store.counts().unwrap(),
        Counts {
            quarantined: before.quarantined,
            ..counts
        }
    );
}

#[test]
fn whoever_was_never_cached_is_erased_from_the_journal_all_the_same() {
    let (mut store, ..) = simulated();
    store.record(&decisions()).unwrap();
    let people: BTreeSet<PersonId> = [person_id(PRIYA), person_id(LEAD)].into();
    assert_eq!(store.traces(&people).unwrap().decisions, 9);
    store.erase(&people, at(100)).unwrap();
    assert!(store.traces(&people).unwrap().is_empty());
    assert!(store.is_erased(&id(PRIYA)).unwrap());
    assert_eq!(store.erased().unwrap(), 2);
}

#[test]
fn nothing_is_erased_from_a_journal_with_entries_nobody_can_read() {
    let (store, kv, journal) = filled();
    drop(store);
    journal.spoil(3);
    let (mut store, _) = Store::simulated(kv.clone(), journal.clone(), at(50)).unwrap();
    let her = her(&store);
    let error = store.erase(&her, at(100)).unwrap_err();
    assert!(matches!(error, StoreError::Unread { entries: 1 }), "{error}");
    assert!(store.get(&id(PRIYA)).unwrap().is_some());
    // Once an admin knows of the loss, what is left is what there is.
    store.confirm(at(60)).unwrap();
    store.erase(&her, at(100)).unwrap();
    drop(store);
    let (store, opening) = Store::simulated(kv, journal, at(200)).unwrap();
    assert_eq!(opening.problems, []);
    assert!(store.ledger().frozen().is_none());
}

#[test]
fn an_erasure_that_was_cut_off_anywhere_is_finished_by_the_next() {
    for writes in 0..4 {
        let power = SimPower::default();
        let (kv, journal) = (SimKv::on(&power), SimJournal::on(&power));
        let (mut store, _) = Store::simulated(kv.clone(), journal.clone(), at(0)).unwrap();
        fill(&mut store);
        let people = her(&store);
        power.cut_after(writes);
        let cut = store.erase(&people, at(100)).is_err();
        drop(store);
        power.restore();
        kv.crash(0);
        let (mut store, opening) = Store::simulated(kv.clone(), journal.clone(), at(200)).unwrap();
        assert_eq!(opening.problems, [], "cut after {writes} writes");
        store.erase(&people, at(300)).unwrap();
        let all = text_of(&(kv, journal)).replace("2 leads: Omar Haddad, Priya Nair", "");
        assert_nothing_personal("journal and cache", &all);
        assert_eq!(cut, writes < 3, "journal, cache, and its sync");
    }
}

// ---- whom the CRMs deleted

#[test]
fn whoever_is_gone_everywhere_for_long_enough_is_forgotten_and_nobody_else() {
    let (mut store, ..) = filled();
    let gone_at =
        |store: &mut Store, record: &str, second: i64| commit_gone(store, gone(record, None, second));
    commit(&mut store, vec![Record::Person(person("hub:contact:5", 1))]);
    gone_at(&mut store, PRIYA, 100);
    gone_at(&mut store, "hub:contact:5", 300);
    let long_gone = |store: &Store, second: i64| -> Vec<String> {
        let people = store.long_gone(at(second), 9).unwrap();
        people.iter().flatten().map(PersonId::to_string).collect()
    };
    assert!(long_gone(&store, 99).is_empty());
    // Her record of before the merge goes with her; her lead in the other CRM is a record of its own now.
    assert_eq!(long_gone(&store, 200), [PRIYA, EARLIER]);
    assert_eq!(store.long_gone(at(400), 1).unwrap().len(), 1);
    let people = store.long_gone(at(200), 9).unwrap();
    let shared = [PILOT, WITH_OMAR].map(|shared| store.get(&id(shared)).unwrap());
    store.forget(&people, at(1000)).unwrap();
    assert!(long_gone(&store, 200).is_empty() && store.is_erased(&id(PRIYA)).unwrap());
    assert_eq!(
        [PILOT, WITH_OMAR].map(|shared| store.get(&id(shared)).unwrap()),
        shared,
        "what others are judged by is as it was"
    );
    assert!(store.get(&id(LEAD)).unwrap().is_some());
    assert_eq!(store.ledger().tasks_about(&id(PRIYA)).count(), 0);
    let forgotten = store.forgotten().unwrap();
    assert_eq!((forgotten.people, forgotten.looked_at), (1, Some(at(1000))));
    store.forget(&[], at(2000)).unwrap();
    assert_eq!(store.forgotten().unwrap().people, 1);
    assert_eq!(long_gone(&store, 400), ["hub:contact:5"]);
}
