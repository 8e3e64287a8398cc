//! What a HubSpot connection is configured with.

use std::time::Duration;

use followup_core::ConnectionId;
use followup_transport::BudgetLimits;
use jiff::Timestamp;
use url::Url;

use crate::mapping::Mapping;

/// Requests per ten seconds of the smallest account tier.
///
/// Free and Starter, private app or service key; usage guidelines, read 2026-11. Higher tiers allow more; a share of
/// the smallest is safe everywhere.
pub const BURST_MAX: u32 = 100;
/// Requests per day of the smallest tier, shared by all private apps of the account (same source).
pub const DAILY_MAX: u64 = 250_000;
/// Searches in any second, of the whole account and all object types together (search guide).
const SEARCH_MAX: u32 = 5;
/// Searches of ours that may leave at once after a pause.
const SEARCH_BURST: u32 = 4;

/// A HubSpot connection.
#[derive(Debug, Clone)]
pub struct HubspotConfig {
    /// Its name.
    pub connection: ConnectionId,
    /// `https://api.hubapi.com`, or a simulated portal on this machine.
    pub base_url: Url,
    /// Path version: `2026-09`, `2026-03`, or `v3` for the legacy family (v3 for records, v4 for associations; HubSpot
    /// ends its support in 2027).
    pub api_version: String,
    /// Our share of the daily allowance, in percent.
    pub api_share: u8,
    /// Our share of the burst window, in percent.
    pub burst_share: u8,
    /// Searches per second on average; HubSpot allows 5 for the whole account.
    pub search_per_second: u32,
    /// Activities older than this are left out of the first read.
    pub backfill_since: Option<Timestamp>,
    /// The portal's words in ours.
    pub mapping: Mapping,
}

impl HubspotConfig {
    /// The defaults of a connection.
    pub fn new(connection: ConnectionId, base_url: Url) -> Self {
        Self {
            connection,
            base_url,
            api_version: "2026-09".to_owned(),
            api_share: 10,
            burst_share: 50,
            search_per_second: 1,
            backfill_since: None,
            mapping: Mapping::builtin(),
        }
    }

    /// Our share of HubSpot's limits.
    pub fn budget_limits(&self) -> BudgetLimits {
        BudgetLimits {
            burst_max: BURST_MAX,
            burst_window: Duration::from_secs(10),
            burst_share: self.burst_share,
            search_max: SEARCH_MAX,
            search_per_second: self.search_per_second,
            search_burst: SEARCH_BURST,
            daily_max: DAILY_MAX,
            api_share: self.api_share,
            wait_max: Duration::from_mins(1),
        }
    }
}
