//! `erase`: takes everything that is kept of one human out of the state directory, and says first what that is.
//!
//! The CRM is the master. What it still has of them is looked for by record number and named, and so are tasks of ours
//! that are open there: this program deletes nothing in a CRM. Record numbers that were erased stay marked in the
//! cache, so that nothing of them is taken in again behind the admin's back; keys of tasks stay in the ledger.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use followup_core::{PersonId, RecordKind, RecordRef, TaskId, TaskKey};
use followup_store::{Store, StoreError, Traces};
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{engine::Engine, exit::Exit, import, planning::Outbox};

/// What is erased, or would be.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Erased {
    /// Whether it was done; else this is what would be.
    pub done: bool,
    /// Records of theirs, with their names as long as they are kept.
    pub people: Vec<Named>,
    /// Activities with them alone, which go.
    pub activities: u64,
    /// Tasks of anybody about them alone, which go here, not in the CRM.
    pub tasks: u64,
    /// Deals, accounts, activities and tasks that stay, without them.
    pub shared: u64,
    /// What was decided about them: of it only keys stay.
    pub decisions: u64,
    /// Activities in imported files that go or lose them.
    pub imported: u64,
    /// Tasks of this program about them that are open in the CRM: delete them there.
    pub open_tasks: Vec<TaskId>,
    /// Tasks of this program about them that have ended; their texts may still be in the CRM.
    pub ended_tasks: Vec<TaskId>,
    /// Tasks about them that may be in the CRM, by their key there: their creation was never answered.
    pub lost_tasks: Vec<TaskKey>,
    /// Open tasks about others whose text names them: written anew by the next cycle; erase again then.
    pub naming: Vec<TaskId>,
    /// Records of theirs that a CRM still has: erase them there.
    pub still_in_crm: Vec<RecordRef>,
    /// Connections that could not be asked, and why.
    pub not_asked: BTreeMap<String, String>,
    /// Where else something of them may lie.
    pub elsewhere: Vec<String>,
}

/// A record and whose it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Named {
    /// The record.
    pub record: RecordRef,
    /// The name the cache has; empty if it has none.
    pub name: String,
}

/// Looks for everything of a person, and with `yes` erases it. `data_dir` is where copies of imported files lie.
pub(super) async fn erase(
    engine: &Engine,
    data_dir: Option<&Path>,
    person: &str,
    yes: bool,
) -> Result<Response, QueryError> {
    let asked = person.to_owned();
    let found = engine.store.with(move |store| find(store, &asked)).await?;
    let (people, traces) = found.map_err(QueryError::Usage)?;
    let mut erased = Erased::of(&people, &traces);
    if traces.is_empty() {
        return nothing(engine, erased, yes).await;
    }
    erased.ask_crms(engine, &traces.records).await;
    if !yes {
        return Ok(Response::of(Exit::Ok, &erased));
    }
    // Files first: while they cannot be written, everything is found again by the same address.
    if let Some(data_dir) = data_dir {
        erased.imported = import::forget(data_dir, &traces.records).map_err(|error| {
            let error = format!("{:#}", anyhow::Error::from(error));
            let fix = "Fix: mend the cause and repeat the command";
            QueryError::Unfinished(format!(
                "nothing was erased, for imports/ cannot be written: {error}. {fix}"
            ))
        })?;
    }
    // Nothing is planned about them, and no text about them waits to be written, from here on.
    let mut outbox = engine.plan_turn.lock().await;
    *outbox = Outbox::default();
    let now = engine.clock.now();
    engine.store.with(move |store| store.erase(&people, now)).await?;
    drop(outbox);
    renew(engine).await?;
    erased.done = true;
    let exit = if erased.still_in_crm.is_empty() {
        Exit::Ok
    } else {
        Exit::Differs
    };
    Ok(Response::of(exit, &erased))
}

