//! Deliberate defects: each breaks one rule the daemon rests on, as a wrapper around a seam of the real product.
//!
//! A simulation that no defect can fool is worth its time; one that a defect slips through is too weak. No product code
//! knows of this: wire defects sit on the transport ([`crate::wire`]), disk defects on journal and cache
//! ([`crate::disk`]), the others around the connector (`Wrong`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use followup_core::{
    ActivityKind, ConnectionId, Connector, ConnectorError, CreateOutcome, Cursor, FoundTask, Future, Page,
    PageEnd, Probe, Provider, PullRequest, Record, RecordRef, Related, RelatedRequest, Reread, SpentQuota,
    Stream, TaskChange, TaskDraft, TaskKey, TaskQuery, TaskStatus, Usage, WriteOutcome,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// A rule broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A window of changes begins where the last one ended, with nothing read again.
    DropOverlap,
    /// A creation whose answer was lost counts as absent without a look.
    DropLook,
    /// The wire sends a creation again although its bytes may have arrived.
    RetryPost,
    /// A write is acknowledged before it is durable.
    AcknowledgeBeforeSync,
    /// Results of a batch belong to its inputs in the order in which they come.
    MatchByPosition,
    /// A cursor is a token that only the present run can use.
    PersistPageToken,
    /// What the headers say about the quota is not heard.
    IgnoreHeaderQuota,
    /// Each refresh of a token is sent twice.
    RefreshTwice,
    /// A stream that cannot be read counts as read and empty.
    ConcludeAbsence,
    /// A task that its rep deleted is created again.
    RecreateDeleted,
}

impl Defect {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::DropOverlap,
        Self::DropLook,
        Self::RetryPost,
        Self::AcknowledgeBeforeSync,
        Self::MatchByPosition,
        Self::PersistPageToken,
        Self::IgnoreHeaderQuota,
        Self::RefreshTwice,
        Self::ConcludeAbsence,
        Self::RecreateDeleted,
    ];

    /// The word used on the command line and in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DropOverlap => "drop-overlap",
            Self::DropLook => "drop-look",
            Self::RetryPost => "retry-post",
            Self::AcknowledgeBeforeSync => "acknowledge-before-sync",
            Self::MatchByPosition => "match-by-position",
            Self::PersistPageToken => "persist-page-token",
            Self::IgnoreHeaderQuota => "ignore-header-quota",
            Self::RefreshTwice => "refresh-twice",
            Self::ConcludeAbsence => "conclude-absence",
            Self::RecreateDeleted => "recreate-deleted",
        }
    }

    /// Reads a word of [`Self::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defect| defect.as_str() == word)
    }

    /// Whether it is a wrapper around the connector.
    const fn is_of_connector(self) -> bool {
        matches!(
            self,
            Self::DropLook | Self::PersistPageToken | Self::ConcludeAbsence | Self::RecreateDeleted
        )
    }
}

/// Wraps `connector` if `defect` is one of those around it.
pub fn around(connector: Arc<dyn Connector>, defect: Option<Defect>) -> Arc<dyn Connector> {
    match defect {
        Some(defect) if defect.is_of_connector() => Arc::new(Wrong {
            inner: connector,
            defect,
            memory: Mutex::default(),
        }),
        _ => connector,
    }
}

/// A connector with a defect.
struct Wrong {
    inner: Arc<dyn Connector>,
    defect: Defect,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Cursors handed out as tokens; dies with the process.
    cursors: BTreeMap<String, Cursor>,
    drafts: BTreeMap<TaskKey, TaskDraft>,
    again: BTreeSet<TaskKey>,
}

