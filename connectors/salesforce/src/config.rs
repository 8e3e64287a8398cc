//! What a Salesforce connection is configured with.

use std::time::Duration;

use followup_core::ConnectionId;
use followup_transport::BudgetLimits;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::mapping::Mapping;

/// The version of the REST API that is spoken unless configured: the first one with `EmailMessage.Source`.
pub const API_VERSION: &str = "64.0";
/// Calls in ten seconds. Salesforce states no burst window; this is our own politeness.
pub const BURST_MAX: u32 = 100;
/// Calls in 24 hours of the smallest edition (Developer Edition; limits cheat sheet, read 2026-11), until the org tells
/// its own figure.
pub const DAILY_MAX: u64 = 15_000;
/// How far the settled lane reads back again: longer than any API transaction may take to commit.
pub const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// A Salesforce connection.
#[derive(Debug, Clone)]
pub struct SalesforceConfig {
    /// Its name.
    pub connection: ConnectionId,
    /// Where one logs in: the org's My Domain (`https://acme.my.salesforce.com`), `https://login.salesforce.com` or
    /// `https://test.salesforce.com`. Client credentials need the My Domain.
    pub login_url: Url,
    /// Where data are, for a login with a fixed token; other logins learn it with the token.
    pub instance_url: Option<Url>,
    /// REST version, as `64.0`.
    pub api_version: String,
    /// Our share of the daily allowance, in percent.
    pub api_share: u8,
    /// Our share of [`BURST_MAX`], in percent.
    pub burst_share: u8,
    /// How far the settled lane reads back again.
    pub overlap: SignedDuration,
    /// Activities older than this are left out of the first read.
    pub backfill_since: Option<Timestamp>,
    /// The org's words in ours.
    pub mapping: Mapping,
}

impl SalesforceConfig {
    /// The defaults of a connection.
    pub fn new(connection: ConnectionId, login_url: Url) -> Self {
        Self {
            connection,
            login_url,
            instance_url: None,
            api_version: API_VERSION.to_owned(),
            api_share: 10,
            burst_share: 50,
            overlap: OVERLAP,
            backfill_since: None,
            mapping: Mapping::builtin(),
        }
    }

    /// Our share of Salesforce's limits.
    pub fn budget_limits(&self) -> BudgetLimits {
        BudgetLimits {
            burst_max: BURST_MAX,
            burst_window: Duration::from_secs(10),
            burst_share: self.burst_share,
            // Salesforce counts no searches apart; this pool is never asked.
            search_max: 1,
            search_per_second: 1,
            search_burst: 1,
            daily_max: DAILY_MAX,
            api_share: self.api_share,
            wait_max: Duration::from_mins(1),
        }
    }

    /// Whether `version` reads as a version of the REST API (`64.0`), in the range that is not retired and has what
    /// this connector relies on (queue owners of tasks: 48; upsert answers, stage dates: 52).
    ///
    /// # Errors
    /// What would be right.
    pub fn check_version(version: &str) -> Result<(), String> {
        let number: Option<u32> = version
            .strip_suffix(".0")
            .and_then(|whole| whole.parse().ok())
            .filter(|whole: &u32| whole.to_string().len() == version.len() - 2);
        match number {
            Some(52..) => Ok(()),
            Some(_) => Err(format!(
                "`{version}` is too old; use 52.0 or newer, for example {API_VERSION}"
            )),
            None => Err(format!(
                "`{version}` is no version of the REST API; write it as {API_VERSION}"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_whole_numbers_with_a_zero_and_not_too_old() {
        for good in ["52.0", "64.0", "68.0", "101.0"] {
            assert_eq!(SalesforceConfig::check_version(good), Ok(()), "{good}");
        }
        for bad in [
            "64", "v64.0", "64.1", "41.0", "064.0", "", ".0", "-64.0", "2026-09",
        ] {
            assert!(SalesforceConfig::check_version(bad).is_err(), "{bad}");
        }
    }
}
