//! Which situations are played where, and whose turn it is.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{
    kinds::Play,
    mix::{Mix, Needs},
    situation::{Site, Situation},
};
use crate::crm::{Crm, Feature};

/// How many reminders a day the script lets one rep have, so that nobody's are put off for another day.
const REMINDERS_A_DAY: u32 = 4;

/// How many situations a team lives through, each fortnight.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scale {
    /// Situations of people known to one CRM alone, by its place; CRMs beyond the list have none.
    pub alone: Vec<u32>,
    /// Situations of people known to two of the CRMs that have situations of their own; none where there is only one.
    pub shared: u32,
    /// How many work in it, and for how long.
    pub size: TeamSize,
}

/// A team and the time it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamSize {
    /// Fortnights, each with all the situations that are asked for; at least one is played. Default 1.
    pub fortnights: u32,
    /// Reps; as many as the situations need if not given.
    pub reps: Option<u32>,
    /// People of a purchased list in each CRM that has situations: they do nothing and are owed nothing. Default 0.
    pub bystanders: u32,
    /// Whether reps go on leave ([`Team::leaves`](super::Team::leaves)): whoever is to be right about it must be told.
    /// Default no.
    pub has_leaves: bool,
}

impl Default for TeamSize {
    fn default() -> Self {
        Self {
            fortnights: 1,
            reps: None,
            bystanders: 0,
            has_leaves: false,
        }
    }
}

impl Scale {
    /// As many in the only CRM there is.
    pub fn of(people: u32) -> Self {
        Self {
            alone: vec![people],
            shared: 0,
            size: TeamSize::default(),
        }
    }

    pub(super) fn people(&self) -> u32 {
        self.alone.iter().sum::<u32>().saturating_add(self.shared)
    }
}

/// One situation to be played.
#[derive(Debug, Clone)]
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    pub(super) play: Play,
    /// Where; the first is home.
    pub(super) sites: Vec<Site>,
}

/// Everything a run plays: what each CRM plays by itself, then what plays in two.
pub(super) fn parts<'a>(
    mix: &'a Mix,
    scale: &Scale,
    crms: &[&mut dyn Crm],
    rng: &mut fastrand::Rng,
) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for (place, (crm, count)) in crms.iter().zip(&scale.alone).enumerate() {
        let drawn = mix.draw(count_of(*count), |needs| is_played(needs, scale, *crm), rng);
        parts.extend(drawn.into_iter().map(|(name, play)| Part {
            name,
            play,
            sites: vec![Site(place)],
        }));
    }
    let first = rng.usize(..);
    let pairs = |needs: &Needs| pairs(needs, scale, crms);
    let drawn = mix.draw_shared(count_of(scale.shared), |needs| !pairs(needs).is_empty(), rng);
    let mut turns: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, play, needs) in drawn {
        let pairs = pairs(needs);
        let turn = turns.entry(name).or_insert(first);
        if let Some((home, there)) = pairs.get(*turn % pairs.len().max(1)) {
            parts.push(Part {
                name,
                play,
                sites: vec![*home, *there],
            });
        }
        *turn = turn.wrapping_add(1);
    }
    parts
}

fn count_of(people: u32) -> usize {
    usize::try_from(people).unwrap_or(0)
}

fn is_played(needs: &Needs, scale: &Scale, crm: &dyn Crm) -> bool {
    (scale.size.has_leaves || !needs.leaves) && is_shown(&needs.here, crm)
}

fn is_shown(features: &[Feature], crm: &dyn Crm) -> bool {
    features.iter().all(|feature| crm.shows(*feature))
}

/// Home and the other CRM, every way round that can show what is needed.
fn pairs(needs: &Needs, scale: &Scale, crms: &[&mut dyn Crm]) -> Vec<(Site, Site)> {
    let at_work = || {
        let crms = crms.iter().zip(&scale.alone).enumerate();
        crms.filter(|(_, (_, count))| **count > 0)
    };
    let sites = |features: &[Feature]| -> Vec<Site> {
        let fitting = at_work().filter(|(_, (crm, _))| is_shown(features, **crm));
        fitting.map(|(place, _)| Site(place)).collect()
    };
    let there = sites(&needs.there);
    sites(&needs.here)
        .into_iter()
        .flat_map(|home| there.iter().map(move |there| (home, *there)))
        .filter(|(home, there)| home != there)
        .collect()
}

/// Rules that have a list a week: what comes up in a week whose list is done waits for the next one, so the
/// script keeps two such gaps of a rep a week apart.
const WEEKLY: [&str; 1] = ["close-date-passed"];

/// The reminders of every rep and day, in all CRMs; those of weekly lists by their instant as well.
#[derive(Debug, Default)]
pub(super) struct Lists {
    by_day: BTreeMap<(String, Date), u32>,
    weekly: BTreeMap<String, Vec<Timestamp>>,
}

impl Lists {
    /// Whether nobody would get too many.
    pub(super) fn have_room(&self, situation: &Situation) -> bool {
        let mut more = self.by_day.clone();
        let has_room = days_of(situation).all(|day| {
            let reminders = more.entry(day).or_default();
            *reminders += 1;
            *reminders <= REMINDERS_A_DAY
        });
        has_room && weekly_of(situation).all(|(rep, at)| self.is_free(rep, at))
    }

    /// Puts a situation's reminders on them.
    pub(super) fn take(&mut self, situation: &Situation) {
        for day in days_of(situation) {
            *self.by_day.entry(day).or_default() += 1;
        }
        for (rep, at) in weekly_of(situation) {
            self.weekly.entry(rep.to_owned()).or_default().push(at);
        }
    }

    /// Nothing stands in a rep's weekly list within a week of `at`.
    fn is_free(&self, rep: &str, at: Timestamp) -> bool {
        let mut others = self.weekly.get(rep).into_iter().flatten();
        others.all(|other| other.duration_since(at).abs() >= SignedDuration::from_hours(7 * 24))
    }
}

/// What of a situation goes into weekly lists: whose, and when.
fn weekly_of(situation: &Situation) -> impl Iterator<Item = (&str, Timestamp)> {
    let expects = situation.expects.iter();
    expects
        .filter(|expect| WEEKLY.contains(&expect.rule))
        .map(|expect| (expect.list_of.as_str(), expect.from))
}

fn days_of(situation: &Situation) -> impl Iterator<Item = (String, Date)> {
    let expects = situation.expects.iter();
    expects.map(|expect| (expect.list_of.clone(), expect.from.to_zoned(TimeZone::UTC).date()))
}
