//! One page of changes: which lane reads by which route.
//!
//! | Lane | Route | Ends |
//! |---|---|---|
//! | backfill | list, keyset by id (no cap, no index) | at the instant the pass began |
//! | hot | list while the stream fits one page (what changed of it); else search windows up to now | now |
//! | settled | the same, from an overlap behind the last pass up to a settle horizon | the horizon |
//! | sweep | list of archived records: what was deleted | at the instant the pass began |
//!
//! Emails are deleted for good and never appear as archived (emails guide); a record that vanishes that way is
//! noticed only when it is read again by id. A hot or settled pass over a small stream reads its archived page too,
//! as long as that fits one page. Tasks are the exception: a rep who deletes one of ours answers it, so every pass over
//! tasks also reads the archived ones among those created lately (list keysets are ids, and ids grow with creation).

mod window;

use followup_core::{ConnectorError, Gone, Lane, Page, PageEnd, PullRequest, Quarantined, Record, Stream};
use followup_transport::Priority;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    Hubspot,
    api::{Direction, Query, Turn},
    cursor::{self, Part, Position, Step},
    map::{Context, OwnerDirectory, Stages, map_owner},
    schema::{self, Schema},
    wire::{self, Object},
};

/// The hot lane reads this far back again: the search index shows changes some seconds late.
const HOT_OVERLAP: SignedDuration = SignedDuration::from_mins(2);
/// The settled lane reads this far back again.
const SETTLED_OVERLAP: SignedDuration = SignedDuration::from_mins(15);
/// The settled lane stays this far behind now.
const SETTLED_BEHIND: SignedDuration = SignedDuration::from_mins(1);
/// Before this instant nothing is asked for: HubSpot answers 500 to a bound of epoch zero.
const EARLIEST_MS: i64 = 1_000;
/// Tasks created longer ago than this are not looked for among the archived ones; ours live shorter than that.
const DELETED_TASKS_SINCE: SignedDuration = SignedDuration::from_hours(35 * 24);

/// Records of a page, by what became of them.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    pub(crate) gone: Vec<Gone>,
    pub(crate) quarantined: Vec<Quarantined>,
}

impl Batch {
    fn page(self, position: &Position, end: PageEnd, total: Option<u64>) -> Page {
        Page {
            records: self.records,
            gone: self.gone,
            quarantined: self.quarantined,
            cursor: cursor::write(position),
            end,
            total,
            seen: None,
        }
    }

    fn join(&mut self, other: Self) {
        self.records.extend(other.records);
        self.gone.extend(other.gone);
        self.quarantined.extend(other.quarantined);
    }
}

impl Hubspot {
    pub(crate) async fn pull_page(&self, request: PullRequest) -> Result<Page, ConnectorError> {
        let turn = Turn {
            priority: priority(request.stream, request.lane),
            now: request.now,
        };
        if request.stream == Stream::Owners {
            return self.owners_page(turn).await;
        }
        let Some(schema) = schema::of(request.stream) else {
            return Err(ConnectorError::Refused {
                action: format!("read {}", request.stream),
                message: "this connector has no such stream".to_owned(),
            });
        };
        let position = match &request.cursor {
            Some(cursor) => cursor::read(cursor, request.stream)?,
            None => start(request.lane, request.now),
        };
        match position {
            Position::List {
                after,
                started,
                total,
                part,
            } => {
                let at = ListAt {
                    after,
                    started,
                    total,
                    part,
                };
                self.list_page(request.stream, schema, at, turn).await
            }
            Position::Follow { since, is_small } => {
                self.next_pass(&request, schema, since, is_small, turn).await
            }
            Position::Window { from, until, step } => {
                let window = window::Window { from, until, step };
                self.window_page(request.stream, schema, window, turn).await
            }
        }
    }

    /// Begins the next pass of a lane that was read up to `since`.
    async fn next_pass(
        &self,
        request: &PullRequest,
        schema: &Schema,
        since: Timestamp,
        is_small: bool,
        turn: Turn,
    ) -> Result<Page, ConnectorError> {
        let rest = Position::Follow {
            since,
            is_small: false,
        };
        match request.lane {
            Lane::Backfill => return Ok(Batch::default().page(&rest, PageEnd::ReadTo(since), None)),
            Lane::Sweep => {
                let at = ListAt {
                    after: None,
                    started: request.now,
                    total: None,
                    part: Part::Archived,
                };
                return self.list_page(request.stream, schema, at, turn).await;
            }
            Lane::Hot | Lane::Settled => {}
        }
        if is_small
            && let Some(page) = self
                .small_page(request.stream, schema, request.lane, since, turn)
                .await?
        {
            return Ok(page);
        }
        match open_window(request.lane, since, request.now) {
            Some(window) => self.window_page(request.stream, schema, window, turn).await,
            None => Ok(Batch::default().page(&rest, PageEnd::ReadTo(since), None)),
        }
    }

