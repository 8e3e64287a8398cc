//! The contract of all connectors, under both settings of what the fact sheet leaves open.

use followup_sandbox::ZohoSwitches;
use followup_testkit::contract;

use crate::support::{fixture, fixture_with_lead};

/// Tokens outlive the steps of the contract.
fn long(org: &mut ZohoSwitches) {
    org.token_minutes = u16::MAX;
}

/// The other reading of every open question.
fn otherwise(org: &mut ZohoSwitches) {
    long(org);
    org.sorted_lists_cost_more = true;
    org.serves_apis = false;
    org.all_refused_status = 202;
    org.some_refused_status = 202;
    org.conflict_in_data = true;
    org.missing_record_is_empty = true;
    org.ended_says_invalid_token = false;
    org.modified_since_is_inclusive = true;
    org.tokens_bind_modified_since = false;
    org.unknown_field_refuses = false;
    org.id_alone_is_refused = false;
    org.shows_extra_keys = false;
    org.se_module_in_lists = false;
    org.deleted_is_capped = false;
    org.restore_is_a_change = false;
    org.stage_history_on_entry = false;
    org.merge_is_permanent = true;
    org.coql_rows_max = 200;
    org.coql_offset_max = 10_000;
    org.coql_needs_brackets = false;
    org.coql_shows_converted = true;
    org.coql_orders_ids = false;
    org.sent_means_from_crm = true;
    org.mail_newest_first = false;
    org.activity_moves_modified = true;
    org.one_activity_list = true;
    org.alarm_is_verbatim = true;
    org.sends_ratelimit_headers = true;
    "Asia/Kolkata".clone_into(&mut org.user_zone);
    "America/New_York".clone_into(&mut org.team_zone);
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_with_a_unique_external_field() {
    contract(async || fixture(long).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_for_leads() {
    contract(async || fixture_with_lead(long).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_with_a_unique_field_that_is_no_external_id() {
    let change = |org: &mut ZohoSwitches| {
        long(org);
        org.tasks_take_external = false;
        org.custom_fields
            .iter_mut()
            .for_each(|field| field.is_external = false);
    };
    contract(async || fixture(change).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_with_a_plain_field() {
    let change = |org: &mut ZohoSwitches| {
        long(org);
        for field in &mut org.custom_fields {
            field.is_external = false;
            field.is_unique = false;
        }
    };
    contract(async || fixture(change).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_without_the_field() {
    let change = |org: &mut ZohoSwitches| {
        long(org);
        org.custom_fields.clear();
    };
    contract(async || fixture(change).await).await;
    contract(async || fixture_with_lead(change).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_without_queries() {
    let change = |org: &mut ZohoSwitches| {
        long(org);
        org.missing_scopes.insert("ZohoCRM.coql.READ".to_owned());
    };
    contract(async || fixture(change).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_with_the_other_reading_of_every_open_question() {
    contract(async || fixture(otherwise).await).await;
    contract(async || fixture_with_lead(otherwise).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_without_the_field_in_the_other_reading_too() {
    let change = |org: &mut ZohoSwitches| {
        otherwise(org);
        org.custom_fields.clear();
    };
    contract(async || fixture(change).await).await;
}
