//! `no-next-step`: an open deal with which nobody has agreed on anything.
//!
//! Definition: the deal is open and has been in its stage for a business day; no touch, reply or conversation in the
//! last two; and no commitment: no open task of a human or another tool that is not long past its date, no meeting ahead
//! with anybody on it, no active sequence. A commitment means no gap, not a held one. The clock starts at the later of
//! stage entry and last contact.
//!
//! Default: two business days (`within`), one in the stage (`in_stage`); always part of the owner's list of the day, the
//! `top` five by amount times age; what is beyond waits.
//!
//! Traps: a deal with a scheduled activity, however far ahead, has its next step; a task of ours is no commitment; moving
//! the stage or editing a field is no contact; amounts of several currencies are compared as numbers.

use followup_core::{Deal, DealState, Person};

use super::{Rule, TOUCHES_AND_TASKS, Words, deal_words};
use crate::{
    commitments,
    context::{Context, Wake},
    deals::{self, Draft, History},
    finding::{Finding, Found},
    index::Index,
    model::{EvidenceKind, Gap, RuleId, Subject},
    policy::Span,
    wording::{Scene, span_text},
};

/// The rule.
pub(super) struct NoNextStep;

impl Rule for NoNextStep {
    fn id(&self) -> RuleId {
        RuleId::NoNextStep
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        TOUCHES_AND_TASKS
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        let mut wake = Wake::new(context.now);
        let history = History::of(deal, self.id(), index, context, &mut wake);
        let found = find(self.id(), deal, &history, index, context, wake);
        Some(deals::with_settled(
            found,
            self.id(),
            deal,
            Some(&history),
            index,
            context,
        ))
    }

    fn clause(&self, _finding: &Finding<'_>, context: &Context<'_>) -> String {
        format!(
            "an open deal without task, meeting or sequence ahead, and without touch or reply for {}",
            wait(context)
        )
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "open deal, no next step recorded".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[("date", &scene.date(gap.anchor_at))];
        let mut happened = deal_words::contact_lines(gap, scene);
        happened.push(scene.phrase("no-next-step.nothing"));
        Words {
            headline: scene.say("no-next-step.headline", values),
            happened,
            step: scene.phrase("no-next-step.step"),
            closes: scene.phrase("no-next-step.closes"),
        }
    }
}

fn wait(context: &Context<'_>) -> String {
    context
        .rule(RuleId::NoNextStep)
        .map_or_else(|| "some time".to_owned(), |rule| span_text(rule.within))
}

fn find<'a>(
    rule: RuleId,
    deal: &'a Deal,
    history: &History<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    mut wake: Wake,
) -> Found<'a> {
    if deal.state != DealState::Open {
        return deals::quiet("deal_closed", "the deal is closed", wake);
    }
    let calendar = context.calendar(deal.owner.as_ref());
    let people = index.humans_of(&Subject::Deal(deal.id.clone()));
    if commitments::commitment(&people, Some(deal), index, calendar, context, &mut wake).is_some() {
        let why = "a task, meeting or sequence lies ahead";
        return deals::quiet("has_next_step", why, wake);
    }
    let within = context
        .rule(rule)
        .map_or(Span::BusinessDays(2), |rule| rule.within);
    let settled_at = calendar.add(deal.stage_entered_at, context.policy.deals.in_stage);
    let silent_at = history
        .silent_since()
        .map_or(settled_at, |at| calendar.add(at, within));
    let clock_at = history.last_at().max(Some(deal.stage_entered_at));
    let clock_at = clock_at.unwrap_or(deal.stage_entered_at);
    let draft = Draft::new(rule, deal, clock_at, settled_at.max(silent_at)).with_contacts(history, 0, within);
    Found {
        findings: vec![draft.judged(deal, history, index, context)],
        quiet: (
            "answered",
            "a contact is recorded since the task was created".to_owned(),
        ),
        wake,
    }
}
