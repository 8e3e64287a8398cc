//! What one judgement costs: a subject with 50 activities under every rule, in memory.
//!
//! The figure to design for is 50 µs. Run it with `cargo bench -p followup-rules`.

use std::collections::{BTreeMap, BTreeSet};

use divan::{Bencher, black_box};
use followup_core::{
    Activity, ActivityId, ActivityKind, CallOutcome, ConnectionId, ContactFlags, Deal, DealId, DealState,
    Direction, Editor, Meeting, MeetingResult, Owner, OwnerId, OwnerKind, Person, PersonId, RecordKind,
    RecordRef, Source, StageKind, Stamp, Task, TaskId, TaskOrigin, TaskStatus,
};
use followup_rules::{
    Context,
    calendar::{Calendar, Calendars},
    evaluate,
    model::{Background, ConnectionCoverage, Coverage, EvidenceKind, Facts, Readable, Subject},
    policy::{Delivery, Policy},
};
use jiff::{SignedDuration, Timestamp};

/// How many activities the subject has.
const ACTIVITIES: i64 = 50;

fn main() {
    divan::main();
}

/// Everything a judgement reads.
struct World {
    facts: Facts,
    policy: Policy,
    calendars: Calendars,
    coverage: Coverage,
    now: Timestamp,
}

fn record(kind: RecordKind, id: &str) -> RecordRef {
    let connection = ConnectionId::new("hub").expect("a short lower-case word is an id");
    RecordRef::new(connection, kind, id)
}

/// Monday, 16 November 2026, 10:30 UTC.
fn now() -> Timestamp {
    Timestamp::from_second(1_794_825_000).expect("the year 2026 is in range")
}

