//! The index: lag, operators, caps.

use followup_sandbox::{IndexLag, Switches};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::Client;

fn one(property: &str, operator: &str, value: &str) -> Value {
    json!({"filterGroups": [{"filters": [{"propertyName": property, "operator": operator, "value": value}]}]})
}

fn no_lag() -> Switches {
    let none = IndexLag {
        create: SignedDuration::ZERO,
        update: SignedDuration::ZERO,
        is_random: false,
    };
    Switches {
        index_lag: none,
        ..Switches::default()
    }
}

#[tokio::test]
async fn a_new_record_is_invisible_for_two_seconds_and_a_change_for_five() {
    let client = Client::new();
    let id = client
        .create(
            "tasks",
            json!({"hs_timestamp": "1767600000000", "hs_task_subject": "old"}),
        )
        .await;
    let total = async |subject: &str| {
        client
            .search("tasks", one("hs_task_subject", "EQ", subject))
            .await
            .body["total"]
            .as_u64()
    };
    client.advance(1);
    assert_eq!(total("old").await, Some(0));
    client.advance(1);
    assert_eq!(total("old").await, Some(1));
    let change = json!({"properties": {"hs_task_subject": "new"}});
    client
        .patch(&format!("/crm/objects/2026-09/tasks/{id}"), change)
        .await;
    client.advance(4);
    assert_eq!((total("old").await, total("new").await), (Some(1), Some(0)));
    client.advance(1);
    assert_eq!((total("old").await, total("new").await), (Some(0), Some(1)));
}

#[tokio::test]
async fn a_stale_hit_shows_the_present_record_when_asked_to() {
    let client = Client::with(Switches {
        stale_hits: true,
        ..Switches::default()
    });
    let id = client
        .create(
            "tasks",
            json!({"hs_timestamp": "1767600000000", "hs_task_subject": "old"}),
        )
        .await;
    client.advance(2);
    let change = json!({"properties": {"hs_task_subject": "new"}});
    client
        .patch(&format!("/crm/objects/2026-09/tasks/{id}"), change)
        .await;
    let mut query = one("hs_task_subject", "EQ", "old");
    query["properties"] = json!(["hs_task_subject"]);
    let got = client.search("tasks", query).await.body;
    assert_eq!(got["results"][0]["properties"]["hs_task_subject"], json!("new"));
}

#[tokio::test]
async fn contacts_are_found_by_their_own_modified_property_only() {
    let client = Client::with(no_lag());
    client.contact("a@acme.example").await;
    let found = client
        .search("contacts", one("lastmodifieddate", "GTE", "1000"))
        .await;
    assert_eq!(found.body["total"], json!(1));
    let nothing = client
        .search("contacts", one("hs_lastmodifieddate", "GTE", "1000"))
        .await;
    assert_eq!((nothing.status, &nothing.body["total"]), (200, &json!(0)));
}

