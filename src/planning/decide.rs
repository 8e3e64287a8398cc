//! From one evaluation to ledger entries, a draft and a text change. Pure: equal inputs decide equally.

use std::collections::BTreeSet;

use followup_core::{Baseline, Closing, ConnectionId, PersonId, TaskChange, TaskDraft, TaskKey, TaskStatus};
use followup_rules::{
    Context, TaskText, carrier, is_bundle,
    model::{Evaluation, Facts, Gap, Outcome, OwnTask, Subject, TaskVerdict},
    reminder_at, remote, render, render_into,
};
use followup_store::ledger::{Closed, Entry, GapEnd, GapRow, Ledger, RowState, TaskRow};
use jiff::{SignedDuration, Timestamp};

use super::{
    PlanInputs,
    facts::is_same_subject,
    heard,
    place::{Place, place, relinked},
};

/// A task the CRM refused is tried again after this long.
const REFUSED_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// A task is due at least this far ahead of the instant it is written.
pub(super) const DUE_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// A text change, and what the ledger says once the CRM holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    /// For the CRM.
    pub change: TaskChange,
    /// For the journal, not before the text is there: until then the change is decided anew.
    pub then: Entry,
}

/// What was decided about one subject.
#[derive(Debug, Default)]
pub struct Decision {
    /// For the journal, in order.
    pub entries: Vec<Entry>,
    /// A task to create.
    pub draft: Option<TaskDraft>,
    /// A text change of an open task.
    pub amendment: Option<Amendment>,
    /// Gaps found for the first time.
    pub gaps_opened: u64,
    /// A task is withheld for a reason no record tells: look again soon.
    pub waits: bool,
}

/// Decides about one subject.
///
/// Pure: the model check runs it through every interleaving.
pub fn decide(
    ledger: &Ledger,
    evaluation: &Evaluation,
    facts: &Facts,
    context: &Context<'_>,
    inputs: &PlanInputs,
) -> Decision {
    let mut decision = Decision::default();
    remember_gaps(ledger, evaluation, context, &mut decision);
    move_rows(ledger, evaluation, facts, &mut decision);
    decision.entries.extend(heard::news(ledger, facts));
    // A list stands among the facts once for each subject it names.
    let judged = evaluation.subject.record();
    let is_of_subject = |task: &&OwnTask| {
        !is_bundle(&task.key) || is_same_subject(&facts.humans, task.subject.record(), judged)
    };
    for task in facts.own_tasks.iter().filter(is_of_subject) {
        let Some(verdict) = evaluation.tasks.get(&task.key) else {
            continue;
        };
        let Some(row) = ledger.task(&task.key).filter(|row| row.closed.is_none()) else {
            continue;
        };
        if let Some(end) = end_of(verdict) {
            // A list outlives what it lists: here only the subject's own gaps end.
            if !is_bundle(&task.key) {
                let is_writable = inputs.writable.contains(&row.connection);
                close(row, task, verdict, is_writable, context.now, &mut decision);
            }
            let own: BTreeSet<String> = task.gaps.iter().map(|gap| gap.id().0).collect();
            let ended = row.gaps.iter().filter(|id| {
                let is_own = !is_bundle(&task.key) || own.contains(*id);
                is_own && ledger.gap(id).is_some_and(|gap| gap.end.is_none())
            });
            decision.entries.extend(ended.map(|id| Entry::GapEnded {
                id: id.clone(),
                end,
                at: context.now,
            }));
        }
    }
    let folded: Vec<&Gap> = evaluation
        .gaps
        .iter()
        .filter(|gap| matches!(gap.outcome, Outcome::Folded(_)))
        .collect();
    let lead = evaluation.gaps.iter().find(|gap| gap.outcome == Outcome::Task);
    let (task, lead) = match (carrier(evaluation, facts), lead) {
        (Some(task), Some(lead)) => (task, lead),
        // What led the task is over and what stays is held: the text tells what is still true.
        (Some(task), None) => match still_in(task, evaluation) {
            Some(held) => (task, held),
            None => return decision,
        },
        (None, Some(lead)) => {
            create(ledger, lead, &folded, facts, context, inputs, &mut decision);
            return decision;
        }
        (None, None) => return decision,
    };
    match ledger.task(&task.key) {
        Some(row) if !inputs.writable.contains(&row.connection) => {}
        // Not sent yet, and held now: it waits.
        Some(row) if row.state == RowState::Planned && lead.outcome != Outcome::Task => {}
        Some(row) if row.state == RowState::Planned => {
            let text = render_into(task, lead, &folded, facts, context);
            decision.entries.extend(fold(row, lead, &folded, context.now));
            let there = BTreeSet::from([row.connection.clone()]);
            decision.draft = place(lead, facts, context.calendars, &there)
                .map(|place| draft(row.key.clone(), text, lead, place, context));
        }
        Some(row) if row.closing.is_none() => {
            let before = row.shown.first().and_then(|id| ledger.gap(id));
            amend(row, task, (before, lead), &folded, facts, context, &mut decision);
        }
        _ => {}
    }
    decision
}

