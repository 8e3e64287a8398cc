//! Keys of the one tree everything lies in: the first byte is the table, the rest is fixed-width and big-endian, so
//! that the order of bytes is the order of meaning and a subject's timeline is one prefix scan.
//!
//! Record ids are interned: a [`Rid`] is eight bytes and carries connection and kind in its upper half, so records
//! of one kind of one connection lie together and nothing about a key needs a second look-up.

use followup_core::{Lane, RecordKind, Stream};
use jiff::Timestamp;

use crate::error::StoreError;

/// The tables. A number is never used for anything else again.
pub(crate) mod table {
    /// Single values: layout number, counters, next free number.
    pub(crate) const META: u8 = 0x01;
    /// Connection name → number.
    pub(crate) const CONNECTION: u8 = 0x02;
    /// Connection, kind, native id → [`super::Rid`].
    pub(crate) const INTERN: u8 = 0x03;
    /// [`super::Rid`] → record id.
    pub(crate) const NAME: u8 = 0x04;
    /// [`super::Rid`] → record.
    pub(crate) const RECORD: u8 = 0x10;
    /// [`super::Rid`] → what became of a record that is gone.
    pub(crate) const GONE: u8 = 0x11;
    /// [`super::Rid`] → why a record was set aside.
    pub(crate) const QUARANTINE: u8 = 0x12;
    /// [`super::Rid`] → the last pass of a sweep that saw the record.
    pub(crate) const SWEPT: u8 = 0x13;
    /// Kind of activity, [`super::Rid`] → up to when the record was asked for such activities.
    pub(crate) const RELATED: u8 = 0x14;
    /// [`super::Rid`] of a person → when everything about them was erased. Nothing of them is taken in again.
    pub(crate) const ERASED: u8 = 0x15;
    /// Person or deal, instant, activity.
    pub(crate) const TIMELINE: u8 = 0x20;
    /// Person, deal.
    pub(crate) const DEALS: u8 = 0x21;
    /// Person or deal, task.
    pub(crate) const TASKS: u8 = 0x22;
    /// Owner, person or deal.
    pub(crate) const OWNED: u8 = 0x23;
    /// Hash of an address, person.
    pub(crate) const EMAIL: u8 = 0x24;
    /// Hash of phone digits and name, person.
    pub(crate) const PHONE: u8 = 0x25;
    /// Surviving person, person merged or converted into it.
    pub(crate) const MERGED: u8 = 0x26;
    /// Connection, instant of creation, person.
    pub(crate) const CREATED: u8 = 0x27;
    /// Owner that is not in the cache, activity it did.
    pub(crate) const UNKNOWN_OWNER: u8 = 0x28;
    /// Subject to be judged again.
    pub(crate) const DIRTY: u8 = 0x30;
    /// Instant, subject to be judged then.
    pub(crate) const DUE: u8 = 0x31;
    /// Subject → its instant in `DUE`.
    pub(crate) const WAKE: u8 = 0x32;
    /// Connection, stream, lane → cursor.
    pub(crate) const CURSOR: u8 = 0x40;
    /// Connection, stream → how far it was read.
    pub(crate) const LANES: u8 = 0x41;
    /// Connection, stream → where its sweep stands.
    pub(crate) const SWEEP: u8 = 0x42;
}

const SEQ_BITS: u32 = 40;

/// Number of the largest interned record.
pub(crate) const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

/// An interned record id: connection (16 bits), kind (8 bits), running number (40 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rid(u64);

impl Rid {
    pub(crate) fn new(connection: u16, kind: RecordKind, seq: u64) -> Result<Self, StoreError> {
        if seq > SEQ_MAX {
            return Err(StoreError::TooLarge {
                what: "the number of records",
                max: SEQ_MAX,
            });
        }
        Ok(Self(
            u64::from(connection) << 48 | u64::from(kind_code(kind)) << SEQ_BITS | seq,
        ))
    }

    pub(crate) const fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let bytes: [u8; 8] = bytes.try_into().map_err(|_| StoreError::decode("a key"))?;
        Ok(Self(u64::from_be_bytes(bytes)))
    }

    /// The connection number.
    pub(crate) const fn connection(self) -> u16 {
        let [high, low, ..] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// What the record is; `None` for a code this version does not know.
    pub(crate) fn kind(self) -> Option<RecordKind> {
        let [_, _, code, ..] = self.0.to_be_bytes();
        RecordKind::ALL
            .iter()
            .copied()
            .find(|kind| kind_code(*kind) == code)
    }

    /// A lead or contact.
    pub(crate) fn is_person(self) -> bool {
        matches!(self.kind(), Some(RecordKind::Lead | RecordKind::Contact))
    }

    /// A deal.
    pub(crate) fn is_deal(self) -> bool {
        self.kind() == Some(RecordKind::Deal)
    }
}

