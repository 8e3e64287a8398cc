//! What a Zoho connection is configured with.

use std::time::Duration;

use followup_core::ConnectionId;
use followup_transport::BudgetLimits;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::mapping::Mapping;

/// Calls in ten seconds. Zoho states no burst window; this is our own politeness.
pub const BURST_MAX: u32 = 100;
/// Credits in 24 hours of the smallest edition (API limits page, read 2026-11), until the org tells its own.
pub const DAILY_MAX: u64 = 5_000;
/// How far each pass reads back again: longer than any record was seen to stay invisible.
pub const OVERLAP: SignedDuration = SignedDuration::from_mins(5);

/// A Zoho connection.
#[derive(Debug, Clone)]
pub struct ZohoConfig {
    /// Its name.
    pub connection: ConnectionId,
    /// The accounts server of the org's data centre, for example `https://accounts.zoho.eu`.
    pub login_url: Url,
    /// The API host, for a login with a fixed token; other logins learn it with the token.
    pub api_url: Option<Url>,
    /// Our share of the credits, in percent.
    pub api_share: u8,
    /// Our share of [`BURST_MAX`] and of the calls the edition allows at once, in percent.
    pub burst_share: u8,
    /// How far each pass reads back again.
    pub overlap: SignedDuration,
    /// Activities older than this are left out of the first read.
    pub backfill_since: Option<Timestamp>,
    /// The org's words in ours.
    pub mapping: Mapping,
}

impl ZohoConfig {
    /// The defaults of a connection.
    pub fn new(connection: ConnectionId, login_url: Url) -> Self {
        Self {
            connection,
            login_url,
            api_url: None,
            api_share: 10,
            burst_share: 50,
            overlap: OVERLAP,
            backfill_since: None,
            mapping: Mapping::builtin(),
        }
    }

    /// Our share of Zoho's limits.
    pub fn budget_limits(&self) -> BudgetLimits {
        BudgetLimits {
            burst_max: BURST_MAX,
            burst_window: Duration::from_secs(10),
            burst_share: self.burst_share,
            // Zoho counts no searches apart; this pool is never asked.
            search_max: 1,
            search_per_second: 1,
            search_burst: 1,
            daily_max: DAILY_MAX,
            api_share: self.api_share,
            wait_max: Duration::from_mins(1),
        }
    }
}
