//! The composition root: the one place that knows every part and puts them together.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicUsize},
};

use anyhow::Context as _;
use followup_core::{Connector, Provider};
use followup_hubspot::{Hubspot, HubspotConfig, Mapping};
use followup_rules::{
    policy::Policy,
    problem::{Problem, Severity},
};
use followup_salesforce::{
    Salesforce, SalesforceConfig,
    auth::{Flow, JwtKey},
};
use followup_store::{Opening, Store, StoreError, StoreOptions};
use followup_transport::{HttpTransport, OAuthConfig, TokenSource, Transport};
use followup_zoho::{Zoho, ZohoConfig};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    clock::Clock,
    config::{Auth, Config, ConnectionConfig, secrets},
    engine::{Engine, Link},
    exit::{Exit, Failure},
    import,
    planning::Outbox,
    shared_store::{SharedStore, StoreThread},
    subject_key::{self, SubjectHash},
    tokens::TokenPlace,
};

mod login;

pub use login::{ConsentOf, consent_of, judge_scopes};

/// Memory for the cache.
const CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// An opened program: state, connections, and what the configuration says.
pub struct App {
    engine: Engine,
    config: Config,
}

impl App {
    /// Opens the state directory and builds every connection.
    ///
    /// # Errors
    /// A [`Failure`] with its exit status and the fix.
    pub fn open(config: Config, policy: Policy, clock: Clock) -> anyhow::Result<Self> {
        let (mut store, opening) = open_store(&config.data_dir, clock.now())?;
        for problem in &opening.problems {
            tracing::warn!(part = %problem.part, place = %problem.where_, fix = %problem.fix, "{}", problem.message);
        }
        import::take_in_again(&mut store, &config.data_dir)
            .map_err(|error| Failure::new(Exit::State, format!("{:#}", anyhow::Error::from(error))))?;
        let hash = subject_key::subject_hash(&config.data_dir)
            .map_err(|error| Failure::new(Exit::State, format!("the key for subject lines: {error}")))?;
        let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new()?);
        let tokens = TokenPlace::of(&config);
        let links = config
            .connections
            .values()
            .map(|connection| {
                let connector = connector(connection, &tokens, &transport, &hash)?;
                let link = Link::new(connector, connection.mode, connection.cutover);
                Ok(link.polled(connection.poll_every))
            })
            .collect::<anyhow::Result<Vec<Link>>>()?;
        let engine = Engine {
            store: SharedStore::new(store, StoreThread::Blocking),
            clock,
            policy: Arc::new(policy),
            team: config.team.clone(),
            links,
            keep_deleted: config.keep_deleted,
            stop: CancellationToken::new(),
            waiting: AtomicUsize::new(0),
            plan_turn: tokio::sync::Mutex::new(Outbox::default()),
        };
        Ok(Self { engine, config })
    }

    /// The engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engine, before anything runs.
    pub const fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// The engine alone, shared.
    pub fn into_engine(self) -> Arc<Engine> {
        Arc::new(self.engine)
    }

    /// What was configured.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Where state lives.
    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// The configured wait of each connection, in the engine's order.
    pub fn poll_every(&self) -> Vec<SignedDuration> {
        self.config
            .connections
            .values()
            .map(|connection| connection.poll_every)
            .collect()
    }

    /// Flushes and closes the state.
    ///
    /// # Errors
    /// What closing the store returns.
    pub fn close(self) -> Result<(), StoreError> {
        self.engine.store.into_inner().map_or(Ok(()), Store::close)
    }
}

/// Opens the state directory.
///
/// # Errors
/// A [`Failure`] with status 4 and the fix.
pub fn open_store(data_dir: &Path, now: Timestamp) -> Result<(Store, Opening), Failure> {
    Store::open(
        data_dir,
        &StoreOptions {
            cache_bytes: CACHE_BYTES,
        },
        now,
    )
    .map_err(state_failure)
}

/// A failure of the state directory, with the whole chain of causes.
pub fn state_failure(error: StoreError) -> Failure {
    Failure::new(Exit::State, format!("{:#}", anyhow::Error::from(error)))
}

/// A connection by itself, for questions before there is any state: it reads records of nobody.
///
/// # Errors
/// A [`Failure`] with its exit status and the fix.
pub fn lone_connector(config: &Config, connection: &ConnectionConfig) -> anyhow::Result<Arc<dyn Connector>> {
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new()?);
    // Subject lines are not looked at, so nothing is hashed under this key.
    let hash = subject_key::keyed(Vec::new());
    connector(connection, &TokenPlace::of(config), &transport, &hash)
}

