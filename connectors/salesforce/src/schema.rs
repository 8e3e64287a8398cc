//! What is read: ten tables that are polled, and the tables of details that are read for changed rows only.
//!
//! A field is asked for only if `describe` shows it to the connected user: a hidden one turns a whole query into an
//! error, and left out it makes data look empty, so those that matter are reported (object reference, read 2026-11).

use followup_core::{RecordKind, Stream};

/// A table of Salesforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    User,
    Group,
    Lead,
    Contact,
    Account,
    Opportunity,
    /// Which contacts are on an opportunity. A change here need not touch the opportunity, so it is polled too.
    ContactRole,
    Task,
    Event,
    EmailMessage,
    // Details of changed rows.
    OpportunityHistory,
    EmailRelation,
    EventRelation,
    TaskRelation,
}

/// What it means that a field is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The streams over this table cannot be read without it.
    Must,
    /// Something goes dark; said by the probe.
    Should,
    /// Exists only in some orgs, or adds little.
    May,
}

/// How a table is read.
pub(crate) struct Schema {
    pub(crate) table: Table,
    /// Salesforce's name of it.
    pub(crate) object: &'static str,
    pub(crate) fields: &'static [(&'static str, Need)],
    /// What is being tried, for messages.
    pub(crate) action: &'static str,
}

use Need::{May, Must, Should};

