//! The records a task of ours is attached to, when another person of a deal begins to lead.
//!
//! Only the plain link we write ourselves is ever taken away: one that somebody gave a label, or that leads to a record
//! the caller does not name, stays. Both calls are idempotent (associations guide).

use followup_core::{DraftLinks, RecordKind, RecordRef, Task, TaskChange};
use followup_transport::{Call, CallError, Cause};
use http::Method;
use serde_json::Value;

use super::{TASK_TO_CONTACT, TASK_TO_DEAL};
use crate::{
    Hubspot,
    api::{Turn, escape},
};

impl Hubspot {
    /// Changes the links of an open task; answers whether anything changed.
    pub(super) async fn relink(
        &self,
        change: &TaskChange,
        task: &Task,
        turn: Turn,
    ) -> Result<bool, CallError> {
        if change.closing.is_some() {
            return Ok(false);
        }
        let there = records(&task.people, &task.deals);
        let wanted = of(&change.links.add);
        let mut is_changed = false;
        for to in wanted.iter().filter(|to| !there.contains(to)) {
            is_changed |= self.link(change, to, Method::PUT, turn).await?;
        }
        for to in of(&change.links.remove) {
            if !wanted.contains(&to) && there.contains(&to) && self.is_plain(change, &to, turn).await? {
                is_changed |= self.link(change, &to, Method::DELETE, turn).await?;
            }
        }
        Ok(is_changed)
    }

    /// Makes or removes one link; false if the record is not there any more.
    async fn link(
        &self,
        change: &TaskChange,
        to: &RecordRef,
        method: Method,
        turn: Turn,
    ) -> Result<bool, CallError> {
        let Some((object, _)) = object(to) else {
            return Ok(false);
        };
        let task = escape(&change.id.record().native_id);
        let (path, action) = if method == Method::PUT {
            (
                self.api.paths.task_link(&task, &format!("default/{object}")),
                "attach a task to a record",
            )
        } else {
            (
                self.api.paths.task_link(&task, object),
                "take a task off a record",
            )
        };
        let call = Call::write(method, format!("{path}/{}", escape(&to.native_id)), None, action);
        match self.api.client.call::<Value>(&call, turn.now).await {
            Ok(_) => Ok(true),
            Err(error) if error.cause == Cause::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a link is the plain one we write, without any label.
    async fn is_plain(&self, change: &TaskChange, to: &RecordRef, turn: Turn) -> Result<bool, CallError> {
        let Some((object, plain)) = object(to) else {
            return Ok(false);
        };
        let id = &change.id.record().native_id;
        let types = self
            .api
            .link_types("tasks", object, (id, &to.native_id), turn)
            .await?;
        Ok(types == [u64::from(plain)])
    }
}

fn of(links: &DraftLinks) -> Vec<RecordRef> {
    records(&links.people, &links.deals)
}

fn records(people: &[followup_core::PersonId], deals: &[followup_core::DealId]) -> Vec<RecordRef> {
    let people = people.iter().map(|person| person.record().clone());
    people
        .chain(deals.iter().map(|deal| deal.record().clone()))
        .collect()
}

/// The object type of a record and the type of a plain link to it, if tasks are attached to such records.
const fn object(record: &RecordRef) -> Option<(&'static str, u32)> {
    match record.kind {
        RecordKind::Contact => Some(("contacts", TASK_TO_CONTACT)),
        RecordKind::Deal => Some(("deals", TASK_TO_DEAL)),
        _ => None,
    }
}
