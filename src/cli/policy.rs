//! `policy test`, `explain` and `diff`: what a policy judges and says. Needs no connection, no state and no network.

use std::path::{Path, PathBuf};

use clap::Args;
use followup_rules::{
    cases::{self, Case, CaseReport},
    diff::{SettingChange, setting_changes},
    explain::Section,
    policy::Policy,
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
        Err(problems) => (Policy::default(), problems),
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

/// What to explain.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Policy to explain; the built-in defaults if left out.
    #[arg(value_name = "POLICY.toml")]
    policy: Option<PathBuf>,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Explained<'a> {
    policy: &'a str,
    sections: &'a [Section],
}

pub(super) fn explain(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let policy = match config::load_policy(args.policy.as_deref()) {
        Ok(policy) => policy,
        Err(problems) => return Ok(refuse(&problems)),
    };
    let sections = followup_rules::explain::explain(&policy);
    if args.json {
        let explained = Explained {
            policy: &policy.version,
            sections: &sections,
        };
        output::json("policy-explain/1", &explained)?;
    } else {
        for section in &sections {
            output::line(section.to_string().trim_end());
        }
    }
    Ok(Exit::Ok)
}

/// Which two policies to compare.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The policy as it is.
    #[arg(value_name = "OLD.toml")]
    old: PathBuf,
    /// The policy as it would be.
    #[arg(value_name = "NEW.toml")]
    new: PathBuf,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Diff<'a> {
    old: &'a str,
    new: &'a str,
    settings: &'a [SettingChange],
}

pub(super) fn diff(args: &DiffArgs) -> anyhow::Result<Exit> {
    let load = |path: &Path| config::load_policy(Some(path));
    let (old, new) = match (load(&args.old), load(&args.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => {
            let problems: Vec<Problem> = [old.err(), new.err()].into_iter().flatten().flatten().collect();
            return Ok(refuse(&problems));
        }
    };
    let settings = setting_changes(&old, &new);
    if args.json {
        let diff = Diff {
            old: &old.version,
            new: &new.version,
            settings: &settings,
        };
        output::json("policy-diff/1", &diff)?;
        return Ok(Exit::Ok);
    }
    for change in &settings {
        output::line(&format!(
            "{}: {} becomes {}",
            change.key,
            shown(change.old.as_deref()),
            shown(change.new.as_deref())
        ));
    }
    output::line(&format!(
        "{} settings differ between {} and {}",
        settings.len(),
        old.version,
        new.version
    ));
    Ok(Exit::Ok)
}

fn shown(value: Option<&str>) -> &str {
    value.unwrap_or("not set")
}

fn refuse(problems: &[Problem]) -> Exit {
    for problem in problems {
        output::error(&problem.to_string());
    }
    Exit::Usage
}
