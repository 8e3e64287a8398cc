//! Reading what changed: pages, stamps, late commits, deletions, describe, bulk.

use bytes::Bytes;
use followup_sandbox::{OrgSwitches, Vendor};
use serde_json::{Value, json};

use super::{Client, encoded, hours, minutes};

/// Creates `count` accounts at one instant.
async fn accounts(client: &Client, count: usize) {
    for first in (0..count).step_by(200) {
        let records: Vec<Value> = (first..count.min(first + 200))
            .map(|at| json!({"attributes": {"type": "Account"}, "Name": format!("Row {at:05}")}))
            .collect();
        let got = client
            .post("composite/sobjects", json!({"records": records}))
            .await;
        assert_eq!(got.status, 200, "{}", got.text);
    }
}

#[tokio::test]
async fn thousands_with_one_stamp_come_in_pages() {
    let client = Client::new();
    accounts(&client, 4_100).await;
    let text = "SELECT Id, SystemModstamp FROM Account ORDER BY SystemModstamp, Id";
    let mut got = client.query(text).await;
    assert_eq!(got.body["totalSize"], json!(4_100));
    let mut ids = got.column("Id");
    let mut stamps = got.column("SystemModstamp");
    while let Some(next) = got.body["nextRecordsUrl"].as_str().map(str::to_owned) {
        assert!(next.starts_with("/services/data/v62.0/query/0r8"));
        got = client.get(&next).await;
        ids.extend(got.column("Id"));
        stamps.extend(got.column("SystemModstamp"));
    }
    assert_eq!(ids.len(), 4_100);
    assert!(ids.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
    assert!(
        stamps
            .iter()
            .all(|stamp| *stamp == json!("2026-01-05T08:00:00.000+0000"))
    );
    let last = ids.last().and_then(Value::as_str).expect("an id");
    let after = client
        .query(&format!(
            "SELECT COUNT() FROM Account WHERE SystemModstamp = 2026-01-05T08:00:00Z AND Id > '{last}'"
        ))
        .await;
    assert_eq!(after.body["totalSize"], json!(0));
}

#[tokio::test]
async fn a_locator_is_good_once_for_its_user_and_for_two_days() {
    let client = Client::new();
    accounts(&client, 2_001).await;
    let next = |body: &Value| body["nextRecordsUrl"].as_str().expect("more").to_owned();
    let first = next(&client.query_all("SELECT Id FROM Account").await.body);
    assert!(first.contains("/query/"), "queryAll goes on under query");
    assert_eq!(client.get(&first).await.status, 200);
    assert_eq!(client.get(&first).await.code(), "INVALID_QUERY_LOCATOR");
    let old = next(&client.query("SELECT Id FROM Account").await.body);
    client.advance(hours(49));
    assert_eq!(client.get(&old).await.code(), "INVALID_QUERY_LOCATOR");
    client.set(|switches| switches.locators_single_use = false);
    let again = next(&client.query("SELECT Id FROM Account").await.body);
    assert_eq!(client.get(&again).await.status, 200);
    assert_eq!(client.get(&again).await.status, 200);
    assert_eq!(
        client.get("query/0r8xx0000000000AAA-2000").await.code(),
        "INVALID_QUERY_LOCATOR"
    );
}

#[tokio::test]
async fn the_page_size_is_a_wish() {
    let client = Client::new();
    accounts(&client, 450).await;
    let path = format!("query?q={}", encoded("SELECT Id FROM Account"));
    for (wish, size) in [
        ("batchSize=200", 200),
        ("batchSize=1", 200),
        ("batchSize=9999", 450),
    ] {
        let got = client
            .ask("GET", &path, &[("sforce-query-options", wish)], Bytes::new())
            .await;
        assert_eq!(got.column("Id").len(), size, "{wish}");
    }
    client.set(|switches| switches.page_shrink_percent = 50);
    let got = client
        .ask(
            "GET",
            &path,
            &[("sforce-query-options", "batchSize=200")],
            Bytes::new(),
        )
        .await;
    assert_eq!(got.column("Id").len(), 100);
}

#[tokio::test]
async fn a_late_commit_appears_behind_later_stamps() {
    let client = Client::new();
    let lead = client.lead("late@example.com").await;
    client.advance(minutes(1));
    let until = client
        .control("lock", json!({"id": lead, "for": "5m", "touch": true}))
        .await;
    assert!(until["until"].is_string());
    client.advance(minutes(1));
    let later = client.lead("later@example.com").await;
    let since = "SELECT Id, SystemModstamp FROM Lead WHERE SystemModstamp >= 2026-01-05T08:01:00Z ORDER BY SystemModstamp, Id";
    assert_eq!(client.query(since).await.column("Id"), [json!(later)]);
    client.advance(minutes(5));
    let got = client.query(since).await;
    assert_eq!(got.column("Id"), [json!(lead), json!(later)]);
    assert_eq!(
        got.column("SystemModstamp")[0],
        json!("2026-01-05T08:01:00.000+0000")
    );
}

#[tokio::test]
async fn what_the_team_does_may_commit_late() {
    let client = Client::with(OrgSwitches {
        people: 60,
        late_commits: followup_sandbox::LateCommits {
            percent: 100,
            seconds_max: 300,
        },
        ..OrgSwitches::default()
    });
    let mut late = 0;
    for _ in 0..24 * 12 {
        client.advance(minutes(5));
        let seen = client.query("SELECT COUNT() FROM Lead").await.body["totalSize"].as_u64();
        let there = client.sandbox.act_in(Vendor::Salesforce, |crm, _| {
            u64::from(crm.person_by_email("nobody@example.com").is_none())
        });
        assert_eq!(there, 1);
        late += u64::from(seen == Some(0));
    }
    client.advance(minutes(6));
    assert!(client.query("SELECT COUNT() FROM Lead").await.body["totalSize"].as_u64() > Some(0));
    assert!(late > 0);
}

#[tokio::test]
async fn deleted_and_merged_rows_show_in_query_all_until_the_bin_is_emptied() {
    let client = Client::new();
    let (kept, lost) = (
        client.lead("kept@example.com").await,
        client.lead("lost@example.com").await,
    );
    client
        .control("merge", json!({"winner": kept, "loser": lost}))
        .await;
    let text = format!("SELECT Id, IsDeleted, MasterRecordId FROM Lead WHERE Id = '{lost}'");
    assert_eq!(client.query(&text).await.body["totalSize"], json!(0));
    let got = client.query_all(&text).await;
    assert_eq!(got.column("MasterRecordId"), [json!(kept)]);
    assert_eq!(
        client.get(&format!("sobjects/Lead/{lost}")).await.code(),
        "NOT_FOUND"
    );
    client.advance(hours(24 * 16));
    assert_eq!(client.query_all(&text).await.body["totalSize"], json!(0));
}

#[tokio::test]
async fn a_purged_row_is_only_in_the_delete_log() {
    let client = Client::new();
    let lead = client.lead("purged@example.com").await;
    client.control("purge", json!({"id": lead})).await;
    assert_eq!(
        client.query_all("SELECT Id FROM Lead").await.body["totalSize"],
        json!(0)
    );
    client.advance(minutes(5));
    let got = client
        .get(&window(
            "Lead",
            "deleted",
            "2026-01-05T08:00:00Z",
            "2026-01-05T08:04:00Z",
        ))
        .await;
    assert_eq!(got.body["deletedRecords"][0]["id"], json!(lead));
}

#[tokio::test]
async fn relations_of_tasks_exist_with_shared_activities_only() {
    let client = Client::new();
    assert_eq!(
        client.query("SELECT Id FROM TaskRelation").await.code(),
        "INVALID_TYPE"
    );
    assert_eq!(
        client.query("SELECT WhoCount FROM Task").await.code(),
        "INVALID_FIELD"
    );
    client.set(|switches| switches.shared_activities = true);
    let (one, two) = (
        client.contact("one@example.com").await,
        client.contact("two@example.com").await,
    );
    let task = client.create("Task", json!({"WhoId": one})).await;
    client
        .create("TaskRelation", json!({"TaskId": task, "RelationId": two}))
        .await;
    let relations = "SELECT RelationId, IsWhat FROM TaskRelation ORDER BY Id";
    assert_eq!(
        client.query(relations).await.column("RelationId"),
        [json!(one), json!(two)]
    );
    let task_now = client.query("SELECT WhoCount, WhatCount FROM Task").await;
    assert_eq!(
        (task_now.column("WhoCount"), task_now.column("WhatCount")),
        (vec![json!(2)], vec![json!(0)])
    );
    let three = client.contact("three@example.com").await;
    client
        .patch(&format!("sobjects/Task/{task}"), json!({"WhoId": three}))
        .await;
    assert_eq!(
        client.query(relations).await.column("RelationId"),
        [json!(two), json!(three)]
    );
}

#[tokio::test]
async fn the_org_can_be_seen_from_outside_its_api() {
    let client = Client::new();
    let contact = client.contact("seen@example.com").await;
    let task = client
        .create("Task", json!({"WhoId": contact, "Subject": "x"}))
        .await;
    client.delete(&format!("sobjects/Task/{task}")).await;
    let view = client
        .sandbox
        .record_of(Vendor::Salesforce, "task", &task)
        .expect("a record");
    assert_eq!((view.kind, view.values["Subject"].as_str()), ("Task", "x"));
    assert_eq!(view.links["Contact"], [contact]);
    assert!(view.archived_at.is_some());
    assert!(client.sandbox.records_of(Vendor::Salesforce).contains(&view));
    let user = client.user().await;
    client
        .sandbox
        .set_owner_active_in(Vendor::Salesforce, &user, false);
    assert!(
        client
            .sandbox
            .owners_of(Vendor::Salesforce)
            .contains(&(user.clone(), false))
    );
    assert_eq!(client.fields("User", &user).await["IsActive"], json!(false));
}

#[tokio::test]
async fn old_activities_are_archived_without_a_new_stamp() {
    let client = Client::new();
    let open = client
        .create("Task", json!({"Subject": "open", "ActivityDate": "2026-01-05"}))
        .await;
    let done = client
        .create(
            "Task",
            json!({"Subject": "done", "ActivityDate": "2026-01-05", "Status": "Completed"}),
        )
        .await;
    client.advance(hours(24 * 366));
    let text = "SELECT Id, IsArchived, SystemModstamp FROM Task WHERE SystemModstamp < 2026-02-01T00:00:00Z ORDER BY Id";
    assert_eq!(client.query(text).await.column("Id"), [json!(open)]);
    let all = client.query_all(text).await;
    assert_eq!(all.column("Id"), [json!(open), json!(done)]);
    assert_eq!(all.column("IsArchived"), [json!(false), json!(true)]);
}

fn window(kind: &str, what: &str, start: &str, end: &str) -> String {
    format!(
        "sobjects/{kind}/{what}?start={}&end={}",
        encoded(start),
        encoded(end)
    )
}

#[tokio::test]
async fn deletions_and_changes_are_listed_to_the_minute() {
    let client = Client::new();
    let (gone, kept) = (
        client.lead("gone@example.com").await,
        client.lead("kept@example.com").await,
    );
    client.advance(minutes(10));
    client.delete(&format!("sobjects/Lead/{gone}")).await;
    client.advance(minutes(10));
    // Seconds are cut off: the window ends with minute 11.
    let got = client
        .get(&window(
            "Lead",
            "deleted",
            "2026-01-05T08:10:59Z",
            "2026-01-05T08:11:59Z",
        ))
        .await;
    assert_eq!(
        got.body["deletedRecords"],
        json!([{"id": gone, "deletedDate": "2026-01-05T08:10:00.000+0000"}])
    );
    assert_eq!(
        got.body["latestDateCovered"],
        json!("2026-01-05T08:11:00.000+0000")
    );
    let got = client
        .get(&window(
            "Lead",
            "updated",
            "2026-01-05T08:00:00+00:00",
            "2026-01-05T08:30:00+00:00",
        ))
        .await;
    assert_eq!(got.body["ids"], json!([kept]));
    assert_eq!(
        got.body["latestDateCovered"],
        json!("2026-01-05T08:18:00.000+0000")
    );
    for (what, start, end) in [
        ("deleted", "2026-01-05T08:10:00Z", "2026-01-05T08:10:40Z"),
        ("deleted", "2025-12-20T00:00:00Z", "2026-01-05T08:10:00Z"),
        ("updated", "2025-12-05T00:00:00Z", "2026-01-05T08:10:00Z"),
        ("updated", "2026-01-05T08:11:00Z", "2026-01-05T08:10:00Z"),
    ] {
        let got = client.get(&window("Lead", what, start, end)).await;
        assert_eq!(
            (got.status, got.code()),
            (400, "INVALID_REPLICATION_DATE"),
            "{what} {start}"
        );
    }
    let month = window("Lead", "updated", "2025-12-20T00:00:00Z", "2026-01-05T08:10:00Z");
    assert_eq!(client.get(&month).await.status, 200);
    client.set(|switches| switches.delete_log_hours = Some(2));
    client.advance(hours(3));
    let purged = window("Lead", "deleted", "2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z");
    assert_eq!(client.get(&purged).await.code(), "INVALID_REPLICATION_DATE");
}

#[tokio::test]
async fn hidden_fields_and_objects_are_not_there() {
    let client = Client::new();
    client.set(|switches| {
        switches.hidden_fields.insert("Task.FollowupKey__c".to_owned());
        switches.hidden_objects.insert("EmailMessage".to_owned());
    });
    for kind in ["Task", "Event"] {
        let got = client.get(&format!("sobjects/{kind}/describe")).await;
        let fields = got.body["fields"].as_array().expect("fields").clone();
        assert!(
            fields
                .iter()
                .all(|field| field["name"] != json!("FollowupKey__c")),
            "{kind}"
        );
    }
    let written = client
        .post("sobjects/Task", json!({"FollowupKey__c": "fu"}))
        .await;
    assert_eq!(
        written.message(),
        "No such column 'FollowupKey__c' on sobject of type Task"
    );
    assert_eq!(
        client.get("sobjects/Task/FollowupKey__c/fu").await.code(),
        "NOT_FOUND"
    );
    assert_eq!(client.get("sobjects/EmailMessage/describe").await.status, 404);
    assert_eq!(
        client.query("SELECT Id FROM EmailMessage").await.code(),
        "INVALID_TYPE"
    );
}

#[tokio::test]
async fn fields_are_as_old_as_their_api_version() {
    let client = Client::new();
    for (version, is_there) in [("63.0", false), ("64.0", true)] {
        let got = client
            .get(&format!(
                "/services/data/v{version}/sobjects/EmailMessage/describe"
            ))
            .await;
        let fields = got.body["fields"].as_array().expect("fields").clone();
        assert_eq!(
            fields.iter().any(|field| field["name"] == json!("Source")),
            is_there,
            "{version}"
        );
        let query = encoded("SELECT Source FROM EmailMessage");
        let got = client
            .get(&format!("/services/data/v{version}/query?q={query}"))
            .await;
        assert_eq!(got.status, if is_there { 200 } else { 400 }, "{version}");
    }
}

#[tokio::test]
async fn an_address_is_an_object_and_not_for_bulk() {
    let client = Client::new();
    client.lead("plain@example.com").await;
    let fields = json!({"LastName": "Berg", "Company": "Amber Travel", "City": "Oslo", "Country": "Norway"});
    client.create("Lead", fields).await;
    let got = client.query("SELECT Address FROM Lead ORDER BY Id").await;
    let shown = got.column("Address");
    assert_eq!(
        (&shown[0], &shown[1]["city"], &shown[1]["street"]),
        (&json!(null), &json!("Oslo"), &json!(null))
    );
    let body = json!({"operation": "query", "query": "SELECT Id, Address FROM Lead"});
    assert_eq!(
        client.post("jobs/query", body).await.code(),
        "FUNCTIONALITYNOTENABLED"
    );
}

#[tokio::test]
async fn describe_is_not_sent_twice() {
    let client = Client::new();
    let since = [("if-modified-since", "Mon, 05 Jan 2026 08:00:00 GMT")];
    let path = "sobjects/Task/describe";
    assert_eq!(client.ask("GET", path, &since, Bytes::new()).await.status, 304);
    client.advance(minutes(1));
    client.set(|switches| switches.multi_currency = true);
    let got = client.ask("GET", path, &since, Bytes::new()).await;
    assert_eq!(got.status, 200);
    assert!(got.text.contains("CurrencyIsoCode"));
}

#[tokio::test]
async fn without_view_all_data_others_rows_are_absent() {
    let client = Client::new();
    let user = client.user().await;
    let mine = client.lead("mine@example.com").await;
    let fields = json!({"LastName": "Other", "Company": "Harbor Tools", "OwnerId": user});
    let other = client.create("Lead", fields).await;
    assert_eq!(
        client.query("SELECT Id FROM Lead ORDER BY Id").await.column("Id"),
        [json!(mine), json!(other)]
    );
    client.set(|switches| switches.view_all_data = false);
    assert_eq!(
        client.query("SELECT Id FROM Lead").await.column("Id"),
        [json!(mine)]
    );
    assert_eq!(
        client.get(&format!("sobjects/Lead/{other}")).await.code(),
        "NOT_FOUND"
    );
    let task = client.post("sobjects/Task", json!({"WhoId": other})).await;
    assert_eq!(task.code(), "INVALID_CROSS_REFERENCE_KEY");
}

async fn job(client: &Client, operation: &str, query: &str) -> String {
    let got = client
        .post("jobs/query", json!({"operation": operation, "query": query}))
        .await;
    assert_eq!(
        (got.status, &got.body["state"]),
        (200, &json!("UploadComplete")),
        "{}",
        got.text
    );
    got.body["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_bulk_query_ends_with_the_word_null() {
    let client = Client::new();
    accounts(&client, 250).await;
    let id = job(
        &client,
        "queryAll",
        "SELECT Id, Name, Owner.Name, Phone FROM Account ORDER BY Name",
    )
    .await;
    let results = format!("jobs/query/{id}/results");
    assert_eq!(client.get(&results).await.code(), "INVALIDJOBSTATE");
    let states = [
        client.get(&format!("jobs/query/{id}")).await,
        client.get(&format!("jobs/query/{id}")).await,
    ];
    assert_eq!(
        states.map(|got| got.body["state"].clone()),
        [json!("InProgress"), json!("JobComplete")]
    );
    let mut locator = String::new();
    let mut sizes = Vec::new();
    loop {
        let got = client.get(&format!("{results}?maxRecords=100{locator}")).await;
        assert!(got.text.starts_with("\"Id\",\"Name\",\"Owner.Name\",\"Phone\"\n"));
        assert!(got.text.contains(",\"Integration User\",\"\"\n"));
        sizes.push(got.header("sforce-numberofrecords").to_owned());
        if got.header("sforce-locator") == "null" {
            break;
        }
        locator = format!("&locator={}", got.header("sforce-locator"));
    }
    assert_eq!(sizes, ["100", "100", "50"]);
    let other = client.get(&format!("/services/data/v61.0/{results}")).await;
    assert_eq!(other.status, 409);
    assert_eq!(client.delete(&format!("jobs/query/{id}")).await.status, 204);
    assert_eq!(client.get(&results).await.code(), "NOT_FOUND");
}

#[tokio::test]
async fn bulk_refuses_what_it_cannot_do() {
    let client = Client::new();
    for (query, code) in [
        ("SELECT Id FROM TaskStatus", "INVALIDENTITY"),
        ("SELECT COUNT() FROM Lead", "INVALIDJOB"),
        ("SELECT Id, (SELECT Id FROM Tasks) FROM Lead", "INVALIDJOB"),
        ("SELECT Id FROM Lead LIMIT 5 OFFSET 5", "INVALIDJOB"),
        ("SELECT Nope FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM", "MALFORMED_QUERY"),
    ] {
        let got = client
            .post("jobs/query", json!({"operation": "query", "query": query}))
            .await;
        assert_eq!((got.status, got.code()), (400, code), "{query}: {}", got.text);
    }
    let id = job(&client, "query", "SELECT Id FROM Lead").await;
    let got = client
        .patch(&format!("jobs/query/{id}"), json!({"state": "Aborted"}))
        .await;
    assert_eq!(got.body["state"], json!("Aborted"));
}
