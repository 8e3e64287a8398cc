//! `digest --owner`, for people.

use clap::Args;

use super::{Common, ask, explain, output};
use crate::{
    exit::Exit,
    queries::{
        Request,
        digest::{Digest, Item},
    },
};

/// Whose digest.
#[derive(Debug, Args)]
pub(super) struct DigestArgs {
    #[command(flatten)]
    common: Common,
    /// An owner id (connection:owner:5), an e-mail address, or `-` to read an address from standard input.
    #[arg(long, value_name = "WHO")]
    owner: String,
}

pub(super) fn digest(args: &DigestArgs) -> anyhow::Result<Exit> {
    let request = Request::Digest {
        owner: explain::person(&args.owner)?,
    };
    ask::ask(&args.common, "digest/1", &request, print)
}

fn print(digest: &Digest) {
    output::line(&format!(
        "{} as of {}: {} open tasks, {} of them from today",
        digest.owner, digest.as_of, digest.open_tasks, digest.new_today
    ));
    section("waits for room on your list", &digest.queue);
    section("for your information", &digest.digest);
    section("in your lists", &digest.listed);
    section("waits", &digest.held);
    section("cannot be judged", &digest.blocked);
    if let Some(backlog) = &digest.backlog {
        output::line("backlog");
        for line in &backlog.lines {
            output::line(&format!("  {line}"));
        }
    }
    for unclear in &digest.unclear {
        output::line(&format!("{}: not clear. Fix: {}", unclear.task, unclear.fix));
    }
}

fn section(title: &str, items: &[Item]) {
    if items.is_empty() {
        return;
    }
    output::line(&format!("{title} ({})", items.len()));
    for item in items {
        let reason = item.reason.as_ref();
        let reason = reason.map_or_else(String::new, |reason| format!(" [{reason}]"));
        output::line(&format!("  {}: {}{reason}", item.rule, item.line));
    }
}
