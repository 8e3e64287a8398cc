//! What is done when entries of the journal are lost, and how a freeze is lifted.
//!
//! A lost entry may have said that a creation was sent, so no creation counts as unsent any more: each is looked up by
//! its key. A task of ours may have lost its row, so all tasks are read again and those without one are taken over.

use std::ops::ControlFlow;

use followup_core::{ConnectionId, Lane, Stream};
use jiff::Timestamp;

use super::Store;
use crate::{
    error::StoreError,
    journal::Damage,
    keys::table,
    kv::{Durability, Kv},
    lanes,
    ledger::{Entry, FreezeReason, RowState, WriteEnd},
};

impl Store {
    /// Lifts the freeze and answers what it was about; `None` if nothing was frozen. What a damaged journal lost, or
    /// what a sweep did not see, is known to the admin from now on. If another cause to freeze stood behind this one,
    /// writes are frozen again when it returns.
    ///
    /// # Errors
    /// As [`Store::record`].
    pub fn confirm(&mut self, now: Timestamp) -> Result<Option<FreezeReason>, StoreError> {
        let Some(reason) = self.ledger.frozen().cloned() else {
            return Ok(None);
        };
        let mut entries = vec![Entry::Confirmed { at: now }];
        if matches!(reason, FreezeReason::JournalDamaged { .. }) {
            entries.extend(self.damage.iter().map(|damage| Entry::DamageConfirmed {
                offset: damage.bytes.start,
                len: damage.len(),
                crc: damage.crc,
            }));
        }
        self.record(&entries)?;
        if matches!(reason, FreezeReason::JournalDamaged { .. }) {
            self.damage.clear();
        }
        self.freeze_on_damage(now)?;
        Ok(Some(reason))
    }

    /// Freezes writes if entries are lost that no admin knows of, and makes sure that nothing rests on them.
    pub(super) fn freeze_on_damage(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let lost = self.damage.iter().map(Damage::lost).sum();
        let reason = FreezeReason::JournalDamaged { entries: lost };
        if lost == 0 || self.ledger.frozen() == Some(&reason) {
            return Ok(());
        }
        self.read_tasks_again()?;
        let unsent = self.ledger.tasks().filter(|row| row.state == RowState::Planned);
        let mut entries: Vec<Entry> = unsent
            .map(|row| Entry::Written {
                key: row.key.clone(),
                end: WriteEnd::Unknown,
                at: now,
            })
            .collect();
        // Another freeze is lifted first: confirming one must not confirm the other.
        if matches!(
            self.ledger.frozen(),
            None | Some(FreezeReason::JournalDamaged { .. })
        ) {
            entries.push(Entry::Frozen { reason, at: now });
        }
        self.record(&entries)
    }

    fn read_tasks_again(&mut self) -> Result<(), StoreError> {
        let connections = connections(&*self.kv)?;
        let mut view = self.view();
        for connection in &connections {
            lanes::reset(&mut view, connection, Stream::Tasks, Lane::Backfill)?;
        }
        let batch = view.into_writes();
        self.write(batch, Durability::Synced)
    }
}

/// Every connection the cache knows.
fn connections(kv: &dyn Kv) -> Result<Vec<ConnectionId>, StoreError> {
    let mut connections = Vec::new();
    kv.scan(&[table::CONNECTION], &mut |key, _| {
        let Some((&table::CONNECTION, name)) = key.split_first() else {
            return Ok(ControlFlow::Break(()));
        };
        let name = String::from_utf8_lossy(name).into_owned();
        connections.extend(ConnectionId::new(name));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(connections)
}
