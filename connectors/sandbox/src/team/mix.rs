//! The checked-in mix of situations: which kinds occur, how often at least, and how often beyond that.
//!
//! Kinds of people known to one CRM and kinds of people known to two are drawn apart.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::kinds::{self, Play};
use crate::crm::Feature;

const CHECKED_IN: &str = include_str!("../../situations.toml");

/// Why a mix cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MixError {
    /// Not the expected TOML.
    #[error("reading the situation mix")]
    Decode(#[source] Box<toml::de::Error>),
    /// A kind without a script.
    #[error("no script plays the situation `{0}`")]
    Unknown(String),
    /// A script that no entry uses, or an entry given twice.
    #[error("the situation `{0}` needs exactly one entry")]
    NotOnce(String),
    /// A kind that could never occur, or no weight at all.
    #[error("the situation `{0}` needs `at_least` of 1 or more, and a sentence in `what`")]
    Idle(String),
    /// Nothing to choose from.
    #[error("no situation has a weight")]
    Weightless,
}

/// One kind of situation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Name, as scores show it.
    name: String,
    /// What happens, in a sentence.
    what: String,
    /// Occurrences in every run that is large enough.
    at_least: u32,
    /// Share of the further occurrences.
    weight: u32,
    /// What the CRM must be able to show.
    #[serde(default)]
    needs: Vec<Feature>,
    /// What the other CRM must be able to show.
    #[serde(default)]
    needs_there: Vec<Feature>,
    /// Whether reps must go on leave.
    #[serde(default)]
    needs_leaves: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    situation: Vec<Entry>,
    #[serde(default)]
    shared: Vec<Entry>,
}

/// What the CRMs must be able to show for a kind to be played in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// At home.
    pub(crate) here: Vec<Feature>,
    /// In the other CRM.
    pub(crate) there: Vec<Feature>,
    /// Reps go on leave.
    pub(crate) leaves: bool,
}

/// A kind with its script.
#[derive(Debug)]
struct Kind {
    entry: Entry,
    needs: Needs,
    play: Play,
}

/// A proved mix.
#[derive(Debug)]
pub(crate) struct Mix {
    alone: Vec<Kind>,
    shared: Vec<Kind>,
}

impl Mix {
    /// The mix that ships with the sandbox.
    pub(crate) fn checked_in() -> Result<Self, MixError> {
        Self::parse(CHECKED_IN)
    }

    fn parse(text: &str) -> Result<Self, MixError> {
        let file: File = toml::from_str(text).map_err(|error| MixError::Decode(Box::new(error)))?;
        Ok(Self {
            alone: prove(file.situation, kinds::ALONE)?,
            shared: prove(file.shared, kinds::SHARED)?,
        })
    }

    /// `count` situations of kinds whose needs are met: every kind's minimum in file order, the rest drawn by weight.
    pub(crate) fn draw(
        &self,
        count: usize,
        is_met: impl Fn(&Needs) -> bool,
        rng: &mut fastrand::Rng,
    ) -> Vec<(&str, Play)> {
        let drawn = draw(&self.alone, count, is_met, rng);
        drawn.into_iter().map(|(name, play, _)| (name, play)).collect()
    }

    /// As [`Self::draw`], of people known to two CRMs.
    pub(crate) fn draw_shared(
        &self,
        count: usize,
        is_met: impl Fn(&Needs) -> bool,
        rng: &mut fastrand::Rng,
    ) -> Vec<(&str, Play, &Needs)> {
        draw(&self.shared, count, is_met, rng)
    }
}

