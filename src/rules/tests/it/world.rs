//! A small world to judge: records with sane defaults, and one check that compares what is open with what is claimed.
//!
//! 2026-11-16 is a Monday. Owners work Monday to Friday, 09:00 to 17:00 UTC; everything was read up to `now`.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{
    Activity, ActivityId, ActivityKind, CallOutcome, ConnectionId, ContactFlags, Deal, DealId, DealState,
    Direction, Editor, Meeting, MeetingResult, Owner, OwnerId, OwnerKind, OwnerSpell, Person, PersonId,
    RecordKind, RecordRef, Source, StageKind, Stamp, Task, TaskId, TaskOrigin, TaskStatus,
};
use followup_rules::{
    Context,
    calendar::{Calendar, Calendars},
    judge,
    model::{
        ConnectionCoverage, Coverage, Crossing, Evaluation, EvidenceKind, Facts, Gap, GapKey, Outcome,
        OwnTask, Readable, RuleId, Subject, TaskVerdict,
    },
    policy::{Delivery, Policy},
};
use jiff::{SignedDuration, Timestamp};

/// The rules most stories here are about; a story about others, or about all, says so.
const CORE: &[&str] = &[
    "reply-waiting",
    "first-touch",
    "after-hours-lead",
    "next-attempt",
    "one-channel",
];

pub(crate) struct World {
    pub(crate) facts: Facts,
    pub(crate) coverage: Coverage,
    pub(crate) calendars: Calendars,
    pub(crate) policy: Policy,
    pub(crate) now: Timestamp,
}

/// An instant: `16 09:30` is 16 November 2026, 09:30 UTC.
pub(crate) fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once(' ').unwrap();
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("2026-11-{day}T{time}{seconds}Z").parse().unwrap()
}

pub(crate) fn hub() -> ConnectionId {
    ConnectionId::new("hub").unwrap()
}

pub(crate) fn record(kind: RecordKind, id: &str) -> RecordRef {
    RecordRef::new(hub(), kind, id)
}

pub(crate) fn person(id: &str) -> PersonId {
    PersonId(record(RecordKind::Contact, id))
}

pub(crate) fn deal(id: &str) -> DealId {
    DealId(record(RecordKind::Deal, id))
}

pub(crate) fn owner(id: &str) -> OwnerId {
    OwnerId(record(RecordKind::Owner, id))
}

pub(crate) fn stamp(at: Timestamp) -> Stamp {
    Stamp {
        modified_at: at,
        modified_by: Editor::Automation,
        seen_at: at,
    }
}

/// A followupd task's gap: `first-touch p1 @16 09:00` or `reply-waiting m1`.
pub(crate) fn key_of_person(rule: RuleId, id: &str, asked: &str) -> GapKey {
    GapKey {
        rule,
        anchor: record(RecordKind::Contact, id),
        crossing: Crossing::at(at(asked)),
    }
}

pub(crate) fn key_of_mail(id: &str) -> GapKey {
    GapKey {
        rule: RuleId::ReplyWaiting,
        anchor: record(RecordKind::Email, id),
        crossing: Crossing::NONE,
    }
}

impl World {
    /// The world with a rule that it is without, or that is off by default.
    pub(crate) fn with(&mut self, rule: RuleId) {
        self.policy.rules.get_mut(&rule).unwrap().delivery = Delivery::Task;
    }

    pub(crate) fn at(now: &str) -> Self {
        Self::at_instant(at(now))
    }

    pub(crate) fn at_instant(now: Timestamp) -> Self {
        let mut world = Self {
            facts: Facts::default(),
            coverage: Coverage::default(),
            calendars: Calendars {
                default: Calendar::default(),
                by_owner: BTreeMap::new(),
                same_person: BTreeMap::new(),
                ..Calendars::default()
            },
            policy: Policy::default().limited_to(CORE),
            now,
        };
        world.owner("o1");
        world.owner("o2");
        world.read_to(now);
        world
    }

    /// The world with every rule that is on by default.
    pub(crate) fn with_every_rule(mut self) -> Self {
        self.policy = Policy::default();
        self
    }

    pub(crate) fn read_to(&mut self, at: Timestamp) {
        let kinds = ActivityKind::ALL
            .iter()
            .map(|kind| EvidenceKind::Activity(*kind))
            .chain([EvidenceKind::Task])
            .map(|kind| (kind, Readable::To(at)))
            .collect();
        let coverage = ConnectionCoverage {
            cutover: self
                .now
                .saturating_sub(SignedDuration::from_hours(24 * 365))
                .unwrap(),
            acting_since: None,
            is_awaited: true,
            kinds,
            records_meeting_outcomes: true,
        };
        self.coverage.connections.insert(hub(), coverage);
    }

    pub(crate) fn connection(&mut self) -> &mut ConnectionCoverage {
        self.coverage.connections.get_mut(&hub()).unwrap()
    }

