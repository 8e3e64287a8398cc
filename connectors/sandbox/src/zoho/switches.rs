//! What differs between Zoho orgs, and vendor behaviour that no source settles.
//!
//! Each field names its default. The whole set can be changed while the org runs (`POST /_sandbox/zoho` with the keys to
//! change); everything marked *unconfirmed* is tried with both settings by the tests.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Which edition the org has bought (fact sheet section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZohoEdition {
    /// 5,000 credits a day, 5 calls at once.
    Free,
    /// 50,000 + 250 per user, at most 100,000; 10 calls at once.
    Standard,
    /// 50,000 + 500 per user, at most 3,000,000; 15 calls at once.
    Professional,
    /// 50,000 + 1,000 per user, at most 5,000,000; 20 calls at once.
    Enterprise,
    /// 50,000 + 2,000 per user; 25 calls at once.
    Ultimate,
}

/// A field an administrator added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZohoField {
    /// Module.
    pub module: String,
    /// API name.
    pub name: String,
    /// `text(255)`, `boolean`, `date`, … as in the schema tables.
    pub field_type: String,
    /// No two records share a value.
    #[serde(default)]
    pub is_unique: bool,
    /// An external id of type `org`: unique too, and usable in addresses.
    #[serde(default)]
    pub is_external: bool,
    /// Needed on create.
    #[serde(default)]
    pub is_required: bool,
}

/// What becomes of a reminder in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastReminder {
    /// Kept as it is.
    Kept,
    /// The task is saved without it.
    Dropped,
    /// The task is refused.
    Refused,
}