impl Wrong {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pull_wrong(&self, mut request: PullRequest) -> Result<Page, ConnectorError> {
        let (stream, now) = (request.stream, request.now);
        match self.defect {
            Defect::PersistPageToken => {
                request.cursor = request.cursor.map(|cursor| self.redeem(&cursor)).transpose()?;
                let mut page = self.inner.pull(request).await?;
                let mut memory = self.memory();
                let token = Cursor(format!("token-{}-{}", memory.cursors.len(), now.as_millisecond()));
                memory.cursors.insert(token.0.clone(), page.cursor.clone());
                page.cursor = token;
                Ok(page)
            }
            Defect::ConcludeAbsence => {
                let cursor = request.cursor.clone();
                match (self.inner.pull(request).await, cursor) {
                    (Err(_), Some(cursor)) if stream.activity_kind().is_some() => Ok(Page {
                        records: Vec::new(),
                        gone: Vec::new(),
                        quarantined: Vec::new(),
                        cursor,
                        end: PageEnd::ReadTo(now),
                        total: None,
                        seen: None,
                    }),
                    (answer, _) => answer,
                }
            }
            Defect::RecreateDeleted => {
                let page = self.inner.pull(request).await?;
                let lost = self.deleted(&page);
                if !lost.is_empty() {
                    self.inner.create_tasks(&lost, now).await;
                }
                Ok(page)
            }
            _ => self.inner.pull(request).await,
        }
    }

    fn redeem(&self, token: &Cursor) -> Result<Cursor, ConnectorError> {
        self.memory()
            .cursors
            .get(&token.0)
            .cloned()
            .ok_or_else(|| ConnectorError::Refused {
                action: "read the next page".to_owned(),
                message: "the page token is not known any more".to_owned(),
            })
    }

    /// Drafts of tasks that a page shows deleted, each once.
    fn deleted(&self, page: &Page) -> Vec<TaskDraft> {
        let mut memory = self.memory();
        let mut drafts = Vec::new();
        for record in &page.records {
            let Record::Task(task) = record else { continue };
            if task.status == TaskStatus::Deleted
                && let Some(key) = &task.key
                && let Some(draft) = memory.drafts.get(key).cloned()
                && memory.again.insert(key.clone())
            {
                drafts.push(draft);
            }
        }
        drafts
    }
}

impl Connector for Wrong {
    fn connection(&self) -> &ConnectionId {
        self.inner.connection()
    }

    fn provider(&self) -> Provider {
        self.inner.provider()
    }

    fn streams(&self) -> &[Stream] {
        self.inner.streams()
    }

    fn probe(&self, now: Timestamp) -> Future<'_, Result<Probe, ConnectorError>> {
        self.inner.probe(now)
    }

    fn announce(&self, pulls: &[PullRequest]) {
        // With cursors of its own nothing it announces would come.
        if self.defect != Defect::PersistPageToken {
            self.inner.announce(pulls);
        }
    }

    fn pull(&self, request: PullRequest) -> Future<'_, Result<Page, ConnectorError>> {
        Box::pin(self.pull_wrong(request))
    }

    fn related_kinds(&self) -> &[ActivityKind] {
        self.inner.related_kinds()
    }

    fn pull_related(&self, request: RelatedRequest) -> Future<'_, Result<Related, ConnectorError>> {
        self.inner.pull_related(request)
    }

    fn read<'a>(
        &'a self,
        ids: &'a [RecordRef],
        now: Timestamp,
    ) -> Future<'a, Result<Reread, ConnectorError>> {
        self.inner.read(ids, now)
    }

    fn find_tasks<'a>(
        &'a self,
        queries: &'a [TaskQuery],
        now: Timestamp,
    ) -> Future<'a, Result<Vec<FoundTask>, ConnectorError>> {
        if self.defect != Defect::DropLook {
            return self.inner.find_tasks(queries, now);
        }
        // Nobody looked, and so nothing was found.
        Box::pin(async { Ok(Vec::new()) })
    }

    fn create_tasks<'a>(&'a self, drafts: &'a [TaskDraft], now: Timestamp) -> Future<'a, Vec<CreateOutcome>> {
        if self.defect == Defect::RecreateDeleted {
            let known = drafts.iter().map(|draft| (draft.key.clone(), draft.clone()));
            self.memory().drafts.extend(known);
        }
        self.inner.create_tasks(drafts, now)
    }

    fn amend_tasks<'a>(&'a self, changes: &'a [TaskChange], now: Timestamp) -> Future<'a, Vec<WriteOutcome>> {
        self.inner.amend_tasks(changes, now)
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    fn crm_now(&self) -> Option<Timestamp> {
        self.inner.crm_now()
    }

    fn rest(&self) -> SignedDuration {
        self.inner.rest()
    }

    fn quota(&self) -> Option<SpentQuota> {
        self.inner.quota()
    }

    fn restore_quota(&self, spent: &SpentQuota) {
        self.inner.restore_quota(spent);
    }
}
