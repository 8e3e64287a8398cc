//! `auth login`, `auth status`, `auth revoke`: consent in a browser, how the logins stand, and taking consent back.

use std::{io::BufRead as _, path::Path, sync::Arc, time::Duration};

use clap::{Args, Subcommand};
use followup_core::ConnectionId;
use followup_rules::problem::nearest;
use followup_transport::{ConsentError, HttpTransport, TokenPair, Transport, consent::RANDOM_BYTES};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::{Common, EXIT_HELP, context, output};
use crate::{
    app::{self, ConsentOf},
    config::{self, Auth, Config, ConnectionConfig, secrets},
    exit::{Exit, Failure},
    login::{self, Callback, LoginError},
    private_file,
    tokens::TokenPlace,
};

mod status;

/// Longest text that is read when a code is pasted.
const PASTED_BYTES_MAX: u64 = 16 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum AuthCommand {
    /// Log in to a CRM in a browser and keep the refresh token.
    #[command(after_help = EXIT_HELP)]
    Login(LoginArgs),
    /// How the logins stand, without asking the CRMs.
    #[command(after_help = EXIT_HELP)]
    Status {
        #[command(flatten)]
        common: Common,
        /// One connection; left out: all.
        name: Option<String>,
    },
    /// Take consent back: the CRM ends the token, and it is removed here.
    #[command(after_help = EXIT_HELP)]
    Revoke {
        #[command(flatten)]
        common: Common,
        /// The connection.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    #[command(flatten)]
    common: Common,
    /// The connection.
    name: String,
    /// Port of this machine the browser comes back to; part of the redirect address that is registered with the CRM.
    #[arg(long, default_value_t = login::PORT)]
    port: u16,
    /// The browser is on another machine: paste the address it ends at.
    #[arg(long, conflicts_with = "grant_code")]
    paste: bool,
    /// Zoho self client: paste the code made by hand in the API console.
    #[arg(long)]
    grant_code: bool,
    /// How many minutes to wait for the browser.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    wait_minutes: u64,
}

#[derive(Serialize)]
struct LoggedIn<'a> {
    connection: &'a str,
    stored_in: String,
    scopes: Option<&'a str>,
    next: &'static str,
}

#[derive(Serialize)]
struct Revoked<'a> {
    connection: &'a str,
    #[serde(rename = "revoked")]
    is_over: bool,
    removed: Option<String>,
    left: Option<String>,
}

pub(super) fn auth(command: &AuthCommand) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        AuthCommand::Login(args) => runtime.block_on(log_in(args)),
        AuthCommand::Status { common, name } => status::status(common, name.as_deref()),
        AuthCommand::Revoke { common, name } => runtime.block_on(revoke(common, name)),
    }
}

/// The configuration as it is before a login, and one connection of it.
pub(super) fn find<'a>(config: &'a Config, name: &str) -> Result<&'a ConnectionConfig, Failure> {
    let found = config
        .connections
        .values()
        .find(|connection| connection.id.as_str() == name);
    found.ok_or_else(|| {
        let known = || config.connections.keys().map(ConnectionId::as_str);
        let hint = nearest(name, known()).map_or_else(
            || format!("configured are: {}", known().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        Failure::new(
            Exit::Usage,
            format!("no connection is called `{name}`. Fix: {hint}"),
        )
    })
}

fn load(common: &Common) -> anyhow::Result<Config> {
    let (mut config, _) = config::load_before_login(&common.config, std::env::vars())
        .map_err(|problems| context::refuse(&problems))?;
    if let Some(data_dir) = &common.data_dir {
        config.data_dir.clone_from(data_dir);
    }
    Ok(config)
}

async fn log_in(args: &LoginArgs) -> anyhow::Result<Exit> {
    let config = load(&args.common)?;
    let connection = find(&config, &args.name)?;
    let of = app::consent_of(connection)?;
    writable_place(&config.data_dir, connection)?;
    let (clock, _) = context::clock(&args.common, &config).await?;
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new()?);
    let pair = if args.grant_code {
        explain(&of, args.port);
        output::error("paste the code of the self client and press Enter:");
        let code = SecretString::from(pasted()?);
        let bought = of.consent.exchange(None, &code, transport, clock.now());
        bought.await.map_err(|error| refused(&error))?
    } else {
        through_browser(args, connection, &of, transport, || clock.now()).await?
    };
    let stored_in = keep(&config, connection, &pair)?;
    say_stored(args, connection, &pair, &stored_in)
}

