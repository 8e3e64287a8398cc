//! Lays the keys of a policy file over a policy and reports every key that is wrong.

mod deals;
mod exception;
mod feedback;
mod plan;
mod rule;
mod suppress;

use std::collections::BTreeSet;

use jiff::SignedDuration;

use self::{plan::apply_plans, rule::apply_rules, suppress::apply_suppress};
use super::{Policy, Span, SpanError};
use crate::{
    model::RuleId,
    problem::{
        document::{Node, Value},
        fields::{Fields, Reader},
    },
    texts::apply_texts,
};

/// Reads the whole file.
pub(super) fn apply(reader: &Reader<'_>, root: &Node, policy: &mut Policy) {
    let Some(top) = reader.table(root, "") else { return };
    if let Some(rules) = top.fields("rules") {
        apply_rules(&rules, policy);
    }
    if let Some(plans) = top.fields("plans") {
        apply_plans(&plans, policy);
    }
    if let Some(caps) = top.fields("caps") {
        let count = |key: &str, slot: &mut u32| {
            if let Some(count) = caps.read(key, Reader::count) {
                *slot = count;
            }
        };
        count("new_per_day", &mut policy.caps.new_per_day);
        count("open", &mut policy.caps.open);
        count("hard_factor", &mut policy.caps.hard_factor);
        count("list_from", &mut policy.deals.list_from);
        caps.finish();
    }
    if let Some(status) = top.fields("status") {
        read_words(&status, "dead", &mut policy.dead_statuses);
        read_words(&status, "customer", &mut policy.customer_statuses);
        status.finish();
    }
    if top.get("exceptions").is_some() {
        policy.exceptions = exception::read_exceptions(&top);
    }
    if let Some(suppress) = top.fields("suppress") {
        apply_suppress(&suppress, policy);
    }
    if let Some(feedback) = top.fields("feedback") {
        feedback::apply_feedback(&feedback, &mut policy.feedback);
    }
    if let Some(texts) = top.fields("texts") {
        apply_texts(&texts, &mut policy.texts);
    }
    if let Some(segments) = top.fields("segments") {
        read_amount(&segments, "mid", &mut policy.segments.mid_from);
        read_amount(&segments, "enterprise", &mut policy.segments.enterprise_from);
        segments.finish();
    }
    if let Some(rules) = top.read("sequence_counts_as_touch", read_sequence_rules) {
        policy.sequence_counts_as_touch = rules;
    }
    top.finish();
}

/// A span; a number without unit is told the units.
pub(crate) fn read_span(reader: &Reader<'_>, node: &Node, path: &str) -> Option<Span> {
    let parsed = match &node.value {
        Value::Text(text) => Span::parse(text),
        Value::Int(number) => Err(SpanError::NoUnit(number.to_string())),
        Value::Float(number) => Err(SpanError::Malformed(number.to_string())),
        _ => {
            reader.report_type(node, path, "a length of time such as \"4bh\"");
            return None;
        }
    };
    match parsed {
        Ok(span) => Some(span),
        Err(error) => {
            let code = if matches!(error, SpanError::NoUnit(_)) {
                "bare_number"
            } else {
                "bad_value"
            };
            reader.report(code, node.offset, path, error.to_string(), String::new());
            None
        }
    }
}

/// A span, or `none`.
#[expect(
    clippy::option_option,
    reason = "unreadable, none and a span are three answers"
)]
fn read_optional_span(reader: &Reader<'_>, node: &Node, path: &str) -> Option<Option<Span>> {
    match &node.value {
        Value::Text(text) if text == "none" => Some(None),
        _ => read_span(reader, node, path).map(Some),
    }
}

/// A span of calendar time.
fn read_elapsed(reader: &Reader<'_>, node: &Node, path: &str) -> Option<SignedDuration> {
    match read_span(reader, node, path)? {
        Span::Calendar(length) => Some(length),
        Span::Business(_) | Span::BusinessDays(_) => {
            reader.report(
                "bad_value",
                node.offset,
                path,
                "this wait is calendar time".to_owned(),
                "write it in m, h or d".to_owned(),
            );
            None
        }
    }
}

fn read_sequence_rules(reader: &Reader<'_>, node: &Node, path: &str) -> Option<BTreeSet<RuleId>> {
    match node.value {
        Value::Bool(true) => Some(RuleId::ALL.iter().copied().collect()),
        Value::Bool(false) => Some(BTreeSet::new()),
        _ => {
            let words: Vec<(&str, RuleId)> = RuleId::ALL.iter().map(|rule| (rule.as_str(), *rule)).collect();
            read_set(reader, node, path, &words)
        }
    }
}

pub(super) fn read_set<T: Copy + Ord>(
    reader: &Reader<'_>,
    node: &Node,
    path: &str,
    words: &[(&str, T)],
) -> Option<BTreeSet<T>> {
    let Value::List(items) = &node.value else {
        reader.report_type(node, path, "a list of words");
        return None;
    };
    let found = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| reader.word(item, &format!("{path}[{index}]"), words))
        .collect();
    Some(found)
}

/// Replaces a set of lower-case words.
fn read_words(fields: &Fields<'_, '_>, key: &str, slot: &mut BTreeSet<String>) {
    if fields.get(key).is_some() {
        *slot = fields
            .texts(key)
            .into_iter()
            .map(|word| word.trim().to_lowercase())
            .collect();
    }
}

pub(super) fn read_amount(fields: &Fields<'_, '_>, key: &str, slot: &mut Option<i64>) {
    let amount = fields.read(key, |reader, node, path| match &node.value {
        Value::Text(text) if text == "none" => Some(None),
        Value::Int(amount) if *amount >= 0 => Some(Some(*amount)),
        _ => {
            reader.report_type(
                node,
                path,
                "an amount in whole units of the deal's currency, or \"none\"",
            );
            None
        }
    });
    if let Some(amount) = amount {
        *slot = amount;
    }
}
