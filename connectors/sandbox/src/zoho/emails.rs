//! Mail: the `Emails` related list, which is the only way to it.
//!
//! Ten to a call, in the wrapper `Emails`; no module, no modified filter. Sources: fact sheet section 4.8.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    module::Module,
    tenant::Tenant,
};

/// Mails of one call.
const PER_PAGE: usize = 10;

/// How a mail came into the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Written in the CRM, or by a workflow of it.
    Crm,
    /// From a user's synced mailbox.
    Mailbox,
}

/// One mail.
#[derive(Debug, Clone)]
pub(crate) struct MailRow {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) thread: String,
    pub(crate) is_outbound: bool,
    pub(crate) source: Source,
    /// The user in whose mailbox it is.
    pub(crate) owner: String,
    pub(crate) is_bounced: bool,
    /// The records it is listed on.
    pub(crate) records: Vec<String>,
}

/// All mails, and on which records they are listed.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    rows: Vec<MailRow>,
    /// Places in `rows` by record, oldest first.
    by_record: BTreeMap<String, Vec<usize>>,
}

impl Mailbox {
    /// Lists a mail on its records.
    pub(crate) fn add(&mut self, mail: MailRow) {
        let at = self.rows.len();
        for record in &mail.records {
            self.by_record.entry(record.clone()).or_default().push(at);
        }
        self.rows.push(mail);
    }

    /// What was listed on one record is listed on the other as well.
    pub(crate) fn carry_over(&mut self, from: &str, to: &str) {
        let Some(carried) = self.by_record.get(from).cloned() else {
            return;
        };
        for at in &carried {
            if let Some(mail) = self
                .rows
                .get_mut(*at)
                .filter(|mail| !mail.records.iter().any(|known| known == to))
            {
                mail.records.push(to.to_owned());
            }
        }
        let known = self.by_record.entry(to.to_owned()).or_default();
        known.extend(carried);
        known.sort_unstable();
        known.dedup();
    }

    /// Mails listed on a record, oldest first.
    pub(crate) fn of<'a>(&'a self, record: &str) -> impl DoubleEndedIterator<Item = &'a MailRow> {
        let places = self.by_record.get(record);
        places.into_iter().flatten().filter_map(|at| self.rows.get(*at))
    }

    pub(crate) fn all(&self) -> &[MailRow] {
        &self.rows
    }
}

impl Tenant {
    /// Whether the token's user sees a mail in the CRM.
    fn is_visible(&self, mail: &MailRow) -> bool {
        mail.source == Source::Crm || self.has_mailbox(&mail.owner)
    }

    /// Whether a user's mailbox is synced.
    pub(crate) fn has_mailbox(&self, user: &str) -> bool {
        let address = self.users.get(user).map(|user| user.email.as_str());
        self.switches.mailboxes_synced
            && address.is_some_and(|address| !self.switches.users_without_mailbox.contains(address))
    }

    /// `GET /{Module}/{id}/Emails`.
    pub(crate) fn emails(&self, call: &Call, module: Module, id: &str) -> Outcome {
        if !module.is_parent() {
            return Err(Refusal::no_such_id(2));
        }
        if self.store.live(module, id).is_none() {
            return Err(Refusal::no_such_id(1));
        }
        let wanted = call.query("type");
        let is_wanted: fn(&MailRow) -> bool = match wanted {
            None | Some("all_contacts_emails" | "all_contacts_sent_crm_emails") => |_| true,
            Some("sent_from_crm") => |mail| mail.source == Source::Crm,
            Some("user_emails") => |mail| mail.source == Source::Mailbox,
            Some(
                "scheduled_in_crm"
                | "drafts"
                | "all_contacts_scheduled_crm_emails"
                | "all_contacts_draft_crm_emails",
            ) => |_| false,
            Some(_) => return Err(Refusal::param("type")),
        };
        let owner = call.query("owner_id");
        if owner.is_some() && wanted != Some("user_emails") {
            return Err(Refusal::param("owner_id"));
        }
        let start = match call.query("index") {
            None => 0,
            Some(index) => index
                .strip_prefix("idx_")
                .and_then(|at| at.parse().ok())
                .ok_or_else(|| Refusal::param("index"))?,
        };
        let mut found: Vec<&MailRow> = self
            .mails
            .of(id)
            .filter(|mail| self.is_visible(mail) && is_wanted(mail))
            .filter(|mail| owner.is_none_or(|owner| mail.owner == owner))
            .collect();
        if self.switches.mail_newest_first {
            found.reverse();
        }
        let here: Vec<Value> = found
            .iter()
            .skip(start)
            .take(PER_PAGE)
            .map(|mail| self.shown_mail(mail, module, id))
            .collect();
        if here.is_empty() {
            return Ok(Answer::empty(204));
        }
        let has_more = found.len() > start + here.len();
        let index = |at: usize| json!(format!("idx_{at}"));
        Ok(Answer::ok(json!({
            "Emails": here,
            "info": {
                "per_page": PER_PAGE, "count": here.len(),
                "next_index": if has_more { index(start + PER_PAGE) } else { Value::Null },
                "prev_index": if start > 0 { index(start.saturating_sub(PER_PAGE)) } else { Value::Null },
                "more_records": has_more,
            },
        })))
    }

