//! Observe: pull pages of changes into the store.
//!
//! The page loop is here, not in the connectors: each page is committed together with the cursor behind it, so a
//! crash between two pages repeats at most one. A stream that fails keeps its old watermark (and thereby blocks the
//! rules that need it); the other streams go on. Only a refused login stops the whole connection.
//!
//! [`Observer::pass`] brings what a plan needs; [`Observer::sweep`] comes behind it and takes its time.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{Connector, ConnectorError, Cursor, Lane, PageEnd, PullRequest, Record, Stream, Task};
use followup_store::{PageCommit, StoreError};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{planning, shared_store::SharedStore};

mod related;
mod sweep;

pub use related::{Relation, marks, round};
pub use sweep::{SWEEP_EVERY, Swept};

/// How often the settled lane runs.
pub const SETTLED_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// A server that always says "more" is stopped here; far above any real backfill (100 records a page).
const PAGES_MAX: u64 = 2_000_000;

/// How often streams that change rarely are read by the daemon; a single run reads everything.
const SLOW_EVERY: SignedDuration = SignedDuration::from_mins(15);

/// Which streams a pass reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pace {
    /// All of them.
    Everything,
    /// Those whose turn has come, given when each was last read.
    Spaced(BTreeMap<Stream, Timestamp>),
}

impl Pace {
    fn is_due(&self, stream: Stream, now: Timestamp) -> bool {
        match self {
            Self::Everything => true,
            Self::Spaced(last) => {
                let is_slow = matches!(stream, Stream::Owners | Stream::Accounts);
                let rested = |at: &Timestamp| now.duration_since(*at) >= SLOW_EVERY;
                !is_slow || last.get(&stream).is_none_or(rested)
            }
        }
    }
}

/// Told about every committed page, for progress bars.
pub trait Progress: Send + Sync {
    /// `done` records of a stream's lane are in, of `total` if the vendor tells.
    fn page(&self, stream: Stream, lane: Lane, done: u64, total: Option<u64>);
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn page(&self, _: Stream, _: Lane, _: u64, _: Option<u64>) {}
}

/// What one pass over a connection brought.
#[derive(Debug, Default)]
pub struct Observed {
    /// Records pulled, by stream.
    pub pulled: BTreeMap<Stream, u64>,
    /// Streams that were read to their end.
    pub read: BTreeSet<Stream>,
    /// Streams that could not be read this time.
    pub failures: Vec<(Stream, ConnectorError)>,
    /// The login was refused: nothing more was tried.
    pub refused: Option<ConnectorError>,
    /// Our own tasks as they were seen (to be joined with the ledger).
    pub own_tasks: Vec<Task>,
    /// Stopped by a signal before it was done.
    pub is_cut_short: bool,
}

/// One pass over every stream of a connection.
pub struct Observer<'a> {
    /// Where pages go.
    pub store: &'a SharedStore,
    /// Where pages come from.
    pub connector: &'a dyn Connector,
    /// Who wants to see progress.
    pub progress: &'a dyn Progress,
    /// Which streams are read.
    pub pace: Pace,
    /// Checked between pages.
    pub stop: &'a CancellationToken,
}

