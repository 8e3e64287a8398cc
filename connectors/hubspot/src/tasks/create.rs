//! Creating tasks: a batch with inline associations and a distinct trace id each, so that one bad input does not fail
//! the others (batch create and multi-status guides).
//!
//! Never an upsert: that would overwrite or re-open what the rep changed. Outcomes are matched by trace id or by key,
//! never by position; an input the answer does not mention is *unknown*.

use std::collections::BTreeMap;

use followup_core::{CreateOutcome, RecordKind, Task, TaskDraft, TaskQuery};
use followup_transport::{Call, CallError, Cause, Effect, Priority};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{KeyMode, body, task_schema};
use crate::{
    Hubspot,
    api::Turn,
    map::key_in_body,
    schema::TASK_KEY,
    wire::{Object, Page},
};

/// Inputs of one batch (objects guide).
const BATCH_MAX: usize = 100;
/// Association type from a task to a contact (`HUBSPOT_DEFINED`; the ids are directional).
const TASK_TO_CONTACT: u32 = 204;
/// Association type from a task to a deal.
const TASK_TO_DEAL: u32 = 216;

/// What became of some drafts, by place in the caller's list.
type Outcomes = BTreeMap<usize, CreateOutcome>;

impl Hubspot {
    pub(crate) async fn create(&self, drafts: &[TaskDraft], now: Timestamp) -> Vec<CreateOutcome> {
        if drafts.is_empty() {
            return Vec::new();
        }
        let mode = match self.key_mode(now).await {
            Ok(mode) => mode,
            Err(error) => {
                let reason = error.to_string();
                return drafts
                    .iter()
                    .map(|_| CreateOutcome::NotSent {
                        reason: reason.clone(),
                    })
                    .collect();
            }
        };
        let numbered: Vec<(usize, &TaskDraft)> = drafts.iter().enumerate().collect();
        let mut outcomes = Outcomes::new();
        for chunk in numbered.chunks(BATCH_MAX) {
            self.create_batch(chunk, &mode, now, &mut outcomes).await;
        }
        (0..drafts.len())
            .map(|place| {
                outcomes.remove(&place).unwrap_or_else(|| CreateOutcome::Unknown {
                    reason: "the answer does not mention this task".to_owned(),
                })
            })
            .collect()
    }

    /// Creates up to [`BATCH_MAX`] tasks. A batch that is refused as a whole is split until the bad input is alone.
    async fn create_batch(
        &self,
        drafts: &[(usize, &TaskDraft)],
        mode: &KeyMode,
        now: Timestamp,
        outcomes: &mut Outcomes,
    ) {
        let mut waiting = vec![drafts];
        while let Some(part) = waiting.pop() {
            let inputs: Vec<Value> = part.iter().map(|(_, draft)| input(draft, mode)).collect();
            let call = Call::write(
                Method::POST,
                format!("{}/batch/create", self.api.paths.objects("tasks")),
                Some(json!({"inputs": inputs})),
                "create tasks",
            );
            match self.api.client.call::<Page>(&call, now).await {
                Ok(answer) => self.sort_out(part, &answer.body, now, outcomes).await,
                Err(error) if is_refusal(&error) && part.len() > 1 => {
                    let (left, right) = part.split_at(part.len() / 2);
                    waiting.extend([right, left]);
                }
                Err(error) if is_refusal(&error) => {
                    for (place, draft) in part {
                        let outcome = if is_conflict(&error) {
                            self.already_there(draft, now).await
                        } else {
                            CreateOutcome::Rejected {
                                reason: error.message.clone(),
                            }
                        };
                        outcomes.insert(*place, outcome);
                    }
                }
                Err(error) => {
                    for (place, _) in part {
                        outcomes.insert(*place, without_answer(&error));
                    }
                }
            }
        }
    }

    /// Reads a 201 or 207: successes by trace id or key, failures by trace id.
    async fn sort_out(
        &self,
        part: &[(usize, &TaskDraft)],
        page: &Page,
        now: Timestamp,
        outcomes: &mut Outcomes,
    ) {
        let by_key: BTreeMap<&str, (usize, &TaskDraft)> = part
            .iter()
            .map(|(place, draft)| (draft.key.as_str(), (*place, *draft)))
            .collect();
        for value in &page.results {
            let Ok(object) = Object::read(value) else { continue };
            let Some(key) = key_of(&object) else { continue };
            if let Some((place, draft)) = by_key.get(key.as_str()) {
                let outcome = self.created(value, &object.id, draft, now).await;
                outcomes.insert(*place, outcome);
            }
        }
        for error in &page.errors {
            for key in trace_ids(error) {
                let Some((place, draft)) = by_key.get(key) else {
                    continue;
                };
                let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
                let outcome = if mentions_conflict(error) {
                    self.already_there(draft, now).await
                } else if text("category") == "RATE_LIMITS" {
                    CreateOutcome::NotSent {
                        reason: "throttled".to_owned(),
                    }
                } else {
                    let told = crate::vendor::told(error).unwrap_or_else(|| text("category").to_owned());
                    CreateOutcome::Rejected {
                        reason: followup_transport::text::tidy(&told, &[]),
                    }
                };
                outcomes.insert(*place, outcome);
            }
        }
    }

