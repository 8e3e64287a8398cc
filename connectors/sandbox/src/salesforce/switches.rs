//! What differs between orgs, and vendor behaviour that no source settles.
//!
//! Each field names its default. The whole set can be changed while the org runs (`POST /_sandbox/salesforce` with the
//! keys to change); everything marked *unconfirmed* is tried with both settings by the tests.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Which allowance the org has bought (fact sheet section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    /// 100,000 + 1,000 per licence in 24 hours; 25 long calls at once.
    Enterprise,
    /// 100,000 + 5,000 per licence in 24 hours; 25 long calls at once.
    Unlimited,
    /// 15,000 in 24 hours; 5 long calls at once.
    Developer,
}

/// How mail reaches the org (fact sheet section 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailCapture {
    /// Enhanced Email: an `EmailMessage` with relations, and a twin Task.
    EnhancedEmail,
    /// Enhanced Email off: a completed Task with `TaskSubtype` Email, body in `Description`.
    TaskOnly,
    /// Legacy Einstein Activity Capture: nothing at all in the org.
    LegacyCapture,
}

/// A field an administrator added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    /// Object type; `Activity` stands for Task and Event.
    pub object: String,
    /// API name, ending in `__c`.
    pub name: String,
    /// Label.
    pub label: String,
    /// `string(255)`, `bool`, `date`, … as in the schema tables.
    pub field_type: String,
    /// Needed on every write.
    #[serde(default)]
    pub is_required: bool,
    /// May be used in external-id routes.
    #[serde(default)]
    pub is_external_id: bool,
    /// No two records share a value.
    #[serde(default)]
    pub is_unique: bool,
}

/// When a validation rule refuses a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleTest {
    /// The field is empty.
    Blank,
    /// The field's text equals the value.
    Equals(String),
    /// The field's text contains the value.
    Contains(String),
}

/// A validation rule of the administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationRule {
    /// Object type.
    pub object: String,
    /// Field looked at, and blamed.
    pub field: String,
    /// When it refuses.
    pub refuses: RuleTest,
    /// The administrator's own words.
    pub message: String,
}

/// Rows whose transaction stamps early and commits late (fact sheet section 3.3).
///
/// Only what the scripted team does is late; a client's own write is visible when it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateCommits {
    /// How many acts in a hundred are late.
    pub percent: u8,
    /// Longest delay, in seconds of the simulated date; each is drawn up to it.
    pub seconds_max: u32,
}

/// A value of a picklist that means something: Task.Status, Lead.Status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusValue {
    /// Label and API name.
    pub name: String,
    /// Closed (Task), high (Priority) or converted (Lead).
    #[serde(default)]
    pub is_final: bool,
}

impl StatusValue {
    fn new(name: &str, is_final: bool) -> Self {
        Self {
            name: name.to_owned(),
            is_final,
        }
    }
}

