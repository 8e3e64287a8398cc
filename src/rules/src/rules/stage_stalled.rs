//! `stage-stalled`: a deal sits in a stage for longer than deals that are won do.
//!
//! Definition: the deal is open; it has been in its stage for at least as long as four of five won deals of its pipeline
//! once were; there was no conversation in the last seven business days; and there is no commitment (a task of a human or
//! another tool, a meeting ahead, an active sequence), which means no gap. Time in the stage is elapsed business time, a
//! business day being the owner's mean day.
//!
//! Default: the 80th percentile of at least 30 passages (`passages_min`) of the team's own history
//! ([`StageTable`](crate::model::StageTable)); where there are fewer, 14 business days (`within`). Seven business days without
//! conversation (`contact_within`).
//!
//! Traps: a deal with a far but scheduled activity is not stalled; editing a field or touching the deal from our side
//! does not reset the clock of the stage; enterprise procurement is silent and alive: moving the due date of our task
//! later says that the stall is known, and until when; a stage with few passages teaches nothing; lost deals teach
//! nothing about how long winning takes.

use followup_core::{Deal, DealState, Person};
use jiff::SignedDuration;

use super::{Rule, TOUCHES_AND_TASKS, Words, deal_words};
use crate::{
    calendar::Calendar,
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
pub(super) struct StageStalled;

impl Rule for StageStalled {
    fn id(&self) -> RuleId {
        RuleId::StageStalled
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
        let found = find(deal, &history, index, context, wake);
        Some(deals::with_settled(
            found,
            self.id(),
            deal,
            Some(&history),
            index,
            context,
        ))
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let limit = finding.deal.as_ref().and_then(|facts| facts.limit);
        let limit = limit.map_or_else(|| "unusually long".to_owned(), span_text);
        format!(
            "a deal in its stage for at least {limit}, longer than most deals that were won, without conversation for {}",
            span_text(context.policy.deals.contact_within)
        )
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "deal in its stage for unusually long".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[("date", &scene.date(gap.anchor_at))];
        Words {
            headline: scene.say("stage-stalled.headline", values),
            happened: deal_words::contact_lines(gap, scene),
            step: scene.phrase("stage-stalled.step"),
            closes: scene.phrase("stage-stalled.closes"),
        }
    }
}

fn find<'a>(
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
    let limit = limit_of(deal, calendar, index, context);
    let stalled_at = calendar.add(deal.stage_entered_at, limit);
    let spoke_at = history.spoke_at().max(history.possible_at);
    let silent_at = spoke_at.map(|at| calendar.add(at, context.policy.deals.contact_within));
    let deadline_at = silent_at.map_or(stalled_at, |at| at.max(stalled_at));
    let draft = Draft::new(RuleId::StageStalled, deal, deal.stage_entered_at, deadline_at)
        .with_contacts(history, 0, limit);
    Found {
        findings: vec![draft.judged(deal, history, index, context)],
        quiet: (
            "answered",
            "a contact is recorded since the task was created".to_owned(),
        ),
        wake,
    }
}

/// How long a deal may stay in its stage: what won deals teach, if there are enough of them, else the policy's wait.
fn limit_of(deal: &Deal, calendar: &Calendar, index: &Index<'_>, context: &Context<'_>) -> Span {
    let learned = index.facts.background.stages.of(deal);
    let learned = learned.filter(|known| known.count >= context.policy.deals.passages_min);
    if let Some(known) = learned {
        let seconds = i128::from(calendar.mean_day().as_secs()) * i128::from(known.p80_millidays) / 1_000;
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        return Span::Business(SignedDuration::from_secs(seconds));
    }
    let within = context.rule(RuleId::StageStalled).map(|rule| rule.within);
    deals::elapsed(within.unwrap_or(Span::BusinessDays(14)), calendar)
}
