//! Up to when single records were asked for activities that no stream delivers.

use std::collections::BTreeMap;

use followup_core::{ActivityKind, ConnectionId, RecordRef};
use jiff::Timestamp;

use super::Store;
use crate::{
    error::StoreError,
    keys::{self, table},
    kv::Durability,
};

impl Store {
    /// Notes that everything of a kind at a record is known up to `read_to`. Never moves back; a record the cache does not
    /// know is passed over.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn note_related(
        &mut self,
        record: &RecordRef,
        kind: ActivityKind,
        read_to: Timestamp,
    ) -> Result<(), StoreError> {
        let mut view = self.view();
        let Some(rid) = view.rid(record)? else {
            return Ok(());
        };
        let code = keys::kind_code(kind.record_kind());
        let key = keys::key(table::RELATED, &[&[code], &rid.bytes()]);
        let known = view.get(&key)?;
        let value = keys::time_key(read_to).to_vec();
        if known.is_some_and(|known| known >= value) {
            return Ok(());
        }
        view.put(key, value);
        let batch = view.into_writes();
        self.write(batch, Durability::Buffered)
    }

    /// Records of a connection that were asked for activities of a kind, and up to when these are known.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn related(
        &self,
        connection: &ConnectionId,
        kind: ActivityKind,
    ) -> Result<BTreeMap<RecordRef, Timestamp>, StoreError> {
        let view = self.view();
        let Some(number) = view.connection(connection)? else {
            return Ok(BTreeMap::new());
        };
        let code = keys::kind_code(kind.record_kind());
        let prefix = keys::key(table::RELATED, &[&[code], &number.to_be_bytes()]);
        let mut marks = BTreeMap::new();
        for (key, value) in view.under(&prefix, usize::MAX)? {
            let rid = keys::last_rid(&key)?;
            // A record that is gone needs no mark.
            if view.record(rid)?.is_some() {
                marks.insert(view.name(rid)?, keys::time_of(&value)?);
            }
        }
        Ok(marks)
    }
}

#[cfg(test)]
mod tests {
    use followup_core::{Lane, Record};

    use super::*;
    use crate::testing::{at, commit_gone, commit_in, gone, hub, id, page, person, simulated};

    #[test]
    fn marks_of_records_never_move_back_and_end_with_the_record() {
        let (mut store, ..) = simulated();
        let lead = id("hub:lead:1");
        let records = vec![Record::Person(person("hub:lead:1", 10))];
        commit_in(&mut store, Lane::Hot, &page("c1", records));
        for second in [10, 20, 15] {
            store
                .note_related(&lead, ActivityKind::Email, at(second))
                .unwrap();
        }
        store
            .note_related(&id("hub:lead:2"), ActivityKind::Email, at(10))
            .unwrap();
        let marks = store.related(&hub(), ActivityKind::Email).unwrap();
        assert_eq!(marks, BTreeMap::from([(lead, at(20))]));
        assert!(store.related(&hub(), ActivityKind::Call).unwrap().is_empty());
        commit_gone(&mut store, gone("hub:lead:1", None, 30));
        assert!(store.related(&hub(), ActivityKind::Email).unwrap().is_empty());
    }
}
