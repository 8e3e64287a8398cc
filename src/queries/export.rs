//! Everything that is kept about one human, for whoever asks for their data: records of all connections, what was logged
//! with them, and what followupd decided and wrote.
//!
//! Colleagues on the same deal are left out; of an activity with several people only the ids of the others show.

use std::collections::BTreeSet;

use followup_core::{Activity, Deal, Person, PersonId, RecordRef, Task};
use followup_store::{Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{engine::Engine, exit::Exit};

/// What is kept about one human.
#[derive(Debug, Serialize, Deserialize)]
pub struct Export {
    /// The record that was asked for.
    pub subject: String,
    /// Every record that is this human.
    pub people: Vec<Person>,
    /// Deals they are on.
    pub deals: Vec<Deal>,
    /// What was logged with them: metadata, never a text.
    pub activities: Vec<Activity>,
    /// Tasks about them in the CRM.
    pub tasks: Vec<Task>,
    /// What followupd decided about them.
    pub decisions: Vec<Decision>,
    /// Where else something of them may lie.
    pub elsewhere: Vec<String>,
}

/// One task that followupd decided on.
#[derive(Debug, Serialize, Deserialize)]
pub struct Decision {
    /// Its key.
    pub task_key: String,
    /// What it is about.
    pub subject: String,
    /// Whose it is.
    pub owner: String,
    /// The gaps it stands for, by id.
    pub gaps: Vec<String>,
    /// When it was decided.
    pub planned_at: Timestamp,
    /// When it was written.
    pub created_at: Option<Timestamp>,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
}

/// Gathers it; a person nobody knows is not found.
pub(super) async fn export(engine: &Engine, person: &str) -> Result<Response, QueryError> {
    let asked = person.to_owned();
    let found = engine.store.with(move |store| gather(store, &asked)).await?;
    let export = found.map_err(QueryError::Usage)?.ok_or_else(|| {
        let message =
            "nothing is kept about this person; `followupd status` shows how far the CRMs were read";
        QueryError::NotFound(message.to_owned())
    })?;
    Ok(Response::of(Exit::Ok, &export))
}

type Found = Result<Option<Export>, String>;

fn gather(store: &mut Store, person: &str) -> Result<Found, StoreError> {
    let record: RecordRef = if person.contains('@') {
        let known = store.person_by_email(&person.to_lowercase())?;
        match known.into_iter().next() {
            Some(person) => person.record().clone(),
            None => return Ok(Ok(None)),
        }
    } else {
        match person.parse() {
            Ok(record) => record,
            Err(error) => return Ok(Err(format!("{error}"))),
        }
    };
    let human: BTreeSet<PersonId> = store.human(&PersonId(record.clone()))?;
    let gathered = store.gather(&record)?;
    let is_theirs = |people: &[PersonId]| people.iter().any(|person| human.contains(person));
    let people: Vec<Person> = gathered
        .people
        .into_iter()
        .filter(|person| human.contains(&person.id))
        .collect();
    // Of somebody the CRM deleted, what was logged and decided may still be there.
    if store.traces(&human)?.is_empty() {
        return Ok(Ok(None));
    }
    let decisions = decisions(store, &human);
    Ok(Ok(Some(Export {
        subject: record.to_string(),
        people,
        deals: gathered
            .deals
            .into_iter()
            .filter(|deal| is_theirs(&deal.people))
            .collect(),
        activities: gathered
            .activities
            .into_iter()
            .filter(|activity| is_theirs(&activity.people))
            .collect(),
        tasks: gathered
            .tasks
            .into_iter()
            .filter(|task| is_theirs(&task.people))
            .collect(),
        decisions,
        elsewhere: vec![
            "the CRMs themselves, whose data this is a copy of".to_owned(),
            "imports/ in the state directory, if activities were imported from files".to_owned(),
            "backups of the state directory".to_owned(),
        ],
    })))
}

fn decisions(store: &Store, human: &BTreeSet<PersonId>) -> Vec<Decision> {
    let rows = store.ledger().tasks();
    rows.filter(|row| human.iter().any(|person| *person.record() == row.subject))
        .map(|row| Decision {
            task_key: row.key.as_str().to_owned(),
            subject: row.subject.to_string(),
            owner: row.owner.to_string(),
            gaps: row.gaps.clone(),
            planned_at: row.planned_at,
            created_at: row.created_at,
            closed_at: row.closed.as_ref().map(|(_, at)| *at),
        })
        .collect()
}