/// Nothing is kept; what was deleted earlier may still lie in the bytes of a file.
async fn nothing(engine: &Engine, mut erased: Erased, yes: bool) -> Result<Response, QueryError> {
    if !yes {
        let message = "nothing is kept about this person. If they were deleted in the CRM, their record number \
                       (hub:contact:301) finds what was logged with them; --yes writes the files anew all the same, so \
                       that nothing deleted earlier is left in them";
        return Err(QueryError::NotFound(message.to_owned()));
    }
    renew(engine).await?;
    erased.done = true;
    Ok(Response::of(Exit::Ok, &erased))
}

async fn renew(engine: &Engine) -> Result<(), QueryError> {
    let renewed = engine.store.with(Store::renew).await;
    renewed.map_err(|error| {
        QueryError::Unfinished(format!(
            "what was kept is erased, but old bytes of it may still lie on disk, for the cache could not be written into \
             fresh files: {error}. Fix: mend the cause and repeat the command with --yes"
        ))
    })
}

type Found = Result<(BTreeSet<PersonId>, Traces), String>;

fn find(store: &mut Store, person: &str) -> Result<Found, StoreError> {
    let first: Vec<PersonId> = if person.contains('@') {
        store.person_by_email(person)?
    } else {
        match person.parse::<RecordRef>() {
            Ok(record) if matches!(record.kind, RecordKind::Lead | RecordKind::Contact) => {
                vec![PersonId(record)]
            }
            Ok(record) => return Ok(Err(format!("{record} is no lead and no contact"))),
            Err(error) => return Ok(Err(error.to_string())),
        }
    };
    let mut people = BTreeSet::new();
    for person in &first {
        people.extend(store.human(person)?);
    }
    let traces = store.traces(&people)?;
    Ok(Ok((people, traces)))
}

impl Erased {
    fn of(people: &BTreeSet<PersonId>, traces: &Traces) -> Self {
        let name_of = |id: &PersonId| {
            let person = traces.people.iter().find(|person| person.id == *id);
            person.map(|person| person.name.clone()).unwrap_or_default()
        };
        Self {
            people: people
                .iter()
                .map(|id| Named {
                    record: id.record().clone(),
                    name: name_of(id),
                })
                .collect(),
            activities: traces.activities.len() as u64,
            tasks: traces.tasks.len() as u64,
            shared: traces.shared.len() as u64,
            decisions: traces.decisions,
            open_tasks: traces.open_tasks.iter().cloned().collect(),
            ended_tasks: traces.ended_tasks.iter().cloned().collect(),
            lost_tasks: traces.lost_tasks.iter().cloned().collect(),
            naming: traces.naming.iter().cloned().collect(),
            elsewhere: vec![
                "the CRMs: erase them there first, this program deletes nothing in them".to_owned(),
                "backups of the state directory, and of the machine".to_owned(),
            ],
            ..Self::default()
        }
    }

    /// Asks each CRM by record number whether it still has them.
    async fn ask_crms(&mut self, engine: &Engine, records: &BTreeSet<RecordRef>) {
        let now = engine.clock.now();
        let mut by_connection: BTreeMap<_, Vec<RecordRef>> = BTreeMap::new();
        for record in records {
            by_connection
                .entry(record.connection.clone())
                .or_default()
                .push(record.clone());
        }
        for (connection, ids) in by_connection {
            let link = engine
                .links
                .iter()
                .find(|link| *link.connector.connection() == connection);
            let Some(link) = link else {
                let why = "it is not configured any more".to_owned();
                self.not_asked.insert(connection.to_string(), why);
                continue;
            };
            match link.connector.read(&ids, now).await {
                Ok(there) => {
                    if !there.unread.is_empty() {
                        let why = format!("{} of the records could not be read", there.unread.len());
                        self.not_asked.insert(connection.to_string(), why);
                    }
                    let there = there.records.iter().map(|record| record.id().clone());
                    self.still_in_crm.extend(there.filter(|id| ids.contains(id)));
                }
                Err(error) => {
                    self.not_asked.insert(connection.to_string(), error.to_string());
                }
            }
        }
    }
}
