//! Creating tasks: a batch with inline associations and a distinct trace id each, so that one bad input does not fail
//! the others (batch create and multi-status guides).
//!
//! Never an upsert: that would overwrite or re-open what the rep changed. Outcomes are matched by trace id or by key,
//! never by position; an input the answer does not mention is *unknown*.

use std::collections::BTreeMap;

use followup_core::{ConnectorError, CreateOutcome, RecordKind, Task, TaskDraft, TaskQuery};
use followup_transport::{Call, CallError, Effect, Failure, Priority, Vendor as _, Verdict, text};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{KeyMode, TASK_TO_CONTACT, TASK_TO_DEAL, body, task_schema};
use crate::{
    Hubspot,
    api::Turn,
    kept::Kept,
    map::key_in_body,
    schema::TASK_KEY,
    vendor::{self, HubspotVendor},
    wire::{Object, Page},
};

/// Inputs of one batch (objects guide).
const BATCH_MAX: usize = 100;

/// What became of some drafts, by place in the caller's list.
type Outcomes = BTreeMap<usize, CreateOutcome>;

impl Hubspot {
    pub(crate) async fn create(&self, drafts: &[TaskDraft], now: Timestamp) -> Vec<CreateOutcome> {
        if drafts.is_empty() {
            return Vec::new();
        }
        let mode = match self.key_mode(now).await {
            Ok(mode) => mode,
            Err(error) => return drafts.iter().map(|_| not_sent(&error)).collect(),
        };
        // What was read before a write is not what is there behind it.
        self.remembered().kept = Kept::default();
        let numbered: Vec<(usize, &TaskDraft)> = drafts.iter().enumerate().collect();
        let mut outcomes = Outcomes::new();
        let mut refused = None;
        for chunk in numbered.chunks(BATCH_MAX) {
            refused = self.create_batch(chunk, &mode, now, &mut outcomes).await;
            if refused.is_some() {
                break;
            }
        }
        let unmentioned = refused.unwrap_or_else(|| CreateOutcome::Unknown {
            reason: "the answer does not mention this task".to_owned(),
        });
        (0..drafts.len())
            .map(|place| outcomes.remove(&place).unwrap_or_else(|| unmentioned.clone()))
            .collect()
    }

