//! The scripted sales team: situations with their verdicts, played on any CRMs.
//!
//! A [`Team`] is generated from a seed and the checked-in mix (`situations.toml`). It works in one CRM or in several, where
//! each rep has a login of the same address; a [`Site`] says which. Each situation has its own people, says what happens
//! where and when, and carries the verdict a careful human would give: which reminders are owed, from when, until when,
//! on whose list, in which CRM. The verdict is written together with the situation; nothing here evaluates a rule.
//!
//! Most situations are about people known to one CRM alone, some about people known to two. A CRM that cannot show what
//! a situation hangs on ([`crate::crm::Feature`]) does without it.
//!
//! Invariants: equal seeds give equal acts; every act is carried out at its own instant and in time order; no two
//! situations share a record. Only what a rep does *to a reminder* depends on the run, and it waits for the reminder.
//!
//! Everybody works Monday to Friday, 09:00 to 17:00 in UTC.

mod act;
mod calendar;
mod cast;
mod casting;
mod entries;
mod kinds;
mod mix;
mod pace;
mod score;
mod script;
mod situation;
mod truth;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

pub use cast::Leave;
pub use casting::{Scale, TeamSize};
pub use pace::Pace;
pub use score::{Score, SituationScore};
pub use situation::Site;

use self::{
    act::{Act, Added, carry_out},
    calendar::Calendar,
    cast::{Cast, Rep, Travellers, bystander},
    casting::{Lists, Part},
    mix::Mix,
    script::{Script, Setting},
    situation::{Situation, Step},
};
use crate::crm::{Crm, TaskState, TaskView};

/// The rules for which the script carries verdicts, by their words. Whoever is marked by the script switches every other
/// rule off: a reminder of a rule that no situation speaks of would count as wrong.
pub const MARKED_RULES: &[&str] = &[
    "reply-waiting",
    "missed-call",
    "first-touch",
    "after-hours-lead",
    "no-show",
    "meeting-recap",
    "next-attempt",
    "attempts-exhausted",
    "one-channel",
    "proposal-waiting",
    "gone-quiet",
    "handover",
    "back-from-leave",
    "bounced-address",
    "re-engaged",
    "close-date-passed",
];

/// Where an act stands in the order of the run: its instant, then the order of planning.
type Slot = (Timestamp, u64);

/// The team and its fortnights.
#[derive(Debug)]
pub struct Team {
    begins_at: Timestamp,
    reps: Vec<Rep>,
    /// The reps, those who go on leave, and who stands in for them.
    everybody: Vec<Rep>,
    leaves: Vec<Leave>,
    situations: Vec<Situation>,
    /// What is still to happen, by situation, and in which CRM.
    agenda: BTreeMap<Slot, (usize, Site, Act)>,
    planned: u64,
    added: Added,
}

