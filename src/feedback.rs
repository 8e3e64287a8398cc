//! What reps' answers say about the rules: how often a rule was wrong, which rules step back to the digest for it, and
//! which dismissals an admin should hear of. Pure: a fold over the ledger.
//!
//! Who dismissed what is told to the admin only, and only as a suggestion about the rule.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::OwnerId;
use followup_metrics::share;
use followup_rules::{
    calendar::{Calendar, Calendars},
    model::RuleId,
    policy::{Delivery, FeedbackSettings, Policy},
    remote::Word,
};
use followup_store::ledger::{Closed, Ledger, TaskRow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How the tasks that a rule led ended within the policy's window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRecord {
    /// How many ended.
    pub ended: u64,
    /// The rep wrote `#wrong`.
    pub wrong: u64,
    /// We closed it ourselves so soon that it should not have been written.
    pub early: u64,
    /// Deferred or deleted without a word: not wanted, which is not the same as wrong.
    pub dismissed: u64,
    /// The rep completed it, or wrote `#handled`.
    pub declared: u64,
    /// The follow-up was recorded.
    pub evidence: u64,
}

impl RuleRecord {
    /// The share of wrong tasks with the bounds of its 95 % interval (Wilson); `None` without tasks.
    pub fn wrong_share(&self) -> Option<(f64, share::Interval)> {
        share::wilson(self.wrong + self.early, self.ended)
    }

    /// Whether this is enough to send a rule to the digest.
    fn demotes(&self, settings: &FeedbackSettings) -> bool {
        let (Some(percent), Some((_, bounds))) = (settings.demote_over_percent, self.wrong_share()) else {
            return false;
        };
        self.ended >= u64::from(settings.tasks_min) && bounds.low * 100.0 > f64::from(percent)
    }
}

/// The record of every rule of which tasks ended within the window.
pub fn records(ledger: &Ledger, settings: &FeedbackSettings, now: Timestamp) -> BTreeMap<RuleId, RuleRecord> {
    let mut records: BTreeMap<RuleId, RuleRecord> = BTreeMap::new();
    let from = days_before(now, settings);
    for row in ledger.tasks().filter(|row| row.created_at.is_some()) {
        let Some(rule) = rule_of(ledger, row) else {
            continue;
        };
        let ended = end_of(ledger, row, settings).filter(|(at, _)| (from..=now).contains(at));
        let Some((_, end)) = ended else { continue };
        let record = records.entry(rule).or_default();
        record.ended += 1;
        match end {
            End::Wrong => record.wrong += 1,
            End::Early => record.early += 1,
            End::Dismissed => record.dismissed += 1,
            End::Declared => record.declared += 1,
            End::Evidence => record.evidence += 1,
            End::Other => {}
        }
    }
    records
}

/// The rules that are delivered by the digest for now, because too many of their tasks were wrong.
pub fn demoted(ledger: &Ledger, policy: &Policy, now: Timestamp) -> BTreeSet<RuleId> {
    records(ledger, &policy.feedback, now)
        .into_iter()
        .filter(|(rule, record)| {
            policy.rule(*rule).delivery == Delivery::Task && record.demotes(&policy.feedback)
        })
        .map(|(rule, _)| rule)
        .collect()
}

/// A rule an admin may want to look at, because one rep keeps dismissing its tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The rule.
    pub rule: RuleId,
    /// The rep, by the id under which everything of theirs is counted.
    pub owner: OwnerId,
    /// How many of its tasks they dismissed.
    pub dismissed: u64,
    /// Of these, how many with the word that they were wrong.
    pub wrong: u64,
    /// When the first of them was.
    pub since: Timestamp,
}

