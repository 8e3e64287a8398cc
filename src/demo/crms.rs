//! The simulated CRMs as connections: requests go straight to the sandbox, without a socket.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicUsize},
};

use followup_core::{Absence, ConnectionId, Connector};
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_rules::{calendar::Calendar, policy::Policy};
use followup_salesforce::{Salesforce, SalesforceConfig};
use followup_sandbox::{
    Reply, Sandbox, Vendor,
    team::{Leave, MARKED_RULES},
};
use followup_store::{SimJournal, SimKv, Store};
use followup_transport::{Future, SendError, SendLimits, TokenMemory, TokenSource, Transport};
use followup_zoho::{Zoho, ZohoConfig};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    clock::Clock,
    config::Mode,
    engine::{Engine, Link},
    planning::Outbox,
    shared_store::{SharedStore, StoreThread},
    subject_key::{self, SubjectHash},
    team::{OwnerSettings, TeamSettings},
};

/// The CRMs a demo runs; the last one only where it is asked for.
pub(super) fn crms(with_zoho: bool) -> Vec<Vendor> {
    let mut crms = vec![Vendor::Hubspot, Vendor::Salesforce];
    crms.extend(with_zoho.then_some(Vendor::Zoho));
    crms
}

/// Our share of Zoho's credits, in percent.
const ZOHO_SHARE: u8 = 20;

/// The service's engine over simulated stores, with these CRMs of the sandbox connected.
pub(super) fn engine(
    sandbox: &Sandbox,
    crms: &[Vendor],
    seed: u64,
    now: Timestamp,
) -> anyhow::Result<Engine> {
    let hash = subject_key::keyed(seed.to_be_bytes().to_vec());
    let links = crms.iter().map(|vendor| {
        let connector = connector(*vendor, sandbox, seed, &hash)?;
        Ok(Link::new(connector, Mode::Enforce, None))
    });
    let (store, _) = Store::simulated(SimKv::default(), SimJournal::default(), now)?;
    let clock = sandbox.clone();
    Ok(Engine {
        store: SharedStore::new(store, StoreThread::InPlace),
        clock: Clock::InProcess(Arc::new(move || clock.now())),
        // Only what the script marks.
        policy: Arc::new(Policy::default().limited_to(MARKED_RULES)),
        team: TeamSettings {
            calendar: Calendar::default(),
            owners: owners(&sandbox.leaves()),
        },
        links: links.collect::<anyhow::Result<_>>()?,
        keep_deleted: None,
        stop: CancellationToken::new(),
        waiting: AtomicUsize::new(0),
        plan_turn: tokio::sync::Mutex::new(Outbox::default()),
    })
}

/// What an admin writes down about reps on leave.
fn owners(leaves: &[Leave]) -> BTreeMap<String, OwnerSettings> {
    let mut owners: BTreeMap<String, OwnerSettings> = BTreeMap::new();
    for leave in leaves {
        let settings = owners.entry(leave.email.clone()).or_default();
        settings.absences.push(Absence {
            first_on: leave.first_on,
            last_on: leave.last_on,
        });
        settings.delegate.clone_from(&leave.delegate);
    }
    owners
}

fn connector(
    vendor: Vendor,
    sandbox: &Sandbox,
    seed: u64,
    hash: &SubjectHash,
) -> anyhow::Result<Arc<dyn Connector>> {
    let transport: Arc<dyn Transport> = Arc::new(InProcess {
        sandbox: sandbox.clone(),
        vendor,
    });
    let hash = Arc::clone(hash);
    Ok(match vendor {
        Vendor::Hubspot => {
            let config = HubspotConfig::new(
                ConnectionId::new("hubspot")?,
                Url::parse("https://api.hubapi.com")?,
            );
            let tokens = TokenSource::fixed(&sandbox.access().access_token);
            let hubspot = Hubspot::new(config, transport, tokens, hash, seed);
            Arc::new(hubspot.map_err(anyhow::Error::msg)?)
        }
        Vendor::Salesforce => {
            let home = Url::parse("https://brightdesk.my.salesforce.com")?;
            let mut config = SalesforceConfig::new(ConnectionId::new("salesforce")?, home.clone());
            config.instance_url = Some(home);
            let tokens = TokenSource::fixed(&sandbox.salesforce_access().access_token);
            let salesforce = Salesforce::new(config, transport, tokens, hash, seed);
            Arc::new(salesforce.map_err(anyhow::Error::msg)?)
        }
        Vendor::Zoho => {
            let accounts = Url::parse("https://accounts.zoho.eu")?;
            let mut config = ZohoConfig::new(ConnectionId::new("zoho")?, accounts.clone());
            // Mails are read record by record there; a tenth of the credits would make closings late.
            config.api_share = ZOHO_SHARE;
            let tokens = zoho_tokens(sandbox, &accounts).map_err(anyhow::Error::msg)?;
            let zoho = Zoho::new(config, transport, tokens, hash, seed);
            Arc::new(zoho.map_err(anyhow::Error::msg)?)
        }
    })
}

/// Zoho sells no token that lasts; the daemon buys one an hour.
fn zoho_tokens(sandbox: &Sandbox, accounts: &Url) -> Result<TokenSource, String> {
    let access = sandbox.zoho_access();
    followup_zoho::auth::tokens(
        accounts,
        &access.client_id,
        SecretString::from(access.client_secret),
        SecretString::from(access.refresh_token),
        "nothing: a simulated consent does not end",
        Arc::new(TokenMemory::default()),
    )
}

/// Requests go straight to the sandbox.
struct InProcess {
    sandbox: Sandbox,
    vendor: Vendor,
}

impl InProcess {
    async fn reply(&self, request: http::Request<bytes::Bytes>) -> Reply {
        match self.vendor {
            Vendor::Hubspot => self.sandbox.hubspot(request).await,
            Vendor::Salesforce => self.sandbox.salesforce(request).await,
            Vendor::Zoho => self.sandbox.zoho(request).await,
        }
    }
}

impl Transport for InProcess {
    fn send(
        &self,
        request: http::Request<bytes::Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<bytes::Bytes>, SendError>> {
        Box::pin(async move {
            let lost = |why: &str| Err(SendError::maybe_sent(why));
            let answer = match tokio::time::timeout(limits.total, self.reply(request)).await {
                Ok(Reply::Answer(answer)) => answer,
                Ok(Reply::Closed { .. }) => return lost("the connection closed before an answer came"),
                Err(_) => return lost("no answer in time"),
            };
            let announced = answer.headers().get(http::header::CONTENT_LENGTH);
            let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
            if announced.is_some_and(|length| length > answer.body().len()) {
                return lost("the answer was cut");
            }
            Ok(answer)
        })
    }
}
