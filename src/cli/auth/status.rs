//! `auth status`: what this machine knows about each login.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{find, load};
use crate::{
    cli::{Common, output},
    config::{Auth, Config, ConnectionConfig, secrets},
    exit::Exit,
    health::{self, Health, State},
    tokens::TokenPlace,
};

#[derive(Debug, Serialize)]
struct Logins {
    connections: Vec<Login>,
}

#[derive(Debug, Serialize)]
struct Login {
    name: String,
    provider: String,
    /// `fixed_token`, `browser`, `jwt_bearer` or `client_credentials`.
    kind: &'static str,
    /// `ready`, `refused` (as the last cycle found it), `none` or `unreadable`.
    state: &'static str,
    stored_in: String,
    issued_at: Option<Timestamp>,
    access_until: Option<Timestamp>,
    scopes: Option<String>,
    detail: Option<String>,
    fix: Option<String>,
}

pub(super) fn status(common: &Common, name: Option<&str>) -> anyhow::Result<Exit> {
    let config = load(common)?;
    let chosen: Vec<&ConnectionConfig> = match name {
        Some(name) => vec![find(&config, name)?],
        None => config.connections.values().collect(),
    };
    let health = health::load(&config.data_dir);
    let connections: Vec<Login> = chosen
        .into_iter()
        .map(|connection| look(&config, connection, &health))
        .collect();
    let is_fine = connections.iter().all(|login| login.state == "ready");
    if common.json {
        output::json("auth-status/1", &Logins { connections })?;
    } else {
        connections.iter().for_each(print);
    }
    Ok(if is_fine { Exit::Ok } else { Exit::Connection })
}

fn look(config: &Config, connection: &ConnectionConfig, health: &BTreeMap<String, Health>) -> Login {
    let name = connection.id.to_string();
    let (kind, file, configured) = match &connection.auth {
        Auth::Bearer { access_token_file } => ("fixed_token", Some(access_token_file), true),
        Auth::JwtBearer { jwt_key_file, .. } => ("jwt_bearer", Some(jwt_key_file), true),
        Auth::ClientCredentials {
            client_secret_file, ..
        } => ("client_credentials", Some(client_secret_file), true),
        Auth::Refresh {
            refresh_token_file, ..
        } => ("browser", refresh_token_file.as_ref(), false),
    };
    let secret = file.map(|file| secrets::read_key(file));
    let token = secret.as_ref().and_then(|read| read.as_ref().ok());
    let stored_file = TokenPlace::of(config).file(&connection.id, token.filter(|_| !configured));
    let stored = if configured { Ok(None) } else { stored_file.read() };
    let mut login = Login {
        name: name.clone(),
        provider: connection.provider.to_string(),
        kind,
        state: "ready",
        stored_in: file.map_or_else(
            || stored_file.path().display().to_string(),
            |file| file.display().to_string(),
        ),
        issued_at: None,
        access_until: None,
        scopes: None,
        detail: None,
        fix: None,
    };
    let way_in = format!("run `followupd auth login {name}`");
    match (stored, secret) {
        (Err(error), _) => login.is("unreadable", error.to_string(), way_in),
        (Ok(Some(pair)), _) => {
            login.issued_at = Some(pair.issued_at);
            login.access_until = Some(pair.expires_at);
            login.scopes = pair.scopes;
        }
        (Ok(None), Some(Ok(_))) => {}
        (Ok(None), Some(Err(error))) => {
            let fix = if configured { error.fix() } else { way_in };
            login.is("unreadable", error.to_string(), fix);
        }
        (Ok(None), None) => login.is("none", "nobody has logged in yet".to_owned(), way_in),
    }
    if login.state == "ready"
        && let Some(known) = health.get(&name)
        && known.state == State::Paused
        // What was refused before the login says nothing about it.
        && login.issued_at.is_none_or(|at| known.cycle_at.is_some_and(|cycle| cycle > at))
    {
        let said = known.last_error.clone().unwrap_or_default();
        let (message, fix) = said
            .split_once(". Fix: ")
            .unwrap_or((&said, "run `followupd doctor`"));
        login.is("refused", message.to_owned(), fix.to_owned());
    }
    login
}

impl Login {
    fn is(&mut self, state: &'static str, detail: String, fix: String) {
        self.state = state;
        self.detail = Some(detail);
        self.fix = Some(fix);
    }
}

fn print(login: &Login) {
    output::line(&format!(
        "{} ({}, {}): {}; {}",
        login.name, login.provider, login.kind, login.state, login.stored_in
    ));
    if let (Some(issued), Some(until)) = (login.issued_at, login.access_until) {
        output::line(&format!(
            "  access token of {issued}, good until {until} at the latest"
        ));
    }
    if let Some(scopes) = &login.scopes {
        output::line(&format!("  may: {scopes}"));
    }
    if let (Some(detail), Some(fix)) = (&login.detail, &login.fix) {
        output::line(&format!("  {detail}. Fix: {fix}"));
    }
}
