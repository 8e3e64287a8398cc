//! What keeps one connection's troubles small: a retry budget, and a breaker for each class of calls.
//!
//! Retries follow successes (a tenth of them, and a small floor that refills with time), so that a vendor in trouble
//! does not get several times the traffic. A class of calls that fails again and again is left alone for a while; then
//! one call tries. The breaker reckons in the callers' time, so that simulated days count.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// One retry, in the small change that successes pay in: ten successes buy one.
const RETRY_COST: u32 = 10;
/// Retries that are free after a quiet while.
const FLOOR: u32 = 10 * RETRY_COST;
/// Most retries that can be saved up.
const SAVED_MAX: u32 = 50 * RETRY_COST;
/// The floor refills by one retry in this time.
const REFILL_EVERY: SignedDuration = SignedDuration::from_secs(10);
/// Failed calls in a row that open a breaker.
const FAILURES_MAX: u32 = 5;
/// First pause of an open breaker; doubled with each failed try.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// Longest pause.
const PAUSE_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Troubles of one connection.
#[derive(Debug, Default)]
pub(super) struct Health {
    retries: Option<Retries>,
    breakers: BTreeMap<&'static str, Breaker>,
}

#[derive(Debug)]
struct Retries {
    saved: u32,
    refilled_at: Timestamp,
}

#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    /// Set while the class is left alone.
    open_until: Option<Timestamp>,
    pause: Option<SignedDuration>,
}

/// How often a call may try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tries {
    /// Within the usual bounds.
    Many,
    /// Once, to see whether the trouble is over.
    One,
}

impl Health {
    /// How often a call of this class may try; else when to come back. A breaker whose pause is over lets one call
    /// through and stays shut for the others until that one has ended or another pause has passed.
    pub(super) fn check(&mut self, class: &'static str, now: Timestamp) -> Result<Tries, Timestamp> {
        let Some(breaker) = self.breakers.get_mut(class) else {
            return Ok(Tries::Many);
        };
        let Some(until) = breaker.open_until else {
            return Ok(Tries::Many);
        };
        let is_shut = now < until;
        // A clock that was set back must not keep a class shut for longer than any pause.
        if is_shut && until.duration_since(now) <= PAUSE_MAX {
            return Err(until);
        }
        breaker.open_until = Some(now + breaker.pause.unwrap_or(PAUSE));
        Ok(Tries::One)
    }

    /// A call of this class was answered as it should be, were it with a refusal.
    pub(super) fn succeeded(&mut self, class: &'static str, now: Timestamp) {
        self.breakers.remove(class);
        let retries = self.retries(now);
        retries.saved = (retries.saved + 1).min(SAVED_MAX);
    }

    /// A call of this class failed for good.
    pub(super) fn failed(&mut self, class: &'static str, now: Timestamp) {
        let breaker = self.breakers.entry(class).or_default();
        breaker.failures += 1;
        if breaker.failures >= FAILURES_MAX {
            let pause = breaker.pause.map_or(PAUSE, |pause| (pause * 2).min(PAUSE_MAX));
            breaker.pause = Some(pause);
            breaker.open_until = Some(now + pause);
        }
    }

    /// Takes one retry out of the budget; false = none is left.
    pub(super) fn take_retry(&mut self, now: Timestamp) -> bool {
        let retries = self.retries(now);
        match retries.saved.checked_sub(RETRY_COST) {
            Some(left) => {
                retries.saved = left;
                true
            }
            None => false,
        }
    }

    fn retries(&mut self, now: Timestamp) -> &mut Retries {
        let retries = self.retries.get_or_insert(Retries {
            saved: FLOOR,
            refilled_at: now,
        });
        let passed = now.duration_since(retries.refilled_at);
        let refills = passed.as_secs() / REFILL_EVERY.as_secs();
        if refills > 0 {
            let change = u32::try_from(refills)
                .unwrap_or(u32::MAX)
                .saturating_mul(RETRY_COST);
            retries.saved = retries.saved.max(retries.saved.saturating_add(change).min(FLOOR));
            retries.refilled_at = now;
        } else if passed.is_negative() {
            retries.refilled_at = now;
        }
        retries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_445_600 + second).unwrap()
    }

    #[test]
    fn retries_are_a_tenth_of_successes_and_a_small_floor() {
        let mut health = Health::default();
        let spend = |health: &mut Health, now| (0..1_000).filter(|_| health.take_retry(now)).count();
        assert_eq!(spend(&mut health, at(0)), 10);
        for _ in 0..200 {
            health.succeeded("read", at(1));
        }
        assert_eq!(spend(&mut health, at(1)), 20);
        assert_eq!(spend(&mut health, at(21)), 2, "the floor refills slowly");
        assert_eq!(spend(&mut health, at(100_000)), 10, "and no further");
    }

    #[test]
    fn a_class_that_keeps_failing_is_left_alone_and_tried_with_one_call() {
        let mut health = Health::default();
        for _ in 0..5 {
            assert!(health.check("read deals", at(0)).is_ok());
            health.failed("read deals", at(0));
        }
        assert_eq!(health.check("read deals", at(10)), Err(at(30)));
        assert!(health.check("read calls", at(10)).is_ok(), "others go on");
        assert!(health.check("read deals", at(30)).is_ok());
        assert!(health.check("read deals", at(31)).is_err(), "one at a time");
        health.failed("read deals", at(32));
        assert_eq!(
            health.check("read deals", at(40)),
            Err(at(92)),
            "longer each time"
        );
        assert!(health.check("read deals", at(92)).is_ok());
        health.succeeded("read deals", at(93));
        assert!(health.check("read deals", at(93)).is_ok());
        assert!(health.check("read deals", at(93)).is_ok());
    }

    #[test]
    fn a_clock_set_back_opens_no_breaker_for_years() {
        let mut health = Health::default();
        for _ in 0..5 {
            health.failed("read deals", at(1_000_000));
        }
        assert!(health.check("read deals", at(0)).is_ok());
    }
}
