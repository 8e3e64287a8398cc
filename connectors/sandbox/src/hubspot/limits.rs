//! Rate limits: the rolling burst window, the daily allowance, search and associations on their own counters.
//!
//! Bursts and search follow tokio's clock; the daily allowance follows the simulated date in the account's time zone.

use std::{collections::VecDeque, time::Duration};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{answer::Answer, auth::Bearer, call::Call};
use crate::switches::{Switches, Tier};

const BURST_WINDOW: Duration = Duration::from_secs(10);
const SEARCH_WINDOW: Duration = Duration::from_secs(1);
/// Searches in one second, per account.
const SEARCH_MAX: usize = 5;
/// Burst of a public OAuth app, per app and account.
const OAUTH_BURST_MAX: usize = 110;

/// One of the three shapes of 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// The daily allowance is used up.
    Daily,
    /// Too many requests in ten seconds.
    Burst,
    /// Too many searches in a second.
    Search,
}

impl Throttle {
    /// The answer HubSpot gives; each limit has its own body.
    pub(crate) fn answer(self, correlation_id: &str, retry_after: Option<u64>) -> Answer {
        let policy = |message: &str, policy: &str| {
            json!({
                "status": "error", "message": message, "errorType": "RATE_LIMIT",
                "correlationId": correlation_id, "policyName": policy, "requestId": correlation_id,
            })
        };
        let body = match self {
            Self::Daily => policy("You have reached your daily limit.", "DAILY"),
            Self::Burst => policy(
                "You have reached your ten_secondly_rolling limit.",
                "TEN_SECONDLY_ROLLING",
            ),
            Self::Search => json!({
                "status": "error", "message": "You have reached your secondly limit.",
                "correlationId": correlation_id, "category": "RATE_LIMITS",
            }),
        };
        let answer = Answer::json(429, body);
        match retry_after {
            Some(seconds) => answer.with_header("retry-after", &seconds),
            None => answer,
        }
    }

    /// Seconds after which a retry may succeed.
    pub(crate) const fn pause_secs(self) -> u64 {
        match self {
            Self::Daily => 3_600,
            Self::Burst => 10,
            Self::Search => 1,
        }
    }
}

/// Requests of the last while.
#[derive(Debug, Clone)]
struct Window {
    span: Duration,
    max: usize,
    at: VecDeque<Instant>,
}

impl Window {
    fn new(span: Duration, max: usize) -> Self {
        Self {
            span,
            max,
            at: VecDeque::new(),
        }
    }

    fn prune(&mut self, now: Instant) {
        while self
            .at
            .front()
            .is_some_and(|at| now.duration_since(*at) >= self.span)
        {
            self.at.pop_front();
        }
    }

    fn has_room(&mut self, now: Instant) -> bool {
        self.prune(now);
        self.at.len() < self.max
    }

    fn count(&mut self, now: Instant) {
        self.at.push_back(now);
    }

    fn remaining(&self) -> usize {
        self.max.saturating_sub(self.at.len())
    }
}

/// All counters of the account.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    is_on: bool,
    zone: TimeZone,
    daily_max: u32,
    day: Option<Date>,
    daily_used: u32,
    of_static: Window,
    of_oauth: Window,
    search: Window,
    links: Window,
}

impl Limits {
    pub(crate) fn new(switches: &Switches, is_on: bool) -> Self {
        let (burst, links, daily) = match switches.tier {
            Tier::Starter => (100, 100, 250_000),
            Tier::Professional => (190, 150, 650_000),
            Tier::Enterprise => (190, 150, 1_000_000),
            Tier::CapacityPack => (250, 200, 1_650_000),
        };
        let (burst, links, of_oauth) = switches
            .burst_limit
            .map_or((burst, links, OAUTH_BURST_MAX), |all| (all, all, all));
        Self {
            is_on,
            zone: TimeZone::get(&switches.account_zone).unwrap_or(TimeZone::UTC),
            daily_max: switches.daily_limit.unwrap_or(daily),
            day: None,
            daily_used: 0,
            of_static: Window::new(BURST_WINDOW, burst),
            of_oauth: Window::new(BURST_WINDOW, of_oauth),
            search: Window::new(SEARCH_WINDOW, SEARCH_MAX),
            links: Window::new(BURST_WINDOW, links),
        }
    }

