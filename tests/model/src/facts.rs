//! The records of the model's one situation, and the facts a judgement reads from what the process knows.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{
    Activity, ActivityId, ActivityKind, CallOutcome, ConnectionId, ContactFlags, Direction, Owner, OwnerId,
    OwnerKind, Person, PersonId, RecordRef, Source, Stamp, TaskId,
};
use followup_rules::model::{
    Background, ConnectionCoverage, Coverage, EvidenceKind, Facts, OwnTask, Readable, Subject,
};
use jiff::{SignedDuration, Timestamp};

/// When the person came: a Monday at nine.
const CAME: i64 = 1_793_610_000;

/// Length of one step of the model's clock.
pub const TICK: SignedDuration = SignedDuration::from_mins(8);

/// The instant of a step: from the Tuesday after, at three in the afternoon.
pub fn at(tick: u8) -> Timestamp {
    came() + SignedDuration::from_hours(30) + TICK * i32::from(tick)
}

fn came() -> Timestamp {
    Timestamp::from_second(CAME).unwrap_or_default()
}

/// The cutover an admin configured: before everything.
pub fn configured_cutover() -> Timestamp {
    came() - SignedDuration::from_hours(24)
}

/// The one connection.
///
/// # Panics
/// Never: the name is a good one.
pub fn hub() -> ConnectionId {
    ConnectionId::new("hub").expect("a good name")
}

fn id(text: &str) -> RecordRef {
    text.parse().expect("a good id")
}

/// The record of the nth task.
pub fn task_id(nth: usize) -> TaskId {
    TaskId(id(&format!("hub:task:{}", nth + 1)))
}

/// The one person.
pub fn person_id() -> PersonId {
    PersonId(id("hub:contact:1"))
}

fn owner_id() -> OwnerId {
    OwnerId(id("hub:owner:1"))
}

/// A change stamp.
pub const fn stamp(at: Timestamp) -> Stamp {
    crate::crm::stamp_at(at)
}

fn person() -> Person {
    Person {
        id: person_id(),
        is_lead: true,
        name: "Priya Nair".to_owned(),
        company: Some("Acme".to_owned()),
        account: None,
        emails: vec!["priya@acme.example.com".to_owned()],
        phones: vec!["+1 555 0100".to_owned()],
        owner: Some(owner_id()),
        owner_history: Vec::new(),
        created_at: came(),
        inquiry_at: Some(came()),
        is_inbound: true,
        source: Source::Demo,
        status: None,
        flags: ContactFlags::default(),
        merged: None,
        converted: None,
        sequence_next_step_at: None,
        stamp: stamp(came()),
    }
}

fn owner() -> Owner {
    Owner {
        id: owner_id(),
        kind: OwnerKind::User,
        name: "Nora Field".to_owned(),
        email: Some("nora@example.com".to_owned()),
        is_active: true,
        time_zone: None,
        absences: Vec::new(),
        stamp: stamp(came()),
    }
}

fn activity(text: &str, kind: ActivityKind, direction: Direction, happened: Timestamp) -> Activity {
    Activity {
        logged_at: at(0),
        by: (direction == Direction::Out).then(owner_id),
        people: vec![person_id()],
        outcome: (kind == ActivityKind::Call).then_some(CallOutcome::Connected),
        duration: (kind == ActivityKind::Call).then_some(SignedDuration::from_mins(7)),
        ..Activity::new(ActivityId(id(text)), kind, direction, happened, stamp(at(0)))
    }
}

/// What a judgement reads, given what the process saw.
pub fn facts(is_called: bool, has_mail: bool, own_tasks: Vec<OwnTask>) -> Facts {
    let mut activities = Vec::new();
    if has_mail {
        let wrote = came() + SignedDuration::from_hours(1);
        activities.push(activity("hub:email:1", ActivityKind::Email, Direction::In, wrote));
    }
    if is_called {
        activities.push(activity("hub:call:1", ActivityKind::Call, Direction::Out, at(0)));
    }
    Facts {
        owners: BTreeMap::from([(owner_id(), owner())]),
        people: vec![person()],
        humans: vec![BTreeSet::from([person_id()])],
        deals: Vec::new(),
        activities,
        tasks: Vec::new(),
        own_tasks,
        batch_sizes: BTreeMap::new(),
        background: Background::default(),
    }
}

/// The one subject.
pub fn subject() -> Subject {
    Subject::Human(person_id())
}

/// Everything was read up to `now`.
pub fn coverage(cutover: Timestamp, now: Timestamp) -> Coverage {
    let activities = ActivityKind::ALL.iter().copied().map(EvidenceKind::Activity);
    let kinds = activities
        .chain([EvidenceKind::Task])
        .map(|kind| (kind, Readable::To(now)))
        .collect();
    let known = ConnectionCoverage {
        cutover,
        acting_since: None,
        is_awaited: true,
        kinds,
        records_meeting_outcomes: true,
    };
    Coverage {
        connections: BTreeMap::from([(hub(), known)]),
        subjects: BTreeMap::new(),
    }
}
