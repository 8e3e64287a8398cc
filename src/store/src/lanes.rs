//! Cursors and watermarks: how far each lane of each stream was read.

use followup_core::{ConnectionId, Cursor, Lane, PageEnd, Stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{codec, error::StoreError, keys, sweep, view::View};

/// How far a stream of a connection was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneState {
    /// Everything was read once.
    pub backfill_done: bool,
    /// Everything visible up to this instant (inclusive) was read by the backfill or the hot lane. Never moves back.
    pub read_to: Option<Timestamp>,
    /// Everything up to this instant (inclusive) was read again behind the vendor's visibility lag. Never moves back.
    pub settled_at: Option<Timestamp>,
}

impl LaneState {
    fn after(mut self, lane: Lane, end: PageEnd) -> Self {
        let PageEnd::ReadTo(to) = end else {
            return self;
        };
        match lane {
            Lane::Backfill => {
                self.backfill_done = true;
                self.read_to = self.read_to.max(Some(to));
                // A backfill reads what is there, not an index: it needs no second look for what was indexed late.
                self.settled_at = self.settled_at.max(Some(to));
            }
            Lane::Hot => self.read_to = self.read_to.max(Some(to)),
            Lane::Settled => self.settled_at = self.settled_at.max(Some(to)),
            Lane::Sweep => {}
        }
        self
    }
}

pub(crate) fn cursor(
    view: &View<'_>,
    connection: &ConnectionId,
    stream: Stream,
    lane: Lane,
) -> Result<Option<Cursor>, StoreError> {
    let Some(connection) = view.connection(connection)? else {
        return Ok(None);
    };
    view.get(&keys::cursor(connection, stream, lane))?
        .map(|bytes| codec::decode(&bytes, "a cursor"))
        .transpose()
}

pub(crate) fn state(
    view: &View<'_>,
    connection: &ConnectionId,
    stream: Stream,
) -> Result<LaneState, StoreError> {
    let Some(connection) = view.connection(connection)? else {
        return Ok(LaneState::default());
    };
    let bytes = view.get(&keys::lanes(connection, stream))?;
    bytes.map_or(Ok(LaneState::default()), |bytes| {
        codec::decode(&bytes, "a lane state")
    })
}

/// Moves a lane on, writing only what differs.
pub(crate) fn advance(
    view: &mut View<'_>,
    (connection, stream, lane): (&ConnectionId, Stream, Lane),
    to: &Cursor,
    end: PageEnd,
) -> Result<(), StoreError> {
    let number = view.intern_connection(connection)?;
    if cursor(view, connection, stream, lane)?.as_ref() != Some(to) {
        let bytes = codec::encode(to, "a cursor")?;
        view.put(keys::cursor(number, stream, lane), bytes);
    }
    let before = state(view, connection, stream)?;
    let after = before.after(lane, end);
    if before != after {
        let bytes = codec::encode(&after, "a lane state")?;
        view.put(keys::lanes(number, stream), bytes);
    }
    match (lane, end) {
        (Lane::Backfill, PageEnd::ReadTo(to)) => sweep::rest_from(view, number, stream, to),
        _ => Ok(()),
    }
}

/// Forgets where a lane stands, so that it starts again. Watermarks stay: what was read was read.
pub(crate) fn reset(
    view: &mut View<'_>,
    connection: &ConnectionId,
    stream: Stream,
    lane: Lane,
) -> Result<(), StoreError> {
    let Some(number) = view.connection(connection)? else {
        return Ok(());
    };
    view.delete(keys::cursor(number, stream, lane));
    if lane == Lane::Sweep {
        sweep::forget_pass(view, number, stream)?;
    }
    if lane == Lane::Backfill {
        let mut lanes = state(view, connection, stream)?;
        lanes.backfill_done = false;
        view.put(
            keys::lanes(number, stream),
            codec::encode(&lanes, "a lane state")?,
        );
    }
    Ok(())
}