    pub(crate) fn owner(&mut self, id: &str) -> &mut Owner {
        let record = Owner {
            id: owner(id),
            kind: OwnerKind::User,
            name: format!("Owner {id}"),
            email: None,
            is_active: true,
            time_zone: None,
            absences: Vec::new(),
            stamp: stamp(at("01 00:00")),
        };
        self.facts.owners.entry(owner(id)).or_insert(record)
    }

    /// A contact with address and number who belongs to `o1` and did not come to us.
    pub(crate) fn contact(&mut self, id: &str) -> &mut Person {
        let created_at = at("01 09:00");
        self.facts.people.push(Person {
            id: person(id),
            is_lead: false,
            name: format!("Priya {id}"),
            company: Some("Acme".to_owned()),
            account: None,
            emails: vec![format!("{id}@example.com")],
            phones: vec!["+1 555 0100".to_owned()],
            owner: Some(owner("o1")),
            owner_history: Vec::new(),
            created_at,
            inquiry_at: None,
            is_inbound: false,
            source: Source::Other,
            status: None,
            flags: ContactFlags::default(),
            merged: None,
            converted: None,
            sequence_next_step_at: None,
            stamp: stamp(created_at),
        });
        self.facts.people.last_mut().unwrap()
    }

    /// An inbound lead who asked at an instant.
    pub(crate) fn lead(&mut self, id: &str, source: Source, asked: &str) -> &mut Person {
        let lead = self.contact(id);
        lead.is_lead = true;
        lead.is_inbound = true;
        lead.source = source;
        lead.created_at = at(asked);
        lead.inquiry_at = Some(at(asked));
        lead.stamp = stamp(at(asked));
        lead
    }

    pub(crate) fn deal(&mut self, id: &str, people: &[&str]) -> &mut Deal {
        let created_at = at("01 09:00");
        self.facts.deals.push(Deal {
            id: deal(id),
            name: format!("Deal {id}"),
            pipeline: None,
            stage: "discovery".to_owned(),
            stage_kind: StageKind::Open,
            stage_entered_at: created_at,
            stage_history: Vec::new(),
            state: DealState::Open,
            amount_minor: None,
            currency: None,
            owner: Some(owner("o1")),
            owner_history: Vec::new(),
            created_at,
            close_on: None,
            people: people.iter().map(|id| person(id)).collect(),
            account: None,
            stamp: stamp(created_at),
        });
        self.facts.deals.last_mut().unwrap()
    }

    pub(crate) fn activity(
        &mut self,
        id: &str,
        kind: ActivityKind,
        direction: Direction,
        when: &str,
        people: &[&str],
    ) -> &mut Activity {
        let happened_at = at(when);
        let by = (direction == Direction::Out).then(|| owner("o1"));
        self.facts.activities.push(Activity {
            by,
            people: people.iter().map(|id| person(id)).collect(),
            ..Activity::new(
                ActivityId(record(kind.record_kind(), id)),
                kind,
                direction,
                happened_at,
                stamp(happened_at),
            )
        });
        self.facts.activities.last_mut().unwrap()
    }

    pub(crate) fn mail_in(&mut self, id: &str, when: &str, who: &str) -> &mut Activity {
        self.activity(id, ActivityKind::Email, Direction::In, when, &[who])
    }

    pub(crate) fn mail_out(&mut self, id: &str, when: &str, who: &str) -> &mut Activity {
        self.activity(id, ActivityKind::Email, Direction::Out, when, &[who])
    }

    pub(crate) fn call_out(&mut self, id: &str, when: &str, who: &str) -> &mut Activity {
        self.activity(id, ActivityKind::Call, Direction::Out, when, &[who])
    }

    pub(crate) fn form(&mut self, id: &str, when: &str, who: &str) -> &mut Activity {
        self.activity(id, ActivityKind::Form, Direction::In, when, &[who])
    }

    /// A meeting booked at one instant for another, half an hour long, without a result yet.
    pub(crate) fn meeting(&mut self, id: &str, booked: &str, starts: &str, who: &str) -> &mut Activity {
        let activity = self.activity(id, ActivityKind::Meeting, Direction::Out, booked, &[who]);
        activity.meeting = Some(Meeting {
            starts_at: at(starts),
            ends_at: at(starts).saturating_add(SignedDuration::from_mins(30)).ok(),
            result: MeetingResult::Unknown,
        });
        activity
    }

    /// A call of a person that nobody took.
    pub(crate) fn missed_call(&mut self, id: &str, when: &str, who: &str) -> &mut Activity {
        let call = self.activity(id, ActivityKind::Call, Direction::In, when, &[who]);
        call.outcome = Some(CallOutcome::Missed);
        call
    }

