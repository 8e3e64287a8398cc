//! Batches and their partial failures.

use followup_sandbox::Switches;
use serde_json::{Value, json};

use crate::support::Client;

fn input(trace: Option<&str>, status: &str) -> Value {
    let mut input = json!({"properties": {"hs_timestamp": "1767600000000", "hs_task_status": status}, "associations": []});
    if let Some(trace) = trace {
        input["objectWriteTraceId"] = json!(trace);
    }
    input
}

#[tokio::test]
async fn a_batch_read_names_what_is_missing() {
    let client = Client::new();
    let (a, b) = (
        client.contact("a@acme.example").await,
        client.contact("b@acme.example").await,
    );
    let path = "/crm/objects/2026-09/contacts/batch/read";
    let whole = client
        .post(
            path,
            json!({"inputs": [{"id": a}, {"id": b}], "properties": ["email"]}),
        )
        .await;
    assert_eq!((whole.status, whole.ids().len()), (200, 2));
    let part = client
        .post(path, json!({"inputs": [{"id": a}, {"id": "9"}]}))
        .await;
    assert_eq!((part.status, part.ids()), (207, vec![a]));
    assert_eq!(part.body["errors"][0]["context"]["ids"], json!(["9"]));
    let by_email = json!({"inputs": [{"id": "b@acme.example"}], "idProperty": "email"});
    assert_eq!(client.post(path, by_email).await.ids(), [b]);
    let many: Vec<Value> = (0..101).map(|id| json!({"id": id.to_string()})).collect();
    assert_eq!(client.post(path, json!({"inputs": many})).await.status, 400);
}

#[tokio::test]
async fn a_create_fails_in_part_only_when_every_input_is_traced() {
    let client = Client::new();
    let path = "/crm/objects/2026-09/tasks/batch/create";
    for inputs in [
        vec![input(None, "NOT_STARTED"), input(None, "NONSENSE")],
        vec![input(Some("k"), "NOT_STARTED"), input(Some("k"), "NONSENSE")],
    ] {
        assert_eq!(client.post(path, json!({"inputs": inputs})).await.status, 400);
        assert!(client.get("/crm/objects/2026-09/tasks").await.ids().is_empty());
    }
    let inputs = vec![input(Some("k1"), "NONSENSE"), input(Some("k2"), "NOT_STARTED")];
    let got = client.post(path, json!({"inputs": inputs})).await;
    assert_eq!((got.status, got.body["status"].as_str()), (207, Some("COMPLETE")));
    assert_eq!(got.body["results"][0]["objectWriteTraceId"], json!("k2"));
    assert_eq!(
        got.body["errors"][0]["context"]["objectWriteTraceId"],
        json!(["k1"])
    );
    assert_eq!(client.get("/crm/objects/2026-09/tasks").await.ids().len(), 1);
}

#[tokio::test]
async fn september_paths_may_know_no_207() {
    let client = Client::with(Switches {
        multi_status_on_dated_paths: false,
        ..Switches::default()
    });
    let body = json!({"inputs": [input(Some("k1"), "NONSENSE"), input(Some("k2"), "NOT_STARTED")]});
    let dated = client
        .post("/crm/objects/2026-09/tasks/batch/create", body.clone())
        .await;
    assert_eq!((dated.status, dated.body["numErrors"].as_u64()), (201, Some(1)));
    assert_eq!(
        client
            .post("/crm/v3/objects/tasks/batch/create", body)
            .await
            .status,
        207
    );
}

#[tokio::test]
async fn an_upsert_overwrites_by_key_and_says_what_was_new() {
    let client = Client::new();
    let property = json!({
        "groupName": "task", "name": "key", "label": "Key", "type": "string", "fieldType": "text",
        "hasUniqueValue": true,
    });
    client.post("/crm/properties/2026-09/tasks", property).await;
    let path = "/crm/objects/2026-09/tasks/batch/upsert";
    let body = |property: &str| {
        let properties = json!({"hs_timestamp": "1767600000000"});
        json!({"inputs": [{"id": "g1", "idProperty": property, "properties": properties}]})
    };
    for is_new in [true, false] {
        let got = client.post(path, body("key")).await;
        assert_eq!(
            (got.status, &got.body["results"][0]["new"]),
            (200, &json!(is_new))
        );
    }
    let refused = client.post(path, body("hs_task_subject")).await;
    assert!(refused.status == 400 && refused.text.contains("non-unique 0-27 property"));
}

#[tokio::test]
async fn contacts_are_not_updated_in_batches_by_address() {
    let client = Client::new();
    let id = client.contact("a@acme.example").await;
    let path = "/crm/objects/2026-09/contacts/batch/update";
    let by = |id: &str, property: Option<&str>| {
        let mut input = json!({"id": id, "properties": {"city": "Ulm"}});
        if let Some(property) = property {
            input["idProperty"] = json!(property);
        }
        json!({"inputs": [input]})
    };
    assert_eq!(
        client
            .post(path, by("a@acme.example", Some("email")))
            .await
            .status,
        207
    );
    assert_eq!(client.post(path, by(&id, None)).await.status, 200);
    let gone = client
        .post(
            "/crm/objects/2026-09/contacts/batch/archive",
            json!({"inputs": [{"id": id}]}),
        )
        .await;
    assert_eq!(gone.status, 204);
    assert!(client.get("/crm/objects/2026-09/contacts").await.ids().is_empty());
}
