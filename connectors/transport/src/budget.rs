//! The one place that decides whether a request may leave now.
//!
//! A CRM's allowance belongs to the whole org; we take a small, configured share of it. Every request passes
//! [`Budget::admit`], which asks all limits that apply *at once*: the burst or the search window, the day's share, and
//! any pause the server asked for. Higher priorities go first, and a part of the day is kept for them. `governor`
//! stands behind our own buckets as the last burst guard; it reads tokio's clock and is only ever asked, never waited on.
//!
//! Invariants: the share is never exceeded; a server's headers only lower our view; a wait is bounded (past the bound
//! the caller gets [`Throttle`] with the instant to come back); a restart does not give the day's share anew
//! ([`Budget::spent`], [`Budget::restore`]).

mod daily;
mod pace;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use followup_core::Usage;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use tokio::time::Instant;

use crate::vendor::{Limit, RateView};
use daily::Daily;
use pace::Pace;

/// No vendor asks for a longer pause (and its spread).
const PAUSE_MAX: SignedDuration = SignedDuration::from_hours(25);

/// Who goes first. The order is the order of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// P0: a token refresh, without which nothing else works.
    Token,
    /// P1: unknown outcomes and write-back.
    Write,
    /// P2: polls of leads and activities.
    Hot,
    /// P3: other polls.
    Poll,
    /// P4: the settled lane.
    Settled,
    /// P5: the slow scan.
    Sweep,
    /// P6: the first read of everything.
    Backfill,
}

impl Priority {
    const COUNT: usize = 7;
}

/// Which window paces a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The burst window.
    Burst,
    /// The search window, where a vendor counts searches apart and leaves them out of the burst window.
    Search,
}

/// The limits of a connection and our share of them. Shares are in percent, 1 to 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Requests the vendor allows per burst window.
    pub burst_max: u32,
    /// Length of the burst window.
    pub burst_window: Duration,
    /// Our share of the burst window.
    pub burst_share: u8,
    /// Searches per second, on average.
    pub search_per_second: u32,
    /// Searches that may leave at once after a pause.
    pub search_burst: u32,
    /// Requests the vendor allows per day, or a configured figure where it states none.
    pub daily_max: u64,
    /// Our share of the day.
    pub api_share: u8,
    /// Longest wait inside one call.
    pub wait_max: Duration,
}

/// Come back later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    /// When.
    pub until: Timestamp,
    /// Which limit.
    pub policy: String,
}

/// All limits of one connection.
#[derive(Debug)]
pub struct Budget {
    state: Mutex<State>,
    wait_max: Duration,
    burst_share: u8,
    burst_window: Duration,
}

#[derive(Debug)]
struct State {
    burst: Pace,
    search: Pace,
    daily: Daily,
    /// The vendor asked to leave the whole account alone until this date.
    paused_until: Option<Timestamp>,
    requests: u64,
    throttled: u64,
}

