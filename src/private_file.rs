//! Files that only their owner may read, written whole: temporary file, fsync, rename, fsync of the directory.
//!
//! What root writes beside the files of a service's user belongs to that user, so that the service can read it.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
};

/// Replaces a file, or makes it; mode 0600 whatever it had before.
///
/// # Errors
/// I/O errors; the old file is whole then.
pub fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = folder_of(path);
    let owner = fs::metadata(path).or_else(|_| fs::metadata(folder))?;
    let temporary = beside(path);
    // A file that a crash left keeps its old mode, so it goes first.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    fill(file, &temporary, &owner, content)?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
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
    file.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
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
        fs::write(beside(&path), "left by a crash").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
            ("new", 0o600)
        );
        assert!(!beside(&path).exists());
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
