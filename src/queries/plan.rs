//! The dry run: what would be written now, and why there is silence elsewhere.

use std::collections::BTreeMap;

use followup_rules::{
    Context, apply_caps, carrier, evaluate,
    model::{Evaluation, Facts, Gap, Outcome},
    render,
};
use followup_store::{Place, Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{
    engine::Engine,
    exit::Exit,
    planning::{self, PlanInputs, facts},
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
    /// What it is about.
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

/// A subject with something to say.
struct Judged {
    evaluation: Evaluation,
    facts: Facts,
}

/// Judges every subject and decides nothing.
pub(super) async fn plan(engine: &Engine) -> Result<Response, QueryError> {
    let now = engine.clock.now();
    let inputs = engine.inputs(now).await?;
    let mut judged = Vec::new();
    let mut plan = Plan::default();
    let mut place: Option<Place> = None;
    loop {
        let (inputs, from) = (inputs.clone(), place.take());
        let (found, next, seen) = engine
            .store
            .with(move |store| batch(store, &inputs, now, from))
            .await?;
        judged.extend(found);
        plan.subjects += seen;
        place = next;
        if place.is_none() {
            break;
        }
    }
    let plan = engine
        .store
        .with(move |store| Ok(finish(store, &inputs, now, judged, plan)))
        .await?;
    Ok(Response::of(Exit::Ok, &plan))
}

fn context(inputs: &PlanInputs, now: Timestamp) -> Context<'_> {
    Context {
        policy: &inputs.policy,
        calendars: &inputs.calendars,
        coverage: &inputs.coverage,
        now,
    }
}

type Batch = (Vec<Judged>, Option<Place>, u64);

fn batch(
    store: &Store,
    inputs: &PlanInputs,
    now: Timestamp,
    from: Option<Place>,
) -> Result<Batch, StoreError> {
    let (records, next) = store.subjects(from, BATCH)?;
    let mut judged = Vec::new();
    let mut seen = 0;
    for record in &records {
        let Some((subject, facts)) = facts::gather(store, record)? else {
            continue;
        };
        if subject.record() != record {
            continue; // another record of the same human speaks for it
        }
        seen += 1;
        let evaluation = evaluate(&subject, &facts, &context(inputs, now));
        if !evaluation.gaps.is_empty() || !evaluation.skips.is_empty() {
            judged.push(Judged { evaluation, facts });
        }
    }
    Ok((judged, next, seen))
}

fn finish(store: &Store, inputs: &PlanInputs, now: Timestamp, judged: Vec<Judged>, mut plan: Plan) -> Plan {
    let context = context(inputs, now);
    let (mut evaluations, facts): (Vec<Evaluation>, Vec<Facts>) = judged
        .into_iter()
        .map(|judged| (judged.evaluation, judged.facts))
        .unzip();
    apply_caps(&mut evaluations, &planning::owner_load(store, &context), &context);
    for (evaluation, facts) in evaluations.iter().zip(&facts) {
        for gap in &evaluation.gaps {
            match &gap.outcome {
                Outcome::Task if carrier(evaluation, facts).is_none() => {
                    plan.would_create
                        .extend(would_create(store, evaluation, gap, facts, &context));
                }
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
