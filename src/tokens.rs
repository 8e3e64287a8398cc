//! Tokens of OAuth connections: one 0600 file per connection, sealed ([`crate::sealing`]), with a version byte in front.
//!
//! Written whole, and durable when a write returns. A file of the first version is plain; it is sealed when it is read.
//!
//! A configured refresh token is imported once: the file remembers the hash of what was imported, and what the CRM
//! rotated since wins until the configured file changes. Where none is configured, a login writes it.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use followup_core::{ConnectionId, text_hash};
use followup_transport::{Future, TokenPair, TokenStore};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    config::Config,
    private_file,
    sealing::{KeySource, SealError},
};

/// Format of a plain file.
const PLAIN: u8 = 1;
/// Format of a sealed file.
const SEALED: u8 = 2;

/// Longer than any pair of tokens a vendor documents, sealed.
const ROOM_BYTES: usize = 32 * 1024;

/// Where tokens are kept, and under which keys.
#[derive(Debug, Clone)]
pub struct TokenPlace {
    data_dir: PathBuf,
    keys: KeySource,
}

impl TokenPlace {
    /// Under a state directory, with these keys.
    pub fn new(data_dir: &Path, keys: KeySource) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            keys,
        }
    }

    /// As configured.
    pub fn of(config: &Config) -> Self {
        let keys = config.key_file.clone();
        let keys = keys.map_or_else(|| KeySource::own(&config.data_dir), KeySource::configured);
        Self::new(&config.data_dir, keys)
    }

    /// The keys.
    pub const fn keys(&self) -> &KeySource {
        &self.keys
    }

    /// The file of a connection; `configured` is the refresh token of the configuration, if it has one.
    pub fn file(&self, connection: &ConnectionId, configured: Option<&SecretString>) -> TokenFile {
        TokenFile {
            place: self.clone(),
            connection: connection.clone(),
            path: self.data_dir.join(format!("tokens-{connection}")),
            imported: configured.map(|token| text_hash(token.expose_secret())),
        }
    }

    /// Held while a file is replaced: a rotation of keys and a refresh of tokens must not lose each other's work.
    fn lock(&self) -> std::io::Result<File> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.data_dir.join("tokens.lock"))?;
        file.lock()?;
        Ok(file)
    }
}

/// The token file of one connection.
pub struct TokenFile {
    place: TokenPlace,
    connection: ConnectionId,
    path: PathBuf,
    /// Hash of the configured refresh token; `None`: none is configured.
    imported: Option<String>,
}

/// Why a token file cannot be read or written. No message holds a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// The file system refuses.
    #[error("{path}: {cause}. Fix: make room in the state directory, or let followupd write there", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The keys cannot be used, or do not fit.
    #[error("{path}: {cause}; {}", cause.fix(), path = path.display())]
    Sealed {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: SealError,
    },
    /// It holds something else.
    #[error("{path} {what}; remove it to import the configured token, or to log in again", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
struct Stored {
    /// Empty: a person logged in.
    imported: String,
    access: String,
    refresh: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    scopes: Option<String>,
}

