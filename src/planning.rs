//! Plan: compare what the store knows with the policy and decide what should be true of our tasks.
//!
//! A plan takes no "what changed": it looks at every subject that is dirty or due, states what should be, records
//! the decision in the ledger, and says when to look again. Running it twice decides nothing new. Everything in a
//! batch happens inside one turn of the store; nothing here talks to a CRM.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use followup_core::{ConnectionId, RecordKind, RecordRef, TaskDraft, TaskKey};
use followup_rules::{
    Context, OwnerLoad, apply_caps,
    calendar::Calendars,
    evaluate,
    model::{Coverage, Evaluation, Outcome, Subject},
    policy::Policy,
};
use followup_store::{Ledger, Store, StoreError};
use jiff::{SignedDuration, Timestamp};

mod adopt;
mod decide;
pub mod facts;
mod place;

pub use adopt::{Established, adopt, adopted_entries, establish, established_entries};
pub use decide::{Amendment, Decision, decide};

/// Subjects judged in one turn of the store.
const BATCH: usize = 200;

/// A queued or blocked gap is looked at again after this long.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// Everything a plan needs besides the store.
#[derive(Clone)]
pub struct PlanInputs {
    /// What the team wants to be reminded of.
    pub policy: Arc<Policy>,
    /// Working time of every owner.
    pub calendars: Arc<Calendars>,
    /// Up to when everything is known.
    pub coverage: Arc<Coverage>,
    /// Connections whose tasks may be written now (not in mode `observe`, not frozen, established).
    pub writable: BTreeSet<ConnectionId>,
    /// Of these, connections where each task waits for approval.
    pub ask_first: BTreeSet<ConnectionId>,
    /// Connections whose tasks or deals could not be read this time: what is there may cover the subject, so nothing
    /// new is written.
    pub unsure: BTreeSet<ConnectionId>,
    /// The run that decides.
    pub run: String,
}

/// What must be carried out, besides what the ledger already says.
///
/// Texts are not in the ledger, so they travel here; a row whose text is missing (after a restart) is rendered again.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Tasks to create, by key.
    pub drafts: BTreeMap<TaskKey, TaskDraft>,
    /// Text changes of open tasks, by key.
    pub amendments: BTreeMap<TaskKey, Amendment>,
}

impl Outbox {
    /// Takes out what is to be written through one connection.
    #[must_use]
    pub fn take(&mut self, connection: &ConnectionId) -> Self {
        let drafts = self
            .drafts
            .extract_if(.., |_, draft| draft.owner.record().connection == *connection)
            .collect();
        let amendments = self
            .amendments
            .extract_if(.., |_, amendment| {
                amendment.change.id.record().connection == *connection
            })
            .collect();
        Self { drafts, amendments }
    }
}

/// What a plan did.
#[derive(Debug, Default)]
pub struct Planned {
    /// Subjects judged.
    pub evaluated: u64,
    /// Gaps found for the first time.
    pub gaps_opened: u64,
    /// Gaps by how they stand, for the log.
    pub outcomes: BTreeMap<&'static str, u64>,
}

/// Judges one batch of dirty or due subjects; answers false when there was none.
///
/// # Errors
/// [`StoreError`] when the store cannot be read or written.
pub fn plan_batch(
    store: &mut Store,
    inputs: &PlanInputs,
    now: Timestamp,
    outbox: &mut Outbox,
    planned: &mut Planned,
) -> Result<bool, StoreError> {
    let mut refs: BTreeSet<RecordRef> = store.dirty(BATCH)?.into_iter().collect();
    refs.extend(store.due(now, BATCH)?);
    if refs.is_empty() {
        return Ok(false);
    }
    let mut settled: BTreeMap<RecordRef, Option<Timestamp>> =
        refs.iter().map(|id| (id.clone(), None)).collect();
    let context = Context {
        policy: &inputs.policy,
        calendars: &inputs.calendars,
        coverage: &inputs.coverage,
        now,
    };
    let mut evaluations = Vec::new();
    let mut known = Vec::new();
    for unit in units(store, &refs)? {
        let Some((subject, facts)) = facts::gather(store, &unit)? else {
            continue;
        };
        evaluations.push(evaluate(&subject, &facts, &context));
        known.push((unit, facts));
    }
    let load = owner_load(store, &context);
    apply_caps(&mut evaluations, &load, &context);
    let mut entries = Vec::new();
    for (evaluation, (unit, facts)) in evaluations.iter().zip(&known) {
        let decision = decide(store.ledger(), evaluation, facts, &context, inputs);
        planned.evaluated += 1;
        planned.gaps_opened += decision.gaps_opened;
        for gap in &evaluation.gaps {
            *planned.outcomes.entry(gap.outcome.as_str()).or_default() += 1;
        }
        entries.extend(decision.entries);
        outbox
            .drafts
            .extend(decision.draft.map(|draft| (draft.key.clone(), draft)));
        outbox.amendments.extend(
            decision
                .amendment
                .map(|amendment| (amendment.change.key.clone(), amendment)),
        );
        settled.insert(unit.clone(), wake_at(evaluation, decision.waits, now));
    }
    if !entries.is_empty() {
        store.record(&entries)?;
    }
    store.settle(&settled.into_iter().collect::<Vec<_>>())?;
    Ok(true)
}

