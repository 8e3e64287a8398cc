//! Salesforce: users and queues, leads, contacts, accounts, opportunities, tasks, logged calls and mails, events and
//! messages over the REST API, and our own tasks written back.
//!
//! This crate owns every Salesforce quirk that could lose or repeat data: rows that become visible after later ones, any
//! number of equal stamps, dying locators, archived activities, fields hidden from the user, answers of 200 with failed
//! rows inside, refresh tokens that die when used twice. It knows neither rules nor store.
//!
//! Read in this order: [`SalesforceConfig`], [`auth`] (how one logs in), `schema` and `org` (what is read, and what of it
//! the user sees), `pull` (by which route), `ahead` (how one call serves several streams), `map` (into which record),
//! `tasks` (what is written), `probe` (what the login may do).

mod ahead;
mod api;
pub mod auth;
mod config;
mod csv;
mod cursor;
mod discover;
mod map;
mod mapping;
mod org;
mod paths;
mod probe;
mod pull;
mod schema;
mod soql;
mod tasks;
mod vendor;
mod view;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use followup_core::{
    ConnectionId, Connector, ConnectorError, CreateOutcome, Discovery, FoundTask, Future, Page, Probe,
    Provider, PullRequest, RecordRef, Reread, SpentQuota, Stream, TaskChange, TaskDraft, TaskQuery, Usage,
    WriteOutcome,
};
use followup_transport::{Budget, Client, ClientParts, Guarded, SendLimits, TokenSource, Transport};
use jiff::Timestamp;

use crate::{
    ahead::Ahead,
    api::Api,
    paths::{DOMAINS, Paths},
    pull::Exports,
    view::{Remembered, View},
};

pub use config::{API_VERSION, BURST_MAX, DAILY_MAX, OVERLAP, SalesforceConfig};
pub use followup_core::subject_line::SubjectHash;
pub use mapping::Mapping;
pub use paths::allow_list;
pub use vendor::SalesforceVendor;

/// Largest answer: five pages of 2,000 rows.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One Salesforce org.
pub struct Salesforce {
    config: SalesforceConfig,
    api: Api,
    subject_hash: Arc<SubjectHash>,
    remembered: Mutex<Remembered>,
    ahead: Mutex<Ahead>,
    exports: Mutex<Exports>,
    /// Jitter of pauses before a locked row is tried again.
    rng: Mutex<fastrand::Rng>,
}

impl Salesforce {
    /// A connector over `transport`. `subject_hash` is the keyed hash of normalized subject lines; `seed` feeds the
    /// jitter of retries.
    ///
    /// # Errors
    /// A text that says what is wrong with a URL or the version, and what would be right.
    pub fn new(
        config: SalesforceConfig,
        transport: Arc<dyn Transport>,
        tokens: TokenSource,
        subject_hash: Arc<SubjectHash>,
        seed: u64,
    ) -> Result<Self, String> {
        SalesforceConfig::check_version(&config.api_version)?;
        let mut hosts = vec![config.login_url.clone()];
        hosts.extend(config.instance_url.clone());
        let wire = Guarded::new(transport, allow_list(), &hosts)?.trusting(DOMAINS);
        let client = Client::new(ClientParts {
            wire,
            tokens,
            // The allowance is that of the last 24 hours (limits cheat sheet): no midnight gives it anew.
            budget: Arc::new(Budget::new(&config.budget_limits()).rolling().assumed()),
            vendor: Arc::new(SalesforceVendor),
            base_url: config
                .instance_url
                .clone()
                .unwrap_or_else(|| config.login_url.clone()),
            limits: SendLimits {
                body_bytes_max: BODY_BYTES_MAX,
                ..SendLimits::default()
            },
            seed,
        });
        Ok(Self {
            api: Api::new(client, Paths::new(&config.api_version)),
            config,
            subject_hash,
            remembered: Mutex::default(),
            ahead: Mutex::default(),
            exports: Mutex::default(),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
        })
    }

    /// The limits in use, for counts that survive a restart.
    pub fn budget(&self) -> &Budget {
        self.api.client.budget()
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        // Caches stay usable whatever happened to whoever held them; so do the other two.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exports(&self) -> MutexGuard<'_, Exports> {
        self.exports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roll<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connector for Salesforce {
    fn connection(&self) -> &ConnectionId {
        &self.config.connection
    }

    fn provider(&self) -> Provider {
        Provider::Salesforce
    }

    fn streams(&self) -> &[Stream] {
        schema::STREAMS
    }

    fn probe(&self, now: Timestamp) -> Future<'_, Result<Probe, ConnectorError>> {
        Box::pin(self.look_around(now))
    }

    fn announce(&self, pulls: &[PullRequest]) {
        self.ahead().announce(pulls, |pull| self.plan(pull));
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