fn connector(
    connection: &ConnectionConfig,
    place: &TokenPlace,
    transport: &Arc<dyn Transport>,
    hash: &SubjectHash,
) -> anyhow::Result<Arc<dyn Connector>> {
    match connection.provider {
        Provider::Hubspot => {
            let config = hubspot_config(connection).map_err(|problems| usage(&problems))?;
            let tokens = tokens(connection, &config, place)?;
            let seed = fastrand::u64(..);
            let hubspot = Hubspot::new(config, Arc::clone(transport), tokens, Arc::clone(hash), seed);
            Ok(Arc::new(
                hubspot.map_err(|message| Failure::new(Exit::Usage, message))?,
            ))
        }
        Provider::Salesforce => {
            let config = salesforce_config(connection).map_err(|problems| usage(&problems))?;
            let tokens = salesforce_tokens(connection, &config, place)?;
            let seed = fastrand::u64(..);
            let salesforce = Salesforce::new(config, Arc::clone(transport), tokens, Arc::clone(hash), seed);
            Ok(Arc::new(
                salesforce.map_err(|message| Failure::new(Exit::Usage, message))?,
            ))
        }
        Provider::Zoho => {
            let config = zoho_config(connection).map_err(|problems| usage(&problems))?;
            let tokens = zoho_tokens(connection, &config, place)?;
            let seed = fastrand::u64(..);
            let zoho = Zoho::new(config, Arc::clone(transport), tokens, Arc::clone(hash), seed);
            Ok(Arc::new(
                zoho.map_err(|message| Failure::new(Exit::Usage, message))?,
            ))
        }
    }
}

fn hubspot_config(connection: &ConnectionConfig) -> Result<HubspotConfig, Vec<Problem>> {
    let mut config = HubspotConfig::new(connection.id.clone(), connection.base_url.clone());
    config.api_version.clone_from(&connection.api_version);
    config.api_share = connection.api_share;
    config.burst_share = connection.burst_share;
    config.search_per_second = connection.search_per_second;
    config.backfill_since = connection.backfill_since;
    if let Some(path) = &connection.mapping_file {
        config.mapping = mapping(path, "hubspot", Mapping::from_toml)?;
    }
    Ok(config)
}

fn salesforce_config(connection: &ConnectionConfig) -> Result<SalesforceConfig, Vec<Problem>> {
    let login_url = connection.login_url.as_ref().unwrap_or(&connection.base_url);
    let mut config = SalesforceConfig::new(connection.id.clone(), login_url.clone());
    // A fixed token is good at one host; other logins learn theirs.
    if matches!(connection.auth, Auth::Bearer { .. }) {
        config.instance_url = Some(connection.base_url.clone());
    }
    config.api_version.clone_from(&connection.api_version);
    config.api_share = connection.api_share;
    config.burst_share = connection.burst_share;
    config.backfill_since = connection.backfill_since;
    if let Some(path) = &connection.mapping_file {
        config.mapping = mapping(path, "salesforce", followup_salesforce::Mapping::from_toml)?;
    }
    Ok(config)
}

fn zoho_config(connection: &ConnectionConfig) -> Result<ZohoConfig, Vec<Problem>> {
    let login_url = connection.login_url.as_ref().unwrap_or(&connection.base_url);
    followup_zoho::auth::check_login_url(login_url).map_err(|message| {
        vec![Problem {
            code: "bad_url",
            severity: Severity::Error,
            place: format!("connections.{}", connection.id),
            key: "login_url".to_owned(),
            message,
            fix: "look at the address bar of your Zoho: its ending is the data centre's".to_owned(),
        }]
    })?;
    let mut config = ZohoConfig::new(connection.id.clone(), login_url.clone());
    // A fixed token is good at one host; other logins learn theirs.
    if matches!(connection.auth, Auth::Bearer { .. }) {
        config.api_url = Some(connection.base_url.clone());
    }
    config.api_share = connection.api_share;
    config.burst_share = connection.burst_share;
    config.backfill_since = connection.backfill_since;
    if let Some(path) = &connection.mapping_file {
        config.mapping = mapping(path, "zoho", followup_zoho::Mapping::from_toml)?;
    }
    Ok(config)
}

fn usage(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::new(Exit::Usage, lines.join("\n"))
}

