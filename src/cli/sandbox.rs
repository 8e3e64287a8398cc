//! `sandbox`: the simulated CRMs on loopback, until a signal.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use followup_sandbox::{ClockMode, OrgSwitches, Sandbox, Switches, WorldConfig};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::output;
use crate::{
    clock::Clock,
    exit::{Exit, Failure},
    lifecycle,
};

/// Where HubSpot is served if nothing else is.
const HUBSPOT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9101);

/// The largest allowance any of the CRMs sells: that of a full sandbox of Salesforce.
const DAILY_MAX: i64 = 5_000_000;

/// Which CRMs to serve, where, and over which world.
#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    /// Address of the simulated HubSpot (loopback only; port 0 picks one) [default: 127.0.0.1:9101 if no other is served].
    #[arg(long, value_name = "ADDR")]
    hubspot: Option<SocketAddr>,
    /// Address of the simulated Salesforce, login host and instance in one (loopback only; port 0 picks one).
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
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    burst: Option<u16>,
    /// Requests each simulated CRM allows a day, instead of what the smallest HubSpot tier and an Enterprise org of
    /// Salesforce have.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=DAILY_MAX))]
    daily: Option<u32>,
    /// The simulated Salesforce has no External ID field on Activity, so that tasks carry a marker in their subject.
    #[arg(long)]
    no_key_field: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Limits {
    /// As the vendor does.
    On,
    /// Count, never refuse.
    Off,
}

pub(super) fn serve(args: &SandboxArgs) -> anyhow::Result<Exit> {
    if args.zoho.is_some() {
        let message = "the simulated Zoho CRM is not built in this version. Fix: leave --zoho out";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let hubspot = args
        .hubspot
        .or_else(|| args.salesforce.is_none().then_some(HUBSPOT_ADDRESS));
    for (option, address) in [("--hubspot", hubspot), ("--salesforce", args.salesforce)] {
        if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
            let message =
                format!("{option} {address}: the sandbox serves loopback only. Fix: use 127.0.0.1 or [::1]");
            return Err(Failure::new(Exit::Usage, message).into());
        }
    }
    let sandbox = world(args, hubspot.is_some())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let hubspot = bind("--hubspot", hubspot).await?;
        let salesforce = bind("--salesforce", args.salesforce).await?;
        let mut ready = serde_json::Map::new();
        if let Some(listener) = &hubspot {
            let access = sandbox.access();
            let login = json!({
                "base_url": format!("http://{}", listener.local_addr()?),
                "access_token": access.access_token,
                "client_id": access.client_id,
                "client_secret": access.client_secret,
                "refresh_token": access.refresh_token,
            });
            ready.insert("hubspot".to_owned(), login);
        }
        let mut key = None;
        if let Some(listener) = &salesforce {
            let address = listener.local_addr()?;
            let file = KeyFile::write(address, &sandbox.salesforce_access().jwt_key_pem)?;
            ready.insert(
                "salesforce".to_owned(),
                salesforce_ready(&sandbox, address, &file.0),
            );
            key = Some(file);
        }
        output::json("sandbox-ready/1", &ready)?;
        let stop = lifecycle::stop_on_signals(&TaskTracker::new())?;
        let serving_hubspot = async {
            match hubspot {
                Some(listener) => {
                    followup_sandbox::serve(sandbox.clone(), listener, stop.clone().cancelled_owned()).await
                }
                None => Ok(()),
            }
        };
        let serving_salesforce = async {
            match salesforce {
                Some(listener) => {
                    let stop = stop.clone().cancelled_owned();
                    followup_sandbox::serve_salesforce(sandbox.clone(), listener, stop).await
                }
                None => Ok(()),
            }
        };
        tokio::try_join!(serving_hubspot, serving_salesforce)?;
        drop(key);
        Ok(Exit::Ok)
    })
}

/// The world the arguments ask for; the team works in every CRM that is served.
fn world(args: &SandboxArgs, has_hubspot: bool) -> anyhow::Result<Sandbox> {
    let faults = args
        .faults
        .as_deref()
        .map(read_faults)
        .transpose()?
        .unwrap_or_default();
    let mut org = OrgSwitches::default();
    if args.no_key_field {
        org.custom_fields.clear();
    }
    let sandbox = Sandbox::new(WorldConfig {
        seed: args.seed,
        people: if has_hubspot { args.people } else { 0 },
        as_of: args.as_of.unwrap_or_else(|| Clock::System.now()),
        limits: args.limits == Limits::On,
        clock: ClockMode::Manual,
        switches: Switches {
            burst_limit: args.burst.map(usize::from),
            daily_limit: args.daily,
            salesforce: OrgSwitches {
                people: if args.salesforce.is_some() { args.people } else { 0 },
                daily_limit: args.daily,
                ..org
            },
            ..Switches::default()
        },
    });
    sandbox.set_faults(faults);
    Ok(sandbox)
}

async fn bind(option: &str, address: Option<SocketAddr>) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let message = format!("{option} {address}: {error}. Fix: choose a free port, or 0");
        Failure::new(Exit::Usage, message)
    })?;
    Ok(Some(listener))
}

fn salesforce_ready(sandbox: &Sandbox, address: SocketAddr, key: &Path) -> Value {
    let access = sandbox.salesforce_access();
    json!({
        "login_url": format!("http://{address}"),
        "instance_url": format!("http://{address}"),
        "client_id": access.client_id,
        "client_secret": access.client_secret,
        "refresh_token": access.refresh_token,
        "access_token": access.access_token,
        "username": access.username,
        "jwt_key_file": key,
    })
}

/// The key for signed assertions, in a file for as long as the sandbox serves.
struct KeyFile(PathBuf);

impl KeyFile {
    fn write(address: SocketAddr, pem: &str) -> anyhow::Result<Self> {
        let name = format!("followupd-sandbox-{}-{}.pem", std::process::id(), address.port());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, pem)
            .map_err(|error| Failure::new(Exit::State, format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "removing the key file");
        }
    }
}

fn read_faults(path: &Path) -> anyhow::Result<Vec<followup_sandbox::Fault>> {
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
