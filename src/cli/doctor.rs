//! `doctor`: everything that should be mended, each with its fix.

use std::sync::Arc;

use comfy_table::{Table, presets};
use followup_rules::problem::Severity as ProblemSeverity;
use followup_transport::HttpTransport;
use serde::Serialize;

use super::{Common, ask, context, output};
use crate::{
    config::{self, Config},
    doctor::{self, Finding, Severity},
    exit::{Exit, Failure},
    queries::{
        Request,
        doctor::{ConnectionReport, Report, of_scopes},
    },
    tokens::TokenPlace,
};

#[derive(Serialize)]
struct Answer<'a> {
    problems: &'a [Finding],
    connections: &'a [ConnectionReport],
}

pub(super) fn doctor(common: &Common) -> anyhow::Result<Exit> {
    let config_problems = config::check(&common.config, std::env::vars());
    let mut found: Vec<Finding> = config_problems.iter().map(Finding::from).collect();
    let is_broken = config_problems
        .iter()
        .any(|problem| problem.severity == ProblemSeverity::Error);
    if is_broken {
        return tell(common, &found, &[], Exit::Usage);
    }
    let (config, _) = context::config(common)?;
    found.extend(doctor::look_at_files(&config));
    let mut exit = worst(&found, Exit::State);
    let scopes = scopes(&config);
    exit = exit.max(worst(&scopes, Exit::Connection));
    found.extend(scopes);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let network = runtime.block_on(async {
        let (clock, _) = context::clock(common, &config).await?;
        let transport = Arc::new(HttpTransport::new()?);
        anyhow::Ok(doctor::look_at_network(&config, transport, || clock.now()).await)
    })?;
    exit = exit.max(worst(&network, Exit::Connection));
    found.extend(network);
    let mut connections = Vec::new();
    match runtime.block_on(ask::response_of(common, &Request::Doctor)) {
        Ok(response) if response.error.is_none() => {
            let report: Report = serde_json::from_value(response.body)?;
            exit = exit.max(response.exit);
            found.extend(report.problems);
            connections = report.connections;
        }
        Ok(response) => {
            exit = exit.max(response.exit);
            found.push(unanswered(response.exit, &response.error.unwrap_or_default()));
        }
        Err(error) => {
            let failed = error
                .downcast_ref::<Failure>()
                .map_or(Exit::Differs, |failure| failure.exit);
            exit = exit.max(failed);
            found.push(unanswered(failed, &format!("{error:#}")));
        }
    }
    tell(common, &found, &connections, exit)
}

/// What the stored tokens say of themselves.
fn scopes(config: &Config) -> Vec<Finding> {
    let place = TokenPlace::of(config);
    config
        .connections
        .values()
        .filter_map(|connection| {
            let pair = place.file(&connection.id, None).read().ok()??;
            Some(of_scopes(&connection.id, connection.provider, &pair.scopes?))
        })
        .flatten()
        .collect()
}

fn unanswered(exit: Exit, text: &str) -> Finding {
    let code = match exit {
        Exit::State => "state_unusable",
        Exit::Connection => "connection_unusable",
        _ => "not_answered",
    };
    let (message, fix) = text
        .split_once(". Fix: ")
        .or_else(|| text.split_once("; "))
        .unwrap_or((text, "mend what is named above, then run doctor again"));
    Finding::new(code, Severity::Error, "followupd", message, fix)
}

/// The exit status of some findings: errors are told apart by what they are about.
fn worst(found: &[Finding], of_errors: Exit) -> Exit {
    let is = |severity| found.iter().any(|finding| finding.severity == severity);
    if is(Severity::Error) {
        of_errors
    } else if is(Severity::Warning) {
        Exit::Differs
    } else {
        Exit::Ok
    }
}

fn tell(
    common: &Common,
    found: &[Finding],
    connections: &[ConnectionReport],
    exit: Exit,
) -> anyhow::Result<Exit> {
    let mut found = found.to_vec();
    found.sort_by_key(|finding| finding.severity);
    found.dedup();
    if common.json {
        let answer = Answer {
            problems: &found,
            connections,
        };
        output::json("doctor/1", &answer)?;
        return Ok(exit);
    }
    for finding in &found {
        let word = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "note",
        };
        output::line(&format!(
            "{word} [{}] {}: {}",
            finding.code, finding.place, finding.message
        ));
        output::line(&format!("  fix: {}", finding.fix));
    }
    connections.iter().for_each(print);
    if found.is_empty() {
        output::line("everything is as it should be");
    }
    Ok(exit)
}

fn print(connection: &ConnectionReport) {
    output::line(&format!(
        "{}: account {}, zone {}; calls today: {} of {} used, {} by others",
        connection.name,
        connection.account.as_deref().unwrap_or("unknown"),
        connection.time_zone.as_deref().unwrap_or("unknown"),
        connection.quota.used,
        connection.quota.share,
        connection.quota.others
    ));
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["kind", "known since", "read to", "silent rules"]);
    for kind in &connection.kinds {
        let show = |at: Option<jiff::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let silent = kind
            .blind
            .as_ref()
            .map_or_else(|| kind.silent.clone(), |why| format!("{} ({why})", kind.silent));
        table.add_row([kind.kind.clone(), show(kind.since), show(kind.read_to), silent]);
    }
    output::line(&table.to_string());
    for owner in &connection.owners {
        let kinds: Vec<String> = owner
            .kinds
            .iter()
            .map(|(kind, seen)| format!("{} {kind} since {:.0}", seen.count, seen.since))
            .collect();
        let kinds = if kinds.is_empty() {
            "nothing was logged".to_owned()
        } else {
            kinds.join(", ")
        };
        output::line(&format!("  {}: {kinds}", owner.owner));
    }
}
