//! Records as answers show them.
//!
//! Sources: fact sheet sections 3.1, 3.2 and 4.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    module::Module,
    schema::{Field, FieldType},
    store::Row,
    tenant::Tenant,
};
use crate::salesforce::{Cell, Cells};

/// Where a record is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    List,
    Single,
    Coql,
}

/// Rich text is cut here in lists.
const RICH_MAX: usize = 500;

/// `$…` names that may stand in `fields`.
const SPECIAL: [&str; 8] = [
    "$se_module",
    "$event_cancelled",
    "$editable",
    "$approval_state",
    "$converted",
    "$state",
    "$process_flow",
    "$currency_symbol",
];

/// A name in `fields`.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    Field(Field),
    Special(String),
}

impl Tenant {
    /// Whether the user's profile hides a field.
    pub(crate) fn is_hidden(&self, module: Module, name: &str) -> bool {
        self.switches
            .hidden_fields
            .contains(&format!("{}.{name}", module.name()))
    }

    /// A field the user may see.
    pub(crate) fn field(&self, module: Module, name: &str) -> Option<&Field> {
        self.store
            .schema(module)
            .get(name)
            .filter(|field| !self.is_hidden(module, &field.name))
    }

    /// The columns that names ask for; an unknown name comes back as the error.
    pub(crate) fn columns(&self, module: Module, names: &[String]) -> Result<Vec<Column>, String> {
        let mut seen = BTreeSet::new();
        let mut columns = Vec::new();
        for name in names.iter().filter(|name| seen.insert(name.as_str())) {
            if SPECIAL.contains(&name.as_str()) {
                columns.push(Column::Special(name.clone()));
            } else if let Some(field) = self.store.schema(module).get(name) {
                if !self.is_hidden(module, name) {
                    columns.push(Column::Field(field.clone()));
                }
            } else if self.switches.unknown_field_refuses {
                return Err(name.clone());
            }
        }
        Ok(columns)
    }

    /// Every column of a single record.
    pub(crate) fn all_columns(&self, module: Module) -> Vec<Column> {
        self.store
            .schema(module)
            .all()
            .filter(|field| !self.is_hidden(module, &field.name))
            .map(|field| Column::Field(field.clone()))
            .collect()
    }

    /// A record with these columns.
    pub(crate) fn shown_row(&self, row: &Row, cells: &Cells, columns: &[Column], view: View) -> Value {
        let mut shown = Map::new();
        for column in columns {
            match column {
                Column::Field(field) => {
                    let value = self.shown_cell(row, field, cells.get(&field.name), view);
                    shown.insert(field.name.clone(), value);
                }
                Column::Special(name) => {
                    if let Some(value) = self.special(row, cells, name, view) {
                        shown.insert(name.clone(), value);
                    }
                }
            }
        }
        shown.insert("id".to_owned(), json!(row.id));
        if self.switches.shows_extra_keys && view != View::Coql {
            shown.insert("$approval_state".to_owned(), json!("approved"));
            shown.insert("$editable".to_owned(), json!(true));
        }
        if view == View::Single {
            for name in ["$se_module", "$event_cancelled"] {
                if let Some(value) = self.special(row, cells, name, view) {
                    shown.insert(name.to_owned(), value);
                }
            }
        }
        Value::Object(shown)
    }

    fn special(&self, row: &Row, cells: &Cells, name: &str, view: View) -> Option<Value> {
        match name {
            "$se_module" => {
                let is_shown = view == View::Single || self.switches.se_module_in_lists;
                let parent = cells
                    .text("What_Id")
                    .or_else(|| cells.text("Parent_Id"))
                    .or_else(|| cells.text("Who_Id"));
                let module = parent
                    .and_then(|parent| self.store.find(parent))
                    .map(|row| row.module);
                let is_about = row.module.is_activity() || row.module == Module::Notes;
                (is_shown && is_about).then(|| json!(module.map(Module::name)))
            }
            "$event_cancelled" => {
                (row.module == Module::Events).then(|| json!(cells.flag("$event_cancelled")))
            }
            "$editable" => Some(json!(true)),
            "$approval_state" => Some(json!("approved")),
            "$converted" => (row.module == Module::Leads).then(|| json!(cells.flag("Converted__s"))),
            "$state" => Some(json!("save")),
            "$process_flow" => Some(json!(false)),
            _ => Some(json!("€")),
        }
    }

    fn shown_cell(&self, row: &Row, field: &Field, cell: &Cell, view: View) -> Value {
        match (field.kind, cell) {
            (FieldType::Tags, _) => json!([]),
            (FieldType::Layout, _) => json!({
                "display_label": "Standard", "name": "Standard",
                "id": self.meta_id(&format!("layout {}", row.module.name())),
            }),
            (FieldType::Boolean, cell) => json!(cell.as_bool()),
            (_, Cell::Null) => Value::Null,
            (FieldType::Owner, Cell::Text(id)) if view == View::Coql => json!({"id": id}),
            (FieldType::Owner, Cell::Text(id)) => self.user_json(id),
            // What leads to a deleted record leads nowhere.
            (kind, Cell::Text(id)) if kind.is_reference() && !self.is_live(id) => Value::Null,
            (FieldType::Parent, Cell::Text(id)) => self.parent_json(id),
            (kind, Cell::Text(id)) if kind.is_reference() => {
                if view == View::Coql {
                    json!({"id": id})
                } else {
                    json!({"name": self.name_of(id), "id": id})
                }
            }
            (FieldType::Alarm, Cell::Text(text)) => json!({"ALARM": self.shown_alarm(text)}),
            (kind, Cell::Text(text)) if kind.is_object() => serde_json::from_str(text).unwrap_or(Value::Null),
            (_, Cell::Text(text))
                if field.is_rich && self.switches.rich_descriptions && view == View::List =>
            {
                json!(text.chars().take(RICH_MAX).collect::<String>())
            }
            (_, Cell::Text(text)) => json!(text),
            (_, Cell::Bool(flag)) => json!(flag),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole numbers of the org are far below the limit"
            )]
            (FieldType::Integer, Cell::Number(number)) => json!(*number as i64),
            (_, Cell::Number(number)) => json!(number),
            (_, Cell::Date(date)) => json!(date.to_string()),
            (_, Cell::At(at)) => json!(self.shown(*at)),
        }
    }

    fn is_live(&self, id: &str) -> bool {
        self.store.find(id).is_some_and(Row::is_live)
    }

    fn parent_json(&self, id: &str) -> Value {
        let module = self.store.find(id).map(|row| row.module);
        let module_json = module.map(|module| {
            json!({"api_name": module.name(), "id": self.meta_id(&format!("module {}", module.name()))})
        });
        json!({"name": self.name_of(id), "id": id, "module": module_json})
    }

    /// The name of a record; null where it is deleted.
    pub(crate) fn name_of(&self, id: &str) -> Option<String> {
        let row = self.store.find(id).filter(|row| row.is_live())?;
        row.cells.text(row.module.name_field()).map(str::to_owned)
    }
}