/// Stable number of a kind; part of the layout.
pub(crate) const fn kind_code(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::Owner => 1,
        RecordKind::Lead => 2,
        RecordKind::Contact => 3,
        RecordKind::Account => 4,
        RecordKind::Deal => 5,
        RecordKind::Email => 6,
        RecordKind::Call => 7,
        RecordKind::Meeting => 8,
        RecordKind::Sms => 9,
        RecordKind::Form => 10,
        RecordKind::Chat => 11,
        RecordKind::Note => 12,
        RecordKind::Signal => 13,
        RecordKind::Task => 14,
    }
}

/// Stable number of a stream; part of the layout.
const fn stream_code(stream: Stream) -> u8 {
    match stream {
        Stream::Owners => 1,
        Stream::Tasks => 2,
        Stream::Leads => 3,
        Stream::Contacts => 4,
        Stream::Accounts => 5,
        Stream::Deals => 6,
        Stream::Calls => 7,
        Stream::Emails => 8,
        Stream::Meetings => 9,
        Stream::Notes => 10,
        Stream::Messages => 11,
    }
}

/// Stable number of a lane; part of the layout.
const fn lane_code(lane: Lane) -> u8 {
    match lane {
        Lane::Backfill => 1,
        Lane::Hot => 2,
        Lane::Settled => 3,
        Lane::Sweep => 4,
    }
}

/// An instant in key order: microseconds, rounded down, sign bit flipped.
pub(crate) fn time_key(at: Timestamp) -> [u8; 8] {
    micros_key(at.as_microsecond())
}

/// An instant in key order, rounded *up*: nothing is due before its instant.
pub(crate) fn time_key_up(at: Timestamp) -> [u8; 8] {
    let is_whole = at.as_nanosecond().rem_euclid(1_000) == 0;
    let floor = at.as_nanosecond().div_euclid(1_000);
    let micros = if is_whole { floor } else { floor + 1 };
    micros_key(i64::try_from(micros).unwrap_or(i64::MAX))
}

const fn micros_key(micros: i64) -> [u8; 8] {
    (micros.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// The instant of [`time_key`].
pub(crate) fn time_of(bytes: &[u8]) -> Result<Timestamp, StoreError> {
    let wrong = || StoreError::decode("an instant in a key");
    let bytes: [u8; 8] = bytes.try_into().map_err(|_| wrong())?;
    let micros = (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed();
    Timestamp::from_microsecond(micros).map_err(|_| wrong())
}

/// A key of `table` made of `parts`.
pub(crate) fn key(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(table);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// A key of `table` for one record.
pub(crate) fn of(table: u8, rid: Rid) -> Vec<u8> {
    key(table, &[&rid.bytes()])
}

/// A key of `table` for a pair of records.
pub(crate) fn pair(table: u8, first: Rid, second: Rid) -> Vec<u8> {
    key(table, &[&first.bytes(), &second.bytes()])
}

/// Prefix of all records of one kind of one connection.
pub(crate) fn records_of(connection: u16, kind: RecordKind) -> Vec<u8> {
    key(table::RECORD, &[&connection.to_be_bytes(), &[kind_code(kind)]])
}

/// Key of an interned id.
pub(crate) fn intern(connection: u16, kind: RecordKind, native_id: &str) -> Vec<u8> {
    key(
        table::INTERN,
        &[
            &connection.to_be_bytes(),
            &[kind_code(kind)],
            native_id.as_bytes(),
        ],
    )
}

/// Key of a cursor.
pub(crate) fn cursor(connection: u16, stream: Stream, lane: Lane) -> Vec<u8> {
    key(
        table::CURSOR,
        &[&connection.to_be_bytes(), &[stream_code(stream), lane_code(lane)]],
    )
}

/// Key of how far a stream was read.
pub(crate) fn lanes(connection: u16, stream: Stream) -> Vec<u8> {
    key(table::LANES, &[&connection.to_be_bytes(), &[stream_code(stream)]])
}

/// Key of where the sweep of a stream stands.
pub(crate) fn sweep(connection: u16, stream: Stream) -> Vec<u8> {
    key(table::SWEEP, &[&connection.to_be_bytes(), &[stream_code(stream)]])
}

/// The record id a key ends with.
pub(crate) fn last_rid(key: &[u8]) -> Result<Rid, StoreError> {
    let start = key
        .len()
        .checked_sub(8)
        .ok_or_else(|| StoreError::decode("a key"))?;
    Rid::from_bytes(key.get(start..).unwrap_or_default())
}

#[cfg(test)]
mod tests;
