//! Golden bytes: a shape that changes without a new number fails here first.

use followup_core::{Gone, Merge, OwnerSpell, Quarantined};

use super::*;
use crate::{
    ledger::Entry,
    testing::{activity, at, deal, gone, hub, id, owner, person, person_id, task},
    view::{Counts, Tombstone},
};

mod journal;

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// One value of every shape that is stored.
fn golden() -> Vec<(&'static str, Vec<u8>)> {
    let mut ann = person("hub:contact:1", 10);
    ann.emails.push("ann@example.com".to_owned());
    ann.owner_history.push(OwnerSpell {
        owner: None,
        from: at(1),
    });
    ann.merged = Some(Merge {
        into: person_id("hub:contact:2"),
        at: None,
    });
    let mut records = vec![
        ("owner", Record::Owner(owner("hub:owner:5", 1))),
        ("person", Record::Person(ann.clone())),
        ("deal", Record::Deal(deal("hub:deal:7", &["hub:contact:1"], 1))),
        (
            "activity",
            Record::Activity(activity("hub:call:1", &["hub:contact:1"], &[], 1)),
        ),
        ("task", Record::Task(task("hub:task:1", &[], &["hub:deal:7"], 1))),
    ];
    records.push((
        "account",
        Record::Account(followup_core::Account {
            id: followup_core::AccountId(id("hub:account:3")),
            name: "Moss & Field".to_owned(),
            owner: None,
            stamp: ann.stamp.clone(),
        }),
    ));
    let mut golden: Vec<(&str, Vec<u8>)> = records
        .iter()
        .map(|(name, record)| (*name, encode_record(&[7; 16], record).unwrap()))
        .collect();
    let tombstone = Tombstone {
        gone: gone("hub:contact:1", Some("hub:contact:2"), 3),
        last: Some(Record::Person(ann)),
    };
    golden.push(("tombstone", encode(&tombstone, "").unwrap()));
    let quarantined = Quarantined {
        id: id("hub:contact:1"),
        reason: "no instant".to_owned(),
    };
    golden.push(("quarantined", encode(&quarantined, "").unwrap()));
    let lanes = crate::LaneState {
        backfill_done: true,
        read_to: Some(at(5)),
        settled_at: None,
    };
    golden.push(("lanes", encode(&lanes, "").unwrap()));
    golden.push(("counts", encode(&Counts::default(), "").unwrap()));
    let entry = Entry::OwnerChanged {
        record: id("hub:contact:1"),
        owner: None,
        from: at(1),
    };
    golden.push(("entry", encode(&entry, "").unwrap()));
    golden
}

#[test]
fn the_bytes_of_every_shape_are_what_they_were() {
    let found: Vec<String> = golden()
        .iter()
        .map(|(name, bytes)| format!("{name} {} {}", bytes.len(), hex(&short_hash(bytes))))
        .collect();
    let expected: &[&str] = &[
        "owner 101 653a7280a16592f9659e9e2b0d58bf2d",
        "person 154 7d5fe7ed0ff4ea114932313ce1090aa2",
        "deal 181 4da90c9f4ea874c5cb0abbea59430bd0",
        "activity 137 8d9c8a3fef6fa9b9b27e29ccd1986944",
        "task 126 b9b7afcc7b590978d07c44e2bdde6138",
        "account 82 1ece1ed552277391bb291e9a440afd10",
        "tombstone 175 b4269e46151c4210e1785d6ad478c703",
        "quarantined 19 5eefbe123d2cdfaa23c0281670e82967",
        "lanes 25 5d1460e32e4ded2bb00ab5c41892ddab",
        "counts 9 a536aa3cede6ea3c1f3e0357c3c60e0f",
        "entry 31 fed93c671f532572c19f8eb8955aa46f",
    ];
    assert_eq!(
        found, expected,
        "give the shape a new number and raise the layout number"
    );
}

#[test]
fn a_short_value_shows_its_bytes() {
    let gone: Gone = gone("hub:call:1", None, 0);
    assert_eq!(
        hex(&encode(&gone, "").unwrap()),
        "01036875620601310014323032362d30332d30325430383a30303a30305a"
    );
    assert_eq!(hex(&encode(&hub(), "").unwrap()), "0103687562");
}

#[test]
fn values_come_back_as_they_were() {
    let record = Record::Person(person("hub:contact:1", 10));
    let bytes = encode_record(&[9; 16], &record).unwrap();
    assert_eq!(record_hash(&bytes), Some([9; 16]));
    assert_eq!(decode_record(&bytes).unwrap(), record);
}

#[test]
fn another_version_is_refused_rather_than_misread() {
    let mut bytes = encode(&7_u32, "a number").unwrap();
    bytes[0] = 2;
    assert!(decode::<u32>(&bytes, "a number").is_err());
    assert!(decode::<u32>(&[], "a number").is_err());
    let pair = encode(&(7_u32, 8_u32), "two numbers").unwrap();
    assert!(decode::<u32>(&pair, "a number").is_err(), "bytes are left over");
    let record = Record::Person(person("hub:contact:1", 10));
    let mut bytes = encode_record(&[9; 16], &record).unwrap();
    bytes[0] = 2;
    assert!(decode_record(&bytes).is_err());
    assert!(decode_record(&bytes[..10]).is_err());
}

#[test]
fn when_a_version_was_read_is_no_part_of_its_content() {
    let mut ann = person("hub:contact:1", 10);
    let first = content_hash(&Record::Person(ann.clone())).unwrap();
    ann.stamp.seen_at = at(99);
    assert_eq!(content_hash(&Record::Person(ann.clone())).unwrap(), first);
    ann.stamp.modified_at = at(99);
    assert_ne!(content_hash(&Record::Person(ann)).unwrap(), first);
}
