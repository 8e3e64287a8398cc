//! A sentence for every rule.

use super::waits;
use crate::{model::RuleId, policy::Policy, texts::Language};

/// One rule in one sentence, with the policy's numbers.
pub(super) fn sentence(language: &Language, rule: RuleId, policy: &Policy) -> String {
    let settings = policy.rule(rule);
    let wait = waits(language, &settings);
    let entry = |word: &str| language.span(settings.within_for(word));
    let within = language.span(settings.within);
    let more = if settings.within.is_zero() {
        String::new()
    } else {
        language.say("sentence.wait_and", &[("wait", &within)])
    };
    language.say(
        &format!("sentence.{rule}"),
        &[
            ("wait", &wait),
            ("within", &within),
            ("more", &more),
            ("dormant", &entry("dormant")),
            ("booked", &entry("booked")),
            ("over", &policy.backlog_over.to_string()),
        ],
    )
}
