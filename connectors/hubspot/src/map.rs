//! Wire objects to records. Pure: everything a mapping needs is in [`Context`].
//!
//! A record that cannot be mapped is an `Err` with the reason, without content; its page goes on.

mod activity;
mod deal;
mod owner;
mod person;
mod task;

use std::collections::BTreeMap;

use followup_core::{
    AccountId, ConnectionId, DealId, Editor, Gone, OwnerId, PersonId, Record, RecordKind, RecordRef, Stamp,
    Stream, normalize_email, subject_line::SubjectHash,
};
use jiff::Timestamp;

use crate::{mapping::Mapping, schema::Schema, wire::Object};

pub(crate) use followup_core::task_text::key_in_text as key_in_body;
pub(crate) use owner::map_owner;

/// Owners by what mails and owner fields name.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnerDirectory {
    /// Owner id by normalized address.
    pub(crate) by_email: BTreeMap<String, String>,
}

/// Deal stages by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stages {
    pub(crate) by_id: BTreeMap<String, StageFacts>,
}

/// What the portal says about a deal stage.
#[derive(Debug, Clone, Default)]
pub(crate) struct StageFacts {
    pub(crate) label: Option<String>,
    pub(crate) is_closed: bool,
    pub(crate) is_won: bool,
}

/// Links of the records of one page: record id to linked ids, by object type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    pub(crate) by_type: BTreeMap<&'static str, BTreeMap<String, Vec<String>>>,
}

impl Links {
    fn of(&self, object: &str, id: &str) -> impl Iterator<Item = &String> {
        self.by_type
            .get(object)
            .and_then(|links| links.get(id))
            .into_iter()
            .flatten()
    }
}

/// What the newest lead of each contact of a page says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leads {
    pub(crate) by_contact: BTreeMap<String, LeadFacts>,
}

/// What a lead record lends to its contact.
#[derive(Debug, Clone)]
pub(crate) struct LeadFacts {
    pub(crate) created_at: Timestamp,
    /// Stage id in the pipeline of leads.
    pub(crate) stage: Option<String>,
}

impl LeadFacts {
    /// `None` for a lead without a creation date.
    pub(crate) fn of(lead: &Object) -> Option<Self> {
        Some(Self {
            created_at: lead.created("createdate").ok()?,
            stage: lead.text("hs_pipeline_stage").map(str::to_owned),
        })
    }
}

/// What a mapping knows besides the record.
pub(crate) struct Context<'a> {
    pub(crate) connection: &'a ConnectionId,
    pub(crate) mapping: &'a Mapping,
    pub(crate) owners: &'a OwnerDirectory,
    pub(crate) stages: &'a Stages,
    pub(crate) links: &'a Links,
    pub(crate) leads: &'a Leads,
    pub(crate) subject_hash: &'a SubjectHash,
    pub(crate) now: Timestamp,
}

/// A mapped record, and the records merged into it.
pub(crate) struct Mapped {
    pub(crate) record: Record,
    pub(crate) gone: Vec<Gone>,
}

impl Context<'_> {
    /// Maps one object of a stream; `None` for what is not (yet) a record, such as a scheduled mail.
    pub(crate) fn map(
        &self,
        stream: Stream,
        schema: &Schema,
        object: &Object,
    ) -> Result<Option<Mapped>, String> {
        let record = match stream {
            Stream::Contacts => Some(Record::Person(person::map_person(self, schema, object)?)),
            Stream::Accounts => Some(Record::Account(person::map_account(self, schema, object)?)),
            Stream::Deals => Some(Record::Deal(deal::map_deal(self, schema, object)?)),
            Stream::Calls => Some(Record::Activity(activity::map_call(self, schema, object)?)),
            Stream::Emails => activity::map_email(self, schema, object)?.map(Record::Activity),
            Stream::Meetings => Some(Record::Activity(activity::map_meeting(self, schema, object)?)),
            Stream::Tasks => Some(Record::Task(task::map_task(self, schema, object)?)),
            Stream::Notes => Some(Record::Activity(activity::map_note(self, schema, object)?)),
            Stream::Messages => Some(Record::Activity(activity::map_message(self, schema, object)?)),
            // Owners are no objects, and leads come as their contacts.
            Stream::Owners | Stream::Leads => None,
        };
        Ok(record.map(|record| Mapped {
            gone: self.merged_away(schema, object, record.stamp().modified_at),
            record,
        }))
    }

    /// A record of this connection.
    pub(crate) fn record(&self, kind: RecordKind, id: &str) -> RecordRef {
        RecordRef::new(self.connection.clone(), kind, id)
    }

    fn owner(&self, object: &Object) -> Option<OwnerId> {
        object.text("hubspot_owner_id").map(|id| self.owner_id(id))
    }

    fn owner_id(&self, id: &str) -> OwnerId {
        OwnerId(self.record(RecordKind::Owner, id))
    }

    fn people(&self, id: &str) -> Vec<PersonId> {
        self.links
            .of("contacts", id)
            .map(|person| PersonId(self.record(RecordKind::Contact, person)))
            .collect()
    }

    fn deals(&self, id: &str) -> Vec<DealId> {
        self.links
            .of("deals", id)
            .map(|deal| DealId(self.record(RecordKind::Deal, deal)))
            .collect()
    }

    fn account(&self, id: &str) -> Option<AccountId> {
        self.links
            .of("companies", id)
            .next()
            .map(|account| AccountId(self.record(RecordKind::Account, account)))
    }

    /// HubSpot names no editor in the properties this connector reads.
    fn stamp(&self, schema: &Schema, object: &Object) -> Result<Stamp, String> {
        Ok(Stamp {
            modified_at: object.modified(schema.modified)?,
            modified_by: Editor::Unknown,
            seen_at: self.now,
        })
    }

    /// `hs_merged_object_ids` lists every record merged into this one, separated by `;` (the calculated variant of
    /// the property is known to miss some).
    fn merged_away(&self, schema: &Schema, object: &Object, at: Timestamp) -> Vec<Gone> {
        object
            .text("hs_merged_object_ids")
            .unwrap_or_default()
            .split(';')
            .map(str::trim)
            .filter(|id| !id.is_empty() && *id != object.id)
            .map(|id| Gone {
                id: self.record(schema.kind, id),
                merged_into: Some(self.record(schema.kind, &object.id)),
                at,
            })
            .collect()
    }
}

/// Addresses of a `;`-separated property.
pub(crate) fn addresses(list: Option<&str>) -> impl Iterator<Item = String> {
    list.unwrap_or_default()
        .split([';', ','])
        .map(normalize_email)
        .filter(|email| !email.is_empty())
}
