//! The browser part of the web-server flow, proof key always (packaging guide "Secure Your Connected Apps and External
//! Client Apps", read 2026-11), what an app must look like for it, and what a session's scopes say against that.

use followup_core::ProbeProblem;
use followup_transport::{AllowList, Consent, consent::RevokeStyle};
use http::Method;
use secrecy::SecretString;
use url::Url;

use super::{read_answer, token_url};
use crate::paths::TOKEN;

/// What is asked for, and why.
pub const SCOPES: &[(&str, &str)] = &[
    ("api", "read records and write tasks"),
    ("refresh_token", "go on without a person at the browser"),
];

/// Where a token is ended.
const REVOKE: &str = "/services/oauth2/revoke";

/// Other names of what is asked for, and what every session carries.
const FINE: &[&str] = &["api", "refresh_token", "offline_access", "id", "openid"];

/// Consent in a browser for one app.
///
/// # Errors
/// What is wrong with `login_url`.
pub fn consent(
    login_url: &Url,
    client_id: &str,
    client_secret: Option<SecretString>,
) -> Result<Consent, String> {
    let at = |path: &str| {
        login_url
            .join(path)
            .map_err(|error| format!("`{login_url}` cannot be a login_url: {error}"))
    };
    let scopes: Vec<&str> = SCOPES.iter().map(|(scope, _)| *scope).collect();
    let login = login_url.clone();
    Ok(Consent {
        authorize_url: at("/services/oauth2/authorize")?,
        token_url: token_url(login_url)?,
        revoke_url: at(REVOKE)?,
        revoke_style: RevokeStyle::Form,
        allowed: AllowList::new()
            .allow(Method::POST, TOKEN)
            .allow(Method::POST, REVOKE),
        client_id: client_id.to_owned(),
        client_secret,
        scopes: scopes.join(" "),
        extra: &[],
        has_pkce: true,
        read: Box::new(move |status, body, now| {
            let none = SecretString::from(String::new());
            read_answer(&login, status, body, &none, now)
        }),
    })
}

/// What an admin does in Salesforce so that the login works, in order.
pub fn steps(redirect_uri: &str) -> Vec<String> {
    vec![
        "In the org: Setup, App Manager (or External Client App Manager), New External Client App.".to_owned(),
        format!(
            "Under OAuth Settings: enable OAuth, callback URL {redirect_uri}, scopes \"Manage user data via APIs (api)\" \
             and \"Perform requests at any time (refresh_token, offline_access)\", nothing else."
        ),
        "Keep \"Require Proof Key for Code Exchange (PKCE)\" on; refresh token rotation may be on, it is expected."
            .to_owned(),
        "Copy consumer key and consumer secret: the key is client_id, the secret goes into client_secret_file."
            .to_owned(),
        "Log in as the user followupd shall act as: one with API Enabled, Edit Tasks, and read access with View All on \
         leads, contacts, accounts and opportunities (config/connectors/salesforce has a permission set)."
            .to_owned(),
    ]
}

/// What the scopes of a session, separated by spaces, have too much.
pub fn judge_scopes(granted: &str) -> Vec<ProbeProblem> {
    let superfluous: Vec<&str> = granted
        .split_whitespace()
        .filter(|scope| !FINE.contains(scope))
        .collect();
    if superfluous.is_empty() {
        return Vec::new();
    }
    vec![ProbeProblem {
        code: "superfluous_scopes".to_owned(),
        message: format!("the login may do more than is used: {}", superfluous.join(", ")),
        fix: "take these scopes from the external client app and log in again; nothing here needs them"
            .to_owned(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_with_full_access_has_too_much_and_one_with_what_is_asked_for_has_not() {
        assert!(judge_scopes("refresh_token api").is_empty());
        let problems = judge_scopes("api full refresh_token");
        assert_eq!(problems[0].code, "superfluous_scopes");
        assert!(problems[0].message.ends_with(": full"), "{}", problems[0].message);
    }
}
