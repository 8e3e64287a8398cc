//! What the org shows us: fields per table, and the small setup tables (statuses, priorities, stages).

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::{
    schema::{Need, STREAMS, Table, tables},
    wire::{DescribeWire, Row},
};

/// The tables as the connected user sees them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Org {
    tables: BTreeMap<Table, Seen>,
}

/// One table as the user sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) is_createable: bool,
    pub(crate) is_updateable: bool,
    pub(crate) is_deletable: bool,
    /// By lower-case name.
    fields: BTreeMap<String, FieldSeen>,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldSeen {
    pub(crate) is_createable: bool,
    pub(crate) is_external_id: bool,
    pub(crate) is_unique: bool,
}

impl Seen {
    pub(crate) fn of(wire: &DescribeWire) -> Option<Self> {
        wire.queryable.then(|| Self {
            is_createable: wire.createable,
            is_updateable: wire.updateable,
            is_deletable: wire.deletable,
            fields: wire
                .fields
                .iter()
                .map(|field| {
                    let seen = FieldSeen {
                        is_createable: field.createable,
                        is_external_id: field.is_external_id,
                        is_unique: field.is_unique,
                    };
                    (field.name.to_lowercase(), seen)
                })
                .collect(),
        })
    }

    pub(crate) fn field(&self, name: &str) -> Option<FieldSeen> {
        self.fields.get(&name.to_lowercase()).copied()
    }

    pub(crate) fn shows(&self, name: &str) -> bool {
        self.field(name).is_some()
    }
}

/// How our key travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyMode {
    /// In a unique External ID: creating twice is impossible.
    Strong,
    /// In the task's text only, for this reason.
    Marker(String),
}

impl Org {
    pub(crate) fn new(tables: BTreeMap<Table, Seen>) -> Self {
        Self { tables }
    }

    pub(crate) fn table(&self, table: Table) -> Option<&Seen> {
        self.tables.get(&table)
    }

    pub(crate) fn shows(&self, table: Table, field: &str) -> bool {
        self.table(table).is_some_and(|seen| seen.shows(field))
    }

    /// The fields to select: those wanted and shown.
    pub(crate) fn select(&self, table: Table) -> Vec<&'static str> {
        let shown = table
            .schema()
            .fields
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| self.shows(table, name));
        // A parent's field, where its table has it (only in orgs with person accounts).
        let person = (table == Table::Opportunity && self.shows(Table::Account, "PersonContactId"))
            .then_some("Account.PersonContactId");
        let person_account = (table == Table::Account && self.shows(Table::Account, "IsPersonAccount"))
            .then_some("IsPersonAccount");
        shown.chain(person).chain(person_account).collect()
    }

    /// Fields of a table that are hidden, by how much they are needed.
    pub(crate) fn hidden(&self, table: Table, need: Need) -> Vec<&'static str> {
        let schema = table.schema();
        schema
            .fields
            .iter()
            .filter(|(name, how)| *how == need && !self.shows(table, name))
            .map(|(name, _)| *name)
            .collect()
    }

    /// What keeps a table from being read: itself, or the fields nothing can be done without. `None` = nothing.
    pub(crate) fn closed(&self, table: Table) -> Option<String> {
        let object = table.object();
        if self.table(table).is_none() {
            return Some(object.to_owned());
        }
        let hidden = self.hidden(table, Need::Must);
        (!hidden.is_empty()).then(|| {
            let names: Vec<String> = hidden.iter().map(|name| format!("{object}.{name}")).collect();
            names.join(", ")
        })
    }

    /// How the key travels on tasks: in `field`, if it is what the shipped metadata makes it.
    pub(crate) fn key_mode(&self, field: &str) -> KeyMode {
        let Some(seen) = self.table(Table::Task).and_then(|task| task.field(field)) else {
            return KeyMode::Marker(format!(
                "activities have no field {field}, or the user may not see it"
            ));
        };
        if !(seen.is_external_id && seen.is_unique) {
            return KeyMode::Marker(format!("the field {field} is not both External ID and Unique"));
        }
        if !seen.is_createable {
            return KeyMode::Marker(format!("the user may not write the field {field}"));
        }
        KeyMode::Strong
    }

    /// Whether every table that is polled shows all that matters, and the key has a field of its own.
    pub(crate) fn shows_all(&self, key_field: &str) -> bool {
        let mut polled = STREAMS.iter().filter_map(|stream| tables(*stream)).flatten();
        let is_whole =
            |table: &Table| self.closed(*table).is_none() && self.hidden(*table, Need::Should).is_empty();
        polled.all(is_whole) && self.key_mode(key_field) == KeyMode::Strong
    }

    /// Whether the key field can be selected.
    pub(crate) fn has_key_field(&self, field: &str) -> bool {
        self.shows(Table::Task, field)
    }
}

/// The setup tables, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Organization id.
    pub(crate) org_id: Option<String>,
    pub(crate) time_zone_name: Option<String>,
    pub(crate) time_zone: TimeZone,
    pub(crate) task_statuses: Vec<Choice>,
    pub(crate) task_priorities: Vec<Choice>,
    pub(crate) stages: BTreeMap<String, StageFacts>,
    /// Statuses of leads that are not converted.
    pub(crate) lead_statuses: Vec<String>,
    /// Currency of amounts where records carry none.
    pub(crate) currency: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            org_id: None,
            time_zone_name: None,
            time_zone: TimeZone::UTC,
            task_statuses: Vec::new(),
            task_priorities: Vec::new(),
            stages: BTreeMap::new(),
            lead_statuses: Vec::new(),
            currency: None,
        }
    }
}

