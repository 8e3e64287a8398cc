//! Consent of every vendor, for `auth`.

use anyhow::Context as _;
use followup_core::{ProbeProblem, Provider};
use followup_transport::Consent;

use super::{Auth, ConnectionConfig, Exit, Failure, secret};

/// One connection's consent, and what an admin must know for it.
pub struct ConsentOf {
    /// The vendor's.
    pub consent: Consent,
    /// What to do in the CRM so that the login works, in order; given the redirect address.
    pub steps: fn(&str) -> Vec<String>,
    /// What is asked for, and why.
    pub scopes: Vec<(&'static str, &'static str)>,
}

/// The consent of a connection that logs in through a browser.
///
/// # Errors
/// A [`Failure`] with the fix: another way to log in is configured, or a secret cannot be read.
pub fn consent_of(connection: &ConnectionConfig) -> anyhow::Result<ConsentOf> {
    let name = &connection.id;
    let refuse = |message: String| Err(Failure::new(Exit::Usage, message).into());
    let (client_id, secret_file) = match &connection.auth {
        Auth::Refresh {
            client_id,
            client_secret_file,
            ..
        } => (client_id, client_secret_file),
        Auth::Bearer { access_token_file } => {
            let file = access_token_file.display();
            return refuse(format!(
                "{name} uses a fixed token; there is nothing to log in to. Fix: put a new token into {file}, or \
                 configure client_id and client_secret_file instead of access_token_file"
            ));
        }
        Auth::JwtBearer { .. } | Auth::ClientCredentials { .. } => {
            return refuse(format!(
                "{name} logs in by itself; no consent in a browser is needed. Fix: none; `followupd doctor` says \
                 whether it works"
            ));
        }
    };
    let client_secret = secret_file.as_deref().map(secret).transpose()?;
    let needed = || {
        client_secret
            .clone()
            .context("this CRM knows no login without a client secret")
    };
    let login_url = connection.login_url.as_ref().unwrap_or(&connection.base_url);
    let usage = |message: String| Failure::new(Exit::Usage, message);
    Ok(match connection.provider {
        Provider::Hubspot => ConsentOf {
            consent: followup_hubspot::consent::consent(
                &connection.base_url,
                &connection.api_version,
                client_id,
                needed()?,
            )
            .map_err(usage)?,
            steps: followup_hubspot::consent::steps,
            scopes: followup_hubspot::consent::scopes().collect(),
        },
        Provider::Salesforce => ConsentOf {
            consent: followup_salesforce::auth::consent(login_url, client_id, client_secret)
                .map_err(usage)?,
            steps: followup_salesforce::auth::steps,
            scopes: followup_salesforce::auth::SCOPES.to_vec(),
        },
        Provider::Zoho => ConsentOf {
            consent: followup_zoho::auth::consent(login_url, client_id, needed()?).map_err(usage)?,
            steps: followup_zoho::auth::steps,
            scopes: followup_zoho::auth::SCOPES.to_vec(),
        },
    })
}

/// What scopes as a token answer told them, separated by spaces, lack and have too much. HubSpot tells them when asked,
/// so its probe judges.
pub fn judge_scopes(provider: Provider, granted: &str) -> Vec<ProbeProblem> {
    match provider {
        Provider::Hubspot => Vec::new(),
        Provider::Salesforce => followup_salesforce::auth::judge_scopes(granted),
        Provider::Zoho => followup_zoho::auth::judge_scopes(granted),
    }
}
