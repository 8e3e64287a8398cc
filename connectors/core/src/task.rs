//! Tasks as the CRM holds them, and the values with which we create, amend and look them up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    id::{DealId, OwnerId, PersonId, RecordKind, TaskId, TaskKey},
    person::Stamp,
};

/// Who wrote a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskOrigin {
    /// A person.
    Human,
    /// This program: the task carries one of our keys.
    Followupd,
    /// Another tool or a workflow.
    OtherTool,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// To be done.
    Open,
    /// Completed.
    Done,
    /// Put off or withdrawn.
    Deferred,
    /// Archived, deleted or in the recycle bin.
    Deleted,
}

/// The fields of a task that we write and read back. Kept only for our own tasks.
///
/// The read-back of our own write is the baseline against which a human's edit is recognised, because vendors
/// rewrite HTML, reminders and dates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFields {
    /// Subject line as the CRM returns it.
    pub subject: String,
    /// Body as the CRM returns it (HTML on HubSpot).
    pub body: String,
    /// Status word as the CRM returns it.
    pub status: String,
    /// Priority word as the CRM returns it.
    pub priority: String,
    /// When the reminder goes off.
    pub reminder_at: Option<Timestamp>,
}

/// What we read back after our last write, as hashes: enough to tell whether a human changed a field since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// [`text_hash`] of the subject line.
    pub subject_hash: String,
    /// [`text_hash`] of the body.
    pub body_hash: String,
    /// Status word.
    pub status: String,
    /// When the reminder goes off.
    pub reminder_at: Option<Timestamp>,
    /// When the task is due.
    pub due_at: Option<Timestamp>,
    /// Who has it.
    pub owner: Option<OwnerId>,
}

impl Baseline {
    /// The baseline of a task as the CRM returned it.
    pub fn of(task: &Task) -> Self {
        let fields = task.fields.clone().unwrap_or_default();
        Self {
            subject_hash: text_hash(&fields.subject),
            body_hash: text_hash(&fields.body),
            status: fields.status,
            reminder_at: fields.reminder_at,
            due_at: task.due_at,
            owner: task.owner.clone(),
        }
    }

    /// Whether any field but status and reminder differs from `task`: only a human can have changed it.
    pub fn is_edited(&self, task: &Task) -> bool {
        let now = Self::of(task);
        now.subject_hash != self.subject_hash
            || now.body_hash != self.body_hash
            || now.due_at != self.due_at
            || now.owner != self.owner
    }
}

/// First 16 bytes of the SHA-256 of a text, as hex: tells texts apart without keeping them.
pub fn text_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let head = digest
        .iter()
        .take(16)
        .fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    format!("{head:032x}")
}

/// One task record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The record.
    pub id: TaskId,
    /// Who wrote it.
    pub origin: TaskOrigin,
    /// Where it stands.
    pub status: TaskStatus,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// Who has it.
    pub owner: Option<OwnerId>,
    /// People it is linked to.
    pub people: Vec<PersonId>,
    /// Deals it is linked to.
    pub deals: Vec<DealId>,
    /// Our key, on our own tasks.
    pub key: Option<TaskKey>,
    /// What we wrote and read back, on our own tasks.
    pub fields: Option<TaskFields>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// CRM change stamp.
    pub stamp: Stamp,
}

/// The records a task is attached to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftLinks {
    /// People.
    pub people: Vec<PersonId>,
    /// Deals.
    pub deals: Vec<DealId>,
}

impl DraftLinks {
    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.people.is_empty() && self.deals.is_empty()
    }
}

/// Links of a task that are to change. Both lists are idempotent.
///
/// Only links this program made may be taken away: the caller names them, and the connector leaves every link alone
/// that carries more than the plain one we write (a label somebody gave it).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkChange {
    /// Records the task must be attached to.
    pub add: DraftLinks,
    /// Records we attached it to and that it is no longer about.
    pub remove: DraftLinks,
}

impl LinkChange {
    /// Whom and what a task is about afterwards, where it can name one person and one deal: a new one takes the place of
    /// the one that is to go, or an empty one. A place that somebody else filled stays, and a task about a lead names
    /// nothing else.
    pub fn places(&self, task: &Task) -> (Option<PersonId>, Option<DealId>) {
        let person = place(task.people.first(), &self.add.people, &self.remove.people);
        let deal = place(task.deals.first(), &self.add.deals, &self.remove.deals);
        let is_lead = person
            .as_ref()
            .is_some_and(|person| person.record().kind == RecordKind::Lead);
        (person, deal.filter(|_| !is_lead))
    }
}

