//! Problems of files that people write: policies, timeline cases, configuration.
//!
//! A reader collects every problem of a file before it gives up, each with its place and what to do about it.
//! [`document`] reads TOML and JSON into one tree whose values know where they stand.

pub mod document;
pub mod fields;

use std::fmt;

use serde::Serialize;

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; something in it is probably not meant.
    Warning,
}

impl Severity {
    /// The word used in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A short stable word, for example `unknown_key`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// File, line and column, as far as they are known: `policy.toml:12:3`.
    #[serde(rename = "where")]
    pub place: String,
    /// Key path: `rules.first-touch.within.demo`; empty if the file as a whole is meant.
    pub key: String,
    /// What is wrong, in one sentence without full stop.
    pub message: String,
    /// What to do, in one sentence without full stop; empty if the message says it.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.place, self.severity.as_str())?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if !self.fix.is_empty() {
            write!(f, "; {}", self.fix)?;
        }
        Ok(())
    }
}

/// The known word that a mistyped one is nearest to, if any is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Sorts the problems of one file as they stand in it.
pub fn sort_by_place(problems: &mut [Problem]) {
    problems.sort_by_key(|problem| {
        let mut parts = problem
            .place
            .rsplit(':')
            .map_while(|part| part.parse::<u32>().ok());
        let (column, line) = (parts.next(), parts.next());
        (line, column)
    });
}

/// "did you mean …" where a word is near, else the list of known words.
pub(crate) fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        format!("did you mean `{near}`?")
    } else {
        let all: Vec<&str> = known.into_iter().collect();
        format!("known are: {}", all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_finds_its_neighbour_and_a_strange_one_none() {
        let known = ["new_per_day", "open", "hard_factor"];
        assert_eq!(nearest("new_per_dya", known), Some("new_per_day"));
        assert_eq!(nearest("Open", known), Some("open"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn a_problem_is_one_line() {
        let problem = Problem {
            code: "unknown_key",
            severity: Severity::Error,
            place: "policy.toml:3:1".to_owned(),
            key: "caps.opne".to_owned(),
            message: "unknown key".to_owned(),
            fix: "did you mean `open`?".to_owned(),
        };
        assert_eq!(
            problem.to_string(),
            "policy.toml:3:1: error: caps.opne: unknown key; did you mean `open`?"
        );
    }
}
