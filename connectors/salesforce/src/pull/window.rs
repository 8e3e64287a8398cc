//! A window of changes over `SystemModstamp`, past any number of equal stamps.
//!
//! Each page is a query of its own that begins behind the last row seen: `stamp > T OR (stamp = T AND Id > id)`, in the
//! order of both. Whether ids order by their bytes is not documented, so ids are compared by the org alone; what is
//! checked here is that the last row never comes again and stamps never go back. A server that ignores a condition must
//! not make us read for ever: the stream is parked with an error.

use std::sync::Arc;

use followup_core::{Page, PageEnd};
use followup_transport::{CallError, Cause};
use jiff::{SignedDuration, Timestamp};

use super::{Batch, Fault, RawPage, Reading};
use crate::{
    Salesforce, View,
    api::{Answered, Turn, is_too_large, stuck},
    cursor::{self, Position},
    schema::Table,
    soql::{self, Select},
    wire::Row,
};

/// A window the org finds too large is halved down to this.
const SMALLEST: SignedDuration = SignedDuration::from_secs(1);

/// A window and the place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    /// First stamp, inclusive.
    pub(crate) from: Timestamp,
    /// What will have been read when it ends. Rows with later stamps are welcome.
    pub(crate) until: Timestamp,
    /// Which of the stream's tables.
    pub(crate) part: usize,
    /// Stamp and id of the last row read.
    pub(crate) after: Option<(Timestamp, String)>,
}

/// What comes behind a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing.
    Done,
    /// Rows behind this one.
    After(Timestamp, String),
    /// The rest of a window that was halved.
    From(Timestamp),
}

impl Salesforce {
    /// One page of a window. At its beginning (`is_announced` is told) the first pages of all tables are read, so that
    /// a pass without changes is one page, and costs no call of its own where they were read ahead.
    pub(super) async fn window_page(
        &self,
        reading: Reading<'_>,
        window: Window,
        is_announced: Option<bool>,
    ) -> Result<Page, Fault> {
        let Window {
            from,
            mut until,
            mut part,
            after,
        } = window;
        let mut batch = Batch::default();
        let mut place = after;
        while let Some(table) = reading.tables.get(part).copied() {
            let raw = match &place {
                None if is_announced == Some(true) => self.ahead_page(table, from, reading).await?,
                _ => Arc::new(self.raw_page(table, from, place.as_ref(), reading).await?),
            };
            until = until.min(raw.at);
            // A page read for several lanes may begin before this one.
            let rows: Vec<&Row> = raw.rows.iter().filter(|row| is_from(row, from)).collect();
            batch.join(self.batch(reading, table, &rows).await?);
            let next = match &raw.next {
                Next::Done => {
                    part += 1;
                    place = None;
                    if is_announced.is_some() {
                        continue;
                    }
                    if part >= reading.tables.len() {
                        break;
                    }
                    Position::Window {
                        from,
                        until,
                        part,
                        after: None,
                    }
                }
                Next::After(at, id) => Position::Window {
                    from,
                    until,
                    part,
                    after: Some((*at, id.clone())),
                },
                // The rest of the window is as good as a row that no row precedes.
                Next::From(at) => Position::Window {
                    from,
                    until,
                    part,
                    after: Some((*at, String::new())),
                },
            };
            return Ok(batch.page(cursor::write(&next), PageEnd::More, None));
        }
        let done = Position::Follow { since: until };
        Ok(batch.page(cursor::write(&done), PageEnd::ReadTo(until), None))
    }

