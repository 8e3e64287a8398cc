//! The day's allowance: our share of it, and who may still use what is left.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::Priority;

/// Part of our share open to polls and writes, in percent: the rest is for writes and tokens alone.
const POLLS_PERCENT: u64 = 90;
/// Part of our share open to everything.
const ANYTHING_PERCENT: u64 = 60;
/// Part of the org's whole allowance that only writes may touch.
const LEFT_TO_OTHERS_PERCENT: u64 = 10;
/// After the server said "no more today", it is asked again after this long: its midnight may not be ours.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(1);

#[derive(Debug)]
pub(super) struct Daily {
    maximum: u64,
    share_percent: u64,
    zone: TimeZone,
    day: Option<Date>,
    used: u64,
    /// What an earlier run spent on which day.
    earlier: Option<(Date, u64)>,
    /// The day was reckoned in another zone than the present one.
    is_day_foreign: bool,
    remaining: Option<u64>,
    /// When `remaining` was told.
    told_at: Option<Timestamp>,
    /// Whether the vendor's midnight is known.
    is_zone_known: bool,
    closed_until: Option<Timestamp>,
}

impl Daily {
    pub(super) const fn new(maximum: u64, share_percent: u8) -> Self {
        Self {
            maximum,
            share_percent: share_percent as u64,
            zone: TimeZone::UTC,
            day: None,
            used: 0,
            earlier: None,
            is_day_foreign: false,
            remaining: None,
            told_at: None,
            is_zone_known: false,
            closed_until: None,
        }
    }

    pub(super) fn set_zone(&mut self, zone: TimeZone) {
        self.is_zone_known = true;
        self.is_day_foreign |= zone != self.zone;
        self.zone = zone;
    }

    /// Whether one more request of this priority may leave at `now`; else when to come back.
    pub(super) fn check(&mut self, priority: Priority, now: Timestamp) -> Result<(), Timestamp> {
        self.turn_over(now);
        if let Some(until) = self.closed_until {
            if now < until {
                return Err(until);
            }
            self.closed_until = None;
        }
        let open_percent = match priority {
            Priority::Token | Priority::Write => 100,
            Priority::Hot | Priority::Poll => POLLS_PERCENT,
            Priority::Settled | Priority::Sweep | Priority::Backfill => ANYTHING_PERCENT,
        };
        let is_scarce = self
            .remaining
            .is_some_and(|remaining| remaining * 100 <= self.maximum * LEFT_TO_OTHERS_PERCENT);
        if self.used >= self.share() * open_percent / 100 {
            return Err(self.midnight_after(now));
        }
        if is_scarce && priority > Priority::Write {
            let until = self.scarce_until(now);
            if now < until {
                return Err(until);
            }
            // The next answer tells anew.
            self.told_at = Some(now);
        }
        Ok(())
    }

    /// Until when a word about what is left holds: to the vendor's midnight, or, while that is not known, for an hour.
    fn scarce_until(&self, now: Timestamp) -> Timestamp {
        let midnight = self.midnight_after(now);
        match self.told_at {
            Some(told_at) if !self.is_zone_known => midnight.min(told_at + ASK_AGAIN),
            _ => midnight,
        }
    }

    pub(super) const fn take(&mut self) {
        self.used += 1;
        if let Some(remaining) = self.remaining {
            self.remaining = Some(remaining.saturating_sub(1));
        }
    }

    pub(super) fn observe(&mut self, maximum: Option<u64>, remaining: Option<u64>, now: Timestamp) {
        self.turn_over(now);
        if let Some(maximum) = maximum {
            self.maximum = self.maximum.min(maximum);
        }
        if let Some(remaining) = remaining {
            self.told_at = Some(now);
            // What others leave is only known against the server's own maximum.
            let against = maximum.unwrap_or(self.maximum);
            self.remaining = Some(remaining.min(against) * self.maximum / against.max(1));
        }
    }

    /// Takes over the allowance the account has bought.
    pub(super) const fn adopt(&mut self, maximum: u64) {
        self.maximum = maximum;
    }

    pub(super) fn close(&mut self, now: Timestamp) {
        self.turn_over(now);
        self.closed_until = Some(self.midnight_after(now).min(now + ASK_AGAIN));
    }

    pub(super) fn spent(&self) -> Option<(Date, u64)> {
        self.day.map(|day| (day, self.used))
    }

    pub(super) fn restore(&mut self, day: Date, used: u64) {
        self.earlier = Some((day, used));
        match self.day {
            Some(known) if known > day => {}
            Some(known) if known == day => self.used = self.used.max(used),
            _ => {
                self.day = Some(day);
                self.used = used;
            }
        }
    }

    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    pub(super) const fn share(&self) -> u64 {
        self.maximum * self.share_percent / 100
    }

    pub(super) fn others(&self) -> u64 {
        self.remaining.map_or(0, |remaining| {
            self.maximum.saturating_sub(remaining).saturating_sub(self.used)
        })
    }

    /// Starts a new day when the date has moved on. A clock that steps back does not give the day anew.
    fn turn_over(&mut self, now: Timestamp) {
        let today = self.zone.to_datetime(now).date();
        if std::mem::take(&mut self.is_day_foreign) && self.day.is_some_and(|day| day > today) {
            // The first requests of a run went out before the vendor's midnight was known: they count today, and so
            // does what an earlier run spent.
            self.day = Some(today);
            self.used += self
                .earlier
                .filter(|(day, _)| *day == today)
                .map_or(0, |(_, used)| used);
        }
        if self.day.is_none_or(|day| day < today) {
            self.day = Some(today);
            self.used = 0;
            self.remaining = None;
        }
    }

    fn midnight_after(&self, now: Timestamp) -> Timestamp {
        self.zone
            .to_datetime(now)
            .date()
            .tomorrow()
            .ok()
            .and_then(|day| day.to_zoned(self.zone.clone()).ok())
            .map_or(now + ASK_AGAIN, |midnight| midnight.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn while_the_vendors_midnight_is_not_known_an_empty_day_is_asked_about_again_within_the_hour() {
        let mut daily = Daily::new(30_000, 10);
        let told_at = at("2026-11-08T03:16:00Z");
        daily.observe(Some(30_000), Some(0), told_at);
        let later = told_at + SignedDuration::from_mins(59);
        assert_eq!(daily.check(Priority::Poll, later), Err(told_at + ASK_AGAIN));
        // One request learns what the day is like now.
        let again = told_at + ASK_AGAIN;
        assert_eq!(daily.check(Priority::Poll, again), Ok(()));
        assert_eq!(daily.check(Priority::Poll, again), Err(again + ASK_AGAIN));
        daily.set_zone(TimeZone::get("America/New_York").unwrap());
        assert_eq!(
            daily.check(Priority::Poll, again),
            Err(at("2026-11-08T05:00:00Z"))
        );
    }
}
