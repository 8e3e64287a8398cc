//! How everything stands.

use std::collections::BTreeMap;

use followup_core::{ActivityKind, ConnectionId, Stream, Usage};
use followup_rules::{calendar::Calendars, is_bundle, model::RuleId, policy::Policy};
use followup_store::{Store, StoreError, ledger::RowState};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    HealthByName, QueryError, Response,
    freshness::{self, Freshness, Mails},
};
use crate::{
    config::Mode,
    engine::{Engine, Known},
    exit::Exit,
    feedback::{self, RuleRecord},
    health::{self, Health, State},
    sync,
};

/// Everything on one screen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    /// By name.
    pub connections: Vec<Connection>,
    /// Tasks of ours by where they stand.
    pub outbox: BTreeMap<String, u64>,
    /// Open gaps without a task, by rule.
    pub queue: BTreeMap<String, u64>,
    /// Owners' lists that are open, by rule.
    #[serde(default)]
    pub lists: BTreeMap<String, u64>,
    /// Records set aside.
    pub quarantine: u64,
    /// People whom the CRMs deleted and who were forgotten here since the cache was last read anew.
    #[serde(default)]
    pub forgotten: u64,
    /// Records that the last sweeps brought although the other lanes should have, of all connections; should be 0.
    /// Null until a sweep has ended.
    pub sweep_missed: Option<u64>,
    /// Why writes are frozen, if they are.
    pub frozen: Option<String>,
    /// Records in the cache, by kind.
    pub counts: BTreeMap<String, u64>,
    /// What became of each rule's tasks that ended lately, by rule.
    #[serde(default)]
    pub rules: Vec<RuleStatus>,
    /// Rules that are worth a look, because one rep keeps dismissing their tasks.
    #[serde(default)]
    pub suggestions: Vec<RuleSuggestion>,
}

/// What became of a rule's tasks that ended within the policy's `feedback.window`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RuleStatus {
    /// The rule.
    pub rule: String,
    /// How they ended.
    #[serde(flatten)]
    pub record: RuleRecord,
    /// Share of wrong and early ones.
    pub wrong_share: f64,
    /// Bounds of its 95 % interval (Wilson).
    pub interval: [f64; 2],
    /// The rule is delivered by the digest for now, because of this.
    pub in_digest: bool,
}

/// A rule to look at.
#[derive(Debug, Serialize, Deserialize)]
pub struct RuleSuggestion {
    /// The rule.
    pub rule: String,
    /// Who dismissed its tasks.
    pub owner: String,
    /// How many.
    pub dismissed: u64,
    /// Of these, how many with `#wrong`.
    pub wrong: u64,
    /// When the first of them was.
    pub since: Timestamp,
    /// What may be done.
    pub fix: String,
}

/// One connection.
#[derive(Debug, Serialize, Deserialize)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// `observe`, `propose` or `enforce`.
    pub mode: String,
    /// `ok`, `degraded`, `blind` or `paused`.
    pub state: String,
    /// Its streams.
    pub streams: Vec<StreamStatus>,
    /// Requests.
    pub budget: Budget,
    /// Streams nobody can read, and the rules that are silent for it.
    pub blind: Vec<String>,
    /// What the connection should be given or relieved of.
    pub problems: Vec<String>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
    /// What mends it.
    pub fix: Option<String>,
    /// Anchors before this are never acted on.
    pub cutover: Option<Timestamp>,
    /// Records that the last sweep of each stream brought although the other lanes should have; should be 0. Null
    /// until a sweep has ended.
    #[serde(default)]
    pub sweep_missed: Option<u64>,
    /// How fresh its allowance lets each rule be; null until its first cycle.
    #[serde(default)]
    pub freshness: Option<Freshness>,
}

/// One stream of a connection.
#[derive(Debug, Serialize, Deserialize)]
pub struct StreamStatus {
    /// Which stream.
    pub stream: String,
    /// Read up to.
    pub watermark: Option<Timestamp>,
    /// `backfill` until the first read is done, then `hot`.
    pub lane: String,
    /// Age of the watermark.
    pub lag: Option<String>,
    /// Why it could not be read the last time.
    pub error: Option<String>,
    /// When the last sweep began that came to its end.
    #[serde(default)]
    pub swept: Option<Timestamp>,
}

/// The daily allowance.
#[derive(Debug, Serialize, Deserialize)]
pub struct Budget {
    /// What we allow ourselves a day.
    pub share: u64,
    /// What we used today.
    pub used: u64,
    /// What today will have taken at this pace.
    pub forecast: Option<u64>,
    /// What others used, as far as headers tell.
    pub others: u64,
    /// Requests that were throttled.
    pub throttled: u64,
}

/// What is asked of a link, without holding it.
struct LinkFacts {
    id: ConnectionId,
    mode: Mode,
    cutover: Option<Timestamp>,
    streams: Vec<Stream>,
    related_kinds: Vec<ActivityKind>,
    poll_every: SignedDuration,
}

