//! What only Salesforce connections are configured with: where one logs in, by which flow, in which version.

use std::path::PathBuf;

use followup_salesforce::auth::JwtKey;
use secrecy::ExposeSecret as _;
use url::Url;

use super::{
    Auth,
    read::{Placed, RawConnection},
    secrets,
    validate::Checker,
};

/// The version that is spoken unless configured.
const VERSION: &str = "64.0";
/// The oldest version that has what the connector relies on.
const OLDEST: u32 = 52;
/// Ways to log in.
const FLOWS: &str = "web_server, jwt_bearer, client_credentials";

impl Checker {
    /// Where one logs in.
    pub(super) fn login_url(&mut self, raw: &RawConnection, key: &str) -> Option<Url> {
        let key = format!("{key}.login_url");
        let Some(written) = &raw.login_url else {
            let fix = "add login_url = \"https://acme.my.salesforce.com\" (My Domain in the org's Setup)"
                .to_owned();
            self.error("missing_key", &raw.place, &key, "`login_url` is missing", fix);
            return None;
        };
        self.url(written, &key)
    }

    /// The version, as `64.0`.
    pub(super) fn salesforce_version(&mut self, raw: &RawConnection, key: &str) -> Option<String> {
        let Some(version) = &raw.api_version else {
            return Some(VERSION.to_owned());
        };
        let whole = version.value.strip_suffix(".0");
        let number = whole.and_then(|whole| whole.parse::<u32>().ok());
        if number.is_some_and(|number| number >= OLDEST && Some(number.to_string().as_str()) == whole) {
            return Some(version.value.clone());
        }
        self.error(
            "bad_value",
            &version.place,
            &format!("{key}.api_version"),
            &format!(
                "`{}` is no version of Salesforce's API this program speaks",
                version.value
            ),
            format!("write it as {VERSION}; {OLDEST}.0 is the oldest"),
        );
        None
    }

    /// A fixed session, or one of the three flows.
    pub(super) fn salesforce_auth(&mut self, raw: &RawConnection, key: &str) -> Option<Auth> {
        let place = &raw.place;
        let key = format!("{key}.auth");
        if let Some(token) = &raw.access_token_file {
            if raw.base_url.is_none() {
                let fix =
                    "add base_url, the org's own host; with a fixed token nothing else tells it".to_owned();
                self.error("missing_key", place, &key, "a fixed token needs `base_url`", fix);
            }
            self.secret(token, &format!("{key}.access_token_file"))?;
            return Some(Auth::Bearer {
                access_token_file: token.value.clone(),
            });
        }
        let flow = raw.flow.as_ref().map_or("web_server", |flow| flow.value.as_str());
        match flow {
            "web_server" => {
                let client_id = self.needed(raw.client_id.as_ref(), place, &key, "client_id");
                // A public client has no secret; its login was protected by PKCE alone.
                let secret = raw.client_secret_file.as_ref().map(|written| {
                    self.secret(written, &format!("{key}.client_secret_file"))
                        .map(|()| written.value.clone())
                });
                let refresh = self.refresh_token(raw.refresh_token_file.as_ref(), &key);
                Some(Auth::Refresh {
                    client_id: client_id?,
                    client_secret_file: match secret {
                        Some(read) => Some(read?),
                        None => None,
                    },
                    refresh_token_file: refresh.ok()?,
                })
            }
            "jwt_bearer" => {
                let client_id = self.needed(raw.client_id.as_ref(), place, &key, "client_id");
                let username = self.needed(raw.username.as_ref(), place, &key, "username");
                let file = self.needed_key(raw, &key);
                Some(Auth::JwtBearer {
                    client_id: client_id?,
                    username: username?,
                    jwt_key_file: file?,
                })
            }
            "client_credentials" => {
                let client_id = self.needed(raw.client_id.as_ref(), place, &key, "client_id");
                let secret =
                    self.needed_file(raw.client_secret_file.as_ref(), place, &key, "client_secret_file");
                Some(Auth::ClientCredentials {
                    client_id: client_id?,
                    client_secret_file: secret?,
                })
            }
            other => {
                let place = raw.flow.as_ref().map_or(place, |flow| &flow.place);
                let message = format!("`{other}` is no way to log in to Salesforce");
                let fix = format!("known are: {FLOWS}");
                self.error("bad_value", place, &format!("{key}.flow"), &message, fix);
                None
            }
        }
    }

    /// Keys that mean nothing elsewhere must not look as if they did.
    pub(super) fn only_for_salesforce(&mut self, raw: &RawConnection, key: &str, has_login_url: bool) {
        let login_url = (!has_login_url).then_some(("login_url", &raw.login_url));
        let texts = [("auth.flow", &raw.flow), ("auth.username", &raw.username)];
        let file = raw
            .jwt_key_file
            .as_ref()
            .map(|file| ("auth.jwt_key_file", &file.place));
        let found: Vec<(&str, String)> = login_url
            .into_iter()
            .chain(texts)
            .filter_map(|(name, written)| Some((name, &written.as_ref()?.place)))
            .chain(file)
            .map(|(name, place)| (name, place.clone()))
            .collect();
        for (name, place) in found {
            let message = format!("`{name}` is for Salesforce connections");
            let fix = "remove it, or set provider = \"salesforce\"".to_owned();
            self.error("unknown_key", &place, &format!("{key}.{name}"), &message, fix);
        }
    }

