//! The simulated date, and how it relates to tokio's clock.
//!
//! Record times, index lag, token life and daily quotas follow the simulated date. Burst and per-second windows follow
//! `tokio::time`, which tests may pause. The two are never mixed.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// What moves the simulated date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockMode {
    /// Only [`Sandbox::advance_to`](crate::Sandbox::advance_to) and the control path; for sockets.
    Manual,
    /// The starting instant plus elapsed tokio time; for use in process under paused time.
    Tokio,
}

/// The simulated date of one world.
#[derive(Debug)]
pub(crate) struct Clock {
    mode: ClockMode,
    base: Timestamp,
    started_at: Instant,
}

impl Clock {
    pub(crate) fn new(mode: ClockMode, as_of: Timestamp) -> Self {
        Self {
            mode,
            base: to_millis(as_of),
            started_at: Instant::now(),
        }
    }

    /// The simulated date, in whole milliseconds.
    pub(crate) fn now(&self) -> Timestamp {
        match self.mode {
            ClockMode::Manual => self.base,
            ClockMode::Tokio => {
                let elapsed =
                    SignedDuration::try_from(self.started_at.elapsed()).unwrap_or(SignedDuration::MAX);
                to_millis(self.base.saturating_add(elapsed).unwrap_or(Timestamp::MAX))
            }
        }
    }

    /// Moves the simulated date forward to `to`; never back.
    pub(crate) fn advance_to(&mut self, to: Timestamp) {
        let ahead = to_millis(to).duration_since(self.now());
        if ahead.is_positive() {
            self.base = self.base.saturating_add(ahead).unwrap_or(Timestamp::MAX);
        }
    }
}

/// Cuts an instant to whole milliseconds, the vendors' resolution.
pub(crate) fn to_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// An instant as HubSpot prints it: UTC, milliseconds, `Z`.
pub(crate) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
