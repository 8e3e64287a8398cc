//! Creating tasks: collections of 200, each row with an outcome of its own behind a common 200 (REST guide "sObject
//! Collections", "allOrNone"; read 2026-11).
//!
//! A plain create, never an upsert: an upsert would overwrite or re-open what the rep changed. Rows that were created are
//! read back and matched by key; only refusals are matched by place, and only if the answer has as many rows as were
//! sent. A row that is locked failed whole and is tried again alone.

mod row;

use std::{collections::BTreeMap, time::Duration};

use followup_core::{ConnectorError, CreateOutcome, Task, TaskDraft, TaskQuery};
use followup_transport::{Call, CallError, Cause, Effect};
use http::{HeaderValue, Method};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::turn;
use crate::{Salesforce, View, api::Turn, vendor::Said, wire::SavedWire};
use row::{Targets, row};

/// Rows of one collection.
const BATCH_MAX: usize = 200;
/// Tries of a row that is locked, or refused for what can be mended here.
const TRIES_MAX: u32 = 4;
/// First pause before a locked row is tried again; doubled, with jitter.
const LOCK_PAUSE_MS: u64 = 200;

/// What became of some drafts, by place in the caller's list.
type Outcomes = BTreeMap<usize, CreateOutcome>;

/// A draft and its place in the caller's list.
type Placed<'a> = (usize, &'a TaskDraft);

/// What a refused row needs before it can be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    /// Somebody else's lock: a moment.
    Pause,
    /// The lead was converted meanwhile: its contact.
    Retarget,
    /// A list or a field changed: look again.
    LookAgain,
}

impl Salesforce {
    pub(crate) async fn create(&self, drafts: &[TaskDraft], now: Timestamp) -> Vec<CreateOutcome> {
        if drafts.is_empty() {
            return Vec::new();
        }
        let turn = turn(now);
        let prepared = async {
            let view = self.view(turn).await?;
            let targets = self.targets(drafts, turn).await?;
            Ok::<_, CallError>((view, targets))
        };
        let (view, targets) = match prepared.await {
            Ok(prepared) => prepared,
            Err(error) => {
                return drafts.iter().map(|_| not_sent(&error)).collect();
            }
        };
        let mut outcomes = Outcomes::new();
        let mut ready: Vec<Placed<'_>> = Vec::with_capacity(drafts.len());
        for (place, draft) in drafts.iter().enumerate() {
            match targets.refusal(draft) {
                Some(reason) => {
                    outcomes.insert(place, CreateOutcome::Rejected { reason });
                }
                None => ready.push((place, draft)),
            }
        }
        for chunk in ready.chunks(BATCH_MAX) {
            self.create_batch(chunk, &view, &targets, turn, &mut outcomes)
                .await;
        }
        (0..drafts.len())
            .map(|place| {
                outcomes.remove(&place).unwrap_or_else(|| CreateOutcome::Unknown {
                    reason: "the answer does not mention this task".to_owned(),
                })
            })
            .collect()
    }

