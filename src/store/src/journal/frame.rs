//! Frames of the journal file: marker, length, checksum, sequence number, payload. Pure.
//!
//! The marker lets a reader find the next frame behind damage; the checksum covers length, number and payload, so no
//! damaged byte can pass as an entry.

use std::ops::Range;

use super::{Damage, ENTRY_BYTES_MAX, VisitEntry};
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

/// What a frame says of itself, and everything behind that.
struct Head<'a> {
    len: u32,
    crc: u32,
    seq: u64,
    rest: &'a [u8],
}

/// The head of what begins like a frame; the marker is not looked at.
fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let (_, rest) = bytes.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    Some(Head {
        len: u32::from_be_bytes(*len),
        crc: u32::from_be_bytes(*crc),
        seq: u64::from_be_bytes(*seq),
        rest,
    })
}

/// The frame that starts at `at`, if one is whole there.
fn read(bytes: &[u8], at: usize) -> Option<Frame<'_>> {
    let bytes = bytes.get(at..)?;
    let Head { len, crc, seq, rest } = head(bytes)?;
    if !bytes.starts_with(&MARKER) || len as usize > ENTRY_BYTES_MAX {
        return None;
    }
    let payload = rest.get(..len as usize)?;
    let end = at + HEAD_BYTES + len as usize;
    (checksum(len, seq, payload) == crc).then_some(Frame { seq, payload, end })
}

/// Bytes before, between or behind good frames that hold no good frame, and the numbers of the entries missing there.
fn damage(bytes: &[u8], place: Range<usize>, missing: Range<u64>) -> Damage {
    let crc = crc32fast::hash(bytes.get(place.clone()).unwrap_or_default());
    Damage {
        bytes: place.start as u64..place.end as u64,
        crc,
        missing,
    }
}

/// What a walk over the file found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Walk {
    /// Where the last good frame ends; behind it nothing verifies.
    pub(super) good_len: usize,
    /// Number of the last good frame, 0 = none.
    pub(super) last_seq: u64,
    /// Damage that is no torn tail. The number behind damage at the end stays free.
    pub(super) damage: Vec<Damage>,
}

impl Walk {
    /// Notes that a journal of which only the beginning is left held at least one entry: every opening writes one.
    pub(super) fn miss_the_first(&mut self) {
        let end = self.good_len;
        self.damage.push(damage(&[], end..end, 1..2));
        self.last_seq = 1;
    }
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
            walk.damage
                .push(damage(bytes, at..start, walk.last_seq + 1..frame.seq));
        }
        visit(frame.seq, frame.payload)?;
        walk.last_seq = frame.seq;
        walk.good_len = frame.end;
        at = frame.end;
    }
    let tail = bytes.get(walk.good_len..).unwrap_or_default();
    let is_headless = walk.good_len < HEADER.len();
    if is_headless || (!tail.is_empty() && !is_torn(tail)) {
        let lost = walk.last_seq + 1;
        walk.damage
            .push(damage(bytes, walk.good_len..bytes.len(), lost..lost + 1));
        walk.last_seq = lost;
        walk.good_len = bytes.len();
    }
    Ok(walk)
}

/// Whether bytes behind the last good frame look like an append that was cut off: a frame that announces more than is
/// there, or space that was never filled. An append that was acknowledged is whole, so a *whole* frame that does not
/// verify was damaged later, and what it said is lost.
fn is_torn(tail: &[u8]) -> bool {
    if tail.iter().all(|byte| *byte == 0) {
        return true;
    }
    let Some(head) = head(tail) else {
        return true;
    };
    let announced = HEAD_BYTES.saturating_add(head.len as usize);
    let is_length_alone_wrong = || {
        let len = u32::try_from(head.rest.len());
        len.is_ok_and(|len| checksum(len, head.seq, head.rest) == head.crc)
    };
    announced > tail.len() && !is_length_alone_wrong()
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
