//! A whole read by id: the first read of tables that fit a page or two, and sweeps.
//!
//! Each page is a query behind the last id, without a limit, so that the org says how many rows are left. A page that
//! shows far fewer than were left before is a broken answer and proves nothing (an empty one most of all).

use followup_core::{Gone, Lane, Page, PageEnd, RecordRef, Stream, task_text::KEY_MARK};
use jiff::SignedDuration;

use super::{Batch, Fault, Reading, batch::kind_in, window};
use crate::{
    Salesforce,
    api::{is_too_large, stuck},
    cursor::{self, Position},
    schema::Table,
    soql::{self, Select},
    wire::Row,
};

/// Above this many rows the first read of a table is an export: Salesforce's own advice.
pub(crate) const EXPORT_ABOVE: u64 = 2_000;
/// Rows that may vanish between two pages of a sweep without making it worthless, and the same in percent.
const VANISH_MAX: u64 = 50;
const VANISH_PERCENT: u64 = 5;
/// How far back deletions are asked for; Salesforce keeps them for 15 days.
const DELETED_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 14);

impl Salesforce {
    pub(super) async fn scan_page(&self, reading: Reading<'_>, position: Position) -> Result<Page, Fault> {
        let Position::Scan {
            started,
            mut part,
            after,
            seen,
            left,
            no_export,
        } = position
        else {
            return Ok(Batch::default().page(cursor::write(&position), PageEnd::More, None));
        };
        // Roles are read with their opportunities.
        if reading.tables.get(part) == Some(&Table::ContactRole) {
            part += 1;
        }
        let Some(table) = reading.tables.get(part).copied() else {
            return self.finished(reading, Batch::default(), started).await;
        };
        let action = table.schema().action;
        let behind = after.as_ref().map(|id| format!("Id > {}", soql::quote(id)));
        let select = self.scan_select(reading, table).and_maybe(behind).by("Id ASC");
        let may_export = reading.lane == Lane::Backfill && !no_export && after.is_none();
        let answered = match self.api.query(&select, action, reading.turn).await {
            Ok(answered) => answered,
            Err(error) if may_export && is_too_large(&error) => {
                return Ok(to_export(started, part, None));
            }
            Err(error) => return Err(error.into()),
        };
        let page = answered.page;
        if may_export && !page.done && page.total > EXPORT_ABOVE {
            return Ok(to_export(started, part, Some(page.total)));
        }
        let rows = page.rows();
        let last = rows.last().and_then(|row| row.text("Id")).map(str::to_owned);
        let is_back = after.is_some() && rows.iter().any(|row| row.text("Id") == after.as_deref());
        if is_back || (!page.done && last.is_none()) || is_short(left, page.total) {
            return Err(stuck(action).into());
        }
        let count = rows.len() as u64;
        let total = seen + page.total;
        let batch = self
            .batch(reading, table, &rows.iter().collect::<Vec<&Row>>())
            .await?;
        if page.done {
            return self.after_table(reading, batch, started, part, no_export).await;
        }
        let next = Position::Scan {
            started,
            part,
            after: last,
            seen: seen + count,
            left: Some(page.total.saturating_sub(count)),
            no_export,
        };
        let presence = presence(reading, &batch);
        let mut page = batch.page(cursor::write(&next), PageEnd::More, Some(total));
        page.seen = presence;
        Ok(page)
    }

    /// The page that ends a table: the next table, or the end of the lane.
    pub(super) async fn after_table(
        &self,
        reading: Reading<'_>,
        batch: Batch,
        started: jiff::Timestamp,
        part: usize,
        no_export: bool,
    ) -> Result<Page, Fault> {
        let rest = reading.tables.iter().skip(part + 1);
        if rest.filter(|table| **table != Table::ContactRole).count() == 0 {
            return self.finished(reading, batch, started).await;
        }
        let presence = presence(reading, &batch);
        let next = Position::scan(started, part + 1, no_export);
        let mut page = batch.page(cursor::write(&next), PageEnd::More, None);
        page.seen = presence;
        Ok(page)
    }

