//! From what the layers said to a configuration that can be used: everything is checked, everything is reported.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use followup_core::{ConnectionId, Provider};
use followup_rules::{
    calendar::{Calendar, WeeklyHours},
    problem::{Problem, Severity, nearest},
};
use jiff::SignedDuration;
use url::{Host, Url};

use super::{
    Auth, Config, ConnectionConfig, LogConfig, PrivacyConfig,
    layers::read_file,
    read::{Placed, Raw, RawCalendar, RawConnection, RawOwner},
};
use crate::{
    sealing::KeySource,
    team::{OwnerSettings, TeamSettings},
};

/// Where HubSpot's API is.
const HUBSPOT_URL: &str = "https://api.hubapi.com";

/// Date versions of HubSpot's paths that the connector speaks.
const HUBSPOT_VERSIONS: &[&str] = &["2026-09", "2026-03", "v3"];

/// Something cannot be used, and was reported.
#[derive(Debug)]
pub(super) struct Refused;

/// Whether everything must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// Everything.
    Complete,
    /// Everything but refresh tokens.
    BeforeLogin,
}

pub(super) struct Checker {
    problems: Vec<Problem>,
    strictness: Strictness,
}

/// Checks everything together; answers the configuration and its warnings.
pub(super) fn validate(
    raw: Raw,
    path: &Path,
    problems: Vec<Problem>,
    strictness: Strictness,
) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let mut checker = Checker { problems, strictness };
    let team = checker.team(&raw);
    let connections = raw
        .connections
        .iter()
        .filter_map(|(name, connection)| {
            let connection = checker.connection(name, connection)?;
            Some((connection.id.clone(), connection))
        })
        .collect::<BTreeMap<_, _>>();
    if raw.connections.is_empty() && checker.problems.is_empty() {
        let fix = "add a [connections.NAME] table; config/followupd.toml shows one".to_owned();
        checker.error(
            "no_connection",
            &path.display().to_string(),
            "connections",
            "no connection is configured",
            fix,
        );
    }
    checker.key_file(&raw);
    let health_listen = checker.health_listen(&raw);
    let has_errors = checker
        .problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    if has_errors {
        return Err(checker.problems);
    }
    let config = Config {
        data_dir: raw.data_dir.unwrap_or_else(|| "/var/lib/followupd".into()),
        policy_file: raw.policy_file.map(|file| file.value),
        key_file: raw.key_file.map(|file| file.value),
        privacy: PrivacyConfig {
            show_subjects: raw.show_subjects.unwrap_or(false),
            classify_bodies: raw.classify_bodies.unwrap_or(false),
        },
        keep_deleted: raw.keep_deleted,
        health_listen,
        log: LogConfig {
            level: raw.log_level.unwrap_or_else(|| "info".to_owned()),
            is_json: raw.log_is_json.unwrap_or(false),
        },
        team,
        connections,
    };
    Ok((config, checker.problems))
}

impl Checker {
    pub(super) fn error(&mut self, code: &'static str, place: &str, key: &str, message: &str, fix: String) {
        self.problems.push(Problem {
            code,
            severity: Severity::Error,
            place: place.to_owned(),
            key: key.to_owned(),
            message: message.to_owned(),
            fix,
        });
    }

    /// Where health questions are answered. An address beyond this machine is used, and told: there is no login.
    fn health_listen(&mut self, raw: &Raw) -> Option<SocketAddr> {
        let listen = raw.health_listen.as_ref()?;
        let key = "health.listen";
        let Ok(address) = listen.value.parse::<SocketAddr>() else {
            let message = format!("`{}` is no address with a port", listen.value);
            let fix = "write it as \"127.0.0.1:9464\"".to_owned();
            self.error("bad_value", &listen.place, key, &message, fix);
            return None;
        };
        if !address.ip().is_loopback() {
            self.problems.push(Problem {
                code: "public_health",
                severity: Severity::Warning,
                place: listen.place.clone(),
                key: key.to_owned(),
                message: "metrics and health are answered to whoever reaches this address, without a login"
                    .to_owned(),
                fix: "use 127.0.0.1 and a reverse proxy, or a firewall".to_owned(),
            });
        }
        Some(address)
    }

