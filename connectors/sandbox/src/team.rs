//! The scripted sales team: situations with their verdicts, played on any CRM.
//!
//! A [`Team`] is generated from a seed and the checked-in mix (`situations.toml`). Each situation has its own people,
//! says what happens and when, and carries the verdict a careful human would give: which reminders are owed, from when,
//! until when, on whose list. The verdict is written together with the situation; nothing here evaluates a rule.
//!
//! Invariants: equal seeds give equal acts; every act is carried out at its own instant and in time order; no two
//! situations share a record. Only what a rep does *to a reminder* depends on the run, and it waits for the reminder.
//!
//! Everybody works Monday to Friday, 09:00 to 17:00 in UTC.

mod act;
mod calendar;
mod cast;
mod kinds;
mod mix;
mod score;
mod script;
mod situation;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

pub use score::{Score, SituationScore};

use self::{
    act::{Act, Added, carry_out},
    calendar::Calendar,
    cast::Cast,
    mix::Mix,
    script::Script,
    situation::{Ending, Expect, Situation, Subject},
};
use crate::crm::{Crm, TaskState, TaskView};

/// The rules for which the script carries verdicts, by their words. Whoever is marked by the script switches every other
/// rule off: a reminder of a rule that no situation speaks of would count as wrong.
pub const MARKED_RULES: &[&str] = &[
    "reply-waiting",
    "first-touch",
    "after-hours-lead",
    "next-attempt",
    "one-channel",
];

/// Where an act stands in the order of the run: its instant, then the order of planning.
type Slot = (Timestamp, u64);

/// The team and its fortnight.
#[derive(Debug)]
pub struct Team {
    situations: Vec<Situation>,
    /// What is still to happen, by situation.
    agenda: BTreeMap<Slot, (usize, Act)>,
    planned: u64,
    added: Added,
}

impl Team {
    /// Hires the reps and writes a fortnight of situations from `as_of` on, one for each of `people`.
    ///
    /// With no people only the owners are added. Nothing happens before `as_of`, and nothing at all before
    /// [`Team::run_until`].
    ///
    /// # Panics
    /// Never: the checked-in mix is proved by a test.
    pub fn new(seed: u64, people: u32, as_of: Timestamp, crm: &mut dyn Crm) -> Self {
        Self::starting_with(0, seed, people, as_of, crm)
    }

    /// As [`Team::new`], with invented people from number `first` on: two teams of one world share no buyer when their
    /// numbers do not meet. Their reps are the same people.
    ///
    /// # Panics
    /// Never: the checked-in mix is proved by a test.
    pub fn starting_with(first: u32, seed: u64, people: u32, as_of: Timestamp, crm: &mut dyn Crm) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let calendar = Calendar::starting(as_of);
        let cast = Cast::hire(people, as_of, crm);
        let mix = Mix::checked_in().expect("a test proves the checked-in situation mix");
        let count = usize::try_from(people).unwrap_or(0);
        let mut team = Self {
            situations: Vec::new(),
            agenda: BTreeMap::new(),
            planned: 0,
            added: Added::default(),
        };
        let mut lists = Lists::default();
        for (turn, (name, play)) in mix.draw(count, &mut rng).into_iter().enumerate() {
            let serial = first.saturating_add(u32::try_from(turn).unwrap_or(0));
            let write = |rep_turn: usize, mut rng: fastrand::Rng| {
                let (rep, colleague) = cast.pair(rep_turn);
                let people = (rep, colleague, cast.gone.clone());
                let mut script = Script::new(name, serial, calendar, people, &mut rng);
                play(&mut script);
                script.finish()
            };
            // The same story with the next rep who has time for it.
            let own = rng.fork();
            let mut turns = turn..turn + cast.size();
            let situation = turns
                .find_map(|rep_turn| {
                    Some(write(rep_turn, own.clone())).filter(|story| lists.have_room(story))
                })
                .unwrap_or_else(|| write(turn, own));
            lists.take(&situation);
            team.add(situation);
        }
        team
    }

    fn add(&mut self, mut situation: Situation) {
        let index = self.situations.len();
        for (at, act) in std::mem::take(&mut situation.steps) {
            self.plan(at, index, act);
        }
        self.situations.push(situation);
    }

    fn plan(&mut self, at: Timestamp, situation: usize, act: Act) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), (situation, act));
    }

    /// Carries out everything up to and including `now`, each act at its own instant.
    ///
    /// Reps look at their task list at `now`: what they do to a reminder happens the scripted time after it was
    /// created, or at `now` if that has passed.
    pub fn run_until(&mut self, now: Timestamp, crm: &mut dyn Crm) {
        self.carry_out_due(now, crm);
        self.notice_reminders(now, crm);
        self.carry_out_due(now, crm);
    }

    /// The instant of the next act planned so far; a rep who awaits a reminder has none yet.
    pub fn next_act_at(&self) -> Option<Timestamp> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    fn carry_out_due(&mut self, now: Timestamp, crm: &mut dyn Crm) {
        while let Some(entry) = self.agenda.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                return;
            }
            let (index, act) = entry.remove();
            if let Some(situation) = self.situations.get_mut(index) {
                let added = carry_out(act, situation, at, crm);
                self.added.people += added.people;
                self.added.activities += added.activities;
            }
        }
    }

    /// Plans what reps do to the reminders they wait for.
    fn notice_reminders(&mut self, now: Timestamp, crm: &dyn Crm) {
        if !self
            .situations
            .iter()
            .any(|situation| situation.awaits_reminder(now))
        {
            return;
        }
        let tasks = crm.tasks();
        let mut noticed = Vec::new();
        for (index, situation) in self.situations.iter_mut().enumerate() {
            if !situation.awaits_reminder(now) {
                continue;
            }
            for (at, act) in react(situation, &tasks) {
                noticed.push((at.max(now), index, act));
            }
        }
        for (at, index, act) in noticed {
            self.plan(at, index, act);
        }
    }

    /// What the script expects, and what stands on the reps' task lists: the `/_sandbox/truth` document.
    ///
    /// Ids are native ones; `subject` is null until the record exists. A reminder that a rep closes by hand has no
    /// `until` before they did.
    pub fn truth(&self, crm: &dyn Crm) -> Value {
        let situations: Vec<Value> = self.situations.iter().map(situation_json).collect();
        let tasks: Vec<Value> = crm
            .tasks()
            .iter()
            .filter(|task| task.key.is_some())
            .map(task_json)
            .collect();
        json!({ "situations": situations, "tasks": tasks })
    }
}

