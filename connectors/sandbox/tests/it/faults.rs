//! Trouble on demand.

use std::time::Duration;

use followup_sandbox::{Reply, parse_faults};
use serde_json::{Value, json};

use crate::support::Client;

const TASKS: &str = "/crm/objects/2026-09/tasks";

fn with_fault(kind: &str, times: u32) -> Client {
    let client = Client::new();
    let faults = json!([{"match": "* /crm/objects/*/tasks", "kind": kind, "times": times}]);
    client
        .sandbox
        .set_faults(parse_faults(&faults.to_string()).expect("valid"));
    client
}

fn task() -> Value {
    json!({"properties": {"hs_timestamp": "1767600000000"}})
}

#[tokio::test]
async fn a_connection_closes_before_or_after_the_commit() {
    for (kind, committed) in [("close_before", false), ("close_after_commit", true)] {
        let client = with_fault(kind, 1);
        let reply = client.reply("POST", TASKS, Some(&task())).await;
        assert!(
            matches!(reply, Reply::Closed { committed: told } if told == committed),
            "{kind}"
        );
        assert_eq!(
            client.get(TASKS).await.ids().len(),
            usize::from(committed),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn an_edge_timeout_hides_what_was_carried_out() {
    let client = with_fault("status_after_commit:504", 1);
    let got = client.post(TASKS, task()).await;
    assert!(got.status == 504 && got.text.starts_with("<!DOCTYPE html>"));
    assert_eq!(client.get(TASKS).await.ids().len(), 1);
}

#[tokio::test]
async fn replaced_answers_commit_nothing() {
    for (kind, status, marker) in [
        ("status:503", 503, "INTERNAL_ERROR"),
        ("status:477", 477, "MIGRATION"),
        ("html:502", 502, "<!DOCTYPE html>"),
        ("throttle:daily", 429, "\"DAILY\""),
        ("throttle:burst", 429, "TEN_SECONDLY_ROLLING"),
        ("throttle:search", 429, "secondly limit"),
        ("ok_with_error", 200, "\"status\":\"error\""),
        ("forbid", 403, "crm.objects.contacts.write"),
    ] {
        let client = with_fault(kind, 1);
        let got = client.post(TASKS, task()).await;
        assert_eq!(got.status, status, "{kind}");
        assert!(got.text.contains(marker), "{kind}: {}", got.text);
        assert!(client.get(TASKS).await.ids().is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_announced() {
    let client = with_fault("truncate:10", 1);
    let got = client.get(TASKS).await;
    assert_eq!(got.text.len(), 10);
    let announced: usize = got.headers["content-length"]
        .to_str()
        .expect("text")
        .parse()
        .expect("a number");
    assert!(announced > 10);
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_the_answer_back_but_not_the_commit() {
    let client = with_fault("delay:30s", 1);
    let body = task();
    let slow = tokio::time::timeout(Duration::from_secs(10), client.reply("POST", TASKS, Some(&body))).await;
    assert!(slow.is_err());
    assert_eq!(client.get(TASKS).await.ids().len(), 1);
}

#[tokio::test]
async fn a_page_token_expires_only_where_there_is_one() {
    let client = with_fault("expire_page_token", 0);
    assert_eq!(client.get(TASKS).await.status, 200);
    assert_eq!(client.get(&format!("{TASKS}?after=5")).await.status, 400);
    assert_eq!(client.search("tasks", json!({"after": "0"})).await.status, 400);
}

#[tokio::test]
async fn a_revoked_token_stays_revoked() {
    let client = with_fault("revoke_token", 1);
    for _ in 0..2 {
        assert_eq!(client.get(TASKS).await.status, 401);
    }
}

#[tokio::test]
async fn zero_times_is_always() {
    let client = with_fault("status:500", 0);
    for _ in 0..3 {
        assert_eq!(client.get(TASKS).await.status, 500);
    }
    client.sandbox.set_faults(Vec::new());
    assert_eq!(client.get(TASKS).await.status, 200);
}
