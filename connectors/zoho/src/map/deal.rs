//! Deals with their stages (fields of a standard org, pipelines, module `DealHistory`; read 2026-11).

use followup_core::{AccountId, Deal, DealId, DealState, PersonId, RecordKind, StageEntry};
use jiff::Timestamp;

use super::Context;
use crate::wire::Row;

/// Maps a deal.
pub(super) fn map_deal(context: &Context<'_>, row: &Row) -> Result<Deal, String> {
    let stage = row.text("Stage").ok_or("Stage is missing")?.to_owned();
    let created_at = row.required_instant("Created_Time")?;
    let stage_history = stages(context, row, &stage, created_at)?;
    let currency = row
        .text("Currency")
        .map(str::to_uppercase)
        .or_else(|| context.setup.currency.clone());
    let digits = currency.as_deref().map_or(2, followup_core::deal::minor_digits);
    Ok(Deal {
        id: DealId(context.record(RecordKind::Deal, row.id()?)),
        name: row.text("Deal_Name").unwrap_or_default().to_owned(),
        pipeline: row
            .text("Pipeline")
            .or_else(|| row.text("Pipeline.name"))
            .map(str::to_owned),
        stage_kind: context.mapping.stage_kind(&stage),
        stage_entered_at: stage_history.last().map_or(created_at, |entry| entry.entered_at),
        stage_history,
        state: state(context, &stage),
        amount_minor: row.minor("Amount", digits)?,
        currency,
        owner: context.owner(row),
        owner_history: Vec::new(),
        created_at,
        close_on: row.date("Closing_Date")?,
        people: row
            .text("Contact_Name.id")
            .map(|id| PersonId(context.record(RecordKind::Contact, id)))
            .into_iter()
            .collect(),
        account: row
            .text("Account_Name.id")
            .map(|id| AccountId(context.record(RecordKind::Account, id))),
        stage,
        stamp: context.stamp(row)?,
    })
}

/// By the org's pipelines; a stage none of them names by the mapping's words.
fn state(context: &Context<'_>, stage: &str) -> DealState {
    if let Some(state) = context.setup.stages.get(stage) {
        return *state;
    }
    match context.mapping.closing(stage) {
        Some(true) => DealState::Won,
        Some(false) => DealState::Lost,
        None => DealState::Open,
    }
}

/// An entry of the history is about a stage that was entered at its date, or about one that was left then for another:
/// no source says which. Only in the first reading does the last entry name no further stage.
fn stages(
    context: &Context<'_>,
    row: &Row,
    stage: &str,
    created_at: Timestamp,
) -> Result<Vec<StageEntry>, String> {
    let rows = context.details.history.get(row.id()?);
    let mut changes: Vec<(Timestamp, &str, Option<&str>)> = Vec::new();
    for change in rows.into_iter().flatten() {
        let Some(stage) = change.text("Stage") else {
            continue;
        };
        let at = change.required_instant("Modified_Time")?;
        changes.push((at, stage, change.text("Moved_To__s")));
    }
    changes.sort_by_key(|(at, _, _)| *at);
    let is_on_entry = changes.last().is_some_and(|(_, _, moved_to)| moved_to.is_none());
    let mut entries: Vec<StageEntry> = Vec::new();
    let mut enter = |stage: &str, entered_at: Timestamp| {
        if entries.last().is_none_or(|entry| entry.stage != stage) {
            entries.push(StageEntry {
                stage: stage.to_owned(),
                entered_at,
            });
        }
    };
    if let Some((_, first, Some(_))) = changes.first().filter(|_| !is_on_entry) {
        enter(first, created_at);
    }
    for (at, left, moved_to) in &changes {
        match moved_to {
            Some(entered) if !is_on_entry => enter(entered, *at),
            _ => enter(left, *at),
        }
    }
    // The history lags, or is hidden: the last change, else the creation, is all there is.
    let known_at = changes.last().map_or(created_at, |(at, _, _)| *at);
    enter(stage, known_at);
    Ok(entries)
}
