//! What the books say of one connection.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::words::Seen;

/// The vendors' longest burst window, and our own.
const BURST: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

/// What left when, and what was heard.
#[derive(Debug, Default)]
pub struct Books {
    /// Requests of the last ten seconds.
    pub recent: VecDeque<Instant>,
    /// Searches of the last second.
    pub searches: VecDeque<Instant>,
    /// Requests by the account's day.
    pub by_day: BTreeMap<String, u64>,
    /// The last word of the headers on the day: the span it holds for, left, of.
    pub day_left: Option<(String, u64, u64)>,
    /// Refreshes in flight.
    pub refreshing: u32,
    /// Refresh tokens the server has replaced.
    pub replaced: BTreeSet<String>,
    /// Secrets seen, and the ones to come.
    pub secrets: BTreeSet<String>,
    /// When we changed which task.
    pub patches: Vec<(String, Timestamp)>,
    /// Answers that said "slow down".
    pub throttled: u64,
    /// Requests in all.
    pub requests: u64,
    /// Creations whose answer was lost and that nobody looked for since.
    pub lost: BTreeSet<String>,
    /// Most requests in any ten seconds.
    pub widest_burst: usize,
    /// Most searches in any second.
    pub widest_search: usize,
    /// How often the daemon was started.
    pub starts: u64,
}

impl Books {
    /// Counts a request as it leaves on `day`.
    pub fn count(&mut self, is_search: bool, day: String) {
        let now = Instant::now();
        self.requests += 1;
        *self.by_day.entry(day).or_default() += 1;
        // HubSpot counts searches apart and leaves them out of the burst window.
        if is_search {
            self.searches.push_back(now);
        } else {
            self.recent.push_back(now);
        }
        drop_older(&mut self.recent, now, BURST);
        drop_older(&mut self.searches, now, SECOND);
        self.widest_burst = self.widest_burst.max(self.recent.len());
        self.widest_search = self.widest_search.max(self.searches.len());
    }

    /// Takes in the tokens a refresh brought.
    pub fn note_tokens(&mut self, seen: &Seen, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(new), Some(old)) = (text("refresh_token"), &seen.refresh_token)
            && new != *old
        {
            self.replaced.insert(old.clone());
        }
        self.secrets.extend(text("refresh_token"));
        self.secrets.extend(text("access_token"));
    }

    /// Whether a task was changed by us within seconds of an instant.
    pub fn changed_by_us(&self, task: &str, near: Timestamp) -> bool {
        let close = |at: &Timestamp| at.duration_since(near).abs() < jiff::SignedDuration::from_secs(10);
        self.patches.iter().any(|(id, at)| id == task && close(at))
    }
}

fn drop_older(times: &mut VecDeque<Instant>, now: Instant, span: Duration) {
    while times
        .front()
        .is_some_and(|first| now.duration_since(*first) >= span)
    {
        times.pop_front();
    }
}
