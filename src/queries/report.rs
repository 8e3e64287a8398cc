//! What the team's follow-up amounts to, over the cached history.

use std::sync::Arc;

use followup_metrics::{Collector, Period};
use followup_rules::{
    Context,
    calendar::Calendars,
    model::Coverage,
    policy::{Policy, Span},
};
use followup_store::{Place, Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{engine::Engine, exit::Exit, planning::facts};

/// Subjects looked at in one turn of the store.
const BATCH: usize = 500;

/// What is asked of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// From when on: a length of time before now (`90d`, `20bd`) or an instant (RFC 3339).
    pub since: String,
    /// Count leads from before a connection's cutover from their start.
    pub with_history: bool,
    /// Tell Kaplan–Meier beside the cumulative incidence.
    pub kaplan_meier: bool,
}

/// Everything beside the records.
#[derive(Clone)]
struct Known {
    policy: Arc<Policy>,
    calendars: Arc<Calendars>,
    coverage: Arc<Coverage>,
    now: Timestamp,
}

impl Known {
    fn context(&self) -> Context<'_> {
        Context {
            policy: &self.policy,
            calendars: &self.calendars,
            coverage: &self.coverage,
            now: self.now,
        }
    }
}

/// Reads every subject once, batch by batch: what is kept of one is a few numbers, and only of leads of the period.
pub(super) async fn report(engine: &Engine, asked: &Asked) -> Result<Response, QueryError> {
    let team = engine.known().await?;
    let known = Known {
        policy: engine.policy.clone(),
        calendars: Arc::new(team.calendars),
        coverage: Arc::new(team.coverage),
        now: engine.clock.now(),
    };
    let mut collector = Collector::new(Period {
        since: since(&asked.since, &known)?,
        with_history: asked.with_history,
        kaplan_meier: asked.kaplan_meier,
    });
    let mut place: Option<Place> = None;
    loop {
        let (known, from) = (known.clone(), place.take());
        (collector, place) = engine
            .store
            .with(move |store| batch(store, collector, &known, from))
            .await?;
        if place.is_none() {
            break;
        }
    }
    Ok(Response::of(Exit::Ok, &collector.finish(&known.context())))
}

fn since(asked: &str, known: &Known) -> Result<Timestamp, QueryError> {
    let usage = |message: String| QueryError::Usage(format!("--since: {message}"));
    let at = if let Ok(at) = asked.parse::<Timestamp>() {
        at
    } else {
        let span =
            Span::parse(asked).map_err(|error| usage(format!("{error}; or give an instant (RFC 3339)")))?;
        known.calendars.default.subtract(known.now, span)
    };
    if at < known.now {
        Ok(at)
    } else {
        Err(usage("the period has not begun".to_owned()))
    }
}

fn batch(
    store: &Store,
    mut collector: Collector,
    known: &Known,
    from: Option<Place>,
) -> Result<(Collector, Option<Place>), StoreError> {
    let (records, next) = store.subjects(from, BATCH)?;
    for record in &records {
        let Some((subject, facts)) = facts::gather(store, record)? else {
            continue;
        };
        if subject.record() == record {
            collector.add(&subject, &facts, &known.context());
        } // else another record of the same human speaks for it
    }
    Ok((collector, next))
}
