//! A count over a sliding window: at most our share in *any* span as long as the vendor's window.
//!
//! Up to the share, requests leave at once; the next one waits until the one that many places before it has left the
//! window. The vendor counts arrivals and we count departures, so each departure is kept a little longer than the
//! window lasts.
//!
//! What an earlier process sent just before a restart is not known here, but the vendor's headers show it: until the
//! first window has passed, what others seem to have used counts as ours.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// A departure counts for this part of the window longer than the window: one fiftieth.
const SLACK_PART: u32 = 50;
/// Below this part of the vendor's window, in percent, others are given way until the window has passed.
const LOW_WATER: u64 = 10;

/// Departures of the last window.
#[derive(Debug)]
pub(super) struct Window {
    length: Duration,
    percent: u64,
    /// What the vendor allows, as far as we know.
    maximum: u64,
    /// Oldest first.
    sent: VecDeque<Instant>,
    /// When this process sent its first request.
    first_at: Option<Instant>,
}

impl Window {
    /// At most `percent` of `maximum` requests in any span of `length`.
    pub(super) const fn new(maximum: u64, length: Duration, percent: u64) -> Self {
        Self {
            length,
            percent,
            maximum,
            sent: VecDeque::new(),
            first_at: None,
        }
    }

    pub(super) const fn length(&self) -> Duration {
        self.length
    }

    /// Requests in any window; one at least, or nothing would ever leave.
    pub(super) fn share(&self) -> u64 {
        (self.maximum * self.percent / 100).max(1)
    }

    /// How long a request has to wait at `at`; zero = it may leave.
    pub(super) fn wait(&self, at: Instant) -> Duration {
        let share = usize::try_from(self.share()).unwrap_or(usize::MAX);
        self.sent
            .len()
            .checked_sub(share)
            .and_then(|place| self.sent.get(place))
            .map_or(Duration::ZERO, |sent| {
                (*sent + self.reach()).saturating_duration_since(at)
            })
    }

    /// Counts a request that leaves at `at`.
    pub(super) fn take(&mut self, at: Instant) {
        self.first_at.get_or_insert(at);
        self.forget(at);
        self.sent.push_back(at);
    }

    /// What the vendor allows from now on; what was sent stays counted.
    pub(super) const fn resize(&mut self, maximum: u64) {
        self.maximum = maximum;
    }

    /// Takes in what an answer's headers say. True: others have nearly used the window up, so they are given way.
    pub(super) fn observe(&mut self, maximum: Option<u64>, remaining: Option<u64>, at: Instant) -> bool {
        if let Some(maximum) = maximum {
            self.maximum = self.maximum.min(maximum);
        }
        let (Some(maximum), Some(remaining)) = (maximum, remaining) else {
            return false;
        };
        self.forget(at);
        let ours = self.sent.len() as u64;
        let mut others = maximum.saturating_sub(remaining).saturating_sub(ours);
        let is_young = self.first_at.is_none_or(|first| at < first + self.reach());
        if is_young {
            let before = others.min(self.share().saturating_sub(ours));
            self.sent.extend((0..before).map(|_| at));
            others -= before;
        }
        let part = maximum * LOW_WATER;
        remaining * 100 < part && others * 100 >= part
    }

    fn reach(&self) -> Duration {
        self.length + self.length / SLACK_PART
    }

    fn forget(&mut self, at: Instant) {
        let reach = self.reach();
        while self.sent.front().is_some_and(|sent| *sent + reach <= at) {
            self.sent.pop_front();
        }
    }
}
