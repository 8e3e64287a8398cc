//! A small team at work: demo requests, calls, and the truth about both.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use followup_core::{Record, RecordRef, TaskStatus};
use followup_store::{Store, StoreOptions};
use serde_json::{Value, json};

use crate::support::{Answer, MONDAY_NINE, Scene, property};

/// The request that creates tasks.
pub(crate) const CREATE: &str = "POST /crm/objects/2026-09/tasks/batch/create";

/// A portal, the people who asked for a demo, and who was called since.
pub(crate) struct Team {
    pub(crate) scene: Scene,
    pub(crate) called: BTreeMap<String, bool>,
    owners: Vec<String>,
    made: usize,
}

impl Team {
    /// An empty portal; everything that happens in it is owed from the start of its day.
    pub(crate) fn new() -> Self {
        // As much as an account can be allowed: the harness is about deaths, not about pacing.
        let world = ["--people", "0", "--as-of", MONDAY_NINE, "--burst", "9000"];
        let scene = Scene::of(&world);
        scene.write(
            "followupd.toml",
            &scene.config("cutover = \"2026-11-02T00:00:00Z\"\nsearch_per_second = 5\nburst_share = \"90%\""),
        );
        let owners = scene.get("/crm/owners/2026-09");
        let owners = owners["results"].as_array().unwrap().iter();
        let owners = owners
            .map(|owner| owner["id"].as_str().unwrap().to_owned())
            .collect();
        Self {
            scene,
            called: BTreeMap::new(),
            owners,
            made: 0,
        }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.scene.path("state")
    }

    /// Somebody asks for a demo.
    pub(crate) fn asks(&mut self) {
        self.made += 1;
        let owner = &self.owners[self.made % 3];
        let email = format!("buyer{}@acme.example.com", self.made);
        let contact = self.scene.form(&email, "demo", owner);
        self.called.insert(contact, false);
    }

    /// The rep calls somebody who has a task.
    pub(crate) fn calls(&mut self, nth: usize) {
        let open: Vec<String> = self
            .tasks()
            .into_iter()
            .filter(|(contact, tasks)| {
                tasks.len() == 1
                    && property(&tasks[0], "hs_task_status") == "NOT_STARTED"
                    && !self.called[contact]
            })
            .map(|(contact, _)| contact)
            .collect();
        if let Some(contact) = open.get(nth % open.len().max(1)) {
            let now = self.scene.look("now");
            self.scene
                .log_call(contact, &self.owners[0], now["now"].as_str().unwrap());
            self.called.insert(contact.clone(), true);
        }
    }

    /// The tasks in the portal by the contact they are about.
    pub(crate) fn tasks(&self) -> BTreeMap<String, Vec<Value>> {
        let mut by_contact: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for task in self.scene.tasks() {
            let links = &task["associations"]["contacts"]["results"];
            let contact = links[0]["id"].as_str().unwrap().to_owned();
            by_contact.entry(contact).or_default().push(task);
        }
        by_contact
    }

    /// No contact has two tasks, whatever happened.
    pub(crate) fn has_no_duplicate(&self) {
        for (contact, tasks) in self.tasks() {
            assert!(tasks.len() <= 1, "{} tasks about {contact}", tasks.len());
        }
    }

    /// Lets everything calm down, then holds it against the truth.
    pub(crate) fn holds_true(&self) {
        self.scene.faults(&json!([]));
        for _ in 0..2 {
            self.scene.advance("6m");
            let report = self.scene.run_once();
            assert_eq!(report.status, 0, "{report:?}");
        }
        let tasks = self.tasks();
        for (contact, is_called) in &self.called {
            let about = tasks.get(contact).map_or(&[][..], Vec::as_slice);
            let status: Vec<&str> = about
                .iter()
                .map(|task| property(task, "hs_task_status"))
                .collect();
            let expected = if *is_called { "COMPLETED" } else { "NOT_STARTED" };
            assert_eq!(status, [expected], "tasks about {contact}");
        }
        assert_eq!(tasks.len(), self.called.len(), "nobody else has a task");
        self.cache_equals_crm(&tasks);
    }

    /// What the cache holds is what the CRM holds, and cache and journal are sound.
    fn cache_equals_crm(&self, tasks: &BTreeMap<String, Vec<Value>>) {
        let problems = Store::verify(&self.state()).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        let options = StoreOptions { cache_bytes: 1 << 24 };
        let now = MONDAY_NINE.parse().unwrap();
        let (store, _) = Store::open(&self.state(), &options, now).unwrap();
        let counts = store.counts().unwrap();
        assert_eq!(counts.people, self.called.len() as u64);
        assert_eq!(counts.tasks, tasks.len() as u64);
        let calls = self.called.values().filter(|is_called| **is_called).count();
        assert_eq!(counts.activities, calls as u64);
        for task in tasks.values().flatten() {
            let id: RecordRef = format!("hub:task:{}", task["id"].as_str().unwrap())
                .parse()
                .unwrap();
            let Some(Record::Task(kept)) = store.get(&id).unwrap() else {
                panic!("the cache does not know {id}");
            };
            let expected = match property(task, "hs_task_status") {
                "COMPLETED" => TaskStatus::Done,
                _ => TaskStatus::Open,
            };
            assert_eq!(kept.status, expected, "{id}");
        }
    }

    /// How often a kind of request arrived.
    pub(crate) fn seen(&self, method: &str, path: &str) -> u64 {
        let stats = self.scene.look("stats");
        let endpoints = stats["by_endpoint"].as_object().unwrap();
        let matching = endpoints
            .iter()
            .filter(|(name, _)| name.starts_with(method) && name.contains(path));
        matching
            .map(|(_, count)| count.as_u64().unwrap_or_default())
            .sum()
    }

    /// Starts a daemon, or a single cycle.
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        self.scene
            .command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// A complete cycle and how long it took, from the start of the process.
    pub(crate) fn recover(&self) -> (Answer, Duration) {
        self.scene.faults(&json!([]));
        let began = now();
        let answer = self.scene.run_once();
        (answer, now() - began)
    }
}

/// The wall clock of the harness, which measures and aims but asserts nothing about time.
#[expect(
    clippy::disallowed_methods,
    reason = "a process outside is aimed at and timed"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets time pass for a process outside.
#[expect(clippy::disallowed_methods, reason = "a process outside is aimed at")]
pub(crate) fn pause(length: Duration) {
    thread::sleep(length);
}

/// Copies a directory.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let Ok(entry) = entry else { continue };
        let target = to.join(entry.file_name());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            // A file may go while it is listed: then the copy is of a moment later.
            std::fs::copy(entry.path(), target).ok();
        }
    }
}
