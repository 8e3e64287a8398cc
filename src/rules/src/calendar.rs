//! Business time: weekly hours, zones, holidays and absences of one owner.
//!
//! A day of business is a local date with weekly hours that is no holiday. Hours are open at the opening instant and
//! closed at the closing instant. Absences never stop a clock; they only say until when its owner is away. All
//! local times are resolved in the calendar's zone: a time a clock change skips counts as the first instant after
//! the change, a time it repeats as the first of the two.
//!
//! Every search is bounded: where holidays would leave no day of business for ten years, they are passed over.

mod hours;

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{Absence, OwnerId};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

pub use self::hours::{HoursError, OpenSpan, WeeklyHours};
use crate::{policy::Span, portable};

/// How many days a search looks at before it passes over holidays.
const SEARCH_DAYS_MAX: u32 = 3_660;

/// How far back elapsed business time is counted.
const ELAPSED_MAX: SignedDuration = SignedDuration::from_hours(24 * 366 * 40);

/// The business time of one owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Calendar {
    #[serde(with = "jiff::fmt::serde::tz::required")]
    zone: TimeZone,
    hours: WeeklyHours,
    holidays: BTreeSet<Date>,
    absences: Vec<Absence>,
}

/// A stretch of opening hours on a certain day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    opens_at: Timestamp,
    closes_at: Timestamp,
}

impl Default for Calendar {
    /// Monday to Friday, 09:00 to 17:00 UTC, no holidays.
    fn default() -> Self {
        Self::new(
            TimeZone::UTC,
            WeeklyHours::standard(),
            BTreeSet::new(),
            Vec::new(),
        )
    }
}

impl Calendar {
    /// Puts a calendar together; holidays and absences are dates in `zone`.
    pub const fn new(
        zone: TimeZone,
        hours: WeeklyHours,
        holidays: BTreeSet<Date>,
        absences: Vec<Absence>,
    ) -> Self {
        Self {
            zone,
            hours,
            holidays,
            absences,
        }
    }

    /// The same hours and holidays in another zone.
    #[must_use]
    pub fn with_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// The same calendar with these absences instead of its own.
    #[must_use]
    pub fn with_absences(mut self, absences: Vec<Absence>) -> Self {
        self.absences = absences;
        self
    }

    /// The weekly hours.
    pub const fn hours(&self) -> &WeeklyHours {
        &self.hours
    }

    /// The days without hours, as dates in the zone.
    pub const fn holidays(&self) -> &BTreeSet<Date> {
        &self.holidays
    }

