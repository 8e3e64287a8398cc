//! Taking a human out of the journal: what was decided about them loses everything but its keys. Pure.
//!
//! Entries keep their numbers and their order, so the cache beside them and everything about others stays as it is. The
//! ledger is folded anew from what is left, so it says what the next opening would say.

use std::collections::BTreeSet;

use followup_core::{Baseline, RecordRef, TaskKey};
use jiff::Timestamp;

use super::Traces;
use crate::ledger::{Closed, ERASED, Entry, GapEnd, GapRow, Ledger, RowState, TaskRow, WriteEnd};

/// What is taken out.
pub(crate) struct Redaction<'a> {
    traces: &'a Traces,
    /// Tasks about them.
    rows: BTreeSet<TaskKey>,
    /// Gaps about them.
    gaps: BTreeSet<String>,
    /// Gaps about others that have ended.
    ended: BTreeSet<String>,
}

impl<'a> Redaction<'a> {
    pub(crate) fn of(ledger: &Ledger, traces: &'a Traces) -> Self {
        let about = |record: &RecordRef| traces.records.contains(record);
        let rows = ledger.tasks().filter(|row| traces.is_about_them(ledger, row));
        let mut redaction = Self {
            traces,
            rows: rows.map(|row| row.key.clone()).collect(),
            gaps: BTreeSet::new(),
            ended: BTreeSet::new(),
        };
        for (id, gap) in ledger.gaps() {
            if about(&gap.subject) {
                redaction.gaps.insert(id.clone());
            } else if gap.end.is_some() {
                redaction.ended.insert(id.clone());
            }
        }
        redaction
    }

    /// What is added at the end, so that nothing about them is open: no task, no gap, and no key that a task of theirs
    /// ever stood for is free.
    pub(crate) fn ending(&self, ledger: &Ledger, now: Timestamp) -> Vec<Entry> {
        let closed = || Closed::LetGo(ERASED.to_owned());
        let mut entries = Vec::new();
        let open = self.gaps.iter().filter(|id| {
            let gap = ledger.gap(id);
            gap.is_some_and(|gap| gap.end.is_none())
        });
        entries.extend(open.map(|id| Entry::GapEnded {
            id: id.clone(),
            end: GapEnd::Moot,
            at: now,
        }));
        for row in self.rows.iter().filter_map(|key| ledger.task(key)) {
            entries.extend(row.closed.is_none().then(|| Entry::Closed {
                key: row.key.clone(),
                closed: closed(),
                at: now,
            }));
            for key in self.spent(ledger, row) {
                entries.push(Entry::Intended {
                    row: Box::new(self.spent_row(key, row, closed(), now)),
                });
            }
        }
        entries
    }

    /// Keys of the gaps that a task of theirs stood for beside its own.
    fn spent(&self, ledger: &Ledger, row: &TaskRow) -> Vec<TaskKey> {
        let theirs = row.gaps.iter().filter(|id| self.gaps.contains(*id));
        let keys = theirs.map(|id| TaskKey(id.clone()));
        keys.filter(|key| ledger.task(key).is_none()).collect()
    }

    fn spent_row(&self, key: TaskKey, of: &TaskRow, closed: Closed, now: Timestamp) -> TaskRow {
        let mut row = self.row(of);
        row.gaps = vec![key.0.clone()];
        row.shown.clone_from(&row.gaps);
        row.key = key;
        ERASED.clone_into(&mut row.run);
        row.created_at = None;
        row.state = RowState::Rejected {
            reason: ERASED.to_owned(),
        };
        row.closed = Some((closed, row.closed.map_or(now, |(_, at)| at)));
        row
    }

