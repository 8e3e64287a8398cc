//! Credits and calls at once.

use followup_sandbox::ZohoSwitches;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::{Client, hours};

#[tokio::test]
async fn credits_run_out_and_come_back_a_day_later() {
    let mut client = Client::limited(
        ZohoSwitches {
            daily_credits: Some(10),
            ..ZohoSwitches::default()
        },
        true,
    )
    .await;
    for spent in 1..=10_u32 {
        let got = client.get("org").await;
        assert_eq!(got.status, 200);
        let left = if spent >= 5 {
            (10 - spent).to_string()
        } else {
            String::new()
        };
        assert_eq!(got.header("x-api-credits-remaining"), left, "after {spent}");
    }
    let got = client.get("org").await;
    assert_eq!((got.status, got.code()), (429, "TOO_MANY_REQUESTS"));
    assert!(got.headers.get("retry-after").is_none());
    client.advance(hours(24));
    client.refresh().await;
    assert_eq!(client.get("org").await.status, 200);
}

#[tokio::test]
async fn calls_cost_what_the_vendor_says() {
    let client = Client::new().await;
    let used = || {
        let client = &client;
        async move {
            let stats = client.get("/_sandbox/stats").await;
            stats.body["quota"]["daily"]["used"].as_u64().expect("a number")
        }
    };
    let tasks = |count: usize| {
        let data: Vec<Value> = (0..count)
            .map(|at| json!({"Subject": format!("T{at}")}))
            .collect();
        json!({"data": data, "trigger": []})
    };
    let mut last = used().await;
    let mut cost = 0;
    for (path, body, credits) in [
        ("Tasks", tasks(10), 1),
        ("Tasks", tasks(11), 2),
        ("Tasks", tasks(100), 10),
        (
            "coql",
            json!({"select_query": "select id from Tasks where id is not null"}),
            1,
        ),
        (
            "coql",
            json!({"select_query": "select id from Tasks where id is not null limit 1000"}),
            2,
        ),
        (
            "coql",
            json!({"select_query": "select id from Tasks where id is not null limit 2000"}),
            3,
        ),
    ] {
        client.post(path, body).await;
        let now = used().await;
        assert_eq!(now - last, credits, "{path}");
        last = now;
        cost += credits;
    }
    assert_eq!(cost, 19);
}

#[tokio::test]
async fn a_neighbour_spends_of_the_same_credits() {
    let client = Client::limited(super::free(), true).await;
    client.control("neighbour", json!({"requests": 5_000})).await;
    assert_eq!(client.get("org").await.status, 429);
    let stats = client.get("/_sandbox/stats").await;
    assert_eq!(stats.body["throttled"], json!(1));
    assert_eq!(
        stats.body["quota"]["daily"],
        json!({"used": 5_000, "max": 5_000, "others": 5_000})
    );
}

/// Starts `count` calls that last a minute, and does not wait for them.
async fn hold(client: &Client, path: &str, count: usize) -> TaskTracker {
    let held = TaskTracker::new();
    for _ in 0..count {
        let request = http::Request::builder()
            .uri(format!("{}/crm/v8/{path}", super::API))
            .header("authorization", format!("Zoho-oauthtoken {}", client.token))
            .body(bytes::Bytes::new())
            .expect("a request");
        let sandbox = client.sandbox.clone();
        held.spawn(async move {
            sandbox.zoho(request).await;
        });
        tokio::task::yield_now().await;
    }
    held
}

#[tokio::test(start_paused = true)]
async fn an_edition_takes_so_many_calls_at_once() {
    let client = Client::limited(super::free(), true).await;
    client.fault("GET /crm/v8/org", "delay:60s", 5);
    let held = hold(&client, "org", 5).await;
    assert_eq!(client.get("users").await.status, 429);
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    assert_eq!(client.get("users").await.status, 200);
    held.close();
    held.wait().await;
}

#[tokio::test(start_paused = true)]
async fn complex_calls_share_a_smaller_pool() {
    let client = Client::limited(ZohoSwitches::default(), true).await;
    client.fault("GET /crm/v8/Leads", "delay:60s", 10);
    let sorted = "Leads?fields=Email&sort_by=Modified_Time";
    let held = hold(&client, sorted, 10).await;
    assert_eq!(client.get(sorted).await.status, 429);
    assert_eq!(
        client
            .query("select id from Leads where id is not null")
            .await
            .status,
        429
    );
    assert_eq!(
        client.get("Leads?fields=Email").await.status,
        204,
        "a plain list is not complex"
    );
    held.close();
    held.wait().await;
}
