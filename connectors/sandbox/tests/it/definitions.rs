//! What an account is made of besides records: labels, properties, groups and pipelines.

use serde_json::{Value, json};

use crate::support::{Client, Got};

const LABELS: &str = "/crm/v4/associations/contacts/companies/labels";

fn user_defined(id: &Value) -> Value {
    json!({"associationCategory": "USER_DEFINED", "associationTypeId": id})
}

fn labelled<'a>(got: &'a Got, label: &str) -> Option<&'a Value> {
    let types = got.body["results"].as_array()?;
    types.iter().find(|one| one["label"] == label)
}

#[tokio::test]
async fn a_label_has_another_name_from_the_other_end() {
    let client = Client::new();
    let body = json!({"label": "Works for", "name": "works_for", "inverseLabel": "Employs"});
    let made = client.post(LABELS, body.clone()).await;
    let names: Vec<&Value> = made.body["results"]
        .as_array()
        .expect("two ends")
        .iter()
        .map(|one| &one["label"])
        .collect();
    assert_eq!(
        (made.status, names),
        (200, vec![&json!("Works for"), &json!("Employs")])
    );
    assert_eq!(client.post(LABELS, body).await.status, 409);
    let there = client.get(LABELS).await;
    let back = client.get("/crm/v4/associations/companies/contacts/labels").await;
    assert!(labelled(&there, "Works for").is_some() && labelled(&there, "Employs").is_none());
    assert!(labelled(&back, "Employs").is_some() && labelled(&back, "Works for").is_none());
}

