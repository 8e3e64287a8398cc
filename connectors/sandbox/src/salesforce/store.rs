//! The org's records: tables by object type, the indexes that find them, and what is not committed yet.
//!
//! A record whose last change is still inside a transaction shows others what it was before, or nothing at all.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{cell::Cell, id, kind::Kind, schema::Schema, switches::OrgSwitches};

/// The values of a record; a field that is not there is null.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cells(BTreeMap<String, Cell>);

impl Cells {
    pub(crate) fn get(&self, name: &str) -> &Cell {
        self.0.get(name).unwrap_or(&Cell::Null)
    }

    pub(crate) fn set(&mut self, name: &str, cell: Cell) {
        if cell.is_null() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), cell);
        }
    }

    pub(crate) fn with(mut self, name: &str, cell: Cell) -> Self {
        self.set(name, cell);
        self
    }

    /// Sets a text, or nothing if it is empty.
    pub(crate) fn with_text(self, name: &str, text: &str) -> Self {
        let cell = if text.is_empty() {
            Cell::Null
        } else {
            Cell::text(text)
        };
        self.with(name, cell)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).as_text()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name).as_bool()
    }

    pub(crate) fn at(&self, name: &str) -> Option<Timestamp> {
        self.get(name).as_at()
    }
}

/// One record.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    /// As its writer sees it.
    pub(crate) cells: Cells,
    /// As others see it while the last change is not committed; `None` before the first commit.
    before: Option<Cells>,
    /// When the last change is committed, if later than its stamp.
    commits_at: Option<Timestamp>,
}

impl Row {
    /// The record as a reader at `now` sees it.
    pub(crate) fn seen(&self, now: Timestamp) -> Option<&Cells> {
        if self.is_locked(now) {
            self.before.as_ref()
        } else {
            Some(&self.cells)
        }
    }

    /// A transaction that has not committed holds it.
    pub(crate) fn is_locked(&self, now: Timestamp) -> bool {
        self.commits_at.is_some_and(|at| at > now)
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.cells.flag("IsDeleted")
    }
}

/// One entry of the delete log.
#[derive(Debug, Clone)]
pub(crate) struct Deletion {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) at: Timestamp,
}

/// All records of an org.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    schemas: BTreeMap<Kind, Schema>,
    tables: BTreeMap<Kind, BTreeMap<String, Row>>,
    serials: BTreeMap<&'static str, u64>,
    /// Records by a look-up field's folded value.
    lookups: BTreeMap<(Kind, String, String), BTreeSet<String>>,
    /// Records by what they refer to.
    referrers: BTreeMap<String, BTreeSet<(Kind, String)>>,
    pub(crate) deletions: Vec<Deletion>,
}

/// References everybody has, which nobody looks up backwards.
const UNINDEXED: [&str; 7] = [
    "CreatedById",
    "LastModifiedById",
    "OwnerId",
    "ProfileId",
    "UserRoleId",
    "RecordTypeId",
    "MasterRecordId",
];

fn fold(value: &str) -> String {
    value.trim().to_lowercase()
}

impl Store {
    pub(crate) fn new(switches: &OrgSwitches) -> Self {
        Self {
            schemas: schemas(switches),
            tables: Kind::ALL
                .into_iter()
                .map(|kind| (kind, BTreeMap::new()))
                .collect(),
            serials: BTreeMap::new(),
            lookups: BTreeMap::new(),
            referrers: BTreeMap::new(),
            deletions: Vec::new(),
        }
    }

    /// Takes over changed switches: fields come and go, values of fields that are gone stay unseen.
    pub(crate) fn reshape(&mut self, switches: &OrgSwitches) {
        self.schemas = schemas(switches);
    }

    pub(crate) fn schema(&self, kind: Kind) -> &Schema {
        self.schemas
            .get(&kind)
            .expect("every kind has a schema from the start")
    }

    pub(crate) fn table(&self, kind: Kind) -> &BTreeMap<String, Row> {
        self.tables
            .get(&kind)
            .expect("every kind has a table from the start")
    }

    pub(crate) fn row(&self, kind: Kind, id: &str) -> Option<&Row> {
        self.table(kind).get(id)
    }

    /// The record with this id, of whatever type its prefix says.
    pub(crate) fn find(&self, id: &str) -> Option<&Row> {
        let prefix = id.get(..3)?;
        Kind::ALL
            .into_iter()
            .filter(|kind| kind.prefix() == prefix)
            .find_map(|kind| self.row(kind, id))
    }

