//! The `/_sandbox/truth` document.

use serde_json::{Value, json};

use super::{
    Team,
    entries::entries,
    situation::{Ending, Expect, Site, Situation, Subject},
};
use crate::crm::{Crm, TaskState, TaskView};

impl Team {
    /// What the script expects in one of its CRMs, and what stands on the reps' task lists there.
    ///
    /// Ids are native ones; `subject` is null until the record exists, `subject_ids` are all it ever had. A
    /// situation in which something is owed about several people stands there once for each. A reminder that a rep closes by
    /// hand has no `until` before they did. Of an owner's list each entry is a task of its own: `id` is the list's,
    /// `task_key` says the entry as well, and one that was taken off is done.
    pub fn truth(&self, site: Site, crm: &dyn Crm) -> Value {
        let played = self
            .situations
            .iter()
            .filter(|situation| situation.sites.contains(&site));
        let situations: Vec<Value> = played
            .flat_map(|situation| subjects(situation).map(|subject| situation_json(situation, subject, site)))
            .collect();
        let tasks = crm.tasks();
        let ours = tasks.iter().filter(|task| task.key.is_some());
        let tasks: Vec<Value> = ours.flat_map(|task| tasks_json(task, crm)).collect();
        json!({ "situations": situations, "tasks": tasks })
    }
}

/// What something is expected about; the situation's own subject where nothing is.
fn subjects(situation: &Situation) -> impl Iterator<Item = Subject> + use<> {
    let mut subjects: Vec<Subject> = Vec::new();
    for expect in &situation.expects {
        let subject = subject_of(expect, situation);
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    if subjects.is_empty() {
        subjects.push(situation.subject);
    }
    subjects.into_iter()
}

fn subject_of(expect: &Expect, situation: &Situation) -> Subject {
    expect.about.map_or(situation.subject, Subject::Person)
}

fn situation_json(situation: &Situation, subject: Subject, site: Site) -> Value {
    let kind = match subject {
        Subject::Person(_) => "person",
        Subject::Deal => "deal",
    };
    let expect: Vec<Value> = situation
        .expects
        .iter()
        .filter(|expect| expect.site == site && subject_of(expect, situation) == subject)
        .map(expect_json)
        .collect();
    json!({
        "name": situation.name,
        "subject": situation.id_of(subject, site),
        "subject_ids": situation.ids_of(subject, site),
        "subject_kind": kind,
        "expect": expect,
    })
}

fn expect_json(expect: &Expect) -> Value {
    let ending = match expect.ending {
        Ending::Answered => "answered",
        Ending::Moot => "moot",
        Ending::ByRep => "by_rep",
        Ending::Never => "never",
    };
    json!({
        "rule": expect.rule,
        "from": expect.from,
        "until": expect.until,
        "owner": expect.owner,
        "ending": ending,
    })
}

/// A reminder; of a list each entry, as a reminder of its own.
fn tasks_json(task: &TaskView, crm: &dyn Crm) -> Vec<Value> {
    if task.is_list() {
        entries(task, &crm.bodies(task)).iter().map(task_json).collect()
    } else {
        vec![task_json(task)]
    }
}

fn task_json(task: &TaskView) -> Value {
    let state = match task.state {
        TaskState::Open => "open",
        TaskState::Done => "done",
        TaskState::Deferred => "deferred",
        TaskState::Deleted => "deleted",
    };
    let subject = task.deals.first().or_else(|| task.people.first());
    json!({ "id": task.id, "task_key": task.key, "state": state, "subject": subject })
}
