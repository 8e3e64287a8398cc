//! The `/_sandbox/truth` document.

use serde_json::{Value, json};

use super::{
    Team,
    situation::{Ending, Expect, Site, Situation, Subject},
};
use crate::crm::{Crm, TaskState, TaskView};

impl Team {
    /// What the script expects in one of its CRMs, and what stands on the reps' task lists there.
    ///
    /// Ids are native ones; `subject` is null until the record exists, `subject_ids` are all it ever had. A reminder that a
    /// rep closes by hand has no `until` before they did.
    pub fn truth(&self, site: Site, crm: &dyn Crm) -> Value {
        let played = self
            .situations
            .iter()
            .filter(|situation| situation.sites.contains(&site));
        let situations: Vec<Value> = played.map(|situation| situation_json(situation, site)).collect();
        let tasks: Vec<Value> = crm
            .tasks()
            .iter()
            .filter(|task| task.key.is_some())
            .map(task_json)
            .collect();
        json!({ "situations": situations, "tasks": tasks })
    }
}

fn situation_json(situation: &Situation, site: Site) -> Value {
    let kind = match situation.subject {
        Subject::Person(_) => "person",
        Subject::Deal => "deal",
    };
    let expect: Vec<Value> = situation
        .expects
        .iter()
        .filter(|expect| expect.site == site)
        .map(expect_json)
        .collect();
    json!({
        "name": situation.name,
        "subject": situation.subject_id(site),
        "subject_ids": situation.subject_ids(site),
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