/// How many reminders a day the script lets one rep have, so that nobody's are put off for another day.
const REMINDERS_A_DAY: u32 = 4;

/// The reminders of every rep and day.
#[derive(Debug, Default)]
struct Lists(BTreeMap<(String, Date), u32>);

impl Lists {
    fn have_room(&self, situation: &Situation) -> bool {
        let mut more = self.0.clone();
        days_of(situation).all(|day| {
            let reminders = more.entry(day).or_default();
            *reminders += 1;
            *reminders <= REMINDERS_A_DAY
        })
    }

    fn take(&mut self, situation: &Situation) {
        for day in days_of(situation) {
            *self.0.entry(day).or_default() += 1;
        }
    }
}

fn days_of(situation: &Situation) -> impl Iterator<Item = (String, Date)> {
    let expects = situation.expects.iter();
    expects.map(|expect| (expect.owner.clone(), expect.from.to_zoned(TimeZone::UTC).date()))
}

/// The acts that open reactions of `situation` come to, now that `tasks` exist.
fn react(situation: &mut Situation, tasks: &[TaskView]) -> Vec<(Timestamp, Act)> {
    let mut acts = Vec::new();
    let mut reactions = std::mem::take(&mut situation.reactions);
    for reaction in reactions.iter_mut().filter(|reaction| !reaction.is_planned) {
        let Some(expect) = situation.expects.get(reaction.to) else {
            continue;
        };
        let is_it = |task: &&TaskView| {
            task.key.is_some()
                && task.state == TaskState::Open
                && task.created_at >= expect.from
                && situation.is_about_subject(task)
        };
        if let Some(task) = tasks.iter().find(is_it) {
            reaction.is_planned = true;
            let act = Act::OnReminder {
                task: task.id.clone(),
                to: reaction.to,
                act: reaction.act.clone(),
            };
            acts.push((task.created_at + reaction.after, act));
        }
    }
    situation.reactions = reactions;
    acts
}

fn situation_json(situation: &Situation) -> Value {
    let kind = match situation.subject {
        Subject::Person(_) => "person",
        Subject::Deal => "deal",
    };
    let expect: Vec<Value> = situation.expects.iter().map(expect_json).collect();
    json!({
        "name": situation.name,
        "subject": situation.subject_id(),
        "subject_kind": kind,
        "expect": expect,
    })
}

fn expect_json(expect: &Expect) -> Value {
    let ending = match expect.ending {
        Ending::Answered => "answered",
        Ending::Moot => "moot",
        Ending::ByRep => "by_rep",
        Ending::Never => "never",
    };
    json!({
        "rule": expect.rule,
        "from": expect.from,
        "until": expect.until,
        "owner": expect.owner,
        "ending": ending,
    })
}

fn task_json(task: &TaskView) -> Value {
    let state = match task.state {
        TaskState::Open => "open",
        TaskState::Done => "done",
        TaskState::Deferred => "deferred",
        TaskState::Deleted => "deleted",
    };
    let subject = task.deals.first().or_else(|| task.people.first());
    json!({ "id": task.id, "task_key": task.key, "state": state, "subject": subject })
}
