//! Vendor behaviour that no source settles, under both settings, where no other test looks at it.

use followup_sandbox::ZohoSwitches;
use serde_json::{Value, json};

use super::{Client, minutes, secs};

#[tokio::test]
async fn the_second_of_if_modified_since_may_count() {
    let client = Client::new().await;
    client.lead("ng@example.com").await;
    let look = || client.get_since("Leads?fields=Email", "2026-01-05T08:00:00+00:00");
    assert_eq!(look().await.status, 304);
    client.set(|switches| switches.modified_since_is_inclusive = true);
    assert_eq!(look().await.status, 200);
}

#[tokio::test]
async fn a_walk_may_be_bound_to_its_if_modified_since() {
    let client = Client::new().await;
    let data: Vec<Value> = (0..3).map(|at| json!({"Last_Name": format!("N{at}")})).collect();
    client.post("Leads", json!({"data": data, "trigger": []})).await;
    let path = "Leads?fields=Last_Name&per_page=2";
    let got = client.get_since(path, "2026-01-05T07:00:00+00:00").await;
    let token = got.body["info"]["next_page_token"].as_str().expect("a token");
    let next = format!("{path}&page_token={token}");
    let other = || client.get_since(&next, "2026-01-05T07:30:00+00:00");
    assert_eq!(other().await.code(), "TOKEN_BOUND_DATA_MISMATCH");
    client.set(|switches| switches.tokens_bind_modified_since = false);
    let got = client.get(path).await;
    let token = got.body["info"]["next_page_token"].as_str().expect("a token");
    let got = client
        .get_since(&format!("{path}&page_token={token}"), "2026-01-05T07:30:00+00:00")
        .await;
    assert_eq!(got.ids().len(), 1);
}

#[tokio::test]
async fn long_texts_may_be_cut_in_lists() {
    let client = Client::new().await;
    let text = "x".repeat(600);
    let id = client
        .create("Tasks", json!({"Subject": "x", "Description": text}))
        .await;
    let length = |value: &Value| value.as_str().map(str::len);
    let got = client.get("Tasks?fields=Subject,Description").await;
    assert_eq!(length(&got.element(0)["Description"]), Some(600));
    client.set(|switches| switches.rich_descriptions = true);
    let got = client.get("Tasks?fields=Subject,Description").await;
    assert_eq!(length(&got.element(0)["Description"]), Some(500));
    let whole = client.get(&format!("Tasks/{id}/actions/fetch_full_data")).await;
    assert_eq!(length(&whole.element(0)["Description"]), Some(600));
}

#[tokio::test]
async fn unknown_names_may_be_left_out() {
    let client = Client::with(ZohoSwitches {
        unknown_field_refuses: false,
        id_alone_is_refused: false,
        shows_extra_keys: false,
        ..ZohoSwitches::default()
    })
    .await;
    client.lead("ng@example.com").await;
    let got = client.get("Leads?fields=Last_Name,Nonsense").await;
    let keys: Vec<&String> = got.element(0).as_object().expect("a record").keys().collect();
    assert_eq!(keys, ["Last_Name", "id"]);
    assert_eq!(client.get("Leads?fields=id").await.status, 200);
}

#[tokio::test]
async fn lists_may_keep_the_module_to_themselves() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let fields = json!({"Subject": "Reply", "What_Id": {"id": lead}, "$se_module": "Leads"});
    let task = client.create("Tasks", fields).await;
    client.set(|switches| switches.se_module_in_lists = false);
    let got = client.get("Tasks?fields=What_Id,$se_module").await;
    assert!(got.element(0).get("$se_module").is_none());
    assert_eq!(client.record("Tasks", &task).await["$se_module"], json!("Leads"));
}

#[tokio::test]
async fn codes_of_refusals_may_differ() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    client.set(|switches| {
        switches.wrong_parent_code = "DEPENDENT_FIELD_MISSING".to_owned();
        switches.upsert_refusal_code = "INVALID_MODULE".to_owned();
        switches.ended_says_invalid_token = false;
    });
    let got = client
        .insert("Tasks", json!({"Subject": "x", "What_Id": {"id": lead}}))
        .await;
    assert_eq!(got.code(), "DEPENDENT_FIELD_MISSING");
    let got = client
        .post("Tasks/upsert", json!({"data": [{"Subject": "x"}]}))
        .await;
    assert_eq!(got.code(), "INVALID_MODULE");
    client.advance(minutes(61));
    assert_eq!(client.get("org").await.code(), "AUTHENTICATION_FAILURE");
}

#[tokio::test]
async fn reminders_may_come_back_as_they_were_sent() {
    let client = Client::with(ZohoSwitches {
        alarm_is_verbatim: true,
        ..ZohoSwitches::default()
    })
    .await;
    let alarm = json!({"ALARM": "FREQ=NONE;ACTION=EMAIL;TRIGGER=DATE-TIME:2026-01-07T08:00:00+00:00"});
    let id = client
        .create("Tasks", json!({"Subject": "x", "Remind_At": alarm}))
        .await;
    assert_eq!(client.record("Tasks", &id).await["Remind_At"], alarm);
}

