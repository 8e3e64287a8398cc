//! The `followupd` command: parses what was typed and maps how it ended to an exit status.

use std::process::ExitCode;

use clap::Parser;
use followupd::cli::Cli;

fn main() -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().ok();
    followupd::cli::main(Cli::parse()).into()
}
