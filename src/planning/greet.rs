//! The first task an owner ever gets says in one paragraph who writes here. Pure.

use followup_core::{OwnerId, TaskKey};
use followup_rules::{Context, add_primer, calendar::Calendars};
use followup_store::Ledger;

use super::Outbox;

/// Adds the paragraph to what is the first task of its owner, whenever its text is made.
pub(super) fn greet(ledger: &Ledger, outbox: &mut Outbox, context: &Context<'_>) {
    for draft in outbox.drafts.values_mut() {
        if is_first(ledger, &draft.key, &draft.owner, context.calendars) {
            add_primer(&mut draft.body, &draft.owner, context);
        }
    }
    for amendment in outbox.amendments.values_mut() {
        let change = &mut amendment.change;
        let owner = ledger.task(&change.key).map(|row| &row.owner);
        if let (Some(owner), Some(body)) = (owner, &mut change.body)
            && is_first(ledger, &change.key, owner, context.calendars)
        {
            add_primer(body, owner, context);
        }
    }
}

/// Whether no task was decided for a person, in any CRM, before this one.
fn is_first(ledger: &Ledger, key: &TaskKey, owner: &OwnerId, calendars: &Calendars) -> bool {
    let Some(row) = ledger.task(key) else { return false };
    let person = calendars.person_of(owner);
    !ledger.tasks().any(|other| {
        (other.planned_at, &other.key) < (row.planned_at, key) && calendars.person_of(&other.owner) == person
    })
}
