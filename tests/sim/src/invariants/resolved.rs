//! I-12: no outcome stays unknown, and no close stays on its way.

use followup_core::ConnectionId;
use followup_store::{Store, ledger::RowState};
use jiff::{SignedDuration, Timestamp};

/// Rows that are not at rest.
pub fn unresolved(store: &Store, now: Timestamp) -> Vec<(ConnectionId, String)> {
    let mut found = Vec::new();
    for row in store.ledger().tasks().filter(|row| row.closed.is_none()) {
        let is_unknown = matches!(row.state, RowState::InFlight { .. } | RowState::Unknown { .. });
        let closing = row.closing.as_ref().map(|(_, _, since)| *since);
        let is_stuck = closing.is_some_and(|since| now.duration_since(since) > SignedDuration::from_mins(60));
        if is_unknown || is_stuck {
            found.push((
                row.connection.clone(),
                format!("task {} is {:?}, closing since {closing:?}", row.key, row.state),
            ));
        }
    }
    found
}
