//! The CRM of the model: one person who asked for a demo, the tasks written about them, and what humans do.
//!
//! It keeps the contract of `followup_core::Connector` for tasks: a creation with a strong key happens once, an
//! amendment compares field by field with the baseline it was given.

use std::collections::BTreeMap;

use followup_core::{
    Baseline, Closing, CreateOutcome, Stamp, Task, TaskChange, TaskDraft, TaskFields, TaskId, TaskOrigin,
    TaskStatus, WriteOutcome, text_hash,
};
use jiff::{SignedDuration, Timestamp};

use crate::facts;

/// Humans act later within a step of the clock than machines: nobody edits a task in the minute it appears.
const BY_HUMAN: SignedDuration = SignedDuration::from_mins(2);

/// What a human last did to a task of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByHuman {
    /// The subject line they wrote.
    pub subject: Option<String>,
    /// They completed or deleted it.
    pub status: Option<TaskStatus>,
}

/// Everything the CRM holds.
#[derive(Debug, Clone, Default)]
pub struct Crm {
    /// Our tasks, by record.
    pub tasks: BTreeMap<TaskId, Task>,
    /// How often each was changed: what a poll notices.
    pub versions: BTreeMap<TaskId, u8>,
    /// What humans did to them.
    pub humans: BTreeMap<TaskId, ByHuman>,
    /// The rep called the person.
    pub is_called: bool,
    /// The person wrote a mail that waits for an answer.
    pub has_mail: bool,
}

impl Crm {
    /// Carries out a creation.
    pub fn create(&mut self, draft: &TaskDraft, is_strong: bool, at: Timestamp) -> CreateOutcome {
        if is_strong && let Some(task) = self.by_key(draft) {
            return CreateOutcome::AlreadyThere(Some(Box::new(task.clone())));
        }
        let id = facts::task_id(self.tasks.len());
        let task = Task {
            id: id.clone(),
            origin: TaskOrigin::Followupd,
            status: TaskStatus::Open,
            due_at: Some(draft.due_at),
            owner: Some(draft.owner.clone()),
            people: draft.links.people.clone(),
            deals: Vec::new(),
            key: Some(draft.key.clone()),
            fields: Some(TaskFields {
                subject: draft.subject.clone(),
                body: format!("{}\n{}", draft.body, draft.marker),
                status: "NOT_STARTED".to_owned(),
                priority: "HIGH".to_owned(),
                reminder_at: draft.reminder_at,
            }),
            created_at: at,
            completed_at: None,
            stamp: facts::stamp(at),
        };
        self.tasks.insert(id.clone(), task.clone());
        self.versions.insert(id, 1);
        CreateOutcome::Done(Box::new(task))
    }

    fn by_key(&self, draft: &TaskDraft) -> Option<&Task> {
        self.tasks
            .values()
            .find(|task| task.key.as_ref() == Some(&draft.key))
    }

    /// Carries out an amendment or a close.
    pub fn amend(&mut self, change: &TaskChange, at: Timestamp) -> WriteOutcome {
        let Some(task) = self.tasks.get_mut(&change.id) else {
            return WriteOutcome::Gone;
        };
        if task.status == TaskStatus::Deleted {
            return WriteOutcome::Gone;
        }
        let mut fields = task.fields.clone().unwrap_or_default();
        if !write_texts(change, &mut fields) {
            return WriteOutcome::HumanEdited(Box::new(task.clone()));
        }
        let is_ours = task.status == TaskStatus::Open && fields.status == change.baseline.status;
        let status = match change.closing {
            None | Some(Closing::LetGo) => task.status,
            Some(Closing::Complete) if task.status == TaskStatus::Done => return done(task),
            Some(Closing::Complete) if is_ours => TaskStatus::Done,
            Some(Closing::Withdraw) if task.status == TaskStatus::Deferred => return done(task),
            Some(Closing::Withdraw) if is_ours && !change.baseline.is_edited(task) => TaskStatus::Deferred,
            Some(Closing::Complete | Closing::Withdraw) => {
                return WriteOutcome::HumanEdited(Box::new(task.clone()));
            }
        };
        if status != task.status {
            status_word(status).clone_into(&mut fields.status);
            task.completed_at = Some(at);
        }
        if task.status != status || task.fields.as_ref() != Some(&fields) {
            task.status = status;
            task.fields = Some(fields);
            task.stamp = facts::stamp(at);
            *self.versions.entry(change.id.clone()).or_default() += 1;
        }
        done(task)
    }

    /// A human completes or deletes a task.
    pub fn end_by_human(&mut self, id: &TaskId, status: TaskStatus, at: Timestamp) {
        self.by_human(id, at, |task, human| {
            task.status = status;
            task.completed_at = Some(at);
            if let Some(fields) = &mut task.fields {
                status_word(status).clone_into(&mut fields.status);
            }
            human.status = Some(status);
        });
    }

    /// A human rewrites a task's subject line.
    pub fn retitle_by_human(&mut self, id: &TaskId, at: Timestamp) {
        self.by_human(id, at, |task, human| {
            let subject = "Ring the buyer's assistant".to_owned();
            if let Some(fields) = &mut task.fields {
                fields.subject.clone_from(&subject);
            }
            human.subject = Some(subject);
        });
    }

    fn by_human(&mut self, id: &TaskId, at: Timestamp, act: impl FnOnce(&mut Task, &mut ByHuman)) {
        let at = at + BY_HUMAN;
        if let Some(task) = self.tasks.get_mut(id) {
            act(task, self.humans.entry(id.clone()).or_default());
            task.stamp = facts::stamp(at);
            *self.versions.entry(id.clone()).or_default() += 1;
        }
    }
}

fn done(task: &Task) -> WriteOutcome {
    WriteOutcome::Done(Some(Box::new(task.clone())))
}

const fn status_word(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Open => "NOT_STARTED",
        TaskStatus::Done => "COMPLETED",
        TaskStatus::Deferred => "DEFERRED",
        TaskStatus::Deleted => "ARCHIVED",
    }
}

/// Lays the wanted texts over what is there; false if a human changed one that is to change.
fn write_texts(change: &TaskChange, fields: &mut TaskFields) -> bool {
    let Baseline {
        subject_hash,
        body_hash,
        ..
    } = &change.baseline;
    if let Some(subject) = &change.subject
        && fields.subject != *subject
    {
        if text_hash(&fields.subject) != *subject_hash {
            return false;
        }
        fields.subject.clone_from(subject);
    }
    if let Some(body) = &change.body {
        let wanted = format!("{body}\n{}", change.marker);
        if fields.body != wanted {
            if text_hash(&fields.body) != *body_hash {
                return false;
            }
            fields.body = wanted;
        }
    }
    if let Some(line) = &change.append
        && !fields.body.contains(line)
    {
        fields.body = format!("{}\n{line}", fields.body);
    }
    true
}

/// A change stamp: who changed a record is not told.
pub(crate) const fn stamp_at(at: Timestamp) -> Stamp {
    Stamp {
        modified_at: at,
        modified_by: followup_core::Editor::Unknown,
        seen_at: at,
    }
}
