//! `status`: how everything stands, on one screen.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use followup_core::{Stream, Usage};
use followup_store::{Store, StoreError, ledger::RowState};
use jiff::Timestamp;
use serde::Serialize;

use super::{Common, context, output};
use crate::{
    config::Config,
    exit::Exit,
    health::{self, Health, State},
};

#[derive(Serialize)]
struct Status {
    connections: Vec<Connection>,
    outbox: BTreeMap<&'static str, u64>,
    queue: BTreeMap<String, u64>,
    quarantine: u64,
    /// Null until a sweep has run.
    sweep_missed: Option<u64>,
    frozen: Option<String>,
    counts: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Connection {
    name: String,
    mode: &'static str,
    state: &'static str,
    streams: Vec<StreamStatus>,
    budget: Budget,
    blind: Vec<String>,
    problems: Vec<String>,
    last_error: Option<String>,
    fix: Option<String>,
    cutover: Option<Timestamp>,
}

#[derive(Serialize)]
struct StreamStatus {
    stream: &'static str,
    watermark: Option<Timestamp>,
    lane: &'static str,
    lag: Option<String>,
    error: Option<String>,
}

#[derive(Serialize)]
struct Budget {
    share: u64,
    used: u64,
    forecast: Option<u64>,
    others: u64,
    throttled: u64,
}

pub(super) fn status(common: &Common) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let opened = context::open(common).await?;
        let now = opened.app.engine().clock.now();
        let health = health::load(opened.app.data_dir());
        let config = opened.app.config().clone();
        let streams: BTreeMap<String, Vec<Stream>> = opened
            .app
            .engine()
            .links
            .iter()
            .map(|link| {
                (
                    link.connector.connection().to_string(),
                    link.connector.streams().to_vec(),
                )
            })
            .collect();
        let store = opened.app.engine().store.clone();
        let status = store
            .with(move |store| gather(store, &config, &health, &streams, now))
            .await?;
        drop(store);
        opened.app.close()?;
        let is_fine = status.frozen.is_none()
            && status
                .connections
                .iter()
                .all(|connection| connection.state == "ok");
        if common.json {
            output::json("status/1", &status)?;
        } else {
            print(&status);
        }
        Ok(if is_fine { Exit::Ok } else { Exit::Differs })
    })
}

fn gather(
    store: &Store,
    config: &Config,
    health: &BTreeMap<String, Health>,
    streams: &BTreeMap<String, Vec<Stream>>,
    now: Timestamp,
) -> Result<Status, StoreError> {
    let mut connections = Vec::new();
    for (id, connection) in &config.connections {
        let name = id.to_string();
        let known = health.get(&name);
        let mut rows = Vec::new();
        for &stream in streams.get(&name).into_iter().flatten() {
            let lanes = store.lanes(id, stream)?;
            rows.push(StreamStatus {
                stream: stream.as_str(),
                watermark: lanes.read_to,
                lane: if lanes.backfill_done { "hot" } else { "backfill" },
                lag: lanes
                    .read_to
                    .map(|at| format!("{}s", now.duration_since(at).as_secs().max(0))),
                error: known.and_then(|known| known.failing.get(stream.as_str()).cloned()),
            });
        }
        let usage = known.map(|known| known.usage).unwrap_or_default();
        connections.push(Connection {
            name,
            mode: connection.mode.as_str(),
            state: known.map_or(State::Degraded, |known| known.state).as_str(),
            streams: rows,
            budget: budget(&usage, known.and_then(|known| known.cycle_at)),
            blind: known.map(blind).unwrap_or_default(),
            problems: known.map(|known| known.problems.clone()).unwrap_or_default(),
            last_error: known.map_or_else(|| Some("never read".to_owned()), |known| known.last_error.clone()),
            fix: known
                .and_then(|known| known.last_error.as_deref())
                .and_then(fix_in),
            cutover: store
                .ledger()
                .cutover(id)
                .map(|cutover| cutover.in_force(connection.cutover)),
        });
    }
    let counts = store.counts()?;
    Ok(Status {
        connections,
        outbox: outbox(store),
        queue: queue(store),
        quarantine: store.quarantine()?.len() as u64,
        sweep_missed: None,
        frozen: store.ledger().frozen().map(health::frozen_words),
        counts: BTreeMap::from([
            ("people", counts.people),
            ("deals", counts.deals),
            ("activities", counts.activities),
            ("tasks", counts.tasks),
        ]),
    })
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

fn outbox(store: &Store) -> BTreeMap<&'static str, u64> {
    let mut outbox = BTreeMap::new();
    for row in store.ledger().tasks().filter(|row| row.closed.is_none()) {
        let state = match (&row.state, &row.closing) {
            (RowState::Confirmed { .. }, Some(_)) => "closing",
            (RowState::Confirmed { .. }, None) => "open",
            (RowState::Planned, _) => "planned",
            (RowState::InFlight { .. } | RowState::Unknown { .. }, _) => "unknown",
            (RowState::Rejected { .. }, _) => "rejected",
        };
        *outbox.entry(state).or_default() += 1;
    }
    outbox
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

fn print(status: &Status) {
    if let Some(frozen) = &status.frozen {
        output::line(&format!("FROZEN: {frozen}"));
    }
    status.connections.iter().for_each(print_connection);
    let pairs = |map: &BTreeMap<&'static str, u64>| {
        map.iter()
            .map(|(name, n)| format!("{n} {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    output::line(&format!(
        "records: {}; quarantined: {}",
        pairs(&status.counts),
        status.quarantine
    ));
    let tasks = if status.outbox.is_empty() {
        "none".to_owned()
    } else {
        pairs(&status.outbox)
    };
    output::line(&format!("tasks: {tasks}"));
    let waiting: Vec<String> = status
        .queue
        .iter()
        .map(|(rule, n)| format!("{n} {rule}"))
        .collect();
    if !waiting.is_empty() {
        output::line(&format!(
            "gaps without a task (held, queued or blocked): {}",
            waiting.join(", ")
        ));
    }
}

fn print_connection(connection: &Connection) {
    output::line(&format!(
        "{} ({}): {}; API calls {} of {} a day{}",
        connection.name,
        connection.mode,
        connection.state,
        connection.budget.used,
        connection.budget.share,
        if connection.budget.throttled > 0 {
            ", throttled"
        } else {
            ""
        }
    ));
    if let Some(error) = &connection.last_error {
        output::line(&format!("  last error: {error}"));
    }
    connection
        .problems
        .iter()
        .for_each(|problem| output::line(&format!("  {problem}")));
    connection
        .blind
        .iter()
        .for_each(|blind| output::line(&format!("  blind: {blind}")));
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["stream", "lane", "read to", "lag", ""]);
    for stream in &connection.streams {
        table.add_row([
            stream.stream.to_owned(),
            stream.lane.to_owned(),
            stream
                .watermark
                .map_or_else(|| "-".to_owned(), |at| at.to_string()),
            stream.lag.clone().unwrap_or_else(|| "-".to_owned()),
            stream.error.clone().unwrap_or_default(),
        ]);
    }
    output::line(&table.to_string());
}
