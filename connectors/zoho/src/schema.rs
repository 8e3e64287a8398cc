//! What is read: eight modules that are polled, and the history of stages, which is read for changed deals only.
//!
//! A field is asked for only if the org's metadata show it to the connected user: one unknown name fails a whole call, and
//! a hidden one makes data look empty, so those that matter are reported (field names of a standard org, read 2026-11).

use followup_core::{RecordKind, Stream};

/// A module of Zoho CRM that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Module {
    Leads,
    Contacts,
    Accounts,
    Deals,
    Tasks,
    Calls,
    Events,
    Notes,
    /// Which stage a deal was in, and when.
    DealHistory,
}

/// What it means that a field is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The streams over this module cannot be read without it.
    Must,
    /// Something goes dark; said by the probe.
    Should,
    /// Exists only in some orgs, or adds little.
    May,
}

use Need::{May, Must, Should};

/// Fields of a module, `id` aside, which every module has.
type Fields = &'static [(&'static str, Need)];

const COMMON: Fields = &[
    ("Owner", Must),
    ("Created_Time", Must),
    ("Modified_Time", Must),
    ("Modified_By", May),
];

const LEADS: Fields = &[
    ("First_Name", May),
    ("Last_Name", Should),
    ("Company", May),
    ("Email", Should),
    ("Secondary_Email", May),
    ("Phone", Should),
    ("Mobile", May),
    ("Lead_Status", Should),
    ("Lead_Source", Should),
    ("Converted__s", Should),
    ("Converted_Date_Time", May),
    ("Converted_Contact", Should),
    ("Converted_Deal", May),
    ("Email_Opt_Out", Should),
    ("Unsubscribed_Time", May),
];

const CONTACTS: Fields = &[
    ("First_Name", May),
    ("Last_Name", Should),
    ("Account_Name", Should),
    ("Email", Should),
    ("Secondary_Email", May),
    ("Phone", Should),
    ("Mobile", May),
    ("Other_Phone", May),
    ("Lead_Source", May),
    ("Email_Opt_Out", Should),
    ("Unsubscribed_Time", May),
];

const ACCOUNTS: Fields = &[("Account_Name", Should)];

const DEALS: Fields = &[
    ("Deal_Name", Should),
    ("Stage", Must),
    ("Pipeline", May),
    ("Amount", Should),
    ("Closing_Date", Should),
    ("Account_Name", May),
    ("Contact_Name", Should),
    ("Currency", May),
];

const TASKS: Fields = &[
    ("Subject", Must),
    ("Status", Must),
    ("Priority", May),
    ("Due_Date", Should),
    ("Who_Id", Must),
    ("What_Id", Must),
    ("Remind_At", May),
    ("Closed_Time", May),
    ("Description", Should),
];

const CALLS: Fields = &[
    ("Subject", May),
    ("Call_Type", Must),
    ("Call_Start_Time", Must),
    ("Call_Duration", May),
    ("Call_Duration_in_seconds", May),
    ("Call_Result", Should),
    ("Outgoing_Call_Status", May),
    ("Outbound_Call_Status", May),
    ("Who_Id", Must),
    ("What_Id", Must),
];

const EVENTS: Fields = &[
    ("Event_Title", May),
    ("Start_DateTime", Must),
    ("End_DateTime", Should),
    ("Participants", Should),
    ("Who_Id", Must),
    ("What_Id", Must),
    ("Check_In_Time", May),
];

const NOTES: Fields = &[("Parent_Id", Must)];

const DEAL_HISTORY: Fields = &[
    ("Potential_Name", Must),
    ("Stage", Must),
    ("Modified_Time", Must),
    ("Moved_To__s", May),
];

