//! `audit`: a random sample of the cache is read again by id, and what the polls missed of it is counted.
//!
//! The route shares nothing with the polls. What differs although a poll had passed its change was missed; the share is
//! told with its interval. What is found is taken in.
//!
//! A sample of the cache says nothing of records the cache never had: those are counted by the sweep (`sweep_missed` in
//! `status`).

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{ConnectionId, Gone, RecordKind, RecordRef, Reread, Stream};
use followup_metrics::share;
use followup_store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{
    engine::{Engine, Link},
    exit::Exit,
};

/// The kinds that are sampled, with the stream that should have brought them.
const KINDS: &[(RecordKind, Stream)] = &[
    (RecordKind::Lead, Stream::Leads),
    (RecordKind::Contact, Stream::Contacts),
    (RecordKind::Deal, Stream::Deals),
    (RecordKind::Task, Stream::Tasks),
    (RecordKind::Call, Stream::Calls),
    (RecordKind::Email, Stream::Emails),
    (RecordKind::Meeting, Stream::Meetings),
];

/// A change may show this late in what polls read (the vendors' lag, and the wait for the lane that reads again behind
/// it): until then it is in time to come.
const SHOWS_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// Records asked for in one request.
const BATCH: usize = 100;

/// What a sample showed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Audit {
    /// As of when.
    pub as_of: Timestamp,
    /// With it the same records give the same sample.
    pub seed: u64,
    /// By connection.
    pub connections: Vec<Audited>,
    /// All of them together.
    pub total: Missed,
}

/// What a sample showed of one connection.
#[derive(Debug, Serialize, Deserialize)]
pub struct Audited {
    /// Its name.
    pub name: String,
    /// By kind of record.
    pub kinds: BTreeMap<String, KindAudit>,
    /// Why it was not read to the end.
    pub error: Option<String>,
}

/// What a sample showed of one kind.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct KindAudit {
    /// Records of the kind in the cache.
    pub cached: u64,
    /// Of these, sampled and read again.
    pub read: u64,
    /// Read, and different although the change lies half an hour or more before what a poll had read up to.
    pub missed: u64,
    /// Read, and changed since, or so shortly before that a poll may not have seen it yet.
    pub newer: u64,
    /// No longer in the CRM; a sweep would have told.
    pub gone: u64,
    /// Sampled, and none of the kind came back: the CRM does not give it by id, or not to this login.
    pub not_readable: u64,
}

/// A share of missed records.
#[derive(Debug, Serialize, Deserialize)]
pub struct Missed {
    /// Read again.
    pub read: u64,
    /// Missed.
    pub missed: u64,
    /// Their share; null if nothing was read.
    pub share: Option<f64>,
    /// Bounds of its 95 % interval (Wilson).
    pub interval: Option<[f64; 2]>,
}

impl Missed {
    fn of(missed: u64, read: u64) -> Self {
        let known = share::wilson(missed, read);
        Self {
            read,
            missed,
            share: known.map(|(share, _)| share),
            interval: known.map(|(_, bounds)| [bounds.low, bounds.high]),
        }
    }
}

/// Samples, reads, compares; exit status 1 if anything was missed, 5 if a connection was not read to the end.
pub(super) async fn audit(engine: &Engine, sample: usize, seed: u64) -> Result<Response, QueryError> {
    let now = engine.clock.now();
    let mut connections = Vec::new();
    for link in &engine.links {
        connections.push(audit_link(engine, link, sample, seed, now).await?);
    }
    let all = || connections.iter().flat_map(|one| one.kinds.values());
    let total = Missed::of(
        all().map(|kind| kind.missed).sum(),
        all().map(|kind| kind.read).sum(),
    );
    let exit = if connections.iter().any(|one| one.error.is_some()) {
        Exit::Stopped
    } else if total.missed > 0 {
        Exit::Differs
    } else {
        Exit::Ok
    };
    let audit = Audit {
        as_of: now,
        seed,
        connections,
        total,
    };
    Ok(Response::of(exit, &audit))
}

async fn audit_link(
    engine: &Engine,
    link: &Link,
    sample: usize,
    seed: u64,
    now: Timestamp,
) -> Result<Audited, QueryError> {
    let connection = link.connector.connection().clone();
    let mut audited = Audited {
        name: connection.to_string(),
        kinds: BTreeMap::new(),
        error: None,
    };
    if link.state().probe.is_none()
        && let Err(error) = link.connector.probe(now).await
    {
        audited.error = Some(error.to_string());
        return Ok(audited);
    }
    let has_stream = |stream: &Stream| link.connector.streams().contains(stream);
    for (kind, stream) in KINDS.iter().filter(|(_, stream)| has_stream(stream)) {
        let (of, kind, stream) = (connection.clone(), *kind, *stream);
        let (ids, cached, read_to) = engine
            .store
            .with(move |store| {
                let (ids, cached) = store.sample(&of, kind, sample, seed)?;
                Ok((ids, cached, store.lanes(&of, stream)?.read_to))
            })
            .await?;
        let mut told = KindAudit {
            cached,
            ..KindAudit::default()
        };
        for batch in ids.chunks(BATCH) {
            let fresh = match link.connector.read(batch, now).await {
                Ok(fresh) => fresh,
                Err(error) => {
                    audited.error = Some(error.to_string());
                    return Ok(audited);
                }
            };
            if fresh.records.is_empty() {
                told.not_readable += batch.len() as u64;
                continue;
            }
            told.not_readable += fresh.unread.len() as u64;
            let (of, asked) = (connection.clone(), batch.to_vec());
            let compared = engine
                .store
                .with(move |store| compare(store, &of, &asked, &fresh, read_to, now));
            told.add(compared.await?);
        }
        if cached > 0 {
            audited.kinds.insert(kind.as_str().to_owned(), told);
        }
    }
    Ok(audited)
}

impl KindAudit {
    const fn add(&mut self, other: Self) {
        self.read += other.read;
        self.missed += other.missed;
        self.newer += other.newer;
        self.gone += other.gone;
    }
}

/// Takes in what was read, and tells what of it is news.
fn compare(
    store: &mut Store,
    connection: &ConnectionId,
    asked: &[RecordRef],
    fresh: &Reread,
    read_to: Option<Timestamp>,
    now: Timestamp,
) -> Result<KindAudit, StoreError> {
    let there: BTreeMap<&RecordRef, Timestamp> = fresh
        .records
        .iter()
        .map(|record| (record.id(), record.stamp().modified_at))
        .collect();
    let mut gone = Vec::new();
    let missing = fresh.missing(asked);
    for id in missing.into_iter().filter(|id| id.connection == *connection) {
        if store.tombstone(id)?.is_none() {
            gone.push(Gone {
                id: id.clone(),
                merged_into: None,
                at: now,
            });
        }
    }
    let news: BTreeSet<RecordRef> = store.refresh(&fresh.records, &gone)?.into_iter().collect();
    let changed = |is_meant: &dyn Fn(Timestamp) -> bool| {
        let differs = there
            .iter()
            .filter(|(id, at)| news.contains(**id) && is_meant(**at));
        differs.count() as u64
    };
    let is_passed = |at: Timestamp| read_to.is_some_and(|read_to| read_to.duration_since(at) >= SHOWS_WITHIN);
    Ok(KindAudit {
        read: there.len() as u64,
        missed: changed(&is_passed),
        newer: changed(&|at| !is_passed(at)),
        gone: gone.len() as u64,
        ..KindAudit::default()
    })
}
