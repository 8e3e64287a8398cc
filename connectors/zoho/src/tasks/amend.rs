//! Amending and closing tasks we wrote, by comparing them with what we last read back.
//!
//! Writes carry `If-Unmodified-Since` (update page of v8): an edit between our read and our write is refused with
//! `ALREADY_MODIFIED`, and the task is judged anew. The header has whole seconds, so an edit within the very second of our
//! read can still be overwritten. Every change is idempotent: one whose answer was lost can simply be sent again.
//!
//! A task that is no longer needed gets the status for put-off ones and a line that says why; where the org refuses that,
//! it is deleted, which leaves it in the recycle bin.

use std::collections::BTreeMap;

use followup_core::{
    Closing, ConnectorError, Task, TaskChange, TaskStatus, WriteOutcome,
    amend::{ConditionalTasks, Written, amend},
    task_text::text_change,
};
use followup_transport::{Call, CallError, Cause, Effect};
use http::{HeaderValue, Method};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{create::told, row};
use crate::{
    Zoho,
    api::{Turn, code_of, instant_text},
    mapping::Mapping,
    paths,
    schema::Module,
    vendor::Said,
    view::View,
    wire::SavedWire,
};

/// What a change comes to, once the task as it stands is known.
#[derive(Debug, PartialEq)]
enum Step {
    /// Everything asked for is so already.
    Nothing,
    /// Write these fields.
    Write(Map<String, Value>),
    /// Put it off, with these fields; delete it if the org refuses that.
    PutOff(Map<String, Value>),
    /// Delete it.
    Delete,
    /// A human got there first.
    Human,
}

/// How a write of fields ended.
enum Put {
    Over(Written),
    /// The org does not take these values.
    Refused(String),
}

impl Zoho {
    pub(crate) async fn amend(&self, changes: &[TaskChange], now: Timestamp) -> Vec<WriteOutcome> {
        amend(&Tasks(self), changes, now).await
    }
}

/// The tasks of one org.
struct Tasks<'a>(&'a Zoho);

impl ConditionalTasks for Tasks<'_> {
    type View = View;

    async fn task_view(&self, now: Timestamp) -> Result<View, ConnectorError> {
        Ok(self.0.view(Turn::write(now)).await?)
    }

    async fn tasks_now(
        &self,
        ids: &[String],
        view: &View,
        now: Timestamp,
    ) -> Result<BTreeMap<String, Task>, ConnectorError> {
        self.0.tasks_by_id(ids, view, Turn::write(now)).await
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
        let since = is_conditional.then_some(task.stamp.modified_at);
        let unchanged = || Box::new(task.clone());
        let put = match step(change, task, &self.0.config.mapping, !view.key_mode.has_field()) {
            Step::Nothing => return Written::Ended(WriteOutcome::Done(Some(unchanged()))),
            Step::Human => return Written::Ended(WriteOutcome::HumanEdited(unchanged())),
            Step::Write(fields) => self.0.write(id, fields, since, now).await,
            Step::Delete => self.0.delete(id, now).await,
            Step::PutOff(fields) => match self.0.write(id, fields, since, now).await {
                Put::Refused(reason) => {
                    tracing::info!(crm.connection = %self.0.config.connection, reason,
                        "the org does not let tasks be put off; the one that is not needed is deleted");
                    self.0.delete(id, now).await
                }
                over @ Put::Over(_) => over,
            },
        };
        match put {
            Put::Over(written) => written,
            Put::Refused(reason) => Written::Ended(WriteOutcome::Rejected { reason }),
        }
    }
}

