//! Any history of pages, checked against what must hold after every one of them.

use std::collections::BTreeMap;

use followup_core::Page;
use proptest::prelude::*;

use super::*;
use crate::{
    keys::{self, table},
    kv::SimPower,
    verify::check_cache,
};

const PEOPLE: [&str; 5] = [ANN, BEN, "hub:contact:3", "hub:lead:4", CAT];
const DEALS: [&str; 2] = [DEAL, "hub:deal:71"];

/// One change, small enough to shrink well.
#[derive(Debug, Clone)]
enum Change {
    Person {
        who: usize,
        email: u8,
        owner: u8,
    },
    Deal {
        which: usize,
        people: Vec<usize>,
    },
    Call {
        which: u8,
        people: Vec<usize>,
        deal: Option<usize>,
        by: u8,
    },
    Task {
        which: u8,
        person: usize,
    },
    Owner {
        which: u8,
        is_active: bool,
        is_queue: bool,
    },
    Delete {
        who: usize,
    },
    Merge {
        loser: usize,
        winner: usize,
    },
    DeleteDeal {
        which: usize,
    },
    DeleteCall {
        which: u8,
    },
    DeleteOwner {
        which: u8,
    },
}

fn change() -> impl Strategy<Value = Change> {
    let someone = 0..PEOPLE.len();
    prop_oneof![
        4 => (someone.clone(), 0..4_u8, 0..3_u8).prop_map(|(who, email, owner)| Change::Person { who, email, owner }),
        2 => (0..DEALS.len(), proptest::collection::vec(someone.clone(), 0..3))
            .prop_map(|(which, people)| Change::Deal { which, people }),
        4 => (
            0..4_u8,
            proptest::collection::vec(someone.clone(), 0..3),
            proptest::option::of(0..DEALS.len()),
            0..3_u8
        )
            .prop_map(|(which, people, deal, by)| Change::Call { which, people, deal, by }),
        1 => (0..2_u8, someone.clone()).prop_map(|(which, person)| Change::Task { which, person }),
        1 => (0..3_u8, any::<bool>(), proptest::bool::weighted(0.1))
            .prop_map(|(which, is_active, is_queue)| Change::Owner { which, is_active, is_queue }),
        1 => (0..3_u8).prop_map(|which| Change::DeleteOwner { which }),
        1 => someone.clone().prop_map(|who| Change::Delete { who }),
        1 => (someone.clone(), someone).prop_map(|(loser, winner)| Change::Merge { loser, winner }),
        1 => (0..DEALS.len()).prop_map(|which| Change::DeleteDeal { which }),
        1 => (0..4_u8).prop_map(|which| Change::DeleteCall { which }),
    ]
}

fn names(people: &[usize]) -> Vec<&'static str> {
    people.iter().map(|who| PEOPLE[*who]).collect()
}

fn owner_name(number: u8) -> Option<OwnerId> {
    (number > 0).then(|| OwnerId(id(&format!("hub:owner:{number}"))))
}

/// Pages of the changes: each change is one version newer than all before.
fn pages(changes: &[Vec<Change>]) -> Vec<Page> {
    let mut second = 0;
    let mut pages = Vec::new();
    for (number, changes) in changes.iter().enumerate() {
        let mut page = page(&format!("c{number}"), Vec::new());
        for change in changes {
            second += 10;
            add(&mut page, change, second);
        }
        pages.push(page);
    }
    pages
}

fn add(page: &mut Page, change: &Change, second: i64) {
    match change {
        Change::Person { who, email, owner } => {
            let mut made = person(PEOPLE[*who], second);
            made.owner = owner_name(*owner);
            if *email > 0 {
                made.emails.push(format!("p{email}@example.com"));
            }
            page.records.push(Record::Person(made));
        }
        Change::Deal { which, people } => {
            page.records
                .push(Record::Deal(deal(DEALS[*which], &names(people), second)));
        }
        Change::Call {
            which,
            people,
            deal,
            by,
        } => {
            let deals: Vec<&str> = deal.iter().map(|which| DEALS[*which]).collect();
            let mut made = activity(&format!("hub:call:{which}"), &names(people), &deals, second);
            made.by = owner_name(*by);
            page.records.push(Record::Activity(made));
        }
        Change::Task { which, person } => {
            let made = task(&format!("hub:task:{which}"), &[PEOPLE[*person]], &[], second);
            page.records.push(Record::Task(made));
        }
        Change::Owner {
            which,
            is_active,
            is_queue,
        } => {
            let mut made = owner(&format!("hub:owner:{}", which + 1), second);
            made.is_active = *is_active;
            if *is_queue {
                made.kind = followup_core::OwnerKind::Queue;
            }
            page.records.push(Record::Owner(made));
        }
        Change::Delete { who } => page.gone.push(gone(PEOPLE[*who], None, second)),
        Change::Merge { loser, winner } => {
            if loser != winner {
                page.gone
                    .push(gone(PEOPLE[*loser], Some(PEOPLE[*winner]), second));
            }
        }
        Change::DeleteDeal { which } => page.gone.push(gone(DEALS[*which], None, second)),
        Change::DeleteOwner { which } => {
            page.gone
                .push(gone(&format!("hub:owner:{}", which + 1), None, second));
        }
        Change::DeleteCall { which } => page.gone.push(gone(&format!("hub:call:{which}"), None, second)),
    }
}

