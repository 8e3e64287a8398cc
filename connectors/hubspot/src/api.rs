//! HubSpot's read calls as functions: list, search, batch read, associations, owners, pipelines.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use followup_transport::Turn;
use followup_transport::{Call, CallError, Client};
use serde_json::{Value, json};

use crate::{
    map::{Links, StageFacts, Stages},
    paths::Paths,
    schema::Schema,
    wire::{LinkRow, OwnerWire, Page, PipelineWire, RawObject},
};

/// Inputs of one batch read of associations (associations guide: 1,000); fewer keep answers small.
const LINK_INPUTS_MAX: usize = 500;
/// Rounds of per-input paging after which a server that never ends is given up.
const LINK_ROUNDS_MAX: usize = 200;
/// Owners per page; the default, since the maximum is not documented.
const OWNERS_PAGE: usize = 100;
/// Pages of owners after which a server that never ends is given up.
const OWNER_PAGES_MAX: usize = 1_000;

/// Which way a search is sorted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    const fn word(self) -> &'static str {
        match self {
            Self::Ascending => "ASCENDING",
            Self::Descending => "DESCENDING",
        }
    }
}

/// One search. HubSpot honours a single sort.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) filters: Value,
    pub(crate) sort: &'static str,
    pub(crate) direction: Direction,
    pub(crate) limit: usize,
    /// Offset into the results.
    pub(crate) skip: u32,
}

/// The read side of a portal.
pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) paths: Paths,
}

impl Api {
    /// One list page. `after` is the id of the next record: a keyset, not a token of the server.
    pub(crate) async fn list(
        &self,
        schema: &Schema,
        after: Option<&str>,
        is_archived: bool,
        turn: Turn,
    ) -> Result<Page, CallError> {
        let mut path = format!(
            "{}?limit={}&{}&archived={is_archived}",
            self.paths.objects(schema.object),
            schema.page_size(),
            schema.query()
        );
        if let Some(after) = after {
            path.push_str("&after=");
            path.push_str(&escape(after));
        }
        let call = Call::get(path, turn.priority, schema.action);
        match self.client.call::<Page>(&call, turn.now).await {
            Ok(answer) => Ok(answer.body),
            Err(error) if error.status == Some(414) => {
                self.list_in_steps(schema, after, is_archived, turn).await
            }
            Err(error) => Err(error),
        }
    }

    /// The same page where its URL is too long for what stands in front of HubSpot: first ids, then the records, whose
    /// properties are asked for in a body.
    async fn list_in_steps(
        &self,
        schema: &Schema,
        after: Option<&str>,
        is_archived: bool,
        turn: Turn,
    ) -> Result<Page, CallError> {
        let mut path = format!(
            "{}?limit={}&archived={is_archived}",
            self.paths.objects(schema.object),
            schema.page_size()
        );
        if let Some(after) = after {
            path.push_str("&after=");
            path.push_str(&escape(after));
        }
        let call = Call::get(path, turn.priority, schema.action);
        let mut page = self.client.call::<Page>(&call, turn.now).await?.body;
        let ids: Vec<String> = page
            .results
            .iter()
            .filter_map(|value| value.get("id")?.as_str().map(str::to_owned))
            .collect();
        if !ids.is_empty() {
            page.results = self.read(schema, &ids, is_archived, turn).await?;
        }
        Ok(page)
    }

