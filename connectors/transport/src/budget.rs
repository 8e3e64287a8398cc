//! The one place that decides whether a request may leave now.
//!
//! A CRM's allowance belongs to the whole org; we take a small, configured share of it. Every request passes
//! [`Budget::admit`], which asks all limits that apply *at once*: the burst or the search window, the day's share, and
//! any pause the server asked for. Higher priorities go first, and a part of the day is kept for them. Within a window
//! requests leave at once until its share is used; no span as long as the window ever holds more. `governor`
//! stands behind our own counts as the last burst guard; it reads tokio's clock and is only ever asked, never waited on.
//!
//! Invariants: the share is never exceeded; a server's headers only lower our view; a wait is bounded (past the bound
//! the caller gets [`Throttle`] with the instant to come back); a restart gives neither the day's share anew
//! ([`Budget::spent`], [`Budget::restore`]) nor the window's (the first answer's headers tell what it holds).

mod bucket;
mod daily;
mod gate;
mod hours;
mod limits;
mod queue;
#[cfg(test)]
mod tests;
mod window;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use followup_core::{SpentQuota, Usage};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use tokio::time::Instant;

use crate::vendor::{Limit, RateView};
use bucket::Bucket;
use daily::Daily;
use gate::Gate;
use window::Window;

pub use limits::{BudgetLimits, Pool, Priority, Throttle};

/// No vendor asks for a longer pause (and its spread).
const PAUSE_MAX: SignedDuration = SignedDuration::from_hours(25);
/// Searches are counted by the second.
const SEARCH_WINDOW: Duration = Duration::from_secs(1);

/// All limits of one connection.
#[derive(Debug)]
pub struct Budget {
    state: Mutex<State>,
    wait_max: Duration,
}

#[derive(Debug)]
struct State {
    burst: Gate,
    search: Gate,
    daily: Daily,
    /// The vendor asked to leave the whole account alone until this date.
    paused_until: Option<Timestamp>,
    requests: u64,
    throttled: u64,
}

impl State {
    const fn gate(&mut self, pool: Pool) -> &mut Gate {
        match pool {
            Pool::Burst => &mut self.burst,
            Pool::Search => &mut self.search,
        }
    }

    /// The end of a pause in force. A clock that was set back ends a pause rather than prolong it.
    fn paused(&self, now: Timestamp) -> Option<Timestamp> {
        self.paused_until
            .filter(|until| now < *until && until.duration_since(now) <= PAUSE_MAX)
    }
}

impl Budget {
    /// Starts with an untouched day, in UTC days until [`Self::set_time_zone`].
    ///
    /// What an earlier process sent just before is not known: of the burst window the first answer's headers tell it,
    /// of searches nothing does, so the first one waits until their window has passed.
    pub fn new(limits: &BudgetLimits) -> Self {
        let burst = Window::new(
            limits.burst_max.into(),
            limits.burst_window,
            limits.burst_share.into(),
        );
        let searches = Window::new(limits.search_max.into(), SEARCH_WINDOW, 100);
        let average = Bucket::new(limits.search_per_second, limits.search_burst);
        let mut search = Gate::new(searches, Some(average));
        search.close_until(Instant::now() + SEARCH_WINDOW + SEARCH_WINDOW / 50);
        Self {
            state: Mutex::new(State {
                burst: Gate::new(burst, None),
                search,
                daily: Daily::new(limits.daily_max, limits.api_share),
                paused_until: None,
                requests: 0,
                throttled: 0,
            }),
            wait_max: limits.wait_max,
        }
    }

    /// The same limits where the daily allowance is a guess until [`Self::adopt`]: what earlier runs spent is not held
    /// against it, else a heavy day could keep us from learning the real one.
    #[must_use]
    pub fn assumed(self) -> Self {
        self.lock().daily.assume();
        self
    }

    /// Takes over what the account has bought, as its own headers state it: the one way in which our view rises. With
    /// `None` nothing more will be told, and the guess stands.
    /// Meant for the look around at the start of a run.
    pub fn adopt(&self, burst_max: Option<u64>, daily_max: Option<u64>) {
        let mut state = self.lock();
        if let Some(maximum) = burst_max {
            state.burst.adopt(maximum);
        }
        if let Some(maximum) = daily_max {
            state.daily.adopt(maximum);
        }
        state.daily.settle();
    }

    /// The same limits where the daily allowance is that of the last 24 hours: what was spent comes free a day later, and
    /// no midnight gives it anew.
    #[must_use]
    pub fn rolling(self) -> Self {
        self.lock().daily.roll();
        self
    }

    /// Sets the zone at whose midnight the vendor's day begins.
    pub fn set_time_zone(&self, zone: TimeZone) {
        self.lock().daily.set_zone(zone);
    }

