//! Rows to records. Pure: everything a mapping needs is in [`Context`].
//!
//! A row that cannot be mapped is an `Err` with the reason, without content; its page goes on.

mod activity;
mod deal;
mod mail;
mod owner;
mod person;
mod task;

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{
    ConnectionId, DealId, Editor, Gone, OwnerId, PersonId, Record, RecordKind, RecordRef, Stamp, Stream,
    subject_line::SubjectHash,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    mapping::{Logged, Mapping},
    org::Setup,
    schema::{Table, prefix},
    wire::Row,
};

pub(crate) use owner::OwnerDirectory;
#[cfg(test)]
pub(crate) use owner::OwnerFacts;

/// Rows of detail tables, by the row they belong to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Details {
    /// Ids related to a task or event.
    pub(crate) who: BTreeMap<String, Vec<String>>,
    pub(crate) history: BTreeMap<String, Vec<Row>>,
    pub(crate) roles: BTreeMap<String, Vec<Row>>,
    pub(crate) mail: BTreeMap<String, Vec<Row>>,
    /// Tasks that have a message behind them.
    pub(crate) twins: BTreeSet<String>,
    /// Texts of our own tasks.
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

/// What became of a row.
#[derive(Debug)]
pub(crate) enum Mapped {
    Record(Box<Record>),
    Gone(Gone),
    /// Not a record of this stream.
    Nothing,
}

impl Context<'_> {
    /// Maps one row of a table for a stream.
    pub(crate) fn map(&self, stream: Stream, table: Table, row: &Row) -> Result<Mapped, String> {
        if table == Table::Task {
            return self.map_task_row(stream, row);
        }
        let Some(kind) = kind_of(table) else {
            return Ok(Mapped::Nothing);
        };
        if row.is_true("IsDeleted") {
            return self.gone(kind, row).map(Mapped::Gone);
        }
        let record = match table {
            Table::User => Some(Record::Owner(owner::map_user(self, row)?)),
            Table::Group => owner::map_group(self, row)?.map(Record::Owner),
            Table::Lead => Some(Record::Person(person::map_lead(self, row)?)),
            Table::Contact => Some(Record::Person(person::map_contact(self, row)?)),
            Table::Account => Some(Record::Account(person::map_account(self, row)?)),
            Table::Opportunity => Some(Record::Deal(deal::map_deal(self, row)?)),
            Table::Event => activity::map_event(self, row)?.map(Record::Activity),
            Table::EmailMessage => mail::map_message(self, row)?.map(Record::Activity),
            _ => None,
        };
        Ok(record.map_or(Mapped::Nothing, |record| Mapped::Record(Box::new(record))))
    }

    /// A task row is a to-do, a logged call or a logged mail, and each stream takes its own.
    fn map_task_row(&self, stream: Stream, row: &Row) -> Result<Mapped, String> {
        let logged = self.logged(row);
        let kind = match (stream, logged) {
            (Stream::Tasks, _) => {
                // Logged from the start, it never was anything to do.
                if logged != Logged::Neither && was_closed_at_once(row)? {
                    return Ok(Mapped::Nothing);
                }
                return Ok(task::map_task(self, row)?.map_or(Mapped::Nothing, |task| {
                    Mapped::Record(Box::new(Record::Task(task)))
                }));
            }
            (Stream::Calls, Logged::Call) => RecordKind::Call,
            (Stream::Emails, Logged::Email(_)) => RecordKind::Email,
            _ => return Ok(Mapped::Nothing),
        };
        if row.is_true("IsDeleted") {
            return self.gone(kind, row).map(Mapped::Gone);
        }
        // The message is the better record of the two.
        if kind == RecordKind::Email && self.details.twins.contains(row.id()?) {
            return Ok(Mapped::Nothing);
        }
        let activity = match kind {
            RecordKind::Call => activity::map_call(self, row)?,
            _ => mail::map_logged(self, row)?,
        };
        Ok(Mapped::Record(Box::new(Record::Activity(activity))))
    }

    /// What a task row stands for: our own and open ones are never a logged activity.
    pub(crate) fn logged(&self, row: &Row) -> Logged {
        if !row.is_true("IsClosed") || self.key(row).is_some() {
            return Logged::Neither;
        }
        self.mapping
            .logged(row.text("TaskSubtype"), row.text("Type"), row.text("Subject"))
    }

    fn gone(&self, kind: RecordKind, row: &Row) -> Result<Gone, String> {
        Ok(Gone {
            id: self.record(kind, row.id()?),
            merged_into: row.text("MasterRecordId").map(|id| self.record(kind, id)),
            at: row.required_instant("SystemModstamp")?,
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
        row.text("OwnerId").map(|id| self.owner_id(id))
    }

    /// The user behind an id, if it is one; queues do nothing themselves.
    fn user(&self, id: Option<&str>) -> Option<OwnerId> {
        id.filter(|id| id.starts_with(prefix::USER))
            .map(|id| self.owner_id(id))
    }

    /// A lead or contact, told by the id's prefix.
    fn person(&self, id: &str) -> Option<PersonId> {
        let kind = if id.starts_with(prefix::LEAD) {
            RecordKind::Lead
        } else if id.starts_with(prefix::CONTACT) {
            RecordKind::Contact
        } else {
            return None;
        };
        Some(PersonId(self.record(kind, id)))
    }

    /// Whom a task or event is about, the primary one first.
    fn people(&self, row: &Row) -> Result<Vec<PersonId>, String> {
        let related = self.details.who.get(row.id()?).into_iter().flatten();
        let ids = row.text("WhoId").into_iter().chain(related.map(String::as_str));
        let mut people: Vec<PersonId> = Vec::new();
        for person in ids.filter_map(|id| self.person(id)) {
            if !people.contains(&person) {
                people.push(person);
            }
        }
        Ok(people)
    }

    fn deals(&self, what: Option<&str>) -> Vec<DealId> {
        what.filter(|id| id.starts_with(prefix::OPPORTUNITY))
            .map(|id| DealId(self.record(RecordKind::Deal, id)))
            .into_iter()
            .collect()
    }

    /// Who made the last change: a user of flesh and blood, an automation, or nobody knows.
    fn stamp(&self, row: &Row) -> Result<Stamp, String> {
        let modified_by = match row.text("LastModifiedById") {
            None => Editor::Unknown,
            Some(id) if self.me == Some(id) => Editor::Automation,
            Some(id) => match self.owners.by_id.get(id) {
                Some(facts) if facts.is_person => Editor::User(self.owner_id(id)),
                Some(_) => Editor::Automation,
                None => Editor::Unknown,
            },
        };
        Ok(Stamp {
            modified_at: row.required_instant("SystemModstamp")?,
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

/// What the records of a table are.
pub(crate) const fn kind_of(table: Table) -> Option<RecordKind> {
    Some(match table {
        Table::User | Table::Group => RecordKind::Owner,
        Table::Lead => RecordKind::Lead,
        Table::Contact => RecordKind::Contact,
        Table::Account => RecordKind::Account,
        Table::Opportunity => RecordKind::Deal,
        Table::Event => RecordKind::Meeting,
        Table::EmailMessage => RecordKind::Email,
        _ => return None,
    })
}

/// Whether a closed task was saved closed: calls and mails are logged that way.
fn was_closed_at_once(row: &Row) -> Result<bool, String> {
    let created = row.required_instant("CreatedDate")?;
    Ok(row
        .instant("CompletedDateTime")?
        .is_some_and(|completed| completed.duration_since(created).as_secs() <= 1))
}