    /// Owners are few: every pass reads them all, archived ones (deactivated users) included.
    async fn owners_page(&self, turn: Turn) -> Result<Page, ConnectorError> {
        let mut owners = self.api.owners(false, turn).await?;
        owners.extend(self.api.owners(true, turn).await?);
        self.remember_owners(&owners, turn.now);
        let batch = Batch {
            records: owners
                .iter()
                .map(|owner| Record::Owner(map_owner(&self.config.connection, owner, turn.now)))
                .collect(),
            ..Batch::default()
        };
        let total = Some(batch.records.len() as u64);
        let done = Position::Follow {
            since: turn.now,
            is_small: true,
        };
        Ok(batch.page(&done, PageEnd::ReadTo(turn.now), total))
    }

    /// One page of a list pass.
    async fn list_page(
        &self,
        stream: Stream,
        schema: &Schema,
        at: ListAt,
        turn: Turn,
    ) -> Result<Page, ConnectorError> {
        let is_archived = at.part == Part::Archived;
        let page = self
            .api
            .list(schema, at.after.as_deref(), is_archived, turn)
            .await?;
        let next = page.next().map(str::to_owned);
        let mut batch = self.batch(stream, schema, &page.results, turn).await?;
        if let Some(since) = self.config.backfill_since {
            batch
                .records
                .retain(|record| !matches!(record, Record::Activity(activity) if activity.at < since));
        }
        let is_first = at.after.is_none();
        let total = match (is_first, &next, is_archived) {
            (_, _, true) => None,
            (true, None, false) => Some(page.results.len() as u64),
            (true, Some(_), false) => self.count(schema, turn).await,
            (false, _, false) => at.total,
        };
        let Some(next) = next else {
            let done = Position::Follow {
                since: at.started,
                is_small: is_first && !is_archived,
            };
            return Ok(batch.page(&done, PageEnd::ReadTo(at.started), total));
        };
        if !is_ahead(&next, at.after.as_deref()) {
            return Err(ConnectorError::Cursor {
                stream: stream.to_string(),
                message: "the list does not advance".to_owned(),
            });
        }
        let position = Position::List {
            after: Some(next),
            started: at.started,
            total,
            part: at.part,
        };
        Ok(batch.page(&position, PageEnd::More, total))
    }

    /// A whole small stream in one page; `None` if it has outgrown the page.
    async fn small_page(
        &self,
        stream: Stream,
        schema: &Schema,
        lane: Lane,
        since: Timestamp,
        turn: Turn,
    ) -> Result<Option<Page>, ConnectorError> {
        let page = self.api.list(schema, None, false, turn).await?;
        if page.next().is_some() {
            return Ok(None);
        }
        let total = Some(page.results.len() as u64);
        // Unchanged records would cost a look at their links on every poll; the settled lane takes that look.
        let since = (lane == Lane::Hot).then(|| since - HOT_OVERLAP);
        let is_news = |value: &Value| since.is_none_or(|since| is_changed(schema, value, since));
        let live: Vec<Value> = page.results.into_iter().filter(is_news).collect();
        let mut batch = self.batch(stream, schema, &live, turn).await?;
        // A deleted task is an answer from the rep, so it is looked for each time; other deletions can wait.
        if stream == Stream::Tasks || lane == Lane::Settled {
            let archived = self.api.list(schema, None, true, turn).await?;
            let archived: Vec<Value> = archived.results.into_iter().filter(is_news).collect();
            batch.join(self.batch(stream, schema, &archived, turn).await?);
        }
        let done = Position::Follow {
            since: turn.now,
            is_small: true,
        };
        Ok(Some(batch.page(&done, PageEnd::ReadTo(turn.now), total)))
    }

    /// What follows a finished window: for tasks, the archived ones created lately; else nothing.
    async fn after_window(
        &self,
        stream: Stream,
        schema: &Schema,
        read_to: Timestamp,
        turn: Turn,
    ) -> Result<(Position, PageEnd), ConnectorError> {
        let done = Position::Follow {
            since: read_to,
            is_small: false,
        };
        if stream != Stream::Tasks {
            return Ok((done, PageEnd::ReadTo(read_to)));
        }
        let since = (turn.now - DELETED_TASKS_SINCE).as_millisecond().max(EARLIEST_MS);
        let filters = serde_json::json!([
            {"propertyName": schema.created, "operator": "LT", "value": since.to_string()}]);
        let query = Query {
            filters,
            sort: "hs_object_id",
            direction: Direction::Descending,
            limit: 1,
            skip: 0,
        };
        let newest_old = self.api.search(schema, query, turn).await?;
        let archived = Position::List {
            // The last one that is too old to matter; without one, everything archived is young enough to matter.
            after: newest_old
                .results
                .first()
                .and_then(|value| hit(schema, value))
                .map(|(_, id, _)| id),
            started: read_to,
            total: None,
            part: Part::Archived,
        };
        Ok((archived, PageEnd::More))
    }

    /// How many records a stream has, for progress bars; `None` if the question fails.
    async fn count(&self, schema: &Schema, turn: Turn) -> Option<u64> {
        let filters = serde_json::json!([{"propertyName": "hs_object_id", "operator": "HAS_PROPERTY"}]);
        let query = Query {
            filters,
            sort: "hs_object_id",
            direction: Direction::Ascending,
            limit: 1,
            skip: 0,
        };
        self.api.search(schema, query, turn).await.ok()?.total
    }

