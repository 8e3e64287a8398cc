//! The properties each object type has: built in from checked-in tables, plus those a client adds.
//!
//! A table line is `name | type | flags | label | options`; the tables hold what the documents and portal dumps name,
//! which is far from everything a real portal has.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{kind::Kind, pipelines::DEAL_STAGES};
use crate::clock::iso;

/// What the property with a stage's entry date is called, before the stage's id.
pub(crate) const STAGE_DATE: &str = "hs_v2_date_entered_";

/// At most this many unique properties on an object type.
pub(crate) const UNIQUE_MAX: usize = 10;

/// What a property's values look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ValueType {
    Text,
    Number,
    Date,
    DateTime,
    Bool,
    /// One of the options.
    Options,
    /// Any number of values, `;`-separated; one of the options when there are any.
    Multi,
    /// An owner's id.
    Owner,
    /// Unix milliseconds and nothing else.
    Millis,
    /// A JSON text of mail headers.
    Headers,
    /// A call disposition's GUID.
    Disposition,
    /// A pipeline's internal id.
    Pipeline,
    /// A stage's internal id.
    Stage,
}

impl ValueType {
    fn parse(text: &str) -> Self {
        match text {
            "number" => Self::Number,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "bool" => Self::Bool,
            "enum" => Self::Options,
            "multi" => Self::Multi,
            "owner" => Self::Owner,
            "millis" => Self::Millis,
            "headers" => Self::Headers,
            "disposition" => Self::Disposition,
            "pipeline" => Self::Pipeline,
            "stage" => Self::Stage,
            _ => Self::Text,
        }
    }

    /// The vendor's `type`.
    pub(crate) const fn wire_type(&self) -> &'static str {
        match self {
            Self::Text | Self::Millis | Self::Headers => "string",
            Self::Number => "number",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Bool => "bool",
            Self::Options | Self::Multi | Self::Owner | Self::Disposition | Self::Pipeline | Self::Stage => {
                "enumeration"
            }
        }
    }

    /// Values are compared as numbers or instants, not as text.
    pub(crate) const fn is_ordered(&self) -> bool {
        matches!(self, Self::Number | Self::Date | Self::DateTime | Self::Millis)
    }

    /// Values are compared as they are, in their case.
    pub(crate) const fn is_exact(&self) -> bool {
        !matches!(self, Self::Text | Self::Headers)
    }
}

/// One property of an object type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) group: String,
    pub(crate) value_type: ValueType,
    /// The vendor's `fieldType`, as a client gave it; derived for built-in properties.
    pub(crate) field_type: String,
    pub(crate) description: String,
    pub(crate) options: Vec<(String, String)>,
    pub(crate) is_read_only: bool,
    pub(crate) is_unique: bool,
    pub(crate) is_searchable: bool,
    /// When a client added it; `None` for the vendor's own.
    pub(crate) added_at: Option<Timestamp>,
}

impl Property {
    fn parse(line: &str, group: &str) -> Option<Self> {
        let mut columns = line.split('|').map(str::trim);
        let (name, kind, flags, label) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
        let options = columns.next().unwrap_or_default();
        let value_type = ValueType::parse(kind);
        let field_type = match &value_type {
            ValueType::Number => "number",
            ValueType::Date | ValueType::DateTime => "date",
            ValueType::Bool => "booleancheckbox",
            ValueType::Multi => "checkbox",
            ValueType::Options
            | ValueType::Owner
            | ValueType::Disposition
            | ValueType::Pipeline
            | ValueType::Stage => "select",
            ValueType::Text | ValueType::Millis | ValueType::Headers => "text",
        };
        Some(Self {
            name: name.to_owned(),
            label: label.to_owned(),
            group: group.to_owned(),
            value_type,
            field_type: field_type.to_owned(),
            description: String::new(),
            options: options
                .split_whitespace()
                .map(|value| (value.to_owned(), title(value)))
                .collect(),
            is_read_only: flags.contains("readonly"),
            is_unique: flags.contains("unique"),
            is_searchable: !flags.contains("unsearchable"),
            added_at: None,
        })
    }

