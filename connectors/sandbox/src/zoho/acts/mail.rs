//! Mail as mailbox sync and the CRM itself file it.

use jiff::Timestamp;

use super::text;
use crate::{
    crm::Mail,
    salesforce::to_seconds,
    zoho::{
        emails::{MailRow, Source},
        module::Module,
        tenant::Tenant,
    },
};

impl Tenant {
    /// A mail; answers its message id, or an empty id where no record shows it.
    pub(super) fn mail(&mut self, at: Timestamp, mail: &Mail) -> String {
        let sender = self.user_at(&mail.from);
        let is_outbound = sender.is_some() || mail.is_automated && !mail.is_auto_reply;
        let mailbox = mail.to.iter().find_map(|address| self.user_at(address));
        let owner = self.actor(sender.or(mailbox).as_deref());
        let source = if mail.is_automated && is_outbound {
            Source::Crm
        } else {
            Source::Mailbox
        };
        let people: Vec<(Module, String)> = std::iter::once(&mail.from)
            .chain(&mail.to)
            .filter_map(|address| self.person_at(address))
            .collect();
        let mut records: Vec<String> = Vec::new();
        for (module, id) in &people {
            records.push(id.clone());
            if *module == Module::Contacts {
                records.extend(self.listed_with(id));
            }
        }
        if records.is_empty() {
            return String::new();
        }
        let id = std::iter::repeat_with(|| self.rng.digit(16))
            .take(64)
            .collect::<String>();
        let row = MailRow {
            id: id.clone(),
            at: to_seconds(at),
            from: mail.from.to_lowercase(),
            to: mail.to.iter().map(|address| address.to_lowercase()).collect(),
            subject: mail.subject.clone(),
            thread: mail.thread.clone().unwrap_or_default(),
            is_outbound,
            source,
            owner: owner.clone(),
            is_bounced: mail.is_bounced,
            records: records.clone(),
        };
        let is_visible = source == Source::Crm || self.has_mailbox(&owner);
        self.mails.add(row);
        if is_visible && self.switches.mail_moves_last_activity {
            for record in &records {
                self.touch_activity(record, at);
            }
        }
        id
    }

    /// The open deals and the account of a contact, which list its mail too.
    fn listed_with(&self, contact: &str) -> Vec<String> {
        let mut records: Vec<String> = self
            .store
            .referring(contact, Module::Deals)
            .into_iter()
            .filter(|deal| deal.is_live() && deal.cells.get("Sales_Cycle_Duration").is_null())
            .map(|deal| deal.id.clone())
            .collect();
        let account = self
            .store
            .row(Module::Contacts, contact)
            .and_then(|row| row.cells.text("Account_Name"));
        records.extend(account.map(str::to_owned));
        records
    }

    /// Marks an account as a customer's; a lead is converted first.
    pub(super) fn make_customer(&mut self, at: Timestamp, module: Module, id: &str) {
        let by = self.own_user.clone();
        let account = if module == Module::Leads {
            self.convert(at, id, &by, None).0
        } else {
            let contact = self.store.row(Module::Contacts, id);
            contact
                .and_then(|row| row.cells.text("Account_Name"))
                .unwrap_or_default()
                .to_owned()
        };
        if !account.is_empty() {
            let changes = vec![text("Account_Type", "Customer")];
            self.commit(Module::Accounts, Some(&account), changes, &by, at);
        }
    }
}
