//! Which index keys a record stands under: a pure function of the record, so that an update writes exactly the
//! difference between two versions and `verify` can tell what should be there.

use std::collections::BTreeSet;

use followup_core::{Activity, Deal, Person, Record, RecordRef, Task};

use crate::{
    codec::short_hash,
    error::StoreError,
    keys::{self, Rid, table},
};

/// Gives the interned id of a record a record links to; `None` leaves the link out.
pub(crate) type Resolve<'a> = &'a mut dyn FnMut(&RecordRef) -> Result<Option<Rid>, StoreError>;

/// Fewest digits with which a phone number says who is meant.
const PHONE_DIGITS_MIN: usize = 7;

/// Every index key of a record.
pub(crate) fn keys_of(
    record: &Record,
    rid: Rid,
    resolve: Resolve<'_>,
) -> Result<BTreeSet<Vec<u8>>, StoreError> {
    let mut index = Index {
        keys: BTreeSet::new(),
        rid,
        resolve,
    };
    match record {
        Record::Person(person) => index.person(person)?,
        Record::Deal(deal) => index.deal(deal)?,
        Record::Activity(activity) => index.activity(activity)?,
        Record::Task(task) => index.task(task)?,
        Record::Owner(_) | Record::Account(_) => {}
    }
    Ok(index.keys)
}

struct Index<'a> {
    keys: BTreeSet<Vec<u8>>,
    rid: Rid,
    resolve: Resolve<'a>,
}

impl Index<'_> {
    /// Puts this record under another one.
    fn under(&mut self, table: u8, other: &RecordRef) -> Result<(), StoreError> {
        if let Some(other) = (self.resolve)(other)? {
            self.keys.insert(keys::pair(table, other, self.rid));
        }
        Ok(())
    }

    fn person(&mut self, person: &Person) -> Result<(), StoreError> {
        for hash in identity_prefixes(person) {
            self.keys.insert(keys::key(hash.0, &[&hash.1, &self.rid.bytes()]));
        }
        self.keys.insert(keys::key(
            table::CREATED,
            &[
                &self.rid.connection().to_be_bytes(),
                &keys::time_key(person.created_at),
                &self.rid.bytes(),
            ],
        ));
        if let Some(owner) = &person.owner {
            self.under(table::OWNED, owner.record())?;
        }
        for into in survivors(person) {
            self.under(table::MERGED, into)?;
        }
        Ok(())
    }

    fn deal(&mut self, deal: &Deal) -> Result<(), StoreError> {
        if let Some(owner) = &deal.owner {
            self.under(table::OWNED, owner.record())?;
        }
        for person in &deal.people {
            self.under(table::DEALS, person.record())?;
        }
        Ok(())
    }

    fn activity(&mut self, activity: &Activity) -> Result<(), StoreError> {
        let people = activity.people.iter().map(followup_core::PersonId::record);
        let deals = activity.deals.iter().map(followup_core::DealId::record);
        for subject in people.chain(deals) {
            if let Some(subject) = (self.resolve)(subject)? {
                self.keys.insert(keys::key(
                    table::TIMELINE,
                    &[&subject.bytes(), &keys::time_key(activity.at), &self.rid.bytes()],
                ));
            }
        }
        Ok(())
    }

    fn task(&mut self, task: &Task) -> Result<(), StoreError> {
        for person in &task.people {
            self.under(table::TASKS, person.record())?;
        }
        for deal in &task.deals {
            self.under(table::TASKS, deal.record())?;
        }
        Ok(())
    }
}

/// Tables and hashes under which the records of one human meet.
pub(crate) fn identity_prefixes(person: &Person) -> BTreeSet<(u8, [u8; 16])> {
    let emails = person
        .emails
        .iter()
        .filter_map(|email| email_hash(email))
        .map(|hash| (table::EMAIL, hash));
    let phones = person
        .phones
        .iter()
        .filter_map(|phone| phone_hash(phone, &person.name))
        .map(|hash| (table::PHONE, hash));
    emails.chain(phones).collect()
}

/// The records a person was merged or converted into.
pub(crate) fn survivors(person: &Person) -> impl Iterator<Item = &RecordRef> {
    let merged = person.merged.as_ref().map(|merge| merge.into.record());
    let converted = person
        .converted
        .as_ref()
        .and_then(|conversion| conversion.contact.as_ref())
        .map(followup_core::PersonId::record);
    merged.into_iter().chain(converted)
}

/// Hash of a normalized address; `None` for an empty one.
pub(crate) fn email_hash(email: &str) -> Option<[u8; 16]> {
    let email = email.trim().to_lowercase();
    (!email.is_empty()).then(|| short_hash(email.as_bytes()))
}

/// Hash of the digits of a phone number and the name beside it; `None` where either says too little.
///
/// A number alone is never enough (a reception, a family), and neither is a name. Extensions are left out; an
/// international `+` or `00` is dropped, but no country code is guessed.
fn phone_hash(phone: &str, name: &str) -> Option<[u8; 16]> {
    let number = phone.trim().to_lowercase();
    let number = number.split(['x', ';', '#']).next().unwrap_or_default();
    let number = number.split("ext").next().unwrap_or_default();
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    let name = name
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    if digits.len() < PHONE_DIGITS_MIN || name.is_empty() {
        return None;
    }
    Some(short_hash(format!("{digits}\n{name}").as_bytes()))
}

/// The people and deals a version of a record speaks about: those are judged again when it changes.
pub(crate) fn subjects(record: &Record) -> Vec<&RecordRef> {
    match record {
        Record::Person(person) => {
            let deal = person
                .converted
                .as_ref()
                .and_then(|conversion| conversion.deal.as_ref())
                .map(followup_core::DealId::record);
            std::iter::once(person.id.record())
                .chain(survivors(person))
                .chain(deal)
                .collect()
        }
        Record::Deal(deal) => std::iter::once(deal.id.record())
            .chain(deal.people.iter().map(followup_core::PersonId::record))
            .collect(),
        Record::Activity(activity) => links(&activity.people, &activity.deals),
        Record::Task(task) => links(&task.people, &task.deals),
        Record::Owner(_) | Record::Account(_) => Vec::new(),
    }
}

fn links<'a>(
    people: &'a [followup_core::PersonId],
    deals: &'a [followup_core::DealId],
) -> Vec<&'a RecordRef> {
    let people = people.iter().map(followup_core::PersonId::record);
    people
        .chain(deals.iter().map(followup_core::DealId::record))
        .collect()
}
