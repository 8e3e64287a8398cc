//! Coverage: of the leads old enough to tell, how many somebody reached out to in time; and who waits now.

use std::collections::BTreeMap;

use followup_rules::{calendar::Calendar, policy::Span};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    basis::Basis,
    cells::Cell,
    lead::Lead,
    share::{COUNT_MIN, Share},
};

/// The waits coverage is told for: word and span, business time of the lead's owner.
pub(crate) const WITHIN: [(&str, Span); 3] = [
    ("1bd", Span::BusinessDays(1)),
    ("5bd", Span::BusinessDays(5)),
    ("20bd", Span::BusinessDays(20)),
];

/// Ages in calendar days up to which untouched leads are counted together.
const AGES: [(&str, i64); 4] = [
    ("up to 1d", 1),
    ("1d to 3d", 3),
    ("3d to 7d", 7),
    ("7d to 30d", 30),
];

/// The last age band.
const OLDEST: &str = "over 30d";

/// How many leads somebody reached out to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// What it rests on.
    pub basis: Basis,
    /// For several waits.
    pub within: Vec<Within>,
    /// The middle wait again, by cell: source, and arrival inside or outside the hours.
    pub cells: Vec<CellShare>,
    /// Leads nobody reached out to so far and that are not closed, by age; none if too few.
    pub untouched_now: Option<BTreeMap<String, u64>>,
    /// Untouched leads with an activity that may have been a touch: the CRM does not tell its direction or sender.
    pub possibly_touched: Option<u64>,
}

/// Coverage within a wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Within {
    /// The wait, in business time.
    pub within: String,
    /// Leads that came too recently to tell.
    pub immature: u64,
    /// Touched in time, of those old enough. Disqualified without a touch counts as not touched.
    pub share: Share,
}

/// A share of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellShare {
    /// What the cell is of.
    pub by: String,
    /// Which one.
    pub cell: String,
    /// The share.
    pub share: Share,
}

/// For each wait whether a lead was touched in time; `None` = too young to tell.
pub(crate) fn covered(
    t0: Timestamp,
    touched_at: Option<Timestamp>,
    known_to: Timestamp,
    calendar: &Calendar,
) -> [Option<bool>; WITHIN.len()] {
    WITHIN.map(|(_, wait)| {
        let until = calendar.add(t0, wait);
        (until <= known_to).then(|| touched_at.is_some_and(|at| at <= until))
    })
}

/// The waits, of these leads.
pub(crate) fn within(leads: &[&Lead]) -> Vec<Within> {
    WITHIN
        .iter()
        .enumerate()
        .map(|(place, (word, _))| {
            let told = || {
                leads
                    .iter()
                    .map(|lead| lead.covered.get(place).copied().flatten())
            };
            Within {
                within: (*word).to_owned(),
                immature: count(told().filter(Option::is_none)),
                share: share(told().flatten()),
            }
        })
        .collect()
}

/// The middle wait by cell.
pub(crate) fn by_cell(by: &str, cells: &[Cell<'_>]) -> Vec<CellShare> {
    let share_of = |cell: &Cell<'_>| CellShare {
        by: by.to_owned(),
        cell: cell.name.clone(),
        share: share(
            cell.leads
                .iter()
                .filter_map(|lead| lead.covered.get(1).copied().flatten()),
        ),
    };
    cells.iter().map(share_of).collect()
}

/// Untouched leads that are not closed, by age.
pub(crate) fn untouched(leads: &[&Lead]) -> Option<BTreeMap<String, u64>> {
    let mut bands = BTreeMap::new();
    let mut total = 0;
    for lead in leads
        .iter()
        .filter(|lead| lead.touch.is_none() && lead.closed.is_none())
    {
        let band = AGES
            .iter()
            .find(|(_, days)| lead.watched.calendar <= SignedDuration::from_hours(24 * days))
            .map_or(OLDEST, |(word, _)| word);
        *bands.entry(band.to_owned()).or_default() += 1;
        total += 1;
    }
    (total >= COUNT_MIN || total == 0).then_some(bands)
}

/// Those that may have been touched.
pub(crate) fn doubtful(leads: &[&Lead]) -> Option<u64> {
    let doubtful = count(leads.iter().filter(|lead| lead.is_doubtful));
    (doubtful >= COUNT_MIN || doubtful == 0).then_some(doubtful)
}

fn share(told: impl Iterator<Item = bool>) -> Share {
    let (mut k, mut n) = (0, 0);
    for is_covered in told {
        n += 1;
        k += u64::from(is_covered);
    }
    Share::of(k, n)
}

pub(crate) fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}
