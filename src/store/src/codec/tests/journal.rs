//! The journal outlives every version of the program: each entry's bytes are held fast here. An entry may gain a
//! variant at the end; the bytes of an old one never change.

use followup_core::{Baseline, Closing, OwnerId, TaskId, TaskKey};

use super::*;
use crate::ledger::{
    Closed, Cutover, FreezeReason, GapEnd, GapRow, RowState, TaskRow, WriteEnd, WrittenWord,
};

fn row() -> TaskRow {
    TaskRow {
        key: TaskKey("k1".to_owned()),
        connection: hub(),
        owner: OwnerId(id("hub:owner:5")),
        subject: id("hub:contact:1"),
        gaps: vec!["g1".to_owned()],
        shown: vec!["g1".to_owned()],
        run: "r1".to_owned(),
        state: RowState::InFlight {
            sent_at: at(1),
            epoch: 3,
        },
        planned_at: at(0),
        created_at: None,
        due_at: at(9),
        baseline: baseline(),
        closing: Some((Closing::Withdraw, Closed::Withdrawn("moot".to_owned()), at(5))),
        closed: Some((Closed::Declared, at(6))),
    }
}

fn baseline() -> Baseline {
    Baseline {
        subject_hash: "s".to_owned(),
        body_hash: "b".to_owned(),
        status: "NOT_STARTED".to_owned(),
        reminder_at: Some(at(8)),
        due_at: Some(at(9)),
        owner: Some(OwnerId(id("hub:owner:5"))),
    }
}

fn gap() -> GapRow {
    GapRow {
        rule: "first-touch".to_owned(),
        anchor: id("hub:contact:1"),
        crossing_ms: 1_772_438_400_000,
        repeat: 0,
        subject: id("hub:deal:7"),
        found_at: at(1),
        policy_version: "p1".to_owned(),
        end: Some((GapEnd::Moot, at(2))),
    }
}

/// What a process writes about itself, its connections and the gaps it finds.
fn found() -> Vec<Entry> {
    let (version, run, day) = ("p1".to_owned(), "r1".to_owned(), "2026-03-02".to_owned());
    vec![
        Entry::Opened { epoch: 3, at: at(0) },
        Entry::Connected {
            connection: hub(),
            cutover: Cutover {
                at: at(0),
                is_after_loss: true,
            },
            at: at(0),
        },
        Entry::Frozen {
            reason: FreezeReason::LedgerLost { adopted: 2 },
            at: at(0),
        },
        Entry::Confirmed { at: at(0) },
        Entry::PolicyUsed { version, at: at(0) },
        Entry::RunStarted { run, at: at(0) },
        Entry::OwnerChanged {
            record: id("hub:contact:1"),
            owner: None,
            from: at(0),
        },
        Entry::QuotaSpent {
            connection: hub(),
            day,
            used: 300,
        },
        Entry::GapOpened {
            id: "g1".to_owned(),
            gap: gap(),
        },
        Entry::GapEnded {
            id: "g1".to_owned(),
            end: GapEnd::DoneEvidence,
            at: at(0),
        },
    ]
}

/// What it writes about its tasks.
fn written() -> Vec<Entry> {
    let key = || TaskKey("k1".to_owned());
    let row = || Box::new(row());
    vec![
        Entry::Intended { row: row() },
        Entry::Adopted { row: row() },
        Entry::Sent {
            key: key(),
            at: at(0),
            epoch: 3,
        },
        Entry::Written {
            key: key(),
            end: WriteEnd::Confirmed {
                id: TaskId(id("hub:task:4")),
                baseline: baseline(),
            },
            at: at(0),
        },
        Entry::Written {
            key: key(),
            end: WriteEnd::Absent,
            at: at(0),
        },
        Entry::ReadBack {
            key: key(),
            baseline: baseline(),
        },
        Entry::Folded {
            key: key(),
            gaps: vec!["g1".to_owned(), "g2".to_owned()],
            shown: vec!["g2".to_owned(), "g1".to_owned()],
            at: at(0),
        },
        Entry::CloseIntended {
            key: key(),
            closing: Closing::Complete,
            then: Closed::Evidence(id("hub:call:1")),
            at: at(0),
        },
        Entry::Closed {
            key: key(),
            closed: Closed::Undone,
            at: at(0),
        },
        Entry::Moved {
            key: key(),
            subject: id("hub:contact:2"),
        },
    ]
}

