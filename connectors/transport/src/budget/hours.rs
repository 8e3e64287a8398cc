//! What was spent in the last 24 hours, for vendors whose allowance comes free a day after it was spent and knows no
//! midnight.
//!
//! Counted by whole hours, so that a day's count stays small on disk. An hour counts until a day after its *end*: our
//! window is never shorter than the vendor's.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

const HOUR: i64 = 3_600;
/// Hours kept: those of a day, and the one that has begun.
const KEPT: usize = 25;
/// Opens the text form.
const WORD: &str = "rolling";

/// Spent per hour, oldest first; hours are counted from the epoch.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Hours {
    slots: VecDeque<(i64, u64)>,
}

impl Hours {
    /// Counts what leaves at `now`. A clock that steps back adds to the newest hour.
    pub(super) fn take(&mut self, cost: u64, now: Timestamp) {
        let hour = now.as_second().div_euclid(HOUR);
        match self.slots.back_mut() {
            Some((newest, spent)) if *newest >= hour => *spent += cost,
            _ => self.slots.push_back((hour, cost)),
        }
    }

    /// Drops the hours that came free. What was counted by a clock hours ahead counts for the present hour.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let present = now.as_second().div_euclid(HOUR);
        let mut ahead = 0;
        while let Some((_, spent)) = self.slots.pop_back_if(|(hour, _)| *hour > present + 1) {
            ahead += spent;
        }
        if ahead > 0 {
            self.take(ahead, now);
        }
        while self.slots.front().is_some_and(|(hour, _)| freed_at(*hour) <= now) {
            self.slots.pop_front();
        }
    }

    pub(super) fn sum(&self) -> u64 {
        self.slots.iter().map(|(_, spent)| spent).sum()
    }

    /// When no more than `limit` will be counted, if nothing else is spent.
    pub(super) fn frees_at(&self, limit: u64) -> Option<Timestamp> {
        let mut left = self.sum();
        for (hour, spent) in &self.slots {
            if left <= limit {
                break;
            }
            left -= spent;
            if left <= limit {
                return Some(freed_at(*hour));
            }
        }
        None
    }

    /// Text form: the newest hour, then what each hour spent, backwards from it.
    pub(super) fn text(&self) -> Option<String> {
        let (newest, _) = *self.slots.back()?;
        let spent: Vec<String> = (0..KEPT)
            .map(|back| {
                let hour = newest - i64::try_from(back).unwrap_or(0);
                let found = self.slots.iter().find(|(known, _)| *known == hour);
                found.map_or(0, |(_, spent)| *spent).to_string()
            })
            .collect();
        Some(format!("{WORD} {newest} {}", spent.join(",")))
    }

    /// Reads [`Self::text`].
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next()? != WORD {
            return None;
        }
        let newest: i64 = words.next()?.parse().ok()?;
        let spent: Option<Vec<u64>> = words.next()?.split(',').map(|word| word.parse().ok()).collect();
        let mut slots: VecDeque<(i64, u64)> = VecDeque::new();
        for (back, spent) in spent?.into_iter().take(KEPT).enumerate() {
            if spent > 0 {
                slots.push_front((newest - i64::try_from(back).ok()?, spent));
            }
        }
        Some(Self { slots })
    }

    /// Adds what an earlier run spent, hour by hour the larger of the two.
    pub(super) fn join(&mut self, earlier: &Self) {
        for (hour, spent) in &earlier.slots {
            match self.slots.iter_mut().find(|(known, _)| known == hour) {
                Some((_, known)) => *known = (*known).max(*spent),
                None => self.slots.push_back((*hour, *spent)),
            }
        }
        self.slots.make_contiguous().sort_unstable();
    }
}

/// A day after the end of an hour.
fn freed_at(hour: i64) -> Timestamp {
    Timestamp::from_second((hour + 1) * HOUR).map_or(Timestamp::MAX, |end| {
        end.checked_add(SignedDuration::from_hours(24))
            .unwrap_or(Timestamp::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_445_600 + minute * 60).unwrap()
    }

    #[test]
    fn what_was_spent_counts_for_a_whole_day_at_least_and_comes_free_by_the_hour() {
        let mut hours = Hours::default();
        hours.take(5, at(30));
        hours.take(7, at(90));
        hours.forget(at(30 + 24 * 60));
        assert_eq!(hours.sum(), 12, "the first hour has not ended a day ago");
        assert_eq!(hours.frees_at(12), None);
        assert_eq!(hours.frees_at(10), Some(at(25 * 60)));
        assert_eq!(hours.frees_at(0), Some(at(26 * 60)));
        hours.forget(at(25 * 60));
        assert_eq!(hours.sum(), 7);
    }

    #[test]
    fn what_a_clock_years_ahead_spent_comes_free_a_day_after_it_was_set_right() {
        let mut hours = Hours::default();
        hours.take(5, at(0));
        hours.take(7, at(365 * 24 * 60));
        hours.forget(at(30));
        assert_eq!(hours.sum(), 12, "nothing spent is forgotten");
        assert_eq!(hours.frees_at(0), Some(at(25 * 60)));
    }

    #[test]
    fn the_text_form_loses_nothing_and_foreign_texts_are_refused() {
        let mut hours = Hours::default();
        for minute in [0, 61, 200, 1_400] {
            hours.take(3, at(minute));
        }
        let text = hours.text().unwrap();
        assert_eq!(Hours::parse(&text), Some(hours.clone()));
        let mut later = Hours::default();
        later.take(1, at(1_400));
        later.join(&hours);
        assert_eq!(later, hours, "the larger count of an hour holds");
        for text in ["", "2026-03-02", "rolling", "rolling x 1", "rolling 5 1,x"] {
            assert_eq!(Hours::parse(text), None, "{text}");
        }
    }
}
