//! Finding our own tasks by key, by routes that are not the search index.
//!
//! Strong mode reads by the unique property, archived tasks included. Marker mode (and strong mode for what it does not
//! find: a task from before the portal had the property) goes from the contacts (else the
//! deals) the task would be attached to, over their task associations, to the tasks themselves, and looks for the key
//! in the body.

use followup_core::{ConnectorError, FoundTask, TaskQuery};
use followup_transport::Priority;
use jiff::Timestamp;

use super::{KeyMode, task_schema};
use crate::{Hubspot, api::Turn, map::key_in_body, schema::TASK_KEY, wire::Object};

impl Hubspot {
    pub(crate) async fn find(
        &self,
        queries: &[TaskQuery],
        now: Timestamp,
    ) -> Result<Vec<FoundTask>, ConnectorError> {
        let turn = Turn {
            priority: Priority::Write,
            now,
        };
        let mode = self.key_mode(now).await?;
        let mut found = Vec::new();
        for query in queries {
            found.extend(match mode {
                KeyMode::Strong => match self.find_by_property(query, turn).await? {
                    // It may have been written before the portal had the property.
                    none if none.is_empty() => self.find_by_marker(query, turn).await?,
                    found => found,
                },
                KeyMode::Marker(_) => self.find_by_marker(query, turn).await?,
            });
        }
        Ok(found)
    }

    async fn find_by_property(
        &self,
        query: &TaskQuery,
        turn: Turn,
    ) -> Result<Vec<FoundTask>, ConnectorError> {
        let key = query.key.as_str();
        for is_archived in [false, true] {
            let Some(object) = self
                .api
                .get_raw(task_schema(), key, Some(TASK_KEY), is_archived, turn)
                .await?
            else {
                continue;
            };
            let found = self.tasks_of(&[object], turn).await?;
            return Ok(found
                .into_iter()
                .map(|task| FoundTask {
                    key: query.key.clone(),
                    task,
                })
                .collect());
        }
        Ok(Vec::new())
    }

    /// All tasks with the key, oldest first: two of them are for the caller to judge.
    async fn find_by_marker(&self, query: &TaskQuery, turn: Turn) -> Result<Vec<FoundTask>, ConnectorError> {
        let people: Vec<String> = query
            .links
            .people
            .iter()
            .map(|person| person.record().native_id.clone())
            .collect();
        let deals: Vec<String> = query
            .links
            .deals
            .iter()
            .map(|deal| deal.record().native_id.clone())
            .collect();
        let (object, parents) = if people.is_empty() {
            ("deals", deals)
        } else {
            ("contacts", people)
        };
        // The links of a merged record are those of its survivor.
        let parents = self.api.present_ids(object, &parents, turn).await?;
        let linked = self.api.linked(object, "tasks", &parents, turn).await?;
        let mut ids: Vec<String> = linked.into_values().flatten().collect();
        ids.sort();
        ids.dedup();
        let mut found = Vec::new();
        for is_archived in [false, true] {
            if ids.is_empty() {
                break;
            }
            let raw = self.api.read(task_schema(), &ids, is_archived, turn).await?;
            let ours: Vec<_> = raw
                .into_iter()
                .filter(|value| {
                    Object::read(value).is_ok_and(|object| {
                        object
                            .text("hs_task_body")
                            .and_then(key_in_body)
                            .is_some_and(|key| key == query.key)
                    })
                })
                .collect();
            found.extend(self.tasks_of(&ours, turn).await?);
        }
        found.sort_by_key(|task| task.created_at);
        found.dedup_by(|left, right| left.id == right.id);
        Ok(found
            .into_iter()
            .map(|task| FoundTask {
                key: query.key.clone(),
                task,
            })
            .collect())
    }
}
