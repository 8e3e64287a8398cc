//! A daemon that knows the truth, and may be told to get one thing wrong.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test helper fails loudly"
)]

use followup_sandbox::{
    crm::{Crm, NewTask, TaskState, TaskView},
    team::{Scale, Score, Site, Team},
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
    /// Does not know that people of two CRMs are one human: each gets its own task.
    Splits,
    /// Puts what belongs into the second CRM into the first.
    WrongCrm,
}

/// How late a task may come and go.
pub(crate) const TOLERANCE: SignedDuration = SignedDuration::from_mins(12);

const STEP: SignedDuration = SignedDuration::from_mins(5);

/// A played run.
pub(crate) struct Run {
    pub(crate) team: Team,
    pub(crate) crms: Vec<FakeCrm>,
    pub(crate) scores: Vec<Score>,
}

impl Run {
    /// The CRM of a run in one.
    pub(crate) fn crm(&self) -> &FakeCrm {
        &self.crms[0]
    }

    /// The CRMs, as the team knows them.
    pub(crate) fn shown(&self) -> Vec<&dyn Crm> {
        shown(&self.crms)
    }
}

/// CRMs to act in.
pub(crate) fn open(crms: &mut [FakeCrm]) -> Vec<&mut dyn Crm> {
    crms.iter_mut().map(|crm| crm as &mut dyn Crm).collect()
}

fn shown(crms: &[FakeCrm]) -> Vec<&dyn Crm> {
    crms.iter().map(|crm| crm as &dyn Crm).collect()
}

/// Plays `days` days from `as_of` on in one CRM, judging every twelve hours.
pub(crate) fn play(seed: u64, people: u32, as_of: &str, days: i64, flaw: Flaw) -> Run {
    play_in(
        vec![FakeCrm::default()],
        seed,
        &Scale::of(people),
        as_of,
        days,
        flaw,
    )
}

/// As [`play`], in these CRMs.
pub(crate) fn play_in(
    mut crms: Vec<FakeCrm>,
    seed: u64,
    scale: &Scale,
    as_of: &str,
    days: i64,
    flaw: Flaw,
) -> Run {
    let as_of: Timestamp = as_of.parse().unwrap();
    let mut team = Team::new(seed, scale, as_of, &mut open(&mut crms));
    let mut scores = Vec::new();
    let steps = days * 24 * 12;
    for step in 1..=steps {
        let now = as_of + STEP * i32::try_from(step).unwrap();
        team.run_until(now, &mut open(&mut crms));
        if is_anybody_there(now) {
            for place in 0..crms.len() {
                cycle(&team, &mut crms, Site(place), now, flaw);
            }
        }
        if step % 144 == 7 || step == steps {
            scores.push(team.score(&shown(&crms), now, TOLERANCE));
        }
    }
    Run { team, crms, scores }
}

fn cycle(team: &Team, crms: &mut [FakeCrm], site: Site, now: Timestamp, flaw: Flaw) {
    if flaw == Flaw::Lazy {
        return;
    }
    let truth = team.truth(site, &crms[site.0]);
    for (index, situation) in truth["situations"].as_array().unwrap().iter().enumerate() {
        let Some(subject) = situation["subject"].as_str() else {
            continue;
        };
        let expects = situation["expect"].as_array().unwrap();
        for (nth, expect) in expects.iter().enumerate() {
            let key = format!("{}-{index}-{nth}", site.0);
            let is_deal = situation["subject_kind"] == "deal";
            let crm = if flaw == Flaw::WrongCrm { 0 } else { site.0 };
            one_gap(&mut crms[crm], now, flaw, &key, (subject, is_deal), expect);
            if flaw == Flaw::Splits && !is_deal && situation["name"].as_str().unwrap().starts_with("two-crms")
            {
                split(team, crms, (site, index), now, (&key, expect));
            }
        }
        if expects.is_empty() && flaw == Flaw::Unasked && crms[site.0].by_key(&format!("{index}")).is_none() {
            crms[site.0].push_task(
                now,
                Some(format!("{index}")),
                new_task(("1", now), subject, situation["subject_kind"] == "deal"),
            );
        }
    }
    if flaw == Flaw::Tidies {
        let crm = &mut crms[site.0];
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

/// Writes the same reminder in the other CRM, under a key of its own.
fn split(
    team: &Team,
    crms: &mut [FakeCrm],
    (site, index): (Site, usize),
    now: Timestamp,
    (key, expect): (&str, &Value),
) {
    let situations = |site: Site| team.truth(site, &crms[site.0])["situations"].clone();
    let shared = |list: &Value| -> Vec<Value> {
        let all = list.as_array().unwrap().iter();
        all.filter(|one| one["name"].as_str().unwrap().starts_with("two-crms"))
            .cloned()
            .collect()
    };
    let (here, there) = (situations(site), situations(Site(1 - site.0)));
    let own = here.as_array().unwrap().len() - shared(&here).len();
    let other = shared(&there)[index - own].clone();
    if let Some(subject) = other["subject"].as_str() {
        let key = format!("{key}-there");
        one_gap(
            &mut crms[1 - site.0],
            now,
            Flaw::None,
            &key,
            (subject, false),
            expect,
        );
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
