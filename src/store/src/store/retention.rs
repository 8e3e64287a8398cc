//! Forgetting whom the CRMs have deleted: what is left of them after a while goes, as by an erasure.

use std::{collections::BTreeSet, ops::ControlFlow};

use followup_core::PersonId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Store;
use crate::{
    error::StoreError,
    keys::{self, table},
    kv::Durability,
};

/// Where the count of the forgotten is kept.
const FORGOTTEN: &[u8] = b"forgotten";

/// How often people who are gone were forgotten, as far as this cache goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// When it was last looked for whom to forget.
    pub looked_at: Option<Timestamp>,
    /// People forgotten so far.
    pub people: u64,
}

impl Store {
    /// People of whom no CRM has a record any more, all of theirs deleted at `before` or earlier, at most `limit`. Whoever
    /// lives on in a record they were merged or converted into is not among them.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn long_gone(&self, before: Timestamp, limit: usize) -> Result<Vec<BTreeSet<PersonId>>, StoreError> {
        let view = self.view();
        let mut gone = Vec::new();
        self.kv.scan(&[table::GONE], &mut |key, _| {
            if key.first() != Some(&table::GONE) {
                return Ok(ControlFlow::Break(()));
            }
            let rid = keys::last_rid(key)?;
            if rid.is_person() {
                gone.push(rid);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let (mut people, mut seen) = (Vec::new(), BTreeSet::new());
        for rid in gone {
            if people.len() == limit {
                break;
            }
            if seen.contains(&rid) {
                continue;
            }
            let human = crate::human::human(&view, rid)?;
            seen.extend(human.iter().copied());
            let mut is_over = true;
            for rid in &human {
                let tombstone = view.tombstone(*rid)?;
                is_over &= tombstone.is_some_and(|tombstone| tombstone.gone.at <= before);
            }
            if is_over {
                let names = human.into_iter().map(|rid| view.name(rid).map(PersonId));
                people.push(names.collect::<Result<_, _>>()?);
            }
        }
        Ok(people)
    }

    /// Forgets people in one go, as [`Store::erase`] does with one, and counts them. What others share is not touched: a
    /// judgement of them may rest on it. The files are not written anew.
    ///
    /// # Errors
    /// As [`Store::erase`].
    pub fn forget(&mut self, people: &[BTreeSet<PersonId>], now: Timestamp) -> Result<(), StoreError> {
        if !people.is_empty() {
            let mut traces = self.traces(&people.iter().flatten().cloned().collect())?;
            traces.shared.clear();
            self.take_out(&traces, now)?;
        }
        let before = self.forgotten()?;
        let mut view = self.view();
        view.put_meta(
            FORGOTTEN,
            &Forgotten {
                looked_at: Some(now),
                people: before.people + people.len() as u64,
            },
        )?;
        let batch = view.into_writes();
        self.write(batch, Durability::Buffered)
    }

    /// How many were forgotten so far, and when it was last looked.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn forgotten(&self) -> Result<Forgotten, StoreError> {
        Ok(self.view().meta(FORGOTTEN)?.unwrap_or_default())
    }
}
