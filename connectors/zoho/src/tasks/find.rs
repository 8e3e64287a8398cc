//! Finding our own tasks by key: by external id, by a query, or in the lists of the records they are about; never by
//! search, whose index lags and whose "equals" means "contains".

use std::collections::BTreeMap;

use followup_core::{ConnectorError, FoundTask, RecordKind, RecordRef, Task, TaskKey, TaskQuery};
use followup_transport::CallError;
use jiff::Timestamp;

use crate::{
    Zoho,
    api::{Place, Turn, is_absent},
    map::Details,
    org::KeyMode,
    schema::Module,
    view::View,
    wire::Row,
};

/// Keys in one query (COQL limitations page: 50 values of `in`).
const KEYS_MAX: usize = 50;
/// Rows of such a query: one credit.
const ROWS: u32 = 200;
/// Pages of one record's tasks.
const PAGES_MAX: u32 = 50;
/// Lists of a record that hold its tasks. Where one holds open and closed ones, the other is refused.
const LISTS: &[&str] = &["Tasks", "Tasks_History"];

impl Zoho {
    pub(crate) async fn find(
        &self,
        queries: &[TaskQuery],
        now: Timestamp,
    ) -> Result<Vec<FoundTask>, ConnectorError> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let turn = Turn::write(now);
        let view = self.view(turn).await?;
        let mut ids: BTreeMap<String, TaskKey> = BTreeMap::new();
        if view.key_mode.has_field() {
            self.find_by_field(queries, &view, turn, &mut ids).await?;
        }
        // With a unique key a second creation is refused, so a look that comes too early does no harm.
        if !matches!(view.key_mode, KeyMode::Strong { .. }) {
            let missing = queries
                .iter()
                .filter(|query| !ids.values().any(|key| *key == query.key));
            let missing: Vec<&TaskQuery> = missing.collect();
            self.find_at_records(&missing, &view, turn, &mut ids).await?;
        }
        let asked: Vec<String> = ids.keys().cloned().collect();
        let tasks = self.tasks_by_id(&asked, &view, turn).await?;
        Ok(in_order_of(queries, tasks.into_values().collect()))
    }

    /// By the field that carries the key.
    async fn find_by_field(
        &self,
        queries: &[TaskQuery],
        view: &View,
        turn: Turn,
        ids: &mut BTreeMap<String, TaskKey>,
    ) -> Result<(), CallError> {
        let field = &self.config.mapping.key_field;
        if view.key_mode == (KeyMode::Strong { is_external: true }) {
            let mut works = true;
            for query in queries {
                match self.api.by_external_id(field, query.key.as_str(), turn).await {
                    Ok(row) => {
                        let id = row.and_then(|row| row.id().map(str::to_owned).ok());
                        ids.extend(id.map(|id| (id, query.key.clone())));
                    }
                    Err(error) if is_absent(&error) => {
                        works = false;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            if works {
                return Ok(());
            }
        }
        for chunk in queries.chunks(KEYS_MAX) {
            let keys: Vec<String> = chunk.iter().map(|query| quoted(query.key.as_str())).collect();
            let select = format!(
                "select id, {field} from Tasks where {field} in ({})",
                keys.join(", ")
            );
            match self.api.query(&select, ROWS, "look for our tasks", turn).await {
                Ok(answered) => {
                    for row in answered.page.iter().flat_map(crate::wire::PageWire::rows) {
                        if let (Ok(id), Some(key)) = (row.id(), row.text(field)) {
                            ids.insert(id.to_owned(), TaskKey(key.to_owned()));
                        }
                    }
                }
                // Without queries the lists of the records still tell.
                Err(error) if is_absent(&error) => {
                    let all: Vec<&TaskQuery> = queries.iter().collect();
                    return self.find_at_records(&all, view, turn, ids).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// In the lists of the records the tasks are about, by field or marker.
    async fn find_at_records(
        &self,
        queries: &[&TaskQuery],
        view: &View,
        turn: Turn,
        ids: &mut BTreeMap<String, TaskKey>,
    ) -> Result<(), CallError> {
        let mut records: Vec<&RecordRef> = queries
            .iter()
            .flat_map(|query| {
                let people = query.links.people.iter().map(followup_core::PersonId::record);
                people.chain(query.links.deals.iter().map(followup_core::DealId::record))
            })
            .collect();
        records.sort();
        records.dedup();
        for record in records {
            let module = match record.kind {
                RecordKind::Lead => Module::Leads,
                RecordKind::Contact => Module::Contacts,
                RecordKind::Deal => Module::Deals,
                _ => continue,
            };
            for list in LISTS {
                match self.tasks_at((module, &record.native_id), list, view, turn).await {
                    Ok(rows) => {
                        let none = Details::default();
                        let context = self.context(view, &none, turn.now);
                        for row in &rows {
                            if let (Ok(id), Some(key)) = (row.id(), context.key(row))
                                && queries.iter().any(|query| query.key == key)
                            {
                                ids.insert(id.to_owned(), key);
                            }
                        }
                    }
                    // Hidden, or the record is gone: then nothing is there.
                    Err(error) if is_absent(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    async fn tasks_at(
        &self,
        of: (Module, &str),
        list: &str,
        view: &View,
        turn: Turn,
    ) -> Result<Vec<Row>, CallError> {
        let mut wanted = vec!["id", "Subject", "Created_Time"];
        if view.org.shows(Module::Tasks, "Description") {
            wanted.push("Description");
        }
        let key_field = &self.config.mapping.key_field;
        if view.org.shows(Module::Tasks, key_field) {
            wanted.push(key_field);
        }
        let fields = wanted.join(",");
        let mut rows = Vec::new();
        let mut place = Place::Page(1);
        for number in 1..=PAGES_MAX {
            let Some(page) = self.api.related(of, list, &fields, &place, turn).await? else {
                break;
            };
            rows.extend(page.rows());
            if !page.info.has_more {
                break;
            }
            place = match page.info.next_page_token {
                Some(token) => Place::Token(token),
                None => Place::Page(number + 1),
            };
        }
        Ok(rows)
    }
}

/// A text in a query: keys are made of letters, digits, dashes and underscores, and nothing else gets through.
fn quoted(key: &str) -> String {
    let key: String = key
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    format!("'{key}'")
}

/// All tasks with each key, oldest first, in the order of the queries: two of them are for the caller to judge.
fn in_order_of(queries: &[TaskQuery], mut tasks: Vec<Task>) -> Vec<FoundTask> {
    tasks.sort_by(|left, right| (left.created_at, &left.id).cmp(&(right.created_at, &right.id)));
    let mut found = Vec::new();
    for query in queries {
        let fitting = tasks.iter().filter(|task| task.key.as_ref() == Some(&query.key));
        found.extend(fitting.map(|task| FoundTask {
            key: query.key.clone(),
            task: task.clone(),
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_key_goes_into_a_query() {
        assert_eq!(quoted("fd-9f2c_1"), "'fd-9f2c_1'");
        assert_eq!(quoted("a') or (id > '0"), "'aorid0'");
    }
}
