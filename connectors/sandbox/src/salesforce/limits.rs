//! The org's allowances: API calls in a rolling day, and long calls at the same time.
//!
//! The day follows the simulated date; calls of 20 s and more follow tokio's clock. Sources: fact sheet section 2.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    answer::Refusal,
    switches::{Edition, OrgSwitches},
};

/// From this length on a call counts as long.
const LONG_CALL: Duration = Duration::from_secs(20);
const DAY_SECS: i64 = 24 * 3_600;
/// Use is counted in slots of this many seconds.
const SLOT_SECS: i64 = 300;

/// One of the two meanings of `REQUEST_LIMIT_EXCEEDED`, told apart by the message alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// The rolling day's allocation.
    Total,
    /// Too many long calls at once.
    Concurrent,
    /// Too many long transactions at once.
    LongTransactions,
}

impl Exceeded {
    pub(crate) fn refusal(self, switches: &OrgSwitches) -> Refusal {
        let (status, message) = match self {
            Self::Total => (403, "TotalRequests Limit exceeded."),
            Self::Concurrent => (
                switches.concurrent_status,
                "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            ),
            Self::LongTransactions => (
                switches.concurrent_status,
                "ConcurrentPerOrgLongTxn Limit exceeded",
            ),
        };
        Refusal::new(status, "REQUEST_LIMIT_EXCEEDED", message)
    }
}

/// All counters of the org.
#[derive(Debug)]
pub(crate) struct Limits {
    is_on: bool,
    daily_max: u64,
    others_per_hour: u64,
    long_max: usize,
    per_app: bool,
    /// This app's and others' calls by slot, oldest first.
    slots: VecDeque<(i64, u64, u64)>,
    /// When calls that are under way end.
    long: Vec<Instant>,
    bulk_jobs: u64,
}

impl Limits {
    pub(crate) fn new(switches: &OrgSwitches, is_on: bool) -> Self {
        let mut limits = Self {
            is_on,
            daily_max: 0,
            others_per_hour: 0,
            long_max: 0,
            per_app: false,
            slots: VecDeque::new(),
            long: Vec::new(),
            bulk_jobs: 0,
        };
        limits.set(switches);
        limits
    }

    /// Takes over what the switches say.
    pub(crate) fn set(&mut self, switches: &OrgSwitches) {
        let licences = u64::from(switches.licences);
        let daily = match switches.edition {
            Edition::Enterprise => 100_000 + 1_000 * licences,
            Edition::Unlimited => 100_000 + 5_000 * licences,
            Edition::Developer => 15_000,
        };
        self.daily_max = switches.daily_limit.map_or(daily, u64::from);
        self.others_per_hour = u64::from(switches.others_per_hour);
        self.long_max = if switches.edition == Edition::Developer {
            5
        } else {
            25
        };
        self.per_app = switches.limit_info_per_app;
    }

    fn roll(&mut self, now: Timestamp) {
        let oldest = now.as_second() - DAY_SECS;
        while self.slots.front().is_some_and(|(slot, ..)| *slot <= oldest) {
            self.slots.pop_front();
        }
    }

    /// Calls of this app in the last 24 hours.
    fn own(&self) -> u64 {
        self.slots.iter().map(|(_, own, _)| own).sum()
    }

    /// Everybody's calls in the last 24 hours.
    fn used(&self) -> u64 {
        self.own() + self.others()
    }

    /// Others' calls in the last 24 hours.
    fn others(&self) -> u64 {
        let burst: u64 = self.slots.iter().map(|(_, _, others)| others).sum();
        burst + 24 * self.others_per_hour
    }

    /// Other apps make calls against the same allowance.
    pub(crate) fn spend_by_others(&mut self, calls: u32, now: Timestamp) {
        self.add(now, 0, u64::from(calls));
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
    pub(crate) fn admit(&mut self, now: Timestamp) -> Result<(), Exceeded> {
        self.check(now)?;
        self.count(now, 1);
        Ok(())
    }

    /// Refuses when an allowance is used up.
    pub(crate) fn check(&mut self, now: Timestamp) -> Result<(), Exceeded> {
        self.roll(now);
        let at = Instant::now();
        self.long.retain(|until| *until > at);
        if self.is_on && self.used() >= self.daily_max {
            return Err(Exceeded::Total);
        }
        if self.is_on && self.long.len() >= self.long_max {
            return Err(Exceeded::Concurrent);
        }
        Ok(())
    }

    /// Counts further calls, as for the subrequests of a batch.
    pub(crate) fn count(&mut self, now: Timestamp, calls: u64) {
        self.add(now, calls, 0);
    }

    pub(crate) fn count_bulk_job(&mut self) {
        self.bulk_jobs += 1;
    }

    /// A call that takes this long is under way.
    pub(crate) fn runs_for(&mut self, pause: Duration) {
        if pause >= LONG_CALL {
            self.long.push(Instant::now() + pause);
        }
    }

    /// `Sforce-Limit-Info`, in one of its two forms.
    pub(crate) fn header(&self) -> String {
        let total = format!("api-usage={}/{}", self.used(), self.daily_max);
        if self.per_app {
            format!(
                "{total}; per-app-api-usage={}/{}(appName=followup-app)",
                self.own(),
                self.daily_max / 2
            )
        } else {
            total
        }
    }

    /// `GET limits`: figures up to five minutes old, so whole slots only.
    pub(crate) fn shown(&mut self, now: Timestamp) -> Value {
        self.roll(now);
        let slot = now.as_second().div_euclid(SLOT_SECS) * SLOT_SECS;
        let fresh: u64 = self
            .slots
            .iter()
            .filter(|(at, ..)| *at == slot)
            .map(|(_, own, others)| own + others)
            .sum();
        let stale = self.used().saturating_sub(fresh);
        let pair = |max: u64, used: u64| json!({"Max": max, "Remaining": max.saturating_sub(used)});
        json!({
            "DailyApiRequests": pair(self.daily_max, stale),
            "DailyBulkApiBatches": pair(15_000, 0),
            "DailyBulkV2QueryJobs": pair(10_000, self.bulk_jobs),
            "DailyBulkV2QueryFileStorageMB": pair(976_562, 0),
            "DailyAsyncApexExecutions": pair(250_000, 0),
            "DailyDeliveredPlatformEvents": pair(50_000, 0),
            "DataStorageMB": pair(10_240, 12),
            "FileStorageMB": pair(10_240, 3),
        })
    }

    /// What the control path shows.
    pub(crate) fn quota(&mut self, now: Timestamp) -> Value {
        self.roll(now);
        json!({
            "daily": {"used": self.used(), "max": self.daily_max, "others": self.others()},
            "bulk_jobs": self.bulk_jobs,
        })
    }
}
