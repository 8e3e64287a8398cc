//! The sweep of a stream: which records a pass saw, and where it stands.
//!
//! Each page of a pass marks the cached records it shows with the number of the pass, in the batch that holds its
//! cursor; a mark with another number is void, so a pass that begins anew needs no cleaning up. There is at most one
//! mark for each cached record. A pass goes through three states: it is read page by page (`started`), then what it
//! misses is looked up by id (`read_out`), then it rests.

use std::collections::BTreeSet;

use followup_core::{ConnectionId, Gone, PageEnd, Record, RecordKind, RecordRef, Reread, Stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    codec,
    commit::PageCommit,
    error::StoreError,
    keys::{self, Rid, table},
    lanes,
    view::View,
};

/// Where the sweep of a stream stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepState {
    /// Number of the pass under way, else of the last one.
    pub(crate) pass: u32,
    /// When the pass under way began, while it is read.
    pub started: Option<Timestamp>,
    /// When the pass began that was read to its end and whose missing records are being looked up.
    pub read_out: Option<Timestamp>,
    /// A page of the pass proved nothing about absence: nothing may be concluded from what it did not show.
    pub is_blind: bool,
    /// Records the pass has brought so far that the other lanes had missed.
    pub found: u64,
    /// When everything was last listed: by the backfill, or by a pass that ended.
    pub listed_at: Option<Timestamp>,
    /// When a pass last failed.
    pub failed_at: Option<Timestamp>,
    /// When the last pass began that ended and could conclude what is missing.
    pub swept_at: Option<Timestamp>,
    /// Records that pass brought that the other lanes had missed; should be 0.
    pub missed: Option<u64>,
}

/// Some of the records that a pass misses, after they were looked up by id.
#[derive(Debug, Clone, Copy)]
pub struct SweepPart<'a> {
    /// Which connection.
    pub connection: &'a ConnectionId,
    /// Which stream.
    pub stream: Stream,
    /// What was looked up.
    pub asked: &'a [RecordRef],
    /// What is there all the same, and what nobody can tell anything about: that is not taken for gone.
    pub back: &'a Reread,
}

impl SweepState {
    /// Begins a pass. One that goes on from a cursor of a pass nobody counted did not see all pages.
    fn begin(&mut self, now: Timestamp, is_from_start: bool) {
        self.is_blind = self.pass == 0 && !is_from_start;
        self.pass = self.pass.wrapping_add(1).max(1);
        self.started = Some(now);
        self.read_out = None;
        self.found = 0;
    }

    /// Whether a record with this mark was not shown by a pass that showed everything.
    pub(crate) fn is_unmarked(&self, mark: Option<u32>) -> bool {
        mark != Some(self.pass) && !self.is_blind && self.read_out.is_some()
    }

    /// Whether this version of a record was kept before the pass began.
    pub(crate) fn knew(&self, record: &Record) -> bool {
        self.read_out.is_some_and(|began| record.stamp().seen_at < began)
    }
}

/// The kind of record whose absence a sweep of a stream can show. Owners are none: what a former colleague did is
/// still told by name.
pub(crate) const fn kind_of(stream: Stream) -> Option<RecordKind> {
    match stream {
        Stream::Owners => None,
        Stream::Tasks => Some(RecordKind::Task),
        Stream::Leads => Some(RecordKind::Lead),
        Stream::Contacts => Some(RecordKind::Contact),
        Stream::Accounts => Some(RecordKind::Account),
        Stream::Deals => Some(RecordKind::Deal),
        Stream::Calls => Some(RecordKind::Call),
        Stream::Emails => Some(RecordKind::Email),
        Stream::Meetings => Some(RecordKind::Meeting),
        Stream::Notes => Some(RecordKind::Note),
        Stream::Messages => Some(RecordKind::Sms),
    }
}

pub(crate) fn state(view: &View<'_>, connection: u16, stream: Stream) -> Result<SweepState, StoreError> {
    let bytes = view.get(&keys::sweep(connection, stream))?;
    bytes.map_or(Ok(SweepState::default()), |bytes| {
        codec::decode(&bytes, "the state of a sweep")
    })
}

pub(crate) fn put(
    view: &mut View<'_>,
    connection: u16,
    stream: Stream,
    state: &SweepState,
) -> Result<(), StoreError> {
    let bytes = codec::encode(state, "the state of a sweep")?;
    view.put(keys::sweep(connection, stream), bytes);
    Ok(())
}

