//! One record: its values, where they came from, what search still believes, and what the past values were.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;

use super::kind::Kind;
use crate::clock::iso;

/// Who made a change, as `hs_object_source` and a history entry's `sourceType` name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A user in the CRM's own pages; the user's number.
    User(Option<u64>),
    /// A client of the API.
    Integration,
    /// A form on the web site.
    Form,
    /// A file import.
    Import,
    /// Mailbox sync.
    Mailbox,
    /// HubSpot's own roll-ups and calculations.
    Calculation,
}

impl Source {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::User(_) => "CRM_UI",
            Self::Integration => "INTEGRATION",
            Self::Form => "FORM",
            Self::Import => "IMPORT",
            Self::Mailbox => "EMAIL_INTEGRATION",
            Self::Calculation => "CALCULATED",
        }
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::User(_) => "CRM UI",
            Self::Integration => "Integration",
            Self::Form => "Form",
            Self::Import => "Import",
            Self::Mailbox => "Email integration",
            Self::Calculation => "Calculated",
        }
    }
}

/// A past or present value of a property.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) value: String,
    pub(crate) at: Timestamp,
    pub(crate) source: &'static str,
    pub(crate) user: Option<u64>,
}

/// What search sees instead of the present record, until it catches up.
#[derive(Debug, Clone)]
pub(crate) struct Lagging {
    /// From this instant on the index has moved past `view`.
    pub(crate) until: Timestamp,
    /// The record as it was before the change; `None` before its creation.
    pub(crate) view: Option<View>,
}

/// A record's values at one moment.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) updated_at: Timestamp,
}

/// A record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) created_at: Timestamp,
    pub(crate) archived_at: Option<Timestamp>,
    pub(crate) source: Source,
    pub(crate) now: View,
    lagging: Vec<Lagging>,
    /// Oldest first, for properties that changed after the record was created.
    history: BTreeMap<String, Vec<Version>>,
}

impl Record {
    /// A record created at `at` and invisible to search before `indexed_at`.
    pub(crate) fn new(
        (kind, id): (Kind, u64),
        at: Timestamp,
        indexed_at: Timestamp,
        values: BTreeMap<String, String>,
        source: Source,
    ) -> Self {
        Self {
            id,
            kind,
            created_at: at,
            archived_at: None,
            source,
            now: View {
                values,
                updated_at: at,
            },
            lagging: vec![Lagging {
                until: indexed_at,
                view: None,
            }],
            history: BTreeMap::new(),
        }
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.now.values.get(name).map(String::as_str)
    }

    /// A property of `view`, the derived ones included.
    pub(crate) fn read<'a>(&self, view: &'a View, name: &str) -> Option<Cow<'a, str>> {
        if let Some(value) = view.values.get(name) {
            return Some(Cow::Borrowed(value));
        }
        if name == "hs_object_id" {
            Some(Cow::Owned(self.id.to_string()))
        } else if name == self.kind.created_property() {
            Some(Cow::Owned(iso(self.created_at)))
        } else if name == self.kind.modified_property() {
            Some(Cow::Owned(iso(view.updated_at)))
        } else {
            match name {
                "hs_object_source" => Some(Cow::Borrowed(self.source.name())),
                "hs_object_source_label" => Some(Cow::Borrowed(self.source.label())),
                _ => None,
            }
        }
    }

    /// What search finds at `now`; `None` while it has not seen the record at all.
    pub(crate) fn indexed(&self, now: Timestamp) -> Option<&View> {
        match self.lagging.iter().find(|lagging| lagging.until > now) {
            Some(lagging) => lagging.view.as_ref(),
            None => Some(&self.now),
        }
    }

    /// Applies `changes` (empty value: cleared) at `at`; search follows at `indexed_at`. Two changes of one record
    /// never carry one modification instant.
    pub(crate) fn change(
        &mut self,
        at: Timestamp,
        indexed_at: Timestamp,
        changes: &BTreeMap<String, String>,
        source: Source,
    ) {
        let at = at.max(next_millisecond(self.now.updated_at));
        self.lagging.retain(|lagging| lagging.until > at);
        if indexed_at > at {
            self.lagging.push(Lagging {
                until: indexed_at,
                view: Some(self.now.clone()),
            });
        }
        for (name, value) in changes {
            self.note_version(name, value, at, source);
            if value.is_empty() {
                self.now.values.remove(name);
            } else {
                self.now.values.insert(name.clone(), value.clone());
            }
        }
        self.now.updated_at = at;
    }

    fn note_version(&mut self, name: &str, value: &str, at: Timestamp, source: Source) {
        let present = self.now.values.get(name);
        if present.map_or("", String::as_str) == value {
            return;
        }
        let versions = self.history.entry(name.to_owned()).or_default();
        if versions.is_empty()
            && let Some(first) = present
        {
            versions.push(version(first, self.created_at, self.source));
        }
        versions.push(version(value, at, source));
    }

    /// All values `name` ever had, newest first.
    pub(crate) fn versions(&self, name: &str) -> Vec<Version> {
        if let Some(versions) = self.history.get(name) {
            return versions.iter().rev().cloned().collect();
        }
        let value = self.read(&self.now, name);
        value
            .map(|value| version(&value, self.created_at, self.source))
            .into_iter()
            .collect()
    }

    /// When `name` took its present value.
    pub(crate) fn since(&self, name: &str) -> Timestamp {
        self.history
            .get(name)
            .and_then(|versions| versions.last())
            .map_or(self.created_at, |last| last.at)
    }
}

fn version(value: &str, at: Timestamp, source: Source) -> Version {
    let user = if let Source::User(user) = source {
        user
    } else {
        None
    };
    Version {
        value: value.to_owned(),
        at,
        source: source.name(),
        user,
    }
}

fn next_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond().saturating_add(1)).unwrap_or(at)
}
