//! An org's own words: pick lists of fields, stages of pipelines, and custom fields. Costs a credit for each module.

use followup_core::{ConnectorError, CustomField, DealState, Discovery, Unread, WordList};
use followup_transport::{Call, CallError};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Zoho,
    api::{Turn, is_absent, is_scope},
    paths,
    schema::Module,
    wire::ChoiceWire,
};

/// Modules whose fields are looked at.
const MODULES: [Module; 5] = [
    Module::Leads,
    Module::Contacts,
    Module::Deals,
    Module::Tasks,
    Module::Calls,
];

/// One field with what people see of it (fields metadata, v8).
#[derive(Debug, Clone, Deserialize)]
struct FieldWire {
    api_name: String,
    #[serde(default)]
    field_label: String,
    #[serde(default)]
    data_type: String,
    #[serde(default)]
    custom_field: bool,
    #[serde(default)]
    pick_list_values: Vec<ChoiceWire>,
}

/// Zoho's word for an empty choice of a pick list.
const NONE: &str = "-None-";

impl Zoho {
    pub(crate) async fn discover_words(&self, now: Timestamp) -> Result<Discovery, ConnectorError> {
        let turn = Turn::look(now);
        let view = self.view(turn).await?;
        let mut found = Discovery::default();
        let mut fields: Vec<(Module, FieldWire)> = Vec::new();
        for module in MODULES {
            match self.described(module, turn).await {
                Ok(all) => fields.extend(all.into_iter().map(|field| (module, field))),
                Err(error) if is_absent(&error) || is_scope(&error) => found.unread.push(Unread {
                    what: format!("fields of {}", module.api_name()),
                    why: ConnectorError::from(error).to_string(),
                }),
                Err(error) => return Err(error.into()),
            }
        }
        let key_field = self.config.mapping.key_field.as_str();
        let own = fields
            .iter()
            .filter(|(_, field)| field.custom_field && field.api_name != key_field);
        found.fields.extend(own.map(|(module, field)| CustomField {
            object: module.api_name().to_owned(),
            name: field.api_name.clone(),
            label: field.field_label.clone(),
            kind: field.data_type.clone(),
        }));
        let stages = view
            .setup
            .stages
            .iter()
            .filter(|(_, state)| **state == DealState::Open);
        let stages: Vec<String> = stages.map(|(name, _)| name.clone()).collect();
        let choices = |module, name| choices(&fields, module, name);
        let mapping = &self.config.mapping;
        found.lists = vec![
            mapping.lead_statuses(&choices(Module::Leads, "Lead_Status")),
            mapping.lead_sources(&choices(Module::Leads, "Lead_Source")),
            mapping.task_statuses(&choices(Module::Tasks, "Status")),
            mapping.task_priorities(&choices(Module::Tasks, "Priority")),
            mapping.call_states(&choices(Module::Calls, "Outgoing_Call_Status")),
            mapping.call_results(&choices(Module::Calls, "Call_Result")),
            mapping.open_stages(&stages),
        ];
        found.lists.retain(|list| !list.words.is_empty());
        let sees_tasks = fields.iter().any(|(module, _)| *module == Module::Tasks);
        let has_key = fields
            .iter()
            .any(|(module, field)| *module == Module::Tasks && field.api_name == key_field);
        if sees_tasks && !has_key {
            found.lists.push(WordList::without_key_field(key_field, "Tasks"));
        }
        Ok(found)
    }

    async fn described(&self, module: Module, turn: Turn) -> Result<Vec<FieldWire>, CallError> {
        let path = paths::with_query(&paths::settings("fields"), &[("module", module.api_name())]);
        let call = Call::get(path, turn.priority, "read fields");
        let body = self.api.send::<Option<Value>>(call, turn.now).await?.body;
        let fields = body.as_ref().and_then(|body| body.get("fields")?.as_array());
        // A field of an unexpected shape is left out.
        let read = |value: &Value| FieldWire::deserialize(value).ok();
        Ok(fields.into_iter().flatten().filter_map(read).collect())
    }
}

/// Values of a pick list that people can choose.
fn choices(fields: &[(Module, FieldWire)], module: Module, name: &str) -> Vec<String> {
    let fields = fields
        .iter()
        .filter(|(known, field)| *known == module && field.api_name == name);
    fields
        .flat_map(|(_, field)| &field.pick_list_values)
        .filter_map(|choice| {
            choice
                .actual_value
                .clone()
                .or_else(|| choice.display_value.clone())
        })
        .filter(|word| word != NONE)
        .collect()
}
