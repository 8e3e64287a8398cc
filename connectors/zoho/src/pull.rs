//! One page of changes: which lane reads by which route.
//!
//! | Lane | Route | Ends |
//! |---|---|---|
//! | backfill, sweep | queries by id, 2,000 rows for three credits, where rows can be read whole that way (contacts, accounts, deals); else a list | at the instant it began |
//! | hot | list of what changed since a little before the last pass | now |
//! | settled | nothing while the hot lane reads far enough back by itself, else as hot; then what was deleted | now |
//!
//! A list is sorted by change, oldest first, and walked by page tokens (or page numbers, up to ten). Tokens live in memory:
//! after a restart, or when one has died, the walk begins again at the last change it has seen. Stamps have whole seconds
//! and rows become visible late, so each pass reads back [`crate::ZohoConfig::overlap`], and no lane believes more than
//! the org's own clock. An empty answer (204, 304) is the end only where nothing more was promised.

mod deleted;
mod details;
mod scan;
mod walk;

use followup_core::{
    Batch, ConnectorError, Cursor, Lane, Page, PageEnd, PullRequest, Quarantined, RecordRef, Stream,
};
use followup_transport::{CallError, Cause, Priority};
use jiff::{SignedDuration, Timestamp};

use crate::{
    Zoho,
    api::{Turn, is_unknown_field, second_floor},
    cursor::{self, Position},
    map::{Context, Details, map_user},
    schema::{Module, STREAMS, module_of},
    view::View,
    wire::Row,
};

pub(crate) use details::Whose;
pub(crate) use walk::Walked;

/// How far back deletions are asked for by a connection that has asked for none yet.
const DELETED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What keeps a page from being read.
pub(crate) enum Fault {
    /// A call failed; the body of the refusal may say more.
    Call(CallError),
    /// The stream, the cursor or the rows are not what they must be.
    Core(ConnectorError),
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<ConnectorError> for Fault {
    fn from(error: ConnectorError) -> Self {
        Self::Core(error)
    }
}

impl From<Fault> for ConnectorError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Call(error) => error.into(),
            Fault::Core(error) => error,
        }
    }
}

/// A lane of a stream being read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) stream: Stream,
    pub(crate) lane: Lane,
    /// The modules that are read for it, the one that carries the records first.
    pub(crate) modules: &'a [Module],
    pub(crate) view: &'a View,
    pub(crate) turn: Turn,
}

impl Zoho {
    pub(crate) async fn pull_page(&self, request: PullRequest) -> Result<Page, ConnectorError> {
        let result = match self.try_page(&request).await {
            // A field was hidden since it was last looked: look again, once.
            Err(Fault::Call(error)) if is_unknown_field(&error) => {
                self.forget_org();
                self.try_page(&request).await
            }
            other => other,
        };
        if let (Err(Fault::Call(error)), Some(module)) = (&result, module_of(request.stream))
            && let Cause::Forbidden { missing, .. } = &error.cause
        {
            // Asking again costs a credit each time; an hour later is soon enough.
            self.remembered()
                .closed
                .insert(module, (request.now, missing.clone()));
        }
        result.map_err(ConnectorError::from)
    }

    async fn try_page(&self, request: &PullRequest) -> Result<Page, Fault> {
        let (stream, lane) = (request.stream, request.lane);
        let turn = Turn {
            priority: Priority::of(stream, lane),
            now: request.now,
        };
        let view = self.view(turn).await?;
        let modules = self.open_modules(stream, lane, &view, turn.now)?;
        let reading = Reading {
            stream,
            lane,
            modules: &modules,
            view: &view,
            turn,
        };
        if stream == Stream::Owners {
            return self.users_page(reading, request.cursor.as_ref()).await;
        }
        let position = match &request.cursor {
            Some(cursor) => cursor::read(cursor, stream)?,
            None => self.beginning(reading),
        };
        match position {
            Position::Follow { since, deleted_to } => self.next_pass(reading, since, deleted_to).await,
            Position::Scan { started, after } => self.scan_page(reading, started, after).await,
            walk @ Position::Walk { .. } => self.walk_page(reading, walk).await,
        }
    }

