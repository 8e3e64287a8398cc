//! Names of things: connections, records, owners and our own task keys.
//!
//! Every id is a type of its own, so that two never swap by mistake. The text form of a record id is
//! `connection:kind:native_id` and is what users type and read.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The CRM a connection speaks to. Outside the connectors a provider is only data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// HubSpot CRM.
    Hubspot,
    /// Salesforce Sales Cloud.
    Salesforce,
    /// Zoho CRM.
    Zoho,
}

impl Provider {
    /// The word used in configuration, logs and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
            Self::Salesforce => "salesforce",
            Self::Zoho => "zoho",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no valid id; the message says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A connection name with characters outside `[a-z0-9_]`, or an empty one.
    #[error("`{0}` is not a connection name: use lower-case letters, digits and underscores")]
    Connection(String),
    /// A text that is not `connection:kind:native_id`.
    #[error(
        "`{0}` is not a record id: expected connection:kind:native_id, for example hubspot_main:contact:301"
    )]
    Record(String),
    /// A word that names no kind of record.
    #[error("`{0}` is not a kind of record")]
    Kind(String),
}

/// The name of one configured CRM login (portal or org): `[a-z0-9_]+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectionId(String);

impl ConnectionId {
    /// Accepts a name made of lower-case letters, digits and underscores.
    ///
    /// # Errors
    /// [`IdError::Connection`] for anything else.
    pub fn new(name: impl Into<String>) -> Result<Self, IdError> {
        let name = name.into();
        let valid = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if valid {
            Ok(Self(name))
        } else {
            Err(IdError::Connection(name))
        }
    }

    /// The connection under which activities from files are kept: no CRM is behind it, and no configured one may have
    /// its name. Whoever sees a record of it sees that it was entered by hand.
    pub fn manual() -> Self {
        Self("manual".to_owned())
    }

    /// Whether its records come from files.
    pub fn is_manual(&self) -> bool {
        *self == Self::manual()
    }

    /// The name as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ConnectionId {
    type Error = IdError;
    fn try_from(name: String) -> Result<Self, IdError> {
        Self::new(name)
    }
}

impl From<ConnectionId> for String {
    fn from(id: ConnectionId) -> Self {
        id.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! record_kinds {
    ($($variant:ident => $word:literal, $doc:literal;)*) => {
        /// What a record is. The order is part of the sort order of plans, not of any meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum RecordKind {
            $(#[doc = $doc] $variant,)*
        }

        impl RecordKind {
            /// Every kind, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in the text form of an id.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

record_kinds! {
    Owner => "owner", "A user, queue or integration that owns records.";
    Lead => "lead", "A person not yet qualified, where the vendor keeps them apart.";
    Contact => "contact", "A person at an account.";
    Account => "account", "A company we sell to.";
    Deal => "deal", "Revenue in play.";
    Email => "email", "A mail, in or out.";
    Call => "call", "A phone call.";
    Meeting => "meeting", "A meeting, booked or past.";
    Sms => "sms", "A short message.";
    Form => "form", "A form submission.";
    Chat => "chat", "A chat conversation.";
    Note => "note", "A note somebody wrote.";
    Signal => "signal", "An open, a click, a page view.";
    Task => "task", "A to-do, ours or a human's.";
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RecordKind {
    type Err = IdError;
    fn from_str(word: &str) -> Result<Self, IdError> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| IdError::Kind(word.to_owned()))
    }
}

/// One record of one connection. Text form: `connection:kind:native_id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordRef {
    /// Which login the record was read through.
    pub connection: ConnectionId,
    /// What the record is.
    pub kind: RecordKind,
    /// The CRM's own id, verbatim.
    pub native_id: String,
}

impl RecordRef {
    /// Puts the three parts together.
    pub fn new(connection: ConnectionId, kind: RecordKind, native_id: impl Into<String>) -> Self {
        Self {
            connection,
            kind,
            native_id: native_id.into(),
        }
    }
}

impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.connection, self.kind, self.native_id)
    }
}

impl FromStr for RecordRef {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let malformed = || IdError::Record(text.to_owned());
        let mut parts = text.splitn(3, ':');
        let (Some(connection), Some(kind), Some(native_id)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        if native_id.is_empty() {
            return Err(malformed());
        }
        Ok(Self::new(
            ConnectionId::new(connection)?,
            kind.parse()?,
            native_id,
        ))
    }
}

macro_rules! record_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub RecordRef);

        impl $name {
            /// The record this id names.
            pub const fn record(&self) -> &RecordRef {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

record_ids! {
    /// A user, queue or integration of a CRM.
    OwnerId;
    /// A lead or contact record.
    PersonId;
    /// A company record.
    AccountId;
    /// A deal record.
    DealId;
    /// An activity record (mail, call, meeting, …).
    ActivityId;
    /// A task record in the CRM, whoever wrote it.
    TaskId;
}

/// The key that travels with a task we write and stops a second one: the id of the gap that opened it.
///
/// Lower-case hex, at most 64 characters, safe in any vendor's text property.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskKey(pub String);

impl TaskKey {
    /// The key as written to the CRM.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_id_survives_its_text_form_even_with_colons_in_the_native_id() {
        let id: RecordRef = "hub_eu:contact:a:b".parse().unwrap();
        assert_eq!(id.native_id, "a:b");
        assert_eq!(id.to_string(), "hub_eu:contact:a:b");
    }

    #[test]
    fn malformed_ids_say_what_was_expected() {
        for text in [
            "",
            "hub",
            "hub:contact",
            "hub:contact:",
            "hub:person:1",
            "Hub:contact:1",
        ] {
            assert!(text.parse::<RecordRef>().is_err(), "{text}");
        }
    }
}
