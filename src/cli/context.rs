//! What most commands need first: configuration, policy, engine.

use followup_rules::problem::Problem;
use followup_transport::HttpTransport;

use super::{ClockChoice, Common, output};
use crate::{
    app::{self, App},
    clock::{Clock, Told},
    config::{self, Config},
    exit::{Exit, Failure},
};

/// Loads configuration and policy; all problems are printed and end the command with status 2.
pub(super) fn config(common: &Common) -> anyhow::Result<(Config, followup_rules::policy::Policy)> {
    let loaded = config::load(&common.config, std::env::vars());
    let (mut config, warnings) = loaded.map_err(|problems| refuse(&problems))?;
    for warning in &warnings {
        output::error(&warning.to_string());
    }
    if let Some(data_dir) = &common.data_dir {
        config.data_dir.clone_from(data_dir);
    }
    let policy = config::load_policy(config.policy_file.as_deref()).map_err(|problems| refuse(&problems))?;
    let unknown = config::check_languages(&config, &policy);
    if !unknown.is_empty() {
        return Err(refuse(&unknown).into());
    }
    Ok((config, policy))
}

/// Prints every problem and answers the failure that ends the command.
pub(super) fn refuse(problems: &[Problem]) -> Failure {
    for problem in problems {
        output::error(&problem.to_string());
    }
    let count = problems.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    Failure::new(
        Exit::Usage,
        format!("{count} {noun} in the configuration; nothing was started"),
    )
}

/// The state directory, without needing a complete configuration when it is given directly.
pub(super) fn data_dir(common: &Common) -> anyhow::Result<std::path::PathBuf> {
    match &common.data_dir {
        Some(data_dir) => Ok(data_dir.clone()),
        None => Ok(config(common)?.0.data_dir),
    }
}

/// Opens the state and builds every connection.
pub(super) async fn open(common: &Common) -> anyhow::Result<Opened> {
    let (config, policy) = config(common)?;
    let (clock, sandbox) = clock(common, &config).await?;
    let app = App::open(config, policy, clock)?;
    Ok(Opened { app, sandbox })
}

/// An opened program.
pub(super) struct Opened {
    pub(super) app: App,
    /// Whom to ask for the simulated date before each cycle.
    pub(super) sandbox: Option<SandboxDate>,
}

/// Asks a sandbox for its date.
pub(super) struct SandboxDate {
    transport: HttpTransport,
    url: url::Url,
    told: Told,
}

impl SandboxDate {
    /// Moves the clock to the sandbox's date.
    pub(super) async fn refresh(&self) -> anyhow::Result<()> {
        self.told.set(app::sandbox_now(&self.transport, &self.url).await?);
        Ok(())
    }
}

/// The clock that was asked for, and whom to ask for the simulated date.
pub(super) async fn clock(common: &Common, config: &Config) -> anyhow::Result<(Clock, Option<SandboxDate>)> {
    match common.clock {
        ClockChoice::System => Ok((Clock::System, None)),
        ClockChoice::Sandbox => {
            let first = config.connections.values().next();
            let url = first.map(|connection| connection.base_url.clone());
            let url = url.ok_or_else(|| Failure::new(Exit::Usage, "--clock sandbox needs a connection"))?;
            let transport = HttpTransport::new()?;
            let told = Told::new(app::sandbox_now(&transport, &url).await?);
            let clock = Clock::Told(told.clone());
            Ok((clock, Some(SandboxDate { transport, url, told })))
        }
    }
}
