//! One page of changes: which lane reads by which route.
//!
//! | Lane | Route | Ends |
//! |---|---|---|
//! | backfill | list, keyset by id (no cap, no index) | at the instant the pass began |
//! | hot | list while the stream fits one page (what changed of it); else search windows up to now | now |
//! | settled | the same, from an overlap behind the last pass up to a settle horizon | the horizon |
//! | sweep | list of live, then of archived records, checked against the portal's count | at the instant the pass began |
//!
//! Emails are deleted for good and never appear as archived (emails guide); a record that vanishes that way is
//! noticed when it is read again by id, or because a sweep does not see it. A hot or settled pass over a small stream reads its archived page too,
//! as long as that fits one page. Tasks are the exception: a rep who deletes one of ours answers it, so every pass over
//! tasks also reads the archived ones among those created lately (list keysets are ids, and ids grow with creation).
//!
//! The stream of leads delivers the contacts its leads belong to ([`leads`]); its first read and its sweep are those of
//! the contacts.

mod leads;
mod list;
mod window;

use followup_core::{
    Batch, ConnectorError, Gone, Lane, Page, PageEnd, PullRequest, Quarantined, Record, Stream,
};
use followup_transport::Priority;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use list::ListAt;

use crate::{
    Hubspot,
    api::Turn,
    cursor::{self, Part, Position, Step},
    map::{Context, Leads, OwnerDirectory, Stages, map_owner},
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
impl Hubspot {
    pub(crate) async fn pull_page(&self, request: PullRequest) -> Result<Page, ConnectorError> {
        let turn = Turn {
            priority: Priority::of(request.stream, request.lane),
            now: request.now,
        };
        if request.stream == Stream::Owners {
            return self.owners_page(request.lane, turn).await;
        }
        let Some(schema) = schema::of(request.stream) else {
            return Err(ConnectorError::Refused {
                action: format!("read {}", request.stream),
                message: "this connector has no such stream".to_owned(),
            });
        };
        if request.stream == Stream::Leads
            && (matches!(request.lane, Lane::Backfill | Lane::Sweep) || !self.are_leads_open(turn))
        {
            let done = Position::Follow {
                since: turn.now,
                is_small: true,
                relinked_at: None,
            };
            return Ok(Batch::default().page(cursor::write(&done), PageEnd::ReadTo(turn.now), None));
        }
        let position = match &request.cursor {
            Some(cursor) => cursor::read(cursor, request.stream)?,
            None => start(request.stream, request.now),
        };
        self.page_at((request.stream, request.lane), schema, position, turn)
            .await
    }

    async fn page_at(
        &self,
        which: (Stream, Lane),
        schema: &Schema,
        position: Position,
        turn: Turn,
    ) -> Result<Page, ConnectorError> {
        match position {
            Position::List {
                after,
                started,
                total,
                part,
                seen,
            } => {
                let at = ListAt {
                    after,
                    started,
                    total,
                    part,
                    seen,
                };
                self.list_page(which, schema, at, turn).await
            }
            Position::Follow {
                since,
                is_small,
                relinked_at,
            } => {
                let last = LastPass {
                    since,
                    is_small,
                    relinked_at,
                };
                self.next_pass(which, schema, last, turn).await
            }
            Position::Window {
                from,
                until,
                step,
                relinked_at,
            } => {
                let window = window::Window {
                    from,
                    until,
                    step,
                    relinked_at,
                };
                self.window_page(which, schema, window, turn).await
            }
        }
    }

    /// Begins the next pass of a lane.
    async fn next_pass(
        &self,
        which: (Stream, Lane),
        schema: &Schema,
        last: LastPass,
        turn: Turn,
    ) -> Result<Page, ConnectorError> {
        let since = last.since;
        let rest = Position::Follow {
            since,
            is_small: false,
            relinked_at: last.relinked_at,
        };
        match which.1 {
            Lane::Backfill => {
                return Ok(Batch::default().page(cursor::write(&rest), PageEnd::ReadTo(since), None));
            }
            Lane::Sweep => {
                let at = ListAt::start(Part::Live, turn.now);
                return self.list_page(which, schema, at, turn).await;
            }
            Lane::Hot | Lane::Settled => {}
        }
        if !last.is_small {
            // A page that looking around left is of no use to a search.
            self.remembered().kept.first_page(schema.object, turn.now);
        }
        if last.is_small
            && let Some(page) = self.small_page(which, schema, since, turn).await?
        {
            return Ok(page);
        }
        match open_window(which.1, &last, turn.now) {
            Some(window) => self.window_page(which, schema, window, turn).await,
            None => Ok(Batch::default().page(cursor::write(&rest), PageEnd::ReadTo(since), None)),
        }
    }

    /// Owners are few: every pass reads them all, archived ones (deactivated users) included.
    async fn owners_page(&self, lane: Lane, turn: Turn) -> Result<Page, ConnectorError> {
        let kept = self.remembered().kept.owners(lane, turn.now);
        let owners = match kept {
            Some(owners) => owners,
            None => self.all_owners(turn).await?,
        };
        self.remembered().kept.read_owners(lane, turn.now, &owners);
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
            relinked_at: None,
        };
        // A portal without any user does not exist: such an answer proves nothing about absence.
        let seen: Vec<_> = batch.records.iter().map(|record| record.id().clone()).collect();
        let seen = (lane == Lane::Sweep && !seen.is_empty()).then_some(seen);
        let mut page = batch.page(cursor::write(&done), PageEnd::ReadTo(turn.now), total);
        page.seen = seen;
        Ok(page)
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
        if objects.is_empty() {
            return Ok(batch);
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
        let leads = match stream {
            Stream::Contacts => self.leads_of(&live, turn).await?,
            _ => Leads::default(),
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
            leads: &leads,
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

/// Where a lane stands between passes.
struct LastPass {
    since: Timestamp,
    is_small: bool,
    relinked_at: Option<Timestamp>,
}

/// Where a lane without a cursor starts. Hot and settled lanes normally have the backfill's, which always begins with
/// the live records; the stream of leads has none to list and begins with what changes from now on.
fn start(stream: Stream, now: Timestamp) -> Position {
    match stream {
        Stream::Leads => Position::Follow {
            since: now,
            is_small: true,
            relinked_at: None,
        },
        _ => Position::List {
            after: None,
            started: now,
            total: None,
            part: Part::Live,
            seen: 0,
        },
    }
}

fn open_window(lane: Lane, last: &LastPass, now: Timestamp) -> Option<window::Window> {
    let since = last.since;
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
        relinked_at: last.relinked_at,
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
