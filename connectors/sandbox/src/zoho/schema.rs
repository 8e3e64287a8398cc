//! The fields of each module, read from checked-in tables.
//!
//! A table line is `Name | type(length) | flags | extra`; `extra` is the values of a picklist or the module of a lookup.
//! Sources: fact sheet section 4.

use std::collections::BTreeMap;

use super::{module::Module, switches::ZohoSwitches};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    Id,
    Text,
    TextArea,
    Email,
    Phone,
    Website,
    Picklist,
    Boolean,
    Integer,
    Double,
    Currency,
    Date,
    DateTime,
    /// A user.
    Owner,
    Lookup(Module),
    /// What an activity is about; `$se_module` says of which module.
    What,
    /// What a note is on.
    Parent,
    Tags,
    Layout,
    /// `Tasks.Remind_At`.
    Alarm,
    /// `Events.Remind_At`.
    Reminders,
    Rrule,
    Participants,
}

impl FieldType {
    fn parse(text: &str, extra: &str) -> Option<(Self, usize)> {
        let (name, rest) = text.split_once('(').unwrap_or((text, ""));
        let length = rest.trim_end_matches(')').parse().unwrap_or(0);
        Some(match name {
            "bigint" => (Self::Id, 20),
            "text" => (Self::Text, length),
            "textarea" => (Self::TextArea, length),
            "email" => (Self::Email, length),
            "phone" => (Self::Phone, length),
            "website" => (Self::Website, length),
            "picklist" => (Self::Picklist, 120),
            "boolean" => (Self::Boolean, 5),
            "integer" => (Self::Integer, 9),
            "double" => (Self::Double, 16),
            "currency" => (Self::Currency, 16),
            "date" => (Self::Date, 20),
            "datetime" => (Self::DateTime, 120),
            "ownerlookup" => (Self::Owner, 120),
            "lookup" => (Self::Lookup(Module::parse(extra.trim())?), 120),
            "what" => (Self::What, 20),
            "parent" => (Self::Parent, 120),
            "tags" => (Self::Tags, 2_000),
            "layout" => (Self::Layout, 20),
            "alarm" => (Self::Alarm, 500),
            "reminders" => (Self::Reminders, 500),
            "rrule" => (Self::Rrule, 500),
            "participants" => (Self::Participants, 500),
            _ => return None,
        })
    }

    /// `data_type` and `json_type` of the vendor's metadata.
    pub(crate) const fn wire(self) -> (&'static str, &'static str) {
        match self {
            Self::Id => ("bigint", "string"),
            Self::Text => ("text", "string"),
            Self::TextArea => ("textarea", "string"),
            Self::Email => ("email", "string"),
            Self::Phone => ("phone", "string"),
            Self::Website => ("website", "string"),
            Self::Picklist => ("picklist", "string"),
            Self::Boolean => ("boolean", "boolean"),
            Self::Integer => ("integer", "integer"),
            Self::Double => ("double", "double"),
            Self::Currency => ("currency", "double"),
            Self::Date => ("date", "string"),
            Self::DateTime => ("datetime", "string"),
            Self::Owner => ("ownerlookup", "jsonobject"),
            Self::Lookup(_) | Self::What | Self::Parent => ("lookup", "jsonobject"),
            Self::Tags => ("text", "jsonarray"),
            Self::Layout => ("bigint", "jsonobject"),
            Self::Alarm => ("ALARM", "jsonobject"),
            Self::Reminders => ("multireminder", "jsonarray"),
            Self::Rrule => ("RRULE", "jsonobject"),
            Self::Participants => ("participants", "jsonarray"),
        }
    }

    pub(crate) const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text | Self::TextArea | Self::Email | Self::Phone | Self::Website | Self::Picklist
        )
    }

    /// Its value is the id of a record.
    pub(crate) const fn is_reference(self) -> bool {
        matches!(self, Self::Lookup(_) | Self::What | Self::Parent)
    }

    /// Its value is kept as JSON text.
    pub(crate) const fn is_object(self) -> bool {
        matches!(
            self,
            Self::Reminders | Self::Rrule | Self::Participants | Self::Tags
        )
    }
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one property of the metadata"
)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: FieldType,
    /// Longest text, in characters.
    pub(crate) length: usize,
    pub(crate) is_required: bool,
    pub(crate) is_read_only: bool,
    pub(crate) is_rich: bool,
    pub(crate) is_custom: bool,
    pub(crate) is_unique: bool,
    pub(crate) is_external: bool,
    pub(crate) options: Vec<String>,
}

