//! Activities that no stream delivers, read record by record: first where a verdict waits for them, then by how long they
//! have rested for how much they matter: what an open task of ours is about, what changed, open deals, everybody else.
//!
//! Each read costs a call, so only subjects that matter are looked at (people with a clock running, leads, people on open
//! deals, people somebody was in touch with lately), and no more of them than a part of the day's share carries. A subject's mark tells up to when it is known;
//! rules that need such activities stay blocked for a subject until its mark has passed their deadline.

use std::{cmp::Reverse, collections::BTreeMap};

use followup_core::{
    ActivityKind, ConnectionId, ConnectorError, DealState, Quarantined, Record, RecordRef, RelatedRequest,
};
use followup_store::{Gathered, Store, StoreError};
use jiff::{SignedDuration, Timestamp};

use super::Observer;

/// Part of the day's share that may go into reading record by record, in percent.
const SHARE_PERCENT: u64 = 40;

/// Once this part of the share is used, in percent, only what a verdict or an open task waits for is read.
const USED_PERCENT: u64 = 55;

/// Once this part is used nothing is read any more: what is left is for the streams and for writing. Sweeps end here too.
const USED_AT_MOST_PERCENT: u64 = 60;

/// Records of one cycle, where the share is large or not known.
const READS_PER_CYCLE: usize = 40;

/// Subjects looked at for them.
const SUBJECTS: usize = 400;

/// A record whose verdict is due is not read again within this time.
const FRESH: SignedDuration = SignedDuration::from_mins(1);

/// One that changed, or that an open task of ours is about, is not read again within this time.
const CHANGED: SignedDuration = SignedDuration::from_mins(5);

/// An open deal is read again after this long.
const DEAL: SignedDuration = SignedDuration::from_hours(1);

/// A person whom nothing points at is read again after this long.
const STALE: SignedDuration = SignedDuration::from_hours(2);

/// A record that was never read is as urgent as one that has rested so many times as long as it may.
const NEW: i64 = 4;

/// Whoever somebody was in touch with within this time may write any day.
const LATELY: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Verdicts that fall due this soon are prepared: also those that were just put off for a minute, because what is asked for
/// here was not read yet.
const AHEAD: SignedDuration = SignedDuration::from_mins(3);

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
    /// A verdict waits for it.
    is_first: bool,
}

/// How many records may be read now.
#[derive(Debug, Clone, Copy)]
struct Most {
    /// Of what a verdict or an open task waits for.
    urgent: usize,
    /// Of all together.
    all: usize,
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
            let mut awaited = Vec::new();
            for wanted in wanted {
                if self.stop.is_cancelled() || relation.failure.is_some() {
                    break;
                }
                let (record, is_first, before) = (wanted.record.clone(), wanted.is_first, relation.read);
                self.relate_one(kind, wanted, now, &mut relation).await?;
                if is_first && relation.read > before {
                    awaited.push(record);
                }
            }
            // What waited for these is judged now: another connection's cycle may have put it off a moment ago.
            self.store.with(move |store| store.mark_dirty(&awaited)).await?;
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
    fn affordable(&self, last: Option<Timestamp>, now: Timestamp) -> Most {
        let usage = self.connector.usage();
        let share = usage.daily_share;
        if share == 0 {
            return Most {
                urgent: READS_PER_CYCLE,
                all: READS_PER_CYCLE,
            };
        }
        let elapsed = last.map_or(86_400 / 24, |last| now.duration_since(last).as_secs());
        let elapsed = u64::try_from(elapsed).unwrap_or(0).min(86_400);
        let earned = share * SHARE_PERCENT / 100 * elapsed / 86_400;
        let most = |used_percent: u64| {
            let left = (share * used_percent / 100).saturating_sub(usage.daily_used);
            usize::try_from(left.min(earned + 1))
                .unwrap_or(READS_PER_CYCLE)
                .min(READS_PER_CYCLE)
        };
        Most {
            urgent: most(USED_AT_MOST_PERCENT),
            all: most(USED_PERCENT),
        }
    }
}