    /// A new day in the account's zone starts a new allowance.
    fn roll_day(&mut self, now: Timestamp) {
        let day = now.to_zoned(self.zone.clone()).date();
        if self.day != Some(day) {
            self.day = Some(day);
            self.daily_used = 0;
        }
    }

    /// Counts a request, or refuses it.
    pub(crate) fn admit(&mut self, call: &Call<'_>, bearer: Bearer) -> Result<(), Throttle> {
        let at = Instant::now();
        self.roll_day(call.now);
        let is_search = is_search(call);
        let is_link = is_link(call);
        let burst = match bearer {
            Bearer::Static => &mut self.of_static,
            Bearer::OAuth => &mut self.of_oauth,
        };
        let has_burst = burst.has_room(at);
        let has_links = self.links.has_room(at);
        let has_search = self.search.has_room(at);
        if self.is_on {
            if bearer == Bearer::Static && self.daily_used >= self.daily_max {
                return Err(Throttle::Daily);
            }
            if is_search && !has_search {
                return Err(Throttle::Search);
            }
            if !is_search && (!has_burst || is_link && !has_links) {
                return Err(Throttle::Burst);
            }
        }
        if bearer == Bearer::Static {
            self.daily_used = self.daily_used.saturating_add(1);
        }
        if is_search {
            self.search.count(at);
        } else {
            burst.count(at);
            if is_link {
                self.links.count(at);
            }
        }
        Ok(())
    }

    /// The documented headers; search answers carry none, OAuth answers no daily pair.
    pub(crate) fn headers(&self, call: &Call<'_>, bearer: Bearer) -> Vec<(&'static str, String)> {
        if is_search(call) {
            return Vec::new();
        }
        let burst = match bearer {
            Bearer::Static => &self.of_static,
            Bearer::OAuth => &self.of_oauth,
        };
        let secondly = burst.max / 10;
        let mut headers = vec![
            ("x-hubspot-ratelimit-max", burst.max.to_string()),
            ("x-hubspot-ratelimit-remaining", burst.remaining().to_string()),
            (
                "x-hubspot-ratelimit-interval-milliseconds",
                BURST_WINDOW.as_millis().to_string(),
            ),
            // Deprecated and not enforced, still sent.
            ("x-hubspot-ratelimit-secondly", secondly.to_string()),
            (
                "x-hubspot-ratelimit-secondly-remaining",
                secondly.saturating_sub(1).to_string(),
            ),
        ];
        if bearer == Bearer::Static {
            headers.push(("x-hubspot-ratelimit-daily", self.daily_max.to_string()));
            headers.push((
                "x-hubspot-ratelimit-daily-remaining",
                self.daily_left().to_string(),
            ));
        }
        headers
    }

    /// Requests of other apps of the account: they count for the day, and for nobody's burst but their own.
    pub(crate) fn spend_by_others(&mut self, requests: u32, now: Timestamp) {
        self.roll_day(now);
        self.daily_used = self.daily_used.saturating_add(requests).min(self.daily_max);
    }

    fn daily_left(&self) -> u32 {
        self.daily_max.saturating_sub(self.daily_used)
    }

    /// Midnight of the next day in the account's zone.
    pub(crate) fn resets_at(&self, now: Timestamp) -> Timestamp {
        let tomorrow = now
            .to_zoned(self.zone.clone())
            .date()
            .tomorrow()
            .unwrap_or(Date::MAX);
        tomorrow
            .to_zoned(self.zone.clone())
            .map_or(now, |midnight| midnight.timestamp())
    }

    pub(crate) fn daily(&mut self, now: Timestamp) -> (u32, u32) {
        self.roll_day(now);
        (self.daily_used, self.daily_max)
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The `quota` part of the statistics.
    pub(crate) fn quota(&mut self, now: Timestamp) -> Value {
        let (used, max) = self.daily(now);
        json!({
            "daily_limit": max, "daily_used": used, "daily_remaining": max.saturating_sub(used),
            "resets_at": self.resets_at(now).to_string(),
            "burst_limit": self.of_static.max, "oauth_burst_limit": self.of_oauth.max,
            "search_per_second": self.search.max, "enforced": self.is_on,
        })
    }
}

fn is_search(call: &Call<'_>) -> bool {
    call.resource == "objects" && call.rest.last().is_some_and(|part| part == "search")
}

fn is_link(call: &Call<'_>) -> bool {
    call.resource == "associations" || call.rest.get(2).is_some_and(|part| part == "associations")
}