const SCHEMAS: &[Schema] = &[
    Schema {
        table: Table::User,
        object: "User",
        action: "read users",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("Name", Should),
            ("Email", Should),
            ("IsActive", Must),
            ("UserType", Should),
            ("TimeZoneSidKey", Should),
        ],
    },
    Schema {
        table: Table::Group,
        object: "Group",
        action: "read queues",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("Name", Should),
            ("Type", Must),
            ("Email", May),
        ],
    },
    Schema {
        table: Table::Lead,
        object: "Lead",
        action: "read leads",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("IsDeleted", Must),
            ("CreatedDate", Must),
            ("LastModifiedById", May),
            ("FirstName", May),
            ("LastName", Should),
            ("Company", May),
            ("Email", Should),
            ("Phone", Should),
            ("MobilePhone", May),
            ("Status", Should),
            ("LeadSource", Should),
            ("OwnerId", Must),
            ("IsConverted", Must),
            ("ConvertedContactId", Should),
            ("ConvertedOpportunityId", May),
            ("ConvertedDate", Should),
            ("HasOptedOutOfEmail", Should),
            ("DoNotCall", Should),
            ("EmailBouncedDate", May),
            ("MasterRecordId", May),
        ],
    },
    Schema {
        table: Table::Contact,
        object: "Contact",
        action: "read contacts",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("IsDeleted", Must),
            ("CreatedDate", Must),
            ("LastModifiedById", May),
            ("FirstName", May),
            ("LastName", Should),
            ("Email", Should),
            ("Phone", Should),
            ("MobilePhone", May),
            ("AccountId", Should),
            ("LeadSource", May),
            ("OwnerId", Must),
            ("HasOptedOutOfEmail", Should),
            ("DoNotCall", Should),
            ("EmailBouncedDate", May),
            ("MasterRecordId", May),
        ],
    },
    Schema {
        table: Table::Account,
        object: "Account",
        action: "read accounts",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("IsDeleted", Must),
            ("LastModifiedById", May),
            ("Name", Should),
            ("OwnerId", Must),
            ("MasterRecordId", May),
        ],
    },
    Schema {
        table: Table::Opportunity,
        object: "Opportunity",
        action: "read opportunities",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("IsDeleted", Must),
            ("CreatedDate", Must),
            ("LastModifiedById", May),
            ("Name", Should),
            ("StageName", Must),
            ("IsClosed", Must),
            ("IsWon", Must),
            ("CloseDate", Should),
            ("Amount", Should),
            ("CurrencyIsoCode", May),
            ("OwnerId", Must),
            ("AccountId", Should),
            ("ContactId", May),
            ("LastStageChangeDate", May),
            ("RecordTypeId", May),
        ],
    },
    Schema {
        table: Table::ContactRole,
        object: "OpportunityContactRole",
        action: "read the contacts of opportunities",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("IsDeleted", Must),
            ("OpportunityId", Must),
            ("ContactId", Must),
            ("IsPrimary", May),
        ],
    },
    Schema {
        table: Table::Task,
        object: "Task",
        action: "read tasks",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("IsDeleted", Must),
            ("CreatedDate", Must),
            ("CreatedById", May),
            ("LastModifiedById", May),
            ("Subject", Should),
            ("Status", Must),
            ("Priority", May),
            ("IsClosed", Must),
            ("ActivityDate", Must),
            ("WhoId", Must),
            ("WhatId", Must),
            ("WhoCount", May),
            ("OwnerId", Must),
            ("TaskSubtype", Should),
            ("Type", May),
            ("CallType", Should),
            ("CallDurationInSeconds", Should),
            ("CallDisposition", Should),
            ("CompletedDateTime", Should),
            ("ReminderDateTime", May),
            ("IsRecurrence", May),
        ],
    },
    Schema {
        table: Table::Event,
        object: "Event",
        action: "read events",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("IsDeleted", Must),
            ("CreatedDate", Must),
            ("LastModifiedById", May),
            ("Subject", Should),
            ("StartDateTime", Must),
            ("EndDateTime", Should),
            ("ActivityDate", May),
            ("IsAllDayEvent", May),
            ("WhoId", Must),
            ("WhatId", Must),
            ("OwnerId", Must),
            ("IsChild", Should),
            ("IsRecurrence", May),
        ],
    },
    Schema {
        table: Table::EmailMessage,
        object: "EmailMessage",
        action: "read mails",
        fields: &[
            ("Id", Must),
            ("SystemModstamp", Must),
            ("IsDeleted", Must),
            ("CreatedDate", Must),
            ("CreatedById", May),
            ("LastModifiedById", May),
            ("Incoming", Must),
            ("Status", Should),
            ("MessageDate", Must),
            ("Subject", Should),
            ("FromAddress", Should),
            ("ToAddress", Should),
            ("CcAddress", Should),
            ("RelatedToId", Should),
            ("ActivityId", Should),
            ("ThreadIdentifier", May),
            ("ClientThreadIdentifier", May),
            ("IsBounced", May),
            ("Source", May),
        ],
    },
    Schema {
        table: Table::OpportunityHistory,
        object: "OpportunityHistory",
        action: "read the history of opportunities",
        fields: &[
            ("Id", Must),
            ("OpportunityId", Must),
            ("StageName", Must),
            ("CreatedDate", Must),
        ],
    },
    Schema {
        table: Table::EmailRelation,
        object: "EmailMessageRelation",
        action: "read who is on mails",
        fields: &[
            ("Id", Must),
            ("EmailMessageId", Must),
            ("RelationId", Must),
            ("RelationType", Must),
            ("RelationAddress", May),
        ],
    },
    Schema {
        table: Table::EventRelation,
        object: "EventRelation",
        action: "read who is invited to events",
        fields: &[
            ("Id", Must),
            ("EventId", Must),
            ("RelationId", Must),
            ("IsWhat", May),
        ],
    },
    Schema {
        table: Table::TaskRelation,
        object: "TaskRelation",
        action: "read whom tasks are about",
        fields: &[
            ("Id", Must),
            ("TaskId", Must),
            ("RelationId", Must),
            ("IsWhat", May),
        ],
    },
];

