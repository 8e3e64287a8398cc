//! Opportunities with their stages and contacts (object reference: `Opportunity`,
//! `OpportunityHistory`, `OpportunityContactRole`).

use followup_core::{
    AccountId, Deal, DealId, DealState, PersonId, RecordKind, StageEntry, deal::minor_digits,
};
use jiff::Timestamp;

use super::Context;
use crate::{org::StageFacts, wire::Row};

/// Maps an opportunity.
pub(super) fn map_deal(context: &Context<'_>, row: &Row) -> Result<Deal, String> {
    let stage = row.text("StageName").ok_or("StageName is missing")?.to_owned();
    let created_at = row.required_instant("CreatedDate")?;
    let stage_history = stages(context, row, &stage, created_at)?;
    let currency = row
        .text("CurrencyIsoCode")
        .map(str::to_uppercase)
        .or_else(|| context.setup.currency.clone());
    let digits = currency.as_deref().map_or(2, minor_digits);
    Ok(Deal {
        id: DealId(context.record(RecordKind::Deal, row.id()?)),
        name: row.text("Name").unwrap_or_default().to_owned(),
        // Record types are what other vendors call pipelines.
        pipeline: row.text("RecordTypeId").map(str::to_owned),
        stage_kind: context.mapping.stage_kind(&stage),
        stage_entered_at: stage_history.last().map_or(created_at, |entry| entry.entered_at),
        stage_history,
        state: state(context, row, &stage),
        amount_minor: row.minor("Amount", digits)?,
        currency,
        owner: context.owner(row),
        owner_history: Vec::new(),
        created_at,
        close_on: row.date("CloseDate")?,
        people: people(context, row)?,
        account: row
            .text("AccountId")
            .map(|id| AccountId(context.record(RecordKind::Account, id))),
        stage,
        stamp: context.stamp(row)?,
    })
}

/// By the row's own flags, which follow the stage; else by the stage.
fn state(context: &Context<'_>, row: &Row, stage: &str) -> DealState {
    let facts = context.setup.stages.get(stage).cloned().unwrap_or_default();
    let StageFacts { is_closed, is_won } = facts;
    match (
        row.flag("IsWon").unwrap_or(is_won),
        row.flag("IsClosed").unwrap_or(is_closed),
    ) {
        (true, _) => DealState::Won,
        (false, true) => DealState::Lost,
        (false, false) => DealState::Open,
    }
}

/// The history has a row for each change of amount, probability, stage or close date; only changes of stage count here.
fn stages(
    context: &Context<'_>,
    row: &Row,
    stage: &str,
    created_at: Timestamp,
) -> Result<Vec<StageEntry>, String> {
    let mut entries: Vec<StageEntry> = Vec::new();
    let rows = context.details.history.get(row.id()?);
    let mut changes = Vec::new();
    for change in rows.into_iter().flatten() {
        let Some(stage) = change.text("StageName") else {
            continue;
        };
        changes.push((change.required_instant("CreatedDate")?, stage));
    }
    changes.sort_by_key(|(at, _)| *at);
    for (entered_at, stage) in changes {
        if entries.last().is_none_or(|entry| entry.stage != stage) {
            entries.push(StageEntry {
                stage: stage.to_owned(),
                entered_at,
            });
        }
    }
    if entries.last().is_none_or(|entry| entry.stage != stage) {
        // The history lags, or is hidden: the row's own date, else its creation, is all there is.
        let entered_at = row.instant("LastStageChangeDate")?.unwrap_or(created_at);
        entries.push(StageEntry {
            stage: stage.to_owned(),
            entered_at,
        });
    }
    Ok(entries)
}

/// Contacts with a role, the primary one first; the opportunity's own contact; the person behind a person account.
fn people(context: &Context<'_>, row: &Row) -> Result<Vec<PersonId>, String> {
    let mut roles: Vec<&Row> = context
        .details
        .roles
        .get(row.id()?)
        .into_iter()
        .flatten()
        .collect();
    roles.sort_by_key(|role| !role.is_true("IsPrimary"));
    let ids = roles
        .iter()
        .filter_map(|role| role.text("ContactId"))
        .chain(row.text("ContactId"))
        .chain(row.text("Account.PersonContactId"));
    let mut people: Vec<PersonId> = Vec::new();
    for id in ids {
        let person = PersonId(context.record(RecordKind::Contact, id));
        if !people.contains(&person) {
            people.push(person);
        }
    }
    Ok(people)
}
