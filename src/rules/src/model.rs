//! What goes into a judgement and what comes out of it.
//!
//! In: [`Facts`] (records around a subject), [`Coverage`] (up to when each kind of record is known),
//! [`crate::policy::Policy`], [`crate::calendar::Calendars`] and `now`. Out: an [`Evaluation`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use followup_core::{
    Activity, ActivityKind, ConnectionId, Deal, DealId, Owner, OwnerId, Person, PersonId, RecordRef, Task,
    TaskKey, TaskStatus,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod background;

pub use self::background::{AmountEntry, Background, Passages, Segment, StageKey, StageTable};
use crate::{policy::Span, portable, remote::Said};

/// Declares an enum whose variants have one fixed word each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every value, in declared order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word used in policy files, cases and output.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Reads a word of [`Self::as_str`]; `None` for any other.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Every rule there is, in the order in which rules lead a subject's task; the ones after `promised-date` never
    /// lead.
    RuleId {
        /// The buyer wrote last.
        ReplyWaiting => "reply-waiting",
        /// An inbound call nobody took.
        MissedCall => "missed-call",
        /// An inbound person nobody touched.
        FirstTouch => "first-touch",
        /// `first-touch` for an inquiry outside hours.
        AfterHoursLead => "after-hours-lead",
        /// A dormant person came back.
        ReEngaged => "re-engaged",
        /// The buyer did not come to a meeting.
        NoShow => "no-show",
        /// A meeting was held and nothing followed.
        MeetingRecap => "meeting-recap",
        /// A new owner has open loops.
        Handover => "handover",
        /// The buyer is back from leave.
        BackFromLeave => "back-from-leave",
        /// A proposal is out and nothing is heard.
        ProposalWaiting => "proposal-waiting",
        /// A deal's last words were ours, long ago.
        GoneQuiet => "gone-quiet",
        /// A deal sits in a stage for unusually long.
        StageStalled => "stage-stalled",
        /// A deal has no next step.
        NoNextStep => "no-next-step",
        /// A step of an explicit plan was missed.
        PlanStep => "plan-step",
        /// Tried without reply; the plan says try again.
        NextAttempt => "next-attempt",
        /// All attempts of the plan are used up.
        AttemptsExhausted => "attempts-exhausted",
        /// A mail bounced on the only address.
        BouncedAddress => "bounced-address",
        /// The close date lies in the past.
        CloseDatePassed => "close-date-passed",
        /// A lead nobody works any more.
        StaleLead => "stale-lead",
        /// A past meeting or call without outcome.
        OutcomeMissing => "outcome-missing",
        /// A field the stage requires is empty.
        RequiredField => "required-field",
        /// A date somebody promised has come.
        PromisedDate => "promised-date",
        /// All attempts went through one channel.
        OneChannel => "one-channel",
        /// A record has no valid owner.
        NoOwner => "no-owner",
        /// A meeting tomorrow was not confirmed.
        MeetingUnconfirmed => "meeting-unconfirmed",
        /// An owner has many overdue tasks.
        Backlog => "backlog",
        /// A large deal may need help.
        LoopInLeader => "loop-in-leader",
        /// Ask a customer for a review.
        AskReview => "ask-review",
        /// Ask a customer for a referral.
        AskReferral => "ask-referral",
        /// A large deal hangs on one person.
        SingleThreaded => "single-threaded",
        /// Two owners in two CRMs touched one person.
        CrossCrmCollision => "cross-crm-collision",
        /// A connection cannot be read.
        SyncHealth => "sync-health",
    }
}

impl RuleId {
    /// Whether a buyer's act raised it: exempt from cooldown and the soft cap.
    pub const fn is_buyer_initiated(self) -> bool {
        matches!(
            self,
            Self::ReplyWaiting
                | Self::MissedCall
                | Self::FirstTouch
                | Self::AfterHoursLead
                | Self::ReEngaged
                | Self::NoShow
        )
    }

    /// Whether its gaps are always delivered by an owner's list: outcome `bundled`, even for one.
    pub const fn is_always_bundled(self) -> bool {
        matches!(
            self,
            Self::NoNextStep
                | Self::CloseDatePassed
                | Self::StaleLead
                | Self::OutcomeMissing
                | Self::RequiredField
                | Self::NoOwner
                | Self::LoopInLeader
        )
    }

