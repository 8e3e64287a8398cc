//! `run` and `run --once`.

use std::{sync::Arc, time::Duration};

use followup_rules::problem::Severity;
use followup_store::Store;
use jiff::SignedDuration;
use sd_notify::NotifyState;
use serde::Serialize;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Common, context, output, progress::Bars};
use crate::{
    access_log::AccessLog,
    control, daemon,
    engine::{CycleReport, Trouble},
    exit::{Exit, Failure},
    lifecycle::{self, Signals},
    metrics_endpoint, telemetry,
};

/// How often a state that somebody else holds is tried again after a reload, and how long between two tries.
const REOPENING_TRIES: u32 = 40;
const REOPENING_WAIT: Duration = Duration::from_millis(250);

#[derive(Serialize)]
struct Cycles<'a> {
    cycles: &'a [CycleReport],
}

pub(super) fn run(common: &Common, once: bool) -> anyhow::Result<Exit> {
    let (config, _) = context::config(common)?;
    telemetry::start(&config.log.level, config.log.is_json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if once {
            run_once(common).await
        } else {
            run_daemon(common).await
        }
    })
}

async fn run_once(common: &Common) -> anyhow::Result<Exit> {
    let tracker = TaskTracker::new();
    let mut opened = context::open(common).await?;
    opened.app.engine_mut().stop = lifecycle::stop_on_signals(&tracker)?;
    let bars = Bars::new();
    let engine = opened.app.engine();
    if let Some(sandbox) = &opened.sandbox {
        sandbox.refresh().await?;
    }
    let reports = daemon::cycle_once(engine, &bars, opened.app.data_dir()).await?;
    opened.app.close()?;
    if common.json {
        output::json("run/1", &Cycles { cycles: &reports })?;
    } else {
        reports.iter().for_each(print);
    }
    Ok(exit_of(
        reports
            .iter()
            .map(|report| report.trouble)
            .max()
            .unwrap_or_default(),
    ))
}

/// Runs until SIGTERM; SIGHUP begins anew with the configuration as it is then, if it is valid.
async fn run_daemon(common: &Common) -> anyhow::Result<Exit> {
    let tracker = TaskTracker::new();
    let signals = lifecycle::listen(&tracker)?;
    let mut tries = 1;
    while !signals.stop.is_cancelled() {
        let opening = CancellationToken::new();
        tracker.spawn(lifecycle::extend_start(opening.clone()));
        let opened = open_within(common, tries).await;
        tries = REOPENING_TRIES;
        opening.cancel();
        run_until_told(common, opened?, &signals, &tracker).await?;
    }
    tracing::info!("stopped");
    Ok(Exit::Ok)
}

/// Opens the state. Between two lives of the engine nobody holds it, so a question may have opened it itself: a new life
/// waits for that moment to pass.
async fn open_within(common: &Common, tries: u32) -> anyhow::Result<context::Opened> {
    let mut left = tries;
    loop {
        left = left.saturating_sub(1);
        let opened = context::open(common).await;
        let is_state = |error: &anyhow::Error| {
            error
                .downcast_ref::<Failure>()
                .is_some_and(|failure| failure.exit == Exit::State)
        };
        if left == 0 || !opened.as_ref().err().is_some_and(is_state) {
            return opened;
        }
        tokio::time::sleep(REOPENING_WAIT).await;
    }
}

/// One life of the engine: until SIGTERM, or until a valid new configuration is to be taken up.
async fn run_until_told(
    common: &Common,
    mut opened: context::Opened,
    signals: &Signals,
    tracker: &TaskTracker,
) -> anyhow::Result<()> {
    let stop = signals.stop.child_token();
    opened.app.engine_mut().stop = stop.clone();
    let every: Vec<SignedDuration> = opened.app.poll_every();
    let data_dir: Arc<std::path::Path> = Arc::from(opened.app.data_dir());
    let socket = control::bind(&data_dir)?;
    let log = AccessLog::of(&data_dir)?;
    let health = match opened.app.config().health_listen {
        Some(address) => Some(metrics_endpoint::bind(address).await?),
        None => None,
    };
    let mut helpers = JoinSet::new();
    if let Some(sandbox) = opened.sandbox {
        helpers.spawn(follow_sandbox(sandbox, stop.clone()));
    }
    let engine = opened.app.into_engine();
    helpers.spawn(control::serve(Arc::clone(&engine), socket, log));
    if let Some(listener) = health {
        helpers.spawn(metrics_endpoint::serve(Arc::clone(&engine), listener));
    }
    helpers.spawn(lifecycle::watchdog(
        stop.clone(),
        daemon::pulse(Arc::clone(&engine)),
    ));
    tracker.spawn(reload_when_told(
        common.config.clone(),
        signals.reload.clone(),
        stop.clone(),
    ));
    lifecycle::tell(&[NotifyState::Ready]);
    let ended = daemon::run(Arc::clone(&engine), Arc::clone(&data_dir), every).await;
    stop.cancel();
    while helpers.join_next().await.is_some() {}
    if let Err(error) = std::fs::remove_file(control::path(&data_dir)) {
        tracing::debug!(error = %error, "the control socket was gone already");
    }
    let store = Arc::into_inner(engine).and_then(|engine| engine.store.into_inner());
    let closed = store.map_or(Ok(()), Store::close);
    // What ended it is told, not what became of it on the way out.
    ended?;
    Ok(closed?)
}

/// Ends this life of the engine when a SIGHUP finds a valid configuration; keeps it when it does not.
async fn reload_when_told(config: std::path::PathBuf, reload: Arc<Notify>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = reload.notified() => {}
        }
        let problems = crate::config::check(&config, std::env::vars());
        for problem in &problems {
            tracing::error!(place = %problem.place, key = %problem.key, fix = %problem.fix, "{}", problem.message);
        }
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            tracing::error!("the new configuration has problems; the old one stays in force");
        } else {
            tracing::info!("taking up the new configuration");
            stop.cancel();
        }
    }
}

/// Looks at the sandbox's date a few times a second: who waits for a date is woken when it is told.
async fn follow_sandbox(sandbox: context::SandboxDate, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = sandbox.refresh().await {
            tracing::warn!(error = %format!("{error:#}"), "the sandbox does not tell its date");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
}

fn print(report: &CycleReport) {
    let pulled: u64 = report.pulled.values().sum();
    output::line(&format!(
        "{}: {pulled} records read, {} subjects judged, {} new gaps; tasks: {} created, {} closed, {} withdrawn; \
         {} API calls",
        report.connection,
        report.evaluated,
        report.gaps_opened,
        report.tasks_created,
        report.tasks_closed,
        report.tasks_withdrawn,
        report.api_calls
    ));
    if let Some(frozen) = &report.frozen {
        output::line(&format!("  frozen: {frozen}"));
    }
    for error in &report.errors {
        output::line(&format!("  {error}"));
    }
}

const fn exit_of(trouble: Trouble) -> Exit {
    match trouble {
        Trouble::None => Exit::Ok,
        Trouble::Degraded => Exit::Differs,
        Trouble::CutShort | Trouble::Frozen => Exit::Stopped,
        Trouble::Refused => Exit::Connection,
    }
}
