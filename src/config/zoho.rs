//! What only Zoho connections are configured with: the accounts server of the data centre.

use url::Url;

use super::{Auth, read::RawConnection, validate::Checker};

/// The version that is spoken.
const VERSION: &str = "v8";

impl Checker {
    /// The accounts server of the org's data centre.
    pub(super) fn accounts_url(&mut self, raw: &RawConnection, key: &str) -> Option<Url> {
        let key = format!("{key}.login_url");
        let Some(written) = &raw.login_url else {
            let fix = "add login_url = \"https://accounts.zoho.eu\", the accounts server of the org's own data centre \
                       (.com, .eu, .in, .com.au, .jp, .com.cn, .sa; Canada: https://accounts.zohocloud.ca)"
                .to_owned();
            self.error("missing_key", &raw.place, &key, "`login_url` is missing", fix);
            return None;
        };
        self.url(written, &key)
    }

    /// There is one version this program speaks.
    pub(super) fn zoho_version(&mut self, raw: &RawConnection, key: &str) -> Option<String> {
        let Some(version) = raw
            .api_version
            .as_ref()
            .filter(|version| version.value != VERSION)
        else {
            return Some(VERSION.to_owned());
        };
        let message = format!(
            "`{}` is no version of Zoho's API this program speaks",
            version.value
        );
        let fix = format!("remove it, or write {VERSION}");
        self.error(
            "bad_value",
            &version.place,
            &format!("{key}.api_version"),
            &message,
            fix,
        );
        None
    }

    /// A refresh token of a self client, or a fixed token with the host it is good at.
    pub(super) fn zoho_auth(&mut self, raw: &RawConnection, key: &str) -> Option<Auth> {
        if raw.access_token_file.is_some() && raw.base_url.is_none() {
            let fix = "add base_url, the API host of the data centre, for example https://www.zohoapis.eu"
                .to_owned();
            let key = format!("{key}.auth");
            self.error(
                "missing_key",
                &raw.place,
                &key,
                "a fixed token needs `base_url`",
                fix,
            );
        }
        self.auth(raw, key)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::{Auth, load};

    fn login(connection: &str, auth: &str) -> Result<Auth, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        for name in ["secret", "token"] {
            fs::write(dir.path().join(name), "planted\n").unwrap();
        }
        let path = dir.path().join("followupd.toml");
        let text =
            format!("[connections.z]\nprovider = \"zoho\"\n{connection}\n[connections.z.auth]\n{auth}\n");
        fs::write(&path, text).unwrap();
        match load(&path, []) {
            Ok((config, _)) => Ok(config.connections.into_values().next().unwrap().auth),
            Err(problems) => Err(problems.into_iter().map(|problem| problem.key).collect()),
        }
    }

    #[test]
    fn a_connection_names_its_accounts_server_and_a_refresh_token() {
        let refresh =
            "client_id = \"1000.A\"\nclient_secret_file = \"secret\"\nrefresh_token_file = \"token\"";
        let host = "login_url = \"https://accounts.zoho.eu\"";
        assert!(matches!(login(host, refresh), Ok(Auth::Refresh { .. })));
        let fixed = format!("{host}\nbase_url = \"https://www.zohoapis.eu\"");
        assert!(matches!(
            login(&fixed, "access_token_file = \"token\""),
            Ok(Auth::Bearer { .. })
        ));
        assert_eq!(login("", refresh).unwrap_err(), ["connections.z.login_url"]);
        let old = format!("{host}\napi_version = \"v2\"");
        assert_eq!(login(&old, refresh).unwrap_err(), ["connections.z.api_version"]);
        let flow = format!("{refresh}\nflow = \"jwt_bearer\"");
        assert_eq!(login(host, &flow).unwrap_err(), ["connections.z.auth.flow"]);
        assert_eq!(
            login(host, "access_token_file = \"token\"").unwrap_err(),
            ["connections.z.auth"]
        );
    }
}