    /// Whether somebody waits for what it asks, so that it goes to whoever stands in while the owner is away: a buyer, or
    /// the next attempt and what was agreed. Decisions about a lead or a deal, and book-keeping, wait for the owner.
    pub const fn is_delegated(self) -> bool {
        self.is_buyer_initiated()
            || matches!(
                self,
                Self::MeetingRecap
                    | Self::Handover
                    | Self::BackFromLeave
                    | Self::MeetingUnconfirmed
                    | Self::ProposalWaiting
                    | Self::GoneQuiet
                    | Self::PlanStep
                    | Self::NextAttempt
                    | Self::OneChannel
                    | Self::PromisedDate
            )
    }

    /// Whether it asks somebody else than the subject's owner (the admin, a leader, the owner as such): its gaps neither
    /// lead the subject's task nor fold into it.
    pub const fn is_aside(self) -> bool {
        matches!(
            self,
            Self::NoOwner | Self::Backlog | Self::LoopInLeader | Self::CrossCrmCollision | Self::SyncHealth
        )
    }

    /// Whether nobody but the admin is asked: a record without valid owner is no obstacle.
    pub const fn is_for_admin(self) -> bool {
        matches!(self, Self::NoOwner | Self::CrossCrmCollision | Self::SyncHealth)
    }

    /// Whether its anchor is a deal in its current stage: leaving the stage ends the gap.
    pub const fn is_of_stage(self) -> bool {
        matches!(
            self,
            Self::ProposalWaiting
                | Self::StageStalled
                | Self::NoNextStep
                | Self::CloseDatePassed
                | Self::RequiredField
                | Self::SingleThreaded
        )
    }
}

words! {
    /// Why a true gap is not (or not yet) a task, in the order in which reasons are reported.
    Code {
        /// The anchor is older than the cutover or the rule's `max_age`.
        TooOld => "too_old",
        /// A list, tag, domain or field says exclude.
        Excluded => "excluded",
        /// A legal hold says exclude.
        LegalHold => "legal_hold",
        /// The lead was converted.
        Converted => "converted",
        /// The same human has an older gap of the same rule.
        DuplicatePerson => "duplicate_person",
        /// The deal is lost.
        ClosedLost => "closed_lost",
        /// The deal is won.
        ClosedWon => "closed_won",
        /// The person's status is in the policy's dead set.
        Disqualified => "disqualified",
        /// No channel is left.
        Optout => "optout",
        /// The only address bounced.
        Bounced => "bounced",
        /// The owner is missing, inactive, a queue or an integration.
        OwnerInvalid => "owner_invalid",
        /// A task for this anchor was completed or dismissed.
        Tombstone => "tombstone",
        /// A colleague answered on another record of the same human.
        HandledElsewhere => "handled_elsewhere",
        /// The data needed is not readable up to the deadline.
        BlockedData => "blocked_data",
        /// The record was merged within the last 30 minutes.
        Merged => "merged",
        /// The owner is away.
        RepAbsent => "rep_absent",
        /// The buyer is away.
        BuyerOoo => "buyer_ooo",
        /// A meeting is booked.
        FutureMeeting => "future_meeting",
        /// A human task covers the subject.
        OpenHumanTask => "open_human_task",
        /// The person is enrolled in a CRM sequence.
        ActiveSequence => "active_sequence",
        /// A task on this subject was closed a short while ago.
        Cooldown => "cooldown",
        /// A user edited the record a moment ago.
        Grace => "grace",
        /// Below the policy's value floor.
        LowValue => "low_value",
        /// The owner's cap is reached.
        Cap => "cap",
        /// Outside the owner's hours.
        QuietHours => "quiet_hours",
    }
}

words! {
    /// Further reasons for which an existing task stops mattering.
    MootReason {
        /// The deal left the stage the gap was about.
        StageLeft => "stage_left",
        /// The record that raised the gap is gone, or its definition is not met any more.
        AnchorGone => "anchor_gone",
        /// The policy no longer asks for it.
        PolicyChanged => "policy_changed",
        /// The subject's record was deleted.
        RecordDeleted => "record_deleted",
    }
}

/// What a gap is about: a human or a deal. A human is named by the record shown for it (the survivor of its records).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A human.
    Human(PersonId),
    /// A deal.
    Deal(DealId),
}

