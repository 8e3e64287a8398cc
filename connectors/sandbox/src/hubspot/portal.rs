//! The portal: everything one HubSpot account holds.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    auth::Auth,
    kind::Kind,
    limits::Limits,
    links::{Key, Links},
    record::{Record, Source},
    schema::Schema,
};
use crate::{clock::iso, observe::RecordView, switches::Switches};

/// Where a contact's further addresses are.
const MORE_EMAILS: &str = "hs_additional_emails";

/// A user or queue.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) id: u64,
    pub(crate) user_id: u64,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) is_queue: bool,
    pub(crate) is_archived: bool,
    pub(crate) created_at: Timestamp,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Portal {
    pub(crate) switches: Switches,
    pub(crate) auth: Auth,
    pub(crate) limits: Limits,
    pub(crate) links: Links,
    pub(crate) owners: BTreeMap<u64, Owner>,
    /// Merged-away records and who survived.
    pub(crate) merged: BTreeMap<Key, u64>,
    pub(crate) rng: fastrand::Rng,
    schemas: BTreeMap<Kind, Schema>,
    tables: BTreeMap<Kind, BTreeMap<u64, Record>>,
    /// Values of unique properties of live records.
    unique: BTreeMap<(Kind, String, String), u64>,
    /// The last company that took each domain.
    domains: BTreeMap<String, u64>,
    next_id: u64,
}

