//! The few arrows the compiler cannot see, and that shipped files load.

use std::path::{Path, PathBuf};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// Files under `folders` whose text holds `word`, besides those whose path ends with one of `allowed`.
fn naming(word: &str, folders: &[&str], allowed: &[&str]) -> Vec<String> {
    folders
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|path| !allowed.iter().any(|end| path.to_string_lossy().contains(end)))
        .filter(|path| {
            std::fs::read_to_string(path).unwrap().lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains(word)
            })
        })
        .map(|path| path.strip_prefix(root()).unwrap().display().to_string())
        .collect()
}

#[test]
fn only_the_stores_own_file_names_sled() {
    assert_eq!(
        naming("sled::", &["src", "connectors"], &["src/store/src/kv"]),
        Vec::<String>::new()
    );
}

#[test]
fn only_the_clock_reads_the_wall_clock() {
    for word in ["Timestamp::now()", "SystemTime::now", "Zoned::now"] {
        assert_eq!(
            naming(word, &["src", "connectors"], &["src/clock.rs"]),
            Vec::<String>::new(),
            "{word}"
        );
    }
}

#[test]
fn vendor_field_names_stay_in_the_connectors() {
    for word in ["hs_task_", "hs_call_", "hubspot_owner_id", "lifecyclestage"] {
        assert_eq!(naming(word, &["src"], &[]), Vec::<String>::new(), "{word}");
    }
}

#[test]
fn the_sandbox_links_neither_rules_nor_connectors() {
    let manifest = std::fs::read_to_string(root().join("connectors/sandbox/Cargo.toml")).unwrap();
    for package in [
        "followup-rules",
        "followup-hubspot",
        "followup-transport",
        "followup-store",
        "followup-core",
    ] {
        assert!(
            !manifest.contains(package),
            "the sandbox must not know {package}: one misreading must not hide in both"
        );
    }
}

#[test]
fn the_shipped_configuration_loads() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        root().join("config/followupd.toml"),
        folder.path().join("followupd.toml"),
    )
    .unwrap();
    std::fs::copy(
        root().join("config/policy.toml"),
        folder.path().join("policy.toml"),
    )
    .unwrap();
    std::fs::write(folder.path().join("hubspot_main.token"), "pat-eu1-example\n").unwrap();
    let (config, warnings) = followupd::config::load(&folder.path().join("followupd.toml"), []).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(config.connections.len(), 1);
    let policy = followupd::config::load_policy(config.policy_file.as_deref()).unwrap();
    assert_eq!(policy, followup_rules::policy::Policy::default());
}

#[test]
fn the_environment_is_the_last_layer_and_its_mistakes_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        root().join("config/followupd.toml"),
        folder.path().join("followupd.toml"),
    )
    .unwrap();
    std::fs::write(folder.path().join("hubspot_main.token"), "pat-eu1-example\n").unwrap();
    let path = folder.path().join("followupd.toml");
    let set = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let (config, _) =
        followupd::config::load(&path, set("FOLLOWUPD_CONNECTIONS__HUBSPOT_MAIN__MODE", "enforce")).unwrap();
    assert!(
        config
            .connections
            .values()
            .all(|connection| connection.mode == followupd::config::Mode::Enforce)
    );
    let problems = followupd::config::load(&path, set("FOLLOWUPD_LOGG__LEVEL", "debug")).unwrap_err();
    assert!(
        problems
            .iter()
            .any(|problem| problem.place.starts_with("environment")),
        "{problems:?}"
    );
}