impl Module {
    /// Every module.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Leads,
        Self::Contacts,
        Self::Accounts,
        Self::Deals,
        Self::Tasks,
        Self::Calls,
        Self::Events,
        Self::Notes,
        Self::DealHistory,
    ];

    /// Zoho's name of it.
    pub(crate) const fn api_name(self) -> &'static str {
        match self {
            Self::Leads => "Leads",
            Self::Contacts => "Contacts",
            Self::Accounts => "Accounts",
            Self::Deals => "Deals",
            Self::Tasks => "Tasks",
            Self::Calls => "Calls",
            Self::Events => "Events",
            Self::Notes => "Notes",
            Self::DealHistory => "DealHistory",
        }
    }

    /// What is being tried, for messages.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            Self::Leads => "read leads",
            Self::Contacts => "read contacts",
            Self::Accounts => "read accounts",
            Self::Deals => "read deals",
            Self::Tasks => "read tasks",
            Self::Calls => "read calls",
            Self::Events => "read meetings",
            Self::Notes => "read notes",
            Self::DealHistory => "read the history of stages",
        }
    }

    /// Fields that are wanted, `id` aside.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'static str, Need)> {
        let (common, own) = match self {
            Self::Leads => (COMMON, LEADS),
            Self::Contacts => (COMMON, CONTACTS),
            Self::Accounts => (COMMON, ACCOUNTS),
            Self::Deals => (COMMON, DEALS),
            Self::Tasks => (COMMON, TASKS),
            Self::Calls => (COMMON, CALLS),
            Self::Events => (COMMON, EVENTS),
            Self::Notes => (COMMON, NOTES),
            Self::DealHistory => (&[] as Fields, DEAL_HISTORY),
        };
        common.iter().chain(own).copied()
    }

    /// Keys that lists give out beside the fields, if the org lets one ask for them.
    pub(crate) const fn extras(self) -> &'static [&'static str] {
        match self {
            Self::Tasks | Self::Calls => &[SE_MODULE],
            Self::Events => &[SE_MODULE, CANCELLED],
            _ => &[],
        }
    }

    /// Whether rows can be read whole by queries: what they link to is named by a module of its own in no other way.
    pub(crate) const fn is_plain(self) -> bool {
        matches!(self, Self::Contacts | Self::Accounts | Self::Deals)
    }

    /// What its rows are.
    pub(crate) const fn kind(self) -> Option<RecordKind> {
        Some(match self {
            Self::Leads => RecordKind::Lead,
            Self::Contacts => RecordKind::Contact,
            Self::Accounts => RecordKind::Account,
            Self::Deals => RecordKind::Deal,
            Self::Tasks => RecordKind::Task,
            Self::Calls => RecordKind::Call,
            Self::Events => RecordKind::Meeting,
            Self::Notes => RecordKind::Note,
            Self::DealHistory => return None,
        })
    }

    /// The module whose rows are of this kind.
    pub(crate) fn of_kind(kind: RecordKind) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|module| module.kind() == Some(kind))
    }

    /// The module of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|module| module.api_name() == name)
    }
}

/// Which module `What_Id` is of.
pub(crate) const SE_MODULE: &str = "$se_module";
/// Whether a meeting was called off.
pub(crate) const CANCELLED: &str = "$event_cancelled";

/// The streams, in the order in which they are read. Mails have none: they are read record by record.
pub(crate) const STREAMS: &[Stream] = &[
    Stream::Owners,
    Stream::Tasks,
    Stream::Leads,
    Stream::Contacts,
    Stream::Accounts,
    Stream::Deals,
    Stream::Calls,
    Stream::Meetings,
    Stream::Notes,
];

/// The module that makes a stream; users are no module.
pub(crate) const fn module_of(stream: Stream) -> Option<Module> {
    Some(match stream {
        Stream::Tasks => Module::Tasks,
        Stream::Leads => Module::Leads,
        Stream::Contacts => Module::Contacts,
        Stream::Accounts => Module::Accounts,
        Stream::Deals => Module::Deals,
        Stream::Calls => Module::Calls,
        Stream::Meetings => Module::Events,
        Stream::Notes => Module::Notes,
        Stream::Owners | Stream::Emails | Stream::Messages => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_but_the_owners_has_a_module_and_no_list_asks_for_more_than_fifty_fields() {
        for stream in STREAMS {
            assert_eq!(
                module_of(*stream).is_none(),
                *stream == Stream::Owners,
                "{stream}"
            );
        }
        for module in Module::ALL {
            let fields = module.fields().count() + module.extras().len() + 2;
            assert!(fields <= 50, "{module:?}");
            assert!(module.fields().any(|(name, _)| name == "Modified_Time"));
            assert_eq!(Module::named(module.api_name()), Some(*module));
        }
    }
}
