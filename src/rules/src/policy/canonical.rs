//! One text for equal policies: every key with its value, sorted. Its hash is the policy's version.

use std::{collections::BTreeMap, fmt::Display, fmt::Write as _};

use sha2::{Digest, Sha256};

use super::{DealSettings, Delivery, Due, FeedbackSettings, Policy, RulePolicy, Span};
use crate::model::Code;

/// First 12 hex digits of the SHA-256 of the canonical text.
pub(super) fn version(policy: &Policy) -> String {
    let mut hash = Sha256::new();
    for (key, value) in lines(policy) {
        hash.update(format!("{key} = {value}\n"));
    }
    let mut version = String::new();
    for byte in hash.finalize().iter().take(6) {
        // writing to a string cannot fail
        let _ = write!(version, "{byte:02x}");
    }
    version
}

/// Every setting by the key path under which a policy file sets it.
pub(super) fn lines(policy: &Policy) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for (rule, settings) in &policy.rules {
        rule_lines(&format!("rules.{rule}"), settings, &mut lines);
    }
    for (name, plan) in &policy.plans {
        lines.insert(format!("plans.{name}.gaps"), list(&plan.gaps));
        lines.insert(format!("plans.{name}.max"), plan.max.to_string());
        lines.insert(format!("plans.{name}.max_emails"), plan.max_emails.to_string());
        let steps = plan
            .steps
            .iter()
            .map(|step| format!("{} {} {}", step.after, step.channel.as_str(), step.window));
        lines.insert(format!("plans.{name}.steps"), list(steps));
    }
    for code in Code::ALL {
        let state = if policy.suppress_off.contains(code) {
            "off"
        } else {
            "on"
        };
        lines.insert(format!("suppress.{code}.state"), state.to_owned());
    }
    let amount = |amount: Option<i64>| amount.map_or_else(|| "none".to_owned(), |amount| amount.to_string());
    let later = if policy.raise_beside_later_human_task {
        "raise"
    } else {
        "wait"
    };
    let silent = policy.silent_sources.iter().map(|source| source.as_str());
    let single = [
        ("caps.new_per_day", policy.caps.new_per_day.to_string()),
        ("caps.open", policy.caps.open.to_string()),
        ("suppress.low_value.floor", amount(policy.value_floor)),
        ("rules.backlog.over", policy.backlog_over.to_string()),
        ("caps.hard_factor", policy.caps.hard_factor.to_string()),
        ("status.dead", list(&policy.dead_statuses)),
        ("status.customer", list(&policy.customer_statuses)),
        ("suppress.excluded.domains", list(&policy.excluded_domains)),
        ("suppress.open_human_task.later", later.to_owned()),
        ("suppress.grace.within", Span::Calendar(policy.grace).to_string()),
        (
            "suppress.merged.within",
            Span::Calendar(policy.merge_settles).to_string(),
        ),
        ("suppress.cooldown.within", policy.cooldown.to_string()),
        ("suppress.buyer_ooo.within", policy.buyer_away.to_string()),
        ("segments.mid", amount(policy.segments.mid_from)),
        ("segments.enterprise", amount(policy.segments.enterprise_from)),
        ("sequence_counts_as_touch", list(&policy.sequence_counts_as_touch)),
        ("rules.first-touch.silent_sources", list(silent)),
    ];
    for (place, exception) in policy.exceptions.iter().enumerate() {
        lines.insert(format!("exceptions.{place:04}"), exception.to_string());
    }
    lines.extend(single.map(|(key, value)| (key.to_owned(), value)));
    deal_lines(&policy.deals, &mut lines);
    lines.insert(
        "texts.language".to_owned(),
        policy.texts.team_language().to_owned(),
    );
    let replaced = policy.texts.replaced().iter();
    lines.extend(replaced.map(|(key, phrase)| (format!("texts.{key}"), phrase.clone())));
    lines.extend(feedback_lines(&policy.feedback).map(|(key, value)| (key.to_owned(), value)));
    lines
}

