//! `close-date-passed`: an open deal whose close date lies in the past.
//!
//! Definition: the deal is open and its close date lies before yesterday, counted in business days and compared as dates
//! in the owner's zone. It ends when the date is moved or the deal is closed by an edit, neither of which is a follow-up
//! that was made, or when the deal leaves its stage; a touch changes nothing about the date.
//!
//! Default: one business day (`within`); always part of the owner's list of the week.
//!
//! Traps: a deal without close date; the owner's day, not that of the server; a date in the past when the deal was
//! created; no amount appears in the text.

use followup_core::{Deal, DealState, Person};
use jiff::{Timestamp, civil::Date};

use super::{Rule, Words, deal_words};
use crate::{
    calendar::Calendar,
    context::{Context, Wake},
    deals::{self, Draft},
    finding::{Finding, Found},
    index::Index,
    model::{EvidenceKind, Gap, RuleId},
    policy::Span,
    wording::Scene,
};

/// The rule.
pub(super) struct CloseDatePassed;

impl Rule for CloseDatePassed {
    fn id(&self) -> RuleId {
        RuleId::CloseDatePassed
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
        let found = match deal.close_on.filter(|_| deal.state == DealState::Open) {
            None => deals::quiet("no_close_date", "the deal is closed or has no close date", wake),
            Some(close_on) => {
                let within = context
                    .rule(self.id())
                    .map_or(Span::BusinessDays(1), |rule| rule.within);
                let calendar = context.calendar(deal.owner.as_ref());
                let deadline_at = passed_at(close_on, within, calendar);
                let draft = Draft::new(self.id(), deal, deal.stage_entered_at, deadline_at);
                if draft.deadline_at > context.now {
                    let mut found = deals::quiet("not_passed", "the close date has not passed", wake);
                    found.wake.consider(draft.deadline_at);
                    found
                } else {
                    Found {
                        findings: vec![draft.owed(deal, index, context)],
                        quiet: ("not_passed", "the close date has not passed".to_owned()),
                        wake,
                    }
                }
            }
        };
        Some(deals::with_settled(found, self.id(), deal, None, index, context))
    }

    fn clause(&self, _finding: &Finding<'_>, _context: &Context<'_>) -> String {
        "an open deal whose close date has passed".to_owned()
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "open deal, close date in the past".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let close_on = scene.deal.and_then(|deal| deal.close_on);
        let date = close_on.map_or_else(
            || scene.date(gap.deadline_at),
            |close_on| scene.civil_date(close_on),
        );
        let values: &[(&str, &str)] = &[("deal", &deal_words::name(scene)), ("date", &date)];
        Words {
            headline: scene.say("close-date-passed.headline", values),
            happened: vec![
                scene.say("close-date-passed.happened", values),
                deal_words::stage_line(gap, scene),
            ],
            step: scene.phrase("close-date-passed.step"),
            closes: scene.phrase("close-date-passed.closes"),
        }
    }
}

/// The first instant of the first day on which a close date lies before the day a span ago.
fn passed_at(close_on: Date, within: Span, calendar: &Calendar) -> Timestamp {
    let Ok(day_after_on) = close_on.tomorrow() else {
        return Timestamp::MAX;
    };
    let passed_at = calendar.add(calendar.start_of(day_after_on), within);
    calendar.start_of(calendar.date_on(passed_at))
}
