//! The checked-in mix of situations: which kinds occur, how often at least, and how often beyond that.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::kinds::{self, Play};

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
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    situation: Vec<Entry>,
}

/// A proved mix.
#[derive(Debug)]
pub(crate) struct Mix {
    entries: Vec<(Entry, Play)>,
}

impl Mix {
    /// The mix that ships with the sandbox.
    pub(crate) fn checked_in() -> Result<Self, MixError> {
        Self::parse(CHECKED_IN)
    }

    fn parse(text: &str) -> Result<Self, MixError> {
        let file: File = toml::from_str(text).map_err(|error| MixError::Decode(Box::new(error)))?;
        let mut entries = Vec::new();
        let mut names = BTreeSet::new();
        for entry in file.situation {
            let play = kinds::play(&entry.name).ok_or_else(|| MixError::Unknown(entry.name.clone()))?;
            if !names.insert(entry.name.clone()) {
                return Err(MixError::NotOnce(entry.name));
            }
            if entry.at_least == 0 || entry.what.trim().is_empty() {
                return Err(MixError::Idle(entry.name));
            }
            entries.push((entry, play));
        }
        if let Some(unused) = kinds::names().find(|name| !names.contains(*name)) {
            return Err(MixError::NotOnce(unused.to_owned()));
        }
        if entries.iter().all(|(entry, _)| entry.weight == 0) {
            return Err(MixError::Weightless);
        }
        Ok(Self { entries })
    }

    /// `count` situations: every kind's minimum in file order, the rest drawn by weight.
    pub(crate) fn draw(&self, count: usize, rng: &mut fastrand::Rng) -> Vec<(&str, Play)> {
        let minimum = self
            .entries
            .iter()
            .flat_map(|(entry, play)| (0..entry.at_least).map(move |_| (entry.name.as_str(), *play)));
        let mut drawn: Vec<_> = minimum.take(count).collect();
        let total = self
            .entries
            .iter()
            .map(|(entry, _)| entry.weight)
            .sum::<u32>()
            .max(1);
        while drawn.len() < count {
            let mut ticket = rng.u32(0..total);
            for (entry, play) in &self.entries {
                if ticket < entry.weight {
                    drawn.push((entry.name.as_str(), *play));
                    break;
                }
                ticket -= entry.weight;
            }
        }
        drawn
    }
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
        assert_eq!(mix.entries.len(), kinds::names().count());
        assert!(mix.entries.len() >= 16);
    }

    #[test]
    fn a_mix_is_refused_by_name() {
        let known = kinds::names().next().unwrap();
        let error = |text: &str| Mix::parse(text).unwrap_err().to_string();
        assert!(error(&entry("no-such-thing", 1)).contains("`no-such-thing`"));
        assert!(error(&entry(known, 0)).contains(known));
        assert!(error(&(entry(known, 1) + &entry(known, 1))).contains(known));
        assert!(error(&entry(known, 1)).contains("exactly one entry"));
        assert!(error("situations = 3").contains("reading"));
    }

    #[test]
    fn a_hundred_people_meet_every_minimum() {
        let mix = Mix::checked_in().unwrap();
        let drawn = mix.draw(100, &mut fastrand::Rng::with_seed(1));
        assert_eq!(drawn.len(), 100);
        for (entry, _) in &mix.entries {
            let n = drawn.iter().filter(|(name, _)| *name == entry.name).count();
            assert!(n >= entry.at_least as usize, "{} occurs {n} times", entry.name);
        }
    }
}
