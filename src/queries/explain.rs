//! The evidence behind a task, and behind silence.

use std::collections::BTreeMap;

use followup_core::{ConnectionId, RecordKind, RecordRef, TaskId, TaskKey};
use followup_rules::{
    Context,
    model::{Code, Coverage, Evaluation, EvidenceKind, Gap, Outcome, Readable, RuleReport},
};
use followup_store::{
    Store, StoreError,
    ledger::{GapRow, TaskRow},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{engine::Engine, exit::Exit, planning};

/// The evidence behind a gap and its task.
#[derive(Debug, Serialize, Deserialize)]
pub struct Why {
    /// Its id.
    pub gap: String,
    /// The rule.
    pub rule: String,
    /// How it stands.
    pub state: String,
    /// What it is about.
    pub subject: String,
    /// The policy it was found under.
    pub policy_version: String,
    /// The sentence of the rule that applied; null once it is closed.
    pub clause: Option<String>,
    /// The record that makes it unique.
    pub anchor: String,
    /// When the follow-up is due.
    pub due: Option<Timestamp>,
    /// Records, their versions and what they say.
    pub evidence: Vec<serde_json::Value>,
    /// Up to when each kind was read.
    pub watermarks: BTreeMap<String, String>,
    /// Every suppressor asked.
    pub suppressors: Vec<serde_json::Value>,
    /// What happened, oldest first.
    pub history: Vec<Moment>,
}

/// Something that happened to it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
}

/// How every rule stands for a person.
#[derive(Debug, Serialize, Deserialize)]
pub struct WhyNot {
    /// What it is about.
    pub subject: String,
    /// Every built rule.
    pub rules: Vec<RuleLine>,
}

/// One rule.
#[derive(Debug, Serialize, Deserialize)]
pub struct RuleLine {
    /// The person or deal it was asked about.
    pub subject: String,
    /// The rule.
    pub rule: String,
    /// How it stands.
    pub state: String,
    /// A short stable word.
    pub reason: String,
    /// One plain sentence.
    pub detail: String,
    /// When it may change by itself.
    pub wake_at: Option<Timestamp>,
}

/// Explains a task or gap.
pub(super) async fn why(engine: &Engine, what: &str) -> Result<Response, QueryError> {
    let what = what.to_owned();
    let found = engine.store.with(move |store| Ok(find(store, &what))).await?;
    let missing = "no task and no gap has this id; `followupd status` shows what there is";
    let (gap_id, gap, row) = found.ok_or_else(|| QueryError::NotFound(missing.to_owned()))?;
    let now = engine.clock.now();
    let (evaluations, coverage) = evaluations(engine, &gap.subject, now).await?;
    let open = evaluations
        .iter()
        .flat_map(|evaluation| &evaluation.gaps)
        .find(|open| open.id().0 == gap_id);
    Ok(Response::of(
        Exit::Ok,
        &explain(&gap_id, &gap, row.as_ref(), open, &coverage),
    ))
}

/// Says how every rule stands for a person.
pub(super) async fn why_not(engine: &Engine, person: &str) -> Result<Response, QueryError> {
    let record: RecordRef = if person.contains('@') {
        let email = person.to_lowercase();
        let found = engine
            .store
            .with(move |store| store.person_by_email(&email))
            .await?;
        let first = found.into_iter().next().map(|person| person.record().clone());
        first.ok_or_else(|| QueryError::NotFound("no person with this address is in the cache".to_owned()))?
    } else {
        person.parse()?
    };
    let (evaluations, _) = evaluations(engine, &record, engine.clock.now()).await?;
    let Some(first) = evaluations.first() else {
        let message = "this record is not in the cache; `followupd status` shows how far it was read";
        return Err(QueryError::NotFound(message.to_owned()));
    };
    let answer = WhyNot {
        subject: first.subject.to_string(),
        rules: evaluations.iter().flat_map(lines).collect(),
    };
    Ok(Response::of(Exit::Ok, &answer))
}

fn json_each(items: &[impl Serialize]) -> Vec<serde_json::Value> {
    items
        .iter()
        .filter_map(|item| serde_json::to_value(item).ok())
        .collect()
}

/// The gap behind a task key, a gap id or a CRM task id, and the task that holds it.
fn find(store: &Store, what: &str) -> Option<(String, GapRow, Option<TaskRow>)> {
    let ledger = store.ledger();
    let by_remote = || {
        let full = what
            .parse::<RecordRef>()
            .ok()
            .filter(|id| id.kind == RecordKind::Task)
            .map(TaskId);
        full.and_then(|id| ledger.task_by_remote(&id)).or_else(|| {
            ledger
                .tasks()
                .find(|row| row.remote().is_some_and(|id| id.record().native_id == what))
        })
    };
    let row = ledger
        .task(&TaskKey(what.to_owned()))
        .or_else(by_remote)
        .or_else(|| ledger.tasks().find(|row| row.gaps.iter().any(|gap| gap == what)));
    let gap_id = if ledger.gap(what).is_some() {
        Some(what.to_owned())
    } else {
        row.and_then(|row| row.gaps.first().cloned())
    }?;
    let gap = ledger.gap(&gap_id)?.clone();
    Some((gap_id, gap, row.cloned()))
}

