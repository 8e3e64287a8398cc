//! What can go wrong in the store, by what the caller can do about it.

use std::{error::Error, io, path::PathBuf};

use serde::{Deserialize, Serialize};

/// A failure of the store. Nothing of a failed write is visible afterwards, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the state directory.
    #[error(
        "the state directory {} is in use by another followupd process. Fix: stop that process first (for example `systemctl stop followupd`), then repeat",
        dir.display()
    )]
    Locked {
        /// The state directory.
        dir: PathBuf,
    },
    /// The state directory belongs to another user.
    #[error(
        "the state directory {} belongs to user id {owner}, but this process runs as user id {user}. Fix: run the command as the owner of the directory (for example with `sudo -u followupd`)",
        dir.display()
    )]
    NotOwner {
        /// The state directory.
        dir: PathBuf,
        /// User id of the directory.
        owner: u32,
        /// User id of this process.
        user: u32,
    },
    /// The state directory was written in a format this version does not read.
    #[error(
        "the state directory {} has format `{found}`, this followupd reads format {supported}. Fix: run the followupd version that wrote it, or point `data_dir` at another directory",
        dir.display()
    )]
    Format {
        /// The state directory.
        dir: PathBuf,
        /// What its `format` file says, capped at 40 characters.
        found: String,
        /// The format this version reads and writes.
        supported: u32,
    },
    /// The operating system refused.
    #[error("{action} {}{}", path.display(), io_fix(source.kind()))]
    Io {
        /// What was tried, for example "creating".
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The journal failed earlier and takes no more entries until the directory is opened again: what it holds
    /// durably is not known.
    #[error("the journal takes no more entries because {why}. Fix: mend the cause and restart followupd")]
    JournalClosed {
        /// What happened.
        why: &'static str,
    },
    /// The cache failed or is damaged. It holds nothing that cannot be fetched again.
    #[error("the cache failed while {action}: {message}. Fix: {}", cache_fix(message))]
    Cache {
        /// What was tried, for example "reading a key".
        action: &'static str,
        /// Why it failed.
        message: String,
    },
    /// Stored bytes are not what this version writes.
    #[error("decoding {what}")]
    Decode {
        /// What was read, for example "a record".
        what: &'static str,
        /// Why it failed.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Entries of the journal cannot be read, so it cannot be told whom they are about: nothing was erased.
    #[error(
        "{entries} entries of the journal cannot be read, so nothing can be erased from it. Fix: put a backup of journal.log back, or run `followupd store confirm` if they are lost; entries of a newer followupd need that version"
    )]
    Unread {
        /// How many.
        entries: u64,
    },
    /// A number space of the cache is used up, or a value is too large for its place.
    #[error("{what} does not fit: more than {max}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The largest that fits.
        max: u64,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) const fn decode(what: &'static str) -> Self {
        Self::Decode { what, source: None }
    }

    /// A thread that worked on the store ended without an answer.
    pub fn died() -> Self {
        Self::Cache {
            action: "working",
            message: "the thread ended without an answer".to_owned(),
        }
    }

    /// A stable word for logs, status and JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "locked",
            Self::NotOwner { .. } => "not_owner",
            Self::Format { .. } => "format",
            Self::Io { .. } => "io",
            Self::JournalClosed { .. } => "journal_closed",
            Self::Cache { .. } => "cache",
            Self::Decode { .. } => "decode",
            Self::Unread { .. } => "unread",
            Self::TooLarge { .. } => "too_large",
        }
    }
}

/// What mends a refusal of the operating system, where it is known.
const fn io_fix(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (Fix: make room on that file system and start again; nothing written so far is lost)"
        }
        io::ErrorKind::ReadOnlyFilesystem => " (Fix: make that file system writable, or move data_dir)",
        io::ErrorKind::PermissionDenied => {
            " (Fix: run as the owner of the state directory, and let it write there)"
        }
        _ => "",
    }
}

/// What mends a failed cache. Its engine tells the cause in words only; a full or closed disk is no damage.
fn cache_fix(message: &str) -> &'static str {
    const FULL: &[&str] = &["os error 28", "os error 122"];
    const CLOSED: &[&str] = &["os error 30", "os error 13"];
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(FULL) {
        "make room on the file system of the state directory and start again; nothing written so far is lost"
    } else if says(CLOSED) {
        "let followupd write in its state directory"
    } else {
        "`followupd store rebuild` fetches its content again"
    }
}

/// Damage that was found, and what was done or is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Which part of the state: `journal`, `cache` or `directory`.
    pub part: String,
    /// File, byte range or key.
    #[serde(rename = "where")]
    pub where_: String,
    /// What is wrong.
    pub message: String,
    /// What was done, or what the admin should do.
    pub fix: String,
}

impl Problem {
    pub(crate) fn new(
        part: &str,
        where_: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let message: String = message.into();
        // An error's own words may end with a fix; here it has a place of its own.
        let message = match message.split_once(". Fix: ") {
            Some((cause, _)) => cause.to_owned(),
            None => message,
        };
        Self {
            part: part.to_owned(),
            where_: where_.into(),
            message,
            fix: fix.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_or_closed_disk_is_told_with_what_mends_it() {
        let told = |kind: io::ErrorKind| StoreError::io("creating", "state")(kind.into()).to_string();
        assert!(told(io::ErrorKind::StorageFull).contains("make room"));
        assert!(told(io::ErrorKind::ReadOnlyFilesystem).contains("make that file system writable"));
        assert!(told(io::ErrorKind::PermissionDenied).contains("the owner of the state directory"));
        assert_eq!(told(io::ErrorKind::Interrupted), "creating state");
        let cache = |message: &str| {
            StoreError::Cache {
                action: "opening",
                message: message.to_owned(),
            }
            .to_string()
        };
        assert!(cache("IO error: No space left on device (os error 28)").contains("Fix: make room"));
        assert!(cache("IO error: Read-only file system (os error 30)").contains("let followupd write"));
        assert!(cache("Read corrupted data at file offset 7").contains("store rebuild"));
    }
}
