//! HubSpot: contacts (leads by lifecycle stage), companies, deals, calls, emails, meetings, tasks and owners over the
//! dated API paths (`2026-09`), and our own tasks written back.
//!
//! This crate owns every HubSpot quirk that could lose or repeat data: the 10,000 results of a search, its index lag,
//! equal timestamps, partial answers with 207, associations that do not bump a record, lost answers to creations. It
//! knows neither rules nor store.
//!
//! Read in this order: [`HubspotConfig`], `schema` (what is read), `pull` (by which route), `map` (into which record),
//! `tasks` (what is written), `probe` (what the token may do).

mod api;
mod config;
pub mod consent;
mod cursor;
mod discover;
mod kept;
mod map;
mod mapping;
mod paths;
mod probe;
mod pull;
mod schema;
mod scopes;
mod tasks;
mod vendor;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};

use followup_core::{
    ConnectionId, Connector, ConnectorError, CreateOutcome, Discovery, FoundTask, Future, Page, Probe,
    Provider, PullRequest, RecordRef, Reread, SpentQuota, Stream, TaskChange, TaskDraft, TaskQuery, Usage,
    WriteOutcome, normalize_email,
};
use followup_transport::{
    Budget, CallError, Client, ClientParts, Guarded, SendLimits, TokenSource, Transport,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{Api, Turn},
    kept::Kept,
    map::{OwnerDirectory, Stages},
    paths::Paths,
    tasks::KeyMode,
    wire::{AccountWire, OwnerWire},
};

pub use config::{BURST_MAX, DAILY_MAX, HubspotConfig};
pub use followup_core::subject_line::SubjectHash;
pub use mapping::Mapping;
pub use paths::allow_list;
pub use vendor::HubspotVendor;

/// How long owners, pipelines and the account's details are remembered.
const REMEMBER: SignedDuration = SignedDuration::from_mins(10);

/// One HubSpot portal.
pub struct Hubspot {
    config: HubspotConfig,
    api: Api,
    subject_hash: Arc<SubjectHash>,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    owners: Option<(Timestamp, OwnerDirectory)>,
    stages: Option<(Timestamp, Stages)>,
    key_mode: Option<(Timestamp, KeyMode)>,
    account: Option<(Timestamp, AccountWire)>,
    kept: Kept,
    /// When leads turned out not to be readable.
    leads_closed_at: Option<Timestamp>,
}

impl Hubspot {
    /// A connector over `transport`. `subject_hash` is the keyed hash of normalized subject lines; `seed` feeds the
    /// jitter of retries.
    ///
    /// # Errors
    /// A text that says what is wrong with the base URL and what would be right.
    pub fn new(
        config: HubspotConfig,
        transport: Arc<dyn Transport>,
        tokens: TokenSource,
        subject_hash: Arc<SubjectHash>,
        seed: u64,
    ) -> Result<Self, String> {
        let wire = Guarded::new(transport, allow_list(), std::slice::from_ref(&config.base_url))?;
        let client = Client::new(ClientParts {
            wire,
            tokens,
            budget: Arc::new(Budget::new(&config.budget_limits())),
            vendor: Arc::new(HubspotVendor),
            base_url: config.base_url.clone(),
            limits: SendLimits::default(),
            seed,
        });
        Ok(Self {
            api: Api {
                client,
                paths: Paths::new(config.api_version.clone()),
            },
            config,
            subject_hash,
            remembered: Mutex::default(),
        })
    }

    /// The limits in use, for counts that survive a restart.
    pub fn budget(&self) -> &Budget {
        self.api.client.budget()
    }

    fn remember_owners(&self, owners: &[OwnerWire], now: Timestamp) {
        let mut directory = OwnerDirectory::default();
        // Active owners come first, so an address that was given to somebody new belongs to the new owner.
        for owner in owners {
            if let Some(email) = &owner.email {
                directory
                    .by_email
                    .entry(normalize_email(email))
                    .or_insert_with(|| owner.id.clone());
            }
        }
        self.remembered().owners = Some((now, directory));
    }

