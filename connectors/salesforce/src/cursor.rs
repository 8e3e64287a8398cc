//! Cursors: where a lane of a stream stands, as text. They hold instants and ids of the org, never a locator or the
//! name of an export job: those end with the session, the day or the run that made them.

use followup_core::{ConnectorError, Cursor, Stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Format of the text; another version's cursors are refused, and the lane starts again.
const VERSION: u32 = 1;

/// Where a lane stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub(crate) enum Position {
    /// A whole read by id: the first one of a small table, and sweeps.
    Scan {
        started: Timestamp,
        /// Which of the stream's tables.
        part: usize,
        /// Last id read.
        after: Option<String>,
        /// Rows read of this table, and rows the org said were left before the last page.
        seen: u64,
        left: Option<u64>,
        /// Exports do not work here.
        #[serde(default)]
        no_export: bool,
    },
    /// A whole read by an export job. The job lives in memory: after a restart it is made anew, and rows come again.
    Export {
        started: Timestamp,
        part: usize,
        /// Rows of this table delivered.
        rows: u64,
    },
    /// Between two passes: everything up to here was read.
    Follow { since: Timestamp },
    /// Inside a pass over what changed.
    Window {
        from: Timestamp,
        /// What the pass will have read when it ends.
        until: Timestamp,
        part: usize,
        /// Stamp and id of the last row read.
        after: Option<(Timestamp, String)>,
    },
}

impl Position {
    /// The beginning of a whole read.
    pub(crate) const fn scan(started: Timestamp, part: usize, no_export: bool) -> Self {
        Self::Scan {
            started,
            part,
            after: None,
            seen: 0,
            left: None,
            no_export,
        }
    }
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
        let at: Timestamp = "2026-03-02T10:00:00.25Z".parse().unwrap();
        for position in [
            Position::scan(at, 1, true),
            Position::Scan {
                started: at,
                part: 0,
                after: Some("00Qx".to_owned()),
                seen: 2_000,
                left: Some(3_000),
                no_export: false,
            },
            Position::Export {
                started: at,
                part: 1,
                rows: 30_000,
            },
            Position::Follow { since: at },
            Position::Window {
                from: at,
                until: at,
                part: 1,
                after: Some((at, "003x".to_owned())),
            },
        ] {
            assert_eq!(read(&write(&position), Stream::Contacts).unwrap(), position);
        }
        for text in [
            "",
            "17",
            r#"{"v":2,"at":"follow","since":"2026-03-02T10:00:00Z"}"#,
            r#"{"v":1,"at":"page"}"#,
        ] {
            let error = read(&Cursor(text.to_owned()), Stream::Contacts).unwrap_err();
            assert_eq!(error.code(), "cursor", "{text}");
        }
    }
}
