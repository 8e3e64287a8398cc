//! Finding our own tasks by key, deleted ones included, by queries over the database itself (not the search index).

use std::collections::BTreeMap;

use followup_core::{ConnectorError, FoundTask, Task, TaskKey, TaskQuery, task_text::KEY_MARK};
use jiff::{SignedDuration, Timestamp};

use super::turn;
use crate::{
    Salesforce, View,
    api::{Turn, is_hidden_field},
    schema::Table,
    soql::{self, Select},
    wire::Row,
};

/// Keys in one query.
const KEYS_MAX: usize = 100;
/// How long before the sending a task may have been stamped: clocks differ.
const BEFORE: SignedDuration = SignedDuration::from_mins(5);

impl Salesforce {
    pub(crate) async fn find(
        &self,
        queries: &[TaskQuery],
        now: Timestamp,
    ) -> Result<Vec<FoundTask>, ConnectorError> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let turn = turn(now);
        let mut view = self.view(turn).await?;
        let mut found = BTreeMap::new();
        match self.find_by_key(queries, &view, turn, &mut found).await {
            // The key was visible and is not any more: the texts still tell.
            Err(error) if is_hidden_field(&error) => {
                self.forget_org();
                view = self.view(turn).await?;
            }
            other => other?,
        }
        let missing: Vec<&TaskQuery> = queries
            .iter()
            .filter(|query| !found.contains_key(&query.key))
            .collect();
        for chunk in missing.chunks(KEYS_MAX) {
            self.find_by_marker(chunk, &view, turn, &mut found).await?;
        }
        let rows: Vec<Row> = found.into_values().flatten().collect();
        let mut tasks = self.own_tasks(&rows, &view, turn).await?;
        tasks.sort_by(|left, right| (left.created_at, &left.id).cmp(&(right.created_at, &right.id)));
        tasks.dedup_by(|left, right| left.id == right.id);
        Ok(in_order_of(queries, tasks))
    }

    /// By the unique field, where the org has it.
    async fn find_by_key(
        &self,
        queries: &[TaskQuery],
        view: &View,
        turn: Turn,
        found: &mut BTreeMap<TaskKey, Vec<Row>>,
    ) -> Result<(), followup_transport::CallError> {
        let field = self.config.mapping.key_field();
        if !view.org.has_key_field(field) {
            return Ok(());
        }
        for chunk in queries.chunks(KEYS_MAX) {
            let keys = chunk.iter().map(|query| query.key.as_str());
            let select = Select::new("Task", self.task_fields(view)).and(soql::within(field, keys));
            for row in self.api.all_rows(&select, "look for our tasks", turn).await? {
                if let Some(key) = row.text(field).map(|key| TaskKey(key.to_owned())) {
                    found.entry(key).or_default().push(row);
                }
            }
        }
        Ok(())
    }

    /// By the marker in subject or description, among tasks of the records in question or with our marker in the
    /// subject, made since a little before the sending. A conversion or merge moves a task to another record; its
    /// subject stays.
    async fn find_by_marker(
        &self,
        queries: &[&TaskQuery],
        view: &View,
        turn: Turn,
        found: &mut BTreeMap<TaskKey, Vec<Row>>,
    ) -> Result<(), ConnectorError> {
        let people = queries.iter().flat_map(|query| &query.links.people);
        let people: Vec<&str> = people.map(|id| id.record().native_id.as_str()).collect();
        let deals = queries.iter().flat_map(|query| &query.links.deals);
        let deals: Vec<&str> = deals.map(|id| id.record().native_id.as_str()).collect();
        let mut places = Vec::new();
        if !people.is_empty() {
            places.push(soql::within("WhoId", people));
        }
        if !deals.is_empty() {
            places.push(soql::within("WhatId", deals));
        }
        let sent: Option<Vec<Timestamp>> = queries.iter().map(|query| query.sent_at).collect();
        let since = sent.and_then(|sent| sent.into_iter().min()).map(|at| at - BEFORE);
        if since.is_some() {
            places.push(format!("Subject LIKE '%{KEY_MARK}%'"));
        }
        if places.is_empty() {
            return Ok(());
        }
        let since = since.map(|at| format!("CreatedDate >= {}", soql::instant(soql::second_floor(at))));
        let select = Select::new(Table::Task.object(), self.task_fields(view))
            .and_maybe(since)
            .and(soql::any(&places));
        let rows = self.api.all_rows(&select, "look for our tasks", turn).await?;
        let none = crate::map::Details::default();
        let context = self.context(view, &none, turn);
        for row in rows {
            if let Some(key) = context.key(&row)
                && queries.iter().any(|query| query.key == key)
            {
                found.entry(key).or_default().push(row);
            }
        }
        Ok(())
    }
}

/// All tasks with each key, oldest first, in the order of the queries: two of them are for the caller to judge.
fn in_order_of(queries: &[TaskQuery], tasks: Vec<Task>) -> Vec<FoundTask> {
    let mut by_key: BTreeMap<TaskKey, Vec<Task>> = BTreeMap::new();
    for task in tasks {
        if let Some(key) = task.key.clone() {
            by_key.entry(key).or_default().push(task);
        }
    }
    queries
        .iter()
        .flat_map(|query| {
            let tasks = by_key.remove(&query.key).unwrap_or_default();
            tasks.into_iter().map(|task| FoundTask {
                key: query.key.clone(),
                task,
            })
        })
        .collect()
}
