//! `run` and `run --once`.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::Serialize;
use tokio_util::task::TaskTracker;

use super::{Common, context, output, progress::Bars};
use crate::{
    daemon,
    engine::{CycleReport, Rhythm, Trouble},
    exit::Exit,
    lifecycle, telemetry,
};

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
    let mut reports = Vec::new();
    let engine = opened.app.engine();
    for link in &engine.links {
        if let Some(sandbox) = &opened.sandbox {
            sandbox.refresh().await?;
        }
        reports.push(daemon::cycle(engine, link, Rhythm::Single, &bars, opened.app.data_dir()).await?);
    }
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

async fn run_daemon(common: &Common) -> anyhow::Result<Exit> {
    let tracker = TaskTracker::new();
    let mut opened = context::open(common).await?;
    let stop = lifecycle::stop_on_signals(&tracker)?;
    opened.app.engine_mut().stop = stop.clone();
    let every: Vec<SignedDuration> = opened.app.poll_every();
    if let Some(sandbox) = opened.sandbox {
        tracker.spawn(follow_sandbox(sandbox, stop.clone()));
    }
    let data_dir = Arc::from(opened.app.data_dir());
    let engine = opened.app.into_engine();
    let ended = daemon::run(Arc::clone(&engine), data_dir, every).await;
    if let Some(engine) = Arc::into_inner(engine)
        && let Some(store) = engine.store.into_inner()
    {
        store.close()?;
    }
    ended?;
    tracing::info!("stopped");
    Ok(Exit::Ok)
}

/// Keeps the clock at the sandbox's date, once a second.
async fn follow_sandbox(sandbox: context::SandboxDate, stop: tokio_util::sync::CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = sandbox.refresh().await {
            tracing::warn!(error = %format!("{error:#}"), "the sandbox does not tell its date");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
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
