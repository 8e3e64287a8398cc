//! Mail, the way the org captures it.

use jiff::Timestamp;

use super::{flag, instant, text};
use crate::{
    crm::Mail,
    salesforce::{
        cell::Cell,
        kind::Kind,
        org::{Changes, Org},
        store::Cells,
        switches::MailCapture,
    },
};

impl Org {
    /// A mail; answers the id of what stands for it, or an empty id where nothing does.
    pub(super) fn mail(&mut self, at: Timestamp, mail: &Mail) -> String {
        let sender = self.user_at(&mail.from);
        let is_outbound = sender.is_some() || mail.is_automated && !mail.is_auto_reply;
        let mailbox = mail.to.iter().find_map(|address| self.user_at(address));
        let owner = if mail.is_automated {
            None
        } else {
            sender.or(mailbox)
        };
        let by = self.actor(owner.as_deref());
        let outside = if is_outbound {
            mail.to.iter().find_map(|address| self.person_at(address))
        } else {
            self.person_at(&mail.from)
        };
        if mail.is_bounced
            && let Some((kind, id)) = &outside
        {
            let changes = vec![
                instant("EmailBouncedDate", at),
                text("EmailBouncedReason", "550 5.1.1 user unknown"),
            ];
            self.commit(*kind, Some(id), changes, &by, at);
        }
        match self.switches.mail_capture {
            MailCapture::LegacyCapture => String::new(),
            MailCapture::TaskOnly => self.mail_as_task(at, mail, !is_outbound, outside.as_ref(), &by),
            MailCapture::EnhancedEmail => self.mail_as_message(at, mail, !is_outbound, outside.as_ref(), &by),
        }
    }

    /// The newest open deal of a contact, to which mail is filed.
    fn open_deal_of(&self, person: Option<&(Kind, String)>) -> Option<String> {
        let (kind, id) = person?;
        if *kind != Kind::Contact {
            return None;
        }
        self.store
            .referring(id, Kind::OpportunityContactRole)
            .into_iter()
            .filter(|role| !role.is_deleted())
            .filter_map(|role| {
                self.store
                    .row(Kind::Opportunity, role.cells.text("OpportunityId")?)
            })
            .filter(|deal| !deal.is_deleted() && !deal.cells.flag("IsClosed"))
            .map(|deal| deal.id.clone())
            .next_back()
    }

    fn message_fields(&self, at: Timestamp, mail: &Mail, is_inbound: bool, deal: Option<&str>) -> Changes {
        let thread = mail.thread.as_deref().unwrap_or_default();
        let headers = if mail.is_auto_reply {
            "Auto-Submitted: auto-replied"
        } else {
            ""
        };
        // Address strings list only those who are no matched records (fact sheet section 4.5).
        let unmatched = |addresses: &[String]| {
            let kept: Vec<&str> = addresses
                .iter()
                .map(String::as_str)
                .filter(|address| self.user_at(address).is_none() && self.person_at(address).is_none())
                .collect();
            kept.join("; ")
        };
        let name = self
            .user_at(&mail.from)
            .and_then(|id| self.store.row(Kind::User, &id))
            .and_then(|row| row.cells.text("Name"))
            .unwrap_or_default();
        vec![
            text("Subject", &mail.subject),
            text("TextBody", "…"),
            text("FromAddress", &mail.from),
            text("FromName", name),
            text("ToAddress", &unmatched(&mail.to)),
            flag("Incoming", is_inbound),
            text("Status", "3"),
            instant("MessageDate", at),
            text("ThreadIdentifier", thread),
            text("Headers", headers),
            text("RelatedToId", deal.unwrap_or_default()),
            flag("IsBounced", mail.is_bounced),
            text(
                "Source",
                if mail.is_automated {
                    ""
                } else {
                    "Einstein Activity Capture"
                },
            ),
        ]
    }

    fn mail_as_message(
        &mut self,
        at: Timestamp,
        mail: &Mail,
        is_inbound: bool,
        outside: Option<&(Kind, String)>,
        by: &str,
    ) -> String {
        let deal = self.open_deal_of(outside);
        let fields = self.message_fields(at, mail, is_inbound, deal.as_deref());
        // Message, twin and relations are one transaction.
        let commits_at = self.commits_at(at);
        let id = self.commit_until(Kind::EmailMessage, None, fields, by, at, commits_at);
        let relation = |kind: &str, address: &str, person: Option<&str>| {
            vec![
                text("EmailMessageId", &id),
                text("RelationType", kind),
                text("RelationAddress", &address.to_lowercase()),
                text("RelationId", person.unwrap_or_default()),
            ]
        };
        let find = |org: &Self, address: &str| {
            org.user_at(address)
                .or_else(|| org.person_at(address).map(|(_, id)| id))
        };
        let mut relations = vec![relation(
            "FromAddress",
            &mail.from,
            find(self, &mail.from).as_deref(),
        )];
        for address in &mail.to {
            relations.push(relation("ToAddress", address, find(self, address).as_deref()));
        }
        for changes in relations {
            self.commit_until(Kind::EmailMessageRelation, None, changes, by, at, commits_at);
        }
        id
    }

    /// Enhanced Email off: a completed Task holds the text of the mail.
    fn mail_as_task(
        &mut self,
        at: Timestamp,
        mail: &Mail,
        is_inbound: bool,
        outside: Option<&(Kind, String)>,
        by: &str,
    ) -> String {
        let cells = Cells::default()
            .with_text("Subject", &mail.subject)
            .with_text("TextBody", "…")
            .with("Incoming", Cell::Bool(is_inbound))
            .with("MessageDate", Cell::At(at));
        let deal = self.open_deal_of(outside);
        let mut changes = self.mail_task(&cells, at);
        changes.push(text("WhatId", deal.as_deref().unwrap_or_default()));
        if let Some((_, person)) = outside {
            changes.push(text("WhoId", person));
        }
        self.commit(Kind::Task, None, changes, by, at)
    }
}
