//! Export jobs (Bulk API 2.0 guide, query jobs; read 2026-11): made, waited for, fetched page by page, removed.
//!
//! The last page says `Sforce-Locator: null`, four letters. A page without that header says nothing about what comes
//! and is no page; one with fewer rows than `Sforce-NumberOfRecords` was cut.

use followup_transport::{Call, CallError, Kind, Priority};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Api, Turn, failure};
use crate::{
    csv,
    soql::Select,
    wire::{JobWire, Row},
};

/// Rows fetched at once: some megabytes.
const ROWS_MAX: usize = 10_000;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    /// Its rows can be fetched.
    Complete,
    /// Not yet.
    Running,
    /// It will never be; the reason.
    Failed(String),
}

/// Some rows of an export.
#[derive(Debug)]
pub(crate) struct ExportPage {
    pub(crate) rows: Vec<Row>,
    /// Where the next ones are; `None` = these were the last.
    pub(crate) next: Option<String>,
}

impl Api {
    /// Asks for an export; answers the job's id. An export changes no data, so a lost answer costs one job.
    pub(crate) async fn start_export(&self, select: &Select, turn: Turn) -> Result<String, CallError> {
        let body = json!({"operation": "queryAll", "query": select.text()});
        let call = Call::read_by_post(self.paths.jobs(), body, turn.priority, "ask for an export");
        Ok(self.send::<JobWire>(call, turn.now).await?.body.id)
    }

    pub(crate) async fn export_state(&self, id: &str, turn: Turn) -> Result<Job, CallError> {
        let call = Call::get(self.paths.job(id), turn.priority, "look after an export");
        let job = self.send::<JobWire>(call, turn.now).await?.body;
        Ok(match job.state.as_str() {
            "JobComplete" => Job::Complete,
            "Failed" | "Aborted" => Job::Failed(job.error.unwrap_or(job.state)),
            _ => Job::Running,
        })
    }

    pub(crate) async fn export_page(
        &self,
        id: &str,
        locator: Option<&str>,
        turn: Turn,
    ) -> Result<ExportPage, CallError> {
        let action = "fetch an export";
        let garbled = |message: String| failure(action, followup_transport::Cause::Decode, message);
        let path = self.paths.results(id, ROWS_MAX, locator);
        let call = Call::get(path, turn.priority, action).as_csv();
        let answer = self.send::<String>(call, turn.now).await?;
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let next = match header("sforce-locator") {
            Some("null") => None,
            Some(locator) if !locator.is_empty() => Some(locator.to_owned()),
            _ => {
                return Err(garbled(
                    "the page does not say whether it is the last one".to_owned(),
                ));
            }
        };
        let (names, lines) = csv::parse(&answer.body).map_err(garbled)?;
        let stated = header("sforce-numberofrecords").and_then(|count| count.parse::<usize>().ok());
        if stated.is_some_and(|stated| stated != lines.len()) {
            return Err(garbled(
                "the page holds another number of rows than it says".to_owned(),
            ));
        }
        Ok(ExportPage {
            rows: lines.iter().map(|line| Row::of_csv(&names, line)).collect(),
            next,
        })
    }

    /// Removes a job whose rows are in. Left behind, it ends by itself after a week.
    pub(crate) async fn end_export(&self, id: &str, now: Timestamp) {
        let call = Call {
            kind: Kind::Read,
            priority: Priority::Backfill,
            ..Call::write(
                Method::DELETE,
                self.paths.job(id),
                None,
                "remove a finished export",
            )
        };
        if let Err(error) = self.send::<Value>(call, now).await {
            tracing::debug!(reason = %error, "a finished export was not removed; it ends by itself");
        }
    }
}
