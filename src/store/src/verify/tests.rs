use super::*;
use crate::{
    Store,
    kv::SimKv,
    testing::{activity, commit, id, person, simulated},
};

fn problems(kv: &SimKv) -> Vec<String> {
    let mut problems = Vec::new();
    check_cache(kv, &mut problems);
    problems
        .into_iter()
        .map(|problem| format!("{}: {}", problem.where_, problem.message))
        .collect()
}

fn filled() -> (Store, SimKv) {
    let (mut store, kv, _) = simulated();
    commit(
        &mut store,
        vec![
            Record::Person(person("hub:contact:1", 1)),
            Record::Activity(activity("hub:call:1", &["hub:contact:1"], &[], 2)),
        ],
    );
    (store, kv)
}

fn key_in(kv: &SimKv, table: u8) -> Vec<u8> {
    kv.content().into_keys().find(|key| key[0] == table).unwrap()
}

#[test]
fn a_whole_cache_has_no_problems() {
    let (_, kv) = filled();
    assert_eq!(problems(&kv), Vec::<String>::new());
    assert_eq!(problems(&SimKv::new()), Vec::<String>::new());
}

#[test]
fn every_kind_of_damage_is_told_with_its_record() {
    let cases: [(u8, Option<&[u8]>, &str); 4] = [
        (table::RECORD, Some(b"\x01garbage"), "the record cannot be read"),
        (
            table::TIMELINE,
            None,
            "hub:call:1: an index does not know the record",
        ),
        (
            table::RECORD,
            None,
            "an index names a record that does not say so",
        ),
        (table::NAME, Some(b""), ""),
    ];
    for (table, value, expected) in cases {
        let (_, kv) = filled();
        kv.tamper(&key_in(&kv, table), value);
        let found = problems(&kv);
        if expected.is_empty() {
            assert_eq!(
                found,
                Vec::<String>::new(),
                "a name is only looked up when it is needed"
            );
        } else {
            assert!(
                found.iter().any(|line| line.contains(expected)),
                "{expected}: {found:?}"
            );
        }
    }
}

#[test]
fn wrong_counters_and_doubled_wake_ups_are_told() {
    let (mut store, kv) = filled();
    store
        .settle(&[(id("hub:contact:1"), Some(crate::testing::at(9)))])
        .unwrap();
    let mut doubled = key_in(&kv, table::DUE);
    doubled[8] ^= 1;
    kv.tamper(&doubled, Some(b""));
    let counts = codec::encode(&Counts::default(), "").unwrap();
    kv.tamper(&keys::key(table::META, &[b"counts"]), Some(&counts));
    let found = problems(&kv);
    assert!(
        found.iter().any(|line| line.contains("two wake-ups")),
        "{found:?}"
    );
    assert!(found.iter().any(|line| line.contains("counters")), "{found:?}");
}

#[test]
fn much_damage_is_counted_rather_than_listed() {
    let (mut store, kv, _) = simulated();
    let people = (0..200)
        .map(|number| Record::Person(person(&format!("hub:contact:{number}"), 1)))
        .collect();
    commit(&mut store, people);
    for key in kv.content().into_keys().filter(|key| key[0] == table::RECORD) {
        kv.tamper(&key, Some(b"\x01"));
    }
    let found = problems(&kv);
    assert_eq!(found.len(), LISTED_MAX + 1);
    assert!(
        found.iter().any(|line| line.contains("problems more")),
        "{:?}",
        found.first()
    );
}

#[test]
fn a_problem_names_its_fix_once() {
    let error = StoreError::Cache {
        action: "reading a key",
        message: "damaged".to_owned(),
    };
    let problem = damaged("cache", &error.to_string());
    assert_eq!(problem.message, "the cache failed while reading a key: damaged");
    assert!(problem.fix.contains("followupd store rebuild"));
}