async fn through_browser(
    args: &LoginArgs,
    connection: &ConnectionConfig,
    of: &ConsentOf,
    transport: Arc<dyn Transport>,
    now: impl Fn() -> Timestamp,
) -> anyhow::Result<TokenPair> {
    let callback = if args.paste {
        None
    } else {
        Some(Callback::bind(args.port).await.map_err(|error| failure(&error))?)
    };
    let port = callback.as_ref().map_or(args.port, |callback| callback.port);
    explain(of, port);
    let random = private_file::random::<RANDOM_BYTES>()?;
    let begun = Arc::new(of.consent.begin(&login::redirect_uri(port), &random));
    output::error(&format!("open this address in a browser:\n{}", begun.url));
    let came_back = if let Some(callback) = callback {
        let within = Duration::from_mins(args.wait_minutes);
        let told = |error: &LoginError| output::error(&error.to_string());
        let login_url = connection.login_url.clone();
        callback.wait(Arc::clone(&begun), login_url, within, told).await
    } else {
        output::error(
            "the browser ends at an address it cannot open, beginning with http://localhost; paste that whole address \
             here and press Enter:",
        );
        login::read_pasted(&pasted()?, &begun, connection.login_url.as_ref())
    }
    .map_err(|error| failure(&error))?;
    let bought = of
        .consent
        .exchange(Some(&begun), &came_back.code, transport, now());
    Ok(bought.await.map_err(|error| refused(&error))?)
}

/// What must be done in the CRM before, and what is asked for.
fn explain(of: &ConsentOf, port: u16) {
    output::error("once, in the CRM:");
    for (number, step) in (of.steps)(&login::redirect_uri(port)).iter().enumerate() {
        output::error(&format!("  {}. {step}", number + 1));
    }
    output::error("what is asked for:");
    for (scope, why) in &of.scopes {
        output::error(&format!("  {scope}: {why}"));
    }
}

/// One line from standard input.
fn pasted() -> anyhow::Result<String> {
    let mut line = String::new();
    let mut input = std::io::Read::take(std::io::stdin().lock(), PASTED_BYTES_MAX);
    input.read_line(&mut line)?;
    let line = line.trim();
    if line.is_empty() {
        return Err(failure(&LoginError::NoCode).into());
    }
    Ok(line.to_owned())
}

/// Refuses before anybody consents in vain.
fn writable_place(data_dir: &Path, connection: &ConnectionConfig) -> Result<(), Failure> {
    let Auth::Refresh {
        refresh_token_file: None,
        ..
    } = &connection.auth
    else {
        return Ok(());
    };
    make_state_dir(data_dir).map_err(|error| {
        let message = format!(
            "the state directory {} cannot be made: {error}. Fix: run this as the user that runs followupd",
            data_dir.display()
        );
        Failure::new(Exit::State, message)
    })
}

fn make_state_dir(data_dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if data_dir.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
}

/// Writes what was bought where the configuration wants it; answers where that is.
fn keep(config: &Config, connection: &ConnectionConfig, pair: &TokenPair) -> anyhow::Result<String> {
    let unwritable = |error: &dyn std::fmt::Display| {
        let message = format!(
            "the login worked, but its token cannot be kept: {error}. Fix: run this as the user that owns the folder, \
             then log in again"
        );
        Failure::new(Exit::State, message)
    };
    if let Auth::Refresh {
        refresh_token_file: Some(file),
        ..
    } = &connection.auth
    {
        let line = format!("{}\n", pair.refresh.expose_secret());
        private_file::replace(file, line.as_bytes())
            .map_err(|error| unwritable(&format!("{}: {error}", file.display())))?;
        return Ok(file.display().to_string());
    }
    let file = TokenPlace::of(config).file(&connection.id, None);
    file.write(pair).map_err(|error| unwritable(&error))?;
    Ok(file.path().display().to_string())
}

