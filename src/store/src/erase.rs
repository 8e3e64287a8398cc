//! What cache and ledger hold of one human, and how it is taken out.
//!
//! Two things stay on purpose: the keys of tasks, so that none is written twice, and a mark on each record number of the
//! human, so that a page that is under way, or a CRM that still has the record, does not bring them in again
//! (`admit`). A cache that is read anew has no such marks: it is what the CRMs hold then.

use std::collections::BTreeSet;

use followup_core::{Person, Record, RecordRef, Task, TaskId, TaskKey};

use crate::{
    error::StoreError,
    keys::{self, Rid, table},
    ledger::{ERASED, Ledger, TaskRow},
    view::View,
};

pub(crate) mod admit;
pub(crate) mod forget;
pub(crate) mod named;
pub(crate) mod redact;
pub(crate) mod renew;

use named::Named;

/// What is kept of a human: everything that goes, and what stays without them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Every record number of theirs.
    pub records: BTreeSet<RecordRef>,
    /// Their records, those merged away included.
    pub people: Vec<Person>,
    /// What was logged with them alone.
    pub activities: BTreeSet<RecordRef>,
    /// Tasks in the CRM about them alone, whoever wrote them.
    pub tasks: BTreeSet<RecordRef>,
    /// Deals, accounts, and what was logged with others too: it stays, without them.
    pub shared: BTreeSet<RecordRef>,
    /// Tasks this program decided on for them, open and ended, and gaps it found.
    pub decisions: u64,
    /// Of these, the ones that are open in the CRM.
    pub open_tasks: BTreeSet<TaskId>,
    /// Of these, the ones that were in the CRM when they ended: their text may still be there.
    pub ended_tasks: BTreeSet<TaskId>,
    /// Of these, the ones that may be in the CRM: their creation left and was never answered.
    pub lost_tasks: BTreeSet<TaskKey>,
    /// Open tasks of this program about somebody or something else, whose text names them.
    pub naming: BTreeSet<TaskId>,
}

impl Traces {
    /// Whether nothing at all is kept.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
            && self.activities.is_empty()
            && self.tasks.is_empty()
            && self.shared.is_empty()
            && self.decisions == 0
            && self.naming.is_empty()
    }

    /// Whether a record number is one of theirs, or of something that goes with them.
    pub(crate) fn holds(&self, record: &RecordRef) -> bool {
        self.records.contains(record) || self.activities.contains(record) || self.tasks.contains(record)
    }
}

/// Finds everything about the human behind these record numbers.
pub(crate) fn find(
    view: &View<'_>,
    ledger: &Ledger,
    records: BTreeSet<RecordRef>,
) -> Result<Traces, StoreError> {
    let mut traces = Traces {
        // What was erased before is nobody's.
        records: records
            .into_iter()
            .filter(|record| record.native_id != ERASED)
            .collect(),
        ..Traces::default()
    };
    let mut linked = BTreeSet::new();
    for record in traces.records.clone() {
        let Some(rid) = view.rid(&record)? else { continue };
        let last = view.tombstone(rid)?.and_then(|tombstone| tombstone.last);
        if let Some(Record::Person(person)) = view.record(rid)?.or(last) {
            let account = person.account.as_ref().map(followup_core::AccountId::record);
            linked.extend(account.map(|account| view.rid(account)).transpose()?.flatten());
            traces.people.push(person);
        }
        for table in [table::TIMELINE, table::TASKS, table::DEALS] {
            linked.extend(view.rids_under(&keys::of(table, rid))?);
        }
    }
    let named = Named::of(&traces.people);
    for rid in linked {
        if let Some(record) = view.record(rid)? {
            traces.sort(record, &named);
        }
    }
    traces.add_decisions(view, ledger, &named)?;
    Ok(traces)
}

