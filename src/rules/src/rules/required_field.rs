//! `required-field`: the stage asks for a field that is empty.
//!
//! Definition: the deal is open, the policy names fields for its stage (`fields`: stage in the CRM's words to field names),
//! and one of them is empty. Readable are `amount`, `close-date`, `contact` and `account`. It ends when the fields are set,
//! the deal leaves the stage or is closed: edits, no follow-ups that were made.
//!
//! Default: off, and no fields: what a stage asks for is the team's own; part of the owner's list of the day.
//!
//! Traps: an amount of zero is an amount; the stage's name may be written with other capitals; fields this program does
//! not read are refused when the policy is read, not silently taken as empty.

use followup_core::{Deal, DealState, Person};

use super::{Rule, Words, deal_words};
use crate::{
    context::{Context, Wake},
    deals::{self, Draft},
    finding::{Finding, Found},
    index::Index,
    model::{EvidenceKind, Gap, RuleId},
    policy::{DealField, Span},
    wording::Scene,
};

/// The rule.
pub(super) struct RequiredField;

impl Rule for RequiredField {
    fn id(&self) -> RuleId {
        RuleId::RequiredField
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        &[]
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        let wake = Wake::new(context.now);
        let empty = if deal.state == DealState::Open {
            empty_fields(deal, context)
        } else {
            Vec::new()
        };
        let found = if empty.is_empty() {
            deals::quiet(
                "fields_set",
                "every field the stage asks for is set, or it asks for none",
                wake,
            )
        } else {
            let within = context
                .rule(self.id())
                .map_or(Span::BusinessDays(0), |rule| rule.within);
            let calendar = context.calendar(deal.owner.as_ref());
            let deadline_at = if within.is_zero() {
                deal.stage_entered_at
            } else {
                calendar.add(deal.stage_entered_at, within)
            };
            let mut draft = Draft::new(self.id(), deal, deal.stage_entered_at, deadline_at);
            draft.facts.empty_fields = empty;
            Found {
                findings: vec![draft.owed(deal, index, context)],
                quiet: ("fields_set", "every field the stage asks for is set".to_owned()),
                wake,
            }
        };
        Some(deals::with_settled(found, self.id(), deal, None, index, context))
    }

    fn clause(&self, finding: &Finding<'_>, _context: &Context<'_>) -> String {
        let fields = finding.deal.as_ref().map(|facts| facts.empty_fields.join(", "));
        format!("the stage asks for {}", fields.unwrap_or_default())
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "a field the stage asks for is empty".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let facts = gap.deal.as_ref();
        let empty = facts.map_or(&[][..], |facts| facts.empty_fields.as_slice());
        let fields: Vec<String> = empty.iter().map(|field| field_name(field, scene)).collect();
        let fields = if fields.is_empty() {
            scene.phrase("field.none")
        } else {
            fields.join(", ")
        };
        let values: &[(&str, &str)] = &[
            ("fields", fields.as_str()),
            ("deal", &deal_words::name(scene)),
            ("when", &scene.local(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("required-field.headline", values),
            happened: vec![scene.say("required-field.happened", values)],
            step: scene.say("required-field.step", values),
            closes: scene.phrase("required-field.closes"),
        }
    }
}

/// The fields a deal's stage asks for and the record does not have, in plain words.
fn empty_fields(deal: &Deal, context: &Context<'_>) -> Vec<String> {
    let stage = deal.stage.trim().to_lowercase();
    let asked = context.policy.deals.required_fields.get(&stage);
    asked
        .into_iter()
        .flatten()
        .filter(|field| match field {
            DealField::Amount => deal.amount_minor.is_none(),
            DealField::CloseDate => deal.close_on.is_none(),
            DealField::Contact => deal.people.is_empty(),
            DealField::Account => deal.account.is_none(),
        })
        .map(|field| field.plain().to_owned())
        .collect()
}

/// What a field is called in the owner's language.
fn field_name(plain: &str, scene: &Scene<'_>) -> String {
    let field = DealField::ALL.iter().find(|field| field.plain() == plain);
    field.map_or_else(
        || plain.to_owned(),
        |field| scene.phrase(&format!("field.{}", field.as_str())),
    )
}
