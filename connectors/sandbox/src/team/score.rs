//! The marks: what stands in the CRM, held against what the script expects.
//!
//! Only what is due at the instant of judging is judged, so a run may be stopped anywhere. Judged is what the CRM shows,
//! never what the daemon says about itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    Team,
    situation::{Ending, Expect, Situation},
};
use crate::crm::{Crm, TaskAct, TaskState, TaskView};

/// How one kind of situation fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SituationScore {
    /// Situations judged: finished, or already gone wrong.
    pub n: u64,
    /// Those in which nothing was missed, doubled or wrong.
    pub right: u64,
}

/// The figures of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Person records the script brought in.
    pub people: u64,
    /// Mails, calls, notes and meetings.
    pub activities: u64,
    /// Gaps whose reminder is due by now.
    pub gaps_expected: u64,
    /// Of these, with their one reminder in time.
    pub gaps_found: u64,
    /// Of these, without a reminder in time.
    pub gaps_missed: u64,
    /// Reminders beyond the one: a key used twice, or a second one while the first was open.
    pub duplicates: u64,
    /// Reminders nobody expected, on the wrong list, at the wrong time, or closed or kept open wrongly; human tasks touched.
    pub wrong_tasks: u64,
    /// Reminders in the CRM, deleted ones included.
    pub tasks_created: u64,
    /// Reminders completed by the daemon because somebody followed up.
    pub tasks_closed_by_evidence: u64,
    /// Reminders the daemon withdrew because they had lost their point.
    pub tasks_moot: u64,
    /// By kind of situation.
    pub by_situation: BTreeMap<String, SituationScore>,
    /// Everything that is not right, in words.
    pub problems: Vec<String>,
}

impl Team {
    /// Judges the CRM at `now`. A reminder may come, and may go, up to `tolerance` after it should.
    pub fn score(&self, crm: &dyn Crm, now: Timestamp, tolerance: SignedDuration) -> Score {
        let tasks = crm.tasks();
        let (reminders, human): (Vec<_>, Vec<_>) = tasks.iter().partition(|task| task.key.is_some());
        let mut score = Score {
            people: self.added.people,
            activities: self.added.activities,
            tasks_created: count(reminders.len()),
            ..Score::default()
        };
        let mut placed = BTreeSet::new();
        for situation in &self.situations {
            let own: Vec<&TaskView> = reminders
                .iter()
                .copied()
                .filter(|task| situation.concerns(task))
                .collect();
            placed.extend(own.iter().map(|task| task.id.as_str()));
            let mut judge = Judge {
                situation,
                now,
                tolerance,
                score: &mut score,
                is_right: true,
            };
            judge.judge(&own, &human);
        }
        for task in reminders.iter().filter(|task| !placed.contains(task.id.as_str())) {
            score.wrong_tasks += 1;
            score.problems.push(format!(
                "task {} is about nobody in the script: {}",
                task.id, task.subject
            ));
        }
        score.shared_keys(&reminders);
        score
    }
}

impl Score {
    /// A key belongs to one reminder in the whole CRM.
    fn shared_keys(&mut self, reminders: &[&TaskView]) {
        let mut by_key: BTreeMap<&str, &TaskView> = BTreeMap::new();
        for task in reminders {
            let Some(key) = task.key.as_deref() else { continue };
            if let Some(first) = by_key.get(key) {
                self.duplicates += 1;
                self.problems
                    .push(format!("tasks {} and {} carry one key", first.id, task.id));
            } else {
                by_key.insert(key, task);
            }
        }
    }
}

/// One situation under judgement.
struct Judge<'a> {
    situation: &'a Situation,
    now: Timestamp,
    tolerance: SignedDuration,
    score: &'a mut Score,
    is_right: bool,
}

