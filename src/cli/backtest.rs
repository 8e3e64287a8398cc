//! `backtest`, for people.

use std::{fs, path::PathBuf};

use clap::Args;

use super::{Common, ask, output};
use crate::{
    exit::{Exit, Failure},
    queries::{
        Request,
        backtest::{Backtest, Figures, Spread},
    },
};

/// Which policy, and how far back.
#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    #[command(flatten)]
    common: Common,
    /// The policy to try.
    #[arg(long, value_name = "NEW.toml")]
    policy: PathBuf,
    /// How far back: a length of time (90d) or an instant.
    #[arg(long, default_value = "90d", value_name = "SPAN")]
    since: String,
}

pub(super) fn backtest(args: &BacktestArgs) -> anyhow::Result<Exit> {
    let file = args.policy.display().to_string();
    let policy = fs::read_to_string(&args.policy).map_err(|error| {
        let message = format!("{file}: the file cannot be read: {error}. Fix: check the path");
        Failure::new(Exit::Usage, message)
    })?;
    let request = Request::Backtest {
        policy,
        file,
        since: args.since.clone(),
    };
    ask::ask(&args.common, "backtest/1", &request, print)
}

/// Width of the longest bar.
const BAR: u64 = 40;

fn print(backtest: &Backtest) {
    let (current, candidate) = (&backtest.current, &backtest.candidate);
    output::line(&format!(
        "{} subjects and {} reps, {} to {}",
        backtest.subjects, backtest.reps, backtest.since, backtest.until
    ));
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["", "present policy", "candidate"]);
    let mut row = |name: &str, figure: fn(&Figures) -> String| {
        table.add_row([name.to_owned(), figure(current), figure(candidate)]);
    };
    row("version", |figures| figures.policy_version.clone());
    row("tasks", |figures| figures.tasks.to_string());
    row("per rep and day: median, 90 %, most", |figures| {
        let Spread { median, p90, max, .. } = figures.per_rep_and_day;
        format!("{median}, {p90}, {max}")
    });
    row("rep-days over the cap", |figures| {
        figures.over_the_cap.to_string()
    });
    row("followed up", |figures| figures.followed_up.to_string());
    row("  of these within an hour anyway", |figures| {
        figures.handled_within_an_hour.to_string()
    });
    row("  gap seen earlier by: median, 90 %", |figures| {
        let Spread { n, median, p90, .. } = figures.seen_earlier_minutes;
        if n == 0 {
            return "-".to_owned();
        }
        format!("{}, {}", length(median), length(p90))
    });
    row("stopped mattering", |figures| figures.moot.to_string());
    row("open for too long", |figures| figures.expired.to_string());
    row("open at the end", |figures| figures.open.to_string());
    row("entries in lists", |figures| figures.listed.to_string());
    let rules: std::collections::BTreeSet<&String> =
        current.by_rule.keys().chain(candidate.by_rule.keys()).collect();
    for rule in rules {
        let of = |figures: &Figures| figures.by_rule.get(rule).copied().unwrap_or_default().to_string();
        table.add_row([rule.clone(), of(current), of(candidate)]);
    }
    output::line(&table.to_string());
    chart(candidate);
    for note in &backtest.notes {
        output::line(note);
    }
}

/// New tasks of the candidate by day, as bars.
fn chart(figures: &Figures) {
    let most = figures.by_day.values().copied().max().unwrap_or_default().max(1);
    for (day, tasks) in &figures.by_day {
        let width = usize::try_from((tasks * BAR).div_ceil(most)).unwrap_or_default();
        output::line(&format!("{day} {:<40} {tasks}", "█".repeat(width)));
    }
}

/// Minutes as a person says them.
fn length(minutes: i64) -> String {
    match minutes {
        ..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}
