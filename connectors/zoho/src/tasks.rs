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

use followup_core::{ConnectorError, Record, RecordKind, RecordRef, Reread, Stream, Task};
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

/// The id of the row that a record is read from: a call to be made is a task of ours and a row of calls.
fn row_id(id: &RecordRef) -> &str {
    id.native_id.strip_prefix(CALL_TASK).unwrap_or(&id.native_id)
}

impl Zoho {
    /// Reads records again by id, as they are now. Those that are gone are left out; mails cannot be read that way.
    pub(crate) async fn read_records(
        &self,
        ids: &[RecordRef],
        now: Timestamp,
    ) -> Result<Reread, ConnectorError> {
        let turn = Turn::write(now);
        let view = self.view(turn).await?;
        let mut by_module: BTreeMap<(Module, Stream), Vec<&RecordRef>> = BTreeMap::new();
        let mut owners: Vec<String> = Vec::new();
        let mut read = Reread::default();
        for id in ids.iter().filter(|id| id.connection == self.config.connection) {
            let module = match id.kind {
                RecordKind::Owner => {
                    owners.push(id.native_id.clone());
                    continue;
                }
                RecordKind::Task if row_id(id) != id.native_id => Some(Module::Calls),
                kind => Module::of_kind(kind),
            };
            let stream = module.and_then(|module| {
                STREAMS
                    .iter()
                    .copied()
                    .find(|stream| module_of(*stream) == Some(module))
            });
            let is_open = |module: &Module| self.closed(*module, &view, now).is_none();
            if let (Some(module), Some(stream)) = (module.filter(is_open), stream) {
                by_module.entry((module, stream)).or_default().push(id);
            } else {
                read.unread.push(id.clone());
            }
        }
        for ((module, stream), asked) in by_module {
            let row_ids: Vec<String> = asked.iter().map(|id| row_id(id).to_owned()).collect();
            let rows = self.rows_by_id(module, &row_ids, &view, turn).await?;
            let details = self
                .details(module, &rows, &view, turn)
                .await
                .map_err(|fault: Fault| ConnectorError::from(fault))?;
            let context = self.context(&view, &details, now);
            for row in &rows {
                let is_row = |id: &&&RecordRef| row.id().is_ok_and(|row| row == row_id(id));
                match context.map(stream, module, row) {
                    Ok(record) => read.records.extend(record),
                    Err(_) => read
                        .unread
                        .extend(asked.iter().filter(is_row).map(|id| (*id).clone())),
                }
            }
        }
        // A call is a to-do or a logged one, never both.
        read.records.retain(|record| ids.contains(record.id()));
        if !owners.is_empty() {
            read.records
                .extend(self.owners_by_id(&owners, &view, turn).await?);
        }
        Ok(read)
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
