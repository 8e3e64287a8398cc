//! Frames of the journal file: marker, length, checksum, sequence number, payload. Pure.
//!
//! The marker lets a reader find the next frame behind damage; the checksum covers length, number and payload, so no
//! damaged byte can pass as an entry.

use std::ops::Range;

use super::{ENTRY_BYTES_MAX, VisitEntry};
use crate::error::StoreError;

/// First bytes of the file: what it is and how its frames look.
pub(super) const HEADER: &[u8; 16] = b"followupd-jrnl/1";

const MARKER: [u8; 4] = [0xF0, 0x11, 0x0E, 0x55];
const HEAD_BYTES: usize = 20;

/// Appends one frame to `out`.
pub(super) fn write(out: &mut Vec<u8>, seq: u64, payload: &[u8]) -> Result<(), StoreError> {
    let len = u32::try_from(payload.len()).map_err(|_| StoreError::TooLarge {
        what: "a journal entry in bytes",
        max: ENTRY_BYTES_MAX as u64,
    })?;
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&checksum(len, seq, payload).to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

fn checksum(len: u32, seq: u64, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&len.to_be_bytes());
    crc.update(&seq.to_be_bytes());
    crc.update(payload);
    crc.finalize()
}

struct Frame<'a> {
    seq: u64,
    payload: &'a [u8],
    end: usize,
}

/// The frame that starts at `at`, if one is whole there.
fn read(bytes: &[u8], at: usize) -> Option<Frame<'_>> {
    let head = bytes.get(at..at.checked_add(HEAD_BYTES)?)?;
    let (marker, head) = head.split_first_chunk::<4>()?;
    let (len, head) = head.split_first_chunk::<4>()?;
    let (crc, head) = head.split_first_chunk::<4>()?;
    let (seq, _) = head.split_first_chunk::<8>()?;
    let len = u32::from_be_bytes(*len);
    if *marker != MARKER || len as usize > ENTRY_BYTES_MAX {
        return None;
    }
    let end = at + HEAD_BYTES + len as usize;
    let payload = bytes.get(at + HEAD_BYTES..end)?;
    let seq = u64::from_be_bytes(*seq);
    (checksum(len, seq, payload) == u32::from_be_bytes(*crc)).then_some(Frame { seq, payload, end })
}

/// Bytes between two good frames that hold no good frame, and the numbers of the entries missing there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) bytes: Range<usize>,
    pub(super) missing: Range<u64>,
}

/// What a walk over the file found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Walk {
    /// Where the last good frame ends; behind it nothing verifies.
    pub(super) good_len: usize,
    /// Number of the last good frame, 0 = none.
    pub(super) last_seq: u64,
    /// Damage before the last good frame.
    pub(super) damage: Vec<Damage>,
}

/// Visits every frame that verifies and whose number is higher than all before it.
pub(super) fn walk(bytes: &[u8], visit: VisitEntry<'_>) -> Result<Walk, StoreError> {
    let mut walk = Walk::default();
    let mut at = HEADER.len();
    walk.good_len = at.min(bytes.len());
    if !bytes.starts_with(HEADER) {
        at = 0;
        walk.good_len = 0;
    }
    while let Some((start, frame)) = next(bytes, at, walk.last_seq) {
        if start != at || frame.seq != walk.last_seq + 1 {
            walk.damage.push(Damage {
                bytes: at..start,
                missing: walk.last_seq + 1..frame.seq,
            });
        }
        visit(frame.seq, frame.payload)?;
        walk.last_seq = frame.seq;
        walk.good_len = frame.end;
        at = frame.end;
    }
    Ok(walk)
}

/// The next good frame at or behind `at`.
fn next(bytes: &[u8], mut at: usize, last_seq: u64) -> Option<(usize, Frame<'_>)> {
    loop {
        if let Some(frame) = read(bytes, at)
            && frame.seq > last_seq
        {
            return Some((at, frame));
        }
        let rest = bytes.get(at + 1..)?;
        at += 1 + rest.windows(MARKER.len()).position(|window| window == MARKER)?;
    }
}
