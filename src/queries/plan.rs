//! The dry run: what would be written now, and why there is silence elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use followup_rules::{
    Bundle, Context, KnownBundles, apply_bundles, apply_caps_with, bundles, carrier, evaluate,
    model::{Evaluation, Facts, Gap, Outcome},
    render, render_bundle,
};
use followup_store::{Place, Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{
    engine::Engine,
    exit::Exit,
    planning::{self, Judged, PlanInputs, facts, lists},
};

/// Subjects looked at in one turn of the store.
const BATCH: usize = 500;

/// What would be written, and the reasons for silence.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Tasks that would be created, by due instant.
    pub would_create: Vec<WouldCreate>,
    /// How many, by rule.
    pub by_rule: BTreeMap<String, u64>,
    /// How many, by owner.
    pub by_owner: BTreeMap<String, u64>,
    /// How many, by the owner's local day on which they are due.
    pub by_day: BTreeMap<String, u64>,
    /// True gaps without a task: how many, by reason.
    pub silent: BTreeMap<String, u64>,
    /// Gaps that wait for a cap.
    pub queued: u64,
    /// Subjects judged.
    pub subjects: u64,
}

/// One task that would be created.
#[derive(Debug, Serialize, Deserialize)]
pub struct WouldCreate {
    /// Its key; `approve` and `reject` take it.
    pub task_key: String,
    /// The rule that leads.
    pub rule: String,
    /// What it is about; for a list its first entry.
    pub subject: String,
    /// Who would get it.
    pub owner: String,
    /// When it would be due.
    pub due: Timestamp,
    /// Subject line.
    pub subject_line: String,
    /// Body.
    pub body: String,
    /// Every gap it would hold.
    pub gaps: Vec<String>,
}

/// Judges every subject and decides nothing.
pub(super) async fn plan(engine: &Engine) -> Result<Response, QueryError> {
    let now = engine.clock.now();
    let inputs = engine.inputs(now).await?;
    let (judged, subjects) = judge_all(engine, &inputs, now).await?;
    let plan = Plan {
        subjects,
        ..Plan::default()
    };
    let plan = engine
        .store
        .with(move |store| Ok(finish(store, &inputs, now, judged, plan)))
        .await?;
    Ok(Response::of(Exit::Ok, &plan))
}

/// Judges every subject there is, each by itself; answers also how many there are.
pub(super) async fn judge_all(
    engine: &Engine,
    inputs: &PlanInputs,
    now: Timestamp,
) -> Result<(Judged, u64), QueryError> {
    let mut judged = Judged::default();
    let mut subjects = 0;
    let mut place: Option<Place> = None;
    loop {
        let (inputs, from) = (inputs.clone(), place.take());
        let (found, next, seen) = engine
            .store
            .with(move |store| batch(store, &inputs, now, from))
            .await?;
        judged.evaluations.extend(found.evaluations);
        judged.facts.extend(found.facts);
        subjects += seen;
        place = next;
        if place.is_none() {
            return Ok((judged, subjects));
        }
    }
}

/// Lays lists and caps over what was judged; answers the lists that are known.
pub(super) fn deliver(store: &Store, judged: &mut Judged, context: &Context<'_>) -> KnownBundles {
    let known = lists::as_seen(lists::known(store.ledger(), context), judged, context);
    let load = planning::owner_load(store, context);
    apply_bundles(&mut judged.evaluations, &known, context);
    apply_caps_with(&mut judged.evaluations, &load, &known, context);
    known
}

pub(super) fn context(inputs: &PlanInputs, now: Timestamp) -> Context<'_> {
    Context {
        policy: &inputs.policy,
        calendars: &inputs.calendars,
        coverage: &inputs.coverage,
        now,
    }
}

type Batch = (Judged, Option<Place>, u64);

fn batch(
    store: &Store,
    inputs: &PlanInputs,
    now: Timestamp,
    from: Option<Place>,
) -> Result<Batch, StoreError> {
    let (records, next) = store.subjects(from, BATCH)?;
    let mut judged = Judged::default();
    let mut seen = 0;
    for record in &records {
        let Some((subject, mut facts)) = facts::gather(store, record)? else {
            continue;
        };
        if subject.record() != record {
            continue; // another record of the same human speaks for it
        }
        seen += 1;
        inputs.learned.add_to(&mut facts, store.ledger());
        let evaluation = evaluate(&subject, &facts, &context(inputs, now));
        if !evaluation.gaps.is_empty() || !evaluation.skips.is_empty() {
            judged.evaluations.push(evaluation);
            judged.facts.push(facts);
        }
    }
    Ok((judged, next, seen))
}