/// One value of a list an admin can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What is written.
    pub(crate) name: String,
    pub(crate) is_default: bool,
    /// Closed (of a status), high (of a priority).
    pub(crate) is_marked: bool,
}

impl Choice {
    pub(crate) fn of(row: &Row, mark: &str) -> Option<Self> {
        let name = row.text("ApiName").or_else(|| row.text("MasterLabel"))?;
        Some(Self {
            name: name.to_owned(),
            is_default: row.is_true("IsDefault"),
            is_marked: row.is_true(mark),
        })
    }
}

/// What the org says about a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StageFacts {
    pub(crate) is_closed: bool,
    pub(crate) is_won: bool,
}

impl Setup {
    /// The status of a new task: the org's default, else "Not Started", else the first open one.
    pub(crate) fn open_status(&self) -> &str {
        pick(&self.task_statuses, false, "Not Started")
    }

    /// The status of a completed task: "Completed" where the org has it, else the first closed one.
    pub(crate) fn closed_status(&self) -> &str {
        pick(&self.task_statuses, true, "Completed")
    }

    pub(crate) fn priority(&self, is_high: bool) -> &str {
        pick(
            &self.task_priorities,
            is_high,
            if is_high { "High" } else { "Normal" },
        )
    }
}

/// Among the values with this mark: the default one, else the usual one, else the first.
fn pick<'a>(choices: &'a [Choice], mark: bool, usual: &'a str) -> &'a str {
    let fitting = || choices.iter().filter(move |choice| choice.is_marked == mark);
    fitting()
        .find(|choice| choice.is_default)
        .or_else(|| fitting().find(|choice| choice.name.eq_ignore_ascii_case(usual)))
        .or_else(|| fitting().next())
        .map_or(usual, |choice| choice.name.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn org(fields: &[&str]) -> Org {
        let wire: DescribeWire = serde_json::from_value(json!({
            "createable": true, "updateable": true, "deletable": true, "queryable": true,
            "fields": fields.iter().map(|name| json!({"name": name, "createable": true, "updateable": true}))
                .collect::<Vec<_>>()}))
        .unwrap();
        Org::new(BTreeMap::from([(Table::Task, Seen::of(&wire).unwrap())]))
    }

    #[test]
    fn only_what_describe_shows_is_asked_for_and_what_is_hidden_is_known() {
        let all: Vec<&str> = Table::Task
            .schema()
            .fields
            .iter()
            .map(|(name, _)| *name)
            .collect();
        let org_with = |hidden: &str| {
            let shown: Vec<&str> = all.iter().copied().filter(|name| *name != hidden).collect();
            org(&shown)
        };
        assert_eq!(org(&all).select(Table::Task), all);
        assert_eq!(org(&all).closed(Table::Task), None);
        let no_type = org_with("CallType");
        assert!(!no_type.select(Table::Task).contains(&"CallType"));
        assert_eq!(no_type.hidden(Table::Task, Need::Should), ["CallType"]);
        assert_eq!(no_type.closed(Table::Task), None);
        assert_eq!(org_with("WhoId").closed(Table::Task).unwrap(), "Task.WhoId");
        assert_eq!(org(&all).closed(Table::Lead).unwrap(), "Lead");
    }

    #[test]
    fn a_key_field_counts_only_as_a_unique_external_id_that_can_be_written() {
        let mode = |is_external: bool, is_unique: bool, is_createable: bool| {
            let wire: DescribeWire = serde_json::from_value(json!({"fields": [{"name": "FollowupKey__c",
                "createable": is_createable, "externalId": is_external, "unique": is_unique}]}))
            .unwrap();
            Org::new(BTreeMap::from([(Table::Task, Seen::of(&wire).unwrap())])).key_mode("FollowupKey__c")
        };
        assert_eq!(mode(true, true, true), KeyMode::Strong);
        for (external, unique, createable) in [(false, true, true), (true, false, true), (true, true, false)]
        {
            assert!(matches!(mode(external, unique, createable), KeyMode::Marker(_)));
        }
        assert!(matches!(org(&[]).key_mode("FollowupKey__c"), KeyMode::Marker(_)));
    }

    #[test]
    fn renamed_statuses_and_priorities_are_followed() {
        let choice = |name: &str, is_default, is_marked| Choice {
            name: name.to_owned(),
            is_default,
            is_marked,
        };
        let setup = Setup {
            task_statuses: vec![
                choice("Offen", false, false),
                choice("Neu", true, false),
                choice("Erledigt", false, true),
            ],
            task_priorities: vec![choice("P2", true, false), choice("P1", false, true)],
            ..Setup::default()
        };
        assert_eq!(setup.open_status(), "Neu");
        assert_eq!(setup.closed_status(), "Erledigt");
        assert_eq!((setup.priority(true), setup.priority(false)), ("P1", "P2"));
        let unread = Setup::default();
        assert_eq!(
            (unread.open_status(), unread.closed_status()),
            ("Not Started", "Completed")
        );
        assert_eq!(unread.priority(true), "High");
    }
}