    /// Waits until a request may leave, and counts it as sent.
    ///
    /// # Errors
    /// [`Throttle`] when the day's part for this priority is used up, or the wait would be longer than allowed.
    pub async fn admit(&self, pool: Pool, priority: Priority, now: Timestamp) -> Result<(), Throttle> {
        self.admit_cost(pool, priority, 1, now).await
    }

    /// The same for a request that counts `cost` times against the daily allowance.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub async fn admit_cost(
        &self,
        pool: Pool,
        priority: Priority,
        cost: u32,
        now: Timestamp,
    ) -> Result<(), Throttle> {
        let started = Instant::now();
        let mut queued: Option<Queued<'_>> = None;
        loop {
            let Some(wait) = self.try_admit(pool, priority, cost.into(), now, started)? else {
                return Ok(());
            };
            if queued.is_none() {
                queued = Some(Queued::enter(self, pool, priority));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Asks every limit at once; `None` = the request may leave and is counted, else how long to wait.
    fn try_admit(
        &self,
        pool: Pool,
        priority: Priority,
        cost: u64,
        now: Timestamp,
        started: Instant,
    ) -> Result<Option<Duration>, Throttle> {
        let mut state = self.lock();
        let at = Instant::now();
        let waited = at - started;
        let date = now + signed(waited);
        if let Some(until) = state.paused(date) {
            return Err(Throttle {
                until,
                policy: "the pause the CRM asked for".to_owned(),
            });
        }
        if let Err(until) = state.daily.check(priority, cost, date) {
            state.throttled += 1;
            return Err(Throttle {
                until,
                policy: "daily share".to_owned(),
            });
        }
        match state.gate(pool).pass(priority, at) {
            Ok(()) => {
                state.daily.take(cost, date);
                state.requests += 1;
                Ok(None)
            }
            Err(wait) if waited + wait > self.wait_max => Err(Throttle {
                until: date + signed(wait),
                policy: pool.name().to_owned(),
            }),
            Err(wait) => Ok(Some(wait)),
        }
    }

    /// Takes over what an answer's headers say, where it is less than what we believed.
    pub fn observe(&self, view: &RateView, now: Timestamp) {
        let mut state = self.lock();
        state
            .burst
            .observe(view.burst_max, view.burst_remaining, Instant::now());
        state.daily.observe(view.daily_max, view.daily_remaining, now);
    }

    /// Closes a limit after the server refused; everyone who needs it waits. Counts a throttled request.
    pub fn close(&self, limit: Limit, wait: Duration, now: Timestamp) {
        let mut state = self.lock();
        state.throttled += 1;
        let until = Instant::now() + wait;
        match limit {
            Limit::Burst => state.burst.close_until(until),
            Limit::Search => state.search.close_until(until),
            Limit::Daily => state.daily.close(now),
            Limit::Account => {
                let until = now + signed(wait);
                state.paused_until = Some(state.paused_until.map_or(until, |known| known.max(until)));
            }
        }
    }

    /// Lets nobody through a window for a while.
    pub fn hold(&self, pool: Pool, wait: Duration) {
        self.lock().gate(pool).close_until(Instant::now() + wait);
    }

    /// The day and the requests counted in it, to be kept across restarts; `None` before the first request.
    pub fn spent(&self) -> Option<(Date, u64)> {
        self.lock().daily.spent()
    }

    /// Takes over a day's count from an earlier run. A smaller count for the same day is ignored.
    pub fn restore(&self, day: Date, used: u64) {
        self.lock().daily.restore(day, used);
    }

    /// What was spent of the daily allowance, in the form in which it is kept across restarts; `None` before the first
    /// request.
    pub fn quota(&self) -> Option<SpentQuota> {
        self.lock().daily.quota()
    }

    /// Takes over [`Self::quota`] of an earlier run. A smaller count for the same time is ignored; false = it cannot be
    /// read and is dropped.
    pub fn restore_quota(&self, spent: &SpentQuota) -> bool {
        let is_read = self.lock().daily.restore_quota(spent);
        if !is_read {
            tracing::warn!(day = %spent.day, "a stored count of requests cannot be read; it is dropped");
        }
        is_read
    }

    /// Counters so far.
    pub fn usage(&self) -> Usage {
        let state = self.lock();
        Usage {
            requests: state.requests,
            throttled: state.throttled,
            daily_used: state.daily.used(),
            daily_share: state.daily.share(),
            daily_others: state.daily.others(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is a set of counters; a panic elsewhere leaves them usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue of a window; leaves it when dropped, so that a cancelled wait holds nobody up.
struct Queued<'a> {
    budget: &'a Budget,
    pool: Pool,
    priority: Priority,
}

impl<'a> Queued<'a> {
    fn enter(budget: &'a Budget, pool: Pool, priority: Priority) -> Self {
        budget.lock().gate(pool).enter(priority, Instant::now());
        Self {
            budget,
            pool,
            priority,
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.budget.lock().gate(self.pool).leave(self.priority);
    }
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}
