//! The evidence behind a task, and behind silence.

use std::collections::BTreeMap;

use followup_core::{ConnectionId, RecordKind, RecordRef, TaskId, TaskKey};
use followup_rules::{
    Context, is_bundle,
    model::{Code, Coverage, Evaluation, EvidenceKind, Gap, Outcome, Readable, RuleReport},
    remote::Word,
};
use followup_store::{
    Ledger, Store, StoreError,
    ledger::{GapRow, TaskRow, WrittenWord},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{
    engine::{Engine, Known},
    exit::Exit,
    planning,
};

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
    /// As of when it was judged, if not as of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Why it was not open then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What a judgement of the past cannot know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// If it lives in an owner's list: every entry of its present text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<Listed>,
}

/// An entry of an owner's list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listed {
    /// The gap.
    pub gap: String,
    /// What it is about.
    pub subject: String,
    /// How it ended, if it has: the text is about to tell of it no more.
    pub end: Option<String>,
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

/// A gap that was asked about, with the task that holds it.
pub(super) struct Found {
    pub(super) gap_id: String,
    pub(super) gap: GapRow,
    row: Option<TaskRow>,
    words: Vec<WrittenWord>,
    list: Vec<Listed>,
}

impl Found {
    pub(super) fn explain(&self, open: Option<&Gap>, coverage: &Coverage) -> Why {
        Why {
            list: self.list.clone(),
            ..explain(
                &self.gap_id,
                &self.gap,
                self.row.as_ref(),
                &self.words,
                open,
                coverage,
            )
        }
    }
}

/// The gap behind a task key, a gap id or a CRM task id.
pub(super) async fn found(engine: &Engine, what: &str) -> Result<Found, QueryError> {
    let what = what.to_owned();
    let found = engine.store.with(move |store| Ok(find(store, &what)));
    let missing = "no task and no gap has this id; `followupd status` shows what there is";
    found
        .await?
        .ok_or_else(|| QueryError::NotFound(missing.to_owned()))
}

/// Explains a task or gap.
pub(super) async fn why(engine: &Engine, what: &str) -> Result<Response, QueryError> {
    let found = found(engine, what).await?;
    let (evaluations, coverage) = evaluations(engine, &found.gap.subject, engine.clock.now()).await?;
    let open = evaluations
        .iter()
        .flat_map(|evaluation| &evaluation.gaps)
        .find(|open| open.id().0 == found.gap_id);
    Ok(Response::of(Exit::Ok, &found.explain(open, &coverage)))
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
fn find(store: &Store, what: &str) -> Option<Found> {
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
        row.and_then(|row| row.shown.first().or_else(|| row.gaps.first()).cloned())
    }?;
    let gap = ledger.gap(&gap_id)?.clone();
    let words = row.map_or_else(Vec::new, |row| ledger.words(&row.key).to_vec());
    Some(Found {
        gap_id,
        gap,
        row: row.cloned(),
        words,
        list: row.map(|row| entries_of(row, ledger)).unwrap_or_default(),
    })
}

async fn evaluations(
    engine: &Engine,
    record: &RecordRef,
    now: Timestamp,
) -> Result<(Vec<Evaluation>, Coverage), QueryError> {
    let Known {
        calendars,
        coverage,
        roles,
    } = engine.known().await?;
    let learned = engine.learned(&roles, &calendars, now).await?;
    let policy = engine.policy_in_force(now).await?;
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
    words: &[WrittenWord],
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
        history: history(gap, row, words),
        at: None,
        detail: None,
        notes: Vec::new(),
        list: Vec::new(),
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

fn history(gap: &GapRow, row: Option<&TaskRow>, words: &[WrittenWord]) -> Vec<Moment> {
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
    history.extend(words.iter().map(|word| Moment {
        at: word.at,
        what: if Word::parse(&word.word) == Some(Word::Unclear) {
            "the rep wrote `#later` without a length of time that is clear; `#later 10d` is".to_owned()
        } else {
            format!("the rep wrote `#{}`", word.word)
        },
    }));
    if let Some((end, at)) = &gap.end {
        history.push(Moment {
            at: *at,
            what: format!("gap ended: {end:?}"),
        });
    }
    history.sort_by_key(|moment| moment.at);
    history
}

/// What a list tells of now; nothing for a task of one subject.
fn entries_of(row: &TaskRow, ledger: &Ledger) -> Vec<Listed> {
    let shown = row.shown.iter().filter(|_| is_bundle(&row.key));
    let gaps = shown.filter_map(|id| Some((id, ledger.gap(id)?)));
    gaps.map(|(id, gap)| Listed {
        gap: id.clone(),
        subject: gap.subject.to_string(),
        end: gap.end.map(|(end, _)| format!("{end:?}").to_lowercase()),
    })
    .collect()
}

/// What a rule's gap waits for, or lives in, beside what the rule itself says: a short stable word and a sentence.
fn besides(evaluation: &Evaluation, report: &RuleReport) -> Option<(String, &'static str)> {
    let mut gaps = evaluation.gaps.iter().filter(|gap| gap.key.rule == report.rule);
    gaps.find_map(|gap| match gap.outcome {
        Outcome::Queued if gap.key.rule.is_always_bundled() => Some((
            Code::Cap.to_string(),
            "true, and waits for room in the owner's list, or for the owner's cap",
        )),
        Outcome::Queued => Some((
            Code::Cap.to_string(),
            "true, and waits because the owner's cap is reached",
        )),
        Outcome::Bundled => Some((report.reason.clone(), "true, and an entry of an owner's list")),
        _ => None,
    })
}

fn lines(evaluation: &Evaluation) -> Vec<RuleLine> {
    let line = |report: &RuleReport| RuleLine {
        subject: evaluation.subject.to_string(),
        rule: report.rule.as_str().to_owned(),
        state: report.state.as_str().to_owned(),
        reason: besides(evaluation, report).map_or_else(|| report.reason.clone(), |(reason, _)| reason),
        detail: besides(evaluation, report)
            .map_or_else(|| report.detail.clone(), |(_, words)| words.to_owned()),
        wake_at: report.wake_at,
    };
    evaluation.reports.iter().map(line).collect()
}