    /// A past meeting with a result, booked on the fifth.
    pub(crate) fn meeting_with(&mut self, id: &str, starts: &str, who: &str, result: MeetingResult) {
        let activity = self.meeting(id, "05 09:00", starts, who);
        if let Some(meeting) = activity.meeting.as_mut() {
            meeting.result = result;
        }
    }

    pub(crate) fn human_task(&mut self, id: &str, created: &str, due: &str, who: &str) -> &mut Task {
        self.facts.tasks.push(Task {
            id: TaskId(record(RecordKind::Task, id)),
            origin: TaskOrigin::Human,
            status: TaskStatus::Open,
            due_at: Some(at(due)),
            owner: Some(owner("o1")),
            people: vec![person(who)],
            deals: Vec::new(),
            key: None,
            fields: None,
            created_at: at(created),
            completed_at: None,
            stamp: stamp(at(created)),
        });
        self.facts.tasks.last_mut().unwrap()
    }

    /// An open task of ours on a person.
    pub(crate) fn own_task(&mut self, key: GapKey, who: &str, created: &str, due: &str) -> &mut OwnTask {
        self.facts.own_tasks.push(OwnTask {
            key: key.id().task_key(),
            gaps: vec![key],
            subject: Subject::Human(person(who)),
            status: TaskStatus::Open,
            owner: Some(owner("o1")),
            created_at: at(created),
            completed_at: None,
            due_at: Some(at(due)),
            original_due_at: Some(at(due)),
            is_edited_by_human: false,
            closed_by_us: None,
            said: Vec::new(),
        });
        self.facts.own_tasks.last_mut().unwrap()
    }

    /// The world without a rule, where another one is the matter.
    pub(crate) fn without(&mut self, rule: RuleId) {
        self.policy.rules.get_mut(&rule).unwrap().delivery = Delivery::Off;
    }

    pub(crate) fn same_human(&mut self, ids: &[&str]) {
        let set: BTreeSet<PersonId> = ids.iter().map(|id| person(id)).collect();
        self.facts.humans.push(set);
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            policy: &self.policy,
            calendars: &self.calendars,
            coverage: &self.coverage,
            now: self.now,
        }
    }

    pub(crate) fn judge(&self) -> Vec<Evaluation> {
        judge(&self.facts, &self.context())
    }

    pub(crate) fn gaps(&self) -> Vec<Gap> {
        self.judge()
            .into_iter()
            .flat_map(|evaluation| evaluation.gaps)
            .collect()
    }

    /// The only open gap there is.
    pub(crate) fn gap(&self) -> Gap {
        let mut gaps = self.gaps();
        assert_eq!(gaps.len(), 1, "{:?}", self.open());
        gaps.remove(0)
    }

    /// What is open: `rule subject outcome`.
    pub(crate) fn open(&self) -> Vec<String> {
        self.gaps().iter().map(line).collect()
    }

    /// Exactly these gaps are open, in any order.
    #[track_caller]
    pub(crate) fn check(&self, expect: &[&str]) {
        let mut open = self.open();
        let mut expect: Vec<String> = expect.iter().map(|line| (*line).to_owned()).collect();
        open.sort();
        expect.sort();
        assert_eq!(open, expect);
    }

    /// Exactly these skips are reported: `rule subject reason`.
    #[track_caller]
    pub(crate) fn check_skips(&self, expect: &[&str]) {
        let skips: Vec<String> = self
            .judge()
            .iter()
            .flat_map(|evaluation| &evaluation.skips)
            .map(|skip| {
                format!(
                    "{} {} {}",
                    skip.key.rule,
                    skip.subject.record().native_id,
                    skip.reason
                )
            })
            .collect();
        assert_eq!(skips, expect);
    }

    /// What becomes of our only task.
    pub(crate) fn verdict(&self) -> TaskVerdict {
        let mut verdicts: Vec<TaskVerdict> = self
            .judge()
            .into_iter()
            .flat_map(|evaluation| evaluation.tasks.into_values())
            .collect();
        assert_eq!(verdicts.len(), 1, "{verdicts:?}");
        verdicts.remove(0)
    }
}

fn line(gap: &Gap) -> String {
    let detail = match &gap.outcome {
        Outcome::Held(code) => format!(" {code}"),
        Outcome::Folded(rule) => format!(" {rule}"),
        _ => String::new(),
    };
    format!(
        "{} {} {}{detail}",
        gap.key.rule,
        gap.subject.record().native_id,
        gap.outcome.as_str()
    )
}

/// A record that changes hands.
pub(crate) trait HandOver {
    /// From `o1`, who had it since the first, to `o2`.
    fn hand_over(&mut self, when: &str);
}

impl HandOver for Person {
    fn hand_over(&mut self, when: &str) {
        let spell = |id: &str, from: Timestamp| OwnerSpell {
            owner: Some(owner(id)),
            from,
        };
        self.owner_history = vec![spell("o1", at("01 09:00")), spell("o2", at(when))];
        self.owner = Some(owner("o2"));
    }
}