    /// Maps raw records, with their links read for the whole page.
    pub(crate) async fn batch(
        &self,
        stream: Stream,
        schema: &Schema,
        raw: &[Value],
        turn: Turn,
    ) -> Result<Batch, ConnectorError> {
        let mut batch = Batch::default();
        let mut objects: Vec<Object> = Vec::with_capacity(raw.len());
        for value in raw {
            match Object::read(value) {
                Ok(object) => objects.push(object),
                Err((id, reason)) => batch.quarantined.push(self.quarantine(schema, &id, reason)),
            }
        }
        let live: Vec<String> = objects
            .iter()
            .filter(|object| !object.archived)
            .map(|object| object.id.clone())
            .collect();
        let links = if live.is_empty() {
            crate::map::Links::default()
        } else {
            self.api.links(schema, &live, turn).await?
        };
        let owners = match stream {
            Stream::Emails => self.owners(turn).await?,
            _ => OwnerDirectory::default(),
        };
        let stages = match stream {
            Stream::Deals => self.stages(turn).await?,
            _ => Stages::default(),
        };
        let context = Context {
            connection: &self.config.connection,
            mapping: &self.config.mapping,
            owners: &owners,
            stages: &stages,
            links: &links,
            subject_hash: &*self.subject_hash,
            now: turn.now,
        };
        for object in &objects {
            if object.archived && stream != Stream::Tasks {
                batch.gone.push(Gone {
                    id: context.record(schema.kind, &object.id),
                    merged_into: None,
                    at: object.archived_at().unwrap_or(turn.now),
                });
                continue;
            }
            match context.map(stream, schema, object) {
                Ok(Some(mapped)) => {
                    batch.gone.extend(mapped.gone);
                    batch.records.push(mapped.record);
                }
                Ok(None) => {}
                Err(reason) => batch
                    .quarantined
                    .push(self.quarantine(schema, &object.id, reason)),
            }
        }
        Ok(batch)
    }

    fn quarantine(&self, schema: &Schema, id: &str, reason: String) -> Quarantined {
        Quarantined {
            id: followup_core::RecordRef::new(self.config.connection.clone(), schema.kind, id),
            reason,
        }
    }
}

struct ListAt {
    after: Option<String>,
    started: Timestamp,
    total: Option<u64>,
    part: Part,
}

/// Where a lane without a cursor starts. Hot and settled lanes normally have the backfill's.
fn start(lane: Lane, now: Timestamp) -> Position {
    match lane {
        Lane::Sweep => Position::List {
            after: None,
            started: now,
            total: None,
            part: Part::Archived,
        },
        Lane::Backfill | Lane::Hot | Lane::Settled => Position::List {
            after: None,
            started: now,
            total: None,
            part: Part::Live,
        },
    }
}

fn open_window(lane: Lane, since: Timestamp, now: Timestamp) -> Option<window::Window> {
    let (overlap, until) = match lane {
        Lane::Settled => (SETTLED_OVERLAP, now - SETTLED_BEHIND),
        Lane::Hot | Lane::Backfill | Lane::Sweep => (HOT_OVERLAP, now),
    };
    if until <= since && lane == Lane::Settled {
        return None;
    }
    let from = (since - overlap).as_millisecond().max(EARLIEST_MS);
    Some(window::Window {
        from,
        until: until.as_millisecond().max(from),
        step: Step::Range { at: from, skip: 0 },
    })
}

/// List keysets grow: ids are numbers, compared as such.
fn is_ahead(next: &str, current: Option<&str>) -> bool {
    let Some(current) = current else { return true };
    match (next.parse::<u64>(), current.parse::<u64>()) {
        (Ok(next), Ok(current)) => next > current,
        _ => next != current,
    }
}

/// Who goes first: leads and activities before the rest.
fn priority(stream: Stream, lane: Lane) -> Priority {
    match lane {
        Lane::Backfill => Priority::Backfill,
        Lane::Settled => Priority::Settled,
        Lane::Sweep => Priority::Sweep,
        Lane::Hot => match stream {
            Stream::Contacts | Stream::Leads => Priority::Hot,
            stream if stream.activity_kind().is_some() => Priority::Hot,
            _ => Priority::Poll,
        },
    }
}

/// Whether a record was changed or archived at or after `since`; one that does not tell counts as changed.
fn is_changed(schema: &Schema, value: &Value, since: Timestamp) -> bool {
    Object::read(value).map_or(true, |object| {
        let changed = object.modified(schema.modified).ok();
        changed.max(object.archived_at()).is_none_or(|at| at >= since)
    })
}

/// The id and modification instant of a search hit.
pub(crate) fn hit(schema: &Schema, value: &Value) -> Option<(u64, String, i64)> {
    let object = Object::read(value).ok()?;
    let at = object
        .text(schema.modified)
        .or(object.updated_at.as_deref())
        .and_then(wire::parse_instant)?;
    Some((object.id.parse().ok()?, object.id, at.as_millisecond()))
}
