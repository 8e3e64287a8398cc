//! Who asked for a person's data, or had it erased: one line for each time in `access.log` of the state directory.
//!
//! A line is written, and synced, before anything is answered; where it cannot be written nothing is answered. The
//! person stands in it as a hash under the key of this state directory, so that it can be told whether somebody's data
//! were asked for, and nobody is named. Lines are only ever added. Who asked is what the kernel says of the process.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use followup_core::normalize_email;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::unix::UCred;

use crate::subject_key::{self, SubjectHash};

/// What a process has as its login where nobody logged in.
const NO_LOGIN: u32 = u32::MAX;

/// A user of this machine who asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// As whom the command ran.
    pub uid: Option<u32>,
    /// That user's name, where this machine keeps it in a file.
    pub user: Option<String>,
    /// Who logged in before changing to that user (`sudo`), where the kernel keeps count of logins.
    pub login_uid: Option<u32>,
    /// That user's name.
    pub login: Option<String>,
}

impl Asker {
    /// Whoever runs this process.
    pub fn own() -> Self {
        let uid = fs::metadata("/proc/self").ok().map(|process| process.uid());
        Self::of(uid, Path::new("/proc/self/loginuid"))
    }

    /// Whoever is at the other end of a socket.
    pub fn peer(credentials: &UCred) -> Self {
        let process = credentials.pid().unwrap_or_default();
        let login = PathBuf::from(format!("/proc/{process}/loginuid"));
        Self::of(Some(credentials.uid()), &login)
    }

    fn of(uid: Option<u32>, login: &Path) -> Self {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let login = fs::read_to_string(login).ok();
        let login_uid = login
            .and_then(|text| text.trim().parse().ok())
            .filter(|uid| *uid != NO_LOGIN);
        Self {
            uid,
            user: uid.and_then(|uid| name_of(&users, uid)),
            login_uid,
            login: login_uid.and_then(|uid| name_of(&users, uid)),
        }
    }
}

/// The name of a user in the text of `/etc/passwd`.
fn name_of(users: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, known) = (fields.next()?, fields.next()?, fields.next()?);
        (known == uid).then(|| name.to_owned())
    })
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// When.
    pub at: Timestamp,
    /// What was asked.
    pub command: String,
    /// Who asked.
    pub by: Asker,
    /// Whose data: a keyed hash of the address or the record number.
    pub person: String,
}

/// The log of one state directory.
#[derive(Clone)]
pub struct AccessLog {
    data_dir: PathBuf,
    hash: SubjectHash,
}

impl AccessLog {
    /// The log of a state directory; makes the directory's key where there is none, and no file yet.
    ///
    /// # Errors
    /// As [`subject_key::subject_hash`].
    pub fn of(data_dir: &Path) -> std::io::Result<Self> {
        Ok(Self {
            data_dir: data_dir.to_owned(),
            hash: subject_key::subject_hash(data_dir)?,
        })
    }

    /// The state directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Where the lines are.
    pub fn path(&self) -> PathBuf {
        self.data_dir.join("access.log")
    }

    /// How a person stands in it.
    pub fn hash_of(&self, person: &str) -> String {
        // Subject lines are hashed under the same key; none of them has two lines.
        (self.hash)(&format!("person\n{}", normalize_email(person)))
    }

    /// Adds a line and makes it durable.
    ///
    /// # Errors
    /// I/O errors; nothing may be answered then.
    pub fn note(&self, at: Timestamp, command: &str, by: &Asker, person: &str) -> std::io::Result<()> {
        let access = Access {
            at,
            command: command.to_owned(),
            by: by.clone(),
            person: self.hash_of(person),
        };
        let mut line = serde_json::to_vec(&access)?;
        line.push(b'\n');
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.path())?;
        file.write_all(&line)?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn lines(log: &AccessLog) -> Vec<Access> {
        let text = fs::read_to_string(log.path()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn each_line_is_added_and_tells_a_person_by_a_hash_alone() {
        let dir = tempfile::tempdir().unwrap();
        let log = AccessLog::of(dir.path()).unwrap();
        let at: Timestamp = "2026-11-02T09:00:00Z".parse().unwrap();
        let by = Asker::own();
        log.note(at, "export", &by, "Priya@acme.example.com").unwrap();
        // Another process, the same directory: the same hash.
        let log = AccessLog::of(dir.path()).unwrap();
        log.note(at, "erase", &by, " priya@acme.example.com").unwrap();
        log.note(at, "erase", &by, "hub:contact:301").unwrap();
        let lines = lines(&log);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].person, lines[1].person);
        assert_ne!(lines[0].person, lines[2].person);
        assert_eq!((lines[0].command.as_str(), &lines[0].by), ("export", &by));
        assert!(by.uid.is_some());
        let text = fs::read_to_string(log.path()).unwrap();
        assert!(!text.contains("acme") && !text.contains("301"), "{text}");
        let mode = fs::metadata(log.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn users_are_named_as_this_machine_names_them() {
        let users = "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\nbroken\n";
        assert_eq!(name_of(users, 1000).as_deref(), Some("ana"));
        assert_eq!(name_of(users, 10), None);
    }
}
