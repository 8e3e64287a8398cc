//! What a connection may spend, and who goes first.

use std::time::Duration;

use followup_core::{Lane, Stream};
use jiff::Timestamp;

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
    pub(super) const COUNT: usize = 7;

    /// Who goes first among reads: leads and activities before the rest.
    pub const fn of(stream: Stream, lane: Lane) -> Self {
        match lane {
            Lane::Backfill => Self::Backfill,
            Lane::Settled => Self::Settled,
            Lane::Sweep => Self::Sweep,
            Lane::Hot => match stream {
                Stream::Contacts | Stream::Leads => Self::Hot,
                stream if stream.activity_kind().is_some() => Self::Hot,
                _ => Self::Poll,
            },
        }
    }
}

/// Which window paces a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The burst window.
    Burst,
    /// The search window, where a vendor counts searches apart and leaves them out of the burst window.
    Search,
}

impl Pool {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Burst => "burst window",
            Self::Search => "search window",
        }
    }
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
    /// Searches the vendor allows in any second, to everyone who shares the account.
    pub search_max: u32,
    /// Our searches per second, on average.
    pub search_per_second: u32,
    /// Our searches that may leave at once after a pause.
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