fn say_stored(
    args: &LoginArgs,
    connection: &ConnectionConfig,
    pair: &TokenPair,
    stored_in: &str,
) -> anyhow::Result<Exit> {
    let is_in_config = matches!(
        connection.auth,
        Auth::Refresh {
            refresh_token_file: Some(_),
            ..
        }
    );
    let next = if is_in_config {
        "restart a running daemon (systemctl restart followupd): it reads the file, or the credential made of it, at its start"
    } else {
        "a running daemon takes it up by itself within a quarter of an hour; systemctl reload followupd does so at once"
    };
    let problems = pair
        .scopes
        .as_deref()
        .map(|scopes| app::judge_scopes(connection.provider, scopes))
        .unwrap_or_default();
    for problem in &problems {
        output::error(&format!("{}. Fix: {}", problem.message, problem.fix));
    }
    if args.common.json {
        output::json(
            "auth-login/1",
            &LoggedIn {
                connection: connection.id.as_str(),
                stored_in: stored_in.to_owned(),
                scopes: pair.scopes.as_deref(),
                next,
            },
        )?;
    } else {
        output::line(&format!(
            "{} is logged in; the refresh token is in {stored_in}",
            connection.id
        ));
        output::line(&format!("next: {next}"));
        output::line("then: `followupd doctor` says whether everything is as it should be");
    }
    Ok(Exit::Ok)
}

async fn revoke(common: &Common, name: &str) -> anyhow::Result<Exit> {
    let config = load(common)?;
    let connection = find(&config, name)?;
    let of = app::consent_of(connection)?;
    let Auth::Refresh {
        refresh_token_file, ..
    } = &connection.auth
    else {
        return Ok(Exit::Usage); // consent_of refused it already
    };
    let configured = refresh_token_file
        .as_deref()
        .and_then(|file| secrets::read(file).ok());
    let file = TokenPlace::of(&config).file(&connection.id, configured.as_ref());
    let stored = file
        .read()
        .map_err(|error| Failure::new(Exit::State, error.to_string()))?;
    let Some(token) = stored.map(|pair| pair.refresh).or(configured) else {
        let message = format!("nobody is logged in to {name}. Fix: none; there is nothing to take back");
        return Err(Failure::new(Exit::Differs, message).into());
    };
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new()?);
    let revoked = match of.consent.revoke(&token, transport).await {
        Ok(()) => true,
        // What the CRM does not know any more has ended as well.
        Err(ConsentError::Refused { code, message, .. }) => {
            output::error(&format!(
                "the CRM did not know the token any more ({code}: {message})"
            ));
            false
        }
        Err(error) => return Err(refused(&error).into()),
    };
    let removed = match std::fs::remove_file(file.path()) {
        Ok(()) => Some(file.path().display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            let message = format!(
                "the token has ended, but {} cannot be removed: {error}. Fix: remove it",
                file.path().display()
            );
            return Err(Failure::new(Exit::State, message).into());
        }
    };
    let left = refresh_token_file.as_ref().map(|file| file.display().to_string());
    if common.json {
        let connection = connection.id.as_str();
        output::json(
            "auth-revoke/1",
            &Revoked {
                connection,
                is_over: revoked,
                removed,
                left,
            },
        )?;
    } else {
        output::line(&format!(
            "{name}: consent is taken back; the daemon pauses this connection"
        ));
        if let Some(left) = left {
            output::line(&format!(
                "the token in {left} is no good any more: log in again, or remove it"
            ));
        }
    }
    Ok(Exit::Ok)
}

fn failure(error: &LoginError) -> Failure {
    let exit = match error {
        LoginError::Port { .. } | LoginError::NoCode | LoginError::Elsewhere { .. } => Exit::Usage,
        LoginError::TimedOut { .. } => Exit::Stopped,
        LoginError::Denied { .. } | LoginError::ForeignState => Exit::Connection,
    };
    Failure::new(exit, error.to_string())
}

/// A refusal of the token endpoint, with its fix.
fn refused(error: &ConsentError) -> Failure {
    let fix = match error {
        ConsentError::Refused { fix: Some(fix), .. } => fix.clone(),
        ConsentError::Refused { .. } => {
            "log in again and finish within a few minutes: a code is good once, and not for long".to_owned()
        }
        ConsentError::NoRefreshToken => {
            "let the app have refresh tokens (Salesforce: scope refresh_token; Zoho: consent anew), then log in again"
                .to_owned()
        }
        ConsentError::Wait { .. } => "wait that long, then log in again".to_owned(),
        ConsentError::Broken(_) => "check base_url or login_url and the network, then log in again".to_owned(),
    };
    Failure::new(
        Exit::Connection,
        format!("the CRM gives no token: {error}. Fix: {fix}"),
    )
}