impl Table {
    /// Every table, polled ones first.
    pub(crate) const ALL: &'static [Self] = &[
        Self::User,
        Self::Group,
        Self::Lead,
        Self::Contact,
        Self::Account,
        Self::Opportunity,
        Self::ContactRole,
        Self::Task,
        Self::Event,
        Self::EmailMessage,
        Self::OpportunityHistory,
        Self::EmailRelation,
        Self::EventRelation,
        Self::TaskRelation,
    ];

    pub(crate) fn schema(self) -> &'static Schema {
        SCHEMAS
            .iter()
            .find(|schema| schema.table == self)
            .expect("every table has a schema; a test looks")
    }

    pub(crate) fn object(self) -> &'static str {
        self.schema().object
    }

    /// Whether rows say that they are deleted. Users and queues are only deactivated or vanish.
    pub(crate) const fn can_be_deleted(self) -> bool {
        !matches!(self, Self::User | Self::Group)
    }
}

/// The streams, in the order in which they are read.
pub(crate) const STREAMS: &[Stream] = &[
    Stream::Owners,
    Stream::Tasks,
    Stream::Leads,
    Stream::Contacts,
    Stream::Accounts,
    Stream::Deals,
    Stream::Calls,
    Stream::Emails,
    Stream::Meetings,
];

/// The tables whose changes make a stream, the one that carries its records first. `None` = no such stream.
pub(crate) const fn tables(stream: Stream) -> Option<&'static [Table]> {
    Some(match stream {
        Stream::Owners => &[Table::User, Table::Group],
        Stream::Tasks | Stream::Calls => &[Table::Task],
        Stream::Leads => &[Table::Lead],
        Stream::Contacts => &[Table::Contact],
        Stream::Accounts => &[Table::Account],
        Stream::Deals => &[Table::Opportunity, Table::ContactRole],
        // A mail logged as a task counts where there is no message behind it.
        Stream::Emails => &[Table::EmailMessage, Table::Task],
        Stream::Meetings => &[Table::Event],
        Stream::Notes | Stream::Messages => return None,
    })
}

/// The stream that delivers records of a kind.
pub(crate) const fn stream_of(kind: RecordKind) -> Option<Stream> {
    Some(match kind {
        RecordKind::Owner => Stream::Owners,
        RecordKind::Lead => Stream::Leads,
        RecordKind::Contact => Stream::Contacts,
        RecordKind::Account => Stream::Accounts,
        RecordKind::Deal => Stream::Deals,
        RecordKind::Email => Stream::Emails,
        RecordKind::Call => Stream::Calls,
        RecordKind::Meeting => Stream::Meetings,
        RecordKind::Task => Stream::Tasks,
        RecordKind::Sms | RecordKind::Form | RecordKind::Chat | RecordKind::Note | RecordKind::Signal => {
            return None;
        }
    })
}

/// Key prefixes of ids (object reference).
pub(crate) mod prefix {
    pub(crate) const LEAD: &str = "00Q";
    pub(crate) const CONTACT: &str = "003";
    pub(crate) const OPPORTUNITY: &str = "006";
    pub(crate) const USER: &str = "005";
    pub(crate) const QUEUE: &str = "00G";
    pub(crate) const TASK: &str = "00T";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_schema_and_every_stream_has_tables() {
        for table in Table::ALL {
            let schema = table.schema();
            assert!(schema.fields.contains(&("Id", Must)), "{table:?}");
            let is_polled = schema.fields.iter().any(|(name, _)| *name == "SystemModstamp");
            let is_in_a_stream = STREAMS
                .iter()
                .any(|stream| tables(*stream).unwrap().contains(table));
            assert_eq!(is_polled, is_in_a_stream, "{table:?}");
            let says_deleted = schema.fields.iter().any(|(name, _)| *name == "IsDeleted");
            assert!(!is_polled || says_deleted == table.can_be_deleted(), "{table:?}");
        }
    }

    #[test]
    fn an_idle_cycle_polls_ten_tables_and_so_fits_two_composites_of_five_queries() {
        let mut polled: Vec<Table> = STREAMS
            .iter()
            .filter_map(|stream| tables(*stream))
            .flatten()
            .copied()
            .collect();
        polled.sort();
        polled.dedup();
        assert_eq!(polled.len(), 10);
    }
}
