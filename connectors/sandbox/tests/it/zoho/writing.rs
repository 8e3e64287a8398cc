//! Insert, update, delete: an outcome per record.

use followup_sandbox::{PastReminder, ZohoSwitches};
use serde_json::{Value, json};

use super::{Client, minutes, secs, task_field};

fn task(key: &str) -> Value {
    json!({"Subject": "Follow up", "Due_Date": "2026-01-07", "Priority": "High", "Followupd_Key": key})
}

#[tokio::test]
async fn a_task_for_a_lead_says_of_which_module() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let (user, _) = client.users().await[0].clone();
    let fields = json!({
        "Subject": "Follow up", "Due_Date": "2026-01-07", "What_Id": {"id": lead}, "$se_module": "Leads",
        "Owner": {"id": user}, "Followupd_Key": "fd-1",
        "Remind_At": {"ALARM": "FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:2026-01-07T08:00:00+00:00"},
    });
    let id = client.create("Tasks", fields).await;
    let record = client.record("Tasks", &id).await;
    assert_eq!(record["Status"], json!("Not Started"));
    assert_eq!(record["What_Id"], json!({"name": "Nair", "id": lead}));
    assert_eq!(record["$se_module"], json!("Leads"));
    assert_eq!(record["Owner"]["id"], json!(user));
    let alarm = "FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:2026-01-07T09:00:00+01:00";
    assert_eq!(
        record["Remind_At"],
        json!({ "ALARM": alarm }),
        "in the user's offset"
    );
}

#[tokio::test]
async fn a_parent_without_its_module_is_refused() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let contact = client.contact("ma@example.com").await;
    for fields in [
        json!({"Subject": "x", "What_Id": {"id": lead}}),
        json!({"Subject": "x", "What_Id": {"id": lead}, "$se_module": "Deals"}),
        json!({"Subject": "x", "What_Id": {"id": contact}, "$se_module": "Contacts"}),
    ] {
        let got = client.insert("Tasks", fields.clone()).await;
        assert_eq!((got.status, got.code()), (400, "INVALID_DATA"), "{fields}");
        assert_eq!(got.element(0)["details"]["api_name"], json!("What_Id"));
    }
    let got = client
        .insert("Tasks", json!({"Subject": "x", "Who_Id": {"id": lead}}))
        .await;
    assert_eq!(
        got.element(0)["details"]["api_name"],
        json!("Who_Id"),
        "a lead is no who"
    );
    let with_contact = json!({"Subject": "x", "Who_Id": {"id": contact}});
    assert_eq!(client.insert("Tasks", with_contact).await.status, 201);
}

#[tokio::test]
async fn ids_are_read_in_text_and_in_digits() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let number: u64 = lead.parse().expect("digits");
    let fields = json!({"Subject": "x", "What_Id": {"id": number}, "$se_module": "Leads"});
    let id = client.create("Tasks", fields).await;
    let record = client.record("Tasks", &id).await;
    assert_eq!(
        (&record["What_Id"]["id"], &record["id"]),
        (&json!(lead), &json!(id)),
        "answers are text"
    );
    let number: u64 = id.parse().expect("digits");
    let body = json!({"data": [{"id": number, "Subject": "y"}], "trigger": []});
    assert_eq!(client.put("Tasks", body).await.status, 200);
}

#[tokio::test]
async fn every_record_has_an_outcome_of_its_own() {
    let client = Client::new().await;
    let body = json!({"data": [task("fd-1"), {"Priority": "High"}, task("fd-1")], "trigger": []});
    let got = client.post("Tasks", body.clone()).await;
    assert_eq!(got.status, 207);
    assert_eq!(got.element(0)["code"], json!("SUCCESS"));
    assert_eq!(got.element(1)["code"], json!("MANDATORY_NOT_FOUND"));
    assert_eq!(got.element(1)["details"]["json_path"], json!("$.data[1].Subject"));
    assert_eq!(got.element(2)["code"], json!("DUPLICATE_DATA"));
    let first = got.element(0)["details"]["id"].clone();
    assert_eq!(got.element(2)["details"]["api_name"], json!("Followupd_Key"));
    assert_eq!(got.element(2)["details"]["duplicate_record"]["id"], first);
    assert_eq!(
        got.element(2)["details"]["duplicate_record"]["module"]["api_name"],
        json!("Tasks")
    );
    let all_bad = json!({"data": [task("fd-1")], "trigger": []});
    assert_eq!(client.post("Tasks", all_bad.clone()).await.status, 400);
    client.set(|switches| {
        switches.all_refused_status = 202;
        switches.some_refused_status = 202;
    });
    assert_eq!(client.post("Tasks", all_bad).await.status, 202);
    assert_eq!(client.post("Tasks", body).await.status, 202);
}

