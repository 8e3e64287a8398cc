//! Our own tasks: created once, found by key, amended and closed without overwriting a human.
//!
//! The key travels in a property with `hasUniqueValue` where the portal lets us have one (strong mode), and always in
//! the marker block of the body. Whether HubSpot accepts such a property on tasks is not confirmed on a live portal,
//! so it is tried once and marker mode stands behind it.

mod amend;
mod body;
mod create;
mod find;
mod relink;

use followup_core::{ConnectorError, Record, RecordKind, RecordRef, Reread, Stream, Task};
use followup_transport::{Call, CallError, Cause, Priority};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    Hubspot,
    api::Turn,
    schema::{self, Schema, TASK_KEY},
    wire::{Object, Page},
};

/// Association type from a task to a contact (`HUBSPOT_DEFINED`; the ids are directional).
const TASK_TO_CONTACT: u32 = 204;
/// Association type from a task to a deal.
const TASK_TO_DEAL: u32 = 216;

/// How long a portal that refuses the key property is left alone.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// How our key travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyMode {
    /// In a unique property: creating twice is impossible.
    Strong,
    /// In the body only, because the portal refuses the property for this reason.
    Marker(String),
}

impl Hubspot {
    /// How the key travels. A portal that refuses the property is asked again after [`ASK_AGAIN`]: a scope may have been
    /// granted since.
    pub(crate) async fn key_mode(&self, now: Timestamp) -> Result<KeyMode, CallError> {
        let known = self.remembered().key_mode.clone();
        if let Some((at, mode)) = known
            && (mode == KeyMode::Strong || now.duration_since(at) < ASK_AGAIN)
        {
            return Ok(mode);
        }
        let mode = self.set_up_key(now).await?;
        self.remembered().key_mode = Some((now, mode.clone()));
        Ok(mode)
    }

    /// Makes sure that tasks have the key property (properties guide). 409 = it exists.
    async fn set_up_key(&self, now: Timestamp) -> Result<KeyMode, CallError> {
        let properties = self.api.paths.task_properties();
        let look = Call::get(
            format!("{properties}/{TASK_KEY}"),
            Priority::Write,
            "look for the task key property",
        );
        match self.api.client.call::<Value>(&look, now).await {
            Ok(answer) => return Ok(mode_of(&answer.body)),
            Err(error) if matches!(error.cause, Cause::NotFound | Cause::Refused) => {}
            Err(error) if matches!(error.cause, Cause::Forbidden { .. }) => {
                return Ok(KeyMode::Marker(error.message));
            }
            Err(error) => return Err(error),
        }
        let group = match self.task_group(now).await {
            Ok(Some(group)) => group,
            Ok(None) => return Ok(KeyMode::Marker("tasks have no property group".to_owned())),
            Err(error) if is_definite(&error) => return Ok(KeyMode::Marker(error.message)),
            Err(error) => return Err(error),
        };
        let definition = json!({
            "groupName": group,
            "name": TASK_KEY,
            "label": "Follow-up key",
            "description": "Stops a second follow-up task for the same event. Written by followupd.",
            "type": "string",
            "fieldType": "text",
            "hasUniqueValue": true,
        });
        let create = Call::write(
            Method::POST,
            properties,
            Some(definition),
            "create the task key property",
        );
        match self.api.client.call::<Value>(&create, now).await {
            Ok(answer) => Ok(mode_of(&answer.body)),
            Err(error) if error.status == Some(409) => Ok(KeyMode::Strong),
            Err(error) if is_definite(&error) => Ok(KeyMode::Marker(error.message)),
            Err(error) => Err(error),
        }
    }

    /// A property group of tasks: which one is not documented, so the first existing one is used.
    async fn task_group(&self, now: Timestamp) -> Result<Option<String>, CallError> {
        let call = Call::get(
            format!("{}/groups", self.api.paths.task_properties()),
            Priority::Write,
            "read the property groups of tasks",
        );
        let page = self.api.client.call::<Page>(&call, now).await?.body;
        let mut names = page
            .results
            .iter()
            .filter(|group| group.get("archived") != Some(&Value::Bool(true)))
            .filter_map(|group| group.get("name")?.as_str());
        let first = names.clone().next();
        let preferred = names.find(|name| name.to_lowercase().contains("task"));
        Ok(preferred.or(first).map(str::to_owned))
    }

    /// Reads records again by id, as they are now.
    pub(crate) async fn read_records(
        &self,
        ids: &[RecordRef],
        now: Timestamp,
    ) -> Result<Reread, ConnectorError> {
        let turn = Turn {
            priority: Priority::Write,
            now,
        };
        let mut read = Reread::default();
        for kind in RecordKind::ALL {
            let of_kind: Vec<String> = ids
                .iter()
                .filter(|id| id.kind == *kind && id.connection == self.config.connection)
                .map(|id| id.native_id.clone())
                .collect();
            if of_kind.is_empty() {
                continue;
            }
            let Some((stream, schema)) =
                schema::stream_of(*kind).and_then(|stream| Some((stream, schema::of(stream)?)))
            else {
                let of_kind = ids.iter().filter(|id| id.kind == *kind);
                read.unread.extend(of_kind.cloned());
                continue;
            };
            let raw = self.api.read(schema, &of_kind, false, turn).await?;
            let batch = self.batch(stream, schema, &raw, turn).await?;
            read.records.extend(batch.records);
            read.unread
                .extend(batch.quarantined.into_iter().map(|set_aside| set_aside.id));
        }
        Ok(read)
    }

    /// Maps task objects, with their links.
    async fn tasks_of(&self, objects: &[Value], turn: Turn) -> Result<Vec<Task>, ConnectorError> {
        let batch = self.batch(Stream::Tasks, task_schema(), objects, turn).await?;
        Ok(batch
            .records
            .into_iter()
            .filter_map(|record| match record {
                Record::Task(task) => Some(task),
                _ => None,
            })
            .collect())
    }

    /// A task as it stands, by id; archived ones are not there.
    async fn current(&self, id: &str, turn: Turn) -> Result<Option<Task>, ConnectorError> {
        let raw = self
            .api
            .read(task_schema(), &[id.to_owned()], false, turn)
            .await?;
        let raw: Vec<Value> = raw
            .into_iter()
            .filter(|value| Object::read(value).is_ok_and(|object| object.id == id && !object.archived))
            .collect();
        Ok(self.tasks_of(&raw, turn).await?.pop())
    }
}

/// How tasks are read.
fn task_schema() -> &'static Schema {
    schema::of(Stream::Tasks).expect("tasks are one of this connector's streams")
}

fn mode_of(definition: &Value) -> KeyMode {
    if definition.get("hasUniqueValue") == Some(&Value::Bool(true)) {
        KeyMode::Strong
    } else {
        KeyMode::Marker(format!(
            "the portal has a task property {TASK_KEY} without unique values; archive it so that it can be made anew"
        ))
    }
}

/// Why only an admin can make this possible, with the step that does; `None` for any other trouble.
fn not_allowed(error: &CallError) -> Option<String> {
    matches!(error.cause, Cause::Unauthorized { .. } | Cause::Forbidden { .. })
        .then(|| ConnectorError::from(error.clone()).to_string())
}

/// The CRM said no, for good.
const fn is_definite(error: &CallError) -> bool {
    matches!(
        error.cause,
        Cause::Refused | Cause::Forbidden { .. } | Cause::NotFound
    )
}