#[tokio::test]
async fn a_portals_own_type_is_told_from_the_vendors_by_its_category() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    let company = client.create("companies", json!({"name": "Acme"})).await;
    client
        .post(LABELS, json!({"label": "Works for", "name": "works_for"}))
        .await;
    let labels = client.get(LABELS).await;
    let (own, primary) = (
        labelled(&labels, "Works for").expect("made"),
        labelled(&labels, "Primary").expect("built in"),
    );
    assert_eq!(own["typeId"], primary["typeId"], "both count from one");
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{company}");
    let put = client
        .send("PUT", &path, Some(json!([user_defined(&own["typeId"])])))
        .await;
    assert_eq!((put.status, &put.body["labels"]), (201, &json!(["Works for"])));
    let wrong = client
        .send("PUT", &path, Some(json!([user_defined(&json!(279))])))
        .await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn labels_are_taken_off_a_link_that_stays() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    let company = client.create("companies", json!({"name": "Acme"})).await;
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{company}");
    let primary = json!({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1});
    client.send("PUT", &path, Some(json!([primary]))).await;
    let body = json!({"inputs": [{"from": {"id": contact}, "to": {"id": company}, "types": [primary]}]});
    let archive = "/crm/v4/associations/contacts/companies/batch/labels/archive";
    assert_eq!(client.post(archive, body).await.status, 204);
    let left = client
        .get(&format!(
            "/crm/v4/objects/contacts/{contact}/associations/companies"
        ))
        .await;
    let types = &left.body["results"][0]["associationTypes"];
    assert_eq!(
        types,
        &json!([{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": null}])
    );
}

#[tokio::test]
async fn a_label_is_renamed_and_removed_everywhere() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    let company = client.create("companies", json!({"name": "Acme"})).await;
    client
        .post(LABELS, json!({"label": "Works for", "name": "works_for"}))
        .await;
    let id = labelled(&client.get(LABELS).await, "Works for").expect("made")["typeId"].clone();
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{company}");
    client.send("PUT", &path, Some(json!([user_defined(&id)]))).await;
    let rename = json!({"associationTypeId": id, "label": "Serves"});
    assert_eq!(client.send("PUT", LABELS, Some(rename)).await.status, 204);
    assert!(labelled(&client.get(LABELS).await, "Serves").is_some());
    let unknown = json!({"associationTypeId": 279, "label": "Mine"});
    assert_eq!(client.send("PUT", LABELS, Some(unknown)).await.status, 404);
    let gone = client.send("DELETE", &format!("{LABELS}/{id}"), None).await;
    assert_eq!(gone.status, 204);
    assert!(labelled(&client.get(LABELS).await, "Serves").is_none());
    let left = client
        .get(&format!(
            "/crm/v4/objects/contacts/{contact}/associations/companies"
        ))
        .await;
    let types = left.body["results"][0]["associationTypes"]
        .as_array()
        .expect("still linked");
    assert_eq!((types.len(), &types[0]["typeId"]), (1, &json!(279)));
}

#[tokio::test]
async fn a_default_batch_answers_both_ends_with_200() {
    let client = Client::new();
    let contact = client.contact("a@acme.example").await;
    let deal = client.create("deals", json!({"dealname": "Crane"})).await;
    let body = json!({"inputs": [{"from": {"id": deal}, "to": {"id": contact}}]});
    let got = client
        .post(
            "/crm/v4/associations/deals/contacts/batch/associate/default",
            body,
        )
        .await;
    assert_eq!((got.status, &got.body["status"]), (200, &json!("COMPLETE")));
    let ids: Vec<&Value> = got.body["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|pair| &pair["associationSpec"]["associationTypeId"])
        .collect();
    assert_eq!(ids, [&json!(3), &json!(4)]);
    assert_eq!(got.body["results"][0]["from"]["id"], json!(deal));
}

#[tokio::test]
async fn a_clients_property_changes_but_not_its_uniqueness_and_not_the_vendors() {
    let client = Client::new();
    let body = json!({
        "groupName": "task", "name": "followupd_key", "label": "Key", "type": "string", "fieldType": "text",
        "hasUniqueValue": true, "description": "by us",
    });
    let made = client.post("/crm/properties/2026-09/tasks", body).await;
    assert_eq!((made.status, &made.body["description"]), (201, &json!("by us")));
    let path = "/crm/properties/2026-09/tasks/followupd_key";
    let change = json!({"label": "Other", "hasUniqueValue": false});
    let changed = client.patch(path, change.clone()).await;
    assert_eq!((changed.status, &changed.body["label"]), (200, &json!("Other")));
    assert_eq!(client.get(path).await.body["hasUniqueValue"], json!(true));
    let vendors = client
        .patch("/crm/properties/2026-09/tasks/hs_task_status", change.clone())
        .await;
    assert_eq!(vendors.status, 400);
    let unknown = client.patch("/crm/properties/2026-09/tasks/none", change).await;
    assert_eq!(unknown.status, 404);
    let group = client.patch(path, json!({"groupName": "none"})).await;
    assert_eq!(group.status, 400);
}

#[tokio::test]
async fn properties_go_in_batches_all_or_nothing_and_missing_ones_are_named() {
    let client = Client::new();
    let one = |name: &str, group: &str| json!({"groupName": group, "name": name, "label": name, "type": "string", "fieldType": "text"});
    let base = "/crm/properties/2026-09/contacts";
    let create = format!("{base}/batch/create");
    let half = json!({"inputs": [one("batch_a", "contactinformation"), one("batch_b", "none")]});
    assert_eq!(client.post(&create, half).await.status, 400);
    assert_eq!(client.get(&format!("{base}/batch_a")).await.status, 404);
    let whole =
        json!({"inputs": [one("batch_a", "contactinformation"), one("batch_b", "contactinformation")]});
    assert_eq!(client.post(&create, whole).await.status, 201);
    let read = client
        .post(
            &format!("{base}/batch/read"),
            json!({"inputs": [{"name": "batch_a"}, {"name": "none"}]}),
        )
        .await;
    assert_eq!((read.status, &read.body["numErrors"]), (207, &json!(1)));
    assert_eq!(read.body["results"][0]["name"], json!("batch_a"));
    let archive = json!({"inputs": [{"name": "batch_a"}, {"name": "batch_b"}]});
    assert_eq!(
        client
            .post(&format!("{base}/batch/archive"), archive)
            .await
            .status,
        204
    );
    assert_eq!(client.get(&format!("{base}/batch_b")).await.status, 404);
}

#[tokio::test]
async fn one_stage_of_a_pipeline_is_read_by_id() {
    let client = Client::new();
    let stages = "/crm/pipelines/2026-09/deals/default/stages";
    let won = client.get(&format!("{stages}/closedwon")).await;
    assert_eq!(
        (won.status, &won.body["metadata"]["isClosed"]),
        (200, &json!("true"))
    );
    assert_eq!(client.get(&format!("{stages}/none")).await.status, 404);
}