/// The first gap of a task that is held while the task stays.
fn still_in<'e>(task: &OwnTask, evaluation: &'e Evaluation) -> Option<&'e Gap> {
    let is_held = |gap: &&Gap| matches!(gap.outcome, Outcome::Held(_)) && task.gaps.contains(&gap.key);
    evaluation.gaps.iter().find(is_held)
}

/// Records gaps that are new, and ends those that are no longer there and live in no task.
fn remember_gaps(ledger: &Ledger, evaluation: &Evaluation, context: &Context<'_>, decision: &mut Decision) {
    let mut listed = BTreeSet::new();
    for gap in &evaluation.gaps {
        let id = gap.id().0;
        let is_known = ledger
            .gap(&id)
            .is_some_and(|row| row.end.is_none() && row.subject == *gap.subject.record());
        if !is_known {
            decision.gaps_opened += u64::from(ledger.gap(&id).is_none());
            decision.entries.push(Entry::GapOpened {
                id: id.clone(),
                gap: gap_row(gap, &context.policy.version, context.now),
            });
        }
        listed.insert(id);
    }
    let record = evaluation.subject.record();
    let in_tasks: BTreeSet<&String> = ledger
        .tasks_about(record)
        .chain(ledger.lists_about(record))
        .filter(|row| row.closed.is_none())
        .flat_map(|row| row.gaps.iter())
        .collect();
    for id in ledger.open_gaps_about(record) {
        if !listed.contains(id) && !in_tasks.contains(id) {
            decision.entries.push(Entry::GapEnded {
                id: id.clone(),
                end: GapEnd::Moot,
                at: context.now,
            });
        }
    }
}

/// The ledger's row of a gap.
pub(super) fn gap_row(gap: &Gap, policy_version: &str, now: Timestamp) -> GapRow {
    GapRow {
        rule: gap.key.rule.as_str().to_owned(),
        anchor: gap.key.anchor.clone(),
        crossing_ms: gap.key.crossing.at_ms,
        repeat: gap.key.crossing.repeat,
        subject: gap.subject.record().clone(),
        found_at: now,
        policy_version: policy_version.to_owned(),
        end: None,
    }
}

/// A task about a merged-away or converted record follows its human.
fn move_rows(ledger: &Ledger, evaluation: &Evaluation, facts: &Facts, decision: &mut Decision) {
    let Subject::Human(shown) = &evaluation.subject else {
        return;
    };
    let Some(human) = facts.humans.iter().find(|human| human.contains(shown)) else {
        return;
    };
    for row in human
        .iter()
        .filter(|id| *id != shown)
        .flat_map(|id| ledger.tasks_about(id.record()))
    {
        if row.closed.is_none() {
            decision.entries.push(Entry::Moved {
                key: row.key.clone(),
                subject: evaluation.subject.record().clone(),
            });
        }
    }
}

