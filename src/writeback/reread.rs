//! Records read again by id: those that open tasks are about, and whatever is about to be written.

use std::collections::BTreeSet;

use followup_core::{Gone, RecordKind, RecordRef};
use followup_store::{StoreError, ledger::TaskRow};
use jiff::Timestamp;

use super::{Applied, WriteBack};

/// Records of open tasks read again in one cycle.
const RECHECKED_MAX: usize = 1_000;

/// What reading records again told.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Those that differ from what was known, or are gone.
    pub(super) changed: BTreeSet<RecordRef>,
    /// Those that nobody can tell anything about now.
    pub(super) unread: BTreeSet<RecordRef>,
}

impl WriteBack<'_> {
    /// Reads the records that open tasks are about again by id: no poll tells of a deletion in time, and a task must
    /// not outlive what it is about.
    ///
    /// # Errors
    /// [`StoreError`] only: trouble with the CRM is in the answer.
    pub async fn recheck(&self, now: Timestamp, applied: &mut Applied) -> Result<(), StoreError> {
        let connection = self.connector.connection().clone();
        let subjects = self
            .store
            .with(move |store| {
                let ledger = store.ledger();
                let is_there = |row: &&TaskRow| {
                    row.connection == connection && row.closed.is_none() && row.remote().is_some()
                };
                let rows = ledger.tasks().filter(is_there);
                Ok(rows
                    .flat_map(|row| ledger.shown_subjects_of(row))
                    .collect::<Vec<_>>())
            })
            .await?;
        // A person may be shown by the record of another CRM, of which this one knows nothing.
        let ids: BTreeSet<_> = subjects
            .into_iter()
            .filter(|subject| subject.connection == *self.connector.connection())
            .filter(|subject| subject.kind != RecordKind::Owner)
            .take(RECHECKED_MAX)
            .collect();
        if ids.is_empty() || self.stop.is_cancelled() {
            return Ok(());
        }
        self.read_again(ids, now, applied).await?;
        Ok(())
    }

    /// Reads records by id and takes in what they say; `None` if nobody knows.
    pub(super) async fn read_again(
        &self,
        ids: BTreeSet<RecordRef>,
        now: Timestamp,
        applied: &mut Applied,
    ) -> Result<Option<Checked>, StoreError> {
        let asked: Vec<RecordRef> = ids.into_iter().collect();
        let fresh = match self.connector.read(&asked, now).await {
            Ok(fresh) => fresh,
            Err(error) => {
                applied.fail("reading records again by id", &error);
                return Ok(None);
            }
        };
        self.store
            .with(move |store| {
                let mut gone = Vec::new();
                for id in fresh.missing(&asked) {
                    if store.tombstone(id)?.is_none() {
                        gone.push(Gone {
                            id: id.clone(),
                            merged_into: None,
                            at: now,
                        });
                    }
                }
                Ok(Some(Checked {
                    changed: store.refresh(&fresh.records, &gone)?.into_iter().collect(),
                    unread: fresh.unread.into_iter().collect(),
                }))
            })
            .await
    }
}
