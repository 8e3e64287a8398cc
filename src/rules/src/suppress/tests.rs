use std::collections::BTreeMap;

use followup_core::{
    Activity, ActivityId, ActivityKind, ConnectionId, ContactFlags, Direction, Editor, Owner, OwnerId,
    OwnerKind, Person, PersonId, RecordKind, RecordRef, Source, Stamp, TaskStatus,
};
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::{
    calendar::Calendars,
    context::later,
    finding::{Found, State},
    model::{ClosedByUs, Coverage, Crossing, Facts, Gap, GapKey, OwnTask, RuleId, Subject},
    policy::{Due, Policy},
    rules::Words,
    wording::Scene,
};

/// A rule that asks for another attempt: cooldown, bounces and sequences are theirs.
struct Attempt;

impl Rule for Attempt {
    fn id(&self) -> RuleId {
        RuleId::NextAttempt
    }

    fn is_attempt(&self) -> bool {
        true
    }

    fn find<'a>(&self, _: &Human<'a>, _: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        Found {
            findings: Vec::new(),
            quiet: ("never", String::new()),
            wake: Wake::new(context.now),
        }
    }

    fn clause(&self, _: &Finding<'_>, _: &Context<'_>) -> String {
        String::new()
    }

    fn fact(&self, _: &Finding<'_>) -> String {
        String::new()
    }

    fn words(&self, _: &Gap, _: Option<&Person>, _: &Scene<'_>) -> Words {
        Words {
            headline: String::new(),
            happened: Vec::new(),
            step: String::new(),
            closes: String::new(),
        }
    }
}

fn record(kind: RecordKind, id: &str) -> RecordRef {
    RecordRef::new(ConnectionId::new("hub").unwrap(), kind, id)
}

fn monday() -> Timestamp {
    "2026-11-16T10:00:00Z".parse().unwrap()
}

fn person() -> Person {
    Person {
        id: PersonId(record(RecordKind::Lead, "p1")),
        is_lead: true,
        name: String::new(),
        company: None,
        account: None,
        emails: vec!["p1@example.com".to_owned()],
        phones: Vec::new(),
        owner: None,
        owner_history: Vec::new(),
        created_at: monday(),
        inquiry_at: None,
        is_inbound: true,
        source: Source::Other,
        status: None,
        flags: ContactFlags::default(),
        merged: None,
        converted: None,
        sequence_next_step_at: None,
        stamp: Stamp {
            modified_at: monday(),
            modified_by: Editor::Unknown,
            seen_at: monday(),
        },
    }
}

/// A task of ours on the person that the rep closed on Monday, 10:00.
fn closed_task(status: TaskStatus) -> OwnTask {
    let key = GapKey {
        rule: RuleId::AttemptsExhausted,
        anchor: record(RecordKind::Call, "c1"),
        crossing: Crossing::NONE,
    };
    OwnTask {
        key: key.id().task_key(),
        gaps: vec![key],
        subject: Subject::Human(PersonId(record(RecordKind::Lead, "p1"))),
        status,
        owner: None,
        created_at: monday(),
        completed_at: Some(monday()),
        due_at: None,
        original_due_at: None,
        is_edited_by_human: false,
        closed_by_us: None,
        said: Vec::new(),
    }
}

/// What a suppressor says of an attempt that is owed to the only person of the facts, this long after Monday, 10:00.
fn reading(code: Code, facts: &Facts, hours: i64) -> (bool, bool) {
    let (policy, calendars, coverage) = (Policy::default(), Calendars::default(), Coverage::default());
    let context = Context {
        policy: &policy,
        calendars: &calendars,
        coverage: &coverage,
        now: later(monday(), SignedDuration::from_hours(hours)),
    };
    let index = Index::new(facts, &context);
    let human = &index.humans[0];
    let finding = Finding {
        key: GapKey {
            rule: RuleId::NextAttempt,
            anchor: record(RecordKind::Call, "c2"),
            crossing: Crossing::NONE,
        },
        record: Some(human.shown),
        subject: human.subject(),
        owner: None,
        anchor_at: monday(),
        deadline_at: monday(),
        visible_at: monday(),
        due: Due::ClosingOfNextDay,
        state: State::Owed,
        weakness: None,
        task: None,
        basis: Vec::new(),
        attempts: None,
        deal: None,
        handed: None,
    };
    let case = Case {
        finding: &finding,
        asked: finding.owner.as_ref(),
        rule: &Attempt,
        human: Some(human),
        deal: None,
        people: vec![human],
        index: &index,
        context: &context,
        calendar: calendars.of(None),
        has_open_task: false,
        is_duplicate: false,
    };
    let reading = read(code, &case);
    (
        matches!(reading, Reading::Held(_)),
        matches!(reading, Reading::Final(_)),
    )
}

