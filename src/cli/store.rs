//! `store verify`, `store rebuild`, `store confirm`.

use followup_store::{Problem, Store, ledger::Entry};
use serde::Serialize;

use super::{ClockChoice, Common, context, output};
use crate::{
    app,
    clock::Clock,
    exit::{Exit, Failure},
};

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

/// Lifts the freeze. Every subject is judged again by the next cycle.
pub(super) fn confirm(common: &Common) -> anyhow::Result<Exit> {
    let (config, _) = context::config(common)?;
    let now = match common.clock {
        ClockChoice::System => Clock::System.now(),
        ClockChoice::Sandbox => {
            let url = config
                .connections
                .values()
                .next()
                .map(|connection| connection.base_url.clone());
            let url = url.ok_or_else(|| Failure::new(Exit::Usage, "--clock sandbox needs a connection"))?;
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(app::sandbox_now(&url))?
        }
    };
    let (mut store, _) = app::open_store(&config.data_dir, now)?;
    let frozen = store.ledger().frozen().map(crate::health::frozen_words);
    if frozen.is_some() {
        store
            .record(&[Entry::Confirmed { at: now }])
            .map_err(app::state_failure)?;
    }
    store.close().map_err(app::state_failure)?;
    let done = if frozen.is_some() {
        "writes are allowed again"
    } else {
        "nothing was frozen"
    };
    answer(common, "store-confirm/1", &[], done)
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