/// The status; exit status 1 unless every connection is ok and nothing is frozen.
pub(super) async fn status(engine: &Engine, health: &HealthByName) -> Result<Response, QueryError> {
    let now = engine.clock.now();
    let links: Vec<LinkFacts> = engine
        .links
        .iter()
        .map(|link| LinkFacts {
            id: link.connector.connection().clone(),
            mode: link.mode,
            cutover: link.cutover,
            streams: link.connector.streams().to_vec(),
            related_kinds: link.connector.related_kinds().to_vec(),
            poll_every: link.poll_every,
        })
        .collect();
    let health = health.clone();
    let Known { calendars, .. } = engine.known().await?;
    let policy = engine.policy.clone();
    let status = engine
        .store
        .with(move |store| {
            let mut status = gather(store, &links, &health, now)?;
            for (connection, link) in status.connections.iter_mut().zip(&links) {
                connection.freshness = fresh(store, link, health.get(&connection.name), &policy)?;
            }
            status.rules = rules(store, &policy, now);
            status.suggestions = suggestions(store, &policy, &calendars, now);
            Ok(status)
        })
        .await?;
    let is_fine = status.frozen.is_none()
        && status
            .connections
            .iter()
            .all(|connection| connection.state == "ok");
    Ok(Response::of(
        if is_fine { Exit::Ok } else { Exit::Differs },
        &status,
    ))
}

fn gather(
    store: &Store,
    links: &[LinkFacts],
    health: &HealthByName,
    now: Timestamp,
) -> Result<Status, StoreError> {
    let mut connections = Vec::new();
    for link in links {
        let refused = refused(store, &link.id);
        let name = link.id.to_string();
        let known = health.get(&name);
        let mut rows = Vec::new();
        let mut missed = None;
        for &stream in &link.streams {
            let lanes = store.lanes(&link.id, stream)?;
            let sweep = store.sweep(&link.id, stream)?;
            missed = sum(missed, sweep.missed);
            rows.push(StreamStatus {
                stream: stream.as_str().to_owned(),
                watermark: lanes.read_to,
                lane: if lanes.backfill_done { "hot" } else { "backfill" }.to_owned(),
                lag: lanes
                    .read_to
                    .map(|at| format!("{}s", now.duration_since(at).as_secs().max(0))),
                error: known.and_then(|known| known.failing.get(stream.as_str()).cloned()),
                swept: sweep.swept_at,
            });
        }
        let usage = known.map(|known| known.usage).unwrap_or_default();
        connections.push(Connection {
            name,
            mode: link.mode.as_str().to_owned(),
            state: state(known, refused.as_ref()).as_str().to_owned(),
            streams: rows,
            budget: budget(&usage, known.and_then(|known| known.cycle_at)),
            blind: known.map(blind).unwrap_or_default(),
            problems: known
                .map(|known| known.problems.clone())
                .unwrap_or_default()
                .into_iter()
                .chain(refused)
                .collect(),
            last_error: known.map_or_else(|| Some("never read".to_owned()), |known| known.last_error.clone()),
            fix: known
                .and_then(|known| known.last_error.as_deref())
                .and_then(fix_in),
            cutover: store
                .ledger()
                .cutover(&link.id)
                .map(|cutover| cutover.in_force(link.cutover)),
            sweep_missed: missed,
            freshness: None,
        });
    }
    let counts = store.counts()?;
    let sweep_missed = connections
        .iter()
        .fold(None, |missed, connection| sum(missed, connection.sweep_missed));
    Ok(Status {
        connections,
        outbox: outbox(store),
        queue: queue(store),
        lists: lists(store),
        quarantine: store.quarantine()?.len() as u64,
        forgotten: store.forgotten()?.people,
        sweep_missed,
        frozen: store.ledger().frozen().map(health::frozen_words),
        counts: BTreeMap::from([
            ("people".to_owned(), counts.people),
            ("deals".to_owned(), counts.deals),
            ("activities".to_owned(), counts.activities),
            ("tasks".to_owned(), counts.tasks),
        ]),
        rules: Vec::new(),
        suggestions: Vec::new(),
    })
}

fn rules(store: &Store, policy: &Policy, now: Timestamp) -> Vec<RuleStatus> {
    let demoted = feedback::demoted(store.ledger(), policy, now);
    let records = feedback::records(store.ledger(), &policy.feedback, now);
    let line = |(rule, record): (RuleId, RuleRecord)| {
        let (wrong_share, bounds) = record.wrong_share()?;
        Some(RuleStatus {
            rule: rule.to_string(),
            record,
            wrong_share,
            interval: [bounds.low, bounds.high],
            in_digest: demoted.contains(&rule),
        })
    };
    records.into_iter().filter_map(line).collect()
}