    /// What is left of an entry.
    pub(crate) fn entry(&self, entry: Entry) -> Entry {
        match entry {
            Entry::OwnerChanged { record, .. } if self.traces.holds(&record) => Entry::Erased,
            Entry::GapOpened { id, gap } => {
                let gap = self.gap(&id, gap);
                Entry::GapOpened { id, gap }
            }
            Entry::Moved { key, subject } => Entry::Moved {
                key,
                subject: self.record(subject),
            },
            Entry::Intended { row } => Entry::Intended {
                row: Box::new(self.row(&row)),
            },
            Entry::Adopted { row } => Entry::Adopted {
                row: Box::new(self.row(&row)),
            },
            Entry::Written { key, end, at } if self.rows.contains(&key) => Entry::Written {
                key,
                end: write_end(end),
                at,
            },
            Entry::ReadBack { key, .. } if self.rows.contains(&key) => Entry::Erased,
            Entry::Folded { key, gaps, shown, at } => Entry::Folded {
                gaps: self.ids(&key, gaps),
                shown: self.ids(&key, shown),
                key,
                at,
            },
            Entry::CloseIntended {
                key,
                closing,
                then,
                at,
            } => Entry::CloseIntended {
                then: self.closed(then),
                key,
                closing,
                at,
            },
            Entry::Closed { key, closed, at } => Entry::Closed {
                closed: self.closed(closed),
                key,
                at,
            },
            other => other,
        }
    }

    /// A record number, unless it is theirs.
    fn record(&self, record: RecordRef) -> RecordRef {
        if self.traces.holds(&record) {
            return RecordRef {
                native_id: ERASED.to_owned(),
                ..record
            };
        }
        record
    }

    /// A gap about others keeps its anchor while it is open: what it is called depends on it.
    fn gap(&self, id: &str, gap: GapRow) -> GapRow {
        let is_about_them = self.gaps.contains(id);
        let anchor = if is_about_them {
            RecordRef {
                native_id: ERASED.to_owned(),
                ..gap.anchor
            }
        } else if self.ended.contains(id) {
            self.record(gap.anchor)
        } else {
            gap.anchor
        };
        GapRow {
            anchor,
            subject: self.record(gap.subject),
            crossing_ms: if is_about_them { 0 } else { gap.crossing_ms },
            ..gap
        }
    }

    fn row(&self, row: &TaskRow) -> TaskRow {
        let is_about_them = self.rows.contains(&row.key);
        TaskRow {
            subject: self.record(row.subject.clone()),
            gaps: self.ids(&row.key, row.gaps.clone()),
            shown: self.ids(&row.key, row.shown.clone()),
            baseline: if is_about_them {
                Baseline::default()
            } else {
                row.baseline.clone()
            },
            state: match &row.state {
                RowState::Rejected { .. } if is_about_them => RowState::Rejected {
                    reason: ERASED.to_owned(),
                },
                state => state.clone(),
            },
            closing: row
                .closing
                .clone()
                .map(|(closing, then, at)| (closing, self.closed(then), at)),
            closed: row.closed.clone().map(|(closed, at)| (self.closed(closed), at)),
            ..row.clone()
        }
    }

    /// Gaps of a task. In a task about others (a list) theirs have no name: what the task shows differs from what it
    /// should show then, so its text is written anew.
    fn ids(&self, key: &TaskKey, ids: Vec<String>) -> Vec<String> {
        if self.rows.contains(key) {
            return ids;
        }
        let named = |id: String| {
            if self.gaps.contains(&id) {
                ERASED.to_owned()
            } else {
                id
            }
        };
        ids.into_iter().map(named).collect()
    }

    fn closed(&self, closed: Closed) -> Closed {
        match closed {
            Closed::Evidence(record) => Closed::Evidence(self.record(record)),
            other => other,
        }
    }
}

fn write_end(end: WriteEnd) -> WriteEnd {
    match end {
        WriteEnd::Confirmed { id, .. } => WriteEnd::Confirmed {
            id,
            baseline: Baseline::default(),
        },
        WriteEnd::Rejected { .. } => WriteEnd::Rejected {
            reason: ERASED.to_owned(),
        },
        other => other,
    }
}