impl Team {
    /// Hires the reps into every CRM and writes fortnights of situations from `as_of` on.
    ///
    /// Where `scale` asks for nothing, only the owners are added. Nothing happens before `as_of`, and nothing at all
    /// before [`Team::run_until`], which wants the same CRMs in the same order.
    ///
    /// # Panics
    /// Never: the checked-in mix is proved by a test.
    pub fn new(seed: u64, scale: &Scale, as_of: Timestamp, crms: &mut [&mut dyn Crm]) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let count = scale.size.reps.unwrap_or_else(|| Cast::reps_for(scale.people()));
        let cast = Cast::hire(count, scale.size.has_leaves, as_of, crms);
        let mut added = Added::default();
        let at_work = crms.iter_mut().zip(&scale.alone).enumerate();
        for (place, (crm, _)) in at_work.filter(|(_, (_, people))| **people > 0) {
            for number in 0..scale.size.bystanders {
                let (owner, _) = cast.pair(usize::try_from(number).unwrap_or(0));
                crm.add_person(as_of, bystander(number, Site(place), &owner));
                added.people += 1;
            }
        }
        let mix = Mix::checked_in().expect("a test proves the checked-in situation mix");
        let travellers = cast.others().travellers.as_ref();
        let travelling = travellers.into_iter().flat_map(Travellers::all);
        let mut team = Self {
            begins_at: as_of,
            reps: cast.reps().to_vec(),
            everybody: cast.reps().iter().chain(travelling).cloned().collect(),
            leaves: Vec::new(),
            situations: Vec::new(),
            agenda: BTreeMap::new(),
            planned: 0,
            added,
        };
        let mut lists = Lists::default();
        for fortnight in 0..scale.size.fortnights.max(1) {
            let begins_at = as_of + SignedDuration::from_hours(14 * 24 * i64::from(fortnight));
            let calendar = Calendar::starting(begins_at);
            let (first_on, last_on) = calendar.leave();
            team.leaves.extend(
                travellers
                    .into_iter()
                    .flat_map(|who| who.leaves(first_on, last_on)),
            );
            for part in casting::parts(&mix, scale, crms, &mut rng) {
                let situation = write(&part, team.situations.len(), calendar, &cast, &lists, &rng.fork());
                lists.take(&situation);
                team.add(situation);
            }
        }
        team
    }

    /// Every leave, in the order of their first days; nobody goes on leave unless [`TeamSize::has_leaves`].
    pub fn leaves(&self) -> &[Leave] {
        &self.leaves
    }

    fn add(&mut self, mut situation: Situation) {
        let index = self.situations.len();
        for Step { at, site, act } in std::mem::take(&mut situation.steps) {
            self.plan(at, (index, site, act));
        }
        self.situations.push(situation);
    }

    fn plan(&mut self, at: Timestamp, act: (usize, Site, Act)) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), act);
    }

    /// Carries out everything up to and including `now`, each act at its own instant.
    ///
    /// Reps look at their task lists at `now`: what they do to a reminder happens the scripted time after it was
    /// created, or at `now` if that has passed.
    pub fn run_until(&mut self, now: Timestamp, crms: &mut [&mut dyn Crm]) {
        self.carry_out_due(now, crms);
        self.notice_reminders(now, crms);
        self.carry_out_due(now, crms);
    }

    /// The instant of the next act planned so far; a rep who awaits a reminder has none yet.
    pub fn next_act_at(&self) -> Option<Timestamp> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    fn carry_out_due(&mut self, now: Timestamp, crms: &mut [&mut dyn Crm]) {
        while let Some(entry) = self.agenda.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                return;
            }
            let (index, site, act) = entry.remove();
            let crm = crms.get_mut(site.0);
            if let (Some(situation), Some(crm)) = (self.situations.get_mut(index), crm) {
                let added = carry_out(act, situation, (site, at), *crm);
                self.added.people += added.people;
                self.added.activities += added.activities;
            }
        }
    }

    /// Plans what reps do to the reminders they wait for.
    fn notice_reminders(&mut self, now: Timestamp, crms: &[&mut dyn Crm]) {
        let mut awaited = self.situations.iter().enumerate();
        if !awaited.any(|(_, situation)| situation.awaits_reminder(now)) {
            return;
        }
        let tasks: Vec<Vec<TaskView>> = crms.iter().map(|crm| crm.tasks()).collect();
        let mut noticed = Vec::new();
        for (index, situation) in self.situations.iter_mut().enumerate() {
            if !situation.awaits_reminder(now) {
                continue;
            }
            for (at, site, act) in react(situation, &tasks) {
                noticed.push((at.max(now), (index, site, act)));
            }
        }
        for (at, act) in noticed {
            self.plan(at, act);
        }
    }
}

/// The acts that open reactions of `situation` come to, now that `tasks` exist in the CRMs.
fn react(situation: &mut Situation, tasks: &[Vec<TaskView>]) -> Vec<(Timestamp, Site, Act)> {
    let mut acts = Vec::new();
    let mut reactions = std::mem::take(&mut situation.reactions);
    for reaction in reactions.iter_mut().filter(|reaction| !reaction.is_planned) {
        let Some(expect) = situation.expects.get(reaction.to) else {
            continue;
        };
        let is_it = |task: &&TaskView| {
            task.key.is_some()
                && !task.is_list()
                && task.state == TaskState::Open
                && task.created_at >= expect.from
                && situation.is_about_subject(expect.site, task)
        };
        if let Some(task) = tasks
            .get(expect.site.0)
            .and_then(|tasks| tasks.iter().find(is_it))
        {
            reaction.is_planned = true;
            let act = Act::OnReminder {
                task: task.id.clone(),
                to: reaction.to,
                act: reaction.act.clone(),
            };
            acts.push((task.created_at + reaction.after, expect.site, act));
        }
    }
    situation.reactions = reactions;
    acts
}

/// Writes the `turn`-th situation of a run for the rep whose turn it is, or for the next one who has time for it.
fn write(
    part: &Part<'_>,
    turn: usize,
    calendar: Calendar,
    cast: &Cast,
    lists: &Lists,
    rng: &fastrand::Rng,
) -> Situation {
    let serial = u32::try_from(turn).unwrap_or(0);
    let write_for = |rep_turn: usize| {
        let mut rng = rng.clone();
        let (rep, colleague) = cast.pair(rep_turn);
        let setting = Setting {
            calendar,
            rep,
            colleague,
            others: cast.others(),
            sites: part.sites.clone(),
        };
        let mut script = Script::new(part.name, serial, setting, &mut rng);
        (part.play)(&mut script);
        script.finish()
    };
    (turn..turn + cast.size())
        .find_map(|rep_turn| Some(write_for(rep_turn)).filter(|story| lists.have_room(story)))
        .unwrap_or_else(|| write_for(turn))
}
