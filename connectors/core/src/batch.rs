//! Records of a page while it is put together.

use crate::{
    connector::{Cursor, Gone, Page, PageEnd, Quarantined},
    id::RecordRef,
    record::Record,
};

/// Records of a page, by what became of them.
#[derive(Debug, Default)]
pub struct Batch {
    /// New versions of records.
    pub records: Vec<Record>,
    /// Deletions and merges.
    pub gone: Vec<Gone>,
    /// Records set aside.
    pub quarantined: Vec<Quarantined>,
}

impl Batch {
    /// The page that these records make; [`Page::seen`] is left open.
    pub fn page(self, cursor: Cursor, end: PageEnd, total: Option<u64>) -> Page {
        Page {
            records: self.records,
            gone: self.gone,
            quarantined: self.quarantined,
            cursor,
            end,
            total,
            seen: None,
        }
    }

    /// Takes in another batch, behind what is here.
    pub fn join(&mut self, other: Self) {
        self.records.extend(other.records);
        self.gone.extend(other.gone);
        self.quarantined.extend(other.quarantined);
    }

    /// What is there, delivered or set aside.
    pub fn seen(&self) -> Vec<RecordRef> {
        let records = self.records.iter().map(|record| record.id().clone());
        records
            .chain(self.quarantined.iter().map(|record| record.id.clone()))
            .collect()
    }
}
