//! The org from outside its API, for those who check a client against the CRM's own state.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{cell::Cell, id, kind::Kind, org::Org, store::Row};
use crate::observe::RecordView;

impl Org {
    /// Every record as its writer sees it, deleted ones included, in the order of types and ids.
    pub(crate) fn views(&self) -> Vec<RecordView> {
        Kind::ALL
            .into_iter()
            .flat_map(|kind| self.store.table(kind).values())
            .map(|row| self.view(row))
            .collect()
    }

    /// One record, by API name of its type and id in either form.
    pub(crate) fn view_of(&self, kind: &str, given: &str) -> Option<RecordView> {
        let row = self.store.row(Kind::parse(kind)?, &id::parse(given)?)?;
        Some(self.view(row))
    }

    /// Values as text, references by the object type they lead to.
    fn view(&self, row: &Row) -> RecordView {
        let cells = &row.cells;
        let at = |name: &str| cells.at(name).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut values = BTreeMap::new();
        let mut links: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for field in self.store.schema(row.kind).all() {
            let cell = cells.get(&field.name);
            if cell.is_null() {
                continue;
            }
            values.insert(field.name.clone(), cell.to_csv(true));
            let is_link = field.relationship().is_some() && !field.name.ends_with("ById");
            if let (true, Cell::Text(far)) = (is_link, cell)
                && let Some(far) = self.store.find(far).filter(|far| !far.is_deleted())
            {
                links.entry(far.kind.name()).or_default().push(far.id.clone());
            }
        }
        RecordView {
            kind: row.kind.name(),
            id: row.id.clone(),
            created_at: at("CreatedDate"),
            modified_at: at("SystemModstamp"),
            archived_at: row.is_deleted().then(|| at("SystemModstamp")),
            values,
            links,
        }
    }

    /// Every user and queue but the integration: id and whether they still work here.
    pub(crate) fn owner_ids(&self) -> Vec<(String, bool)> {
        let users = self.store.table(Kind::User).values();
        let queues = self.store.table(Kind::Group).values();
        users
            .filter(|row| row.id != self.integration_user)
            .map(|row| (row.id.clone(), row.cells.flag("IsActive")))
            .chain(queues.map(|row| (row.id.clone(), true)))
            .collect()
    }

    /// A user leaves, or comes back. Nothing happens where there is none.
    pub(crate) fn set_active(&mut self, given: &str, is_active: bool, now: Timestamp) {
        let Some(user) = id::parse(given).filter(|id| self.store.row(Kind::User, id).is_some()) else {
            return;
        };
        let by = self.integration_user.clone();
        let changes = vec![("IsActive".to_owned(), Cell::Bool(is_active))];
        self.commit(Kind::User, Some(&user), changes, &by, now);
    }
}