impl Field {
    fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split('|').map(str::trim);
        let (name, kind, flags) = (columns.next()?, columns.next()?, columns.next()?);
        let extra = columns.next().unwrap_or_default();
        let (kind, length) = FieldType::parse(kind, extra)?;
        let has = |flag: &str| flags.split_whitespace().any(|given| given == flag);
        let options = if kind == FieldType::Picklist {
            extra
                .split(';')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        } else {
            Vec::new()
        };
        Some(Self {
            name: name.to_owned(),
            kind,
            length,
            is_required: has("req"),
            is_read_only: has("ro"),
            is_rich: has("rich"),
            is_custom: false,
            is_unique: false,
            is_external: false,
            options,
        })
    }

    /// As people read it.
    pub(crate) fn label(&self) -> String {
        self.name.trim_end_matches("__s").replace('_', " ")
    }

    /// Records are found by its value.
    pub(crate) const fn is_indexed(&self) -> bool {
        self.is_unique || self.is_external || matches!(self.kind, FieldType::Email)
    }
}

const fn table(module: Module) -> &'static str {
    match module {
        Module::Leads => include_str!("schema/Leads.txt"),
        Module::Contacts => include_str!("schema/Contacts.txt"),
        Module::Accounts => include_str!("schema/Accounts.txt"),
        Module::Deals => include_str!("schema/Deals.txt"),
        Module::Tasks => include_str!("schema/Tasks.txt"),
        Module::Events => include_str!("schema/Events.txt"),
        Module::Calls => include_str!("schema/Calls.txt"),
        Module::Notes => include_str!("schema/Notes.txt"),
        Module::DealHistory => include_str!("schema/DealHistory.txt"),
    }
}

/// The org's own columns that a module does without.
fn lacks(module: Module, name: &str) -> bool {
    match module {
        Module::DealHistory => matches!(
            name,
            "Owner" | "Created_By" | "Created_Time" | "Tag" | "Layout" | "Record_Status__s" | "Locked__s"
        ),
        Module::Notes => matches!(name, "Tag" | "Layout" | "Locked__s"),
        _ => false,
    }
}

/// The fields of one module, in table order.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    fields: Vec<Field>,
    by_name: BTreeMap<String, usize>,
}

impl Schema {
    /// The vendor's fields of `module`, plus what the org's administrator added.
    pub(crate) fn new(module: Module, switches: &ZohoSwitches) -> Self {
        let lines = include_str!("schema/common.txt")
            .lines()
            .chain(table(module).lines());
        let standard = lines
            .filter(|line| !line.starts_with('#'))
            .filter_map(Field::parse)
            .filter(|field| !lacks(module, &field.name))
            .map(|mut field| {
                if module == Module::Tasks && field.name == "Status" {
                    field.options.clone_from(&switches.task_statuses);
                } else if field.name == "Stage" || field.name == "Moved_To__s" {
                    field.options = super::tenant::STAGES.map(|stage| stage.0.to_owned()).to_vec();
                }
                field
            });
        let mut schema = Self {
            fields: Vec::new(),
            by_name: BTreeMap::new(),
        };
        for field in standard.chain(custom_fields(module, switches)) {
            schema.by_name.insert(field.name.clone(), schema.fields.len());
            schema.fields.push(field);
        }
        schema
    }

    /// By API name; case counts.
    pub(crate) fn get(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).and_then(|at| self.fields.get(*at))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }
}

fn custom_fields(module: Module, switches: &ZohoSwitches) -> Vec<Field> {
    switches
        .custom_fields
        .iter()
        .filter(|custom| custom.module.eq_ignore_ascii_case(module.name()))
        .filter_map(|custom| {
            let mut field = Field::parse(&format!("{} | {} | |", custom.name, custom.field_type))?;
            let is_task = module == Module::Tasks;
            field.is_custom = true;
            field.is_required = custom.is_required;
            field.is_unique = custom.is_unique && (!is_task || switches.tasks_take_unique);
            field.is_external = custom.is_external && (!is_task || switches.tasks_take_external);
            Some(field)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_line_is_a_field() {
        for module in Module::ALL {
            for line in table(module).lines() {
                assert!(Field::parse(line).is_some(), "{}: {line}", module.name());
            }
            let schema = Schema::new(module, &ZohoSwitches::default());
            assert!(schema.get("id").is_some() && schema.get("Modified_Time").is_some());
        }
    }

    #[test]
    fn tasks_carry_the_key_as_the_switches_allow() {
        let switches = ZohoSwitches {
            tasks_take_unique: false,
            ..ZohoSwitches::default()
        };
        let schema = Schema::new(Module::Tasks, &switches);
        let field = schema.get("Followupd_Key").expect("the key field");
        assert!(field.is_custom && !field.is_unique && field.is_external);
    }
}