    /// The beginning of a whole read.
    fn beginning(&self, reading: Reading<'_>) -> Position {
        let now = reading.turn.now;
        let is_plain = reading.modules.iter().all(|module| module.is_plain());
        if is_plain && self.no_queries().is_none() {
            return Position::Scan {
                started: now,
                after: None,
            };
        }
        Self::walk_from_the_start(now)
    }

    fn walk_from_the_start(now: Timestamp) -> Position {
        Position::Walk {
            from: None,
            until: now,
            part: 0,
            after: None,
            deleted_to: now,
        }
    }

    /// Begins the next pass of a lane.
    async fn next_pass(
        &self,
        reading: Reading<'_>,
        since: Timestamp,
        deleted_to: Timestamp,
    ) -> Result<Page, Fault> {
        let now = reading.turn.now;
        match reading.lane {
            Lane::Backfill => {
                let rest = Position::Follow { since, deleted_to };
                Ok(Batch::default().page(cursor::write(&rest), PageEnd::ReadTo(since), None))
            }
            Lane::Sweep => match self.beginning(reading) {
                Position::Scan { started, after } => self.scan_page(reading, started, after).await,
                walk => self.walk_page(reading, walk).await,
            },
            Lane::Settled if self.hot_has_read(reading.stream, since) => {
                let until = self.hot_read_to(reading.stream).unwrap_or(now).min(now);
                self.finish(reading, Batch::default(), until, deleted_to).await
            }
            Lane::Hot | Lane::Settled => {
                let walk = Position::Walk {
                    from: Some(second_floor(since - self.config.overlap)),
                    until: now,
                    part: 0,
                    after: None,
                    deleted_to,
                };
                self.walk_page(reading, walk).await
            }
        }
    }

    /// Whether the passes of the hot lane in this run, each of which reads back the whole overlap, join without a gap up
    /// from this instant: then reading the same again would bring nothing.
    fn hot_has_read(&self, stream: Stream, since: Timestamp) -> bool {
        let first = since - self.config.overlap;
        self.remembered()
            .passes
            .get(&stream)
            .is_some_and(|(from, until)| *from <= first && *until >= since)
    }

    fn hot_read_to(&self, stream: Stream) -> Option<Timestamp> {
        self.remembered().passes.get(&stream).map(|(_, until)| *until)
    }

    /// Notes a finished pass of the hot lane.
    fn note_pass(&self, stream: Stream, from: Timestamp, until: Timestamp) {
        let mut remembered = self.remembered();
        let pass = remembered.passes.entry(stream).or_insert((from, until));
        // A pass that begins behind the end of the last one leaves a gap.
        if from > pass.1 {
            pass.0 = from;
        }
        pass.1 = pass.1.max(until);
    }

    /// The last page of a pass. The settled lane also brings what was deleted, where that is due.
    async fn finish(
        &self,
        reading: Reading<'_>,
        mut batch: Batch,
        until: Timestamp,
        deleted_to: Timestamp,
    ) -> Result<Page, Fault> {
        let deleted_to = match reading.lane {
            Lane::Settled => match self.deletions(reading, deleted_to, &mut batch).await {
                // Before a task is written its records are read by id, and sweeps find what left: this can wait.
                Err(Fault::Call(CallError {
                    cause: Cause::Throttled { .. },
                    ..
                })) => deleted_to,
                other => other?,
            },
            _ => deleted_to,
        };
        let seen = presence(reading.lane, &batch);
        let done = Position::Follow {
            since: until,
            deleted_to,
        };
        let mut page = batch.page(cursor::write(&done), PageEnd::ReadTo(until), None);
        page.seen = seen;
        Ok(page)
    }

