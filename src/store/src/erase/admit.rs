//! What a CRM still tells of people who were erased here is not taken in.
//!
//! A record of theirs is set aside under its number, so that `status` counts it: the CRM still has them, and there they
//! are to be erased. Everything else loses its link to them; what was about them alone is not kept at all.

use followup_core::{PersonId, Quarantined, Record, Task};

use crate::{
    erase::is_erased,
    error::StoreError,
    keys::table,
    ledger::{ERASED, Ledger},
    view::View,
};

/// What becomes of a record that a CRM delivers.
pub(crate) enum Admitted {
    /// Taken in as it is.
    Whole,
    /// Taken in without a link.
    Without(Box<Record>),
    /// A record of somebody who was erased.
    Aside(Quarantined),
    /// About nobody else.
    No,
}

/// Whether anybody was ever erased from this cache.
pub(crate) fn is_needed(view: &View<'_>) -> Result<bool, StoreError> {
    Ok(!view.under(&[table::ERASED], 1)?.is_empty())
}

/// Decides about one record.
pub(crate) fn admit(view: &View<'_>, ledger: &Ledger, record: &Record) -> Result<Admitted, StoreError> {
    if let Record::Task(task) = record
        && is_about_nobody(ledger, task)
    {
        return Ok(Admitted::No);
    }
    if let Record::Person(person) = record {
        let rid = view.rid(person.id.record())?;
        let is_erased = rid.map(|rid| is_erased(view, rid)).transpose()?.unwrap_or(false);
        return Ok(if is_erased {
            Admitted::Aside(still_there(&person.id))
        } else {
            Admitted::Whole
        });
    }
    let people = people_of(record);
    let mut others = Vec::new();
    for person in people {
        let is_gone = match view.rid(person.record())? {
            Some(rid) => is_erased(view, rid)?,
            None => false,
        };
        if !is_gone {
            others.push(person.clone());
        }
    }
    if others.len() == people.len() {
        return Ok(Admitted::Whole);
    }
    Ok(with_people(record, others).map_or(Admitted::No, |record| Admitted::Without(Box::new(record))))
}

/// Whether a task of ours was about somebody who was erased: in the CRM its text may still name them.
fn is_about_nobody(ledger: &Ledger, task: &Task) -> bool {
    let by_key = task.key.as_ref().and_then(|key| ledger.task(key));
    let row = by_key.or_else(|| ledger.task_by_remote(&task.id));
    row.is_some_and(|row| row.is_erased() || row.subject.native_id == ERASED)
}

/// The people a record is linked with.
pub(crate) fn people_of(record: &Record) -> &[PersonId] {
    match record {
        Record::Deal(deal) => &deal.people,
        Record::Activity(activity) => &activity.people,
        Record::Task(task) => &task.people,
        Record::Owner(_) | Record::Account(_) | Record::Person(_) => &[],
    }
}

/// A record with these people only; `None` if it would be about nobody and nothing then.
pub(crate) fn with_people(record: &Record, people: Vec<PersonId>) -> Option<Record> {
    let mut record = record.clone();
    let (links, has_deals) = match &mut record {
        Record::Deal(deal) => (&mut deal.people, true),
        Record::Activity(activity) => (&mut activity.people, !activity.deals.is_empty()),
        Record::Task(task) => (&mut task.people, !task.deals.is_empty()),
        Record::Owner(_) | Record::Account(_) | Record::Person(_) => return Some(record),
    };
    let is_about_somebody = has_deals || !people.is_empty();
    *links = people;
    is_about_somebody.then_some(record)
}

fn still_there(person: &PersonId) -> Quarantined {
    Quarantined {
        id: person.record().clone(),
        reason: "erased or forgotten here, and the CRM still has the record: erase it there; `followupd store rebuild` takes in \
                 again whom the CRM is to keep"
            .to_owned(),
    }
}
