//! What a person types, and how it ends.
//!
//! Tables go to standard output, logs and progress to standard error; `--json` prints one object with a `schema`.
//! Exit statuses are those of [`Exit`].

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use followup_store::StoreError;

use crate::{
    exit::{Exit, Failure},
    queries::Request,
};

mod ask;
mod audit;
mod auth;
mod backtest;
mod check;
mod context;
#[cfg(feature = "sandbox")]
mod demo;
mod digest;
mod discover;
mod doctor;
mod erase;
mod explain;
mod explain_error;
mod export;
mod import;
mod init;
mod output;
mod pages;
mod plan;
mod policy;
mod progress;
mod replay;
mod report;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod secrets;
mod status;
mod store;

const EXIT_HELP: &str = "Exit status: 0 fine, 1 differences found or not as it should be, 2 usage or configuration \
    error, 3 a connection cannot be used, 4 the state directory cannot be used, 5 stopped before done (signal, \
    budget, frozen).";

/// Finds follow-up gaps in a CRM and writes one clear task for the right rep, which closes itself.
#[derive(Debug, Parser)]
#[command(name = "followupd", version, after_help = EXIT_HELP, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where configuration and state are, and how to answer.
#[derive(Debug, Args)]
struct Common {
    /// Configuration file; files in conf.d/ beside it are laid over it.
    #[arg(
        long,
        value_name = "FILE",
        env = "FOLLOWUPD_CONFIG",
        default_value = "/etc/followupd/followupd.toml"
    )]
    config: PathBuf,
    /// State directory, instead of the configured one.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
    /// Where "now" comes from.
    #[arg(long, value_enum, default_value_t = ClockChoice::System)]
    clock: ClockChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ClockChoice {
    /// This machine.
    System,
    /// The simulated date of the first connection's sandbox (loopback only).
    Sandbox,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon, or one full cycle with --once.
    #[command(after_help = EXIT_HELP)]
    Run {
        #[command(flatten)]
        common: Common,
        /// One cycle of every connection, then exit.
        #[arg(long)]
        once: bool,
    },
    /// Why a task or gap exists: its evidence and every suppressor checked.
    #[command(after_help = EXIT_HELP)]
    Why {
        #[command(flatten)]
        common: Common,
        /// A task key, a gap id, or a task id of the CRM (connection:task:id, or the bare id).
        what: String,
        /// As it was judged at an earlier instant (RFC 3339), from today's records.
        #[arg(long, value_name = "INSTANT")]
        at: Option<jiff::Timestamp>,
        /// Write all it rests on, redacted, into a new file that `replay` judges on any machine.
        #[arg(long, value_name = "FILE")]
        bundle: Option<PathBuf>,
    },
    /// Judge a bundle of `why --bundle` again: the same evidence gives the same bytes. Needs no connection and no state.
    #[command(after_help = EXIT_HELP)]
    Replay(replay::ReplayArgs),
    /// Read a random sample of records again by id: how many did the cache miss? What is found is taken in.
    #[command(after_help = EXIT_HELP)]
    Audit(audit::AuditArgs),
    /// Why a person has no task: how every rule stands.
    #[command(after_help = EXIT_HELP)]
    WhyNot {
        #[command(flatten)]
        common: Common,
        /// A record id (connection:contact:301), an e-mail address, or `-` to read an address from standard input.
        person: String,
    },
    /// How connections, queues and state stand.
    #[command(after_help = EXIT_HELP)]
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// The dry run: what would be written now, with texts, and why there is silence elsewhere.
    #[command(after_help = EXIT_HELP)]
    Plan {
        #[command(flatten)]
        common: Common,
    },
    /// What a changed policy would have asked for in the past, beside the present one.
    #[command(after_help = EXIT_HELP)]
    Backtest(backtest::BacktestArgs),
    /// What one rep is owed beside their tasks: what waits for room, what is held, and why.
    #[command(after_help = EXIT_HELP)]
    Digest(digest::DigestArgs),
    /// How the team follows up: coverage, speed to lead, completion, next steps, open loops; figures of a team, never of
    /// a person.
    #[command(after_help = EXIT_HELP)]
    Report(report::ReportArgs),
    /// Let proposed tasks be written by the next cycle (mode propose).
    #[command(after_help = EXIT_HELP)]
    Approve {
        #[command(flatten)]
        common: Common,
        /// Task keys as `plan` shows them.
        #[arg(required_unless_present = "all", value_name = "KEY")]
        keys: Vec<String>,
        /// Everything that is proposed now.
        #[arg(long, conflicts_with = "keys")]
        all: bool,
    },
    /// Never write these proposed tasks.
    #[command(after_help = EXIT_HELP)]
    Reject {
        #[command(flatten)]
        common: Common,
        /// Task keys as `plan` shows them.
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Withdraw exactly the tasks a run created and nobody touched since, by the next cycle.
    #[command(after_help = EXIT_HELP)]
    Undo {
        #[command(flatten)]
        common: Common,
        /// Run id, as `run --once --json` and `why` show it.
        run: String,
    },
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write man pages and completion scripts into a folder, for a package.
    #[command(hide = true)]
    Pages(pages::PagesArgs),
    /// Write a first configuration, or one more connection; asks, explains, never overwrites.
    #[command(after_help = EXIT_HELP)]
    Init(init::InitArgs),
    /// What should be mended: files, clock, network, logins, rights, quota, what can be seen of whom; each with its fix.
    #[command(after_help = EXIT_HELP)]
    Doctor {
        #[command(flatten)]
        common: Common,
    },
    /// What words a CRM uses for statuses, stages and outcomes, which of them the mapping speaks of, and a draft of a mapping
    /// file that speaks of all.
    #[command(after_help = EXIT_HELP)]
    Discover(discover::DiscoverArgs),
    /// What a code of a message means, its usual cause, and what mends it; without a code, all of them.
    #[command(after_help = EXIT_HELP)]
    ExplainError {
        /// The code, for example `missing_scope`.
        code: Option<String>,
        /// Answer with one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Everything that is kept about a person, for whoever asks for their data.
    #[command(after_help = EXIT_HELP)]
    Export {
        #[command(flatten)]
        common: Common,
        /// A record id (connection:contact:301), an e-mail address, or `-` to read an address from standard input.
        person: String,
    },
    /// Take everything that is kept about a person out of the state directory, for good. Tells what that is; --yes does
    /// it.
    #[command(after_help = EXIT_HELP)]
    Erase {
        #[command(flatten)]
        common: Common,
        /// A record id (connection:contact:301), an e-mail address, or `-` to read an address from standard input.
        person: String,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
    /// Print a JSON Schema of followupd.toml, for editors.
    ConfigSchema,
    /// Log in to a CRM, see how the logins stand, take consent back.
    #[command(subcommand, after_help = EXIT_HELP)]
    Auth(auth::AuthCommand),
    /// The keys that tokens are sealed with.
    #[command(subcommand, after_help = EXIT_HELP)]
    Secrets(secrets::SecretsCommand),
    /// Check the configuration and the policy; report every problem at once.
    #[command(after_help = EXIT_HELP)]
    CheckConfig {
        #[command(flatten)]
        common: Common,
    },
    /// Take in what a CRM does not hold.
    #[command(subcommand, after_help = EXIT_HELP)]
    Import(import::ImportCommand),
    /// Work with policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Work with the state directory.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Serve the simulated CRMs on loopback.
    #[cfg(feature = "sandbox")]
    #[command(after_help = EXIT_HELP)]
    Sandbox(sandbox::SandboxArgs),
    /// Run sandbox and daemon in one process for a simulated fortnight, narrated; no account needed.
    #[cfg(feature = "sandbox")]
    #[command(after_help = EXIT_HELP)]
    Demo(demo::DemoArgs),
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Judge timeline cases and say which judgements differ.
    #[command(after_help = EXIT_HELP)]
    Test(policy::TestArgs),
    /// Say in plain sentences what a policy asks for: the sentences that tasks cite.
    Explain(policy::ExplainArgs),
    /// List the settings in which two policies differ.
    Diff(policy::DiffArgs),
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Check journal and cache.
    Verify {
        #[command(flatten)]
        common: Common,
    },
    /// Set the cache aside; the next cycle reads it from the CRM again. The journal stays.
    Rebuild {
        #[command(flatten)]
        common: Common,
    },
    /// Lift the freeze after a loss: tasks may be written again.
    Confirm {
        #[command(flatten)]
        common: Common,
    },
}

/// Runs the command and prints what went wrong, once.
pub fn main(cli: Cli) -> Exit {
    match dispatch(cli.command) {
        Ok(exit) => exit,
        Err(error) => {
            output::error(&format!("{error:#}"));
            exit_of(&error)
        }
    }
}

/// The status an error ends the command with. State that fails while it is used counts like state that cannot be opened.
fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<StoreError>() {
        return Exit::State;
    }
    error
        .downcast_ref::<Failure>()
        .map_or(Exit::Differs, |failure| failure.exit)
}

#[expect(clippy::too_many_lines, reason = "one line for each command")]
fn dispatch(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Run { common, once } => run::run(&common, once),
        Command::Why {
            common,
            what,
            at,
            bundle: None,
        } => ask::ask(&common, "why/1", &Request::Why { what, at }, explain::print_why),
        Command::Why {
            common,
            what,
            at,
            bundle: Some(file),
        } => replay::bundle(&common, what, at, &file),
        Command::Replay(args) => replay::replay(&args),
        Command::Audit(args) => audit::audit(&args),
        Command::WhyNot { common, person } => {
            let request = Request::WhyNot {
                person: explain::person(&person)?,
            };
            ask::ask(&common, "why-not/1", &request, explain::print_why_not)
        }
        Command::Status { common } => ask::ask(&common, "status/1", &Request::Status, status::print),
        Command::Plan { common } => ask::ask(&common, "plan/1", &Request::Plan, plan::print),
        Command::Backtest(args) => backtest::backtest(&args),
        Command::Digest(args) => digest::digest(&args),
        Command::Report(args) => report::report(args),
        Command::Approve { common, keys, all: _ } => ask::ask(
            &common,
            "approve/1",
            &Request::Approve { keys },
            plan::print_decided,
        ),
        Command::Reject { common, keys } => ask::ask(
            &common,
            "reject/1",
            &Request::Reject { keys },
            plan::print_decided,
        ),
        Command::Undo { common, run } => {
            ask::ask(&common, "undo/1", &Request::Undo { run }, plan::print_undone)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "followupd", &mut std::io::stdout());
            Ok(Exit::Ok)
        }
        Command::Pages(args) => pages::pages(&args),
        Command::Import(command) => import::import(&command),
        Command::Init(args) => init::init(&args),
        Command::Doctor { common } => doctor::doctor(&common),
        Command::Discover(args) => discover::discover(&args),
        Command::ExplainError { code, json } => explain_error::explain_error(code.as_deref(), json),
        Command::Export { common, person } => {
            let request = Request::Export {
                person: explain::person(&person)?,
            };
            ask::ask(&common, "export/1", &request, export::print)
        }
        Command::Erase { common, person, yes } => {
            let request = Request::Erase {
                person: explain::person(&person)?,
                yes,
            };
            ask::ask(&common, "erase/1", &request, erase::print)
        }
        Command::ConfigSchema => {
            output::line(&serde_json::to_string_pretty(&crate::config::schema())?);
            Ok(Exit::Ok)
        }
        Command::Auth(command) => auth::auth(&command),
        Command::Secrets(command) => secrets::secrets(&command),
        Command::CheckConfig { common } => check::check_config(&common),
        Command::Policy(PolicyCommand::Test(args)) => policy::test(&args),
        Command::Policy(PolicyCommand::Explain(args)) => policy::explain(&args),
        Command::Policy(PolicyCommand::Diff(args)) => policy::diff(&args),
        Command::Store(StoreCommand::Verify { common }) => store::verify(&common),
        Command::Store(StoreCommand::Rebuild { common }) => store::rebuild(&common),
        Command::Store(StoreCommand::Confirm { common }) => ask::ask(
            &common,
            "store-confirm/1",
            &Request::Confirm,
            store::print_confirmed,
        ),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox::serve(&args),
        #[cfg(feature = "sandbox")]
        Command::Demo(args) => demo::demo(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_that_fails_while_it_is_used_ends_with_the_status_of_the_state() {
        let full = StoreError::Io {
            action: "writing",
            path: "journal.log".into(),
            source: std::io::ErrorKind::StorageFull.into(),
        };
        assert_eq!(exit_of(&full.into()), Exit::State);
        let refused = Failure::new(Exit::Connection, "no login");
        assert_eq!(exit_of(&refused.into()), Exit::Connection);
        assert_eq!(exit_of(&anyhow::anyhow!("anything else")), Exit::Differs);
    }
}