    /// The property's definition as the vendor shows it.
    pub(crate) fn to_json(&self, order: usize) -> Value {
        let options: Vec<Value> = self
            .options
            .iter()
            .enumerate()
            .map(|(at, (value, label))| {
                json!({"value": value, "label": label, "displayOrder": at, "hidden": false, "description": ""})
            })
            .collect();
        let mut shown = json!({
            "name": self.name, "label": self.label, "type": self.value_type.wire_type(),
            "fieldType": self.field_type, "groupName": self.group, "description": self.description, "options": options,
            "displayOrder": order, "hasUniqueValue": self.is_unique, "hidden": false, "calculated": false,
            "externalOptions": self.value_type == ValueType::Owner, "archived": false, "formField": false,
            "hubspotDefined": self.added_at.is_none(),
            "modificationMetadata": {
                "archivable": self.added_at.is_some(),
                "readOnlyDefinition": self.added_at.is_none(),
                "readOnlyValue": self.is_read_only,
            },
        });
        if self.value_type == ValueType::Owner
            && let Some(object) = shown.as_object_mut()
        {
            object.insert("referencedObjectType".to_owned(), json!("OWNER"));
        }
        if let (Some(at), Some(object)) = (self.added_at, shown.as_object_mut()) {
            object.insert("createdAt".to_owned(), json!(iso(at)));
            object.insert("updatedAt".to_owned(), json!(iso(at)));
        }
        shown
    }
}

/// One entry date per deal stage.
fn stage_dates(kind: Kind, group: &str) -> Vec<Property> {
    let stages = if kind == Kind::Deal { DEAL_STAGES } else { &[] };
    let line = |id: &str, label: &str| {
        Property::parse(
            &format!("{STAGE_DATE}{id} | datetime | readonly | Date entered {label}"),
            group,
        )
    };
    stages
        .iter()
        .filter_map(|(id, label, ..)| line(id, label))
        .collect()
}

fn title(value: &str) -> String {
    let lower = value.to_ascii_lowercase().replace('_', " ");
    let mut letters = lower.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// All properties and groups of one object type, by name.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    properties: BTreeMap<String, Property>,
    groups: Vec<(String, String)>,
}

impl Schema {
    /// The vendor's own properties of `kind`.
    pub(crate) fn built_in(kind: Kind) -> Self {
        let (own, group) = match kind {
            Kind::Contact => (include_str!("schema/contacts.txt"), "contactinformation"),
            Kind::Company => (include_str!("schema/companies.txt"), "companyinformation"),
            Kind::Deal => (include_str!("schema/deals.txt"), "dealinformation"),
            Kind::Lead => (include_str!("schema/leads.txt"), "lead_information"),
            Kind::Call => (include_str!("schema/calls.txt"), "call"),
            Kind::Email => (include_str!("schema/emails.txt"), "email"),
            Kind::Meeting => (include_str!("schema/meetings.txt"), "meeting"),
            Kind::Note => (include_str!("schema/notes.txt"), "note"),
            Kind::Communication => (include_str!("schema/communications.txt"), "communication"),
            Kind::Task => (include_str!("schema/tasks.txt"), "task"),
        };
        let shared = if kind.is_activity() {
            include_str!("schema/activity.txt")
        } else {
            ""
        };
        let properties = [own, shared, include_str!("schema/common.txt")]
            .into_iter()
            .flat_map(str::lines)
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| Property::parse(line, group))
            .chain(stage_dates(kind, group))
            .map(|property| (property.name.clone(), property))
            .collect();
        let label = format!("{} information", title(kind.singular()));
        Self {
            properties,
            groups: vec![(group.to_owned(), label)],
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Property> {
        self.properties.get(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Property> {
        self.properties.values()
    }

    pub(crate) fn groups(&self) -> &[(String, String)] {
        &self.groups
    }

    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.groups.iter().any(|(known, _)| known == name)
    }

    pub(crate) fn add_group(&mut self, name: String, label: String) {
        self.groups.push((name, label));
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Property> {
        self.properties.get_mut(name)
    }

    pub(crate) fn add(&mut self, property: Property) {
        self.properties.insert(property.name.clone(), property);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.properties.remove(name);
    }

    /// Unique properties a client added.
    pub(crate) fn custom_unique(&self) -> impl Iterator<Item = &Property> {
        self.properties
            .values()
            .filter(|property| property.is_unique && property.added_at.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_line_is_a_property() {
        for kind in Kind::ALL {
            let schema = Schema::built_in(kind);
            for name in kind.default_properties().iter().chain(kind.required_properties()) {
                assert!(schema.get(name).is_some(), "{name} of {}", kind.plural());
            }
            for name in [kind.created_property(), kind.modified_property()] {
                assert_eq!(schema.get(name).expect("present").value_type, ValueType::DateTime);
            }
            assert!(
                schema
                    .all()
                    .all(|property| !property.name.is_empty() && !property.label.is_empty())
            );
        }
    }
}
