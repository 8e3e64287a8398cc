//! Amending and closing tasks we wrote, by comparing them with what we last read back.
//!
//! HubSpot has no conditional write: between the read and the write of one change (one round trip) a human's edit can
//! still be overwritten. Every change is idempotent, so one whose answer was lost can simply be sent again.

use followup_core::{
    Closing, ConnectorError, Task, TaskChange, TaskFields, TaskStatus, WriteOutcome, text_hash,
};
use followup_transport::{Call, CallError, Cause, Effect, Priority};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::body;
use crate::{Hubspot, api::Turn, kept::Kept};

/// A withdrawn task younger than this is deferred, an older one archived.
const YOUNG: SignedDuration = SignedDuration::from_hours(24);

/// What a change comes to, once the task as it stands is known.
#[derive(Debug, PartialEq)]
enum Step {
    /// Everything asked for is so already.
    Nothing,
    /// Write these properties.
    Patch(Map<String, Value>),
    /// Archive the task.
    Archive,
    /// A human got there first.
    Human,
}

impl Hubspot {
    pub(crate) async fn amend(&self, changes: &[TaskChange], now: Timestamp) -> Vec<WriteOutcome> {
        // What was read before a write is not what is there behind it.
        self.remembered().kept = Kept::default();
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            // A login that may not write is asked once.
            let outcome = match outcomes.last() {
                Some(WriteOutcome::NotAllowed { reason }) => WriteOutcome::NotAllowed {
                    reason: reason.clone(),
                },
                _ => self.amend_one(change, now).await,
            };
            outcomes.push(outcome);
        }
        outcomes
    }

    async fn amend_one(&self, change: &TaskChange, now: Timestamp) -> WriteOutcome {
        let turn = Turn {
            priority: Priority::Write,
            now,
        };
        let id = &change.id.record().native_id;
        let mut task = match self.current(id, turn).await {
            Ok(Some(task)) => task,
            Ok(None) => return WriteOutcome::Gone,
            Err(error) => return not_done(&error),
        };
        match self.relink(change, &task, turn).await {
            Ok(false) => {}
            Ok(true) => match self.current(id, turn).await {
                Ok(Some(relinked)) => task = relinked,
                Ok(None) => return WriteOutcome::Gone,
                Err(error) => return not_done(&error),
            },
            Err(error) => return refused(&error),
        }
        let path = format!("{}/{}", self.api.paths.objects("tasks"), crate::api::escape(id));
        let call = match step(change, &task, now) {
            Step::Nothing => return WriteOutcome::Done(Some(Box::new(task))),
            Step::Human => return WriteOutcome::HumanEdited(Box::new(task)),
            Step::Patch(properties) => Call::write(
                Method::PATCH,
                path,
                Some(json!({"properties": properties})),
                "amend a task",
            ),
            Step::Archive => Call::write(Method::DELETE, path, None, "archive a task"),
        };
        let is_archive = call.method == Method::DELETE;
        match self.api.client.call::<Value>(&call, now).await {
            Ok(_) if is_archive => WriteOutcome::Done(None),
            Ok(_) => match self.current(id, turn).await {
                Ok(task) => WriteOutcome::Done(task.map(Box::new)),
                Err(error) => not_done(&error),
            },
            Err(error) => refused(&error),
        }
    }
}

/// Compares field by field: a field a human changed since our baseline is theirs.
fn step(change: &TaskChange, task: &Task, now: Timestamp) -> Step {
    let fields = task.fields.clone().unwrap_or_default();
    let mut properties = Map::new();
    if !texts(change, &fields, &mut properties) {
        return Step::Human;
    }
    match change.closing {
        None => {}
        Some(Closing::LetGo) => {
            // Only a line below everything; whatever the human made of the task stays.
            properties.retain(|name, _| name == "hs_task_body");
        }
        Some(Closing::Complete) => match task.status {
            TaskStatus::Done => return Step::Nothing,
            TaskStatus::Open if fields.status == change.baseline.status => {
                properties.insert("hs_task_status".to_owned(), json!("COMPLETED"));
            }
            _ => return Step::Human,
        },
        Some(Closing::Withdraw) => match task.status {
            TaskStatus::Deferred => return Step::Nothing,
            TaskStatus::Open
                if fields.status == change.baseline.status && !change.baseline.is_edited(task) =>
            {
                if now.duration_since(change.created_at) >= YOUNG {
                    return Step::Archive;
                }
                properties.insert("hs_task_status".to_owned(), json!("DEFERRED"));
            }
            _ => return Step::Human,
        },
    }
    if properties.is_empty() {
        Step::Nothing
    } else {
        Step::Patch(properties)
    }
}

/// Collects changes of subject and body; false if a human changed one that is to change.
fn texts(change: &TaskChange, fields: &TaskFields, properties: &mut Map<String, Value>) -> bool {
    if let Some(subject) = &change.subject {
        let subject = body::subject(subject);
        if fields.subject != subject {
            if text_hash(&fields.subject) != change.baseline.subject_hash {
                return false;
            }
            properties.insert("hs_task_subject".to_owned(), json!(subject));
        }
    }
    let mut text = fields.body.clone();
    if let Some(wanted) = &change.body {
        let wanted = body::compose(wanted, &change.marker);
        if text != wanted {
            if text_hash(&text) != change.baseline.body_hash {
                return false;
            }
            text = wanted;
        }
    }
    if let Some(line) = &change.append {
        text = body::append(&text, line);
    }
    if text != fields.body {
        properties.insert("hs_task_body".to_owned(), json!(text));
    }
    true
}

/// A read that failed, or a change whose effect is not known: the change can be sent again.
fn not_done(error: &ConnectorError) -> WriteOutcome {
    match error {
        ConnectorError::NotFound { .. } => WriteOutcome::Gone,
        ConnectorError::Refused { message, .. } => WriteOutcome::Rejected {
            reason: message.clone(),
        },
        ConnectorError::Unauthorized { .. } | ConnectorError::Forbidden { .. } => WriteOutcome::NotAllowed {
            reason: error.to_string(),
        },
        error => WriteOutcome::Retry {
            reason: error.to_string(),
        },
    }
}

fn refused(error: &CallError) -> WriteOutcome {
    if let Some(reason) = super::not_allowed(error) {
        return WriteOutcome::NotAllowed { reason };
    }
    match (&error.cause, error.effect) {
        (Cause::NotFound, _) => WriteOutcome::Gone,
        (Cause::Refused, Effect::None) if matches!(error.status, Some(400 | 409 | 422)) => {
            WriteOutcome::Rejected {
                reason: error.message.clone(),
            }
        }
        _ => WriteOutcome::Retry {
            reason: error.to_string(),
        },
    }
}