impl Judge<'_> {
    fn judge(&mut self, reminders: &[&TaskView], human: &[&TaskView]) {
        let mut spare: Vec<&TaskView> = reminders.to_vec();
        for expect in &self.situation.expects {
            self.one_expected(expect, &mut spare);
        }
        for task in spare {
            self.unexpected(task, reminders);
        }
        for task in reminders {
            self.count_closing(task);
        }
        for task in human
            .iter()
            .filter(|task| self.situation.records.human_tasks.contains(&task.id))
        {
            if task.state != TaskState::Open {
                self.wrong(&format!("a human's own task {} was closed", task.id));
            }
        }
        let entry = self
            .score
            .by_situation
            .entry(self.situation.name.clone())
            .or_default();
        if self.now >= self.situation.ends_at + self.tolerance || !self.is_right {
            entry.n += 1;
            entry.right += u64::from(self.is_right);
        }
    }

    /// Takes the reminder of `expect` out of `spare` and judges it.
    fn one_expected(&mut self, expect: &Expect, spare: &mut Vec<&TaskView>) {
        let latest = expect.from + self.tolerance;
        let in_time = |task: &&TaskView| (expect.from..=latest).contains(&task.created_at);
        let is_optional = expect.until.is_some_and(|until| until <= latest);
        if let Some(place) = spare.iter().position(in_time) {
            let task = spare.remove(place);
            self.score.gaps_expected += 1;
            self.score.gaps_found += 1;
            self.placed_right(expect, task);
            self.closed_right(expect, task);
        } else if latest < self.now && !is_optional {
            self.score.gaps_expected += 1;
            self.score.gaps_missed += 1;
            self.problem(&format!(
                "{} owed from {} has no reminder by {latest}",
                expect.rule, expect.from
            ));
        }
    }

    fn placed_right(&mut self, expect: &Expect, task: &TaskView) {
        if task.owner.as_deref() != Some(expect.owner.as_str()) {
            self.wrong(&format!(
                "task {} is on the list of {:?}, not of {}",
                task.id, task.owner, expect.owner
            ));
        }
        if !self.situation.is_about_subject(task) {
            self.wrong(&format!(
                "task {} hangs on {:?}{:?}, not on the subject",
                task.id, task.people, task.deals
            ));
        }
        if let Some(words) = expect.renamed.as_ref().filter(|words| **words != task.subject) {
            self.wrong(&format!(
                "task {} lost the rep's own subject line `{words}`",
                task.id
            ));
        }
    }

    fn closed_right(&mut self, expect: &Expect, task: &TaskView) {
        if let Some(act) = self.situation.records.closed_by_rep.get(&task.id) {
            let left_as = match act {
                TaskAct::Complete => TaskState::Done,
                TaskAct::Defer => TaskState::Deferred,
                _ => TaskState::Deleted,
            };
            if task.state != left_as {
                self.wrong(&format!(
                    "task {} was closed by its rep and is {:?}",
                    task.id, task.state
                ));
            }
            return;
        }
        let latest = expect.until.map(|until| until + self.tolerance);
        if task.state == TaskState::Open {
            if latest.is_some_and(|latest| latest < self.now) {
                self.wrong(&format!(
                    "task {} is open, its {} ended at {:?}",
                    task.id, expect.rule, expect.until
                ));
            }
            return;
        }
        let is_early = expect
            .until
            .is_none_or(|until| task.closed_at.is_some_and(|closed_at| closed_at < until));
        let is_late = latest.is_some_and(|latest| task.closed_at.is_some_and(|closed_at| closed_at > latest));
        if is_early || is_late {
            self.wrong(&format!(
                "task {} was closed at {:?}, not at {:?}",
                task.id, task.closed_at, expect.until
            ));
        }
        let is_done = task.state == TaskState::Done;
        match expect.ending {
            Ending::Answered if !is_done => {
                self.wrong(&format!("task {} was answered and is {:?}", task.id, task.state));
            }
            Ending::Moot if is_done => self.wrong(&format!("task {} was moot and counts as done", task.id)),
            _ => {}
        }
    }

    /// A reminder no expectation accounts for.
    fn unexpected(&mut self, task: &TaskView, reminders: &[&TaskView]) {
        let is_live_double = |other: &&&TaskView| {
            let was_first = (other.created_at, other.id.as_str()) < (task.created_at, task.id.as_str());
            let was_open =
                other.state == TaskState::Open || other.closed_at.is_some_and(|at| at > task.created_at);
            other.id != task.id && other.key != task.key && was_first && was_open
        };
        if reminders
            .iter()
            .any(|other| other.id != task.id && other.key == task.key)
        {
            // Counted by its key.
            self.problem(&format!("task {} doubles another by key", task.id));
        } else if let Some(first) = reminders.iter().find(is_live_double) {
            self.score.duplicates += 1;
            self.problem(&format!("task {} came while {} was open", task.id, first.id));
        } else {
            self.wrong(&format!(
                "task {} of {} is not owed: {}",
                task.id, task.created_at, task.subject
            ));
        }
    }

    fn count_closing(&mut self, task: &TaskView) {
        if self.situation.records.closed_by_rep.contains_key(&task.id) {
            return;
        }
        match task.state {
            TaskState::Open => {}
            TaskState::Done => self.score.tasks_closed_by_evidence += 1,
            TaskState::Deferred | TaskState::Deleted => self.score.tasks_moot += 1,
        }
    }

    fn wrong(&mut self, words: &str) {
        self.score.wrong_tasks += 1;
        self.problem(words);
    }

    fn problem(&mut self, words: &str) {
        self.is_right = false;
        let subject = self.situation.subject_id().unwrap_or("-");
        self.score
            .problems
            .push(format!("{} ({subject}): {words}", self.situation.name));
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
