//! A daemon that knows the truth, and may be told to get one thing wrong.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test helper fails loudly"
)]

use followup_sandbox::{
    crm::{NewTask, TaskState, TaskView},
    team::{Score, Team},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::fake::FakeCrm;

/// What the daemon gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nothing.
    None,
    /// Writes nothing at all.
    Lazy,
    /// Does not know `reply-waiting`.
    NoReplies,
    /// Does not know `next-attempt`.
    NoAttempts,
    /// Writes each task twice under one key.
    SameKeyTwice,
    /// Writes each task twice under two keys.
    TwoKeys,
    /// Puts tasks on another list.
    OtherOwner,
    /// Writes half an hour too late.
    Late,
    /// Writes half an hour too early.
    Early,
    /// Never closes.
    NeverCloses,
    /// Closes ten minutes after writing.
    ClosesAtOnce,
    /// Completes what should be withdrawn.
    MootAsDone,
    /// Withdraws what should be completed.
    DoneAsMoot,
    /// Writes again what the rep has closed.
    Nags,
    /// Writes for situations that owe nothing.
    Unasked,
    /// Overwrites the rep's subject line.
    Rewrites,
    /// Closes humans' tasks.
    Tidies,
}

/// How late a task may come and go.
pub(crate) const TOLERANCE: SignedDuration = SignedDuration::from_mins(12);

const STEP: SignedDuration = SignedDuration::from_mins(5);

/// A played run.
pub(crate) struct Run {
    pub(crate) team: Team,
    pub(crate) crm: FakeCrm,
    pub(crate) scores: Vec<Score>,
}

/// Plays `days` days from `as_of` on, judging every twelve hours.
pub(crate) fn play(seed: u64, people: u32, as_of: &str, days: i64, flaw: Flaw) -> Run {
    let as_of: Timestamp = as_of.parse().unwrap();
    let mut crm = FakeCrm::default();
    let mut team = Team::new(seed, people, as_of, &mut crm);
    let mut scores = Vec::new();
    let steps = days * 24 * 12;
    for step in 1..=steps {
        let now = as_of + STEP * i32::try_from(step).unwrap();
        team.run_until(now, &mut crm);
        if is_anybody_there(now) {
            cycle(&team, &mut crm, now, flaw);
        }
        if step % 144 == 7 || step == steps {
            scores.push(team.score(&crm, now, TOLERANCE));
        }
    }
    Run { team, crm, scores }
}

fn cycle(team: &Team, crm: &mut FakeCrm, now: Timestamp, flaw: Flaw) {
    if flaw == Flaw::Lazy {
        return;
    }
    let truth = team.truth(crm);
    for (index, situation) in truth["situations"].as_array().unwrap().iter().enumerate() {
        let Some(subject) = situation["subject"].as_str() else {
            continue;
        };
        let expects = situation["expect"].as_array().unwrap();
        for (nth, expect) in expects.iter().enumerate() {
            let key = format!("{index}-{nth}");
            let is_deal = situation["subject_kind"] == "deal";
            one_gap(crm, now, flaw, &key, (subject, is_deal), expect);
        }
        if expects.is_empty() && flaw == Flaw::Unasked && crm.by_key(&format!("{index}")).is_none() {
            crm.push_task(
                now,
                Some(format!("{index}")),
                new_task(("1", now), subject, situation["subject_kind"] == "deal"),
            );
        }
    }
    if flaw == Flaw::Tidies {
        let human: Vec<_> = crm
            .tasks
            .iter()
            .filter(|task| task.key.is_none())
            .map(|task| task.id.clone())
            .collect();
        for id in &human {
            crm.close_task(now, id, TaskState::Done);
        }
    }
}

fn new_task((owner, due_at): (&str, Timestamp), subject: &str, is_deal: bool) -> NewTask {
    let id = vec![subject.to_owned()];
    let (people, deals) = if is_deal {
        (Vec::new(), id)
    } else {
        (id, Vec::new())
    };
    NewTask {
        owner: owner.to_owned(),
        due_at,
        subject: "Follow up".to_owned(),
        people,
        deals,
    }
}

fn one_gap(crm: &mut FakeCrm, now: Timestamp, flaw: Flaw, key: &str, subject: (&str, bool), expect: &Value) {
    let half_an_hour = SignedDuration::from_mins(30);
    let from = instant(&expect["from"]).unwrap();
    let from = match flaw {
        Flaw::Late => from + half_an_hour,
        Flaw::Early => from - half_an_hour,
        _ => from,
    };
    let unknown = match flaw {
        Flaw::NoReplies => "reply-waiting",
        Flaw::NoAttempts => "next-attempt",
        _ => "",
    };
    if now < from || expect["rule"] == unknown {
        return;
    }
    let owner = if flaw == Flaw::OtherOwner {
        "nobody"
    } else {
        expect["owner"].as_str().unwrap()
    };
    let task = || new_task((owner, now), subject.0, subject.1);
    if let Some(existing) = crm.by_key(key).cloned() {
        let again = format!("{key}-again");
        let nags = expect["ending"] == "by_rep" && flaw == Flaw::Nags && existing.state != TaskState::Open;
        if nags && crm.by_key(&again).is_none() {
            crm.push_task(now, Some(again), task());
        }
        look_after(crm, now, flaw, &existing, expect);
        return;
    }
    crm.push_task(now, Some(key.to_owned()), task());
    match flaw {
        Flaw::SameKeyTwice => crm.push_task(now, Some(key.to_owned()), task()),
        Flaw::TwoKeys => crm.push_task(now, Some(format!("{key}-b")), task()),
        _ => String::new(),
    };
}

fn look_after(crm: &mut FakeCrm, now: Timestamp, flaw: Flaw, task: &TaskView, expect: &Value) {
    if flaw == Flaw::Rewrites {
        let task = crm.tasks.iter_mut().find(|other| other.id == task.id).unwrap();
        "Follow up".clone_into(&mut task.subject);
    }
    let until = match flaw {
        Flaw::NeverCloses => None,
        Flaw::ClosesAtOnce => Some(task.created_at + STEP * 2),
        _ => instant(&expect["until"]),
    };
    if task.state == TaskState::Open && until.is_some_and(|until| until <= now) {
        let is_done = match flaw {
            Flaw::MootAsDone => true,
            Flaw::DoneAsMoot => false,
            _ => expect["ending"] == "answered",
        };
        crm.close_task(
            now,
            &task.id,
            if is_done {
                TaskState::Done
            } else {
                TaskState::Deferred
            },
        );
    }
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|text| text.parse().unwrap())
}

/// Nothing the script expects happens while everybody is away.
fn is_anybody_there(now: Timestamp) -> bool {
    let zoned = now.to_zoned(TimeZone::UTC);
    zoned.weekday().to_monday_zero_offset() < 5 && (8..18).contains(&zoned.hour())
}
