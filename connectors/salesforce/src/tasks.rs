//! Our own tasks: created once, found by key, amended and closed without overwriting a human; and records read again by
//! id.
//!
//! The key travels in a unique External ID on Activity where the org has deployed it (strong mode), else in the subject
//! line, because a description cannot be searched. The whole marker block always stands at the end of the description.

mod amend;
mod create;
mod find;

use std::collections::BTreeMap;

use followup_core::{ConnectorError, Record, RecordKind, RecordRef, Reread, Stream, Task};
use followup_transport::Priority;
use jiff::Timestamp;

use crate::{
    Salesforce, View,
    api::Turn,
    map::{Details, Mapped},
    pull::Fault,
    schema::{self, Table, prefix},
    wire::Row,
};

/// The table a record is a row of; `None` for kinds that Salesforce has not.
fn table_of(id: &RecordRef) -> Option<Table> {
    Some(match id.kind {
        RecordKind::Owner if id.native_id.starts_with(prefix::QUEUE) => Table::Group,
        RecordKind::Owner => Table::User,
        RecordKind::Lead => Table::Lead,
        RecordKind::Contact => Table::Contact,
        RecordKind::Account => Table::Account,
        RecordKind::Deal => Table::Opportunity,
        RecordKind::Email if id.native_id.starts_with(prefix::TASK) => Table::Task,
        RecordKind::Email => Table::EmailMessage,
        RecordKind::Call | RecordKind::Task => Table::Task,
        RecordKind::Meeting => Table::Event,
        _ => return None,
    })
}

/// A turn of the write side.
pub(crate) const fn turn(now: Timestamp) -> Turn {
    Turn {
        priority: Priority::Write,
        now,
    }
}

impl Salesforce {
    /// Reads records again by id, as they are now. Deleted ones, and losers of merges, are left out.
    pub(crate) async fn read_records(
        &self,
        ids: &[RecordRef],
        now: Timestamp,
    ) -> Result<Reread, ConnectorError> {
        let turn = turn(now);
        let view = self.view(turn).await?;
        let mut read = Reread::default();
        for ((kind, table), ids) in self.by_table(ids) {
            let record = |id: &String| RecordRef::new(self.config.connection.clone(), kind, id);
            let stream = schema::stream_of(kind).filter(|_| view.org.closed(table).is_none());
            let Some(stream) = stream else {
                read.unread.extend(ids.iter().map(record));
                continue;
            };
            let fields = self.fields(table, &view);
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let rows = self.api.retrieve(table, &fields, &ids, turn).await?;
            let is_shown = |id: &&String| {
                rows.iter()
                    .any(|row| row.id().is_ok_and(|shown| shown == id.as_str()))
            };
            let absent: Vec<&String> = ids.iter().filter(|id| !is_shown(id)).collect();
            if !absent.is_empty() && self.sight_lacks_now(turn).await?.is_some() {
                read.unread.extend(absent.into_iter().map(record));
            }
            let live: Vec<&Row> = rows.iter().filter(|row| !row.is_true("IsDeleted")).collect();
            let details = self
                .details(stream, table, &live, &view, turn)
                .await
                .map_err(ConnectorError::from)?;
            let context = self.context(&view, &details, turn);
            for row in live {
                match context.map(stream, table, row) {
                    Ok(Mapped::Record(record)) => read.records.push(*record),
                    Ok(Mapped::Gone(_) | Mapped::Nothing) => {}
                    Err(_) => read.unread.extend(row.id().map(|id| context.record(kind, id))),
                }
            }
        }
        read.unread
            .extend(ids.iter().filter(|id| table_of(id).is_none()).cloned());
        Ok(read)
    }

    /// Ids by the table their records are rows of, which for mails and owners shows in the id.
    fn by_table(&self, ids: &[RecordRef]) -> BTreeMap<(RecordKind, Table), Vec<String>> {
        let mut by_table: BTreeMap<(RecordKind, Table), Vec<String>> = BTreeMap::new();
        for id in ids.iter().filter(|id| id.connection == self.config.connection) {
            let Some(table) = table_of(id) else { continue };
            by_table
                .entry((id.kind, table))
                .or_default()
                .push(id.native_id.clone());
        }
        by_table
    }

    /// What is selected of a table; of tasks the key too.
    fn fields(&self, table: Table, view: &View) -> Vec<String> {
        let key = self.config.mapping.key_field();
        let key = (table == Table::Task && view.org.has_key_field(key)).then(|| key.to_owned());
        view.org
            .select(table)
            .into_iter()
            .map(str::to_owned)
            .chain(key)
            .collect()
    }

    /// The same for our own tasks, whose text is wanted.
    fn task_fields(&self, view: &View) -> Vec<String> {
        let mut fields = self.fields(Table::Task, view);
        if view.org.shows(Table::Task, "Description") {
            fields.push("Description".to_owned());
        }
        fields
    }

    /// Tasks as they stand, by id; deleted ones are not there.
    async fn tasks_by_id(
        &self,
        ids: &[String],
        view: &View,
        turn: Turn,
    ) -> Result<BTreeMap<String, Task>, ConnectorError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let fields = self.task_fields(view);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let mut rows = self.api.retrieve(Table::Task, &fields, ids, turn).await?;
        rows.retain(|row| !row.is_true("IsDeleted"));
        let tasks = self.own_tasks(&rows, view, turn).await?;
        Ok(tasks
            .into_iter()
            .map(|task| (task.id.record().native_id.clone(), task))
            .collect())
    }

    /// Maps rows of our own tasks that were read with their text.
    async fn own_tasks(&self, rows: &[Row], view: &View, turn: Turn) -> Result<Vec<Task>, ConnectorError> {
        let relations = self
            .relations_of_tasks(rows, view, turn)
            .await
            .map_err(ConnectorError::from)?;
        let context = self.context(view, &relations, turn);
        Ok(rows
            .iter()
            .filter_map(|row| match context.map(Stream::Tasks, Table::Task, row) {
                Ok(Mapped::Record(record)) => match *record {
                    Record::Task(task) => Some(task),
                    _ => None,
                },
                _ => None,
            })
            .collect())
    }

    /// Whom tasks are about beyond the first; their texts are in the rows already.
    async fn relations_of_tasks(&self, rows: &[Row], view: &View, turn: Turn) -> Result<Details, Fault> {
        let rows: Vec<&Row> = rows.iter().collect();
        // Asked for as a stream that takes no texts.
        self.details(Stream::Accounts, Table::Task, &rows, view, turn)
            .await
    }
}
