//! The contract of all connectors, on every path family and under both settings of what the fact sheet leaves open.

use followup_hubspot::HubspotConfig;
use followup_testkit::{Switches, contract};

use crate::support::{config, fixture, fixture_with};

#[tokio::test(start_paused = true)]
async fn the_contract_holds_with_a_unique_task_property() {
    contract(async || fixture(Switches::default()).await).await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_where_the_portal_refuses_the_task_property() {
    contract(async || {
        fixture(Switches {
            unique_task_property: false,
            ..Switches::default()
        })
        .await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_with_the_other_reading_of_every_open_format_question() {
    contract(async || {
        fixture(Switches {
            numeric_to_object_id: false,
            null_for_unset: false,
            multi_status_on_dated_paths: false,
            record_associations_on_2026_09: false,
            ..Switches::default()
        })
        .await
    })
    .await;
}

async fn on(version: &str) {
    contract(async || {
        let config = HubspotConfig {
            api_version: version.to_owned(),
            ..config()
        };
        fixture_with(Switches::default(), config).await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_on_the_march_paths() {
    on("2026-03").await;
}

#[tokio::test(start_paused = true)]
async fn the_contract_holds_on_the_legacy_paths() {
    on("v3").await;
}
