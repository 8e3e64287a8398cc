//! Which objects and properties this connector reads. Only mapped ones are asked for: a URL with every property of a
//! portal is refused with 414.

use followup_core::{RecordKind, Stream};

/// How one stream is read.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Object type in paths.
    pub(crate) object: &'static str,
    /// What our records of it are.
    pub(crate) kind: RecordKind,
    /// The property searches go by: contacts use `lastmodifieddate`, everything else `hs_lastmodifieddate` (search
    /// guide; a contacts search by the other one finds nothing).
    pub(crate) modified: &'static str,
    /// The creation property.
    pub(crate) created: &'static str,
    /// Properties.
    pub(crate) properties: &'static [&'static str],
    /// Properties whose earlier values are read too.
    pub(crate) with_history: &'static [&'static str],
    /// Object types whose links are read.
    pub(crate) links: &'static [&'static str],
    /// For messages.
    pub(crate) action: &'static str,
}

/// Unique property that carries our key on tasks.
pub(crate) const TASK_KEY: &str = "followupd_key";

const CONTACTS: Schema = Schema {
    object: "contacts",
    kind: RecordKind::Contact,
    modified: "lastmodifieddate",
    created: "createdate",
    properties: &[
        "email",
        "hs_additional_emails",
        "firstname",
        "lastname",
        "company",
        "phone",
        "mobilephone",
        "hubspot_owner_id",
        "hubspot_owner_assigneddate",
        "createdate",
        "lastmodifieddate",
        "lifecyclestage",
        "hs_lead_status",
        "recent_conversion_date",
        "recent_conversion_event_name",
        "hs_object_source",
        "hs_analytics_source_data_1",
        "hs_email_optout",
        "associatedcompanyid",
        "hs_merged_object_ids",
    ],
    with_history: &[],
    links: &[],
    action: "read contacts",
};

const COMPANIES: Schema = Schema {
    object: "companies",
    kind: RecordKind::Account,
    modified: "hs_lastmodifieddate",
    created: "createdate",
    properties: &[
        "name",
        "domain",
        "hubspot_owner_id",
        "createdate",
        "hs_lastmodifieddate",
        "hs_merged_object_ids",
    ],
    with_history: &[],
    links: &[],
    action: "read companies",
};

const DEALS: Schema = Schema {
    object: "deals",
    kind: RecordKind::Deal,
    modified: "hs_lastmodifieddate",
    created: "createdate",
    properties: &[
        "dealname",
        "amount",
        "deal_currency_code",
        "closedate",
        "createdate",
        "pipeline",
        "dealstage",
        "hubspot_owner_id",
        "hs_is_closed",
        "hs_is_closed_won",
        "hs_lastmodifieddate",
        "hs_merged_object_ids",
    ],
    with_history: &["dealstage", "hubspot_owner_id"],
    links: &["contacts", "companies"],
    action: "read deals",
};

const CALLS: Schema = Schema {
    object: "calls",
    kind: RecordKind::Call,
    modified: "hs_lastmodifieddate",
    created: "hs_createdate",
    properties: &[
        "hs_timestamp",
        "hs_createdate",
        "hs_lastmodifieddate",
        "hubspot_owner_id",
        "hs_call_direction",
        "hs_call_disposition",
        "hs_call_status",
        "hs_call_duration",
        "hs_call_has_voicemail",
    ],
    with_history: &[],
    links: &["contacts", "deals"],
    action: "read calls",
};

const EMAILS: Schema = Schema {
    object: "emails",
    kind: RecordKind::Email,
    modified: "hs_lastmodifieddate",
    created: "hs_createdate",
    properties: &[
        "hs_timestamp",
        "hs_createdate",
        "hs_lastmodifieddate",
        "hubspot_owner_id",
        "hs_email_direction",
        "hs_email_status",
        "hs_email_subject",
        "hs_email_from_email",
        "hs_email_to_email",
        "hs_email_cc_email",
        "hs_email_thread_id",
        "hs_incoming_email_is_out_of_office",
    ],
    with_history: &[],
    links: &["contacts", "deals"],
    action: "read emails",
};

