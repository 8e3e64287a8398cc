//! Zoho CRM: users, leads, contacts, accounts, deals, tasks, calls, meetings and notes over the v8 API, mails record by
//! record, and our own tasks written back.
//!
//! This crate owns every Zoho quirk that could lose or repeat data: pages that end at 2,000 rows and tokens that end within
//! a day, converted leads that drop out of lists, empty answers that are no errors, errors that come as successes, instants
//! in a user's offset, credits, ten access tokens in ten minutes, tasks that no upsert takes. It knows neither rules nor
//! store.
//!
//! Read in this order: [`ZohoConfig`], [`auth`] (how one logs in), `schema` and `org` (what is read, and what of it the
//! user sees), `pull` (by which route), `related` (mails), `map` (into which record), `tasks` (what is written), `probe`
//! (what the login may do).

mod api;
pub mod auth;
mod config;
mod cursor;
mod discover;
mod map;
mod mapping;
mod org;
mod paths;
mod probe;
mod pull;
mod related;
mod rest;
mod schema;
mod tasks;
mod vendor;
mod view;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use followup_core::{
    ActivityKind, ConnectionId, Connector, ConnectorError, CreateOutcome, Discovery, FoundTask, Future, Page,
    Probe, Provider, PullRequest, RecordRef, Related, RelatedRequest, Reread, SpentQuota, Stream, TaskChange,
    TaskDraft, TaskQuery, Usage, WriteOutcome, subject_line::SubjectHash,
};
use followup_transport::{Budget, Client, ClientParts, Guarded, SendLimits, TokenSource, Transport};
use jiff::{SignedDuration, Timestamp};

use crate::{api::Api, paths::DOMAINS, view::Remembered};

pub use config::{BURST_MAX, DAILY_MAX, OVERLAP, ZohoConfig};
pub use mapping::Mapping;
pub use paths::allow_list;
pub use vendor::ZohoVendor;

/// Kinds of activity that are read record by record.
const RELATED: &[ActivityKind] = &[ActivityKind::Email];

/// One Zoho org.
pub struct Zoho {
    config: ZohoConfig,
    api: Api,
    subject_hash: Arc<SubjectHash>,
    remembered: Mutex<Remembered>,
    /// Held while the org is looked at.
    looking: tokio::sync::Mutex<()>,
}

impl Zoho {
    /// A connector over `transport`. `subject_hash` is the keyed hash of normalized subject lines; `seed` feeds the
    /// jitter of retries.
    ///
    /// # Errors
    /// A text that says what is wrong with a URL, and what would be right.
    pub fn new(
        config: ZohoConfig,
        transport: Arc<dyn Transport>,
        tokens: TokenSource,
        subject_hash: Arc<SubjectHash>,
        seed: u64,
    ) -> Result<Self, String> {
        auth::check_login_url(&config.login_url)?;
        let mut hosts = vec![config.login_url.clone()];
        hosts.extend(config.api_url.clone());
        let wire = Guarded::new(transport, allow_list(), &hosts)?.trusting(DOMAINS);
        let vendor = Arc::new(ZohoVendor::default());
        let client = Client::new(ClientParts {
            wire,
            tokens,
            budget: Arc::new(Budget::new(&config.budget_limits()).rolling().assumed()),
            vendor: Arc::clone(&vendor) as Arc<dyn followup_transport::Vendor>,
            base_url: config.api_url.clone().unwrap_or_else(|| config.login_url.clone()),
            limits: SendLimits::default(),
            seed,
        });
        Ok(Self {
            api: Api::new(client, vendor),
            config,
            subject_hash,
            remembered: Mutex::default(),
            looking: tokio::sync::Mutex::new(()),
        })
    }

    /// The limits in use, for counts that survive a restart.
    pub fn budget(&self) -> &Budget {
        self.api.client.budget()
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        // Caches stay usable whatever happened to whoever held them.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connector for Zoho {
    fn connection(&self) -> &ConnectionId {
        &self.config.connection
    }

    fn provider(&self) -> Provider {
        Provider::Zoho
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

    fn related_kinds(&self) -> &[ActivityKind] {
        RELATED
    }

    fn pull_related(&self, request: RelatedRequest) -> Future<'_, Result<Related, ConnectorError>> {
        Box::pin(self.mails_of(request))
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

    fn rest(&self) -> SignedDuration {
        rest::rest_of(&self.usage(), self.api.costs().list)
    }

    fn quota(&self) -> Option<SpentQuota> {
        self.budget().quota()
    }

    fn restore_quota(&self, spent: &SpentQuota) {
        self.budget().restore_quota(spent);
    }
}
