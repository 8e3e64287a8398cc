//! Planted secrets and people show nowhere they must not: not in logs, errors, answers of the health address, reports on
//! disk, nor in what other users of the machine see of the process.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use serde_json::json;

use crate::crms::Crms;

/// Every secret of the three logins, by what it is.
fn secrets(crms: &Crms) -> Vec<(String, String)> {
    let mut secrets = Vec::new();
    for name in ["hubspot", "salesforce", "zoho"] {
        for key in ["client_secret", "refresh_token"] {
            secrets.push((format!("{name}.{key}"), crms.told(name, key).to_owned()));
        }
    }
    secrets
}

const PEOPLE: [&str; 6] = [
    "priya.nair@acme.example.com",
    "Priya",
    "Nair",
    "Acme Granite",
    "+49 30 5550123",
    "Pilot scope of the granite project",
];

fn check(what: &str, text: &str, planted: &[(String, String)]) {
    for (name, secret) in planted {
        assert!(!text.contains(secret.as_str()), "{name} shows in {what}");
    }
    for person in PEOPLE {
        assert!(!text.contains(person), "{person} shows in {what}: {text}");
    }
}

/// Everything readable under a folder, as bytes.
fn files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path, bytes));
        }
    }
    found
}

#[test]
fn no_secret_and_no_person_shows_where_it_must_not() {
    let crms = Crms::new();
    crms.log_in();
    let planted = secrets(&crms);
    for name in ["hubspot", "salesforce", "zoho"] {
        let form = json!({"email": PEOPLE[0], "firstname": PEOPLE[1], "lastname": PEOPLE[2], "company": PEOPLE[3],
            "phone": PEOPLE[4], "form": "demo"});
        crms.control(name, "form", &form);
    }
    // Trouble of every kind, so that what is quoted of answers is looked at too.
    let faults = json!([
        {"match": "GET /crm/objects/2026-09/calls*", "kind": "html:524", "times": 2},
        {"match": "GET /services/data/*", "kind": "status:500", "times": 2},
        {"match": "POST /crm/v8/coql*", "kind": "truncate:40", "times": 2},
        {"match": "POST /oauth/v2/token*", "kind": "status:400", "times": 1},
    ]);
    crms.control("hubspot", "faults", &faults);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = std::fs::read_to_string(crms.path("followupd.toml")).unwrap();
    let config = config.replacen(
        "data_dir",
        &format!("health = {{ listen = \"{address}\" }}\ndata_dir"),
        1,
    );
    std::fs::write(
        crms.path("followupd.toml"),
        config.replace(
            "[connections.hubspot.auth]",
            "poll_every = \"5s\"\n[connections.hubspot.auth]",
        ),
    )
    .unwrap();
    let mut daemon = crms
        .command(&["run"])
        .env("FOLLOWUPD_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}", daemon.id()));
    let listing = std::fs::read(process.join("cmdline")).unwrap();
    let environment = std::fs::read(process.join("environ")).unwrap();
    for seen in [listing, environment] {
        check("the process listing", &String::from_utf8_lossy(&seen), &planted);
    }
    let mut said = BufReader::new(daemon.stderr.take().unwrap());
    let mut logs = String::new();
    while logs.matches("cycle done").count() < 3 {
        assert!(said.read_line(&mut logs).unwrap() > 0, "it ended: {logs}");
    }
    let asked = crms
        .browser
        .get(format!("http://{address}/metrics"))
        .send()
        .unwrap();
    let metrics = asked.text().unwrap();
    assert!(metrics.contains("followupd_connection_state"), "{metrics}");
    check("the metrics", &metrics, &planted);
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["doctor", "--json"],
        &["auth", "status", "--json"],
    ] {
        let answer = crms.answer(words);
        check(
            &format!("{words:?}"),
            &format!("{}{}", answer.stdout, answer.stderr),
            &planted,
        );
    }
    daemon.kill().unwrap();
    said.read_to_string(&mut logs).unwrap();
    daemon.stdout.take().unwrap().read_to_string(&mut logs).unwrap();
    daemon.wait().unwrap();
    check("the logs", &logs, &planted);
    let report = std::fs::read_to_string(crms.path("state/health.json")).unwrap();
    check("health.json", &report, &planted);
    // The cache holds people, for that is its work; no file of the state holds a usable secret.
    for (path, bytes) in files(&crms.path("state")) {
        for (name, secret) in &planted {
            let holds = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!holds, "{name} lies in {}", path.display());
        }
        let journal = path.ends_with("journal.log");
        let holds = |person: &&&str| {
            bytes
                .windows(person.len())
                .any(|window| window == person.as_bytes())
        };
        assert!(
            !journal || PEOPLE.iter().find(holds).is_none(),
            "the journal holds a person"
        );
    }
}
