//! `sandbox`: the simulated CRMs on loopback, until a signal.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use followup_sandbox::{ClockMode, Sandbox, Switches, WorldConfig};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::output;
use crate::{
    clock::Clock,
    exit::{Exit, Failure},
    lifecycle,
};

/// Which CRMs to serve, where, and over which world.
#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    /// Address of the simulated HubSpot (loopback only; port 0 picks one).
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9101")]
    hubspot: SocketAddr,
    /// Address of the simulated Salesforce (not built in this version).
    #[arg(long, value_name = "ADDR")]
    salesforce: Option<SocketAddr>,
    /// Address of the simulated Zoho CRM (not built in this version).
    #[arg(long, value_name = "ADDR")]
    zoho: Option<SocketAddr>,
    /// Seed of the world: the same seed makes the same world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many situations the scripted team lives through; 0 = an empty world with owners only.
    #[arg(long, default_value_t = 60)]
    people: u32,
    /// Simulated date to begin with (RFC 3339); left out: now.
    #[arg(long, value_name = "INSTANT")]
    as_of: Option<Timestamp>,
    /// Faults to begin with: a JSON file with a list as `POST /_sandbox/faults` takes it.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Enforce the vendor's rate limits.
    #[arg(long, value_enum, default_value_t = Limits::On)]
    limits: Limits,
    /// Requests the simulated HubSpot allows in ten seconds, instead of what the smallest tier has.
    #[arg(long, value_name = "N")]
    burst: Option<u16>,
    /// Requests the simulated HubSpot allows a day, instead of what the smallest tier has.
    #[arg(long, value_name = "N")]
    daily: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Limits {
    /// As the vendor does.
    On,
    /// Count, never refuse.
    Off,
}

pub(super) fn serve(args: &SandboxArgs) -> anyhow::Result<Exit> {
    if args.salesforce.is_some() || args.zoho.is_some() {
        let message =
            "only the simulated HubSpot is built in this version. Fix: leave --salesforce and --zoho out";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    if !args.hubspot.ip().is_loopback() {
        let message = format!(
            "--hubspot {}: the sandbox serves loopback only. Fix: use 127.0.0.1 or [::1]",
            args.hubspot
        );
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let faults = args
        .faults
        .as_deref()
        .map(read_faults)
        .transpose()?
        .unwrap_or_default();
    let sandbox = Sandbox::new(WorldConfig {
        seed: args.seed,
        people: args.people,
        as_of: args.as_of.unwrap_or_else(|| Clock::System.now()),
        limits: args.limits == Limits::On,
        clock: ClockMode::Manual,
        switches: Switches {
            burst_limit: args.burst.map(usize::from),
            daily_limit: args.daily,
            ..Switches::default()
        },
    });
    sandbox.set_faults(faults);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.hubspot).await.map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!(
                    "--hubspot {}: {error}. Fix: choose a free port, or 0",
                    args.hubspot
                ),
            )
        })?;
        let address = listener.local_addr()?;
        let access = sandbox.access();
        output::json(
            "sandbox-ready/1",
            &json!({
                "hubspot": {
                    "base_url": format!("http://{address}"),
                    "access_token": access.access_token,
                    "client_id": access.client_id,
                    "client_secret": access.client_secret,
                    "refresh_token": access.refresh_token,
                }
            }),
        )?;
        let stop = lifecycle::stop_on_signals(&TaskTracker::new())?;
        followup_sandbox::serve(sandbox, listener, stop.cancelled_owned()).await?;
        Ok(Exit::Ok)
    })
}

fn read_faults(path: &std::path::Path) -> anyhow::Result<Vec<followup_sandbox::Fault>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("--faults {shown}: {error}. Fix: check the path"),
        )
    })?;
    let faults = followup_sandbox::parse_faults(&text)
        .map_err(|error| Failure::new(Exit::Usage, format!("--faults {shown}: {error}")))?;
    Ok(faults)
}