/// What others do about them, and what is known beside them.
fn beside() -> Vec<Entry> {
    let key = || TaskKey("k1".to_owned());
    vec![
        Entry::Approved {
            key: key(),
            at: at(9),
        },
        Entry::Acting {
            connection: hub(),
            since: Some(at(3)),
        },
        Entry::DamageConfirmed {
            offset: 300,
            len: 41,
            crc: 0xDEAD_BEEF,
        },
        Entry::RepWrote {
            key: key(),
            words: vec![WrittenWord {
                word: "later 10d".to_owned(),
                at: at(4),
            }],
        },
        Entry::AmountChanged {
            deal: id("hub:deal:4"),
            amount_minor: Some(1_250_000),
            from: at(5),
        },
        Entry::Erased,
    ]
}

/// Every other reason to freeze.
fn frozen() -> Vec<Entry> {
    let reasons = [
        FreezeReason::Breaker { planned: 90 },
        FreezeReason::Vanishing {
            connection: hub(),
            stream: "contacts".to_owned(),
            missing: 120,
            cached: 400,
            began: at(7),
        },
        FreezeReason::JournalDamaged { entries: 2 },
    ];
    reasons
        .into_iter()
        .map(|reason| Entry::Frozen { reason, at: at(0) })
        .collect()
}

#[test]
fn the_bytes_of_every_journal_entry_are_what_they_were() {
    let all = [found(), written(), beside(), frozen()];
    let entries: Vec<Entry> = all.into_iter().flatten().collect();
    let bytes: Vec<Vec<u8>> = entries.iter().map(|entry| encode(entry, "").unwrap()).collect();
    let lines: Vec<String> = bytes
        .iter()
        .map(|bytes| format!("{:02} {} {}", bytes[1], bytes.len(), hex(&short_hash(bytes))))
        .collect();
    let expected: &[&str] = &[
        "00 24 8956bd566f3fb369edab21f214fc6feb",
        "01 49 42d652f60bca8316cec11ead5368eb6a",
        "02 25 ef0f71fde305509fc10f7dea59465e76",
        "03 23 da580a4e8cc1ebbf4935652f04209cd3",
        "04 26 b79df7dd3fc8bb505157532c89e0f5c5",
        "05 26 ecb904235ba96185c2f57d0a5b0b5853",
        "06 31 bcb0ee57f27c5eb8c8c3568bd210f0f5",
        "07 19 c9ef49f7088685cde9a923d072bf05bf",
        "08 85 6aec80eb4b09df939ffeec3421640942",
        "09 27 f2d7f94c6527617ffceee7f385d68aec",
        "10 220 7447cf40d1d73be249d0392560a43b92",
        "11 220 9d9e61ff0cfee8a2839be8aad2a2ddb3",
        "12 27 c108861b3ec5d0291af109b1f1c9a5eb",
        "13 102 3318140242f03f1f893d2a5388437b58",
        "13 27 d945f604897f5cbc2aef02e6d30870a8",
        "14 73 e5553dd8e391df0e1dad946c30d3cd2a",
        "15 40 0732cd15f661225407963495a92d3051",
        "16 35 f445d5781fe11d2bb940be252ef4bd18",
        "17 27 2f22127ed0126fdf35e10a41a7285e6b",
        "18 12 2271440ad908ed2ca9848ae29a94346d",
        "19 26 2d00465aca7c2ed5781231ac6d148eb2",
        "20 28 2f7e0aa231b8f9e4b19f6adfab384340",
        "21 10 3acc22d7535a3ddf47887804d428b68c",
        "22 37 17aee25f2dda628324a586d5c90667c0",
        "23 35 1793964d1604c8c7530065a8322dae93",
        "24 2 b519be874447e0f0a38ee8ec84ecd219",
        "02 25 a2e2c42809182b11599a329de5a2d485",
        "02 61 eb3e424aef89c23036d35d329cc650a9",
        "02 25 e3798a2b60616c85b2f8301eaccf3c2e",
    ];
    assert_eq!(lines, expected, "a journal on disk could not be read any more");
    for (entry, bytes) in entries.iter().zip(&bytes) {
        assert_eq!(&decode::<Entry>(bytes, "an entry").unwrap(), entry);
    }
}
