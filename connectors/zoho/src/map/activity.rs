//! Calls, meetings and notes (fields of a standard org, read 2026-11). Titles are read for one question each and dropped.

use followup_core::{Activity, ActivityId, ActivityKind, Direction, Meeting, MeetingResult, PersonId};
use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{Context, normalize_email};
use crate::{
    schema::{CANCELLED, Module},
    wire::Row,
};

/// Maps a call that took place.
pub(super) fn map_call(context: &Context<'_>, row: &Row) -> Result<Activity, String> {
    let at = row.required_instant("Call_Start_Time")?;
    let kind = row.text("Call_Type").unwrap_or_default().to_lowercase();
    let direction = match kind.as_str() {
        "inbound" | "missed" => Direction::In,
        "outbound" => Direction::Out,
        _ => Direction::Unknown,
    };
    let mut call = plain(context, row, ActivityKind::Call, direction, at)?;
    call.by = context.owner(row);
    call.people = context.people(row);
    call.deals = context.deals(row);
    call.outcome = match kind.as_str() {
        "missed" => Some(followup_core::CallOutcome::Missed),
        _ => context.mapping.call_outcome(row.text("Call_Result")),
    };
    call.duration = match row.whole("Call_Duration_in_seconds")? {
        Some(seconds) => Some(SignedDuration::from_secs(seconds)),
        None => row.text("Call_Duration").and_then(duration),
    };
    Ok(call)
}

/// A length as `mm:ss`, with hours in front or without.
fn duration(text: &str) -> Option<SignedDuration> {
    let mut seconds: i64 = 0;
    for part in text.trim().split(':') {
        let part: i64 = part.trim().parse().ok().filter(|part| *part >= 0)?;
        seconds = seconds.checked_mul(60)?.checked_add(part)?;
    }
    text.contains(':').then(|| SignedDuration::from_secs(seconds))
}

/// Maps a meeting. It dates from when it was booked; Zoho records no outcome but a check-in.
pub(super) fn map_event(context: &Context<'_>, row: &Row) -> Result<Activity, String> {
    let booked_at = row.required_instant("Created_Time")?;
    let starts_at =
        begin(context, row, "Start_DateTime")?.ok_or_else(|| "Start_DateTime is missing".to_owned())?;
    let mut event = plain(context, row, ActivityKind::Meeting, Direction::Out, booked_at)?;
    event.by = context.owner(row);
    event.people = invited(context, row);
    event.deals = context.deals(row);
    let title = row.text("Event_Title").unwrap_or_default();
    let result = if row.is_true(CANCELLED) || context.mapping.is_cancelled(title) {
        MeetingResult::Cancelled
    } else if row.instant("Check_In_Time")?.is_some() {
        MeetingResult::Held
    } else {
        MeetingResult::Unknown
    };
    event.meeting = Some(Meeting {
        starts_at,
        ends_at: begin(context, row, "End_DateTime")?,
        result,
    });
    Ok(event)
}

/// An instant; of a meeting of a whole day its date, in its owner's zone.
fn begin(context: &Context<'_>, row: &Row, name: &str) -> Result<Option<Timestamp>, String> {
    let Some(text) = row.text(name) else {
        return Ok(None);
    };
    match text.parse::<Date>() {
        Ok(on) if text.len() == 10 => Ok(on
            .to_zoned(context.zone(row.text("Owner.id")).clone())
            .ok()
            .map(|zoned| zoned.timestamp())),
        _ => row.instant(name),
    }
}

/// Those named by the links, and leads and contacts among the participants.
fn invited(context: &Context<'_>, row: &Row) -> Vec<PersonId> {
    let mut people = context.people(row);
    for place in 0.. {
        let field = |name: &str| row.text(&format!("Participants.{place}.{name}"));
        let Some(kind) = field("type") else { break };
        let module = match kind.to_lowercase().as_str() {
            "lead" => Module::Leads,
            "contact" => Module::Contacts,
            _ => continue,
        };
        let id = field("participant").or_else(|| field("participant.id"));
        if let Some(person) = id.and_then(|id| context.person(module, id))
            && !people.contains(&person)
        {
            people.push(person);
        }
    }
    people
}

/// Maps a note.
pub(super) fn map_note(context: &Context<'_>, row: &Row) -> Result<Activity, String> {
    let at = row.required_instant("Created_Time")?;
    let mut note = plain(context, row, ActivityKind::Note, Direction::Internal, at)?;
    note.by = context.owner(row);
    let module = row
        .text("Parent_Id.module.api_name")
        .or_else(|| row.text("$se_module"))
        .and_then(Module::named);
    if let (Some(module), Some(id)) = (module, row.text("Parent_Id.id")) {
        note.people = context.person(module, id).into_iter().collect();
        note.deals = (module == Module::Deals)
            .then(|| followup_core::DealId(context.record(followup_core::RecordKind::Deal, id)))
            .into_iter()
            .collect();
    }
    Ok(note)
}

fn plain(
    context: &Context<'_>,
    row: &Row,
    kind: ActivityKind,
    direction: Direction,
    at: Timestamp,
) -> Result<Activity, String> {
    Ok(Activity {
        logged_at: row.required_instant("Created_Time")?,
        ..Activity::new(
            ActivityId(context.record(kind.record_kind(), row.id()?)),
            kind,
            direction,
            at,
            context.stamp(row)?,
        )
    })
}

/// The user with this address.
pub(super) fn user_at<'a>(context: &'a Context<'_>, email: &str) -> Option<&'a str> {
    context
        .owners
        .by_email
        .get(&normalize_email(email))
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_and_without_hours_and_never_guessed() {
        for (text, expected) in [
            ("02:30", Some(150)),
            ("1:02:30", Some(3_750)),
            ("0:05", Some(5)),
            ("5", None),
            ("", None),
            ("-1:00", None),
            ("a:b", None),
        ] {
            assert_eq!(duration(text), expected.map(SignedDuration::from_secs), "{text}");
        }
    }
}
