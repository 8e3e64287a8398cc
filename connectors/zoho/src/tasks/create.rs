//! Creating tasks: ten at most in a call, which costs one credit and is no "complex" call; each record with an outcome of
//! its own, whatever the status of the whole (200, 201, 202, 207, 400).
//!
//! A call is never repeated once bytes left: its outcome is unknown then, and looked for. Created tasks are read back.

use std::collections::BTreeMap;

use followup_core::{CreateOutcome, Task, TaskDraft, TaskQuery};
use followup_transport::{Call, CallError, Cause, Effect, text::tidy};
use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::row::{record, with_trigger};
use crate::{
    Zoho,
    api::{Turn, code_of},
    org::KeyMode,
    paths,
    schema::Module,
    vendor::Said,
    view::View,
    wire::SavedWire,
};

/// Records of one call.
const BATCH_MAX: usize = 10;

/// What became of some drafts, by place in the caller's list.
type Outcomes = BTreeMap<usize, CreateOutcome>;

/// A draft and its place in the caller's list.
type Placed<'a> = (usize, &'a TaskDraft);

impl Zoho {
    pub(crate) async fn create(&self, drafts: &[TaskDraft], now: Timestamp) -> Vec<CreateOutcome> {
        if drafts.is_empty() {
            return Vec::new();
        }
        let turn = Turn::write(now);
        let view = match self.view(turn).await {
            Ok(view) => view,
            Err(error) => return drafts.iter().map(|_| not_sent(&error)).collect(),
        };
        let mut outcomes = Outcomes::new();
        let mut ready: Vec<Placed<'_>> = Vec::with_capacity(drafts.len());
        for (place, draft) in drafts.iter().enumerate() {
            let owner = view.owners.by_id.get(&draft.owner.record().native_id);
            if owner.is_some_and(|facts| !facts.is_active) {
                let reason = "the owner is not active any more".to_owned();
                outcomes.insert(place, CreateOutcome::Rejected { reason });
            } else {
                ready.push((place, draft));
            }
        }
        for chunk in ready.chunks(BATCH_MAX) {
            self.create_batch(chunk, &view, turn, &mut outcomes).await;
        }
        (0..drafts.len())
            .map(|place| outcomes.remove(&place).unwrap_or_else(unmentioned))
            .collect()
    }

