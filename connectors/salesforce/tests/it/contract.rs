//! The contract of all connectors, under both settings of what the fact sheet leaves open.

use followup_sandbox::LateCommits;
use followup_testkit::contract;

use crate::support::fixture;

#[tokio::test(start_paused = true)]
async fn the_contract_holds_with_a_unique_external_id() {
    contract(async || fixture(|_| {}).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_without_the_field() {
    contract(async || fixture(|org| org.custom_fields.clear()).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_with_the_other_reading_of_every_open_question() {
    contract(async || {
        fixture(|org| {
            org.limit_info_per_app = true;
            org.milliseconds = true;
            org.ids_fold_case = true;
            org.bulk_zulu = false;
            org.page_shrink_percent = 50;
            org.reminder_touches_modstamp = false;
            org.lock_status = 500;
            org.shared_activities = true;
            org.person_accounts = true;
            org.multi_currency = true;
            org.late_commits = LateCommits {
                percent: 50,
                seconds_max: 300,
            };
        })
        .await
    })
    .await;
}
