//! One configured connection at work, and what is known of it while the process lives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use followup_core::{ActivityKind, Capability, ConnectionId, Connector, Probe, Stream, StreamAccess};
use followup_rules::model::{ConnectionCoverage, EvidenceKind, Readable, StageTable};
use followup_store::StoreError;
use jiff::{SignedDuration, Timestamp};

use crate::config::Mode;

/// One configured connection at work.
pub struct Link {
    /// The CRM.
    pub connector: Arc<dyn Connector>,
    /// What may be written.
    pub mode: Mode,
    /// Configured cutover.
    pub cutover: Option<Timestamp>,
    /// Configured time between two passes in working hours; a small allowance makes it longer.
    pub poll_every: SignedDuration,
    state: Mutex<LinkState>,
}

/// What is known about a connection while the process lives.
#[derive(Debug, Clone, Default)]
pub struct LinkState {
    /// The last successful look around.
    pub probe: Option<Probe>,
    /// When that was.
    pub probed_at: Option<Timestamp>,
    /// Streams that could not be read the last time: code and message.
    pub failing: BTreeMap<Stream, (&'static str, String)>,
    /// The login is refused: message.
    pub refused: Option<String>,
    /// Since when looking around was refused, and when that was tried last.
    pub refused_since: Option<(Timestamp, Timestamp)>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
    /// When each stream was last read to its end.
    pub read_at: BTreeMap<Stream, Timestamp>,
    /// When the last cycle ended.
    pub cycle_at: Option<Timestamp>,
    /// Since when the present cycle reads.
    pub reading_since: Option<Timestamp>,
    /// When the next cycle begins, once that is known.
    pub next_at: Option<Timestamp>,
    /// What was learned from won deals, and when.
    pub learned: Option<(Timestamp, Arc<StageTable>)>,
    /// Nothing could be asked at all the last time.
    pub is_out_of_reach: bool,
    /// Since when this process has seen trouble.
    pub troubled_since: Option<Timestamp>,
    /// When activities were last read record by record.
    pub related_at: Option<Timestamp>,
}

/// What a login may do is asked again this often: a right that was given is used, one that was taken is told.
pub(super) const PROBE_EVERY: SignedDuration = SignedDuration::from_mins(15);

/// Time between two passes where nothing else is configured.
const POLL_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// A connection that is not read within this time is not waited for.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

impl LinkState {
    /// Whether a refused login is left alone for now: each wait is as long as all before it, up to a quarter of an hour.
    pub(super) fn is_resting(&self, now: Timestamp) -> bool {
        self.refused_since.is_some_and(|(since, tried_at)| {
            // A clock that was set back ends the rest.
            now.duration_since(tried_at).abs() < tried_at.duration_since(since).min(PROBE_EVERY)
        })
    }

    /// Nobody waits for it, and it is looked at again with the next cycle.
    pub(super) fn lose(&mut self) {
        self.is_out_of_reach = true;
        self.probed_at = None;
    }

    /// Looking around was refused once more.
    pub(super) fn tried(&mut self, now: Timestamp) {
        let since = self.refused_since.map_or(now, |(since, _)| since);
        self.refused_since = Some((since, now));
    }

    /// Whether it is well and about to be read: a person whom another connection asks about may be known here.
    fn is_awaited(&self, now: Timestamp) -> bool {
        let is_stuck = self.reading_since.is_some_and(|since| since + PATIENCE < now);
        let is_soon = self.next_at.is_none_or(|at| at <= now + PATIENCE);
        let is_well = self.refused.is_none() && !self.is_out_of_reach && self.failing.is_empty();
        is_well && is_soon && !is_stuck
    }
}

impl Link {
    /// A connection that has not been looked at yet.
    pub fn new(connector: Arc<dyn Connector>, mode: Mode, cutover: Option<Timestamp>) -> Self {
        Self {
            connector,
            mode,
            cutover,
            poll_every: POLL_EVERY,
            state: Mutex::new(LinkState::default()),
        }
    }

