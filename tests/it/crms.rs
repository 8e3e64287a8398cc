//! The three CRMs in one sandbox, and a configuration that nobody has logged in with yet.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Answer, BINARY, MONDAY_NINE};

/// The three CRMs, empty, and a configuration that nobody has logged in with yet: connections `hubspot`, `salesforce` and
/// `zoho`.
pub(crate) struct Crms {
    pub(crate) folder: TempDir,
    /// What the sandbox said when it was ready.
    pub(crate) ready: Value,
    /// Follows no redirect.
    pub(crate) browser: reqwest::blocking::Client,
    config: PathBuf,
    sandbox: Child,
}

impl Drop for Crms {
    fn drop(&mut self) {
        self.sandbox.kill().ok();
        self.sandbox.wait().ok();
    }
}

impl Crms {
    pub(crate) fn new() -> Self {
        Self::of(&["--people", "0", "--as-of", MONDAY_NINE])
    }

    /// CRMs as `followupd sandbox` makes them from these options.
    pub(crate) fn of(world: &[&str]) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let any = "127.0.0.1:0";
        let mut sandbox = Command::new(BINARY)
            .args(["sandbox", "--hubspot", any, "--salesforce", any, "--zoho", any])
            .args(world)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(sandbox.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let browser = reqwest::blocking::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let folder = TempDir::new().unwrap();
        let crms = Self {
            config: folder.path().join("followupd.toml"),
            folder,
            ready: serde_json::from_str(&line).unwrap(),
            browser,
            sandbox,
        };
        let mut config = "data_dir = \"state\"\n".to_owned();
        for (name, host) in [
            ("hubspot", "base_url"),
            ("salesforce", "login_url"),
            ("zoho", "login_url"),
        ] {
            crms.write_private(&format!("{name}.secret"), crms.told(name, "client_secret"));
            let (address, client_id) = (crms.address(name), crms.told(name, "client_id"));
            let section = format!(
                "[connections.{name}]\nprovider = \"{name}\"\n{host} = \"{address}\"\n[connections.{name}.auth]\n\
                 client_id = \"{client_id}\"\nclient_secret_file = \"{name}.secret\"\n"
            );
            config.push_str(&section);
        }
        std::fs::write(crms.path("followupd.toml"), config).unwrap();
        crms
    }

    /// The same CRMs with another configuration.
    pub(crate) fn configured(mut self, config: PathBuf) -> Self {
        self.config = config;
        self
    }

    /// What the sandbox told about a CRM.
    pub(crate) fn told(&self, name: &str, key: &str) -> &str {
        self.ready[name][key].as_str().unwrap()
    }

    /// Where a CRM is served.
    pub(crate) fn address(&self, name: &str) -> &str {
        let key = match name {
            "hubspot" => "base_url",
            "salesforce" => "login_url",
            _ => "accounts_url",
        };
        self.told(name, key)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that only its owner may read.
    pub(crate) fn write_private(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Any command with this configuration and the sandbox's date.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(words)
            .arg("--config")
            .arg(&self.config)
            .args(["--clock", "sandbox"]);
        command.env_remove("FOLLOWUPD_LOG");
        command
    }

    pub(crate) fn answer(&self, words: &[&str]) -> Answer {
        Answer::of(self.command(words).output().unwrap())
    }

    pub(crate) fn control(&self, name: &str, path: &str, body: &Value) -> Value {
        let answer = self
            .browser
            .post(format!("{}/_sandbox/{path}", self.address(name)))
            .json(body)
            .send()
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().unwrap());
        answer.json().unwrap()
    }
}
