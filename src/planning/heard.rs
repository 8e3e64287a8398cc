//! What reps write to us into our tasks ([`followup_rules::remote`]): read from the task as the CRM last showed it, and
//! kept in the ledger with the instant at which it was written. Pure.
//!
//! A text that is as we left it says nothing. A word that ends the task counts for good; `#later` counts while it stands
//! in the text.

use followup_core::{Baseline, Task, text_hash};
use followup_rules::{
    model::Facts,
    remote::{self, Said, Word},
};
use followup_store::ledger::{Entry, Ledger, TaskRow, WrittenWord};

/// What counts for a task now: what the ledger knows of it, and what the task says beyond.
pub fn words(ledger: &Ledger, row: &TaskRow, task: Option<&Task>) -> Vec<WrittenWord> {
    let known = ledger.words(&row.key);
    let Some((task, written)) = task.and_then(|task| Some((task, read(row, task)?))) else {
        return known.to_vec();
    };
    let mut known = known.to_vec();
    let mut words = Vec::new();
    for word in written.iter().map(ToString::to_string) {
        // A word that stands there twice was written twice.
        let before = known.iter().position(|before| before.word == word);
        words.push(match before {
            Some(place) => known.remove(place),
            None => WrittenWord {
                word,
                at: task.stamp.modified_at,
            },
        });
    }
    let is_final = |word: &WrittenWord| Word::parse(&word.word).is_some_and(Word::is_final);
    words.extend(known.into_iter().filter(is_final));
    words.sort_by(|a, b| (a.at, &a.word).cmp(&(b.at, &b.word)));
    words
}

/// The same for the rules, with the task as it stands.
pub fn said(words: &[WrittenWord], task: Option<&Task>) -> Vec<Said> {
    let seen = task.map(Baseline::of).unwrap_or_default();
    let said = |word: &WrittenWord| {
        Some(Said {
            word: Word::parse(&word.word)?,
            at: word.at,
            seen: seen.clone(),
        })
    };
    words.iter().filter_map(said).collect()
}

/// What the ledger does not know yet.
pub(super) fn news(ledger: &Ledger, facts: &Facts) -> Vec<Entry> {
    let mut entries = Vec::new();
    for task in &facts.own_tasks {
        let words: Vec<WrittenWord> = task
            .said
            .iter()
            .map(|said| WrittenWord {
                word: said.word.to_string(),
                at: said.at,
            })
            .collect();
        if ledger.task(&task.key).is_some() && ledger.words(&task.key) != words {
            entries.push(Entry::RepWrote {
                key: task.key.clone(),
                words,
            });
        }
    }
    entries
}

/// The words in what is not ours of a task's texts; `None` if the texts were not read.
fn read(row: &TaskRow, task: &Task) -> Option<Vec<Word>> {
    let fields = task.fields.as_ref()?;
    let texts = [
        (&fields.subject, &row.baseline.subject_hash),
        (&fields.body, &row.baseline.body_hash),
    ];
    let theirs = texts.iter().filter(|(text, left)| text_hash(text) != **left);
    Some(theirs.flat_map(|(text, _)| remote::words_in(text)).collect())
}

#[cfg(test)]
mod tests {
    use followup_core::{
        ConnectionId, Editor, OwnerId, RecordRef, Stamp, TaskFields, TaskId, TaskKey, TaskOrigin, TaskStatus,
    };
    use followup_store::ledger::RowState;
    use jiff::Timestamp;

    use super::*;

    const OURS: &str =
        "What happened\nAna asked.\n\nNot needed?\nWrite \"#handled\" here.\n[followupd key=k]";

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_793_610_000 + 60 * minute).unwrap()
    }

    fn id(text: &str) -> RecordRef {
        text.parse().unwrap()
    }

    fn task(body: &str, modified: i64) -> Task {
        Task {
            id: TaskId(id("hub:task:9")),
            origin: TaskOrigin::Followupd,
            status: TaskStatus::Open,
            due_at: None,
            owner: None,
            people: Vec::new(),
            deals: Vec::new(),
            key: Some(TaskKey("k".to_owned())),
            fields: Some(TaskFields {
                subject: "Follow up: Ana".to_owned(),
                body: body.to_owned(),
                ..TaskFields::default()
            }),
            created_at: at(0),
            completed_at: None,
            stamp: Stamp {
                modified_at: at(modified),
                modified_by: Editor::Unknown,
                seen_at: at(modified),
            },
        }
    }

    fn row() -> TaskRow {
        TaskRow {
            key: TaskKey("k".to_owned()),
            connection: ConnectionId::new("hub").unwrap(),
            owner: OwnerId(id("hub:owner:1")),
            subject: id("hub:contact:1"),
            gaps: vec!["g".to_owned()],
            shown: vec!["g".to_owned()],
            run: "run".to_owned(),
            state: RowState::Confirmed {
                id: TaskId(id("hub:task:9")),
            },
            planned_at: at(0),
            created_at: Some(at(0)),
            due_at: at(60),
            baseline: Baseline::of(&task(OURS, 0)),
            closing: None,
            closed: None,
        }
    }

    /// What counts after each of these bodies was seen in turn.
    fn heard(bodies: &[(&str, i64)]) -> Vec<(String, Timestamp)> {
        let mut ledger = Ledger::default();
        for (body, modified) in bodies {
            let words = words(&ledger, &row(), Some(&task(body, *modified)));
            ledger.apply(&Entry::RepWrote {
                key: row().key,
                words,
            });
        }
        let words = ledger.words(&row().key);
        words.iter().map(|word| (word.word.clone(), word.at)).collect()
    }

    #[test]
    fn a_text_of_ours_says_nothing_whatever_it_holds() {
        assert_eq!(heard(&[(OURS, 5)]), []);
        let with_word = "#wrong: our own text, were it ever to hold this";
        let mut row = row();
        row.baseline = Baseline::of(&task(with_word, 0));
        assert_eq!(words(&Ledger::default(), &row, Some(&task(with_word, 5))), []);
    }

    #[test]
    fn a_word_counts_from_when_it_was_written_not_from_later_edits() {
        let once = format!("#later 10d\n{OURS}");
        let edited = format!("#later 10d\nA note.\n{OURS}");
        assert_eq!(
            heard(&[(&once, 5), (&edited, 9)]),
            [("later 10d".to_owned(), at(5))]
        );
    }

    #[test]
    fn later_counts_while_it_stands_there_and_again_when_it_is_written_again() {
        let once = format!("#later 10d\n{OURS}");
        assert_eq!(heard(&[(&once, 5), (OURS, 6)]), []);
        assert_eq!(
            heard(&[(&once, 5), (OURS, 6), (&once, 7)]),
            [("later 10d".to_owned(), at(7))]
        );
        let twice = format!("#later 10d\n#later 10d\n{OURS}");
        assert_eq!(
            heard(&[(&once, 5), (&twice, 7)]),
            [("later 10d".to_owned(), at(5)), ("later 10d".to_owned(), at(7))]
        );
    }

    #[test]
    fn a_word_that_ends_the_task_counts_for_good() {
        let wrong = format!("{OURS}\n#wrong");
        assert_eq!(heard(&[(&wrong, 5), (OURS, 6)]), [("wrong".to_owned(), at(5))]);
        let said = said(&words(&Ledger::default(), &row(), Some(&task(&wrong, 5))), None);
        assert_eq!(remote::ending(&said).map(|said| said.word), Some(Word::Wrong));
    }
}