impl State {
    const fn pace(&mut self, pool: Pool) -> &mut Pace {
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
    /// Starts with full windows and an untouched day, in UTC days until [`Self::set_time_zone`].
    pub fn new(limits: &BudgetLimits) -> Self {
        let share = u64::from(limits.burst_max) * u64::from(limits.burst_share) / 100;
        let search_window = Duration::from_secs(1);
        let search_in_window = u64::from(limits.search_per_second) + u64::from(limits.search_burst);
        Self {
            state: Mutex::new(State {
                burst: Pace::within_window(share, limits.burst_window, share / 10),
                search: Pace::within_window(search_in_window, search_window, limits.search_burst.into()),
                daily: Daily::new(limits.daily_max, limits.api_share),
                paused_until: None,
                requests: 0,
                throttled: 0,
            }),
            wait_max: limits.wait_max,
            burst_share: limits.burst_share,
            burst_window: limits.burst_window,
        }
    }

    /// Takes over what the account has bought, as its own headers state it: the one way in which our view rises.
    /// Meant for the look around at the start of a run.
    pub fn adopt(&self, burst_max: Option<u64>, daily_max: Option<u64>) {
        let mut state = self.lock();
        if let Some(maximum) = burst_max {
            let share = maximum * u64::from(self.burst_share) / 100;
            state.burst.resize(share, self.burst_window, Instant::now());
        }
        if let Some(maximum) = daily_max {
            state.daily.adopt(maximum);
        }
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
        let started = Instant::now();
        let mut queued: Option<Queued<'_>> = None;
        loop {
            let at = Instant::now();
            let waited = at - started;
            let wait = {
                let mut state = self.lock();
                let date = now + signed(waited);
                if let Some(until) = state.paused(date) {
                    return Err(Throttle {
                        until,
                        policy: "the pause the CRM asked for".to_owned(),
                    });
                }
                if let Err(until) = state.daily.check(priority, date) {
                    state.throttled += 1;
                    return Err(Throttle {
                        until,
                        policy: "daily share".to_owned(),
                    });
                }
                let wait = state.pace(pool).wait(priority, at);
                if wait.is_zero() {
                    state.pace(pool).take(at);
                    state.daily.take();
                    state.requests += 1;
                    return Ok(());
                }
                if waited + wait > self.wait_max {
                    return Err(Throttle {
                        until: date + signed(wait),
                        policy: match pool {
                            Pool::Burst => "burst window",
                            Pool::Search => "search window",
                        }
                        .to_owned(),
                    });
                }
                wait
            };
            if queued.is_none() {
                queued = Some(Queued::enter(self, pool, priority));
            }
            tokio::time::sleep(wait).await;
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
        self.lock().pace(pool).close_until(Instant::now() + wait);
    }

    /// The day and the requests counted in it, to be kept across restarts; `None` before the first request.
    pub fn spent(&self) -> Option<(Date, u64)> {
        self.lock().daily.spent()
    }

    /// Takes over a day's count from an earlier run. A smaller count for the same day is ignored.
    pub fn restore(&self, day: Date, used: u64) {
        self.lock().daily.restore(day, used);
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
        budget.lock().pace(pool).enter(priority);
        Self {
            budget,
            pool,
            priority,
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.budget.lock().pace(self.pool).leave(self.priority);
    }
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn limits() -> BudgetLimits {
        BudgetLimits {
            burst_max: 100,
            burst_window: Duration::from_secs(10),
            burst_share: 50,
            search_per_second: 1,
            search_burst: 4,
            daily_max: 10_000,
            api_share: 10,
            wait_max: Duration::from_mins(1),
        }
    }

    fn now() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    async fn sent_at(budget: &Budget, pool: Pool, count: usize) -> Vec<Duration> {
        let started = Instant::now();
        let mut sent = Vec::new();
        for _ in 0..count {
            budget.admit(pool, Priority::Write, now()).await.unwrap();
            sent.push(started.elapsed());
        }
        sent
    }

    fn most_in_any(window: Duration, sent: &[Duration]) -> usize {
        sent.iter()
            .map(|start| {
                sent.iter()
                    .filter(|at| *at >= start && at.saturating_sub(*start) < window)
                    .count()
            })
            .max()
            .unwrap_or(0)
    }

    #[tokio::test(start_paused = true)]
    async fn no_ten_seconds_hold_more_than_our_share_of_the_burst_window() {
        let sent = sent_at(&Budget::new(&limits()), Pool::Burst, 300).await;
        let most = most_in_any(Duration::from_secs(10), &sent);
        assert!((45..=50).contains(&most), "{most}");
    }

    #[tokio::test(start_paused = true)]
    async fn searches_average_one_a_second_after_a_burst_of_four() {
        let sent = sent_at(&Budget::new(&limits()), Pool::Search, 34).await;
        assert_eq!(sent[3], Duration::ZERO);
        assert!(sent[33] >= Duration::from_secs(29), "{:?}", sent[33]);
        assert!(most_in_any(Duration::from_secs(1), &sent) <= 5);
    }

    #[tokio::test(start_paused = true)]
    async fn the_day_keeps_a_part_for_polls_and_another_for_writes() {
        let budget = Budget::new(&BudgetLimits {
            burst_max: 1_000_000,
            daily_max: 1_000,
            ..limits()
        });
        let spend = async |priority| {
            let mut count = 0;
            while budget.admit(Pool::Burst, priority, now()).await.is_ok() {
                count += 1;
            }
            count
        };
        assert_eq!(spend(Priority::Backfill).await, 60);
        assert_eq!(spend(Priority::Hot).await, 30);
        assert_eq!(spend(Priority::Write).await, 10);
        let usage = budget.usage();
        assert_eq!((usage.daily_used, usage.daily_share), (100, 100));
        let refused = budget
            .admit(Pool::Burst, Priority::Token, now())
            .await
            .unwrap_err();
        assert_eq!(refused.until, "2026-03-03T00:00:00Z".parse().unwrap());
        let tomorrow = "2026-03-03T00:00:01Z".parse().unwrap();
        budget
            .admit(Pool::Burst, Priority::Backfill, tomorrow)
            .await
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_overtakes_waiting_reads() {
        let budget = Arc::new(Budget::new(&limits()));
        sent_at(&budget, Pool::Burst, 5).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for (name, priority) in [
            ("backfill", Priority::Backfill),
            ("poll", Priority::Poll),
            ("write", Priority::Write),
        ] {
            let (budget, order) = (Arc::clone(&budget), Arc::clone(&order));
            tasks.spawn(async move {
                budget.admit(Pool::Burst, priority, now()).await.unwrap();
                order.lock().unwrap().push(name);
            });
        }
        tasks.join_all().await;
        assert_eq!(*order.lock().unwrap(), ["write", "poll", "backfill"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_window_stays_closed_and_a_long_pause_is_told_instead_of_waited_out() {
        let budget = Budget::new(&limits());
        budget.close(Limit::Burst, Duration::from_secs(12), now());
        let sent = sent_at(&budget, Pool::Burst, 1).await;
        assert!(sent[0] >= Duration::from_secs(12));
        budget.close(Limit::Account, Duration::from_hours(2), now());
        let refused = budget
            .admit(Pool::Search, Priority::Write, now())
            .await
            .unwrap_err();
        assert!(refused.until >= now() + SignedDuration::from_hours(2));
        assert_eq!(budget.usage().throttled, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_account_has_bought_is_adopted_up_and_down() {
        let budget = Budget::new(&limits());
        sent_at(&budget, Pool::Burst, 5).await;
        budget.adopt(Some(190), Some(650_000));
        assert_eq!(budget.usage().daily_share, 65_000);
        let most = most_in_any(Duration::from_secs(10), &sent_at(&budget, Pool::Burst, 400).await);
        assert!((85..=95).contains(&most), "{most}");
        budget.adopt(Some(40), None);
        let most = most_in_any(Duration::from_secs(10), &sent_at(&budget, Pool::Burst, 50).await);
        assert!(most <= 20, "{most}");
        budget.adopt(None, Some(1_000));
        assert_eq!(budget.usage().daily_share, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_with_its_date_and_not_with_a_clock_set_back() {
        let budget = Budget::new(&limits());
        budget.close(Limit::Account, Duration::from_hours(1), now());
        let admit = async |at| budget.admit(Pool::Burst, Priority::Hot, at).await;
        assert!(admit(now() + SignedDuration::from_mins(59)).await.is_err());
        assert!(admit(now() + SignedDuration::from_mins(61)).await.is_ok());
        assert!(admit(now() - SignedDuration::from_hours(24 * 30)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn headers_lower_the_view_and_never_raise_it() {
        let budget = Budget::new(&limits());
        budget.observe(
            &RateView {
                daily_max: Some(5_000),
                daily_remaining: Some(4_000),
                ..RateView::default()
            },
            now(),
        );
        assert_eq!(budget.usage().daily_share, 500);
        assert_eq!(budget.usage().daily_others, 1_000);
        budget.observe(
            &RateView {
                daily_max: Some(1_000_000),
                burst_max: Some(10_000),
                burst_remaining: Some(9_000),
                ..RateView::default()
            },
            now(),
        );
        assert_eq!(budget.usage().daily_share, 500);
        let most = most_in_any(Duration::from_secs(10), &sent_at(&budget, Pool::Burst, 200).await);
        assert!(most <= 50, "{most}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_orgs_last_tenth_is_left_to_others() {
        let budget = Budget::new(&limits());
        budget.observe(
            &RateView {
                daily_max: Some(10_000),
                daily_remaining: Some(900),
                ..RateView::default()
            },
            now(),
        );
        assert!(budget.admit(Pool::Burst, Priority::Hot, now()).await.is_err());
        assert!(budget.admit(Pool::Burst, Priority::Write, now()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_does_not_give_the_day_anew() {
        let budget = Budget::new(&limits());
        sent_at(&budget, Pool::Burst, 3).await;
        let (day, used) = budget.spent().unwrap();
        assert_eq!(used, 3);
        let next = Budget::new(&limits());
        next.restore(day, 1_000);
        assert!(next.admit(Pool::Burst, Priority::Token, now()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_count_restored_before_the_vendors_midnight_is_known_is_not_lost() {
        let budget = Budget::new(&limits());
        // Half past two in UTC is still the evening before in New York.
        let night: Timestamp = "2026-03-03T02:30:00Z".parse().unwrap();
        budget.restore("2026-03-02".parse().unwrap(), 700);
        budget.admit(Pool::Burst, Priority::Write, night).await.unwrap();
        budget.set_time_zone(TimeZone::get("America/New_York").unwrap());
        budget.admit(Pool::Burst, Priority::Write, night).await.unwrap();
        assert_eq!(budget.spent(), Some(("2026-03-02".parse().unwrap(), 702)));
        let morning: Timestamp = "2026-03-03T05:00:01Z".parse().unwrap();
        budget.admit(Pool::Burst, Priority::Write, morning).await.unwrap();
        assert_eq!(budget.spent(), Some(("2026-03-03".parse().unwrap(), 1)));
    }
}