    /// The modules that are read for a stream in a lane. Calls still to be made are to-dos: a sweep of tasks looks for
    /// them too.
    fn open_modules(
        &self,
        stream: Stream,
        lane: Lane,
        view: &View,
        now: Timestamp,
    ) -> Result<Vec<Module>, ConnectorError> {
        if !STREAMS.contains(&stream) {
            return Err(ConnectorError::Refused {
                action: format!("read {stream}"),
                message: "this connector has no such stream".to_owned(),
            });
        }
        let Some(module) = module_of(stream) else {
            return Ok(Vec::new());
        };
        if let Some(missing) = self.closed(module, view, now) {
            return Err(ConnectorError::Forbidden {
                action: module.action().to_owned(),
                fix: fix_of(&missing),
                missing,
            });
        }
        let calls = (stream == Stream::Tasks && lane == Lane::Sweep)
            .then_some(Module::Calls)
            .filter(|calls| self.closed(*calls, view, now).is_none());
        Ok([module].into_iter().chain(calls).collect())
    }

    /// Users are few: each pass reads those that changed, or all.
    async fn users_page(&self, reading: Reading<'_>, cursor: Option<&Cursor>) -> Result<Page, Fault> {
        let since = match cursor
            .map(|cursor| cursor::read(cursor, reading.stream))
            .transpose()?
        {
            Some(Position::Follow { since, .. }) if reading.lane != Lane::Sweep => Some(since),
            _ => None,
        };
        if let (Lane::Settled, Some(since)) = (reading.lane, since)
            && self.hot_has_read(reading.stream, since)
        {
            let until = self.hot_read_to(reading.stream).unwrap_or(reading.turn.now);
            return self
                .finish(reading, Batch::default(), until.min(reading.turn.now), since)
                .await;
        }
        let from = since.map(|since| second_floor(since - self.config.overlap));
        let (rows, read_to) = self.all_users(from, reading.turn).await?;
        self.remember_users(&rows);
        let details = Details::default();
        let context = self.context(reading.view, &details, reading.turn.now);
        let mut batch = Batch::default();
        for row in &rows {
            match map_user(&context, row) {
                Ok(owner) => batch.records.push(followup_core::Record::Owner(owner)),
                Err(reason) => {
                    if let Ok(id) = row.id() {
                        let id = context.record(followup_core::RecordKind::Owner, id);
                        batch.quarantined.push(Quarantined { id, reason });
                    }
                }
            }
        }
        if let (Lane::Hot, Some(from)) = (reading.lane, from) {
            self.note_pass(reading.stream, from, read_to);
        }
        self.finish(reading, batch, read_to, read_to).await
    }

    /// What a mapping knows.
    pub(crate) fn context<'a>(&'a self, view: &'a View, details: &'a Details, now: Timestamp) -> Context<'a> {
        Context {
            connection: &self.config.connection,
            mapping: &self.config.mapping,
            setup: &view.setup,
            owners: &view.owners,
            details,
            subject_hash: self.subject_hash.as_ref(),
            me: view.me.as_deref(),
            now,
        }
    }
}

/// Sweeps tell what is there.
fn presence(lane: Lane, batch: &Batch) -> Option<Vec<RecordRef>> {
    (lane == Lane::Sweep).then(|| batch.seen())
}

/// What to do about a module that cannot be read.
pub(crate) fn fix_of(missing: &str) -> String {
    if missing.contains("scope") || missing.starts_with("ZohoCRM.") {
        return "log in again with the scopes that docs/operating.md lists for Zoho".to_owned();
    }
    format!("give the profile of this connection's user read access to {missing}, fields included")
}

/// Whether a row is older than what the first read is to bring.
fn is_too_old(reading: Reading<'_>, row: &Row, since: Option<Timestamp>) -> bool {
    let (Lane::Backfill, Some(since)) = (reading.lane, since) else {
        return false;
    };
    let at = match reading.stream {
        Stream::Calls => row.instant("Call_Start_Time"),
        Stream::Meetings => row.instant("Start_DateTime"),
        Stream::Notes => row.instant("Created_Time"),
        Stream::Tasks => row.instant("Closed_Time"),
        _ => return false,
    };
    matches!(at, Ok(Some(at)) if at < since)
}
