//! Passes over the list endpoint: the first read, small streams, the sweep, and the tails read behind a window.
//!
//! A list is a keyset by id without cap or index lag. `after` is the id of the next record, so a position survives
//! restarts, changes do not shift pages, and later creations come at the end.
//!
//! A *sweep* reads all live pages, then all archived ones. It ends only if the live records it saw agree with the
//! portal's own count: an empty or short answer must never look like a deletion of everything.

use followup_core::{ConnectorError, Lane, Page as CorePage, PageEnd, Record, RecordRef, Stream};
use followup_transport::CallError;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Batch, EARLIEST_MS, HOT_OVERLAP, SETTLED_OVERLAP, hit};
use crate::{
    Hubspot,
    api::{Direction, Query, Turn},
    cursor::{self, Part, Position},
    kept::SmallStream,
    schema::Schema,
    wire::{Object, Page},
};

/// Tasks created longer ago than this are not looked for among the archived ones; ours live shorter than that.
const DELETED_TASKS_SINCE: SignedDuration = SignedDuration::from_hours(35 * 24);
/// Links of records created within this span are read again by the settled lane.
const RELINKED_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// … this often.
const RELINK_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// … and of at most this many, the newest; the others are left to the sweep.
const RELINKED_MAX: u32 = 2_000;
/// A sweep that saw this much less than the portal counts, in percent of the count, did not see everything.
const MISSING_PERCENT: u64 = 1;
/// Fewer missing ones are no sign of a short answer: records come and go while the list is read.
const MISSING_MIN: u64 = 2;

/// A place in a list.
#[derive(Debug, Clone)]
pub(super) struct ListAt {
    pub(super) after: Option<String>,
    pub(super) started: Timestamp,
    pub(super) total: Option<u64>,
    pub(super) part: Part,
    pub(super) seen: u64,
}

impl ListAt {
    /// The beginning of a pass.
    pub(super) const fn start(part: Part, started: Timestamp) -> Self {
        Self {
            after: None,
            started,
            total: None,
            part,
            seen: 0,
        }
    }

    fn position(&self, after: Option<String>, total: Option<u64>, seen: u64) -> Position {
        Position::List {
            after,
            started: self.started,
            total,
            part: self.part,
            seen,
        }
    }
}

impl Hubspot {
    /// One page of a list pass.
    pub(super) async fn list_page(
        &self,
        (stream, lane): (Stream, Lane),
        schema: &Schema,
        at: ListAt,
        turn: Turn,
    ) -> Result<CorePage, ConnectorError> {
        let is_archived = at.part == Part::Archived;
        let kept = (at.after.is_none() && !is_archived && lane != Lane::Sweep)
            .then(|| self.remembered().kept.first_page(schema.object, turn.now))
            .flatten();
        let page = match kept {
            Some(page) => page,
            None => self.page_after(stream, schema, &at, turn).await?,
        };
        let next = page.next().map(str::to_owned);
        let mut batch = self.batch(stream, schema, &page.results, turn).await?;
        self.leave_out_old(&mut batch);
        let is_first = at.after.is_none();
        let total = match (is_first, &next, at.part) {
            (true, None, Part::Live) => Some(page.results.len() as u64),
            (true, Some(_), Part::Live) => self.count(schema, turn).await.ok().flatten(),
            _ => at.total,
        };
        let live = if is_archived { 0 } else { page.results.len() as u64 };
        let seen = at.seen + live;
        let sighted = (lane == Lane::Sweep).then(|| self.sighted(stream, schema, &page.results, at.part));
        let (position, end) = if let Some(next) = next {
            if !is_ahead(&next, at.after.as_deref()) {
                return Err(stuck(stream, "the list does not advance".to_owned()));
            }
            (at.position(Some(next), total, seen), PageEnd::More)
        } else if lane == Lane::Sweep && at.part == Part::Live {
            self.check_count(stream, schema, seen, turn).await?;
            let archived = ListAt {
                part: Part::Archived,
                ..at
            };
            (archived.position(None, total, seen), PageEnd::More)
        } else {
            let done = Position::Follow {
                since: at.started,
                is_small: is_first && at.part == Part::Live,
                relinked_at: (at.part == Part::Recent).then_some(turn.now),
            };
            (done, PageEnd::ReadTo(at.started))
        };
        let mut page = batch.page(
            cursor::write(&position),
            end,
            total.filter(|_| at.part == Part::Live),
        );
        page.seen = sighted;
        Ok(page)
    }

    async fn page_after(
        &self,
        stream: Stream,
        schema: &Schema,
        at: &ListAt,
        turn: Turn,
    ) -> Result<Page, ConnectorError> {
        let is_archived = at.part == Part::Archived;
        self.api
            .list(schema, at.after.as_deref(), is_archived, turn)
            .await
            .map_err(|error| match &at.after {
                Some(_) if is_about_the_place(&error) => stuck(stream, error.message),
                _ => error.into(),
            })
    }

