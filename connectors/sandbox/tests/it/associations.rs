//! Links between records.

use followup_sandbox::Switches;
use serde_json::json;

use crate::support::{Client, task};

#[tokio::test]
async fn a_create_with_the_reverse_type_or_a_missing_target_is_refused_whole() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    for body in [task(&contact, 203), task("9", 204), task(&contact, 216)] {
        let got = client.post("/crm/objects/2026-09/tasks", body).await;
        assert_eq!(got.status, 400);
        assert!(got.text.contains("one or more associations are not valid"));
    }
    assert!(client.get("/crm/objects/2026-09/tasks").await.ids().is_empty());
}

#[tokio::test]
async fn a_link_reads_from_both_ends_with_its_own_type() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    let task = client
        .post("/crm/objects/2026-09/tasks", task(&contact, 204))
        .await
        .id();
    let from_task = client
        .get(&format!(
            "/crm/objects/2026-09/tasks/{task}/associations/contacts"
        ))
        .await
        .body;
    assert_eq!(
        from_task["results"][0]["associationTypes"][0]["typeId"],
        json!(204)
    );
    let from_contact = client
        .get(&format!("/crm/v4/objects/contacts/{contact}/associations/0-27"))
        .await
        .body;
    assert_eq!(
        from_contact["results"][0]["associationTypes"][0]["typeId"],
        json!(203)
    );
    assert_eq!(from_contact["results"][0]["toObjectId"].to_string(), task);
}

#[tokio::test]
async fn what_nobody_settled_can_be_switched() {
    let client = Client::with(Switches {
        numeric_to_object_id: false,
        record_associations_on_2026_09: false,
        ..Switches::default()
    });
    let contact = client.contact("a@acme.example").await;
    let task = client
        .post("/crm/objects/2026-09/tasks", task(&contact, 204))
        .await
        .id();
    let path = |version: &str| format!("/crm/objects/{version}/tasks/{task}/associations/contacts");
    assert_eq!(client.get(&path("2026-09")).await.status, 404);
    assert_eq!(
        client.get(&path("2026-03")).await.body["results"][0]["toObjectId"],
        json!(contact)
    );
}

#[tokio::test]
async fn a_batch_read_reports_the_unlinked_as_errors_of_a_207() {
    let client = Client::new();
    let (a, b) = (
        client.contact("a@acme.example").await,
        client.contact("b@acme.example").await,
    );
    client.post("/crm/objects/2026-09/tasks", task(&a, 204)).await;
    let body = json!({"inputs": [{"id": a}, {"id": b}]});
    let got = client
        .post("/crm/associations/2026-09/contacts/tasks/batch/read", body)
        .await;
    assert_eq!(
        (got.status, got.body["results"].as_array().map(Vec::len)),
        (207, Some(1))
    );
    let error = &got.body["errors"][0];
    assert_eq!(
        error["subCategory"],
        json!("crm.associations.NO_ASSOCIATIONS_FOUND")
    );
    assert_eq!(error["context"]["fromObjectId"], json!([b]));
}

#[tokio::test]
async fn many_links_of_one_record_come_in_pages() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    for _ in 0..503 {
        client
            .post("/crm/objects/2026-09/tasks", task(&contact, 204))
            .await;
    }
    let path = "/crm/associations/2026-09/contacts/tasks/batch/read";
    let first = client.post(path, json!({"inputs": [{"id": contact}]})).await.body;
    assert_eq!(first["results"][0]["to"].as_array().map(Vec::len), Some(500));
    let after = first["results"][0]["paging"]["next"]["after"].clone();
    let rest = client
        .post(path, json!({"inputs": [{"id": contact, "after": after}]}))
        .await
        .body;
    assert_eq!(rest["results"][0]["to"].as_array().map(Vec::len), Some(3));
    assert!(rest["results"][0].get("paging").is_none());
}

#[tokio::test]
async fn a_labelled_put_wants_an_array_and_sets_the_whole_set() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    let company = client.create("companies", json!({"name": "Acme"})).await;
    let path = format!("/crm/objects/2026-09/contacts/{contact}/associations/companies/{company}");
    let empty = client.send("PUT", &path, None).await;
    assert!(empty.status == 400 && empty.text.contains("a request body was expected"));
    let spec = json!({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1});
    assert_eq!(client.send("PUT", &path, Some(spec.clone())).await.status, 400);
    let put = client.send("PUT", &path, Some(json!([spec]))).await;
    assert_eq!((put.status, &put.body["labels"]), (201, &json!(["Primary"])));
    let inline = client
        .get(&format!(
            "/crm/objects/2026-09/contacts/{contact}?associations=companies"
        ))
        .await
        .body;
    assert_eq!(
        inline["associations"]["companies"]["results"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let plain = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]);
    let put = client.send("PUT", &path, Some(plain)).await;
    assert_eq!(put.body["labels"], json!([]));
}

#[tokio::test]
async fn the_default_put_needs_no_ids_and_batches_write_and_remove() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    let task_id = client
        .create("tasks", json!({"hs_timestamp": "1767600000000"}))
        .await;
    let list = format!("/crm/objects/2026-09/tasks/{task_id}/associations/contacts");
    let put = format!("/crm/objects/2026-09/tasks/{task_id}/associations/default/contacts/{contact}");
    for _ in 0..2 {
        assert_eq!(client.send("PUT", &put, None).await.status, 200);
        assert_eq!(
            client.get(&list).await.body["results"].as_array().map(Vec::len),
            Some(1)
        );
    }
    for (version, status) in [("/crm/associations/2026-09", 200), ("/crm/v4/associations", 204)] {
        let remove = json!({"inputs": [{"from": {"id": task_id}, "to": [{"id": contact}]}]});
        let got = client
            .post(&format!("{version}/tasks/contacts/batch/archive"), remove)
            .await;
        assert_eq!(got.status, status);
        assert_eq!(client.get(&list).await.body["results"], json!([]));
        let types = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}]);
        let add = json!({"inputs": [{"from": {"id": task_id}, "to": {"id": contact}, "types": types}]});
        assert_eq!(
            client
                .post(&format!("{version}/tasks/contacts/batch/create"), add)
                .await
                .status,
            201
        );
    }
}

#[tokio::test]
async fn a_lead_lives_and_dies_with_its_contact() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    let lead = |type_id: u32| {
        json!({"properties": {"hs_lead_name": "A"}, "associations": [{"to": {"id": contact}, "types": [
            {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id},
        ]}]})
    };
    assert_eq!(
        client.post("/crm/objects/2026-09/leads", lead(608)).await.status,
        400
    );
    let id = client.post("/crm/objects/2026-09/leads", lead(578)).await.id();
    let link = format!("/crm/objects/2026-09/leads/{id}/associations/contacts/{contact}");
    assert_eq!(client.send("DELETE", &link, None).await.status, 204);
    assert_eq!(
        client
            .get(&format!("/crm/objects/2026-09/leads/{id}"))
            .await
            .status,
        404
    );
}
