//! Where a lane stands, as text: a version, and keysets of our own making. Never a server's page token.

use followup_core::{ConnectorError, Cursor, Stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the text form; another one starts the lane anew.
const VERSION: u32 = 1;

/// Position of a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub(crate) enum Position {
    /// In the middle of a list, by record id.
    List {
        /// Id of the next record; `None` = from the start.
        after: Option<String>,
        /// When this pass began.
        started: Timestamp,
        /// How many records the stream had at the start, if the CRM told.
        total: Option<u64>,
        /// Which list is being read.
        part: Part,
        /// Live records this pass has shown so far.
        #[serde(default)]
        seen: u64,
    },
    /// Between passes.
    Follow {
        /// Everything visible up to this instant was read.
        since: Timestamp,
        /// The whole stream fits one list page.
        is_small: bool,
        /// When the settled lane last read links again; `None` elsewhere.
        #[serde(default)]
        relinked_at: Option<Timestamp>,
    },
    /// In the middle of a window of changes.
    Window {
        /// First instant of the window, inclusive, in milliseconds.
        from: i64,
        /// Last instant of the window, inclusive, in milliseconds.
        until: i64,
        /// Where in the window.
        step: Step,
        /// When the settled lane last read links again; `None` elsewhere.
        #[serde(default)]
        relinked_at: Option<Timestamp>,
    },
}

/// Which list a list position is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// Live records.
    Live,
    /// Archived records.
    Archived,
    /// Live records created lately, for their links.
    Recent,
}

/// Progress inside a window of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// By modification instant: records changed at or after `at`, the first `skip` of them passed over.
    Range {
        /// Milliseconds.
        at: i64,
        /// Only when hits of a stale index block the way; never past the 10,000 cap.
        skip: u32,
    },
    /// By id within one instant that more records share than fit a page.
    Run {
        /// Milliseconds.
        at: i64,
        /// Last id read.
        id: u64,
    },
}

/// Writes a position as a cursor.
pub(crate) fn write(position: &Position) -> Cursor {
    Cursor::write(VERSION, position)
}

/// Reads a cursor of ours.
pub(crate) fn read(cursor: &Cursor, stream: Stream) -> Result<Position, ConnectorError> {
    cursor.read(VERSION, stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_survives_its_text_and_foreign_texts_are_refused() {
        let at: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        for position in [
            Position::List {
                after: Some("301".to_owned()),
                started: at,
                total: Some(7),
                part: Part::Archived,
                seen: 12,
            },
            Position::Follow {
                since: at,
                is_small: true,
                relinked_at: Some(at),
            },
            Position::Window {
                from: 1,
                until: 9,
                step: Step::Run { at: 5, id: 77 },
                relinked_at: None,
            },
        ] {
            assert_eq!(read(&write(&position), Stream::Contacts).unwrap(), position);
        }
        for text in [
            "",
            "17",
            r#"{"v":2,"at":"follow","since":"2026-03-02T10:00:00Z","is_small":true}"#,
        ] {
            let error = read(&Cursor(text.to_owned()), Stream::Contacts).unwrap_err();
            assert_eq!(error.code(), "cursor", "{text}");
        }
    }
}
