//! Vendor behaviour that no source settles, or that differs between portals.
//!
//! Each field names the documented default. Tests run with both settings of everything marked unconfirmed.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::{salesforce::OrgSwitches, team::TeamSize, zoho::ZohoSwitches};

/// Which allowance the portal has bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// 100 requests in 10 s, 250,000 a day.
    Starter,
    /// 190 requests in 10 s, 650,000 a day.
    Professional,
    /// 190 requests in 10 s, 1,000,000 a day.
    Enterprise,
    /// 250 requests in 10 s, 1,650,000 a day.
    CapacityPack,
}

/// How long a change stays invisible to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexLag {
    /// After a record is created.
    pub create: SignedDuration,
    /// After a record is changed.
    pub update: SignedDuration,
    /// Each delay is drawn from zero to the figure above instead of being the figure.
    pub is_random: bool,
}

/// Settings of the HubSpot portal, and of the orgs beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent question about the vendor"
)]
pub struct Switches {
    /// Delay before search sees a change. Default 2 s after a create, 5 s after an update.
    pub index_lag: IndexLag,
    /// The allowance. Default `Starter`.
    pub tier: Tier,
    /// Replaces the tier's daily allowance.
    pub daily_limit: Option<u32>,
    /// Replaces every allowance of ten seconds: a larger window lets a script run faster with the same shares of it.
    pub burst_limit: Option<usize>,
    /// The account's time zone, in which the daily allowance resets at midnight. Default `America/New_York`.
    pub account_zone: String,
    /// 429 answers carry `Retry-After` (seconds). Default off.
    pub sends_retry_after: bool,
    /// Tasks accept a custom property with `hasUniqueValue` (unconfirmed on a live portal). Default on.
    pub unique_task_property: bool,
    /// An archived record keeps its unique values reserved (unconfirmed). Default off.
    pub archived_keeps_unique: bool,
    /// `toObjectId` is a JSON number, not a string (specification and documents disagree). Default on.
    pub numeric_to_object_id: bool,
    /// A requested but unset property is `null`, not absent (documents disagree). Default on.
    pub null_for_unset: bool,
    /// Dated paths answer partial failures with 207 (unlisted in 2026-09, unconfirmed). Default on.
    pub multi_status_on_dated_paths: bool,
    /// `GET …/{id}/associations/{toT}` exists in 2026-09 (unconfirmed). Default on.
    pub record_associations_on_2026_09: bool,
    /// `null` clears a property (unconfirmed); otherwise it is refused. Default on.
    pub null_clears: bool,
    /// 401 for an expired token says `EXPIRED_AUTHENTICATION` (unconfirmed). Default on.
    pub expired_category: bool,
    /// Every refresh hands out a new refresh token and ends the old one (unconfirmed). Default off.
    pub rotates_refresh_token: bool,
    /// The consent page ignores proof keys (unconfirmed: only the token endpoint's reference names them). Default off.
    pub ignores_proof_keys: bool,
    /// A merge mints a new id for the survivor; otherwise the primary id stays. Default on.
    pub merge_mints_id: bool,
    /// `GET` by a merged-away id answers the survivor (unconfirmed); otherwise 404. Default on.
    pub merged_id_resolves: bool,
    /// A search hit shows the record as it is now although the index found it by an older value. Default off.
    pub stale_hits: bool,
    /// A first inbound mail is logged as `FORWARDED_EMAIL` instead of `INCOMING_EMAIL`. Default off.
    pub unsolicited_as_forwarded: bool,
    /// 2026-09 write validation refuses task creation because of an admin's rule. Default off.
    pub refuses_tasks: bool,
    /// Stage given to new contacts without one, a portal setting. Default `lead`.
    pub default_lifecycle: Option<String>,
    /// Longest URL answered, in bytes; beyond it 414. Default 8,192.
    pub url_bytes_max: usize,
    /// Scopes taken from the standard set.
    pub missing_scopes: BTreeSet<String>,
    /// Scopes granted beyond the standard set.
    pub extra_scopes: BTreeSet<String>,
    /// How many of the scripted situations are about people known to two of the world's CRMs. Default 0.
    pub known_to_two: u32,
    /// How many reps there are, and for how long situations are played.
    pub team: TeamSize,
    /// Settings of the Salesforce org beside the portal.
    pub salesforce: OrgSwitches,
    /// Settings of the Zoho org beside the portal.
    pub zoho: ZohoSwitches,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            index_lag: IndexLag {
                create: SignedDuration::from_secs(2),
                update: SignedDuration::from_secs(5),
                is_random: false,
            },
            tier: Tier::Starter,
            daily_limit: None,
            burst_limit: None,
            account_zone: "America/New_York".to_owned(),
            sends_retry_after: false,
            unique_task_property: true,
            archived_keeps_unique: false,
            numeric_to_object_id: true,
            null_for_unset: true,
            multi_status_on_dated_paths: true,
            record_associations_on_2026_09: true,
            null_clears: true,
            expired_category: true,
            rotates_refresh_token: false,
            ignores_proof_keys: false,
            merge_mints_id: true,
            merged_id_resolves: true,
            stale_hits: false,
            unsolicited_as_forwarded: false,
            refuses_tasks: false,
            default_lifecycle: Some("lead".to_owned()),
            url_bytes_max: 8_192,
            missing_scopes: BTreeSet::new(),
            extra_scopes: BTreeSet::new(),
            known_to_two: 0,
            team: TeamSize::default(),
            salesforce: OrgSwitches::default(),
            zoho: ZohoSwitches::default(),
        }
    }
}
