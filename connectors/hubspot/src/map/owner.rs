//! Owners: users and queues (owners guide, `2026-09`).

use followup_core::{
    ConnectionId, Editor, Owner, OwnerId, OwnerKind, RecordKind, RecordRef, Stamp, normalize_email,
};
use jiff::Timestamp;

use crate::wire::{OwnerWire, parse_instant};

/// Maps an owner. Archived owners are deactivated users: kept, because records still name them.
///
/// An owner's `updatedAt` does not follow changes of the user, so it is only a lower bound of the modification.
pub(crate) fn map_owner(connection: &ConnectionId, wire: &OwnerWire, now: Timestamp) -> Owner {
    let name = [wire.first_name.as_deref(), wire.last_name.as_deref()]
        .into_iter()
        .flatten()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let kind = if wire
        .kind
        .as_deref()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("QUEUE"))
    {
        OwnerKind::Queue
    } else {
        OwnerKind::User
    };
    Owner {
        id: OwnerId(RecordRef::new(connection.clone(), RecordKind::Owner, &wire.id)),
        kind,
        name,
        email: wire
            .email
            .as_deref()
            .map(normalize_email)
            .filter(|email| !email.is_empty()),
        is_active: !wire.archived,
        time_zone: None,
        absences: Vec::new(),
        stamp: Stamp {
            modified_at: wire.updated_at.as_deref().and_then(parse_instant).unwrap_or(now),
            modified_by: Editor::Unknown,
            seen_at: now,
        },
    }
}