impl Subject {
    /// The record that stands for the subject.
    pub const fn record(&self) -> &RecordRef {
        match self {
            Self::Human(id) => id.record(),
            Self::Deal(id) => id.record(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record().fmt(f)
    }
}

/// Which occurrence of a gap this is, computed from records alone: the instant that started the clock, or 0 for
/// anchors that are activities or tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Crossing {
    /// Unix milliseconds of the instant that started the clock; 0 for activity and task anchors.
    pub at_ms: i64,
    /// Repeat number of rules that repeat; 0 otherwise.
    pub repeat: u8,
}

impl Crossing {
    /// The crossing of an activity or task anchor.
    pub const NONE: Self = Self { at_ms: 0, repeat: 0 };

    /// The crossing of a clock that started at this instant.
    pub fn at(instant: Timestamp) -> Self {
        Self {
            at_ms: instant.as_millisecond(),
            repeat: 0,
        }
    }
}

/// The idempotency key of a gap: 32 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GapId(pub String);

impl GapId {
    /// The key of the task that this gap opens.
    pub fn task_key(&self) -> TaskKey {
        TaskKey(self.0.clone())
    }
}

impl fmt::Display for GapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What makes a gap unique. The subject is an attribute and may change; it is not part of the id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GapKey {
    /// The rule.
    pub rule: RuleId,
    /// The record that makes it unique.
    pub anchor: RecordRef,
    /// Which occurrence.
    pub crossing: Crossing,
}

impl GapKey {
    /// `hash(rule, anchor, crossing)`: the first 16 bytes of SHA-256 over a length-prefixed form, as hex.
    pub fn id(&self) -> GapId {
        let mut hash = Sha256::new();
        for part in [
            self.rule.as_str(),
            self.anchor.connection.as_str(),
            self.anchor.kind.as_str(),
            &self.anchor.native_id,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(self.crossing.at_ms.to_be_bytes());
        hash.update([self.crossing.repeat]);
        let digest = hash.finalize();
        let head = digest
            .iter()
            .take(16)
            .fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        GapId(format!("{head:032x}"))
    }
}

/// A task this program wrote, joined from the ledger and the CRM's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTask {
    /// Its key.
    pub key: TaskKey,
    /// The gaps whose facts it holds, the one that opened it first.
    pub gaps: Vec<GapKey>,
    /// What it is about now.
    pub subject: Subject,
    /// Where it stands in the CRM.
    pub status: TaskStatus,
    /// Who has it now.
    pub owner: Option<OwnerId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was completed, deferred or deleted.
    pub completed_at: Option<Timestamp>,
    /// Due instant now.
    pub due_at: Option<Timestamp>,
    /// Due instant we wrote.
    pub original_due_at: Option<Timestamp>,
    /// A human changed any of its fields.
    pub is_edited_by_human: bool,
    /// We closed it ourselves (completed on evidence, or withdrew it): never the rep's declaration or dismissal.
    pub closed_by_us: Option<ClosedByUs>,
    /// What the rep wrote to us into it. A word that ends the task is in `status` and `completed_at` already.
    pub said: Vec<Said>,
}

/// How we closed a task ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClosedByUs {
    /// Completed on evidence.
    Evidence,
    /// Withdrawn because the gap stopped mattering.
    Withdrawn,
    /// Withdrawn by `undo`.
    Undone,
    /// Closed because it expired.
    Expired,
}

/// The records around one subject. Records that do not concern it may be present and change nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Every owner that a record names.
    #[serde(with = "portable::pairs")]
    pub owners: BTreeMap<OwnerId, Owner>,
    /// Person records: the subject's human, and the other people of its deals. Merged-away records included.
    pub people: Vec<Person>,
    /// Sets of records that are the same human; a record in none stands alone.
    pub humans: Vec<BTreeSet<PersonId>>,
    /// Deals of these people, in any state.
    pub deals: Vec<Deal>,
    /// Activities of these people and deals.
    pub activities: Vec<Activity>,
    /// Human and other-tool tasks on these people and deals, in any status.
    pub tasks: Vec<Task>,
    /// Our own tasks on these people and deals, in any status.
    pub own_tasks: Vec<OwnTask>,
    /// For people with source `api`: how many people share their creation time within 5 minutes (1 = alone).
    #[serde(with = "portable::pairs")]
    pub batch_sizes: BTreeMap<PersonId, u32>,
    /// What is known beside the records.
    pub background: Background,
}

