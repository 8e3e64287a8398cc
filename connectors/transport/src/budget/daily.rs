//! The day's allowance: our share of it, and who may still use what is left.

use followup_core::SpentQuota;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{Priority, hours::Hours};

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
    /// What this run spent.
    own: u64,
    /// Nobody has told the maximum yet: what earlier runs spent of the real one says nothing against it.
    is_assumed: bool,
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
    /// Set where the allowance is of the last 24 hours and no midnight gives it anew.
    hours: Option<Hours>,
}

impl Daily {
    pub(super) const fn new(maximum: u64, share_percent: u8) -> Self {
        Self {
            maximum,
            share_percent: share_percent as u64,
            zone: TimeZone::UTC,
            day: None,
            used: 0,
            own: 0,
            is_assumed: false,
            earlier: None,
            is_day_foreign: false,
            remaining: None,
            told_at: None,
            is_zone_known: false,
            closed_until: None,
            hours: None,
        }
    }

    /// Counts the last 24 hours from now on instead of days.
    pub(super) fn roll(&mut self) {
        self.hours = Some(Hours::default());
    }

    /// Takes the maximum for a guess until [`Self::settle`].
    pub(super) const fn assume(&mut self) {
        self.is_assumed = true;
    }

    /// From now on the maximum counts as known.
    pub(super) const fn settle(&mut self) {
        self.is_assumed = false;
    }

    pub(super) fn set_zone(&mut self, zone: TimeZone) {
        self.is_zone_known = true;
        self.is_day_foreign |= zone != self.zone;
        self.zone = zone;
    }

