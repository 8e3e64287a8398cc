//! Reading: records, identities, and everything about one subject.

use std::{collections::BTreeSet, ops::ControlFlow};

use followup_core::{ConnectionId, Deal, Gone, Owner, PersonId, Quarantined, Record, RecordKind, RecordRef};

use super::Store;
use crate::{
    Counts, Gathered, StoreError, codec, gather, human, index,
    keys::{self, table},
};

/// How far a walk over all subjects has come.
#[derive(Debug, Clone)]
pub struct Place(pub(super) Vec<u8>);

impl Store {
    /// A record that is there.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn get(&self, id: &RecordRef) -> Result<Option<Record>, StoreError> {
        let view = self.view();
        match view.rid(id)? {
            Some(rid) => view.record(rid),
            None => Ok(None),
        }
    }

    /// Why a record is no longer there.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn tombstone(&self, id: &RecordRef) -> Result<Option<Gone>, StoreError> {
        let view = self.view();
        match view.rid(id)? {
            Some(rid) => Ok(view.tombstone(rid)?.map(|tombstone| tombstone.gone)),
            None => Ok(None),
        }
    }

    /// Some of all person and deal records, and the place to go on from; `None` = these were the last.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn subjects(
        &self,
        place: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<RecordRef>, Option<Place>), StoreError> {
        let from = place.map_or_else(|| vec![table::RECORD], |place| place.0);
        let (rids, next) = crate::open::subjects(&*self.kv, &from, limit)?;
        let view = self.view();
        let names = rids
            .into_iter()
            .map(|rid| view.name(rid))
            .collect::<Result<_, _>>()?;
        Ok((names, next.map(Place)))
    }

    /// Some of a connection's deals, and the place to go on from; `None` = these were the last.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn deals(
        &self,
        connection: &ConnectionId,
        place: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<Deal>, Option<Place>), StoreError> {
        let (records, next) = self.records(connection, RecordKind::Deal, place, limit)?;
        let deal = |record| match record {
            Record::Deal(deal) => Some(deal),
            _ => None,
        };
        Ok((records.into_iter().filter_map(deal).collect(), next))
    }

    /// Some of a connection's records of one kind, and the place to go on from; `None` = these were the last.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn records(
        &self,
        connection: &ConnectionId,
        kind: RecordKind,
        place: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<Record>, Option<Place>), StoreError> {
        let view = self.view();
        let Some(connection) = view.connection(connection)? else {
            return Ok((Vec::new(), None));
        };
        let prefix = keys::records_of(connection, kind);
        let from = place.map_or_else(|| prefix.clone(), |place| place.0);
        let (mut records, mut next) = (Vec::new(), None);
        self.kv.scan(&from, &mut |key, value| {
            if !key.starts_with(&prefix) {
                return Ok(ControlFlow::Break(()));
            }
            if records.len() == limit {
                next = Some(Place(key.to_vec()));
                return Ok(ControlFlow::Break(()));
            }
            records.push(codec::decode_record(value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((records, next))
    }

    /// A random sample of a connection's records of one kind, at most `size`, and how many there are; equal seeds over
    /// equal records draw equal samples. Reads every key of the kind, and no value.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn sample(
        &self,
        connection: &ConnectionId,
        kind: RecordKind,
        size: usize,
        seed: u64,
    ) -> Result<(Vec<RecordRef>, u64), StoreError> {
        let view = self.view();
        let Some(connection) = view.connection(connection)? else {
            return Ok((Vec::new(), 0));
        };
        let prefix = keys::records_of(connection, kind);
        let mut drawn: BTreeSet<([u8; 16], keys::Rid)> = BTreeSet::new();
        let mut count = 0;
        self.kv.scan(&prefix, &mut |key, _| {
            if !key.starts_with(&prefix) {
                return Ok(ControlFlow::Break(()));
            }
            count += 1;
            let lot = codec::short_hash(&[&seed.to_be_bytes(), key].concat());
            drawn.insert((lot, keys::last_rid(key)?));
            if drawn.len() > size {
                drawn.pop_last();
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let names = drawn.into_iter().map(|(_, rid)| view.name(rid));
        Ok((names.collect::<Result<_, _>>()?, count))
    }

    /// Every owner of a connection.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn owners(&self, connection: &ConnectionId) -> Result<Vec<Owner>, StoreError> {
        let view = self.view();
        let Some(connection) = view.connection(connection)? else {
            return Ok(Vec::new());
        };
        let mut owners = Vec::new();
        for (_, bytes) in view.under(&keys::records_of(connection, RecordKind::Owner), usize::MAX)? {
            if let Record::Owner(owner) = codec::decode_record(&bytes)? {
                owners.push(owner);
            }
        }
        owners.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(owners)
    }

    /// All records of the human behind a person record, itself included.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn human(&self, person: &PersonId) -> Result<BTreeSet<PersonId>, StoreError> {
        let view = self.view();
        let Some(rid) = view.rid(person.record())? else {
            return Ok(BTreeSet::from([person.clone()]));
        };
        human::human(&view, rid)?
            .into_iter()
            .map(|rid| view.name(rid).map(PersonId))
            .collect()
    }

    /// People with this address, in any connection.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn person_by_email(&self, email: &str) -> Result<Vec<PersonId>, StoreError> {
        let Some(hash) = index::email_hash(email) else {
            return Ok(Vec::new());
        };
        let view = self.view();
        let mut people = view
            .rids_under(&keys::key(table::EMAIL, &[&hash]))?
            .into_iter()
            .map(|rid| view.name(rid).map(PersonId))
            .collect::<Result<Vec<_>, _>>()?;
        people.sort();
        Ok(people)
    }

    /// Everything about one subject (a person or a deal).
    ///
    /// # Errors
    /// As the cache fails.
    pub fn gather(&self, subject: &RecordRef) -> Result<Gathered, StoreError> {
        gather::gather(&self.view(), subject)
    }

    /// How many records the cache holds.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        self.view().counts()
    }

    /// Records that were set aside, with the reason.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn quarantine(&self) -> Result<Vec<Quarantined>, StoreError> {
        let mut rows = self
            .view()
            .under(&[table::QUARANTINE], usize::MAX)?
            .iter()
            .map(|(_, bytes)| codec::decode(bytes, "a quarantined record"))
            .collect::<Result<Vec<Quarantined>, _>>()?;
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(rows)
    }
}
