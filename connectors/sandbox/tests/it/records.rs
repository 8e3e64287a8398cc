//! Lists, single records, validation, merges, properties, owners, pipelines.

use followup_sandbox::Switches;
use serde_json::{Value, json};

use crate::support::{Client, task};

#[tokio::test]
async fn both_path_families_and_all_spellings_reach_one_record() {
    let client = Client::new();
    let id = client.contact("lee@acme.example").await;
    for path in [
        "/crm/v3/objects/contacts",
        "/crm/objects/2026-03/contact",
        "/crm/objects/2026-09/0-1",
    ] {
        let got = client.get(&format!("{path}/{id}")).await;
        assert_eq!(
            (got.status, got.body["id"].as_str()),
            (200, Some(id.as_str())),
            "{path}"
        );
    }
    assert_eq!(client.get("/crm/objects/2025-01/contacts").await.status, 404);
    assert_eq!(
        client
            .get(&format!("/crm/v3/objects/contacts/{id}/associations/tasks"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_list_pages_by_the_id_of_the_next_record() {
    let client = Client::new();
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(client.contact(&format!("p{number}@acme.example")).await);
    }
    let first = client.get("/crm/objects/2026-09/contacts?limit=2").await;
    assert_eq!(first.ids(), made[..2]);
    assert_eq!(first.body["paging"]["next"]["after"], json!(made[2]));
    client
        .patch(
            &format!("/crm/objects/2026-09/contacts/{}", made[0]),
            json!({"properties": {"city": "Ulm"}}),
        )
        .await;
    let rest = client
        .get(&format!(
            "/crm/objects/2026-09/contacts?limit=100&after={}",
            made[2]
        ))
        .await;
    assert_eq!(rest.ids(), made[2..]);
    assert!(rest.body.get("paging").is_none());
    assert_eq!(
        client.get("/crm/objects/2026-09/contacts?limit=101").await.status,
        400
    );
    assert_eq!(
        client
            .get("/crm/objects/2026-09/contacts?limit=51&propertiesWithHistory=city")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn values_are_strings_unset_ones_null_and_unknown_ones_absent() {
    let client = Client::new();
    client
        .create("deals", json!({"dealname": "D", "amount": 1500.5}))
        .await;
    for query in [
        "properties=amount,closedate,nonsense",
        "properties=amount&properties=closedate",
    ] {
        let got = client.get(&format!("/crm/objects/2026-09/deals?{query}")).await;
        let shown = &got.body["results"][0]["properties"];
        assert_eq!(shown["amount"], json!("1500.5"));
        assert!(shown["closedate"].is_null() && shown.get("closedate").is_some());
        assert!(shown.get("nonsense").is_none());
    }
    let sparse = Client::with(Switches {
        null_for_unset: false,
        ..Switches::default()
    });
    sparse.create("deals", json!({"dealname": "D"})).await;
    let got = sparse.get("/crm/objects/2026-09/deals?properties=amount").await;
    assert!(got.body["results"][0]["properties"].get("amount").is_none());
}

#[tokio::test]
async fn every_bad_value_is_named_in_one_refusal() {
    let client = Client::new();
    let got = client
        .post(
            "/crm/objects/2026-09/tasks",
            json!({"associations": [], "properties": {
                "hs_timestamp": "soon", "hs_task_status": "DONE", "hs_task_reminders": "2026-01-05T08:00:00Z",
                "hs_createdate": "2026-01-05T08:00:00Z", "colour": "red", "hubspot_owner_id": "12",
            }}),
        )
        .await;
    assert_eq!(
        (got.status, got.body["category"].as_str()),
        (400, Some("VALIDATION_ERROR"))
    );
    let message = got.body["message"].as_str().expect("a message");
    let inner: Vec<Value> = serde_json::from_str(
        message
            .strip_prefix("Property values were not valid: ")
            .expect("prefix"),
    )
    .expect("JSON");
    let mut codes: Vec<&str> = inner
        .iter()
        .map(|problem| problem["error"].as_str().expect("a code"))
        .collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "INVALID_DATE",
            "INVALID_INTEGER",
            "INVALID_OPTION",
            "INVALID_OWNER_ID",
            "PROPERTY_DOESNT_EXIST",
            "READ_ONLY_VALUE"
        ]
    );
    assert_eq!(got.body["errors"].as_array().map(Vec::len), Some(6));
    assert!(client.get("/crm/objects/2026-09/tasks").await.ids().is_empty());
}

#[tokio::test]
async fn a_required_property_must_be_given() {
    let client = Client::new();
    for (kind, given) in [
        ("tasks", json!({})),
        ("emails", json!({"hs_timestamp": "1767600000000"})),
    ] {
        let got = client
            .post(
                &format!("/crm/objects/2026-09/{kind}"),
                json!({"properties": given}),
            )
            .await;
        assert_eq!(
            (got.status, got.body["category"].as_str()),
            (400, Some("VALIDATION_ERROR")),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn an_address_is_taken_once() {
    let client = Client::new();
    let id = client.contact("lee@acme.example").await;
    let again = json!({"properties": {"email": "LEE@acme.example"}});
    let got = client.post("/crm/objects/2026-09/contacts", again).await;
    assert_eq!(
        (got.status, got.body["category"].as_str()),
        (409, Some("CONFLICT"))
    );
    assert!(
        got.body["message"]
            .as_str()
            .expect("text")
            .ends_with(&format!("Existing ID: {id}"))
    );
}

#[tokio::test]
async fn an_archived_record_shows_only_when_asked_for_and_a_mail_never_again() {
    let client = Client::new();
    let contact = client.contact("lee@acme.example").await;
    let mail = json!({"hs_timestamp": "2026-01-05T07:00:00Z", "hs_email_direction": "EMAIL"});
    let mail = client.create("emails", mail).await;
    for (kind, id, shown) in [("contacts", contact, 1), ("emails", mail, 0)] {
        let path = format!("/crm/objects/2026-09/{kind}");
        assert_eq!(
            client.send("DELETE", &format!("{path}/{id}"), None).await.status,
            204
        );
        assert_eq!(client.get(&format!("{path}/{id}")).await.status, 404);
        assert!(client.get(&path).await.ids().is_empty());
        let archived = client.get(&format!("{path}?archived=true")).await;
        assert_eq!(archived.ids().len(), shown, "{kind}");
        if shown == 1 {
            assert!(archived.body["results"][0]["archivedAt"].is_string());
        }
    }
}

#[tokio::test]
async fn a_merge_mints_an_id_and_old_ids_serve_single_changes_only() {
    let client = Client::new();
    let (a, b) = (
        client.contact("a@acme.example").await,
        client.contact("b@acme.example").await,
    );
    let task_id = client
        .post("/crm/objects/2026-09/tasks", task(&b, 204))
        .await
        .id();
    client.advance(60);
    let merge = json!({"primaryObjectId": a, "objectIdToMerge": b});
    let survivor = client
        .post("/crm/objects/2026-09/contacts/merge", merge)
        .await
        .id();
    assert!(survivor != a && survivor != b);
    assert_eq!(
        client.get("/crm/objects/2026-09/contacts").await.ids(),
        std::slice::from_ref(&survivor)
    );
    let change = json!({"properties": {"city": "Ulm"}});
    assert_eq!(
        client
            .patch(&format!("/crm/objects/2026-09/contacts/{b}"), change)
            .await
            .id(),
        survivor
    );
    let batch = json!({"inputs": [{"id": b, "properties": {"city": "Bonn"}}]});
    let batch = client
        .post("/crm/objects/2026-09/contacts/batch/update", batch)
        .await;
    assert_eq!((batch.status, batch.body["numErrors"].as_u64()), (207, Some(1)));
    let got = client
        .get(&format!(
            "/crm/objects/2026-09/contacts/{a}?properties=hs_merged_object_ids,city"
        ))
        .await;
    assert_eq!(
        got.body["properties"]["hs_merged_object_ids"],
        json!(format!("{b};{a}"))
    );
    assert_eq!(got.body["createdAt"], json!("2026-01-05T08:00:00.000Z"));
    assert_eq!(got.body["properties"]["city"], json!("Ulm"));
    let linked = client
        .get(&format!(
            "/crm/objects/2026-09/tasks/{task_id}/associations/contacts"
        ))
        .await;
    assert_eq!(linked.body["results"][0]["toObjectId"].to_string(), survivor);
}

#[tokio::test]
async fn a_stage_change_keeps_its_history_and_closes_the_deal() {
    let client = Client::new();
    let deal = client
        .create("deals", json!({"dealname": "D", "dealstage": "qualifiedtobuy"}))
        .await;
    client.advance(3600);
    let path = format!("/crm/objects/2026-09/deals/{deal}");
    client
        .patch(&path, json!({"properties": {"dealstage": "closedwon"}}))
        .await;
    let got = client
        .get(&format!(
            "{path}?propertiesWithHistory=dealstage&properties=hs_is_closed,closedate"
        ))
        .await;
    let history = got.body["propertiesWithHistory"]["dealstage"]
        .as_array()
        .expect("history")
        .clone();
    let stages: Vec<&str> = history
        .iter()
        .map(|version| version["value"].as_str().expect("text"))
        .collect();
    assert_eq!(stages, ["closedwon", "qualifiedtobuy"]);
    assert_eq!(history[0]["timestamp"], json!("2026-01-05T09:00:00.000Z"));
    assert_eq!(got.body["properties"]["hs_is_closed"], json!("true"));
    assert_eq!(
        got.body["properties"]["closedate"],
        json!("2026-01-05T09:00:00.000Z")
    );
    let bad = client
        .patch(&path, json!({"properties": {"dealstage": "Closed Won"}}))
        .await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn completing_a_task_stamps_it_and_bumps_the_contact() {
    let client = Client::new();
    let contact = client.contact("lee@acme.example").await;
    client.advance(60);
    let id = client
        .post("/crm/objects/2026-09/tasks", task(&contact, 204))
        .await
        .id();
    let modified = |got: &crate::support::Got| {
        got.body["properties"]["lastmodifieddate"]
            .as_str()
            .map(str::to_owned)
    };
    let path = format!("/crm/objects/2026-09/contacts/{contact}?properties=notes_last_updated");
    assert_eq!(
        modified(&client.get(&path).await).as_deref(),
        Some("2026-01-05T08:01:00.000Z")
    );
    client.advance(60);
    let done = json!({"properties": {"hs_task_status": "COMPLETED"}});
    let done = client
        .patch(&format!("/crm/objects/2026-09/tasks/{id}"), done)
        .await;
    assert_eq!(
        done.body["properties"]["hs_task_completion_date"],
        json!("2026-01-05T08:02:00.000Z")
    );
    let contact = client.get(&path).await;
    assert_eq!(modified(&contact).as_deref(), Some("2026-01-05T08:02:00.000Z"));
    assert_eq!(
        contact.body["properties"]["notes_last_updated"],
        json!("2026-01-05T08:02:00.000Z")
    );
}

#[tokio::test]
async fn a_unique_task_property_finds_its_task_and_exists_once() {
    let client = Client::new();
    let property = json!({
        "groupName": "task", "name": "followupd_key", "label": "Key", "type": "string", "fieldType": "text",
        "hasUniqueValue": true,
    });
    assert_eq!(
        client
            .post("/crm/properties/2026-09/tasks", property.clone())
            .await
            .status,
        201
    );
    assert_eq!(
        client
            .post("/crm/properties/2026-09/tasks", property.clone())
            .await
            .status,
        409
    );
    let values = json!({"hs_timestamp": "1767600000000", "followupd_key": "g1"});
    let id = client.create("tasks", values.clone()).await;
    let found = client
        .get("/crm/objects/2026-09/tasks/g1?idProperty=followupd_key")
        .await;
    assert_eq!(found.id(), id);
    let conflict = client
        .post("/crm/objects/2026-09/tasks", json!({"properties": values}))
        .await;
    assert_eq!(conflict.status, 400);
    assert!(
        conflict.text.contains("CONFLICTING_UNIQUE_VALUE")
            && conflict.text.contains("already has that value")
    );
    let other = client
        .get("/crm/objects/2026-09/tasks/g1?idProperty=hs_task_subject")
        .await;
    assert!(other.text.contains("non-unique 0-27 property"));

    let without = Client::with(Switches {
        unique_task_property: false,
        ..Switches::default()
    });
    assert_eq!(
        without
            .post("/crm/properties/2026-09/tasks", property)
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn ten_unique_properties_are_the_most() {
    let client = Client::new();
    for number in 0..=10 {
        let property = json!({
            "groupName": "task", "name": format!("key_{number}"), "label": "Key", "type": "string",
            "fieldType": "text", "hasUniqueValue": true,
        });
        let expected = if number < 10 { 201 } else { 400 };
        assert_eq!(
            client
                .post("/crm/properties/2026-09/tasks", property)
                .await
                .status,
            expected
        );
    }
    let loose =
        json!({"groupName": "nowhere", "name": "x", "label": "X", "type": "string", "fieldType": "text"});
    assert_eq!(
        client.post("/crm/properties/2026-09/tasks", loose).await.status,
        400
    );
}

#[tokio::test]
async fn schema_pipelines_owners_and_account_answer_in_shape() {
    let client = Client::new();
    let status = client
        .get("/crm/properties/2026-09/tasks/hs_task_status")
        .await
        .body;
    assert_eq!(status["options"].as_array().map(Vec::len), Some(5));
    assert_eq!(status["modificationMetadata"]["readOnlyValue"], json!(false));
    let pipelines = client.get("/crm/pipelines/2026-09/deals").await.body;
    assert_eq!(
        pipelines["results"][0]["stages"][5]["metadata"]["isClosed"],
        json!("true")
    );
    let owners = client.get("/crm/owners/2026-09?limit=1").await;
    let after = owners.body["paging"]["next"]["after"]
        .as_str()
        .expect("a token")
        .to_owned();
    let next = client
        .get(&format!("/crm/owners/2026-09?limit=1&after={after}"))
        .await;
    assert_ne!(owners.ids(), next.ids());
    let archived = client.get("/crm/owners/2026-09?archived=true").await.body;
    for owner in archived["results"].as_array().expect("owners") {
        assert!(owner["userId"].is_null() && owner["userIdIncludingInactive"].is_u64());
    }
    let details = client.get("/account-info/2026-09/details").await.body;
    assert_eq!(details["timeZone"], json!("America/New_York"));
    assert_eq!(details["utcOffsetMilliseconds"], json!(-18_000_000));
    let usage = client
        .get("/account-info/2026-09/api-usage/daily/private-apps")
        .await
        .body;
    assert_eq!(usage["results"][0]["resetsAt"], json!("2026-01-06T05:00:00.000Z"));
    assert_eq!(
        client
            .get("/calling/v1/dispositions")
            .await
            .body
            .as_array()
            .map(Vec::len),
        Some(6)
    );
}

#[tokio::test]
async fn write_validation_refuses_tasks_on_september_paths_only() {
    let client = Client::with(Switches {
        refuses_tasks: true,
        ..Switches::default()
    });
    let contact = client.contact("lee@acme.example").await;
    assert_eq!(
        client
            .post("/crm/objects/2026-09/tasks", task(&contact, 204))
            .await
            .status,
        400
    );
    assert_eq!(
        client
            .post("/crm/objects/2026-03/tasks", task(&contact, 204))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn lifecycle_stage_moves_forward_only() {
    let client = Client::new();
    let id = client
        .create(
            "contacts",
            json!({"email": "a@acme.example", "lifecyclestage": "customer"}),
        )
        .await;
    let path = format!("/crm/objects/2026-09/contacts/{id}");
    let got = client
        .patch(&path, json!({"properties": {"lifecyclestage": "lead"}}))
        .await;
    assert_eq!(got.body["properties"]["lifecyclestage"], json!("customer"));
    client
        .patch(&path, json!({"properties": {"lifecyclestage": ""}}))
        .await;
    let got = client
        .patch(&path, json!({"properties": {"lifecyclestage": "lead"}}))
        .await;
    assert_eq!(got.body["properties"]["lifecyclestage"], json!("lead"));
}

#[tokio::test]
async fn a_long_url_meets_the_edge() {
    let client = Client::new();
    let long = format!("/crm/objects/2026-09/contacts?properties={}", "a".repeat(9_000));
    let got = client.get(&long).await;
    assert_eq!(got.status, 414);
    assert!(got.text.starts_with("<!DOCTYPE html>"));
}
