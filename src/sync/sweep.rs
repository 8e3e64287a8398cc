//! The slow scan behind the other lanes: what they missed comes in, what vanished without a trace goes.
//!
//! Each stream is listed about once a day, some pages a cycle, after everything else is done. A pass that was read to
//! its end is compared with the cache: what it did not show, although it was known before, is looked up by id. What
//! that brings was missed by the other lanes; the rest is gone. Nothing is concluded from a pass that did not prove
//! itself complete, and if a large part of a stream would go at once, writes freeze and an admin is asked.

use followup_core::{ConnectorError, Lane, PageEnd, PullRequest, RecordRef, Stream, Task};
use followup_store::{
    PageCommit, Place, Store, StoreError, SweepPart, SweepState,
    ledger::{Entry, FreezeReason},
};
use jiff::{SignedDuration, Timestamp};

use super::{Observer, PullError, own_task};

/// How often each stream is listed.
pub const SWEEP_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// How long a pass rests that failed.
const RETRY_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Pages, and look-ups by id, of one cycle, all streams together.
const STEPS_PER_CYCLE: usize = 20;

/// Records looked up by id at once.
const LOOKED_UP: usize = 100;

/// Cached records compared in one turn of the store.
const COMPARED: usize = 10_000;

/// So many records may vanish at once without asking …
const VANISHING_MAX: u64 = 50;

/// … and so much of a stream, in percent.
const VANISHING_PERCENT: u64 = 5;

/// What the sweep of a cycle brought.
#[derive(Debug, Default)]
pub struct Swept {
    /// Streams that could not be swept on.
    pub failures: Vec<(Stream, ConnectorError)>,
    /// The login was refused: nothing more was tried.
    pub refused: Option<ConnectorError>,
    /// Our own tasks as they were seen (to be joined with the ledger).
    pub own_tasks: Vec<Task>,
    /// Streams of which too much would vanish at once: an admin is asked.
    pub vanishing: Vec<Stream>,
}

/// Whether a stream has something to sweep now.
fn is_due(state: &SweepState, now: Timestamp) -> bool {
    let rested = |at: Option<Timestamp>, rest| at.is_none_or(|at: Timestamp| now.duration_since(at) >= rest);
    let is_under_way = state.started.is_some() || state.read_out.is_some();
    rested(state.failed_at, RETRY_AFTER) && (is_under_way || rested(state.listed_at, SWEEP_EVERY))
}

/// What became of a part of a sweep.
enum Step {
    /// There is more, in the next cycle.
    Later,
    /// The pass is over.
    Ended,
}

