//! Amending and closing tasks we wrote, by comparing them with what we last read back.
//!
//! Writes carry `If-Unmodified-Since` (REST guide "Conditional Request Headers"): an edit between our read and our write
//! answers 412, and the task is judged anew. The header has whole seconds, so an edit within the very second of our read
//! can still be overwritten. Every change is idempotent: one whose answer was lost can simply be sent again.
//!
//! A task that is no longer needed is deleted, which leaves it in the recycle bin: closed, it would read as done, and a
//! due date in the future would count as activity.

use std::collections::BTreeMap;

use followup_core::{
    Closing, ConnectorError, Task, TaskChange, TaskFields, TaskStatus, WriteOutcome,
    amend::{ConditionalTasks, Written, amend},
    task_text::text_change,
};
use followup_transport::{Call, CallError, Cause, Effect};
use http::{HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::turn;
use crate::{Salesforce, View, org::KeyMode, vendor::Said};

/// What a change comes to, once the task as it stands is known.
#[derive(Debug, PartialEq)]
enum Step {
    /// Everything asked for is so already.
    Nothing,
    /// Write these fields.
    Patch(Map<String, Value>),
    /// Delete the task.
    Delete,
    /// A human got there first.
    Human,
}

impl Salesforce {
    pub(crate) async fn amend(&self, changes: &[TaskChange], now: Timestamp) -> Vec<WriteOutcome> {
        amend(&Tasks(self), changes, now).await
    }
}

/// The tasks of one org.
struct Tasks<'a>(&'a Salesforce);

impl ConditionalTasks for Tasks<'_> {
    type View = View;

    async fn task_view(&self, now: Timestamp) -> Result<View, ConnectorError> {
        Ok(self.0.view(turn(now)).await?)
    }

    async fn tasks_now(
        &self,
        ids: &[String],
        view: &View,
        now: Timestamp,
    ) -> Result<BTreeMap<String, Task>, ConnectorError> {
        self.0.tasks_by_id(ids, view, turn(now)).await
    }

    async fn carry_out(
        &self,
        change: &TaskChange,
        task: &Task,
        is_conditional: bool,
        view: &View,
        now: Timestamp,
    ) -> Written {
        let id = &change.id.record().native_id;
        let path = self.0.api.paths.task(id);
        let call = match step(change, task, view) {
            Step::Nothing => return Written::Ended(WriteOutcome::Done(Some(Box::new(task.clone())))),
            Step::Human => return Written::Ended(WriteOutcome::HumanEdited(Box::new(task.clone()))),
            Step::Patch(fields) => {
                Call::write(Method::PATCH, path, Some(Value::Object(fields)), "amend a task")
            }
            Step::Delete => Call::write(Method::DELETE, path, None, "delete a task"),
        };
        let is_delete = call.method == Method::DELETE;
        let since = unmodified_since(task.stamp.modified_at).filter(|_| is_conditional);
        let call = match since {
            Some(value) => call.with_header("if-unmodified-since", value),
            None => call,
        };
        match self.0.api.send::<Value>(call, now).await {
            Ok(_) if is_delete => Written::Ended(WriteOutcome::Done(None)),
            Ok(_) => Written::Done,
            Err(error) if error.status == Some(412) => Written::Stale,
            Err(error) => Written::Ended(not_written(&error)),
        }
    }
}

/// The header's date: whole seconds, at or after the stamp.
fn unmodified_since(at: Timestamp) -> Option<HeaderValue> {
    let whole = crate::soql::second_floor(at);
    let ceiling = if whole == at {
        at
    } else {
        whole + SignedDuration::from_secs(1)
    };
    let text = ceiling.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::from_str(&text).ok()
}

/// Compares field by field: a field a human changed since our baseline is theirs.
fn step(change: &TaskChange, task: &Task, view: &View) -> Step {
    let fields = task.fields.clone().unwrap_or_default();
    let mut writes = Map::new();
    if !texts(change, &fields, view, &mut writes) {
        return Step::Human;
    }
    match change.closing {
        None => links(change, task, &mut writes),
        Some(Closing::LetGo) => {
            // Only a line below everything; whatever the human made of the task stays.
            writes.retain(|name, _| name == "Description");
        }
        Some(Closing::Complete) => match task.status {
            TaskStatus::Done => return Step::Nothing,
            TaskStatus::Open if fields.status == change.baseline.status => {
                writes.insert("Status".to_owned(), json!(view.setup.closed_status()));
            }
            _ => return Step::Human,
        },
        Some(Closing::Withdraw) => match task.status {
            TaskStatus::Open
                if fields.status == change.baseline.status && !change.baseline.is_edited(task) =>
            {
                return Step::Delete;
            }
            _ => return Step::Human,
        },
    }
    if writes.is_empty() {
        Step::Nothing
    } else {
        Step::Patch(writes)
    }
}

/// Collects changes of subject and description; false if a human changed one that is to change.
fn texts(change: &TaskChange, fields: &TaskFields, view: &View, writes: &mut Map<String, Value>) -> bool {
    let key_in_subject = matches!(view.key_mode, KeyMode::Marker(_));
    let Some(wanted) = text_change(change, fields, key_in_subject) else {
        return false;
    };
    for (name, text) in [("Subject", wanted.subject), ("Description", wanted.body)] {
        if let Some(text) = text {
            writes.insert(name.to_owned(), json!(text));
        }
    }
    true
}

/// A task is about one person and one deal.
fn links(change: &TaskChange, task: &Task, writes: &mut Map<String, Value>) {
    if change.links.add.is_empty() && change.links.remove.is_empty() {
        return;
    }
    let (person, deal) = change.links.places(task);
    if person != task.people.first().cloned() {
        let id = person.map(|person| person.record().native_id.clone());
        writes.insert("WhoId".to_owned(), json!(id));
    }
    if deal != task.deals.first().cloned() {
        let id = deal.map(|deal| deal.record().native_id.clone());
        writes.insert("WhatId".to_owned(), json!(id));
    }
}

fn not_written(error: &CallError) -> WriteOutcome {
    let said = Said::of(error.body.as_deref());
    match (&error.cause, error.effect) {
        (Cause::NotFound, _) => WriteOutcome::Gone,
        _ if said.code == "ENTITY_IS_DELETED" => WriteOutcome::Gone,
        (Cause::Unauthorized { fix }, _) => WriteOutcome::NotAllowed {
            reason: format!("{}. Fix: {fix}", error.message),
        },
        // A single record may be closed to us while others are not; that is no trouble of the login.
        (Cause::Refused | Cause::Forbidden { .. }, Effect::None) if error.status.is_some() => {
            WriteOutcome::Rejected {
                reason: error.message.clone(),
            }
        }
        _ => WriteOutcome::Retry {
            reason: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conditional_date_is_of_http_and_never_before_the_stamp() {
        for (at, expected) in [
            ("2026-03-02T10:00:00Z", "Mon, 02 Mar 2026 10:00:00 GMT"),
            ("2026-03-02T10:00:00.250Z", "Mon, 02 Mar 2026 10:00:01 GMT"),
        ] {
            assert_eq!(unmodified_since(at.parse().unwrap()).unwrap(), expected);
        }
    }
}
