//! Logged calls and events (object reference: Task, Event). Subject lines are read for one question each and dropped.

use followup_core::{Activity, ActivityId, ActivityKind, Direction, Meeting, MeetingResult, RecordKind};
use jiff::{SignedDuration, Timestamp};

use super::Context;
use crate::wire::Row;

/// Maps a closed task that is a call. It happened when it was logged: the due date of a logged call says little.
pub(super) fn map_call(context: &Context<'_>, row: &Row) -> Result<Activity, String> {
    let logged_at = row.required_instant("CreatedDate")?;
    let at = row.instant("CompletedDateTime")?.unwrap_or(logged_at);
    let direction = context.mapping.call_direction(row.text("CallType"));
    let mut call = plain(context, row, ActivityKind::Call, direction, at)?;
    call.by = context.user(row.text("OwnerId"));
    call.people = context.people(row)?;
    call.deals = context.deals(row.text("WhatId"));
    call.outcome = context.mapping.call_outcome(row.text("CallDisposition"));
    call.duration = row.whole("CallDurationInSeconds")?.map(SignedDuration::from_secs);
    Ok(call)
}

/// Maps an event; `None` for the copy of an invited user and for the master of a series, whose occurrences are rows of
/// their own. The event itself dates from when it was booked.
pub(super) fn map_event(context: &Context<'_>, row: &Row) -> Result<Option<Activity>, String> {
    if row.is_true("IsChild") || row.is_true("IsRecurrence") {
        return Ok(None);
    }
    let starts_at = match row.instant("StartDateTime")? {
        Some(at) => at,
        None => start_of_day(context, row)?,
    };
    let booked_at = row.required_instant("CreatedDate")?;
    let mut event = plain(context, row, ActivityKind::Meeting, Direction::Out, booked_at)?;
    event.by = context.user(row.text("OwnerId"));
    event.people = context.people(row)?;
    event.deals = context.deals(row.text("WhatId"));
    let is_cancelled = row
        .text("Subject")
        .is_some_and(|subject| context.mapping.is_cancelled(subject));
    event.meeting = Some(Meeting {
        starts_at,
        ends_at: row.instant("EndDateTime")?,
        result: if is_cancelled {
            MeetingResult::Cancelled
        } else {
            MeetingResult::Unknown
        },
    });
    Ok(Some(event))
}

/// An event of a whole day, in its owner's zone.
fn start_of_day(context: &Context<'_>, row: &Row) -> Result<Timestamp, String> {
    row.date("ActivityDate")?
        .and_then(|on| on.to_zoned(context.zone(row.text("OwnerId")).clone()).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| "StartDateTime is missing".to_owned())
}

pub(super) fn plain(
    context: &Context<'_>,
    row: &Row,
    kind: ActivityKind,
    direction: Direction,
    at: Timestamp,
) -> Result<Activity, String> {
    let record_kind: RecordKind = kind.record_kind();
    Ok(Activity {
        logged_at: row.required_instant("CreatedDate")?,
        ..Activity::new(
            ActivityId(context.record(record_kind, row.id()?)),
            kind,
            direction,
            at,
            context.stamp(row)?,
        )
    })
}
