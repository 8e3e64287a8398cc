//! People, the accounts they belong to, and the owners who are responsible for them.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, DealId, OwnerId, PersonId};

/// When a record changed according to the CRM, who did it, and when we first saw this version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The CRM's modification instant.
    pub modified_at: Timestamp,
    /// Who made the change, where the CRM tells.
    pub modified_by: Editor,
    /// The instant at which this version was read.
    pub seen_at: Timestamp,
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Editor {
    /// A user of the CRM.
    User(OwnerId),
    /// A form, workflow, import or integration.
    Automation,
    /// The CRM does not say.
    Unknown,
}

/// Where a person came from, in the words of the rules. The connector's mapping translates CRM values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Asked for a demo.
    Demo,
    /// Asked for a price.
    Pricing,
    /// Wrote through a contact form.
    ContactUs,
    /// Downloaded something.
    ContentDownload,
    /// Started a chat.
    Chat,
    /// Met at an event.
    Event,
    /// Was referred.
    Referral,
    /// Came in a file import.
    Import,
    /// Came from a bought or built list.
    List,
    /// Was created by an integration.
    Api,
    /// Anything else, or unknown.
    Other,
}

impl Source {
    /// Every source, in order.
    pub const ALL: &'static [Self] = &[
        Self::Demo,
        Self::Pricing,
        Self::ContactUs,
        Self::ContentDownload,
        Self::Chat,
        Self::Event,
        Self::Referral,
        Self::Import,
        Self::List,
        Self::Api,
        Self::Other,
    ];

    /// The word used in policy files, cases and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Pricing => "pricing",
            Self::ContactUs => "contact-us",
            Self::ContentDownload => "content-download",
            Self::Chat => "chat",
            Self::Event => "event",
            Self::Referral => "referral",
            Self::Import => "import",
            Self::List => "list",
            Self::Api => "api",
            Self::Other => "other",
        }
    }

    /// Reads a word of [`Self::as_str`]; `None` for any other.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|source| source.as_str() == word)
    }
}

/// What may not be used to reach a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactFlags {
    /// No mail.
    pub email_optout: bool,
    /// No calls.
    pub do_not_call: bool,
    /// No contact at all.
    pub do_not_contact: bool,
    /// The address bounced at this instant.
    pub bounced_at: Option<Timestamp>,
}

/// A lead that became a contact (and perhaps a deal).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// When it was converted.
    pub at: Timestamp,
    /// The contact it became.
    pub contact: Option<PersonId>,
    /// The deal it opened.
    pub deal: Option<DealId>,
}

/// A record merged away into another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// The surviving record.
    pub into: PersonId,
    /// When; `None` means long enough ago to be settled.
    pub at: Option<Timestamp>,
}

/// A spell of ownership: this owner, from this instant on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerSpell {
    /// Who owned it; `None` = nobody.
    pub owner: Option<OwnerId>,
    /// Since when.
    pub from: Timestamp,
}

/// A lead or contact: one person record of one connection.
///
/// Whether it is a lead or a contact is in `id` (its [`crate::RecordKind`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The record; its kind is `Lead` or `Contact`.
    pub id: PersonId,
    /// Judged as a lead: not yet qualified. HubSpot contacts are leads by lifecycle stage.
    pub is_lead: bool,
    /// Display name; empty if the CRM has none.
    pub name: String,
    /// Company name as the record carries it.
    pub company: Option<String>,
    /// The account record, where linked.
    pub account: Option<AccountId>,
    /// Normalized (trimmed, lower-case) addresses, primary first.
    pub emails: Vec<String>,
    /// Phone numbers as the CRM has them, primary first.
    pub phones: Vec<String>,
    /// Who is responsible.
    pub owner: Option<OwnerId>,
    /// Known changes of owner, oldest first; empty if none is known.
    pub owner_history: Vec<OwnerSpell>,
    /// When the record was created.
    pub created_at: Timestamp,
    /// The latest inquiry (form, chat request), where known.
    pub inquiry_at: Option<Timestamp>,
    /// Came to us, rather than being looked up by us.
    pub is_inbound: bool,
    /// Where from.
    pub source: Source,
    /// Lead or contact status in the CRM's own words.
    pub status: Option<String>,
    /// Closed channels.
    pub flags: ContactFlags,
    /// Set when this record was merged away.
    pub merged: Option<Merge>,
    /// Set when this lead was converted.
    pub converted: Option<Conversion>,
    /// Next step of a CRM sequence or cadence, if the person is enrolled in one and it is readable.
    pub sequence_next_step_at: Option<Timestamp>,
    /// CRM change stamp.
    pub stamp: Stamp,
}

/// A company we sell to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The record.
    pub id: AccountId,
    /// Display name.
    pub name: String,
    /// Who is responsible.
    pub owner: Option<OwnerId>,
    /// CRM change stamp.
    pub stamp: Stamp,
}

/// What stands behind an owner id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    /// A person who works in the CRM.
    User,
    /// A queue that nobody in particular works.
    Queue,
    /// An integration or automation account.
    Integration,
}

/// Days on which an owner is away, both inclusive, in the owner's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// First day away.
    pub first_on: Date,
    /// Last day away.
    pub last_on: Date,
}

/// A user, queue or integration of a CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The record; its `native_id` is what the CRM's owner fields hold.
    pub id: OwnerId,
    /// What stands behind it.
    pub kind: OwnerKind,
    /// Display name.
    pub name: String,
    /// Normalized address: joins owners across CRMs and recognises mail senders.
    pub email: Option<String>,
    /// Can be given work.
    pub is_active: bool,
    /// IANA zone, where the CRM tells; configuration wins.
    pub time_zone: Option<String>,
    /// Planned absences, where the CRM tells; configuration adds to them.
    pub absences: Vec<Absence>,
    /// CRM change stamp.
    pub stamp: Stamp,
}

/// An address as it is compared: trimmed, lower-case.
pub fn normalize_email(email: &str) -> String {
    email.trim().to_lowercase()
}
