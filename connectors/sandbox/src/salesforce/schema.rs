//! The fields of each object type, read from checked-in tables.
//!
//! A table line is `Name | type(length) | flags | extra`. Flags: `req` (needed on create), `default` (never null),
//! `ro` (written by the org alone), `create` (not changeable later), `name`, `idlookup`, `restricted`, `nofilter`,
//! `nosort`, `sinceNN` (first API version). `extra` is the values of a picklist, or `Targets > Relationship > ChildRelationship` of a reference.
//! Sources: fact sheet section 4 and the machine-readable field lists beside it.

use std::collections::BTreeMap;

use super::{cell::CellType, kind::Kind, switches::OrgSwitches};

/// A reference's far end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Object types; one of several makes the reference polymorphic.
    pub(crate) targets: Vec<Kind>,
    /// Names as written, those the org does not serve included.
    pub(crate) target_names: Vec<String>,
    /// Name of the path to the parent.
    pub(crate) relationship: String,
    /// Name of the path from the parent to these records.
    pub(crate) children: Option<String>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one property of describe")]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) cell_type: CellType,
    /// Longest text, in characters; 0 where it does not apply.
    pub(crate) length: usize,
    pub(crate) is_required: bool,
    pub(crate) has_default: bool,
    pub(crate) is_createable: bool,
    pub(crate) is_updateable: bool,
    pub(crate) is_name: bool,
    pub(crate) is_id_lookup: bool,
    pub(crate) is_external_id: bool,
    pub(crate) is_unique: bool,
    pub(crate) is_restricted: bool,
    pub(crate) is_filterable: bool,
    pub(crate) is_sortable: bool,
    pub(crate) is_custom: bool,
    /// The first API version that knows it.
    pub(crate) since: u16,
    pub(crate) options: Vec<String>,
    pub(crate) reference: Option<Reference>,
}

impl Field {
    fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split('|').map(str::trim);
        let (name, kind, flags) = (columns.next()?, columns.next()?, columns.next()?);
        let extra = columns.next().unwrap_or_default();
        let (cell_type, length) = CellType::parse(kind)?;
        let has = |flag: &str| flags.split_whitespace().any(|given| given == flag);
        let is_open = !has("ro");
        let split = |separator: char| {
            extra
                .split(separator)
                .map(str::trim)
                .filter(|part| !part.is_empty())
        };
        let options = if matches!(cell_type, CellType::Picklist | CellType::Combobox) {
            split(';').map(str::to_owned).collect()
        } else {
            Vec::new()
        };
        Some(Self {
            name: name.to_owned(),
            label: label(name),
            cell_type,
            length,
            is_required: has("req"),
            has_default: has("default"),
            is_createable: is_open && cell_type != CellType::Id,
            is_updateable: is_open && !has("create") && cell_type != CellType::Id,
            is_name: has("name"),
            is_id_lookup: has("idlookup"),
            is_external_id: false,
            is_unique: false,
            is_restricted: has("restricted"),
            is_filterable: !has("nofilter"),
            is_sortable: !has("nosort") && !has("nofilter"),
            is_custom: false,
            since: since(flags),
            options,
            reference: (cell_type == CellType::Ref).then(|| reference(extra)),
        })
    }

    /// A value must be there.
    pub(crate) const fn is_nillable(&self) -> bool {
        !self.is_required && !self.has_default && !matches!(self.cell_type, CellType::Id | CellType::Bool)
    }

    /// The reference, for paths through it.
    pub(crate) fn relationship(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }
}

/// `since64` among the flags.
fn since(flags: &str) -> u16 {
    flags
        .split_whitespace()
        .find_map(|flag| flag.strip_prefix("since")?.parse().ok())
        .unwrap_or(0)
}

fn reference(extra: &str) -> Reference {
    let mut parts = extra.split('>').map(str::trim);
    let target_names: Vec<String> = parts
        .next()
        .unwrap_or_default()
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    Reference {
        targets: target_names.iter().filter_map(|name| Kind::parse(name)).collect(),
        target_names,
        relationship: parts.next().unwrap_or_default().to_owned(),
        children: parts.next().filter(|name| !name.is_empty()).map(str::to_owned),
    }
}

/// `CompletedDateTime` as people read it.
fn label(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    let mut was_lower = false;
    for letter in name.chars() {
        if letter == '_' {
            continue;
        }
        if letter.is_uppercase() && was_lower {
            words.push(' ');
        }
        was_lower = letter.is_lowercase() || letter.is_ascii_digit();
        words.push(letter);
    }
    words
}

const fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Account => include_str!("schema/Account.txt"),
        Kind::Contact => include_str!("schema/Contact.txt"),
        Kind::EmailMessage => include_str!("schema/EmailMessage.txt"),
        Kind::EmailMessageRelation => include_str!("schema/EmailMessageRelation.txt"),
        Kind::Event => include_str!("schema/Event.txt"),
        Kind::EventRelation => include_str!("schema/EventRelation.txt"),
        Kind::Group => include_str!("schema/Group.txt"),
        Kind::Lead => include_str!("schema/Lead.txt"),
        Kind::LeadStatus => include_str!("schema/LeadStatus.txt"),
        Kind::Note => include_str!("schema/Note.txt"),
        Kind::Opportunity => include_str!("schema/Opportunity.txt"),
        Kind::OpportunityContactRole => include_str!("schema/OpportunityContactRole.txt"),
        Kind::OpportunityFieldHistory => include_str!("schema/OpportunityFieldHistory.txt"),
        Kind::OpportunityHistory => include_str!("schema/OpportunityHistory.txt"),
        Kind::OpportunityStage => include_str!("schema/OpportunityStage.txt"),
        Kind::Organization => include_str!("schema/Organization.txt"),
        Kind::RecordType => include_str!("schema/RecordType.txt"),
        Kind::Task => include_str!("schema/Task.txt"),
        Kind::TaskPriority => include_str!("schema/TaskPriority.txt"),
        Kind::TaskRelation => include_str!("schema/TaskRelation.txt"),
        Kind::TaskStatus => include_str!("schema/TaskStatus.txt"),
        Kind::User => include_str!("schema/User.txt"),
        Kind::UserPermissionAccess => include_str!("schema/UserPermissionAccess.txt"),
        Kind::UserRole => include_str!("schema/UserRole.txt"),
    }
}

