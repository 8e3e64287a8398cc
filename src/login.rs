//! A login in a browser, as far as it happens on this machine: what comes back is caught at a loopback address, or pasted
//! by a person whose browser is elsewhere.
//!
//! Only an answer that carries this login's state counts; any other is told to the browser and to the terminal, and the
//! wait goes on: it may be a tab of an earlier try.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use followup_transport::Begun;
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::Notify};
use url::{Url, form_urlencoded};

use crate::loopback::{self, Asked, Handler, Hosts, Reply};

/// Where the browser comes back to, below the address of this machine.
const CALLBACK: &str = "/callback";

/// The port that is used unless another one is asked for; it is part of what is registered with the CRM.
pub const PORT: u16 = 8737;

/// Why a login brought no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Something else listens there.
    #[error(
        "port {port} of this machine cannot be used: {cause}. Fix: end what listens there, or choose another with --port \
         and register http://localhost:PORT/callback with the app as well, or use --paste"
    )]
    Port {
        /// Which.
        port: u16,
        /// Why, in words.
        cause: String,
    },
    /// The person said no, or the CRM did.
    #[error("the CRM did not give consent: {code}: {message}. Fix: {fix}")]
    Denied {
        /// The vendor's word.
        code: String,
        /// What it said.
        message: String,
        /// What helps.
        fix: &'static str,
    },
    /// The answer belongs to another login.
    #[error(
        "the address belongs to another login (its state is not the one of this login). Fix: open the address printed \
         last, and use what that tab comes back with"
    )]
    ForeignState,
    /// What was pasted is no answer.
    #[error(
        "no code can be read from what was pasted. Fix: paste the whole address of the page the browser ended at; it \
         begins with http://localhost and holds code=… and state=…"
    )]
    NoCode,
    /// Nobody came back.
    #[error(
        "nobody came back from the browser within {} minutes. Fix: run the command again; with the browser on another \
         machine use --paste",
        within.as_secs().div_ceil(60)
    )]
    TimedOut {
        /// How long was waited.
        within: Duration,
    },
    /// The org lives at another accounts server.
    #[error(
        "the org lives at {server}, not at the configured login_url. Fix: set login_url = \"{server}\" and log in again"
    )]
    Elsewhere {
        /// Where.
        server: String,
    },
}

impl LoginError {
    /// A stable word.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Port { .. } => "login_port",
            Self::Denied { .. } => "login_denied",
            Self::ForeignState => "login_foreign_state",
            Self::NoCode => "login_no_code",
            Self::TimedOut { .. } => "login_timed_out",
            Self::Elsewhere { .. } => "login_elsewhere",
        }
    }
}

/// What came back, as far as it is of use.
#[derive(Debug, Clone)]
pub struct CameBack {
    /// Good once, for minutes.
    pub code: SecretString,
}

/// Where the browser is to come back to.
pub fn redirect_uri(port: u16) -> String {
    format!("http://localhost:{port}{CALLBACK}")
}

/// A bound callback address.
pub struct Callback {
    listener: TcpListener,
    /// The port, also where the system chose it.
    pub port: u16,
}

impl Callback {
    /// Binds the port on this machine; 0 lets the system choose.
    ///
    /// # Errors
    /// [`LoginError::Port`].
    pub async fn bind(port: u16) -> Result<Self, LoginError> {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let port = listener.local_addr()?.port();
            Ok(Self { listener, port })
        };
        bound.await.map_err(|error: std::io::Error| LoginError::Port {
            port,
            cause: error.kind().to_string(),
        })
    }

    /// Waits until the browser comes back to this login. `told` hears of answers that belong to no login.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn wait(
        self,
        begun: Arc<Begun>,
        login_url: Option<Url>,
        within: Duration,
        told: fn(&LoginError),
    ) -> Result<CameBack, LoginError> {
        let waiting = Arc::new(Waiting {
            begun,
            login_url,
            told,
            came_back: Mutex::default(),
            notify: Notify::new(),
        });
        let serving = loopback::serve(self.listener, Hosts::ThisMachine, Arc::clone(&waiting));
        let came_back = tokio::select! {
            () = serving => None,
            () = waiting.notify.notified() => waiting.taken(),
            () = tokio::time::sleep(within) => None,
        };
        came_back.unwrap_or(Err(LoginError::TimedOut { within }))
    }
}

struct Waiting {
    begun: Arc<Begun>,
    login_url: Option<Url>,
    told: fn(&LoginError),
    came_back: Mutex<Option<Result<CameBack, LoginError>>>,
    notify: Notify,
}