pub(super) const fn end_of(verdict: &TaskVerdict) -> Option<GapEnd> {
    match verdict {
        TaskVerdict::Keep | TaskVerdict::Snoozed(_) => None,
        TaskVerdict::DoneEvidence(_) => Some(GapEnd::DoneEvidence),
        TaskVerdict::DoneDeclared => Some(GapEnd::DoneDeclared),
        TaskVerdict::Moot(_) => Some(GapEnd::Moot),
        TaskVerdict::Dismissed => Some(GapEnd::Dismissed),
        TaskVerdict::Expired => Some(GapEnd::Expired),
    }
}

/// Ends a row: at once if the CRM needs no write (the rep ended it, or it was never sent), else by an intent.
pub(super) fn close(
    row: &TaskRow,
    task: &OwnTask,
    verdict: &TaskVerdict,
    is_writable: bool,
    now: Timestamp,
    decision: &mut Decision,
) {
    let (closing, then) = match verdict {
        TaskVerdict::DoneEvidence(record) => (Closing::Complete, Closed::Evidence(record.clone())),
        TaskVerdict::DoneDeclared => (Closing::Complete, Closed::Declared),
        TaskVerdict::Dismissed => (Closing::Withdraw, Closed::Dismissed),
        TaskVerdict::Expired => (Closing::Withdraw, Closed::Expired),
        TaskVerdict::Moot(why) if task.is_edited_by_human => {
            (Closing::LetGo, Closed::LetGo((*why).to_owned()))
        }
        TaskVerdict::Moot(why) => (Closing::Withdraw, Closed::Withdrawn((*why).to_owned())),
        TaskVerdict::Keep | TaskVerdict::Snoozed(_) => return,
    };
    // What the rep asked for in words is not so in the CRM yet.
    let asked = remote::ending(&task.said);
    let is_over = (task.status != TaskStatus::Open && asked.is_none()) || row.state == RowState::Planned;
    if is_over {
        decision.entries.push(Entry::Closed {
            key: row.key.clone(),
            closed: then,
            at: now,
        });
    } else if is_writable
        && row
            .closing
            .as_ref()
            .is_none_or(|(before, _, _)| *before != closing)
    {
        // Withdrawing compares with what was read back; the rep's own words are no edit to be kept from it.
        decision.entries.extend(asked.map(|said| Entry::ReadBack {
            key: row.key.clone(),
            baseline: said.seen.clone(),
        }));
        decision.entries.push(Entry::CloseIntended {
            key: row.key.clone(),
            closing,
            then,
            at: now,
        });
    }
}

fn create(
    ledger: &Ledger,
    lead: &Gap,
    folded: &[&Gap],
    facts: &Facts,
    context: &Context<'_>,
    inputs: &PlanInputs,
    decision: &mut Decision,
) {
    let key = lead.id().task_key();
    if let Some(row) = ledger.task(&key)
        && !is_refused_for_a_day(row, context.now)
    {
        // Closed: this anchor never gets a second task. Refused by the CRM: tried again, but not at once.
        decision.waits = row.is_refused();
        return;
    }
    let Some(place) = place(lead, facts, context.calendars, &inputs.writable) else {
        return;
    };
    if known_to(lead, facts).any(|connection| inputs.unsure.contains(connection)) {
        decision.waits = true;
        return;
    }
    if inputs.ask_first.contains(place.connection()) && !ledger.is_approved(&key) {
        return; // proposed
    }
    let text = render(lead, folded, facts, context);
    let draft = draft(key.clone(), text, lead, place, context);
    let gaps = gap_ids(lead, folded);
    let row = TaskRow {
        key,
        connection: draft.owner.record().connection.clone(),
        owner: draft.owner.clone(),
        subject: lead.subject.record().clone(),
        shown: gaps.clone(),
        gaps,
        run: inputs.run.clone(),
        state: RowState::Planned,
        planned_at: context.now,
        created_at: None,
        due_at: draft.due_at,
        baseline: Baseline::default(),
        closing: None,
        closed: None,
    };
    decision.entries.push(Entry::Intended { row: Box::new(row) });
    decision.draft = Some(draft);
}

