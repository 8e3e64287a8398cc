//! Leads become contacts, records of one person become one.

use jiff::Timestamp;

use super::{flag, instant, text};
use crate::{
    salesforce::{Cell, to_seconds},
    zoho::{
        module::Module,
        store::Deletion,
        tenant::{Changes, Tenant},
    },
};

impl Tenant {
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
            .table(Module::Accounts)
            .values()
            .find(|row| row.cells.text("Account_Name") == Some(name) && row.is_live());
        if let Some(row) = known {
            return row.id.clone();
        }
        let name = if name.is_empty() { "Not provided" } else { name };
        let changes = vec![
            text("Account_Name", name),
            text("Owner", owner.unwrap_or_default()),
        ];
        self.commit(Module::Accounts, None, changes, by, at)
    }

    /// Converts a lead into its account and contact (or the contact given), to which its activities and mails move. The
    /// lead stays, read-only, and leaves the default list.
    pub(crate) fn convert(
        &mut self,
        at: Timestamp,
        lead: &str,
        by: &str,
        into: Option<(String, String)>,
    ) -> (String, String) {
        let Some(row) = self.store.live(Module::Leads, lead) else {
            return (String::new(), String::new());
        };
        let cells = row.cells.clone();
        let (account, contact) = into.unwrap_or_else(|| {
            let value = |name: &str| cells.text(name).unwrap_or_default().to_owned();
            let account = self.account_named(&value("Company"), cells.text("Owner"), by, at);
            let mut changes: Changes = vec![text("Account_Name", &account)];
            for name in [
                "First_Name",
                "Last_Name",
                "Email",
                "Secondary_Email",
                "Phone",
                "Mobile",
                "Lead_Source",
                "Owner",
            ] {
                changes.push(text(name, &value(name)));
            }
            changes.push(text("Title", &value("Designation")));
            changes.push(flag("Email_Opt_Out", cells.flag("Email_Opt_Out")));
            let contact = self.commit(Module::Contacts, None, changes, by, at);
            (account, contact)
        });
        let created_at = cells.at("Created_Time").unwrap_or(at);
        let days = at.duration_since(created_at).as_hours() / 24;
        let changes = vec![
            flag("Converted__s", true),
            instant("Converted_Date_Time", at),
            text("Converted_Account", &account),
            text("Converted_Contact", &contact),
            (
                "Lead_Conversion_Time".to_owned(),
                Cell::Number(f64::from(i32::try_from(days).unwrap_or(0))),
            ),
        ];
        self.commit(Module::Leads, Some(lead), changes, by, at);
        self.move_activities(at, lead, &contact, by);
        (account, contact)
    }

    /// Activities, notes and mails of one person are another's now.
    fn move_activities(&mut self, at: Timestamp, from: &str, to: &str, by: &str) {
        let is_contact = self.store.row(Module::Contacts, to).is_some();
        for module in [Module::Tasks, Module::Events, Module::Calls, Module::Notes] {
            let moved: Vec<(String, &'static str)> = self
                .store
                .referring(from, module)
                .into_iter()
                .filter(|row| row.is_live())
                .filter_map(|row| {
                    let field = ["Who_Id", "What_Id", "Parent_Id"]
                        .into_iter()
                        .find(|name| row.cells.text(name) == Some(from))?;
                    Some((row.id.clone(), field))
                })
                .collect();
            for (id, field) in moved {
                let mut changes = vec![text(field, to)];
                if is_contact && field == "What_Id" {
                    changes = vec![text("What_Id", ""), text("Who_Id", to)];
                }
                self.commit(module, Some(&id), changes, by, at);
            }
        }
        self.mails.carry_over(from, to);
    }

    /// Merges two people; a lead and a contact become one by converting the lead. Answers the survivor.
    pub(crate) fn merge(&mut self, at: Timestamp, winner: &str, loser: &str) -> String {
        let (Some((module, kept)), Some((other, lost))) = (self.person(winner), self.person(loser)) else {
            return winner.to_owned();
        };
        if kept == lost {
            return kept;
        }
        let by = self.own_user.clone();
        let account = |tenant: &Self, contact: &str| {
            let row = tenant.store.row(Module::Contacts, contact);
            row.and_then(|row| row.cells.text("Account_Name"))
                .unwrap_or_default()
                .to_owned()
        };
        match (module, other) {
            (Module::Contacts, Module::Leads) => {
                let into = (account(self, &kept), kept.clone());
                self.convert(at, &lost, &by, Some(into));
            }
            (Module::Leads, Module::Contacts) => {
                let into = (account(self, &lost), lost.clone());
                self.convert(at, &kept, &by, Some(into));
                return lost;
            }
            _ => {
                self.move_activities(at, &lost, &kept, &by);
                self.merge_away(at, module, &lost, &kept, &by);
            }
        }
        kept
    }

    /// The loser of a merge is deleted; nothing in the API says who won.
    fn merge_away(&mut self, at: Timestamp, module: Module, lost: &str, kept: &str, by: &str) {
        let deals: Vec<String> = self
            .store
            .referring(lost, Module::Deals)
            .into_iter()
            .map(|deal| deal.id.clone())
            .collect();
        for deal in deals {
            self.commit(
                Module::Deals,
                Some(&deal),
                vec![text("Contact_Name", kept)],
                by,
                at,
            );
        }
        let deletion = Deletion {
            at: to_seconds(at),
            by: by.to_owned(),
            is_permanent: self.switches.merge_is_permanent,
        };
        self.store.delete(module, lost, deletion);
        self.merged.insert(lost.to_owned(), kept.to_owned());
        // The winner counts as changed.
        self.commit(module, Some(kept), Changes::new(), by, at);
    }

    /// Ids under which the person behind `id` was known before: leads converted into it, records merged into it.
    pub(super) fn former_ids(&self, id: &str) -> Vec<String> {
        let leads = self
            .store
            .referring(id, Module::Leads)
            .into_iter()
            .filter(|row| row.cells.text("Converted_Contact") == Some(id))
            .map(|row| row.id.clone());
        let merged = self
            .merged
            .iter()
            .filter(|(_, kept)| *kept == id)
            .map(|(lost, _)| lost.clone());
        leads.chain(merged).collect()
    }
}
