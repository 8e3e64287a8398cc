//! Secrets at rest: XChaCha20-Poly1305 under a key of this installation.
//!
//! A key file holds one key a line (64 hexadecimal digits; `#` begins a comment). The first seals, all of them open, so a
//! key is rotated by putting a new one in front, sealing everything anew, and taking the old one out. What is sealed is
//! bound to its purpose: the sealed token of one connection does not open as that of another.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};

use crate::{config::secrets, private_file};

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce; random ones of this length do not meet.
const NONCE_BYTES: usize = 24;
/// Bytes that tell which key sealed.
const NAME_BYTES: usize = 4;

/// Why something cannot be sealed or opened. No message holds a key or what was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file cannot be read.
    #[error("the key file cannot be used: {0}")]
    Secret(#[from] secrets::SecretError),
    /// It holds something else.
    #[error("the key file {path} {what}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It cannot be made or replaced.
    #[error("the key file {path} cannot be written: {cause}", path = path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why, in words.
        cause: std::io::ErrorKind,
    },
    /// Another key sealed it.
    #[error("it was sealed with a key ({name}) that is not in the key file any more")]
    OtherKey {
        /// That key's name.
        name: String,
    },
    /// It is damaged, or was sealed for something else.
    #[error("it is damaged, or was sealed for something else")]
    Damaged,
}

impl SealError {
    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Secret(error) => error.fix(),
            Self::Malformed { .. } => {
                "put one key of 64 hexadecimal digits on each line; `followupd secrets new-key FILE` makes such a file"
                    .to_owned()
            }
            Self::Unwritable { .. } => "run this as the user that owns the folder; a state directory is made by the first `followupd run`".to_owned(),
            Self::OtherKey { .. } => "add the old key as the last line of the key file, or log in again".to_owned(),
            Self::Damaged => "remove the file and log in again".to_owned(),
        }
    }
}

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    path: PathBuf,
    is_own: bool,
}

impl KeySource {
    /// A configured file, or the systemd credential of its name.
    pub const fn configured(path: PathBuf) -> Self {
        Self { path, is_own: false }
    }

    /// A file of our own in the state directory, made when it is first needed; a systemd credential of its name
    /// (`secret.key`) takes its place.
    pub fn own(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join("secret.key"),
            is_own: true,
        }
    }

    /// Where the keys are read from.
    pub fn path(&self) -> PathBuf {
        secrets::locate(&self.path)
    }

    /// Whether the key lies in the state directory, beside what it protects.
    pub fn is_own(&self) -> bool {
        self.is_own && self.path() == self.path
    }

    /// Reads the keys; makes the first one where the file is ours and is not there yet.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn keys(&self) -> Result<KeyRing, SealError> {
        let path = self.path();
        if self.is_own() && !path.exists() {
            make(&path)?;
        }
        let text = secrets::read_key(&path)?;
        let malformed = |what| SealError::Malformed {
            path: path.clone(),
            what,
        };
        let keys = text
            .expose_secret()
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
            .filter(|line| !line.is_empty())
            .map(|line| Key::parse(line).ok_or_else(|| malformed("holds a line that is no key")))
            .collect::<Result<Vec<Key>, SealError>>()?;
        if keys.is_empty() {
            return Err(malformed("holds no key"));
        }
        Ok(KeyRing(keys))
    }

    /// Puts a new key in front of the others.
    ///
    /// # Errors
    /// [`SealError`]; a systemd credential cannot be written.
    pub fn add(&self) -> Result<KeyRing, SealError> {
        let KeyRing(mut keys) = self.keys()?;
        keys.insert(0, Key::random(&self.path())?);
        self.write(KeyRing(keys))
    }

    /// Leaves only the first key.
    ///
    /// # Errors
    /// As [`KeySource::add`].
    pub fn drop_old(&self) -> Result<KeyRing, SealError> {
        let KeyRing(mut keys) = self.keys()?;
        keys.truncate(1);
        self.write(KeyRing(keys))
    }

    fn write(&self, ring: KeyRing) -> Result<KeyRing, SealError> {
        let lines = ring.0.iter().map(|key| hex(key.bytes()) + "\n");
        let text: String = lines.collect();
        let path = self.path();
        private_file::replace(&path, text.as_bytes()).map_err(|error| unwritable(&path, &error))?;
        Ok(ring)
    }
}

