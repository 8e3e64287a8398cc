//! What the plan says after a run: the next attempt, the next step, or that it is used up.

use jiff::Timestamp;

use super::Quiet;
use crate::{
    attempts::{self, Run},
    calendar::Calendar,
    context::Context,
    index::Human,
    model::{Attempts, RuleId},
    policy::{Delivery, Plan, Span},
};

/// What was tried, and when the rule's wait after it is over; or why the rule owes nothing.
pub(super) fn clock(
    rule: RuleId,
    run: &Run<'_>,
    plan_name: &str,
    plan: &Plan,
    human: &Human<'_>,
    calendar: &Calendar,
    context: &Context<'_>,
) -> Result<(Attempts, Timestamp), Quiet> {
    let has_steps = !plan.steps.is_empty() && context.delivery(RuleId::PlanStep) != Delivery::Off;
    let within = context.rule(rule).map(|rule| rule.within);
    let last_at = run.anchor().map_or(Timestamp::MIN, |anchor| anchor.at);
    match rule {
        RuleId::AttemptsExhausted => {
            let max = if has_steps {
                count(plan.steps.len())
            } else {
                plan.max
            };
            let attempts = attempts::used_up(run, plan_name, max, human)?;
            let within = within.map_or(Span::BusinessDays(5), |within| elapsed(within, calendar));
            Ok((attempts, calendar.add(last_at, within)))
        }
        RuleId::PlanStep if has_steps => {
            let (attempts, step) = attempts::planned_step(run, plan_name, plan, human)?;
            let open_at = calendar.add(run.started_at, step.after).max(last_at);
            let closes_at = calendar.add(open_at, step.window);
            let within = within.unwrap_or(Span::BusinessDays(1));
            Ok((attempts, calendar.add(closes_at, within)))
        }
        RuleId::PlanStep => Err((
            "no_steps",
            format!("the plan `{plan_name}` has no explicit steps"),
        )),
        _ if has_steps => Err((
            "plan_steps",
            format!("the steps of the plan `{plan_name}` say what comes next"),
        )),
        _ => {
            let attempts = attempts::next_step(run, plan_name, plan, human)?;
            let deadline_at = attempts::deadline_after(last_at, attempts.wait, within, calendar);
            Ok((attempts, deadline_at))
        }
    }
}

/// A wait in elapsed business time: days are the calendar's mean day.
fn elapsed(within: Span, calendar: &Calendar) -> Span {
    match within {
        Span::BusinessDays(days) => {
            let length = calendar.mean_day().checked_mul(days);
            length.map_or(within, Span::Business)
        }
        Span::Business(_) | Span::Calendar(_) => within,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
