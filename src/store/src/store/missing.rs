//! What a sweep misses: finding it, settling it, and when the next pass may begin.

use std::ops::ControlFlow;

use followup_core::{ConnectionId, Lane, RecordRef, Stream};
use jiff::Timestamp;

use super::{Place, Store};
use crate::{
    codec,
    commit::{Committed, Draft},
    error::StoreError,
    keys,
    kv::Durability,
    sweep::{self, SweepPart, SweepState},
    view::View,
};

/// A slice of a stream's cached records, compared with what a finished pass saw.
#[derive(Debug, Clone, Default)]
pub struct MissingPart {
    /// Records the pass did not see although they were known before it began.
    pub missing: Vec<RecordRef>,
    /// How many records were looked at.
    pub looked_at: u64,
    /// Where to go on; `None` = that was the end.
    pub next: Option<Place>,
}

impl Store {
    /// Where the sweep of a stream stands.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn sweep(&self, connection: &ConnectionId, stream: Stream) -> Result<SweepState, StoreError> {
        let view = self.view();
        match view.connection(connection)? {
            Some(number) => sweep::state(&view, number, stream),
            None => Ok(SweepState::default()),
        }
    }

    /// Compares up to `limit` cached records of a stream with what the finished pass saw. Nothing is missing unless a
    /// pass was read to its end and every page of it told what it saw.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn sweep_missing(
        &self,
        connection: &ConnectionId,
        stream: Stream,
        place: Option<Place>,
        limit: usize,
    ) -> Result<MissingPart, StoreError> {
        let view = self.view();
        let mut part = MissingPart::default();
        let (Some(number), Some(kind)) = (view.connection(connection)?, sweep::kind_of(stream)) else {
            return Ok(part);
        };
        let state = sweep::state(&view, number, stream)?;
        let prefix = keys::records_of(number, kind);
        let from = place.map_or_else(|| prefix.clone(), |place| place.0);
        let mut missing = Vec::new();
        let mut seen = 0;
        self.kv.scan(&from, &mut |key, value| {
            if !key.starts_with(&prefix) {
                return Ok(ControlFlow::Break(()));
            }
            if seen == limit {
                part.next = Some(Place(key.to_vec()));
                return Ok(ControlFlow::Break(()));
            }
            seen += 1;
            let rid = keys::last_rid(key)?;
            if state.is_unmarked(sweep::mark(&view, rid)?) && state.knew(&codec::decode_record(value)?) {
                missing.push(rid);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        part.looked_at = seen as u64;
        part.missing = missing
            .into_iter()
            .map(|rid| view.name(rid))
            .collect::<Result<_, _>>()?;
        Ok(part)
    }

    /// Takes in missing records after they were looked up by id: those that are there after all are committed and
    /// counted, the others are gone since the pass began. Whom it concerns is marked dirty, as by a page.
    ///
    /// # Errors
    /// Nothing of it is visible, and it can be repeated.
    pub fn settle_missing(&mut self, part: &SweepPart<'_>) -> Result<Committed, StoreError> {
        let mut draft = Draft::new(View::new(&*self.kv), &self.ledger)?;
        draft.missing(part)?;
        draft.mark_concerned(&self.marked)?;
        let prepared = draft.prepared();
        let committed = prepared.committed;
        self.carry_out(prepared)?;
        Ok(committed)
    }

    /// Ends a pass that was read out and of which nothing is missing any more.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn end_sweep(&mut self, connection: &ConnectionId, stream: Stream) -> Result<SweepState, StoreError> {
        self.change_sweep(connection, stream, |state| {
            let Some(began) = state.read_out.take() else {
                return;
            };
            state.listed_at = state.listed_at.max(Some(began));
            state.failed_at = None;
            if !state.is_blind {
                state.swept_at = Some(began);
            }
            if !state.is_blind || state.found > 0 {
                state.missed = Some(state.found);
            }
            state.found = 0;
        })
    }

    /// Notes that a pass failed. With `anew`, the lane is reset: what the pass saw counts no more.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn fail_sweep(
        &mut self,
        connection: &ConnectionId,
        stream: Stream,
        now: Timestamp,
        anew: bool,
    ) -> Result<(), StoreError> {
        if anew {
            self.reset_lane(connection, stream, Lane::Sweep)?;
        }
        self.change_sweep(connection, stream, |state| state.failed_at = Some(now))?;
        Ok(())
    }

    fn change_sweep(
        &mut self,
        connection: &ConnectionId,
        stream: Stream,
        change: impl FnOnce(&mut SweepState),
    ) -> Result<SweepState, StoreError> {
        let mut view = self.view();
        let number = view.intern_connection(connection)?;
        let mut state = sweep::state(&view, number, stream)?;
        change(&mut state);
        sweep::put(&mut view, number, stream, &state)?;
        let batch = view.into_writes();
        self.write(batch, Durability::Buffered)?;
        Ok(state)
    }
}