/// What an admin may want to look at, by rule and rep.
pub fn suggestions(
    ledger: &Ledger,
    settings: &FeedbackSettings,
    calendars: &Calendars,
    now: Timestamp,
) -> Vec<Suggestion> {
    let mut found: BTreeMap<(RuleId, &OwnerId), Suggestion> = BTreeMap::new();
    for row in ledger.tasks().filter(|row| row.created_at.is_some()) {
        let (Some(rule), Some((at, end))) = (rule_of(ledger, row), end_of(ledger, row, settings)) else {
            continue;
        };
        let calendar = calendars.of(Some(&row.owner));
        let is_recent = at >= calendar.subtract(now, settings.suggest_within) && at <= now;
        if !is_recent || !matches!(end, End::Dismissed | End::Wrong) {
            continue;
        }
        let owner = calendars.person_of(&row.owner);
        let suggestion = found.entry((rule, owner)).or_insert_with(|| Suggestion {
            rule,
            owner: owner.clone(),
            dismissed: 0,
            wrong: 0,
            since: at,
        });
        suggestion.dismissed += 1;
        suggestion.wrong += u64::from(end == End::Wrong);
        suggestion.since = suggestion.since.min(at);
    }
    let enough = u64::from(settings.suggest_from);
    found
        .into_values()
        .filter(|suggestion| enough > 0 && suggestion.dismissed >= enough)
        .collect()
}

/// How a task ended, as far as it says something about its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Wrong,
    Early,
    Dismissed,
    Declared,
    Evidence,
    Other,
}

/// When and how a task ended; a word that ends it counts from when it was written.
fn end_of(ledger: &Ledger, row: &TaskRow, settings: &FeedbackSettings) -> Option<(Timestamp, End)> {
    let words = ledger.words(&row.key);
    let written = |word: Word| {
        words
            .iter()
            .find(|written| Word::parse(&written.word) == Some(word))
    };
    if let Some(wrong) = written(Word::Wrong) {
        return Some((wrong.at, End::Wrong));
    }
    let Some((closed, at)) = &row.closed else {
        return written(Word::Handled).map(|handled| (handled.at, End::Declared));
    };
    let is_early = row
        .created_at
        .is_some_and(|created_at| at.duration_since(created_at) <= settings.early_within);
    let end = match closed {
        Closed::Evidence(_) | Closed::Withdrawn(_) | Closed::LetGo(_) if is_early => End::Early,
        Closed::Evidence(_) => End::Evidence,
        Closed::Withdrawn(_) | Closed::LetGo(_) | Closed::Expired => End::Other,
        Closed::Declared => End::Declared,
        Closed::Dismissed => End::Dismissed,
        Closed::Undone => return None,
    };
    Some((*at, end))
}

/// The rule that opened a task.
fn rule_of(ledger: &Ledger, row: &TaskRow) -> Option<RuleId> {
    let gap = ledger.gap(row.gaps.first()?)?;
    RuleId::parse(&gap.rule)
}

/// The window's begin: whole days, so that a rule does not come and go by the minute.
fn days_before(now: Timestamp, settings: &FeedbackSettings) -> Timestamp {
    let utc = Calendar::default();
    utc.subtract(utc.start_of(utc.date_on(now)), settings.window)
}

#[cfg(test)]
mod tests {
    use followup_core::{Baseline, ConnectionId, RecordRef, TaskId, TaskKey};
    use followup_store::ledger::{Entry, GapRow, RowState, WrittenWord};
    use jiff::SignedDuration;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn id(text: &str) -> RecordRef {
        text.parse().unwrap()
    }

    /// A ledger with tasks of `first-touch` that ended a day ago, an hour after they were written.
    fn ledger(ends: &[Closed]) -> Ledger {
        let mut ledger = Ledger::default();
        for (number, closed) in ends.iter().enumerate() {
            add(&mut ledger, number, closed, SignedDuration::from_hours(1));
        }
        ledger
    }

