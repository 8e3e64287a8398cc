//! A portal's own words: options of properties, stages of pipelines, call outcomes, and properties somebody added.
//!
//! Every part is read alone, so that a missing scope hides just that part.

use followup_core::{ConnectorError, CustomField, Discovery, Unread};
use followup_transport::{Call, CallError, Cause, Priority};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Hubspot,
    api::Turn,
    paths::Paths,
    schema::TASK_KEY,
    wire::{Page, PipelineWire},
};

/// Objects whose properties are looked at.
const OBJECTS: [&str; 5] = ["contacts", "deals", "calls", "meetings", "tasks"];

/// One property, as `GET properties/{type}` shows it (properties guide).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PropertyWire {
    name: String,
    #[serde(default)]
    label: String,
    #[serde(default, rename = "type")]
    kind: String,
    /// The vendor's own.
    #[serde(default)]
    hubspot_defined: bool,
    #[serde(default)]
    options: Vec<OptionWire>,
}

/// One value it may have.
#[derive(Debug, Clone, Deserialize)]
struct OptionWire {
    value: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    hidden: bool,
}

/// One call outcome (`GET calling/v1/dispositions`).
#[derive(Debug, Clone, Deserialize)]
struct DispositionWire {
    id: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    deleted: bool,
}

/// Properties by object; an object that cannot be looked at has none.
type Properties = Vec<(&'static str, Vec<PropertyWire>)>;

impl Hubspot {
    pub(crate) async fn discover_words(&self, now: Timestamp) -> Result<Discovery, ConnectorError> {
        let turn = Turn {
            priority: Priority::Poll,
            now,
        };
        let mut found = Discovery::default();
        let mut properties = Properties::new();
        for object in OBJECTS {
            let read = self.properties(object, turn).await;
            let all = readable(&mut found, &format!("properties of {object}"), read)?;
            let own = all.iter().filter(|property| is_custom(property));
            found.fields.extend(own.map(|property| CustomField {
                object: object.to_owned(),
                name: property.name.clone(),
                label: property.label.clone(),
                kind: property.kind.clone(),
            }));
            properties.push((object, all));
        }
        let stages = self.deal_stages(turn).await;
        let stages = readable(&mut found, "deal pipelines", stages)?;
        // Few portals have leads, and nothing is lost without them.
        let lead_stages = self.stages_of("leads", turn).await.unwrap_or_default();
        let dispositions = self.dispositions(turn).await;
        let dispositions = readable(&mut found, "call outcomes", dispositions)?;
        let mapping = &self.config.mapping;
        let options = |object, name| options(&properties, object, name);
        found.lists = vec![
            mapping.lifecycle_stages(options("contacts", "lifecyclestage")),
            mapping.lead_statuses(options("contacts", "hs_lead_status")),
            mapping.lead_record_stages(pairs(&lead_stages)),
            mapping.call_dispositions(pairs(&dispositions)),
            mapping.call_states(options("calls", "hs_call_status")),
            mapping.meeting_words(options("meetings", "hs_meeting_outcome")),
            mapping.open_stages(pairs(&stages)),
        ];
        found.lists.retain(|list| !list.words.is_empty());
        Ok(found)
    }

    async fn properties(&self, object: &str, turn: Turn) -> Result<Vec<PropertyWire>, CallError> {
        let path = self.api.paths.properties(object);
        let call = Call::get(path, turn.priority, "read the portal's properties");
        let page = self.api.client.call::<Page>(&call, turn.now).await?.body;
        // A property of an unexpected shape is left out.
        let read = |value| serde_json::from_value::<PropertyWire>(value).ok();
        Ok(page.results.into_iter().filter_map(read).collect())
    }

    /// Stages of open deals: id and label.
    async fn deal_stages(&self, turn: Turn) -> Result<Vec<(String, String)>, CallError> {
        let all = self.api.stages(turn).await?;
        let open = self.stages_of("deals", turn).await?;
        let is_open = |id: &str| all.by_id.get(id).is_some_and(|stage| !stage.is_closed);
        Ok(open.into_iter().filter(|(id, _)| is_open(id)).collect())
    }

    /// Stages of all pipelines of an object, in their order.
    async fn stages_of(&self, object: &str, turn: Turn) -> Result<Vec<(String, String)>, CallError> {
        let path = self.api.paths.pipelines(object);
        let call = Call::get(path, turn.priority, "read pipelines");
        let page = self.api.client.call::<Page>(&call, turn.now).await?.body;
        let read = |value| serde_json::from_value::<PipelineWire>(value).ok();
        let stages = page.results.into_iter().filter_map(read);
        Ok(stages
            .flat_map(|pipeline| pipeline.stages)
            .map(|stage| (stage.id, stage.label.unwrap_or_default()))
            .collect())
    }

    async fn dispositions(&self, turn: Turn) -> Result<Vec<(String, String)>, CallError> {
        let call = Call::get(Paths::dispositions(), turn.priority, "read call outcomes");
        let answer = self.api.client.call::<Vec<Value>>(&call, turn.now).await?;
        let read = |value| serde_json::from_value::<DispositionWire>(value).ok();
        let there = answer.body.into_iter().filter_map(read);
        Ok(there
            .filter(|disposition| !disposition.deleted)
            .map(|disposition| (disposition.id, disposition.label))
            .collect())
    }
}

/// Added by somebody, and not by us.
fn is_custom(property: &PropertyWire) -> bool {
    !property.hubspot_defined && property.name != TASK_KEY
}

/// Values of a property that people can choose, with their labels.
fn options<'p>(
    properties: &'p Properties,
    object: &'static str,
    name: &'static str,
) -> impl Iterator<Item = (&'p str, &'p str)> {
    properties
        .iter()
        .filter(move |(known, _)| *known == object)
        .flat_map(|(_, properties)| properties)
        .filter(move |property| property.name == name)
        .flat_map(|property| &property.options)
        .filter(|option| !option.hidden)
        .map(|option| (option.value.as_str(), option.label.as_str()))
}

fn pairs(words: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    words.iter().map(|(word, label)| (word.as_str(), label.as_str()))
}

/// What was read; what the login may not read is noted and empty.
fn readable<T>(
    found: &mut Discovery,
    what: &str,
    read: Result<Vec<T>, CallError>,
) -> Result<Vec<T>, ConnectorError> {
    match read {
        Ok(read) => Ok(read),
        Err(error)
            if matches!(
                error.cause,
                Cause::Forbidden { .. } | Cause::NotFound | Cause::Refused
            ) =>
        {
            found.unread.push(Unread {
                what: what.to_owned(),
                why: ConnectorError::from(error).to_string(),
            });
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}
