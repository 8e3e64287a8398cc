//! `first-touch`: a person came to us and nobody has touched them.

use followup_core::{Person, Source};

use super::{Rule, Words, inquiry};
use crate::{
    context::Context,
    finding::{Finding, Found},
    index::{Human, Index},
    model::{Gap, RuleId},
    wording::{Scene, span_text},
};

/// The rule.
pub(super) struct FirstTouch;

impl Rule for FirstTouch {
    fn id(&self) -> RuleId {
        RuleId::FirstTouch
    }

    fn yields_to_worked_deal(&self) -> bool {
        true
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        inquiry::find(self.id(), human, index, context)
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let source = finding.source_word();
        let within = context
            .rule(self.id())
            .map(|rule| *rule.within_by.get(source).unwrap_or(&rule.within));
        let within = within.map_or_else(|| "the policy's wait".to_owned(), span_text);
        format!("an inbound person (source {source}) without a human touch {within} after the inquiry")
    }

    fn fact(&self, finding: &Finding<'_>) -> String {
        format!("inquiry, source {}", finding.source_word())
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        words(gap, person, scene)
    }
}

/// The words of an inquiry nobody answered, shared with `after-hours-lead`.
pub(super) fn words(gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
    let source = person.map_or(Source::Other, |person| person.source);
    let values: &[(&str, &str)] = &[
        ("person", &scene.full_name(person)),
        ("asked", &scene.asked_for(source)),
        ("when", &scene.local(gap.anchor_at)),
        ("short", &scene.short(gap.anchor_at)),
    ];
    Words {
        headline: scene.say("first-touch.headline", values),
        happened: vec![
            scene.say("first-touch.happened", values),
            scene.phrase("first-touch.no_touch"),
        ],
        step: scene.step_for_inquiry(person),
        closes: scene.phrase("first-touch.closes"),
    }
}