    /// The same, read every so often.
    #[must_use]
    pub fn polled(self, every: SignedDuration) -> Self {
        Self {
            poll_every: every,
            ..self
        }
    }

    /// A copy of the present state.
    pub fn state(&self) -> LinkState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a stream that may hold what covers a subject was not read the last time.
    pub(super) fn is_unsure(&self) -> bool {
        self.state()
            .failing
            .keys()
            .any(|stream| matches!(stream, Stream::Tasks | Stream::Deals | Stream::Contacts))
    }

    /// Notes when the next cycle begins.
    pub fn expect(&self, next_at: Timestamp) {
        self.change(|state| state.next_at = Some(next_at));
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut LinkState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What coverage needs to know of a connection, without holding it.
pub(super) struct LinkView {
    pub(super) connection: ConnectionId,
    cutover: Option<Timestamp>,
    streams: Vec<Stream>,
    pub(super) related_kinds: Vec<ActivityKind>,
    is_awaited: bool,
    blind: BTreeMap<Stream, String>,
    capabilities: BTreeSet<Capability>,
}

impl LinkView {
    pub(super) fn of(link: &Link, now: Timestamp) -> Self {
        let state = link.state();
        let mut blind: BTreeMap<Stream, String> = BTreeMap::new();
        for (stream, access) in state.probe.iter().flat_map(|probe| &probe.streams) {
            if let StreamAccess::Forbidden { missing } = access {
                blind.insert(
                    *stream,
                    format!("the login may not read {stream}: {missing} is missing"),
                );
            }
        }
        for (stream, (code, message)) in &state.failing {
            if *code == "forbidden" {
                blind.insert(*stream, message.clone());
            }
        }
        Self {
            connection: link.connector.connection().clone(),
            cutover: link.cutover,
            streams: link.connector.streams().to_vec(),
            related_kinds: link.connector.related_kinds().to_vec(),
            is_awaited: state.is_awaited(now),
            blind,
            capabilities: state.probe.map(|probe| probe.capabilities).unwrap_or_default(),
        }
    }

    pub(super) fn coverage(
        &self,
        store: &followup_store::Store,
    ) -> Result<Option<ConnectionCoverage>, StoreError> {
        let Some(cutover) = store.ledger().cutover(&self.connection) else {
            return Ok(None);
        };
        let mut kinds = BTreeMap::new();
        for &stream in &self.streams {
            let kind = match (stream, stream.activity_kind()) {
                (Stream::Tasks, _) => EvidenceKind::Task,
                (_, Some(kind)) => EvidenceKind::Activity(kind),
                (_, None) => continue,
            };
            let read_to = store.lanes(&self.connection, stream)?;
            let readable = match (self.blind.get(&stream), read_to.read_to) {
                (Some(why), _) => Readable::Blind(why.clone()),
                (None, Some(at)) if read_to.backfill_done => Readable::To(at),
                (None, _) => Readable::Blind(format!("{stream} were not read yet")),
            };
            kinds.insert(kind, readable);
        }
        Ok(Some(ConnectionCoverage {
            cutover: cutover.in_force(self.cutover),
            acting_since: store.ledger().acting_since(&self.connection),
            is_awaited: self.is_awaited,
            kinds,
            records_meeting_outcomes: self.capabilities.contains(&Capability::MeetingOutcomes),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[test]
    fn one_that_cannot_even_be_looked_at_is_not_awaited() {
        let fresh = LinkState::default();
        assert!(fresh.is_awaited(at(0)));
        let out_of_reach = LinkState {
            is_out_of_reach: true,
            ..fresh
        };
        assert!(!out_of_reach.is_awaited(at(0)));
    }

    #[test]
    fn a_refused_login_is_tried_ever_more_rarely_and_at_least_every_quarter_of_an_hour() {
        let mut state = LinkState::default();
        let mut tries = Vec::new();
        for minute in 0..80 {
            if !state.is_resting(at(minute)) {
                state.tried(at(minute));
                tries.push(minute);
            }
        }
        assert_eq!(tries, [0, 1, 2, 4, 8, 16, 31, 46, 61, 76]);
    }
}
