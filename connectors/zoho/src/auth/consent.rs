//! Consent in a browser (OAuth pages of Zoho accounts and of v8, read 2026-11), what a client must look like for it, and
//! what a token's scopes say against what is used.
//!
//! Zoho knows no proof key. The browser comes back with the accounts server of the org's data centre; codes are good
//! there alone, for three minutes.

use followup_core::ProbeProblem;
use followup_transport::{AllowList, Consent, consent::RevokeStyle};
use http::Method;
use secrecy::SecretString;
use url::Url;

use super::{check_login_url, read_answer};
use crate::paths::TOKEN;

/// What is asked for, and why.
pub const SCOPES: &[(&str, &str)] = &[
    ("ZohoCRM.modules.leads.READ", "read leads"),
    ("ZohoCRM.modules.contacts.READ", "read contacts"),
    ("ZohoCRM.modules.accounts.READ", "read accounts"),
    ("ZohoCRM.modules.deals.READ", "read deals and their stages"),
    ("ZohoCRM.modules.calls.READ", "read calls"),
    ("ZohoCRM.modules.events.READ", "read meetings"),
    ("ZohoCRM.modules.notes.READ", "see that a note was written"),
    (
        "ZohoCRM.modules.emails.READ",
        "see that a mail went out or came in",
    ),
    ("ZohoCRM.modules.tasks.READ", "read tasks"),
    ("ZohoCRM.modules.tasks.CREATE", "write tasks"),
    ("ZohoCRM.modules.tasks.UPDATE", "amend and complete our own tasks"),
    ("ZohoCRM.modules.tasks.DELETE", "withdraw our own tasks"),
    (
        "ZohoCRM.coql.READ",
        "read changes by query, which costs fewer credits",
    ),
    ("ZohoCRM.users.READ", "know whom to give a task to"),
    ("ZohoCRM.org.READ", "know edition, credits and time zone"),
    ("ZohoCRM.settings.fields.READ", "see which fields are hidden"),
    ("ZohoCRM.settings.layouts.READ", "read the stages of deals"),
    ("ZohoCRM.settings.pipeline.READ", "read the stages of deals"),
    ("ZohoCRM.apis.READ", "know what each call costs"),
];

/// Scopes of every module, which are not scopes of mails.
const EVERY_MODULE: [&str; 2] = ["zohocrm.modules.all", "zohocrm.modules.read"];

/// Where a token is ended.
const REVOKE: &str = "/oauth/v2/token/revoke";

/// Consent in a browser for one client.
///
/// # Errors
/// What is wrong with `login_url`.
pub fn consent(login_url: &Url, client_id: &str, client_secret: SecretString) -> Result<Consent, String> {
    check_login_url(login_url)?;
    let at = |path: &str| {
        login_url
            .join(path)
            .map_err(|error| format!("`{login_url}` cannot be a login_url: {error}"))
    };
    let login = login_url.clone();
    Ok(Consent {
        authorize_url: at("/oauth/v2/auth")?,
        token_url: at(TOKEN)?,
        revoke_url: at(REVOKE)?,
        revoke_style: RevokeStyle::Query,
        allowed: AllowList::new()
            .allow(Method::POST, TOKEN)
            .allow(Method::POST, REVOKE),
        client_id: client_id.to_owned(),
        client_secret: Some(client_secret),
        scopes: asked().join(","),
        // Without the first no refresh token comes, without the second none at a repeated consent.
        extra: &[("access_type", "offline"), ("prompt", "consent")],
        has_pkce: false,
        read: Box::new(move |status, body, now| {
            let none = SecretString::from(String::new());
            read_answer(&login, status, body, &none, now)
        }),
    })
}

fn asked() -> Vec<&'static str> {
    SCOPES.iter().map(|(scope, _)| *scope).collect()
}

/// What an admin does in Zoho so that the login works, in order.
pub fn steps(redirect_uri: &str) -> Vec<String> {
    vec![
        "Open the API console of the org's own data centre: api-console.zoho.com, .eu, .in, .com.au, .jp (its ending is \
         that of the address at which you use Zoho)."
            .to_owned(),
        format!(
            "With a browser on this machine: Add Client, Server-based Applications, authorized redirect URI {redirect_uri}."
        ),
        "Without one: Add Client, Self Client; under Generate Code enter the scopes below, the longest duration and the \
         org, then run this command with --grant-code within that time."
            .to_owned(),
        format!("Scopes: {}", asked().join(",")),
        "Client ID is client_id; the client secret goes into client_secret_file.".to_owned(),
        "Log in as the user followupd shall act as: one who sees all leads, contacts, accounts and deals, and may create, \
         edit and delete tasks."
            .to_owned(),
    ]
}

/// What the scopes of a token, separated by spaces, lack and have too much.
pub fn judge_scopes(granted: &str) -> Vec<ProbeProblem> {
    let granted: Vec<&str> = granted.split_whitespace().collect();
    let has = |scope: &str| granted.iter().any(|granted| covers(granted, scope));
    let missing: Vec<&str> = asked().into_iter().filter(|scope| !has(scope)).collect();
    let is_used = |scope: &str| asked().iter().any(|asked| asked.eq_ignore_ascii_case(scope));
    let superfluous: Vec<&str> = granted.iter().copied().filter(|scope| !is_used(scope)).collect();
    let mut problems = Vec::new();
    if !missing.is_empty() {
        problems.push(ProbeProblem {
            code: "missing_scope".to_owned(),
            message: format!("the login was not given: {}", missing.join(", ")),
            fix: "log in again with these scopes".to_owned(),
        });
    }
    if !superfluous.is_empty() {
        problems.push(ProbeProblem {
            code: "superfluous_scopes".to_owned(),
            message: format!("the login may do more than is used: {}", superfluous.join(", ")),
            fix: "log in again with the scopes that `followupd auth login` lists; nothing here needs more"
                .to_owned(),
        });
    }
    problems
}

/// Whether a granted scope includes `needed`: the same word, or `ALL` of its group. Every module's `ALL` does not
/// include mails (mail pages of v7, read 2026-11).
fn covers(granted: &str, needed: &str) -> bool {
    let (granted, needed) = (granted.to_lowercase(), needed.to_lowercase());
    if granted == needed {
        return true;
    }
    if EVERY_MODULE.contains(&granted.as_str()) && needed.starts_with("zohocrm.modules.emails.") {
        return false;
    }
    match granted.strip_suffix(".all") {
        Some(group) => needed
            .strip_prefix(group)
            .is_some_and(|rest| rest.starts_with('.')),
        None => {
            granted == "zohocrm.modules.read"
                && needed
                    .strip_prefix("zohocrm.modules.")
                    .is_some_and(|rest| rest.strip_suffix(".read").is_some())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_neither_missing_nor_too_much() {
        assert!(judge_scopes(&asked().join(" ")).is_empty());
    }

    #[test]
    fn a_wide_scope_covers_the_modules_but_not_the_mails_and_is_too_much() {
        let rest: Vec<&str> = asked()
            .into_iter()
            .filter(|scope| !scope.starts_with("ZohoCRM.modules."))
            .collect();
        let problems = judge_scopes(&format!("ZohoCRM.modules.ALL {}", rest.join(" ")));
        let message = |at: usize| problems[at].message.as_str();
        assert_eq!(problems[0].code, "missing_scope");
        assert!(
            message(0).ends_with(": ZohoCRM.modules.emails.READ"),
            "{}",
            message(0)
        );
        assert!(message(1).ends_with(": ZohoCRM.modules.ALL"), "{}", message(1));
    }
}
