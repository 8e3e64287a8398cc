//! What `init` writes: a commented configuration with one connection, or one more connection beside it.
//!
//! Pure: answers in, texts of files out. The files' modes and the promise that nothing is overwritten are the command's.

use std::fmt::Write as _;

use followup_core::{ConnectionId, Provider};

/// How a new connection logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// A token that never changes.
    Token,
    /// Consent in a browser (`auth login`).
    Browser,
    /// A signed statement (Salesforce).
    Jwt,
    /// As the app itself (Salesforce).
    ClientCredentials,
}

/// Everything that was answered.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Name of the connection.
    pub name: ConnectionId,
    /// Which CRM.
    pub provider: Provider,
    /// Where one logs in, or the API of a simulated CRM; required but for HubSpot.
    pub url: Option<String>,
    /// The API's host, where a fixed token needs it.
    pub base_url: Option<String>,
    /// How it logs in.
    pub login: Login,
    /// The app, for every login but a fixed token.
    pub client_id: Option<String>,
    /// In whose name, for a signed statement.
    pub username: Option<String>,
    /// Whether a client secret is there; public apps have none.
    pub has_client_secret: bool,
    /// State directory.
    pub data_dir: String,
    /// The team's zone.
    pub zone: String,
    /// The team's hours, as `09:00-17:00`.
    pub hours: String,
}

impl Answers {
    /// Name of the file a secret of this connection lies in.
    pub fn secret_file(&self) -> Option<String> {
        let name = &self.name;
        match self.login {
            Login::Token => Some(format!("{name}.token")),
            Login::Jwt => Some(format!("{name}.pem")),
            Login::ClientCredentials => Some(format!("{name}.client-secret")),
            Login::Browser => self.has_client_secret.then(|| format!("{name}.client-secret")),
        }
    }

    /// The main file: everything of the team, and this connection.
    pub fn main_file(&self) -> String {
        format!(
            "# followupd. Relative paths are meant from the folder of this file; files in conf.d/ beside it are laid over it.\n\
             # Every key with its default stands in the followupd.toml that comes with the program.\n\
             # `followupd check-config` reports every problem at once, with line and fix.\n\
             \n\
             # Where state lives: the journal (never delete it), the cache, sealed tokens.\n\
             data_dir = {}\n\
             # What the team wants to be reminded of, with every default spelled out.\n\
             policy_file = \"policy.toml\"\n\
             # Tokens are sealed with a key in the state directory. A key elsewhere (`followupd secrets new-key FILE`), or\n\
             # the systemd credential secret.key, keeps backups of the state free of usable tokens.\n\
             # key_file = \"followupd.key\"\n\
             \n\
             # Working time: deadlines count only these hours. Owners may differ: [owners.\"ana@example.com\"].\n\
             [calendar]\n\
             zone = {}\n\
             hours = {{ \"mon-fri\" = [{}] }}\n\
             # Days off, or the name of a file with one date a line.\n\
             holidays = []\n\
             \n{}",
            quoted(&self.data_dir),
            quoted(&self.zone),
            quoted(&self.hours),
            self.connection("")
        )
    }

    /// One more connection, as a file of `conf.d/`.
    pub fn drop_in(&self) -> String {
        format!(
            "# One more connection; relative paths are meant from this folder.\n{}",
            self.connection("../")
        )
    }