/// Makes a key file with one key; one that is there is left alone.
///
/// # Errors
/// [`SealError::Unwritable`].
pub fn make(path: &Path) -> Result<(), SealError> {
    let key = Key::random(path)?;
    private_file::create(path, format!("{}\n", hex(key.bytes())).as_bytes())
        .map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> SealError {
    SealError::Unwritable {
        path: path.to_owned(),
        cause: error.kind(),
    }
}

/// One key.
struct Key(SecretBox<[u8; KEY_BYTES]>);

impl Key {
    fn random(path: &Path) -> Result<Self, SealError> {
        let bytes = private_file::random().map_err(|error| unwritable(path, &error))?;
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
            return None;
        }
        let mut bytes = Box::new([0; KEY_BYTES]);
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(SecretBox::new(bytes)))
    }

    fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }

    /// Tells keys apart and nothing about them.
    fn name(&self) -> [u8; NAME_BYTES] {
        let digest = Sha256::new()
            .chain_update(b"followupd key name")
            .chain_update(self.bytes())
            .finalize();
        let mut name = [0; NAME_BYTES];
        name.iter_mut()
            .zip(digest)
            .for_each(|(place, byte)| *place = byte);
        name
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.bytes().into())
    }
}

/// The keys of an installation; the first seals.
pub struct KeyRing(Vec<Key>);

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.names()).finish()
    }
}

impl KeyRing {
    /// The keys' names, the sealing one first.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|key| hex(&key.name())).collect()
    }

    /// Seals `plain` for `purpose`.
    ///
    /// # Errors
    /// [`SealError::Damaged`] when there is no key or the system gives no random bytes.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.0.first().ok_or(SealError::Damaged)?;
        let nonce: [u8; NONCE_BYTES] = private_file::random().map_err(|_| SealError::Damaged)?;
        let payload = Payload {
            msg: plain,
            aad: purpose.as_bytes(),
        };
        let sealed = key
            .cipher()
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| SealError::Damaged)?;
        let mut text = key.name().to_vec();
        text.extend(nonce);
        text.extend(sealed);
        Ok(text)
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    /// [`SealError::OtherKey`], [`SealError::Damaged`].
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (name, rest) = sealed.split_at_checked(NAME_BYTES).ok_or(SealError::Damaged)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES).ok_or(SealError::Damaged)?;
        let key = self
            .0
            .iter()
            .find(|key| key.name() == name)
            .ok_or_else(|| SealError::OtherKey { name: hex(name) })?;
        let payload = Payload {
            msg: sealed,
            aad: purpose.as_bytes(),
        };
        key.cipher()
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| SealError::Damaged)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_purpose_alone() {
        let dir = tempfile::tempdir().unwrap();
        let ring = KeySource::own(dir.path()).keys().unwrap();
        let sealed = ring.seal("tokens of hub", b"planted-secret").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"planted"));
        assert_eq!(ring.open("tokens of hub", &sealed).unwrap(), b"planted-secret");
        assert!(matches!(
            ring.open("tokens of other", &sealed),
            Err(SealError::Damaged)
        ));
        let mut damaged = sealed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(matches!(
            ring.open("tokens of hub", &damaged),
            Err(SealError::Damaged)
        ));
        assert_ne!(
            sealed,
            ring.seal("tokens of hub", b"planted-secret").unwrap(),
            "no nonce comes twice"
        );
    }

    #[test]
    fn an_old_key_opens_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let source = KeySource::own(dir.path());
        let old = source.keys().unwrap().seal("p", b"s").unwrap();
        let both = source.add().unwrap();
        assert_eq!(both.open("p", &old).unwrap(), b"s");
        let new = both.seal("p", b"s").unwrap();
        let one = source.drop_old().unwrap();
        assert_eq!(one.open("p", &new).unwrap(), b"s");
        assert!(matches!(one.open("p", &old), Err(SealError::OtherKey { .. })));
        let mode = std::fs::metadata(source.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_no_key_says_so_and_does_not_show_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "planted-secret\n").unwrap();
        let error = KeySource::configured(path).keys().unwrap_err();
        assert!(error.fix().contains("new-key"));
        assert!(!format!("{error} {error:?}").contains("planted"));
    }
}