/// Settings of the Salesforce org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent question about the vendor"
)]
pub struct OrgSwitches {
    /// How many people the scripted team's situations on this org are about. Default 0: owners only.
    pub people: u32,
    /// The allowance. Default `Enterprise`.
    pub edition: Edition,
    /// Salesforce licences. Default 10.
    pub licences: u32,
    /// Replaces the edition's daily allowance.
    pub daily_limit: Option<u32>,
    /// API calls others make against the same allowance in an hour. Default 0.
    pub others_per_hour: u32,
    /// `Sforce-Limit-Info` carries the second, per-app part. Default off.
    pub limit_info_per_app: bool,
    /// Every refresh hands out a new refresh token and ends the old one. Default on.
    pub rotates_refresh_token: bool,
    /// Most approvals (refresh tokens) per app and user; one more revokes the oldest. Default 5.
    pub approvals_max: usize,
    /// A refresh token unused this many days ends. Default never.
    pub refresh_idle_days: Option<u32>,
    /// Life of a session, in minutes. Default 120.
    pub session_minutes: u32,
    /// Use prolongs a session (unconfirmed). Default off.
    pub session_slides: bool,
    /// The app is installed in the org; otherwise `app_not_found`. Default on.
    pub app_installed: bool,
    /// The client-credentials flow has a user to run as. Default on.
    pub has_run_as_user: bool,
    /// Late commits. Default 3 in 100, up to 120 s.
    pub late_commits: LateCommits,
    /// `Object.Field` names the connected user may not see. Default none.
    pub hidden_fields: BTreeSet<String>,
    /// Object types the connected user may not see. Default none.
    pub hidden_objects: BTreeSet<String>,
    /// Fields of the administrator. Default `Activity.FollowupKey__c`, external id and unique.
    pub custom_fields: Vec<CustomField>,
    /// `Object.Field` names made required. Default none.
    pub required_fields: BTreeSet<String>,
    /// Validation rules. Default none.
    pub validation_rules: Vec<ValidationRule>,
    /// Values of Task.Status; the first is the default.
    pub task_statuses: Vec<StatusValue>,
    /// Values of Task.Priority; `Normal`, or else the first, is the default.
    pub task_priorities: Vec<StatusValue>,
    /// Values of Lead.Status; the first is the default.
    pub lead_statuses: Vec<StatusValue>,
    /// Several people on one activity: `TaskRelation` exists. Default off.
    pub shared_activities: bool,
    /// Person accounts. Default off.
    pub person_accounts: bool,
    /// Several currencies: `CurrencyIsoCode` exists. Default off.
    pub multi_currency: bool,
    /// How mail gets in. Default `EnhancedEmail`.
    pub mail_capture: MailCapture,
    /// The connected user has *View All Data*; otherwise only own records are there. Default on.
    pub view_all_data: bool,
    /// A locator is good for one call. Default on.
    pub locators_single_use: bool,
    /// Pages are this many percent smaller than asked for. Default 0.
    pub page_shrink_percent: u8,
    /// How long a cursor lives, in hours. Default 48.
    pub locator_hours: u32,
    /// Status of `INVALID_QUERY_LOCATOR` (unconfirmed). Default 400.
    pub locator_status: u16,
    /// Status of `UNABLE_TO_LOCK_ROW` (unconfirmed). Default 400.
    pub lock_status: u16,
    /// Status of `INVALID_REPLICATION_DATE` (unconfirmed). Default 400.
    pub replication_status: u16,
    /// Status of the concurrency limit (unconfirmed). Default 403.
    pub concurrent_status: u16,
    /// A unique Activity field is unique across Task and Event (unconfirmed). Default on.
    pub unique_across_activities: bool,
    /// A reminder that fires touches `SystemModstamp` (unconfirmed). Default on.
    pub reminder_touches_modstamp: bool,
    /// `IsReminderSet` without a time is refused for Task too (unconfirmed). Default on.
    pub reminder_needs_time: bool,
    /// A future event moves `LastActivityDate` (unconfirmed). Default on.
    pub future_moves_last_activity: bool,
    /// Record times carry milliseconds (unconfirmed that they never do). Default off.
    pub milliseconds: bool,
    /// Ids order without regard to case (unconfirmed). Default off: by bytes.
    pub ids_fold_case: bool,
    /// CSV datetimes end in `Z` instead of `+0000` (unconfirmed). Default on.
    pub bulk_zulu: bool,
    /// A bulk job answers this many looks with `InProgress` first. Default 1.
    pub bulk_looks: u32,
    /// The 300 body lists objects instead of paths (unconfirmed). Default off.
    pub ambiguous_as_objects: bool,
    /// A 404 of an external-id route is a bare object instead of an array (sources disagree). Default off.
    pub key_not_found_as_object: bool,
    /// Days a deleted record stays in the recycle bin. Default 15.
    pub recycle_days: u16,
    /// Entries of the delete log older than this many hours are purged. Default never.
    pub delete_log_hours: Option<u32>,
    /// Minutes by which `latestDateCovered` stays behind. Default 2.
    pub covered_minutes_behind: u32,
    /// An event invites a colleague, whose copy is a child event. Default on.
    pub invites_colleague: bool,
    /// Longest URI answered, in bytes; beyond it 414 in HTML. Default 16,384.
    pub uri_bytes_max: usize,
    /// Versions below this one are retired (410). Default 31.
    pub oldest_version: u16,
    /// The newest version. Default 68.
    pub newest_version: u16,
}

impl Default for OrgSwitches {
    fn default() -> Self {
        Self {
            people: 0,
            edition: Edition::Enterprise,
            licences: 10,
            daily_limit: None,
            others_per_hour: 0,
            limit_info_per_app: false,
            rotates_refresh_token: true,
            approvals_max: 5,
            refresh_idle_days: None,
            session_minutes: 120,
            session_slides: false,
            app_installed: true,
            has_run_as_user: true,
            late_commits: LateCommits {
                percent: 3,
                seconds_max: 120,
            },
            hidden_fields: BTreeSet::new(),
            hidden_objects: BTreeSet::new(),
            custom_fields: vec![key_field()],
            required_fields: BTreeSet::new(),
            validation_rules: Vec::new(),
            task_statuses: task_statuses(),
            task_priorities: vec![
                StatusValue::new("High", true),
                StatusValue::new("Normal", false),
                StatusValue::new("Low", false),
            ],
            lead_statuses: vec![
                StatusValue::new("Open - Not Contacted", false),
                StatusValue::new("Working - Contacted", false),
                StatusValue::new("Closed - Converted", true),
                StatusValue::new("Closed - Not Converted", false),
            ],
            shared_activities: false,
            person_accounts: false,
            multi_currency: false,
            mail_capture: MailCapture::EnhancedEmail,
            view_all_data: true,
            locators_single_use: true,
            page_shrink_percent: 0,
            locator_hours: 48,
            locator_status: 400,
            lock_status: 400,
            replication_status: 400,
            concurrent_status: 403,
            unique_across_activities: true,
            reminder_touches_modstamp: true,
            reminder_needs_time: true,
            future_moves_last_activity: true,
            milliseconds: false,
            ids_fold_case: false,
            bulk_zulu: true,
            bulk_looks: 1,
            ambiguous_as_objects: false,
            key_not_found_as_object: false,
            recycle_days: 15,
            delete_log_hours: None,
            covered_minutes_behind: 2,
            invites_colleague: true,
            uri_bytes_max: 16_384,
            oldest_version: 31,
            newest_version: 68,
        }
    }
}

/// The field follow-up keys are kept in: external id and unique, on Activity.
fn key_field() -> CustomField {
    CustomField {
        object: "Activity".to_owned(),
        name: "FollowupKey__c".to_owned(),
        label: "Follow-up key".to_owned(),
        field_type: "string(255)".to_owned(),
        is_required: false,
        is_external_id: true,
        is_unique: true,
    }
}

/// The values Task.Status starts with.
fn task_statuses() -> Vec<StatusValue> {
    vec![
        StatusValue::new("Not Started", false),
        StatusValue::new("In Progress", false),
        StatusValue::new("Completed", true),
        StatusValue::new("Waiting on someone else", false),
        StatusValue::new("Deferred", false),
    ]
}
