//! The vocabulary of followupd: what a CRM holds, in words that belong to no vendor.
//!
//! Connectors turn wire shapes into these values, the store keeps them, the rules judge them, and the connector
//! contract ([`Connector`]) carries them back. This crate knows no async runtime, no HTTP and no storage.
//!
//! Read in this order: [`id`] (names of records), [`person`], [`deal`], [`activity`], [`task`] (the records),
//! [`record`] (all of them in one enum), [`connector`] (pages, cursors and the trait), [`discovery`] (an org's own words), [`batch`], [`cursor`] and
//! [`mod@amend`] (what every connector does with them), [`error`].

pub mod activity;
pub mod amend;
pub mod batch;
pub mod connector;
pub mod cursor;
pub mod deal;
pub mod discovery;
pub mod error;
pub mod id;
pub mod person;
pub mod record;
pub mod subject_line;
pub mod task;
pub mod task_text;

pub use activity::{Activity, ActivityKind, CallOutcome, Direction, Meeting, MeetingResult};
pub use batch::Batch;
pub use connector::{
    Capability, Connector, Cursor, Future, Gone, Lane, Page, PageEnd, Probe, ProbeProblem, PullRequest,
    Quarantined, Related, RelatedRequest, Reread, SpentQuota, Stream, StreamAccess, Usage,
};
pub use deal::{Deal, DealState, StageEntry, StageKind};
pub use discovery::{CustomField, Discovery, OrgWord, Place, SeenWords, Unread, WordList};
pub use error::ConnectorError;
pub use id::{
    AccountId, ActivityId, ConnectionId, DealId, IdError, OwnerId, PersonId, Provider, RecordKind, RecordRef,
    TaskId, TaskKey,
};
pub use person::{
    Absence, Account, ContactFlags, Conversion, Editor, Merge, Owner, OwnerKind, OwnerSpell, Person, Source,
    Stamp, normalize_email,
};
pub use record::Record;
pub use task::{
    Baseline, Closing, CreateOutcome, DraftLinks, FoundTask, LinkChange, Task, TaskChange, TaskDraft,
    TaskFields, TaskOrigin, TaskQuery, TaskStatus, WriteOutcome, WriteOutcomes, text_hash,
};