/// A kind of record whose absence can be concluded, if it is readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EvidenceKind {
    /// Activities of a kind.
    Activity(ActivityKind),
    /// Tasks of any origin.
    Task,
}

/// Up to when a kind of record is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readable {
    /// Everything visible up to this instant was read.
    To(Timestamp),
    /// It cannot be read; why, in plain words.
    Blind(String),
}

/// What is known of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionCoverage {
    /// Only anchors at or after this instant are acted on.
    pub cutover: Timestamp,
    /// Since when tasks are written, if that began later than the records were watched: what was owed before comes at
    /// the pace of the soft caps.
    pub acting_since: Option<Timestamp>,
    /// Whether it is well and about to be read, which is worth waiting for: it may know a person whom another
    /// connection asks about.
    pub is_awaited: bool,
    /// Up to when each kind was read. A kind that is not listed is not logged by this connection.
    #[serde(with = "portable::pairs")]
    pub kinds: BTreeMap<EvidenceKind, Readable>,
    /// Whether the CRM records how meetings ended.
    pub records_meeting_outcomes: bool,
}

/// What is known, per connection, with exceptions per subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// By connection.
    #[serde(with = "portable::pairs")]
    pub connections: BTreeMap<ConnectionId, ConnectionCoverage>,
    /// Watermarks of single subjects, by any record of theirs; they win over the connection's.
    #[serde(with = "portable::pairs")]
    pub subjects: BTreeMap<(RecordRef, EvidenceKind), Timestamp>,
}

/// How a gap stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Should be an open task now.
    Task,
    /// Its facts live in the task this rule leads.
    Folded(RuleId),
    /// Its facts live in the owner's bundle.
    Bundled,
    /// Appears in the digest only.
    Digest,
    /// Waits for a cap.
    Queued,
    /// Waits for the reason to pass.
    Held(Code),
    /// Cannot be judged: the data is not readable.
    Blocked(String),
}

impl Outcome {
    /// The word used in cases and output.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Folded(_) => "folded",
            Self::Bundled => "bundled",
            Self::Digest => "digest",
            Self::Queued => "queued",
            Self::Held(_) => "held",
            Self::Blocked(_) => "blocked",
        }
    }
}

/// A record that a judgement rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceLine {
    /// The record.
    pub record: RecordRef,
    /// The version that was judged (its modification instant).
    pub version: Timestamp,
    /// What it says, in a few words without names or content.
    pub fact: String,
}

words! {
    /// What asking a suppressor gave.
    SuppressorState {
        /// It does not apply.
        Clear => "clear",
        /// It applies.
        Held => "held",
        /// It cannot be read.
        Unknown => "unknown",
    }
}

/// One suppressor that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuppressorCheck {
    /// Which one.
    pub code: Code,
    /// What it said.
    pub state: SuppressorState,
    /// Why, in a few words.
    pub detail: String,
}

/// One attempt to reach a buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// How.
    pub channel: ActivityKind,
}

/// What was tried since the last sign of life, and what the plan says comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// The attempts that count in the plan, by instant, each thing once; never empty.
    pub made: Vec<Attempt>,
    /// The last touch, whether or not it counts in the plan; `None` only where nothing was tried.
    pub last: Option<Attempt>,
    /// The plan's name.
    pub plan: String,
    /// Attempts at most.
    pub max: u32,
    /// The plan's wait after the last attempt.
    pub wait: Span,
    /// The channel of the next attempt; `None` if none is open.
    pub next: Option<ActivityKind>,
    /// Whether a call was among the touches.
    pub has_called: bool,
}

/// What a gap about a deal tells beside its instants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DealFacts {
    /// The deal's amount in minor units, whatever the currency.
    pub amount_minor: Option<i64>,
    /// When the current stage was entered.
    pub stage_entered_at: Timestamp,
    /// The last touch or conversation, if there was one.
    pub contact_at: Option<Timestamp>,
    /// Touches since the last conversation.
    pub unanswered: u32,
    /// The wait that was over.
    pub limit: Option<Span>,
    /// What the stage asks for and the record does not have, in plain words.
    pub empty_fields: Vec<String>,
    /// Who is told at the same time, beside the one who is asked.
    pub also_told: Option<OwnerId>,
}

