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
    Closing, ConnectorError, Task, TaskChange, TaskStatus, WriteOutcome, task_text::text_change,
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

/// Times a task is judged anew because somebody edited it meanwhile.
const ROUNDS_MAX: u32 = 3;

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

/// How one write ended.
enum Written {
    Done,
    /// Somebody edited the task since it was read.
    Stale,
    /// The org does not take these values.
    Refused(String),
    Ended(WriteOutcome),
}

impl Zoho {
    pub(crate) async fn amend(&self, changes: &[TaskChange], now: Timestamp) -> Vec<WriteOutcome> {
        let turn = Turn::write(now);
        let mut outcomes: BTreeMap<usize, WriteOutcome> = BTreeMap::new();
        let mut waiting: Vec<(usize, &TaskChange)> = changes.iter().enumerate().collect();
        let mut refused: BTreeMap<String, Task> = BTreeMap::new();
        for _ in 0..ROUNDS_MAX {
            if waiting.is_empty() {
                break;
            }
            waiting = self.round(waiting, turn, &mut refused, &mut outcomes).await;
        }
        (0..changes.len())
            .map(|place| {
                outcomes.remove(&place).unwrap_or_else(|| WriteOutcome::Retry {
                    reason: "somebody keeps editing the task".to_owned(),
                })
            })
            .collect()
    }

    /// Reads the tasks, writes what is to be written, reads back; answers what must be judged anew. `refused` holds the
    /// tasks as they were when a conditional write was refused.
    async fn round<'a>(
        &self,
        changes: Vec<(usize, &'a TaskChange)>,
        turn: Turn,
        refused: &mut BTreeMap<String, Task>,
        outcomes: &mut BTreeMap<usize, WriteOutcome>,
    ) -> Vec<(usize, &'a TaskChange)> {
        let ids: Vec<String> = changes
            .iter()
            .map(|(_, change)| change.id.record().native_id.clone())
            .collect();
        let read = async {
            let view = self.view(turn).await.map_err(ConnectorError::from)?;
            let tasks = self.tasks_by_id(&ids, &view, turn).await?;
            Ok::<_, ConnectorError>((view, tasks))
        };
        let (view, tasks) = match read.await {
            Ok(read) => read,
            Err(error) => {
                outcomes.extend(changes.into_iter().map(|(place, _)| (place, not_read(&error))));
                return Vec::new();
            }
        };
        let (mut stale, mut written) = (Vec::new(), Vec::new());
        for (place, change) in changes {
            let id = &change.id.record().native_id;
            let Some(task) = tasks.get(id) else {
                outcomes.insert(place, WriteOutcome::Gone);
                continue;
            };
            // Refused, and read again without a difference: it was not an edit that the date stood against.
            let is_conditional = refused.get(id) != Some(task);
            match self.carry_out(change, task, is_conditional, &view, turn).await {
                Written::Done => written.push((place, id.clone())),
                Written::Stale => {
                    refused.insert(id.clone(), task.clone());
                    stale.push((place, change));
                }
                Written::Refused(reason) => {
                    outcomes.insert(place, WriteOutcome::Rejected { reason });
                }
                Written::Ended(outcome) => {
                    outcomes.insert(place, outcome);
                }
            }
        }
        self.read_written(&written, &view, turn, outcomes).await;
        stale
    }

    async fn carry_out(
        &self,
        change: &TaskChange,
        task: &Task,
        is_conditional: bool,
        view: &View,
        turn: Turn,
    ) -> Written {
        let id = &change.id.record().native_id;
        let since = is_conditional.then_some(task.stamp.modified_at);
        let unchanged = || Box::new(task.clone());
        match step(change, task, &self.config.mapping, !view.key_mode.has_field()) {
            Step::Nothing => Written::Ended(WriteOutcome::Done(Some(unchanged()))),
            Step::Human => Written::Ended(WriteOutcome::HumanEdited(unchanged())),
            Step::Write(fields) => self.write(id, fields, since, turn).await,
            Step::Delete => self.delete(id, turn).await,
            Step::PutOff(fields) => match self.write(id, fields, since, turn).await {
                Written::Refused(reason) => {
                    tracing::info!(crm.connection = %self.config.connection, reason,
                        "the org does not let tasks be put off; the one that is not needed is deleted");
                    self.delete(id, turn).await
                }
                other => other,
            },
        }
    }

    async fn write(
        &self,
        id: &str,
        fields: Map<String, Value>,
        since: Option<Timestamp>,
        turn: Turn,
    ) -> Written {
        // A change within the second of the last one would not show.
        self.remembered().bodies.remove(id);
        let body = row::with_trigger(&self.config.mapping, &[Value::Object(fields)]);
        let path = paths::record(Module::Tasks, id);
        let mut call = Call::write(Method::PUT, path, Some(body), "amend a task");
        if let Some(value) = since.and_then(|at| HeaderValue::from_str(&instant_text(at)).ok()) {
            call = call.with_header("if-unmodified-since", value);
        }
        let answer = self.api.send::<Value>(call, turn.now).await;
        judged(answer.map(|answer| answer.body).as_ref())
    }

    async fn delete(&self, id: &str, turn: Turn) -> Written {
        let path = paths::record(Module::Tasks, id);
        let call = Call::write(Method::DELETE, path, None, "delete a task");
        let answer = self.api.send::<Value>(call, turn.now).await;
        match judged(answer.map(|answer| answer.body).as_ref()) {
            Written::Done => Written::Ended(WriteOutcome::Done(None)),
            other => other,
        }
    }

    /// The tasks as the org returns them after a write.
    async fn read_written(
        &self,
        written: &[(usize, String)],
        view: &View,
        turn: Turn,
        outcomes: &mut BTreeMap<usize, WriteOutcome>,
    ) {
        let ids: Vec<String> = written.iter().map(|(_, id)| id.clone()).collect();
        match self.tasks_by_id(&ids, view, turn).await {
            Ok(tasks) => outcomes.extend(written.iter().map(|(place, id)| {
                let task = tasks.get(id).cloned().map(Box::new);
                let outcome = task.map_or(WriteOutcome::Gone, |task| WriteOutcome::Done(Some(task)));
                (*place, outcome)
            })),
            Err(error) => outcomes.extend(written.iter().map(|(place, _)| (*place, not_read(&error)))),
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
fn judged(answer: Result<&Value, &CallError>) -> Written {
    let body = answer.map_or_else(|error| error.body.as_deref(), Some);
    let saved = body.and_then(SavedWire::all_of).unwrap_or_default();
    match (saved.first(), answer) {
        (Some(row), _) if row.is_success() => Written::Done,
        (Some(row), _) => refused(&Said::of(Some(&row.whole))),
        (None, Ok(_)) => Written::Ended(WriteOutcome::Retry {
            reason: "the answer does not mention the task".to_owned(),
        }),
        (None, Err(error)) => not_written(error),
    }
}

/// A record that was not written.
fn refused(said: &Said) -> Written {
    let reason = told(said);
    match said.code.as_str() {
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
        _ => Written::Refused(reason),
    }
}

/// The task could not be read: the change can be sent again, unless an admin must act first.
fn not_read(error: &ConnectorError) -> WriteOutcome {
    let reason = error.to_string();
    match error {
        ConnectorError::Unauthorized { .. } | ConnectorError::Forbidden { .. } => {
            WriteOutcome::NotAllowed { reason }
        }
        _ => WriteOutcome::Retry { reason },
    }
}

fn not_written(error: &CallError) -> Written {
    if error.status == Some(412) || code_of(error) == "ALREADY_MODIFIED" {
        return Written::Stale;
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
    Written::Ended(outcome)
}