#[tokio::test]
async fn archived_records_never_appear() {
    let client = Client::with(no_lag());
    let id = client.contact("a@acme.example").await;
    client
        .send("DELETE", &format!("/crm/objects/2026-09/contacts/{id}"), None)
        .await;
    assert_eq!(client.search("contacts", json!({})).await.body["total"], json!(0));
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn every_operator_does_what_it_says() {
    let client = Client::with(no_lag());
    client
        .create(
            "deals",
            json!({"dealname": "Blue Chairs", "amount": "9", "dealstage": "contractsent"}),
        )
        .await;
    client
        .create(
            "deals",
            json!({"dealname": "red tables", "amount": "100", "dealstage": "closedwon"}),
        )
        .await;
    client.create("deals", json!({"dealname": "nothing"})).await;
    let filter = |filter: Value| json!({"filters": [filter]});
    for (condition, total) in [
        (
            json!({"propertyName": "amount", "operator": "EQ", "value": "9.0"}),
            1,
        ),
        (
            json!({"propertyName": "amount", "operator": "NEQ", "value": "9"}),
            1,
        ),
        (
            json!({"propertyName": "amount", "operator": "LT", "value": "100"}),
            1,
        ),
        (
            json!({"propertyName": "amount", "operator": "LTE", "value": "100"}),
            2,
        ),
        (
            json!({"propertyName": "amount", "operator": "GT", "value": "9"}),
            1,
        ),
        (
            json!({"propertyName": "amount", "operator": "GTE", "value": "9"}),
            2,
        ),
        (
            json!({"propertyName": "amount", "operator": "BETWEEN", "value": "9", "highValue": "100"}),
            2,
        ),
        (
            json!({"propertyName": "dealstage", "operator": "IN", "values": ["closedwon", "x"]}),
            1,
        ),
        (
            json!({"propertyName": "dealstage", "operator": "EQ", "value": "CLOSEDWON"}),
            0,
        ),
        (
            json!({"propertyName": "dealname", "operator": "IN", "values": ["Blue Chairs"]}),
            0,
        ),
        (
            json!({"propertyName": "dealname", "operator": "IN", "values": ["blue chairs"]}),
            1,
        ),
        (
            json!({"propertyName": "dealname", "operator": "NOT_IN", "values": ["blue chairs"]}),
            2,
        ),
        (
            json!({"propertyName": "dealname", "operator": "EQ", "value": "BLUE CHAIRS"}),
            1,
        ),
        (json!({"propertyName": "amount", "operator": "HAS_PROPERTY"}), 2),
        (
            json!({"propertyName": "amount", "operator": "NOT_HAS_PROPERTY"}),
            1,
        ),
        (
            json!({"propertyName": "dealname", "operator": "CONTAINS_TOKEN", "value": "chairs"}),
            1,
        ),
        (
            json!({"propertyName": "dealname", "operator": "CONTAINS_TOKEN", "value": "tab*"}),
            1,
        ),
        (
            json!({"propertyName": "dealname", "operator": "NOT_CONTAINS_TOKEN", "value": "chairs"}),
            2,
        ),
    ] {
        let got = client.search("deals", filter(condition.clone())).await;
        assert_eq!(got.body["total"], json!(total), "{condition}");
    }
}

#[tokio::test]
async fn times_match_as_milliseconds_and_as_iso_text() {
    let client = Client::with(no_lag());
    client
        .create("calls", json!({"hs_timestamp": "2026-01-05T07:00:00Z"}))
        .await;
    for bound in ["1767596400000", "2026-01-05T07:00:00Z"] {
        let got = client.search("calls", one("hs_timestamp", "EQ", bound)).await;
        assert_eq!(got.body["total"], json!(1), "{bound}");
    }
    assert_eq!(
        client
            .search("calls", one("hs_timestamp", "GTE", "0"))
            .await
            .status,
        500
    );
    assert_eq!(
        client
            .search("calls", one("hs_timestamp", "GTE", "monday"))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn pages_go_by_offset_and_end_at_ten_thousand() {
    let client = Client::with(no_lag());
    for number in 0..5 {
        client.contact(&format!("p{number}@acme.example")).await;
    }
    let sort = json!([{"propertyName": "hs_object_id", "direction": "DESCENDING"}]);
    let first = client
        .search("contacts", json!({"limit": 2, "sorts": sort}))
        .await;
    assert_eq!(first.body["paging"]["next"]["after"], json!("2"));
    let last = client
        .search("contacts", json!({"limit": 2, "after": "4", "sorts": sort}))
        .await;
    assert_eq!((last.ids().len(), last.body.get("paging")), (1, None));
    assert!(first.ids()[0] > last.ids()[0]);
    assert_eq!(client.search("contacts", json!({"limit": 201})).await.status, 400);
    assert_eq!(
        client
            .search("contacts", json!({"limit": 200, "after": "9800"}))
            .await
            .status,
        200
    );
    assert_eq!(
        client
            .search("contacts", json!({"limit": 200, "after": "9801"}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_large_or_complicated_query_is_refused() {
    let client = Client::new();
    let filter = json!({"propertyName": "email", "operator": "HAS_PROPERTY"});
    let groups = |count: usize, each: usize| {
        let group = json!({"filters": vec![filter.clone(); each]});
        json!({"filterGroups": vec![group; count]})
    };
    assert_eq!(client.search("contacts", groups(5, 3)).await.status, 200);
    for (count, each) in [(6, 1), (1, 7), (4, 5)] {
        let got = client.search("contacts", groups(count, each)).await;
        assert_eq!(
            (got.status, got.body["category"].as_str()),
            (400, Some("VALIDATION_ERROR")),
            "{count}x{each}"
        );
    }
    assert_eq!(
        client
            .search("contacts", json!({"query": "x".repeat(3_000)}))
            .await
            .status,
        400
    );
    assert_eq!(
        client.search("contacts", one("no_such", "EQ", "1")).await.status,
        400
    );
    assert_eq!(
        client
            .search("emails", one("hs_email_html", "CONTAINS_TOKEN", "a"))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn linked_records_can_be_filtered_by() {
    let client = Client::with(no_lag());
    let contact = client.contact("a@acme.example").await;
    let task = client
        .post("/crm/objects/2026-09/tasks", crate::support::task(&contact, 204))
        .await
        .id();
    let got = client
        .search("tasks", one("associations.contact", "EQ", &contact))
        .await;
    assert_eq!(got.ids(), [task]);
}
