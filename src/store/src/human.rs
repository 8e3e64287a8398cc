//! Which person records are the same human, and whom a change concerns.
//!
//! Records are united by the same normalized address, by the same phone digits *and* name, or by a merge or
//! conversion the CRM states; across connections, transitively. The relation is symmetric: every link is indexed from
//! both ends, and a record that is gone is reached through its merge only.

use std::collections::BTreeSet;

use followup_core::RecordKind;

use crate::{
    error::StoreError,
    index,
    keys::{self, Rid, table},
    view::View,
};

/// All records of the human behind a person record, itself included.
pub(crate) fn human(view: &View<'_>, start: Rid) -> Result<BTreeSet<Rid>, StoreError> {
    let mut found = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(rid) = open.pop() {
        for peer in peers(view, rid)? {
            if found.insert(peer) {
                open.push(peer);
            }
        }
    }
    Ok(found)
}

/// Records directly united with one.
fn peers(view: &View<'_>, rid: Rid) -> Result<Vec<Rid>, StoreError> {
    let mut peers = view.rids_under(&keys::of(table::MERGED, rid))?;
    if let Some(record) = view.record(rid)? {
        if let followup_core::Record::Person(person) = record {
            for (table, hash) in index::identity_prefixes(&person) {
                peers.extend(view.rids_under(&keys::key(table, &[&hash]))?);
            }
            for into in index::survivors(&person) {
                peers.extend(view.rid(into)?);
            }
        }
    } else if let Some(tombstone) = view.tombstone(rid)?
        && let Some(into) = &tombstone.gone.merged_into
    {
        peers.extend(view.rid(into)?);
    }
    peers.retain(|peer| peer.is_person());
    Ok(peers)
}

/// All records of the humans behind several person records.
pub(crate) fn humans(view: &View<'_>, start: &BTreeSet<Rid>) -> Result<Vec<BTreeSet<Rid>>, StoreError> {
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for rid in start {
        if seen.contains(rid) {
            continue;
        }
        let group = human(view, *rid)?;
        seen.extend(group.iter().copied());
        groups.push(group);
    }
    Ok(groups)
}

/// Deals on which any of these people are.
pub(crate) fn deals_of(view: &View<'_>, people: &BTreeSet<Rid>) -> Result<BTreeSet<Rid>, StoreError> {
    let mut deals = BTreeSet::new();
    for person in people {
        deals.extend(view.rids_under(&keys::of(table::DEALS, *person))?);
    }
    Ok(deals)
}

/// People on any of these deals, as the deals name them.
pub(crate) fn people_on(view: &View<'_>, deals: &BTreeSet<Rid>) -> Result<BTreeSet<Rid>, StoreError> {
    let mut people = BTreeSet::new();
    for deal in deals {
        if let Some(followup_core::Record::Deal(deal)) = view.record(*deal)? {
            for person in &deal.people {
                people.extend(view.rid(person.record())?);
            }
        }
    }
    Ok(people)
}

/// Every subject whose timeline holds something of these people and deals: the humans, their deals, the people of
/// those deals, and the deals of these. It is at least as wide as what [`crate::Gathered`] reads, in the other
/// direction.
pub(crate) fn concerned(view: &View<'_>, touched: &BTreeSet<Rid>) -> Result<BTreeSet<Rid>, StoreError> {
    let direct: BTreeSet<Rid> = touched.iter().copied().filter(|rid| rid.is_person()).collect();
    let mut people = flatten(humans(view, &direct)?);
    let mut deals = deals_of(view, &people)?;
    deals.extend(touched.iter().copied().filter(|rid| rid.is_deal()));
    let beside = people_on(view, &deals)?;
    people.extend(flatten(humans(view, &beside)?));
    deals.extend(deals_of(view, &people)?);
    Ok(people.into_iter().chain(deals).collect())
}

pub(crate) fn flatten(groups: Vec<BTreeSet<Rid>>) -> BTreeSet<Rid> {
    groups.into_iter().flatten().collect()
}

/// Whether a kind of record can be a subject.
pub(crate) const fn is_subject(kind: RecordKind) -> bool {
    matches!(kind, RecordKind::Lead | RecordKind::Contact | RecordKind::Deal)
}