impl Portal {
    pub(crate) fn new(seed: u64, switches: Switches, limits_on: bool) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x4855_4253_504f_5400);
        Self {
            auth: Auth::new(&mut rng, &switches),
            limits: Limits::new(&switches, limits_on),
            switches,
            links: Links::new(),
            owners: BTreeMap::new(),
            merged: BTreeMap::new(),
            schemas: Kind::ALL
                .into_iter()
                .map(|kind| (kind, Schema::built_in(kind)))
                .collect(),
            tables: Kind::ALL
                .into_iter()
                .map(|kind| (kind, BTreeMap::new()))
                .collect(),
            unique: BTreeMap::new(),
            domains: BTreeMap::new(),
            next_id: 140_000_000_001 + rng.u64(0..1_000_000),
            rng,
        }
    }

    pub(crate) fn schema(&self, kind: Kind) -> &Schema {
        self.schemas
            .get(&kind)
            .expect("every kind has a schema from the start")
    }

    pub(crate) fn schema_mut(&mut self, kind: Kind) -> &mut Schema {
        self.schemas
            .get_mut(&kind)
            .expect("every kind has a schema from the start")
    }

    pub(crate) fn table(&self, kind: Kind) -> &BTreeMap<u64, Record> {
        self.tables
            .get(&kind)
            .expect("every kind has a table from the start")
    }

    fn table_mut(&mut self, kind: Kind) -> &mut BTreeMap<u64, Record> {
        self.tables
            .get_mut(&kind)
            .expect("every kind has a table from the start")
    }

    /// A record, archived or not.
    pub(crate) fn record(&self, key: Key) -> Option<&Record> {
        self.table(key.0).get(&key.1)
    }

    /// A record that is not archived.
    pub(crate) fn live(&self, key: Key) -> Option<&Record> {
        self.record(key).filter(|record| record.archived_at.is_none())
    }

    /// The next id, larger than all before it.
    pub(crate) fn mint_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = id.saturating_add(1);
        id
    }

    /// Which live record holds `value` in the unique property `name`.
    pub(crate) fn holder(&self, kind: Kind, name: &str, value: &str) -> Option<u64> {
        self.unique.get(&(kind, name.to_owned(), fold(value))).copied()
    }

    /// Keeps the unique index in step with a change about to be made. A contact's further addresses find it too.
    fn index_unique(&mut self, kind: Kind, id: u64, changes: &BTreeMap<String, String>) {
        if let (Kind::Company, Some(domain)) = (kind, changes.get("domain")) {
            self.domains.insert(fold(domain), id);
        }
        for (name, value) in changes {
            let Some(unique) = self.unique_name(kind, name) else {
                continue;
            };
            let old = self
                .record((kind, id))
                .and_then(|record| record.value(name))
                .unwrap_or_default()
                .to_owned();
            for part in parts(name, &old) {
                let entry = (kind, unique.clone(), fold(part));
                if self.unique.get(&entry) == Some(&id) {
                    self.unique.remove(&entry);
                }
            }
            for part in parts(name, value) {
                self.unique.insert((kind, unique.clone(), fold(part)), id);
            }
        }
    }

    /// The unique property under which values of `name` are found.
    fn unique_name(&self, kind: Kind, name: &str) -> Option<String> {
        if kind == Kind::Contact && name == MORE_EMAILS {
            return Some("email".to_owned());
        }
        self.schema(kind)
            .get(name)
            .filter(|property| property.is_unique)
            .map(|property| property.name.clone())
    }

    fn release_unique(&mut self, key: Key) {
        let Some(values) = self.record(key).map(|record| record.now.values.clone()) else {
            return;
        };
        let cleared = values.into_keys().map(|name| (name, String::new())).collect();
        self.index_unique(key.0, key.1, &cleared);
    }

    fn lag(&mut self, full: SignedDuration) -> SignedDuration {
        if self.switches.index_lag.is_random && full.is_positive() {
            let millis = u64::try_from(full.as_millis()).unwrap_or(0);
            SignedDuration::from_millis(i64::try_from(self.rng.u64(0..=millis)).unwrap_or(0))
        } else {
            full
        }
    }

    /// Stores a new record under a fresh id. `values` are taken as they are.
    pub(crate) fn insert(
        &mut self,
        kind: Kind,
        at: Timestamp,
        values: BTreeMap<String, String>,
        source: Source,
    ) -> u64 {
        let id = self.mint_id();
        let lag = self.lag(self.switches.index_lag.create);
        self.index_unique(kind, id, &values);
        let record = Record::new((kind, id), at, later(at, lag), values, source);
        self.table_mut(kind).insert(id, record);
        id
    }

    /// Changes a record (an empty value clears); nothing happens to one that is not there.
    pub(crate) fn change(
        &mut self,
        key: Key,
        at: Timestamp,
        changes: &BTreeMap<String, String>,
        source: Source,
    ) {
        let lag = self.lag(self.switches.index_lag.update);
        self.index_unique(key.0, key.1, changes);
        if let Some(record) = self.table_mut(key.0).get_mut(&key.1) {
            record.change(at, later(at, lag), changes, source);
        }
    }

    /// Gives a record the creation instant of what it was merged from.
    pub(crate) fn backdate(&mut self, key: Key, created_at: Timestamp) {
        if let Some(record) = self.table_mut(key.0).get_mut(&key.1) {
            record.created_at = created_at;
        }
    }

    /// Archives a record; emails vanish for good.
    pub(crate) fn archive(&mut self, key: Key, at: Timestamp) -> bool {
        if self.live(key).is_none() {
            return false;
        }
        if !self.switches.archived_keeps_unique {
            self.release_unique(key);
        }
        if key.0 == Kind::Email {
            self.remove(key);
        } else if let Some(record) = self.table_mut(key.0).get_mut(&key.1) {
            record.archived_at = Some(at);
        }
        true
    }

    /// Takes a record out altogether (a permanent deletion, a merge's loser).
    pub(crate) fn remove(&mut self, key: Key) -> Option<Record> {
        self.release_unique(key);
        self.table_mut(key.0).remove(&key.1)
    }

    /// Live records linked to `from`.
    pub(crate) fn linked(&self, from: Key, to: Kind) -> Vec<u64> {
        self.links
            .linked(from, to)
            .map(|(key, _)| key)
            .filter(|key| self.live(*key).is_some())
            .map(|key| key.1)
            .collect()
    }

    /// Everything there is, for those who look from outside the API.
    pub(crate) fn views(&self) -> Vec<RecordView> {
        let records = self.tables.values().flat_map(BTreeMap::values);
        records.map(|record| self.view(record)).collect()
    }

    /// One record, for those who look from outside the API.
    pub(crate) fn view_of(&self, kind: &str, id: &str) -> Option<RecordView> {
        let key = (Kind::parse(kind)?, id.parse().ok()?);
        self.record(key).map(|record| self.view(record))
    }

    fn view(&self, record: &Record) -> RecordView {
        let key = (record.kind, record.id);
        let linked = |kind: Kind| {
            let ids: Vec<String> = self.linked(key, kind).iter().map(u64::to_string).collect();
            (!ids.is_empty()).then_some((kind.singular(), ids))
        };
        RecordView {
            kind: record.kind.singular(),
            id: record.id.to_string(),
            created_at: record.created_at,
            modified_at: record.now.updated_at,
            archived_at: record.archived_at,
            values: record.now.values.clone(),
            links: Kind::ALL.into_iter().filter_map(linked).collect(),
        }
    }

    /// A correlation id, new for every answer.
    pub(crate) fn correlation_id(&mut self) -> String {
        let (high, low) = (self.rng.u64(..), self.rng.u64(..));
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    pub(crate) fn owner_by_email(&self, email: &str) -> Option<&Owner> {
        self.owners
            .values()
            .find(|owner| owner.email.eq_ignore_ascii_case(email))
    }

    pub(crate) fn company_by_domain(&self, domain: &str) -> Option<u64> {
        let id = self.domains.get(&fold(domain)).copied()?;
        self.live((Kind::Company, id))
            .filter(|company| company.value("domain") == Some(domain))
            .map(|company| company.id)
    }

    pub(crate) fn contact_by_email(&self, email: &str) -> Option<u64> {
        self.holder(Kind::Contact, "email", email)
    }
}

/// The single values of a property, of which only the further addresses are many.
fn parts<'a>(name: &str, value: &'a str) -> impl Iterator<Item = &'a str> {
    let separator = if name == MORE_EMAILS { ';' } else { '\u{0}' };
    value.split(separator).filter(|part| !part.is_empty())
}

/// Unique text is compared without regard to case.
fn fold(value: &str) -> String {
    value.trim().to_lowercase()
}

fn later(at: Timestamp, lag: SignedDuration) -> Timestamp {
    at.saturating_add(lag).unwrap_or(Timestamp::MAX)
}

/// A map of values from pairs, for the portal's own writes.
pub(crate) fn values<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// An instant as a property value.
pub(crate) fn instant(at: Timestamp) -> String {
    iso(at)
}
