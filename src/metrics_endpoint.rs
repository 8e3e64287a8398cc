//! `/metrics`, `/healthz` and `/readyz` on an address of this machine, if one is configured.
//!
//! Everything is read when it is asked for; nothing counts beside the state. Labels are names of connections, streams,
//! rules and states: never of people. `/healthz` says whether the daemon moves, `/readyz` whether it does its work.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{net::TcpListener, time::Instant};

use crate::{
    daemon,
    engine::Engine,
    exit::{Exit, Failure},
    health::{self, Health, State},
    loopback::{self, Asked, Handler, Hosts, Reply},
    queries::{self, Request, status::Status},
};

/// A daemon that stood still for this long is not well; the unit's watchdog is as patient.
const STILL_MAX: Duration = Duration::from_mins(5);

/// What the pulse of an engine is asked through.
type Pulse = Box<dyn FnMut() -> bool + Send>;

/// Answers questions about one engine.
pub struct Endpoint {
    engine: Arc<Engine>,
    pulse: Mutex<(Pulse, Instant)>,
}

/// Binds the configured address.
///
/// # Errors
/// A [`Failure`] with the fix.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let message = format!("health.listen {address}: {error}. Fix: choose a free port of this machine");
        Failure::new(Exit::Usage, message)
    })
}

/// Serves until the engine stops.
pub async fn serve(engine: Arc<Engine>, listener: TcpListener) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let stop = engine.stop.clone();
    let endpoint = Arc::new(Endpoint {
        pulse: Mutex::new((Box::new(daemon::pulse(Arc::clone(&engine))), Instant::now())),
        engine,
    });
    let serving = loopback::serve(listener, Hosts::of(address.ip()), endpoint);
    tokio::select! {
        () = stop.cancelled() => {}
        () = serving => {}
    }
}

impl Handler for Endpoint {
    async fn answer(&self, asked: Asked) -> Reply {
        match asked.path.as_str() {
            "/healthz" => self.healthz(),
            "/readyz" => self.readyz().await,
            "/metrics" => match self.status().await {
                Some((status, health)) => Reply {
                    status: 200,
                    content_type: "text/plain; version=0.0.4; charset=utf-8",
                    body: render(&status, &health, self.engine.clock.now()),
                },
                None => Reply::text(503, "the state cannot be read\n"),
            },
            _ => Reply::text(404, "known are /metrics, /healthz and /readyz\n"),
        }
    }
}

impl Endpoint {
    fn healthz(&self) -> Reply {
        let mut pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_moving, seen) = &mut *pulse;
        if is_moving() {
            *seen = Instant::now();
        }
        if seen.elapsed() < STILL_MAX {
            Reply::text(200, "ok\n")
        } else {
            Reply::text(
                503,
                "nothing has moved for five minutes; systemd restarts a daemon that stands still\n",
            )
        }
    }

    async fn readyz(&self) -> Reply {
        let Some((status, _)) = self.status().await else {
            return Reply::text(503, "the state cannot be read\n");
        };
        let mut lacks = String::new();
        if status.frozen.is_some() {
            lacks.push_str("writes are frozen: followupd status says why\n");
        }
        for connection in &status.connections {
            if connection.state == State::Paused.as_str() {
                // Writing to a `String` cannot fail.
                writeln!(lacks, "{}: the login is refused", connection.name).ok();
            } else if connection.streams.iter().any(|stream| stream.lane == "backfill") {
                writeln!(lacks, "{}: the first read has not ended", connection.name).ok();
            }
        }
        if lacks.is_empty() {
            Reply::text(200, "ready\n")
        } else {
            Reply::text(503, lacks)
        }
    }

    async fn status(&self) -> Option<(Status, BTreeMap<String, Health>)> {
        let links = self.engine.links.iter();
        let health: BTreeMap<String, Health> = links
            .map(|link| (link.connector.connection().to_string(), health::of(link)))
            .collect();
        let response = queries::answer(&self.engine, &health, &Request::Status).await;
        let status = serde_json::from_value(response.body).ok()?;
        Some((status, health))
    }
}

