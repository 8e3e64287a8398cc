//! `policy test`: timeline cases against a policy. Needs no connection, no state and no network.

use std::path::PathBuf;

use clap::Args;
use followup_rules::{
    cases::{self, Case, CaseReport},
    problem::Problem,
};
use serde::Serialize;

use super::output;
use crate::{
    config,
    exit::{Exit, Failure},
};

/// What to test, against what.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Files of timeline cases, JSON or TOML.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Policy to test; the built-in defaults if left out.
    #[arg(long, value_name = "POLICY.toml")]
    policy: Option<PathBuf>,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Reports<'a> {
    cases: &'a [CaseReport],
}

pub(super) fn test(args: &TestArgs) -> anyhow::Result<Exit> {
    let (policy, mut problems) = match config::load_policy(args.policy.as_deref()) {
        Ok(policy) => (policy, Vec::new()),
        Err(problems) => (followup_rules::policy::Policy::default(), problems),
    };
    let mut all: Vec<Case> = Vec::new();
    for file in &args.files {
        let shown = file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) => match cases::load(&text, &shown) {
                Ok(found) => all.extend(found),
                Err(found) => problems.extend(found),
            },
            Err(error) => {
                let message = format!("{shown}: the file cannot be read: {error}. Fix: check the path");
                return Err(Failure::new(Exit::Usage, message).into());
            }
        }
    }
    if !problems.is_empty() {
        return Ok(refuse(&problems));
    }
    let reports: Vec<CaseReport> = all.iter().map(|case| cases::run(case, &policy)).collect();
    let differing = reports.iter().filter(|report| !report.ok).count();
    if args.json {
        output::json("policy-test/1", &Reports { cases: &reports })?;
    } else {
        for report in reports.iter().filter(|report| !report.ok) {
            output::line(report.to_string().trim_end());
        }
        output::line(&format!(
            "{} cases: {} agree, {differing} differ",
            reports.len(),
            reports.len() - differing
        ));
    }
    Ok(if differing == 0 { Exit::Ok } else { Exit::Differs })
}

fn refuse(problems: &[Problem]) -> Exit {
    for problem in problems {
        output::error(&problem.to_string());
    }
    Exit::Usage
}
