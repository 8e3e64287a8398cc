//! Activities that no stream delivers, read record by record: first where a verdict waits for them, then where anything
//! changed, then where they were read longest ago.
//!
//! Each read costs a call, so only subjects that matter are looked at (people with a clock running, leads, people on open
//! deals), and no more of them than a part of the day's share carries. A subject's mark tells up to when it is known;
//! rules that need such activities stay blocked for a subject until its mark has passed their deadline.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{
    ActivityKind, ConnectionId, ConnectorError, DealState, Quarantined, Record, RecordRef, RelatedRequest,
};
use followup_store::{Gathered, Store, StoreError};
use jiff::{SignedDuration, Timestamp};

use super::Observer;

/// Part of the day's share that may go into reading record by record, in percent.
const SHARE_PERCENT: u64 = 40;

/// Records of one cycle, where the share is large or not known.
const READS_PER_CYCLE: usize = 40;

/// Subjects looked at for them.
const SUBJECTS: usize = 400;

/// A record whose verdict is due is not read again within this time.
const FRESH: SignedDuration = SignedDuration::from_mins(1);

/// One that only changed is not read again within this time.
const CHANGED: SignedDuration = SignedDuration::from_mins(5);

/// A record that nothing points at is read again after this long.
const STALE: SignedDuration = SignedDuration::from_hours(2);

/// Verdicts that fall due this soon are prepared.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// What reading record by record brought.
#[derive(Debug, Default)]
pub struct Relation {
    /// Records that were read to the present.
    pub read: u64,
    /// Activities that came.
    pub pulled: u64,
    /// Set aside.
    pub quarantined: Vec<Quarantined>,
    /// Why reading stopped, if it did.
    pub failure: Option<ConnectorError>,
}

/// One record to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    record: RecordRef,
    since: Option<Timestamp>,
}

impl Observer<'_> {
    /// Reads what a stream does not deliver, as much as the share carries since `last` (the time of the last call).
    ///
    /// # Errors
    /// [`StoreError`] only: trouble with the CRM is in the answer.
    pub async fn relate(&self, last: Option<Timestamp>, now: Timestamp) -> Result<Relation, StoreError> {
        let mut relation = Relation::default();
        for &kind in self.connector.related_kinds() {
            let most = self.affordable(last, now);
            let connection = self.connector.connection().clone();
            let wanted = self
                .store
                .with(move |store| wanted(store, &connection, kind, now, most))
                .await?;
            for wanted in wanted {
                if self.stop.is_cancelled() || relation.failure.is_some() {
                    return Ok(relation);
                }
                self.relate_one(kind, wanted, now, &mut relation).await?;
            }
        }
        Ok(relation)
    }

    async fn relate_one(
        &self,
        kind: ActivityKind,
        wanted: Wanted,
        now: Timestamp,
        relation: &mut Relation,
    ) -> Result<(), StoreError> {
        let record = wanted.record;
        let request = RelatedRequest {
            kind,
            record: record.clone(),
            since: wanted.since,
            now,
        };
        let related = match self.connector.pull_related(request).await {
            Ok(related) => related,
            // One record's trouble: its mark stays where it is.
            Err(
                ConnectorError::NotFound { .. }
                | ConnectorError::Refused { .. }
                | ConnectorError::Transport { .. },
            ) => {
                return Ok(());
            }
            Err(error) => {
                relation.failure = Some(error);
                return Ok(());
            }
        };
        relation.read += 1;
        relation.pulled += related.records.len() as u64;
        relation.quarantined.extend(related.quarantined);
        let (records, read_to) = (related.records, related.read_to);
        self.store
            .with(move |store| {
                store.refresh(&records, &[])?;
                store.note_related(&record, kind, read_to)
            })
            .await
    }

    /// How many records may be read now.
    fn affordable(&self, last: Option<Timestamp>, now: Timestamp) -> usize {
        let share = self.connector.usage().daily_share;
        if share == 0 {
            return READS_PER_CYCLE;
        }
        let elapsed = last.map_or(86_400 / 24, |last| now.duration_since(last).as_secs());
        let elapsed = u64::try_from(elapsed).unwrap_or(0).min(86_400);
        let earned = share * SHARE_PERCENT / 100 * elapsed / 86_400;
        usize::try_from(earned + 1)
            .unwrap_or(READS_PER_CYCLE)
            .min(READS_PER_CYCLE)
    }
}

/// What to read, most urgent first.
fn wanted(
    store: &Store,
    connection: &ConnectionId,
    kind: ActivityKind,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Wanted>, StoreError> {
    let marks = store.related(connection, kind)?;
    let mut chosen: Vec<Wanted> = Vec::new();
    let mut known: BTreeSet<RecordRef> = BTreeSet::new();
    let mut choose = |record: &RecordRef, rest: SignedDuration, chosen: &mut Vec<Wanted>| {
        let since = marks.get(record).copied();
        let is_due = since.is_none_or(|at| now.duration_since(at) >= rest);
        if record.connection == *connection && is_due && known.insert(record.clone()) {
            chosen.push(Wanted {
                record: record.clone(),
                since,
            });
        }
    };
    let due = store.due(now + AHEAD, SUBJECTS)?;
    let dirty = store.dirty(SUBJECTS)?;
    let subjects = due
        .iter()
        .map(|subject| (subject, true))
        .chain(dirty.iter().map(|subject| (subject, false)));
    for (subject, has_clock) in subjects {
        if chosen.len() >= most {
            return Ok(chosen);
        }
        let gathered = store.gather(subject)?;
        if has_clock || matters(&gathered) {
            let rest = if has_clock { FRESH } else { CHANGED };
            for record in records_of(&gathered, subject) {
                choose(&record, rest, &mut chosen);
            }
        }
    }
    let mut oldest: Vec<(Timestamp, &RecordRef)> = marks.iter().map(|(record, at)| (*at, record)).collect();
    oldest.sort();
    for (_, record) in oldest {
        if chosen.len() >= most {
            break;
        }
        if is_live(store.get(record)?.as_ref()) {
            choose(record, STALE, &mut chosen);
        }
    }
    Ok(chosen)
}

/// Leads, and people on open deals.
fn matters(gathered: &Gathered) -> bool {
    let is_open = gathered.deals.iter().any(|deal| deal.state == DealState::Open);
    is_open
        || gathered
            .people
            .iter()
            .any(|person| person.is_lead && person.converted.is_none())
}

/// The records whose activities tell about a subject: its people, and open deals. All of them are read, or nothing is
/// concluded.
fn records_of(gathered: &Gathered, subject: &RecordRef) -> Vec<RecordRef> {
    let people = gathered
        .people
        .iter()
        .filter(|person| person.merged.is_none())
        .map(|person| person.id.record().clone());
    let deals = gathered
        .deals
        .iter()
        .filter(|deal| deal.state == DealState::Open || deal.id.record() == subject)
        .map(|deal| deal.id.record().clone());
    people.chain(deals).collect()
}

fn is_live(record: Option<&Record>) -> bool {
    match record {
        Some(Record::Deal(deal)) => deal.state == DealState::Open,
        Some(Record::Person(person)) => person.merged.is_none() && person.converted.is_none(),
        _ => false,
    }
}

/// Marks of every connection, for coverage.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn marks(
    store: &Store,
    connection: &ConnectionId,
    kinds: &[ActivityKind],
) -> Result<BTreeMap<(RecordRef, ActivityKind), Timestamp>, StoreError> {
    let mut all = BTreeMap::new();
    for kind in kinds {
        for (record, at) in store.related(connection, *kind)? {
            all.insert((record, *kind), at);
        }
    }
    Ok(all)
}
