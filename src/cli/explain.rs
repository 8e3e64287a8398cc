//! `why` and `why-not`, for people.

use std::io::BufRead;

use anyhow::Context as _;
use serde_json::Value;

use super::output;
use crate::queries::explain::{Why, WhyNot};

/// Whom a person asks about; `-` reads an address from standard input.
pub(super) fn person(person: &str) -> anyhow::Result<String> {
    if person == "-" {
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .context("reading an address from standard input")?;
        return Ok(line.trim().to_owned());
    }
    if person.contains('@') {
        output::error(
            "an address as an argument shows in process lists; `-` in its place reads it from standard input",
        );
    }
    Ok(person.trim().to_owned())
}

/// Some fields of an object in one line; a record reads as its id.
fn told(value: &Value, fields: &[&str]) -> String {
    let text = |field: &&str| match value.get(*field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(record)) => {
            let part = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{}:{}:{}", part("connection"), part("kind"), part("native_id"))
        }
        _ => String::new(),
    };
    fields.iter().map(text).collect::<Vec<_>>().join(" ")
}

pub(super) fn print_why(why: &Why) {
    let at = why.at.map_or_else(String::new, |at| format!(" as of {at}"));
    output::line(&format!("{} on {}{at}: {}", why.rule, why.subject, why.state));
    if let Some(detail) = &why.detail {
        output::line(&format!("  {detail}"));
    }
    if let Some(clause) = &why.clause {
        output::line(&format!("  rule: {clause}"));
    }
    output::line(&format!(
        "  gap {}, anchor {}, policy {}",
        why.gap, why.anchor, why.policy_version
    ));
    if let Some(due) = why.due {
        output::line(&format!("  due {due}"));
    }
    for line in &why.evidence {
        output::line(&format!(
            "  evidence: {}",
            told(line, &["record", "version", "fact"])
        ));
    }
    for (kind, read_to) in &why.watermarks {
        output::line(&format!("  {kind} read to {read_to}"));
    }
    for check in &why.suppressors {
        output::line(&format!("  {}", told(check, &["code", "state", "detail"])));
    }
    for moment in &why.history {
        output::line(&format!("  {} {}", moment.at, moment.what));
    }
    for note in &why.notes {
        output::line(&format!("  note: {note}"));
    }
}

pub(super) fn print_why_not(answer: &WhyNot) {
    let mut subject = "";
    for line in &answer.rules {
        if line.subject != subject {
            output::line(&line.subject);
            subject = &line.subject;
        }
        let wake = line
            .wake_at
            .map_or_else(String::new, |at| format!(" (looked at again {at})"));
        output::line(&format!(
            "  {}: {} ({}): {}{wake}",
            line.rule, line.state, line.reason, line.detail
        ));
    }
}
