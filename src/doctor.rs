//! What `doctor` finds on this machine: files and their modes, keys, the state directory, disk, clock and network. What
//! only a connection at work can tell is in [`crate::queries::doctor`].

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use followup_core::Provider;
use followup_rules::problem::{Problem, Severity as ProblemSeverity};
use followup_transport::{SendLimits, Transport, stated_time};
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    config::{Auth, Config, ConnectionConfig, secrets},
    private_file,
    tokens::TokenPlace,
};

/// A clock that is off by more than this is told.
const SKEW_TOLD: SignedDuration = SignedDuration::from_mins(1);
/// A clock that is off by more than this makes deadlines and logins wrong.
const SKEW_WRONG: SignedDuration = SignedDuration::from_mins(5);
/// Less free space than this is not enough for a day of a large org.
const DISK_LOW_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Less than this, and writes will fail soon.
const DISK_FULL_BYTES: u64 = 256 * 1024 * 1024;
/// One look at a host.
const LOOK: SendLimits = SendLimits {
    total: Duration::from_secs(15),
    body_bytes_max: 1024 * 1024,
};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something should be mended.
    Warning,
    /// Good to know.
    Info,
}

/// What is wrong, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A stable word; `followupd explain-error` knows it.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// File, connection or part.
    #[serde(rename = "where")]
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

impl Finding {
    /// A finding.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "names, ids and displayed paths are handed over as they come"
    )]
    pub fn new(
        code: &str,
        severity: Severity,
        place: impl ToString,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            code: code.to_owned(),
            severity,
            place: place.to_string(),
            message: message.into(),
            fix: fix.into(),
        }
    }
}

impl From<&Problem> for Finding {
    fn from(problem: &Problem) -> Self {
        let severity = match problem.severity {
            ProblemSeverity::Error => Severity::Error,
            ProblemSeverity::Warning => Severity::Warning,
        };
        let place = if problem.key.is_empty() {
            problem.place.clone()
        } else {
            format!("{} {}", problem.place, problem.key)
        };
        Self::new(problem.code, severity, place, &problem.message, &problem.fix)
    }
}

/// Everything that shows without asking a CRM.
pub fn look_at_files(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    for connection in config.connections.values() {
        let files = secret_files(&connection.auth);
        found.extend(files.into_iter().filter_map(|file| file_mode(file, connection)));
    }
    found.extend(keys(config));
    found.extend(state_dir(&config.data_dir));
    found.extend(disk(&config.data_dir));
    found
}

fn secret_files(auth: &Auth) -> BTreeSet<&Path> {
    let files = match auth {
        Auth::Bearer { access_token_file } => vec![Some(access_token_file)],
        Auth::Refresh {
            client_secret_file,
            refresh_token_file,
            ..
        } => vec![client_secret_file.as_ref(), refresh_token_file.as_ref()],
        Auth::JwtBearer { jwt_key_file, .. } => vec![Some(jwt_key_file)],
        Auth::ClientCredentials {
            client_secret_file, ..
        } => vec![Some(client_secret_file)],
    };
    files
        .into_iter()
        .flatten()
        .map(std::path::PathBuf::as_path)
        .collect()
}

/// A secret that others may read; what systemd lends is not looked at.
fn file_mode(file: &Path, connection: &ConnectionConfig) -> Option<Finding> {
    if secrets::locate(file) != file {
        return None;
    }
    let mode = fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        let shown = file.display();
        Finding::new(
            "secret_mode",
            Severity::Warning,
            &connection.id,
            format!("{shown} holds a secret and others may read it (mode {mode:04o})"),
            format!("chmod 600 {shown}"),
        )
    })
}

fn keys(config: &Config) -> Vec<Finding> {
    let place = TokenPlace::of(config);
    let path = place.keys().path();
    if place.keys().is_own() {
        let has_tokens = config
            .connections
            .keys()
            .any(|connection| place.file(connection, None).path().exists());
        return if has_tokens {
            vec![Finding::new(
                "key_beside_tokens",
                Severity::Info,
                path.display(),
                "tokens are sealed with a key that lies beside them, so a backup of the state directory holds both",
                "make a key elsewhere (`followupd secrets new-key FILE`), put the old key into it as a second line, name it as \
                 key_file or as the credential secret.key, then run `followupd secrets rotate`",
            )]
        } else {
            Vec::new()
        };
    }
    let mut found = Vec::new();
    if let Err(error) = place.keys().keys() {
        found.push(Finding::new(
            "key_file",
            Severity::Error,
            path.display(),
            error.to_string(),
            error.fix(),
        ));
    }
    let is_credential =
        std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| path.starts_with(folder));
    if let Ok(metadata) = fs::metadata(&path)
        && !is_credential
        && metadata.permissions().mode() & 0o077 != 0
    {
        found.push(Finding::new(
            "secret_mode",
            Severity::Warning,
            path.display(),
            "the key file can be read by others",
            format!("chmod 600 {}", path.display()),
        ));
    }
    found
}

