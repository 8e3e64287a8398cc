//! Secrets come from files: plain paths, or systemd credentials of the same name.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// Longest secret that makes sense; tokens are documented at a few hundred characters.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Why a secret could not be read. The message never holds the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read: {cause}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why, in words.
        cause: std::io::ErrorKind,
    },
    /// The file is empty, too long, or not a text of one line.
    #[error("the secret file {path} {what}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl SecretError {
    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Unreadable {
                cause: std::io::ErrorKind::NotFound,
                ..
            } => "create the file with the secret in it (mode 0600), or correct the path".to_owned(),
            Self::Unreadable { .. } => "let the user that runs followupd read it".to_owned(),
            Self::Malformed { .. } => "put the secret alone into the file, on one line".to_owned(),
        }
    }
}

/// Where a secret really lies: `$CREDENTIALS_DIRECTORY` first, by file name, then the path itself.
pub fn locate(path: &Path) -> PathBuf {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .zip(path.file_name())
        .map(|(folder, name)| Path::new(&folder).join(name))
        .filter(|path| path.exists());
    credential.unwrap_or_else(|| path.to_path_buf())
}

/// Reads a secret of one line; a trailing newline is ignored.
///
/// # Errors
/// [`SecretError`], whose message names the file and never its content.
pub fn read(path: &Path) -> Result<SecretString, SecretError> {
    read_text(path, false)
}

/// Reads a private key: a text of several lines.
///
/// # Errors
/// [`SecretError`], whose message names the file and never its content.
pub fn read_key(path: &Path) -> Result<SecretString, SecretError> {
    read_text(path, true)
}

fn read_text(path: &Path, may_have_lines: bool) -> Result<SecretString, SecretError> {
    let path = locate(path);
    let unreadable = |error: std::io::Error| SecretError::Unreadable {
        path: path.clone(),
        cause: error.kind(),
    };
    let malformed = |what| SecretError::Malformed {
        path: path.clone(),
        what,
    };
    let metadata = std::fs::metadata(&path).map_err(unreadable)?;
    if metadata.len() > SECRET_BYTES_MAX {
        return Err(malformed("is too long for a secret"));
    }
    let bytes = std::fs::read(&path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| malformed("is not text"))?;
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() {
        return Err(malformed("is empty"));
    }
    if !may_have_lines && secret.contains(['\n', '\r']) {
        return Err(malformed("has more than one line"));
    }
    Ok(SecretString::from(secret.to_owned()))
}
