//! Deals with the history of their stages (deals and pipelines guides).

use followup_core::{Deal, DealId, DealState, OwnerSpell, RecordKind, StageEntry, deal::minor_digits};
use followup_transport::row::decimal;
use jiff::{civil::Date, tz::TimeZone};

use super::Context;
use crate::{
    schema::Schema,
    wire::{Object, parse_instant},
};

/// Maps a deal. `pipeline` and `dealstage` hold internal ids.
pub(super) fn map_deal(context: &Context<'_>, schema: &Schema, object: &Object) -> Result<Deal, String> {
    let stage = object.text("dealstage").ok_or("dealstage is missing")?.to_owned();
    let created_at = object.created(schema.created)?;
    let mut stage_history: Vec<StageEntry> = Vec::new();
    for (entered_at, value) in object.history("dealstage") {
        let Some(value) = value else { continue };
        if stage_history.last().is_none_or(|entry| entry.stage != value) {
            stage_history.push(StageEntry {
                stage: value.to_owned(),
                entered_at,
            });
        }
    }
    if stage_history.last().is_none_or(|entry| entry.stage != stage) {
        // No history came with the record: the creation is the only instant known.
        stage_history.push(StageEntry {
            stage: stage.clone(),
            entered_at: created_at,
        });
    }
    let facts = context.stages.by_id.get(&stage);
    let label = facts.and_then(|facts| facts.label.as_deref());
    let currency = object.text("deal_currency_code").map(str::to_uppercase);
    Ok(Deal {
        id: DealId(context.record(RecordKind::Deal, &object.id)),
        name: object.text("dealname").unwrap_or_default().to_owned(),
        pipeline: object.text("pipeline").map(str::to_owned),
        stage_kind: context.mapping.stage_kind(&stage, label),
        stage_entered_at: stage_history.last().map_or(created_at, |entry| entry.entered_at),
        stage_history,
        state: state(context, object, &stage),
        amount_minor: amount_minor(object, currency.as_deref())?,
        currency,
        owner: context.owner(object),
        owner_history: object
            .history("hubspot_owner_id")
            .into_iter()
            .map(|(from, owner)| OwnerSpell {
                owner: owner.map(|id| context.owner_id(id)),
                from,
            })
            .collect(),
        created_at,
        close_on: close_on(object)?,
        people: context.people(&object.id),
        account: context.account(&object.id),
        stage,
        stamp: context.stamp(schema, object)?,
    })
}

/// By the deal's own flags, else by the pipeline, else by the default stage ids.
fn state(context: &Context<'_>, object: &Object, stage: &str) -> DealState {
    if object.text("hs_is_closed").is_some() {
        return match (object.is_true("hs_is_closed_won"), object.is_true("hs_is_closed")) {
            (true, _) => DealState::Won,
            (false, true) => DealState::Lost,
            (false, false) => DealState::Open,
        };
    }
    match context.stages.by_id.get(stage) {
        Some(facts) if facts.is_won => DealState::Won,
        Some(facts) if facts.is_closed => DealState::Lost,
        Some(_) => DealState::Open,
        None => match stage {
            "closedwon" => DealState::Won,
            "closedlost" => DealState::Lost,
            _ => DealState::Open,
        },
    }
}

/// A decimal with a dot and no thousands separators, in minor units; digits beyond the minor unit are cut off.
fn amount_minor(object: &Object, currency: Option<&str>) -> Result<Option<i64>, String> {
    let Some(text) = object.text("amount") else {
        return Ok(None);
    };
    let digits = currency.map_or(2, minor_digits);
    decimal(text, digits)
        .map(Some)
        .ok_or_else(|| "amount holds no number this program can read".to_owned())
}

/// `closedate` is a date-time at midnight UTC or a bare date.
fn close_on(object: &Object) -> Result<Option<Date>, String> {
    let Some(text) = object.text("closedate") else {
        return Ok(None);
    };
    if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        return Ok(Some(date));
    }
    parse_instant(text)
        .map(|at| Some(at.to_zoned(TimeZone::UTC).date()))
        .ok_or_else(|| "closedate holds no date this program can read".to_owned())
}