fn suggestions(store: &Store, policy: &Policy, calendars: &Calendars, now: Timestamp) -> Vec<RuleSuggestion> {
    let found = feedback::suggestions(store.ledger(), &policy.feedback, calendars, now);
    found
        .into_iter()
        .map(|one| RuleSuggestion {
            fix: format!(
                "ask what does not fit, then change [rules.{}] or add an exception for this owner",
                one.rule
            ),
            rule: one.rule.to_string(),
            owner: one.owner.to_string(),
            dismissed: one.dismissed,
            wrong: one.wrong,
            since: one.since,
        })
        .collect()
}

/// How fresh a connection's rules are, by its last cycle; `None` before the first one.
fn fresh(
    store: &Store,
    link: &LinkFacts,
    known: Option<&Health>,
    policy: &Policy,
) -> Result<Option<Freshness>, StoreError> {
    let Some(known) = known.filter(|known| known.cycle_at.is_some()) else {
        return Ok(None);
    };
    let poll = link.poll_every.max(known.rest);
    let mails = if link.related_kinds.contains(&ActivityKind::Email) {
        let share = known.usage.daily_share;
        Mails::ByRecord(sync::round(store, &link.id, ActivityKind::Email, share, poll)?)
    } else {
        Mails::Streamed
    };
    Ok(Some(freshness::of(poll, mails, policy)))
}

/// Adds what is known; nothing is not 0.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

/// How a connection stands; tasks the CRM refuses are not fine even if everything else is.
fn state(known: Option<&Health>, refused: Option<&String>) -> State {
    match known.map_or(State::Degraded, |known| known.state) {
        State::Ok if refused.is_some() => State::Degraded,
        state => state,
    }
}

/// Tasks the CRM refuses, in words.
fn refused(store: &Store, connection: &ConnectionId) -> Option<String> {
    let rows = || {
        store
            .ledger()
            .tasks()
            .filter(|row| row.connection == *connection && row.is_refused())
    };
    let reason = rows().find_map(|row| match &row.state {
        RowState::Rejected { reason } => Some(reason.clone()),
        _ => None,
    })?;
    let count = rows().count();
    Some(format!(
        "the CRM refuses {count} tasks, for example: {reason}. Fix: mend the cause; they are tried again daily"
    ))
}

/// The fix is the part of a message behind "Fix:".
fn fix_in(message: &str) -> Option<String> {
    message.split_once("Fix: ").map(|(_, fix)| fix.to_owned())
}

fn blind(health: &Health) -> Vec<String> {
    let word = |stream: &String| {
        let rules = Stream::ALL.iter().find(|known| known.as_str() == stream.as_str());
        format!(
            "{stream}: {}",
            rules.map_or("unknown", |stream| health::rules_without(*stream))
        )
    };
    health.blind.iter().map(word).collect()
}

/// The day's use so far, stretched to midnight UTC of the day of the last cycle.
fn budget(usage: &Usage, at: Option<Timestamp>) -> Budget {
    const DAY_SECONDS: i64 = 86_400;
    let elapsed = at.map(|at| at.as_second().rem_euclid(DAY_SECONDS).max(600).unsigned_abs());
    Budget {
        share: usage.daily_share,
        used: usage.daily_used,
        forecast: elapsed.map(|elapsed| usage.daily_used * DAY_SECONDS.unsigned_abs() / elapsed),
        others: usage.daily_others,
        throttled: usage.throttled,
    }
}

fn outbox(store: &Store) -> BTreeMap<String, u64> {
    let mut outbox = BTreeMap::new();
    for row in store.ledger().tasks().filter(|row| row.closed.is_none()) {
        let state = match (&row.state, &row.closing) {
            (RowState::Confirmed { .. }, Some(_)) => "closing",
            (RowState::Confirmed { .. }, None) => "open",
            (RowState::Planned, _) => "planned",
            (RowState::InFlight { .. } | RowState::Unknown { .. }, _) => "unknown",
            (RowState::Rejected { .. }, _) => "rejected",
        };
        *outbox.entry(state.to_owned()).or_default() += 1;
    }
    outbox
}

/// Open lists by rule.
fn lists(store: &Store) -> BTreeMap<String, u64> {
    let ledger = store.ledger();
    let mut lists = BTreeMap::new();
    for row in ledger.lists().filter(|row| row.is_live() && is_bundle(&row.key)) {
        if let Some(gap) = row.gaps.first().and_then(|id| ledger.gap(id)) {
            *lists.entry(gap.rule.clone()).or_default() += 1;
        }
    }
    lists
}

/// Gaps that are open and live in no task, by rule.
fn queue(store: &Store) -> BTreeMap<String, u64> {
    let in_tasks: std::collections::BTreeSet<&String> =
        store.ledger().tasks().flat_map(|row| row.gaps.iter()).collect();
    let mut queue = BTreeMap::new();
    for (id, gap) in store.ledger().gaps() {
        if gap.end.is_none() && !in_tasks.contains(id) {
            *queue.entry(gap.rule.clone()).or_default() += 1;
        }
    }
    queue
}
