//! The org's records: tables by module, the indexes that find them, and how they were a moment ago.
//!
//! Two readers are behind: search, and (by a switch) COQL. They see each record's newest state that is old enough.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{module::Module, schema::Schema, switches::ZohoSwitches};
use crate::salesforce::{Cell, Cells};

/// All ids of an org begin like this.
const ORG_PREFIX: &str = "5725767";

/// How a record left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deletion {
    pub(crate) at: Timestamp,
    /// User.
    pub(crate) by: String,
    /// Not even in the recycle bin.
    pub(crate) is_permanent: bool,
}

/// One record.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) module: Module,
    pub(crate) id: String,
    pub(crate) cells: Cells,
    pub(crate) deleted: Option<Deletion>,
    /// Earlier states for readers that are behind, oldest first: since when, and what (`None`: not there).
    earlier: Vec<(Timestamp, Option<Cells>)>,
}

impl Row {
    pub(crate) const fn is_live(&self) -> bool {
        self.deleted.is_none()
    }

    /// As it stood at `then`, which is not long ago.
    pub(crate) fn as_of(&self, then: Timestamp) -> Option<&Cells> {
        let present = self.is_live().then_some(&self.cells);
        let states = self.earlier.iter().enumerate();
        let next_begins = |at: usize| self.earlier.get(at + 1).map(|(since, _)| *since);
        for (at, (since, state)) in states {
            let ends = next_begins(at).unwrap_or_else(|| self.since());
            if *since <= then && then < ends {
                return state.as_ref();
            }
        }
        (self.since() <= then).then_some(present).flatten()
    }

    /// When the present state began.
    fn since(&self) -> Timestamp {
        self.deleted
            .as_ref()
            .map(|deletion| deletion.at)
            .or_else(|| self.cells.at("Modified_Time"))
            .unwrap_or(Timestamp::MIN)
    }
}

/// All records of an org.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    schemas: BTreeMap<Module, Schema>,
    tables: BTreeMap<Module, BTreeMap<String, Row>>,
    modules: BTreeMap<String, Module>,
    /// Records that are deleted.
    gone: BTreeSet<(Module, String)>,
    serial: u64,
    /// Records by an indexed field's folded value.
    values: BTreeMap<(Module, String, String), BTreeSet<String>>,
    /// Records by what they refer to.
    referrers: BTreeMap<String, BTreeSet<(Module, String)>>,
    /// How far behind any reader is.
    lag: SignedDuration,
}

fn fold(value: &str) -> String {
    value.trim().to_lowercase()
}

impl Store {
    pub(crate) fn new(switches: &ZohoSwitches) -> Self {
        let mut store = Self {
            schemas: BTreeMap::new(),
            tables: Module::ALL
                .into_iter()
                .map(|module| (module, BTreeMap::new()))
                .collect(),
            modules: BTreeMap::new(),
            gone: BTreeSet::new(),
            serial: 1_000,
            values: BTreeMap::new(),
            referrers: BTreeMap::new(),
            lag: SignedDuration::ZERO,
        };
        store.reshape(switches);
        store
    }

    /// Takes over changed switches: fields come and go, values of fields that are gone stay unseen.
    pub(crate) fn reshape(&mut self, switches: &ZohoSwitches) {
        self.schemas = Module::ALL
            .into_iter()
            .map(|module| (module, Schema::new(module, switches)))
            .collect();
        let lag = switches.coql_lag_secs.max(switches.search_lag_secs);
        self.lag = SignedDuration::from_secs(i64::from(lag));
    }

    pub(crate) fn schema(&self, module: Module) -> &Schema {
        self.schemas
            .get(&module)
            .expect("every module has a schema from the start")
    }

    /// Deleted records included, in the order of ids.
    pub(crate) fn table(&self, module: Module) -> &BTreeMap<String, Row> {
        self.tables
            .get(&module)
            .expect("every module has a table from the start")
    }

    pub(crate) fn row(&self, module: Module, id: &str) -> Option<&Row> {
        self.table(module).get(id)
    }

    /// A record that is not deleted.
    pub(crate) fn live(&self, module: Module, id: &str) -> Option<&Row> {
        self.row(module, id).filter(|row| row.is_live())
    }

    /// The record with this id, of whatever module.
    pub(crate) fn find(&self, id: &str) -> Option<&Row> {
        self.row(*self.modules.get(id)?, id)
    }

    /// A fresh id, larger than all before it.
    pub(crate) fn mint(&mut self) -> String {
        self.serial += 1;
        format!("{ORG_PREFIX}{:012}", self.serial)
    }

    /// Leaves room for `count` ids below the last one minted.
    pub(crate) fn reserve(&mut self, count: u64) {
        self.serial += count;
    }

