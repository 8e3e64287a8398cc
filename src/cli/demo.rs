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
    /// Simulated days.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=60))]
    days: u32,
    /// Seed of the world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Inject faults: lost answers, server errors, cut bodies, throttling.
    #[arg(long)]
    chaos: bool,
    /// Print the closing figures only.
    #[arg(long)]
    json: bool,
}

pub(super) fn demo(args: &DemoArgs) -> anyhow::Result<Exit> {
    let options = DemoOptions {
        days: args.days,
        seed: args.seed,
        chaos: args.chaos,
    };
    let narrate: &dyn Fn(&str) = if args.json { &|_| {} } else { &output::line };
    let figures = demo::run(&options, narrate)?;
    let is_right = figures.is_right();
    output::json("demo/1", &figures)?;
    Ok(if is_right { Exit::Ok } else { Exit::Differs })
}