fn mapping<T>(
    path: &PathBuf,
    vendor: &str,
    read: fn(&str) -> Result<T, Vec<String>>,
) -> Result<T, Vec<Problem>> {
    let problem = |message: String| Problem {
        code: "bad_mapping",
        severity: Severity::Error,
        place: path.display().to_string(),
        key: "mapping_file".to_owned(),
        message,
        fix: format!(
            "compare it with the mapping that is built in (/usr/share/followupd/connectors/{vendor}.toml); without \
             mapping_file, `followupd discover NAME --out FILE` drafts one anew"
        ),
    };
    let text = std::fs::read_to_string(path).map_err(|error| vec![problem(error.to_string())])?;
    read(&text).map_err(|messages| messages.into_iter().map(problem).collect())
}

/// The text of the mapping in force for a connection: its own file's, else the built-in one.
///
/// # Errors
/// A [`Failure`] with the fix when the file cannot be read.
pub fn mapping_text(connection: &ConnectionConfig) -> Result<String, Failure> {
    let Some(path) = &connection.mapping_file else {
        let text = match connection.provider {
            Provider::Hubspot => Mapping::builtin_text(),
            Provider::Salesforce => followup_salesforce::Mapping::builtin_text(),
            Provider::Zoho => followup_zoho::Mapping::builtin_text(),
        };
        return Ok(text.to_owned());
    };
    std::fs::read_to_string(path).map_err(|error| {
        let message = format!(
            "{}: {error}. Fix: let this user read the mapping file",
            path.display()
        );
        Failure::new(Exit::Usage, message)
    })
}

/// Problems of the mapping files a configuration names.
pub fn check_mappings(config: &Config) -> Vec<Problem> {
    config
        .connections
        .values()
        .filter_map(|connection| match connection.provider {
            Provider::Salesforce => salesforce_config(connection).err(),
            Provider::Zoho => zoho_config(connection).err(),
            Provider::Hubspot => hubspot_config(connection).err(),
        })
        .flatten()
        .collect()
}

fn tokens(
    connection: &ConnectionConfig,
    config: &HubspotConfig,
    place: &TokenPlace,
) -> anyhow::Result<TokenSource> {
    match &connection.auth {
        Auth::Bearer { access_token_file } => {
            Ok(TokenSource::fixed(secret(access_token_file)?.expose_secret()))
        }
        Auth::Refresh {
            client_id,
            client_secret_file,
            refresh_token_file,
        } => {
            let refresh_token = refresh_token_file.as_deref().map(secret).transpose()?;
            let store = place.file(&connection.id, refresh_token.as_ref());
            let oauth = OAuthConfig {
                token_url: config
                    .base_url
                    .join(&format!("/oauth/{}/token", config.api_version))
                    .context("the token endpoint's URL")?,
                client_id: client_id.clone(),
                client_secret: secret(
                    client_secret_file
                        .as_deref()
                        .context("this CRM knows no login without a client secret")?,
                )?,
                refresh_token: refresh_token.unwrap_or_default(),
                fix: login_fix(connection, refresh_token_file.as_deref()),
            };
            Ok(TokenSource::oauth(oauth, Arc::new(store)))
        }
        Auth::JwtBearer { .. } | Auth::ClientCredentials { .. } => {
            anyhow::bail!("{} has no such way to log in", connection.provider)
        }
    }
}

fn salesforce_tokens(
    connection: &ConnectionConfig,
    config: &SalesforceConfig,
    place: &TokenPlace,
) -> anyhow::Result<TokenSource> {
    let (client_id, flow, imported, fix) = match &connection.auth {
        Auth::Bearer { access_token_file } => {
            return Ok(TokenSource::fixed(secret(access_token_file)?.expose_secret()));
        }
        Auth::Refresh {
            client_id,
            client_secret_file,
            refresh_token_file,
        } => {
            let refresh_token = refresh_token_file.as_deref().map(secret).transpose()?;
            let flow = Flow::WebServer {
                client_secret: client_secret_file.as_deref().map(secret).transpose()?,
                refresh_token: refresh_token.clone().unwrap_or_default(),
            };
            let fix = login_fix(connection, refresh_token_file.as_deref());
            (client_id, flow, refresh_token, fix)
        }
        Auth::JwtBearer {
            client_id,
            username,
            jwt_key_file,
        } => {
            let key = JwtKey::from_pem(read_key(jwt_key_file)?.expose_secret()).map_err(|message| {
                Failure::new(Exit::Usage, format!("{}: {message}", jwt_key_file.display()))
            })?;
            let flow = Flow::JwtBearer {
                username: username.clone(),
                key,
            };
            let fix =
                format!("pre-authorise {username} for the app, and check its certificate and client_id");
            // Whoever else logs in begins with a token of their own.
            (
                client_id,
                flow,
                Some(SecretString::from(format!("{client_id} {username}"))),
                fix,
            )
        }
        Auth::ClientCredentials {
            client_id,
            client_secret_file,
        } => {
            let flow = Flow::ClientCredentials {
                client_secret: secret(client_secret_file)?,
            };
            let fix = "check the app's client credentials policy, its secret and client_id".to_owned();
            (client_id, flow, Some(SecretString::from(client_id.clone())), fix)
        }
    };
    let store = place.file(&connection.id, imported.as_ref());
    followup_salesforce::auth::tokens(&config.login_url, client_id, flow, &fix, Arc::new(store))
        .map_err(|message| Failure::new(Exit::Usage, message).into())
}

