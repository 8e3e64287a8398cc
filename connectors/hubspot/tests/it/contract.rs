//! The contract of all connectors, under both settings of what the fact sheet leaves open.

use followup_testkit::{Switches, contract};

use crate::support::fixture;

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