/// A rule's finding that a touch is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What makes it unique.
    pub key: GapKey,
    /// What it is about.
    pub subject: Subject,
    /// Who should act; `None` = nobody valid.
    pub owner: Option<OwnerId>,
    /// If somebody is asked in place of an owner who is away: who that is, and until when.
    pub instead_of: Option<Away>,
    /// The instant of the anchor event.
    pub anchor_at: Timestamp,
    /// When the rule's own wait was over.
    pub deadline_at: Timestamp,
    /// When it opened: deadline and guard, moved to the owner's next opening, or the end of a hold.
    pub opened_at: Timestamp,
    /// When the follow-up is due.
    pub due_at: Timestamp,
    /// How it stands.
    pub outcome: Outcome,
    /// The sentence of the rule that applied, with its threshold.
    pub clause: String,
    /// What the judgement rests on.
    pub evidence: Vec<EvidenceLine>,
    /// Every suppressor asked, in order.
    pub suppressors: Vec<SuppressorCheck>,
    /// For rules about attempts: what was tried.
    pub attempts: Option<Attempts>,
    /// For rules about deals: what the deal shows.
    pub deal: Option<DealFacts>,
    /// For `handover`: what was open when the owner changed.
    pub notes: Vec<Note>,
}

/// An owner who is away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Away {
    /// Who.
    pub owner: OwnerId,
    /// The opening of the first day back.
    pub back_at: Timestamp,
}

/// A dated fact, in a few words without names or content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

impl Gap {
    /// The gap's id.
    pub fn id(&self) -> GapId {
        self.key.id()
    }
}

/// A gap whose definition and deadline are met and which a final suppression takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// What would have made it unique.
    pub key: GapKey,
    /// What it would have been about.
    pub subject: Subject,
    /// Why not.
    pub reason: Code,
    /// In a few words.
    pub detail: String,
}

/// What becomes of a task we wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskVerdict {
    /// Stays as it is.
    Keep,
    /// The follow-up happened; the record that shows it.
    DoneEvidence(RecordRef),
    /// The rep completed it.
    DoneDeclared,
    /// It stopped mattering; a word of [`Code`] or [`MootReason`].
    Moot(&'static str),
    /// The rep moved it to this instant.
    Snoozed(Timestamp),
    /// The rep deferred or deleted it.
    Dismissed,
    /// It was open for too long.
    Expired,
}

impl TaskVerdict {
    /// The word used in cases and output.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::DoneEvidence(_) => "done_evidence",
            Self::DoneDeclared => "done_declared",
            Self::Moot(_) => "moot",
            Self::Snoozed(_) => "snoozed",
            Self::Dismissed => "dismissed",
            Self::Expired => "expired",
        }
    }
}

words! {
    /// How a rule stands for a subject, for `why-not`.
    RuleState {
        /// A gap is open.
        Owed => "owed",
        /// A gap is true but suppressed for good.
        Skipped => "skipped",
        /// The data is not readable.
        Blocked => "blocked",
        /// The rule's definition is not met, or not yet.
        NotApplicable => "not_applicable",
    }
}

/// How one rule stands for a subject and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleReport {
    /// The rule.
    pub rule: RuleId,
    /// How it stands.
    pub state: RuleState,
    /// A short stable word: a [`Code`], or for `not_applicable` what part of the definition is not met.
    pub reason: String,
    /// One plain sentence.
    pub detail: String,
    /// When it may change by itself.
    pub wake_at: Option<Timestamp>,
}

/// Everything judged about one subject at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// About what.
    pub subject: Subject,
    /// Open gaps, sorted by rule order, anchor, crossing.
    pub gaps: Vec<Gap>,
    /// Gaps taken away for good, likewise sorted.
    pub skips: Vec<Skip>,
    /// What becomes of our own tasks on this subject, by key.
    pub tasks: BTreeMap<TaskKey, TaskVerdict>,
    /// How each built rule stands.
    pub reports: Vec<RuleReport>,
    /// When the verdict may change without any record changing; `None` = never.
    pub wake_at: Option<Timestamp>,
}
