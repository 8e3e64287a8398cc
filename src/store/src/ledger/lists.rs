//! Which tasks are an owner's lists, and which subjects they name.
//!
//! A list is about an owner, so its row names the owner as its subject; what it lists are the subjects of its gaps. They
//! may change after the list was written (a merge), so the index follows the gaps.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{RecordKind, RecordRef, TaskKey};

use super::{GapRow, Ledger, TaskRow};

/// The index of lists. A subject that a list named once stays in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Lists {
    keys: BTreeSet<TaskKey>,
    holding: BTreeMap<String, BTreeSet<TaskKey>>,
    about: BTreeMap<RecordRef, BTreeSet<TaskKey>>,
}

impl Lists {
    /// Takes in what a list holds; a row that is no list is left out.
    pub(super) fn hold(&mut self, row: &TaskRow, gaps: &BTreeMap<String, GapRow>) {
        if !row.is_list() {
            return;
        }
        self.keys.insert(row.key.clone());
        for id in &row.gaps {
            self.holding
                .entry(id.clone())
                .or_default()
                .insert(row.key.clone());
            if let Some(gap) = gaps.get(id) {
                self.name(&gap.subject, &row.key);
            }
        }
    }

    /// A gap is about this subject now.
    pub(super) fn follow(&mut self, id: &str, subject: &RecordRef) {
        for key in self.holding.get(id).cloned().unwrap_or_default() {
            self.name(subject, &key);
        }
    }

    fn name(&mut self, subject: &RecordRef, key: &TaskKey) {
        self.about.entry(subject.clone()).or_default().insert(key.clone());
    }
}

impl TaskRow {
    /// Whether it is about an owner, not about a person or deal.
    pub fn is_list(&self) -> bool {
        self.subject.kind == RecordKind::Owner
    }
}

impl Ledger {
    /// Every task about an owner, by key.
    pub fn lists(&self) -> impl Iterator<Item = &TaskRow> {
        self.lists.keys.iter().filter_map(|key| self.tasks.get(key))
    }

    /// Lists that name, or named, a subject.
    pub fn lists_about<'a>(&'a self, subject: &RecordRef) -> impl Iterator<Item = &'a TaskRow> + use<'a> {
        self.lists
            .about
            .get(subject)
            .into_iter()
            .flatten()
            .filter_map(|key| self.tasks.get(key))
    }

    /// What a task is about: its subject or, for a list, the subjects of every gap it ever held.
    pub fn subjects_of(&self, row: &TaskRow) -> BTreeSet<RecordRef> {
        if !row.is_list() {
            return BTreeSet::from([row.subject.clone()]);
        }
        let gaps = row.gaps.iter().filter_map(|id| self.gaps.get(id));
        gaps.map(|gap| gap.subject.clone()).collect()
    }

    /// What a task tells of now: likewise, but only the gaps in its present text.
    pub fn shown_subjects_of(&self, row: &TaskRow) -> BTreeSet<RecordRef> {
        if !row.is_list() {
            return BTreeSet::from([row.subject.clone()]);
        }
        let gaps = row.shown.iter().filter_map(|id| self.gaps.get(id));
        gaps.map(|gap| gap.subject.clone()).collect()
    }
}