fn feedback_lines(feedback: &FeedbackSettings) -> [(&'static str, String); 6] {
    let percent = feedback.demote_over_percent;
    [
        ("feedback.window", feedback.window.to_string()),
        ("feedback.tasks_min", feedback.tasks_min.to_string()),
        (
            "feedback.demote_over_percent",
            percent.map_or_else(|| "none".to_owned(), |percent| percent.to_string()),
        ),
        (
            "feedback.early_within",
            Span::Calendar(feedback.early_within).to_string(),
        ),
        ("feedback.suggest_from", feedback.suggest_from.to_string()),
        ("feedback.suggest_within", feedback.suggest_within.to_string()),
    ]
}

fn deal_lines(deals: &DealSettings, lines: &mut BTreeMap<String, String>) {
    let amount = |amount: Option<i64>| amount.map_or_else(|| "none".to_owned(), |amount| amount.to_string());
    let again = deals.ask_again.to_string();
    let single = [
        ("caps.list_from", deals.list_from.to_string()),
        ("rules.no-next-step.in_stage", deals.in_stage.to_string()),
        ("rules.no-next-step.top", deals.top.to_string()),
        (
            "rules.stage-stalled.contact_within",
            deals.contact_within.to_string(),
        ),
        ("rules.stage-stalled.passages_min", deals.passages_min.to_string()),
        ("rules.gone-quiet.touches_min", deals.touches_min.to_string()),
        ("rules.proposal-waiting.repeats", deals.repeats.to_string()),
        ("rules.loop-in-leader.amount", amount(deals.leader_amount)),
        (
            "rules.loop-in-leader.rearm_percent",
            deals.rearm_percent.to_string(),
        ),
        ("rules.loop-in-leader.lasts", deals.leader_lasts.to_string()),
        (
            "rules.single-threaded.amount",
            amount(deals.single_threaded_amount),
        ),
        ("rules.ask-review.again", again.clone()),
        ("rules.ask-referral.again", again),
    ];
    lines.extend(single.map(|(key, value)| (key.to_owned(), value)));
    lines.extend(deals.required_fields.iter().map(|(stage, fields)| {
        let fields = fields.iter().map(|field| field.as_str());
        (format!("rules.required-field.fields.{stage}"), list(fields))
    }));
}

fn rule_lines(path: &str, settings: &RulePolicy, lines: &mut BTreeMap<String, String>) {
    let delivery = match settings.delivery {
        Delivery::Task => "task",
        Delivery::Digest => "digest",
        Delivery::Off => "off",
    };
    lines.insert(format!("{path}.delivery"), delivery.to_owned());
    table_lines(
        &format!("{path}.within"),
        &settings.within,
        &settings.within_by,
        lines,
    );
    let due_by = settings
        .due_by
        .iter()
        .map(|(word, due)| (word.clone(), due_text(*due)))
        .collect();
    table_lines(&format!("{path}.due"), &due_text(settings.due), &due_by, lines);
    lines.insert(
        format!("{path}.guard"),
        Span::Calendar(settings.guard).to_string(),
    );
    let max_age = settings
        .max_age
        .map_or_else(|| "none".to_owned(), |span| span.to_string());
    lines.insert(format!("{path}.max_age"), max_age);
    if let Some(playbook) = &settings.playbook {
        lines.insert(format!("{path}.playbook"), playbook.clone());
    }
}

/// One line if there is one value for all, else one for each entry and one for the rest.
fn table_lines(
    path: &str,
    rest: &impl Display,
    entries: &BTreeMap<String, impl Display>,
    lines: &mut BTreeMap<String, String>,
) {
    if entries.is_empty() {
        lines.insert(path.to_owned(), rest.to_string());
        return;
    }
    lines.insert(format!("{path}.default"), rest.to_string());
    for (word, value) in entries {
        lines.insert(format!("{path}.{word}"), value.to_string());
    }
}

fn due_text(due: Due) -> String {
    match due {
        Due::AfterStart(span) | Due::AfterOpening(span) => span.to_string(),
        Due::ClosingOfDay => "closing-of-day".to_owned(),
        Due::ClosingOfNextDay => "closing-of-next-day".to_owned(),
    }
}

fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