/// Settings of the Zoho org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent question about the vendor"
)]
pub struct ZohoSwitches {
    /// How many situations the scripted team lives through in this org. Default 0.
    pub people: u32,
    /// Data centre: `us`, `eu`, `in`, `au`, `jp`, `ca`, `cn`, `sa`, `uk`. Default `eu`. Counts where a client uses the
    /// vendor's own host names; on loopback every host is right.
    pub data_center: String,
    /// Edition. Default `Professional`.
    pub edition: ZohoEdition,
    /// Seats bought. Default 20.
    pub seats: u32,
    /// Replaces the edition's daily credits.
    pub daily_credits: Option<u32>,
    /// Credits others spend every hour. Default 0.
    pub others_per_hour: u32,
    /// Replaces the edition's number of calls at once.
    pub concurrency: Option<usize>,
    /// Complex calls at once. Default 10.
    pub sub_concurrency: usize,
    /// A list with `cvid` or `sort_by`, or a search, costs 3 credits (unconfirmed); otherwise 1. Default off.
    pub sorted_lists_cost_more: bool,
    /// `GET __apis` is offered. Default on.
    pub serves_apis: bool,
    /// Time zone of the token's user, in whose offset instants are shown. Default `Europe/Berlin`.
    pub user_zone: String,
    /// Time zone of the team's users. Default `Etc/UTC`.
    pub team_zone: String,
    /// The token's user is an administrator. Default on.
    pub is_admin: bool,
    /// Scopes taken from the standard set.
    pub missing_scopes: BTreeSet<String>,
    /// Modules the user's profile may not read: 403 `NO_PERMISSION`.
    pub forbidden_modules: BTreeSet<String>,
    /// Modules that do not exist here.
    pub hidden_modules: BTreeSet<String>,
    /// Fields (`Deals.Amount`) the user may not see; they are silently missing.
    pub hidden_fields: BTreeSet<String>,
    /// Fields an administrator added. Default: a unique external `Followupd_Key` on Tasks.
    pub custom_fields: Vec<ZohoField>,
    /// Tasks take a unique custom field (unconfirmed). Default on.
    pub tasks_take_unique: bool,
    /// Tasks take an external custom field (unconfirmed). Default on.
    pub tasks_take_external: bool,
    /// Values of `Tasks.Status`; default the vendor's.
    pub task_statuses: Vec<String>,
    /// Those that close a task. Default `Completed`.
    pub closed_statuses: Vec<String>,
    /// `Bearer` is accepted beside `Zoho-oauthtoken` (unconfirmed). Default off.
    pub accepts_bearer: bool,
    /// The throttle of the token endpoint answers 400 (seen in logs) or 200 (a community post). Default 400.
    pub token_throttle_status: u16,
    /// Status of the token endpoint's other errors (200 seen; unconfirmed for all of them). Default 200.
    pub token_error_status: u16,
    /// Minutes an access token lives. Default 60.
    pub token_minutes: u16,
    /// Access tokens of one refresh token alive at once; one more ends the oldest. Default 15 (30 on other pages).
    pub live_tokens_max: usize,
    /// New access tokens of one refresh token in ten minutes. Default 10.
    pub tokens_per_ten_minutes: usize,
    /// Refresh tokens of one user; one more silently deletes the oldest. Default 20.
    pub refresh_tokens_max: usize,
    /// Status when every record of a write is refused (unconfirmed: 400 or 202). Default 400.
    pub all_refused_status: u16,
    /// Status when some are (207, or 202 by old habit). Default 207.
    pub some_refused_status: u16,
    /// 412 `ALREADY_MODIFIED` comes inside `data` (unconfirmed); otherwise flat. Default off.
    pub conflict_in_data: bool,
    /// `Description` is rich text, cut to 500 characters in lists (which fields are is the org's affair). Default off.
    pub rich_descriptions: bool,
    /// A record that is not there answers 204 (unconfirmed); otherwise 400 `INVALID_DATA`. Default off.
    pub missing_record_is_empty: bool,
    /// 401 for a token that has ended says `INVALID_TOKEN`; otherwise `AUTHENTICATION_FAILURE`. Default on.
    pub ended_says_invalid_token: bool,
    /// `If-Modified-Since` includes its own second (unconfirmed). Default off.
    pub modified_since_is_inclusive: bool,
    /// A page token is bound to `If-Modified-Since` too (unconfirmed). Default on.
    pub tokens_bind_modified_since: bool,
    /// An unknown name in `fields` refuses the call (seen); otherwise it is silently left out. Default on.
    pub unknown_field_refuses: bool,
    /// `fields=id` alone is refused (seen in the field). Default on.
    pub id_alone_is_refused: bool,
    /// Answers carry `$…` keys nobody asked for. Default on.
    pub shows_extra_keys: bool,
    /// Lists show `$se_module` when asked for (unconfirmed). Default on.
    pub se_module_in_lists: bool,
    /// `What_Id` of a meeting may be a lead (unconfirmed). Default on.
    pub events_take_leads: bool,
    /// The rest of the cap of 2,000 holds for `/deleted` too (unconfirmed). Default on.
    pub deleted_is_capped: bool,
    /// A restored record counts as modified (unconfirmed). Default on.
    pub restore_is_a_change: bool,
    /// An entry of the stage history is about a stage entered at its `Modified_Time`; otherwise about one that was left
    /// then (unconfirmed). Default on.
    pub stage_history_on_entry: bool,
    /// The loser of a merge appears as deleted for good, not in the recycle bin. Default off.
    pub merge_is_permanent: bool,
    /// Most rows one COQL statement answers: 2,000, or 200 by the method page. Default 2,000.
    pub coql_rows_max: usize,
    /// Most rows COQL reaches with `offset`: 100,000, or 10,000 by the method page. Default 100,000.
    pub coql_offset_max: usize,
    /// COQL takes `and` and `or` of at most two conditions in one pair of brackets. Default on.
    pub coql_needs_brackets: bool,
    /// COQL shows converted leads (unconfirmed). Default off.
    pub coql_shows_converted: bool,
    /// COQL compares ids with `<` and `>` (unconfirmed). Default on.
    pub coql_orders_ids: bool,
    /// Seconds until COQL sees a change (unconfirmed). Default 0.
    pub coql_lag_secs: u32,
    /// Seconds until search sees a change. Default 60.
    pub search_lag_secs: u32,
    /// What mail arrives: users' mailboxes are synced (IMAP); otherwise only mail sent from the CRM. Default on.
    pub mailboxes_synced: bool,
    /// Users without a synced mailbox, by address.
    pub users_without_mailbox: BTreeSet<String>,
    /// `sent` is true only for mail sent from the CRM; synced mail has false whichever way it went (unconfirmed).
    /// Default off.
    pub sent_means_from_crm: bool,
    /// Newest mail first (unconfirmed). Default on.
    pub mail_newest_first: bool,
    /// Mail moves `Last_Activity_Time` (unconfirmed for inbound). Default on.
    pub mail_moves_last_activity: bool,
    /// What moves `Last_Activity_Time` moves `Modified_Time` too (unconfirmed). Default off.
    pub activity_moves_modified: bool,
    /// The `Emails` list may be a part of a composite request (unconfirmed). Default on.
    pub composite_takes_emails: bool,
    /// `Tasks` of contacts, accounts and deals holds open and closed ones; otherwise closed ones are in `Tasks_History`,
    /// and so for calls and meetings. Leads always have one list. Default off.
    pub one_activity_list: bool,
    /// A reminder in the past (unconfirmed). Default `Kept`.
    pub past_reminder: PastReminder,
    /// `Remind_At` comes back as it was sent (unconfirmed); otherwise in the user's offset. Default off.
    pub alarm_is_verbatim: bool,
    /// A task for an inactive user is refused (unconfirmed). Default on.
    pub inactive_owner_refused: bool,
    /// Code of a wrong `What_Id` or a missing `$se_module` (unconfirmed). Default `INVALID_DATA`.
    pub wrong_parent_code: String,
    /// A refused upsert of Tasks says this (unconfirmed). Default `NOT_SUPPORTED`.
    pub upsert_refusal_code: String,
    /// A workflow of the org puts this word before the subject of tasks created with automation. Default none.
    pub workflow_prefix: Option<String>,
    /// Records in a blueprint or approval: writes are refused with this code while it is set. Default none.
    pub locked_code: Option<String>,
    /// Answers carry `X-RATELIMIT-…` headers, as v2 did (unconfirmed). Default off.
    pub sends_ratelimit_headers: bool,
    /// Days a deleted record stays in the recycle bin. Default 60; for another 60 it is listed as permanent.
    pub recycle_days: u16,
}

