//! How cost grows with the size of the org: taking records in, judging one change, opening again, erasing a person, memory.
//!
//! `cargo bench --bench org_size` builds orgs of 10,000 and 100,000 people; `FOLLOWUP_BENCH_PEOPLE=1000000` names
//! other sizes, separated by commas. Every person has five activities and every fifth a deal. Keys and bytes are counted and do
//! not depend on the machine; times do, so they stand beside a ratio to the first size. Target: keys per judged
//! change grow by no more than a tenth from the smallest org to the largest.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark measures wall time, prints, and stops at the first error"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use followup_core::{
    Activity, ActivityId, ActivityKind, ConnectionId, ContactFlags, Cursor, Deal, DealId, DealState,
    Direction, Editor, Lane, Owner, OwnerId, OwnerKind, Page, PageEnd, Person, PersonId, Record, RecordKind,
    RecordRef, Source, StageKind, Stamp, Stream,
};
use followup_rules::{
    calendar::{Calendar, Calendars},
    model::{ConnectionCoverage, Coverage, EvidenceKind, Readable},
    policy::Policy,
};
use followup_store::{PageCommit, Store, StoreOptions};
use followupd::planning::{Outbox, PlanInputs, Planned, plan_batch};
use jiff::{SignedDuration, Timestamp};

/// Records in one committed page.
const PAGE: usize = 150;
const ACTIVITIES_EACH: usize = 5;
const OWNERS: usize = 20;
/// Changes judged one by one.
const CHANGES: usize = 500;
/// From one changed person to the next: shares no factor with the sizes, so that every kind of person has its share.
const STRIDE: usize = 7_919;
const OPTIONS: StoreOptions = StoreOptions {
    cache_bytes: 128 << 20,
};

fn main() {
    // `cargo test --benches` asks for nothing to be measured.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let sizes: Vec<usize> = std::env::var("FOLLOWUP_BENCH_PEOPLE")
        .unwrap_or_else(|_| "10000,100000".to_owned())
        .split(',')
        .map(|size| size.trim().parse().unwrap())
        .collect();
    let measured: Vec<Figures> = sizes.iter().map(|people| measure(*people)).collect();
    print(&sizes, &measured);
}

struct Figures {
    records: usize,
    ingest: Duration,
    keys_per_change: f64,
    time_per_change: Duration,
    disk_bytes: u64,
    memory_kib: u64,
    opening: Duration,
    erasing: Duration,
}

fn measure(people: usize) -> Figures {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(dir.path(), &OPTIONS, day(0)).unwrap();
    let (records, ingest) = fill(&mut store, people);
    settle(&mut store);

    let inputs = inputs();
    let (mut keys, mut time) = (0, Duration::ZERO);
    for nth in 0..CHANGES {
        let person = nth * STRIDE % people;
        let call = activity(person, ACTIVITIES_EACH + 1 + nth, 20);
        let (before, begun) = (store.keys_read(), Instant::now());
        commit(&mut store, Stream::Calls, vec![Record::Activity(call)]);
        let (mut outbox, mut planned) = (Outbox::default(), Planned::default());
        while plan_batch(&mut store, &inputs, day(21), &mut outbox, &mut planned).unwrap() {}
        keys += store.keys_read() - before;
        time += begun.elapsed();
        assert!(planned.evaluated > 0, "the change concerned somebody");
    }
    let (cache_bytes, journal_bytes) = store.size_bytes().unwrap();
    let memory_kib = resident_kib();
    store.close().unwrap();
    let begun = Instant::now();
    let (mut store, opening) = Store::open(dir.path(), &OPTIONS, day(22)).unwrap();
    let opened = begun.elapsed();
    assert!(opening.problems.is_empty());
    // What `erase --yes` does with the state: the person goes, and every file is written anew without them.
    let begun = Instant::now();
    let leaver = BTreeSet::from([PersonId(id(RecordKind::Contact, people / 2))]);
    let traces = store.erase(&leaver, day(22)).unwrap();
    store.renew().unwrap();
    let erasing = begun.elapsed();
    assert!(!traces.is_empty(), "somebody was erased");
    drop(store);
    let changes = u32::try_from(CHANGES).unwrap();
    Figures {
        records,
        ingest,
        keys_per_change: ratio(keys, CHANGES as u64),
        time_per_change: time / changes,
        disk_bytes: cache_bytes + journal_bytes,
        memory_kib,
        opening: opened,
        erasing,
    }
}

