//! `store verify`, `store rebuild`, `store confirm`.

use followup_store::{Problem, Store};
use serde::Serialize;

use super::{Common, context, output};
use crate::{app, clock::Clock, exit::Exit, queries::approve::Confirmed};

#[derive(Serialize)]
struct Verdict<'a> {
    ok: bool,
    problems: &'a [Problem],
}

pub(super) fn verify(common: &Common) -> anyhow::Result<Exit> {
    let data_dir = context::data_dir(common)?;
    let problems = Store::verify(&data_dir).map_err(app::state_failure)?;
    answer(common, "store-verify/1", &problems, "journal and cache are fine")
}

pub(super) fn rebuild(common: &Common) -> anyhow::Result<Exit> {
    let data_dir = context::data_dir(common)?;
    let problems = Store::rebuild(&data_dir, Clock::System.now()).map_err(app::state_failure)?;
    let done = "the cache was set aside; the next cycle reads it from the CRM again";
    answer(common, "store-rebuild/1", &problems, done)
}

/// How lifting the freeze reads.
pub(super) fn print_confirmed(confirmed: &Confirmed) {
    for problem in &confirmed.problems {
        output::line(&format!(
            "confirmed, and another cause stood behind it: {problem}"
        ));
    }
    if confirmed.ok {
        output::line(match confirmed.was_frozen {
            Some(_) => "writes are allowed again",
            None => "nothing was frozen",
        });
    }
}

fn answer(common: &Common, schema: &str, problems: &[Problem], fine: &str) -> anyhow::Result<Exit> {
    if common.json {
        output::json(
            schema,
            &Verdict {
                ok: problems.is_empty(),
                problems,
            },
        )?;
    } else if problems.is_empty() {
        output::line(fine);
    } else {
        for problem in problems {
            output::line(&format!(
                "{}: {}: {}. Fix: {}",
                problem.part, problem.where_, problem.message, problem.fix
            ));
        }
    }
    Ok(if problems.is_empty() {
        Exit::Ok
    } else {
        Exit::Differs
    })
}
