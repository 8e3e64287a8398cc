//! The org from outside its API, for those who check a client against the CRM's own state.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{emails::MailRow, module::Module, store::Row, tenant::Tenant};
use crate::{observe::RecordView, salesforce::to_seconds};

/// What stands for a record that was merged away; the API never says it.
const MERGED: &str = "$merged_into";
/// What a mail is called among records.
const MAIL: &str = "Emails";

impl Tenant {
    /// Every record, deleted ones included, in the order of modules and ids; then mails.
    pub(crate) fn views(&self) -> Vec<RecordView> {
        Module::ALL
            .into_iter()
            .flat_map(|module| self.store.table(module).values())
            .map(|row| self.view(row))
            .chain(self.mails.all().iter().map(|mail| self.mail_view(mail)))
            .collect()
    }

    /// One record, by API name of its module and id.
    pub(crate) fn view_of(&self, module: &str, id: &str) -> Option<RecordView> {
        if module.eq_ignore_ascii_case(MAIL) {
            let mail = self.mails.all().iter().find(|mail| mail.id == id)?;
            return Some(self.mail_view(mail));
        }
        self.store
            .row(Module::parse(module)?, id)
            .map(|row| self.view(row))
    }

    /// Values as text, references by the module they lead to.
    fn view(&self, row: &Row) -> RecordView {
        let cells = &row.cells;
        let at = |name: &str| cells.at(name).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut values = BTreeMap::new();
        let mut links: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for field in self.store.schema(row.module).all() {
            let cell = cells.get(&field.name);
            if cell.is_null() {
                continue;
            }
            values.insert(field.name.clone(), cell.to_csv(true));
            if let (true, Some(id)) = (field.kind.is_reference(), cell.as_text())
                && let Some(far) = self.store.find(id).filter(|far| far.is_live())
            {
                links.entry(far.module.name()).or_default().push(far.id.clone());
            }
        }
        if let Some(kept) = self.merged.get(&row.id) {
            values.insert(MERGED.to_owned(), kept.clone());
        }
        RecordView {
            kind: row.module.name(),
            id: row.id.clone(),
            created_at: at("Created_Time"),
            modified_at: at("Modified_Time"),
            archived_at: row.deleted.as_ref().map(|deletion| deletion.at),
            values,
            links,
        }
    }

    fn mail_view(&self, mail: &MailRow) -> RecordView {
        let mut links: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for id in &mail.records {
            if let Some(row) = self.store.find(id).filter(|row| row.is_live()) {
                links.entry(row.module.name()).or_default().push(id.clone());
            }
        }
        let values = BTreeMap::from([
            ("from".to_owned(), mail.from.clone()),
            ("to".to_owned(), mail.to.join(";")),
            ("subject".to_owned(), mail.subject.clone()),
            ("time".to_owned(), mail.at.to_string()),
            ("sent".to_owned(), mail.is_outbound.to_string()),
        ]);
        RecordView {
            kind: MAIL,
            id: mail.id.clone(),
            created_at: mail.at,
            modified_at: mail.at,
            archived_at: None,
            values,
            links,
        }
    }

    /// Every user but the integration: id and whether they still work here.
    pub(crate) fn owner_ids(&self) -> Vec<(String, bool)> {
        self.users
            .values()
            .filter(|user| user.id != self.own_user)
            .map(|user| (user.id.clone(), user.is_active))
            .collect()
    }

    /// A user leaves, or comes back. Nothing happens where there is none.
    pub(crate) fn set_active(&mut self, id: &str, is_active: bool, now: Timestamp) {
        if let Some(user) = self.users.get_mut(id) {
            user.is_active = is_active;
            user.modified_at = to_seconds(now);
        }
    }
}
