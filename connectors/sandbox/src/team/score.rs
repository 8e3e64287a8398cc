//! The marks: what stands in the CRM, held against what the script expects.
//!
//! Only what is due at the instant of judging is judged, so a run may be stopped anywhere. Judged is what the CRM shows,
//! never what the daemon says about itself. Of an owner's list each entry is judged as a reminder of its own ([`super::entries`]);
//! it may stand in another CRM than a task of its own would, because a list is in one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    MARKED_RULES, Team,
    cast::Rep,
    entries::entries,
    pace::{Pace, pace},
    situation::{Ending, Expect, Site, Situation},
};
use crate::crm::{Crm, Feature, TaskAct, TaskState, TaskView};

/// Where each record tells its own mails, those of everybody are read again within this time: two hours, and some where the
/// credits of a day are short (`docs/zoho.md`).
const MAIL_ROUND: SignedDuration = SignedDuration::from_hours(3);

/// How one kind of situation fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SituationScore {
    /// Situations judged: finished, or already gone wrong.
    pub n: u64,
    /// Those in which nothing was missed, doubled or wrong.
    pub right: u64,
    /// Gaps without a reminder in time.
    pub missed: u64,
    /// Reminders beyond the one, or wrong.
    pub wrong: u64,
}

/// The figures of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
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
    /// How many reminders reach a rep on a working day; of all CRMs together only.
    pub pace: Pace,
    /// By kind of situation.
    pub by_situation: BTreeMap<String, SituationScore>,
    /// Everything that is not right, in words.
    pub problems: Vec<String>,
}

/// A task, and the CRM it is in.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    site: Site,
    task: &'a TaskView,
    /// It is an entry of a list.
    is_entry: bool,
}

impl Found<'_> {
    fn is(&self, other: &Found<'_>) -> bool {
        let this = (self.site, &self.task.id, &self.task.key, self.task.created_at);
        this == (other.site, &other.task.id, &other.task.key, other.task.created_at)
    }

    /// It is about one of the situation's records.
    fn concerns(&self, situation: &Situation) -> bool {
        let mut sites = situation.sites.iter();
        if self.is_entry {
            sites.any(|site| situation.concerns(*site, self.task))
        } else {
            situation.concerns(self.site, self.task)
        }
    }

    /// An entry says of which rule it is; a reminder may speak of several.
    fn may_be_of(&self, rule: &str) -> bool {
        !self.is_entry || self.task.body.split('/').next() == Some(rule)
    }

    /// It is on the list of the person of whom it is expected.
    fn is_on_list_of(&self, expect: &Expect, reps: &[Rep]) -> bool {
        let owner = self.task.owner.as_deref().unwrap_or_default();
        if self.is_entry {
            let rep = reps.iter().find(|rep| rep.id(self.site) == owner);
            rep.is_some_and(|rep| rep.email == expect.list_of)
        } else {
            owner == expect.owner
        }
    }
}

impl Team {
    /// Judges all the CRMs at `now`. A reminder may come, and may go, up to `tolerance` after it should.
    pub fn score(&self, crms: &[&dyn Crm], now: Timestamp, tolerance: SignedDuration) -> Score {
        let mut score = Score {
            people: self.added.people,
            activities: self.added.activities,
            ..Score::default()
        };
        let judged = self.situations.iter().collect();
        self.judge(&mut score, judged, crms, |_| true, (now, tolerance));
        let tasks: Vec<Vec<TaskView>> = crms.iter().map(|crm| crm.tasks()).collect();
        score.pace = pace(&self.reps, &tasks, (self.begins_at, now));
        score
    }

    /// As [`Team::score`], of one CRM: what plays there alone. People and activities are those of all CRMs.
    pub fn score_of(
        &self,
        site: Site,
        crms: &[&dyn Crm],
        now: Timestamp,
        tolerance: SignedDuration,
    ) -> Score {
        let mut score = Score {
            people: self.added.people,
            activities: self.added.activities,
            ..Score::default()
        };
        let plays_there = |situation: &&Situation| situation.sites == [site];
        let judged = self.situations.iter().filter(plays_there).collect();
        self.judge(&mut score, judged, crms, |of| of == site, (now, tolerance));
        score
    }