/// Takes an org in, page by durable page, as a backfill does.
fn fill(store: &mut Store, people: usize) -> (usize, Duration) {
    let owners = (0..OWNERS).map(|number| Record::Owner(owner(number))).collect();
    commit(store, Stream::Owners, owners);
    let mut records = OWNERS;
    let begun = Instant::now();
    let mut take = |stream, made: &mut dyn Iterator<Item = Record>| {
        loop {
            let page: Vec<Record> = made.take(PAGE).collect();
            if page.is_empty() {
                return;
            }
            records += page.len();
            commit(store, stream, page);
        }
    };
    take(
        Stream::Contacts,
        &mut (0..people).map(|number| Record::Person(person(number))),
    );
    take(
        Stream::Deals,
        &mut (0..people).step_by(5).map(|number| Record::Deal(deal(number))),
    );
    let calls = (0..people).flat_map(|number| {
        (0..ACTIVITIES_EACH)
            .map(move |nth| Record::Activity(activity(number, nth, i64::try_from(nth).unwrap_or(0))))
    });
    take(Stream::Calls, &mut { calls });
    (records, begun.elapsed())
}

fn commit(store: &mut Store, stream: Stream, records: Vec<Record>) {
    let page = Page {
        records,
        gone: Vec::new(),
        quarantined: Vec::new(),
        cursor: Cursor("there".to_owned()),
        end: PageEnd::More,
        total: None,
        seen: None,
    };
    store
        .commit_page(PageCommit {
            connection: &connection(),
            stream,
            lane: Lane::Backfill,
            page: &page,
            now: day(20),
        })
        .unwrap();
}

/// Nobody is to be judged again.
fn settle(store: &mut Store) {
    loop {
        let dirty = store.dirty(10_000).unwrap();
        if dirty.is_empty() {
            return;
        }
        let settled: Vec<_> = dirty.into_iter().map(|subject| (subject, None)).collect();
        store.settle(&settled).unwrap();
    }
}

fn inputs() -> PlanInputs {
    let kinds = ActivityKind::ALL
        .iter()
        .map(|kind| EvidenceKind::Activity(*kind))
        .chain([EvidenceKind::Task])
        .map(|kind| (kind, Readable::To(day(21))))
        .collect();
    let coverage = ConnectionCoverage {
        cutover: day(0),
        acting_since: None,
        is_awaited: false,
        kinds,
        records_meeting_outcomes: true,
    };
    PlanInputs {
        policy: Arc::new(Policy::default()),
        calendars: Arc::new(Calendars {
            default: Calendar::default(),
            by_owner: BTreeMap::new(),
            same_person: BTreeMap::new(),
            ..Calendars::default()
        }),
        coverage: Arc::new(Coverage {
            connections: BTreeMap::from([(connection(), coverage)]),
            ..Coverage::default()
        }),
        writable: BTreeSet::new(),
        ask_first: BTreeSet::new(),
        unsure: BTreeSet::new(),
        admins: Vec::new(),
        learned: Arc::default(),
        run: "bench".to_owned(),
    }
}

fn connection() -> ConnectionId {
    ConnectionId::new("crm").unwrap()
}

/// Midnight of a day counted from 2026-10-01, UTC.
fn day(number: i64) -> Timestamp {
    "2026-10-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * number)
}

fn id(kind: RecordKind, number: usize) -> RecordRef {
    format!("crm:{kind}:{number}").parse().unwrap()
}

