//! What was read a moment ago and is about to be read again for the same instant.
//!
//! Looking around reads the first page of every stream to see whether it may; the first pull wants that page. The hot
//! lane of a small stream reads all of it; the settled lane, next in the same pass, wants the same. Each page is handed
//! on once, for the instant it was read for and within [`FRESH`] of reading it: a later pass always asks the CRM.

use std::{collections::BTreeMap, time::Duration};

use followup_core::Lane;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::wire::{OwnerWire, Page};

/// A page older than this is read again.
const FRESH: Duration = Duration::from_secs(30);

/// Pages to be handed on.
#[derive(Default)]
pub(crate) struct Kept {
    /// From looking around, by object type: for the first pull of each stream.
    probed: BTreeMap<&'static str, Moment<Page>>,
    probed_owners: Option<Moment<Vec<OwnerWire>>>,
    /// From the hot lane that was read last: for the settled lane behind it.
    small: Option<(&'static str, Moment<SmallStream>)>,
    owners: Option<Moment<Vec<OwnerWire>>>,
}

/// All of a stream that fits one page.
#[derive(Clone)]
pub(crate) struct SmallStream {
    /// Live records.
    pub(crate) live: Page,
    /// Archived ones, where the hot lane reads them too.
    pub(crate) archived: Option<Page>,
}

struct Moment<T> {
    now: Timestamp,
    read_at: Instant,
    value: T,
}

impl<T> Moment<T> {
    fn new(now: Timestamp, value: T) -> Self {
        Self {
            now,
            read_at: Instant::now(),
            value,
        }
    }

    fn take(self, now: Timestamp) -> Option<T> {
        (self.now == now && self.read_at.elapsed() <= FRESH).then_some(self.value)
    }
}

impl Kept {
    pub(crate) fn probed(&mut self, object: &'static str, now: Timestamp, page: Page) {
        self.probed.insert(object, Moment::new(now, page));
    }

    pub(crate) fn probed_owners(&mut self, now: Timestamp, owners: Vec<OwnerWire>) {
        self.probed_owners = Some(Moment::new(now, owners));
    }

    /// The first page of live records, if looking around has just read it. Whatever the answer, it is kept no longer.
    pub(crate) fn first_page(&mut self, object: &str, now: Timestamp) -> Option<Page> {
        self.probed.remove(object)?.take(now)
    }

    pub(crate) fn read_small(&mut self, object: &'static str, now: Timestamp, stream: SmallStream) {
        self.small = Some((object, Moment::new(now, stream)));
    }

    /// A whole small stream, if the hot lane has just read it.
    pub(crate) fn small(&mut self, object: &str, now: Timestamp) -> Option<SmallStream> {
        let (_, moment) = self.small.take().filter(|(kept, _)| *kept == object)?;
        moment.take(now)
    }

    pub(crate) fn read_owners(&mut self, lane: Lane, now: Timestamp, owners: &[OwnerWire]) {
        self.owners = (lane == Lane::Hot).then(|| Moment::new(now, owners.to_vec()));
    }

    /// All owners, if they have just been read for this lane.
    pub(crate) fn owners(&mut self, lane: Lane, now: Timestamp) -> Option<Vec<OwnerWire>> {
        match lane {
            Lane::Hot | Lane::Backfill => self.probed_owners.take()?.take(now),
            Lane::Settled => self.owners.take()?.take(now),
            Lane::Sweep => None,
        }
    }
}