impl Observer<'_> {
    /// Goes on with the sweeps that are due, some pages; what is left goes on in the next cycle.
    ///
    /// # Errors
    /// [`StoreError`] only: trouble with the CRM is in the answer.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let mut left = STEPS_PER_CYCLE;
        for &stream in self.connector.streams() {
            if left == 0 || self.stop.is_cancelled() {
                break;
            }
            let error = match self.sweep_stream(stream, now, &mut left, &mut swept).await {
                Ok(()) => continue,
                Err(PullError::Store(error)) => return Err(error),
                Err(PullError::Crm(error)) => error,
            };
            match error {
                // The day's share is for others now.
                ConnectorError::Throttled { .. } => {
                    tracing::debug!(crm.connection = %self.connector.connection(), stream = %stream,
                        "no budget for the sweep now");
                    break;
                }
                error @ ConnectorError::Unauthorized { .. } => {
                    swept.refused = Some(error);
                    break;
                }
                error => {
                    let is_void = matches!(error, ConnectorError::Cursor { .. });
                    let connection = self.connector.connection().clone();
                    self.store
                        .with(move |store| store.fail_sweep(&connection, stream, now, is_void))
                        .await?;
                    swept.failures.push((stream, error));
                }
            }
        }
        Ok(swept)
    }

    async fn sweep_stream(
        &self,
        stream: Stream,
        now: Timestamp,
        left: &mut usize,
        swept: &mut Swept,
    ) -> Result<(), PullError> {
        let connection = self.connector.connection().clone();
        let (state, is_listed) = self
            .store
            .with(move |store| {
                let is_listed = store.lanes(&connection, stream)?.backfill_done;
                Ok((store.sweep(&connection, stream)?, is_listed))
            })
            .await?;
        if !is_listed || !is_due(&state, now) {
            return Ok(());
        }
        if state.read_out.is_none()
            && let Step::Later = self.sweep_pages(stream, now, left, swept).await?
        {
            return Ok(());
        }
        self.conclude(stream, now, left, swept).await
    }

    /// Reads pages of a pass up to its end, or as many as this cycle may.
    async fn sweep_pages(
        &self,
        stream: Stream,
        now: Timestamp,
        left: &mut usize,
        swept: &mut Swept,
    ) -> Result<Step, PullError> {
        let mut done = 0;
        while *left > 0 && !self.stop.is_cancelled() {
            *left -= 1;
            let cursor = self.cursor(stream, Lane::Sweep).await?;
            let page = self
                .connector
                .pull(PullRequest {
                    stream,
                    lane: Lane::Sweep,
                    cursor,
                    now,
                })
                .await?;
            let (end, total) = (page.end, page.total);
            done += page.records.len() as u64;
            swept.own_tasks.extend(page.records.iter().filter_map(own_task));
            let connection = self.connector.connection().clone();
            self.store
                .with(move |store| {
                    store.commit_page(PageCommit {
                        connection: &connection,
                        stream,
                        lane: Lane::Sweep,
                        page: &page,
                        now,
                    })
                })
                .await?;
            self.progress.page(stream, Lane::Sweep, done, total);
            if matches!(end, PageEnd::ReadTo(_)) {
                return Ok(Step::Ended);
            }
        }
        Ok(Step::Later)
    }

    /// Draws the conclusions of a pass that was read to its end.
    async fn conclude(
        &self,
        stream: Stream,
        now: Timestamp,
        left: &mut usize,
        swept: &mut Swept,
    ) -> Result<(), PullError> {
        if self.is_asked_about(stream).await? {
            return Ok(());
        }
        let mut absent = self.compare(stream).await?;
        if absent.is_too_much() && !self.may_vanish(stream, &absent, now).await? {
            swept.vanishing.push(stream);
            return Ok(());
        }
        absent.ids.truncate(*left * LOOKED_UP);
        let is_whole = absent.ids.len() as u64 == absent.missing;
        for asked in absent.ids.chunks(LOOKED_UP) {
            if self.stop.is_cancelled() {
                return Ok(());
            }
            *left -= 1;
            self.look_up(stream, asked.to_vec(), now, swept).await?;
        }
        if is_whole {
            let connection = self.connector.connection().clone();
            let ended = self
                .store
                .with(move |store| store.end_sweep(&connection, stream))
                .await?;
            tracing::info!(crm.connection = %self.connector.connection(), stream = %stream,
                missing = absent.missing, missed = ended.missed.unwrap_or_default(), "sweep done");
        }
        Ok(())
    }

    /// Whether writes are frozen because of this very stream: an admin has not answered yet.
    async fn is_asked_about(&self, stream: Stream) -> Result<bool, StoreError> {
        let name = self.connector.connection().clone();
        self.store
            .with(move |store| {
                Ok(matches!(store.ledger().frozen(),
                    Some(FreezeReason::Vanishing { connection, stream: asked, .. })
                        if *connection == name && asked == stream.as_str()))
            })
            .await
    }

    /// Compares the cache with what the pass saw, in turns that do not hold others up.
    async fn compare(&self, stream: Stream) -> Result<Absent, StoreError> {
        let mut absent = Absent::default();
        let mut place: Option<Place> = None;
        loop {
            let connection = self.connector.connection().clone();
            let part = self
                .store
                .with(move |store| store.sweep_missing(&connection, stream, place, COMPARED))
                .await?;
            absent.cached += part.looked_at;
            absent.missing += part.missing.len() as u64;
            let room = (STEPS_PER_CYCLE * LOOKED_UP).saturating_sub(absent.ids.len());
            absent.ids.extend(part.missing.into_iter().take(room));
            place = part.next;
            if place.is_none() {
                return Ok(absent);
            }
        }
    }

    /// Whether an admin let this pass take a large part of a stream for gone; else writes freeze, and he is asked.
    async fn may_vanish(&self, stream: Stream, absent: &Absent, now: Timestamp) -> Result<bool, StoreError> {
        let connection = self.connector.connection().clone();
        let (missing, cached) = (absent.missing, absent.cached);
        self.store
            .with(move |store| {
                let Some(began) = store.sweep(&connection, stream)?.read_out else {
                    return Ok(false);
                };
                if store.ledger().may_vanish(&connection, stream, began) {
                    return Ok(true);
                }
                // Another freeze is lifted first: confirming one must not confirm the other.
                if store.ledger().frozen().is_none() {
                    store.record(&[Entry::Frozen {
                        reason: FreezeReason::Vanishing {
                            connection,
                            stream: stream.as_str().to_owned(),
                            missing,
                            cached,
                            began,
                        },
                        at: now,
                    }])?;
                }
                Ok(false)
            })
            .await
    }

    /// Looks missing records up by id: what is there comes in, the rest is gone.
    async fn look_up(
        &self,
        stream: Stream,
        asked: Vec<RecordRef>,
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<(), PullError> {
        let back = self.connector.read(&asked, now).await?;
        swept.own_tasks.extend(back.records.iter().filter_map(own_task));
        let connection = self.connector.connection().clone();
        self.store
            .with(move |store: &mut Store| {
                store.settle_missing(&SweepPart {
                    connection: &connection,
                    stream,
                    asked: &asked,
                    back: &back,
                })
            })
            .await?;
        Ok(())
    }
}

/// Cached records that a pass did not see.
#[derive(Debug, Default)]
struct Absent {
    /// As many of them as one cycle can look up.
    ids: Vec<RecordRef>,
    /// How many there are.
    missing: u64,
    /// Of how many.
    cached: u64,
}

impl Absent {
    const fn is_too_much(&self) -> bool {
        self.missing > VANISHING_MAX && self.missing * 100 > self.cached * VANISHING_PERCENT
    }
}
