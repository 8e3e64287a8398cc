//! From the store's records and the ledger's rows to the facts a judgement reads.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{DealId, PersonId, Record, RecordKind, RecordRef, Task, TaskOrigin, TaskStatus};
use followup_rules::{
    model::{Background, ClosedByUs, Crossing, Facts, GapKey, OwnTask, RuleId, Subject},
    remote::{self, Word},
    subjects_of,
};
use followup_store::{
    Gathered, Store, StoreError,
    ledger::{Closed, GapRow, Ledger, TaskRow},
};

use super::{heard, subject_of};

/// Gathers everything around a record: the subject it stands for and the facts. `None` if the record is not known
/// and no task of ours is about it.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn gather(store: &Store, record: &RecordRef) -> Result<Option<(Subject, Facts)>, StoreError> {
    let gathered = store.gather(record)?;
    let facts = facts(store, record, gathered)?;
    let subjects = subjects_of(&facts);
    let subject = if record.kind == RecordKind::Deal {
        subjects.into_iter().find(|subject| subject.record() == record)
    } else {
        let human = human_of(&facts.humans, record);
        subjects.into_iter().find(|subject| match subject {
            Subject::Human(shown) => human.contains(shown),
            Subject::Deal(_) => false,
        })
    };
    let ledger = store.ledger();
    let mut ours = ledger.tasks_about(record).chain(ledger.lists_about(record));
    let is_ours = ours.next().is_some();
    Ok(subject
        .or_else(|| is_ours.then(|| subject_of(record)))
        .map(|subject| (subject, facts)))
}

/// The person records that are the same human as `record`, itself included.
pub fn human_with(gathered: &Gathered, record: &RecordRef) -> BTreeSet<PersonId> {
    human_of(&gathered.humans, record)
}

/// Whether two records are one subject: the same one, or two of one human.
pub(super) fn is_same_subject(humans: &[BTreeSet<PersonId>], a: &RecordRef, b: &RecordRef) -> bool {
    human_of(humans, a).contains(&PersonId(b.clone()))
}

fn human_of(humans: &[BTreeSet<PersonId>], record: &RecordRef) -> BTreeSet<PersonId> {
    let id = PersonId(record.clone());
    humans
        .iter()
        .find(|human| human.contains(&id))
        .cloned()
        .unwrap_or_else(|| BTreeSet::from([id]))
}

fn facts(store: &Store, record: &RecordRef, mut gathered: Gathered) -> Result<Facts, StoreError> {
    add_named(store, &mut gathered)?;
    let mut about: BTreeSet<RecordRef> = BTreeSet::from([record.clone()]);
    // Also by what was merged away: a task about that is a task about the human.
    let of_humans = gathered.humans.iter().flatten();
    about.extend(of_humans.map(|person| person.record().clone()));
    about.extend(gathered.people.iter().map(|person| person.id.record().clone()));
    about.extend(gathered.deals.iter().map(|deal| deal.id.record().clone()));
    let known: BTreeMap<&RecordRef, &Task> = gathered
        .tasks
        .iter()
        .map(|task| (task.id.record(), task))
        .collect();
    let mut own_tasks = Vec::new();
    let ledger = store.ledger();
    for id in &about {
        let rows = ledger.tasks_about(id).chain(ledger.lists_about(id));
        for row in rows.filter(|row| !row.is_refused()) {
            let seen = match row.remote() {
                Some(remote) => match known.get(remote.record()) {
                    Some(task) => Seen::There(Box::new((*task).clone())),
                    None => look_up(store, remote.record())?,
                },
                None => Seen::NotYet,
            };
            let own = own_task(ledger, row, &seen);
            own_tasks.push(if row.is_list() {
                listed(own, id, ledger, row, &gathered.humans)
            } else {
                own
            });
        }
    }
    let tasks = gathered
        .tasks
        .into_iter()
        .filter(|task| task.origin != TaskOrigin::Followupd)
        .collect();
    Ok(Facts {
        owners: gathered.owners,
        people: gathered.people,
        humans: gathered.humans,
        deals: gathered.deals,
        activities: gathered.activities,
        tasks,
        own_tasks,
        batch_sizes: gathered.batch_sizes,
        background: Background::default(),
    })
}

/// A list as each subject it names sees it: a task about the subject, with that subject's gaps alone. What else it names
/// is judged beside it, and is nobody's to end but its own subject's.
fn listed(
    list: OwnTask,
    subject: &RecordRef,
    ledger: &Ledger,
    row: &TaskRow,
    humans: &[BTreeSet<PersonId>],
) -> OwnTask {
    let gaps = row.gaps.iter().filter_map(|id| ledger.gap(id));
    OwnTask {
        subject: subject_of(subject),
        gaps: gaps
            .filter(|gap| is_same_subject(humans, &gap.subject, subject))
            .filter_map(gap_key)
            .collect(),
        ..list
    }
}

