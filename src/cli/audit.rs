//! `audit`, for people.

use clap::Args;
use jiff::Timestamp;

use super::{Common, ask, output};
use crate::{
    exit::Exit,
    queries::{Request, audit::Audit},
};

/// How large a sample.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    common: Common,
    /// Records of each kind and connection at most; about one API call for a hundred.
    #[arg(long, default_value_t = 200)]
    sample: usize,
    /// Draw the sample that this number gives; left out: another one each day.
    #[arg(long)]
    seed: Option<u64>,
}

pub(super) fn audit(args: &AuditArgs) -> anyhow::Result<Exit> {
    let request = Request::Audit {
        sample: args.sample,
        seed: args.seed.unwrap_or_else(today),
    };
    ask::ask(&args.common, "audit/1", &request, print)
}

/// The number of today: another sample each day.
fn today() -> u64 {
    let since = crate::clock::Clock::System
        .now()
        .duration_since(Timestamp::UNIX_EPOCH);
    since.as_secs().unsigned_abs() / 86_400
}

fn print(audit: &Audit) {
    for connection in &audit.connections {
        output::line(&connection.name);
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header([
            "kind",
            "cached",
            "read again",
            "missed",
            "changed since",
            "gone",
            "not given by id",
        ]);
        for (kind, seen) in &connection.kinds {
            let numbers = [
                seen.cached,
                seen.read,
                seen.missed,
                seen.newer,
                seen.gone,
                seen.not_readable,
            ];
            let cells = numbers.iter().map(ToString::to_string);
            table.add_row(std::iter::once(kind.clone()).chain(cells));
        }
        output::line(&table.to_string());
        if let Some(error) = &connection.error {
            output::line(&format!("  not read to the end: {error}"));
        }
    }
    let total = &audit.total;
    let interval = total.interval.map_or_else(
        || "nothing was read".to_owned(),
        |[low, high]| format!("95 % interval {:.2} % to {:.2} %", low * 100.0, high * 100.0),
    );
    output::line(&format!(
        "missed {} of {} ({interval}); seed {}",
        total.missed, total.read, audit.seed
    ));
}
