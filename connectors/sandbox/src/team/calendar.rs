//! The team's own office calendar: Monday to Friday, 09:00 to 17:00 in UTC, no holidays.
//!
//! Scripts place what people do on the n-th office day of a run. This is how the script's author thinks about time; it
//! is not the daemon's business calendar and shares nothing with it.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// Office days within a fortnight that a run can count on, whatever weekday it starts on.
pub(crate) const OFFICE_DAYS: u32 = 9;

/// Whoever goes on leave is away on so many office days, from the first one on.
pub(crate) const LEAVE_DAYS: u32 = 7;

/// The first office day begins for the script at this minute of the day: people settle in before they act.
const FIRST_MINUTE: i64 = 9 * 60 + 30;

/// The office closes at this minute of the day.
const LAST_MINUTE: i64 = 17 * 60;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Office days counted from the start of the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    /// Midnight of office day 0.
    midnight: Timestamp,
    /// Weekday of office day 0, Monday being 0.
    weekday: u32,
}

impl Calendar {
    /// Office day 0 is the first weekday whose working hours lie ahead of `as_of`.
    pub(crate) fn starting(as_of: Timestamp) -> Self {
        let zoned = as_of.to_zoned(TimeZone::UTC);
        let into_day = SignedDuration::from_secs(
            i64::from(zoned.hour()) * 3600 + i64::from(zoned.minute()) * 60 + i64::from(zoned.second()),
        );
        let mut midnight =
            as_of - into_day - SignedDuration::from_nanos(i64::from(zoned.subsec_nanosecond()));
        let mut weekday = u32::from(zoned.weekday().to_monday_zero_offset().unsigned_abs());
        if as_of > midnight + SignedDuration::from_mins(FIRST_MINUTE) {
            (midnight, weekday) = (midnight + DAY, (weekday + 1) % 7);
        }
        while weekday > 4 {
            (midnight, weekday) = (midnight + DAY, (weekday + 1) % 7);
        }
        Self { midnight, weekday }
    }

    /// `hour:minute` on office day `day`.
    pub(crate) fn time(&self, day: u32, hour: u32, minute: u32) -> Timestamp {
        let from_monday = self.weekday + day;
        let days = from_monday / 5 * 7 + from_monday % 5 - self.weekday;
        self.midnight + SignedDuration::from_mins(i64::from(days * 24 * 60 + hour * 60 + minute))
    }

    /// The first and the last day of a leave, the weekend before the first day back included.
    pub(crate) fn leave(&self) -> (Date, Date) {
        let date_of = |day: u32| self.time(day, 12, 0).to_zoned(TimeZone::UTC).date();
        let back_on = date_of(LEAVE_DAYS);
        (date_of(0), back_on.yesterday().unwrap_or(back_on))
    }

    /// Office day `day` is followed by a weekend.
    pub(crate) fn is_friday(&self, day: u32) -> bool {
        (self.weekday + day) % 5 == 4
    }

    /// The same time of day `days` office days later; `at` lies on an office day.
    pub(crate) fn later(&self, at: Timestamp, days: u32) -> Timestamp {
        let since = at.duration_since(self.midnight);
        let elapsed = since.as_hours().unsigned_abs() / 24;
        let weekday = (u64::from(self.weekday) + elapsed) % 7;
        let weeks = (weekday + u64::from(days)) / 5 * 7;
        let ahead = (weeks + (weekday + u64::from(days)) % 5).saturating_sub(weekday);
        at + SignedDuration::from_hours(24 * i64::try_from(ahead).unwrap_or(0))
    }

    /// `at`, or 09:00 of the next office day if the office is closed by then; `at` lies on an office day.
    pub(crate) fn or_next_morning(&self, at: Timestamp) -> Timestamp {
        let minutes = at.duration_since(self.midnight).as_mins().rem_euclid(24 * 60);
        if minutes < LAST_MINUTE {
            return at;
        }
        let into_day = SignedDuration::from_secs(
            at.duration_since(self.midnight)
                .as_secs()
                .rem_euclid(24 * 60 * 60),
        );
        self.later(at, 1) - into_day + SignedDuration::from_hours(9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn office_days_skip_weekends_from_any_start() {
        let monday = Calendar::starting(at("2026-03-02T08:00:00Z"));
        assert_eq!(monday.time(0, 10, 5), at("2026-03-02T10:05:00Z"));
        assert_eq!(monday.time(5, 9, 0), at("2026-03-09T09:00:00Z"));
        assert!(monday.is_friday(4));
        let saturday = Calendar::starting(at("2026-03-07T23:59:59.5Z"));
        assert_eq!(saturday.time(0, 9, 0), at("2026-03-09T09:00:00Z"));
        let late_friday = Calendar::starting(at("2026-03-06T12:00:00Z"));
        assert_eq!(late_friday.time(0, 9, 0), at("2026-03-09T09:00:00Z"));
        let thursday = Calendar::starting(at("2026-03-05T09:00:00Z"));
        assert_eq!(thursday.time(2, 9, 0), at("2026-03-09T09:00:00Z"));
        assert!(thursday.is_friday(1));
    }

    #[test]
    fn a_later_office_day_keeps_the_time_of_day() {
        let calendar = Calendar::starting(at("2026-03-04T09:00:00Z"));
        assert_eq!(
            calendar.later(at("2026-03-06T11:17:03Z"), 1),
            at("2026-03-09T11:17:03Z")
        );
        assert_eq!(
            calendar.later(at("2026-03-05T11:00:00Z"), 2),
            at("2026-03-09T11:00:00Z")
        );
        assert_eq!(
            calendar.later(at("2026-03-09T11:00:00Z"), 1),
            at("2026-03-10T11:00:00Z")
        );
    }

    #[test]
    fn what_falls_after_hours_waits_for_the_next_office_morning() {
        let calendar = Calendar::starting(at("2026-03-04T09:00:00Z"));
        for (late, morning) in [
            ("2026-03-05T16:59:59Z", "2026-03-05T16:59:59Z"),
            ("2026-03-05T17:00:00Z", "2026-03-06T09:00:00Z"),
            ("2026-03-06T17:14:03Z", "2026-03-09T09:00:00Z"),
        ] {
            assert_eq!(calendar.or_next_morning(at(late)), at(morning));
        }
    }
}
