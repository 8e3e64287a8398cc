//! Rate limits, counted and enforced.

use std::time::Duration;

use followup_sandbox::{ClockMode, Switches, WorldConfig};
use serde_json::json;

use crate::support::{Client, config};

fn limited(switches: Switches) -> Client {
    Client::of(WorldConfig {
        limits: true,
        ..config(switches)
    })
}

fn header(got: &crate::support::Got, name: &str) -> Option<u64> {
    got.headers.get(name)?.to_str().ok()?.parse().ok()
}

#[tokio::test(start_paused = true)]
async fn the_hundred_and_first_request_in_ten_seconds_is_refused() {
    let client = limited(Switches::default());
    for number in 1..=100 {
        let got = client.get("/crm/objects/2026-09/contacts").await;
        assert_eq!(got.status, 200);
        assert_eq!(header(&got, "x-hubspot-ratelimit-remaining"), Some(100 - number));
        assert_eq!(
            header(&got, "x-hubspot-ratelimit-daily-remaining"),
            Some(250_000 - number)
        );
    }
    let got = client.get("/crm/objects/2026-09/contacts").await;
    assert_eq!(
        (got.status, got.body["policyName"].as_str()),
        (429, Some("TEN_SECONDLY_ROLLING"))
    );
    assert!(got.headers.get("retry-after").is_none());
    assert_eq!(client.sandbox.stats()["throttled"], json!(1));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(client.get("/crm/objects/2026-09/contacts").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn search_has_five_a_second_of_its_own_and_no_headers() {
    let client = limited(Switches {
        sends_retry_after: true,
        ..Switches::default()
    });
    for kind in ["contacts", "deals", "calls", "tasks", "emails"] {
        let got = client.search(kind, json!({})).await;
        assert_eq!(got.status, 200);
        assert!(got.headers.get("x-hubspot-ratelimit-remaining").is_none());
    }
    let got = client.search("contacts", json!({})).await;
    assert_eq!(
        (got.status, got.body["category"].as_str()),
        (429, Some("RATE_LIMITS"))
    );
    assert!(got.body.get("policyName").is_none());
    assert_eq!(header(&got, "retry-after"), Some(1));
    let list = client.get("/crm/objects/2026-09/contacts").await;
    assert_eq!(header(&list, "x-hubspot-ratelimit-remaining"), Some(99));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(client.search("contacts", json!({})).await.status, 200);
}

#[tokio::test]
async fn the_daily_allowance_resets_at_midnight_of_the_account() {
    let client = limited(Switches {
        daily_limit: Some(3),
        ..Switches::default()
    });
    for _ in 0..3 {
        assert_eq!(client.get("/crm/owners/2026-09").await.status, 200);
    }
    let got = client.get("/crm/owners/2026-09").await;
    assert_eq!(
        (got.status, got.body["policyName"].as_str()),
        (429, Some("DAILY"))
    );
    client
        .sandbox
        .advance_to("2026-01-06T04:59:59Z".parse().expect("an instant"));
    assert_eq!(client.get("/crm/owners/2026-09").await.status, 429);
    client
        .sandbox
        .advance_to("2026-01-06T05:00:00Z".parse().expect("an instant"));
    assert_eq!(client.get("/crm/owners/2026-09").await.status, 200);
}

#[tokio::test]
async fn limits_that_are_off_are_still_counted() {
    let client = Client::with(Switches {
        daily_limit: Some(1),
        ..Switches::default()
    });
    for _ in 0..3 {
        assert_eq!(client.get("/crm/owners/2026-09").await.status, 200);
    }
    assert_eq!(client.sandbox.stats()["quota"]["daily_used"], json!(3));
}

#[tokio::test(start_paused = true)]
async fn the_date_follows_tokio_time_where_it_should() {
    let client = Client::of(WorldConfig {
        clock: ClockMode::Tokio,
        ..config(Switches::default())
    });
    let before = client.now();
    tokio::time::advance(Duration::from_mins(90)).await;
    assert_eq!(
        client.now().duration_since(before),
        jiff::SignedDuration::from_mins(90)
    );
    let id = client.contact("a@acme.example").await;
    let got = client.get(&format!("/crm/objects/2026-09/contacts/{id}")).await;
    assert_eq!(got.body["createdAt"], json!("2026-01-05T09:30:00.000Z"));
}
