//! `next-attempt`: tried, no sign of life, and the plan says try again.
//!
//! *Definition*: the plan's wait after the last attempt is over, and nobody answered, booked or tried again. *Default*: 1,
//! 2, 3, 5 and 7 business days between six attempts, at most four of them mails: most who ever answer do so by the sixth
//! call, and complaints grow with the fourth mail. A plan with explicit steps is `plan-step`'s.
//!
//! *Traps*: a mail of a sequence counts once; a call logged by dialer and rep is one; a buyer who said no on the phone has
//! spoken; after the plan's last attempt nothing is owed.

pub(super) mod words;

use followup_core::Person;

use super::{Rule, Words, tries};
use crate::{
    context::Context,
    finding::{Finding, Found},
    index::{Human, Index},
    model::{Gap, RuleId},
    wording::{Scene, span_text},
};

/// The rule.
pub(super) struct NextAttempt;

impl Rule for NextAttempt {
    fn id(&self) -> RuleId {
        RuleId::NextAttempt
    }

    fn is_attempt(&self) -> bool {
        true
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        tries::find(self.id(), human, index, context)
    }

    fn clause(&self, finding: &Finding<'_>, _context: &Context<'_>) -> String {
        finding.attempts.as_ref().map_or_else(
            || "no reply is recorded after the last attempt".to_owned(),
            |attempts| {
                format!(
                    "no reply is recorded {} after attempt {} of at most {} (plan {})",
                    span_text(attempts.wait),
                    attempts.made.len(),
                    attempts.max,
                    attempts.plan
                )
            },
        )
    }

    fn fact(&self, finding: &Finding<'_>) -> String {
        finding.attempts.as_ref().map_or_else(
            || "last attempt".to_owned(),
            |attempts| {
                format!(
                    "attempt {} of {}, no reply since",
                    attempts.made.len(),
                    attempts.max
                )
            },
        )
    }

    fn further_fact(&self) -> &'static str {
        "earlier attempt"
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        words::words(gap, scene)
    }
}
