//! Tasks about connections in trouble: the rule `sync-health` has no subject, so it is decided about once a cycle, not
//! with the dirty ones.
//!
//! Such a task goes to an admin's login in a connection that is well. It is about no record of a CRM, so it is linked to
//! nothing; its row names the connection.

use followup_core::{Baseline, DraftLinks, Record, TaskDraft};
use followup_rules::{
    Context, HealthGap, TroubledConnection, health, health_verdict, is_bundle, model::Crossing,
    policy::Delivery,
};
use followup_store::{
    Ledger, Store, StoreError,
    ledger::{Entry, GapRow, RowState, TaskRow},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    Outbox, PlanInputs,
    decide::{DUE_AHEAD, Decision, close, end_of, is_refused_for_a_day},
    facts::{Seen, own_task},
};

/// Decides about the tasks that tell of connections in trouble.
///
/// # Errors
/// [`StoreError`] when the store cannot be read or written.
pub fn plan_health(
    store: &mut Store,
    inputs: &PlanInputs,
    troubled: &[TroubledConnection],
    now: Timestamp,
    outbox: &mut Outbox,
) -> Result<(), StoreError> {
    let context = Context {
        policy: &inputs.policy,
        calendars: &inputs.calendars,
        coverage: &inputs.coverage,
        now,
    };
    let mut entries = close_over(store, inputs, troubled, &context)?;
    for gap in health(troubled, &context).0 {
        let (news, draft) = open(store.ledger(), &gap, inputs, &context);
        entries.extend(news);
        outbox.create(draft);
    }
    if entries.is_empty() {
        return Ok(());
    }
    store.record(&entries)
}

/// The open task that tells of a connection: since when it has told of trouble. It stays the same trouble for as long as
/// the task is open, whatever the instant was taken from.
pub fn told_since(ledger: &Ledger, connection: &followup_core::ConnectionId) -> Option<Timestamp> {
    let mut open = rows(ledger).filter(|row| row.closed.is_none() && row.subject.connection == *connection);
    let gap = open.find_map(|row| ledger.gap(row.gaps.first()?))?;
    Timestamp::from_millisecond(gap.crossing_ms).ok()
}

fn rows(ledger: &Ledger) -> impl Iterator<Item = &TaskRow> {
    ledger.lists().filter(|row| !is_bundle(&row.key))
}

/// Ends tasks whose connection is well again, and those the admin ended.
fn close_over(
    store: &Store,
    inputs: &PlanInputs,
    troubled: &[TroubledConnection],
    context: &Context<'_>,
) -> Result<Vec<Entry>, StoreError> {
    let ledger = store.ledger();
    let mut decision = Decision::default();
    for row in rows(ledger).filter(|row| row.is_live()) {
        let seen = match row.remote() {
            None => Seen::NotYet,
            Some(id) => match store.get(id.record())? {
                Some(Record::Task(task)) => Seen::There(Box::new(task)),
                _ if store.tombstone(id.record())?.is_some() => Seen::Gone,
                _ => Seen::NotYet,
            },
        };
        let task = own_task(ledger, row, &seen);
        let verdict = health_verdict(&task, troubled, context);
        let Some(end) = end_of(&verdict) else { continue };
        let is_writable = inputs.writable.contains(&row.connection);
        close(row, &task, &verdict, is_writable, context.now, &mut decision);
        let ended = row
            .gaps
            .iter()
            .filter(|id| ledger.gap(id).is_some_and(|gap| gap.end.is_none()));
        decision.entries.extend(ended.map(|id| Entry::GapEnded {
            id: id.clone(),
            end,
            at: context.now,
        }));
    }
    Ok(decision.entries)
}

/// Tells of a connection in trouble, if nothing tells of it yet.
fn open(
    ledger: &Ledger,
    gap: &HealthGap,
    inputs: &PlanInputs,
    context: &Context<'_>,
) -> (Vec<Entry>, Option<TaskDraft>) {
    let nothing = (Vec::new(), None);
    let id = gap.key.id();
    let key = id.task_key();
    let Some(owner) = gap.admin.clone().filter(|_| gap.delivery == Delivery::Task) else {
        return nothing;
    };
    let connection = owner.record().connection.clone();
    if !inputs.writable.contains(&connection) {
        return nothing;
    }
    let due_at = gap.due_at.max(context.now + DUE_AHEAD);
    let draft = TaskDraft {
        key: key.clone(),
        owner,
        links: DraftLinks::default(),
        subject: gap.text.subject.clone(),
        body: gap.text.body.clone(),
        marker: gap.text.marker.clone(),
        due_at,
        reminder_at: Some(context.now.min(due_at - SignedDuration::from_mins(1))),
        is_urgent: false,
    };
    match ledger.task(&key) {
        Some(row) if row.state == RowState::Planned && row.closed.is_none() && row.owner == draft.owner => {
            return (Vec::new(), Some(draft));
        }
        Some(row) if !is_refused_for_a_day(row, context.now) => return nothing,
        Some(_) | None => {}
    }
    if inputs.ask_first.contains(&connection) && !ledger.is_approved(&key) {
        return nothing; // proposed
    }
    let Crossing { at_ms, repeat } = gap.key.crossing;
    let opened = Entry::GapOpened {
        id: id.0.clone(),
        gap: GapRow {
            rule: gap.key.rule.as_str().to_owned(),
            anchor: gap.key.anchor.clone(),
            crossing_ms: at_ms,
            repeat,
            subject: gap.key.anchor.clone(),
            found_at: context.now,
            policy_version: context.policy.version.clone(),
            end: None,
        },
    };
    let row = TaskRow {
        key,
        connection,
        owner: draft.owner.clone(),
        subject: gap.key.anchor.clone(),
        gaps: vec![id.0.clone()],
        shown: vec![id.0],
        run: inputs.run.clone(),
        state: RowState::Planned,
        planned_at: context.now,
        created_at: None,
        due_at,
        baseline: Baseline::default(),
        closing: None,
        closed: None,
    };
    (vec![opened, Entry::Intended { row: Box::new(row) }], Some(draft))
}
