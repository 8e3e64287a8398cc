//! The policy in plain sentences: what a rep would want to know, and what a task cites.
//!
//! Every sentence is made from the policy's own numbers, so that what is printed is what is judged.

mod sentences;

use std::{collections::BTreeMap, fmt};

use crate::{
    model::{Code, RuleId},
    policy::{Delivery, Plan, Policy, RulePolicy, Span},
    texts::{self, Language},
    wording::span_text,
};

/// A heading and what stands under it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Section {
    /// What it is about.
    pub title: String,
    /// Sentences, each complete.
    pub lines: Vec<String>,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        for line in &self.lines {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// One rule in one sentence, with the policy's numbers: the sentence that tasks cite.
pub fn sentence(rule: RuleId, policy: &Policy) -> String {
    sentence_in(texts::english(), rule, policy)
}

/// Likewise, in another language.
pub(crate) fn sentence_in(language: &Language, rule: RuleId, policy: &Policy) -> String {
    sentences::sentence(language, rule, policy)
}

/// The whole policy: what becomes a task, what a list or the digest, what is off, the plans, how much one owner gets, what
/// keeps a reminder away, and what reps' answers change.
pub fn explain(policy: &Policy) -> Vec<Section> {
    let delivered = |wanted: Delivery, is_list: bool| -> Vec<String> {
        RuleId::ALL
            .iter()
            .filter(|rule| policy.rule(**rule).delivery == wanted && rule.is_always_bundled() == is_list)
            .map(|rule| format!("{rule}: {}", sentence(*rule, policy)))
            .collect()
    };
    let off = RuleId::ALL
        .iter()
        .filter(|rule| policy.rule(**rule).delivery == Delivery::Off)
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    let sections = [
        ("A task in the CRM", delivered(Delivery::Task, false)),
        ("A list", delivered(Delivery::Task, true)),
        (
            "A line in the digest",
            [
                delivered(Delivery::Digest, false),
                delivered(Delivery::Digest, true),
            ]
            .concat(),
        ),
        (
            "Off",
            if off.is_empty() {
                Vec::new()
            } else {
                vec![format!("{}.", off.join(", "))]
            },
        ),
        (
            "Plans of attempts",
            policy
                .plans
                .iter()
                .map(|(name, plan)| plan_line(name, plan))
                .collect(),
        ),
        ("How much one owner gets", caps_lines(policy)),
        ("What keeps a reminder away", suppressor_lines(policy)),
        ("What reps say back", policy.feedback.lines()),
        (
            "Exceptions",
            policy.exceptions.iter().map(ToString::to_string).collect(),
        ),
    ];
    let version = Section {
        title: format!("Policy {}", policy.version),
        lines: Vec::new(),
    };
    let told = sections.into_iter().filter(|(_, lines)| !lines.is_empty());
    std::iter::once(version)
        .chain(told.map(|(title, lines)| Section {
            title: title.to_owned(),
            lines,
        }))
        .collect()
}

fn plan_line(name: &str, plan: &Plan) -> String {
    let whom = match name {
        "inbound" => "people who came to us",
        "outbound" => "other leads",
        "deal" => "people on an open deal",
        _ => "nobody yet",
    };
    let how = if plan.steps.is_empty() {
        let gaps: Vec<String> = plan.gaps.iter().map(|gap| span_text(*gap)).collect();
        format!(
            "at most {} attempts and {} emails, with waits of {}",
            plan.max,
            plan.max_emails,
            and(&gaps)
        )
    } else {
        let steps = plan.steps.iter();
        let steps: Vec<String> = steps
            .map(|step| format!("{} after {}", step.channel.as_str(), span_text(step.after)))
            .collect();
        format!("{} steps: {}", plan.steps.len(), and(&steps))
    };
    format!("{name}, for {whom}: {how}.")
}

fn caps_lines(policy: &Policy) -> Vec<String> {
    let caps = policy.caps;
    vec![
        format!(
            "At most {} new tasks a day and {} open ones; what is beyond waits and is shown in the digest.",
            caps.new_per_day, caps.open
        ),
        format!(
            "What a buyer raised passes both limits, up to {} times as many.",
            caps.hard_factor
        ),
    ]
}

fn suppressor_lines(policy: &Policy) -> Vec<String> {
    let elapsed = |length| span_text(Span::Calendar(length));
    let mut lines = vec![
        format!(
            "A user edited the record within the last {}.",
            elapsed(policy.grace)
        ),
        format!(
            "A task on the same person or deal was completed or dismissed within the last {}.",
            span_text(policy.cooldown)
        ),
        format!(
            "Records were merged within the last {}.",
            elapsed(policy.merge_settles)
        ),
        format!(
            "The buyer is away: until the business day after the return, or for {} if no date is given.",
            span_text(policy.buyer_away)
        ),
        "A meeting is booked, a task of yours covers it, or a sequence of the CRM is about to go on."
            .to_owned(),
        "The person asked not to be contacted, has a status that ends follow-up, or the deal is closed."
            .to_owned(),
        "What would be needed to be sure cannot be read in the CRM.".to_owned(),
    ];
    lines.extend(policy.value_floor.map(|floor| {
        format!(
            "The deal's amount is below {floor}: then it is a line in the digest, unless a buyer raised it."
        )
    }));
    let off: Vec<&str> = policy
        .suppress_off
        .iter()
        .map(|code: &Code| code.as_str())
        .collect();
    if !off.is_empty() {
        lines.push(format!("Switched off: {}.", off.join(", ")));
    }
    lines
}

/// A rule's waits: the common one, then those that differ, equal ones together.
fn waits(language: &Language, rule: &RulePolicy) -> String {
    let mut by_wait: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (word, span) in &rule.within_by {
        if *span != rule.within {
            by_wait.entry(language.span(*span)).or_default().push(word);
        }
    }
    let others: Vec<String> = by_wait
        .into_iter()
        .map(|(wait, words)| format!("{}: {wait}", words.join(", ")))
        .collect();
    let common = language.span(rule.within);
    if others.is_empty() {
        common
    } else {
        format!("{common} ({})", others.join("; "))
    }
}

fn and(parts: &[String]) -> String {
    match parts {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}