    /// Ids as they are now: that of the survivor for a record that was merged away. A single read resolves an old id;
    /// a batch does not (objects guide). Ids that lead nowhere are left out.
    pub(crate) async fn present_ids(
        &self,
        object: &str,
        ids: &[String],
        turn: Turn,
    ) -> Result<Vec<String>, CallError> {
        let mut present = BTreeSet::new();
        for id in ids {
            let path = format!("{}/{}", self.paths.objects(object), escape(id));
            let call = Call::get(path, turn.priority, "look for a record");
            match self.client.call::<RawObject>(&call, turn.now).await {
                Ok(answer) => {
                    let now_id = answer.body.0.get("id").and_then(Value::as_str).map(str::to_owned);
                    present.extend(now_id);
                }
                Err(error) if error.cause == followup_transport::Cause::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(present.into_iter().collect())
    }

    /// One search; ids and modification instants only, so that the body
    /// stays far below the documented 3,000 characters. Texts come by [`Self::read`], which has no index lag.
    pub(crate) async fn search(&self, schema: &Schema, query: Query, turn: Turn) -> Result<Page, CallError> {
        let mut body = json!({
            "filterGroups": [{"filters": query.filters}],
            "sorts": [{"propertyName": query.sort, "direction": query.direction.word()}],
            "properties": [schema.modified],
            "limit": query.limit,
        });
        if query.skip > 0
            && let Some(body) = body.as_object_mut()
        {
            body.insert("after".to_owned(), json!(query.skip.to_string()));
        }
        let path = format!("{}/search", self.paths.objects(schema.object));
        let call = Call::read_by_post(path, body, turn.priority, schema.action).as_search();
        Ok(self.client.call::<Page>(&call, turn.now).await?.body)
    }

    /// Records by id, in no promised order; missing ones are left out (HubSpot answers 207 for them).
    pub(crate) async fn read(
        &self,
        schema: &Schema,
        ids: &[String],
        is_archived: bool,
        turn: Turn,
    ) -> Result<Vec<Value>, CallError> {
        self.read_by(schema, ids, None, is_archived, turn).await
    }

    async fn read_by(
        &self,
        schema: &Schema,
        ids: &[String],
        id_property: Option<&str>,
        is_archived: bool,
        turn: Turn,
    ) -> Result<Vec<Value>, CallError> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(schema.page_size()) {
            let inputs: Vec<Value> = chunk.iter().map(|id| json!({"id": id})).collect();
            let mut body = json!({
                "inputs": inputs,
                "properties": schema.properties,
                "propertiesWithHistory": schema.with_history,
            });
            if let (Some(property), Some(body)) = (id_property, body.as_object_mut()) {
                body.insert("idProperty".to_owned(), json!(property));
            }
            let path = format!(
                "{}/batch/read?archived={is_archived}",
                self.paths.objects(schema.object)
            );
            let call = Call::read_by_post(path, body, turn.priority, schema.action);
            found.extend(self.client.call::<Page>(&call, turn.now).await?.body.results);
        }
        Ok(found)
    }

    /// Links of records to each object type of the schema. Association changes do not bump a record's modification
    /// date, so links are read with every page.
    pub(crate) async fn links(
        &self,
        schema: &Schema,
        ids: &[String],
        turn: Turn,
    ) -> Result<Links, CallError> {
        let mut links = Links::default();
        for to in schema.links {
            let rows = self.linked(schema.object, to, ids, turn).await?;
            links.by_type.insert(*to, rows);
        }
        Ok(links)
    }

    /// Ids of type `to` linked to each of `ids` of type `from`, each once and in the order of the answer.
    ///
    /// A record without links comes back as an error item of a 207 (`NO_ASSOCIATIONS_FOUND`), which is the normal
    /// case. A record with many links has a page of its own: its id is sent again with `after`.
    pub(crate) async fn linked(
        &self,
        from: &str,
        to: &str,
        ids: &[String],
        turn: Turn,
    ) -> Result<BTreeMap<String, Vec<String>>, CallError> {
        let mut linked: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
        for chunk in ids.chunks(LINK_INPUTS_MAX) {
            let mut inputs: Vec<Value> = chunk.iter().map(|id| json!({"id": id})).collect();
            for _ in 0..LINK_ROUNDS_MAX {
                if inputs.is_empty() {
                    break;
                }
                let call = Call::read_by_post(
                    self.paths.associations(from, to),
                    json!({"inputs": inputs}),
                    turn.priority,
                    "read associations",
                );
                let page = self.client.call::<Page>(&call, turn.now).await?.body;
                inputs = Vec::new();
                for row in page.results {
                    let Ok(row) = serde_json::from_value::<LinkRow>(row) else {
                        continue;
                    };
                    for link in row.to {
                        if seen.insert((row.from.id.clone(), link.to_object_id.clone())) {
                            linked
                                .entry(row.from.id.clone())
                                .or_default()
                                .push(link.to_object_id);
                        }
                    }
                    if let Some(next) = row.paging.and_then(|paging| paging.next) {
                        inputs.push(json!({"id": row.from.id, "after": next.after}));
                    }
                }
            }
        }
        Ok(linked)
    }

    /// The types of the link between two records: the plain one, and one for each label somebody gave it.
    pub(crate) async fn link_types(
        &self,
        from: &str,
        to: &str,
        (id, to_id): (&str, &str),
        turn: Turn,
    ) -> Result<Vec<u64>, CallError> {
        let call = Call::read_by_post(
            self.paths.associations(from, to),
            json!({"inputs": [{"id": id}]}),
            turn.priority,
            "read associations",
        );
        let page = self.client.call::<Page>(&call, turn.now).await?.body;
        let links = page
            .results
            .into_iter()
            .filter_map(|row| serde_json::from_value::<LinkRow>(row).ok())
            .flat_map(|row| row.to)
            .filter(|link| link.to_object_id == to_id);
        let types = links.flat_map(|link| link.association_types);
        Ok(types.filter_map(|kind| kind.get("typeId")?.as_u64()).collect())
    }

    /// Every owner, active or archived.
    pub(crate) async fn owners(&self, is_archived: bool, turn: Turn) -> Result<Vec<OwnerWire>, CallError> {
        let mut owners = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..OWNER_PAGES_MAX {
            let mut path = format!(
                "{}?limit={OWNERS_PAGE}&archived={is_archived}",
                self.paths.owners()
            );
            if let Some(after) = &after {
                path.push_str("&after=");
                path.push_str(&escape(after));
            }
            let call = Call::get(path, turn.priority, "read owners");
            let page = self.client.call::<Page>(&call, turn.now).await?.body;
            let next = page.next().map(str::to_owned);
            // An owner of an unexpected shape is left out: nothing can be assigned to it.
            owners.extend(
                page.results
                    .into_iter()
                    .filter_map(|owner| serde_json::from_value::<OwnerWire>(owner).ok())
                    .map(|owner| OwnerWire {
                        archived: owner.archived || is_archived,
                        ..owner
                    }),
            );
            if next.is_none() || next == after {
                return Ok(owners);
            }
            after = next;
        }
        Ok(owners)
    }

    /// The stages of every deal pipeline. A stage is closed by its metadata, and won when its probability is 1.
    pub(crate) async fn stages(&self, turn: Turn) -> Result<Stages, CallError> {
        let call = Call::get(self.paths.deal_pipelines(), turn.priority, "read deal pipelines");
        let page = self.client.call::<Page>(&call, turn.now).await?.body;
        let mut stages = Stages::default();
        for pipeline in page.results {
            let Ok(pipeline) = serde_json::from_value::<PipelineWire>(pipeline) else {
                continue;
            };
            for stage in pipeline.stages {
                let flag = |name: &str| stage.metadata.get(name).map(String::as_str);
                let is_closed = flag("isClosed") == Some("true");
                let is_won = is_closed
                    && flag("probability")
                        .and_then(|text| text.parse::<f64>().ok())
                        .is_some_and(|probability| probability >= 1.0);
                stages.by_id.insert(
                    stage.id,
                    StageFacts {
                        label: stage.label,
                        is_closed,
                        is_won,
                    },
                );
            }
        }
        Ok(stages)
    }

    /// One record by id or unique property; `None` if it is not there.
    pub(crate) async fn get_raw(
        &self,
        schema: &Schema,
        value: &str,
        id_property: Option<&str>,
        is_archived: bool,
        turn: Turn,
    ) -> Result<Option<Value>, CallError> {
        let mut path = format!(
            "{}/{}?{}&archived={is_archived}",
            self.paths.objects(schema.object),
            escape(value),
            schema.query()
        );
        if let Some(property) = id_property {
            path.push_str("&idProperty=");
            path.push_str(property);
        }
        let call = Call::get(path, turn.priority, schema.action);
        match self.client.call::<RawObject>(&call, turn.now).await {
            Ok(answer) => Ok(Some(answer.body.0)),
            Err(error) if error.cause == followup_transport::Cause::NotFound => Ok(None),
            Err(error) if error.status == Some(414) => {
                let found = self
                    .read_by(schema, &[value.to_owned()], id_property, is_archived, turn)
                    .await?;
                Ok(found.into_iter().next())
            }
            Err(error) => Err(error),
        }
    }
}

/// Percent-encodes a path segment or query value.
pub(crate) fn escape(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}