#[tokio::test]
async fn several_errors_of_one_record_come_together() {
    let client = Client::new().await;
    let got = client
        .insert(
            "Tasks",
            json!({"Subject": "x".repeat(256), "Due_Date": "tomorrow"}),
        )
        .await;
    assert_eq!(got.code(), "MULTIPLE_OR_MULTI_ERRORS");
    let errors = got.element(0)["details"]["errors"]
        .as_array()
        .expect("errors")
        .clone();
    let of = |name: &str| {
        let found = errors
            .iter()
            .find(|error| error["details"]["api_name"] == json!(name));
        found.expect("an error")["details"].clone()
    };
    assert_eq!(of("Subject")["maximum_length"], json!(255));
    assert_eq!(of("Due_Date")["expected_data_type"], json!("date"));
}

#[tokio::test]
async fn a_malformed_call_has_no_data() {
    let client = Client::new().await;
    let got = client.post("Tasks", json!({"records": []})).await;
    assert_eq!((got.status, got.code()), (400, "MANDATORY_NOT_FOUND"));
    assert!(got.body.get("data").is_none());
    let many: Vec<Value> = (0..101).map(|at| task(&format!("fd-{at}"))).collect();
    assert_eq!(
        client.post("Tasks", json!({ "data": many })).await.code(),
        "LIMIT_EXCEEDED"
    );
    let got = client
        .post("Tasks", json!({"data": [task("fd-1")], "trigger": ["magic"]}))
        .await;
    assert_eq!(got.code(), "INVALID_DATA");
    let headers = [("content-type", "application/json")];
    let got = client
        .ask("POST", "Tasks", &headers, bytes::Bytes::from("{"))
        .await;
    assert_eq!(got.code(), "INVALID_DATA");
}

#[tokio::test]
async fn automation_runs_unless_told_not_to() {
    let client = Client::new().await;
    client.set(|switches| switches.workflow_prefix = Some("[auto]".to_owned()));
    let quiet = client.create("Tasks", task("fd-1")).await;
    assert_eq!(
        client.record("Tasks", &quiet).await["Subject"],
        json!("Follow up")
    );
    let got = client.post("Tasks", json!({"data": [task("fd-2")]})).await;
    let loud = got.element(0)["details"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(
        client.record("Tasks", &loud).await["Subject"],
        json!("[auto] Follow up")
    );
    let stats = client.get("/_sandbox/stats").await;
    assert_eq!(stats.body["quota"]["automated"], json!(1));
}

#[tokio::test]
async fn a_record_is_found_by_its_external_id() {
    let client = Client::new().await;
    let id = client.create("Tasks", task("fd-1")).await;
    let by_key = |key: &'static str| {
        let client = &client;
        async move {
            let headers = [("x-external", "Tasks.Followupd_Key")];
            client
                .ask("GET", &format!("Tasks/{key}"), &headers, bytes::Bytes::new())
                .await
        }
    };
    assert_eq!(by_key("fd-1").await.ids(), std::slice::from_ref(&id));
    assert_eq!(by_key("FD-1").await.ids(), [id], "case does not count");
    let got = by_key("fd-2").await;
    assert_eq!((got.status, got.code()), (400, "INVALID_DATA"));
    client.set(|switches| switches.missing_record_is_empty = true);
    assert_eq!(by_key("fd-2").await.status, 204);
    client.set(|switches| switches.tasks_take_external = false);
    assert_eq!(by_key("fd-1").await.status, 400, "the field is not external");
}

#[tokio::test]
async fn without_a_unique_field_a_repeated_insert_is_a_second_task() {
    let client = Client::with(ZohoSwitches {
        custom_fields: vec![task_field("Followupd_Key")],
        ..ZohoSwitches::default()
    })
    .await;
    client.create("Tasks", task("fd-1")).await;
    client.create("Tasks", task("fd-1")).await;
    let got = client
        .query("select id from Tasks where Followupd_Key = 'fd-1' limit 3")
        .await;
    assert_eq!(got.ids().len(), 2);
}

