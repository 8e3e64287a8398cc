//! The cache as typed records, with writes that are not applied yet laid over it.
//!
//! Every read of the store goes through a view, so a page sees its own earlier records; a view without writes is the
//! cache itself. Interned ids are given out here.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
};

use followup_core::{ConnectionId, Gone, Person, Record, RecordRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    codec,
    error::StoreError,
    keys::{self, Rid, table},
    kv::{Batch, Kv},
};

/// How many records the cache holds. Kept with every write, never counted by a scan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Owners.
    pub owners: u64,
    /// Leads and contacts.
    pub people: u64,
    /// Accounts.
    pub accounts: u64,
    /// Deals.
    pub deals: u64,
    /// Activities of every kind.
    pub activities: u64,
    /// Tasks, ours and others'.
    pub tasks: u64,
    /// Records that were deleted or merged away.
    pub gone: u64,
    /// Records set aside.
    pub quarantined: u64,
}

impl Counts {
    pub(crate) const fn of(&mut self, record: &Record) -> &mut u64 {
        match record {
            Record::Owner(_) => &mut self.owners,
            Record::Person(_) => &mut self.people,
            Record::Account(_) => &mut self.accounts,
            Record::Deal(_) => &mut self.deals,
            Record::Activity(_) => &mut self.activities,
            Record::Task(_) => &mut self.tasks,
        }
    }
}

/// What is kept of a record that is gone: why, and, if it was merged away, how it looked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    pub(crate) gone: Gone,
    pub(crate) last: Option<Record>,
}

/// The next free number of an interned record.
const NEXT_SEQ: &[u8] = b"next_seq";
/// The next free connection number.
const NEXT_CONNECTION: &[u8] = b"next_connection";
const COUNTS: &[u8] = b"counts";

