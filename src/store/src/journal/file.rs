//! The journal on disk: one file of frames, fsynced with every append.
//!
//! A torn tail (a crash in the middle of an append that was never acknowledged) is cut at the last good frame, kept
//! aside and reported. Every other damage means that something acknowledged is lost: it stays where it is, so that each
//! opening finds it until an admin knows of it, and what verifies behind it is read. After a failed write or sync
//! nothing more is appended: what the disk holds is not known until the file is opened again.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    Damage, Journal, VisitEntry, check_sizes,
    frame::{self, HEADER, Walk},
};
use crate::error::{Problem, StoreError};

/// The journal of a state directory.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    file: File,
    len: u64,
    last_seq: u64,
    damage: Vec<Damage>,
    closed: Option<&'static str>,
}

/// How a journal was found.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) journal: FileJournal,
    /// There was none; an empty one was made.
    pub(crate) is_new: bool,
    pub(crate) problems: Vec<Problem>,
}

/// What a journal looks like that was not changed.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) problems: Vec<Problem>,
    pub(crate) damage: Vec<Damage>,
    /// Number of the last entry; 0 = none.
    pub(crate) last_seq: u64,
    /// The byte behind the last entry.
    pub(crate) end: u64,
}

impl FileJournal {
    /// Opens the journal at `path`, or makes an empty one, and visits its entries.
    pub(crate) fn open(path: &Path, visit: VisitEntry<'_>) -> Result<Opened, StoreError> {
        let is_new = !path.exists();
        if is_new {
            create(path)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(StoreError::io("opening", path))?;
        let mut bytes = read_all(&mut file, path)?;
        let was_emptied = !is_new && bytes.is_empty();
        if was_emptied {
            file.write_all_at(HEADER, 0)
                .and_then(|()| file.sync_all())
                .map_err(StoreError::io("writing", path))?;
            bytes.extend_from_slice(HEADER);
        }
        let mut walk = frame::walk(&bytes, visit)?;
        if was_emptied {
            walk.miss_the_first();
        }
        let is_mended = is_ours_without_header(&bytes, &walk);
        if is_mended {
            file.write_all_at(HEADER, 0)
                .and_then(|()| file.sync_all())
                .map_err(StoreError::io("writing", path))?;
        }
        let mut problems = check_header(path, &bytes, is_mended);
        let mut len = bytes.len();
        if walk.good_len < len {
            let kept = cut_tail(path, &file, &bytes, walk.good_len)?;
            problems.push(Problem::new(
                "journal",
                format!("{}, bytes {}..{len}", path.display(), walk.good_len),
                "the end of the journal is torn or damaged",
                format!(
                    "it was cut there and kept as {}; after a crash or power cut nothing else needs doing",
                    kept.display()
                ),
            ));
            len = walk.good_len;
        }
        file.seek(SeekFrom::Start(len as u64))
            .map_err(StoreError::io("seeking in", path))?;
        let journal = Self {
            path: path.to_owned(),
            file,
            len: len as u64,
            last_seq: walk.last_seq,
            damage: walk.damage,
            closed: None,
        };
        Ok(Opened {
            journal,
            is_new,
            problems,
        })
    }

    /// Reads a journal without changing it: what `verify` does.
    pub(crate) fn inspect(path: &Path, visit: VisitEntry<'_>) -> Result<Inspected, StoreError> {
        let mut file = File::open(path).map_err(StoreError::io("opening", path))?;
        let bytes = read_all(&mut file, path)?;
        let walk = frame::walk(&bytes, visit)?;
        let mut problems = check_header(path, &bytes, false);
        if walk.good_len < bytes.len() {
            problems.push(Problem::new(
                "journal",
                format!("{}, bytes {}..{}", path.display(), walk.good_len, bytes.len()),
                "the end of the journal is torn or damaged",
                "the next start cuts it there and keeps the rest aside",
            ));
        }
        Ok(Inspected {
            problems,
            damage: walk.damage,
            last_seq: walk.last_seq,
            end: walk.good_len as u64,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if let Err(source) = self.file.write_all(bytes) {
            // Half a frame may be there: take it back, or take no more.
            let is_undone = self.file.set_len(self.len).is_ok()
                && self.file.seek(SeekFrom::Start(self.len)).is_ok()
                && self.file.sync_all().is_ok();
            if !is_undone {
                self.closed = Some("a write failed and could not be taken back");
            }
            return Err(StoreError::io("writing", &self.path)(source));
        }
        if let Err(source) = self.file.sync_data() {
            self.closed = Some("a sync failed");
            return Err(StoreError::io("syncing", &self.path)(source));
        }
        Ok(())
    }
}

/// Whether only the header is damaged: the entries begin where they should, and no other version names itself.
fn is_ours_without_header(bytes: &[u8], walk: &Walk) -> bool {
    let begins_in_place = walk
        .damage
        .first()
        .is_some_and(|first| first.bytes == (0..HEADER.len() as u64) && first.missing.is_empty());
    begins_in_place && !bytes.starts_with(b"followupd-jrnl/")
}

fn create(path: &Path) -> Result<(), StoreError> {
    let fresh = path.with_extension("new");
    write_new(&fresh, HEADER)?;
    fs::rename(&fresh, path).map_err(StoreError::io("renaming", fresh))?;
    sync_parent(path)
}

/// Writes a file of ours (mode 0600) durably.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(StoreError::io("creating", path))?;
    file.write_all(bytes).map_err(StoreError::io("writing", path))?;
    file.sync_all().map_err(StoreError::io("syncing", path))
}

/// Makes the names in the directory of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(StoreError::io("syncing", dir))
}

fn read_all(file: &mut File, path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(StoreError::io("reading", path))?;
    Ok(bytes)
}

fn cut_tail(path: &Path, file: &File, bytes: &[u8], at: usize) -> Result<PathBuf, StoreError> {
    let mut kept = path.with_extension(format!("tail-{at}"));
    let mut number = 1;
    while kept.exists() {
        number += 1;
        kept = path.with_extension(format!("tail-{at}-{number}"));
    }
    write_new(&kept, bytes.get(at..).unwrap_or_default())?;
    sync_parent(path)?;
    file.set_len(at as u64)
        .and_then(|()| file.sync_all())
        .map_err(StoreError::io("cutting", path))?;
    Ok(kept)
}

fn check_header(path: &Path, bytes: &[u8], is_mended: bool) -> Vec<Problem> {
    if bytes.starts_with(HEADER) {
        return Vec::new();
    }
    vec![Problem::new(
        "journal",
        path.display().to_string(),
        "the file does not begin as a journal does",
        if is_mended {
            "its beginning was written again; every entry is there, nothing needs doing"
        } else {
            "put the journal back from a backup; until then check every task that followupd wrote"
        },
    )]
}

impl Journal for FileJournal {
    fn append(&mut self, payloads: &[&[u8]]) -> Result<(), StoreError> {
        if let Some(why) = self.closed {
            return Err(StoreError::JournalClosed { why });
        }
        check_sizes(payloads)?;
        let mut bytes = Vec::new();
        let mut seq = self.last_seq;
        for payload in payloads {
            seq += 1;
            frame::write(&mut bytes, seq, payload)?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.write(&bytes)?;
        self.len += bytes.len() as u64;
        self.last_seq = seq;
        Ok(())
    }

    fn replace(&mut self, payloads: &[Vec<u8>]) -> Result<(), StoreError> {
        if let Some(why) = self.closed {
            return Err(StoreError::JournalClosed { why });
        }
        let mut bytes = HEADER.to_vec();
        let mut seq = 0;
        for payload in payloads {
            seq += 1;
            frame::write(&mut bytes, seq, payload)?;
        }
        let fresh = self.path.with_extension("new");
        write_new(&fresh, &bytes)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&fresh)
            .map_err(StoreError::io("opening", &fresh))?;
        file.seek(SeekFrom::End(0))
            .map_err(StoreError::io("seeking in", &fresh))?;
        fs::rename(&fresh, &self.path).map_err(StoreError::io("renaming", fresh))?;
        // From here on the new file is the journal, whatever else fails.
        self.file = file;
        self.len = bytes.len() as u64;
        self.last_seq = seq;
        self.damage.clear();
        sync_parent(&self.path)
    }

    fn replay(&self, visit: VisitEntry<'_>) -> Result<Vec<Problem>, StoreError> {
        Self::inspect(&self.path, visit).map(|found| found.problems)
    }

    fn damage(&self) -> Vec<Damage> {
        self.damage.clone()
    }

    fn last_seq(&self) -> u64 {
        self.last_seq
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal whose disk is full, and on which a half-written frame cannot be taken back.
    fn full() -> FileJournal {
        let path = PathBuf::from("/dev/full");
        FileJournal {
            file: OpenOptions::new().write(true).open(&path).unwrap(),
            path,
            len: 16,
            last_seq: 0,
            damage: Vec::new(),
            closed: None,
        }
    }

    #[test]
    fn after_a_failed_write_that_stays_the_journal_takes_nothing_more() {
        let mut journal = full();
        assert!(matches!(journal.append(&[b"entry"]), Err(StoreError::Io { .. })));
        let error = journal.append(&[b"entry"]).unwrap_err();
        assert!(matches!(error, StoreError::JournalClosed { .. }));
        assert!(error.to_string().contains("restart"), "{error}");
    }
}