    /// Active owners, then archived ones.
    async fn all_owners(&self, turn: Turn) -> Result<Vec<OwnerWire>, CallError> {
        let mut owners = self.api.owners(false, turn).await?;
        owners.extend(self.api.owners(true, turn).await?);
        Ok(owners)
    }

    /// Owners by address. A token that may not read owners leaves them unknown; the mails are read all the same.
    async fn owners(&self, turn: Turn) -> Result<OwnerDirectory, ConnectorError> {
        let known = self.remembered().owners.clone();
        if let Some((at, directory)) = known
            && turn.now.duration_since(at) < REMEMBER
        {
            return Ok(directory);
        }
        match self.all_owners(turn).await.map_err(ConnectorError::from) {
            Ok(owners) => self.remember_owners(&owners, turn.now),
            Err(ConnectorError::Forbidden { .. }) => {
                self.remembered().owners = Some((turn.now, OwnerDirectory::default()));
            }
            Err(error) => return Err(error),
        }
        Ok(self
            .remembered()
            .owners
            .clone()
            .map(|(_, directory)| directory)
            .unwrap_or_default())
    }

    /// Deal stages. Where pipelines cannot be read, the deals' own flags and the default ids decide.
    async fn stages(&self, turn: Turn) -> Result<Stages, ConnectorError> {
        let known = self.remembered().stages.clone();
        if let Some((at, stages)) = known
            && turn.now.duration_since(at) < REMEMBER
        {
            return Ok(stages);
        }
        let stages = match self.api.stages(turn).await.map_err(ConnectorError::from) {
            Ok(stages) => stages,
            Err(ConnectorError::Forbidden { .. } | ConnectorError::NotFound { .. }) => Stages::default(),
            Err(error) => return Err(error),
        };
        self.remembered().stages = Some((turn.now, stages.clone()));
        Ok(stages)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        // Caches stay usable whatever happened to whoever held them.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connector for Hubspot {
    fn connection(&self) -> &ConnectionId {
        &self.config.connection
    }

    fn provider(&self) -> Provider {
        Provider::Hubspot
    }

    fn streams(&self) -> &[Stream] {
        schema::STREAMS
    }

    fn probe(&self, now: Timestamp) -> Future<'_, Result<Probe, ConnectorError>> {
        Box::pin(self.look_around(now))
    }

    fn discover(&self, now: Timestamp) -> Future<'_, Result<Discovery, ConnectorError>> {
        Box::pin(self.discover_words(now))
    }

    fn pull(&self, request: PullRequest) -> Future<'_, Result<Page, ConnectorError>> {
        Box::pin(self.pull_page(request))
    }

    fn read<'a>(
        &'a self,
        ids: &'a [RecordRef],
        now: Timestamp,
    ) -> Future<'a, Result<Reread, ConnectorError>> {
        Box::pin(self.read_records(ids, now))
    }

    fn find_tasks<'a>(
        &'a self,
        queries: &'a [TaskQuery],
        now: Timestamp,
    ) -> Future<'a, Result<Vec<FoundTask>, ConnectorError>> {
        Box::pin(self.find(queries, now))
    }

    fn create_tasks<'a>(&'a self, drafts: &'a [TaskDraft], now: Timestamp) -> Future<'a, Vec<CreateOutcome>> {
        Box::pin(self.create(drafts, now))
    }

    fn amend_tasks<'a>(&'a self, changes: &'a [TaskChange], now: Timestamp) -> Future<'a, Vec<WriteOutcome>> {
        Box::pin(self.amend(changes, now))
    }

    fn usage(&self) -> Usage {
        self.api.client.usage()
    }

    fn crm_now(&self) -> Option<Timestamp> {
        self.api.client.server_now()
    }

    fn quota(&self) -> Option<SpentQuota> {
        self.budget().quota()
    }

    fn restore_quota(&self, spent: &SpentQuota) {
        self.budget().restore_quota(spent);
    }
}
