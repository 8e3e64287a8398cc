//! Plan: compare what the store knows with the policy and decide what should be true of our tasks.
//!
//! A plan takes no "what changed": it looks at every subject that is dirty or due, states what should be, records
//! the decision in the ledger, and says when to look again. Running it twice decides nothing new. Everything in a
//! batch happens inside one turn of the store; nothing here talks to a CRM.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use followup_core::{ConnectionId, OwnerId, RecordKind, RecordRef, TaskDraft, TaskKey};
use followup_rules::{
    Context, KnownBundles, OwnerLoad, apply_bundles, apply_caps_with,
    calendar::Calendars,
    evaluate,
    model::{Coverage, Evaluation, Gap, Outcome, Subject},
    policy::Policy,
};
use followup_store::{Ledger, Store, StoreError, ledger::ERASED};
use jiff::{SignedDuration, Timestamp};

mod adopt;
mod decide;
pub mod facts;
mod greet;
pub mod heard;
pub mod learned;
pub mod lists;
mod place;
mod troubled;

pub use adopt::{Established, adopt, adopted_entries, establish, established_entries};
pub use decide::{Amendment, Decision, decide};
pub use learned::Learned;
pub use lists::{Judged, ListDecision, decide_lists};
pub use troubled::{plan_health, told_since};

/// Subjects judged in one turn of the store.
const BATCH: usize = 200;

/// A queued or blocked gap is looked at again at the next multiple of this, all at the same instants: each subject by its
/// own clock, many of them would keep the daemon polling.
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
    /// The admin's logins: who gets what asks nobody else.
    pub admins: Vec<OwnerId>,
    /// What is known beside the records.
    pub learned: Arc<Learned>,
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

    fn create(&mut self, drafts: impl IntoIterator<Item = TaskDraft>) {
        let by_key = drafts.into_iter().map(|draft| (draft.key.clone(), draft));
        self.drafts.extend(by_key);
    }

    fn amend(&mut self, amendments: impl IntoIterator<Item = Amendment>) {
        let by_key = amendments
            .into_iter()
            .map(|amendment| (amendment.change.key.clone(), amendment));
        self.amendments.extend(by_key);
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
    let (judged, known) = judge_together(store, units(store, &refs)?, &inputs.learned, &context)?;
    let mut entries = Vec::new();
    let lists = decide_lists(store.ledger(), &judged, &known, &context, inputs);
    for (evaluation, facts) in judged.evaluations.iter().zip(&judged.facts) {
        let decision = decide(store.ledger(), evaluation, facts, &context, inputs);
        planned.evaluated += 1;
        planned.gaps_opened += decision.gaps_opened;
        for gap in &evaluation.gaps {
            *planned.outcomes.entry(gap.outcome.as_str()).or_default() += 1;
        }
        entries.extend(decision.entries);
        outbox.amend(decision.amendment);
        outbox.create(decision.draft);
        let unit = evaluation.subject.record();
        let waits = decision.waits || lists.waits.contains(unit);
        settled.insert(unit.clone(), wake_at(evaluation, waits, now));
    }
    entries.extend(lists.entries);
    outbox.amend(lists.amendments);
    outbox.create(lists.drafts);
    if !entries.is_empty() {
        store.record(&entries)?;
    }
    greet::greet(store.ledger(), outbox, &context);
    store.settle(&settled.into_iter().collect::<Vec<_>>())?;
    Ok(true)
}

/// Judges subjects and whatever the lists they are in name besides, then applies lists and caps to all of them together.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub(crate) fn judge_together(
    store: &Store,
    units: BTreeSet<RecordRef>,
    learned: &Learned,
    context: &Context<'_>,
) -> Result<(Judged, KnownBundles), StoreError> {
    let known = lists::known(store.ledger(), context);
    let mut judged = Judged::default();
    let (mut seen, mut shown) = (BTreeSet::new(), BTreeSet::new());
    let mut next = units;
    while !next.is_empty() {
        for unit in std::mem::take(&mut next) {
            let found = facts::gather(store, &unit)?;
            seen.insert(unit);
            if let Some((subject, mut facts)) = found
                && shown.insert(subject.record().clone())
            {
                seen.insert(subject.record().clone());
                learned.add_to(&mut facts, store.ledger());
                judged.evaluations.push(evaluate(&subject, &facts, context));
                judged.facts.push(facts);
            }
        }
        let listed = lists::listed_with(store.ledger(), &judged, &known, context);
        next.extend(listed.into_iter().filter(|record| !seen.contains(record)));
    }
    let known = lists::as_seen(known, &judged, context);
    let load = owner_load(store, context);
    apply_bundles(&mut judged.evaluations, &known, context);
    apply_caps_with(&mut judged.evaluations, &load, &known, context);
    Ok((judged, known))
}

/// Judges what one record concerns without deciding anything, for `why` and `why-not`: with the lists it is in, and the
/// caps.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn look_at(
    store: &Store,
    record: &RecordRef,
    learned: &Learned,
    context: &Context<'_>,
) -> Result<Vec<Evaluation>, StoreError> {
    let asked = units(store, &BTreeSet::from([record.clone()]))?;
    let (judged, _) = judge_together(store, asked.clone(), learned, context)?;
    let mut evaluations = judged.evaluations;
    evaluations.retain(|evaluation| asked.contains(evaluation.subject.record()));
    Ok(evaluations)
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
pub(crate) fn owner_load(store: &Store, context: &Context<'_>) -> BTreeMap<OwnerId, OwnerLoad> {
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

/// When to look again: what the judgement says, sooner for gaps that wait for something no clock tells. What waits for
/// room in a list waits for the owner's next day.
fn wake_at(evaluation: &Evaluation, waits: bool, now: Timestamp) -> Option<Timestamp> {
    let waits_for_room = |gap: &Gap| match gap.outcome {
        Outcome::Queued => !gap.key.rule.is_always_bundled(),
        Outcome::Blocked(_) => true,
        _ => false,
    };
    let is_soon = waits || evaluation.gaps.iter().any(waits_for_room);
    let soon = is_soon.then(|| next_look(now));
    [evaluation.wake_at, soon].into_iter().flatten().min()
}

/// The next common instant at which what waits is looked at again.
fn next_look(now: Timestamp) -> Timestamp {
    let every = LOOK_AGAIN.as_secs();
    let next = (now.as_second().div_euclid(every) + 1) * every;
    Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
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
    let adopted = |row: &&followup_store::ledger::TaskRow| row.run != "adopted" && row.run != ERASED;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_looked_at_again_at_common_instants() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let looks = [0, 7, 181, 299, 300].map(|second| next_look(at(second)).as_second());
        assert_eq!(looks, [300, 300, 300, 300, 600]);
    }
}