fn state_dir(data_dir: &Path) -> Vec<Finding> {
    let shown = data_dir.display();
    let Ok(metadata) = fs::metadata(data_dir) else {
        return vec![Finding::new(
            "state_missing",
            Severity::Info,
            shown,
            "the state directory is not there yet",
            "none needed: the first `followupd run` makes it, readable by its own user alone",
        )];
    };
    let mut found = Vec::new();
    if !metadata.is_dir() {
        let fix = "move the file away, or correct data_dir";
        return vec![Finding::new(
            "state_unusable",
            Severity::Error,
            shown,
            "it is no directory",
            fix,
        )];
    }
    if private_file::own_user().is_some_and(|user| user != metadata.uid()) {
        found.push(Finding::new(
            "state_owner",
            Severity::Error,
            shown,
            format!(
                "the state directory belongs to the user with id {}",
                metadata.uid()
            ),
            "run followupd as that user: sudo -u followupd followupd doctor",
        ));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        found.push(Finding::new(
            "state_mode",
            Severity::Warning,
            data_dir.display(),
            format!("others may look into the state directory (mode {mode:04o})"),
            format!("chmod 700 {}", data_dir.display()),
        ));
    }
    let probe = data_dir.join(".doctor");
    match private_file::replace(&probe, b"") {
        Ok(()) => {
            fs::remove_file(&probe).ok();
        }
        Err(error) => found.push(Finding::new(
            "state_unwritable",
            Severity::Error,
            data_dir.display(),
            format!("nothing can be written into the state directory: {error}"),
            "mount it writable, free space, or let the user that runs followupd own it",
        )),
    }
    found
}

/// Free space where the state is, or will be.
fn disk(data_dir: &Path) -> Option<Finding> {
    let place = data_dir.ancestors().find(|folder| folder.is_dir())?;
    let output = std::process::Command::new("df")
        .args(["-Pk", "--"])
        .arg(place)
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    let free = free_bytes(&String::from_utf8_lossy(&output.stdout))?;
    let severity = match free {
        free if free < DISK_FULL_BYTES => Severity::Error,
        free if free < DISK_LOW_BYTES => Severity::Warning,
        _ => return None,
    };
    Some(Finding::new(
        "disk_low",
        severity,
        place.display(),
        format!("{} MB are free where the state lies", free / 1_000_000),
        "free space or move data_dir; a cache of a million people takes about 5 GB",
    ))
}

/// The fourth column of the second line of `df -Pk`.
fn free_bytes(text: &str) -> Option<u64> {
    let line = text.lines().nth(1)?;
    let kib: u64 = line.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib.saturating_mul(1024))
}

/// Whether each host answers, and what time it is there.
pub async fn look_at_network(
    config: &Config,
    transport: Arc<dyn Transport>,
    now: impl Fn() -> Timestamp,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for connection in config.connections.values() {
        for url in hosts(connection) {
            found.extend(look_at_host(connection, url, transport.as_ref(), &now).await);
        }
    }
    found
}

fn hosts(connection: &ConnectionConfig) -> Vec<&Url> {
    let mut hosts = vec![&connection.base_url];
    if let Some(login) = connection
        .login_url
        .as_ref()
        .filter(|url| **url != connection.base_url)
    {
        hosts.push(login);
    }
    hosts
}

async fn look_at_host(
    connection: &ConnectionConfig,
    url: &Url,
    transport: &dyn Transport,
    now: &impl Fn() -> Timestamp,
) -> Option<Finding> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let request = Request::get(url.as_str()).body(Bytes::new()).ok()?;
    match transport.send(request, LOOK).await {
        Ok(answer) => skew(connection, &host, answer.headers(), now()),
        Err(error) => Some(Finding::new(
            "unreachable",
            Severity::Error,
            &connection.id,
            format!("{host} does not answer: {}", error.message),
            reach_fix(connection.provider, &error.message),
        )),
    }
}

fn reach_fix(provider: Provider, message: &str) -> String {
    let message = message.to_lowercase();
    if message.contains("dns") || message.contains("resolve") || message.contains("lookup") {
        return "check the spelling of the URL and this machine's name resolution".to_owned();
    }
    if message.contains("certificate") || message.contains("tls") {
        return "install ca-certificates; if a proxy opens TLS here, add its certificate to the system's"
            .to_owned();
    }
    format!("let this machine reach {provider} over https (port 443); a proxy is taken from HTTPS_PROXY")
}

/// How far this clock and the host's are apart.
fn skew(connection: &ConnectionConfig, host: &str, headers: &HeaderMap, now: Timestamp) -> Option<Finding> {
    let apart = now.duration_since(stated_time(headers)?);
    let severity = match apart.abs() {
        apart if apart > SKEW_WRONG => Severity::Error,
        apart if apart > SKEW_TOLD => Severity::Warning,
        _ => return None,
    };
    let way = if apart.is_positive() { "ahead of" } else { "behind" };
    Some(Finding::new(
        "clock_skew",
        severity,
        &connection.id,
        format!(
            "this machine's clock is {} s {way} that of {host}",
            apart.abs().as_secs()
        ),
        "let the clock be set by the network: systemctl enable --now systemd-timesyncd (or chrony)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_read_from_the_portable_format() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 100 40 60 40% /\n";
        assert_eq!(free_bytes(text), Some(60 * 1024));
        assert_eq!(free_bytes("nonsense"), None);
    }

    #[test]
    fn a_problem_of_the_configuration_keeps_its_code_place_and_fix() {
        let problem = Problem {
            code: "unknown_key",
            severity: ProblemSeverity::Error,
            place: "followupd.toml:3:1".to_owned(),
            key: "log.levle".to_owned(),
            message: "unknown key".to_owned(),
            fix: "did you mean `level`?".to_owned(),
        };
        let finding = Finding::from(&problem);
        assert_eq!(finding.place, "followupd.toml:3:1 log.levle");
        assert_eq!(
            (finding.severity, finding.fix.as_str()),
            (Severity::Error, "did you mean `level`?")
        );
    }
}
