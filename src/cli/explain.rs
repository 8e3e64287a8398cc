//! `why` and `why-not`: the evidence behind a task, and behind silence.

use std::{collections::BTreeMap, io::BufRead};

use anyhow::Context as _;
use followup_core::{ConnectionId, RecordKind, RecordRef, TaskId, TaskKey};
use followup_rules::{
    Context,
    model::{
        Coverage, Evaluation, EvidenceKind, EvidenceLine, Gap, Readable, RuleId, RuleReport, SuppressorCheck,
    },
};
use followup_store::{
    Store, StoreError,
    ledger::{GapRow, TaskRow},
};
use jiff::Timestamp;
use serde::Serialize;

use super::{Common, context, output};
use crate::{
    engine::Engine,
    exit::{Exit, Failure},
    planning,
};

#[derive(Serialize)]
struct Why {
    gap: String,
    rule: String,
    state: String,
    subject: String,
    policy_version: String,
    clause: Option<String>,
    anchor: String,
    due: Option<Timestamp>,
    evidence: Vec<EvidenceLine>,
    watermarks: BTreeMap<String, String>,
    suppressors: Vec<SuppressorCheck>,
    history: Vec<Moment>,
}

#[derive(Serialize)]
struct Moment {
    at: Timestamp,
    what: String,
}

#[derive(Serialize)]
struct WhyNot {
    subject: String,
    rules: Vec<RuleLine>,
}

#[derive(Serialize)]
struct RuleLine {
    rule: RuleId,
    state: &'static str,
    reason: String,
    detail: String,
    wake_at: Option<Timestamp>,
}

pub(super) fn why(common: &Common, what: &str) -> anyhow::Result<Exit> {
    with_engine(common, async |engine| {
        let what = what.to_owned();
        let (gap_id, gap, row) = engine
            .store
            .with(move |store| Ok(find(store, &what)))
            .await?
            .ok_or_else(|| {
                not_found("no task and no gap has this id; `followupd status` shows what there is")
            })?;
        let now = engine.clock.now();
        let (evaluations, coverage) = evaluations(engine, &gap.subject, now).await?;
        let open = evaluations
            .iter()
            .flat_map(|evaluation| &evaluation.gaps)
            .find(|open| open.id().0 == gap_id);
        let why = explain(&gap_id, &gap, row.as_ref(), open, &coverage);
        if common.json {
            output::json("why/1", &why)?;
        } else {
            print_why(&why);
        }
        Ok(Exit::Ok)
    })
}

pub(super) fn why_not(common: &Common, person: &str) -> anyhow::Result<Exit> {
    let asked = asked(person)?;
    with_engine(common, async |engine| {
        let record = match asked {
            Asked::Record(record) => record,
            Asked::Email(email) => {
                let found = engine
                    .store
                    .with(move |store| store.person_by_email(&email))
                    .await?;
                let first = found.into_iter().next().map(|person| person.record().clone());
                first.ok_or_else(|| not_found("no person with this address is in the cache"))?
            }
        };
        let now = engine.clock.now();
        let (evaluations, _) = evaluations(engine, &record, now).await?;
        if evaluations.is_empty() {
            return Err(not_found(
                "this record is not in the cache; `followupd status` shows how far it was read",
            ));
        }
        let answer = WhyNot {
            subject: evaluations
                .first()
                .map(|first| first.subject.to_string())
                .unwrap_or_default(),
            rules: evaluations.iter().flat_map(lines).collect(),
        };
        if common.json {
            output::json("why-not/1", &answer)?;
        } else {
            print_why_not(&answer);
        }
        Ok(Exit::Ok)
    })
}

fn with_engine(
    common: &Common,
    work: impl AsyncFnOnce(&Engine) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let opened = context::open(common).await?;
        let result = work(opened.app.engine()).await;
        opened.app.close()?;
        result
    })
}

fn not_found(message: &str) -> anyhow::Error {
    Failure::new(Exit::Differs, message).into()
}

/// What a person was asked for by.
enum Asked {
    Record(RecordRef),
    Email(String),
}

fn asked(person: &str) -> anyhow::Result<Asked> {
    if person == "-" {
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .context("reading an address from standard input")?;
        return Ok(Asked::Email(line.trim().to_lowercase()));
    }
    if person.contains('@') {
        output::error(
            "an address as an argument shows in process lists; `why-not -` reads it from standard input",
        );
        return Ok(Asked::Email(person.trim().to_lowercase()));
    }
    let record: RecordRef = person
        .parse()
        .map_err(|error| Failure::new(Exit::Usage, format!("{error}")))?;
    Ok(Asked::Record(record))
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
) -> anyhow::Result<(Vec<Evaluation>, Coverage)> {
    let (calendars, coverage) = engine.known().await?;
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
            let seen = planning::look_at(store, &record, &context)?;
            Ok::<_, StoreError>((
                seen.into_iter().map(|(evaluation, _)| evaluation).collect(),
                coverage,
            ))
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
        evidence: open.map(|open| open.evidence.clone()).unwrap_or_default(),
        watermarks: watermarks(&gap.subject.connection, coverage),
        suppressors: open.map(|open| open.suppressors.clone()).unwrap_or_default(),
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

fn lines(evaluation: &Evaluation) -> Vec<RuleLine> {
    let line = |report: &RuleReport| RuleLine {
        rule: report.rule,
        state: report.state.as_str(),
        reason: report.reason.clone(),
        detail: report.detail.clone(),
        wake_at: report.wake_at,
    };
    evaluation.reports.iter().map(line).collect()
}

fn print_why(why: &Why) {
    output::line(&format!("{} on {}: {}", why.rule, why.subject, why.state));
    if let Some(clause) = &why.clause {
        output::line(&format!("  rule: {clause}"));
    }
    output::line(&format!(
        "  gap {}, anchor {}, policy {}",
        why.gap, why.anchor, why.policy_version
    ));
    if let Some(due) = why.due {
        output::line(&format!("  due {due}"));
    }
    for line in &why.evidence {
        output::line(&format!(
            "  evidence: {} ({}): {}",
            line.record, line.version, line.fact
        ));
    }
    for (kind, read_to) in &why.watermarks {
        output::line(&format!("  {kind} read to {read_to}"));
    }
    for check in &why.suppressors {
        output::line(&format!("  {} {}: {}", check.code, check.state, check.detail));
    }
    for moment in &why.history {
        output::line(&format!("  {} {}", moment.at, moment.what));
    }
}

fn print_why_not(answer: &WhyNot) {
    output::line(&answer.subject);
    for line in &answer.rules {
        let wake = line
            .wake_at
            .map_or_else(String::new, |at| format!(" (looked at again {at})"));
        output::line(&format!(
            "  {}: {} ({}): {}{wake}",
            line.rule, line.state, line.reason, line.detail
        ));
    }
}
