//! Erasing a human: journal first, then the cache, then the files are written anew, so that no old byte stays.
//!
//! Dying in between loses nothing: what is left is found again under the same record numbers, and erased by doing it
//! again.

use std::collections::BTreeSet;

use followup_core::{PersonId, RecordRef};
use jiff::Timestamp;

use super::Store;
use crate::{
    codec, commit,
    erase::{self, Traces, redact::Redaction, renew},
    error::StoreError,
    keys::{self, table},
    kv::Durability,
    ledger::{Entry, Ledger},
    view::View,
};

impl Store {
    /// What is kept of the human behind some record numbers. Changes nothing.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn traces(&self, people: &BTreeSet<PersonId>) -> Result<Traces, StoreError> {
        let records = people.iter().map(|person| person.record().clone());
        erase::find(&self.view(), &self.ledger, records.collect())
    }

    /// Whether everything about a record number was erased, and nothing of it is taken in.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn is_erased(&self, record: &RecordRef) -> Result<bool, StoreError> {
        let view = self.view();
        match view.rid(record)? {
            Some(rid) => erase::is_erased(&view, rid),
            None => Ok(false),
        }
    }

    /// Takes a human out of journal and cache for good, and answers what there was. The keys of their tasks stay, and a
    /// mark at each record number: what a CRM still tells of it is not taken in until the cache is read anew.
    ///
    /// The files still hold old bytes until [`Store::renew`].
    ///
    /// # Errors
    /// [`StoreError::Unread`]: nothing was erased. Others: do it again.
    pub fn erase(&mut self, people: &BTreeSet<PersonId>, now: Timestamp) -> Result<Traces, StoreError> {
        let traces = self.traces(people)?;
        self.take_out(&traces, now)?;
        Ok(traces)
    }

    /// Journal first: what is found there leads to the rest.
    pub(super) fn take_out(&mut self, traces: &Traces, now: Timestamp) -> Result<(), StoreError> {
        let beside = traces.named_beside(&self.ledger);
        self.redact(traces, now)?;
        let mut view = View::new(&*self.kv);
        erase::forget::forget(&mut view, traces, now)?;
        for subject in &beside {
            if let Some(rid) = view.rid(subject)? {
                commit::mark(&mut view, rid)?;
            }
        }
        let batch = view.into_writes();
        self.marked.clear();
        self.write(batch, Durability::Synced)
    }

    /// Writes the cache into fresh files and removes every copy that was ever set aside: what was deleted before is in
    /// no file any more. Needs room for a second cache while it runs.
    ///
    /// # Errors
    /// [`StoreError::Cache`], [`StoreError::Io`]: the old files are in force, unless the new ones cannot be opened.
    pub fn renew(&mut self) -> Result<(), StoreError> {
        let Some(dir) = &self.dir else {
            return Ok(());
        };
        dir.drop_copies()?;
        renew::copy(dir, &*self.kv, self.cache_bytes)?;
        // The old one must be closed before another takes its place.
        self.kv = Box::new(renew::Closed);
        self.kv = Box::new(renew::swap(dir, self.cache_bytes)?);
        Ok(())
    }

    /// Writes the journal anew without them.
    fn redact(&mut self, traces: &Traces, now: Timestamp) -> Result<(), StoreError> {
        let lost: u64 = self.damage.iter().map(crate::journal::Damage::lost).sum();
        if lost > 0 {
            return Err(StoreError::Unread { entries: lost });
        }
        let redaction = Redaction::of(&self.ledger, traces);
        let mut payloads = Vec::new();
        let mut unread = 0;
        // Entries that were lost, and that an admin knows of, keep their numbers and say nothing.
        let nothing = codec::encode(&Entry::Erased, "a journal entry")?;
        self.journal.replay(&mut |seq, payload| {
            while (payloads.len() as u64) + 1 < seq {
                payloads.push(nothing.clone());
            }
            match codec::decode::<Entry>(payload, "a journal entry") {
                Ok(entry) => payloads.push(codec::encode(&redaction.entry(entry), "a journal entry")?),
                Err(_) => unread += 1,
            }
            Ok(())
        })?;
        if unread > 0 {
            return Err(StoreError::Unread { entries: unread });
        }
        while (payloads.len() as u64) < self.journal.last_seq() {
            payloads.push(nothing.clone());
        }
        for entry in redaction.ending(&self.ledger, now) {
            payloads.push(codec::encode(&entry, "a journal entry")?);
        }
        self.journal.replace(&payloads)?;
        let mut ledger = Ledger::default();
        for payload in &payloads {
            ledger.apply(&codec::decode(payload, "a journal entry")?);
        }
        self.ledger = ledger;
        Ok(())
    }

    /// How many record numbers are marked as erased.
    ///
    /// # Errors
    /// As the cache fails.
    pub fn erased(&self) -> Result<u64, StoreError> {
        let view = self.view();
        Ok(view.rids_under(&keys::key(table::ERASED, &[]))?.len() as u64)
    }
}