    /// A configured key file must hold keys; nothing is sealed with a key that is not there at the next start.
    fn key_file(&mut self, raw: &Raw) {
        let Some(file) = &raw.key_file else { return };
        if let Err(error) = KeySource::configured(file.value.clone()).keys() {
            self.error(
                "key_file",
                &file.place,
                "key_file",
                &error.to_string(),
                error.fix(),
            );
        }
    }

    fn team(&mut self, raw: &Raw) -> TeamSettings {
        let calendar = self.calendar(&raw.calendar, "calendar", &Calendar::default());
        let owners = raw
            .owners
            .iter()
            .map(|(email, owner)| (email.clone(), self.owner(email, owner, raw, &calendar)))
            .collect();
        TeamSettings { calendar, owners }
    }

    fn owner(&mut self, email: &str, owner: &RawOwner, raw: &Raw, team: &Calendar) -> OwnerSettings {
        let key = format!("owners.\"{email}\"");
        let named = [("same_as", &owner.same_as), ("delegate", &owner.delegate)];
        for (word, address) in named {
            if let Some(address) = address {
                self.known_owner(word, address, email, raw);
            }
        }
        OwnerSettings {
            zone: owner.zone.clone(),
            calendar: owner
                .calendar
                .as_ref()
                .map(|own| self.calendar(own, &format!("{key}.calendar"), team)),
            absences: owner.absences.clone(),
            same_as: owner.same_as.clone(),
            language: owner.language.clone(),
            is_admin: owner.admin.unwrap_or(false),
            leader: owner.leader.clone(),
            delegate: owner.delegate.clone(),
        }
    }

    /// Whoever an owner's table names must have one too, and be somebody else.
    fn known_owner(&mut self, word: &str, address: &str, email: &str, raw: &Raw) {
        let key = format!("owners.\"{email}\"");
        let stands_for = |address: &str| {
            let same_as = raw.owners.get(address).and_then(|owner| owner.same_as.clone());
            same_as.unwrap_or_else(|| address.to_owned())
        };
        let is_own = match word {
            "delegate" => stands_for(address) == stands_for(email),
            _ => address == email,
        };
        if is_own {
            self.error(
                "unknown_owner",
                "owners",
                &key,
                &format!("{word} names the owner whose table it is"),
                format!("name somebody else, or leave {word} out"),
            );
        } else if !raw.owners.contains_key(address) {
            let known = raw.owners.keys().map(String::as_str);
            let near =
                nearest(address, known).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            let fix = format!("{near}add an [owners.\"{address}\"] table, empty if need be");
            self.error(
                "unknown_owner",
                "owners",
                &key,
                &format!("{word} names `{address}`, which is not configured"),
                fix,
            );
        }
    }

    fn calendar(&mut self, raw: &RawCalendar, key: &str, base: &Calendar) -> Calendar {
        let hours = match &raw.hours {
            None => base.hours().clone(),
            Some(written) => WeeklyHours::parse(&written.value).unwrap_or_else(|errors| {
                for error in errors {
                    let key = error
                        .key()
                        .map_or_else(|| format!("{key}.hours"), |day| format!("{key}.hours.{day}"));
                    self.error(
                        "bad_hours",
                        &written.place,
                        &key,
                        &error.to_string(),
                        String::new(),
                    );
                }
                WeeklyHours::standard()
            }),
        };
        let mut holidays = raw.holidays.clone().unwrap_or_else(|| base.holidays().clone());
        if let Some(file) = &raw.holidays_file {
            holidays.extend(self.holidays(file, key));
        }
        let zone = raw.zone.clone().unwrap_or_else(|| base.zone().clone());
        Calendar::new(zone, hours, holidays, Vec::new())
    }

