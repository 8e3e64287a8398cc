//! `status`, on one screen.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};

use super::output;
use crate::queries::{
    freshness::Freshness,
    status::{Connection, Status},
};

pub(super) fn print(status: &Status) {
    if let Some(frozen) = &status.frozen {
        output::line(&format!("FROZEN: {frozen}"));
    }
    status.connections.iter().for_each(print_connection);
    let pairs = |map: &BTreeMap<String, u64>| {
        map.iter()
            .map(|(name, n)| format!("{n} {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    output::line(&format!(
        "records: {}; quarantined: {}",
        pairs(&status.counts),
        status.quarantine
    ));
    if status.forgotten > 0 {
        output::line(&format!(
            "forgotten, since the CRMs deleted them: {} people",
            status.forgotten
        ));
    }
    let tasks = if status.outbox.is_empty() {
        "none".to_owned()
    } else {
        pairs(&status.outbox)
    };
    output::line(&format!("tasks: {tasks}"));
    let waiting: Vec<String> = status
        .queue
        .iter()
        .map(|(rule, n)| format!("{n} {rule}"))
        .collect();
    if !waiting.is_empty() {
        output::line(&format!(
            "gaps without a task (held, queued or blocked): {}",
            waiting.join(", ")
        ));
    }
    for rule in status.rules.iter().filter(|rule| rule.in_digest) {
        output::line(&format!(
            "{} is in the digest for now: {} of its {} tasks that ended lately were wrong ({} by a rep's word)",
            rule.rule,
            rule.record.wrong + rule.record.early,
            rule.record.ended,
            rule.record.wrong
        ));
    }
    for one in &status.suggestions {
        output::line(&format!(
            "{} dismissed {} tasks of {} since {} ({} as wrong). Fix: {}",
            one.owner, one.dismissed, one.rule, one.since, one.wrong, one.fix
        ));
    }
}

fn print_connection(connection: &Connection) {
    output::line(&format!(
        "{} ({}): {}; API calls {} of {} a day{}",
        connection.name,
        connection.mode,
        connection.state,
        connection.budget.used,
        connection.budget.share,
        if connection.budget.throttled > 0 {
            ", throttled"
        } else {
            ""
        }
    ));
    if let Some(error) = &connection.last_error {
        output::line(&format!("  last error: {error}"));
    }
    connection
        .problems
        .iter()
        .for_each(|problem| output::line(&format!("  {problem}")));
    connection
        .blind
        .iter()
        .for_each(|blind| output::line(&format!("  blind: {blind}")));
    let fresh = connection.freshness.as_ref().map(Freshness::lines);
    fresh
        .iter()
        .flatten()
        .for_each(|line| output::line(&format!("  {line}")));
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["stream", "lane", "read to", "lag", ""]);
    for stream in &connection.streams {
        table.add_row([
            stream.stream.clone(),
            stream.lane.clone(),
            stream
                .watermark
                .map_or_else(|| "-".to_owned(), |at| at.to_string()),
            stream.lag.clone().unwrap_or_else(|| "-".to_owned()),
            stream.error.clone().unwrap_or_default(),
        ]);
    }
    output::line(&table.to_string());
}
