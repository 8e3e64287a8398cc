//! The first read of a large table by an export job.
//!
//! The job and what of it was fetched live in memory only. After a restart, or when the caller comes back with an older
//! cursor, the job is made anew and rows come again, which is harmless. Exports come in no order, so there is no place
//! in them that a cursor could name.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use followup_core::{Lane, Page, PageEnd, Stream};
use followup_transport::Cause;
use jiff::Timestamp;

use super::{Batch, Fault, Reading};
use crate::{
    Salesforce,
    api::{Job, is_hidden_field},
    cursor::{self, Position},
    schema::Table,
    wire::Row,
};

/// Rows delivered at once.
const ROWS_A_PAGE: usize = 2_000;
/// Looks after a job within one call; the caller may stop between calls.
const LOOKS: u32 = 12;
/// Pause between looks: grows to the last one.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Looks after which a job that does not end is given up: hours.
const LOOKS_MAX: u32 = 3_000;

/// Jobs under way, by stream and table.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    running: BTreeMap<(Stream, usize), Export>,
}

/// One job.
#[derive(Debug)]
struct Export {
    id: String,
    is_complete: bool,
    looks: u32,
    /// Where the next rows are; `None` before the first fetch and behind the last.
    locator: Option<String>,
    is_fetched: bool,
    waiting: VecDeque<Row>,
    delivered: u64,
}

impl Salesforce {
    pub(super) async fn export_page(
        &self,
        reading: Reading<'_>,
        started: Timestamp,
        part: usize,
        rows: u64,
    ) -> Result<Page, Fault> {
        let Some(table) = reading.tables.get(part).copied() else {
            return self
                .after_table(reading, Batch::default(), started, part, false)
                .await;
        };
        if reading.lane != Lane::Backfill {
            // Only first reads are exports; any other lane with such a cursor reads by id.
            return self.scan_page(reading, Position::scan(started, part, true)).await;
        }
        let key = (reading.stream, part);
        let known = self.exports().running.remove(&key);
        let mut export = match known.filter(|export| export.delivered == rows) {
            Some(export) => export,
            None => match self.new_export(reading, table).await? {
                Some(export) => export,
                None => return Ok(by_id(started, part)),
            },
        };
        if !export.is_complete {
            match self.wait_for(&mut export, reading).await? {
                Job::Complete => {}
                Job::Running => {
                    let rows = export.delivered;
                    self.exports().running.insert(key, export);
                    let next = Position::Export { started, part, rows };
                    return Ok(Batch::default().page(cursor::write(&next), PageEnd::More, None));
                }
                Job::Failed(reason) => {
                    tracing::warn!(crm.connection = %self.config.connection, stream = %reading.stream, reason = %reason,
                        "an export failed; reading by id instead");
                    return Ok(by_id(started, part));
                }
            }
        }
        let fetched = self.fetch(&mut export, reading).await;
        if let Err(error) = fetched {
            // The job stays: the same rows can be fetched again.
            self.exports().running.insert(key, export);
            return Err(error);
        }
        let rows: Vec<Row> = export
            .waiting
            .drain(..export.waiting.len().min(ROWS_A_PAGE))
            .collect();
        let batch = self
            .batch(reading, table, &rows.iter().collect::<Vec<&Row>>())
            .await;
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                for row in rows.into_iter().rev() {
                    export.waiting.push_front(row);
                }
                self.exports().running.insert(key, export);
                return Err(error);
            }
        };
        export.delivered += rows.len() as u64;
        let is_last = export.is_fetched && export.locator.is_none() && export.waiting.is_empty();
        if is_last {
            self.api.end_export(&export.id, reading.turn.now).await;
            return self.after_table(reading, batch, started, part, false).await;
        }
        let next = Position::Export {
            started,
            part,
            rows: export.delivered,
        };
        self.exports().running.insert(key, export);
        Ok(batch.page(cursor::write(&next), PageEnd::More, None))
    }

    /// Asks for a job; `None` where the org or the user has no exports.
    async fn new_export(&self, reading: Reading<'_>, table: Table) -> Result<Option<Export>, Fault> {
        let select = self.scan_select(reading, table);
        match self.api.start_export(&select, reading.turn).await {
            Ok(id) => Ok(Some(Export {
                id,
                is_complete: false,
                looks: 0,
                locator: None,
                is_fetched: false,
                waiting: VecDeque::new(),
                delivered: 0,
            })),
            Err(error) if is_hidden_field(&error) => Err(error.into()),
            Err(error)
                if matches!(
                    error.cause,
                    Cause::Forbidden { .. } | Cause::NotFound | Cause::Refused
                ) =>
            {
                tracing::info!(crm.connection = %self.config.connection, stream = %reading.stream, reason = %error,
                    "exports cannot be used; reading by id instead");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks after a job until it ends or it is time to let the caller look around.
    async fn wait_for(&self, export: &mut Export, reading: Reading<'_>) -> Result<Job, Fault> {
        for _ in 0..LOOKS {
            let state = self.api.export_state(&export.id, reading.turn).await?;
            export.looks += 1;
            match state {
                Job::Complete => {
                    export.is_complete = true;
                    return Ok(Job::Complete);
                }
                Job::Failed(reason) => return Ok(Job::Failed(reason)),
                Job::Running if export.looks >= LOOKS_MAX => {
                    return Ok(Job::Failed("it does not end".to_owned()));
                }
                Job::Running => {
                    let pause = Duration::from_secs(u64::from(export.looks)).min(PAUSE_MAX);
                    tokio::time::sleep(pause).await;
                }
            }
        }
        Ok(Job::Running)
    }

    /// Fetches the next rows if none are waiting.
    async fn fetch(&self, export: &mut Export, reading: Reading<'_>) -> Result<(), Fault> {
        let has_more = !export.is_fetched || export.locator.is_some();
        if !export.waiting.is_empty() || !has_more {
            return Ok(());
        }
        let page = self
            .api
            .export_page(&export.id, export.locator.as_deref(), reading.turn)
            .await?;
        export.waiting.extend(page.rows);
        export.locator = page.next;
        export.is_fetched = true;
        Ok(())
    }
}

/// On by id, without another try of an export.
fn by_id(started: Timestamp, part: usize) -> Page {
    let next = Position::scan(started, part, true);
    Batch::default().page(cursor::write(&next), PageEnd::More, None)
}
