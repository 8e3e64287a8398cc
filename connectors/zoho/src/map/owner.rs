//! Users (v8 "Get Users"). Users are never deleted for good; a deactivated one may still own records.

use std::collections::BTreeMap;

use followup_core::{Editor, Owner, OwnerId, OwnerKind, RecordKind, Stamp};
use jiff::tz::TimeZone;

use super::{Context, normalize_email};
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
    pub(crate) is_active: bool,
    pub(crate) zone: Option<TimeZone>,
}

impl OwnerDirectory {
    /// Takes in a user.
    pub(crate) fn take_in(&mut self, mapping: &Mapping, row: &Row) {
        let Ok(id) = row.id() else { return };
        let facts = OwnerFacts {
            is_person: mapping.is_person(row.text("type__s")),
            is_active: is_active(row),
            zone: zone_name(row).and_then(|name| TimeZone::get(name).ok()),
        };
        if let Some(email) = row.text("email").map(normalize_email) {
            // An address that was given to somebody new belongs to who is active.
            if facts.is_active || !self.by_email.contains_key(&email) {
                self.by_email.insert(email, id.to_owned());
            }
        }
        self.by_id.insert(id.to_owned(), facts);
    }
}

fn is_active(row: &Row) -> bool {
    row.text("status")
        .is_some_and(|status| status.eq_ignore_ascii_case("active"))
}

fn zone_name(row: &Row) -> Option<&str> {
    row.text("time_zone").filter(|name| TimeZone::get(name).is_ok())
}

/// Maps a user. Some orgs tell no change date of users; then it is the one of creation.
pub(crate) fn map_user(context: &Context<'_>, row: &Row) -> Result<Owner, String> {
    let kind = if context.mapping.is_person(row.text("type__s")) {
        OwnerKind::User
    } else {
        OwnerKind::Integration
    };
    let modified_at = match row.instant("Modified_Time")? {
        Some(at) => at,
        None => row.instant("created_time")?.unwrap_or(context.now),
    };
    Ok(Owner {
        id: OwnerId(context.record(RecordKind::Owner, row.id()?)),
        kind,
        name: row.text("full_name").unwrap_or_default().to_owned(),
        email: row.text("email").map(normalize_email),
        is_active: is_active(row),
        time_zone: zone_name(row).map(str::to_owned),
        absences: Vec::new(),
        stamp: Stamp {
            modified_at,
            modified_by: Editor::Unknown,
            seen_at: context.now,
        },
    })
}