    fn add(ledger: &mut Ledger, number: usize, closed: &Closed, lived: SignedDuration) {
        let ended_at = now() - SignedDuration::from_hours(24);
        let created_at = ended_at - lived;
        let (gap, key) = (format!("g{number}"), TaskKey(format!("k{number}")));
        ledger.apply(&Entry::GapOpened {
            id: gap.clone(),
            gap: GapRow {
                rule: "first-touch".to_owned(),
                anchor: id("hub:contact:1"),
                crossing_ms: 0,
                repeat: 0,
                subject: id("hub:contact:1"),
                found_at: created_at,
                policy_version: "p".to_owned(),
                end: None,
            },
        });
        ledger.apply(&Entry::Intended {
            row: Box::new(TaskRow {
                key: key.clone(),
                connection: ConnectionId::new("hub").unwrap(),
                owner: OwnerId(id("hub:owner:1")),
                subject: id("hub:contact:1"),
                gaps: vec![gap.clone()],
                shown: vec![gap],
                run: "run".to_owned(),
                state: RowState::Confirmed {
                    id: TaskId(id("hub:task:1")),
                },
                planned_at: created_at,
                created_at: Some(created_at),
                due_at: ended_at,
                baseline: Baseline::default(),
                closing: None,
                closed: None,
            }),
        });
        ledger.apply(&Entry::Closed {
            key,
            closed: closed.clone(),
            at: ended_at,
        });
    }

    fn write_wrong(ledger: &mut Ledger, number: usize) {
        ledger.apply(&Entry::RepWrote {
            key: TaskKey(format!("k{number}")),
            words: vec![WrittenWord {
                word: "wrong".to_owned(),
                at: now() - SignedDuration::from_hours(25),
            }],
        });
    }

    fn demoted_with(wrong: usize, of: usize) -> bool {
        let mut ledger = ledger(&vec![Closed::Declared; of]);
        for number in 0..wrong {
            write_wrong(&mut ledger, number);
        }
        !demoted(&ledger, &Policy::default(), now()).is_empty()
    }

    #[test]
    fn a_rule_steps_back_only_once_it_is_surely_wrong_too_often() {
        assert!(!demoted_with(4, 20), "four of twenty: the lower bound is 8 %");
        assert!(demoted_with(5, 20), "five of twenty: the lower bound is 11 %");
        assert!(!demoted_with(19, 19), "too few to say anything");
        assert!(!demoted_with(20, 200), "ten per cent, with a bound below it");
    }

    #[test]
    fn what_was_wrong_is_told_from_what_was_not_wanted() {
        let mut ledger = ledger(&[
            Closed::Dismissed,
            Closed::Dismissed,
            Closed::Declared,
            Closed::Evidence(id("hub:call:1")),
            Closed::Withdrawn("closed_lost".to_owned()),
            Closed::Undone,
        ]);
        write_wrong(&mut ledger, 0);
        let soon = SignedDuration::from_mins(2);
        add(&mut ledger, 7, &Closed::Evidence(id("hub:call:2")), soon);
        let records = records(&ledger, &FeedbackSettings::default(), now());
        let expect = RuleRecord {
            ended: 6,
            wrong: 1,
            early: 1,
            dismissed: 1,
            declared: 1,
            evidence: 1,
        };
        assert_eq!(records, BTreeMap::from([(RuleId::FirstTouch, expect)]));
    }

    #[test]
    fn a_rule_returns_when_its_window_has_passed() {
        let mut ledger = ledger(&vec![Closed::Declared; 20]);
        for number in 0..20 {
            write_wrong(&mut ledger, number);
        }
        let policy = Policy::default();
        let in_days = |days: i64| now() + SignedDuration::from_hours(24 * days);
        assert_eq!(demoted(&ledger, &policy, in_days(0)).len(), 1);
        assert_eq!(demoted(&ledger, &policy, in_days(32)).len(), 0);
        let off = Policy::from_toml("[feedback]\ndemote_over_percent = \"none\"\n", "p").unwrap();
        assert_eq!(demoted(&ledger, &off, in_days(0)).len(), 0);
    }

    #[test]
    fn three_dismissals_of_one_rule_by_one_rep_are_a_suggestion() {
        let calendars = Calendars::default();
        let settings = FeedbackSettings::default();
        let mut two = ledger(&[Closed::Dismissed, Closed::Dismissed, Closed::Declared]);
        assert_eq!(suggestions(&two, &settings, &calendars, now()), []);
        write_wrong(&mut two, 2);
        let found = suggestions(&two, &settings, &calendars, now());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].dismissed, found[0].wrong), (3, 1));
        let later = now() + SignedDuration::from_hours(24 * 40);
        assert_eq!(suggestions(&two, &settings, &calendars, later), []);
    }
}
