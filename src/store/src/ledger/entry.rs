//! What can be written into the journal. Variants are only ever added at the end: the codec numbers them.

use followup_core::{Baseline, Closing, ConnectionId, OwnerId, RecordRef, TaskId, TaskKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Closed, Cutover, TaskRow};

/// A word of the rep's remote control, as it stood in a task of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenWord {
    /// The word as this program writes it, for example `later 10d`: never the rep's own text.
    pub word: String,
    /// When the task was changed for it, as far as the CRM tells.
    pub at: Timestamp,
}

/// Why writes wait for an admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FreezeReason {
    /// Our own tasks were found in the CRM but no ledger knew them: the state directory was lost.
    LedgerLost {
        /// How many tasks were adopted.
        adopted: u64,
    },
    /// A run would have created far more tasks than usual.
    Breaker {
        /// How many it planned.
        planned: u64,
    },
    /// A sweep did not see a large part of a stream: gone at once, or lost from sight.
    Vanishing {
        /// Which connection.
        connection: ConnectionId,
        /// The stream's word.
        stream: String,
        /// How many cached records it did not see.
        missing: u64,
        /// Of how many.
        cached: u64,
        /// When the pass began; confirming lets this pass conclude, and no other.
        began: Timestamp,
    },
    /// Entries of the journal are damaged: what they said is lost.
    JournalDamaged {
        /// How many.
        entries: u64,
    },
}

/// A gap as the ledger remembers it. The rules' own types stay with the rules; here they are words and numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapRow {
    /// Rule id.
    pub rule: String,
    /// Anchor record.
    pub anchor: RecordRef,
    /// Crossing in Unix milliseconds, 0 = none.
    pub crossing_ms: i64,
    /// Repeat number, 0 = none.
    pub repeat: u8,
    /// What it is about.
    pub subject: RecordRef,
    /// When it was first found.
    pub found_at: Timestamp,
    /// Policy version under which it was found.
    pub policy_version: String,
    /// How and when it ended, if it has.
    pub end: Option<(GapEnd, Timestamp)>,
}

/// How a gap ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GapEnd {
    /// The follow-up happened.
    DoneEvidence,
    /// The rep said so.
    DoneDeclared,
    /// It stopped mattering.
    Moot,
    /// The rep does not want it.
    Dismissed,
    /// It was open for too long.
    Expired,
    /// `undo` took it back.
    Undone,
}

/// How an attempt to create a task ended.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives only between an answer and the journal"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteEnd {
    /// It is there.
    Confirmed {
        /// The record.
        id: TaskId,
        /// What was read back.
        baseline: Baseline,
    },
    /// The CRM refused it; repeating changes nothing.
    Rejected {
        /// What it said.
        reason: String,
    },
    /// It never left the machine.
    NotSent,
    /// Nobody knows.
    Unknown,
    /// We looked long enough: it is not there.
    Absent,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A process opened the state directory.
    Opened {
        /// Counts openings.
        epoch: u64,
        /// When.
        at: Timestamp,
    },
    /// A connection was first read (or its cutover was set anew).
    Connected {
        /// Which.
        connection: ConnectionId,
        /// From when on its gaps are acted on.
        cutover: Cutover,
        /// When.
        at: Timestamp,
    },
    /// Writes stop until an admin confirms.
    Frozen {
        /// Why.
        reason: FreezeReason,
        /// When.
        at: Timestamp,
    },
    /// An admin lifted the freeze.
    Confirmed {
        /// When.
        at: Timestamp,
    },
    /// A cycle ran under this policy.
    PolicyUsed {
        /// Version.
        version: String,
        /// When.
        at: Timestamp,
    },
    /// A run began.
    RunStarted {
        /// Its id.
        run: String,
        /// When.
        at: Timestamp,
    },
    /// A record's owner differs from the one last seen.
    OwnerChanged {
        /// The person or deal.
        record: RecordRef,
        /// The new owner.
        owner: Option<OwnerId>,
        /// Since when.
        from: Timestamp,
    },
    /// Requests counted against the daily allowance so far.
    QuotaSpent {
        /// Which connection.
        connection: ConnectionId,
        /// The day in the vendor's terms, for example `2026-11-21`.
        day: String,
        /// How many.
        used: u64,
    },
    /// A gap was found for the first time.
    GapOpened {
        /// Its id.
        id: String,
        /// The gap.
        gap: GapRow,
    },
    /// A gap ended.
    GapEnded {
        /// Its id.
        id: String,
        /// How.
        end: GapEnd,
        /// When.
        at: Timestamp,
    },
    /// A task will be created.
    Intended {
        /// The row, in state `Planned`.
        row: Box<TaskRow>,
    },
    /// A task of ours was found in the CRM without being known.
    Adopted {
        /// The row, in state `Confirmed`.
        row: Box<TaskRow>,
    },
    /// A creation is about to be written to the socket.
    Sent {
        /// Which task.
        key: TaskKey,
        /// When.
        at: Timestamp,
        /// By which opening of the directory.
        epoch: u64,
    },
    /// A creation ended, or was found to be unknown.
    Written {
        /// Which task.
        key: TaskKey,
        /// How.
        end: WriteEnd,
        /// When.
        at: Timestamp,
    },
    /// A later write of ours was read back.
    ReadBack {
        /// Which task.
        key: TaskKey,
        /// What the CRM holds now.
        baseline: Baseline,
    },
    /// The set of gaps a task holds changed.
    Folded {
        /// Which task.
        key: TaskKey,
        /// Every gap it ever held, by id, the one that opened it first.
        gaps: Vec<String>,
        /// The gaps whose facts its text tells now, the leading one first.
        shown: Vec<String>,
        /// When.
        at: Timestamp,
    },
    /// A task will be completed, withdrawn or let go.
    CloseIntended {
        /// Which task.
        key: TaskKey,
        /// How.
        closing: Closing,
        /// How it will have ended then.
        then: Closed,
        /// When.
        at: Timestamp,
    },
    /// A task ended.
    Closed {
        /// Which task.
        key: TaskKey,
        /// How.
        closed: Closed,
        /// When.
        at: Timestamp,
    },
    /// A task is about another record now (a merge, a conversion).
    Moved {
        /// Which task.
        key: TaskKey,
        /// The record that stands for the subject now.
        subject: RecordRef,
    },
    /// An admin lets a proposed task be written.
    Approved {
        /// Which task.
        key: TaskKey,
        /// When.
        at: Timestamp,
    },
    /// A connection began to write tasks without asking, or ceased to.
    Acting {
        /// Which connection.
        connection: ConnectionId,
        /// Since when; `None` = it only watches or asks.
        since: Option<Timestamp>,
    },
    /// An admin knows of these damaged bytes of the journal: they ask no more.
    DamageConfirmed {
        /// Where they begin in the file.
        offset: u64,
        /// How many.
        len: u64,
        /// Their checksum: other damage at the same place is news.
        crc: u32,
    },
    /// What the rep wrote to us into a task changed.
    RepWrote {
        /// Which task.
        key: TaskKey,
        /// Every word of theirs that counts now.
        words: Vec<WrittenWord>,
    },
    /// A deal's amount differs from the one last seen.
    AmountChanged {
        /// The deal.
        deal: RecordRef,
        /// The amount in minor units; `None` = it was emptied.
        amount_minor: Option<i64>,
        /// Since when.
        from: Timestamp,
    },
    /// What stood here was about a person who was erased.
    Erased,
}