    fn connection(&self, to_secrets: &str) -> String {
        let name = &self.name;
        let mut text = format!(
            "[connections.{name}]\n\
             provider = {}\n\
             # observe: find and show gaps, write nothing. propose: each task waits for `followupd approve`. enforce: write\n\
             # tasks. Look at `followupd plan` for a week before you change it.\n\
             mode = \"observe\"\n\
             # Share of the daily allowance of API calls.\n\
             api_share = \"10%\"\n",
            quoted(self.provider.as_str())
        );
        let key = match self.provider {
            Provider::Hubspot => "base_url",
            Provider::Salesforce | Provider::Zoho => "login_url",
        };
        if let Some(url) = &self.url {
            line(&mut text, key, url);
        }
        if let Some(url) = &self.base_url {
            line(&mut text, "base_url", url);
        }
        write!(text, "\n[connections.{name}.auth]\n").ok();
        if let Some(client_id) = &self.client_id {
            line(&mut text, "client_id", client_id);
        }
        let file = self.secret_file().map(|file| format!("{to_secrets}{file}"));
        let flow = match self.login {
            Login::Jwt => Some("jwt_bearer"),
            Login::ClientCredentials => Some("client_credentials"),
            Login::Token | Login::Browser => None,
        };
        if let Some(flow) = flow {
            line(&mut text, "flow", flow);
        }
        if let Some(username) = &self.username {
            line(&mut text, "username", username);
        }
        let key = match self.login {
            Login::Token => "access_token_file",
            Login::Jwt => "jwt_key_file",
            Login::ClientCredentials | Login::Browser => "client_secret_file",
        };
        if let Some(file) = file {
            text.push_str("# A file of mode 0600, or a systemd credential of this name.\n");
            line(&mut text, key, &file);
        }
        if self.login == Login::Browser {
            writeln!(
                text,
                "# The refresh token is brought by `followupd auth login {name}` and kept, sealed, in the state directory."
            )
            .ok();
        }
        text
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a `String` cannot fail.
    writeln!(text, "{key} = {}", quoted(value)).ok();
}

/// A TOML string: what JSON escapes, TOML reads.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(provider: Provider, login: Login) -> Answers {
        Answers {
            name: ConnectionId::new("main").unwrap(),
            provider,
            url: (provider != Provider::Hubspot).then(|| "https://accounts.zoho.eu".to_owned()),
            base_url: (login == Login::Token && provider != Provider::Hubspot)
                .then(|| "https://www.zohoapis.eu".to_owned()),
            login,
            client_id: (login != Login::Token).then(|| "app \"one\"".to_owned()),
            username: (login == Login::Jwt).then(|| "integration@example.com".to_owned()),
            has_client_secret: true,
            data_dir: "/var/lib/followupd".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            hours: "08:30-17:00".to_owned(),
        }
    }

    #[test]
    fn every_way_to_log_in_makes_a_configuration_that_loads() {
        let ways = [
            (Provider::Hubspot, Login::Token),
            (Provider::Hubspot, Login::Browser),
            (Provider::Salesforce, Login::Token),
            (Provider::Salesforce, Login::Browser),
            (Provider::Salesforce, Login::ClientCredentials),
            (Provider::Zoho, Login::Token),
            (Provider::Zoho, Login::Browser),
        ];
        for (provider, login) in ways {
            let dir = tempfile::tempdir().unwrap();
            let answers = answers(provider, login);
            let path = dir.path().join("followupd.toml");
            std::fs::write(&path, answers.main_file()).unwrap();
            std::fs::write(dir.path().join("policy.toml"), "").unwrap();
            let mut more = answers.clone();
            more.name = ConnectionId::new("second").unwrap();
            std::fs::create_dir(dir.path().join("conf.d")).unwrap();
            std::fs::write(dir.path().join("conf.d/second.toml"), more.drop_in()).unwrap();
            for answers in [&answers, &more] {
                if let Some(file) = answers.secret_file() {
                    std::fs::write(dir.path().join(file), "secret\n").unwrap();
                }
            }
            let loaded = crate::config::load(&path, []);
            let (config, warnings) = loaded.unwrap_or_else(|problems| panic!("{login:?}: {problems:#?}"));
            assert!(warnings.is_empty() && config.connections.len() == 2);
            let first = config.connections.values().next().unwrap();
            assert_eq!((first.provider, first.mode.as_str()), (provider, "observe"));
        }
    }
}
