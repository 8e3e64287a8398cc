//! `store verify` and `store rebuild`: what the admin can ask of a state directory while no daemon runs.

use std::{ops::ControlFlow, path::Path};

use followup_core::Record;

use crate::{
    codec,
    dir::StateDir,
    error::{Problem, StoreError},
    index,
    journal::{FileJournal, Inspected},
    keys::{self, Rid, table},
    kv::{Clearing, Kv, SledKv},
    ledger::Ledger,
    open,
    view::{Counts, View},
};

/// Page cache while verifying, in bytes.
const VERIFY_CACHE_BYTES: u64 = 64 << 20;

/// Problems of one kind that are listed one by one; more are only counted.
const LISTED_MAX: usize = 50;

const REBUILD: &str = "run `followupd store rebuild`: records are fetched again";

/// Checks journal and cache.
pub(crate) fn verify(dir: &Path) -> Result<Vec<Problem>, StoreError> {
    let mut problems = Vec::new();
    let dir = StateDir::lock_existing(dir, &mut problems)?;
    let journal = check_journal(&dir, &mut problems)?;
    if dir.cache().exists() {
        match SledKv::open(&dir.cache(), VERIFY_CACHE_BYTES, Clearing::HalfSnapshots) {
            Ok(kv) => match open::judge(&kv, true) {
                Ok(()) => {
                    if let Some(journal) = journal {
                        let place = dir.journal().display().to_string();
                        let missing = open::missing_end(&kv, journal.last_seq, journal.end)?;
                        problems.extend(missing.map(|damage| damage.problem(&place)));
                    }
                    check_cache(&kv, &mut problems);
                }
                Err(why) => problems.push(damaged("cache", &why)),
            },
            Err(error) => problems.push(damaged("cache", &error.to_string())),
        }
    }
    Ok(problems)
}

/// Drops the cache.
pub(crate) fn rebuild(dir: &Path) -> Result<Vec<Problem>, StoreError> {
    let mut problems = Vec::new();
    let dir = StateDir::lock_existing(dir, &mut problems)?;
    check_journal(&dir, &mut problems)?;
    dir.drop_cache()?;
    Ok(problems)
}

fn check_journal(dir: &StateDir, problems: &mut Vec<Problem>) -> Result<Option<Inspected>, StoreError> {
    let path = dir.journal();
    if !path.exists() {
        problems.push(Problem::new(
            "journal",
            path.display().to_string(),
            "there is no journal",
            "on a directory that was never used this is as it should be; else put it back from a backup, or let \
             `followupd run` adopt its own tasks from the CRM and then run `followupd store confirm`",
        ));
        return Ok(None);
    }
    let mut ledger = Ledger::default();
    let mut unreadable = Vec::new();
    let mut found = FileJournal::inspect(&path, &mut |seq, payload| {
        open::fold(&mut ledger, &mut unreadable, seq, payload);
        Ok(())
    })?;
    problems.append(&mut found.problems);
    let place = path.display().to_string();
    let unknown = open::unknown_damage(std::mem::take(&mut found.damage), &ledger);
    problems.extend(unknown.iter().map(|damage| damage.problem(&place)));
    problems.extend(unreadable);
    Ok(Some(found))
}

/// Checks that records decode, that every index entry has its record and every record its index entries, and that
/// the counters are right. A failure of the cache itself is one problem more.
pub(crate) fn check_cache(kv: &dyn Kv, problems: &mut Vec<Problem>) {
    let mut check = Check {
        view: View::new(kv),
        problems: Vec::new(),
        unlisted: 0,
        counts: Counts::default(),
    };
    if let Err(error) = check.run(kv) {
        problems.push(damaged("cache", &error.to_string()));
    }
    if check.unlisted > 0 {
        let more = format!("and {} problems more", check.unlisted);
        problems.push(damaged("cache", &more));
    }
    problems.append(&mut check.problems);
}

fn damaged(where_: &str, message: &str) -> Problem {
    Problem::new("cache", where_, message, REBUILD)
}

struct Check<'a> {
    view: View<'a>,
    problems: Vec<Problem>,
    unlisted: usize,
    counts: Counts,
}

impl Check<'_> {
    fn run(&mut self, kv: &dyn Kv) -> Result<(), StoreError> {
        if !open::has_our_layout(kv)? {
            self.report("layout", "the cache was written by another version of followupd");
            return Ok(());
        }
        kv.export(&mut |key, value| {
            self.key(key, value)?;
            Ok(ControlFlow::Continue(()))
        })?;
        if self.counts != self.view.counts()? {
            self.report("counters", "the counters do not match the records");
        }
        Ok(())
    }

    fn report(&mut self, where_: &str, message: &str) {
        if self.problems.len() < LISTED_MAX {
            self.problems.push(damaged(where_, message));
        } else {
            self.unlisted += 1;
        }
    }

    fn key(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        match key.first().copied() {
            Some(table::RECORD) => self.record(key, value),
            Some(table::GONE) => {
                self.counts.gone += 1;
                let rid = keys::last_rid(key)?;
                if self.view.tombstone(rid).is_err() {
                    self.report(
                        &self.label(rid),
                        "what is known of a deleted record cannot be read",
                    );
                }
                Ok(())
            }
            Some(table::QUARANTINE) => {
                self.counts.quarantined += 1;
                Ok(())
            }
            Some(
                table::TIMELINE
                | table::DEALS
                | table::TASKS
                | table::OWNED
                | table::EMAIL
                | table::PHONE
                | table::MERGED
                | table::CREATED,
            ) => self.index_key(key),
            Some(table::DUE) => self.due(key),
            _ => Ok(()),
        }
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let rid = keys::last_rid(key)?;
        let Ok(record) = codec::decode_record(value) else {
            let label = self.label(rid);
            self.report(&label, "the record cannot be read");
            return Ok(());
        };
        *self.counts.of(&record) += 1;
        for expected in self.expected(&record, rid)? {
            if !self.view.has(&expected)? {
                self.report(&record.id().to_string(), "an index does not know the record");
            }
        }
        Ok(())
    }

    fn index_key(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let rid = keys::last_rid(key)?;
        let is_known = match self.view.record(rid) {
            Ok(Some(record)) => self
                .expected(&record, rid)?
                .iter()
                .any(|expected| expected == key),
            Ok(None) => key.first() == Some(&table::MERGED) && self.view.tombstone(rid)?.is_some(),
            Err(_) => true,
        };
        if !is_known {
            let label = self.label(rid);
            self.report(&label, "an index names a record that does not say so");
        }
        Ok(())
    }

    fn due(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let rid = keys::last_rid(key)?;
        let wake = self.view.get(&keys::of(table::WAKE, rid))?;
        if wake.as_deref() != key.get(1..9) {
            let label = self.label(rid);
            self.report(&label, "two wake-ups are kept for one subject");
        }
        Ok(())
    }

    fn expected(&self, record: &Record, rid: Rid) -> Result<Vec<Vec<u8>>, StoreError> {
        let keys = index::keys_of(record, rid, &mut |id| self.view.rid(id))?;
        Ok(keys.into_iter().collect())
    }

    fn label(&self, rid: Rid) -> String {
        self.view
            .name(rid)
            .map_or_else(|_| "a record without a name".to_owned(), |name| name.to_string())
    }
}

#[cfg(test)]
mod tests;
