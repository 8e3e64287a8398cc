//! When anything was wrong, and how much of a span was clear.
//!
//! A reminder is owed within a bound of *clear* time: time in which the daemon ran and its connection was well, and had
//! been for long enough to catch up.

use jiff::{SignedDuration, Timestamp};

/// Spans of trouble of one connection; they may overlap.
#[derive(Debug, Clone, Default)]
pub struct Weather(Vec<(Timestamp, Timestamp)>);

impl Weather {
    /// Something was wrong from `from` until `until`, the time to catch up included.
    pub fn trouble(&mut self, from: Timestamp, until: Timestamp) {
        if from < until {
            self.0.push((from, until));
        }
    }

    /// All spans of this and of another.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }

    /// Whether nothing is wrong at `at`.
    pub fn is_clear(&self, at: Timestamp) -> bool {
        !self.0.iter().any(|(from, until)| *from <= at && at < *until)
    }

    /// Whether nothing was ever wrong.
    pub fn was_always_clear(&self) -> bool {
        self.0.is_empty()
    }

    /// The first instant at which `span` of clear time in a row has passed since `from`.
    pub fn after_clear(&self, from: Timestamp, span: SignedDuration) -> Timestamp {
        let mut start = from;
        let mut spans = self.0.clone();
        spans.sort_unstable();
        for (begins_at, ends_at) in spans {
            if ends_at <= start {
                continue;
            }
            if begins_at >= start + span {
                break;
            }
            start = ends_at;
        }
        start + span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn clear_time_is_counted_in_one_piece_after_the_last_trouble() {
        let mut weather = Weather::default();
        weather.trouble(minute(15), minute(20));
        weather.trouble(minute(5), minute(8));
        let span = SignedDuration::from_mins(10);
        assert_eq!(weather.after_clear(minute(0), span), minute(30));
        assert_eq!(
            weather.after_clear(minute(8), SignedDuration::from_mins(7)),
            minute(15)
        );
        assert_eq!(weather.after_clear(minute(20), span), minute(30));
        assert!(
            weather.is_clear(minute(10)) && !weather.is_clear(minute(15)) && weather.is_clear(minute(20))
        );
    }
}
