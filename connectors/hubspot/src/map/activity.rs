//! Calls, mails, meetings, notes and communications (engagement guides). Bodies are never asked for; a subject line is read, judged, hashed
//! and dropped here.

use followup_core::{
    Activity, ActivityId, ActivityKind, Direction, Meeting, OwnerId, RecordKind, Stamp, normalize_email,
    subject_line,
};
use jiff::{SignedDuration, Timestamp};

use super::{Context, addresses};
use crate::{schema::Schema, wire::Object};

/// Maps a call. Direction is the HubSpot user's view: OUTBOUND is from us.
pub(super) fn map_call(context: &Context<'_>, schema: &Schema, object: &Object) -> Result<Activity, String> {
    let direction = match object
        .text("hs_call_direction")
        .map(str::to_ascii_uppercase)
        .as_deref()
    {
        Some("INBOUND") => Direction::In,
        Some("OUTBOUND") => Direction::Out,
        _ => Direction::Unknown,
    };
    let duration = object
        .text("hs_call_duration")
        .map(|millis| {
            millis
                .parse::<i64>()
                .map(SignedDuration::from_millis)
                .map_err(|_| "hs_call_duration holds no number this program can read".to_owned())
        })
        .transpose()?;
    let happened = object.required_instant("hs_timestamp")?;
    let mut call = plain(context, schema, object, ActivityKind::Call, direction, happened)?;
    call.outcome = context
        .mapping
        .call_outcome(object.text("hs_call_disposition"), object.text("hs_call_status"));
    call.duration = duration;
    Ok(call)
}

/// Maps a mail; `None` while it is only scheduled or being sent.
///
/// `INCOMING_EMAIL` is a reply to a logged mail, `EMAIL` was sent from the CRM or logged by BCC, and a
/// `FORWARDED_EMAIL` may be either: its direction is unknown.
pub(super) fn map_email(
    context: &Context<'_>,
    schema: &Schema,
    object: &Object,
) -> Result<Option<Activity>, String> {
    let status = object.text("hs_email_status").map(str::to_ascii_uppercase);
    if matches!(status.as_deref(), Some("SCHEDULED" | "SENDING")) {
        return Ok(None);
    }
    let direction = match object
        .text("hs_email_direction")
        .map(str::to_ascii_uppercase)
        .as_deref()
    {
        Some("INCOMING_EMAIL") => Direction::In,
        Some("EMAIL") => Direction::Out,
        _ => Direction::Unknown,
    };
    let happened = object.required_instant("hs_timestamp")?;
    let mut email = plain(context, schema, object, ActivityKind::Email, direction, happened)?;
    email.by = sender(context, object);
    // Mail that no user sent: an acknowledgement, a campaign, a workflow.
    email.is_machine = direction == Direction::Out && email.by.is_none();
    email.is_bounce = matches!(status.as_deref(), Some("BOUNCED" | "FAILED"));
    email.is_out_of_office = object.is_true("hs_incoming_email_is_out_of_office");
    email.is_auto_reply = email.is_out_of_office;
    email.thread = object.text("hs_email_thread_id").map(str::to_owned);
    if let Some(subject) = object.text("hs_email_subject") {
        email.looks_automatic = subject_line::looks_automatic(subject);
        email.return_on = subject_line::return_on(subject, email.at);
        let normalized = subject_line::normalize(subject);
        email.subject_hash = (!normalized.is_empty()).then(|| (context.subject_hash)(&normalized));
    }
    email.is_to_owner = direction != Direction::In || is_to_owner(context, object);
    Ok(Some(email))
}

/// Maps a meeting. `hs_timestamp` repeats its start, so the activity itself dates from when it was booked or logged.
pub(super) fn map_meeting(
    context: &Context<'_>,
    schema: &Schema,
    object: &Object,
) -> Result<Activity, String> {
    let starts_at = match object.instant("hs_meeting_start_time")? {
        Some(at) => at,
        None => object.required_instant("hs_timestamp")?,
    };
    let ends_at = object.instant("hs_meeting_end_time")?;
    let booked = object.created(schema.created)?;
    let mut meeting = plain(
        context,
        schema,
        object,
        ActivityKind::Meeting,
        Direction::Out,
        booked,
    )?;
    meeting.meeting = Some(Meeting {
        starts_at,
        ends_at,
        result: context.mapping.meeting_result(object.text("hs_meeting_outcome")),
    });
    Ok(meeting)
}

/// Maps a note: words among ourselves.
pub(super) fn map_note(context: &Context<'_>, schema: &Schema, object: &Object) -> Result<Activity, String> {
    let at = object.required_instant("hs_timestamp")?;
    plain(
        context,
        schema,
        object,
        ActivityKind::Note,
        Direction::Internal,
        at,
    )
}

/// Maps a communication (`WHATS_APP`, `LINKEDIN_MESSAGE`, `SMS`). HubSpot documents no direction for it, so it holds gaps back but
/// never counts as a touch or a reply.
pub(super) fn map_message(
    context: &Context<'_>,
    schema: &Schema,
    object: &Object,
) -> Result<Activity, String> {
    let at = object.required_instant("hs_timestamp")?;
    plain(context, schema, object, ActivityKind::Sms, Direction::Unknown, at)
}

/// The user whose address the mail came from; else the owner HubSpot logged it for (an alias of a user; for a buyer's
/// mail, the user whose mailbox it reached).
fn sender(context: &Context<'_>, object: &Object) -> Option<OwnerId> {
    let from = object.text("hs_email_from_email").map(normalize_email);
    if let Some(id) = from.as_deref().and_then(|from| context.owners.by_email.get(from)) {
        return Some(context.owner_id(id));
    }
    context.owner(object)
}

/// False only when the recipients are known and our users are all in copy.
fn is_to_owner(context: &Context<'_>, object: &Object) -> bool {
    let is_owner = |email: String| context.owners.by_email.contains_key(&email);
    let is_in_to = addresses(object.text("hs_email_to_email")).any(is_owner);
    let is_in_copy = addresses(object.text("hs_email_cc_email")).any(is_owner);
    is_in_to || !is_in_copy
}

fn plain(
    context: &Context<'_>,
    schema: &Schema,
    object: &Object,
    kind: ActivityKind,
    direction: Direction,
    at: Timestamp,
) -> Result<Activity, String> {
    let stamp: Stamp = context.stamp(schema, object)?;
    let record_kind: RecordKind = kind.record_kind();
    Ok(Activity {
        logged_at: object.created(schema.created)?,
        by: context.owner(object),
        people: context.people(&object.id),
        deals: context.deals(&object.id),
        ..Activity::new(
            ActivityId(context.record(record_kind, &object.id)),
            kind,
            direction,
            at,
            stamp,
        )
    })
}
