//! The key with which subject lines are hashed: made once per state directory, 0600, never leaves the machine.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Length of the key in bytes.
const KEY_BYTES: usize = 32;

/// Hashes a normalized subject line.
pub type SubjectHash = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// A hash under the key of this state directory, making the key where there is none.
///
/// # Errors
/// I/O errors; a key file of another length is an error too, because threads hashed under it would fall apart.
pub fn subject_hash(data_dir: &Path) -> std::io::Result<SubjectHash> {
    let path = data_dir.join("subject.key");
    let key = match fs::read(&path) {
        Ok(key) if key.len() == KEY_BYTES => key,
        Ok(_) => {
            let message = format!(
                "{} is damaged; remove it and run `followupd store rebuild`",
                path.display()
            );
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(&path)?,
        Err(error) => return Err(error),
    };
    Ok(keyed(key))
}

/// A hash under a given key.
pub fn keyed(key: Vec<u8>) -> SubjectHash {
    Arc::new(move |subject: &str| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
            return String::new();
        };
        mac.update(subject.as_bytes());
        let digest = mac.finalize().into_bytes();
        let head = digest
            .iter()
            .take(16)
            .fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        format!("{head:032x}")
    })
}

fn make(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut key = vec![0; KEY_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_equal_subjects_hash_equally() {
        let dir = tempfile::tempdir().unwrap();
        let first = subject_hash(dir.path()).unwrap();
        let again = subject_hash(dir.path()).unwrap();
        assert_eq!(first("pilot scope"), again("pilot scope"));
        assert_ne!(first("pilot scope"), first("pilot"));
        let other = keyed(vec![7; KEY_BYTES]);
        assert_ne!(first("pilot scope"), other("pilot scope"));
    }
}