fn subjects() -> impl Iterator<Item = RecordRef> {
    PEOPLE.iter().chain(&DEALS).map(|text| id(text))
}

/// What every subject sees. Of people who only did something, only what they are matters; of earlier owners, nothing.
fn everything(store: &Store) -> BTreeMap<RecordRef, Gathered> {
    subjects()
        .map(|subject| {
            let mut gathered = store.gather(&subject).unwrap();
            let living = gathered.people.iter().filter(|person| person.merged.is_none());
            let people = living.filter_map(|person| person.owner.clone());
            let deals = gathered.deals.iter().filter_map(|deal| deal.owner.clone());
            let responsible: BTreeSet<OwnerId> = people.chain(deals).collect();
            let doers: BTreeSet<OwnerId> = gathered
                .activities
                .iter()
                .filter_map(|done| done.by.clone())
                .collect();
            gathered
                .owners
                .retain(|id, _| responsible.contains(id) || doers.contains(id));
            for (id, owner) in &mut gathered.owners {
                if !responsible.contains(id) {
                    owner.is_active = true;
                    owner.stamp = crate::testing::stamp(0);
                }
            }
            (subject, gathered)
        })
        .collect()
}

fn assert_sound(store: &Store) {
    let mut problems = Vec::new();
    check_cache(&*store.kv, &mut problems);
    assert_eq!(problems, []);
}

fn history() -> impl Strategy<Value = Vec<Vec<Change>>> {
    proptest::collection::vec(proptest::collection::vec(change(), 1..4), 1..8)
}

