//! What an activity means: touch, conversation, reply, booking, absence notice.
//!
//! A touch needs an internal user behind it. What *might* be a touch (a direction the CRM does not tell, a sender
//! who is in no owner list, a past meeting where nobody records outcomes) answers as [`AnswerKind::Possible`]: it
//! silences a gap but is evidence for nothing.

use std::collections::BTreeSet;

use followup_core::{Activity, ActivityKind, CallOutcome, Direction, Meeting, MeetingResult, OwnerKind};
use jiff::{SignedDuration, Timestamp};

use crate::{
    context::Context,
    index::{Human, Index},
    model::{Facts, RuleId},
};

/// A call this long without an outcome was a conversation.
const CONVERSATION_MIN: SignedDuration = SignedDuration::from_secs(60);

/// Calls, short messages and meetings logged twice lie this close together.
pub(crate) const DOUBLE_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// Mails logged twice lie this close together.
const DOUBLE_MAIL_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// Messages of at most this many words are acknowledgements.
const SHORT_WORDS_MAX: u32 = 3;

/// What an activity proves about us having been in contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// A person of ours reached out.
    Touch,
    /// Both sides spoke.
    Conversation,
    /// It may have been either: silences, proves nothing.
    Possible,
}

/// Who stands behind an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    User,
    NotUser,
    Unknown,
}

/// Sent or made by a machine, a list or a sequence.
pub(crate) const fn is_machine(activity: &Activity) -> bool {
    activity.is_machine || activity.is_sequence
}

/// When and how an activity shows a rule that we were in contact; `None` if it does not.
pub(crate) fn answer_of(
    activity: &Activity,
    rule: RuleId,
    facts: &Facts,
    context: &Context<'_>,
) -> Option<(Timestamp, AnswerKind)> {
    let counts_anyway = activity.is_sequence && context.policy.sequence_counts_as_touch.contains(&rule);
    if (is_machine(activity) && !counts_anyway)
        || activity.is_bounce
        || activity.direction == Direction::Internal
    {
        return None;
    }
    match activity.kind {
        ActivityKind::Meeting => met_at(activity, context),
        ActivityKind::Call if is_connected(activity) => Some((activity.at, AnswerKind::Conversation)),
        ActivityKind::Email | ActivityKind::Call | ActivityKind::Sms | ActivityKind::Chat => {
            let kind = match (activity.direction, sender(activity, facts)) {
                (Direction::Out, _) if activity.is_auto_reply => return None,
                (Direction::Out, Sender::User) => AnswerKind::Touch,
                (Direction::Out, Sender::Unknown) | (Direction::Unknown, _) => AnswerKind::Possible,
                (Direction::Out | Direction::In | Direction::Internal, _) => return None,
            };
            Some((activity.at, kind))
        }
        ActivityKind::Form | ActivityKind::Note | ActivityKind::Signal => None,
    }
}

/// Whether an activity is a message of ours that takes the ball out of its thread, whoever sent it.
pub(crate) fn passes_ball(activity: &Activity, facts: &Facts) -> bool {
    let by_machine = is_machine(activity)
        || activity.by.as_ref().is_some_and(|by| {
            facts
                .owners
                .get(by)
                .is_some_and(|owner| owner.kind != OwnerKind::User)
        });
    activity.direction == Direction::Out
        && is_message(activity.kind)
        && !by_machine
        && !activity.is_bounce
        && !activity.is_auto_reply
}

/// A message from the buyer that a human wrote. A subject line that tells of an absence with its end is no human's, whether
/// or not the CRM has a flag for it.
pub(crate) const fn is_reply(activity: &Activity) -> bool {
    matches!(activity.direction, Direction::In)
        && is_message(activity.kind)
        && !is_machine(activity)
        && !activity.is_auto_reply
        && !is_away_notice(activity)
        && !activity.is_bounce
}

/// Why a reply may need no answer, if there is a sign of it.
pub(crate) fn weakness_of(reply: &Activity) -> Option<&'static str> {
    if reply.looks_automatic {
        Some("its subject line reads like an automatic reply")
    } else if reply.is_calendar_accept {
        Some("it is a calendar acceptance")
    } else if reply.words.is_some_and(|words| words <= SHORT_WORDS_MAX) {
        Some("it is a short acknowledgement")
    } else {
        None
    }
}

/// The instant a meeting ends; its start where no end is known.
pub(crate) fn meeting_end(meeting: &Meeting) -> Timestamp {
    meeting
        .ends_at
        .map_or(meeting.starts_at, |end| end.max(meeting.starts_at))
}

/// A meeting with the buyer that was not called off.
pub(crate) fn standing_meeting(activity: &Activity) -> Option<&Meeting> {
    activity.meeting.as_ref().filter(|meeting| {
        activity.direction != Direction::Internal && meeting.result != MeetingResult::Cancelled
    })
}