/// Judges one subject without deciding anything, for `why` and `why-not`.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn look_at(
    store: &Store,
    unit: &RecordRef,
    context: &Context<'_>,
) -> Result<Vec<(Evaluation, followup_rules::model::Facts)>, StoreError> {
    let mut seen = Vec::new();
    for unit in units(store, &BTreeSet::from([unit.clone()]))? {
        if let Some((subject, facts)) = facts::gather(store, &unit)? {
            let evaluation = evaluate(&subject, &facts, context);
            seen.push((evaluation, facts));
        }
    }
    Ok(seen)
}

/// The subjects that a change of these records can concern: a person's human and its deals, a deal and its people.
fn units(store: &Store, refs: &BTreeSet<RecordRef>) -> Result<BTreeSet<RecordRef>, StoreError> {
    let mut units = BTreeSet::new();
    let mut people = BTreeSet::new();
    for id in refs {
        let gathered = store.gather(id)?;
        if id.kind == RecordKind::Deal {
            units.insert(id.clone());
            let deals = gathered.deals.iter().filter(|deal| deal.id.record() == id);
            people.extend(deals.flat_map(|deal| deal.people.iter().map(|person| person.record().clone())));
        } else {
            let human = facts::human_with(&gathered, id);
            let mine = |deal: &&followup_core::Deal| deal.people.iter().any(|person| human.contains(person));
            units.extend(
                gathered
                    .deals
                    .iter()
                    .filter(mine)
                    .map(|deal| deal.id.record().clone()),
            );
            people.insert(id.clone());
        }
    }
    for person in people {
        if let Some((subject, _)) = facts::gather(store, &person)? {
            units.insert(subject.record().clone());
        }
    }
    Ok(units)
}

/// What each owner already has, in all CRMs together: tasks of ours that are open, and those decided on their present day.
pub(crate) fn owner_load(
    store: &Store,
    context: &Context<'_>,
) -> BTreeMap<followup_core::OwnerId, OwnerLoad> {
    let mut load: BTreeMap<_, OwnerLoad> = BTreeMap::new();
    for row in store.ledger().tasks() {
        let calendar = context.calendars.of(Some(&row.owner));
        let person = context.calendars.person_of(&row.owner);
        let is_new_today = calendar.date_on(row.planned_at) == calendar.date_on(context.now);
        if row.is_live() || is_new_today {
            let entry = load.entry(person.clone()).or_default();
            entry.open += u32::from(row.is_live());
            entry.new_today += u32::from(is_new_today);
        }
    }
    load
}

/// When to look again: what the judgement says, sooner for gaps that wait for something no clock tells.
fn wake_at(evaluation: &Evaluation, waits: bool, now: Timestamp) -> Option<Timestamp> {
    let is_queued = evaluation
        .gaps
        .iter()
        .any(|gap| matches!(gap.outcome, Outcome::Queued | Outcome::Blocked(_)));
    let soon = (waits || is_queued).then(|| now + LOOK_AGAIN);
    [evaluation.wake_at, soon].into_iter().flatten().min()
}

/// A run that creates no more than this never trips the breaker.
const BREAKER_FLOOR: u64 = 20;

/// Runs that the breaker's "usual" is taken from.
const BREAKER_RUNS: usize = 20;

/// Tasks that a run decided to create through a connection.
pub fn planned_by(ledger: &Ledger, connection: &ConnectionId, run: &str) -> u64 {
    ledger
        .tasks()
        .filter(|row| row.run == run && row.connection == *connection)
        .count() as u64
}

/// How many tasks a run may create before the breaker stops it: three times the median of the last runs that created
/// any, and never less than the floor.
pub fn usual_at_most(ledger: &Ledger, connection: &ConnectionId, run: &str) -> u64 {
    let mut runs: BTreeMap<&str, (Timestamp, u64)> = BTreeMap::new();
    let adopted = |row: &&followup_store::ledger::TaskRow| row.run != "adopted";
    for row in ledger
        .tasks()
        .filter(|row| row.run != run && row.connection == *connection)
        .filter(adopted)
    {
        let entry = runs.entry(&row.run).or_insert((row.planned_at, 0));
        entry.1 += 1;
    }
    let mut last: Vec<(Timestamp, u64)> = runs.into_values().collect();
    last.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    last.truncate(BREAKER_RUNS);
    let mut counts: Vec<u64> = last.into_iter().map(|(_, count)| count).collect();
    counts.sort_unstable();
    let median = counts.get(counts.len() / 2).copied().unwrap_or_default();
    (3 * median).max(BREAKER_FLOOR)
}

/// The subject that a record stands for in the ledger's rows.
pub fn subject_of(record: &RecordRef) -> Subject {
    if record.kind == RecordKind::Deal {
        Subject::Deal(followup_core::DealId(record.clone()))
    } else {
        Subject::Human(followup_core::PersonId(record.clone()))
    }
}