    /// A file of dates, one a line; `#` begins a comment.
    fn holidays(&mut self, file: &Placed<std::path::PathBuf>, key: &str) -> Vec<jiff::civil::Date> {
        let text = match read_file(&file.value, &format!("{key}.holidays")) {
            Ok(text) => text,
            Err(found) => {
                self.problems.extend(found);
                return Vec::new();
            }
        };
        let mut dates = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            match line.parse() {
                Ok(date) => dates.push(date),
                Err(_) => self.error(
                    "bad_date",
                    &format!("{}:{}", file.value.display(), index + 1),
                    &format!("{key}.holidays"),
                    &format!("`{line}` is no date"),
                    "write one date a line, as 2026-12-25".to_owned(),
                ),
            }
        }
        dates
    }

    fn connection(&mut self, name: &str, raw: &RawConnection) -> Option<ConnectionConfig> {
        let key = format!("connections.{name}");
        let id = match ConnectionId::new(name) {
            Ok(id) if id.is_manual() => {
                let message = "this name is kept for activities that come from files";
                self.error(
                    "bad_name",
                    &raw.place,
                    &key,
                    message,
                    "choose another name".to_owned(),
                );
                None
            }
            Ok(id) => Some(id),
            Err(error) => {
                self.error("bad_name", &raw.place, &key, &error.to_string(), String::new());
                None
            }
        };
        let provider = self.provider(raw, &key);
        // Where one logs in tells where the data are, for vendors with many hosts.
        let login_url = match provider {
            Some(Provider::Salesforce) => self.login_url(raw, &key),
            Some(Provider::Zoho) => self.accounts_url(raw, &key),
            Some(Provider::Hubspot) | None => None,
        };
        let has_login_url = matches!(provider, Some(Provider::Salesforce | Provider::Zoho));
        let base_url = if has_login_url && raw.base_url.is_none() {
            login_url.clone()
        } else {
            self.base_url(raw, &key)
        };
        let (api_version, auth) = match provider {
            Some(Provider::Salesforce) => (
                self.salesforce_version(raw, &key),
                self.salesforce_auth(raw, &key),
            ),
            Some(Provider::Zoho) => (self.zoho_version(raw, &key), self.zoho_auth(raw, &key)),
            Some(Provider::Hubspot) | None => (self.api_version(raw, &key), self.auth(raw, &key)),
        };
        if provider != Some(Provider::Salesforce) {
            self.only_for_salesforce(raw, &key, has_login_url);
        }
        Some(ConnectionConfig {
            id: id?,
            provider: provider?,
            base_url: base_url?,
            login_url,
            api_version: api_version?,
            mode: raw.mode.unwrap_or_default(),
            api_share: raw.api_share.unwrap_or(10),
            burst_share: raw.burst_share.unwrap_or(50),
            search_per_second: raw.search_per_second.unwrap_or(1),
            poll_every: raw.poll_every.unwrap_or(SignedDuration::from_secs(60)),
            backfill_since: raw.backfill_since,
            cutover: raw.cutover,
            mapping_file: raw.mapping_file.as_ref().map(|file| file.value.clone()),
            auth: auth?,
        })
    }

    fn provider(&mut self, raw: &RawConnection, key: &str) -> Option<Provider> {
        let key = format!("{key}.provider");
        let Some(provider) = &raw.provider else {
            self.error(
                "missing_key",
                &raw.place,
                &key,
                "`provider` is missing",
                "add provider = \"hubspot\", provider = \"salesforce\" or provider = \"zoho\"".to_owned(),
            );
            return None;
        };
        match provider.value.as_str() {
            "hubspot" => Some(Provider::Hubspot),
            "salesforce" => Some(Provider::Salesforce),
            "zoho" => Some(Provider::Zoho),
            other => {
                let near = nearest(other, ["hubspot", "salesforce", "zoho"]);
                let fix = near.map_or_else(
                    || "known are: hubspot, salesforce, zoho".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.error(
                    "bad_value",
                    &provider.place,
                    &key,
                    &format!("`{other}` is not a known CRM"),
                    fix,
                );
                None
            }
        }
    }

    fn base_url(&mut self, raw: &RawConnection, key: &str) -> Option<Url> {
        let key = format!("{key}.base_url");
        let Some(written) = &raw.base_url else {
            return Url::parse(HUBSPOT_URL).ok();
        };
        self.url(written, &key)
    }

    /// A URL of the CRM: https, or plain http on this machine.
    pub(super) fn url(&mut self, written: &Placed<String>, key: &str) -> Option<Url> {
        let Ok(url) = Url::parse(&written.value) else {
            let fix = "write it as https://host, without a path".to_owned();
            self.error(
                "bad_url",
                &written.place,
                key,
                &format!("`{}` is no URL", written.value),
                fix,
            );
            return None;
        };
        let is_loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
            let fix = "use https; plain http is allowed only on this machine (127.0.0.1, [::1], localhost)"
                .to_owned();
            self.error(
                "insecure_url",
                &written.place,
                key,
                "the token would travel in clear",
                fix,
            );
            return None;
        }
        Some(url)
    }

    fn api_version(&mut self, raw: &RawConnection, key: &str) -> Option<String> {
        let Some(version) = &raw.api_version else {
            return Some("2026-09".to_owned());
        };
        if HUBSPOT_VERSIONS.contains(&version.value.as_str()) {
            return Some(version.value.clone());
        }
        let fix = format!("known are: {}", HUBSPOT_VERSIONS.join(", "));
        let message = format!(
            "`{}` is no version of HubSpot's paths this program speaks",
            version.value
        );
        self.error(
            "bad_value",
            &version.place,
            &format!("{key}.api_version"),
            &message,
            fix,
        );
        None
    }

    pub(super) fn auth(&mut self, raw: &RawConnection, key: &str) -> Option<Auth> {
        let key = format!("{key}.auth");
        let oauth = (&raw.client_id, &raw.client_secret_file, &raw.refresh_token_file);
        match (&raw.access_token_file, oauth) {
            (Some(token), (None, None, None)) => {
                self.secret(token, &format!("{key}.access_token_file"))?;
                Some(Auth::Bearer {
                    access_token_file: token.value.clone(),
                })
            }
            (None, (Some(client_id), Some(secret), refresh)) => {
                let secret_ok = self.secret(secret, &format!("{key}.client_secret_file"));
                let refresh = self.refresh_token(refresh.as_ref(), &key);
                secret_ok?;
                Some(Auth::Refresh {
                    client_id: client_id.value.clone(),
                    client_secret_file: Some(secret.value.clone()),
                    refresh_token_file: refresh.ok()?,
                })
            }
            (Some(_), _) => {
                let fix = "keep access_token_file, or the three OAuth keys, not both".to_owned();
                self.error(
                    "two_logins",
                    &raw.place,
                    &key,
                    "two ways to log in are configured",
                    fix,
                );
                None
            }
            (None, _) => {
                let fix = "add access_token_file, or client_id with client_secret_file (and refresh_token_file, unless \
                           you log in with `followupd auth login`)";
                self.error(
                    "no_login",
                    &raw.place,
                    &key,
                    "the login is not complete",
                    fix.to_owned(),
                );
                None
            }
        }
    }

    /// The file a refresh token lies in, where one is configured. `key` is that of the login.
    pub(super) fn refresh_token(
        &mut self,
        file: Option<&Placed<std::path::PathBuf>>,
        key: &str,
    ) -> Result<Option<std::path::PathBuf>, Refused> {
        let Some(file) = file else { return Ok(None) };
        if self.strictness == Strictness::BeforeLogin {
            return Ok(Some(file.value.clone()));
        }
        match super::secrets::read(&file.value) {
            Ok(_) => Ok(Some(file.value.clone())),
            Err(error) => {
                let name = key
                    .strip_prefix("connections.")
                    .and_then(|rest| rest.strip_suffix(".auth"))
                    .unwrap_or("NAME");
                let fix = format!("log in with `followupd auth login {name}`, or {}", error.fix());
                let key = format!("{key}.refresh_token_file");
                self.error("secret_file", &file.place, &key, &error.to_string(), fix);
                Err(Refused)
            }
        }
    }

    pub(super) fn secret(&mut self, file: &Placed<std::path::PathBuf>, key: &str) -> Option<()> {
        match super::secrets::read(&file.value) {
            Ok(_) => Some(()),
            Err(error) => {
                self.error("secret_file", &file.place, key, &error.to_string(), error.fix());
                None
            }
        }
    }
}