/// Not every object type keeps every system field.
fn has_system_field(kind: Kind, name: &str) -> bool {
    let is_trail = kind.is_history() || kind == Kind::EmailMessageRelation;
    match name {
        "IsDeleted" => !kind.is_setup() && !matches!(kind, Kind::User | Kind::Group),
        "LastModifiedDate" | "LastModifiedById" => !is_trail,
        "SystemModstamp" => kind != Kind::OpportunityFieldHistory,
        "CreatedDate" | "CreatedById" => kind != Kind::UserRole,
        _ => true,
    }
}

/// The fields of one object type, in table order.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    fields: Vec<Field>,
    /// Position by lower-case name.
    by_name: BTreeMap<String, usize>,
}

impl Schema {
    /// The vendor's fields of `kind`, plus what the org's administrator added or switched on.
    pub(crate) fn new(kind: Kind, switches: &OrgSwitches) -> Self {
        let lines = include_str!("schema/common.txt")
            .lines()
            .chain(table(kind).lines());
        let fields = lines
            .filter(|line| !line.starts_with('#'))
            .filter_map(Field::parse)
            .filter(|field| has_system_field(kind, &field.name))
            .chain(feature_fields(kind, switches))
            .chain(custom_fields(kind, switches));
        let mut schema = Self {
            fields: Vec::new(),
            by_name: BTreeMap::new(),
        };
        for field in fields {
            schema
                .by_name
                .insert(field.name.to_ascii_lowercase(), schema.fields.len());
            schema.fields.push(field);
        }
        schema
    }

    /// By name, in any case.
    pub(crate) fn get(&self, name: &str) -> Option<&Field> {
        let at = self.by_name.get(&name.to_ascii_lowercase())?;
        self.fields.get(*at)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }

    /// The reference whose path to the parent is called `relationship`.
    pub(crate) fn by_relationship(&self, relationship: &str) -> Option<&Field> {
        self.fields.iter().find(|field| {
            field
                .relationship()
                .is_some_and(|reference| reference.relationship.eq_ignore_ascii_case(relationship))
        })
    }
}

/// Fields that exist only with a feature of the org.
fn feature_fields(kind: Kind, switches: &OrgSwitches) -> Vec<Field> {
    let mut lines: Vec<&str> = Vec::new();
    if switches.shared_activities && kind.is_activity() {
        lines.extend(["WhoCount | int | ro |", "WhatCount | int | ro |"]);
    }
    if switches.person_accounts {
        match kind {
            Kind::Account => lines.extend([
                "IsPersonAccount | bool | ro default |",
                "PersonContactId | ref | ro | Contact > PersonContact",
                "PersonEmail | email(80) | idlookup |",
                "PersonHasOptedOutOfEmail | bool | default |",
                "PersonDoNotCall | bool | default |",
            ]),
            Kind::Contact => lines.push("IsPersonAccount | bool | ro default |"),
            _ => {}
        }
    }
    let has_currency = matches!(
        kind,
        Kind::Account | Kind::Contact | Kind::Lead | Kind::Opportunity | Kind::Task | Kind::Event
    );
    if switches.multi_currency && has_currency {
        lines.push("CurrencyIsoCode | picklist(3) | default restricted | USD; EUR; GBP");
    }
    lines.into_iter().filter_map(Field::parse).collect()
}

fn custom_fields(kind: Kind, switches: &OrgSwitches) -> Vec<Field> {
    let is_mine = |object: &str| {
        object.eq_ignore_ascii_case(kind.name())
            || kind.is_activity() && object.eq_ignore_ascii_case("Activity")
    };
    switches
        .custom_fields
        .iter()
        .filter(|custom| is_mine(&custom.object))
        .filter_map(|custom| {
            let mut field = Field::parse(&format!("{} | {} | |", custom.name, custom.field_type))?;
            field.label.clone_from(&custom.label);
            field.is_custom = true;
            field.is_required = custom.is_required;
            field.is_external_id = custom.is_external_id;
            field.is_unique = custom.is_unique;
            field.is_id_lookup = custom.is_external_id;
            Some(field)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_line_is_a_field() {
        for kind in Kind::ALL {
            for line in table(kind).lines() {
                assert!(Field::parse(line).is_some(), "{}: {line}", kind.name());
            }
            let schema = Schema::new(kind, &OrgSwitches::default());
            assert!(schema.get("ID").is_some(), "{}", kind.name());
            for field in schema.all() {
                if let Some(reference) = field.relationship() {
                    assert!(
                        !reference.relationship.is_empty(),
                        "{}.{}",
                        kind.name(),
                        field.name
                    );
                }
            }
        }
    }

    #[test]
    fn activity_fields_appear_on_tasks_and_events() {
        for kind in [Kind::Task, Kind::Event] {
            let schema = Schema::new(kind, &OrgSwitches::default());
            let key = schema.get("followupkey__c").expect("the key field");
            assert!(key.is_external_id && key.is_unique && key.is_id_lookup);
        }
        assert!(
            Schema::new(Kind::Lead, &OrgSwitches::default())
                .get("FollowupKey__c")
                .is_none()
        );
    }
}
