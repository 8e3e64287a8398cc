//! How many reminders reach a rep on a working day.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Weekday, tz::TimeZone};
use serde::Serialize;

use super::{cast::Rep, situation::Site};
use crate::crm::TaskView;

/// Rules whose reminders a buyer asked for, by their words: they may pass a rep's soft cap (RULES section 3, `cap`).
const ASKED_FOR: [&str; 6] = [
    "first-touch",
    "after-hours-lead",
    "reply-waiting",
    "missed-call",
    "no-show",
    "re-engaged",
];

/// New reminders of one rep on one office day, over all reps and days, in all CRMs together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Pace {
    /// Reps times office days looked at.
    pub rep_days: u64,
    /// The middle one, days without any included.
    pub median: f64,
    /// The most on one day.
    pub most: u64,
    /// The most on one day of those no buyer asked for.
    pub most_unasked: u64,
}

/// The pace between two instants.
pub(super) fn pace(reps: &[Rep], tasks: &[Vec<TaskView>], (begins_at, now): (Timestamp, Timestamp)) -> Pace {
    let date_of = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let office_days = date_of(begins_at)
        .series(jiff::Span::new().days(1))
        .take_while(|date| *date <= date_of(now))
        .filter(|date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday));
    let mut days = BTreeMap::new();
    for date in office_days {
        days.extend((0..reps.len()).map(|rep| ((rep, date), (0_u64, 0_u64))));
    }
    for (place, task) in tasks.iter().enumerate().flat_map(|(place, tasks)| {
        let reminders = tasks.iter().filter(|task| task.key.is_some());
        reminders.map(move |task| (place, task))
    }) {
        let owner = task.owner.as_deref().unwrap_or_default();
        let rep = reps.iter().position(|rep| rep.id(Site(place)) == owner);
        let day = rep.and_then(|rep| days.get_mut(&(rep, date_of(task.created_at))));
        if let Some((all, unasked)) = day {
            *all += 1;
            *unasked += u64::from(!is_asked_for(task));
        }
    }
    let mut counts: Vec<u64> = days.values().map(|(all, _)| *all).collect();
    counts.sort_unstable();
    Pace {
        rep_days: u64::try_from(counts.len()).unwrap_or(u64::MAX),
        median: median(&counts),
        most: counts.last().copied().unwrap_or(0),
        most_unasked: days.values().map(|(_, unasked)| *unasked).max().unwrap_or(0),
    }
}

/// By the rule its marker block names.
fn is_asked_for(task: &TaskView) -> bool {
    ASKED_FOR
        .iter()
        .any(|rule| task.body.contains(&format!("rule={rule};")))
}

fn median(sorted: &[u64]) -> f64 {
    let at = |place: usize| {
        let count = sorted.get(place).copied().unwrap_or(0);
        f64::from(u32::try_from(count).unwrap_or(u32::MAX))
    };
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(middle)
    } else {
        f64::midpoint(at(middle.saturating_sub(1)), at(middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::TaskState;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn task(owner: &str, created_at: &str, rule: &str) -> TaskView {
        TaskView {
            id: String::new(),
            key: Some("k".to_owned()),
            owner: Some(owner.to_owned()),
            people: Vec::new(),
            deals: Vec::new(),
            state: TaskState::Open,
            subject: String::new(),
            body: format!("[followupd key=k; rule={rule}; subject=s]"),
            created_at: at(created_at),
            closed_at: None,
            due_at: None,
            reminder_at: None,
        }
    }

    #[test]
    fn logins_of_one_rep_count_together_and_idle_days_count() {
        let rep = |ids: [&str; 2]| Rep {
            ids: ids.map(str::to_owned).to_vec(),
            email: String::new(),
        };
        let reps = [rep(["1", "a"]), rep(["2", "b"])];
        let here = vec![
            task("1", "2026-03-06T10:00:00Z", "first-touch"),
            task("1", "2026-03-06T11:00:00Z", "next-attempt"),
        ];
        let there = vec![
            task("a", "2026-03-06T12:00:00Z", "next-attempt"),
            task("b", "2026-03-09T12:00:00Z", "no-show"),
        ];
        let friday_to_monday = (at("2026-03-06T08:00:00Z"), at("2026-03-09T18:00:00Z"));
        assert_eq!(
            pace(&reps, &[here, there], friday_to_monday),
            Pace {
                rep_days: 4,
                median: 0.5,
                most: 3,
                most_unasked: 2
            }
        );
    }
}
