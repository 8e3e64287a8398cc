//! The words a mapping file may use, each with its meaning.

use followup_core::{
    CallOutcome, Direction, Source,
    discovery::{CALL_OUTCOMES, SOURCES},
};

use super::{Capture, Sight};

pub(super) fn source(word: &str) -> Result<Source, &'static str> {
    Source::parse(word).ok_or(SOURCES)
}

pub(super) fn call_outcome(word: &str) -> Result<CallOutcome, &'static str> {
    Ok(match word {
        "connected" => CallOutcome::Connected,
        "voicemail" => CallOutcome::Voicemail,
        "no-answer" => CallOutcome::NoAnswer,
        "busy" => CallOutcome::Busy,
        "wrong-number" => CallOutcome::WrongNumber,
        "missed" => CallOutcome::Missed,
        "declined" => CallOutcome::Declined,
        "unknown" => CallOutcome::Unknown,
        _ => return Err(CALL_OUTCOMES),
    })
}

pub(super) fn direction(word: &str) -> Result<Direction, &'static str> {
    Ok(match word {
        "out" => Direction::Out,
        "in" => Direction::In,
        "unknown" => Direction::Unknown,
        _ => return Err("out, in, unknown"),
    })
}

pub(super) fn sight(word: &str) -> Result<Sight, &'static str> {
    Ok(match word {
        "auto" => Sight::Auto,
        "yes" => Sight::Whole,
        "no" => Sight::Partial,
        _ => return Err("auto, yes, no"),
    })
}

pub(super) fn capture(word: &str) -> Result<Capture, &'static str> {
    Ok(match word {
        "auto" => Capture::Auto,
        "synced" => Capture::Synced,
        "unsynced" => Capture::Unsynced,
        "absent" => Capture::Absent,
        _ => return Err("auto, synced, unsynced, absent"),
    })
}