/// A text in Prometheus' exposition format.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    /// Begins a metric.
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(
            self.0,
            "# HELP followupd_{name} {help}\n# TYPE followupd_{name} {kind}"
        )
        .ok();
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) {
        write!(self.0, "followupd_{name}").ok();
        if !labels.is_empty() {
            let pairs: Vec<String> = labels
                .iter()
                .map(|(label, text)| format!("{label}=\"{}\"", escaped(text)))
                .collect();
            write!(self.0, "{{{}}}", pairs.join(",")).ok();
        }
        writeln!(self.0, " {value}").ok();
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Everything of a status, as metrics.
pub fn render(status: &Status, health: &BTreeMap<String, Health>, now: Timestamp) -> String {
    let mut text = Exposition::default();
    text.metric("build_info", "gauge", "The running version.");
    text.value("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.metric("frozen", "gauge", "1 while writes wait for `store confirm`.");
    text.value("frozen", &[], u8::from(status.frozen.is_some()));
    connections(&mut text, status, health);
    streams(&mut text, status, now);
    budgets(&mut text, status, health);
    text.metric(
        "tasks",
        "gauge",
        "Tasks of followupd that are not closed, by state.",
    );
    for (state, count) in &status.outbox {
        text.value("tasks", &[("state", state)], count);
    }
    text.metric(
        "gaps_waiting",
        "gauge",
        "Open gaps without a task (held, queued or blocked), by rule.",
    );
    for (rule, count) in &status.queue {
        text.value("gaps_waiting", &[("rule", rule)], count);
    }
    text.metric("records", "gauge", "Records in the cache, by kind.");
    for (kind, count) in &status.counts {
        text.value("records", &[("kind", kind)], count);
    }
    text.metric(
        "quarantined_records",
        "gauge",
        "Records that could not be understood and are set aside.",
    );
    text.value("quarantined_records", &[], status.quarantine);
    text.0
}

fn connections(text: &mut Exposition, status: &Status, health: &BTreeMap<String, Health>) {
    text.metric("connection_state", "gauge", "1 for the state a connection is in.");
    for connection in &status.connections {
        for state in [State::Ok, State::Degraded, State::Blind, State::Paused] {
            let is_it = u8::from(connection.state == state.as_str());
            let labels = [
                ("connection", connection.name.as_str()),
                ("state", state.as_str()),
            ];
            text.value("connection_state", &labels, is_it);
        }
    }
    text.metric(
        "problems",
        "gauge",
        "What a connection should be given or relieved of; doctor names it.",
    );
    for connection in &status.connections {
        text.value(
            "problems",
            &[("connection", &connection.name)],
            connection.problems.len(),
        );
    }
    text.metric(
        "last_cycle_timestamp_seconds",
        "gauge",
        "When the last cycle of a connection ended.",
    );
    for (name, known) in health {
        if let Some(at) = known.cycle_at {
            text.value(
                "last_cycle_timestamp_seconds",
                &[("connection", name)],
                at.as_second(),
            );
        }
    }
    text.metric(
        "sweep_missed_records",
        "gauge",
        "Records only the last sweeps brought; should be 0.",
    );
    for connection in &status.connections {
        if let Some(missed) = connection.sweep_missed {
            text.value(
                "sweep_missed_records",
                &[("connection", &connection.name)],
                missed,
            );
        }
    }
}

fn streams(text: &mut Exposition, status: &Status, now: Timestamp) {
    let all = || {
        status.connections.iter().flat_map(|connection| {
            let name = connection.name.as_str();
            connection.streams.iter().map(move |stream| (name, stream))
        })
    };
    text.metric(
        "stream_lag_seconds",
        "gauge",
        "Age of the instant up to which everything is known.",
    );
    for (name, stream) in all() {
        if let Some(at) = stream.watermark {
            let lag = now.duration_since(at).as_secs().max(0);
            text.value(
                "stream_lag_seconds",
                &[("connection", name), ("stream", &stream.stream)],
                lag,
            );
        }
    }
    text.metric(
        "stream_failing",
        "gauge",
        "1 while a stream could not be read the last time.",
    );
    for (name, stream) in all() {
        let is_failing = u8::from(stream.error.is_some());
        text.value(
            "stream_failing",
            &[("connection", name), ("stream", &stream.stream)],
            is_failing,
        );
    }
    text.metric(
        "stream_backfilling",
        "gauge",
        "1 until the first read of a stream has ended.",
    );
    for (name, stream) in all() {
        let is_backfill = u8::from(stream.lane == "backfill");
        text.value(
            "stream_backfilling",
            &[("connection", name), ("stream", &stream.stream)],
            is_backfill,
        );
    }
}

fn budgets(text: &mut Exposition, status: &Status, health: &BTreeMap<String, Health>) {
    type Figure = fn(&queries::status::Budget) -> u64;
    let gauges: [(&str, &str, Figure); 3] = [
        (
            "api_calls_share",
            "Calls a day that followupd allows itself; 0 = none is known.",
            |budget| budget.share,
        ),
        (
            "api_calls_used",
            "Calls of the day's allowance that followupd used.",
            |budget| budget.used,
        ),
        (
            "api_calls_others",
            "Calls of the day's allowance that others used, as far as told.",
            |budget| budget.others,
        ),
    ];
    for (name, help, read) in gauges {
        text.metric(name, "gauge", help);
        for connection in &status.connections {
            text.value(
                name,
                &[("connection", &connection.name)],
                read(&connection.budget),
            );
        }
    }
    text.metric("api_requests_total", "counter", "Requests sent since the start.");
    for (name, known) in health {
        text.value(
            "api_requests_total",
            &[("connection", name)],
            known.usage.requests,
        );
    }
    text.metric(
        "api_throttled_total",
        "counter",
        "Requests answered with \"slow down\" since the start.",
    );
    for (name, known) in health {
        text.value(
            "api_throttled_total",
            &[("connection", name)],
            known.usage.throttled,
        );
    }
}
