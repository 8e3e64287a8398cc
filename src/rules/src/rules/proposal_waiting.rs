//! `proposal-waiting`: a proposal is out and nothing is heard.
//!
//! Definition: the deal is open in a proposal stage, and no touch and no reply was recorded for three business days since
//! the later of stage entry and last contact. If that is answered by nothing, it is asked again every five business days,
//! three times at most; a repeat is looked at only when the task before it is closed, and is a gap of its own.
//!
//! Default: 3 business days, then 5 (`within.default`, `within.repeat`), three times (`repeats`). Which stages are
//! proposal stages comes from the connection's mapping.
//!
//! Traps: a touch restarts the clock, editing the deal does not; a reply is no silence; a task of a human or a meeting
//! ahead holds it. Whether legal or procurement has the proposal, and a decision date that was agreed on, are not read
//! from any CRM: a task with that date, or a later due date of ours, says so.

use followup_core::{Deal, DealState, Person, StageKind, TaskStatus};

use super::{Rule, Words, deal_words};
use crate::{
    calendar::Calendar,
    context::{Context, Wake},
    deals::{self, Draft, History},
    finding::{Finding, Found},
    index::Index,
    model::{Crossing, Gap, RuleId},
    policy::Span,
    wording::{Scene, span_text},
};

/// The rule.
pub(super) struct ProposalWaiting;

impl Rule for ProposalWaiting {
    fn id(&self) -> RuleId {
        RuleId::ProposalWaiting
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        let mut wake = Wake::new(context.now);
        let history = History::of(deal, self.id(), index, context, &mut wake);
        let is_waiting = deal.state == DealState::Open && deal.stage_kind == StageKind::Proposal;
        let found = if is_waiting {
            let drafts = drafts(deal, &history, index, context);
            let findings = drafts.map(|draft| draft.judged(deal, &history, index, context));
            Found {
                findings: findings.collect(),
                quiet: (
                    "answered",
                    "a contact is recorded since the task was created".to_owned(),
                ),
                wake,
            }
        } else {
            deals::quiet("other_stage", "the deal is in no proposal stage", wake)
        };
        Some(deals::with_settled(
            found,
            self.id(),
            deal,
            Some(&history),
            index,
            context,
        ))
    }

    fn clause(&self, finding: &Finding<'_>, _context: &Context<'_>) -> String {
        let limit = finding.deal.as_ref().and_then(|facts| facts.limit);
        let limit = limit.map_or_else(|| "some time".to_owned(), span_text);
        match finding.key.crossing.repeat {
            0 | 1 => format!("a deal in a proposal stage without touch or reply for {limit}"),
            repeat => format!(
                "a deal in a proposal stage without touch or reply, reminder {repeat}, {limit} after the one before"
            ),
        }
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "deal in a proposal stage, no touch or reply since".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[("date", &scene.date(gap.anchor_at))];
        Words {
            headline: scene.say("proposal-waiting.headline", values),
            happened: deal_words::contact_lines(gap, scene),
            step: scene.phrase("proposal-waiting.step"),
            closes: scene.phrase("proposal-waiting.closes"),
        }
    }
}

/// When reminder `repeat`, counted from 1, is due after the clock started.
pub(crate) fn deadline_of(
    clock_at: jiff::Timestamp,
    repeat: u8,
    waits: (Span, Span),
    calendar: &Calendar,
) -> jiff::Timestamp {
    let (first, again) = waits;
    match (first, again) {
        // Days are counted in one go: each addition would clamp to the hours of a day of its own.
        (Span::BusinessDays(first), Span::BusinessDays(again)) => {
            let more = again.saturating_mul(i32::from(repeat.saturating_sub(1)));
            calendar.add(clock_at, Span::BusinessDays(first.saturating_add(more)))
        }
        _ => (1..repeat).fold(calendar.add(clock_at, first), |at, _| calendar.add(at, again)),
    }
}

/// The waits of the policy: before the first reminder, and between two.
pub(crate) fn waits(context: &Context<'_>) -> (Span, Span) {
    let rule = context.rule(RuleId::ProposalWaiting);
    rule.map_or((Span::BusinessDays(3), Span::BusinessDays(5)), |rule| {
        (rule.within, rule.within_for("repeat"))
    })
}

/// The reminders that tasks of ours already are, and the one that comes next.
fn drafts<'a>(
    deal: &'a Deal,
    history: &History<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> impl Iterator<Item = Draft<'a>> {
    let calendar = context.calendar(deal.owner.as_ref());
    let waits = waits(context);
    let clock_at = history.last_at().max(Some(deal.stage_entered_at));
    let clock_at = clock_at.unwrap_or(deal.stage_entered_at);
    let repeats = u8::try_from(context.policy.deals.repeats).unwrap_or(u8::MAX);
    let crossing = |repeat: u8| Crossing {
        repeat,
        ..Crossing::at(clock_at)
    };
    let is_closed = |repeat: u8| {
        let key = deals::key_of(RuleId::ProposalWaiting, deal, crossing(repeat));
        index
            .own_task(&key)
            .is_some_and(|task| task.status != TaskStatus::Open)
    };
    let asked = (1..=repeats).take_while(|repeat| is_closed(*repeat)).count();
    let next = u8::try_from(asked).unwrap_or(u8::MAX).saturating_add(1);
    let quiet_from = history
        .possible_at
        .filter(|at| *at > clock_at)
        .map(|at| calendar.add(at, waits.0));
    let drafts: Vec<Draft<'a>> = (1..=next.min(repeats))
        .map(|repeat| {
            let deadline_at = deadline_of(clock_at, repeat, waits, calendar);
            let deadline_at = quiet_from.map_or(deadline_at, |at| deadline_at.max(at));
            let limit = if repeat == 1 { waits.0 } else { waits.1 };
            let mut draft = Draft::new(RuleId::ProposalWaiting, deal, clock_at, deadline_at)
                .with_contacts(history, 0, limit);
            draft.crossing = crossing(repeat);
            draft
        })
        .collect();
    drafts.into_iter()
}