impl Zoho {
    async fn write(
        &self,
        id: &str,
        fields: Map<String, Value>,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Put {
        // A change within the second of the last one would not show.
        self.remembered().bodies.remove(id);
        let body = row::with_trigger(&self.config.mapping, &[Value::Object(fields)]);
        let path = paths::record(Module::Tasks, id);
        let mut call = Call::write(Method::PUT, path, Some(body), "amend a task");
        if let Some(value) = since.and_then(|at| HeaderValue::from_str(&instant_text(at)).ok()) {
            call = call.with_header("if-unmodified-since", value);
        }
        let answer = self.api.send::<Value>(call, now).await;
        judged(answer.map(|answer| answer.body).as_ref())
    }

    async fn delete(&self, id: &str, now: Timestamp) -> Put {
        let path = paths::record(Module::Tasks, id);
        let call = Call::write(Method::DELETE, path, None, "delete a task");
        let answer = self.api.send::<Value>(call, now).await;
        match judged(answer.map(|answer| answer.body).as_ref()) {
            Put::Over(Written::Done) => Put::Over(Written::Ended(WriteOutcome::Done(None))),
            other => other,
        }
    }
}

/// Compares field by field: a field a human changed since our baseline is theirs.
fn step(change: &TaskChange, task: &Task, mapping: &Mapping, key_in_subject: bool) -> Step {
    let fields = task.fields.clone().unwrap_or_default();
    let Some(texts) = text_change(change, &fields, key_in_subject) else {
        return Step::Human;
    };
    let mut writes = Map::new();
    for (name, text) in [("Subject", texts.subject), ("Description", texts.body)] {
        if let Some(text) = text {
            writes.insert(name.to_owned(), json!(text));
        }
    }
    let is_untouched = fields.status == change.baseline.status;
    match change.closing {
        None => {
            if !(change.links.add.is_empty() && change.links.remove.is_empty()) {
                let (person, deal) = change.links.places(task);
                if person.as_ref() != task.people.first() || deal.as_ref() != task.deals.first() {
                    let links = row::links(person.as_ref(), deal.as_ref());
                    writes.extend(links.into_iter().map(|(name, value)| (name.to_owned(), value)));
                }
            }
        }
        Some(Closing::LetGo) => {
            // Only a line below everything; whatever the human made of the task stays.
            writes.retain(|name, _| name == "Description");
        }
        Some(Closing::Complete) => match task.status {
            TaskStatus::Done => return Step::Nothing,
            TaskStatus::Open if is_untouched => {
                writes.insert("Status".to_owned(), json!(mapping.done_status));
            }
            _ => return Step::Human,
        },
        Some(Closing::Withdraw) => match task.status {
            TaskStatus::Deferred => return Step::Nothing,
            TaskStatus::Open if is_untouched && !change.baseline.is_edited(task) => {
                if mapping.withdraws_by_deleting {
                    return Step::Delete;
                }
                writes.insert("Status".to_owned(), json!(mapping.deferred_status));
                return Step::PutOff(writes);
            }
            _ => return Step::Human,
        },
    }
    if writes.is_empty() {
        Step::Nothing
    } else {
        Step::Write(writes)
    }
}

/// What an answer to a write says of its one record.
fn judged(answer: Result<&Value, &CallError>) -> Put {
    let body = answer.map_or_else(|error| error.body.as_deref(), Some);
    let saved = body.and_then(SavedWire::all_of).unwrap_or_default();
    match (saved.first(), answer) {
        (Some(row), _) if row.is_success() => Put::Over(Written::Done),
        (Some(row), _) => refused(&Said::of(Some(&row.whole))),
        (None, Ok(_)) => Put::Over(Written::Ended(WriteOutcome::Retry {
            reason: "the answer does not mention the task".to_owned(),
        })),
        (None, Err(error)) => not_written(error),
    }
}

/// A record that was not written.
fn refused(said: &Said) -> Put {
    let reason = told(said);
    Put::Over(match said.code.as_str() {
        "ALREADY_MODIFIED" => Written::Stale,
        "INVALID_DATA" if said.field.as_deref().is_none_or(|field| field == "id") => {
            Written::Ended(WriteOutcome::Gone)
        }
        "NO_PERMISSION" | "AUTHORIZATION_FAILED" | "OAUTH_SCOPE_MISMATCH" => {
            Written::Ended(WriteOutcome::NotAllowed { reason })
        }
        "RECORD_LOCKED"
        | "RECORD_IN_BLUEPRINT"
        | "NOT_APPROVED"
        | "LIMIT_EXCEEDED"
        | "INTERNAL_ERROR"
        | "INTERNAL_SERVER_ERROR"
        | "TOO_MANY_REQUESTS"
        | "" => Written::Ended(WriteOutcome::Retry { reason }),
        _ => return Put::Refused(reason),
    })
}

fn not_written(error: &CallError) -> Put {
    if error.status == Some(412) || code_of(error) == "ALREADY_MODIFIED" {
        return Put::Over(Written::Stale);
    }
    let outcome = match (&error.cause, error.effect) {
        (Cause::NotFound, _) => WriteOutcome::Gone,
        (Cause::Unauthorized { fix } | Cause::Forbidden { fix, .. }, _) => WriteOutcome::NotAllowed {
            reason: format!("{}. Fix: {fix}", error.message),
        },
        (Cause::Refused, Effect::None) if error.status.is_some() => {
            return refused(&Said::of(error.body.as_deref()));
        }
        _ => WriteOutcome::Retry {
            reason: error.to_string(),
        },
    };
    Put::Over(Written::Ended(outcome))
}