impl Waiting {
    fn taken(&self) -> Option<Result<CameBack, LoginError>> {
        self.came_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn look(&self, asked: &Asked) -> Reply {
        if asked.path != CALLBACK {
            return Reply::text(
                404,
                "Nothing here. The login of followupd comes back to /callback.\n",
            );
        }
        let outcome = read(&asked.query, &self.begun, self.login_url.as_ref());
        let reply = match &outcome {
            Ok(_) => Reply::text(
                200,
                "followupd has what it needs. You can close this tab; the terminal says how it went on.\n",
            ),
            Err(error) => Reply::text(400, format!("{error}\n")),
        };
        match outcome {
            Err(error @ (LoginError::ForeignState | LoginError::NoCode)) => (self.told)(&error),
            outcome => {
                let mut place = self.came_back.lock().unwrap_or_else(PoisonError::into_inner);
                // One use: what came first counts.
                place.get_or_insert(outcome);
                drop(place);
                self.notify.notify_one();
            }
        }
        reply
    }
}

impl Handler for Waiting {
    fn answer(&self, asked: Asked) -> impl Future<Output = Reply> + Send {
        std::future::ready(self.look(&asked))
    }
}

/// Reads what a person pasted: the whole address the browser ended at.
///
/// # Errors
/// [`LoginError`].
pub fn read_pasted(text: &str, begun: &Begun, login_url: Option<&Url>) -> Result<CameBack, LoginError> {
    let (_, query) = text.trim().split_once('?').ok_or(LoginError::NoCode)?;
    read(query.split('#').next().unwrap_or_default(), begun, login_url)
}

fn read(query: &str, begun: &Begun, login_url: Option<&Url>) -> Result<CameBack, LoginError> {
    let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let field = |name: &str| {
        fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    };
    if field("code").or_else(|| field("error")).is_none() {
        return Err(LoginError::NoCode);
    }
    if !begun.is_mine(field("state").unwrap_or_default()) {
        return Err(LoginError::ForeignState);
    }
    if let Some(code) = field("error") {
        let tidy = |text: &str| followup_transport::text::tidy(text, &[]);
        return Err(LoginError::Denied {
            code: tidy(code),
            message: tidy(field("error_description").unwrap_or("no reason given")),
            fix: denial_fix(code),
        });
    }
    // Zoho says at which data centre the org lives; its codes are good there alone.
    if let (Some(server), Some(login_url)) = (field("accounts-server"), login_url) {
        let is_here = Url::parse(server).is_ok_and(|server| server.origin() == login_url.origin());
        if !is_here {
            return Err(LoginError::Elsewhere {
                server: followup_transport::text::tidy(server, &[]),
            });
        }
    }
    let code = field("code").ok_or(LoginError::NoCode)?;
    Ok(CameBack {
        code: SecretString::from(code.to_owned()),
    })
}

fn denial_fix(code: &str) -> &'static str {
    match code {
        "access_denied" => {
            "log in again and agree, as a user who may install the app; if nobody said no, let an admin pre-authorise the \
             user for it"
        }
        "invalid_scope" => "give the app the scopes listed above, exactly, then log in again",
        _ => "compare the app's registration with the steps above, then log in again",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use followup_transport::{AllowList, Consent, Refusal, consent::RevokeStyle};
    use secrecy::ExposeSecret as _;

    use super::*;

    fn begun() -> Begun {
        let url: Url = "https://accounts.example.com/".parse().unwrap();
        let consent = Consent {
            authorize_url: url.clone(),
            token_url: url.clone(),
            revoke_url: url,
            revoke_style: RevokeStyle::Form,
            allowed: AllowList::new(),
            client_id: "app".to_owned(),
            client_secret: None,
            scopes: String::new(),
            extra: &[],
            has_pkce: true,
            read: Box::new(|_, _, _| Err(Refusal::Broken(String::new()))),
        };
        consent.begin(&redirect_uri(PORT), &[3; 64])
    }

    fn state(begun: &Begun) -> String {
        let (_, state) = begun.url.query_pairs().find(|(name, _)| name == "state").unwrap();
        state.into_owned()
    }

    #[test]
    fn a_pasted_address_is_read_and_anything_else_is_told_with_its_fix() {
        let begun = begun();
        let address = format!(
            "http://localhost:8737/callback?code=c%2B1&state={}\n",
            state(&begun)
        );
        assert_eq!(
            read_pasted(&address, &begun, None).unwrap().code.expose_secret(),
            "c+1"
        );
        let refused = |text: &str| read_pasted(text, &begun, None).unwrap_err();
        assert_eq!(refused("c+1"), LoginError::NoCode);
        assert_eq!(refused("http://localhost/callback?state=1"), LoginError::NoCode);
        assert_eq!(
            refused("http://localhost/callback?code=1&state=2"),
            LoginError::ForeignState
        );
        let denied = format!(
            "http://localhost/callback?error=access_denied&state={}",
            state(&begun)
        );
        assert!(
            refused(&denied)
                .to_string()
                .contains("Fix: log in again and agree")
        );
        for error in [LoginError::NoCode, LoginError::ForeignState, refused(&denied)] {
            assert!(error.to_string().contains("Fix: ") && !error.code().is_empty());
        }
    }

    #[test]
    fn an_org_of_another_data_centre_names_the_right_login_url() {
        let begun = begun();
        let here: Url = "https://accounts.zoho.eu".parse().unwrap();
        let back = |server: &str| {
            let address = format!(
                "http://localhost/callback?code=1&accounts-server={server}&state={}",
                state(&begun)
            );
            read_pasted(&address, &begun, Some(&here))
        };
        assert!(back("https%3A%2F%2Faccounts.zoho.eu").is_ok());
        let error = back("https%3A%2F%2Faccounts.zoho.in").unwrap_err().to_string();
        assert!(
            error.contains("login_url = \"https://accounts.zoho.in\""),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_port_in_use_is_told_with_the_ways_out() {
        let first = Callback::bind(0).await.unwrap();
        let Err(error) = Callback::bind(first.port).await else {
            panic!("bound twice")
        };
        let text = error.to_string();
        assert!(text.contains("--port") && text.contains("--paste"), "{text}");
        drop(Arc::new(first));
    }
}
