//! `plan-step`: a step of the team's explicit plan was not made in its window.
//!
//! *Definition*: the plan of the subject has explicit steps (day, channel, window), the next one after the attempts made so
//! far was open, and 1 business day has passed since its window closed. It takes the place of `next-attempt` for such plans.
//! *Default*: on, but no plan has steps until the policy gives it some.
//!
//! *Traps*: a touch by another channel than the step's is the step none the less; a step that was made behind time does not
//! make the next one owed at once, its window opens with the attempt; steps are counted since the last sign of life.

use followup_core::Person;

use super::{Rule, Words, next_attempt::words, tries};
use crate::{
    context::Context,
    finding::{Finding, Found},
    index::{Human, Index},
    model::{Gap, RuleId},
    wording::Scene,
};

/// The rule.
pub(super) struct PlanStep;

impl Rule for PlanStep {
    fn id(&self) -> RuleId {
        RuleId::PlanStep
    }

    fn is_attempt(&self) -> bool {
        true
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        tries::find(self.id(), human, index, context)
    }

    fn clause(&self, finding: &Finding<'_>, _context: &Context<'_>) -> String {
        let attempts = finding.attempts.as_ref();
        format!(
            "step {} of {} of the plan {} has not been made in its time",
            attempts.map_or(0, |attempts| attempts.made.len()) + 1,
            attempts.map_or(0, |attempts| attempts.max),
            attempts.map_or("", |attempts| &attempts.plan)
        )
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "last attempt, the next step of the plan is open".to_owned()
    }

    fn further_fact(&self) -> &'static str {
        "earlier attempt"
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        words::words(gap, scene)
    }
}
