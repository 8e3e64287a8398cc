//! An org's own words: picklists of the describe, the setup tables of statuses and stages, and custom fields.

use followup_core::{ConnectorError, CustomField, Discovery, Unread, WordList};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    Salesforce,
    api::{Turn, is_absent, undecodable},
    schema::Table,
};

/// What is being done, for messages.
const LOOKING: &str = "look at the org's fields";

/// Tables whose fields are looked at.
const TABLES: [Table; 5] = [
    Table::Lead,
    Table::Contact,
    Table::Opportunity,
    Table::Task,
    Table::Event,
];

/// A describe with what people see of its fields (sObject Describe, REST API guide).
#[derive(Debug, Deserialize)]
struct TableWire {
    fields: Vec<FieldWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldWire {
    name: String,
    #[serde(default)]
    label: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    custom: bool,
    #[serde(default)]
    picklist_values: Vec<ValueWire>,
}

#[derive(Debug, Deserialize)]
struct ValueWire {
    value: String,
    #[serde(default)]
    active: bool,
}

impl Salesforce {
    pub(crate) async fn discover_words(&self, now: Timestamp) -> Result<Discovery, ConnectorError> {
        let turn = Turn::look(now);
        self.forget_setup();
        let view = self.view(turn).await?;
        let mut found = Discovery::default();
        let tables = self.picklists(&mut found, turn).await?;
        let values = |table: Table, field: &str| -> Vec<String> {
            let fields = tables.iter().filter(|(known, _)| *known == table);
            let fields = fields.flat_map(|(_, wire)| &wire.fields);
            let values = fields.filter(|known| known.name == field);
            values
                .flat_map(|field| &field.picklist_values)
                .filter(|value| value.active)
                .map(|value| value.value.clone())
                .collect()
        };
        let mapping = &self.config.mapping;
        let stages = view.setup.stages.iter().filter(|(_, stage)| !stage.is_closed);
        let stages: Vec<String> = stages.map(|(name, _)| name.clone()).collect();
        found.lists = vec![
            mapping.lead_statuses(&view.setup.lead_statuses),
            mapping.lead_sources(&values(Table::Lead, "LeadSource")),
            mapping.task_statuses(&view.setup.task_statuses),
            mapping.task_types(&values(Table::Task, "Type")),
            mapping.call_dispositions(&values(Table::Task, "CallDisposition")),
            mapping.open_stages(&stages),
        ];
        found.lists.retain(|list| !list.words.is_empty());
        let key_field = mapping.key_field();
        let has_key = tables
            .iter()
            .filter(|(table, _)| *table == Table::Task)
            .flat_map(|(_, wire)| &wire.fields)
            .any(|field| field.name.eq_ignore_ascii_case(key_field));
        if !has_key {
            found.lists.push(WordList::without_key_field(key_field, "Task"));
        }
        Ok(found)
    }

    /// Describes of the tables; their custom fields are noted, our own left out.
    async fn picklists(
        &self,
        found: &mut Discovery,
        turn: Turn,
    ) -> Result<Vec<(Table, TableWire)>, ConnectorError> {
        let parts: Vec<(&'static str, String)> = TABLES
            .iter()
            .map(|table| (LOOKING, self.api.paths.describe(table.object())))
            .collect();
        let (answers, _) = self.api.composite(&parts, turn).await?;
        let mut tables = Vec::new();
        for (table, answer) in TABLES.into_iter().zip(answers) {
            match answer {
                Ok(body) => {
                    let wire: TableWire =
                        serde_json::from_value(body).map_err(|error| undecodable(LOOKING, &error))?;
                    let own = wire.fields.iter().filter(|field| {
                        field.custom && !field.name.eq_ignore_ascii_case(self.config.mapping.key_field())
                    });
                    found.fields.extend(own.map(|field| CustomField {
                        object: table.object().to_owned(),
                        name: field.name.clone(),
                        label: field.label.clone(),
                        kind: field.kind.clone(),
                    }));
                    tables.push((table, wire));
                }
                Err(error) if is_absent(&error) => found.unread.push(Unread {
                    what: format!("fields of {}", table.object()),
                    why: ConnectorError::from(error).to_string(),
                }),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(tables)
    }
}