    fn judge(
        &self,
        score: &mut Score,
        judged: Vec<&Situation>,
        crms: &[&dyn Crm],
        is_judged: impl Fn(Site) -> bool,
        (now, tolerance): (Timestamp, SignedDuration),
    ) {
        let tasks: Vec<Vec<TaskView>> = crms.iter().map(|crm| crm.tasks()).collect();
        let all = tasks.iter().enumerate().flat_map(|(place, tasks)| {
            let site = Site(place);
            tasks.iter().map(move |task| Found {
                site,
                task,
                is_entry: false,
            })
        });
        let all = all.filter(|found| is_judged(found.site));
        let (ours, human): (Vec<_>, Vec<_>) = all.partition(|found| found.task.key.is_some());
        score.tasks_created = count(ours.len());
        score.shared_keys(&ours);
        let (lists, mut reminders): (Vec<_>, Vec<_>) =
            ours.into_iter().partition(|found| found.task.is_list());
        let listed: Vec<(Site, TaskView)> = lists.iter().flat_map(|list| score.listed(list, crms)).collect();
        reminders.extend(listed.iter().map(|(site, task)| Found {
            site: *site,
            task,
            is_entry: true,
        }));
        for list in lists {
            score.count_closing(list.task.state);
        }
        for situation in judged {
            let own: Vec<Found<'_>> = reminders
                .iter()
                .copied()
                .filter(|found| found.concerns(situation))
                .collect();
            let mut judge = Judge {
                situation,
                reps: &self.everybody,
                crms,
                now,
                tolerance,
                score,
                is_right: true,
            };
            judge.judge(&own, &human);
        }
        for found in &reminders {
            if !self.situations.iter().any(|situation| found.concerns(situation)) {
                score.wrong_tasks += 1;
                score.problems.push(format!(
                    "task {} is about nobody in the script: {}",
                    found.task.id, found.task.subject
                ));
            }
        }
    }
}

impl Score {
    /// The entries of a list that are of rules the script speaks of. A list that names nothing has no reason to be open.
    fn listed(&mut self, list: &Found<'_>, crms: &[&dyn Crm]) -> Vec<(Site, TaskView)> {
        let Found { site, task, .. } = *list;
        let bodies = crms.get(site.0).map(|crm| crm.bodies(task));
        let entries = entries(task, &bodies.unwrap_or_default());
        let is_empty = entries.iter().all(|entry| entry.closed_at.is_some());
        if task.state == TaskState::Open && is_empty {
            self.wrong_tasks += 1;
            self.problems.push(format!(
                "list {} is open and names nothing: {}",
                task.id, task.subject
            ));
        }
        let is_marked = |entry: &TaskView| {
            let rule = entry.body.split('/').next().unwrap_or_default();
            MARKED_RULES.contains(&rule)
        };
        let marked = entries.into_iter().filter(is_marked);
        marked.map(|entry| (site, entry)).collect()
    }