/// Adds the people and deals that activities name beside the subject's own: whose gap a shared message is depends on
/// them.
fn add_named(store: &Store, gathered: &mut Gathered) -> Result<(), StoreError> {
    let mut known: BTreeSet<RecordRef> = gathered
        .people
        .iter()
        .map(|person| person.id.record().clone())
        .collect();
    known.extend(gathered.deals.iter().map(|deal| deal.id.record().clone()));
    let people = gathered
        .activities
        .iter()
        .flat_map(|activity| activity.people.iter().map(PersonId::record));
    let deals = gathered
        .activities
        .iter()
        .flat_map(|activity| activity.deals.iter().map(DealId::record));
    let named: BTreeSet<RecordRef> = people
        .chain(deals)
        .filter(|id| !known.contains(*id))
        .cloned()
        .collect();
    for id in named {
        match store.get(&id)? {
            Some(Record::Person(person)) => gathered.people.push(person),
            Some(Record::Deal(deal)) => gathered.deals.push(deal),
            _ => {}
        }
    }
    Ok(())
}

/// What the cache knows of a task of ours.
#[derive(Debug)]
pub enum Seen {
    /// The record as it was last read.
    There(Box<Task>),
    /// It was there once.
    Gone,
    /// It was never read.
    NotYet,
}

fn look_up(store: &Store, remote: &RecordRef) -> Result<Seen, StoreError> {
    if let Some(Record::Task(task)) = store.get(remote)? {
        return Ok(Seen::There(Box::new(task)));
    }
    Ok(if store.tombstone(remote)?.is_some() {
        Seen::Gone
    } else {
        Seen::NotYet
    })
}

/// A task of ours as a judgement reads it: what the ledger says of it, joined with what the CRM was last seen to hold.
pub fn own_task(ledger: &Ledger, row: &TaskRow, seen: &Seen) -> OwnTask {
    let task = match seen {
        Seen::There(task) => Some(&**task),
        Seen::Gone | Seen::NotYet => None,
    };
    let closed = row.closed.as_ref();
    let said = heard::said(&heard::words(ledger, row, task), task);
    let ending = remote::ending(&said);
    let status = match (closed, seen) {
        (Some((closed, _)), _) => status_of(closed),
        (None, _) if ending.is_some_and(|said| said.word == Word::Wrong) => TaskStatus::Deferred,
        (None, _) if ending.is_some() => TaskStatus::Done,
        (None, Seen::There(task)) => task.status,
        (None, Seen::Gone) => TaskStatus::Deleted,
        (None, Seen::NotYet) => TaskStatus::Open,
    };
    let is_open = status == TaskStatus::Open;
    let closed_at = closed.map(|(_, at)| *at);
    let said_at = ending.map(|said| said.at);
    let ended_at = task.and_then(|task| task.completed_at.or(Some(task.stamp.modified_at)));
    OwnTask {
        key: row.key.clone(),
        gaps: row
            .gaps
            .iter()
            .filter_map(|id| ledger.gap(id))
            .filter_map(gap_key)
            .collect(),
        subject: subject_of(&row.subject),
        status,
        owner: task
            .and_then(|task| task.owner.clone())
            .or_else(|| Some(row.owner.clone())),
        created_at: row.created_at.unwrap_or(row.planned_at),
        completed_at: if is_open {
            None
        } else {
            closed_at.or(said_at).or(ended_at)
        },
        due_at: task.and_then(|task| task.due_at).or(Some(row.due_at)),
        original_due_at: row.baseline.due_at.or(Some(row.due_at)),
        is_edited_by_human: task.is_some_and(|task| row.baseline.is_edited(task)),
        closed_by_us: closed.and_then(|(closed, _)| by_us(closed)),
        said,
    }
}

/// A task that is over for us is over, whatever somebody does with it in the CRM later.
const fn status_of(closed: &Closed) -> TaskStatus {
    match closed {
        Closed::Evidence(_) | Closed::Declared => TaskStatus::Done,
        Closed::Withdrawn(_) | Closed::LetGo(_) | Closed::Expired | Closed::Undone | Closed::Dismissed => {
            TaskStatus::Deferred
        }
    }
}

const fn by_us(closed: &Closed) -> Option<ClosedByUs> {
    match closed {
        Closed::Evidence(_) => Some(ClosedByUs::Evidence),
        Closed::Withdrawn(_) | Closed::LetGo(_) => Some(ClosedByUs::Withdrawn),
        Closed::Expired => Some(ClosedByUs::Expired),
        Closed::Undone => Some(ClosedByUs::Undone),
        Closed::Declared | Closed::Dismissed => None,
    }
}

/// The rules' name of a gap in the ledger; `None` for a rule this version does not know.
pub fn gap_key(row: &GapRow) -> Option<GapKey> {
    Some(GapKey {
        rule: RuleId::parse(&row.rule)?,
        anchor: row.anchor.clone(),
        crossing: Crossing {
            at_ms: row.crossing_ms,
            repeat: row.repeat,
        },
    })
}