/// When a meeting was booked, if the activity is one that was booked ahead and still stands: not called off, and not
/// moved away from a time that is over.
pub(crate) fn booked_at(activity: &Activity, now: Timestamp) -> Option<Timestamp> {
    standing_meeting(activity)
        .filter(|meeting| meeting.starts_at > activity.at)
        .filter(|meeting| meeting.result != MeetingResult::Moved || meeting_end(meeting) > now)
        .map(|_| activity.at)
}

/// An inbound notice that the buyer is away: an automatic reply with a return date, or one flagged as such.
pub(crate) const fn is_away_notice(activity: &Activity) -> bool {
    matches!(activity.direction, Direction::In)
        && (activity.is_out_of_office
            || (activity.return_on.is_some() && (activity.is_auto_reply || activity.looks_automatic)))
}

/// Whether two activities are one thing logged twice, in one CRM or in two: same human, kind and direction within 5
/// minutes by the same user or without user; mails of one subject within 2 minutes, and of one thread where one CRM holds
/// both (threads of two CRMs have nothing in common).
pub(crate) fn is_double(a: &Activity, b: &Activity, index: &Index<'_>) -> bool {
    let apart = a.at.duration_since(b.at).abs();
    let is_alike = a.kind == b.kind && a.direction == b.direction && apart <= DOUBLE_WITHIN;
    // Who is asked last: it costs most.
    if !is_alike || !index.shares_human(a, b) {
        return false;
    }
    if a.kind == ActivityKind::Email {
        let is_one_crm = a.id.record().connection == b.id.record().connection;
        let is_one_thread = if is_one_crm {
            a.thread == b.thread
        } else {
            a.subject_hash.is_some()
        };
        return is_one_thread && a.subject_hash == b.subject_hash && apart <= DOUBLE_MAIL_WITHIN;
    }
    match (&a.by, &b.by) {
        (Some(a), Some(b)) => index.is_same_user(a, b),
        _ => true,
    }
}

/// These activities (by instant) with doubles left out: of each thing the record stays that a task of ours is about, else
/// the first.
pub(crate) fn distinct<'a>(
    activities: impl IntoIterator<Item = &'a Activity>,
    index: &Index<'_>,
    has_task: impl Fn(&Activity) -> bool,
) -> Vec<&'a Activity> {
    let mut kept: Vec<&'a Activity> = Vec::new();
    for activity in activities {
        match kept
            .iter_mut()
            .find(|earlier| is_double(earlier, activity, index))
        {
            Some(earlier) if has_task(activity) && !has_task(earlier) => *earlier = activity,
            Some(_) => {}
            None => kept.push(activity),
        }
    }
    kept
}

/// Whether mails to a human bounce and no other address is known: a bounce is flagged or recorded.
pub(crate) fn is_only_address_bounced(human: &Human<'_>) -> bool {
    let records = &human.records;
    let flagged = records.iter().any(|record| record.flags.bounced_at.is_some());
    let reported = human.activities.iter().any(|activity| activity.is_bounce);
    let addresses: BTreeSet<&String> = records.iter().flat_map(|record| &record.emails).collect();
    (flagged || reported) && addresses.len() <= 1
}

/// Whether the index knows the sender as a user of ours.
pub(crate) fn is_by_user(activity: &Activity, index: &Index<'_>) -> bool {
    sender(activity, index.facts) == Sender::User
}

const fn is_message(kind: ActivityKind) -> bool {
    matches!(kind, ActivityKind::Email | ActivityKind::Sms | ActivityKind::Chat)
}

fn sender(activity: &Activity, facts: &Facts) -> Sender {
    let Some(by) = &activity.by else {
        return Sender::NotUser;
    };
    match facts.owners.get(by) {
        Some(owner) if owner.kind == OwnerKind::User => Sender::User,
        Some(_) => Sender::NotUser,
        None => Sender::Unknown,
    }
}

/// Whether two people spoke in a call.
pub(crate) fn is_connected(call: &Activity) -> bool {
    match call.outcome {
        Some(CallOutcome::Connected) => true,
        None | Some(CallOutcome::Unknown) => call.duration.is_some_and(|length| length >= CONVERSATION_MIN),
        Some(_) => false,
    }
}

fn met_at(activity: &Activity, context: &Context<'_>) -> Option<(Timestamp, AnswerKind)> {
    let meeting = standing_meeting(activity)?;
    let end = meeting_end(meeting);
    if end > context.now {
        return None;
    }
    match meeting.result {
        MeetingResult::Held => Some((end, AnswerKind::Conversation)),
        MeetingResult::Unknown => {
            let records_outcomes = context
                .coverage
                .connections
                .get(&activity.id.record().connection)
                .is_some_and(|connection| connection.records_meeting_outcomes);
            (!records_outcomes).then_some((end, AnswerKind::Possible))
        }
        MeetingResult::NoShow | MeetingResult::Cancelled | MeetingResult::Moved => None,
    }
}