    async fn create_batch(&self, drafts: &[Placed<'_>], view: &View, turn: Turn, outcomes: &mut Outcomes) {
        let mapping = &self.config.mapping;
        let records: Vec<Value> = drafts
            .iter()
            .map(|(_, draft)| record(draft, view, mapping))
            .collect();
        let body = with_trigger(mapping, &records);
        let call = Call::write(
            Method::POST,
            paths::module(Module::Tasks),
            Some(body),
            "create tasks",
        );
        let answer = self.api.send::<Value>(call, turn.now).await;
        let saved = match &answer {
            Ok(answer) => SavedWire::all_of(&answer.body),
            Err(error) if error.effect == Effect::None => error.body.as_deref().and_then(SavedWire::all_of),
            Err(_) => None,
        };
        let saved = saved.filter(|saved| saved.len() == drafts.len());
        match (saved, &answer) {
            (Some(saved), _) => self.sort_out(drafts, &saved, view, turn, outcomes).await,
            (None, Ok(_)) => {}
            (None, Err(error)) => {
                for (place, _) in drafts {
                    outcomes.insert(*place, without_answer(error));
                }
            }
        }
    }

    /// Reads the outcomes of a call, record by record.
    async fn sort_out(
        &self,
        drafts: &[Placed<'_>],
        saved: &[SavedWire],
        view: &View,
        turn: Turn,
        outcomes: &mut Outcomes,
    ) {
        let created: Vec<String> = saved
            .iter()
            .filter(|row| row.is_success())
            .filter_map(|row| row.id().map(str::to_owned))
            .collect();
        let tasks = self.read_back(&created, view, turn).await;
        for ((place, draft), row) in drafts.iter().zip(saved) {
            let outcome = if row.is_success() {
                match row.id().and_then(|id| tasks.get(id)) {
                    Some(task) if task.key.as_ref() == Some(&draft.key) => {
                        CreateOutcome::Done(Box::new(task.clone()))
                    }
                    _ => CreateOutcome::Unknown {
                        reason: "created, but the record could not be read back".to_owned(),
                    },
                }
            } else {
                self.refused(draft, row, view, turn).await
            };
            outcomes.insert(*place, outcome);
        }
    }

    /// Created tasks by id, as the org returns them.
    async fn read_back(&self, ids: &[String], view: &View, turn: Turn) -> BTreeMap<String, Task> {
        match self.tasks_by_id(ids, view, turn).await {
            Ok(tasks) => tasks,
            Err(error) => {
                tracing::warn!(crm.connection = %self.config.connection, reason = %error,
                    "created tasks could not be read back; they will be looked up by key");
                BTreeMap::new()
            }
        }
    }

    /// A record that was refused.
    async fn refused(&self, draft: &TaskDraft, row: &SavedWire, view: &View, turn: Turn) -> CreateOutcome {
        let said = Said::of(Some(&row.whole));
        let key_field = &self.config.mapping.key_field;
        let is_about_key = said.field.as_deref() == Some(key_field.as_str());
        let is_strong = matches!(view.key_mode, KeyMode::Strong { .. });
        match said.code.as_str() {
            // The unique key is taken: the task is there.
            "DUPLICATE_DATA" if is_about_key || (is_strong && said.field.is_none()) => {
                self.already_there(draft, row.duplicate_of(), view, turn).await
            }
            // The key field changed since it was looked at.
            _ if is_about_key => {
                self.forget_org();
                CreateOutcome::NotSent { reason: told(&said) }
            }
            code if will_pass(code) => CreateOutcome::NotSent { reason: told(&said) },
            "NO_PERMISSION" | "AUTHORIZATION_FAILED" | "OAUTH_SCOPE_MISMATCH" => CreateOutcome::NotAllowed {
                reason: format!(
                    "{}. Fix: give the profile of this connection's user the right to create tasks",
                    told(&said)
                ),
            },
            "INTERNAL_ERROR" | "INTERNAL_SERVER_ERROR" | "" => CreateOutcome::Unknown { reason: told(&said) },
            _ => CreateOutcome::Rejected { reason: told(&said) },
        }
    }

    async fn already_there(
        &self,
        draft: &TaskDraft,
        id: Option<&str>,
        view: &View,
        turn: Turn,
    ) -> CreateOutcome {
        if let Some(id) = id
            && let Ok(mut tasks) = self.tasks_by_id(&[id.to_owned()], view, turn).await
            && let Some(task) = tasks.remove(id)
            && task.key.as_ref() == Some(&draft.key)
        {
            return CreateOutcome::AlreadyThere(Some(Box::new(task)));
        }
        let query = TaskQuery {
            key: draft.key.clone(),
            links: draft.links.clone(),
            sent_at: None,
        };
        let found = self.find(std::slice::from_ref(&query), turn.now).await;
        CreateOutcome::AlreadyThere(
            found
                .unwrap_or_default()
                .into_iter()
                .next()
                .map(|found| Box::new(found.task)),
        )
    }
}

fn unmentioned() -> CreateOutcome {
    CreateOutcome::Unknown {
        reason: "the answer does not mention this task".to_owned(),
    }
}

/// The refusal in one line, without payload.
pub(super) fn told(said: &Said) -> String {
    let line = match said.field.as_deref() {
        Some("Owner") => format!("the owner is refused, as inactive or unknown: {}", said.line(400)),
        _ => said.line(400),
    };
    tidy(&line, &[])
}

/// Nothing left the machine for these drafts.
fn not_sent(error: &CallError) -> CreateOutcome {
    match &error.cause {
        Cause::Unauthorized { fix } | Cause::Forbidden { fix, .. } => CreateOutcome::NotAllowed {
            reason: format!("{error}. Fix: {fix}"),
        },
        _ => CreateOutcome::NotSent {
            reason: error.to_string(),
        },
    }
}

/// A request without an answer that tells about its records.
fn without_answer(error: &CallError) -> CreateOutcome {
    let reason = error.to_string();
    match (error.effect, &error.cause) {
        (Effect::Maybe, _) => CreateOutcome::Unknown { reason },
        (Effect::None, Cause::Refused) if will_pass(&code_of(error)) => not_sent(error),
        (Effect::None, Cause::Refused | Cause::NotFound) => CreateOutcome::Rejected { reason },
        (Effect::None, _) => not_sent(error),
    }
}

/// Nothing was written, and it is not the record's fault.
fn will_pass(code: &str) -> bool {
    matches!(
        code,
        "RECORD_LOCKED" | "RECORD_IN_BLUEPRINT" | "NOT_APPROVED" | "LIMIT_EXCEEDED" | "TOO_MANY_REQUESTS"
    )
}
