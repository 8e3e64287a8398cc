//! `followupd-sim`: long runs of the simulation, and single ones played again.

use std::{collections::BTreeSet, io::Write, process::ExitCode};

use clap::Parser;
use followupd_sim::{
    defect::Defect,
    many::{self, Batch, Totals},
    plan::{self, Crms, Plan, Wish},
    run::{self, Outcome},
    shrink, table, trace,
};

/// Plays simulated days of the daemon and holds them against what must always be true.
#[derive(Debug, Parser)]
#[command(
    name = "followupd-sim",
    after_help = "Exit status: 0 everything held, 1 an invariant was violated, 2 usage."
)]
struct Args {
    /// How many seeds to play.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Simulated days of each; drawn from 1 to 3 if not given.
    #[arg(long)]
    days: Option<u32>,
    /// First seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Connections side by side; one, sometimes two, if not given.
    #[arg(long)]
    connections: Option<usize>,
    /// Which CRMs: hubspot, salesforce, zoho, both (the first two) or all; the seed says if not given.
    #[arg(long, value_parser = crms)]
    crm: Option<Crms>,
    /// Only these events of the schedule: numbers with commas between, or `none`.
    #[arg(long)]
    keep: Option<String>,
    /// Break a rule on purpose.
    #[arg(long)]
    defect: Option<String>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Write everything that happens to standard error (one seed).
    #[arg(long)]
    trace: bool,
    /// Print one JSON document for each seed.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let defect = match args.defect.as_deref().map(|word| Defect::parse(word).ok_or(word)) {
        None => None,
        Some(Ok(defect)) => Some(defect),
        Some(Err(word)) => {
            let known: Vec<&str> = Defect::ALL.into_iter().map(Defect::as_str).collect();
            say(&format!("no defect {word:?}; known: {}", known.join(", ")));
            return ExitCode::from(2);
        }
    };
    let outcomes = if args.seeds == 1 {
        vec![one(&args, defect)]
    } else {
        let batch = Batch {
            first: args.seed,
            count: args.seeds,
            days: args.days,
            connections: args.connections,
            crms: args.crm,
            threads: args.threads,
        };
        many::play(batch, &|outcome| {
            if args.json {
                say(&serde_json::to_string(outcome).unwrap_or_default());
            } else if !outcome.violations.is_empty() {
                let ids: Vec<&str> = outcome
                    .violations
                    .iter()
                    .map(|violation| violation.invariant)
                    .collect();
                say(&format!("seed {} fails: {}", outcome.seed, ids.join(", ")));
            }
        })
    };
    if !args.json {
        report(&args, &outcomes);
    }
    if outcomes.iter().any(|outcome| !outcome.violations.is_empty()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn crms(word: &str) -> Result<Crms, String> {
    Crms::parse(word).ok_or_else(|| "one of hubspot, salesforce, zoho, both, all".to_owned())
}

fn one(args: &Args, defect: Option<Defect>) -> Outcome {
    let mut plan = drawn(args, args.seed);
    if let Some(keep) = &args.keep {
        let numbers: BTreeSet<usize> = keep.split(',').filter_map(|number| number.parse().ok()).collect();
        plan = plan.keeping(&numbers);
    }
    if args.trace {
        trace::tell();
    }
    let outcome = run::run(&plan, defect);
    if args.json {
        say(&serde_json::to_string(&outcome).unwrap_or_default());
    } else {
        say(&format!("seed {}: trace {:016x}", outcome.seed, outcome.hash));
    }
    outcome
}

fn drawn(args: &Args, seed: u64) -> Plan {
    plan::draw(Wish {
        seed,
        days: args.days,
        connections: args.connections,
        crms: args.crm,
    })
}

fn report(args: &Args, outcomes: &[Outcome]) {
    say(&table::totals(&Totals::of(outcomes)));
    let Some(failed) = outcomes.iter().find(|outcome| !outcome.violations.is_empty()) else {
        return;
    };
    let plan = drawn(args, failed.seed);
    if args.trace || args.keep.is_some() || args.defect.is_some() {
        for violation in &failed.violations {
            say(&format!(
                "{} at {}: {}",
                violation.invariant, violation.at, violation.what
            ));
            say(&violation.before.join("\n"));
        }
        return;
    }
    say(&format!(
        "seed {} fails; looking for a smaller schedule that fails the same way …",
        failed.seed
    ));
    say(&table::failure(&shrink::shrink(&plan, failed)));
}

fn say(text: &str) {
    // Nobody reads on: nothing can be said about it either.
    writeln!(std::io::stdout().lock(), "{text}").unwrap_or_default();
}