    /// A fresh id, larger than all of its type before it.
    pub(crate) fn mint(&mut self, kind: Kind) -> String {
        let serial = self.serials.entry(kind.prefix()).or_insert(4_200);
        *serial += 1;
        id::mint(kind.prefix(), *serial)
    }

    /// Stores `cells` as the record's present state, committed at `commits_at` or at once.
    pub(crate) fn put(
        &mut self,
        kind: Kind,
        id: &str,
        cells: Cells,
        now: Timestamp,
        commits_at: Option<Timestamp>,
    ) {
        let old = self.table(kind).get(id);
        let before = old.and_then(|row| row.seen(now)).cloned();
        let old_cells = old.map(|row| row.cells.clone());
        self.index(kind, id, old_cells.as_ref(), &cells);
        let row = Row {
            kind,
            id: id.to_owned(),
            cells,
            before: commits_at.and(before),
            commits_at,
        };
        if let Some(table) = self.tables.get_mut(&kind) {
            table.insert(id.to_owned(), row);
        }
    }

    fn index(&mut self, kind: Kind, id: &str, old: Option<&Cells>, new: &Cells) {
        let Some(schema) = self.schemas.get(&kind) else {
            return;
        };
        for field in schema.all() {
            let name = field.name.as_str();
            let is_lookup = field.is_id_lookup && name != "Id";
            let is_reference = field.reference.is_some() && !UNINDEXED.contains(&name);
            if !is_lookup && !is_reference {
                continue;
            }
            let was = old.and_then(|cells| cells.text(name));
            let is = new.text(name);
            if was == is {
                continue;
            }
            if is_lookup {
                let key = |value: &str| (kind, field.name.clone(), fold(value));
                if let Some(set) = was.and_then(|value| self.lookups.get_mut(&key(value))) {
                    set.remove(id);
                }
                if let Some(value) = is {
                    self.lookups.entry(key(value)).or_default().insert(id.to_owned());
                }
            } else {
                let entry = (kind, id.to_owned());
                let is_elsewhere = |parent: &str| {
                    schema.all().any(|other| {
                        other.reference.is_some()
                            && other.name != name
                            && new.text(&other.name) == Some(parent)
                    })
                };
                if let Some(parent) = was.filter(|parent| !is_elsewhere(parent))
                    && let Some(set) = self.referrers.get_mut(parent)
                {
                    set.remove(&entry);
                }
                if let Some(parent) = is {
                    self.referrers.entry(parent.to_owned()).or_default().insert(entry);
                }
            }
        }
    }

    /// Records whose look-up field `name` holds `value`, deleted ones included.
    pub(crate) fn holders(&self, kind: Kind, name: &str, value: &str) -> Vec<&Row> {
        let key = (kind, name.to_owned(), fold(value));
        self.lookups
            .get(&key)
            .into_iter()
            .flatten()
            .filter_map(|id| self.row(kind, id))
            .collect()
    }

    /// Records of `kind` that refer to `parent` in any field, in the order of their ids.
    pub(crate) fn referring(&self, parent: &str, kind: Kind) -> Vec<&Row> {
        self.referrers
            .get(parent)
            .into_iter()
            .flatten()
            .filter(|(of, _)| *of == kind)
            .filter_map(|(of, id)| self.row(*of, id))
            .collect()
    }

    /// Changes one value in the database, past transactions and stamps.
    pub(crate) fn amend(&mut self, kind: Kind, id: &str, name: &str, cell: &Cell) {
        if let Some(row) = self.tables.get_mut(&kind).and_then(|table| table.get_mut(id)) {
            row.cells.set(name, cell.clone());
            if let Some(before) = &mut row.before {
                before.set(name, cell.clone());
            }
        }
    }

    /// Ends a record for good; nothing shows it any more.
    pub(crate) fn purge(&mut self, kind: Kind, id: &str) {
        let Some(cells) = self.row(kind, id).map(|row| row.cells.clone()) else {
            return;
        };
        self.index(kind, id, Some(&cells), &Cells::default());
        if let Some(table) = self.tables.get_mut(&kind) {
            table.remove(id);
        }
    }
}

fn schemas(switches: &OrgSwitches) -> BTreeMap<Kind, Schema> {
    Kind::ALL
        .into_iter()
        .map(|kind| (kind, Schema::new(kind, switches)))
        .collect()
}