impl TokenFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is stored; `None` if nothing is, or if another refresh token was configured since. A plain file is sealed.
    ///
    /// # Errors
    /// [`TokenFileError`].
    pub fn read(&self) -> Result<Option<TokenPair>, TokenFileError> {
        let Some((version, plain)) = self.content()? else {
            return Ok(None);
        };
        let stored: Stored = serde_json::from_slice(&plain).map_err(|_| self.malformed("is damaged"))?;
        if version == PLAIN {
            self.replace(|| Ok(plain.clone()))?;
        }
        if self
            .imported
            .as_ref()
            .is_some_and(|imported| *imported != stored.imported)
        {
            return Ok(None); // the admin configured a new token
        }
        Ok(Some(TokenPair {
            access: SecretString::from(stored.access),
            refresh: SecretString::from(stored.refresh),
            issued_at: stored.issued_at,
            expires_at: stored.expires_at,
            base_url: stored.base_url.and_then(|url| Url::parse(&url).ok()),
            scopes: stored.scopes,
        }))
    }

    /// Writes what a login or a refresh brought; durable when it returns.
    ///
    /// # Errors
    /// [`TokenFileError`].
    pub fn write(&self, tokens: &TokenPair) -> Result<(), TokenFileError> {
        let stored = Stored {
            imported: self.imported.clone().unwrap_or_default(),
            access: tokens.access.expose_secret().to_owned(),
            refresh: tokens.refresh.expose_secret().to_owned(),
            issued_at: tokens.issued_at,
            expires_at: tokens.expires_at,
            base_url: tokens.base_url.as_ref().map(Url::to_string),
            scopes: tokens.scopes.clone(),
        };
        let plain = serde_json::to_vec(&stored).map_err(|_| self.malformed("cannot be written"))?;
        self.replace(|| Ok(plain))
    }

    /// Takes room for what the next [`Self::write`] brings.
    ///
    /// # Errors
    /// [`TokenFileError`]: there is none, or nothing may be written.
    pub fn reserve(&self) -> Result<(), TokenFileError> {
        let lock = self.place.lock().map_err(|error| self.io(error))?;
        private_file::reserve(&self.path, ROOM_BYTES).map_err(|error| self.io(error))?;
        drop(lock);
        Ok(())
    }

    /// Seals what is stored under the first key, whichever sealed it before; answers whether anything is stored.
    ///
    /// # Errors
    /// [`TokenFileError`].
    pub fn seal_anew(&self) -> Result<bool, TokenFileError> {
        if !self.path.exists() {
            return Ok(false);
        }
        self.replace(|| {
            let content = self.content()?;
            content
                .map(|(_, plain)| plain)
                .ok_or_else(|| self.malformed("went away"))
        })?;
        Ok(true)
    }

    /// Version and opened content; `None` if there is no file.
    fn content(&self) -> Result<Option<(u8, Vec<u8>)>, TokenFileError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
        };
        match bytes.split_first() {
            Some((&PLAIN, plain)) => Ok(Some((PLAIN, plain.to_vec()))),
            Some((&SEALED, sealed)) => {
                let keys = self.place.keys.keys().map_err(|cause| self.sealed(cause))?;
                let plain = keys.open(&self.purpose(), sealed);
                Ok(Some((SEALED, plain.map_err(|cause| self.sealed(cause))?)))
            }
            _ => Err(self.malformed("has a format this version does not read")),
        }
    }

    /// Seals what `plain` answers, while nobody else replaces a file.
    fn replace(&self, plain: impl FnOnce() -> Result<Vec<u8>, TokenFileError>) -> Result<(), TokenFileError> {
        let lock = self.place.lock().map_err(|error| self.io(error))?;
        let keys = self.place.keys.keys().map_err(|cause| self.sealed(cause))?;
        let sealed = keys.seal(&self.purpose(), &plain()?);
        let mut content = vec![SEALED];
        content.extend(sealed.map_err(|cause| self.sealed(cause))?);
        private_file::replace(&self.path, &content).map_err(|error| self.io(error))?;
        drop(lock);
        Ok(())
    }

    fn purpose(&self) -> String {
        format!("followupd tokens of {}", self.connection)
    }

    fn io(&self, cause: std::io::Error) -> TokenFileError {
        TokenFileError::Io {
            path: self.path.clone(),
            cause,
        }
    }

    fn sealed(&self, cause: SealError) -> TokenFileError {
        TokenFileError::Sealed {
            path: self.path.clone(),
            cause,
        }
    }

    fn malformed(&self, what: &'static str) -> TokenFileError {
        TokenFileError::Malformed {
            path: self.path.clone(),
            what,
        }
    }
}

