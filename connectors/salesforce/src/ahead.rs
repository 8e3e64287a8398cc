//! Reading ahead: the queries a pass begins with, five to a call.
//!
//! The contract asks stream by stream, Salesforce answers five queries in one call. So the caller announces how the
//! lanes of a pass begin; the first of those pulls that needs a table fetches it together with the next four announced
//! ones, and the others find their pages here. The rules that keep this honest:
//!
//! - a page serves only a pull that was announced word for word (stream, lane, cursor, present), and each of those once:
//!   whoever asks again, or with another cursor, gets a query of its own;
//! - a page serves a lane only if its window begins no later than the lane's;
//! - a new announcement forgets everything.
//!
//! A table is fetched once for all lanes and streams over it: tasks, calls and logged mails are rows of one table, and a
//! settled lane that is due begins earlier than the hot one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use followup_core::{Lane, PullRequest};
use jiff::Timestamp;

use crate::{
    pull::{Plan, RawPage},
    schema::Table,
};

/// Queries in one call.
pub(crate) const TOGETHER: usize = 5;

/// What a pass is going to ask, and what is here already.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    announced: Vec<PullRequest>,
    /// Where the windows of each table begin, once that is worked out.
    windows: Vec<(Table, Timestamp)>,
    pages: BTreeMap<Table, (Timestamp, Arc<RawPage>)>,
}

impl Ahead {
    /// A new pass. Lanes that are not read by windows of changes are of no interest here.
    pub(crate) fn announce(&mut self, pulls: &[PullRequest], plan: impl Fn(&PullRequest) -> Option<Plan>) {
        *self = Self::default();
        let mut windows: BTreeMap<Table, Timestamp> = BTreeMap::new();
        for pull in pulls {
            if !matches!(pull.lane, Lane::Hot | Lane::Settled) {
                continue;
            }
            let Some(plan) = plan(pull) else { continue };
            self.announced.push(pull.clone());
            for table in plan.tables {
                let from = windows.entry(table).or_insert(plan.from);
                *from = (*from).min(plan.from);
                if !self.windows.iter().any(|(known, _)| *known == table) {
                    self.windows.push((table, plan.from));
                }
            }
        }
        for (table, from) in &mut self.windows {
            if let Some(earliest) = windows.get(table) {
                *from = *earliest;
            }
        }
    }

    /// Whether this very pull was announced; it counts once.
    pub(crate) fn take(&mut self, pull: &PullRequest) -> bool {
        match self.announced.iter().position(|known| known == pull) {
            Some(place) => {
                self.announced.remove(place);
                true
            }
            None => false,
        }
    }

    /// The page of a table whose window begins at `from` or before.
    pub(crate) fn page(&self, table: Table, from: Timestamp) -> Option<Arc<RawPage>> {
        self.pages
            .get(&table)
            .filter(|(begun, _)| *begun <= from)
            .map(|(_, page)| Arc::clone(page))
    }

    /// What to fetch along with `table`: up to [`TOGETHER`] windows, its own first.
    pub(crate) fn group(&self, table: Table, from: Timestamp) -> Vec<(Table, Timestamp)> {
        let own = self
            .windows
            .iter()
            .find(|(known, begin)| *known == table && *begin <= from)
            .copied()
            .unwrap_or((table, from));
        let mut group = vec![own];
        let mut taken = BTreeSet::from([table]);
        for (other, begin) in &self.windows {
            if group.len() < TOGETHER && !self.pages.contains_key(other) && taken.insert(*other) {
                group.push((*other, *begin));
            }
        }
        group
    }

    pub(crate) fn keep(&mut self, table: Table, from: Timestamp, page: Arc<RawPage>) {
        // Pages are kept only while somebody may still come for them.
        if !self.announced.is_empty() || self.windows.iter().any(|(known, _)| *known == table) {
            self.pages.insert(table, (from, page));
        }
    }

    /// Forgets the pages once every announced pull has come.
    pub(crate) fn tidy(&mut self) {
        if self.announced.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use followup_core::{Cursor, Stream};

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_445_600 + 60 * minute).unwrap()
    }

    fn pull(stream: Stream, lane: Lane) -> PullRequest {
        PullRequest {
            stream,
            lane,
            cursor: Some(Cursor("x".to_owned())),
            now: at(0),
        }
    }

    fn plan(pull: &PullRequest) -> Option<Plan> {
        let from = if pull.lane == Lane::Settled {
            at(-10)
        } else {
            at(-2)
        };
        Some(Plan {
            tables: crate::schema::tables(pull.stream)?.to_vec(),
            from,
        })
    }

    #[test]
    fn ten_tables_are_two_groups_and_a_settled_lane_widens_the_window() {
        let mut ahead = Ahead::default();
        let mut pulls: Vec<PullRequest> = crate::schema::STREAMS
            .iter()
            .map(|stream| pull(*stream, Lane::Hot))
            .collect();
        pulls.push(pull(Stream::Calls, Lane::Settled));
        ahead.announce(&pulls, plan);
        let first = ahead.group(Table::User, at(-2));
        assert_eq!(first.len(), TOGETHER);
        assert_eq!(first[0], (Table::User, at(-2)));
        assert!(first.contains(&(Table::Task, at(-10))), "{first:?}");
        for (table, from) in &first {
            ahead.keep(*table, *from, Arc::new(RawPage::empty(at(0))));
        }
        let second = ahead.group(Table::Opportunity, at(-2));
        assert_eq!(second.len(), TOGETHER);
        assert!(first.iter().all(|row| !second.contains(row)), "{second:?}");
    }

    #[test]
    fn a_page_serves_an_announced_pull_once_and_no_lane_that_begins_earlier() {
        let mut ahead = Ahead::default();
        let hot = pull(Stream::Leads, Lane::Hot);
        ahead.announce(std::slice::from_ref(&hot), plan);
        ahead.keep(Table::Lead, at(-2), Arc::new(RawPage::empty(at(0))));
        assert!(ahead.page(Table::Lead, at(-1)).is_some());
        assert!(ahead.page(Table::Lead, at(-3)).is_none());
        let other = PullRequest {
            cursor: None,
            ..hot.clone()
        };
        assert!(!ahead.take(&other));
        assert!(ahead.take(&hot));
        assert!(!ahead.take(&hot), "a second time is somebody asking again");
        ahead.tidy();
        assert!(ahead.page(Table::Lead, at(-1)).is_none());
    }

    #[test]
    fn a_new_announcement_forgets_the_last() {
        let mut ahead = Ahead::default();
        ahead.announce(&[pull(Stream::Leads, Lane::Hot)], plan);
        ahead.keep(Table::Lead, at(-2), Arc::new(RawPage::empty(at(0))));
        ahead.announce(&[pull(Stream::Leads, Lane::Hot)], plan);
        assert!(ahead.page(Table::Lead, at(-1)).is_none());
    }
}
