//! Files that only their owner may read, written whole: temporary file, fsync, rename, fsync of the directory.
//!
//! Room for a file can be taken before its content is known ([`reserve`]): a disk that fills meanwhile does not matter then.
//!
//! What root writes beside the files of a service's user belongs to that user, so that the service can read it.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
};

/// Ending of a file that is being written.
const NEW: &str = ".new";
/// Ending of a file that holds nothing but room.
const ROOM: &str = ".room";

/// Replaces a file, or makes it; mode 0600 whatever it had before.
///
/// # Errors
/// I/O errors; the old file is whole then.
pub fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = folder_of(path);
    let owner = fs::metadata(path).or_else(|_| fs::metadata(folder))?;
    let temporary = beside(path, NEW);
    // A file that a crash left keeps its old mode, so it goes first.
    remove(&temporary)?;
    let file = match fs::rename(beside(path, ROOM), &temporary) {
        Ok(()) => OpenOptions::new().write(true).open(&temporary)?,
        Err(_) => new_file(&temporary)?,
    };
    fill(file, &temporary, &owner, content)?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

/// Takes room for the next [`replace`] of a file: what it writes goes where these bytes lie, as far as they reach.
///
/// # Errors
/// I/O errors, above all that there is no room; nothing is taken then.
pub fn reserve(path: &Path, bytes: usize) -> std::io::Result<()> {
    let owner = fs::metadata(path).or_else(|_| fs::metadata(folder_of(path)))?;
    let room = beside(path, ROOM);
    remove(&room)?;
    let taken = fill(new_file(&room)?, &room, &owner, &vec![0; bytes]);
    if taken.is_err() {
        remove(&room)?;
    }
    taken
}

fn new_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a file; mode 0600. One that is there is left alone.
///
/// # Errors
/// `AlreadyExists`, and other I/O errors.
pub fn create(path: &Path, content: &[u8]) -> std::io::Result<()> {
    create_with_mode(path, content, 0o600)
}

/// The same with another mode.
///
/// # Errors
/// As [`create`].
pub fn create_with_mode(path: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    let folder = folder_of(path);
    let owner = fs::metadata(folder)?;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    fill(file, path, &owner, content)?;
    File::open(folder)?.sync_all()
}

/// Bytes nobody can guess.
///
/// # Errors
/// When the system gives none.
pub fn random<const COUNT: usize>() -> std::io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The user this process acts as; `None` where /proc is not there.
pub fn own_user() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|process| process.uid())
}

fn fill(mut file: File, path: &Path, owner: &fs::Metadata, content: &[u8]) -> std::io::Result<()> {
    if own_user() == Some(0) && owner.uid() != 0 {
        chown(path, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(content)?;
    // Room that was taken may be longer.
    file.set_len(u64::try_from(content.len()).unwrap_or(u64::MAX))?;
    file.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_replaced_file_is_private_even_if_it_was_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(beside(&path, NEW), "left by a crash").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
            ("new", 0o600)
        );
        assert!(!beside(&path, NEW).exists());
    }

    #[test]
    fn what_is_written_lies_where_room_was_taken_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for content in ["short".to_owned(), "longer than the room".repeat(9)] {
            fs::write(beside(&path, ROOM), "left by a crash, and longer than what comes").unwrap();
            reserve(&path, 16).unwrap();
            let room = fs::metadata(beside(&path, ROOM)).unwrap();
            assert_eq!((room.len(), mode(&beside(&path, ROOM))), (16, 0o600));
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().ino(), room.ino(), "the same blocks");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(mode(&path), 0o600);
            assert!(!beside(&path, ROOM).exists());
        }
    }

    #[test]
    fn what_is_there_is_never_overwritten_by_a_creation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        create(&path, b"first").unwrap();
        let error = create(&path, b"second").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
            ("first", 0o600)
        );
    }
}