/// Whether the CRM refused a task and a day has passed: a portal's rules may have changed.
pub(super) fn is_refused_for_a_day(row: &TaskRow, now: Timestamp) -> bool {
    row.is_refused() && now.duration_since(row.planned_at) >= REFUSED_AGAIN
}

fn gap_ids(lead: &Gap, folded: &[&Gap]) -> Vec<String> {
    std::iter::once(lead.id().0)
        .chain(folded.iter().map(|gap| gap.id().0))
        .collect()
}

/// The CRMs that know a subject: what is recorded in any of them may cover it.
pub(super) fn known_to<'a>(lead: &'a Gap, facts: &'a Facts) -> impl Iterator<Item = &'a ConnectionId> {
    let shown = lead.subject.record();
    let records = facts
        .humans
        .iter()
        .filter(move |human| human.iter().any(|id| id.record() == shown))
        .flatten()
        .map(PersonId::record);
    std::iter::once(shown)
        .chain(records)
        .map(|record| &record.connection)
}

fn draft(key: TaskKey, text: TaskText, lead: &Gap, place: Place, context: &Context<'_>) -> TaskDraft {
    // After an outage the instant computed from the records may lie behind us; a reminder must lie ahead.
    let due_at = lead.due_at.max(context.now + DUE_AHEAD);
    let reminder_at = reminder_at(lead, context)
        .max(context.now)
        .min(due_at - SignedDuration::from_mins(1));
    TaskDraft {
        key,
        owner: place.owner,
        links: place.links,
        subject: text.subject,
        body: text.body,
        marker: text.marker,
        due_at,
        reminder_at: Some(reminder_at),
        is_urgent: lead.key.rule.is_buyer_initiated(),
    }
}

/// A different set of gaps means a different text. What a human changed stays theirs: the connector compares with the
/// baseline field by field.
fn amend(
    row: &TaskRow,
    task: &OwnTask,
    (before, lead): (Option<&GapRow>, &Gap),
    folded: &[&Gap],
    facts: &Facts,
    context: &Context<'_>,
    decision: &mut Decision,
) {
    let (Some(id), Some(then)) = (row.remote(), fold(row, lead, folded, context.now)) else {
        return;
    };
    let text = render_into(task, lead, folded, facts, context);
    // Looked at again soon: a change that gets lost on its way is sent again.
    decision.waits = true;
    decision.amendment = Some(Amendment {
        then,
        change: TaskChange {
            id: id.clone(),
            key: row.key.clone(),
            baseline: row.baseline.clone(),
            subject: Some(text.subject),
            body: Some(text.body),
            marker: text.marker,
            links: relinked(id, before, lead, facts),
            append: None,
            closing: None,
            created_at: row.created_at.unwrap_or(row.planned_at),
        },
    });
}

/// What a task tells from now on; `None` if it tells just that already.
fn fold(row: &TaskRow, lead: &Gap, folded: &[&Gap], now: Timestamp) -> Option<Entry> {
    let shown = gap_ids(lead, folded);
    if shown == row.shown {
        return None;
    }
    Some(fold_in(row, shown, now))
}

/// A task tells `shown` from now on; what it ever told stays its own.
pub(super) fn fold_in(row: &TaskRow, shown: Vec<String>, at: Timestamp) -> Entry {
    let mut gaps = row.gaps.clone();
    gaps.extend(shown.iter().filter(|gap| !row.gaps.contains(gap)).cloned());
    Entry::Folded {
        key: row.key.clone(),
        gaps,
        shown,
        at,
    }
}