#[tokio::test]
async fn tasks_take_no_upsert() {
    let client = Client::new().await;
    let got = client.post("Tasks/upsert", json!({"data": [task("fd-1")]})).await;
    assert_eq!((got.status, got.code()), (400, "NOT_SUPPORTED"));
    let lead = json!({"Last_Name": "Ng", "Email": "ng@example.com"});
    let first = client.post("Leads/upsert", json!({"data": [lead]})).await;
    assert_eq!(first.element(0)["action"], json!("insert"), "{}", first.text);
    let second = client.post("Leads/upsert", json!({"data": [lead]})).await;
    assert_eq!(second.element(0)["action"], json!("update"));
    assert_eq!(second.element(0)["duplicate_field"], json!("Email"));
}

#[tokio::test]
async fn a_change_after_the_look_is_a_conflict() {
    let client = Client::new().await;
    let id = client.create("Tasks", task("fd-1")).await;
    let looked_at = "2026-01-05T08:00:00+00:00";
    client.advance(secs(5));
    client.sandbox.act_in(followup_sandbox::Vendor::Zoho, |crm, at| {
        crm.act_on_task(at, &id, followup_sandbox::crm::TaskAct::Rename("Mine".to_owned()));
    });
    let put = || {
        let body = json!({"data": [{"Subject": "Ours"}], "trigger": []});
        let headers = [("if-unmodified-since", looked_at)];
        let path = format!("Tasks/{id}");
        let client = &client;
        async move {
            client
                .ask("PUT", &path, &headers, bytes::Bytes::from(body.to_string()))
                .await
        }
    };
    let got = put().await;
    assert_eq!((got.status, got.code()), (412, "ALREADY_MODIFIED"));
    assert!(got.body.get("data").is_none());
    client.set(|switches| switches.conflict_in_data = true);
    assert!(put().await.body["data"].is_array());
    assert_eq!(client.record("Tasks", &id).await["Subject"], json!("Mine"));
}

#[tokio::test]
async fn closing_a_task_stamps_it() {
    let client = Client::new().await;
    let id = client.create("Tasks", task("fd-1")).await;
    client.advance(minutes(5));
    let got = client.change("Tasks", &id, json!({"Status": "Completed"})).await;
    assert_eq!((got.status, got.code()), (200, "SUCCESS"));
    let record = client.record("Tasks", &id).await;
    assert_eq!(record["Closed_Time"], json!("2026-01-05T09:05:00+01:00"));
    client
        .change("Tasks", &id, json!({"Status": "In Progress"}))
        .await;
    assert_eq!(client.record("Tasks", &id).await["Closed_Time"], Value::Null);
}

#[tokio::test]
async fn what_is_gone_cannot_be_changed() {
    let client = Client::new().await;
    let id = client.create("Tasks", task("fd-1")).await;
    assert_eq!(client.delete(&format!("Tasks/{id}")).await.status, 200);
    let got = client.change("Tasks", &id, json!({"Subject": "x"})).await;
    assert_eq!((got.status, got.code()), (400, "INVALID_DATA"));
    assert_eq!(client.delete(&format!("Tasks/{id}")).await.status, 400);
    assert_eq!(client.get(&format!("Tasks/{id}")).await.status, 400);
    let other = client.create("Tasks", task("fd-1")).await;
    assert_ne!(other, id, "a deleted record keeps no value");
    let got = client.delete(&format!("Tasks?ids={other},1")).await;
    assert_eq!(got.status, 207);
    assert_eq!(client.delete("Tasks").await.code(), "REQUIRED_PARAM_MISSING");
}

#[tokio::test]
async fn a_lock_holds_a_record() {
    let client = Client::new().await;
    let id = client.create("Tasks", task("fd-1")).await;
    client.set(|switches| switches.locked_code = Some("RECORD_LOCKED".to_owned()));
    let got = client.change("Tasks", &id, json!({"Subject": "x"})).await;
    assert_eq!((got.status, got.code()), (400, "RECORD_LOCKED"));
}

#[tokio::test]
async fn reminders_have_one_form() {
    let client = Client::new().await;
    let with = |alarm: Value| json!({"Subject": "x", "Remind_At": alarm});
    for wrong in [
        json!("2026-01-07T09:00:00+01:00"),
        json!({"ALARM": "FREQ=NONE;ACTION=EMAIL;TRIGGER=-P1D;TRIGGER_TIME=09:00"}),
        json!({"ALARM": "FREQ=NONE;ACTION=SING;TRIGGER=DATE-TIME:2026-01-07T09:00:00+01:00"}),
    ] {
        let got = client.insert("Tasks", with(wrong.clone())).await;
        assert_eq!(
            got.element(0)["details"]["api_name"],
            json!("Remind_At"),
            "{wrong}"
        );
    }
    let past = json!({"ALARM": "FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:2026-01-02T09:00:00+01:00"});
    for (answer, status, is_kept) in [
        (PastReminder::Kept, 201, true),
        (PastReminder::Dropped, 201, false),
        (PastReminder::Refused, 400, false),
    ] {
        client.set(|switches| switches.past_reminder = answer);
        let got = client.insert("Tasks", with(past.clone())).await;
        assert_eq!(got.status, status);
        if let Some(id) = got.element(0)["details"]["id"].as_str() {
            assert_eq!(client.record("Tasks", id).await["Remind_At"].is_object(), is_kept);
        }
    }
}

