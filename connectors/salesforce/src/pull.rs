//! One page of changes: which lane reads by which route.
//!
//! | Lane | Route | Ends |
//! |---|---|---|
//! | backfill | by id, 2,000 rows a call; an export job where a table has more | at the instant it began |
//! | hot | window over `SystemModstamp`, from a little before the last pass on | now |
//! | settled | the same, from [`crate::SalesforceConfig::overlap`] before its last pass on | now |
//! | sweep | by id, checked against the org's count | at the instant it began |
//!
//! A window is paged by `(SystemModstamp, Id)`: any number of rows may share one stamp. Locators are never used: they die
//! with the session and must not be kept. Rows become visible later than rows with a later stamp (a long transaction
//! stamps early and commits late), which is why the settled lane looks back, and why no lane believes more than the
//! org's own clock.
//!
//! Every query shows deleted and archived rows (`queryAll`): closed activities of more than a year ago are archived and
//! would vanish otherwise.

mod batch;
mod details;
mod export;
mod scan;
mod window;

use std::fmt;

use followup_core::{Batch, ConnectorError, Lane, Page, PageEnd, PullRequest, Stream};
use followup_transport::{CallError, Priority};
use jiff::{SignedDuration, Timestamp};

use crate::{
    Salesforce, View,
    api::{Turn, is_hidden_field},
    cursor::{self, Position},
    mapping::Logged,
    schema::{self, Table},
    wire::Row,
};

pub(crate) use export::Exports;

/// The hot lane reads this far back again.
const HOT_OVERLAP: SignedDuration = SignedDuration::from_mins(2);

/// What a window of changes of a stream would read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) tables: Vec<Table>,
    pub(crate) from: Timestamp,
}

/// The first page of a window over a table, as it came.
#[derive(Debug)]
pub(crate) struct RawPage {
    pub(crate) rows: Vec<Row>,
    pub(crate) next: window::Next,
    /// When the org answered, by its own clock.
    pub(crate) at: Timestamp,
}

impl RawPage {
    #[cfg(test)]
    pub(crate) const fn empty(at: Timestamp) -> Self {
        Self {
            rows: Vec::new(),
            next: window::Next::Done,
            at,
        }
    }
}

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
struct Reading<'a> {
    stream: Stream,
    lane: Lane,
    /// The tables that can be read, the one that carries the records first.
    tables: &'a [Table],
    view: &'a View,
    turn: Turn,
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("stream", &self.stream)
            .field("lane", &self.lane)
            .finish_non_exhaustive()
    }
}

impl Salesforce {
    pub(crate) async fn pull_page(&self, request: PullRequest) -> Result<Page, ConnectorError> {
        let is_announced = self.ahead().take(&request);
        let result = match self.try_page(&request, is_announced).await {
            // A field was hidden since it was last looked: look again, once.
            Err(Fault::Call(error)) if is_hidden_field(&error) => {
                self.forget_org();
                self.try_page(&request, false).await
            }
            other => other,
        };
        self.ahead().tidy();
        result.map_err(ConnectorError::from)
    }

    async fn try_page(&self, request: &PullRequest, is_announced: bool) -> Result<Page, Fault> {
        let (stream, lane) = (request.stream, request.lane);
        let turn = Turn {
            priority: Priority::of(stream, lane),
            now: request.now,
        };
        let view = self.view(turn).await?;
        let tables = Self::open_tables(stream, &view)?;
        let reading = Reading {
            stream,
            lane,
            tables: &tables,
            view: &view,
            turn,
        };
        let position = match &request.cursor {
            Some(cursor) => cursor::read(cursor, stream)?,
            None => Position::scan(turn.now, 0, lane != Lane::Backfill),
        };
        match position {
            Position::Follow { since } => self.next_pass(reading, since, is_announced).await,
            Position::Window {
                from,
                until,
                part,
                after,
            } => {
                let window = window::Window {
                    from,
                    until,
                    part,
                    after,
                };
                self.window_page(reading, window, None).await
            }
            Position::Export { started, part, rows } => self.export_page(reading, started, part, rows).await,
            scan @ Position::Scan { .. } => self.scan_page(reading, scan).await,
        }
    }

