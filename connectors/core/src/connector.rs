//! The contract between the engine and a CRM.
//!
//! It is small, and the *caller* owns the page loop: a cursor becomes durable in the same store commit as the
//! records it covers. Every vendor quirk that makes a sync lose or repeat data stays behind this trait.

use std::{collections::BTreeSet, fmt, pin::Pin};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    activity::ActivityKind,
    discovery::Discovery,
    error::ConnectorError,
    id::{ConnectionId, Provider, RecordRef},
    record::Record,
    task::{CreateOutcome, FoundTask, TaskChange, TaskDraft, TaskQuery, WriteOutcome},
};

/// A boxed future, so that connectors can be used as trait objects.
pub type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// One kind of record a connection is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Users and queues.
    Owners,
    /// Our own and human tasks. Read early: it is how a lost ledger is noticed.
    Tasks,
    /// Leads, where the vendor keeps them apart.
    Leads,
    /// Contacts.
    Contacts,
    /// Companies.
    Accounts,
    /// Deals with stage history.
    Deals,
    /// Calls.
    Calls,
    /// Mails.
    Emails,
    /// Meetings.
    Meetings,
    /// Notes.
    Notes,
    /// Short messages and chat messages logged as such.
    Messages,
}

impl Stream {
    /// Every stream, in the order in which they are read.
    pub const ALL: &'static [Self] = &[
        Self::Owners,
        Self::Tasks,
        Self::Leads,
        Self::Contacts,
        Self::Accounts,
        Self::Deals,
        Self::Calls,
        Self::Emails,
        Self::Meetings,
        Self::Notes,
        Self::Messages,
    ];

    /// The word used in output and keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owners => "owners",
            Self::Tasks => "tasks",
            Self::Leads => "leads",
            Self::Contacts => "contacts",
            Self::Accounts => "accounts",
            Self::Deals => "deals",
            Self::Calls => "calls",
            Self::Emails => "emails",
            Self::Meetings => "meetings",
            Self::Notes => "notes",
            Self::Messages => "messages",
        }
    }

    /// The activity kind whose absence this stream proves, if it carries activities.
    pub const fn activity_kind(self) -> Option<ActivityKind> {
        match self {
            Self::Calls => Some(ActivityKind::Call),
            Self::Emails => Some(ActivityKind::Email),
            Self::Meetings => Some(ActivityKind::Meeting),
            Self::Notes => Some(ActivityKind::Note),
            Self::Messages => Some(ActivityKind::Sms),
            Self::Owners | Self::Tasks | Self::Leads | Self::Contacts | Self::Accounts | Self::Deals => None,
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a stream is read: once from the start, to "now", behind the vendor's visibility lag, or by a slow scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// The first read of everything.
    Backfill,
    /// Changes up to now, for speed.
    Hot,
    /// Re-reads an overlap behind the visibility lag, so that nothing late is lost.
    Settled,
    /// A slow id scan that finds what the others missed and what vanished.
    ///
    /// A pass begins with the first page behind a finished pass (or behind no cursor) and ends with
    /// [`PageEnd::ReadTo`], whose instant is when the pass began. It resumes after a restart from its cursor. The
    /// connector answers `ReadTo` only for a pass that provably read everything: each page came whole, and the number
    /// of records seen agrees with the vendor's own count where there is one; otherwise it fails, and the lane is
    /// read again from its start.
    ///
    /// Whoever keeps records marks those in [`Page::seen`], page by page with the cursor. When the pass ends, a
    /// record that is kept, was first seen before the pass began and was not marked is missing: it is read again by id
    /// ([`Connector::read`]) and taken for gone only if that does not bring it. If more than 50 and more than 5 % of
    /// a stream would go at once, nothing goes and an admin is asked.
    Sweep,
}

impl Lane {
    /// The word used in output and keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Hot => "hot",
            Self::Settled => "settled",
            Self::Sweep => "sweep",
        }
    }
}

/// Where a lane of a stream stands. Opaque to everyone but the connector that made it.
///
/// It is plain text so that it can be stored; it never holds a server's page token, and it survives a restart in
/// the middle of a backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// What to read next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Which stream.
    pub stream: Stream,
    /// Which lane.
    pub lane: Lane,
    /// Where the lane stands; `None` starts it. A hot or settled lane that has no cursor of its own starts from the
    /// cursor the finished backfill returned.
    pub cursor: Option<Cursor>,
    /// The present, in the CRM's time as far as we know it.
    pub now: Timestamp,
}