    /// The first page of a table from what was read ahead; if it is not there, it is fetched with its neighbours.
    async fn ahead_page(
        &self,
        table: Table,
        from: Timestamp,
        reading: Reading<'_>,
    ) -> Result<Arc<RawPage>, Fault> {
        if let Some(page) = self.ahead().page(table, from) {
            return Ok(page);
        }
        let group: Vec<(Table, Timestamp)> = self
            .ahead()
            .group(table, from)
            .into_iter()
            .filter(|(other, _)| reading.view.org.closed(*other).is_none())
            .collect();
        let selects: Vec<(&'static str, Select)> = group
            .iter()
            .map(|(table, from)| {
                let select = select(*table, reading.view, &self.config)
                    .and(since(*from))
                    .by(ORDER);
                (table.schema().action, select)
            })
            .collect();
        let answers = match self.api.queries(&selects, reading.turn).await {
            Ok(answers) => answers,
            // Five full pages may be more than one answer should hold: then each for itself.
            Err(error) if matches!(error.cause, Cause::Transport | Cause::Decode) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut own = None;
        for ((other, begun), answer) in group.iter().zip(answers) {
            let page = match answer.and_then(|answered| raw(&answered, None, other.schema().action)) {
                Ok(page) => Arc::new(page),
                // The others will ask for themselves and hear of it then.
                Err(_) if *other != table => continue,
                Err(error) if is_too_large(&error) => {
                    Arc::new(self.halved(table, from, None, reading, error).await?)
                }
                Err(error) => return Err(error.into()),
            };
            self.ahead().keep(*other, *begun, Arc::clone(&page));
            if *other == table {
                own = Some(page);
            }
        }
        match own {
            Some(page) => Ok(page),
            None => Ok(Arc::new(self.raw_page(table, from, None, reading).await?)),
        }
    }

    /// One page of a table, asked for alone.
    async fn raw_page(
        &self,
        table: Table,
        from: Timestamp,
        after: Option<&(Timestamp, String)>,
        reading: Reading<'_>,
    ) -> Result<RawPage, Fault> {
        let action = table.schema().action;
        let query = select(table, reading.view, &self.config)
            .and(behind(from, after))
            .by(ORDER);
        match self.api.query(&query, action, reading.turn).await {
            Ok(answered) => Ok(raw(&answered, after, action)?),
            Err(error) if is_too_large(&error) => self.halved(table, from, after, reading, error).await,
            Err(error) => Err(error.into()),
        }
    }

    /// A part of a window that the org finds too large: half of it, half of that, and so on.
    async fn halved(
        &self,
        table: Table,
        from: Timestamp,
        after: Option<&(Timestamp, String)>,
        reading: Reading<'_>,
        error: CallError,
    ) -> Result<RawPage, Fault> {
        let action = table.schema().action;
        let Turn { now, .. } = reading.turn;
        let begin = after.map_or(from, |(at, _)| *at);
        let mut span = now.duration_since(begin) / 2;
        let mut last = error;
        while span >= SMALLEST {
            let end = soql::second_floor(begin + span + SignedDuration::from_secs(1));
            let query = select(table, reading.view, &self.config)
                .and(behind(from, after))
                .and(format!("SystemModstamp < {}", soql::instant(end)))
                .by(ORDER);
            match self.api.query(&query, action, reading.turn).await {
                Ok(answered) => {
                    let mut page = raw(&answered, after, action)?;
                    if page.next == Next::Done {
                        page.next = Next::From(end);
                    }
                    return Ok(page);
                }
                Err(error) if is_too_large(&error) => last = error,
                Err(error) => return Err(error.into()),
            }
            span /= 2;
        }
        Err(last.into())
    }
}

/// The order of a window.
const ORDER: &str = "SystemModstamp ASC, Id ASC";

/// The visible fields of a table.
pub(super) fn select(table: Table, view: &View, config: &crate::SalesforceConfig) -> Select {
    let key = (table == Table::Task && view.org.has_key_field(config.mapping.key_field()))
        .then(|| config.mapping.key_field().to_owned());
    let fields = view.org.select(table).into_iter().map(str::to_owned).chain(key);
    let select = Select::new(table.object(), fields);
    if table == Table::Group {
        return select.and("Type = 'Queue'");
    }
    select
}

fn since(from: Timestamp) -> String {
    format!("SystemModstamp >= {}", soql::instant(from))
}

/// What comes behind a place; an empty id stands for "no row yet at this stamp".
fn behind(from: Timestamp, after: Option<&(Timestamp, String)>) -> String {
    match after {
        None => since(from),
        Some((at, id)) if id.is_empty() => since(*at),
        Some((at, id)) => {
            let at = soql::instant(*at);
            format!(
                "(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {}))",
                soql::quote(id)
            )
        }
    }
}

fn is_from(row: &Row, from: Timestamp) -> bool {
    // A row without a readable stamp is set aside later, with its reason.
    row.instant("SystemModstamp")
        .ok()
        .flatten()
        .is_none_or(|at| at >= from)
}

/// Reads an answer, and makes sure that it leads on.
fn raw(
    answered: &Answered,
    after: Option<&(Timestamp, String)>,
    action: &'static str,
) -> Result<RawPage, CallError> {
    let rows = answered.page.rows();
    let places: Vec<(Option<Timestamp>, &str)> = rows
        .iter()
        .map(|row| {
            let at = row.instant("SystemModstamp").ok().flatten();
            (at, row.text("Id").unwrap_or_default())
        })
        .collect();
    if let Some((last_at, last_id)) = after
        && !last_id.is_empty()
    {
        let is_back =
            |(at, id): &(Option<Timestamp>, &str)| id == last_id || at.is_some_and(|at| at < *last_at);
        if places.iter().any(is_back) {
            return Err(stuck(action));
        }
    }
    let next = if answered.page.done {
        Next::Done
    } else {
        match places.last() {
            Some((Some(at), id)) if !id.is_empty() => Next::After(*at, (*id).to_owned()),
            // More is promised, and nothing says behind what.
            _ => return Err(stuck(action)),
        }
    };
    Ok(RawPage {
        next,
        at: answered.at,
        rows,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::QueryPage;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_445_600 + second).unwrap()
    }

    fn answered(rows: &[(&str, i64)], done: bool) -> Answered {
        let records = rows
            .iter()
            .map(|(id, second)| json!({"Id": id, "SystemModstamp": at(*second).to_string()}))
            .collect();
        Answered {
            page: QueryPage {
                total: 9,
                done,
                records,
            },
            at: at(0),
        }
    }

    #[test]
    fn r2_rows_of_one_stamp_are_paged_by_id() {
        let page = raw(&answered(&[("00Q1", 5), ("00Q2", 5)], false), None, "read leads").unwrap();
        assert_eq!(page.next, Next::After(at(5), "00Q2".to_owned()));
        assert_eq!(
            behind(at(0), Some(&(at(5), "00Q2".to_owned()))),
            "(SystemModstamp > 2026-03-02T10:00:05Z OR (SystemModstamp = 2026-03-02T10:00:05Z AND Id > '00Q2'))"
        );
        assert_eq!(behind(at(0), None), "SystemModstamp >= 2026-03-02T10:00:00Z");
    }

    #[test]
    fn r2_a_server_that_ignores_the_place_is_noticed() {
        let after = (at(5), "00Q2".to_owned());
        assert!(raw(&answered(&[("00Q1", 5), ("00Q2", 5)], false), Some(&after), "x").is_err());
        assert!(raw(&answered(&[("00Q9", 4)], true), Some(&after), "x").is_err());
        assert!(raw(&answered(&[("00Q3", 5)], true), Some(&after), "x").is_ok());
    }

    #[test]
    fn r8_more_without_a_row_to_go_on_from_is_not_the_end() {
        assert!(raw(&answered(&[], false), None, "x").is_err());
        assert_eq!(raw(&answered(&[], true), None, "x").unwrap().next, Next::Done);
    }
}