    /// The zone in which dates and hours are meant.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether the hours are open: yes at the opening instant, no at the closing instant.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.stretches(self.date_on(at))
            .any(|stretch| stretch.opens_at <= at && at < stretch.closes_at)
    }

    /// The first open instant at or after `at`: `at` itself if it is open.
    pub fn next_opening(&self, at: Timestamp) -> Timestamp {
        let today_on = self.date_on(at);
        let later_today = self.stretches(today_on).find(|stretch| at < stretch.closes_at);
        if let Some(stretch) = later_today {
            return stretch.opens_at.max(at);
        }
        let next_on = self.business_day_after(today_on, 1);
        self.opening_of(next_on)
    }

    /// The last closing of the local day `at` falls on or, if that is not after `at`, of the next day of business.
    pub fn closing_of_day(&self, at: Timestamp) -> Timestamp {
        self.stretches(self.date_on(at))
            .next_back()
            .map(|stretch| stretch.closes_at)
            .filter(|closes_at| at < *closes_at)
            .unwrap_or_else(|| self.closing_of_next_day(at))
    }

    /// The last closing of the first day of business after the local date of `at`.
    pub fn closing_of_next_day(&self, at: Timestamp) -> Timestamp {
        let next_on = self.business_day_after(self.date_on(at), 1);
        self.closing_of(next_on)
    }

    /// `at` plus a span. Business spans start at the next opening if `at` is closed. Business days go to the same
    /// wall time on the n-th following day of business, clamped to its hours; business hours and minutes are elapsed
    /// time inside the hours and may end on a closing instant.
    pub fn add(&self, at: Timestamp, span: Span) -> Timestamp {
        match span {
            Span::Calendar(length) => at.saturating_add(length).unwrap_or(Timestamp::MAX),
            Span::Business(length) if length.is_negative() => {
                self.subtract_elapsed(at, length.checked_neg().unwrap_or(SignedDuration::MAX))
            }
            Span::Business(length) => self.add_elapsed(at, length),
            Span::BusinessDays(days) if days < 0 => self.subtract_days(at, days.unsigned_abs()),
            Span::BusinessDays(days) => self.add_days(at, days.unsigned_abs()),
        }
    }

    /// `at` minus a span: the mirror of [`Self::add`]. Business spans start at the last closing if `at` is closed.
    pub fn subtract(&self, at: Timestamp, span: Span) -> Timestamp {
        match span {
            Span::Calendar(length) => at.saturating_sub(length).unwrap_or(Timestamp::MIN),
            Span::Business(length) if length.is_negative() => {
                self.add_elapsed(at, length.checked_neg().unwrap_or(SignedDuration::MAX))
            }
            Span::Business(length) => self.subtract_elapsed(at, length),
            Span::BusinessDays(days) if days < 0 => self.add_days(at, days.unsigned_abs()),
            Span::BusinessDays(days) => self.subtract_days(at, days.unsigned_abs()),
        }
    }

    /// Elapsed business time from one instant to a later one; zero if `to` is not later. Counted over the last 40
    /// years at most.
    pub fn business_between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        let from = from.max(to.saturating_sub(ELAPSED_MAX).unwrap_or(Timestamp::MIN));
        let mut total = SignedDuration::ZERO;
        let mut date = self.date_on(from);
        let last_on = self.date_on(to);
        while date <= last_on {
            for stretch in self.stretches(date) {
                let length = stretch
                    .closes_at
                    .min(to)
                    .duration_since(stretch.opens_at.max(from));
                total = total.saturating_add(length.max(SignedDuration::ZERO));
            }
            let Ok(next_on) = date.tomorrow() else { break };
            date = next_on;
        }
        total
    }

    /// The mean length of a day that has hours, by the weekly hours.
    pub fn mean_day(&self) -> SignedDuration {
        self.hours.mean_day()
    }

    /// If the owner is away on the local date of `at`: the opening of the first day of business on which the owner is
    /// back. Absences that follow each other count as one.
    pub fn absent_until(&self, at: Timestamp) -> Option<Timestamp> {
        let mut back_on = self.end_of_absence(self.date_on(at))?;
        for _ in 0..SEARCH_DAYS_MAX {
            let open_on = if self.has_hours(back_on) {
                back_on
            } else {
                self.business_day_after(back_on, 1)
            };
            match self.end_of_absence(open_on) {
                Some(later_on) if later_on > open_on => back_on = later_on,
                _ => return Some(self.opening_of(open_on)),
            }
        }
        Some(self.opening_of(back_on))
    }

    /// If the local date of `at` is the first day of business after a leave of at least `days` days of business: the
    /// opening of that day.
    pub fn back_from_leave(&self, at: Timestamp, days: u32) -> Option<Timestamp> {
        let today_on = self.date_on(at);
        let is_away = |date| self.end_of_absence(date).is_some();
        if is_away(today_on) || !self.has_hours(today_on) {
            return None;
        }
        let mut before = (1..=days).map(|count| self.business_day_before(today_on, count));
        before
            .all(|day| day < today_on && is_away(day))
            .then(|| self.opening_of(today_on))
    }

    /// The local date of an instant.
    pub fn date_on(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// The first instant of a local date.
    pub fn start_of(&self, date: Date) -> Timestamp {
        self.resolve(date.to_datetime(Time::midnight()))
    }

    /// The first opening of a date; of a date without hours, its first instant.
    fn opening_of(&self, date: Date) -> Timestamp {
        self.stretches_of_week(date)
            .next()
            .map_or_else(|| self.start_of(date), |stretch| stretch.opens_at)
    }

    /// The last closing of a date; of a date without hours, its first instant.
    fn closing_of(&self, date: Date) -> Timestamp {
        self.stretches_of_week(date)
            .next_back()
            .map_or_else(|| self.start_of(date), |stretch| stretch.closes_at)
    }

    fn add_days(&self, at: Timestamp, days: u32) -> Timestamp {
        let start_at = self.next_opening(at);
        if days == 0 {
            return start_at;
        }
        let start = self.zone.to_datetime(start_at);
        let target_on = self.business_day_after(start.date(), days);
        let wall_at = self.resolve(target_on.to_datetime(start.time()));
        self.stretches_of_week(target_on)
            .find(|stretch| wall_at <= stretch.closes_at)
            .or_else(|| self.stretches_of_week(target_on).next_back())
            .map_or(wall_at, |stretch| {
                wall_at.clamp(stretch.opens_at, stretch.closes_at)
            })
    }

    fn subtract_days(&self, at: Timestamp, days: u32) -> Timestamp {
        let start_at = self.previous_closing(at);
        if days == 0 {
            return start_at;
        }
        let start = self.zone.to_datetime(start_at);
        let target_on = self.business_day_before(start.date(), days);
        let wall_at = self.resolve(target_on.to_datetime(start.time()));
        self.stretches_of_week(target_on)
            .rfind(|stretch| stretch.opens_at <= wall_at)
            .or_else(|| self.stretches_of_week(target_on).next())
            .map_or(wall_at, |stretch| {
                wall_at.clamp(stretch.opens_at, stretch.closes_at)
            })
    }

    fn add_elapsed(&self, at: Timestamp, length: SignedDuration) -> Timestamp {
        let mut at = self.next_opening(at);
        let mut left = length;
        loop {
            let closes_at = self
                .stretches(self.date_on(at))
                .find(|stretch| at < stretch.closes_at)
                .map_or(at, |stretch| stretch.closes_at);
            let room = closes_at.duration_since(at);
            if left <= room || room <= SignedDuration::ZERO {
                return at.saturating_add(left).unwrap_or(Timestamp::MAX);
            }
            left = left.saturating_sub(room);
            at = self.next_opening(closes_at);
        }
    }

    fn subtract_elapsed(&self, at: Timestamp, length: SignedDuration) -> Timestamp {
        let mut at = self.previous_closing(at);
        let mut left = length;
        loop {
            let opens_at = self
                .stretch_ending_at_or_around(at)
                .map_or(at, |stretch| stretch.opens_at);
            let room = at.duration_since(opens_at);
            if left <= room || room <= SignedDuration::ZERO {
                return at.saturating_sub(left).unwrap_or(Timestamp::MIN);
            }
            left = left.saturating_sub(room);
            at = self.previous_closing(opens_at);
        }
    }

    /// `at` itself inside the hours or on a closing instant, else the last closing before it. An opening instant goes
    /// back to the closing before it: no time has passed since.
    fn previous_closing(&self, at: Timestamp) -> Timestamp {
        if let Some(stretch) = self.stretch_ending_at_or_around(at) {
            return stretch.closes_at.min(at);
        }
        let today_on = self.date_on(at);
        let earlier_today = self.stretches(today_on).rfind(|stretch| stretch.closes_at <= at);
        earlier_today.map_or_else(
            || self.closing_of(self.business_day_before(today_on, 1)),
            |stretch| stretch.closes_at,
        )
    }

    /// The stretch with `opens_at < at <= closes_at`, also one that ends at the midnight `at` stands on.
    fn stretch_ending_at_or_around(&self, at: Timestamp) -> Option<Stretch> {
        let today_on = self.date_on(at);
        let yesterday = today_on
            .yesterday()
            .into_iter()
            .flat_map(|date| self.stretches(date));
        yesterday
            .chain(self.stretches(today_on))
            .find(|stretch| stretch.opens_at < at && at <= stretch.closes_at)
    }

    /// The n-th day of business after a date.
    fn business_day_after(&self, date: Date, count: u32) -> Date {
        self.walk(date, count, |date| date.tomorrow().ok())
    }

    /// The n-th day of business before a date.
    fn business_day_before(&self, date: Date, count: u32) -> Date {
        self.walk(date, count, |date| date.yesterday().ok())
    }

    fn walk(&self, from: Date, count: u32, step: impl Fn(Date) -> Option<Date>) -> Date {
        let mut date = from;
        let mut left = count;
        let mut since_last = 0;
        while left > 0 {
            let Some(next_on) = step(date) else { break };
            date = next_on;
            since_last += 1;
            let counts = if since_last > SEARCH_DAYS_MAX {
                !self.hours.of(date.weekday()).is_empty()
            } else {
                self.has_hours(date)
            };
            if counts {
                left -= 1;
                since_last = 0;
            }
        }
        date
    }

    fn has_hours(&self, date: Date) -> bool {
        self.stretches(date).next().is_some()
    }

    /// When the owner is away: from the begin of the first day to the begin of the first day back.
    pub fn absences(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        self.absences.iter().map(|absence| {
            let back_on = absence.last_on.tomorrow();
            let back_at = back_on.map_or(Timestamp::MAX, |back_on| self.start_of(back_on));
            (self.start_of(absence.first_on), back_at)
        })
    }

    /// The day after the absence that covers a date.
    fn end_of_absence(&self, date: Date) -> Option<Date> {
        let last_on = self
            .absences
            .iter()
            .filter(|absence| absence.first_on <= date && date <= absence.last_on)
            .map(|absence| absence.last_on)
            .max()?;
        Some(last_on.tomorrow().unwrap_or(last_on))
    }

    /// The stretches of a date, earliest first; none on a holiday.
    fn stretches(&self, date: Date) -> impl DoubleEndedIterator<Item = Stretch> + '_ {
        let is_holiday = self.holidays.contains(&date);
        let spans = if is_holiday {
            &[]
        } else {
            self.hours.of(date.weekday())
        };
        self.stretches_over(date, spans)
    }

    /// The stretches of a date by the weekly hours alone.
    fn stretches_of_week(&self, date: Date) -> impl DoubleEndedIterator<Item = Stretch> + '_ {
        self.stretches_over(date, self.hours.of(date.weekday()))
    }

    fn stretches_over<'c>(
        &'c self,
        date: Date,
        spans: &'c [OpenSpan],
    ) -> impl DoubleEndedIterator<Item = Stretch> + 'c {
        spans
            .iter()
            .map(move |span| Stretch {
                opens_at: self.at_minute(date, span.from_minute),
                closes_at: self.at_minute(date, span.to_minute),
            })
            .filter(|stretch| stretch.opens_at < stretch.closes_at)
    }

    /// A minute of a local date, 1440 being the next midnight.
    fn at_minute(&self, date: Date, minute: u16) -> Timestamp {
        let hour = i8::try_from(minute / 60).unwrap_or(24);
        let rest = i8::try_from(minute % 60).unwrap_or(0);
        match Time::new(hour, rest, 0, 0) {
            Ok(time) => self.resolve(date.to_datetime(time)),
            Err(_) => date
                .tomorrow()
                .map_or(Timestamp::MAX, |next_on| self.start_of(next_on)),
        }
    }

    /// A local time as an instant; beyond the range of instants, the nearest one.
    fn resolve(&self, local: DateTime) -> Timestamp {
        let fallback = if local.year() > 0 {
            Timestamp::MAX
        } else {
            Timestamp::MIN
        };
        self.zone
            .to_ambiguous_timestamp(local)
            .compatible()
            .unwrap_or(fallback)
    }
}

