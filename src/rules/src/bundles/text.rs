//! The text of a list.

use followup_core::{OwnerId, PersonId};

use super::Bundle;
use crate::{
    context::Context,
    linter::{self, LintProblem},
    marker::{self, Marker},
    model::{Facts, Gap, RuleId},
    wording::{self, TaskText},
};

/// Most entries a text names; the others are counted.
const ENTRIES_MAX: usize = 10;

/// How to put a list aside.
const NOT_NEEDED: &str = "Move the due date and the list comes back then. Defer or delete this task and none of its \
                          entries is asked again. Give it to somebody else and it is theirs.";

/// The text of a list. `facts` has the facts of each evaluation the list was made of, at the same place.
pub fn render_bundle(bundle: &Bundle<'_>, facts: &[&Facts], context: &Context<'_>) -> TaskText {
    let entries: Vec<(&Gap, &Facts)> = bundle
        .parts
        .iter()
        .filter_map(|(place, gap)| Some((*gap, *facts.get(*place)?)))
        .collect();
    let mut lines: Vec<String> = entries
        .iter()
        .take(ENTRIES_MAX)
        .map(|(gap, facts)| entry_line(gap, facts, context))
        .collect();
    if entries.len() > ENTRIES_MAX {
        let more = entries.len() - ENTRIES_MAX;
        lines.push(format!("{more} more are in the digest."));
    }
    let words = entries
        .first()
        .map(|(gap, facts)| wording::words_in(gap, facts, context));
    let step = words.as_ref().map(|words| words.step.clone()).unwrap_or_default();
    let closes = words.map(|words| words.closes).unwrap_or_default();
    let clause = entries.first().map_or("", |(gap, _)| gap.clause.as_str());
    let why = format!(
        "Rule {}: {clause}.\nPolicy {}, list {}.",
        bundle.rule, context.policy.version, bundle.key
    );
    let body = [
        wording::block("What happened", &lines.join("\n")),
        wording::block("A next step you could take", &format!("For each of them: {step}")),
        wording::block(
            "This closes by itself when",
            &format!("the last entry is settled, each when {closes}."),
        ),
        wording::block("Not needed?", NOT_NEEDED),
        wording::block("Why you see this", &why),
    ]
    .join("\n\n");
    TaskText {
        subject: format!(
            "Follow up: {} {}",
            entries.len(),
            noun(bundle.rule, entries.len() == 1)
        ),
        body,
        marker: marker_of(bundle, context),
    }
}

/// Checks the text of a list: the buyers it names and its owner may be named, nobody else; it may have more lines than
/// the text of one task.
pub fn lint_bundle(
    text: &TaskText,
    buyers: &[PersonId],
    owner: Option<&OwnerId>,
    facts: &Facts,
) -> Vec<LintProblem> {
    linter::lint_list(text, buyers, owner, facts, ENTRIES_MAX + 1)
}

fn entry_line(gap: &Gap, facts: &Facts, context: &Context<'_>) -> String {
    let words = wording::words_in(gap, facts, context);
    let fact = words.happened.into_iter().next().unwrap_or(words.headline);
    match wording::who_in(gap, facts) {
        Some(who) if !fact.contains(&who) => format!("- {who}: {fact}"),
        _ => format!("- {fact}"),
    }
}

fn marker_of(bundle: &Bundle<'_>, context: &Context<'_>) -> String {
    let mut subjects = bundle.parts.iter().map(|(_, gap)| gap.subject.clone());
    let Some(subject) = subjects.next() else {
        return String::new();
    };
    marker::format_marker(&Marker {
        task_key: bundle.key.clone(),
        rule: bundle.rule,
        subject,
        further: subjects.collect(),
        gaps: bundle.parts.iter().map(|(_, gap)| gap.key.clone()).collect(),
        policy_version: context.policy.version.clone(),
    })
}

/// What a list is of.
const fn noun(rule: RuleId, is_one: bool) -> &'static str {
    match (rule, is_one) {
        (RuleId::NoNextStep, true) => "deal without a next step",
        (RuleId::NoNextStep, false) => "deals without a next step",
        (RuleId::CloseDatePassed, true) => "deal whose close date has passed",
        (RuleId::CloseDatePassed, false) => "deals whose close date has passed",
        (RuleId::StaleLead, true) => "lead without a recent touch",
        (RuleId::StaleLead, false) => "leads without a recent touch",
        (RuleId::OutcomeMissing, true) => "meeting or call without an outcome",
        (RuleId::OutcomeMissing, false) => "meetings and calls without an outcome",
        (RuleId::RequiredField, true) => "deal with an empty field",
        (RuleId::RequiredField, false) => "deals with an empty field",
        (RuleId::NoOwner, true) => "record without a valid owner",
        (RuleId::NoOwner, false) => "records without a valid owner",
        (RuleId::LoopInLeader, true) => "deal where you may want to offer help",
        (RuleId::LoopInLeader, false) => "deals where you may want to offer help",
        (RuleId::PlanStep, true) => "step of a plan",
        (RuleId::PlanStep, false) => "steps of a plan",
        (RuleId::NextAttempt, true) => "person for a next attempt",
        (RuleId::NextAttempt, false) => "people for a next attempt",
        (RuleId::AttemptsExhausted, true) => "decision after the last attempt",
        (RuleId::AttemptsExhausted, false) => "decisions after the last attempt",
        (RuleId::BouncedAddress, true) => "address that bounced",
        (RuleId::BouncedAddress, false) => "addresses that bounced",
        (RuleId::ReplyWaiting, true) => "reply without an answer recorded",
        (RuleId::ReplyWaiting, false) => "replies without an answer recorded",
        (RuleId::MissedCall, true) => "missed call",
        (RuleId::MissedCall, false) => "missed calls",
        (RuleId::FirstTouch, true) => "inquiry without a touch recorded",
        (RuleId::FirstTouch, false) => "inquiries without a touch recorded",
        (_, true) => "entry",
        (_, false) => "entries",
    }
}
