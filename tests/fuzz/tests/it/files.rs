//! Files: configuration, journal, health, tokens.

use std::fs;

use followup_core::ConnectionId;
use followup_fuzz::{Seeds, fire};
use followup_store::{Store, StoreOptions};
use followup_transport::TokenStore as _;
use followupd::{config, health, sealing::KeySource, tokens::TokenPlace};
use jiff::Timestamp;
use secrecy::SecretString;

use crate::is_bounded;

#[test]
fn a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    for secret in ["token", "secret", "refresh"] {
        fs::write(folder.path().join(secret), "planted-secret\n").unwrap();
    }
    let path = folder.path().join("followupd.toml");
    fire(&Seeds::of("config"), 2_000, |input| {
        fs::write(&path, input).unwrap();
        let said = config::load(&path, []).map(|(_, warnings)| warnings);
        is_bounded(&said, input);
        assert!(!format!("{said:?}").contains("planted-secret"));
    });
}

#[test]
fn the_environment_over_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "planted-secret\n").unwrap();
    let path = folder.path().join("followupd.toml");
    let seeds = Seeds::of("config");
    fs::write(&path, seeds.get(0)).unwrap();
    fire(&seeds, 1_000, |input| {
        let text = String::from_utf8_lossy(input).replace('\0', "");
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let pairs: Vec<_> = pairs
            .map(|(name, value)| {
                let name = name.trim().to_uppercase().replace('.', "__");
                (format!("FOLLOWUPD_{name}"), value.trim().to_owned())
            })
            .collect();
        let said = config::load(&path, pairs).map(|(_, warnings)| warnings);
        is_bounded(&said, input);
    });
}

/// `verify` reads frames and entries as every start does, and changes nothing.
#[test]
fn a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.log");
    fire(&Seeds::of("journal"), 3_000, |input| {
        fs::write(&path, input).unwrap();
        is_bounded(&Store::verify(folder.path()), input);
        assert_eq!(fs::read(&path).unwrap(), input);
    });
}

/// A real start cuts, mends or freezes; whatever it does, the next start finds a journal it can go on with.
#[test]
fn a_start_on_a_journal() {
    let options = StoreOptions { cache_bytes: 1 << 20 };
    fire(&Seeds::of("journal"), 40, |input| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("journal.log"), input).unwrap();
        for _ in 0..2 {
            let (store, opening) = Store::open(folder.path(), &options, Timestamp::UNIX_EPOCH).unwrap();
            is_bounded(&opening, input);
            store.close().unwrap();
        }
    });
}

#[test]
fn a_health_report() {
    let folder = tempfile::tempdir().unwrap();
    fire(&Seeds::of("health"), 3_000, |input| {
        fs::write(folder.path().join("health.json"), input).unwrap();
        is_bounded(&health::load(folder.path()), input);
    });
}

#[test]
fn a_token_file() {
    let folder = tempfile::tempdir().unwrap();
    let hub = ConnectionId::new("hub").unwrap();
    let place = TokenPlace::new(folder.path(), KeySource::own(folder.path()));
    let file = place.file(&hub, Some(&SecretString::from("configured")));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    fire(&Seeds::of("tokens"), 3_000, |input| {
        fs::write(folder.path().join("tokens-hub"), input).unwrap();
        let said = runtime.block_on(file.load()).map(|found| found.is_some());
        assert!(
            !format!("{said:?}").contains("planted-secret"),
            "a secret is told"
        );
    });
}
