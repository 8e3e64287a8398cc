//! Taking a human out of the cache: one batch, atomic like every other.

use std::collections::BTreeSet;

use followup_core::{ActivityKind, PersonId, Record, RecordRef};
use jiff::Timestamp;

use super::{
    Traces,
    admit::{people_of, with_people},
    is_named_in,
    named::Named,
};
use crate::{
    codec, commit,
    error::StoreError,
    index,
    keys::{self, Rid, table},
    view::View,
};

/// Writes the whole removal into `view`.
pub(crate) fn forget(view: &mut View<'_>, traces: &Traces, now: Timestamp) -> Result<(), StoreError> {
    let named = Named::of(&traces.people);
    let mut concerned = BTreeSet::new();
    for id in &traces.shared {
        part(view, id, traces, &named, &mut concerned)?;
    }
    for id in traces.activities.iter().chain(&traces.tasks) {
        if let Some(rid) = view.rid(id)? {
            remove(view, rid)?;
            forget_name(view, rid, id)?;
        }
    }
    for id in &traces.records {
        let rid = view.intern(id)?;
        remove(view, rid)?;
        view.put(keys::of(table::ERASED, rid), keys::time_key(now).to_vec());
    }
    for rid in concerned {
        commit::mark(view, rid)?;
    }
    Ok(())
}

/// Takes them out of a record that stays. The hash of what the CRM delivered is kept, so the same version of it brings
/// nothing back.
fn part(
    view: &mut View<'_>,
    id: &RecordRef,
    traces: &Traces,
    named: &Named,
    concerned: &mut BTreeSet<Rid>,
) -> Result<(), StoreError> {
    let Some(rid) = view.rid(id)? else { return Ok(()) };
    let key = keys::of(table::RECORD, rid);
    let bytes = view.get(&key)?.unwrap_or_default();
    let (Some(hash), Some(before)) = (codec::record_hash(&bytes), view.record(rid)?) else {
        return Ok(());
    };
    let others = people_of(&before)
        .iter()
        .filter(|person| !traces.records.contains(person.record()));
    let others: Vec<PersonId> = others.cloned().collect();
    let mut after = with_people(&before, others).unwrap_or_else(|| before.clone());
    // Of an open task of ours the text is a baseline: it changes when the CRM's does.
    let is_open = matches!(&after, Record::Task(task) if traces.naming.contains(&task.id));
    if !is_open {
        unname(&mut after, named);
    }
    reindex(view, rid, Some(&before), Some(&after))?;
    view.put(key, codec::encode_record(&hash, &after)?);
    for subject in index::subjects(&after) {
        concerned.extend(view.rid(subject)?);
    }
    Ok(())
}

/// Takes a name out of what is shown of a record, where it stands in it.
fn unname(record: &mut Record, named: &Named) {
    let number = record.id().native_id.clone();
    match record {
        Record::Deal(deal) if named.is_in(&deal.name) => deal.name = format!("deal {number}"),
        Record::Account(account) if named.is_in(&account.name) => account.name = format!("account {number}"),
        Record::Task(task) if is_named_in(task, named) => task.fields = None,
        _ => {}
    }
}

/// Removes a record and everything that is kept under its number, whether it is there, gone or set aside.
fn remove(view: &mut View<'_>, rid: Rid) -> Result<(), StoreError> {
    let mut counts = view.counts()?;
    let record = view.record(rid)?;
    if let Some(record) = &record {
        reindex(view, rid, Some(record), None)?;
        let count = counts.of(record);
        *count = count.saturating_sub(1);
        if let Record::Activity(activity) = record
            && let Some(by) = &activity.by
            && let Some(by) = view.rid(by.record())?
        {
            view.delete(keys::pair(table::UNKNOWN_OWNER, by, rid));
        }
    }
    if let Some(tombstone) = view.tombstone(rid)? {
        counts.gone = counts.gone.saturating_sub(1);
        if let Some(into) = &tombstone.gone.merged_into
            && let Some(into) = view.rid(into)?
        {
            view.delete(keys::pair(table::MERGED, into, rid));
        }
    }
    if view.has(&keys::of(table::QUARANTINE, rid))? {
        counts.quarantined = counts.quarantined.saturating_sub(1);
    }
    view.put_counts(&counts)?;
    if let Some(wake) = view.get(&keys::of(table::WAKE, rid))? {
        view.delete(keys::key(table::DUE, &[&wake, &rid.bytes()]));
    }
    for table in [
        table::RECORD,
        table::GONE,
        table::QUARANTINE,
        table::SWEPT,
        table::DIRTY,
        table::WAKE,
    ] {
        view.delete(keys::of(table, rid));
    }
    for kind in ActivityKind::ALL {
        let code = keys::kind_code(kind.record_kind());
        view.delete(keys::key(table::RELATED, &[&[code], &rid.bytes()]));
    }
    Ok(())
}

/// Removes the number itself: nothing names it any more.
fn forget_name(view: &mut View<'_>, rid: Rid, id: &RecordRef) -> Result<(), StoreError> {
    if let Some(connection) = view.connection(&id.connection)? {
        view.delete(keys::intern(connection, id.kind, &id.native_id));
    }
    view.delete(keys::of(table::NAME, rid));
    Ok(())
}

/// Writes the difference between the index keys of two versions.
fn reindex(
    view: &mut View<'_>,
    rid: Rid,
    before: Option<&Record>,
    after: Option<&Record>,
) -> Result<(), StoreError> {
    let keys = |record: Option<&Record>| -> Result<BTreeSet<Vec<u8>>, StoreError> {
        let Some(record) = record else {
            return Ok(BTreeSet::new());
        };
        index::keys_of(record, rid, &mut |id| view.rid(id))
    };
    let (before, after) = (keys(before)?, keys(after)?);
    for key in before.difference(&after) {
        view.delete(key.clone());
    }
    for key in after.difference(&before) {
        view.put(key.clone(), Vec::new());
    }
    Ok(())
}
