//! `demo`: the command line of [`crate::demo`].

use clap::Args;

use super::output;
use crate::{
    demo::{self, DemoOptions},
    exit::Exit,
};

/// What to simulate.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Simulated days; every fortnight has all situations anew.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=120))]
    days: u32,
    /// Reps who share the work; as many as it needs if not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(8..=200))]
    reps: Option<u32>,
    /// People of a purchased list in each CRM, who do nothing and are owed nothing.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    bystanders: u32,
    /// Seed of the world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Inject faults: lost answers, server errors, cut bodies, throttling.
    #[arg(long)]
    chaos: bool,
    /// Only HubSpot and Salesforce: half the time.
    #[arg(long)]
    without_zoho: bool,
    /// Print the closing figures only.
    #[arg(long)]
    json: bool,
}

pub(super) fn demo(args: &DemoArgs) -> anyhow::Result<Exit> {
    let options = DemoOptions {
        days: args.days,
        reps: args.reps,
        bystanders: args.bystanders,
        seed: args.seed,
        chaos: args.chaos,
        with_zoho: !args.without_zoho,
    };
    let narrate: &dyn Fn(&str) = if args.json { &|_| {} } else { &output::line };
    let figures = demo::run(&options, narrate)?;
    let is_right = figures.is_right();
    output::json("demo/1", &figures)?;
    Ok(if is_right { Exit::Ok } else { Exit::Differs })
}