fn stamp(at: Timestamp) -> Stamp {
    Stamp {
        modified_at: at,
        modified_by: Editor::Unknown,
        seen_at: at,
    }
}

fn owner_of(person: usize) -> OwnerId {
    OwnerId(id(RecordKind::Owner, person % OWNERS))
}

fn owner(number: usize) -> Owner {
    Owner {
        id: owner_of(number),
        kind: OwnerKind::User,
        name: format!("Rep {number}"),
        email: Some(format!("rep{number}@example.com")),
        is_active: true,
        time_zone: None,
        absences: Vec::new(),
        stamp: stamp(day(0)),
    }
}

fn person(number: usize) -> Person {
    Person {
        id: PersonId(id(RecordKind::Contact, number)),
        is_lead: number.is_multiple_of(2),
        name: format!("Buyer {number}"),
        company: Some(format!("Company {}", number / 10)),
        account: None,
        emails: vec![format!("buyer{number}@company{}.example.com", number / 10)],
        phones: vec![format!("+1555{number:07}")],
        owner: Some(owner_of(number)),
        owner_history: Vec::new(),
        created_at: day(1),
        inquiry_at: None,
        is_inbound: true,
        source: Source::Demo,
        status: None,
        flags: ContactFlags::default(),
        merged: None,
        converted: None,
        sequence_next_step_at: None,
        stamp: stamp(day(1)),
    }
}

fn deal(number: usize) -> Deal {
    Deal {
        id: DealId(id(RecordKind::Deal, number)),
        name: format!("Deal {number}"),
        pipeline: None,
        stage: "discovery".to_owned(),
        stage_kind: StageKind::Open,
        stage_entered_at: day(2),
        stage_history: Vec::new(),
        state: DealState::Open,
        amount_minor: Some(1_000_000),
        currency: Some("EUR".to_owned()),
        owner: Some(owner_of(number)),
        owner_history: Vec::new(),
        created_at: day(2),
        close_on: None,
        people: vec![PersonId(id(RecordKind::Contact, number))],
        account: None,
        stamp: stamp(day(2)),
    }
}

fn activity(person: usize, nth: usize, on: i64) -> Activity {
    let at = day(on) + SignedDuration::from_hours(10);
    Activity {
        by: Some(owner_of(person)),
        people: vec![PersonId(id(RecordKind::Contact, person))],
        ..Activity::new(
            ActivityId(id(RecordKind::Call, person * 1_000 + nth)),
            ActivityKind::Call,
            Direction::Out,
            at,
            stamp(at),
        )
    }
}

/// Memory in use, in KiB; 0 where the system does not tell.
fn resident_kib() -> u64 {
    fs::read_to_string(Path::new("/proc/self/status"))
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        })
        .unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "figures for a table")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn print(sizes: &[usize], measured: &[Figures]) {
    println!(
        "{:>9} {:>9} {:>11} {:>11} {:>6} {:>11} {:>6} {:>9} {:>10} {:>9} {:>9}",
        "people",
        "records",
        "records/s",
        "keys/change",
        "ratio",
        "µs/change",
        "ratio",
        "disk MiB",
        "memory MiB",
        "open ms",
        "erase ms"
    );
    for (people, figures) in sizes.iter().zip(measured) {
        let first = measured.first().unwrap_or(figures);
        let micros = figures.time_per_change.as_secs_f64() * 1e6;
        println!(
            "{people:>9} {:>9} {:>11.0} {:>11.1} {:>6.2} {micros:>11.0} {:>6.2} {:>9} {:>10} {:>9} {:>9}",
            figures.records,
            ratio(figures.records as u64, 1) / figures.ingest.as_secs_f64(),
            figures.keys_per_change,
            figures.keys_per_change / first.keys_per_change,
            micros / (first.time_per_change.as_secs_f64() * 1e6),
            figures.disk_bytes >> 20,
            figures.memory_kib >> 10,
            figures.opening.as_millis(),
            figures.erasing.as_millis(),
        );
    }
}
