//! The org's credits in a rolling day, and how many calls it takes at once.
//!
//! Credits follow the simulated date; calls that are under way (those a `delay` fault holds) follow tokio's clock.
//! Sources: fact sheet sections 2.1 and 2.2.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    answer::Refusal,
    switches::{ZohoEdition, ZohoSwitches},
};

const DAY_SECS: i64 = 24 * 3_600;
/// Use is counted in slots of this many seconds.
const SLOT_SECS: i64 = 300;

/// What a call costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) credits: u32,
    /// Places it takes among calls at once.
    pub(crate) places: usize,
    /// It counts among complex calls.
    pub(crate) is_complex: bool,
}

impl Cost {
    pub(crate) const ONE: Self = Self {
        credits: 1,
        places: 1,
        is_complex: false,
    };
}

/// 429, whichever allowance it was.
pub(crate) fn too_many() -> Refusal {
    Refusal::new(429, "TOO_MANY_REQUESTS", "You have exceeded the limit")
}

/// All counters of the org.
#[derive(Debug)]
pub(crate) struct Limits {
    is_on: bool,
    credits_max: u64,
    others_per_hour: u64,
    at_once_max: usize,
    complex_max: usize,
    /// This app's and others' credits by slot, oldest first.
    slots: VecDeque<(i64, u64, u64)>,
    /// When calls that are under way end, and whether they are complex.
    under_way: Vec<(Instant, bool)>,
}

impl Limits {
    pub(crate) fn new(switches: &ZohoSwitches, is_on: bool) -> Self {
        let mut limits = Self {
            is_on,
            credits_max: 0,
            others_per_hour: 0,
            at_once_max: 0,
            complex_max: 0,
            slots: VecDeque::new(),
            under_way: Vec::new(),
        };
        limits.set(switches);
        limits
    }

    /// Takes over what the switches say.
    pub(crate) fn set(&mut self, switches: &ZohoSwitches) {
        let seats = u64::from(switches.seats);
        let (credits, at_once) = match switches.edition {
            ZohoEdition::Free => (5_000, 5),
            ZohoEdition::Standard => ((50_000 + 250 * seats).min(100_000), 10),
            ZohoEdition::Professional => ((50_000 + 500 * seats).min(3_000_000), 15),
            ZohoEdition::Enterprise => ((50_000 + 1_000 * seats).min(5_000_000), 20),
            ZohoEdition::Ultimate => (50_000 + 2_000 * seats, 25),
        };
        self.credits_max = switches.daily_credits.map_or(credits, u64::from);
        self.others_per_hour = u64::from(switches.others_per_hour);
        self.at_once_max = switches.concurrency.unwrap_or(at_once);
        self.complex_max = switches.sub_concurrency;
    }

    fn roll(&mut self, now: Timestamp) {
        let oldest = now.as_second() - DAY_SECS;
        while self.slots.front().is_some_and(|(slot, ..)| *slot <= oldest) {
            self.slots.pop_front();
        }
    }

    fn used(&self) -> u64 {
        let spent: u64 = self.slots.iter().map(|(_, own, others)| own + others).sum();
        spent + 24 * self.others_per_hour
    }

    /// Other apps spend of the same credits.
    pub(crate) fn spend_by_others(&mut self, credits: u32, now: Timestamp) {
        self.add(now, 0, u64::from(credits));
    }

    fn add(&mut self, now: Timestamp, own: u64, others: u64) {
        let slot = now.as_second().div_euclid(SLOT_SECS) * SLOT_SECS;
        match self.slots.back_mut() {
            Some((last, mine, theirs)) if *last == slot => {
                *mine += own;
                *theirs += others;
            }
            _ => self.slots.push_back((slot, own, others)),
        }
    }

    /// Refuses when an allowance is used up, or counts the call.
    pub(crate) fn admit(&mut self, cost: Cost, now: Timestamp) -> Result<(), Refusal> {
        self.roll(now);
        let at = Instant::now();
        self.under_way.retain(|(until, _)| *until > at);
        let credits = u64::from(cost.credits);
        if self.is_on {
            let complex = self.under_way.iter().filter(|(_, is_complex)| *is_complex);
            let lacks_credits = self.used() + credits > self.credits_max;
            let lacks_place = self.under_way.len() + cost.places > self.at_once_max;
            let lacks_complex = cost.is_complex && complex.count() >= self.complex_max;
            if lacks_credits || lacks_place || lacks_complex {
                return Err(too_many());
            }
        }
        self.add(now, credits, 0);
        Ok(())
    }

    /// A call that takes this long is under way.
    pub(crate) fn runs_for(&mut self, pause: Duration, cost: Cost) {
        let until = Instant::now() + pause;
        self.under_way
            .extend(std::iter::repeat_n((until, cost.is_complex), cost.places));
    }

    /// `X-API-CREDITS-REMAINING`: only from half of the day's credits on.
    pub(crate) fn header(&self) -> Option<u64> {
        let used = self.used();
        (used * 2 >= self.credits_max).then(|| self.credits_max.saturating_sub(used))
    }

    /// Credits of the day and what is left, for the headers older versions sent.
    pub(crate) fn figures(&self) -> (u64, u64) {
        (self.credits_max, self.credits_max.saturating_sub(self.used()))
    }

    /// What the control path shows.
    pub(crate) fn quota(&mut self, now: Timestamp) -> Value {
        self.roll(now);
        let own: u64 = self.slots.iter().map(|(_, own, _)| own).sum();
        let used = self.used();
        json!({"daily": {"used": used, "max": self.credits_max, "others": used - own}})
    }
}
