//! I-1: in quiet the cache equals the CRM. I-7 and D-5: what a settled cursor says was read is in the cache.

use followup_core::{RecordKind, Stream};
use followup_store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::crm::{Held, SimCrm};

/// A deletion that no stream of changes tells is found by a sweep: at the latest after one day's rest and a pass.
const SWEPT_WITHIN: SignedDuration = SignedDuration::from_hours(27);

/// Differences between cache and CRM in everything that has not changed since `before`.
///
/// # Errors
/// As the store fails.
pub fn equals(store: &Store, crm: &dyn SimCrm, before: Timestamp) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for held in crm.census().iter().filter(|held| held.modified_at < before) {
        let cached = store.get(&held.id)?;
        match cached {
            None if held.is_gone => {}
            None => found.push(format!(
                "{} is missing, unchanged since {}",
                held.id, held.modified_at
            )),
            // Our own tasks are kept as deleted.
            Some(_) if held.is_gone && held.id.kind == RecordKind::Task => {}
            Some(_) if held.is_gone => {
                if held.tells_when_gone || held.modified_at < before - SWEPT_WITHIN {
                    found.push(format!("{} is deleted since {}", held.id, held.modified_at));
                }
            }
            Some(record) if record.stamp().modified_at < held.modified_at => found.push(format!(
                "{} is the version of {}, not of {}",
                held.id,
                record.stamp().modified_at,
                held.modified_at
            )),
            Some(record) => found.extend(crm.difference(&held.id, &record)),
        }
    }
    Ok(found)
}

/// Records that a settled cursor claims and the cache has not.
///
/// # Errors
/// As the store fails.
pub fn behind(store: &Store, crm: &dyn SimCrm, slack: SignedDuration) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for held in crm.census().iter().filter(|held| !held.is_gone) {
        let Some(settled) = settled_to(store, held)? else {
            continue;
        };
        if held.modified_at >= settled - slack {
            continue;
        }
        let cached = store.get(&held.id)?.map(|record| record.stamp().modified_at);
        if cached.is_none_or(|version| version < held.modified_at) {
            found.push(format!(
                "{} of {} is settled up to {settled}, and the cache has {cached:?}",
                held.id, held.modified_at
            ));
        }
    }
    Ok(found)
}

fn settled_to(store: &Store, held: &Held) -> Result<Option<Timestamp>, StoreError> {
    let stream = match held.id.kind {
        RecordKind::Contact => Stream::Contacts,
        RecordKind::Lead => Stream::Leads,
        RecordKind::Account => Stream::Accounts,
        RecordKind::Deal => Stream::Deals,
        RecordKind::Call => Stream::Calls,
        RecordKind::Email => Stream::Emails,
        RecordKind::Meeting => Stream::Meetings,
        RecordKind::Task => Stream::Tasks,
        _ => return Ok(None),
    };
    let lanes = store.lanes(&held.id.connection, stream)?;
    Ok(lanes.settled_at.filter(|_| lanes.backfill_done))
}
