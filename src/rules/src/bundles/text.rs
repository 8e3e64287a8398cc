//! The text of a list.

use followup_core::{OwnerId, PersonId};

use super::{Bundle, Topic};
use crate::{
    context::Context,
    linter::{self, LintProblem},
    marker::{self, Marker},
    model::{Facts, Gap},
    texts::Language,
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
    let told = match bundle.topic {
        Topic::Rule(_) => of_rule(bundle, &entries, &scene, context),
        Topic::Return => of_return(&scene),
    };
    let version = scene.say(
        "list.why_version",
        &[("policy", &context.policy.version), ("list", bundle.key.as_str())],
    );
    let body = [
        scene.block("happened", &lines.join("\n")),
        scene.block("step", &told.step),
        scene.block("closes", &told.closes),
        scene.block("not_needed", &scene.phrase("list.not_needed")),
        scene.block("why", &format!("{}\n{version}", told.why)),
    ]
    .join("\n\n");
    let count = entries.len();
    let what = noun(bundle.topic, i64::try_from(count).unwrap_or(i64::MAX), &scene);
    TaskText {
        subject: scene.say("list.subject", &[("count", &count.to_string()), ("what", &what)]),
        body,
        marker: marker_of(bundle, context),
    }
}

/// What a list says of all its entries.
struct Told {
    step: String,
    closes: String,
    why: String,
}

/// One rule has one step.
fn of_rule(
    bundle: &Bundle<'_>,
    entries: &[(&Gap, &Facts)],
    scene: &Scene<'_>,
    context: &Context<'_>,
) -> Told {
    let words = entries
        .first()
        .map(|(gap, facts)| wording::words_in(gap, facts, context));
    let step = words.as_ref().map(|words| words.step.clone()).unwrap_or_default();
    let step = scene.say("list.step", &[("step", &step)]);
    let closes = words.map(|words| words.closes).unwrap_or_default();
    let clause = entries.first().map_or("", |(gap, _)| gap.clause.as_str());
    let step = match bundle.rule() {
        Some(rule) => wording::with_playbook(step, rule, scene, context),
        None => step,
    };
    Told {
        step,
        closes: scene.say("list.closes", &[("closes", &closes)]),
        why: scene.say(
            "common.why_rule",
            &[("rule", bundle.topic.as_str()), ("clause", clause)],
        ),
    }
}

/// After a leave each entry has its own.
fn of_return(scene: &Scene<'_>) -> Told {
    Told {
        step: scene.phrase("list.return_step"),
        closes: scene.phrase("list.return_closes"),
        why: scene.phrase("list.return_why"),
    }
}

/// Checks the text of a list in a language: the buyers it names and its owner may be named, nobody else; it may have more
/// lines than the text of one task.
pub fn lint_bundle(
    language: &Language,
    text: &TaskText,
    buyers: &[PersonId],
    owner: Option<&OwnerId>,
    facts: &Facts,
) -> Vec<LintProblem> {
    linter::lint_list(language, text, buyers, owner, facts, ENTRIES_MAX + 1)
}

fn marker_of(bundle: &Bundle<'_>, context: &Context<'_>) -> String {
    let mut subjects = bundle.parts.iter().map(|(_, gap)| gap.subject.clone());
    let (Some(subject), Some(rule)) = (subjects.next(), bundle.rule()) else {
        return String::new();
    };
    marker::format_marker(&Marker {
        task_key: bundle.key.clone(),
        rule,
        subject,
        further: subjects.collect(),
        gaps: bundle.parts.iter().map(|(_, gap)| gap.key.clone()).collect(),
        policy_version: context.policy.version.clone(),
    })
}

/// What a list is of.
fn noun(topic: Topic, count: i64, scene: &Scene<'_>) -> String {
    let language = scene.language();
    let own = language.counted(&format!("list.{}", topic.as_str()), count);
    if own.is_empty() {
        language.counted("list.entry", count)
    } else {
        own
    }
}