    /// Creates up to [`BATCH_MAX`] tasks. A request that is refused as a whole is split until the bad row is alone.
    async fn create_batch(
        &self,
        drafts: &[Placed<'_>],
        view: &View,
        targets: &Targets,
        turn: Turn,
        outcomes: &mut Outcomes,
    ) {
        let mut waiting = vec![drafts];
        while let Some(part) = waiting.pop() {
            match self.post(part, view, targets, turn).await {
                Ok(saved) => {
                    let again = self.sort_out(part, &saved, view, turn, outcomes).await;
                    for (placed, remedy) in again {
                        let outcome = self.alone(placed.1, remedy, turn).await;
                        outcomes.insert(placed.0, outcome);
                    }
                }
                Err(error) if is_refusal(&error) && part.len() > 1 => {
                    let (left, right) = part.split_at(part.len() / 2);
                    waiting.extend([right, left]);
                }
                Err(error) => {
                    for (place, _) in part {
                        outcomes.insert(*place, without_answer(&error));
                    }
                }
            }
        }
    }

    async fn post(
        &self,
        part: &[Placed<'_>],
        view: &View,
        targets: &Targets,
        turn: Turn,
    ) -> Result<Vec<SavedWire>, CallError> {
        let rows: Vec<Value> = part
            .iter()
            .map(|(_, draft)| row(draft, view, targets, self.config.mapping.key_field()))
            .collect();
        let body = json!({"allOrNone": false, "records": rows});
        let call = Call::write(
            Method::POST,
            self.api.paths.collections(),
            Some(body),
            "create tasks",
        )
        .with_header("sforce-auto-assign", HeaderValue::from_static("FALSE"))
        .with_header("sforce-mru", HeaderValue::from_static("updateMru=false"));
        Ok(self.api.send::<Vec<SavedWire>>(call, turn.now).await?.body)
    }

    /// Reads the outcomes of a collection; answers the rows that are worth another try.
    async fn sort_out<'a>(
        &self,
        part: &[Placed<'a>],
        saved: &[SavedWire],
        view: &View,
        turn: Turn,
        outcomes: &mut Outcomes,
    ) -> Vec<(Placed<'a>, Remedy)> {
        let created: Vec<String> = saved
            .iter()
            .filter(|row| row.success)
            .filter_map(|row| row.id.clone())
            .collect();
        let by_key = self.read_back(&created, view, turn).await;
        for (place, draft) in part {
            if let Some(task) = by_key.get(&draft.key) {
                outcomes.insert(*place, CreateOutcome::Done(Box::new(task.clone())));
            }
        }
        let mut again = Vec::new();
        if saved.len() != part.len() {
            return again;
        }
        for (placed, row) in part.iter().zip(saved) {
            if outcomes.contains_key(&placed.0) {
                continue;
            }
            if row.success {
                let reason = "created, but the record could not be read back".to_owned();
                outcomes.insert(placed.0, CreateOutcome::Unknown { reason });
                continue;
            }
            let said = Said::of(row.errors.first());
            if let Some(remedy) = remedy(&said) {
                again.push((*placed, remedy));
            } else {
                let outcome = self.refused(placed.1, &said, turn).await;
                outcomes.insert(placed.0, outcome);
            }
        }
        again
    }

    /// Created tasks by their keys, as the org returns them.
    async fn read_back(
        &self,
        ids: &[String],
        view: &View,
        turn: Turn,
    ) -> BTreeMap<followup_core::TaskKey, Task> {
        let tasks = match self.tasks_by_id(ids, view, turn).await {
            Ok(tasks) => tasks,
            Err(error) => {
                tracing::warn!(crm.connection = %self.config.connection, reason = %error,
                    "created tasks could not be read back; they will be looked up by key");
                BTreeMap::new()
            }
        };
        tasks
            .into_values()
            .filter_map(|task| Some((task.key.clone()?, task)))
            .collect()
    }

    /// Another try of a single row, after what it needs.
    async fn alone(&self, draft: &TaskDraft, first: Remedy, turn: Turn) -> CreateOutcome {
        let mut remedy_now = first;
        let mut tries = 1;
        loop {
            tries += 1;
            match remedy_now {
                Remedy::Pause => {
                    let ceiling = LOCK_PAUSE_MS << tries;
                    let pause = self.roll(|rng| rng.u64(ceiling / 2..=ceiling));
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                Remedy::LookAgain => {
                    self.forget_org();
                    self.forget_setup();
                }
                Remedy::Retarget => {}
            }
            let single = [(0, draft)];
            let posted = async {
                let view = self.view(turn).await?;
                let targets = self.targets(std::slice::from_ref(draft), turn).await?;
                let saved = self.post(&single, &view, &targets, turn).await?;
                Ok::<_, CallError>((view, saved))
            };
            let (view, saved) = match posted.await {
                Ok(answer) => answer,
                Err(error) => return without_answer(&error),
            };
            let mut outcomes = Outcomes::new();
            let again = Box::pin(self.sort_out(&single, &saved, &view, turn, &mut outcomes)).await;
            match again.first() {
                // What was looked at again and is still refused is refused.
                Some((_, next)) if tries < TRIES_MAX && (*next == Remedy::Pause || *next != remedy_now) => {
                    remedy_now = *next;
                }
                Some((_, Remedy::Pause)) => {
                    return CreateOutcome::NotSent {
                        reason: "the records it would be attached to stay locked".to_owned(),
                    };
                }
                Some(_) => {
                    let said = saved
                        .first()
                        .map(|row| Said::of(row.errors.first()))
                        .unwrap_or_default();
                    return CreateOutcome::Rejected { reason: told(&said) };
                }
                None => {
                    return outcomes.remove(&0).unwrap_or_else(|| CreateOutcome::Unknown {
                        reason: "the answer does not mention this task".to_owned(),
                    });
                }
            }
        }
    }

    /// A row that was refused for good.
    async fn refused(&self, draft: &TaskDraft, said: &Said, turn: Turn) -> CreateOutcome {
        match said.code.as_str() {
            // The unique key is taken: the task is there.
            "DUPLICATE_VALUE" | "DUPLICATE_EXTERNAL_ID" => self.already_there(draft, turn).await,
            // Nothing was written, and it is not this row's fault.
            "SERVER_UNAVAILABLE" | "REQUEST_LIMIT_EXCEEDED" | "UNKNOWN_EXCEPTION" | "QUERY_TIMEOUT" => {
                CreateOutcome::NotSent { reason: told(said) }
            }
            _ => CreateOutcome::Rejected { reason: told(said) },
        }
    }

    async fn already_there(&self, draft: &TaskDraft, turn: Turn) -> CreateOutcome {
        let query = TaskQuery {
            key: draft.key.clone(),
            links: draft.links.clone(),
            sent_at: None,
        };
        let found: Result<_, ConnectorError> = self.find(std::slice::from_ref(&query), turn.now).await;
        CreateOutcome::AlreadyThere(
            found
                .unwrap_or_default()
                .into_iter()
                .next()
                .map(|found| Box::new(found.task)),
        )
    }
}

/// What a refused row needs before it is worth another try; `None` = nothing helps.
fn remedy(said: &Said) -> Option<Remedy> {
    let is_about_a_converted_lead = said.message.to_lowercase().contains("converted lead");
    Some(match said.code.as_str() {
        "UNABLE_TO_LOCK_ROW" => Remedy::Pause,
        "CANNOT_UPDATE_CONVERTED_LEAD" => Remedy::Retarget,
        _ if is_about_a_converted_lead => Remedy::Retarget,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" | "INVALID_FIELD" | "INVALID_FIELD_FOR_INSERT_UPDATE" => {
            Remedy::LookAgain
        }
        _ => return None,
    })
}

/// The refusal in one line, without payload.
fn told(said: &Said) -> String {
    let line = match said.code.as_str() {
        "INACTIVE_OWNER_OR_USER" => "the owner is not active any more (INACTIVE_OWNER_OR_USER)".to_owned(),
        _ => said.line(400),
    };
    followup_transport::text::tidy(&line, &[])
}

/// The CRM said no to the request as a whole.
const fn is_refusal(error: &CallError) -> bool {
    matches!(error.cause, Cause::Refused) && matches!(error.effect, Effect::None) && error.status.is_some()
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

/// A request without an answer that tells about its rows.
fn without_answer(error: &CallError) -> CreateOutcome {
    let reason = error.to_string();
    match (error.effect, &error.cause) {
        (Effect::Maybe, _) => CreateOutcome::Unknown { reason },
        (Effect::None, Cause::Refused | Cause::NotFound) => CreateOutcome::Rejected { reason },
        (Effect::None, _) => not_sent(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &str, message: &str) -> Said {
        Said {
            code: code.to_owned(),
            message: message.to_owned(),
            fields: Vec::new(),
        }
    }

    #[test]
    fn r20_locks_are_tried_again_alone_and_rules_of_the_org_are_not() {
        assert_eq!(
            remedy(&said("UNABLE_TO_LOCK_ROW", "unable to obtain")),
            Some(Remedy::Pause)
        );
        assert_eq!(
            remedy(&said(
                "INVALID_CROSS_REFERENCE_KEY",
                "cannot reference converted lead"
            )),
            Some(Remedy::Retarget)
        );
        for code in [
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "REQUIRED_FIELD_MISSING",
            "FIELD_INTEGRITY_EXCEPTION",
        ] {
            assert_eq!(remedy(&said(code, "no")), None, "{code}");
        }
    }

    #[test]
    fn r23_an_inactive_owner_is_named_in_words() {
        assert!(
            told(&said(
                "INACTIVE_OWNER_OR_USER",
                "operation performed with inactive user"
            ))
            .contains("owner")
        );
    }
}