/// Why a record is to be read.
#[derive(Debug, Clone, Copy)]
struct Want {
    /// A verdict waits for it.
    is_first: bool,
    /// A verdict waits for it, or an open task of ours is about it.
    is_urgent: bool,
    /// It is not read again within this time.
    rest: SignedDuration,
}

impl Want {
    /// A verdict waits for it.
    const VERDICT: Self = Self {
        is_first: true,
        is_urgent: true,
        rest: FRESH,
    };

    /// An open task of ours is about it.
    const OPEN_TASK: Self = Self {
        is_first: false,
        is_urgent: true,
        rest: CHANGED,
    };

    /// Nobody waits for it.
    const fn idle(rest: SignedDuration) -> Self {
        Self {
            is_first: false,
            is_urgent: false,
            rest,
        }
    }
}

/// The records of one connection that are worth reading.
struct Wants<'a> {
    connection: &'a ConnectionId,
    marks: BTreeMap<RecordRef, Timestamp>,
    by_record: BTreeMap<RecordRef, Want>,
    now: Timestamp,
}

impl Wants<'_> {
    /// Adds a reason; the most urgent one counts.
    fn add(&mut self, record: RecordRef, want: Want) {
        if record.connection != *self.connection {
            return;
        }
        let known = self.by_record.entry(record).or_insert(want);
        known.is_first |= want.is_first;
        known.is_urgent |= want.is_urgent;
        known.rest = known.rest.min(want.rest);
    }

    /// Those that have rested long enough, most urgent first.
    fn chosen(self, most: Most) -> Vec<Wanted> {
        let (marks, now) = (self.marks, self.now);
        let overdue = |record: &RecordRef, rest: SignedDuration| {
            let Some(at) = marks.get(record) else {
                return NEW * 1_000;
            };
            now.duration_since(*at).as_secs().saturating_mul(1_000) / rest.as_secs().max(1)
        };
        let mut chosen: Vec<(i64, Want, RecordRef)> = self
            .by_record
            .into_iter()
            .map(|(record, want)| (overdue(&record, want.rest), want, record))
            .filter(|(overdue, ..)| *overdue >= 1_000)
            .collect();
        chosen.sort_by_key(|(overdue, want, _)| Reverse((want.is_first, *overdue)));
        let mut taken = 0;
        chosen.retain(|(_, want, _)| {
            let is_taken = taken < if want.is_urgent { most.urgent } else { most.all };
            taken += usize::from(is_taken);
            is_taken
        });
        let wanted = chosen.into_iter().map(|(_, want, record)| Wanted {
            since: marks.get(&record).copied(),
            record,
            is_first: want.is_first,
        });
        wanted.collect()
    }
}

/// What to read, most urgent first.
fn wanted(
    store: &Store,
    connection: &ConnectionId,
    kind: ActivityKind,
    now: Timestamp,
    most: Most,
) -> Result<Vec<Wanted>, StoreError> {
    let mut wants = Wants {
        connection,
        marks: store.related(connection, kind)?,
        by_record: BTreeMap::new(),
        now,
    };
    if most.urgent == 0 {
        return Ok(Vec::new());
    }
    for record in wants.marks.keys().cloned().collect::<Vec<_>>() {
        if let Some(rest) = rest_of(store.get(&record)?.as_ref()) {
            wants.add(record, Want::idle(rest));
        }
    }
    let open = store.ledger().tasks().filter(|row| row.is_live());
    // Of a list, everybody it names.
    let subjects = open.flat_map(|row| store.ledger().shown_subjects_of(row));
    let open = subjects.map(|subject| (subject, Want::OPEN_TASK));
    let due = store.due(now + AHEAD, SUBJECTS)?;
    let due = due.into_iter().map(|subject| (subject, Want::VERDICT));
    let dirty = store.dirty(SUBJECTS)?;
    let dirty = dirty.into_iter().map(|subject| (subject, Want::idle(CHANGED)));
    for (subject, want) in open.take(SUBJECTS).chain(due).chain(dirty) {
        let gathered = store.gather(&subject)?;
        if want.is_urgent || matters(&gathered, now) {
            for record in records_of(&gathered, &subject) {
                wants.add(record, want);
            }
        }
    }
    Ok(wants.chosen(most))
}