fn facts(own_tasks: Vec<OwnTask>) -> Facts {
    Facts {
        owners: BTreeMap::from([(owner().id, owner())]),
        people: vec![person()],
        own_tasks,
        batch_sizes: BTreeMap::new(),
        ..Facts::default()
    }
}

#[test]
fn every_code_has_exactly_one_suppressor() {
    for code in Code::ALL {
        let finals = FINALS.iter().filter(|(known, _)| known == code).count();
        let holds = HOLDS.iter().filter(|(known, _)| known == code).count();
        assert_eq!(finals + holds, 1, "{code}");
    }
}

#[test]
fn a_task_the_rep_closed_gives_the_subject_two_business_days_of_rest() {
    for status in [TaskStatus::Done, TaskStatus::Deferred, TaskStatus::Deleted] {
        let facts = facts(vec![closed_task(status)]);
        assert_eq!(reading(Code::Cooldown, &facts, 47), (true, false));
        assert_eq!(reading(Code::Cooldown, &facts, 48), (false, false));
    }
}

#[test]
fn what_we_closed_ourselves_needs_no_rest() {
    let mut task = closed_task(TaskStatus::Done);
    task.closed_by_us = Some(ClosedByUs::Evidence);
    assert_eq!(reading(Code::Cooldown, &facts(vec![task]), 1), (false, false));
}

#[test]
fn another_attempt_is_not_asked_for_where_the_only_address_bounced() {
    let mut facts = facts(Vec::new());
    assert_eq!(reading(Code::Bounced, &facts, 1), (false, false));
    facts.people[0].flags.bounced_at = Some(monday());
    assert_eq!(reading(Code::Bounced, &facts, 1), (false, true));
    facts.people[0].phones.push("+1 555 0100".to_owned());
    assert_eq!(reading(Code::Bounced, &facts, 1), (false, false));
    facts.people[0].phones.clear();
    facts.people[0].emails.push("p1@example.org".to_owned());
    assert_eq!(reading(Code::Bounced, &facts, 1), (false, false));
}

#[test]
fn a_task_that_a_record_shows_done_needs_no_rest() {
    let mut facts = facts(vec![closed_task(TaskStatus::Done)]);
    let mut call = touch("c2", 1);
    call.kind = ActivityKind::Note;
    facts.activities = vec![call];
    assert_eq!(
        reading(Code::Cooldown, &facts, 2),
        (true, false),
        "a note shows nothing"
    );
    facts.activities = vec![touch("c2", -1)];
    assert_eq!(
        reading(Code::Cooldown, &facts, 2),
        (true, false),
        "it was known before the task"
    );
    facts.activities = vec![touch("c2", 1)];
    assert_eq!(reading(Code::Cooldown, &facts, 2), (false, false));
    facts.own_tasks[0].status = TaskStatus::Deleted;
    assert_eq!(
        reading(Code::Cooldown, &facts, 2),
        (true, false),
        "dismissed is dismissed"
    );
}

/// A call by a user of ours, this long after Monday, 10:00.
fn touch(id: &str, hours: i64) -> Activity {
    let at = later(monday(), SignedDuration::from_hours(hours));
    Activity {
        by: Some(owner().id),
        people: vec![person().id],
        ..Activity::new(
            ActivityId(record(RecordKind::Call, id)),
            ActivityKind::Call,
            Direction::Out,
            at,
            person().stamp,
        )
    }
}

fn owner() -> Owner {
    Owner {
        id: OwnerId(record(RecordKind::Owner, "o1")),
        kind: OwnerKind::User,
        name: String::new(),
        email: None,
        is_active: true,
        time_zone: None,
        absences: Vec::new(),
        stamp: person().stamp,
    }
}
