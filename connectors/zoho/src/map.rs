//! Rows to records. Pure: everything a mapping needs is in [`Context`].
//!
//! A row that cannot be mapped is an `Err` with the reason, without content; its page goes on.

mod activity;
mod deal;
mod mail;
mod owner;
mod person;
mod task;

use std::collections::BTreeMap;

use followup_core::{
    ConnectionId, DealId, Editor, OwnerId, PersonId, Record, RecordKind, RecordRef, Stamp, Stream,
    subject_line::SubjectHash,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    mapping::{CallState, Mapping},
    org::Setup,
    schema::{Module, SE_MODULE},
    wire::Row,
};

pub(crate) use mail::MailOf;
pub(crate) use owner::{OwnerDirectory, map_user};

/// A call that is still to be made is a to-do; its id in the terms of tasks begins like this.
pub(crate) const CALL_TASK: &str = "call-";

/// What belongs to rows and is read apart from them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Details {
    /// Module by id, for what activities are linked to.
    pub(crate) whats: BTreeMap<String, Module>,
    /// Entries of the stage history by deal.
    pub(crate) history: BTreeMap<String, Vec<Row>>,
    /// Whole texts of our own tasks, by id.
    pub(crate) bodies: BTreeMap<String, String>,
}

/// What a mapping knows besides the row.
pub(crate) struct Context<'a> {
    pub(crate) connection: &'a ConnectionId,
    pub(crate) mapping: &'a Mapping,
    pub(crate) setup: &'a Setup,
    pub(crate) owners: &'a OwnerDirectory,
    pub(crate) details: &'a Details,
    pub(crate) subject_hash: &'a SubjectHash,
    /// The user this connection logs in as, where known.
    pub(crate) me: Option<&'a str>,
    pub(crate) now: Timestamp,
}

impl Context<'_> {
    /// Maps one row of a module for a stream; `None` = not a record of it.
    pub(crate) fn map(&self, stream: Stream, module: Module, row: &Row) -> Result<Option<Record>, String> {
        Ok(match module {
            Module::Leads => Some(Record::Person(person::map_lead(self, row)?)),
            Module::Contacts => Some(Record::Person(person::map_contact(self, row)?)),
            Module::Accounts => Some(Record::Account(person::map_account(self, row)?)),
            Module::Deals => Some(Record::Deal(deal::map_deal(self, row)?)),
            Module::Tasks => Some(Record::Task(task::map_task(self, row)?)),
            Module::Calls => match (self.mapping.call_state(call_status(row)), stream) {
                (CallState::Scheduled, _) => Some(Record::Task(task::map_scheduled_call(self, row)?)),
                (CallState::Made, Stream::Calls) => Some(Record::Activity(activity::map_call(self, row)?)),
                _ => None,
            },
            Module::Events => Some(Record::Activity(activity::map_event(self, row)?)),
            Module::Notes => Some(Record::Activity(activity::map_note(self, row)?)),
            Module::DealHistory => None,
        })
    }

    /// A record of this connection.
    pub(crate) fn record(&self, kind: RecordKind, id: &str) -> RecordRef {
        RecordRef::new(self.connection.clone(), kind, id)
    }

    fn owner_id(&self, id: &str) -> OwnerId {
        OwnerId(self.record(RecordKind::Owner, id))
    }

    fn owner(&self, row: &Row) -> Option<OwnerId> {
        row.text("Owner.id").map(|id| self.owner_id(id))
    }

    /// A lead or contact; `None` for anything else.
    fn person(&self, module: Module, id: &str) -> Option<PersonId> {
        let kind = match module {
            Module::Leads => RecordKind::Lead,
            Module::Contacts => RecordKind::Contact,
            _ => return None,
        };
        Some(PersonId(self.record(kind, id)))
    }

    /// Which module `What_Id` is of: as the row says, else as the id is known.
    fn what(&self, row: &Row) -> Option<(Module, String)> {
        let id = row.text("What_Id.id")?;
        let said = row
            .text(SE_MODULE)
            .or_else(|| row.text("What_Id.module.api_name"))
            .and_then(Module::named);
        let module = said.or_else(|| self.details.whats.get(id).copied())?;
        Some((module, id.to_owned()))
    }

    /// Whom an activity or task is about.
    fn people(&self, row: &Row) -> Vec<PersonId> {
        let contact = row
            .text("Who_Id.id")
            .map(|id| PersonId(self.record(RecordKind::Contact, id)));
        let lead = self.what(row).and_then(|(module, id)| self.person(module, &id));
        let mut people: Vec<PersonId> = Vec::new();
        for person in contact.into_iter().chain(lead) {
            if !people.contains(&person) {
                people.push(person);
            }
        }
        people
    }

    /// The deal an activity or task is about.
    fn deals(&self, row: &Row) -> Vec<DealId> {
        self.what(row)
            .filter(|(module, _)| *module == Module::Deals)
            .map(|(_, id)| DealId(self.record(RecordKind::Deal, &id)))
            .into_iter()
            .collect()
    }

    /// Who made the last change: a user of flesh and blood, an automation, or nobody knows.
    fn stamp(&self, row: &Row) -> Result<Stamp, String> {
        let modified_by = match row.text("Modified_By.id") {
            None => Editor::Unknown,
            Some(id) if self.me == Some(id) => Editor::Automation,
            Some(id) => match self.owners.by_id.get(id) {
                Some(facts) if facts.is_person => Editor::User(self.owner_id(id)),
                Some(_) => Editor::Automation,
                None => Editor::Unknown,
            },
        };
        Ok(Stamp {
            modified_at: row.required_instant("Modified_Time")?,
            modified_by,
            seen_at: self.now,
        })
    }

    /// The zone in which an owner reads dates.
    pub(crate) fn zone(&self, owner: Option<&str>) -> &TimeZone {
        owner
            .and_then(|id| self.owners.by_id.get(id)?.zone.as_ref())
            .unwrap_or(&self.setup.time_zone)
    }
}

/// The status of a call, under whichever of its two names.
pub(crate) fn call_status(row: &Row) -> Option<&str> {
    row.text("Outgoing_Call_Status")
        .or_else(|| row.text("Outbound_Call_Status"))
}

/// An address as it is compared: trimmed, lower-case.
pub(crate) fn normalize_email(email: &str) -> String {
    email.trim().to_lowercase()
}