    /// What a page of a sweep shows. Archived tasks are delivered as deleted tasks rather than as gone, so they count.
    fn sighted(&self, stream: Stream, schema: &Schema, raw: &[Value], part: Part) -> Vec<RecordRef> {
        if part == Part::Archived && stream != Stream::Tasks {
            return Vec::new();
        }
        raw.iter()
            .filter_map(|value| match value.get("id")? {
                Value::String(id) => Some(id.clone()),
                Value::Number(id) => Some(id.to_string()),
                _ => None,
            })
            .map(|id| RecordRef::new(self.config.connection.clone(), schema.kind, id))
            .collect()
    }

    /// Compares what a sweep saw with the portal's own count.
    async fn check_count(
        &self,
        stream: Stream,
        schema: &Schema,
        seen: u64,
        turn: Turn,
    ) -> Result<(), ConnectorError> {
        let total = self.count(schema, turn).await?.unwrap_or(0);
        let slack = (total * MISSING_PERCENT / 100).max(MISSING_MIN);
        if seen + slack < total {
            return Err(stuck(
                stream,
                format!("the list ended after {seen} records although the portal counts {total}"),
            ));
        }
        Ok(())
    }

    /// A whole small stream in one page; `None` if it has outgrown the page.
    pub(super) async fn small_page(
        &self,
        (stream, lane): (Stream, Lane),
        schema: &Schema,
        since: Timestamp,
        turn: Turn,
    ) -> Result<Option<CorePage>, ConnectorError> {
        let small = self.small_stream((stream, lane), schema, turn).await?;
        let Some(SmallStream { live: page, archived }) = small else {
            return Ok(None);
        };
        if stream == Stream::Leads {
            let overlap = match lane {
                Lane::Settled => SETTLED_OVERLAP,
                _ => HOT_OVERLAP,
            };
            return self
                .small_leads(schema, &page.results, since - overlap, turn)
                .await
                .map(Some);
        }
        let total = Some(page.results.len() as u64);
        // Unchanged records would cost a look at their links on every poll; the settled lane takes that look.
        let since = (lane == Lane::Hot).then(|| since - HOT_OVERLAP);
        let is_news = |value: &Value| since.is_none_or(|since| is_changed(schema, value, since));
        let live: Vec<Value> = page.results.into_iter().filter(is_news).collect();
        let mut batch = self.batch(stream, schema, &live, turn).await?;
        if let Some(archived) = archived {
            let archived: Vec<Value> = archived.results.into_iter().filter(is_news).collect();
            batch.join(self.batch(stream, schema, &archived, turn).await?);
        }
        self.leave_out_old(&mut batch);
        let done = Position::Follow {
            since: turn.now,
            is_small: true,
            relinked_at: None,
        };
        Ok(Some(batch.page(
            cursor::write(&done),
            PageEnd::ReadTo(turn.now),
            total,
        )))
    }

    /// All of a stream that fits one page; `None` if it has outgrown the page. The settled lane takes what the hot lane
    /// has just read.
    async fn small_stream(
        &self,
        (stream, lane): (Stream, Lane),
        schema: &Schema,
        turn: Turn,
    ) -> Result<Option<SmallStream>, ConnectorError> {
        let (small, first) = {
            let mut remembered = self.remembered();
            match lane {
                Lane::Settled => (remembered.kept.small(schema.object, turn.now), None),
                _ => (None, remembered.kept.first_page(schema.object, turn.now)),
            }
        };
        let (page, archived) = match (small, first) {
            (Some(small), _) => (Ok(small.live), small.archived),
            (None, Some(page)) => (Ok(page), None),
            (None, None) => (self.api.list(schema, None, false, turn).await, None),
        };
        let live = match page {
            Ok(page) => page,
            Err(error) if stream == Stream::Leads => {
                self.close_leads(error, turn)?;
                Page::default()
            }
            Err(error) => return Err(error.into()),
        };
        if live.next().is_some() {
            return Ok(None);
        }
        // A deleted task is an answer from the rep, so it is looked for each time; other deletions can wait.
        let is_wanted = stream == Stream::Tasks || (lane == Lane::Settled && stream != Stream::Leads);
        let archived = match archived {
            None if is_wanted => Some(self.api.list(schema, None, true, turn).await?),
            archived => archived,
        };
        let small = SmallStream { live, archived };
        if lane == Lane::Hot {
            self.remembered()
                .kept
                .read_small(schema.object, turn.now, small.clone());
        }
        Ok(Some(small))
    }

    /// The contacts of few leads, of which some changed.
    async fn small_leads(
        &self,
        schema: &Schema,
        leads: &[Value],
        since: Timestamp,
        turn: Turn,
    ) -> Result<CorePage, ConnectorError> {
        let changed: Vec<String> = leads
            .iter()
            .filter(|lead| is_changed(schema, lead, since))
            .filter_map(|lead| Some(Object::read(lead).ok()?.id))
            .collect();
        let batch = if changed.is_empty() {
            Batch::default()
        } else {
            self.contacts_of_leads(&changed, turn).await?
        };
        let done = Position::Follow {
            since: turn.now,
            is_small: true,
            relinked_at: None,
        };
        Ok(batch.page(cursor::write(&done), PageEnd::ReadTo(turn.now), None))
    }

