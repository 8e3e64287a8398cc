//! What monitoring sees of a running daemon, and that the shipped dashboard and alert rules speak of what there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStderr, Stdio},
};

use followupd::catalogue;

use crate::{
    support::{Scene, followupd},
    tidy::{root, sources},
};

/// A daemon with its health address.
struct Daemon {
    child: Child,
    said: BufReader<ChildStderr>,
    url: String,
    http: reqwest::blocking::Client,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Daemon {
    /// Starts it and waits until it says a line with `word`.
    fn start(scene: &Scene, word: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let config = format!("{}\n[health]\nlisten = \"{address}\"\n", scene.config(""));
        scene.write("followupd.toml", &config);
        let mut child = scene
            .command(&["run"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut daemon = Self {
            said: BufReader::new(child.stderr.take().unwrap()),
            child,
            url: format!("http://{address}"),
            http: reqwest::blocking::Client::new(),
        };
        loop {
            let mut line = String::new();
            assert!(daemon.said.read_line(&mut line).unwrap() > 0, "it ended");
            if line.contains(word) {
                return daemon;
            }
        }
    }

    fn ask(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.url)).send().unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    }
}

/// The names and label sets of an exposition; fails where a line is not of the format.
fn parse(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut typed = BTreeSet::new();
    let mut metrics: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(matches!(kind, "gauge" | "counter"), "{line}");
            assert!(kind != "counter" || name.ends_with("_total"), "{line}");
            assert!(typed.insert(name.to_owned()), "{name} is described twice");
            metrics.entry(name.to_owned()).or_default();
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let (name, labels) = series.split_once('{').map_or((series, ""), |(name, labels)| {
                (name, labels.strip_suffix('}').unwrap())
            });
            assert!(typed.contains(name), "{name} has no type");
            metrics
                .entry(name.to_owned())
                .or_default()
                .push(labels.to_owned());
        }
    }
    for series in metrics.values() {
        let all: BTreeSet<&String> = series.iter().collect();
        assert_eq!(all.len(), series.len(), "a series comes twice: {series:?}");
    }
    metrics
}

/// Words of a text that are metrics of ours.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with("followupd_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_running_daemon_tells_its_health_and_no_person() {
    let scene = Scene::new();
    let (owner, email) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    let daemon = Daemon::start(&scene, "cycle done");
    assert_eq!(daemon.ask("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(daemon.ask("/readyz"), (200, "ready\n".to_owned()));
    let (status, text) = daemon.ask("/metrics");
    assert_eq!(status, 200, "{text}");
    let metrics = parse(&text);
    for person in ["priya", "Priya", "Nair", "acme", &email, "@"] {
        assert!(!text.contains(person), "{person} shows in {text}");
    }
    assert!(
        text.contains("followupd_connection_state{connection=\"hub\",state=\"ok\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("followupd_stream_lag_seconds{connection=\"hub\",stream=\"contacts\"} "),
        "{text}"
    );
    let shipped = [
        "config/prometheus/followupd.rules.yml",
        "config/grafana/followupd.json",
    ];
    let known: BTreeSet<String> = metrics.keys().cloned().collect();
    for file in shipped {
        let unknown: Vec<String> = named(&std::fs::read_to_string(root().join(file)).unwrap())
            .into_iter()
            .filter(|name| !known.contains(name))
            .collect();
        assert_eq!(
            unknown,
            Vec::<String>::new(),
            "{file} speaks of metrics that are not there"
        );
    }
    let foreign = daemon
        .http
        .get(format!("{}/metrics", daemon.url))
        .header("host", "evil.example.com");
    assert_eq!(
        foreign.send().unwrap().status(),
        421,
        "only this machine is answered"
    );
    assert_eq!(daemon.ask("/nothing").0, 404);
}

#[test]
fn a_refused_login_is_not_ready_and_says_which() {
    let scene = Scene::begun();
    scene.write("token", "pat-eu1-wrong\n");
    let daemon = Daemon::start(&scene, "cycle done");
    let (status, text) = daemon.ask("/readyz");
    assert!(
        status == 503 && text.contains("hub: the login is refused"),
        "{status}: {text}"
    );
    assert!(daemon.ask("/metrics").1.contains("state=\"paused\"} 1"));
    assert_eq!(daemon.ask("/healthz").0, 200, "the daemon itself is well");
}

#[test]
fn an_address_in_use_is_told_with_its_fix() {
    let scene = Scene::begun();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    scene.write(
        "followupd.toml",
        &format!("{}\n[health]\nlisten = \"{address}\"\n", scene.config("")),
    );
    let mut child = scene
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{said}");
    assert!(said.contains("health.listen") && said.contains("Fix:"), "{said}");
}

/// Codes that sources give to messages: what stands in the places where a code is written.
fn codes_in_sources() -> BTreeMap<String, String> {
    const BEFORE: [&str; 5] = ["code: \"", "Finding::new(", ".error(", "report(", "problem("];
    let mut codes = BTreeMap::new();
    for folder in ["src", "connectors"] {
        for path in sources(folder) {
            let shown = path.strip_prefix(root()).unwrap().display().to_string();
            if shown.contains("sandbox") || shown.contains("testkit") || shown.contains("/tests") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for before in BEFORE {
                for (at, _) in text.match_indices(before) {
                    let rest = text[at + before.len()..].trim_start();
                    let rest = rest.strip_prefix('"').unwrap_or(rest);
                    let word = rest.split('"').next().unwrap();
                    let is_word =
                        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                    if is_word && text[at..].contains(&format!("\"{word}\"")) {
                        codes.insert(word.to_owned(), shown.clone());
                    }
                }
            }
        }
    }
    codes
}

#[test]
fn every_code_of_a_message_is_explained_and_none_is_explained_that_is_gone() {
    let codes = codes_in_sources();
    assert!(codes.len() > 40, "the search is broken: {codes:?}");
    let unexplained: Vec<_> = codes
        .iter()
        .filter(|(code, _)| catalogue::find(code).is_none())
        .collect();
    assert!(unexplained.is_empty(), "not in src/catalogue.rs: {unexplained:?}");
    let sources: String = ["src", "connectors"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|path| !path.ends_with("catalogue.rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for entry in catalogue::ENTRIES {
        assert!(
            sources.contains(&format!("\"{}\"", entry.code)),
            "{} is gone",
            entry.code
        );
    }
}

#[test]
fn the_page_of_codes_is_what_the_code_says() {
    let path = root().join("docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, catalogue::page()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap();
    assert!(
        page == catalogue::page(),
        "docs/errors.md is old: run this test with UPDATE_DOCS=1"
    );
}

#[test]
fn a_code_is_explained_and_a_mistyped_one_finds_its_neighbour() {
    let folder = tempfile::tempdir().unwrap();
    let answer = followupd(&["explain-error", "missing-scope", "--json"], folder.path());
    assert_eq!(answer.status, 0, "{answer:?}");
    assert!(answer.json["fix"].as_str().unwrap().contains("auth login"));
    let wrong = followupd(&["explain-error", "missing_scop"], folder.path());
    assert!(
        wrong.status == 2 && wrong.stderr.contains("did you mean `missing_scope`?"),
        "{wrong:?}"
    );
}