proptest! {
    #![proptest_config(crate::testing::cases(400))]

    #[test]
    fn whoever_sees_something_else_after_a_page_is_marked_dirty(changes in history()) {
        let (mut store, _, _) = simulated();
        for page in pages(&changes) {
            let before = everything(&store);
            commit_in(&mut store, Lane::Hot, &page);
            let marked = take_dirty(&mut store);
            for (subject, gathered) in everything(&store) {
                let is_there = store.get(&subject).unwrap().is_some();
                if is_there && before[&subject] != gathered {
                    prop_assert!(marked.contains(&subject.to_string()), "{subject} unmarked; {page:?}");
                }
            }
            assert_sound(&store);
        }
    }

    #[test]
    fn marks_that_nobody_settled_yet_hide_no_later_change(changes in history(), settled in 0..7_usize) {
        let (mut store, _, _) = simulated();
        let settled = subjects().nth(settled).unwrap();
        for page in pages(&changes) {
            let before = everything(&store);
            commit_in(&mut store, Lane::Hot, &page);
            for (subject, gathered) in everything(&store) {
                let is_there = store.get(&subject).unwrap().is_some();
                if is_there && before[&subject] != gathered {
                    prop_assert!(store.dirty(99).unwrap().contains(&subject), "{subject} unmarked");
                }
            }
            store.settle(&[(settled.clone(), None)]).unwrap();
        }
    }

    #[test]
    fn pages_read_again_in_order_change_nothing(changes in history()) {
        let (mut store, kv, journal) = simulated();
        let pages = pages(&changes);
        let Some(last) = pages.last() else { return Ok(()); };
        for page in &pages {
            commit_in(&mut store, Lane::Hot, page);
        }
        let (before, entries) = (kv.content(), journal.len());
        commit_in(&mut store, Lane::Hot, last);
        prop_assert_eq!(kv.content(), before);
        prop_assert_eq!(journal.len(), entries);
    }

    #[test]
    fn humans_are_equivalence_classes(changes in history()) {
        let (mut store, _, _) = simulated();
        for page in pages(&changes) {
            commit_in(&mut store, Lane::Hot, &page);
        }
        for first in PEOPLE {
            let human = store.human(&person_id(first)).unwrap();
            prop_assert!(human.contains(&person_id(first)));
            for second in &human {
                prop_assert_eq!(&store.human(second).unwrap(), &human);
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(10))]
    #[test]
    fn a_store_on_disk_holds_what_a_simulated_one_holds_also_when_reopened(changes in history()) {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { cache_bytes: 1 << 20 };
        let (mut simulated, kv, _) = simulated();
        for page in pages(&changes) {
            commit_in(&mut simulated, Lane::Hot, &page);
            let (mut store, opening) = Store::open(dir.path(), &options, at(0)).unwrap();
            prop_assert_eq!(opening.problems, []);
            commit_in(&mut store, Lane::Hot, &page);
        }
        let (store, _) = Store::open(dir.path(), &options, at(0)).unwrap();
        let mut content = BTreeMap::new();
        store.kv.export(&mut |key, value| {
            content.insert(key.to_vec(), value.to_vec());
            Ok(std::ops::ControlFlow::Continue(()))
        }).unwrap();
        let mut expected = kv.content();
        // One store was opened more often, so its journal is longer.
        for content in [&mut content, &mut expected] {
            content.remove(&keys::key(table::META, &[b"journal"]));
        }
        prop_assert_eq!(content, expected);
        drop(store);
        prop_assert_eq!(Store::verify(dir.path()).unwrap(), []);
    }
}

/// Commits pages from wherever the cursor says, as a sync loop would after a restart.
fn sync(store: &mut Store, pages: &[Page]) -> Result<(), StoreError> {
    let connection = hub();
    let done = store.cursor(&connection, Stream::Contacts, Lane::Hot)?;
    let first = done.map_or(0, |cursor| {
        1 + pages.iter().position(|page| page.cursor == cursor).unwrap()
    });
    for page in &pages[first..] {
        store.commit_page(PageCommit {
            connection: &connection,
            stream: Stream::Contacts,
            lane: Lane::Hot,
            page,
            now: at(0),
        })?;
    }
    Ok(())
}

/// Five pages in which something of every kind happens.
fn eventful() -> [Vec<Change>; 5] {
    [
        vec![
            Change::Person {
                who: 0,
                email: 1,
                owner: 1,
            },
            Change::Person {
                who: 1,
                email: 2,
                owner: 1,
            },
        ],
        vec![Change::Call {
            which: 0,
            people: vec![0],
            deal: Some(0),
            by: 1,
        }],
        vec![
            Change::Person {
                who: 0,
                email: 2,
                owner: 2,
            },
            Change::Deal {
                which: 0,
                people: vec![0, 1],
            },
        ],
        vec![
            Change::Merge { loser: 1, winner: 0 },
            Change::Person {
                who: 0,
                email: 2,
                owner: 0,
            },
        ],
        vec![Change::Owner {
            which: 0,
            is_active: false,
            is_queue: false,
        }],
    ]
}

#[test]
fn a_power_cut_at_any_write_ends_in_the_same_store_after_the_restart() {
    let changes = eventful();
    let pages = pages(&changes);
    let (mut whole, ..) = simulated();
    sync(&mut whole, &pages).unwrap();
    let mut cuts = 0;
    for writes in 0.. {
        for kept in 0..2 {
            let power = SimPower::default();
            let (kv, journal) = (SimKv::on(&power), SimJournal::on(&power));
            power.cut_after(writes);
            let first = Store::simulated(kv.clone(), journal.clone(), at(0));
            let outcome = first.and_then(|(mut store, _)| sync(&mut store, &pages));
            if outcome.is_err() {
                cuts += 1;
            }
            power.restore();
            kv.crash(kept);
            let (mut store, _) = Store::simulated(kv, journal, at(0)).unwrap();
            assert_sound(&store);
            sync(&mut store, &pages).unwrap();
            assert_eq!(everything(&store), everything(&whole), "cut after {writes}");
            for person in PEOPLE {
                assert_eq!(
                    store.ledger().owner_changes(&id(person)),
                    whole.ledger().owner_changes(&id(person)),
                    "cut after {writes}"
                );
            }
            if outcome.is_ok() {
                assert!(cuts > 20, "the cuts fell into the work: {cuts}");
                return;
            }
        }
    }
}