    /// The record of a created task. The answer carries what was stored but no associations: those are the draft's.
    /// An answer too thin to serve as read-back is completed by a read; failing that the task exists all the same.
    async fn created(&self, value: &Value, id: &str, draft: &TaskDraft, now: Timestamp) -> CreateOutcome {
        let turn = Turn {
            priority: Priority::Write,
            now,
        };
        let is_whole = Object::read(value).is_ok_and(|object| {
            [
                "hs_task_subject",
                "hs_task_body",
                "hs_task_status",
                "hs_timestamp",
            ]
            .iter()
            .all(|name| object.text(name).is_some())
        });
        let read_back = if is_whole {
            self.map_created(value, draft, turn)
        } else {
            self.current(id, turn).await.ok().flatten()
        };
        match read_back {
            Some(mut task) => {
                task.key = Some(draft.key.clone());
                CreateOutcome::Done(Box::new(task))
            }
            None => CreateOutcome::Unknown {
                reason: "created, but the record could not be read back".to_owned(),
            },
        }
    }

    fn map_created(&self, value: &Value, draft: &TaskDraft, turn: Turn) -> Option<Task> {
        let object = Object::read(value).ok()?;
        let mut task = self.map_task(&object, turn)?;
        task.people.clone_from(&draft.links.people);
        task.deals.clone_from(&draft.links.deals);
        Some(task)
    }

    /// A unique value that is taken: the task is there. Its record, if it can be read.
    async fn already_there(&self, draft: &TaskDraft, now: Timestamp) -> CreateOutcome {
        let query = TaskQuery {
            key: draft.key.clone(),
            links: draft.links.clone(),
            sent_at: None,
        };
        let found = self
            .find(std::slice::from_ref(&query), now)
            .await
            .unwrap_or_default();
        CreateOutcome::AlreadyThere(found.into_iter().next().map(|found| Box::new(found.task)))
    }
}

/// One input. A reminder goes in milliseconds, the due date in ISO-8601.
fn input(draft: &TaskDraft, mode: &KeyMode) -> Value {
    let mut properties = json!({
        "hs_timestamp": draft.due_at.to_string(),
        "hs_task_subject": body::subject(&draft.subject),
        "hs_task_body": body::compose(&draft.body, &draft.marker),
        "hs_task_status": "NOT_STARTED",
        "hs_task_type": "TODO",
        "hs_task_priority": if draft.is_urgent { "HIGH" } else { "MEDIUM" },
        "hubspot_owner_id": draft.owner.record().native_id,
    });
    if let Some(properties) = properties.as_object_mut() {
        if let Some(at) = draft.reminder_at {
            properties.insert(
                "hs_task_reminders".to_owned(),
                json!(at.as_millisecond().to_string()),
            );
        }
        if *mode == KeyMode::Strong {
            properties.insert(TASK_KEY.to_owned(), json!(draft.key.as_str()));
        }
    }
    let people = draft
        .links
        .people
        .iter()
        .map(|person| (person.record(), TASK_TO_CONTACT));
    let deals = draft.links.deals.iter().map(|deal| (deal.record(), TASK_TO_DEAL));
    let associations: Vec<Value> = people
        .chain(deals)
        .filter(|(record, _)| matches!(record.kind, RecordKind::Contact | RecordKind::Deal))
        .map(|(record, type_id)| {
            json!({
                "to": {"id": record.native_id},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}],
            })
        })
        .collect();
    json!({
        "objectWriteTraceId": draft.key.as_str(),
        "properties": properties,
        "associations": associations,
    })
}

/// The key a created task answers to: its trace id, its property, or its marker block.
fn key_of(object: &Object) -> Option<String> {
    object
        .trace_id
        .clone()
        .or_else(|| object.text(TASK_KEY).map(str::to_owned))
        .or_else(|| key_in_body(object.text("hs_task_body")?).map(|key| key.0))
}

/// `context.objectWriteTraceId[]` of an error item.
fn trace_ids(error: &Value) -> impl Iterator<Item = &str> {
    error
        .get("context")
        .and_then(|context| context.get("objectWriteTraceId"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// The request was understood and refused: nothing was created.
fn is_refusal(error: &CallError) -> bool {
    error.effect == Effect::None
        && matches!(error.cause, Cause::Refused | Cause::NotFound)
        && error.status.is_some()
}

fn is_conflict(error: &CallError) -> bool {
    error.body.as_deref().is_some_and(mentions_conflict)
}

/// The envelope of a taken unique value is not confirmed; these words occur in every form that was seen.
fn mentions_conflict(error: &Value) -> bool {
    let text = error.to_string();
    text.contains("CONFLICTING_UNIQUE_VALUE") || text.contains("already has that value")
}

fn without_answer(error: &CallError) -> CreateOutcome {
    let reason = error.to_string();
    match error.effect {
        Effect::Maybe => CreateOutcome::Unknown { reason },
        Effect::None => CreateOutcome::NotSent { reason },
    }
}

impl Hubspot {
    /// Maps one task object without its links.
    fn map_task(&self, object: &Object, turn: Turn) -> Option<Task> {
        let context = crate::map::Context {
            connection: &self.config.connection,
            mapping: &self.config.mapping,
            owners: &crate::map::OwnerDirectory::default(),
            stages: &crate::map::Stages::default(),
            links: &crate::map::Links::default(),
            leads: &crate::map::Leads::default(),
            subject_hash: &*self.subject_hash,
            now: turn.now,
        };
        match context
            .map(followup_core::Stream::Tasks, task_schema(), object)
            .ok()??
            .record
        {
            followup_core::Record::Task(task) => Some(task),
            _ => None,
        }
    }
}