fn place<T: Clone + PartialEq>(there: Option<&T>, add: &[T], remove: &[T]) -> Option<T> {
    match there.filter(|there| !remove.contains(there)) {
        Some(there) => Some(there.clone()),
        None => add.iter().find(|added| !remove.contains(added)).cloned(),
    }
}

/// A task to be created. Texts are plain: the connector escapes them the vendor's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDraft {
    /// The key that stops a second task.
    pub key: TaskKey,
    /// Who gets it.
    pub owner: OwnerId,
    /// What it is attached to.
    pub links: DraftLinks,
    /// One line, at most 80 characters.
    pub subject: String,
    /// Several lines, separated by `\n`.
    pub body: String,
    /// The marker block that lists key, rule and gap ids; the connector puts it behind the body.
    pub marker: String,
    /// When it is due.
    pub due_at: Timestamp,
    /// When the reminder goes off; before `due_at`.
    pub reminder_at: Option<Timestamp>,
    /// Buyer-initiated: written with the vendor's high priority.
    pub is_urgent: bool,
}

/// What happens to a task we wrote earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// The follow-up happened: complete it.
    Complete,
    /// The gap stopped mattering: withdraw it the vendor's way, so that it does not read as done.
    Withdraw,
    /// The gap stopped mattering but a human touched the task: leave it open and append one line.
    LetGo,
}

/// A change to a task we wrote earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskChange {
    /// The task in the CRM.
    pub id: TaskId,
    /// Its key.
    pub key: TaskKey,
    /// What we last read back after writing: the baseline for a human's edits.
    pub baseline: Baseline,
    /// New subject line, if it is to change and no human changed it.
    pub subject: Option<String>,
    /// New body, if it is to change and no human changed it.
    pub body: Option<String>,
    /// The marker block that goes behind the body.
    pub marker: String,
    /// Records to attach it to, or to take it off. Not looked at when the task is closed.
    pub links: LinkChange,
    /// A line to append below our marker, for example why the task is no longer needed.
    pub append: Option<String>,
    /// Close it, or leave it open.
    pub closing: Option<Closing>,
    /// When the task was created: some vendors withdraw young and old tasks differently.
    pub created_at: Timestamp,
}

/// What is known when looking for a task whose creation had no certain outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskQuery {
    /// The key.
    pub key: TaskKey,
    /// What the task would be attached to: the way in when there is no strong key.
    pub links: DraftLinks,
    /// When the creation was first sent.
    pub sent_at: Option<Timestamp>,
}

/// A task of ours found by its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundTask {
    /// The key that matched.
    pub key: TaskKey,
    /// The record as it stands.
    pub task: Task,
}

/// How one creation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreateOutcome {
    /// Created; the record as the CRM returned it.
    Done(Box<Task>),
    /// A task with this key was there already; the record, if the answer carried it.
    AlreadyThere(Option<Box<Task>>),
    /// Refused: repeating it changes nothing.
    Rejected {
        /// What the CRM said, without payload.
        reason: String,
    },
    /// Not sent at all (no budget, no connection): sending it later is safe.
    NotSent {
        /// Why.
        reason: String,
    },
    /// The login is refused or may not do this: nothing was created, and nothing will be until an admin mends it.
    /// Pauses the connection.
    NotAllowed {
        /// What the CRM said, what is missing and the exact step that mends it.
        reason: String,
    },
    /// Nobody knows: a timeout, a lost answer, a server error. Look before repeating.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// How one change ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteOutcome {
    /// Applied; the record as the CRM returned it, `None` if it was removed.
    Done(Option<Box<Task>>),
    /// The task is gone.
    Gone,
    /// A human changed the field since our baseline; the record as it stands. Nothing was overwritten.
    HumanEdited(Box<Task>),
    /// Refused: repeating it changes nothing.
    Rejected {
        /// What the CRM said, without payload.
        reason: String,
    },
    /// The login is refused or may not do this: nothing was changed. Pauses the connection.
    NotAllowed {
        /// What the CRM said, what is missing and the exact step that mends it.
        reason: String,
    },
    /// Not applied or not known; the change is idempotent and can be sent again.
    Retry {
        /// Why.
        reason: String,
    },
}

/// Outcomes of a batch of changes by task id.
pub type WriteOutcomes = BTreeMap<TaskId, WriteOutcome>;
