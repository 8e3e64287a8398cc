//! Opening: what is done with each kind of damage until there is a journal, a ledger and a cache to work with.

use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::{
    codec,
    dir::StateDir,
    error::{Problem, StoreError},
    journal::{Damage, FileJournal, Journal},
    keys::{self, Rid, table},
    kv::{Batch, Clearing, Durability, Kv, SledKv, await_release},
    ledger::{Entry, Ledger},
    store::{Opening, StoreOptions},
    view::View,
};

const LAYOUT: &[u8] = b"layout";

/// Number of the journal's last entry when the cache was last written.
const JOURNAL: &[u8] = b"journal";

/// Keys written or deleted in one batch of a long walk.
const CHUNK: usize = 10_000;

/// Opens the journal and folds it into a ledger.
pub(crate) fn journal(dir: &StateDir, opening: &mut Opening) -> Result<(FileJournal, Ledger), StoreError> {
    let mut ledger = Ledger::default();
    let mut unreadable = Vec::new();
    let opened = FileJournal::open(&dir.journal(), &mut |seq, payload| {
        fold(&mut ledger, &mut unreadable, seq, payload);
        Ok(())
    })?;
    opening.is_new = opened.is_new;
    opening.problems.extend(opened.problems);
    opening.problems.extend(unreadable);
    Ok((opened.journal, ledger))
}

/// Folds a journal into a ledger.
pub(crate) fn replay(
    journal: &dyn Journal,
    ledger: &mut Ledger,
    problems: &mut Vec<Problem>,
) -> Result<(), StoreError> {
    let mut unreadable = Vec::new();
    let found = journal.replay(&mut |seq, payload| {
        fold(ledger, &mut unreadable, seq, payload);
        Ok(())
    })?;
    problems.extend(found);
    problems.extend(unreadable);
    Ok(())
}

pub(crate) fn fold(ledger: &mut Ledger, problems: &mut Vec<Problem>, seq: u64, payload: &[u8]) {
    match codec::decode::<Entry>(payload, "a journal entry") {
        Ok(entry) => ledger.apply(&entry),
        Err(_) => problems.push(Problem::new(
            "journal",
            format!("entry {seq}"),
            "the entry is whole but says nothing this version understands",
            "run the followupd version that wrote it; this one goes on without the entry",
        )),
    }
}

/// The damage of which no admin knows yet.
pub(crate) fn unknown_damage(mut damage: Vec<Damage>, ledger: &Ledger) -> Vec<Damage> {
    damage.retain(|damage| !ledger.knows_damage(damage.bytes.start, damage.len(), damage.crc));
    damage
}

/// Puts into a batch up to which entry the journal reached when it was written.
pub(crate) fn name_journal(batch: &mut Batch, last_seq: u64) -> Result<(), StoreError> {
    let value = codec::encode(&last_seq, "a journal's length")?;
    batch.insert(keys::key(table::META, &[JOURNAL]), Some(value));
    Ok(())
}

/// The end that a journal lacks: the journal is written first and durably, so a cache that knows of later entries has
/// an older journal beside it (a backup that was put back, or a file that was cut). `last` is the number of the
/// journal's last entry, `end` the byte behind it.
pub(crate) fn missing_end(kv: &dyn Kv, last: u64, end: u64) -> Result<Option<Damage>, StoreError> {
    let known = match kv.get(&keys::key(table::META, &[JOURNAL]))? {
        Some(bytes) => codec::decode::<u64>(&bytes, "a journal's length")?,
        None => 0,
    };
    Ok((known > last).then(|| Damage {
        bytes: end..end,
        crc: 0,
        missing: last + 1..known + 1,
    }))
}

/// Opens the cache. What cannot be opened is set aside, and an empty cache takes its place.
pub(crate) fn cache(
    dir: &StateDir,
    options: &StoreOptions,
    now: Timestamp,
    opening: &mut Opening,
) -> Result<SledKv, StoreError> {
    dir.finish_renewal()?;
    let path = dir.cache();
    let was_there = path.exists();
    if was_there && opening.is_new {
        // Without a journal nothing may rest on what the cache says has been read.
        set_aside(dir, now, opening, "there is a cache but no journal beside it")?;
    }
    opening.cache_rebuilt |= !was_there && !opening.is_new;
    let path_held_a_cache = path.exists();
    dir.create_cache()?;
    let cache_bytes = options.cache_bytes;
    let first = SledKv::open(&path, cache_bytes, Clearing::HalfSnapshots);
    let opened = first.or_else(|_| SledKv::open(&path, cache_bytes, Clearing::AllSnapshots));
    let why = match opened {
        Ok(kv) => match judge(&kv, path_held_a_cache) {
            Ok(()) => return Ok(kv),
            Err(why) => why,
        },
        Err(error) => error.to_string(),
    };
    await_release(&path);
    set_aside(dir, now, opening, &why)?;
    dir.create_cache()?;
    SledKv::open(&path, cache_bytes, Clearing::HalfSnapshots)
}

