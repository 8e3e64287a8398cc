//! Values as bytes: one version byte, then postcard.
//!
//! A shape never changes. If it must, it gets the next version number, and [`FORMAT`] goes up, so that a cache of
//! the old shape is fetched again rather than misread.

use followup_core::Record;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::error::StoreError;

/// Number of the cache's whole layout: keys, tables and value shapes. Another number in a cache means a rebuild.
pub(crate) const FORMAT: u32 = 1;

/// Version of every value written today.
const VERSION: u8 = 1;

/// Tells whether two deliveries of a record say the same.
pub(crate) type ContentHash = [u8; 16];

/// A value as bytes.
pub(crate) fn encode<T: Serialize>(value: &T, what: &'static str) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(value, vec![VERSION]).map_err(|source| failed(what, source))
}

/// Bytes as a value.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => whole(rest, what),
        _ => Err(StoreError::decode(what)),
    }
}

/// A record with the hash of what the CRM delivered (the kept record may hold more, for example owner history).
pub(crate) fn encode_record(hash: &ContentHash, record: &Record) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(hash);
    postcard::to_extend(record, bytes).map_err(|source| failed("a record", source))
}

/// The content hash in the bytes of [`encode_record`], without decoding the rest.
pub(crate) fn record_hash(bytes: &[u8]) -> Option<ContentHash> {
    bytes.get(1..17)?.try_into().ok()
}

/// The record in the bytes of [`encode_record`].
pub(crate) fn decode_record(bytes: &[u8]) -> Result<Record, StoreError> {
    match (bytes.first(), bytes.get(17..)) {
        (Some(&VERSION), Some(rest)) => whole(rest, "a record"),
        _ => Err(StoreError::decode("a record")),
    }
}

/// Hash of everything a record says but when we read it.
pub(crate) fn content_hash(record: &Record) -> Result<ContentHash, StoreError> {
    let mut record = record.clone();
    let stamp = match &mut record {
        Record::Owner(owner) => &mut owner.stamp,
        Record::Person(person) => &mut person.stamp,
        Record::Account(account) => &mut account.stamp,
        Record::Deal(deal) => &mut deal.stamp,
        Record::Activity(activity) => &mut activity.stamp,
        Record::Task(task) => &mut task.stamp,
    };
    stamp.seen_at = jiff::Timestamp::UNIX_EPOCH;
    let bytes = postcard::to_stdvec(&record).map_err(|source| failed("a record", source))?;
    Ok(short_hash(&bytes))
}

/// First 16 bytes of the SHA-256.
pub(crate) fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(bytes);
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    short
}

/// Decodes all of the bytes: bytes left over mean that another shape was written.
fn whole<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, StoreError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(StoreError::decode(what)),
        Err(source) => Err(failed(what, source)),
    }
}

fn failed(what: &'static str, source: postcard::Error) -> StoreError {
    StoreError::Decode {
        what,
        source: Some(Box::new(source)),
    }
}

#[cfg(test)]
mod tests;