    /// The last page of a whole read. A sweep also asks for what left the recycle bin.
    async fn finished(
        &self,
        reading: Reading<'_>,
        mut batch: Batch,
        started: jiff::Timestamp,
    ) -> Result<Page, Fault> {
        let presence = presence(reading, &batch);
        let main = reading.tables.first().copied();
        // Calls are some of the tasks: which of the deleted ones were calls, nobody can say.
        if reading.lane == Lane::Sweep
            && reading.stream != Stream::Calls
            && let Some(table) = main.filter(|table| table.can_be_deleted())
        {
            let kind = kind_in(reading.stream, table);
            for (id, at) in self.api.deleted(table, DELETED_WITHIN, reading.turn).await? {
                let id = RecordRef::new(self.config.connection.clone(), kind, id);
                batch.gone.push(Gone {
                    id,
                    merged_into: None,
                    at,
                });
            }
        }
        let done = Position::Follow { since: started };
        let mut page = batch.page(cursor::write(&done), PageEnd::ReadTo(started), None);
        page.seen = presence;
        Ok(page)
    }

    /// What a whole read of a table asks for: live rows, those of the stream, and not those too old to be wanted.
    pub(super) fn scan_select(&self, reading: Reading<'_>, table: Table) -> Select {
        let view = reading.view;
        let select = window::select(table, view, &self.config);
        let mapping = &self.config.mapping;
        let live = (table.can_be_deleted()).then(|| match (table, reading.stream) {
            // A rep who deleted a task of ours has answered it.
            (Table::Task, Stream::Tasks) if view.org.has_key_field(mapping.key_field()) => soql::any(&[
                "IsDeleted = false".to_owned(),
                format!("{} != null", mapping.key_field()),
            ]),
            (Table::Task, Stream::Tasks) => soql::any(&[
                "IsDeleted = false".to_owned(),
                format!("Subject LIKE '%{KEY_MARK}%'"),
            ]),
            _ => "IsDeleted = false".to_owned(),
        });
        let since = self.config.backfill_since.map(|since| {
            let since = soql::instant(soql::second_floor(since));
            match table {
                Table::Task if reading.stream == Stream::Tasks => Some(soql::any(&[
                    format!("CreatedDate >= {since}"),
                    "IsClosed = false".to_owned(),
                ])),
                Table::Task => Some(format!("CreatedDate >= {since}")),
                Table::Event => Some(soql::any(&[
                    format!("CreatedDate >= {since}"),
                    format!("StartDateTime >= {since}"),
                ])),
                Table::EmailMessage => Some(format!("MessageDate >= {since}")),
                _ => None,
            }
        });
        let closed =
            (table == Table::Task && reading.stream != Stream::Tasks).then(|| "IsClosed = true".to_owned());
        select
            .and_maybe(live)
            .and_maybe(since.flatten())
            .and_maybe(closed)
    }
}

/// Sweeps tell what is there.
fn presence(reading: Reading<'_>, batch: &Batch) -> Option<Vec<RecordRef>> {
    Salesforce::shows_presence(reading.lane).then(|| batch.seen())
}

fn to_export(started: jiff::Timestamp, part: usize, total: Option<u64>) -> Page {
    let next = Position::Export {
        started,
        part,
        rows: 0,
    };
    Batch::default().page(cursor::write(&next), PageEnd::More, total)
}

/// Whether a page shows far fewer rows than were left before it.
fn is_short(left: Option<u64>, total: u64) -> bool {
    left.is_some_and(|left| {
        let slack = VANISH_MAX.max(left * VANISH_PERCENT / 100);
        // Nothing where something was left is never believed.
        total + slack < left || (total == 0 && left > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r7_an_empty_or_short_page_in_the_middle_proves_nothing() {
        assert!(!is_short(None, 0));
        assert!(!is_short(Some(3_000), 2_960));
        assert!(!is_short(Some(3_000), 3_100), "new rows are welcome");
        assert!(is_short(Some(3_000), 0));
        assert!(is_short(Some(40), 0));
        assert!(is_short(Some(100_000), 90_000));
        assert!(!is_short(Some(100_000), 96_000));
    }
}
