//! `sandbox`: the simulated CRMs on loopback, until a signal.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use followup_sandbox::{ClockMode, OrgSwitches, Sandbox, Switches, WorldConfig, ZohoSwitches};
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
    /// Address of the simulated Zoho CRM, accounts server and API in one (loopback only; port 0 picks one).
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
    /// The simulated Salesforce and Zoho CRM have no field for keys on tasks, so that these carry a marker in their text.
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
    let is_alone = args.salesforce.is_none() && args.zoho.is_none();
    let hubspot = args.hubspot.or_else(|| is_alone.then_some(HUBSPOT_ADDRESS));
    let asked = [
        ("--hubspot", hubspot),
        ("--salesforce", args.salesforce),
        ("--zoho", args.zoho),
    ];
    for (option, address) in asked {
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
        let zoho = bind("--zoho", args.zoho).await?;
        let mut ready = serde_json::Map::new();
        if let Some(listener) = &hubspot {
            let login = hubspot_ready(&sandbox, listener.local_addr()?);
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
        if let Some(listener) = &zoho {
            let login = zoho_ready(&sandbox, listener.local_addr()?);
            ready.insert("zoho".to_owned(), login);
        }
        output::json("sandbox-ready/1", &ready)?;
        let stop = lifecycle::stop_on_signals(&TaskTracker::new())?;
        let stopped = || stop.clone().cancelled_owned();
        tokio::try_join!(
            served(hubspot, |listener| followup_sandbox::serve(
                sandbox.clone(),
                listener,
                stopped()
            )),
            served(salesforce, |listener| {
                followup_sandbox::serve_salesforce(sandbox.clone(), listener, stopped())
            }),
            served(zoho, |listener| {
                followup_sandbox::serve_zoho(sandbox.clone(), listener, stopped())
            }),
        )?;
        drop(key);
        Ok(Exit::Ok)
    })
}

/// Serves a CRM where it was asked for.
async fn served<F>(listener: Option<TcpListener>, serve: impl FnOnce(TcpListener) -> F) -> std::io::Result<()>
where
    F: Future<Output = std::io::Result<()>>,
{
    match listener {
        Some(listener) => serve(listener).await,
        None => Ok(()),
    }
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
    let mut tenant = ZohoSwitches::default();
    if args.no_key_field {
        org.custom_fields.clear();
        tenant.custom_fields.clear();
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
            zoho: ZohoSwitches {
                people: if args.zoho.is_some() { args.people } else { 0 },
                daily_credits: args.daily,
                ..tenant
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

fn hubspot_ready(sandbox: &Sandbox, address: SocketAddr) -> Value {
    let access = sandbox.access();
    json!({
        "base_url": format!("http://{address}"),
        "access_token": access.access_token,
        "client_id": access.client_id,
        "client_secret": access.client_secret,
        "refresh_token": access.refresh_token,
    })
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

fn zoho_ready(sandbox: &Sandbox, address: SocketAddr) -> Value {
    let access = sandbox.zoho_access();
    json!({
        "accounts_url": format!("http://{address}"),
        "api_url": format!("http://{address}"),
        "client_id": access.client_id,
        "client_secret": access.client_secret,
        "refresh_token": access.refresh_token,
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
