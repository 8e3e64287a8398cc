//! `attempts-exhausted`: every attempt of the plan was made, and nobody answered.
//!
//! *Definition*: as many attempts as the plan has (or more), and 5 business days of business time since the last. *Default*:
//! one reminder per run of attempts to decide: nurture, close, or one more reason to try. Past the plan's end more of the
//! same does not help and costs goodwill.
//!
//! *Traps*: a further touch ends it and is not asked about again; a reply or a conversation begins a new run; on an open
//! deal the plan is shorter, and `gone-quiet` speaks first.

use followup_core::Person;

use super::{Rule, Words, next_attempt::words, tries};
use crate::{
    context::Context,
    finding::{Finding, Found},
    index::{Human, Index},
    model::{Gap, RuleId},
    wording::{Scene, span_text},
};

/// The rule.
pub(super) struct AttemptsExhausted;

impl Rule for AttemptsExhausted {
    fn id(&self) -> RuleId {
        RuleId::AttemptsExhausted
    }

    fn is_attempt(&self) -> bool {
        true
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        tries::find(self.id(), human, index, context)
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let within = context
            .rule(self.id())
            .map_or_else(|| "some time".to_owned(), |rule| span_text(rule.within));
        let attempts = finding.attempts.as_ref();
        format!(
            "all {} attempts of the plan {} were made, and no reply is recorded {within} after the last",
            attempts.map_or(0, |attempts| attempts.max),
            attempts.map_or("", |attempts| &attempts.plan)
        )
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "last attempt of the plan, no reply since".to_owned()
    }

    fn further_fact(&self) -> &'static str {
        "earlier attempt"
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let count = words::number_made(gap).to_string();
        Words {
            headline: scene.say("attempts-exhausted.headline", &[("count", &count)]),
            step: scene.phrase("attempts-exhausted.step"),
            closes: scene.phrase("attempts-exhausted.closes"),
            ..words::words(gap, scene)
        }
    }
}
