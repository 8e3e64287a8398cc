//! A small team at work: demo requests, calls, and the truth about both.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use followup_core::{Record, RecordRef, TaskStatus};
use followup_store::{Store, StoreError, StoreOptions};

use crate::{
    crm::{Crm, Kind, Todo},
    support::{Answer, MONDAY_NINE},
};

/// A CRM, the people who asked for a demo, and who was called since.
pub(crate) struct Team {
    pub(crate) scene: Crm,
    pub(crate) called: BTreeMap<String, bool>,
    kind: Kind,
    owners: Vec<String>,
    made: usize,
}

impl Team {
    /// A team in HubSpot.
    pub(crate) fn new() -> Self {
        Self::of(Kind::Hubspot)
    }

    /// A team in this CRM.
    pub(crate) fn of(kind: Kind) -> Self {
        let scene = Crm::new(kind);
        let owners = scene.owners();
        Self {
            scene,
            called: BTreeMap::new(),
            kind,
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
        let person = self.scene.asks(&email, owner);
        self.called.insert(person, false);
    }

    /// The rep calls somebody who has a task.
    pub(crate) fn calls(&mut self, nth: usize) {
        let open: Vec<String> = self
            .tasks()
            .into_iter()
            .filter(|(person, tasks)| tasks.len() == 1 && !tasks[0].is_done && !self.called[person])
            .map(|(person, _)| person)
            .collect();
        if let Some(person) = open.get(nth % open.len().max(1)) {
            self.scene.log_a_call(person, &self.owners[0]);
            self.called.insert(person.clone(), true);
        }
    }

    /// The tasks in the CRM by the person they are about.
    pub(crate) fn tasks(&self) -> BTreeMap<String, Vec<Todo>> {
        let mut by_person: BTreeMap<String, Vec<Todo>> = BTreeMap::new();
        for task in self.scene.todos() {
            by_person.entry(task.person.clone()).or_default().push(task);
        }
        by_person
    }

    /// No one has two tasks about them, whatever happened.
    pub(crate) fn has_no_duplicate(&self) {
        for (person, tasks) in self.tasks() {
            assert!(tasks.len() <= 1, "tasks about {person}: {tasks:?}");
        }
    }

    /// Lets everything calm down, then holds it against the truth.
    pub(crate) fn holds_true(&self) {
        self.scene.calm();
        self.scene.settles(self.kind);
        for _ in 0..2 {
            self.scene.advance("6m");
            let report = self.scene.run_once();
            assert_eq!(report.status, 0, "{report:?}");
        }
        let tasks = self.tasks();
        for (person, is_called) in &self.called {
            let about = tasks.get(person).map_or(&[][..], Vec::as_slice);
            let is_done: Vec<bool> = about.iter().map(|task| task.is_done).collect();
            assert_eq!(is_done, [*is_called], "tasks about {person}: {about:?}");
        }
        assert_eq!(tasks.len(), self.called.len(), "nobody else has a task");
        self.cache_equals_crm(&tasks);
    }

    /// What the cache holds is what the CRM holds, and cache and journal are sound.
    fn cache_equals_crm(&self, tasks: &BTreeMap<String, Vec<Todo>>) {
        let problems = once_free(|| Store::verify(&self.state()));
        assert!(problems.is_empty(), "{problems:?}");
        let options = StoreOptions { cache_bytes: 1 << 24 };
        let now = MONDAY_NINE.parse().unwrap();
        let (store, _) = once_free(|| Store::open(&self.state(), &options, now));
        let counts = store.counts().unwrap();
        assert_eq!(counts.people, self.called.len() as u64);
        assert_eq!(counts.tasks, tasks.len() as u64);
        let calls = self.called.values().filter(|is_called| **is_called).count();
        assert_eq!(counts.activities, calls as u64);
        for task in tasks.values().flatten() {
            let id = format!("{}:task:{}", self.scene.connection(), task.id);
            let id: RecordRef = id.parse().unwrap();
            let Some(Record::Task(kept)) = store.get(&id).unwrap() else {
                panic!("the cache does not know {id}");
            };
            let expected = if task.is_done {
                TaskStatus::Done
            } else {
                TaskStatus::Open
            };
            assert_eq!(kept.status, expected, "{id}");
        }
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
    ///
    /// Where the key is no field of its own, a creation that died unanswered is looked for until nothing can arrive any
    /// more; a cycle says so by its status. Then the answer is that of the cycle after that time.
    pub(crate) fn recover(&self) -> (Answer, Duration) {
        self.scene.calm();
        let began = now();
        let mut answer = self.scene.run_once();
        let took = now() - began;
        let is_quiet = answer.cycle()["errors"].as_array().is_some_and(Vec::is_empty);
        if self.kind.is_marked() && answer.status == 1 && is_quiet {
            self.scene.advance("25m");
            answer = self.scene.run_once();
        }
        (answer, took)
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

/// What opens a state directory, once it is free: a process that another test starts at this very moment holds this
/// one's open files until it runs its own program.
fn once_free<T>(open: impl Fn() -> Result<T, StoreError>) -> T {
    for _ in 0..500 {
        match open() {
            Err(StoreError::Locked { .. }) => pause(Duration::from_millis(10)),
            opened => return opened.unwrap(),
        }
    }
    panic!("the state directory stays locked");
}
