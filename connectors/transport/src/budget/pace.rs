//! One window of requests: even spacing with a small allowance for bursts, pauses, and a queue by priority.

use std::{num::NonZeroU32, ops::Range, time::Duration};

use governor::{
    Quota, RateLimiter, clock, middleware::NoOpMiddleware, state::InMemoryState, state::NotKeyed,
};
use tokio::time::Instant;

use super::Priority;

/// Shortest sleep while somebody more important waits.
const YIELD: Duration = Duration::from_millis(20);
/// Below this part of a server's window, in percent, others are given way until the window has passed.
const LOW_WATER: u64 = 10;

/// Spacing of requests so that no window holds more than its share.
#[derive(Debug)]
pub(super) struct Pace {
    window: Duration,
    share: u64,
    maximum: u64,
    spacing: Duration,
    burst: u32,
    /// The instant at which the window would be evenly used up to now.
    even_at: Option<Instant>,
    closed_until: Option<Instant>,
    waiting: [u32; Priority::COUNT],
    guard: Guard,
}

type Guard = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

/// Reads tokio's clock, so that governor holds under paused time.
#[derive(Debug, Clone)]
struct TokioClock(Instant);

impl clock::Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Pace {
    /// At most `share` requests in any span of `window`, `burst` of them at once.
    ///
    /// A burst of `b` and one more each `spacing` give `b + window / spacing` in a window, and one more where both ends
    /// of the window count; the spacing makes that sum the share, rather than twice the share.
    pub(super) fn within_window(share: u64, window: Duration, burst: u64) -> Self {
        let share = share.max(2);
        let burst = u32::try_from(burst.clamp(1, share - 1)).unwrap_or(1);
        let steady = (share - u64::from(burst)).saturating_sub(1).max(1);
        let spacing = window / u32::try_from(steady).unwrap_or(u32::MAX);
        Self {
            window,
            share,
            maximum: share,
            spacing,
            burst,
            even_at: None,
            closed_until: None,
            waiting: [0; Priority::COUNT],
            guard: guard(spacing, burst),
        }
    }

    /// How long a request of this priority has to wait at `at`; zero = it may leave.
    pub(super) fn wait(&self, priority: Priority, at: Instant) -> Duration {
        let closed = self
            .closed_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(at));
        let earliest = self.even_at.map_or(Duration::ZERO, |even_at| {
            even_at
                .saturating_duration_since(at)
                .saturating_sub(self.spacing * (self.burst - 1))
        });
        let wait = closed.max(earliest);
        if !wait.is_zero() {
            return wait;
        }
        if self.is_outranked(priority) {
            return self.spacing.max(YIELD);
        }
        // The last guard is asked only when everything else agrees: asking takes from it.
        match self.guard.check() {
            Ok(()) => Duration::ZERO,
            Err(not_until) => {
                let clock = clock::Clock::now(&TokioClock(at));
                not_until.wait_time_from(clock).max(YIELD)
            }
        }
    }

    /// Counts a request that leaves at `at`.
    pub(super) fn take(&mut self, at: Instant) {
        self.even_at = Some(self.even_at.map_or(at, |even_at| even_at.max(at)) + self.spacing);
    }

    pub(super) fn close_until(&mut self, until: Instant) {
        self.closed_until = Some(self.closed_until.map_or(until, |known| known.max(until)));
    }

    /// Lowers the share to the server's own maximum, and gives way while others have nearly used the window up.
    pub(super) fn observe(&mut self, maximum: Option<u64>, remaining: Option<u64>, at: Instant) {
        if let Some(maximum) = maximum
            && maximum < self.maximum
        {
            let waiting = self.waiting;
            let closed_until = self.closed_until;
            *self = Self::within_window(maximum.min(self.share), self.window, maximum / 10);
            self.waiting = waiting;
            self.closed_until = closed_until;
            self.even_at = Some(at);
        }
        if let (Some(maximum), Some(remaining)) = (maximum, remaining)
            && remaining * 100 < maximum * LOW_WATER
        {
            self.close_until(at + self.window);
        }
    }

    /// Another share of the window from `at` on, beginning with what is waiting and nothing saved up.
    pub(super) fn resize(&mut self, share: u64, window: Duration, at: Instant) {
        if share.max(2) == self.share {
            return;
        }
        let fresh = Self::within_window(share, window, share / 10);
        let busy = at + fresh.spacing * fresh.burst;
        *self = Self {
            even_at: Some(self.even_at.map_or(busy, |even_at| even_at.max(busy))),
            closed_until: self.closed_until,
            waiting: self.waiting,
            ..fresh
        };
    }

    pub(super) fn enter(&mut self, priority: Priority) {
        if let Some(count) = self.waiting.get_mut(priority as usize) {
            *count += 1;
        }
    }

    pub(super) fn leave(&mut self, priority: Priority) {
        if let Some(count) = self.waiting.get_mut(priority as usize) {
            *count = count.saturating_sub(1);
        }
    }

    fn is_outranked(&self, priority: Priority) -> bool {
        let above: Range<usize> = 0..priority as usize;
        self.waiting
            .get(above)
            .is_some_and(|counts| counts.iter().any(|count| *count > 0))
    }
}

fn guard(spacing: Duration, burst: u32) -> Guard {
    let quota = Quota::with_period(spacing.max(Duration::from_nanos(1)))
        .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
        .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
    RateLimiter::direct_with_clock(quota, TokioClock(Instant::now()))
}