/// Whether a lane has more to read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageEnd {
    /// Ask again with the new cursor.
    More,
    /// Everything visible up to this instant was read.
    ReadTo(Timestamp),
}

/// A record that is no longer there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Which record.
    pub id: RecordRef,
    /// The record it was merged into, if that is why.
    pub merged_into: Option<RecordRef>,
    /// When, as the CRM tells; else when it was noticed.
    pub at: Timestamp,
}

/// A record that could not be read; the rest of its page went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Which record.
    pub id: RecordRef,
    /// What is wrong with it, without its content.
    pub reason: String,
}

/// One page of changes and the cursor behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// New versions of records; repeats are allowed and harmless.
    pub records: Vec<Record>,
    /// Deletions and merges.
    pub gone: Vec<Gone>,
    /// Records set aside.
    pub quarantined: Vec<Quarantined>,
    /// Where the lane stands after this page.
    pub cursor: Cursor,
    /// Whether there is more.
    pub end: PageEnd,
    /// How many records the whole lane will deliver, if the vendor tells (for progress bars).
    pub total: Option<u64>,
    /// Sweeps only: every live record this page showed, delivered or not (one set aside, or too old to be wanted, is
    /// seen all the same). `None` in other lanes, and in a sweep that proves nothing about absence.
    ///
    /// See [`Lane::Sweep`] for what may be concluded from it.
    pub seen: Option<Vec<RecordRef>>,
}

/// Which activities of a record to read, where a vendor offers no stream of their kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedRequest {
    /// Of which kind.
    pub kind: ActivityKind,
    /// Of which record: a lead, a contact or a deal.
    pub record: RecordRef,
    /// Up to when they are known already; `None` = nothing is.
    pub since: Option<Timestamp>,
    /// The present, in the CRM's time as far as we know it.
    pub now: Timestamp,
}

/// Activities of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// New versions of them; repeats are allowed and harmless.
    pub records: Vec<Record>,
    /// Those set aside.
    pub quarantined: Vec<Quarantined>,
    /// Everything of this kind that is visible at the record was read up to this instant.
    pub read_to: Timestamp,
}

/// Records read again by id. Whatever was asked for and stands in neither list is not there any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reread {
    /// As they are now.
    pub records: Vec<Record>,
    /// Those of which nothing can be told: the login may not read them, this CRM has no such record, or what came was not
    /// understood.
    pub unread: Vec<RecordRef>,
}

impl Reread {
    /// Of what was asked for, what is not there any more.
    pub fn missing<'a>(&self, asked: &'a [RecordRef]) -> Vec<&'a RecordRef> {
        let told: BTreeSet<&RecordRef> = self.records.iter().map(Record::id).chain(&self.unread).collect();
        asked.iter().filter(|id| !told.contains(id)).collect()
    }
}

/// Whether a stream can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamAccess {
    /// Readable.
    Ok,
    /// The login may not read it.
    Forbidden {
        /// The scope or permission, as the CRM names it.
        missing: String,
    },
    /// The connection has no such stream.
    Absent,
}

/// What a connection can do, beyond reading streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Tasks can carry a unique key, so creating twice is impossible.
    StrongTaskKey,
    /// Tasks can be written at all.
    WriteTasks,
    /// The CRM records how meetings ended.
    MeetingOutcomes,
    /// Short messages are logged.
    LogsSms,
    /// Chats are logged.
    LogsChat,
}

/// Something about a connection that an admin should mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeProblem {
    /// A stable word.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

/// Who we are in the CRM, what we can see, and what is missing or too much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The portal or org, as the CRM names it.
    pub account: String,
    /// IANA zone of the portal or org, where known.
    pub time_zone: Option<String>,
    /// Every stream of this connection and whether it can be read.
    pub streams: Vec<(Stream, StreamAccess)>,
    /// What else the connection can do.
    pub capabilities: BTreeSet<Capability>,
    /// Permissions that are missing or superfluous, and other findings.
    pub problems: Vec<ProbeProblem>,
}

/// A CRM connection. All methods may be called again after any failure.
pub trait Connector: Send + Sync {
    /// The configured name.
    fn connection(&self) -> &ConnectionId;

    /// Which CRM.
    fn provider(&self) -> Provider;

