//! `check-config`: every problem of configuration and policy at once.

use followup_rules::problem::{Problem, Severity};
use serde::Serialize;

use super::{Common, output};
use crate::{config, exit::Exit};

#[derive(Serialize)]
struct Problems<'a> {
    problems: &'a [Problem],
}

pub(super) fn check_config(common: &Common) -> anyhow::Result<Exit> {
    let problems = config::check(&common.config, std::env::vars());
    if common.json {
        output::json("check-config/1", &Problems { problems: &problems })?;
    } else if problems.is_empty() {
        output::line("configuration and policy are fine");
    } else {
        for problem in &problems {
            output::line(&problem.to_string());
        }
    }
    let has_errors = problems.iter().any(|problem| problem.severity == Severity::Error);
    Ok(if has_errors { Exit::Usage } else { Exit::Ok })
}