/// How long a record may rest that nothing points at; `None` = it is not read any more.
fn rest_of(record: Option<&Record>) -> Option<SignedDuration> {
    match record {
        Some(Record::Deal(deal)) => (deal.state == DealState::Open).then_some(DEAL),
        Some(Record::Person(person)) => {
            (person.merged.is_none() && person.converted.is_none()).then_some(STALE)
        }
        _ => None,
    }
}

/// Leads, people on open deals, and people who came lately or whom somebody was in touch with lately.
fn matters(gathered: &Gathered, now: Timestamp) -> bool {
    let is_open = gathered.deals.iter().any(|deal| deal.state == DealState::Open);
    let is_late = |at: Timestamp| now.duration_since(at) < LATELY;
    is_open
        || gathered.activities.iter().any(|activity| is_late(activity.at))
        || gathered.people.iter().any(|person| is_late(person.created_at))
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

/// How long it takes until every record that matters was read again one by one; `None` = nothing was read yet.
///
/// Passes come every `poll`, and `share` calls may be spent a day (0 = as many as one likes). In working hours, the pass that
/// finds a record due included.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn round(
    store: &Store,
    connection: &ConnectionId,
    kind: ActivityKind,
    share: u64,
    poll: SignedDuration,
) -> Result<Option<SignedDuration>, StoreError> {
    const DAY: u64 = 86_400;
    let seconds = |span: SignedDuration| u64::try_from(span.as_secs()).unwrap_or(1).max(1);
    let marks = store.related(connection, kind)?;
    if marks.is_empty() {
        return Ok(None);
    }
    let open = store.ledger().tasks().filter(|row| row.is_live()).count() as u64;
    let mut asked = open * DAY / seconds(CHANGED);
    for record in marks.keys() {
        asked += rest_of(store.get(record)?.as_ref()).map_or(0, |rest| DAY / seconds(rest));
    }
    let passes = (DAY / seconds(poll)).max(1);
    let most = passes * u64::try_from(READS_PER_CYCLE).unwrap_or(u64::MAX);
    let reads = match share * SHARE_PERCENT / 100 {
        _ if share == 0 => most,
        earned => most.min(earned + passes),
    };
    // Where fewer can be read than are asked for, all of them wait so much longer.
    let stretched = seconds(STALE) * asked.max(reads) / reads.max(1);
    let round = SignedDuration::from_secs(i64::try_from(stretched).unwrap_or(i64::MAX));
    Ok(Some(round + poll))
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

#[cfg(test)]
mod tests {
    use followup_core::RecordKind;

    use super::*;

    fn lead(connection: &ConnectionId, number: u32) -> RecordRef {
        RecordRef::new(connection.clone(), RecordKind::Lead, number.to_string())
    }

    #[test]
    fn what_nobody_waits_for_gives_way_to_verdicts_and_open_tasks() {
        let connection = ConnectionId::new("zoho").unwrap();
        let read = |most: Most| -> Vec<(RecordRef, bool)> {
            let mut wants = Wants {
                connection: &connection,
                marks: BTreeMap::new(),
                by_record: BTreeMap::new(),
                now: Timestamp::UNIX_EPOCH,
            };
            wants.add(lead(&connection, 1), Want::idle(STALE));
            wants.add(lead(&connection, 2), Want::OPEN_TASK);
            wants.add(lead(&connection, 3), Want::idle(STALE));
            wants.add(lead(&connection, 3), Want::VERDICT);
            let chosen = wants.chosen(most).into_iter();
            chosen.map(|wanted| (wanted.record, wanted.is_first)).collect()
        };
        let [idle, open, due] = [1, 2, 3].map(|number| lead(&connection, number));
        let urgent = vec![(due.clone(), true), (open.clone(), false)];
        assert_eq!(read(Most { urgent: 9, all: 0 }), urgent);
        assert_eq!(read(Most { urgent: 1, all: 0 }), [(due.clone(), true)]);
        assert_eq!(
            read(Most { urgent: 9, all: 9 }),
            [(due, true), (idle, false), (open, false)]
        );
    }
}