/// Records merged into records merged into records: a chain longer than this is a mistake of the data.
const MERGES_MAX: usize = 32;

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// The cache with writes laid over it.
pub(crate) struct View<'a> {
    kv: &'a dyn Kv,
    writes: Batch,
    interned: HashMap<RecordRef, Rid>,
    connections: RefCell<HashMap<ConnectionId, u16>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(kv: &'a dyn Kv) -> Self {
        Self {
            kv,
            writes: BTreeMap::new(),
            interned: HashMap::new(),
            connections: RefCell::default(),
        }
    }

    pub(crate) fn into_writes(self) -> Batch {
        self.writes
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.kv.get(key),
        }
    }

    pub(crate) fn has(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.get(key)?.is_some())
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    /// Keys and values under a prefix, in order, at most `limit`.
    pub(crate) fn under(&self, prefix: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        let over: Vec<_> = self
            .writes
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .collect();
        let wanted = limit.saturating_add(over.len());
        let mut found = BTreeMap::new();
        if wanted > 0 {
            self.kv.scan(prefix, &mut |key, value| {
                if !key.starts_with(prefix) {
                    return Ok(ControlFlow::Break(()));
                }
                found.insert(key.to_vec(), value.to_vec());
                Ok(if found.len() < wanted {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                })
            })?;
        }
        for (key, value) in over {
            match value {
                Some(value) => found.insert(key.clone(), value.clone()),
                None => found.remove(key),
            };
        }
        Ok(found.into_iter().take(limit).collect())
    }

    /// The record ids with which the keys under a prefix end.
    pub(crate) fn rids_under(&self, prefix: &[u8]) -> Result<Vec<Rid>, StoreError> {
        self.under(prefix, usize::MAX)?
            .iter()
            .map(|(key, _)| keys::last_rid(key))
            .collect()
    }

    /// The number of a connection, if it has one.
    pub(crate) fn connection(&self, connection: &ConnectionId) -> Result<Option<u16>, StoreError> {
        if let Some(number) = self.connections.borrow().get(connection) {
            return Ok(Some(*number));
        }
        let key = keys::key(table::CONNECTION, &[connection.as_str().as_bytes()]);
        let Some(bytes) = self.get(&key)? else {
            return Ok(None);
        };
        let number = codec::decode(&bytes, "a connection number")?;
        self.connections.borrow_mut().insert(connection.clone(), number);
        Ok(Some(number))
    }

    /// The number of a connection; a new one if it has none.
    pub(crate) fn intern_connection(&mut self, connection: &ConnectionId) -> Result<u16, StoreError> {
        if let Some(number) = self.connection(connection)? {
            return Ok(number);
        }
        let number: u16 = self.meta(NEXT_CONNECTION)?.unwrap_or(0);
        let next = number.checked_add(1).ok_or(StoreError::TooLarge {
            what: "the number of connections",
            max: u64::from(u16::MAX),
        })?;
        self.put_meta(NEXT_CONNECTION, &next)?;
        let key = keys::key(table::CONNECTION, &[connection.as_str().as_bytes()]);
        self.put(key, codec::encode(&number, "a connection number")?);
        Ok(number)
    }

    /// The interned id of a record, if it has one.
    pub(crate) fn rid(&self, id: &RecordRef) -> Result<Option<Rid>, StoreError> {
        if let Some(rid) = self.interned.get(id) {
            return Ok(Some(*rid));
        }
        let Some(connection) = self.connection(&id.connection)? else {
            return Ok(None);
        };
        self.get(&keys::intern(connection, id.kind, &id.native_id))?
            .map(|bytes| Rid::from_bytes(&bytes))
            .transpose()
    }

    /// The interned id of a record; a new one if it has none.
    pub(crate) fn intern(&mut self, id: &RecordRef) -> Result<Rid, StoreError> {
        let rid = match self.rid(id)? {
            Some(rid) => rid,
            None => self.intern_new(id)?,
        };
        self.interned.insert(id.clone(), rid);
        Ok(rid)
    }

    fn intern_new(&mut self, id: &RecordRef) -> Result<Rid, StoreError> {
        let connection = self.intern_connection(&id.connection)?;
        let seq: u64 = self.meta(NEXT_SEQ)?.unwrap_or(0);
        let rid = Rid::new(connection, id.kind, seq)?;
        self.put_meta(NEXT_SEQ, &(seq + 1))?;
        self.put(
            keys::intern(connection, id.kind, &id.native_id),
            rid.bytes().to_vec(),
        );
        self.put(keys::of(table::NAME, rid), codec::encode(id, "a record id")?);
        Ok(rid)
    }

    /// The record id behind an interned one.
    pub(crate) fn name(&self, rid: Rid) -> Result<RecordRef, StoreError> {
        let bytes = self
            .get(&keys::of(table::NAME, rid))?
            .ok_or_else(|| StoreError::decode("a record id that a key names"))?;
        codec::decode(&bytes, "a record id")
    }

    /// A record that is there.
    pub(crate) fn record(&self, rid: Rid) -> Result<Option<Record>, StoreError> {
        self.get(&keys::of(table::RECORD, rid))?
            .map(|bytes| codec::decode_record(&bytes))
            .transpose()
    }

    /// What is known of a record that is gone.
    pub(crate) fn tombstone(&self, rid: Rid) -> Result<Option<Tombstone>, StoreError> {
        self.get(&keys::of(table::GONE, rid))?
            .map(|bytes| codec::decode(&bytes, "a tombstone"))
            .transpose()
    }

    /// A person that is there, or was merged away and lives on in another: what was merged into a record goes with it.
    pub(crate) fn person(&self, rid: Rid) -> Result<Option<Person>, StoreError> {
        if let Some(record) = self.record(rid)? {
            return Ok(person_of(record));
        }
        let Some(Tombstone { gone, last }) = self.tombstone(rid)? else {
            return Ok(None);
        };
        let Some(into) = gone.merged_into else {
            return Ok(None);
        };
        if self.is_dead(&into)? {
            return Ok(None);
        }
        Ok(last.and_then(person_of).map(|mut person| {
            person.merged.get_or_insert(followup_core::Merge {
                into: followup_core::PersonId(into),
                at: Some(gone.at),
            });
            person
        }))
    }

    /// Whether a record was deleted, or everything it was merged into was. One that was never seen may come yet.
    fn is_dead(&self, record: &RecordRef) -> Result<bool, StoreError> {
        let mut next = record.clone();
        for _ in 0..MERGES_MAX {
            let Some(rid) = self.rid(&next)? else {
                return Ok(false);
            };
            if self.record(rid)?.is_some() {
                return Ok(false);
            }
            match self.tombstone(rid)? {
                None => return Ok(false),
                Some(Tombstone { gone, .. }) => match gone.merged_into {
                    None => return Ok(true),
                    Some(into) => next = into,
                },
            }
        }
        Ok(false)
    }

    pub(crate) fn counts(&self) -> Result<Counts, StoreError> {
        Ok(self.meta(COUNTS)?.unwrap_or_default())
    }

    pub(crate) fn put_counts(&mut self, counts: &Counts) -> Result<(), StoreError> {
        self.put_meta(COUNTS, counts)
    }

    pub(crate) fn meta<T: serde::de::DeserializeOwned>(&self, name: &[u8]) -> Result<Option<T>, StoreError> {
        self.get(&keys::key(table::META, &[name]))?
            .map(|bytes| codec::decode(&bytes, "a counter"))
            .transpose()
    }

    pub(crate) fn put_meta<T: Serialize>(&mut self, name: &[u8], value: &T) -> Result<(), StoreError> {
        let bytes = codec::encode(value, "a counter")?;
        self.put(keys::key(table::META, &[name]), bytes);
        Ok(())
    }

    /// Subjects in a queue ordered by instant, up to `until` (inclusive), at most `limit`.
    pub(crate) fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<Rid>, StoreError> {
        let mut due = Vec::new();
        if limit == 0 {
            return Ok(due);
        }
        let bound = keys::time_key(until);
        self.kv.scan(&[table::DUE], &mut |key, _| {
            let is_due = key.first() == Some(&table::DUE) && key.get(1..9).is_some_and(|at| at <= &bound[..]);
            if !is_due {
                return Ok(ControlFlow::Break(()));
            }
            due.push(keys::last_rid(key)?);
            Ok(if due.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok(due)
    }

    /// How many people of a connection were created between two instants, both inclusive; stops counting at `max`.
    pub(crate) fn created_between(
        &self,
        connection: u16,
        first: Timestamp,
        last: Timestamp,
        max: u32,
    ) -> Result<u32, StoreError> {
        let prefix = keys::key(table::CREATED, &[&connection.to_be_bytes()]);
        let from = keys::key(
            table::CREATED,
            &[&connection.to_be_bytes(), &keys::time_key(first)],
        );
        let until = keys::time_key(last);
        let mut count = 0;
        self.kv.scan(&from, &mut |key, _| {
            let is_within = key.starts_with(&prefix) && key.get(3..11).is_some_and(|at| at <= &until[..]);
            if !is_within || count >= max {
                return Ok(ControlFlow::Break(()));
            }
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }
}

fn person_of(record: Record) -> Option<Person> {
    match record {
        Record::Person(person) => Some(person),
        _ => None,
    }
}