/// Joins entries with the scripts of their names.
fn prove(entries: Vec<Entry>, scripts: &[&[(&str, Play)]]) -> Result<Vec<Kind>, MixError> {
    let scripts = || scripts.iter().copied().flatten();
    let mut proved = Vec::new();
    let mut names = BTreeSet::new();
    for mut entry in entries {
        let play = scripts()
            .find(|(name, _)| *name == entry.name)
            .map(|(_, play)| *play);
        let play = play.ok_or_else(|| MixError::Unknown(entry.name.clone()))?;
        if !names.insert(entry.name.clone()) {
            return Err(MixError::NotOnce(entry.name));
        }
        if entry.at_least == 0 || entry.what.trim().is_empty() {
            return Err(MixError::Idle(entry.name));
        }
        let needs = Needs {
            here: std::mem::take(&mut entry.needs),
            there: std::mem::take(&mut entry.needs_there),
            leaves: entry.needs_leaves,
        };
        proved.push(Kind { entry, needs, play });
    }
    if let Some((unused, _)) = scripts().find(|(name, _)| !names.contains(*name)) {
        return Err(MixError::NotOnce((*unused).to_owned()));
    }
    if proved.iter().all(|kind| kind.entry.weight == 0) {
        return Err(MixError::Weightless);
    }
    Ok(proved)
}

fn draw<'a>(
    kinds: &'a [Kind],
    count: usize,
    is_met: impl Fn(&Needs) -> bool,
    rng: &mut fastrand::Rng,
) -> Vec<(&'a str, Play, &'a Needs)> {
    let kinds: Vec<&Kind> = kinds.iter().filter(|kind| is_met(&kind.needs)).collect();
    let shown = |kind: &'a Kind| (kind.entry.name.as_str(), kind.play, &kind.needs);
    let minimum = kinds
        .iter()
        .flat_map(|kind| (0..kind.entry.at_least).map(move |_| shown(kind)));
    let mut drawn: Vec<_> = minimum.take(count).collect();
    let total = kinds.iter().map(|kind| kind.entry.weight).sum::<u32>();
    while total > 0 && drawn.len() < count {
        let mut ticket = rng.u32(0..total);
        for kind in &kinds {
            if ticket < kind.entry.weight {
                drawn.push(shown(kind));
                break;
            }
            ticket -= kind.entry.weight;
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, at_least: u32) -> String {
        format!("[[situation]]\nname = \"{name}\"\nwhat = \"x\"\nat_least = {at_least}\nweight = 1\n")
    }

    #[test]
    fn the_checked_in_mix_has_every_script_once_with_a_minimum() {
        let mix = Mix::checked_in().unwrap();
        let count = |scripts: &[&[(&str, Play)]]| scripts.iter().map(|group| group.len()).sum::<usize>();
        assert_eq!(mix.alone.len(), count(kinds::ALONE));
        assert_eq!(mix.shared.len(), count(kinds::SHARED));
        assert!(mix.alone.len() >= 16 && mix.shared.len() >= 10);
    }

    #[test]
    fn a_mix_is_refused_by_name() {
        let (known, _) = kinds::ALONE[0][0];
        let error = |text: &str| Mix::parse(text).unwrap_err().to_string();
        assert!(error(&entry("no-such-thing", 1)).contains("`no-such-thing`"));
        assert!(error(&entry(known, 0)).contains(known));
        assert!(error(&(entry(known, 1) + &entry(known, 1))).contains(known));
        assert!(error(&entry(known, 1)).contains("exactly one entry"));
        assert!(error("situations = 3").contains("reading"));
    }

    #[test]
    fn every_minimum_is_met_by_a_large_enough_run() {
        let mix = Mix::checked_in().unwrap();
        let rng = &mut fastrand::Rng::with_seed(1);
        let drawn = mix.draw(150, |_| true, rng);
        assert_eq!(drawn.len(), 150);
        for kind in &mix.alone {
            let n = drawn.iter().filter(|(name, _)| *name == kind.entry.name).count();
            assert!(
                n >= kind.entry.at_least as usize,
                "{} occurs {n} times",
                kind.entry.name
            );
        }
        let shared = mix.draw_shared(40, |_| true, rng);
        assert!(
            mix.shared
                .iter()
                .all(|kind| shared.iter().any(|(name, ..)| *name == kind.entry.name))
        );
    }

    #[test]
    fn what_cannot_be_shown_is_never_drawn() {
        let mix = Mix::checked_in().unwrap();
        let is_met = |needs: &Needs| !needs.here.contains(&Feature::AbsenceFlag);
        let drawn = mix.draw(400, is_met, &mut fastrand::Rng::with_seed(2));
        assert_eq!(drawn.len(), 400);
        assert!(drawn.iter().all(|(name, _)| *name != "away-buyer-is-left-alone"));
    }
}
