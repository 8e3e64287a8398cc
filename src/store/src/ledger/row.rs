//! The life of one task row.

use followup_core::{Baseline, Closing, ConnectionId, OwnerId, RecordRef, TaskId, TaskKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Closed, WriteEnd};

/// The word that stands where something named a person who was erased.
pub const ERASED: &str = "erased";

/// Where the creation of a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowState {
    /// Decided, nothing sent. Sending is safe.
    Planned,
    /// On its way. After a restart this reads as `Unknown`.
    InFlight {
        /// When it was sent.
        sent_at: Timestamp,
        /// By which opening of the directory.
        epoch: u64,
    },
    /// Sent, and nobody knows what became of it. Look before repeating.
    Unknown {
        /// When it was first sent.
        sent_at: Timestamp,
    },
    /// In the CRM.
    Confirmed {
        /// The record.
        id: TaskId,
    },
    /// Refused by the CRM for good.
    Rejected {
        /// What it said.
        reason: String,
    },
}

/// One task of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRow {
    /// Its key.
    pub key: TaskKey,
    /// Where it is written.
    pub connection: ConnectionId,
    /// Who gets it.
    pub owner: OwnerId,
    /// What it is about.
    pub subject: RecordRef,
    /// Every gap it ever held, by id, the one that opened it first.
    pub gaps: Vec<String>,
    /// The gaps whose facts its text tells now, the leading one first.
    pub shown: Vec<String>,
    /// The run that decided it.
    pub run: String,
    /// Where its creation stands.
    pub state: RowState,
    /// When it was decided.
    pub planned_at: Timestamp,
    /// When it appeared in the CRM.
    pub created_at: Option<Timestamp>,
    /// Due instant we wrote.
    pub due_at: Timestamp,
    /// What we last read back.
    pub baseline: Baseline,
    /// A close that is on its way: how, what it will have been, since when.
    pub closing: Option<(Closing, Closed, Timestamp)>,
    /// How and when it ended.
    pub closed: Option<(Closed, Timestamp)>,
}

impl TaskRow {
    /// Whether it is, or may be, open in the CRM.
    pub const fn is_live(&self) -> bool {
        self.closed.is_none() && !matches!(self.state, RowState::Rejected { .. })
    }

    /// Whether it was about a person who was erased: only its key counts, which is never used again.
    pub fn is_erased(&self) -> bool {
        matches!(&self.closed, Some((Closed::LetGo(why), _)) if why == ERASED)
    }

    /// Whether the CRM refused it.
    pub const fn is_refused(&self) -> bool {
        self.closed.is_none() && matches!(self.state, RowState::Rejected { .. })
    }

    /// When the creation left whose outcome is not known, if there is one.
    pub const fn sent_at(&self) -> Option<Timestamp> {
        match self.state {
            RowState::InFlight { sent_at, .. } | RowState::Unknown { sent_at } => Some(sent_at),
            RowState::Planned | RowState::Confirmed { .. } | RowState::Rejected { .. } => None,
        }
    }

    /// The record in the CRM, once confirmed.
    pub const fn remote(&self) -> Option<&TaskId> {
        match &self.state {
            RowState::Confirmed { id } => Some(id),
            _ => None,
        }
    }

    pub(super) fn sent(&mut self, at: Timestamp, epoch: u64) {
        let sent_at = match &self.state {
            RowState::Unknown { sent_at } => *sent_at,
            _ => at,
        };
        self.state = RowState::InFlight { sent_at, epoch };
    }

    pub(super) fn written(&mut self, end: &WriteEnd, at: Timestamp) {
        self.state = match end {
            WriteEnd::Confirmed { id, baseline } => {
                self.baseline = baseline.clone();
                self.created_at.get_or_insert(at);
                RowState::Confirmed { id: id.clone() }
            }
            WriteEnd::Rejected { reason } => RowState::Rejected {
                reason: reason.clone(),
            },
            WriteEnd::NotSent | WriteEnd::Absent => RowState::Planned,
            WriteEnd::Unknown => match &self.state {
                RowState::InFlight { sent_at, .. } | RowState::Unknown { sent_at } => {
                    RowState::Unknown { sent_at: *sent_at }
                }
                _ => RowState::Unknown { sent_at: at },
            },
        };
    }

    pub(super) fn close(&mut self, closed: Closed, at: Timestamp) {
        self.closing = None;
        self.closed = Some((closed, at));
    }
}