fn before(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn stamp(at: Timestamp) -> Stamp {
    Stamp {
        modified_at: at,
        modified_by: Editor::Automation,
        seen_at: at,
    }
}

fn owner_id() -> OwnerId {
    OwnerId(record(RecordKind::Owner, "o1"))
}

fn person(id: &str) -> Person {
    Person {
        id: PersonId(record(RecordKind::Contact, id)),
        is_lead: false,
        name: format!("Priya {id}"),
        company: Some("Acme".to_owned()),
        account: None,
        emails: vec![format!("{id}@acme.example")],
        phones: vec!["+1 555 0100".to_owned()],
        owner: Some(owner_id()),
        owner_history: Vec::new(),
        created_at: before(24 * 90),
        inquiry_at: Some(before(24 * 60)),
        is_inbound: true,
        source: Source::Demo,
        status: None,
        flags: ContactFlags::default(),
        merged: None,
        converted: None,
        sequence_next_step_at: None,
        stamp: stamp(before(24 * 30)),
    }
}

/// Mails both ways, calls, notes and meetings over two months, the last words ours.
fn activity(number: i64) -> Activity {
    let kinds = [
        (ActivityKind::Email, Direction::Out),
        (ActivityKind::Email, Direction::In),
        (ActivityKind::Call, Direction::Out),
        (ActivityKind::Note, Direction::Internal),
        (ActivityKind::Meeting, Direction::Out),
    ];
    let place = usize::try_from(number).unwrap_or_default() % kinds.len();
    let (kind, direction) = kinds
        .get(place)
        .copied()
        .unwrap_or((ActivityKind::Note, Direction::Internal));
    let at = before(24 + (ACTIVITIES - number) * 27);
    let who = if number % 3 == 0 { "p2" } else { "p1" };
    let id = ActivityId(record(kind.record_kind(), &number.to_string()));
    Activity {
        by: (direction == Direction::Out).then(owner_id),
        people: vec![PersonId(record(RecordKind::Contact, who))],
        thread: Some(format!("t{}", number / 10)),
        outcome: (kind == ActivityKind::Call).then_some(CallOutcome::NoAnswer),
        meeting: (kind == ActivityKind::Meeting).then(|| Meeting {
            starts_at: at + SignedDuration::from_hours(5),
            ends_at: Some(at + SignedDuration::from_hours(6)),
            result: MeetingResult::Held,
        }),
        ..Activity::new(id, kind, direction, at, stamp(at))
    }
}

fn deal() -> Deal {
    Deal {
        id: DealId(record(RecordKind::Deal, "d1")),
        name: "Pilot".to_owned(),
        pipeline: None,
        stage: "negotiation".to_owned(),
        stage_kind: StageKind::Late,
        stage_entered_at: before(24 * 40),
        stage_history: Vec::new(),
        state: DealState::Open,
        amount_minor: Some(9_000_000),
        currency: Some("EUR".to_owned()),
        owner: Some(owner_id()),
        owner_history: Vec::new(),
        created_at: before(24 * 80),
        close_on: Some(jiff::civil::date(2026, 11, 2)),
        people: ["p1", "p2"]
            .map(|id| PersonId(record(RecordKind::Contact, id)))
            .to_vec(),
        account: None,
        stamp: stamp(before(24 * 30)),
    }
}

fn done_task(number: i64) -> Task {
    let at = before(24 * (number + 5));
    Task {
        id: TaskId(record(RecordKind::Task, &format!("h{number}"))),
        origin: TaskOrigin::Human,
        status: TaskStatus::Done,
        due_at: Some(at),
        owner: Some(owner_id()),
        people: vec![PersonId(record(RecordKind::Contact, "p1"))],
        deals: Vec::new(),
        key: None,
        fields: None,
        created_at: before(24 * 70),
        completed_at: Some(at),
        stamp: stamp(at),
    }
}

fn world() -> World {
    let owner = Owner {
        id: owner_id(),
        kind: OwnerKind::User,
        name: "Ana".to_owned(),
        email: None,
        is_active: true,
        time_zone: None,
        absences: Vec::new(),
        stamp: stamp(before(24 * 90)),
    };
    let mut policy = Policy::default();
    for rule in policy.rules.values_mut() {
        rule.delivery = Delivery::Task;
    }
    policy.deals.leader_amount = Some(50_000);
    let kinds = ActivityKind::ALL
        .iter()
        .map(|kind| EvidenceKind::Activity(*kind))
        .chain([EvidenceKind::Task])
        .map(|kind| (kind, Readable::To(now())))
        .collect();
    let coverage = ConnectionCoverage {
        cutover: before(24 * 365),
        acting_since: None,
        is_awaited: true,
        kinds,
        records_meeting_outcomes: true,
    };
    World {
        facts: Facts {
            owners: BTreeMap::from([(owner_id(), owner)]),
            people: vec![person("p1"), person("p2")],
            humans: vec![BTreeSet::from([PersonId(record(RecordKind::Contact, "p1"))])],
            deals: vec![deal()],
            activities: (0..ACTIVITIES).map(activity).collect(),
            tasks: (0..3).map(done_task).collect(),
            own_tasks: Vec::new(),
            batch_sizes: BTreeMap::new(),
            background: Background::default(),
        },
        policy,
        calendars: Calendars {
            default: Calendar::default(),
            by_owner: BTreeMap::new(),
            same_person: BTreeMap::new(),
            ..Calendars::default()
        },
        coverage: Coverage {
            connections: BTreeMap::from([(owner_id().record().connection.clone(), coverage)]),
            subjects: BTreeMap::new(),
        },
        now: now(),
    }
}

/// Judges a subject over and over.
fn judge(bencher: Bencher<'_, '_>, subject: &Subject) {
    let world = world();
    let context = Context {
        policy: &world.policy,
        calendars: &world.calendars,
        coverage: &world.coverage,
        now: world.now,
    };
    bencher.bench_local(|| evaluate(black_box(subject), black_box(&world.facts), &context));
}

#[divan::bench]
fn a_deal_with_two_people(bencher: Bencher<'_, '_>) {
    judge(bencher, &Subject::Deal(DealId(record(RecordKind::Deal, "d1"))));
}

#[divan::bench]
fn a_person_on_a_deal(bencher: Bencher<'_, '_>) {
    judge(
        bencher,
        &Subject::Human(PersonId(record(RecordKind::Contact, "p1"))),
    );
}