impl TokenStore for TokenFile {
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
        let read = self.read().map_err(|error| error.to_string());
        Box::pin(std::future::ready(read))
    }

    fn prepare(&self) -> Future<'_, Result<(), String>> {
        let reserved = self.reserve().map_err(|error| error.to_string());
        Box::pin(std::future::ready(reserved))
    }

    fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>> {
        let written = self.write(&tokens).map_err(|error| error.to_string());
        Box::pin(std::future::ready(written))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn pair(refresh: &str) -> TokenPair {
        TokenPair {
            access: SecretString::from("planted-access".to_owned()),
            refresh: SecretString::from(refresh.to_owned()),
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            base_url: Some("https://acme.my.example.com".parse().unwrap()),
            scopes: None,
        }
    }

    fn place(dir: &Path) -> TokenPlace {
        TokenPlace::new(dir, KeySource::own(dir))
    }

    fn file(dir: &Path, configured: Option<&str>) -> TokenFile {
        let configured = configured.map(|token| SecretString::from(token.to_owned()));
        place(dir).file(&ConnectionId::new("hub").unwrap(), configured.as_ref())
    }

    fn refresh(file: &TokenFile) -> Option<String> {
        let pair = file.read().unwrap()?;
        Some(pair.refresh.expose_secret().to_owned())
    }

    #[test]
    fn a_rotated_token_survives_and_a_newly_configured_one_replaces_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = file(dir.path(), Some("first"));
        assert!(first.read().unwrap().is_none());
        first.write(&pair("rotated")).unwrap();
        let read = first.read().unwrap().unwrap();
        assert_eq!(read.refresh.expose_secret(), "rotated");
        assert_eq!(read.base_url.unwrap().as_str(), "https://acme.my.example.com/");
        let mode = fs::metadata(&first.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(refresh(&file(dir.path(), Some("second"))), None);
        let by_login = file(dir.path(), None);
        assert_eq!(
            refresh(&by_login).as_deref(),
            Some("rotated"),
            "whoever brought it, it is the login"
        );
    }

    #[test]
    fn nothing_of_a_token_is_on_disk_in_clear_and_one_connection_does_not_open_anothers() {
        let dir = tempfile::tempdir().unwrap();
        file(dir.path(), None).write(&pair("planted-refresh")).unwrap();
        let bytes = fs::read(dir.path().join("tokens-hub")).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"planted"));
        fs::copy(dir.path().join("tokens-hub"), dir.path().join("tokens-other")).unwrap();
        let other = place(dir.path()).file(&ConnectionId::new("other").unwrap(), None);
        assert!(other.read().is_err());
    }

    #[test]
    fn a_plain_file_of_the_first_version_is_sealed_when_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens-hub");
        let imported = text_hash("first");
        let plain = format!(
            "\u{1}{{\"imported\":\"{imported}\",\"access\":\"planted-a\",\"refresh\":\"planted-r\",\
             \"issued_at\":\"2026-11-02T09:00:00Z\",\"expires_at\":\"2026-11-02T09:30:00Z\"}}"
        );
        fs::write(&path, plain).unwrap();
        assert_eq!(
            refresh(&file(dir.path(), Some("first"))).as_deref(),
            Some("planted-r")
        );
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.first() == Some(&SEALED) && !bytes.windows(7).any(|window| window == b"planted"));
        assert_eq!(
            refresh(&file(dir.path(), Some("first"))).as_deref(),
            Some("planted-r")
        );
    }

    #[test]
    fn a_rotated_key_keeps_the_tokens_and_a_lost_one_is_told_with_its_fix() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = file(dir.path(), None);
        tokens.write(&pair("kept")).unwrap();
        let keys = KeySource::own(dir.path());
        keys.add().unwrap();
        assert!(tokens.seal_anew().unwrap());
        keys.drop_old().unwrap();
        assert_eq!(refresh(&tokens).as_deref(), Some("kept"));
        fs::remove_file(dir.path().join("secret.key")).unwrap();
        let message = tokens.read().unwrap_err().to_string();
        assert!(message.contains("log in again"), "{message}");
    }

    #[test]
    fn a_damaged_file_says_what_to_do_and_shows_no_content() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = file(dir.path(), Some("t"));
        fs::write(&tokens.path, b"\x01{\"access\":\"planted-secret").unwrap();
        let message = tokens.read().unwrap_err().to_string();
        assert!(message.contains("remove it") && !message.contains("planted-secret"));
    }
}