/// The calendars of all owners, which owners are one person, and in which language they are written to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Calendars {
    /// For owners without one, for records without owner, and for the admin.
    pub default: Calendar,
    /// By owner.
    #[serde(with = "portable::pairs")]
    pub by_owner: BTreeMap<OwnerId, Calendar>,
    /// Owners of several CRMs who are one person: each but the first, with the first.
    #[serde(with = "portable::pairs")]
    pub same_person: BTreeMap<OwnerId, OwnerId>,
    /// The languages of owners who are written to in another one than the team, by their words.
    #[serde(with = "portable::pairs")]
    pub languages: BTreeMap<OwnerId, String>,
    /// Who stands in for an owner who is away: a login of the same CRM that can be given work.
    #[serde(with = "portable::pairs", default)]
    pub delegates: BTreeMap<OwnerId, OwnerId>,
}

impl Calendars {
    /// The calendar that counts for an owner.
    pub fn of(&self, owner: Option<&OwnerId>) -> &Calendar {
        owner
            .and_then(|owner| self.by_owner.get(owner))
            .unwrap_or(&self.default)
    }

    /// Who is asked in place of an owner who is away at an instant; `None` where the owner is there, nobody stands in,
    /// or whoever does is away as well.
    pub fn delegate_at(&self, owner: &OwnerId, at: Timestamp) -> Option<&OwnerId> {
        let delegate = self.delegates.get(owner)?;
        self.of(Some(owner)).absent_until(at)?;
        let is_there = self.of(Some(delegate)).absent_until(at).is_none();
        is_there.then_some(delegate)
    }