/// Marks what a page shows, before the lane moves on.
pub(crate) fn note_page(
    view: &mut View<'_>,
    commit: &PageCommit<'_>,
    overlooked: u64,
) -> Result<(), StoreError> {
    let connection = view.intern_connection(commit.connection)?;
    let mut sweep = state(view, connection, commit.stream)?;
    if sweep.started.is_none() {
        let cursor = lanes::cursor(view, commit.connection, commit.stream, commit.lane)?;
        sweep.begin(commit.now, cursor.is_none());
    }
    match &commit.page.seen {
        None => sweep.is_blind = true,
        Some(seen) => {
            for id in seen {
                if let Some(rid) = view.rid(id)? {
                    set_mark(view, rid, sweep.pass)?;
                }
            }
        }
    }
    sweep.found += overlooked;
    if let PageEnd::ReadTo(to) = commit.page.end {
        sweep.read_out = sweep.started.take().map(|started| started.min(to));
    }
    put(view, connection, commit.stream, &sweep)
}

/// Takes back the lane's pass: its marks are void, the next page begins another.
pub(crate) fn forget_pass(view: &mut View<'_>, connection: u16, stream: Stream) -> Result<(), StoreError> {
    let mut sweep = state(view, connection, stream)?;
    sweep.started = None;
    sweep.read_out = None;
    sweep.found = 0;
    put(view, connection, stream, &sweep)
}

/// A backfill lists everything as a sweep does.
pub(crate) fn rest_from(
    view: &mut View<'_>,
    connection: u16,
    stream: Stream,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut sweep = state(view, connection, stream)?;
    if sweep.listed_at >= Some(at) {
        return Ok(());
    }
    sweep.listed_at = Some(at);
    put(view, connection, stream, &sweep)
}

/// Counts what came back, and answers what of the rest is gone. A record that another lane brought since then is not.
pub(crate) fn resolve(
    view: &mut View<'_>,
    part: &SweepPart<'_>,
    there: &BTreeSet<&RecordRef>,
) -> Result<Vec<Gone>, StoreError> {
    let Some(connection) = view.connection(part.connection)? else {
        return Ok(Vec::new());
    };
    let mut sweep = state(view, connection, part.stream)?;
    let Some(began) = sweep.read_out else {
        return Ok(Vec::new());
    };
    let mut gone = Vec::new();
    for id in part.asked {
        let Some(rid) = view.rid(id)? else { continue };
        if there.contains(id) {
            let is_back = !part.back.unread.contains(id);
            sweep.found += u64::from(is_back && mark(view, rid)? != Some(sweep.pass));
            set_mark(view, rid, sweep.pass)?;
            continue;
        }
        let Some(record) = view.record(rid)? else { continue };
        if sweep.is_unmarked(mark(view, rid)?) && sweep.knew(&record) {
            // The CRM's clock may be ahead of ours; a deletion older than the last version would not count.
            let at = began.max(record.stamp().modified_at);
            gone.push(Gone {
                id: id.clone(),
                merged_into: None,
                at,
            });
        }
    }
    put(view, connection, part.stream, &sweep)?;
    Ok(gone)
}

/// The last pass that saw a record.
pub(crate) fn mark(view: &View<'_>, rid: Rid) -> Result<Option<u32>, StoreError> {
    let bytes = view.get(&keys::of(table::SWEPT, rid))?;
    bytes
        .map(|bytes| codec::decode(&bytes, "a sweep's mark"))
        .transpose()
}

/// Only what is kept carries a mark.
fn set_mark(view: &mut View<'_>, rid: Rid, pass: u32) -> Result<(), StoreError> {
    if view.has(&keys::of(table::RECORD, rid))? {
        let bytes = codec::encode(&pass, "a sweep's mark")?;
        view.put(keys::of(table::SWEPT, rid), bytes);
    }
    Ok(())
}

/// A record that is removed takes its mark along.
pub(crate) fn unmark(view: &mut View<'_>, rid: Rid) -> Result<(), StoreError> {
    let key = keys::of(table::SWEPT, rid);
    if view.has(&key)? {
        view.delete(key);
    }
    Ok(())
}