async fn evaluations(
    engine: &Engine,
    record: &RecordRef,
    now: Timestamp,
) -> Result<(Vec<Evaluation>, Coverage), QueryError> {
    let (calendars, coverage) = engine.known().await?;
    let learned = engine.learned(&engine.roles().await?, &calendars, now).await?;
    let policy = engine.policy.clone();
    let record = record.clone();
    let (evaluations, coverage) = engine
        .store
        .with(move |store| {
            let context = Context {
                policy: &policy,
                calendars: &calendars,
                coverage: &coverage,
                now,
            };
            let evaluations = planning::look_at(store, &record, &learned, &context)?;
            Ok::<_, StoreError>((evaluations, coverage))
        })
        .await?;
    Ok((evaluations, coverage))
}

fn explain(
    gap_id: &str,
    gap: &GapRow,
    row: Option<&TaskRow>,
    open: Option<&Gap>,
    coverage: &Coverage,
) -> Why {
    let state = match (open, &gap.end) {
        (Some(open), _) => open.outcome.as_str().to_owned(),
        (None, Some((end, _))) => format!("{end:?}").to_lowercase(),
        (None, None) => "closed".to_owned(),
    };
    Why {
        gap: gap_id.to_owned(),
        rule: gap.rule.clone(),
        state,
        subject: gap.subject.to_string(),
        policy_version: gap.policy_version.clone(),
        clause: open.map(|open| open.clause.clone()),
        anchor: gap.anchor.to_string(),
        due: open.map(|open| open.due_at).or_else(|| row.map(|row| row.due_at)),
        evidence: open.map(|open| json_each(&open.evidence)).unwrap_or_default(),
        watermarks: watermarks(&gap.subject.connection, coverage),
        suppressors: open.map(|open| json_each(&open.suppressors)).unwrap_or_default(),
        history: history(gap, row),
    }
}

fn watermarks(connection: &ConnectionId, coverage: &Coverage) -> BTreeMap<String, String> {
    let known = coverage.connections.get(connection);
    known
        .into_iter()
        .flat_map(|known| &known.kinds)
        .map(|(kind, readable)| {
            let kind = match kind {
                EvidenceKind::Activity(kind) => kind.as_str().to_owned(),
                EvidenceKind::Task => "task".to_owned(),
            };
            let readable = match readable {
                Readable::To(at) => at.to_string(),
                Readable::Blind(why) => format!("blind: {why}"),
            };
            (kind, readable)
        })
        .collect()
}

fn history(gap: &GapRow, row: Option<&TaskRow>) -> Vec<Moment> {
    let mut history = vec![Moment {
        at: gap.found_at,
        what: "gap found".to_owned(),
    }];
    if let Some(row) = row {
        history.push(Moment {
            at: row.planned_at,
            what: format!("task decided by run {}", row.run),
        });
        if let (Some(at), Some(id)) = (row.created_at, row.remote()) {
            history.push(Moment {
                at,
                what: format!("task {id} is in the CRM"),
            });
        }
        if let Some((closed, at)) = &row.closed {
            history.push(Moment {
                at: *at,
                what: format!("task ended: {closed:?}"),
            });
        }
    }
    if let Some((end, at)) = &gap.end {
        history.push(Moment {
            at: *at,
            what: format!("gap ended: {end:?}"),
        });
    }
    history.sort_by_key(|moment| moment.at);
    history
}

/// Whether a rule's gap waits for a cap.
fn is_capped(evaluation: &Evaluation, report: &RuleReport) -> bool {
    evaluation
        .gaps
        .iter()
        .any(|gap| gap.key.rule == report.rule && gap.outcome == Outcome::Queued)
}

fn lines(evaluation: &Evaluation) -> Vec<RuleLine> {
    let line = |report: &RuleReport| RuleLine {
        subject: evaluation.subject.to_string(),
        rule: report.rule.as_str().to_owned(),
        state: report.state.as_str().to_owned(),
        reason: if is_capped(evaluation, report) {
            Code::Cap.to_string()
        } else {
            report.reason.clone()
        },
        detail: if is_capped(evaluation, report) {
            "true, and waits because the owner's cap is reached".to_owned()
        } else {
            report.detail.clone()
        },
        wake_at: report.wake_at,
    };
    evaluation.reports.iter().map(line).collect()
}