const MEETINGS: Schema = Schema {
    object: "meetings",
    kind: RecordKind::Meeting,
    modified: "hs_lastmodifieddate",
    created: "hs_createdate",
    properties: &[
        "hs_timestamp",
        "hs_createdate",
        "hs_lastmodifieddate",
        "hubspot_owner_id",
        "hs_meeting_start_time",
        "hs_meeting_end_time",
        "hs_meeting_outcome",
    ],
    with_history: &[],
    links: &["contacts", "deals"],
    action: "read meetings",
};

const TASKS: Schema = Schema {
    object: "tasks",
    kind: RecordKind::Task,
    modified: "hs_lastmodifieddate",
    created: "hs_createdate",
    properties: &[
        "hs_timestamp",
        "hs_createdate",
        "hs_lastmodifieddate",
        "hubspot_owner_id",
        "hs_task_subject",
        "hs_task_body",
        "hs_task_status",
        "hs_task_priority",
        "hs_task_reminders",
        "hs_task_completion_date",
        "hs_object_source",
        TASK_KEY,
    ],
    with_history: &[],
    links: &["contacts", "deals"],
    action: "read tasks",
};

const LEADS: Schema = Schema {
    object: "leads",
    kind: RecordKind::Lead,
    modified: "hs_lastmodifieddate",
    created: "createdate",
    properties: &[
        "hs_pipeline_stage",
        "hubspot_owner_id",
        "createdate",
        "hs_lastmodifieddate",
    ],
    with_history: &[],
    links: &[],
    action: "read leads",
};

const NOTES: Schema = Schema {
    object: "notes",
    kind: RecordKind::Note,
    modified: "hs_lastmodifieddate",
    created: "hs_createdate",
    properties: &[
        "hs_timestamp",
        "hs_createdate",
        "hs_lastmodifieddate",
        "hubspot_owner_id",
    ],
    with_history: &[],
    links: &["contacts", "deals"],
    action: "read notes",
};

const COMMUNICATIONS: Schema = Schema {
    object: "communications",
    kind: RecordKind::Sms,
    modified: "hs_lastmodifieddate",
    created: "hs_createdate",
    properties: &[
        "hs_timestamp",
        "hs_createdate",
        "hs_lastmodifieddate",
        "hubspot_owner_id",
    ],
    with_history: &[],
    links: &["contacts", "deals"],
    action: "read communications",
};

/// The streams of a portal, in the order in which they are read.
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
    Stream::Notes,
    Stream::Messages,
];

/// How a stream of CRM objects is read; `None` for owners, which are no objects.
pub(crate) const fn of(stream: Stream) -> Option<&'static Schema> {
    match stream {
        Stream::Tasks => Some(&TASKS),
        Stream::Contacts => Some(&CONTACTS),
        Stream::Accounts => Some(&COMPANIES),
        Stream::Deals => Some(&DEALS),
        Stream::Calls => Some(&CALLS),
        Stream::Emails => Some(&EMAILS),
        Stream::Meetings => Some(&MEETINGS),
        Stream::Leads => Some(&LEADS),
        Stream::Notes => Some(&NOTES),
        Stream::Messages => Some(&COMMUNICATIONS),
        Stream::Owners => None,
    }
}

/// The stream that carries records of a kind.
pub(crate) fn stream_of(kind: RecordKind) -> Option<Stream> {
    STREAMS
        .iter()
        .copied()
        .find(|stream| of(*stream).is_some_and(|schema| schema.kind == kind))
}

impl Schema {
    /// Records per list page and batch read: 100, or 50 where history is read too (contacts guide).
    pub(crate) const fn page_size(&self) -> usize {
        if self.with_history.is_empty() { 100 } else { 50 }
    }

    /// `properties=a,b&propertiesWithHistory=c`.
    pub(crate) fn query(&self) -> String {
        let mut query = format!("properties={}", self.properties.join(","));
        if !self.with_history.is_empty() {
            query.push_str("&propertiesWithHistory=");
            query.push_str(&self.with_history.join(","));
        }
        query
    }
}
