//! The text of a list.

use followup_core::{OwnerId, PersonId};

use super::Bundle;
use crate::{
    context::Context,
    linter::{self, LintProblem},
    marker::{self, Marker},
    model::{Facts, Gap, RuleId},
    texts,
    wording::{self, Scene, TaskText},
};

/// Most entries a text names; the others are counted.
const ENTRIES_MAX: usize = 10;

/// The text of a list. `facts` has the facts of each evaluation the list was made of, at the same place.
pub fn render_bundle(bundle: &Bundle<'_>, facts: &[&Facts], context: &Context<'_>) -> TaskText {
    let scene = Scene::new(bundle.owner.as_ref(), context.now, None, context);
    let entries: Vec<(&Gap, &Facts)> = bundle
        .parts
        .iter()
        .filter_map(|(place, gap)| Some((*gap, *facts.get(*place)?)))
        .collect();
    let mut lines: Vec<String> = entries
        .iter()
        .take(ENTRIES_MAX)
        .map(|(gap, facts)| format!("- {}", wording::line_of(gap, facts, context)))
        .collect();
    if entries.len() > ENTRIES_MAX {
        let more = entries.len() - ENTRIES_MAX;
        lines.push(scene.say("list.more", &[("count", &more.to_string())]));
    }
    let words = entries
        .first()
        .map(|(gap, facts)| wording::words_in(gap, facts, context));
    let step = words.as_ref().map(|words| words.step.clone()).unwrap_or_default();
    let closes = words.map(|words| words.closes).unwrap_or_default();
    let clause = entries.first().map_or("", |(gap, _)| gap.clause.as_str());
    let rule = scene.say(
        "common.why_rule",
        &[("rule", bundle.rule.as_str()), ("clause", clause)],
    );
    let version = scene.say(
        "list.why_version",
        &[("policy", &context.policy.version), ("list", bundle.key.as_str())],
    );
    let step = scene.say("list.step", &[("step", &step)]);
    let body = [
        scene.block("happened", &lines.join("\n")),
        scene.block(
            "step",
            &wording::with_playbook(step, bundle.rule, &scene, context),
        ),
        scene.block("closes", &scene.say("list.closes", &[("closes", &closes)])),
        scene.block("not_needed", &scene.phrase("list.not_needed")),
        scene.block("why", &format!("{rule}\n{version}")),
    ]
    .join("\n\n");
    let count = entries.len();
    let what = noun(bundle.rule, i64::try_from(count).unwrap_or(i64::MAX), &scene);
    TaskText {
        subject: scene.say("list.subject", &[("count", &count.to_string()), ("what", &what)]),
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
    linter::lint_list(texts::english(), text, buyers, owner, facts, ENTRIES_MAX + 1)
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
fn noun(rule: RuleId, count: i64, scene: &Scene<'_>) -> String {
    let language = scene.language();
    let own = language.counted(&format!("list.{rule}"), count);
    if own.is_empty() {
        language.counted("list.entry", count)
    } else {
        own
    }
}
