//! Tokens of OAuth connections: one 0600 file per connection, with a version byte so that encryption can arrive with a
//! migration. Written whole: temporary file, fsync, rename, fsync of the directory.
//!
//! The configured refresh token is imported once: the file remembers the hash of what was imported, and what the CRM
//! rotated since wins until the configured file changes.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use followup_core::{ConnectionId, text_hash};
use followup_transport::{Future, TokenPair, TokenStore};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

/// Format of the file.
const VERSION: u8 = 1;

/// The token file of one connection.
pub struct TokenFile {
    path: PathBuf,
    imported: String,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    imported: String,
    access: String,
    refresh: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    #[serde(default)]
    base_url: Option<String>,
}

impl TokenFile {
    /// The file of `connection` under `data_dir`; `configured` is the refresh token of the configuration.
    pub fn new(data_dir: &Path, connection: &ConnectionId, configured: &SecretString) -> Self {
        Self {
            path: data_dir.join(format!("tokens-{connection}")),
            imported: text_hash(configured.expose_secret()),
        }
    }

    fn read(&self) -> Result<Option<TokenPair>, String> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("reading {}: {error}", self.path.display())),
        };
        let Some((&VERSION, body)) = bytes.split_first() else {
            return Err(format!(
                "{} has a format this version does not read; remove it to import the configured token",
                self.path.display()
            ));
        };
        let stored: Stored = serde_json::from_slice(body).map_err(|_| {
            format!(
                "{} is damaged; remove it to import the configured token",
                self.path.display()
            )
        })?;
        if stored.imported != self.imported {
            return Ok(None); // the admin configured a new token
        }
        Ok(Some(TokenPair {
            access: SecretString::from(stored.access),
            refresh: SecretString::from(stored.refresh),
            issued_at: stored.issued_at,
            expires_at: stored.expires_at,
            base_url: stored.base_url.and_then(|url| Url::parse(&url).ok()),
        }))
    }

    fn write(&self, tokens: &TokenPair) -> std::io::Result<()> {
        let stored = Stored {
            imported: self.imported.clone(),
            access: tokens.access.expose_secret().to_owned(),
            refresh: tokens.refresh.expose_secret().to_owned(),
            issued_at: tokens.issued_at,
            expires_at: tokens.expires_at,
            base_url: tokens.base_url.as_ref().map(Url::to_string),
        };
        let temporary = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&[VERSION])?;
        file.write_all(&serde_json::to_vec(&stored)?)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        File::open(self.path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}

impl TokenStore for TokenFile {
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
        Box::pin(std::future::ready(self.read()))
    }

    fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>> {
        let written = self
            .write(&tokens)
            .map_err(|error| format!("writing {}: {error}", self.path.display()));
        Box::pin(std::future::ready(written))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn pair(refresh: &str) -> TokenPair {
        TokenPair {
            access: SecretString::from("access-1".to_owned()),
            refresh: SecretString::from(refresh.to_owned()),
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            base_url: Some("https://acme.my.example.com".parse().unwrap()),
        }
    }

    #[test]
    fn a_rotated_token_survives_and_a_newly_configured_one_replaces_it() {
        let dir = tempfile::tempdir().unwrap();
        let hub = ConnectionId::new("hub").unwrap();
        let configured = SecretString::from("first".to_owned());
        let file = TokenFile::new(dir.path(), &hub, &configured);
        assert!(file.read().unwrap().is_none());
        file.write(&pair("rotated")).unwrap();
        let read = file.read().unwrap().unwrap();
        assert_eq!(read.refresh.expose_secret(), "rotated");
        assert_eq!(read.base_url.unwrap().as_str(), "https://acme.my.example.com/");
        let mode = fs::metadata(&file.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = TokenFile::new(dir.path(), &hub, &SecretString::from("second".to_owned()));
        assert!(again.read().unwrap().is_none());
    }

    #[test]
    fn a_damaged_file_says_what_to_do_and_shows_no_content() {
        let dir = tempfile::tempdir().unwrap();
        let hub = ConnectionId::new("hub").unwrap();
        let file = TokenFile::new(dir.path(), &hub, &SecretString::from("t".to_owned()));
        fs::write(&file.path, b"\x01{\"access\":\"planted-secret").unwrap();
        let message = file.read().unwrap_err();
        assert!(message.contains("remove it") && !message.contains("planted-secret"));
    }
}