impl Traces {
    /// Puts a record that is linked with them where it belongs.
    fn sort(&mut self, record: Record, named: &Named) {
        let is_theirs = |people: &[followup_core::PersonId], has_deals: bool| {
            !has_deals && people.iter().all(|person| self.records.contains(person.record()))
        };
        let id = record.id().clone();
        match record {
            Record::Activity(activity) if is_theirs(&activity.people, !activity.deals.is_empty()) => {
                self.activities.insert(id);
            }
            Record::Task(task) if is_theirs(&task.people, !task.deals.is_empty()) => {
                self.tasks.insert(id);
            }
            // An account is a company's; only one that bears their name is about them.
            Record::Account(account) if !named.is_in(&account.name) => {}
            _ => {
                self.shared.insert(id);
            }
        }
    }

    /// Whether a task is about them and nobody else; a list is if it never named another.
    pub(crate) fn is_about_them(&self, ledger: &Ledger, row: &TaskRow) -> bool {
        if !row.is_list() {
            return self.records.contains(&row.subject);
        }
        let named = ledger.subjects_of(row);
        !named.is_empty() && named.is_subset(&self.records)
    }

    /// Whom open lists name beside them: those lists are written anew once these are judged.
    pub(crate) fn named_beside(&self, ledger: &Ledger) -> BTreeSet<RecordRef> {
        let lists = self.records.iter().flat_map(|record| ledger.lists_about(record));
        let open = lists.filter(|row| row.closed.is_none());
        open.flat_map(|row| ledger.subjects_of(row))
            .filter(|subject| !self.records.contains(subject))
            .collect()
    }

    fn add_decisions(&mut self, view: &View<'_>, ledger: &Ledger, named: &Named) -> Result<(), StoreError> {
        for row in ledger.tasks() {
            if self.is_about_them(ledger, row) {
                self.decisions += 1;
                self.add_remote(row);
                // The CRM may have taken them off it since.
                if let Some(task) = row
                    .remote()
                    .map(|id| cached(view, id.record()))
                    .transpose()?
                    .flatten()
                {
                    self.sort(Record::Task(task), named);
                }
            } else if let Some(remote) = row.remote()
                && is_named_by(view, remote.record(), named)?
            {
                if row.closed.is_none() {
                    self.naming.insert(remote.clone());
                } else if !self.tasks.contains(remote.record()) {
                    self.shared.insert(remote.record().clone());
                }
            }
        }
        let gaps = ledger.gaps();
        self.decisions += gaps
            .filter(|(_, gap)| self.records.contains(&gap.subject))
            .count() as u64;
        Ok(())
    }

    fn add_remote(&mut self, row: &TaskRow) {
        if row.closed.is_some() {
            self.ended_tasks.extend(row.remote().cloned());
        } else if let Some(remote) = row.remote() {
            self.open_tasks.insert(remote.clone());
        } else if row.sent_at().is_some() {
            self.lost_tasks.insert(row.key.clone());
        }
    }
}

/// Whether the text of a task, as the cache has it, names them.
fn is_named_by(view: &View<'_>, task: &RecordRef, named: &Named) -> Result<bool, StoreError> {
    Ok(cached(view, task)?.is_some_and(|task| is_named_in(&task, named)))
}

/// A task as the cache has it.
fn cached(view: &View<'_>, task: &RecordRef) -> Result<Option<Task>, StoreError> {
    let Some(rid) = view.rid(task)? else {
        return Ok(None);
    };
    Ok(match view.record(rid)? {
        Some(Record::Task(task)) => Some(task),
        _ => None,
    })
}

/// Whether the text of a task of ours names them.
pub(crate) fn is_named_in(task: &Task, named: &Named) -> bool {
    let fields = task.fields.as_ref();
    fields.is_some_and(|fields| named.is_in(&fields.subject) || named.is_in(&fields.body))
}

/// Whether everything about a record was erased.
pub(crate) fn is_erased(view: &View<'_>, rid: Rid) -> Result<bool, StoreError> {
    view.has(&keys::of(table::ERASED, rid))
}
