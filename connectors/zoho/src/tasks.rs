//! Our own tasks: created once, found by key, amended and closed without overwriting a human; and records read again by
//! id.
//!
//! Zoho has no upsert for tasks and no key for a repeated request. The key travels in a unique field of its own where the
//! org has one (strong mode), in a plain field, or else in the subject line, because lists cut descriptions. The whole
//! marker block always stands at the end of the description.

mod amend;
mod create;
mod find;
mod row;

use std::collections::BTreeMap;

use followup_core::{ConnectorError, Record, RecordKind, RecordRef, Stream, Task};
use jiff::Timestamp;

use crate::{
    Zoho,
    api::{Turn, is_absent},
    map::{CALL_TASK, Details, map_user},
    pull::{Fault, Whose},
    schema::{Module, STREAMS, module_of},
    view::View,
    wire::Row,
};

impl Zoho {
    /// Reads records again by id, as they are now. Those that are gone are left out; mails cannot be read that way.
    pub(crate) async fn read_records(
        &self,
        ids: &[RecordRef],
        now: Timestamp,
    ) -> Result<Vec<Record>, ConnectorError> {
        let turn = Turn::write(now);
        let view = self.view(turn).await?;
        let mut by_module: BTreeMap<(Module, Stream), Vec<String>> = BTreeMap::new();
        let mut owners: Vec<String> = Vec::new();
        for id in ids.iter().filter(|id| id.connection == self.config.connection) {
            let scheduled = id.native_id.strip_prefix(CALL_TASK);
            let module = match (id.kind, scheduled) {
                (RecordKind::Owner, _) => {
                    owners.push(id.native_id.clone());
                    continue;
                }
                (RecordKind::Task, Some(_)) => Some(Module::Calls),
                (kind, _) => Module::of_kind(kind),
            };
            let stream = module.and_then(|module| {
                STREAMS
                    .iter()
                    .copied()
                    .find(|stream| module_of(*stream) == Some(module))
            });
            if let (Some(module), Some(stream)) = (module, stream) {
                let id = scheduled.unwrap_or(&id.native_id).to_owned();
                by_module.entry((module, stream)).or_default().push(id);
            }
        }
        let mut records = Vec::with_capacity(ids.len());
        for ((module, stream), asked) in by_module {
            if self.closed(module, &view, now).is_some() {
                continue;
            }
            let rows = self.rows_by_id(module, &asked, &view, turn).await?;
            records.extend(self.mapped(stream, module, &rows, &view, turn).await?);
        }
        // A call is a to-do or a logged one, never both.
        records.retain(|record| ids.contains(record.id()));
        if !owners.is_empty() {
            records.extend(self.owners_by_id(&owners, &view, turn).await?);
        }
        Ok(records)
    }

    /// Rows with everything that is wanted of them.
    async fn rows_by_id(
        &self,
        module: Module,
        ids: &[String],
        view: &View,
        turn: Turn,
    ) -> Result<Vec<Row>, ConnectorError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let plain = view.org.select(module, &self.config.mapping.key_field);
        let may_ask = !self.remembered().refused_extras.contains(&module);
        if may_ask && !module.extras().is_empty() {
            let mut fields = plain.clone();
            fields.extend(module.extras().iter().map(|name| (*name).to_owned()));
            match self.api.by_ids(module, &fields.join(","), ids, turn).await {
                Err(error) if is_absent(&error) => {}
                other => return Ok(other?),
            }
        }
        Ok(self.api.by_ids(module, &plain.join(","), ids, turn).await?)
    }

    async fn mapped(
        &self,
        stream: Stream,
        module: Module,
        rows: &[Row],
        view: &View,
        turn: Turn,
    ) -> Result<Vec<Record>, ConnectorError> {
        let details = self
            .details(module, rows, view, turn)
            .await
            .map_err(|fault: Fault| ConnectorError::from(fault))?;
        let context = self.context(view, &details, turn.now);
        Ok(rows
            .iter()
            .filter_map(|row| context.map(stream, module, row).ok().flatten())
            .collect())
    }

    async fn owners_by_id(
        &self,
        ids: &[String],
        view: &View,
        turn: Turn,
    ) -> Result<Vec<Record>, ConnectorError> {
        let (rows, _) = self.all_users(None, turn).await?;
        self.remember_users(&rows);
        let none = Details::default();
        let context = self.context(view, &none, turn.now);
        Ok(rows
            .iter()
            .filter(|row| row.id().is_ok_and(|id| ids.iter().any(|asked| asked == id)))
            .filter_map(|row| map_user(&context, row).ok().map(Record::Owner))
            .collect())
    }

    /// Tasks as they stand, by id; deleted ones are not there.
    async fn tasks_by_id(
        &self,
        ids: &[String],
        view: &View,
        turn: Turn,
    ) -> Result<BTreeMap<String, Task>, ConnectorError> {
        let rows = self.rows_by_id(Module::Tasks, ids, view, turn).await?;
        self.own_tasks(&rows, view, turn).await
    }

    /// Maps rows of our own tasks.
    async fn own_tasks(
        &self,
        rows: &[Row],
        view: &View,
        turn: Turn,
    ) -> Result<BTreeMap<String, Task>, ConnectorError> {
        let read = async {
            Ok(Details {
                whats: self.learn_whats(rows, turn).await?,
                bodies: self.bodies(rows, Whose::Ours, view, turn).await?,
                ..Details::default()
            })
        };
        let details = read.await.map_err(|fault: Fault| ConnectorError::from(fault))?;
        let context = self.context(view, &details, turn.now);
        Ok(rows
            .iter()
            .filter_map(|row| context.map(Stream::Tasks, Module::Tasks, row).ok().flatten())
            .filter_map(|record| match record {
                Record::Task(task) => Some((task.id.record().native_id.clone(), task)),
                _ => None,
            })
            .collect())
    }
}
