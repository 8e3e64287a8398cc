//! The book is true: its links lead somewhere, its commands are commands, and the blocks marked as run (a fence that begins
//! with `sh run`) work, in their order, with the real program against the simulated CRMs.
//!
//! A page's blocks run as one admin's session: `/etc/followupd` and `/var/lib/followupd` are folders of the test, `sudo -u`
//! changes nobody. `sh run findings` may end with status 1, which is how `doctor` says that it found something.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Parser as _;
use followupd::cli::Cli;
use serde_json::json;
use tempfile::TempDir;

use crate::{crms::Crms, support::BINARY, tidy::root};

/// Pages whose blocks run, by session: what an earlier page set up, a later one uses.
const SESSIONS: [&[&str]; 3] = [
    &["hubspot.md", "first-days.md", "policy.md"],
    &["salesforce.md"],
    &["zoho.md"],
];

fn docs() -> PathBuf {
    root().join("docs")
}

fn page(name: &str) -> String {
    std::fs::read_to_string(docs().join(name)).unwrap()
}

/// Every page of `docs/`, by name.
fn pages() -> BTreeSet<String> {
    std::fs::read_dir(docs())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "md")
        })
        .filter(|name| name != "SUMMARY.md")
        .collect()
}

/// A fenced block of shell commands: the words behind the fence, and the text.
struct Block {
    marks: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(marks), None) => {
                open = Some(Block {
                    marks: marks.to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(block)) => found.push(block),
            (None, Some(mut block)) => {
                writeln!(block.text, "{line}").unwrap();
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    found.retain(|block| block.marks.split(' ').next() == Some("sh"));
    found
}

fn is_run(block: &Block) -> bool {
    block.marks.split(' ').any(|mark| mark == "run")
}

/// Targets of the links of a page, in order.
fn links(page: &str) -> Vec<String> {
    let text: String = page.split("```").step_by(2).collect();
    text.split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap().to_owned())
        .collect()
}

/// How a heading is addressed.
fn slug(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

fn has_heading(page: &str, anchor: &str) -> bool {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| slug(line.trim_start_matches('#')))
        .any(|slug| slug == anchor)
}

#[test]
fn every_page_is_in_the_book_and_every_link_leads_somewhere() {
    let told: BTreeSet<String> = links(&page("SUMMARY.md")).into_iter().collect();
    assert_eq!(told, pages(), "docs/SUMMARY.md and the pages of docs/ differ");
    let mut broken = Vec::new();
    for name in pages() {
        for link in links(&page(&name)).iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link
                .split_once('#')
                .map_or((link.as_str(), None), |(file, a)| (file, Some(a)));
            let path = if file.is_empty() {
                docs().join(&name)
            } else {
                docs().join(file)
            };
            let text = std::fs::read_to_string(&path);
            let is_there = match (&text, anchor) {
                (Ok(text), Some(anchor)) => has_heading(text, anchor),
                (Ok(_), None) => true,
                (Err(_), _) => path.exists(),
            };
            if !is_there {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The command lines of a block, continued lines joined, comments and pipes' other ends dropped.
fn commands(block: &Block) -> Vec<Vec<String>> {
    let text = block.text.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split(" #").next().unwrap();
        let words: Vec<String> = line
            .split_whitespace()
            .map(|word| word.replace('"', ""))
            .collect();
        let Some(at) = words.iter().position(|word| word == "followupd") else {
            continue;
        };
        // `sudo -u followupd followupd …`: the user, then the program.
        let at = if words.get(at + 1).is_some_and(|word| word == "followupd") {
            at + 1
        } else {
            at
        };
        let is_program = at == 0 || words[at - 1] == "followupd" || words[at - 1] == "|";
        if is_program {
            let end = words.iter().skip(at).position(|word| word == "||" || word == "|");
            let end = end.map_or(words.len(), |end| at + end);
            found.push(words[at..end].to_vec());
        }
    }
    found
}

#[test]
fn every_command_of_the_book_is_one_the_program_knows() {
    let mut known = 0;
    for name in pages() {
        for command in blocks(&page(&name)).iter().flat_map(commands) {
            let parsed = Cli::try_parse_from(&command);
            assert!(
                parsed.is_ok(),
                "{name}: {}: {}",
                command.join(" "),
                parsed.unwrap_err()
            );
            known += 1;
        }
    }
    assert!(known > 25, "only {known} commands were found");
}

#[test]
fn every_permission_a_login_asks_for_is_explained() {
    let hubspot: Vec<_> = followup_hubspot::consent::scopes().collect();
    for (name, scopes) in [
        ("hubspot.md", hubspot.as_slice()),
        ("salesforce.md", followup_salesforce::auth::SCOPES),
        ("zoho.md", followup_zoho::auth::SCOPES),
    ] {
        let page = page(name);
        for (scope, _) in scopes {
            assert!(
                page.contains(&format!("`{scope}`")),
                "docs/{name} does not explain {scope}"
            );
        }
    }
}

/// An admin's machine: a folder that stands for its root, and the CRMs.
struct Machine {
    root: TempDir,
    crms: Crms,
}

impl Machine {
    fn new() -> Self {
        let crms = Crms::of(&["--people", "0"]);
        let root = TempDir::new().unwrap();
        let machine = Self { root, crms };
        for folder in ["bin", "etc", "var/lib", "home"] {
            std::fs::create_dir_all(machine.path(folder)).unwrap();
        }
        machine.program("sudo", "shift 2\nexec \"$@\"");
        machine.program("followupd", &format!("exec '{BINARY}' \"$@\""));
        machine.write("home/hubspot.key", machine.crms.told("hubspot", "access_token"));
        machine.write("home/zoho.secret", machine.crms.told("zoho", "client_secret"));
        let pem = std::fs::read_to_string(machine.crms.told("salesforce", "jwt_key_file")).unwrap();
        machine.write("home/salesforce.pem", &pem);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), format!("{text}\n")).unwrap();
    }

    fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let name = format!("bin/{name}");
        self.write(&name, &format!("#!/bin/sh\n{script}"));
        std::fs::set_permissions(self.path(&name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a block; its standard output.
    fn run(&self, page: &str, block: &Block) -> String {
        let root = self.root.path().to_str().unwrap();
        let script = ["/etc/followupd", "/var/lib/followupd"]
            .iter()
            .fold(block.text.clone(), |text, path| {
                text.replace(path, &format!("{root}{path}"))
            });
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(self.path("home"))
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("FOLLOWUPD_CONFIG", self.path("etc/followupd/followupd.toml"));
        self.names_of(page, &mut command);
        let output = command.output().unwrap();
        let told = format!(
            "docs/{page}:\n{}\n{}{}",
            block.text,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let may_find = block.marks.split(' ').any(|mark| mark == "findings");
        let status = output.status.code();
        assert!(
            status == Some(0) || (may_find && status == Some(1)),
            "{status:?} {told}"
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Where the page's CRM is, in place of the vendor's address, and what an admin would have copied from it.
    fn names_of(&self, page: &str, command: &mut Command) {
        match page {
            "salesforce.md" => command
                .env(
                    "FOLLOWUPD_CONNECTIONS__SALESFORCE_MAIN__LOGIN_URL",
                    self.crms.address("salesforce"),
                )
                .env("CONSUMER_KEY", self.crms.told("salesforce", "client_id"))
                .env("INTEGRATION_USER", self.crms.told("salesforce", "username")),
            "zoho.md" => {
                let scopes: Vec<&str> = followup_zoho::auth::SCOPES
                    .iter()
                    .map(|(scope, _)| *scope)
                    .collect();
                let code = self
                    .crms
                    .control("zoho", "grant-code", &json!({ "scopes": scopes }));
                command
                    .env(
                        "FOLLOWUPD_CONNECTIONS__ZOHO_MAIN__LOGIN_URL",
                        self.crms.address("zoho"),
                    )
                    .env("CLIENT_ID", self.crms.told("zoho", "client_id"))
                    .env("GRANT_CODE", code["code"].as_str().unwrap())
            }
            _ => command.env(
                "FOLLOWUPD_CONNECTIONS__HUBSPOT_MAIN__BASE_URL",
                self.crms.address("hubspot"),
            ),
        };
    }
}

/// Runs the marked blocks of a session; everything they printed.
fn play(session: &[&str]) -> String {
    let machine = Machine::new();
    let mut printed = String::new();
    for name in session {
        let blocks = blocks(&page(name));
        let marked: Vec<&Block> = blocks.iter().filter(|block| is_run(block)).collect();
        assert!(!marked.is_empty(), "docs/{name} has nothing to run");
        for block in marked {
            printed += &machine.run(name, block);
        }
    }
    printed
}

#[test]
fn an_admin_who_follows_the_pages_on_hubspot_the_first_days_and_the_policy_gets_there() {
    let printed = play(SESSIONS[0]);
    for told in [
        "configuration and policy are fine",
        "hubspot_main (observe): ok",
        "tasks would be created",
        "reply-waiting:",
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
}

#[test]
fn an_admin_who_follows_the_page_on_salesforce_gets_there() {
    let printed = play(SESSIONS[1]);
    assert!(printed.contains("salesforce_main (observe): ok"), "{printed}");
}

#[test]
fn an_admin_who_follows_the_page_on_zoho_gets_there() {
    let printed = play(SESSIONS[2]);
    assert!(
        printed.contains("zoho_main is logged in") && printed.contains("zoho_main (observe): ok"),
        "{printed}"
    );
}

#[test]
fn no_marked_block_is_left_out() {
    let played: BTreeSet<&str> = SESSIONS
        .iter()
        .flat_map(|session| session.iter().copied())
        .collect();
    let marked: BTreeSet<String> = pages()
        .into_iter()
        .filter(|name| blocks(&page(name)).iter().any(is_run))
        .collect();
    assert_eq!(marked, played.into_iter().map(str::to_owned).collect());
}
