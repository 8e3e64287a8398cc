//! Cursors: where a lane of a stream stands. They hold instants and ids of the org, never a page token: those end within
//! a day, belong to one user, and die when any parameter changes.

use followup_core::{ConnectorError, Cursor, Stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Format of the text; another version's cursors are refused, and the lane starts again.
const VERSION: u32 = 1;

/// Where a lane stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub(crate) enum Position {
    /// Between two passes.
    Follow {
        /// Everything up to here was read.
        since: Timestamp,
        /// Deletions up to here were read.
        deleted_to: Timestamp,
    },
    /// Inside a walk, oldest change first: the first read, a sweep, or what changed.
    Walk {
        /// First instant; `None` = from the very beginning.
        from: Option<Timestamp>,
        /// What the walk will have read when it ends.
        until: Timestamp,
        /// Which of the stream's modules.
        part: usize,
        /// Change and id of the last row read.
        after: Option<(Timestamp, String)>,
        deleted_to: Timestamp,
    },
    /// Inside a whole read by id, through queries.
    Scan {
        started: Timestamp,
        /// Last id read.
        after: Option<String>,
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
    fn every_position_survives_its_text_which_is_part_of_the_stored_state() {
        let at: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let after = Some((at, "7000000000001001".to_owned()));
        for (position, text) in [
            (
                Position::Follow {
                    since: at,
                    deleted_to: at,
                },
                r#"{"v":1,"at":"follow","since":"2026-03-02T10:00:00Z","deleted_to":"2026-03-02T10:00:00Z"}"#,
            ),
            (
                Position::Walk {
                    from: None,
                    until: at,
                    part: 1,
                    after,
                    deleted_to: at,
                },
                r#"{"v":1,"at":"walk","from":null,"until":"2026-03-02T10:00:00Z","part":1,"after":["2026-03-02T10:00:00Z","7000000000001001"],"deleted_to":"2026-03-02T10:00:00Z"}"#,
            ),
            (
                Position::Scan {
                    started: at,
                    after: None,
                },
                r#"{"v":1,"at":"scan","started":"2026-03-02T10:00:00Z","after":null}"#,
            ),
        ] {
            let cursor = write(&position);
            assert_eq!(cursor.0, text);
            assert_eq!(read(&cursor, Stream::Leads).unwrap(), position);
        }
        assert!(read(&Cursor("7".to_owned()), Stream::Leads).is_err());
    }
}
