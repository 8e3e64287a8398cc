//! Breakdowns whose smallest cell is still nobody's: at least 5 reps and 20 leads, smaller cells merged.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    basis::{CELL_MIN, REPS_MIN},
    lead::Lead,
};

/// The name of what smaller cells are merged into.
const OTHER: &str = "other";

/// The leads of a cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell<'a> {
    pub(crate) name: String,
    pub(crate) leads: Vec<&'a Lead>,
}

/// How many reps these leads are of.
pub(crate) fn reps_of<'a>(leads: impl IntoIterator<Item = &'a Lead>) -> u64 {
    let reps: BTreeSet<u32> = leads.into_iter().filter_map(|lead| lead.rep).collect();
    u64::try_from(reps.len()).unwrap_or(u64::MAX)
}

/// Leads by a property. Cells that are too small are merged, and if together they still are, the smallest other cell with
/// them: what is left out of a breakdown could be told from the whole otherwise. One cell alone is no breakdown.
pub(crate) fn break_down<'a>(leads: &[&'a Lead], name_of: impl Fn(&Lead) -> &'static str) -> Vec<Cell<'a>> {
    let mut by_name: BTreeMap<&'static str, Vec<&'a Lead>> = BTreeMap::new();
    for lead in leads {
        by_name.entry(name_of(lead)).or_default().push(lead);
    }
    let (mut large, small): (Vec<Cell<'a>>, Vec<Cell<'a>>) = by_name
        .into_iter()
        .map(|(name, leads)| Cell {
            name: name.to_owned(),
            leads,
        })
        .partition(is_large);
    large.sort_by(|a, b| {
        b.leads
            .len()
            .cmp(&a.leads.len())
            .then_with(|| a.name.cmp(&b.name))
    });
    if !small.is_empty() {
        let mut other = Cell {
            name: OTHER.to_owned(),
            leads: small.into_iter().flat_map(|cell| cell.leads).collect(),
        };
        while !is_large(&other) {
            let Some(smallest) = large.pop() else {
                return Vec::new();
            };
            other.leads.extend(smallest.leads);
        }
        large.push(other);
    }
    if large.len() < 2 { Vec::new() } else { large }
}

fn is_large(cell: &Cell<'_>) -> bool {
    u64::try_from(cell.leads.len()).is_ok_and(|n| n >= CELL_MIN)
        && reps_of(cell.leads.iter().copied()) >= REPS_MIN
}