#[tokio::test]
async fn a_call_that_was_made_lasted() {
    let client = Client::new().await;
    let contact = client.contact("ng@example.com").await;
    let call = |duration: &str, status: &str| {
        json!({"Subject": "Call", "Call_Type": "Outbound", "Call_Start_Time": "2026-01-05T09:00:00+01:00",
            "Call_Duration": duration, "Outbound_Call_Status": status, "Who_Id": {"id": contact}})
    };
    let got = client.insert("Calls", call("00:00", "Completed")).await;
    assert_eq!((got.status, got.code()), (400, "DEPENDENT_MISMATCH"));
    let id = client.create("Calls", call("04:30", "Completed")).await;
    let record = client.record("Calls", &id).await;
    assert_eq!(record["Call_Duration_in_seconds"], json!(270));
    assert_eq!(record["Outgoing_Call_Status"], json!("Completed"));
    assert_eq!(
        client.insert("Calls", call("00:00", "Scheduled")).await.status,
        201
    );
    let missed =
        json!({"Subject": "Call", "Call_Type": "Missed", "Call_Start_Time": "2026-01-05T09:00:00+01:00"});
    assert_eq!(client.insert("Calls", missed).await.status, 201);
}

#[tokio::test]
async fn an_inactive_owner_is_refused() {
    let client = Client::new().await;
    let (user, _) = client.users().await[0].clone();
    client
        .sandbox
        .set_owner_active_in(followup_sandbox::Vendor::Zoho, &user, false);
    let fields = json!({"Subject": "x", "Owner": {"id": user}});
    let got = client.insert("Tasks", fields.clone()).await;
    assert_eq!(got.element(0)["details"]["api_name"], json!("Owner"));
    client.set(|switches| switches.inactive_owner_refused = false);
    assert_eq!(client.insert("Tasks", fields).await.status, 201);
}

#[tokio::test]
async fn a_lost_answer_does_not_undo_the_write() {
    let client = Client::new().await;
    client.fault("POST /crm/v8/Tasks", "close_after_commit", 1);
    let body = json!({"data": [task("fd-1")], "trigger": []}).to_string();
    let headers = [("content-type", "application/json")];
    let reply = client
        .reply("POST", "Tasks", &headers, bytes::Bytes::from(body))
        .await;
    assert!(matches!(
        reply,
        followup_sandbox::Reply::Closed { committed: true }
    ));
    assert_eq!(
        client.insert("Tasks", task("fd-1")).await.code(),
        "DUPLICATE_DATA"
    );
}

#[tokio::test]
async fn trouble_comes_in_the_vendors_words() {
    let client = Client::new().await;
    let insert = || client.insert("Tasks", task("fd-1"));
    for (kind, status, code) in [
        ("error:RECORD_LOCKED", 400, "RECORD_LOCKED"),
        ("ok_with_error", 200, "INTERNAL_ERROR"),
        ("throttle", 429, "TOO_MANY_REQUESTS"),
        ("forbid", 401, "OAUTH_SCOPE_MISMATCH"),
        ("status:500", 500, "INTERNAL_ERROR"),
        ("error:INVALID_TOKEN", 401, "INVALID_TOKEN"),
        ("revoke_token", 401, "INVALID_TOKEN"),
    ] {
        client.fault("POST /crm/v8/Tasks", kind, 1);
        let got = insert().await;
        assert_eq!((got.status, got.code()), (status, code), "{kind}: {}", got.text);
    }
    client.fault("POST /oauth", "throttle", 1);
    let got = client.login(&client.grant()).await;
    assert_eq!((got.status, &got.body["error"]), (400, &json!("Access Denied")));
    client.fault("POST /oauth", "ok_with_error", 1);
    let got = client.login(&client.grant()).await;
    assert_eq!((got.status, &got.body["error"]), (200, &json!("invalid_code")));
}
