//! All records in one enum, as they travel in pages.

use serde::{Deserialize, Serialize};

use crate::{
    activity::Activity,
    deal::Deal,
    id::RecordRef,
    person::{Account, Owner, Person, Stamp},
    task::Task,
};

/// Any record a connector can deliver.
#[expect(
    clippy::large_enum_variant,
    reason = "pages are short-lived and mostly people and activities"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A user, queue or integration.
    Owner(Owner),
    /// A lead or contact.
    Person(Person),
    /// A company.
    Account(Account),
    /// A deal.
    Deal(Deal),
    /// A mail, call, meeting, …
    Activity(Activity),
    /// A to-do.
    Task(Task),
}

impl Record {
    /// Which record this is.
    pub const fn id(&self) -> &RecordRef {
        match self {
            Self::Owner(owner) => owner.id.record(),
            Self::Person(person) => person.id.record(),
            Self::Account(account) => account.id.record(),
            Self::Deal(deal) => deal.id.record(),
            Self::Activity(activity) => activity.id.record(),
            Self::Task(task) => task.id.record(),
        }
    }

    /// Its change stamp.
    pub const fn stamp(&self) -> &Stamp {
        match self {
            Self::Owner(owner) => &owner.stamp,
            Self::Person(person) => &person.stamp,
            Self::Account(account) => &account.stamp,
            Self::Deal(deal) => &deal.stamp,
            Self::Activity(activity) => &activity.stamp,
            Self::Task(task) => &task.stamp,
        }
    }
}
