//! Configuration: built-in defaults, then `followupd.toml` and the files beside it in `conf.d/`, then the
//! environment (`FOLLOWUPD_CONNECTIONS__HUB__MODE=observe`).
//!
//! Every problem of every layer is reported at once, with its place and what to do; nothing starts with a half-read
//! configuration. Secrets are never values here: the configuration names files, [`secrets`] reads them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use followup_core::{ConnectionId, Provider};
use followup_rules::problem::{Problem, Severity};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::team::TeamSettings;

mod layers;
mod read;
mod salesforce;
mod schema;
pub mod secrets;
mod validate;
mod zoho;

pub use layers::{load, load_before_login};
pub use schema::schema;

/// What may be written through a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: gaps are found and shown.
    #[default]
    Observe,
    /// Each task waits for `approve`.
    Propose,
    /// Tasks.
    Enforce,
}

impl Mode {
    /// The word used in files and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Propose => "propose",
            Self::Enforce => "enforce",
        }
    }

    /// Whether tasks may be written at all.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Propose | Self::Enforce)
    }
}

/// How a connection logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// A static bearer token.
    Bearer {
        /// The file that holds it.
        access_token_file: PathBuf,
    },
    /// OAuth with a refresh token.
    Refresh {
        /// The app.
        client_id: String,
        /// The file that holds its secret; public clients (Salesforce only) have none.
        client_secret_file: Option<PathBuf>,
        /// The file that holds the refresh token; imported once. Left out: `auth login` keeps it in the state directory.
        refresh_token_file: Option<PathBuf>,
    },
    /// OAuth by a signed statement.
    JwtBearer {
        /// The app.
        client_id: String,
        /// In whose name.
        username: String,
        /// The file that holds the key, in PEM.
        jwt_key_file: PathBuf,
    },
    /// OAuth as the app itself.
    ClientCredentials {
        /// The app.
        client_id: String,
        /// The file that holds its secret.
        client_secret_file: PathBuf,
    },
}

/// One configured CRM login.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionConfig {
    /// Its name.
    pub id: ConnectionId,
    /// Which CRM.
    pub provider: Provider,
    /// Where the API is; the vendor's host unless configured. Salesforce and Zoho: `login_url`, unless configured.
    pub base_url: Url,
    /// Salesforce and Zoho: where one logs in.
    pub login_url: Option<Url>,
    /// Version of the API: HubSpot's paths, Salesforce's `64.0`, Zoho's `v8`.
    pub api_version: String,
    /// What may be written.
    pub mode: Mode,
    /// Share of the daily allowance, in percent.
    pub api_share: u8,
    /// Share of the burst window, in percent.
    pub burst_share: u8,
    /// HubSpot: searches per second, on average.
    pub search_per_second: u32,
    /// Wait between two cycles.
    pub poll_every: SignedDuration,
    /// Records not modified since then are left out of the first read.
    pub backfill_since: Option<Timestamp>,
    /// Anchors before this are never acted on; left out: the instant of the first cycle.
    pub cutover: Option<Timestamp>,
    /// A mapping that replaces the built-in one.
    pub mapping_file: Option<PathBuf>,
    /// How it logs in.
    pub auth: Auth,
}

/// What logs look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A filter such as `info` or `followupd=debug,info`.
    pub level: String,
    /// One JSON object a line instead of text.
    pub is_json: bool,
}

/// What may be kept or shown. Read and without effect so far: the connectors do neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrivacyConfig {
    /// Keep subject lines of mails in clear. Off: a keyed hash only.
    pub show_subjects: bool,
    /// Look at bodies to recognise short acknowledgements, and drop them at once.
    pub classify_bodies: bool,
}

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where state lives.
    pub data_dir: PathBuf,
    /// The policy; `None` = the built-in defaults.
    pub policy_file: Option<PathBuf>,
    /// Keys for tokens at rest; `None`: one of our own in the state directory.
    pub key_file: Option<PathBuf>,
    /// What may be kept or shown.
    pub privacy: PrivacyConfig,
    /// How long people are kept whom the CRMs have deleted; `None`: for good.
    pub keep_deleted: Option<SignedDuration>,
    /// Where health questions and metrics are answered; `None`: nowhere.
    pub health_listen: Option<std::net::SocketAddr>,
    /// What logs look like.
    pub log: LogConfig,
    /// Who works when.
    pub team: TeamSettings,
    /// Logins by name.
    pub connections: BTreeMap<ConnectionId, ConnectionConfig>,
}

/// Reads the policy a configuration names, or the built-in one.
///
/// # Errors
/// Every problem of the file.
pub fn load_policy(path: Option<&Path>) -> Result<followup_rules::policy::Policy, Vec<Problem>> {
    let Some(path) = path else {
        return Ok(followup_rules::policy::Policy::default());
    };
    let text = layers::read_file(path, "policy_file")?;
    followup_rules::policy::Policy::from_toml(&text, &path.display().to_string())
}

/// Owners who are to be written to in a language that the policy has no texts in.
pub fn check_languages(config: &Config, policy: &followup_rules::policy::Policy) -> Vec<Problem> {
    let known: Vec<&str> = policy.texts.languages().collect();
    let unknown = |(email, settings): (&String, &crate::team::OwnerSettings)| {
        let language = settings.language.as_deref()?;
        (!known.contains(&language)).then(|| Problem {
            code: "unknown_language",
            severity: Severity::Error,
            place: "owners".to_owned(),
            key: format!("owners.\"{email}\".language"),
            message: format!("there are no texts in `{language}`"),
            fix: format!("known are: {}; a policy brings more in [texts]", known.join(", ")),
        })
    };
    config.team.owners.iter().filter_map(unknown).collect()
}

/// Every problem of a configuration with its policy and mappings; errors and warnings.
pub fn check(path: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Vec<Problem> {
    match load(path, environment) {
        Ok((config, mut problems)) => {
            match load_policy(config.policy_file.as_deref()) {
                Ok(policy) => problems.extend(check_languages(&config, &policy)),
                Err(found) => problems.extend(found),
            }
            problems.extend(crate::app::check_mappings(&config));
            problems
        }
        Err(problems) => problems,
    }
}
