//! An average with a small allowance for bursts, for limits of which our part is a rate (searches).

use std::time::Duration;

use tokio::time::Instant;

/// Refills by one request in each `spacing`, and holds at most `burst`.
#[derive(Debug)]
pub(super) struct Bucket {
    spacing: Duration,
    burst: u32,
    /// The instant at which what was taken will have been earned.
    even_at: Option<Instant>,
}

impl Bucket {
    /// Starts full.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            spacing: Duration::from_secs(1) / per_second.max(1),
            burst: burst.max(1),
            even_at: None,
        }
    }

    pub(super) const fn spacing(&self) -> Duration {
        self.spacing
    }

    pub(super) const fn burst(&self) -> u32 {
        self.burst
    }

    /// How long a request has to wait at `at`; zero = it may leave.
    pub(super) fn wait(&self, at: Instant) -> Duration {
        self.even_at.map_or(Duration::ZERO, |even_at| {
            even_at
                .saturating_duration_since(at)
                .saturating_sub(self.spacing * (self.burst - 1))
        })
    }

    /// Counts a request that leaves at `at`.
    pub(super) fn take(&mut self, at: Instant) {
        self.even_at = Some(self.even_at.map_or(at, |even_at| even_at.max(at)) + self.spacing);
    }
}
