//! Users and queues (object reference: User, Group).

use std::collections::BTreeMap;

use followup_core::{Editor, Owner, OwnerId, OwnerKind, RecordKind, Stamp, normalize_email};
use jiff::tz::TimeZone;

use super::Context;
use crate::{mapping::Mapping, wire::Row};

/// Users by what other records name.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnerDirectory {
    pub(crate) by_id: BTreeMap<String, OwnerFacts>,
    /// User id by normalized address; active users before others.
    pub(crate) by_email: BTreeMap<String, String>,
}

/// What is known of a user.
#[derive(Debug, Clone)]
pub(crate) struct OwnerFacts {
    /// Works in the CRM, rather than being an integration.
    pub(crate) is_person: bool,
    pub(crate) zone: Option<TimeZone>,
}

impl OwnerDirectory {
    /// Takes in a row of User.
    pub(crate) fn take_in(&mut self, mapping: &Mapping, row: &Row) {
        let Some(id) = row.text("Id") else { return };
        let facts = OwnerFacts {
            is_person: mapping.is_person(row.text("UserType")),
            zone: row
                .text("TimeZoneSidKey")
                .and_then(|name| TimeZone::get(name).ok()),
        };
        self.by_id.insert(id.to_owned(), facts);
        if let Some(email) = row.text("Email").map(normalize_email) {
            // An address that was given to somebody new belongs to who is active.
            if row.is_true("IsActive") || !self.by_email.contains_key(&email) {
                self.by_email.insert(email, id.to_owned());
            }
        }
    }
}

/// Maps a user. Users are never deleted; a deactivated one may still own records.
pub(super) fn map_user(context: &Context<'_>, row: &Row) -> Result<Owner, String> {
    let kind = if context.mapping.is_person(row.text("UserType")) {
        OwnerKind::User
    } else {
        OwnerKind::Integration
    };
    let zone = row.text("TimeZoneSidKey");
    Ok(Owner {
        id: OwnerId(context.record(RecordKind::Owner, row.id()?)),
        kind,
        name: row.text("Name").unwrap_or_default().to_owned(),
        email: row.text("Email").map(normalize_email),
        is_active: row.is_true("IsActive"),
        time_zone: zone.filter(|name| TimeZone::get(name).is_ok()).map(str::to_owned),
        absences: Vec::new(),
        stamp: stamp(context, row)?,
    })
}

/// Maps a group; `None` unless it is a queue, which can own leads and tasks.
pub(super) fn map_group(context: &Context<'_>, row: &Row) -> Result<Option<Owner>, String> {
    if row.text("Type") != Some("Queue") {
        return Ok(None);
    }
    Ok(Some(Owner {
        id: OwnerId(context.record(RecordKind::Owner, row.id()?)),
        kind: OwnerKind::Queue,
        name: row.text("Name").unwrap_or_default().to_owned(),
        email: row.text("Email").map(normalize_email),
        is_active: true,
        time_zone: None,
        absences: Vec::new(),
        stamp: stamp(context, row)?,
    }))
}

fn stamp(context: &Context<'_>, row: &Row) -> Result<Stamp, String> {
    Ok(Stamp {
        modified_at: row.required_instant("SystemModstamp")?,
        modified_by: Editor::Unknown,
        seen_at: context.now,
    })
}
