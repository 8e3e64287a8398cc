//! From nothing to a configuration that passes, by flags and by answers; nothing that is there is ever overwritten.

use std::{
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::{
    crms::Crms,
    support::{Answer, BINARY, followupd},
};

fn init(folder: &Path, words: &[&str], typed: &str) -> Answer {
    let mut child = Command::new(BINARY)
        .arg("init")
        .arg("--dir")
        .arg(folder)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("FOLLOWUPD_CONFIG")
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    Answer::of(child.wait_with_output().unwrap())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn check(folder: &Path) -> Answer {
    let config = folder.join("followupd.toml");
    followupd(&["check-config", "--config", config.to_str().unwrap()], folder)
}

#[test]
fn flags_alone_make_three_connections_that_pass_and_can_be_logged_in_to() {
    let crms = Crms::new();
    let folder = crms.path("etc");
    let state = crms.path("var");
    for (name, url) in [
        ("hubspot", "--base-url"),
        ("salesforce", "--login-url"),
        ("zoho", "--login-url"),
    ] {
        let words = [
            "--non-interactive",
            "--json",
            "--data-dir",
            state.to_str().unwrap(),
            "--provider",
            name,
            "--name",
            name,
            "--login",
            "browser",
            url,
            crms.address(name),
            "--client-id",
            crms.told(name, "client_id"),
            "--secret-from",
            "-",
            "--zone",
            "Europe/Berlin",
        ];
        let answer = init(&folder, &words, crms.told(name, "client_secret"));
        assert_eq!(answer.status, 0, "{name}: {answer:?}");
        assert!(
            answer.json["next"][0]
                .as_str()
                .unwrap()
                .contains(&format!("auth login {name}"))
        );
        assert_eq!(mode(&folder.join(format!("{name}.client-secret"))), 0o600);
        let checked = check(&folder);
        assert_eq!(checked.status, 0, "{checked:?}");
    }
    assert!(
        folder.join("conf.d/zoho.toml").exists(),
        "further connections are files of their own"
    );
    // The logins work with what was written.
    let crms = crms.configured(folder.join("followupd.toml"));
    crms.log_in();
    let cycle = crms.answer(&["run", "--once", "--json"]);
    assert_eq!(cycle.status, 0, "{cycle:?}");
    assert_eq!(cycle.json["cycles"].as_array().unwrap().len(), 3);
    assert!(!cycle.stdout.contains(crms.told("zoho", "client_secret")));
}

#[test]
fn a_person_is_asked_with_defaults_and_wrong_words_are_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    // Provider (once wrong), name, login, token; then zone and hours come before the secret.
    let typed = "hubspott\nhubspot\n\ntoken\nEurope/Paris\n\npat-eu1-planted\n";
    let answer = init(&folder.path().join("etc"), &[], typed);
    assert_eq!(answer.status, 0, "{answer:?}");
    assert!(answer.stderr.contains("`hubspott` is none of") && answer.stderr.contains("[hubspot_main]"));
    assert!(!answer.stdout.contains("planted") && !answer.stderr.contains("planted"));
    let etc = folder.path().join("etc");
    let config = std::fs::read_to_string(etc.join("followupd.toml")).unwrap();
    for word in [
        "[connections.hubspot_main]",
        "zone = \"Europe/Paris\"",
        "mode = \"observe\"",
        "# ",
    ] {
        assert!(config.contains(word), "{word}: {config}");
    }
    assert!(
        !config.contains("planted"),
        "the configuration names a file, never the secret"
    );
    assert_eq!(mode(&etc.join("hubspot_main.token")), 0o600);
    assert_eq!(check(&etc).status, 0);
}

#[test]
fn nothing_is_overwritten_and_wrong_answers_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let etc = folder.path().join("etc");
    let words = [
        "--non-interactive",
        "--provider",
        "hubspot",
        "--login",
        "token",
        "--secret-from",
        "-",
    ];
    let broken = init(
        &etc,
        &[&words[..], &["--zone", "Europe/Berlim"]].concat(),
        "pat-eu1-1\n",
    );
    assert_eq!(broken.status, 2, "{broken:?}");
    assert!(broken.stderr.contains("Europe/Berlim") && broken.stderr.contains("nothing was left behind"));
    assert!(!etc.exists());
    assert_eq!(init(&etc, &words, "pat-eu1-1\n").status, 0);
    let before = std::fs::read(etc.join("followupd.toml")).unwrap();
    let again = init(&etc, &words, "pat-eu1-2\n");
    assert_eq!(again.status, 2, "{again:?}");
    assert!(
        again.stderr.contains("configured already") && again.stderr.contains("Fix:"),
        "{}",
        again.stderr
    );
    std::fs::write(etc.join("second.token"), "mine\n").unwrap();
    let taken = init(&etc, &[&words[..], &["--name", "second"]].concat(), "pat-eu1-2\n");
    assert!(
        taken.status == 2 && taken.stderr.contains("never overwrites"),
        "{taken:?}"
    );
    assert_eq!(std::fs::read(etc.join("followupd.toml")).unwrap(), before);
    assert_eq!(
        std::fs::read_to_string(etc.join("second.token")).unwrap(),
        "mine\n"
    );
    let missing = init(&folder.path().join("other"), &["--non-interactive", "--json"], "");
    assert!(
        missing.status == 2 && missing.stderr.contains("--provider is missing"),
        "{missing:?}"
    );
    assert_eq!(json!(folder.path().join("other").exists()), json!(false));
}