    /// Creates up to [`BATCH_MAX`] tasks. A batch that is refused for what is in it is split until the bad input is
    /// alone. Answers why nothing more should be sent, if that is so: the login may not write.
    async fn create_batch(
        &self,
        drafts: &[(usize, &TaskDraft)],
        mode: &KeyMode,
        now: Timestamp,
        outcomes: &mut Outcomes,
    ) -> Option<CreateOutcome> {
        let mut waiting = vec![drafts];
        while let Some(part) = waiting.pop() {
            let inputs: Vec<Value> = part.iter().map(|(_, draft)| input(draft, mode)).collect();
            let call = Call::write(
                Method::POST,
                format!("{}/batch/create", self.api.paths.objects("tasks")),
                Some(json!({"inputs": inputs})),
                "create tasks",
            );
            let error = match self.api.client.call::<Page>(&call, now).await {
                Ok(answer) => {
                    self.sort_out(part, &answer.body, now, outcomes).await;
                    continue;
                }
                Err(error) => error,
            };
            let refusal = Refusal::of(&error);
            if part.len() > 1 && refusal != Refusal::OfTheRequest {
                let (left, right) = part.split_at(part.len() / 2);
                waiting.extend([right, left]);
                continue;
            }
            for (place, draft) in part {
                let outcome = match refusal {
                    Refusal::Conflict => {
                        let is_key = error.body.as_deref().is_some_and(mentions_key);
                        self.conflicting(draft, is_key, &error.message, now).await
                    }
                    Refusal::OfTheInputs => CreateOutcome::Rejected {
                        reason: error.message.clone(),
                    },
                    Refusal::TooLarge | Refusal::OfTheRequest => without_answer(&error),
                };
                outcomes.insert(*place, outcome);
            }
            if refusal == Refusal::OfTheRequest {
                let refused = not_sent(&error);
                if matches!(refused, CreateOutcome::NotAllowed { .. }) {
                    return Some(refused);
                }
            }
        }
        None
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
                let outcome = self.failed_input(error, draft, now).await;
                outcomes.insert(*place, outcome);
            }
        }
    }

    /// What one error item of a 207 means, by its category.
    async fn failed_input(&self, error: &Value, draft: &TaskDraft, now: Timestamp) -> CreateOutcome {
        let told = vendor::told(error)
            .or_else(|| Some(error.get("category")?.as_str()?.to_owned()))
            .unwrap_or_else(|| "an error without a message".to_owned());
        let reason = text::tidy(&told, &[]);
        let is_key = mentions_key(error);
        let status = vendor::status_of(error);
        if is_key || status == Some(StatusCode::CONFLICT) {
            return self.conflicting(draft, is_key, &reason, now).await;
        }
        let verdict = status.map(|status| {
            HubspotVendor.classify(&Failure {
                status,
                headers: &HeaderMap::new(),
                json: Some(error),
            })
        });
        match verdict {
            Some(Verdict::Throttled { .. } | Verdict::Busy { .. }) => CreateOutcome::NotSent { reason },
            Some(Verdict::Unauthorized { message, fix } | Verdict::LoginRefused { message, fix }) => {
                let error = ConnectorError::Unauthorized { message, fix };
                CreateOutcome::NotAllowed {
                    reason: error.to_string(),
                }
            }
            Some(Verdict::Forbidden { missing, fix }) => {
                let action = "create tasks".to_owned();
                let error = ConnectorError::Forbidden { action, missing, fix };
                CreateOutcome::NotAllowed {
                    reason: error.to_string(),
                }
            }
            Some(Verdict::Broken { .. }) => CreateOutcome::Unknown { reason },
            Some(Verdict::NotFound | Verdict::Refused { .. }) | None => CreateOutcome::Rejected { reason },
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

    /// A conflict: if it is about our key, the task is there, shown or not. Any other conflict is a refusal, unless a
    /// look by key brings the task.
    async fn conflicting(
        &self,
        draft: &TaskDraft,
        is_key: bool,
        told: &str,
        now: Timestamp,
    ) -> CreateOutcome {
        let query = TaskQuery {
            key: draft.key.clone(),
            links: draft.links.clone(),
            sent_at: None,
        };
        match self.find(std::slice::from_ref(&query), now).await {
            Ok(found) if found.is_empty() && !is_key => CreateOutcome::Rejected {
                reason: told.to_owned(),
            },
            Ok(found) => {
                CreateOutcome::AlreadyThere(found.into_iter().next().map(|found| Box::new(found.task)))
            }
            Err(_) => CreateOutcome::AlreadyThere(None),
        }
    }
}

/// What a batch that failed as a whole was refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Something in it: alone, each input shows whether it was that.
    OfTheInputs,
    /// A value that is taken.
    Conflict,
    /// Its size.
    TooLarge,
    /// No input is to blame: login, path, limits, trouble on the way.
    OfTheRequest,
}

impl Refusal {
    fn of(error: &CallError) -> Self {
        if error.effect != Effect::None {
            return Self::OfTheRequest;
        }
        match error.status {
            Some(409) => Self::Conflict,
            Some(400 | 422) if error.body.as_deref().is_some_and(mentions_key) => Self::Conflict,
            Some(400 | 422) => Self::OfTheInputs,
            Some(413) => Self::TooLarge,
            _ => Self::OfTheRequest,
        }
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

/// The envelope of a taken unique value is not confirmed; these words occur in every form that was seen.
fn mentions_key(error: &Value) -> bool {
    let text = error.to_string();
    text.contains("CONFLICTING_UNIQUE_VALUE") || text.contains("already has that value")
}

fn without_answer(error: &CallError) -> CreateOutcome {
    match error.effect {
        Effect::Maybe => CreateOutcome::Unknown {
            reason: error.to_string(),
        },
        Effect::None => not_sent(error),
    }
}

/// Nothing was created: because the login may not, or because it did not get that far.
fn not_sent(error: &CallError) -> CreateOutcome {
    match super::not_allowed(error) {
        Some(reason) => CreateOutcome::NotAllowed { reason },
        None => CreateOutcome::NotSent {
            reason: error.to_string(),
        },
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
