//! Shared Activities: every person and thing a task is about has a `TaskRelation`, where the feature is on.
//!
//! Sources: fact sheet section 4.7. A relation does not touch its task's stamp (unconfirmed).

use jiff::Timestamp;

use super::{
    cell::Cell,
    kind::Kind,
    org::Org,
    store::{Cells, Store},
};

/// Live relations of a task, those to people or those to things.
fn relations<'a>(store: &'a Store, task: &str, is_what: bool) -> Vec<(&'a str, &'a str)> {
    store
        .referring(task, Kind::TaskRelation)
        .into_iter()
        .filter(|row| !row.is_deleted() && row.cells.flag("IsWhat") == is_what)
        .filter_map(|row| Some((row.id.as_str(), row.cells.text("RelationId")?)))
        .collect()
}

/// `WhoCount` or `WhatCount` of a task.
pub(crate) fn count(store: &Store, task: &str, is_what: bool) -> Cell {
    let count = relations(store, task, is_what).len();
    Cell::Number(f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
}

impl Org {
    /// Keeps the relations in step with `WhoId` and `WhatId`; further people stay as they are.
    pub(crate) fn relate(
        &mut self,
        task: &str,
        before: Option<&Cells>,
        cells: &Cells,
        by: &str,
        (at, commits_at): (Timestamp, Option<Timestamp>),
    ) {
        for (name, is_what) in [("WhoId", false), ("WhatId", true)] {
            let was = before.and_then(|before| before.text(name));
            let is = cells.text(name);
            if was == is {
                continue;
            }
            let known = relations(&self.store, task, is_what);
            let ended = known
                .iter()
                .find(|(_, of)| Some(*of) == was)
                .map(|(id, _)| (*id).to_owned());
            let is_there = known.iter().any(|(_, of)| Some(*of) == is);
            if let Some(id) = ended {
                self.delete(Kind::TaskRelation, &id, by, at);
            }
            if let Some(is) = is.filter(|_| !is_there) {
                let changes = vec![
                    ("TaskId".to_owned(), Cell::text(task)),
                    ("RelationId".to_owned(), Cell::text(is)),
                    ("AccountId".to_owned(), cells.get("AccountId").clone()),
                ];
                self.commit_until(Kind::TaskRelation, None, changes, by, at, commits_at);
            }
        }
    }
}
