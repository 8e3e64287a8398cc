//! `after-hours-lead`: `first-touch` for an inquiry outside the owner's hours. It exists from the next opening on.

use followup_core::Person;

use super::{Rule, Words, first_touch, inquiry};
use crate::{
    context::Context,
    finding::{Finding, Found},
    index::{Human, Index},
    model::{Gap, RuleId},
    wording::Scene,
};

/// The rule.
pub(super) struct AfterHoursLead;

impl Rule for AfterHoursLead {
    fn id(&self) -> RuleId {
        RuleId::AfterHoursLead
    }

    fn yields_to_worked_deal(&self) -> bool {
        true
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        inquiry::find(self.id(), human, index, context)
    }

    fn clause(&self, finding: &Finding<'_>, _context: &Context<'_>) -> String {
        let source = finding.source_word();
        format!(
            "an inbound person (source {source}) who asked outside the owner's hours, without a human touch at the \
             next opening"
        )
    }

    fn fact(&self, finding: &Finding<'_>) -> String {
        format!("inquiry outside hours, source {}", finding.source_word())
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let mut words = first_touch::words(gap, person, scene);
        words.happened.insert(1, scene.phrase("after-hours-lead.outside"));
        words
    }
}
