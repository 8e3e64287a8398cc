//! The activities of a case.

use followup_core::{
    Activity, ActivityId, ActivityKind, CallOutcome, Direction, Editor, Meeting, MeetingResult, Stamp,
    subject_line,
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    read::Scene,
    records::{read_deals, read_people},
};
use crate::problem::{
    document::Node,
    fields::{Fields, Reader},
};

/// An activity.
pub(super) fn read_activity(fields: &Fields<'_, '_>, scene: &Scene<'_>) -> Option<Activity> {
    let ids = scene.ids;
    let id = fields.need("id", Reader::text);
    let words: Vec<(&str, ActivityKind)> = ActivityKind::ALL
        .iter()
        .map(|kind| (kind.as_str(), *kind))
        .collect();
    let kind = fields.need("kind", |reader, node, path| reader.word(node, path, &words));
    let direction = read_direction(fields, kind);
    let at = fields.need("at", |reader, node, path| {
        instant_by(reader, node, path, scene.now)
    });
    let logged_at = fields.read("logged_at", |reader, node, path| {
        instant_by(reader, node, path, scene.now)
    });
    let by = fields.read("by", |reader, node, path| ids.owner(reader, node, path));
    let (people, deals) = (read_people(fields, ids), read_deals(fields, ids));
    let subject = fields.text("subject");
    let outcome = fields.text("outcome").map(call_outcome);
    let duration = fields.read("duration_s", Reader::seconds);
    let meeting = read_meeting(fields, kind);
    let words = fields.read("words", Reader::count);
    let return_on = fields.read("return_date", Reader::date);
    let flag = |key: &str| fields.flag(key, false);
    let (is_machine, is_sequence, is_auto_reply) = (flag("machine"), flag("sequence"), flag("auto_reply"));
    let (is_out_of_office, is_bounce, is_calendar_accept) =
        (flag("ooo"), flag("bounce"), flag("calendar_accept"));
    let is_to_owner = fields.flag("to_owner", true);
    let thread = fields.text("thread").map(str::to_owned);
    fields.finish();
    let (kind, at) = (kind?, at?);
    let logged_at = logged_at.unwrap_or(at);
    Some(Activity {
        id: ActivityId(scene.record(kind.record_kind(), id?)),
        kind,
        direction: direction?,
        at,
        logged_at,
        by,
        people,
        deals,
        thread,
        subject_hash: subject.map(hash_subject),
        outcome: outcome.filter(|_| kind == ActivityKind::Call),
        duration,
        meeting,
        is_machine,
        is_sequence,
        is_auto_reply,
        looks_automatic: subject.is_some_and(subject_line::looks_automatic),
        is_out_of_office,
        is_bounce,
        return_on,
        is_calendar_accept,
        words,
        is_to_owner,
        stamp: Stamp {
            modified_at: logged_at,
            modified_by: Editor::Unknown,
            seen_at: logged_at,
        },
    })
}

/// An instant that may not lie after `now`.
fn instant_by(reader: &Reader<'_>, node: &Node, path: &str, now: Timestamp) -> Option<Timestamp> {
    let at = reader.instant(node, path)?;
    if at > now {
        reader.report(
            "after_now",
            node.offset,
            path,
            format!("this activity lies after the case's now ({now})"),
            "a case states what is known; a meeting may start later, but is booked by now".to_owned(),
        );
        return None;
    }
    Some(at)
}

/// Forms and signals come in, notes are internal, unless the case says otherwise; other kinds must say.
fn read_direction(fields: &Fields<'_, '_>, kind: Option<ActivityKind>) -> Option<Direction> {
    let words = [
        ("in", Direction::In),
        ("out", Direction::Out),
        ("internal", Direction::Internal),
    ];
    let read = |reader: &Reader<'_>, node: &Node, path: &str| reader.word(node, path, &words);
    match kind {
        Some(ActivityKind::Form | ActivityKind::Signal) if !fields.has("direction") => Some(Direction::In),
        Some(ActivityKind::Note) if !fields.has("direction") => Some(Direction::Internal),
        _ => fields.need("direction", read),
    }
}

/// A word that is not known is an outcome that is not known.
fn call_outcome(word: &str) -> CallOutcome {
    match word {
        "connected" => CallOutcome::Connected,
        "voicemail" => CallOutcome::Voicemail,
        "no_answer" => CallOutcome::NoAnswer,
        "busy" => CallOutcome::Busy,
        "wrong_number" => CallOutcome::WrongNumber,
        "missed" => CallOutcome::Missed,
        "declined" => CallOutcome::Declined,
        _ => CallOutcome::Unknown,
    }
}

fn read_meeting(fields: &Fields<'_, '_>, kind: Option<ActivityKind>) -> Option<Meeting> {
    let results = [
        ("held", MeetingResult::Held),
        ("no_show", MeetingResult::NoShow),
        ("cancelled", MeetingResult::Cancelled),
        ("moved", MeetingResult::Moved),
        ("unknown", MeetingResult::Unknown),
    ];
    let result = fields.read("meeting_result", |reader, node, path| {
        reader.word(node, path, &results)
    });
    let ends_at = fields.instant("ends_at");
    let starts_at = if kind == Some(ActivityKind::Meeting) {
        fields.need("starts_at", Reader::instant)
    } else {
        fields.instant("starts_at");
        None
    };
    Some(Meeting {
        starts_at: starts_at?,
        ends_at,
        result: result.unwrap_or(MeetingResult::Unknown),
    })
}

/// Equal for equal conversations; cases have no secret key.
fn hash_subject(subject: &str) -> String {
    let digest = Sha256::digest(subject_line::normalize(subject));
    let head = digest
        .iter()
        .take(8)
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    format!("{head:016x}")
}