    /// When an owner is away and nobody stands in: from the begin of the first day to the begin of the first day back.
    pub fn unattended(&self, owner: Option<&OwnerId>) -> Vec<(Timestamp, Timestamp)> {
        let away = self.of(owner).absences();
        let Some(delegate) = owner.and_then(|owner| self.delegates.get(owner)) else {
            return away.collect();
        };
        let theirs: Vec<_> = self.of(Some(delegate)).absences().collect();
        let both = away.flat_map(|(from, to)| {
            let common = theirs
                .iter()
                .map(move |(begin, end)| (from.max(*begin), to.min(*end)));
            common.filter(|(begin, end)| begin < end)
        });
        both.collect()
    }

    /// The language an owner is written to in, by its word; `None` = the team's.
    pub fn language_of(&self, owner: Option<&OwnerId>) -> Option<&str> {
        owner
            .and_then(|owner| self.languages.get(owner))
            .map(String::as_str)
    }

    /// The one id under which everything of a person is counted.
    pub fn person_of<'a>(&'a self, owner: &'a OwnerId) -> &'a OwnerId {
        self.same_person.get(owner).unwrap_or(owner)
    }

    /// The other ids of a person, by the one under which everything is counted.
    pub fn logins_of<'a>(&'a self, person: &'a OwnerId) -> impl Iterator<Item = &'a OwnerId> {
        self.same_person
            .iter()
            .filter_map(move |(login, known)| (known == person).then_some(login))
    }
}

#[cfg(test)]
mod tests;
