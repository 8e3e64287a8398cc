//! Activities from a file, for teams whose CRM does not hold them yet.
//!
//! They are kept under a connection of their own, `manual`, so that every record id of theirs says where it comes from:
//! in evidence, in `why`, and in the shares of a report. Nothing of them is written to a CRM. No CRM can be asked for them
//! again, so a copy lies in `imports/` of the state directory and is taken in again whenever the state is opened; the
//! cache stays authority for nothing.

mod rows;

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use followup_core::{Activity, ConnectionId, Record, RecordRef};
use followup_store::{Store, StoreError};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

pub use self::rows::RowProblem;

/// Folder of the copies within the state directory.
const FOLDER: &str = "imports";

/// What an import came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Imported {
    /// Rows of the file.
    pub rows: usize,
    /// Activities that are new.
    pub imported: usize,
    /// Activities that an earlier import brought.
    pub known: usize,
}

/// Why an import came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Rows that cannot be read; nothing was imported.
    #[error("{} rows of the file cannot be read; nothing was imported", .0.len())]
    Rows(Vec<RowProblem>),
    /// The copy cannot be kept.
    #[error("keeping a copy of the file")]
    Copy(#[source] std::io::Error),
    /// The state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Imports a file of activities. Importing it again brings nothing new.
///
/// # Errors
/// [`ImportError::Rows`] with every problem of the file, and then nothing is imported.
pub fn import(
    store: &mut Store,
    data_dir: &Path,
    connections: &[ConnectionId],
    text: &str,
    now: Timestamp,
) -> Result<Imported, ImportError> {
    let mut owners = Vec::new();
    for connection in connections {
        owners.extend(store.owners(connection)?);
    }
    let activities = rows::read(text, store, &owners, now)?;
    let rows = activities.len();
    let mut fresh: Vec<Activity> = Vec::new();
    for activity in activities {
        let is_known = store.get(activity.id.record())?.is_some();
        if !is_known && !fresh.iter().any(|other| other.id == activity.id) {
            fresh.push(activity);
        }
    }
    if !fresh.is_empty() {
        keep(data_dir, &fresh).map_err(ImportError::Copy)?;
        take_in(store, &fresh)?;
    }
    Ok(Imported {
        rows,
        imported: fresh.len(),
        known: rows - fresh.len(),
    })
}

/// Takes in every copy again: what a new cache lacks is back, what it has is left alone.
///
/// # Errors
/// A copy that cannot be read, by its name, or a failing state.
pub fn take_in_again(store: &mut Store, data_dir: &Path) -> Result<(), ImportError> {
    for (_, activities) in copies(data_dir)? {
        take_in(store, &activities)?;
    }
    Ok(())
}

/// Every copy and what it holds.
fn copies(data_dir: &Path) -> Result<Vec<(PathBuf, Vec<Activity>)>, ImportError> {
    let entries = match fs::read_dir(data_dir.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ImportError::Copy(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(ImportError::Copy)?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read(&path).map_err(ImportError::Copy)?;
        let activities: Vec<Activity> = serde_json::from_slice(&text).map_err(|error| {
            let message = format!("{}: {error}", path.display());
            ImportError::Copy(std::io::Error::new(std::io::ErrorKind::InvalidData, message))
        })?;
        found.push((path, activities));
    }
    Ok(found)
}

/// Takes some people out of every copy: what was with them alone goes, what was with others too loses its link to them.
/// Answers how many activities changed.
///
/// # Errors
/// A copy that cannot be read or written, by its name; the copies before it are done.
pub fn forget(data_dir: &Path, people: &BTreeSet<RecordRef>) -> Result<u64, ImportError> {
    let mut changed = 0;
    for (path, activities) in copies(data_dir)? {
        let before = activities.clone();
        let mut left: Vec<Activity> = activities;
        for activity in &mut left {
            activity.people.retain(|person| !people.contains(person.record()));
        }
        let lost = before
            .iter()
            .zip(&left)
            .filter(|(before, after)| before != after)
            .count();
        if lost == 0 {
            continue;
        }
        left.retain(|activity| !activity.people.is_empty() || !activity.deals.is_empty());
        if !left.is_empty() {
            keep(data_dir, &left).map_err(ImportError::Copy)?;
        }
        fs::remove_file(&path).map_err(ImportError::Copy)?;
        changed += lost as u64;
    }
    Ok(changed)
}

fn take_in(store: &mut Store, activities: &[Activity]) -> Result<(), StoreError> {
    let records: Vec<Record> = activities.iter().cloned().map(Record::Activity).collect();
    for batch in records.chunks(200) {
        store.refresh(batch, &[])?;
    }
    Ok(())
}

/// Writes the copy whole: temporary file, fsync, rename, fsync of the folder.
fn keep(data_dir: &Path, activities: &[Activity]) -> std::io::Result<()> {
    let folder = data_dir.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let text = serde_json::to_vec(activities)?;
    let path = folder.join(format!("{}.json", short_hash(&text)));
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&temporary, &path)?;
    File::open(&folder)?.sync_all()
}

/// The first 16 hex digits of the SHA-256 of a text.
fn short_hash(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    let head = digest
        .iter()
        .take(8)
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    format!("{head:016x}")
}