    fn needed(
        &mut self,
        written: Option<&Placed<String>>,
        place: &str,
        key: &str,
        name: &str,
    ) -> Option<String> {
        if written.is_none() {
            self.missing(place, key, name);
        }
        written.map(|written| written.value.clone())
    }

    fn needed_file(
        &mut self,
        written: Option<&Placed<PathBuf>>,
        place: &str,
        key: &str,
        name: &str,
    ) -> Option<PathBuf> {
        let Some(written) = written else {
            self.missing(place, key, name);
            return None;
        };
        self.secret(written, &format!("{key}.{name}"))?;
        Some(written.value.clone())
    }

    fn needed_key(&mut self, raw: &RawConnection, key: &str) -> Option<PathBuf> {
        let name = "jwt_key_file";
        let Some(written) = &raw.jwt_key_file else {
            self.missing(&raw.place, key, name);
            return None;
        };
        let (message, fix) = match secrets::read_key(&written.value) {
            Ok(pem) => match JwtKey::from_pem(pem.expose_secret()) {
                Ok(_) => return Some(written.value.clone()),
                Err(message) => (
                    format!("{}: {message}", written.value.display()),
                    "name the private key that belongs to the app's certificate, in PEM".to_owned(),
                ),
            },
            Err(error) => (error.to_string(), error.fix()),
        };
        self.error(
            "secret_file",
            &written.place,
            &format!("{key}.{name}"),
            &message,
            fix,
        );
        None
    }

    fn missing(&mut self, place: &str, key: &str, name: &str) {
        let message = format!("`{name}` is missing");
        let fix = format!("add {name}, or choose another flow ({FLOWS})");
        self.error("no_login", place, &format!("{key}.{name}"), &message, fix);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::{Auth, load};

    /// The login of a configuration, or the keys that have problems.
    fn login(connection: &str, auth: &str) -> Result<Auth, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        for name in ["secret", "token"] {
            fs::write(dir.path().join(name), "planted\n").unwrap();
        }
        fs::write(
            dir.path().join("key.pem"),
            "-----BEGIN PRIVATE KEY-----\nplanted\n-----END-----\n",
        )
        .unwrap();
        let path = dir.path().join("followupd.toml");
        let text = format!(
            "[connections.sf]\nprovider = \"salesforce\"\n{connection}\n[connections.sf.auth]\n{auth}\n"
        );
        fs::write(&path, text).unwrap();
        match load(&path, []) {
            Ok((config, _)) => Ok(config.connections.into_values().next().unwrap().auth),
            Err(problems) => {
                assert!(
                    problems
                        .iter()
                        .all(|problem| !problem.to_string().contains("planted"))
                );
                Err(problems.into_iter().map(|problem| problem.key).collect())
            }
        }
    }

    const HOST: &str = "login_url = \"https://acme.my.salesforce.com\"";

    #[test]
    fn each_flow_has_its_keys() {
        let web = "client_id = \"app\"\nclient_secret_file = \"secret\"\nrefresh_token_file = \"token\"";
        assert!(matches!(login(HOST, web), Ok(Auth::Refresh { .. })));
        let public = "client_id = \"app\"\nrefresh_token_file = \"token\"";
        assert!(matches!(
            login(HOST, public),
            Ok(Auth::Refresh {
                client_secret_file: None,
                ..
            })
        ));
        let jwt = "flow = \"jwt_bearer\"\nclient_id = \"app\"\nusername = \"ana@example.com\"\njwt_key_file = \"key.pem\"";
        // What only looks like a key is told here, not at the first login.
        assert_eq!(
            login(HOST, jwt).unwrap_err(),
            ["connections.sf.auth.jwt_key_file"]
        );
        let own = "flow = \"client_credentials\"\nclient_id = \"app\"\nclient_secret_file = \"secret\"";
        assert!(matches!(login(HOST, own), Ok(Auth::ClientCredentials { .. })));
        let fixed = format!("{HOST}\nbase_url = \"https://acme.my.salesforce.com\"");
        assert!(matches!(
            login(&fixed, "access_token_file = \"token\""),
            Ok(Auth::Bearer { .. })
        ));
    }

    #[test]
    fn every_problem_of_a_login_is_reported_with_its_key() {
        assert_eq!(
            login(
                "api_version = \"41.0\"",
                "flow = \"jwt_bearer\"\nclient_id = \"app\""
            )
            .unwrap_err(),
            [
                "connections.sf.login_url",
                "connections.sf.api_version",
                "connections.sf.auth.username",
                "connections.sf.auth.jwt_key_file",
            ]
        );
        assert_eq!(
            login(HOST, "flow = \"password\"").unwrap_err(),
            ["connections.sf.auth.flow"]
        );
    }
}