impl Observer<'_> {
    /// Backfills what is unfinished, reads the hot lane of every stream, and the settled lane where it is due.
    ///
    /// # Errors
    /// [`StoreError`] only: trouble with the CRM is in the answer.
    pub async fn pass(&self, now: Timestamp) -> Result<Observed, StoreError> {
        let mut observed = Observed::default();
        self.announce(now).await?;
        for &stream in self.connector.streams() {
            if !self.pace.is_due(stream, now) {
                continue;
            }
            match self.stream(stream, now, &mut observed).await {
                Ok(()) => {
                    observed.read.insert(stream);
                }
                Err(PullError::Store(error)) => return Err(error),
                Err(PullError::Crm(error @ ConnectorError::Unauthorized { .. })) => {
                    observed.refused = Some(error);
                    return Ok(observed);
                }
                Err(PullError::Crm(error)) => observed.failures.push((stream, error)),
            }
            if self.stop.is_cancelled() {
                observed.is_cut_short = true;
                return Ok(observed);
            }
        }
        Ok(observed)
    }

    /// Tells the connector how the lanes of this pass begin, so that one request may serve several.
    async fn announce(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut pulls = Vec::new();
        for &stream in self.connector.streams() {
            let connection = self.connector.connection().clone();
            let lanes = self
                .store
                .with(move |store| store.lanes(&connection, stream))
                .await?;
            if !lanes.backfill_done || !self.pace.is_due(stream, now) {
                continue;
            }
            let settled = is_settled_due(lanes.settled_at, now).then_some(Lane::Settled);
            for lane in [Some(Lane::Hot), settled].into_iter().flatten() {
                pulls.push(PullRequest {
                    stream,
                    lane,
                    cursor: self.cursor(stream, lane).await?,
                    now,
                });
            }
        }
        self.connector.announce(&pulls);
        Ok(())
    }

    async fn stream(&self, stream: Stream, now: Timestamp, observed: &mut Observed) -> Result<(), PullError> {
        let connection = self.connector.connection().clone();
        let lanes = self
            .store
            .with(move |store| store.lanes(&connection, stream))
            .await?;
        if !lanes.backfill_done {
            self.lane(stream, Lane::Backfill, now, observed).await?;
            return Ok(());
        }
        self.lane(stream, Lane::Hot, now, observed).await?;
        if is_settled_due(lanes.settled_at, now) && !self.stop.is_cancelled() {
            self.lane(stream, Lane::Settled, now, observed).await?;
        }
        Ok(())
    }

    /// Reads one lane to its end. A cursor the connector cannot use any more starts the lane again, once.
    async fn lane(
        &self,
        stream: Stream,
        lane: Lane,
        now: Timestamp,
        observed: &mut Observed,
    ) -> Result<(), PullError> {
        match self.pages(stream, lane, now, observed).await {
            Err(PullError::Crm(ConnectorError::Cursor { message, .. })) => {
                tracing::warn!(crm.connection = %self.connector.connection(), stream = %stream, lane = lane.as_str(),
                    reason = %message, "the cursor cannot be used; reading the lane again from its start");
                let connection = self.connector.connection().clone();
                self.store
                    .with(move |store| store.reset_lane(&connection, stream, lane))
                    .await?;
                self.pages(stream, lane, now, observed).await
            }
            other => other,
        }
    }

    async fn pages(
        &self,
        stream: Stream,
        lane: Lane,
        now: Timestamp,
        observed: &mut Observed,
    ) -> Result<(), PullError> {
        let mut done = 0;
        for _ in 0..PAGES_MAX {
            let cursor = self.cursor(stream, lane).await?;
            let page = self
                .connector
                .pull(PullRequest {
                    stream,
                    lane,
                    cursor,
                    now,
                })
                .await?;
            let (items, end, total) = (page.records.len() as u64, page.end, page.total);
            let own: Vec<Task> = page.records.iter().filter_map(own_task).collect();
            observed.own_tasks.extend(own.iter().cloned());
            done += items;
            *observed.pulled.entry(stream).or_default() += items;
            let connection = self.connector.connection().clone();
            self.store
                .with(move |store| {
                    // Journal first: behind a durable cursor the CRM shows these tasks no more, and a process that
                    // died before it knew them would take a lost directory for a new one.
                    planning::adopt(store, &own, now)?;
                    store.commit_page(PageCommit {
                        connection: &connection,
                        stream,
                        lane,
                        page: &page,
                        now,
                    })
                })
                .await?;
            self.progress.page(stream, lane, done, total);
            if matches!(end, PageEnd::ReadTo(_)) {
                return Ok(());
            }
            if self.stop.is_cancelled() {
                observed.is_cut_short = true;
                return Ok(());
            }
        }
        Err(PullError::Crm(ConnectorError::Decode {
            what: format!("{stream}"),
            message: format!("no end after {PAGES_MAX} pages"),
        }))
    }

    /// A hot or settled lane without a cursor of its own goes on from where the backfill ended.
    async fn cursor(&self, stream: Stream, lane: Lane) -> Result<Option<Cursor>, StoreError> {
        let connection = self.connector.connection().clone();
        self.store
            .with(move |store| {
                let own = store.cursor(&connection, stream, lane)?;
                match (own, lane) {
                    (None, Lane::Hot | Lane::Settled) => store.cursor(&connection, stream, Lane::Backfill),
                    (own, _) => Ok(own),
                }
            })
            .await
    }
}

fn is_settled_due(settled_at: Option<Timestamp>, now: Timestamp) -> bool {
    settled_at.is_none_or(|at| now.duration_since(at) >= SETTLED_EVERY)
}

fn own_task(record: &Record) -> Option<Task> {
    match record {
        Record::Task(task) if task.key.is_some() => Some(task.clone()),
        _ => None,
    }
}

enum PullError {
    Store(StoreError),
    Crm(ConnectorError),
}

impl From<StoreError> for PullError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ConnectorError> for PullError {
    fn from(error: ConnectorError) -> Self {
        Self::Crm(error)
    }
}
