//! Activities: everything logged about people and deals, as metadata only. Bodies never enter this program.

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    id::{ActivityId, DealId, OwnerId, PersonId, RecordKind},
    person::Stamp,
};

/// The kinds the rules distinguish. Each has the [`RecordKind`] of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// A mail.
    Email,
    /// A phone call.
    Call,
    /// A meeting.
    Meeting,
    /// A short message.
    Sms,
    /// A form submission.
    Form,
    /// A chat.
    Chat,
    /// A note.
    Note,
    /// An open, click or page view.
    Signal,
}

impl ActivityKind {
    /// Every kind, in order.
    pub const ALL: &'static [Self] = &[
        Self::Email,
        Self::Call,
        Self::Meeting,
        Self::Sms,
        Self::Form,
        Self::Chat,
        Self::Note,
        Self::Signal,
    ];

    /// The kind of the record that carries such an activity.
    pub const fn record_kind(self) -> RecordKind {
        match self {
            Self::Email => RecordKind::Email,
            Self::Call => RecordKind::Call,
            Self::Meeting => RecordKind::Meeting,
            Self::Sms => RecordKind::Sms,
            Self::Form => RecordKind::Form,
            Self::Chat => RecordKind::Chat,
            Self::Note => RecordKind::Note,
            Self::Signal => RecordKind::Signal,
        }
    }

    /// The word used in cases, policies and output.
    pub const fn as_str(self) -> &'static str {
        self.record_kind().as_str()
    }

    /// Reads a word of [`Self::as_str`]; `None` for any other.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

/// Which way an activity went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the person to us.
    In,
    /// From us to the person.
    Out,
    /// Among ourselves.
    Internal,
    /// The CRM does not say: suppresses gaps, never counts in metrics.
    Unknown,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// Two people spoke.
    Connected,
    /// A voicemail was left.
    Voicemail,
    /// Nobody picked up.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// The number is wrong.
    WrongNumber,
    /// An inbound call nobody took.
    Missed,
    /// The buyer said no.
    Declined,
    /// A word this program does not know.
    Unknown,
}

impl CallOutcome {
    /// Every outcome, in order.
    pub const ALL: &'static [Self] = &[
        Self::Connected,
        Self::Voicemail,
        Self::NoAnswer,
        Self::Busy,
        Self::WrongNumber,
        Self::Missed,
        Self::Declined,
        Self::Unknown,
    ];

    /// The word used in mapping files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Voicemail => "voicemail",
            Self::NoAnswer => "no-answer",
            Self::Busy => "busy",
            Self::WrongNumber => "wrong-number",
            Self::Missed => "missed",
            Self::Declined => "declined",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a word of [`Self::as_str`]; `None` for any other.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|outcome| outcome.as_str() == word)
    }
}

/// How a meeting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeetingResult {
    /// It took place.
    Held,
    /// The other side did not come.
    NoShow,
    /// It was called off.
    Cancelled,
    /// It was moved to another time.
    Moved,
    /// Nobody recorded how it ended, or it has not ended.
    Unknown,
}

/// What only meetings have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// First instant of the meeting.
    pub starts_at: Timestamp,
    /// Last instant, where known.
    pub ends_at: Option<Timestamp>,
    /// How it ended.
    pub result: MeetingResult,
}

/// One logged activity, as metadata.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one activity, each named in the rules"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// The record.
    pub id: ActivityId,
    /// What it is.
    pub kind: ActivityKind,
    /// Which way it went.
    pub direction: Direction,
    /// When it happened (meetings: when it was booked or logged).
    pub at: Timestamp,
    /// When the CRM learned of it.
    pub logged_at: Timestamp,
    /// The internal user who did it, where known.
    pub by: Option<OwnerId>,
    /// People it is linked to.
    pub people: Vec<PersonId>,
    /// Deals it is linked to.
    pub deals: Vec<DealId>,
    /// Conversation it belongs to, where the CRM tells.
    pub thread: Option<String>,
    /// Keyed hash of the subject line without reply prefixes; never the subject itself.
    pub subject_hash: Option<String>,
    /// Calls only: how it ended; `None` = not recorded.
    pub outcome: Option<CallOutcome>,
    /// Calls only: how long it took.
    pub duration: Option<SignedDuration>,
    /// Meetings only.
    pub meeting: Option<Meeting>,
    /// Sent or made by a machine, list or sequence.
    pub is_machine: bool,
    /// Sent by a CRM sequence on the rep's behalf.
    pub is_sequence: bool,
    /// An automatic reply.
    pub is_auto_reply: bool,
    /// Only the subject line suggests an automatic reply; nothing confirms it.
    pub looks_automatic: bool,
    /// An automatic reply that says the person is away.
    pub is_out_of_office: bool,
    /// A delivery failure, or a mail that failed.
    pub is_bounce: bool,
    /// First day back, from an automatic reply.
    pub return_on: Option<Date>,
    /// A calendar acceptance.
    pub is_calendar_accept: bool,
    /// Word count of a mail, only where bodies may be classified.
    pub words: Option<u32>,
    /// False when our user was only copied.
    pub is_to_owner: bool,
    /// CRM change stamp.
    pub stamp: Stamp,
}

impl Activity {
    /// An activity of which nothing else is known: logged when it happened, by and with nobody, no machine's, and meant
    /// for our user.
    pub const fn new(
        id: ActivityId,
        kind: ActivityKind,
        direction: Direction,
        at: Timestamp,
        stamp: Stamp,
    ) -> Self {
        Self {
            id,
            kind,
            direction,
            at,
            logged_at: at,
            by: None,
            people: Vec::new(),
            deals: Vec::new(),
            thread: None,
            subject_hash: None,
            outcome: None,
            duration: None,
            meeting: None,
            is_machine: false,
            is_sequence: false,
            is_auto_reply: false,
            looks_automatic: false,
            is_out_of_office: false,
            is_bounce: false,
            return_on: None,
            is_calendar_accept: false,
            words: None,
            is_to_owner: true,
            stamp,
        }
    }
}