#[tokio::test]
async fn tasks_may_refuse_unique_and_external_fields() {
    let client = Client::with(ZohoSwitches {
        custom_fields: Vec::new(),
        tasks_take_unique: false,
        tasks_take_external: false,
        ..ZohoSwitches::default()
    })
    .await;
    for (name, property) in [
        ("unique", json!({"case_sensitive": false})),
        ("external", json!({"type": "org"})),
    ] {
        let field = json!({"field_label": "Followupd Key", "data_type": "text", name: property});
        let got = client
            .post("settings/fields?module=Tasks", json!({"fields": [field]}))
            .await;
        assert_eq!(got.body["fields"][0]["code"], json!("NOT_SUPPORTED"), "{name}");
    }
    let plain = json!({"field_label": "Followupd Key", "data_type": "text"});
    let got = client
        .post("settings/fields?module=Tasks", json!({"fields": [plain]}))
        .await;
    assert_eq!(got.status, 201, "{}", got.text);
}

#[tokio::test]
async fn deletions_may_go_on_past_two_thousand() {
    let client = Client::new().await;
    let path = "Leads/deleted?type=all&page=11";
    assert_eq!(
        client.get(path).await.code(),
        "DISCRETE_PAGINATION_LIMIT_EXCEEDED"
    );
    client.set(|switches| switches.deleted_is_capped = false);
    assert_eq!(client.get(path).await.status, 204);
}

#[tokio::test]
async fn a_merge_may_be_for_good() {
    let client = Client::with(ZohoSwitches {
        merge_is_permanent: true,
        ..ZohoSwitches::default()
    })
    .await;
    let winner = client.lead("ng@example.com").await;
    let loser = client.lead("wei@example.com").await;
    client
        .control("merge", json!({"winner": winner, "loser": loser}))
        .await;
    let got = client.get("Leads/deleted?type=all").await;
    assert_eq!(got.column("type"), [json!("permanent")]);
}

#[tokio::test]
async fn a_stage_history_may_be_about_what_was_left() {
    let client = Client::with(ZohoSwitches {
        stage_history_on_entry: false,
        ..ZohoSwitches::default()
    })
    .await;
    let contact = client.contact("ng@example.com").await;
    let deal = client.deal(&contact).await;
    client.advance(secs(60));
    client
        .change("Deals", &deal, json!({"Stage": "Closed Won"}))
        .await;
    let got = client
        .get("DealHistory?fields=Stage,Moved_To__s,Modified_Time&sort_order=asc")
        .await;
    assert_eq!(
        got.column("Stage"),
        [json!("Qualification"), json!("Qualification")]
    );
    assert_eq!(got.column("Moved_To__s"), [Value::Null, json!("Closed Won")]);
}

#[tokio::test]
async fn conditions_may_need_no_brackets_and_sorted_lists_may_cost_more() {
    let client = Client::new().await;
    client.set(|switches| {
        switches.coql_needs_brackets = false;
        switches.sorted_lists_cost_more = true;
        switches.sends_ratelimit_headers = true;
    });
    let text = "select id from Leads where id is not null and Email is null and Phone is null";
    assert_eq!(client.query(text).await.status, 204);
    let used = |got: &Value| got["quota"]["daily"]["used"].as_u64().expect("a number");
    let before = used(&client.get("/_sandbox/stats").await.body);
    let got = client.get("Leads?fields=Email&sort_by=Modified_Time").await;
    assert!(!got.header("x-ratelimit-remaining").is_empty());
    let after = used(&client.get("/_sandbox/stats").await.body);
    assert_eq!(after - before, 3);
}

#[tokio::test]
async fn composites_may_refuse_mail() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let part = json!({"sub_request_id": "1", "method": "GET", "uri": format!("/crm/v8/Leads/{lead}/Emails")});
    let body = json!({"__composite_requests": [part]});
    let code = |got: &Value| got["__composite_requests"][0]["details"]["response"]["status_code"].clone();
    assert_eq!(
        code(&client.post("__composite_requests", body.clone()).await.body),
        json!("204")
    );
    client.set(|switches| switches.composite_takes_emails = false);
    assert_eq!(
        code(&client.post("__composite_requests", body).await.body),
        json!("400")
    );
}

#[tokio::test]
async fn settings_can_be_changed_from_outside() {
    let client = Client::new().await;
    let all = client.control("zoho", json!({"user_zone": "Asia/Kolkata"})).await;
    assert_eq!(all["user_zone"], json!("Asia/Kolkata"));
    let id = client.lead("ng@example.com").await;
    let record = client.record("Leads", &id).await;
    assert_eq!(record["Created_Time"], json!("2026-01-05T13:30:00+05:30"));
    let got = client.post("/_sandbox/zoho", json!({"no_such": 1})).await;
    assert_eq!(got.status, 400);
}
