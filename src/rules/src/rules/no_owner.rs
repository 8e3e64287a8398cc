//! `no-owner`: somebody waits, or a deal is open, and nobody who can act owns the record.
//!
//! *Definition*: a live person (an open lead, or somebody who asked) or an open deal whose owner is missing, inactive, a
//! queue or an integration, 1 business hour after the inquiry (inbound) or 1 business day after the record was created.
//! *Default*: on, one list a day for the admin; every other rule is silent for want of somebody to ask.
//!
//! *Traps*: a queue is an owner in the CRM and nobody in life; a person on an open deal is worked through the deal; another
//! record of the same human may have a valid owner; there is no owner whose calendar counts, so the admin's does.

use followup_core::{Deal, DealState, Person, RecordRef};
use jiff::Timestamp;

use super::{Rule, Words};
use crate::{
    attempts,
    context::{Context, Wake},
    finding::{self, Finding, Found, State},
    index::{Human, Index, is_live_lead},
    model::{Crossing, EvidenceKind, Gap, GapKey, RuleId, Subject},
    policy::{Due, Span},
    wording::Scene,
};

/// The rule.
pub(super) struct NoOwner;

impl Rule for NoOwner {
    fn id(&self) -> RuleId {
        RuleId::NoOwner
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        &[]
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let found = |quiet: (&'static str, &str), findings| Found {
            findings,
            quiet: (quiet.0, quiet.1.to_owned()),
            wake: Wake::new(context.now),
        };
        let has_asked = human
            .records
            .iter()
            .any(|record| record.merged.is_none() && (record.is_inbound || record.inquiry_at.is_some()));
        if human.deals_open_at(context.now).next().is_some() || !(has_asked || is_live_lead(human, context)) {
            return found(
                ("not_live", "nobody has to look after this person now"),
                Vec::new(),
            );
        }
        let subject = human.subject();
        let owner = finding::owner_of(index, human, &subject);
        if owner.is_some_and(|owner| index.is_valid_owner(owner)) {
            return found(("owned", "the owner can act"), Vec::new());
        }
        let (word, since) = if has_asked {
            ("inbound", attempts::started_at(human))
        } else {
            ("", human.shown.created_at)
        };
        let anchor = human.shown.id.record();
        let finding = finding(anchor, Some(human.shown), subject, since, word, index, context);
        found(("owned", "the owner can act"), vec![finding])
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        let is_owned = deal
            .owner
            .as_ref()
            .is_some_and(|owner| index.is_valid_owner(owner));
        let subject = Subject::Deal(deal.id.clone());
        let findings = if deal.state == DealState::Open && !is_owned {
            vec![finding(
                deal.id.record(),
                None,
                subject,
                deal.created_at,
                "",
                index,
                context,
            )]
        } else {
            Vec::new()
        };
        Some(Found {
            findings,
            quiet: ("owned", "the owner can act".to_owned()),
            wake: Wake::new(context.now),
        })
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let waited = super::wait_text(self.id(), finding, context);
        format!("nobody who can act owns the record{waited}")
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "record without a valid owner".to_owned()
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let what = match gap.subject {
            Subject::Human(_) => scene.full_name(person),
            Subject::Deal(_) => scene.phrase("common.a_deal_first"),
        };
        let values: &[(&str, &str)] = &[
            ("what", what.as_str()),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("no-owner.headline", values),
            happened: vec![scene.say("no-owner.happened", values)],
            step: scene.phrase("no-owner.step"),
            closes: scene.phrase("no-owner.closes"),
        }
    }
}

fn finding<'a>(
    anchor: &RecordRef,
    record: Option<&'a Person>,
    subject: Subject,
    since: Timestamp,
    word: &str,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Finding<'a> {
    let rule = context.rule(RuleId::NoOwner);
    let key = GapKey {
        rule: RuleId::NoOwner,
        anchor: anchor.clone(),
        crossing: Crossing::at(since),
    };
    let within = rule.map_or(Span::BusinessDays(1), |rule| rule.within_for(word));
    let deadline_at = context.calendar(None).add(since, within);
    let guard = rule.map(|rule| rule.guard).unwrap_or_default();
    Finding {
        task: index.own_task(&key),
        key,
        record,
        subject,
        owner: None,
        anchor_at: since,
        deadline_at,
        visible_at: finding::visible_at(deadline_at, guard),
        due: rule.map_or(Due::ClosingOfNextDay, |rule| rule.due_for(word)),
        state: State::Owed,
        weakness: None,
        basis: Vec::new(),
        attempts: None,
        deal: None,
        handed: None,
    }
}
