//! The ids of a case's records, collected before anything refers to them.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{
    ActivityId, ActivityKind, ConnectionId, DealId, OwnerId, PersonId, RecordKind, RecordRef, TaskId,
};

use crate::{
    model::Subject,
    problem::{
        document::{Node, Value},
        fields::Reader,
        suggest,
    },
};

/// The connection that records of a case belong to unless they say otherwise.
const CONNECTION: &str = "case";

/// The owner of a case that names none.
pub(super) const DEFAULT_OWNER: &str = "o1";

/// Every record of a case by its id.
#[derive(Debug)]
pub(super) struct Ids {
    /// The case's own connection.
    pub(super) connection: ConnectionId,
    /// All connections, the case's own included.
    pub(super) connections: BTreeSet<ConnectionId>,
    owners: BTreeMap<String, OwnerId>,
    people: BTreeMap<String, PersonId>,
    deals: BTreeMap<String, DealId>,
    activities: BTreeMap<String, ActivityId>,
    tasks: BTreeMap<String, TaskId>,
    own_tasks: BTreeMap<String, TaskId>,
}

impl Ids {
    /// Collects the ids of a case. Ids that stand twice are reported; records without a readable id are left to
    /// their readers.
    pub(super) fn collect(reader: &Reader<'_>, case: &Node, path: &str) -> Option<Self> {
        let connection = ConnectionId::new(CONNECTION).ok()?;
        let mut ids = Self {
            connection: connection.clone(),
            connections: BTreeSet::from([connection.clone()]),
            owners: BTreeMap::new(),
            people: BTreeMap::new(),
            deals: BTreeMap::new(),
            activities: BTreeMap::new(),
            tasks: BTreeMap::new(),
            own_tasks: BTreeMap::new(),
        };
        let named = |kind: RecordKind, id: &str| RecordRef::new(connection.clone(), kind, id);
        if case.get("owners").is_none() {
            let record = named(RecordKind::Owner, DEFAULT_OWNER);
            ids.owners.insert(DEFAULT_OWNER.to_owned(), OwnerId(record));
        }
        let mut other_connections = Vec::new();
        collect_list(reader, case, path, "owners", &mut ids.owners, |id, _| {
            OwnerId(named(RecordKind::Owner, id))
        });
        collect_list(reader, case, path, "people", &mut ids.people, |id, node| {
            let kind = if text_of(node, "kind") == Some("lead") {
                RecordKind::Lead
            } else {
                RecordKind::Contact
            };
            let own = text_of(node, "connection").and_then(|name| ConnectionId::new(name).ok());
            other_connections.extend(own.clone());
            PersonId(RecordRef::new(
                own.unwrap_or_else(|| connection.clone()),
                kind,
                id,
            ))
        });
        collect_list(reader, case, path, "deals", &mut ids.deals, |id, _| {
            DealId(named(RecordKind::Deal, id))
        });
        collect_list(
            reader,
            case,
            path,
            "activities",
            &mut ids.activities,
            |id, node| {
                let kind = text_of(node, "kind").and_then(ActivityKind::parse);
                ActivityId(named(
                    kind.map_or(RecordKind::Note, ActivityKind::record_kind),
                    id,
                ))
            },
        );
        let own_tasks = &mut ids.own_tasks;
        collect_list(reader, case, path, "tasks", &mut ids.tasks, |id, node| {
            let task = TaskId(named(RecordKind::Task, id));
            if text_of(node, "origin") == Some("followupd") {
                own_tasks.insert(id.to_owned(), task.clone());
            }
            task
        });
        ids.connections.extend(other_connections);
        Some(ids)
    }

    /// The owner a value names.
    pub(super) fn owner(&self, reader: &Reader<'_>, node: &Node, path: &str) -> Option<OwnerId> {
        lookup(reader, node, path, "an owner", &self.owners)
    }

    /// The person a value names.
    pub(super) fn person(&self, reader: &Reader<'_>, node: &Node, path: &str) -> Option<PersonId> {
        lookup(reader, node, path, "a person", &self.people)
    }

    /// The deal a value names.
    pub(super) fn deal(&self, reader: &Reader<'_>, node: &Node, path: &str) -> Option<DealId> {
        lookup(reader, node, path, "a deal", &self.deals)
    }

    /// The task a value names.
    pub(super) fn task(&self, reader: &Reader<'_>, node: &Node, path: &str) -> Option<TaskId> {
        lookup(reader, node, path, "a task", &self.tasks)
    }

    /// The task of ours a value names.
    pub(super) fn own_task(&self, reader: &Reader<'_>, node: &Node, path: &str) -> Option<TaskId> {
        lookup(reader, node, path, "a followupd task", &self.own_tasks)
    }

    /// The person or deal a value names.
    pub(super) fn subject(&self, reader: &Reader<'_>, node: &Node, path: &str) -> Option<Subject> {
        let people = self
            .people
            .iter()
            .map(|(id, person)| (id.clone(), Subject::Human(person.clone())));
        let deals = self
            .deals
            .iter()
            .map(|(id, deal)| (id.clone(), Subject::Deal(deal.clone())));
        let subjects = people.chain(deals).collect();
        lookup(reader, node, path, "a person or deal", &subjects)
    }

    /// The record a value names as the anchor of a gap.
    pub(super) fn anchor(&self, reader: &Reader<'_>, node: &Node, path: &str) -> Option<RecordRef> {
        let people = self.people.iter().map(|(id, person)| (id, person.record()));
        let deals = self.deals.iter().map(|(id, deal)| (id, deal.record()));
        let tasks = self.tasks.iter().map(|(id, task)| (id, task.record()));
        let activities = self
            .activities
            .iter()
            .map(|(id, activity)| (id, activity.record()));
        let records = tasks
            .chain(deals)
            .chain(people)
            .chain(activities)
            .map(|(id, record)| (id.clone(), record.clone()))
            .collect();
        lookup(reader, node, path, "a record", &records)
    }
}

/// The text under a key, without reporting anything.
fn text_of<'d>(node: &'d Node, key: &str) -> Option<&'d str> {
    match &node.get(key)?.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn collect_list<T>(
    reader: &Reader<'_>,
    case: &Node,
    path: &str,
    key: &str,
    known: &mut BTreeMap<String, T>,
    mut make: impl FnMut(&str, &Node) -> T,
) {
    let Some(Value::List(items)) = case.get(key).map(|node| &node.value) else {
        return;
    };
    for (index, item) in items.iter().enumerate() {
        let Some(id) = text_of(item, "id") else { continue };
        if known.insert(id.to_owned(), make(id, item)).is_some() {
            reader.report(
                "duplicate_id",
                item.get("id").map_or(item.offset, |node| node.offset),
                &format!("{path}.{key}[{index}].id"),
                format!("the id `{id}` stands twice in `{key}`"),
                "give every record an id of its own".to_owned(),
            );
        }
    }
}

fn lookup<T: Clone>(
    reader: &Reader<'_>,
    node: &Node,
    path: &str,
    what: &str,
    known: &BTreeMap<String, T>,
) -> Option<T> {
    let Value::Text(id) = &node.value else {
        reader.report_type(node, path, &format!("the id of {what}"));
        return None;
    };
    let found = known.get(id).cloned();
    if found.is_none() {
        let fix = if known.is_empty() {
            "the case has none".to_owned()
        } else {
            suggest(id, known.keys().map(String::as_str))
        };
        reader.report(
            "unknown_id",
            node.offset,
            path,
            format!("`{id}` is not the id of {what} of this case"),
            fix,
        );
    }
    found
}