    /// `GET /{Module}/{id}/Emails/{message_id}`: with thread and content.
    pub(crate) fn one_email(&self, module: Module, id: &str, message: &str) -> Outcome {
        let mail = self
            .mails
            .of(id)
            .find(|mail| mail.id == message && self.is_visible(mail))
            .ok_or_else(|| Refusal::no_such_id(3))?;
        let mut shown = self.shown_mail(mail, module, id);
        if let Some(object) = shown.as_object_mut() {
            object.insert("sent_time".to_owned(), json!(self.shown(mail.at)));
            object.insert("thread_id".to_owned(), json!(mail.thread));
            object.insert("content".to_owned(), json!("<p>…</p>"));
            object.insert("mail_format".to_owned(), json!("html"));
            object.insert("editable".to_owned(), json!(false));
            object.insert("reply_to".to_owned(), Value::Null);
            object.insert("attachments".to_owned(), json!([]));
        }
        Ok(Answer::ok(json!({ "Emails": [shown] })))
    }

    fn shown_mail(&self, mail: &MailRow, module: Module, record: &str) -> Value {
        let party = |address: &String| {
            let user = self.users.values().find(|user| user.email == *address);
            let name = user.map_or_else(|| address.clone(), super::tenant::User::full_name);
            json!({"user_name": name, "email": address})
        };
        let mut status: Vec<Map<String, Value>> = Vec::new();
        let kind = |kind: &str| Map::from_iter([("type".to_owned(), json!(kind))]);
        if mail.is_outbound {
            status.push(kind("sent"));
        }
        if mail.is_bounced {
            let mut bounced = kind("bounced");
            bounced.insert("bounced_time".to_owned(), json!(self.shown(mail.at)));
            bounced.insert("bounced_reason".to_owned(), json!("550 5.1.1 user unknown"));
            bounced.insert("category".to_owned(), json!("hard"));
            status.push(bounced);
        }
        let is_sent = if self.switches.sent_means_from_crm {
            mail.source == Source::Crm
        } else {
            mail.is_outbound
        };
        let owner = self.users.get(&mail.owner);
        json!({
            "message_id": mail.id,
            "from": party(&mail.from),
            "to": mail.to.iter().map(party).collect::<Vec<_>>(),
            "cc": [],
            "subject": mail.subject,
            "summary": Value::Null,
            "time": self.shown(mail.at),
            "sent": is_sent,
            "read": true,
            "owner": owner.map(|user| json!({"name": user.full_name(), "id": user.id})),
            "source": if mail.source == Source::Crm { "crm" } else { "imap" },
            "status": status,
            "intent": Value::Null, "sentiment_info": Value::Null, "emotion": Value::Null, "activity_info": Value::Null,
            "has_attachment": false, "has_thread_attachment": false,
            "linked_record": {
                "name": self.name_of(record), "id": record,
                "module": {"api_name": module.name(), "id": self.meta_id(&format!("module {}", module.name()))},
            },
        })
    }

    /// `GET /{Module}/{id}/__emails_sharing_details`.
    pub(crate) fn mail_sharing(&self) -> Answer {
        let users: Vec<Value> = self
            .users
            .values()
            .filter(|user| user.is_active && self.has_mailbox(&user.id))
            .map(|user| json!({"id": user.id, "name": user.full_name(), "type": "public"}))
            .collect();
        let mut types = vec!["emails_sent_from_crm"];
        if !users.is_empty() {
            types.extend(["all_imap_shared_users", "all_emails"]);
        }
        Answer::ok(
            json!({"__emails_sharing_details": [{"share_from_users": users, "available_types": types}]}),
        )
    }
}