fn set_aside(dir: &StateDir, now: Timestamp, opening: &mut Opening, why: &str) -> Result<(), StoreError> {
    let aside = dir.set_cache_aside(now)?;
    opening.cache_rebuilt = true;
    opening.problems.push(Problem::new(
        "cache",
        dir.cache().display().to_string(),
        why,
        format!(
            "it was moved to {} and records are fetched again; nothing but time is lost",
            aside.display()
        ),
    ));
    Ok(())
}

/// The storage engine may open a damaged file as an empty one without a word, so a cache that was there must show
/// its layout number.
pub(crate) fn judge(kv: &dyn Kv, was_there: bool) -> Result<(), String> {
    let key = keys::key(table::META, &[LAYOUT]);
    if was_there && kv.get(&key).map_err(|error| error.to_string())?.is_none() {
        return Err("what the cache held is not there any more".to_owned());
    }
    match has_our_layout(kv) {
        Ok(true) => Ok(()),
        Ok(false) => Err("the cache was written by another version of followupd".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a cache is empty or laid out as this version does.
pub(crate) fn has_our_layout(kv: &dyn Kv) -> Result<bool, StoreError> {
    match kv.get(&keys::key(table::META, &[LAYOUT]))? {
        Some(bytes) => {
            Ok(codec::decode::<u32>(&bytes, "a layout number").is_ok_and(|found| found == codec::FORMAT))
        }
        None => is_empty(kv),
    }
}

pub(crate) fn write_layout(kv: &dyn Kv) -> Result<(), StoreError> {
    let key = keys::key(table::META, &[LAYOUT]);
    let value = codec::encode(&codec::FORMAT, "a layout number")?;
    if kv.get(&key)?.as_ref() == Some(&value) {
        return Ok(());
    }
    kv.apply(&Batch::from([(key, Some(value))]), Durability::Synced)
}

pub(crate) fn is_empty(kv: &dyn Kv) -> Result<bool, StoreError> {
    let mut is_empty = true;
    kv.scan(&[], &mut |_, _| {
        is_empty = false;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(is_empty)
}

/// Deletes everything.
pub(crate) fn clear(kv: &dyn Kv) -> Result<(), StoreError> {
    loop {
        let mut batch = Batch::new();
        kv.scan(&[], &mut |key, _| {
            batch.insert(key.to_vec(), None);
            Ok(chunk_flow(&batch))
        })?;
        if batch.is_empty() {
            return kv.flush();
        }
        kv.apply(&batch, Durability::Buffered)?;
    }
}

/// Some person and deal records after a place, and the place to go on from; `None` = that was the end.
pub(crate) fn subjects(
    kv: &dyn Kv,
    from: &[u8],
    limit: usize,
) -> Result<(Vec<Rid>, Option<Vec<u8>>), StoreError> {
    let mut subjects = Vec::new();
    let mut next = None;
    let mut seen = 0;
    kv.scan(from, &mut |key, _| {
        if key.first() != Some(&table::RECORD) {
            return Ok(ControlFlow::Break(()));
        }
        if seen == limit {
            next = Some(key.to_vec());
            return Ok(ControlFlow::Break(()));
        }
        seen += 1;
        let rid = keys::last_rid(key)?;
        if rid.kind().is_some_and(crate::human::is_subject) {
            subjects.push(rid);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((subjects, next))
}

/// Marks every person and deal dirty, in bounded batches.
pub(crate) fn mark_all_dirty(kv: &dyn Kv) -> Result<u64, StoreError> {
    let mut from = Some(vec![table::RECORD]);
    let mut total = 0;
    while let Some(place) = from {
        let (found, next) = subjects(kv, &place, CHUNK)?;
        let mut view = View::new(kv);
        for rid in &found {
            view.put(keys::of(table::DIRTY, *rid), Vec::new());
        }
        total += found.len() as u64;
        let batch = view.into_writes();
        if !batch.is_empty() {
            kv.apply(&batch, Durability::Buffered)?;
        }
        from = next;
    }
    Ok(total)
}

fn chunk_flow(batch: &Batch) -> ControlFlow<()> {
    if batch.len() < CHUNK {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}
