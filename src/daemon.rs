//! The loop: each connection cycles on its own, until asked to stop.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use followup_store::StoreError;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::{
    engine::{CycleReport, Engine, Link, Rhythm},
    health,
    sync::{Progress, Silent},
};

/// Runs every connection until the engine's stop token is cancelled.
///
/// # Errors
/// The first [`StoreError`]: without state nothing may run.
pub async fn run(
    engine: Arc<Engine>,
    data_dir: Arc<Path>,
    every: Vec<SignedDuration>,
) -> Result<(), StoreError> {
    let mut loops = JoinSet::new();
    for (index, every) in every.into_iter().enumerate() {
        let engine = Arc::clone(&engine);
        let data_dir = Arc::clone(&data_dir);
        loops.spawn(async move { connection_loop(&engine, index, every, &data_dir).await });
    }
    let mut first_error = Ok(());
    while let Some(ended) = loops.join_next().await {
        let result = ended.unwrap_or_else(|_| Err(StoreError::died()));
        if result.is_err() {
            engine.stop.cancel();
            first_error = first_error.and(result);
        }
    }
    first_error
}

async fn connection_loop(
    engine: &Engine,
    index: usize,
    every: SignedDuration,
    data_dir: &Path,
) -> Result<(), StoreError> {
    let Some(link) = engine.links.get(index) else {
        return Ok(());
    };
    while !engine.stop.is_cancelled() {
        let began_at = engine.clock.now();
        let report = cycle(engine, link, Rhythm::Repeated, &Silent, data_dir).await?;
        // A small allowance makes the passes rarer, so that it lasts the day.
        let wait = engine.wait(every.max(link.connector.rest())).await?;
        let next_at = began_at + wait;
        link.expect(next_at);
        log(&report, began_at, next_at);
        let is_told = engine.clock.told(next_at);
        engine.waiting.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            () = engine.stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
            () = is_told => {}
        }
        engine.waiting.fetch_sub(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Whether anything moved since the last call: a store batch ran, or every connection waits for its next cycle.
pub fn pulse(engine: Arc<Engine>) -> impl FnMut() -> bool {
    let mut before = None;
    move || {
        let beats = engine.store.beats();
        let is_moving = before.replace(beats) != Some(beats);
        is_moving || engine.waiting.load(Ordering::Relaxed) >= engine.links.len()
    }
}

/// One cycle, with its health written down.
///
/// # Errors
/// [`StoreError`] when the state cannot be used.
pub async fn cycle(
    engine: &Engine,
    link: &Link,
    rhythm: Rhythm,
    progress: &dyn Progress,
    data_dir: &Path,
) -> Result<CycleReport, StoreError> {
    let report = engine.cycle(link, rhythm, progress).await?;
    save_health(engine, data_dir);
    Ok(report)
}

/// One cycle of every connection: all are read before anything is judged, since a person may be known to several.
///
/// # Errors
/// [`StoreError`] when the state cannot be used.
pub async fn cycle_once(
    engine: &Engine,
    progress: &dyn Progress,
    data_dir: &Path,
) -> Result<Vec<CycleReport>, StoreError> {
    let mut looked = Vec::new();
    for link in &engine.links {
        looked.push(engine.look(link, Rhythm::Single, progress).await?);
    }
    let mut reports = Vec::new();
    for (link, looked) in engine.links.iter().zip(looked) {
        reports.push(engine.act(link, looked, progress).await?);
        save_health(engine, data_dir);
    }
    Ok(reports)
}

fn save_health(engine: &Engine, data_dir: &Path) {
    if let Err(error) = health::save(data_dir, &engine.links) {
        tracing::warn!(error = %error, "health.json could not be written; `status` will show the state before. Fix: make room where the state lies, or \
             let followupd write there");
    }
}

fn log(report: &CycleReport, began_at: Timestamp, next_at: Timestamp) {
    tracing::info!(
        crm.connection = %report.connection,
        began.at = %began_at,
        next.at = %next_at,
        pulled = report.pulled.values().sum::<u64>(),
        evaluated = report.evaluated,
        gaps.opened = report.gaps_opened,
        tasks.created = report.tasks_created,
        tasks.closed = report.tasks_closed,
        tasks.withdrawn = report.tasks_withdrawn,
        api.calls = report.api_calls,
        errors = report.errors.len(),
        "cycle done"
    );
}