/// The values `Tasks.Status` starts with.
const TASK_STATUSES: [&str; 5] = [
    "Not Started",
    "Deferred",
    "In Progress",
    "Completed",
    "Waiting on someone else",
];

impl Default for ZohoSwitches {
    #[expect(clippy::too_many_lines, reason = "one line per setting")]
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            people: 0,
            data_center: "eu".to_owned(),
            edition: ZohoEdition::Professional,
            seats: 20,
            daily_credits: None,
            others_per_hour: 0,
            concurrency: None,
            sub_concurrency: 10,
            sorted_lists_cost_more: false,
            serves_apis: true,
            user_zone: "Europe/Berlin".to_owned(),
            team_zone: "Etc/UTC".to_owned(),
            is_admin: true,
            missing_scopes: BTreeSet::new(),
            forbidden_modules: BTreeSet::new(),
            hidden_modules: BTreeSet::new(),
            hidden_fields: BTreeSet::new(),
            custom_fields: vec![key_field()],
            tasks_take_unique: true,
            tasks_take_external: true,
            task_statuses: words(&TASK_STATUSES),
            closed_statuses: words(&["Completed"]),
            accepts_bearer: false,
            token_throttle_status: 400,
            token_error_status: 200,
            token_minutes: 60,
            live_tokens_max: 15,
            tokens_per_ten_minutes: 10,
            refresh_tokens_max: 20,
            all_refused_status: 400,
            some_refused_status: 207,
            conflict_in_data: false,
            rich_descriptions: false,
            missing_record_is_empty: false,
            ended_says_invalid_token: true,
            modified_since_is_inclusive: false,
            tokens_bind_modified_since: true,
            unknown_field_refuses: true,
            id_alone_is_refused: true,
            shows_extra_keys: true,
            se_module_in_lists: true,
            events_take_leads: true,
            deleted_is_capped: true,
            restore_is_a_change: true,
            stage_history_on_entry: true,
            merge_is_permanent: false,
            coql_rows_max: 2_000,
            coql_offset_max: 100_000,
            coql_needs_brackets: true,
            coql_shows_converted: false,
            coql_orders_ids: true,
            coql_lag_secs: 0,
            search_lag_secs: 60,
            mailboxes_synced: true,
            users_without_mailbox: BTreeSet::new(),
            sent_means_from_crm: false,
            mail_newest_first: true,
            mail_moves_last_activity: true,
            activity_moves_modified: false,
            composite_takes_emails: true,
            one_activity_list: false,
            past_reminder: PastReminder::Kept,
            alarm_is_verbatim: false,
            inactive_owner_refused: true,
            wrong_parent_code: "INVALID_DATA".to_owned(),
            upsert_refusal_code: "NOT_SUPPORTED".to_owned(),
            workflow_prefix: None,
            locked_code: None,
            sends_ratelimit_headers: false,
            recycle_days: 60,
        }
    }
}

/// The field follow-up keys are kept in.
fn key_field() -> ZohoField {
    ZohoField {
        module: "Tasks".to_owned(),
        name: "Followupd_Key".to_owned(),
        field_type: "text(255)".to_owned(),
        is_unique: true,
        is_external: true,
        is_required: false,
    }
}
