//! Leads become contacts, records of one person become one.

use jiff::Timestamp;

use super::{date_of, flag, text};
use crate::salesforce::{
    cell::Cell,
    kind::Kind,
    org::Org,
    store::{Cells, Deletion},
};

/// What carries the person's id, and in which field.
const ABOUT_A_PERSON: [(Kind, &str); 4] = [
    (Kind::Task, "WhoId"),
    (Kind::Event, "WhoId"),
    (Kind::EmailMessageRelation, "RelationId"),
    (Kind::Note, "ParentId"),
];

impl Org {
    /// The account with this name, or a new one.
    pub(super) fn account_named(
        &mut self,
        name: &str,
        owner: Option<&str>,
        by: &str,
        at: Timestamp,
    ) -> String {
        let known = self
            .store
            .table(Kind::Account)
            .values()
            .find(|row| row.cells.text("Name") == Some(name) && !row.is_deleted());
        if let Some(row) = known {
            return row.id.clone();
        }
        let name = if name.is_empty() { "[not provided]" } else { name };
        let changes = vec![text("Name", name), text("OwnerId", owner.unwrap_or_default())];
        self.commit(Kind::Account, None, changes, by, at)
    }

    /// The status of a lead that came to nothing: the last that is not the converted one.
    pub(super) fn lost_lead_status(&self) -> String {
        let values = &self.switches.lead_statuses;
        values
            .iter()
            .rev()
            .find(|value| !value.is_final)
            .map(|value| value.name.clone())
            .unwrap_or_default()
    }

    /// Converts a lead: its account and contact, to which its activities move. The lead stays, read-only.
    pub(crate) fn convert(&mut self, at: Timestamp, lead: &str, by: &str) -> (String, String) {
        let Some(row) = self.store.row(Kind::Lead, lead) else {
            return (String::new(), String::new());
        };
        let cells = row.cells.clone();
        let value = |name: &str| cells.text(name).unwrap_or_default().to_owned();
        let owner = Some(value("OwnerId")).filter(|owner| owner.starts_with(Kind::User.prefix()));
        let account = self.account_named(&value("Company"), owner.as_deref(), by, at);
        let known = self
            .store
            .holders(Kind::Contact, "Email", &value("Email"))
            .into_iter()
            .find(|row| !row.is_deleted() && row.cells.text("AccountId") == Some(&account))
            .map(|row| row.id.clone());
        let contact = known.unwrap_or_else(|| {
            let mut changes = vec![
                text("AccountId", &account),
                text("OwnerId", owner.as_deref().unwrap_or_default()),
            ];
            for name in [
                "FirstName",
                "LastName",
                "Email",
                "Phone",
                "MobilePhone",
                "Title",
                "LeadSource",
            ] {
                changes.push(text(name, &value(name)));
            }
            for name in ["HasOptedOutOfEmail", "DoNotCall"] {
                changes.push(flag(name, cells.flag(name)));
            }
            self.commit(Kind::Contact, None, changes, by, at)
        });
        let status = self
            .switches
            .lead_statuses
            .iter()
            .find(|value| value.is_final)
            .map(|value| value.name.clone())
            .unwrap_or_default();
        let changes = vec![
            flag("IsConverted", true),
            ("ConvertedDate".to_owned(), Cell::Date(date_of(at))),
            text("ConvertedAccountId", &account),
            text("ConvertedContactId", &contact),
            text("Status", &status),
            flag("IsUnreadByOwner", false),
        ];
        self.commit(Kind::Lead, Some(lead), changes, by, at);
        self.move_activities(at, lead, &contact, by);
        (account, contact)
    }

    fn move_activities(&mut self, at: Timestamp, from: &str, to: &str, by: &str) {
        for (kind, field) in ABOUT_A_PERSON {
            let ids: Vec<String> = self
                .store
                .referring(from, kind)
                .into_iter()
                .filter(|row| row.cells.text(field) == Some(from) && !row.is_deleted())
                .map(|row| row.id.clone())
                .collect();
            for id in ids {
                self.commit(kind, Some(&id), vec![text(field, to)], by, at);
            }
        }
    }

    /// A lead is converted, and the account says customer.
    pub(super) fn make_customer(&mut self, at: Timestamp, kind: Kind, id: &str) {
        let by = self.integration_user.clone();
        let account = if kind == Kind::Lead {
            self.convert(at, id, &by).0
        } else {
            let contact = self.store.row(Kind::Contact, id);
            contact
                .and_then(|row| row.cells.text("AccountId"))
                .unwrap_or_default()
                .to_owned()
        };
        if !account.is_empty() {
            let changes = vec![text("Type", "Customer - Direct")];
            self.commit(Kind::Account, Some(&account), changes, &by, at);
        }
    }

    /// Merges two records of one type; a lead and a contact become one by converting the lead. Answers the survivor.
    pub(crate) fn merge(&mut self, at: Timestamp, winner: &str, loser: &str) -> String {
        let (Some((kind, kept)), Some((other, lost))) = (self.person(winner), self.person(loser)) else {
            return winner.to_owned();
        };
        if kept == lost {
            return kept;
        }
        let by = self.integration_user.clone();
        match (kind, other) {
            (Kind::Contact, Kind::Lead) => self.convert_into(at, &lost, &kept, &by),
            (Kind::Lead, Kind::Contact) => {
                self.convert_into(at, &kept, &lost, &by);
                return lost;
            }
            _ => {
                self.move_activities(at, &lost, &kept, &by);
                self.merge_away(at, kind, &lost, &kept, &by);
            }
        }
        kept
    }

    fn convert_into(&mut self, at: Timestamp, lead: &str, contact: &str, by: &str) {
        let account = self
            .store
            .row(Kind::Contact, contact)
            .and_then(|row| row.cells.text("AccountId"))
            .unwrap_or_default()
            .to_owned();
        let changes = vec![
            flag("IsConverted", true),
            ("ConvertedDate".to_owned(), Cell::Date(date_of(at))),
            text("ConvertedAccountId", &account),
            text("ConvertedContactId", contact),
        ];
        self.commit(Kind::Lead, Some(lead), changes, by, at);
        self.move_activities(at, lead, contact, by);
    }

    /// The loser of a merge is soft-deleted and says who won (fact sheet section 3.4).
    fn merge_away(&mut self, at: Timestamp, kind: Kind, lost: &str, kept: &str, by: &str) {
        let changes = vec![text("MasterRecordId", kept), flag("IsDeleted", true)];
        self.commit(kind, Some(lost), changes, by, at);
        let stamp = self.stamp(at);
        self.store.deletions.push(Deletion {
            kind,
            id: lost.to_owned(),
            at: stamp,
        });
        // The winner counts as changed.
        self.commit(kind, Some(kept), Vec::new(), by, at);
    }

    /// Ids under which the person behind `id` was known before: leads converted into it.
    pub(super) fn former_ids(&self, id: &str) -> Vec<String> {
        let is_former = |cells: &Cells| cells.text("ConvertedContactId") == Some(id);
        self.store
            .referring(id, Kind::Lead)
            .into_iter()
            .filter(|row| is_former(&row.cells))
            .map(|row| row.id.clone())
            .collect()
    }
}
