//! What every figure is published with, and how lengths of time are told.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::share::{COUNT_MIN, Share};

/// A figure is told of at least this many reps, so that it is nobody's.
pub const REPS_MIN: u64 = 5;

/// A cell of a breakdown holds at least this many leads; smaller ones are merged.
pub const CELL_MIN: u64 = 20;

/// What a figure rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The instant it is taken as of.
    pub as_of: Timestamp,
    /// How many subjects it rests on; none if fewer than 5.
    pub n: Option<u64>,
    /// Who was left out, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// Share of the touches it rests on that were logged more than a day after they happened; none where no timing is
    /// told.
    pub late_logged: Option<Share>,
    /// Share of the touches it rests on that were entered by hand, from a file; none where no touches are told.
    pub manual: Option<Share>,
    /// The policy it was taken under.
    pub policy_version: String,
}

/// `n`, unless it is too small to tell.
pub(crate) fn told(n: u64) -> Option<u64> {
    (n >= COUNT_MIN).then_some(n)
}

/// Why nothing is told about a team that is too small; `None` if it is large enough.
pub(crate) fn too_small_a_team(reps: u64) -> Option<String> {
    (reps < REPS_MIN).then(|| {
        format!("figures are told of teams of {REPS_MIN} reps or more; these are the records of {reps}")
    })
}

/// A length of time with its units: `3d 4h`, `2h 15m`, `40s`. Whole days of 24 hours on the calendar's clock; on the
/// business clock hours are the largest unit.
pub(crate) fn span_text(length: SignedDuration, clock: ClockName) -> String {
    let total = length.as_secs();
    let (mut days, mut hours) = (0, total / 3_600);
    if clock == ClockName::Calendar {
        (days, hours) = (hours / 24, hours % 24);
    }
    let (minutes, seconds) = (total % 3_600 / 60, total % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")];
    let mut told: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number != 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .take(2)
        .collect();
    if told.is_empty() {
        told.push("0s".to_owned());
    }
    told.join(" ")
}

/// The two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockName {
    /// Elapsed time.
    Calendar,
    /// Elapsed time inside the owner's business hours.
    Business,
}

impl ClockName {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Calendar, Self::Business];

    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Business => "business",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_their_two_largest_units() {
        let told = |seconds| span_text(SignedDuration::from_secs(seconds), ClockName::Calendar);
        assert_eq!(told(0), "0s");
        assert_eq!(told(45), "45s");
        assert_eq!(told(60 * 15), "15m");
        assert_eq!(told(3_600 * 3 + 60 * 8 + 4), "3h 8m");
        assert_eq!(told(3_600 * 75), "3d 3h");
        let business = span_text(SignedDuration::from_hours(75), ClockName::Business);
        assert_eq!(business, "75h");
    }
}