    /// What follows a finished window: for tasks, the archived ones created lately; for other linked records, in the
    /// settled lane and now and then, the live ones created lately, because a change of links bumps no date.
    pub(super) async fn after_window(
        &self,
        (stream, lane): (Stream, Lane),
        schema: &Schema,
        (read_to, relinked_at): (Timestamp, Option<Timestamp>),
        turn: Turn,
    ) -> Result<(Position, PageEnd), ConnectorError> {
        let is_relink_due = lane == Lane::Settled
            && !schema.links.is_empty()
            && relinked_at.is_none_or(|at| turn.now.duration_since(at) >= RELINK_EVERY);
        let (part, after) = if stream == Stream::Tasks {
            let after = self
                .last_before(schema, turn.now - DELETED_TASKS_SINCE, turn)
                .await?;
            (Part::Archived, after)
        } else if is_relink_due {
            (Part::Recent, self.relinked_from(schema, turn).await?)
        } else {
            let done = Position::Follow {
                since: read_to,
                is_small: false,
                relinked_at,
            };
            return Ok((done, PageEnd::ReadTo(read_to)));
        };
        let tail = ListAt::start(part, read_to);
        Ok((tail.position(after, None, 0), PageEnd::More))
    }

    /// Id of the youngest record created before `since`: where a list of younger ones starts. Without one, everything
    /// is young enough.
    async fn last_before(
        &self,
        schema: &Schema,
        since: Timestamp,
        turn: Turn,
    ) -> Result<Option<String>, ConnectorError> {
        let since = since.as_millisecond().max(EARLIEST_MS);
        let older = json!([{"propertyName": schema.created, "operator": "LT", "value": since.to_string()}]);
        self.nth_newest(schema, older, 0, turn).await
    }

    /// Where the list of records whose links are read again starts.
    async fn relinked_from(&self, schema: &Schema, turn: Turn) -> Result<Option<String>, ConnectorError> {
        let since = turn.now - RELINKED_WITHIN;
        let value = since.as_millisecond().max(EARLIEST_MS).to_string();
        let young = json!([{"propertyName": schema.created, "operator": "GTE", "value": value}]);
        match self.nth_newest(schema, young, RELINKED_MAX - 1, turn).await? {
            Some(id) => Ok(Some(id)),
            None => self.last_before(schema, since, turn).await,
        }
    }

    async fn nth_newest(
        &self,
        schema: &Schema,
        filters: Value,
        skip: u32,
        turn: Turn,
    ) -> Result<Option<String>, ConnectorError> {
        let query = Query {
            filters,
            sort: "hs_object_id",
            direction: Direction::Descending,
            limit: 1,
            skip,
        };
        let found = self.api.search(schema, query, turn).await?;
        Ok(found
            .results
            .first()
            .and_then(|value| hit(schema, value))
            .map(|(_, id, _)| id))
    }

    /// How many records a stream has, as the index counts them.
    async fn count(&self, schema: &Schema, turn: Turn) -> Result<Option<u64>, ConnectorError> {
        let filters = json!([{"propertyName": "hs_object_id", "operator": "HAS_PROPERTY"}]);
        let query = Query {
            filters,
            sort: "hs_object_id",
            direction: Direction::Ascending,
            limit: 1,
            skip: 0,
        };
        Ok(self.api.search(schema, query, turn).await?.total)
    }

    /// Activities from before the configured start are not wanted, whichever lane brings them.
    pub(super) fn leave_out_old(&self, batch: &mut Batch) {
        let Some(since) = self.config.backfill_since else {
            return;
        };
        batch.records.retain(|record| match record {
            Record::Activity(activity) => {
                let starts_at = activity.meeting.as_ref().map(|meeting| meeting.starts_at);
                activity.at >= since || starts_at.is_some_and(|at| at >= since)
            }
            _ => true,
        });
    }
}

/// Whether a request was refused for the place it went on from, and not for what it asked.
fn is_about_the_place(error: &CallError) -> bool {
    let said = error.message.to_ascii_lowercase();
    error.status == Some(400) && (said.contains("paging") || said.contains("after"))
}

fn stuck(stream: Stream, message: String) -> ConnectorError {
    ConnectorError::Cursor {
        stream: stream.to_string(),
        message,
    }
}

/// List keysets grow: ids are numbers, compared as such.
fn is_ahead(next: &str, current: Option<&str>) -> bool {
    let Some(current) = current else { return true };
    match (next.parse::<u64>(), current.parse::<u64>()) {
        (Ok(next), Ok(current)) => next > current,
        _ => next != current,
    }
}

/// Whether a record was changed or archived at or after `since`; one that does not tell counts as changed.
fn is_changed(schema: &Schema, value: &Value, since: Timestamp) -> bool {
    Object::read(value).map_or(true, |object| {
        let changed = object.modified(schema.modified).ok();
        changed.max(object.archived_at()).is_none_or(|at| at >= since)
    })
}
