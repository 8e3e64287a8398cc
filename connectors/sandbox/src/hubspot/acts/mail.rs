//! Mails as mailbox sync logs them, and calls as the dialler does.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{
    kind::Kind,
    links::Key,
    portal::{Portal, instant, values},
    record::Source,
};
use crate::crm::{Call, CallResult, Mail};

/// The addresses of a mail that are no owner's.
pub(crate) fn outside_parties(portal: &Portal, from: &str, to: &[String]) -> Vec<String> {
    std::iter::once(from)
        .chain(to.iter().map(String::as_str))
        .filter(|address| portal.owner_by_email(address).is_none())
        .map(str::to_lowercase)
        .collect()
}

impl Portal {
    /// A mail, linked to the outside parties and their open deals.
    pub(super) fn mail(&mut self, at: Timestamp, mail: Mail) -> String {
        let sender = self.owner_by_email(&mail.from).cloned();
        let is_outbound = sender.is_some() || mail.is_automated && !mail.is_auto_reply;
        let outside: Vec<String> = if is_outbound {
            mail.to
                .iter()
                .filter(|address| self.owner_by_email(address).is_none())
                .cloned()
                .collect()
        } else {
            outside_parties(self, &mail.from, &mail.to)
        };
        let people: Vec<Key> = outside
            .iter()
            .map(|address| self.contact_for_mail(at, address))
            .collect();
        let mailbox = mail.to.iter().find_map(|address| self.owner_by_email(address));
        let owner = if mail.is_automated {
            None
        } else {
            sender.as_ref().or(mailbox)
        };
        let owner_id = owner.map(|owner| owner.id.to_string()).unwrap_or_default();
        let direction = self.direction(&people, is_outbound);
        let person = |address: &str| self.header_person(address);
        let from = person(&mail.from);
        let to: Vec<Value> = mail.to.iter().map(|address| person(address)).collect();
        let headers = json!({"from": from, "sender": from, "to": to, "cc": [], "bcc": []});
        let mut email = values([
            ("hs_timestamp", instant(at)),
            ("hs_email_direction", direction.to_owned()),
            (
                "hs_email_status",
                if mail.is_bounced { "BOUNCED" } else { "SENT" }.to_owned(),
            ),
            ("hs_email_subject", mail.subject),
            ("hs_email_thread_id", mail.thread.unwrap_or_default()),
            ("hs_email_headers", headers.to_string()),
            ("hubspot_owner_id", owner_id),
        ]);
        if !is_outbound {
            email.insert(
                "hs_incoming_email_is_out_of_office".to_owned(),
                mail.is_auto_reply.to_string(),
            );
        }
        let deals = self.open_deals(&people);
        let links = self.activity_links(Kind::Email, &people, &deals);
        self.create_record(Kind::Email, at, email, &links, Source::Mailbox)
            .to_string()
    }

    /// A call; one nobody took has no owner and no outcome.
    pub(super) fn call(&mut self, at: Timestamp, call: Call) -> String {
        let (status, disposition, voicemail) = match call.result {
            CallResult::Connected => ("COMPLETED", "f240bbac-87c9-4f6e-bf70-924b57d47db7", ""),
            CallResult::Voicemail if call.is_inbound => ("MISSED", "", "true"),
            CallResult::Voicemail => ("COMPLETED", "b2cf5968-551e-4856-9783-52b3da59a7d0", ""),
            CallResult::NoAnswer => ("NO_ANSWER", "73a0d17f-1163-4015-bdd5-ec830791da20", ""),
            CallResult::Busy => ("BUSY", "9d9162e7-6cf3-4944-bf63-4dff82258764", ""),
            CallResult::Missed => ("MISSED", "", "false"),
        };
        let source = call.by.as_deref().map_or(Source::Integration, |by| self.user(by));
        let duration = call.duration.as_millis();
        let record = values([
            ("hs_timestamp", instant(at)),
            (
                "hs_call_direction",
                if call.is_inbound { "INBOUND" } else { "OUTBOUND" }.to_owned(),
            ),
            ("hs_call_status", status.to_owned()),
            ("hs_call_disposition", disposition.to_owned()),
            ("hs_call_has_voicemail", voicemail.to_owned()),
            (
                "hs_call_duration",
                if duration > 0 {
                    duration.to_string()
                } else {
                    String::new()
                },
            ),
            ("hubspot_owner_id", call.by.unwrap_or_default()),
        ]);
        let people = self.live_keys(Kind::Contact, &call.people);
        let deals = self.live_keys(Kind::Deal, &call.deals);
        let links = self.activity_links(Kind::Call, &people, &deals);
        self.create_record(Kind::Call, at, record, &links, source)
            .to_string()
    }

    /// The contact behind an outside address; mailbox sync makes one where there is none.
    fn contact_for_mail(&mut self, at: Timestamp, address: &str) -> Key {
        let id = self.contact_by_email(address).unwrap_or_else(|| {
            let contact = values([("email", address.to_lowercase())]);
            self.add_contact(at, contact, "", Source::Mailbox)
        });
        (Kind::Contact, id)
    }

    /// A first mail from outside need not look like a reply.
    fn direction(&self, people: &[Key], is_outbound: bool) -> &'static str {
        if is_outbound {
            return "EMAIL";
        }
        let was_written_to = people
            .iter()
            .flat_map(|person| self.linked(*person, Kind::Email))
            .any(|id| {
                self.live((Kind::Email, id))
                    .is_some_and(|mail| mail.value("hs_email_direction") == Some("EMAIL"))
            });
        if self.switches.unsolicited_as_forwarded && !was_written_to {
            "FORWARDED_EMAIL"
        } else {
            "INCOMING_EMAIL"
        }
    }

    /// One address of the headers, with the name the account knows.
    fn header_person(&self, address: &str) -> Value {
        let contact = self
            .contact_by_email(address)
            .and_then(|id| self.live((Kind::Contact, id)));
        let (first, last) = match (self.owner_by_email(address), contact) {
            (Some(owner), _) => (owner.first_name.as_str(), owner.last_name.as_str()),
            (None, Some(contact)) => (
                contact.value("firstname").unwrap_or_default(),
                contact.value("lastname").unwrap_or_default(),
            ),
            (None, None) => ("", ""),
        };
        json!({"email": address, "firstName": first, "lastName": last})
    }
}