    /// The streams this connector knows, in the order in which they should be read.
    fn streams(&self) -> &[Stream];

    /// Looks around: identity, permissions, limits; sets up the task key property where that is possible.
    fn probe(&self, now: Timestamp) -> Future<'_, Result<Probe, ConnectorError>>;

    /// Reads the org's own lists of statuses, stages and outcomes and its custom fields, and says what the mapping in
    /// force makes of each word. Nothing is changed.
    fn discover(&self, _now: Timestamp) -> Future<'_, Result<Discovery, ConnectorError>> {
        Box::pin(std::future::ready(Ok(Discovery::default())))
    }

    /// Reads one page of changes.
    fn pull(&self, request: PullRequest) -> Future<'_, Result<Page, ConnectorError>>;

    /// Says which pulls a pass is going to begin with, so that a vendor who answers several queries in one call can be
    /// asked once for all of them. Only a hint: pulls that were not announced are answered all the same, announced ones
    /// need not come, and nothing is read before the first of them comes. A new announcement replaces the last.
    fn announce(&self, _pulls: &[PullRequest]) {}

    /// Kinds of activity that no stream delivers and that are read record by record ([`Self::pull_related`]).
    fn related_kinds(&self) -> &[ActivityKind] {
        &[]
    }

    /// Reads the activities of one kind at one record, all that are new since [`RelatedRequest::since`].
    ///
    /// What comes names the record it was read at. A connector that has no such kind refuses.
    fn pull_related(&self, request: RelatedRequest) -> Future<'_, Result<Related, ConnectorError>> {
        Box::pin(std::future::ready(Err(ConnectorError::Refused {
            action: format!("read {}s of a {}", request.kind.as_str(), request.record.kind),
            message: "this connector has no such list".to_owned(),
        })))
    }

    /// Reads records again by id, by a route that is not an eventually consistent index.
    fn read<'a>(&'a self, ids: &'a [RecordRef], now: Timestamp)
    -> Future<'a, Result<Reread, ConnectorError>>;

    /// Finds our own tasks by key, deleted ones included where the vendor keeps them, by a route that is not an
    /// eventually consistent index.
    fn find_tasks<'a>(
        &'a self,
        queries: &'a [TaskQuery],
        now: Timestamp,
    ) -> Future<'a, Result<Vec<FoundTask>, ConnectorError>>;

    /// Creates tasks; never repeats a creation whose outcome is unknown. One outcome per draft, in the order of
    /// the drafts.
    fn create_tasks<'a>(&'a self, drafts: &'a [TaskDraft], now: Timestamp) -> Future<'a, Vec<CreateOutcome>>;

    /// Amends, completes or withdraws tasks we wrote. A field a human changed is left alone. One outcome per
    /// change, in the order of the changes.
    fn amend_tasks<'a>(&'a self, changes: &'a [TaskChange], now: Timestamp) -> Future<'a, Vec<WriteOutcome>>;

    /// Requests sent so far, and how many of them were throttled.
    fn usage(&self) -> Usage;

    /// The present by the CRM's own clock, as far as its last answer tells; `None` before the first, or where answers do
    /// not say.
    fn crm_now(&self) -> Option<Timestamp> {
        None
    }

    /// How long to rest between two passes, at least, so that the allowance lasts the day; zero where it is ample.
    fn rest(&self) -> SignedDuration {
        SignedDuration::ZERO
    }

    /// What was spent of a daily allowance, to be kept across restarts; `None` before the first request, or where the
    /// vendor counts no days.
    fn quota(&self) -> Option<SpentQuota> {
        None
    }

    /// Takes over what an earlier run spent. A smaller figure for the day that is known already is ignored.
    fn restore_quota(&self, _spent: &SpentQuota) {}
}

/// Requests counted against one day's allowance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentQuota {
    /// The day in the vendor's time zone, for example `2026-11-21`.
    pub day: String,
    /// How many.
    pub used: u64,
}

/// Counters of one connection since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Requests that left the machine.
    pub requests: u64,
    /// Requests answered with "slow down".
    pub throttled: u64,
    /// Requests counted against the daily or rolling allowance.
    pub daily_used: u64,
    /// The part of the daily allowance we allow ourselves; 0 = none is known.
    pub daily_share: u64,
    /// What others used of the daily allowance, as far as headers tell.
    pub daily_others: u64,
}