    /// A key belongs to one reminder in all the CRMs.
    fn shared_keys(&mut self, reminders: &[Found<'_>]) {
        let mut by_key: BTreeMap<&str, &TaskView> = BTreeMap::new();
        for Found { task, .. } in reminders {
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

    fn count_closing(&mut self, state: TaskState) {
        match state {
            TaskState::Open => {}
            TaskState::Done => self.tasks_closed_by_evidence += 1,
            TaskState::Deferred | TaskState::Deleted => self.tasks_moot += 1,
        }
    }
}

/// One situation under judgement.
struct Judge<'a> {
    situation: &'a Situation,
    reps: &'a [Rep],
    crms: &'a [&'a dyn Crm],
    now: Timestamp,
    tolerance: SignedDuration,
    score: &'a mut Score,
    is_right: bool,
}

impl Judge<'_> {
    fn judge(&mut self, reminders: &[Found<'_>], human: &[Found<'_>]) {
        let (missed, wrong) = (
            self.score.gaps_missed,
            self.score.duplicates + self.score.wrong_tasks,
        );
        let mut spare: Vec<Found<'_>> = reminders.to_vec();
        for expect in &self.situation.expects {
            self.one_expected(expect, &mut spare);
        }
        for task in spare {
            self.unexpected(task, reminders);
        }
        for Found { site, task, .. } in reminders.iter().filter(|found| !found.is_entry) {
            if self.situation.closed_by_rep(*site, task).is_none() {
                self.score.count_closing(task.state);
            }
        }
        for Found { site, task, .. } in human {
            if self.situation.is_by_human(*site, task) && task.state != TaskState::Open {
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
            entry.missed += self.score.gaps_missed - missed;
            entry.wrong += self.score.duplicates + self.score.wrong_tasks - wrong;
        }
    }

    /// Takes the reminder of `expect` out of `spare` and judges it.
    fn one_expected(&mut self, expect: &Expect, spare: &mut Vec<Found<'_>>) {
        let latest = expect.from + self.tolerance + self.mail_round(expect);
        let in_time = |found: &Found<'_>| {
            (expect.from..=latest).contains(&found.task.created_at)
                && found.may_be_of(expect.rule)
                && (found.is_entry || !expect.is_listed)
                && self.situation.is_about(expect, found.task)
        };
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

    /// How much later a reminder may come because nobody reads the mail it rests on before.
    fn mail_round(&self, expect: &Expect) -> SignedDuration {
        let has_stream = |crm: &&dyn Crm| crm.shows(Feature::MailStream);
        let is_read_by_record = self.crms.get(expect.site.0).is_some_and(|crm| !has_stream(crm));
        if expect.is_told_by_mail && is_read_by_record {
            MAIL_ROUND
        } else {
            SignedDuration::ZERO
        }
    }

    fn placed_right(&mut self, expect: &Expect, found: Found<'_>) {
        let Found { site, task, is_entry } = found;
        if site != expect.site && !is_entry {
            self.wrong(&format!(
                "task {} is in CRM {}, not in {}",
                task.id, site.0, expect.site.0
            ));
            return;
        }
        if !found.is_on_list_of(expect, self.reps) {
            self.wrong(&format!(
                "task {} is on the list of {:?}, not of {}",
                task.id, task.owner, expect.owner
            ));
        }
        if is_entry {
            return;
        }
        if !self.situation.is_about_subject(site, task) {
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

    fn closed_right(&mut self, expect: &Expect, Found { site, task, is_entry }: Found<'_>) {
        if let Some(act) = self.situation.closed_by_rep(site, task) {
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
            // An entry is taken off whatever became of it, and a list was done if anything on it was.
            _ if is_entry => {}
            Ending::Answered if !is_done => {
                self.wrong(&format!("task {} was answered and is {:?}", task.id, task.state));
            }
            Ending::Never if is_done => {
                self.wrong(&format!("task {} was left alone and counts as done", task.id));
            }
            Ending::Moot if is_done => self.wrong(&format!("task {} was moot and counts as done", task.id)),
            _ => {}
        }
    }

    /// A reminder no expectation accounts for.
    fn unexpected(&mut self, spare: Found<'_>, reminders: &[Found<'_>]) {
        let task = spare.task;
        let mut others = reminders.iter().filter(|found| !found.is(&spare));
        let is_live_double = |found: &&Found<'_>| {
            let other = found.task;
            let was_first =
                (other.created_at, found.site, &other.id) < (task.created_at, spare.site, &task.id);
            let was_open =
                other.state == TaskState::Open || other.closed_at.is_some_and(|at| at > task.created_at);
            other.key != task.key && was_first && was_open
        };
        if others.clone().any(|other| other.task.key == task.key) {
            // Counted by its key.
            self.problem(&format!("task {} doubles another by key", task.id));
        } else if let Some(first) = others.find(is_live_double) {
            self.score.duplicates += 1;
            let id = &first.task.id;
            self.problem(&format!("task {} came while {id} was open", task.id));
        } else {
            self.wrong(&format!(
                "task {} of {} is not owed: {}",
                task.id, task.created_at, task.subject
            ));
        }
    }

    fn wrong(&mut self, words: &str) {
        self.score.wrong_tasks += 1;
        self.problem(words);
    }

    fn problem(&mut self, words: &str) {
        self.is_right = false;
        let sites = self.situation.sites.iter();
        let subjects: Vec<&str> = sites
            .filter_map(|site| self.situation.subject_id(*site))
            .collect();
        let subject = subjects.join(", ");
        self.score
            .problems
            .push(format!("{} ({subject}): {words}", self.situation.name));
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
