//! Allowances, and trouble in the vendor's shapes.

use std::time::Duration;

use bytes::Bytes;
use followup_sandbox::{Edition, OrgSwitches, Reply, Vendor};
use serde_json::json;

use super::{Client, hours};

#[tokio::test]
async fn the_daily_allocation_rolls() {
    let client = Client::limited(
        OrgSwitches {
            daily_limit: Some(3),
            ..OrgSwitches::default()
        },
        true,
    );
    for used in 1..=3 {
        let got = client.query("SELECT Id FROM Organization").await;
        assert_eq!(got.status, 200);
        assert_eq!(got.header("sforce-limit-info"), format!("api-usage={used}/3"));
    }
    let got = client.query("SELECT Id FROM Organization").await;
    assert_eq!(got.status, 403);
    assert_eq!(
        got.body,
        json!([{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}])
    );
    let login = client
        .login("token", &[("grant_type", "client_credentials")])
        .await;
    assert_eq!(
        (login.status, login.code()),
        (403, "REQUEST_LIMIT_EXCEEDED"),
        "not an OAuth error"
    );
    assert_eq!(client.sandbox.stats_of(Vendor::Salesforce)["throttled"], json!(2));
    client.advance(hours(23));
    assert_eq!(client.query("SELECT Id FROM Organization").await.status, 403);
    client.advance(hours(2));
    assert_eq!(client.query("SELECT Id FROM Organization").await.status, 200);
}

#[tokio::test]
async fn others_share_the_allocation() {
    let client = Client::limited(
        OrgSwitches {
            edition: Edition::Developer,
            limit_info_per_app: true,
            ..OrgSwitches::default()
        },
        true,
    );
    client.control("neighbour", json!({"requests": 14_998})).await;
    let got = client.query("SELECT Id FROM Organization").await;
    let info = got.header("sforce-limit-info");
    assert_eq!(
        info,
        "api-usage=14999/15000; per-app-api-usage=1/7500(appName=followup-app)"
    );
    client.query("SELECT Id FROM Organization").await;
    assert_eq!(client.query("SELECT Id FROM Organization").await.status, 403);
    client.advance(hours(25));
    client.set(|switches| switches.others_per_hour = 100);
    let limits = client.get("limits").await;
    assert_eq!(
        limits.body["DailyApiRequests"],
        json!({"Max": 15_000, "Remaining": 12_600})
    );
}

#[tokio::test(start_paused = true)]
async fn long_calls_fill_the_places_for_calls() {
    for status in [403, 400] {
        let client = Client::limited(
            OrgSwitches {
                edition: Edition::Developer,
                concurrent_status: status,
                ..OrgSwitches::default()
            },
            true,
        );
        client.fault("GET /services/data", "delay:30s", 5);
        let calls = (0..5).map(|_| client.query("SELECT Id FROM Organization"));
        let long = async {
            let mut calls: Vec<_> = calls.map(Box::pin).collect();
            let polled = std::future::poll_fn(|context| {
                for call in &mut calls {
                    assert!(call.as_mut().poll(context).is_pending());
                }
                std::task::Poll::Ready(())
            });
            polled.await;
            let refused = client.query("SELECT Id FROM Organization").await;
            for call in calls {
                assert_eq!(call.await.status, 200);
            }
            refused
        };
        let refused = long.await;
        assert_eq!(
            (refused.status, refused.code()),
            (status, "REQUEST_LIMIT_EXCEEDED")
        );
        assert_eq!(
            refused.message(),
            "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
        );
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(client.query("SELECT Id FROM Organization").await.status, 200);
    }
}

#[tokio::test]
async fn faults_have_the_vendors_shapes() {
    let client = Client::new();
    for (kind, status, code, message) in [
        (
            "throttle:daily",
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
        ),
        (
            "throttle:long_txn",
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentPerOrgLongTxn Limit exceeded",
        ),
        (
            "status:401",
            401,
            "INVALID_SESSION_ID",
            "Session expired or invalid",
        ),
        ("status:503", 503, "SERVER_UNAVAILABLE", ""),
        ("status:500", 500, "UNKNOWN_EXCEPTION", ""),
        (
            "error:SESSION_NOT_FOR_REST",
            401,
            "INVALID_SESSION_ID",
            "This session is not valid for use with the REST API",
        ),
        (
            "error:APP_NOT_ATTACHED",
            401,
            "INVALID_SESSION_ID",
            "Connected app is not attached to Agent",
        ),
        ("error:QUERY_TIMEOUT", 400, "QUERY_TIMEOUT", ""),
        (
            "error:OPERATION_TOO_LARGE",
            400,
            "OPERATION_TOO_LARGE",
            "exceeded 100000 distinct who/what's",
        ),
        ("forbid", 403, "API_DISABLED_FOR_ORG", ""),
    ] {
        client.fault("GET /services/data", kind, 1);
        let got = client.query("SELECT Id FROM Lead").await;
        assert_eq!((got.status, got.code()), (status, code), "{kind}");
        assert!(got.message().contains(message), "{kind}: {}", got.message());
    }
    for (kind, status, text) in [
        ("status:406", 406, "CustomNotAcceptable"),
        ("status:420", 420, "setting things up"),
        ("html:502", 502, "502 Bad Gateway"),
    ] {
        client.fault("GET /services/data", kind, 1);
        let got = client.query("SELECT Id FROM Lead").await;
        assert_eq!(got.status, status);
        assert!(
            got.header("content-type").starts_with("text/html") && got.text.contains(text),
            "{kind}"
        );
    }
    client.fault("*", "error:invalid_app_access", 1);
    let got = client.login("token", &[]).await;
    assert_eq!(got.body["error"], json!("invalid_app_access"));
}

#[tokio::test]
async fn a_write_of_many_fails_inside_a_200() {
    let client = Client::new();
    client.fault("POST /services/data", "ok_with_error", 2);
    let records = json!({"records": [{"attributes": {"type": "Task"}}, {"attributes": {"type": "Task"}}]});
    let got = client.post("composite/sobjects", records).await;
    assert_eq!(got.status, 200);
    assert_eq!(
        got.body[1]["errors"][0]["statusCode"],
        json!("UNABLE_TO_LOCK_ROW")
    );
    let part = json!({"method": "GET", "url": "/services/data/v62.0/limits", "referenceId": "r"});
    let got = client
        .post("composite", json!({"compositeRequest": [part]}))
        .await;
    assert_eq!(got.body["compositeResponse"][0]["httpStatusCode"], json!(400));
}

#[tokio::test]
async fn an_address_that_is_too_long_gets_html() {
    let client = Client::new();
    let got = client.query(&"x".repeat(17_000)).await;
    assert_eq!(got.status, 414);
    assert!(got.text.starts_with("<h1>Bad Message 414</h1>"));
}

#[tokio::test]
async fn a_revoked_session_stays_out() {
    let client = Client::new();
    client.fault("GET /services/data", "revoke_token", 1);
    for _ in 0..2 {
        assert_eq!(
            client.query("SELECT Id FROM Lead").await.code(),
            "INVALID_SESSION_ID"
        );
    }
}

#[tokio::test]
async fn a_cut_body_is_shorter_than_announced() {
    let client = Client::new();
    client.fault("GET /services/data", "truncate:10", 1);
    let reply = client.reply("GET", "limits", &[], Bytes::new()).await;
    let Reply::Answer(response) = reply else {
        panic!("an answer")
    };
    let announced: usize = response.headers()["content-length"]
        .to_str()
        .expect("text")
        .parse()
        .expect("a number");
    assert_eq!(response.body().len(), 10);
    assert!(announced > 10);
}