    /// Whether one more request of this priority and cost may leave at `now`; else when to come back.
    pub(super) fn check(&mut self, priority: Priority, cost: u64, now: Timestamp) -> Result<(), Timestamp> {
        self.turn_over(now);
        if let Some(until) = self.closed_until {
            // Never longer than this, unless the clock was set back meanwhile.
            if now < until && until.duration_since(now) <= ASK_AGAIN {
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
        let open = self.share() * open_percent / 100;
        let used = if self.is_assumed {
            self.own.min(self.used)
        } else {
            self.used
        };
        if used + cost > open {
            return Err(self.free_after(open.saturating_sub(cost), now));
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

    /// Until when a word about what is left holds: to the vendor's midnight or, while that is not known, for an hour. What
    /// is told in the first hour of our day may still be about the vendor's last one: clocks differ.
    fn scarce_until(&self, now: Timestamp) -> Timestamp {
        if self.hours.is_some() {
            return self.told_at.map_or(now, |told_at| told_at + ASK_AGAIN);
        }
        let midnight = self.midnight_after(now);
        let is_doubtful = |told_at: &Timestamp| {
            let an_hour_before = told_at.checked_sub(ASK_AGAIN).unwrap_or(Timestamp::MIN);
            !self.is_zone_known || self.midnight_after(an_hour_before) <= *told_at
        };
        match self.told_at.filter(is_doubtful) {
            Some(told_at) => midnight.min(told_at + ASK_AGAIN),
            None => midnight,
        }
    }

    pub(super) fn take(&mut self, cost: u64, now: Timestamp) {
        self.used += cost;
        self.own += cost;
        if let Some(hours) = &mut self.hours {
            hours.take(cost, now);
        }
        if let Some(remaining) = self.remaining {
            self.remaining = Some(remaining.saturating_sub(cost));
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

    /// Takes over the allowance the account has bought. What is left of it was told against another figure, and is the
    /// same part of this one.
    pub(super) fn adopt(&mut self, maximum: u64) {
        self.remaining = self
            .remaining
            .map(|remaining| remaining * maximum / self.maximum.max(1));
        self.maximum = maximum;
    }

    pub(super) fn close(&mut self, now: Timestamp) {
        self.turn_over(now);
        let soon = now + ASK_AGAIN;
        self.closed_until = Some(match self.hours {
            Some(_) => soon,
            None => self.midnight_after(now).min(soon),
        });
    }

    pub(super) fn spent(&self) -> Option<(Date, u64)> {
        self.day.map(|day| (day, self.used))
    }

    /// What was spent, in the form in which it is kept across restarts.
    pub(super) fn quota(&self) -> Option<SpentQuota> {
        let day = match &self.hours {
            Some(hours) => hours.text()?,
            None => self.day?.to_string(),
        };
        Some(SpentQuota { day, used: self.used })
    }

    /// Takes over [`Self::quota`] of an earlier run; false = it cannot be read.
    pub(super) fn restore_quota(&mut self, spent: &SpentQuota) -> bool {
        if let Some(hours) = &mut self.hours {
            let Some(earlier) = Hours::parse(&spent.day) else {
                return false;
            };
            hours.join(&earlier);
            self.used = hours.sum();
            return true;
        }
        let Ok(day) = spent.day.parse() else { return false };
        self.restore(day, spent.used);
        true
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
        // Told by a clock that was hours ahead and is right now.
        if self
            .told_at
            .is_some_and(|told_at| told_at.duration_since(now) > ASK_AGAIN)
        {
            self.told_at = None;
            self.remaining = None;
        }
        if let Some(hours) = &mut self.hours {
            hours.forget(now);
            self.used = hours.sum();
            // A vendor that says nothing more has plenty left.
            if self.told_at.is_none_or(|told_at| told_at + ASK_AGAIN <= now) {
                self.remaining = None;
            }
            return;
        }
        let today = self.zone.to_datetime(now).date();
        // A clock a little behind does not give the day anew; one that was days ahead did not use up those to come.
        let is_far = |day: Date| today.tomorrow().is_ok_and(|tomorrow_on| day > tomorrow_on);
        let is_foreign = std::mem::take(&mut self.is_day_foreign);
        if self
            .day
            .is_some_and(|day| day > today && (is_foreign || is_far(day)))
        {
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

    /// When no more than `limit` will have been spent.
    fn free_after(&self, limit: u64, now: Timestamp) -> Timestamp {
        match &self.hours {
            Some(hours) => hours.frees_at(limit).unwrap_or(now + ASK_AGAIN),
            None => self.midnight_after(now),
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
        assert_eq!(daily.check(Priority::Poll, 1, later), Err(told_at + ASK_AGAIN));
        // One request learns what the day is like now.
        let again = told_at + ASK_AGAIN;
        assert_eq!(daily.check(Priority::Poll, 1, again), Ok(()));
        assert_eq!(daily.check(Priority::Poll, 1, again), Err(again + ASK_AGAIN));
        daily.set_zone(TimeZone::get("America/New_York").unwrap());
        assert_eq!(
            daily.check(Priority::Poll, 1, again),
            Err(at("2026-11-08T05:00:00Z"))
        );
    }

    #[test]
    fn what_is_told_right_after_our_midnight_may_be_about_the_vendors_last_day() {
        let mut daily = Daily::new(30_000, 10);
        daily.set_zone(TimeZone::get("America/New_York").unwrap());
        // Our clock is a minute ahead, and yesterday's allowance was used up.
        let told_at = at("2026-11-08T05:00:10Z");
        daily.observe(Some(30_000), Some(0), told_at);
        daily.close(told_at);
        let again = told_at + ASK_AGAIN;
        assert_eq!(daily.check(Priority::Poll, 1, told_at), Err(again));
        assert_eq!(daily.check(Priority::Poll, 1, again), Ok(()));
        daily.observe(Some(30_000), Some(0), again);
        let midnight = at("2026-11-09T05:00:00Z");
        assert_eq!(
            daily.check(Priority::Poll, 1, again),
            Err(midnight),
            "it holds now"
        );
    }

    #[test]
    fn a_day_that_a_clock_ahead_began_ends_when_the_clock_is_right() {
        let mut daily = Daily::new(100, 100);
        let (ahead, now) = (at("2027-11-08T12:00:00Z"), at("2026-11-08T12:00:00Z"));
        daily.observe(Some(100), Some(0), ahead);
        daily.take(40, ahead);
        daily.close(ahead);
        assert_eq!(daily.check(Priority::Write, 60, now), Ok(()));
        assert!(
            daily.check(Priority::Write, 61, now).is_err(),
            "what was spent counts today"
        );
        let tomorrow = at("2026-11-09T12:00:00Z");
        assert_eq!(daily.check(Priority::Write, 100, tomorrow), Ok(()));
    }

    #[test]
    fn an_allowance_of_the_last_24_hours_is_never_exceeded_around_midnight_and_survives_a_restart() {
        let mut daily = Daily::new(1_000, 100);
        daily.roll();
        let evening = at("2026-11-08T23:30:00Z");
        assert_eq!(daily.check(Priority::Write, 1_000, evening), Ok(()));
        daily.take(1_000, evening);
        let morning = at("2026-11-09T00:30:00Z");
        let free = at("2026-11-10T00:00:00Z");
        assert_eq!(daily.check(Priority::Write, 1, morning), Err(free));
        let mut next = Daily::new(1_000, 100);
        next.roll();
        assert!(next.restore_quota(&daily.quota().unwrap()));
        assert_eq!(next.check(Priority::Write, 1, morning), Err(free));
        assert_eq!(next.check(Priority::Write, 1, free), Ok(()));
    }

    #[test]
    fn an_account_that_bought_much_more_than_was_assumed_is_not_taken_for_used_up() {
        let mut daily = Daily::new(15_000, 10);
        daily.roll();
        let now = at("2026-11-08T12:00:00Z");
        daily.observe(Some(250_000), Some(249_990), now);
        daily.adopt(250_000);
        assert_eq!(daily.check(Priority::Poll, 1, now), Ok(()));
        assert!(daily.others() <= 20, "{}", daily.others());
        // The other way round: what others spent of a large account is as much of the small part we believed in.
        let mut daily = Daily::new(15_000, 10);
        daily.observe(Some(250_000), Some(20_000), now);
        daily.adopt(250_000);
        assert!(daily.check(Priority::Poll, 1, now).is_err());
    }

    #[test]
    fn what_earlier_runs_spent_counts_only_against_a_maximum_that_is_known() {
        let now = at("2026-11-08T12:00:00Z");
        let spent = SpentQuota {
            day: "2026-11-08".to_owned(),
            used: 1_700,
        };
        let mut daily = Daily::new(15_000, 10);
        daily.assume();
        assert!(daily.restore_quota(&spent));
        assert_eq!(
            daily.check(Priority::Poll, 1, now),
            Ok(()),
            "the look learns the maximum"
        );
        assert!(
            daily.check(Priority::Write, 1_501, now).is_err(),
            "a guess binds this run"
        );
        daily.adopt(100_000);
        daily.settle();
        assert_eq!(daily.check(Priority::Write, 8_300, now), Ok(()));
        assert!(daily.check(Priority::Write, 8_301, now).is_err());
        let mut daily = Daily::new(15_000, 10);
        assert!(daily.restore_quota(&spent));
        assert!(
            daily.check(Priority::Poll, 1, now).is_err(),
            "a known maximum binds all runs"
        );
    }

    #[test]
    fn a_costly_request_needs_room_for_all_of_it() {
        let mut daily = Daily::new(100, 10);
        let now = at("2026-11-08T12:00:00Z");
        assert_eq!(daily.check(Priority::Write, 8, now), Ok(()));
        daily.take(8, now);
        assert!(daily.check(Priority::Write, 3, now).is_err());
        assert!(daily.check(Priority::Write, 2, now).is_ok());
    }
}
