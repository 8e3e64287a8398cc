//! One pool's gate: a window, an average where there is one, pauses, and a queue by priority; `governor` behind them.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter, clock, middleware::NoOpMiddleware, state::InMemoryState, state::NotKeyed,
};
use tokio::time::Instant;

use super::{Priority, bucket::Bucket, queue::Queue, window::Window};

/// Sleep while somebody more important waits, and the shortest one behind the last guard.
const YIELD: Duration = Duration::from_millis(20);

/// Lets requests of one pool pass.
#[derive(Debug)]
pub(super) struct Gate {
    window: Window,
    average: Option<Bucket>,
    closed_until: Option<Instant>,
    queue: Queue,
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

impl Gate {
    pub(super) fn new(window: Window, average: Option<Bucket>) -> Self {
        let guard = guard(&window, average.as_ref());
        Self {
            window,
            average,
            closed_until: None,
            queue: Queue::default(),
            guard,
        }
    }

    /// Lets a request of this priority leave at `at`, or says how long it has to wait.
    pub(super) fn pass(&mut self, priority: Priority, at: Instant) -> Result<(), Duration> {
        let closed = self
            .closed_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(at));
        let average = self
            .average
            .as_ref()
            .map_or(Duration::ZERO, |bucket| bucket.wait(at));
        let wait = closed.max(average).max(self.window.wait(at));
        if !wait.is_zero() {
            return Err(wait);
        }
        if self.queue.is_outranked(priority, at) {
            return Err(YIELD);
        }
        // The last guard is asked only when everything else agrees: asking takes from it.
        self.guard.check().map_err(|not_until| {
            let clock = clock::Clock::now(&TokioClock(at));
            not_until.wait_time_from(clock).max(YIELD)
        })?;
        self.window.take(at);
        if let Some(bucket) = &mut self.average {
            bucket.take(at);
        }
        self.queue.serve(priority);
        Ok(())
    }

    pub(super) fn close_until(&mut self, until: Instant) {
        self.closed_until = Some(self.closed_until.map_or(until, |known| known.max(until)));
    }

    /// Lowers the view to what the headers say, and gives way while others have nearly used the window up.
    pub(super) fn observe(&mut self, maximum: Option<u64>, remaining: Option<u64>, at: Instant) {
        let share = self.window.share();
        if self.window.observe(maximum, remaining, at) {
            self.close_until(at + self.window.length());
        }
        if self.window.share() != share {
            self.guard = guard(&self.window, self.average.as_ref());
        }
    }

    /// What the vendor allows from now on; what was sent stays counted.
    pub(super) fn adopt(&mut self, maximum: u64) {
        self.window.resize(maximum);
        self.guard = guard(&self.window, self.average.as_ref());
    }

    pub(super) fn enter(&mut self, priority: Priority, at: Instant) {
        self.queue.enter(priority, at);
    }

    pub(super) fn leave(&mut self, priority: Priority) {
        self.queue.leave(priority);
    }
}

/// A guard that never binds while the gate in front of it is right: it holds the average of the window over any time,
/// and twice the share in one window at most.
fn guard(window: &Window, average: Option<&Bucket>) -> Guard {
    let (spacing, burst) = if let Some(bucket) = average {
        (bucket.spacing(), bucket.burst())
    } else {
        let share = u32::try_from(window.share()).unwrap_or(u32::MAX).max(1);
        (window.length() / share, share)
    };
    let quota = Quota::with_period(spacing.max(Duration::from_nanos(1)))
        .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
        .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
    RateLimiter::direct_with_clock(quota, TokioClock(Instant::now()))
}