fn finish(store: &Store, inputs: &PlanInputs, now: Timestamp, mut judged: Judged, mut plan: Plan) -> Plan {
    let context = context(inputs, now);
    let known = deliver(store, &mut judged, &context);
    let facts: Vec<&Facts> = judged.facts.iter().collect();
    let mut listed: BTreeSet<String> = BTreeSet::new();
    for bundle in bundles(&judged.evaluations, &known, &context) {
        let is_there = store.ledger().task(&bundle.key).is_some();
        let list = would_list(&bundle, inputs, &facts, &context);
        if is_there || list.is_some() {
            listed.extend(bundle.parts.iter().map(|(_, gap)| gap.id().0));
        }
        plan.would_create.extend(list.filter(|_| !is_there));
    }
    for (evaluation, facts) in judged.evaluations.iter().zip(&judged.facts) {
        for gap in &evaluation.gaps {
            match &gap.outcome {
                Outcome::Task if carrier(evaluation, facts).is_none() => {
                    plan.would_create
                        .extend(would_create(store, evaluation, gap, facts, &context));
                }
                Outcome::Bundled if listed.contains(&gap.id().0) => {}
                Outcome::Task | Outcome::Folded(_) => {}
                Outcome::Queued => plan.queued += 1,
                Outcome::Held(code) => *plan.silent.entry(code.as_str().to_owned()).or_default() += 1,
                other => *plan.silent.entry(other.as_str().to_owned()).or_default() += 1,
            }
        }
        for skip in &evaluation.skips {
            *plan.silent.entry(skip.reason.as_str().to_owned()).or_default() += 1;
        }
    }
    plan.would_create
        .sort_by(|a, b| (a.due, &a.task_key).cmp(&(b.due, &b.task_key)));
    for task in &plan.would_create {
        *plan.by_rule.entry(task.rule.clone()).or_default() += 1;
        *plan.by_owner.entry(task.owner.clone()).or_default() += 1;
        let day = task
            .due
            .to_zoned(context.calendars.default.zone().clone())
            .date()
            .to_string();
        *plan.by_day.entry(day).or_default() += 1;
    }
    plan
}

/// A list that would be created; `None` where nobody would get it.
fn would_list(
    bundle: &Bundle<'_>,
    inputs: &PlanInputs,
    facts: &[&Facts],
    context: &Context<'_>,
) -> Option<WouldCreate> {
    let (_, first) = bundle.parts.first()?;
    let owner = match &bundle.owner {
        Some(_) => first.owner.as_ref()?,
        None => inputs.admins.first()?,
    };
    let text = render_bundle(bundle, facts, context);
    Some(WouldCreate {
        task_key: bundle.key.0.clone(),
        rule: bundle.rule()?.as_str().to_owned(),
        subject: first.subject.to_string(),
        owner: owner.to_string(),
        due: bundle.due_at,
        subject_line: text.subject,
        body: text.body,
        gaps: bundle.parts.iter().map(|(_, gap)| gap.id().0).collect(),
    })
}

fn would_create(
    store: &Store,
    evaluation: &Evaluation,
    lead: &Gap,
    facts: &Facts,
    context: &Context<'_>,
) -> Option<WouldCreate> {
    let key = lead.id().task_key();
    if store.ledger().task(&key).is_some() {
        return None; // decided already, or over
    }
    let folded: Vec<&Gap> = evaluation
        .gaps
        .iter()
        .filter(|gap| matches!(gap.outcome, Outcome::Folded(_)))
        .collect();
    let text = render(lead, &folded, facts, context);
    Some(WouldCreate {
        task_key: key.0,
        rule: lead.key.rule.as_str().to_owned(),
        subject: lead.subject.to_string(),
        owner: lead.owner.as_ref().map(ToString::to_string)?,
        due: lead.due_at,
        subject_line: text.subject,
        body: text.body,
        gaps: std::iter::once(lead)
            .chain(folded)
            .map(|gap| gap.id().0)
            .collect(),
    })
}