fn zoho_tokens(
    connection: &ConnectionConfig,
    config: &ZohoConfig,
    place: &TokenPlace,
) -> anyhow::Result<TokenSource> {
    let (client_id, client_secret, refresh_token, fix) = match &connection.auth {
        Auth::Bearer { access_token_file } => {
            return Ok(TokenSource::fixed(secret(access_token_file)?.expose_secret()));
        }
        Auth::Refresh {
            client_id,
            client_secret_file,
            refresh_token_file,
        } => {
            let fix = login_fix(connection, refresh_token_file.as_deref());
            (
                client_id,
                secret(
                    client_secret_file
                        .as_deref()
                        .context("this CRM knows no login without a client secret")?,
                )?,
                refresh_token_file.as_deref().map(secret).transpose()?,
                fix,
            )
        }
        Auth::JwtBearer { .. } | Auth::ClientCredentials { .. } => {
            anyhow::bail!("{} has no such way to log in", connection.provider)
        }
    };
    let store = place.file(&connection.id, refresh_token.as_ref());
    let login_url = &config.login_url;
    followup_zoho::auth::tokens(
        login_url,
        client_id,
        client_secret,
        refresh_token.unwrap_or_default(),
        &fix,
        Arc::new(store),
    )
    .map_err(|message| Failure::new(Exit::Usage, message).into())
}

/// What brings a new consent.
fn login_fix(connection: &ConnectionConfig, refresh_token_file: Option<&Path>) -> String {
    let login = format!("`followupd auth login {}`", connection.id);
    match refresh_token_file {
        Some(file) => format!(
            "put a new refresh token into {}, or log in with {login}",
            file.display()
        ),
        None => format!("log in with {login}"),
    }
}

/// A secret of one line, with the fix if it cannot be read.
fn secret(path: &Path) -> Result<SecretString, Failure> {
    secrets::read(path).map_err(|error| unreadable(&error))
}

/// A private key.
fn read_key(path: &Path) -> Result<SecretString, Failure> {
    secrets::read_key(path).map_err(|error| unreadable(&error))
}

fn unreadable(error: &secrets::SecretError) -> Failure {
    Failure::new(Exit::Usage, format!("{error}. Fix: {}", error.fix()))
}

/// Asks a sandbox on this machine for its simulated date.
///
/// # Errors
/// A [`Failure`] with the fix when the address is not on this machine or no sandbox answers.
pub async fn sandbox_now(transport: &HttpTransport, base_url: &Url) -> anyhow::Result<Timestamp> {
    let is_loopback = base_url
        .host_str()
        .is_some_and(followup_transport::http::is_loopback_host);
    if !is_loopback {
        let message =
            format!("--clock sandbox: {base_url} is not on this machine. Fix: set base_url to the sandbox");
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let url = base_url.join("/_sandbox/now").context("the sandbox's address")?;
    let request = http::Request::get(url.as_str()).body(bytes::Bytes::new())?;
    let limits = followup_transport::SendLimits {
        total: std::time::Duration::from_secs(10),
        body_bytes_max: 64 * 1024,
    };
    let answer = transport.send(request, limits).await.map_err(|error| {
        Failure::new(
            Exit::Connection,
            format!("no sandbox answers at {base_url}: {error}. Fix: start `followupd sandbox`"),
        )
    })?;
    let body: serde_json::Value = serde_json::from_slice(answer.body()).context("the sandbox's date")?;
    let now = body
        .get("now")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    now.parse()
        .with_context(|| format!("{base_url} tells no simulated date; is it a sandbox?"))
}
