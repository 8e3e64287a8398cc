//! Records for this crate's tests: invented people, one line each.

use followup_core::{
    Activity, ActivityId, ActivityKind, ConnectionId, ContactFlags, Cursor, Deal, DealId, DealState,
    Direction, Editor, Gone, Lane, Owner, OwnerId, OwnerKind, Page, PageEnd, Person, PersonId, Record,
    RecordKind, RecordRef, Source, StageEntry, StageKind, Stamp, Stream, Task, TaskId, TaskOrigin,
    TaskStatus,
};
use jiff::Timestamp;

use crate::{Committed, PageCommit, SimJournal, SimKv, Store};

/// An instant of the test day: seconds after 2026-03-02T08:00Z.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_438_400 + second).unwrap()
}

pub(crate) fn hub() -> ConnectionId {
    ConnectionId::new("hub").unwrap()
}

pub(crate) fn id(text: &str) -> RecordRef {
    text.parse().unwrap()
}

pub(crate) fn person_id(text: &str) -> PersonId {
    PersonId(id(text))
}

pub(crate) fn stamp(second: i64) -> Stamp {
    Stamp {
        modified_at: at(second),
        modified_by: Editor::Unknown,
        seen_at: at(second + 5),
    }
}

pub(crate) fn person(text: &str, modified: i64) -> Person {
    Person {
        id: person_id(text),
        is_lead: true,
        name: String::new(),
        company: None,
        account: None,
        emails: Vec::new(),
        phones: Vec::new(),
        owner: None,
        owner_history: Vec::new(),
        created_at: at(0),
        inquiry_at: None,
        is_inbound: true,
        source: Source::Demo,
        status: None,
        flags: ContactFlags::default(),
        merged: None,
        converted: None,
        sequence_next_step_at: None,
        stamp: stamp(modified),
    }
}

pub(crate) fn deal(text: &str, people: &[&str], modified: i64) -> Deal {
    Deal {
        id: DealId(id(text)),
        name: "Forty desks".to_owned(),
        pipeline: None,
        stage: "quote".to_owned(),
        stage_kind: StageKind::Proposal,
        stage_entered_at: at(0),
        stage_history: vec![StageEntry {
            stage: "quote".to_owned(),
            entered_at: at(0),
        }],
        state: DealState::Open,
        amount_minor: Some(1_200_000),
        currency: Some("EUR".to_owned()),
        owner: None,
        owner_history: Vec::new(),
        created_at: at(0),
        close_on: None,
        people: people.iter().map(|text| person_id(text)).collect(),
        account: None,
        stamp: stamp(modified),
    }
}

pub(crate) fn activity(text: &str, people: &[&str], deals: &[&str], modified: i64) -> Activity {
    Activity {
        people: people.iter().map(|text| person_id(text)).collect(),
        deals: deals.iter().map(|text| DealId(id(text))).collect(),
        ..Activity::new(
            ActivityId(id(text)),
            ActivityKind::Call,
            Direction::Out,
            at(modified),
            stamp(modified),
        )
    }
}

pub(crate) fn task(text: &str, people: &[&str], deals: &[&str], modified: i64) -> Task {
    Task {
        id: TaskId(id(text)),
        origin: TaskOrigin::Human,
        status: TaskStatus::Open,
        due_at: Some(at(modified + 3600)),
        owner: None,
        people: people.iter().map(|text| person_id(text)).collect(),
        deals: deals.iter().map(|text| DealId(id(text))).collect(),
        key: None,
        fields: None,
        created_at: at(modified),
        completed_at: None,
        stamp: stamp(modified),
    }
}

pub(crate) fn owner(text: &str, modified: i64) -> Owner {
    Owner {
        id: OwnerId(id(text)),
        kind: OwnerKind::User,
        name: "Nora Field".to_owned(),
        email: Some("nora@example.com".to_owned()),
        is_active: true,
        time_zone: None,
        absences: Vec::new(),
        stamp: stamp(modified),
    }
}

pub(crate) fn gone(text: &str, into: Option<&str>, second: i64) -> Gone {
    Gone {
        id: id(text),
        merged_into: into.map(id),
        at: at(second),
    }
}

pub(crate) fn page(cursor: &str, records: Vec<Record>) -> Page {
    Page {
        records,
        gone: Vec::new(),
        quarantined: Vec::new(),
        cursor: Cursor(cursor.to_owned()),
        end: PageEnd::More,
        total: None,
        seen: None,
    }
}

/// A store on fresh simulated parts, and handles on the parts.
pub(crate) fn simulated() -> (Store, SimKv, SimJournal) {
    let (kv, journal) = (SimKv::new(), SimJournal::new());
    let (store, _) = Store::simulated(kv.clone(), journal.clone(), at(0)).unwrap();
    (store, kv, journal)
}

pub(crate) fn commit_in(store: &mut Store, lane: Lane, page: &Page) -> Committed {
    let connection = hub();
    store
        .commit_page(PageCommit {
            connection: &connection,
            stream: Stream::Contacts,
            lane,
            page,
            now: at(0),
        })
        .unwrap()
}

/// Commits records through the hot lane, under a cursor of their own.
pub(crate) fn commit(store: &mut Store, records: Vec<Record>) -> Committed {
    let cursor = format!("{:?}", records.iter().map(Record::id).collect::<Vec<_>>());
    commit_in(store, Lane::Hot, &page(&cursor, records))
}

pub(crate) fn commit_gone(store: &mut Store, lost: Gone) -> Committed {
    let mut page = page("gone", Vec::new());
    page.gone.push(lost);
    commit_in(store, Lane::Hot, &page)
}

/// Everything dirty, as sorted text, and settles it.
pub(crate) fn take_dirty(store: &mut Store) -> Vec<String> {
    let dirty = store.dirty(usize::MAX).unwrap();
    let settled: Vec<_> = dirty.iter().cloned().map(|subject| (subject, None)).collect();
    store.settle(&settled).unwrap();
    let mut words: Vec<String> = dirty.iter().map(ToString::to_string).collect();
    words.sort();
    words
}

/// So many cases of a property test, the same in every run.
pub(crate) fn cases(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        cases,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_260_302),
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}

/// A kind's word, for ids made in loops.
pub(crate) fn made(kind: RecordKind, number: usize) -> String {
    format!("hub:{kind}:{number}")
}
