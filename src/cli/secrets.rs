//! `secrets`: the keys that tokens are sealed with.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use super::{Common, EXIT_HELP, context, output};
use crate::{
    config,
    exit::{Exit, Failure},
    sealing::{self, SealError},
    tokens::TokenPlace,
};

#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// Make a file with a new key; name it as `key_file`, or give it to systemd as the credential `secret.key`.
    #[command(after_help = EXIT_HELP)]
    NewKey {
        /// The file; one that is there is left alone.
        file: PathBuf,
    },
    /// Seal every token with a new key and forget the old one. A running daemon goes on.
    #[command(after_help = EXIT_HELP)]
    Rotate {
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Serialize)]
struct Rotated {
    /// Name of the key in force.
    key: String,
    sealed: Vec<String>,
    /// Keys that can be taken out by hand.
    old: Vec<String>,
}

pub(super) fn secrets(command: &SecretsCommand) -> anyhow::Result<Exit> {
    match command {
        SecretsCommand::NewKey { file } => {
            sealing::make(file).map_err(|error| refuse(&error))?;
            output::line(&format!("{} holds a new key (mode 0600)", file.display()));
            Ok(Exit::Ok)
        }
        SecretsCommand::Rotate { common } => rotate(common),
    }
}

fn rotate(common: &Common) -> anyhow::Result<Exit> {
    let (mut config, _) = config::load_before_login(&common.config, std::env::vars())
        .map_err(|problems| context::refuse(&problems))?;
    if let Some(data_dir) = &common.data_dir {
        config.data_dir.clone_from(data_dir);
    }
    let place = TokenPlace::of(&config);
    let keys = place.keys();
    // A credential cannot be written; whoever made it put the new key in front already.
    let is_credential =
        std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| keys.path().starts_with(folder));
    let ring = if is_credential { keys.keys() } else { keys.add() }.map_err(|error| refuse(&error))?;
    let mut sealed = Vec::new();
    for connection in config.connections.keys() {
        let file = place.file(connection, None);
        let is_stored = file
            .seal_anew()
            .map_err(|error| Failure::new(Exit::State, error.to_string()))?;
        if is_stored {
            sealed.push(connection.to_string());
        }
    }
    let mut names = ring.names();
    let key = names.remove(0);
    if !is_credential {
        keys.drop_old().map_err(|error| refuse(&error))?;
        names.clear();
    }
    let rotated = Rotated {
        key,
        sealed,
        old: names,
    };
    if common.json {
        output::json("secrets-rotate/1", &rotated)?;
    } else {
        let count = rotated.sealed.len();
        output::line(&format!(
            "{count} token files are sealed with the key {}",
            rotated.key
        ));
        if !rotated.old.is_empty() {
            output::line("the other keys of the credential are not needed any more: take their lines out");
        }
    }
    Ok(Exit::Ok)
}

fn refuse(error: &SealError) -> Failure {
    Failure::new(Exit::State, format!("{error}. Fix: {}", error.fix()))
}