    /// Begins the next pass of a lane.
    async fn next_pass(
        &self,
        reading: Reading<'_>,
        since: Timestamp,
        is_announced: bool,
    ) -> Result<Page, Fault> {
        match reading.lane {
            Lane::Backfill => {
                let rest = Position::Follow { since };
                Ok(Batch::default().page(cursor::write(&rest), PageEnd::ReadTo(since), None))
            }
            Lane::Sweep => {
                self.scan_page(reading, Position::scan(reading.turn.now, 0, true))
                    .await
            }
            Lane::Hot | Lane::Settled => {
                let window = window::Window {
                    from: self.window_start(reading.lane, since),
                    until: reading.turn.now,
                    part: 0,
                    after: None,
                };
                self.window_page(reading, window, Some(is_announced)).await
            }
        }
    }

    fn window_start(&self, lane: Lane, since: Timestamp) -> Timestamp {
        let overlap = match lane {
            Lane::Settled => self.config.overlap,
            Lane::Hot | Lane::Backfill | Lane::Sweep => HOT_OVERLAP,
        };
        crate::soql::second_floor(since - overlap)
    }

    /// Where the window of an announced pull would begin; `None` if it is no window, or cannot be read.
    pub(crate) fn plan(&self, pull: &PullRequest) -> Option<Plan> {
        let position = cursor::read(pull.cursor.as_ref()?, pull.stream).ok()?;
        let Position::Follow { since } = position else {
            return None;
        };
        Some(Plan {
            tables: schema::tables(pull.stream)?.to_vec(),
            from: self.window_start(pull.lane, since),
        })
    }

    /// The tables of a stream that the user can read.
    ///
    /// # Errors
    /// [`ConnectorError::Forbidden`] when the stream would be dark without what is hidden.
    pub(crate) fn open_tables(stream: Stream, view: &View) -> Result<Vec<Table>, ConnectorError> {
        let tables = schema::tables(stream).ok_or_else(|| ConnectorError::Refused {
            action: format!("read {stream}"),
            message: "this connector has no such stream".to_owned(),
        })?;
        if let Some(missing) = Self::closed(stream, view) {
            return Err(missing.error(stream));
        }
        Ok(tables
            .iter()
            .copied()
            .filter(|table| view.org.closed(*table).is_none())
            .collect())
    }

    /// What makes a stream unreadable; `None` = nothing.
    pub(crate) fn closed(stream: Stream, view: &View) -> Option<Missing> {
        let main = schema::tables(stream)?.first().copied()?;
        if let Some(what) = view.org.closed(main) {
            return Some(Missing {
                fix: format!(
                    "give the user of this connection read access to {what}: object permission and field-level security"
                ),
                what,
            });
        }
        if stream.activity_kind().is_some()
            && let Some(what) = view.sight_lacks.clone()
        {
            return Some(Missing {
                what,
                fix: "give the user of this connection the permission View All Data (its permission set, or its own); if \
                      it sees everybody's records by another right, set users.sees_all_records = \"yes\" in the mapping"
                    .to_owned(),
            });
        }
        let task_kinds = ["TaskSubtype", "Type"];
        let shows_kind = task_kinds.iter().any(|field| view.org.shows(Table::Task, field));
        if stream == Stream::Calls && !shows_kind {
            return Some(Missing {
                what: "Task.TaskSubtype".to_owned(),
                fix: "show the field TaskSubtype of tasks to the user of this connection (field-level security)".to_owned(),
            });
        }
        if stream == Stream::Emails {
            return view.mails_are_dark.clone().map(|what| Missing {
                what,
                fix: "switch on Sync Email as Salesforce Activity in the settings of Einstein Activity Capture; if mails \
                      are records all the same, set mails.einstein_capture = \"synced\" in the mapping"
                    .to_owned(),
            });
        }
        None
    }
}

/// What a stream lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) what: String,
    pub(crate) fix: String,
}

impl Missing {
    fn error(self, stream: Stream) -> ConnectorError {
        ConnectorError::Forbidden {
            action: format!("read {stream}"),
            missing: self.what,
            fix: self.fix,
        }
    }
}

/// Whether a task row belongs to an activity stream; the others take every row.
fn is_of_stream(stream: Stream, logged: Logged) -> bool {
    match stream {
        Stream::Calls => logged == Logged::Call,
        Stream::Emails => matches!(logged, Logged::Email(_)),
        _ => true,
    }
}
