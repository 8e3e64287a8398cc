//! The state directory: whose it is, who has it, which format it has, and what lies where.
//!
//! One process at a time, run by the user that owns it; the directory is 0700 and our files are 0600. A format this
//! version does not know is refused, never guessed at.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{
    error::{Problem, StoreError},
    journal::{sync_parent, write_new},
};

/// The format of the directory this version reads and writes.
pub const FORMAT: u32 = 1;

const FORMAT_WORD: &str = "followupd-state";

/// A locked state directory; the lock goes with the value.
#[derive(Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Locks a directory that is there.
    pub(crate) fn lock_existing(path: &Path, problems: &mut Vec<Problem>) -> Result<Self, StoreError> {
        fs::metadata(path).map_err(StoreError::io("looking for the state directory", path))?;
        Self::lock(path, problems)
    }

    /// Locks a directory, making it where there is none.
    pub(crate) fn lock(path: &Path, problems: &mut Vec<Problem>) -> Result<Self, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(StoreError::io("creating the state directory", path))?;
        check_owner(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o700))
            .map_err(StoreError::io("setting the permissions of", path))?;
        let dir = Self {
            path: path.to_owned(),
            _lock: take_lock(path)?,
        };
        dir.check_format(problems)?;
        Ok(dir)
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal.log")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    fn check_format(&self, problems: &mut Vec<Problem>) -> Result<(), StoreError> {
        let path = self.path.join("format");
        let ours = format!("{FORMAT_WORD} {FORMAT}\n");
        match fs::read_to_string(&path) {
            Ok(found) if found == ours => Ok(()),
            Ok(found) => Err(StoreError::Format {
                dir: self.path.clone(),
                found: found.trim().chars().take(40).collect(),
                supported: FORMAT,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if self.journal().exists() {
                    problems.push(Problem::new(
                        "directory",
                        path.display().to_string(),
                        "the format file is missing beside a journal",
                        format!("it was written again as format {FORMAT}"),
                    ));
                }
                let fresh = self.path.join("format.new");
                write_new(&fresh, ours.as_bytes())?;
                fs::rename(&fresh, &path).map_err(StoreError::io("renaming", fresh))?;
                sync_parent(&path)
            }
            Err(error) => Err(StoreError::io("reading", path)(error)),
        }
    }

    /// Makes the directory of the cache.
    pub(crate) fn create_cache(&self) -> Result<(), StoreError> {
        let path = self.cache();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(StoreError::io("creating", path))
    }

    /// Moves the cache out of the way, keeping only the newest such copy. Returns where it lies now.
    pub(crate) fn set_cache_aside(&self, now: Timestamp) -> Result<PathBuf, StoreError> {
        self.drop_asides()?;
        let aside = self.path.join(format!("cache.aside-{}", now.as_second()));
        let cache = self.cache();
        fs::rename(&cache, &aside).map_err(StoreError::io("moving aside", cache))?;
        sync_parent(&aside)?;
        Ok(aside)
    }

    /// Removes the cache and every copy that was set aside.
    pub(crate) fn drop_cache(&self) -> Result<(), StoreError> {
        self.drop_asides()?;
        remove_dir(&self.old_cache())?;
        self.drop_fresh_cache()?;
        remove_dir(&self.cache())
    }

    /// Makes an empty directory for a copy of the cache.
    pub(crate) fn create_fresh_cache(&self) -> Result<PathBuf, StoreError> {
        self.drop_fresh_cache()?;
        let path = self.fresh_cache();
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(StoreError::io("creating", &path))?;
        Ok(path)
    }

    /// Removes a copy that did not come to its end.
    pub(crate) fn drop_fresh_cache(&self) -> Result<(), StoreError> {
        remove_dir(&self.fresh_cache())
    }

    /// Puts the copy in the place of the cache, which goes.
    pub(crate) fn swap_cache(&self) -> Result<(), StoreError> {
        let (cache, old) = (self.cache(), self.old_cache());
        fs::rename(&cache, &old).map_err(StoreError::io("moving", &cache))?;
        sync_parent(&cache)?;
        self.finish_renewal()
    }

    /// Ends an exchange of the cache that a crash cut off, wherever that was: a copy that was whole takes its place, one
    /// that was not goes, and so does the old cache.
    pub(crate) fn finish_renewal(&self) -> Result<(), StoreError> {
        let (cache, fresh, old) = (self.cache(), self.fresh_cache(), self.old_cache());
        // The old one is moved only once the copy is whole.
        if old.exists() && fresh.exists() && !cache.exists() {
            fs::rename(&fresh, &cache).map_err(StoreError::io("moving", &fresh))?;
            sync_parent(&cache)?;
        }
        remove_dir(&old)?;
        self.drop_fresh_cache()
    }

    /// Removes what was ever set aside: copies of the cache, ends of the journal.
    pub(crate) fn drop_copies(&self) -> Result<(), StoreError> {
        self.drop_asides()?;
        let entries = fs::read_dir(&self.path).map_err(StoreError::io("listing", &self.path))?;
        for entry in entries {
            let entry = entry.map_err(StoreError::io("listing", &self.path))?;
            if entry.file_name().to_string_lossy().starts_with("journal.tail-") {
                fs::remove_file(entry.path()).map_err(StoreError::io("removing", entry.path()))?;
            }
        }
        sync_parent(&self.journal())
    }

    fn fresh_cache(&self) -> PathBuf {
        self.path.join("cache.fresh")
    }

    fn old_cache(&self) -> PathBuf {
        self.path.join("cache.old")
    }

    fn drop_asides(&self) -> Result<(), StoreError> {
        let entries = fs::read_dir(&self.path).map_err(StoreError::io("listing", &self.path))?;
        for entry in entries {
            let entry = entry.map_err(StoreError::io("listing", &self.path))?;
            if entry.file_name().to_string_lossy().starts_with("cache.aside-") {
                remove_dir(&entry.path())?;
            }
        }
        Ok(())
    }
}

fn remove_dir(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("removing", path)(error))
        }
        _ => Ok(()),
    }
}

fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(StoreError::io("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("locking", path)(error)),
    }
}

/// Refuses a directory of somebody else: files made there would lock its owner out, and root would leave root's.
fn check_owner(dir: &Path) -> Result<(), StoreError> {
    let owner = fs::metadata(dir)
        .map_err(StoreError::io("looking at", dir))?
        .uid();
    // Without /proc there is nothing to compare with; the files' own modes still hold.
    let user = fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| effective_user(&status));
    user.map_or(Ok(()), |user| refuse_stranger(dir, owner, user))
}

/// The effective user id in the text of `/proc/self/status` (real, effective, saved, file system).
fn effective_user(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn refuse_stranger(dir: &Path, owner: u32, user: u32) -> Result<(), StoreError> {
    if owner == user {
        return Ok(());
    }
    Err(StoreError::NotOwner {
        dir: dir.to_owned(),
        owner,
        user,
    })
}

#[cfg(test)]
mod tests;