    /// Stores `cells` as the record's present state, since `now`.
    pub(crate) fn put(&mut self, module: Module, id: &str, cells: Cells, now: Timestamp) {
        let old = self.row(module, id).cloned();
        self.index(module, id, old.as_ref().map(|row| &row.cells), &cells);
        let earlier = self.earlier(old.as_ref(), now);
        let row = Row {
            module,
            id: id.to_owned(),
            cells,
            deleted: None,
            earlier,
        };
        self.modules.insert(id.to_owned(), module);
        self.gone.remove(&(module, id.to_owned()));
        if let Some(table) = self.tables.get_mut(&module) {
            table.insert(id.to_owned(), row);
        }
    }

    /// The states readers that are behind may still need once the record changes at `now`.
    fn earlier(&self, old: Option<&Row>, now: Timestamp) -> Vec<(Timestamp, Option<Cells>)> {
        if self.lag.is_zero() {
            return Vec::new();
        }
        let Some(old) = old else { return Vec::new() };
        let oldest = now.checked_sub(self.lag).unwrap_or(Timestamp::MIN);
        let mut states = old.earlier.clone();
        states.push((old.since(), old.is_live().then(|| old.cells.clone())));
        let needed = states
            .iter()
            .rposition(|(since, _)| *since <= oldest)
            .unwrap_or(0);
        states.drain(..needed);
        states
    }

    fn index(&mut self, module: Module, id: &str, old: Option<&Cells>, new: &Cells) {
        let Some(schema) = self.schemas.get(&module) else {
            return;
        };
        let entry = (module, id.to_owned());
        for field in schema.all() {
            let was = old.and_then(|cells| cells.text(&field.name));
            let is = new.text(&field.name);
            if was == is {
                continue;
            }
            if field.is_indexed() {
                let key = |value: &str| (module, field.name.clone(), fold(value));
                if let Some(set) = was.and_then(|value| self.values.get_mut(&key(value))) {
                    set.remove(id);
                }
                if let Some(value) = is {
                    self.values.entry(key(value)).or_default().insert(id.to_owned());
                }
            } else if field.kind.is_reference() {
                let refers_elsewhere = |parent: &str| {
                    schema.all().any(|other| {
                        other.kind.is_reference()
                            && other.name != field.name
                            && new.text(&other.name) == Some(parent)
                    })
                };
                if let Some(parent) = was.filter(|parent| !refers_elsewhere(parent))
                    && let Some(set) = self.referrers.get_mut(parent)
                {
                    set.remove(&entry);
                }
                if let Some(parent) = is {
                    self.referrers
                        .entry(parent.to_owned())
                        .or_default()
                        .insert(entry.clone());
                }
            }
        }
    }

    /// Live records whose indexed field holds `value`.
    pub(crate) fn holders(&self, module: Module, name: &str, value: &str) -> Vec<&Row> {
        let key = (module, name.to_owned(), fold(value));
        self.values
            .get(&key)
            .into_iter()
            .flatten()
            .filter_map(|id| self.live(module, id))
            .collect()
    }

    /// Records of `module` that refer to `parent` in any field, deleted ones included, in the order of their ids.
    pub(crate) fn referring(&self, parent: &str, module: Module) -> Vec<&Row> {
        self.referrers
            .get(parent)
            .into_iter()
            .flatten()
            .filter(|(of, _)| *of == module)
            .filter_map(|(of, id)| self.row(*of, id))
            .collect()
    }

    /// Changes one value past stamps.
    pub(crate) fn amend(&mut self, module: Module, id: &str, name: &str, cell: Cell) {
        if let Some(row) = self.row_mut(module, id) {
            row.cells.set(name, cell);
        }
    }

    /// Takes a record away, or changes how it is away.
    pub(crate) fn delete(&mut self, module: Module, id: &str, deletion: Deletion) {
        let Some(old) = self.row(module, id).cloned() else {
            return;
        };
        let earlier = self.earlier(Some(&old), deletion.at);
        if let Some(row) = self.row_mut(module, id) {
            row.earlier = earlier;
            row.deleted = Some(deletion);
            self.gone.insert((module, id.to_owned()));
        }
    }

    /// Deleted records, in the order of ids.
    pub(crate) fn deleted(&self, module: Module) -> impl Iterator<Item = &Row> {
        self.gone
            .iter()
            .filter(move |(of, _)| *of == module)
            .filter_map(|(of, id)| self.row(*of, id))
    }

    fn row_mut(&mut self, module: Module, id: &str) -> Option<&mut Row> {
        self.tables.get_mut(&module)?.get_mut(id)
    }
}
