//! Lists, single records, deletions, users, metadata.

use followup_sandbox::ZohoSwitches;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Client, hours, secs};

const LIST: &str = "Leads?fields=Last_Name,Email,Modified_Time&sort_by=Modified_Time&sort_order=asc";

#[tokio::test]
async fn an_empty_list_is_204_and_nothing_new_is_304() {
    let client = Client::new().await;
    let got = client.get(LIST).await;
    assert_eq!((got.status, got.text.as_str()), (204, ""));
    client.lead("ng@example.com").await;
    let got = client.get_since(LIST, "2026-01-05T08:00:01+00:00").await;
    assert_eq!((got.status, got.text.as_str()), (304, ""));
    let got = client.get_since(LIST, "2026-01-05T08:59:59+01:00").await;
    assert_eq!((got.status, got.ids().len()), (200, 1));
}

#[tokio::test]
async fn fields_are_mandatory_and_at_most_fifty() {
    let client = Client::new().await;
    let got = client.get("Leads").await;
    assert_eq!((got.status, got.code()), (400, "REQUIRED_PARAM_MISSING"));
    assert_eq!(got.body["details"]["param_name"], json!("fields"));
    let names: Vec<String> = (0..51).map(|at| format!("F{at}")).collect();
    let got = client.get(&format!("Leads?fields={}", names.join(","))).await;
    assert_eq!(got.code(), "LIMIT_EXCEEDED");
    assert_eq!(client.get("Leads?fields=id").await.status, 400);
    assert_eq!(
        client.get("Leads?fields=Last_Name,Nonsense").await.code(),
        "INVALID_DATA"
    );
}

#[tokio::test]
async fn lists_are_newest_first_unless_told() {
    let client = Client::new().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(client.lead(&format!("p{number}@example.com")).await);
    }
    let got = client.get("Leads?fields=Email").await;
    assert_eq!(got.body["info"]["sort_order"], json!("desc"));
    assert!(got.ids().iter().rev().eq(&ids));
    let got = client.get("Leads?fields=Email&sort_order=asc").await;
    assert_eq!(got.ids(), ids);
    assert_eq!(client.get("Leads?fields=Email&sort_by=Email").await.status, 400);
}

#[tokio::test]
async fn instants_come_in_the_users_offset_and_change_with_summer() {
    let client = Client::new().await;
    let id = client.lead("ng@example.com").await;
    let record = client.record("Leads", &id).await;
    assert_eq!(record["Created_Time"], json!("2026-01-05T09:00:00+01:00"));
    client.advance(hours(24 * 120));
    let mut client = client;
    client.refresh().await;
    client
        .change("Leads", &id, json!({"Phone": "+1 201 555 0100"}))
        .await;
    let record = client.record("Leads", &id).await;
    assert_eq!(record["Modified_Time"], json!("2026-05-05T10:00:00+02:00"));
}

#[tokio::test]
async fn page_eleven_needs_a_token() {
    let client = Client::new().await;
    let got = client.get(&format!("{LIST}&page=11")).await;
    assert_eq!(
        (got.status, got.code()),
        (400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED")
    );
    assert_eq!(got.body["details"]["limit"], json!(2_000));
}

async fn fill(client: &Client, count: usize) {
    let numbers: Vec<usize> = (0..count).collect();
    for chunk in numbers.chunks(100) {
        let data: Vec<Value> = chunk
            .iter()
            .map(|number| json!({"Last_Name": format!("N{number}"), "Company": "X"}))
            .collect();
        let got = client.post("Leads", json!({"data": data, "trigger": []})).await;
        assert_eq!(got.status, 201);
    }
}

#[tokio::test]
async fn tokens_walk_past_two_thousand_rows_of_one_second() {
    let client = Client::new().await;
    fill(&client, 2_150).await;
    let mut seen = Vec::new();
    let mut path = LIST.to_owned();
    loop {
        let got = client.get(&path).await;
        assert_eq!(got.status, 200, "{}", got.text);
        seen.extend(got.ids());
        let info = &got.body["info"];
        assert_eq!(info["count"], json!(got.ids().len()));
        let Some(token) = info["next_page_token"].as_str() else {
            assert_eq!(info["more_records"], json!(false));
            break;
        };
        path = format!("{LIST}&page_token={token}");
    }
    assert_eq!(seen.len(), 2_150);
    seen.dedup();
    assert_eq!(seen.len(), 2_150);
}

#[tokio::test]
async fn a_page_token_is_bound_and_ends_after_a_day() {
    let mut client = Client::new().await;
    fill(&client, 250).await;
    let token = client.get(LIST).await.body["info"]["next_page_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let with = |path: &str| format!("{path}&page_token={token}");
    assert_eq!(client.get(&with(LIST)).await.ids().len(), 50);
    let other = client
        .get(&with("Leads?fields=Email&sort_by=Modified_Time&sort_order=asc"))
        .await;
    assert_eq!(other.code(), "TOKEN_BOUND_DATA_MISMATCH");
    let both = client.get(&with(&format!("{LIST}&page=2"))).await;
    assert_eq!(both.code(), "AMBIGUITY_DURING_PROCESSING");
    assert_eq!(
        client.get(&format!("{LIST}&page_token=none")).await.code(),
        "INVALID_DATA"
    );
    client.advance(hours(24));
    client.refresh().await;
    assert_eq!(client.get(&with(LIST)).await.code(), "EXPIRED_VALUE");
}

#[tokio::test]
async fn a_page_token_can_be_made_to_end() {
    let client = Client::new().await;
    fill(&client, 250).await;
    client.fault("GET /crm/v8/Leads", "expire_page_token", 1);
    let first = client.get(LIST).await;
    assert_eq!(first.status, 200, "a first page has no token to end");
    let token = first.body["info"]["next_page_token"].as_str().expect("a token");
    for _ in 0..2 {
        let got = client.get(&format!("{LIST}&page_token={token}")).await;
        assert_eq!(got.code(), "EXPIRED_VALUE");
    }
}

#[tokio::test]
async fn converted_leads_leave_the_default_list() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let got = client
        .post(&format!("Leads/{lead}/actions/convert"), json!({"data": [{}]}))
        .await;
    assert_eq!((got.status, got.code()), (200, "SUCCESS"));
    assert_eq!(client.get(LIST).await.status, 204);
    let got = client.get(&format!("{LIST}&converted=true")).await;
    assert_eq!(got.ids(), std::slice::from_ref(&lead));
    let record = client.record("Leads", &lead).await;
    assert_eq!(record["Converted__s"], json!(true));
    let contact = record["Converted_Contact"]["id"].as_str().expect("a contact");
    assert_eq!(
        client.record("Contacts", contact).await["Email"],
        json!("ng@example.com")
    );
    assert_eq!(
        client.get(&format!("{LIST}&converted=both")).await.ids(),
        std::slice::from_ref(&lead)
    );
    assert_eq!(
        client.get("Leads/deleted?type=all").await.status,
        204,
        "no deletion"
    );
    let again = client
        .post(&format!("Leads/{lead}/actions/convert"), json!({"data": [{}]}))
        .await;
    assert_eq!((again.status, again.code()), (400, "ID_ALREADY_CONVERTED"));
}

#[tokio::test]
async fn deletions_name_who_and_when_until_they_are_permanent() {
    let mut client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    client.advance(secs(90));
    assert_eq!(client.delete(&format!("Leads/{lead}")).await.status, 200);
    assert_eq!(client.get(LIST).await.status, 204);
    let got = client.get("Leads/deleted?type=recycle").await;
    let entry = got.element(0);
    assert_eq!((&entry["id"], &entry["type"]), (&json!(lead), &json!("recycle")));
    assert_eq!(entry["deleted_time"], json!("2026-01-05T09:01:30+01:00"));
    assert_eq!(entry["display_name"], json!("Nair"));
    assert!(entry["deleted_by"]["id"].is_string());
    let got = client
        .get_since("Leads/deleted?type=all", "2026-01-05T09:01:30+01:00")
        .await;
    assert_eq!(got.status, 304);
    client.advance(hours(24 * 61));
    client.refresh().await;
    assert_eq!(client.get("Leads/deleted?type=recycle").await.status, 204);
    let got = client.get("Leads/deleted?type=permanent").await;
    let entry = got.element(0);
    assert_eq!(entry["id"], json!(lead));
    assert!(
        entry["deleted_by"].is_null() && entry["display_name"].is_null() && entry["created_by"].is_null()
    );
    assert_eq!(
        client.get("Leads/deleted?type=gone").await.code(),
        "PATTERN_NOT_MATCHED"
    );
}

#[tokio::test]
async fn notes_are_for_administrators() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let parent = json!({"module": {"api_name": "Leads"}, "id": lead});
    let note = client
        .create(
            "Notes",
            json!({"Note_Content": "Called twice", "Parent_Id": parent}),
        )
        .await;
    let path = "Notes?fields=Parent_Id,Note_Content";
    let got = client.get(path).await;
    assert_eq!(got.ids(), std::slice::from_ref(&note));
    assert_eq!(got.element(0)["Parent_Id"]["module"]["api_name"], json!("Leads"));
    client.set(|switches| switches.is_admin = false);
    let got = client.get(path).await;
    assert_eq!((got.status, got.code()), (403, "NOT_SUPPORTED"));
    let got = client
        .get(&format!("Leads/{lead}/Notes?fields=Note_Content"))
        .await;
    assert_eq!(got.ids(), [note]);
}

#[tokio::test]
async fn related_lists_hold_the_activities_of_a_record() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let task = client
        .create(
            "Tasks",
            json!({"Subject": "Reply", "What_Id": {"id": lead}, "$se_module": "Leads"}),
        )
        .await;
    let path = format!("Leads/{lead}/Tasks?fields=Subject,Description,What_Id,$se_module");
    let got = client.get(&path).await;
    assert_eq!(got.ids(), std::slice::from_ref(&task));
    assert_eq!(got.element(0)["$se_module"], json!("Leads"));
    assert_eq!(got.element(0)["What_Id"], json!({"name": "Nair", "id": lead}));
    assert_eq!(
        client.get(&format!("Leads/{lead}/Tasks")).await.code(),
        "REQUIRED_PARAM_MISSING"
    );
    assert_eq!(
        client
            .get(&format!("Leads/{lead}/Secrets?fields=Subject"))
            .await
            .code(),
        "INVALID_DATA"
    );
    let chronological = client
        .get(&format!(
            "Leads/{lead}/Activities_Chronological_View?fields=Subject"
        ))
        .await;
    assert_eq!(chronological.element(0)["$module"], json!("Tasks"));
    assert_eq!(
        client
            .get(&format!("Leads/{lead}/Calls?fields=Subject"))
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn what_leads_to_a_deleted_record_is_null() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let fields = json!({"Subject": "Reply", "What_Id": {"id": lead}, "$se_module": "Leads"});
    let task = client.create("Tasks", fields).await;
    client.delete(&format!("Leads/{lead}")).await;
    let got = client.get("Tasks?fields=Subject,What_Id").await;
    assert_eq!(
        (got.ids(), &got.element(0)["What_Id"]),
        (vec![task], &Value::Null)
    );
}

#[tokio::test]
async fn closed_tasks_of_a_contact_are_in_a_list_of_their_own() {
    let client = Client::new().await;
    let contact = client.contact("ng@example.com").await;
    let fields = json!({"Subject": "Reply", "Who_Id": {"id": contact}, "Status": "Completed"});
    let task = client.create("Tasks", fields).await;
    let list = |name: &str| format!("Contacts/{contact}/{name}?fields=Subject");
    assert_eq!(client.get(&list("Tasks")).await.status, 204);
    assert_eq!(
        client.get(&list("Tasks_History")).await.ids(),
        std::slice::from_ref(&task)
    );
    client.set(|switches| switches.one_activity_list = true);
    assert_eq!(client.get(&list("Tasks")).await.ids(), [task]);
    let lists = client.get("settings/related_lists?module=Contacts").await;
    let names: Vec<&str> = lists.body["related_lists"]
        .as_array()
        .expect("lists")
        .iter()
        .filter_map(|list| list["api_name"].as_str())
        .collect();
    assert!(names.contains(&"Tasks") && names.contains(&"Emails") && !names.contains(&"Tasks_History"));
}

#[tokio::test]
async fn users_come_in_a_wrapper_of_their_own() {
    let client = Client::new().await;
    let got = client.get("users?type=AllUsers&page=1&per_page=5").await;
    assert_eq!(got.body["users"].as_array().map(Vec::len), Some(5));
    assert_eq!(got.body["info"]["more_records"], json!(true));
    let user = &got.body["users"][0];
    assert!(
        user["created_time"].is_string() && user["Modified_Time"].is_string(),
        "mixed case"
    );
    let own = client.get("users?type=CurrentUser").await;
    assert_eq!(own.body["users"][0]["time_zone"], json!("Europe/Berlin"));
    let all = client.get("users?type=AllUsers").await;
    let users = all.body["users"].as_array().expect("users").clone();
    assert!(users.iter().any(|user| user["status"] == json!("inactive")));
    assert_eq!(client.get("users?type=Strangers").await.status, 400);
}

#[tokio::test]
async fn the_org_says_what_it_has_bought() {
    let client = Client::with(super::free()).await;
    let got = client.get("org").await;
    let org = &got.body["org"][0];
    assert_eq!(org["license_details"]["paid_type"], json!("free"));
    assert_eq!(org["license_details"]["users_license_purchased"], json!(20));
}

#[tokio::test]
async fn stages_say_what_they_mean() {
    let client = Client::new().await;
    let layouts = client.get("settings/layouts?module=Deals").await;
    let layout = layouts.body["layouts"][0]["id"].as_str().expect("a layout");
    let got = client.get(&format!("settings/pipeline?layout_id={layout}")).await;
    let maps = got.body["pipeline"][0]["maps"]
        .as_array()
        .expect("stages")
        .clone();
    let won = maps
        .iter()
        .find(|stage| stage["actual_value"] == json!("Closed Won"));
    assert_eq!(won.expect("a stage")["forecast_type"], json!("Closed Won"));
    assert_eq!(
        client.get("settings/pipeline").await.code(),
        "REQUIRED_PARAM_MISSING"
    );
}

#[tokio::test]
async fn fields_say_what_is_unique() {
    let client = Client::new().await;
    let got = client.get("settings/fields?module=Tasks").await;
    let fields = got.body["fields"].as_array().expect("fields").clone();
    let field = |name: &str| {
        let found = fields.iter().find(|field| field["api_name"] == json!(name));
        found.unwrap_or_else(|| panic!("no field {name}")).clone()
    };
    assert_eq!(field("Followupd_Key")["external"]["type"], json!("org"));
    assert_eq!(field("Followupd_Key")["unique"]["case_sensitive"], json!(false));
    assert_eq!(field("Subject")["unique"], json!({}));
    assert_eq!(field("Closed_Time")["read_only"], json!(true));
    assert_eq!(
        field("Status")["pick_list_values"][3]["actual_value"],
        json!("Completed")
    );
    assert_eq!(
        client.get("settings/fields?module=Nothing").await.code(),
        "INVALID_MODULE"
    );
}

#[tokio::test]
async fn a_new_field_is_there_at_once() {
    let client = Client::with(ZohoSwitches {
        custom_fields: Vec::new(),
        ..ZohoSwitches::default()
    })
    .await;
    let body = json!({"fields": [{"field_label": "Followupd Key", "data_type": "text", "length": 100,
        "unique": {"case_sensitive": false}, "external": {"type": "org", "show": false}}]});
    let got = client.post("settings/fields?module=Tasks", body.clone()).await;
    assert_eq!(got.status, 201, "{}", got.text);
    let task = json!({"Subject": "Reply", "Followupd_Key": "fd-1"});
    client.create("Tasks", task.clone()).await;
    assert_eq!(client.insert("Tasks", task).await.code(), "DUPLICATE_DATA");
    let again = client.post("settings/fields?module=Tasks", body).await;
    assert_eq!(again.body["fields"][0]["code"], json!("DUPLICATE_DATA"));
}

#[tokio::test]
async fn modules_and_paths_that_are_not_there_say_so() {
    let client = Client::new().await;
    assert_eq!(client.get("Unicorns?fields=x").await.code(), "INVALID_MODULE");
    assert_eq!(
        client.get("Activities?fields=Subject").await.code(),
        "NOT_SUPPORTED"
    );
    let got = client.get("/crm/v8/Leads/1/2/3/4").await;
    assert_eq!((got.status, got.code()), (404, "INVALID_URL_PATTERN"));
    assert_eq!(
        client.post("org", json!({})).await.code(),
        "INVALID_REQUEST_METHOD"
    );
    client.set(|switches| {
        switches.forbidden_modules.insert("Deals".to_owned());
        switches.hidden_fields.insert("Leads.Email".to_owned());
    });
    let got = client.get("Deals?fields=Stage").await;
    assert_eq!((got.status, got.code()), (403, "NO_PERMISSION"));
    client.lead("ng@example.com").await;
    let got = client.get(LIST).await;
    assert!(
        got.element(0).get("Email").is_none(),
        "hidden fields are silently missing"
    );
}

#[tokio::test]
async fn a_stage_history_follows_the_deal() {
    let client = Client::new().await;
    let contact = client.contact("ng@example.com").await;
    let deal = client.deal(&contact).await;
    client.advance(hours(50));
    let mut client = client;
    client.refresh().await;
    client
        .change("Deals", &deal, json!({"Stage": "Needs Analysis"}))
        .await;
    client.change("Deals", &deal, json!({"Amount": 500})).await;
    let fields =
        "fields=Potential_Name,Stage,Moved_To__s,Modified_Time,Stage_Duration_Calendar_Days&sort_order=asc";
    let got = client.get(&format!("DealHistory?{fields}")).await;
    assert_eq!(
        got.column("Stage"),
        [json!("Qualification"), json!("Needs Analysis")]
    );
    assert_eq!(got.column("Moved_To__s"), [json!("Needs Analysis"), Value::Null]);
    assert_eq!(got.element(0)["Stage_Duration_Calendar_Days"], json!(2));
    assert_eq!(got.element(1)["Potential_Name"]["id"], json!(deal));
    let related = client.get(&format!("Deals/{deal}/Stage_History?{fields}")).await;
    assert_eq!(related.ids(), got.ids());
}

#[tokio::test]
async fn the_search_is_behind_and_equals_means_contains() {
    let client = Client::new().await;
    client.lead("ng@example.com").await;
    let criteria = |value: &str| {
        format!(
            "Leads/search?criteria={}",
            super::encoded(&format!("(Company:equals:{value})"))
        )
    };
    assert_eq!(client.get(&criteria("Kestrel")).await.status, 204);
    client.advance(secs(60));
    assert_eq!(client.get(&criteria("Kestrel")).await.ids().len(), 1);
    assert_eq!(client.get(&criteria("Juniper")).await.status, 204);
    assert_eq!(
        client.get("Leads/search?email=ng@example.com").await.ids().len(),
        1
    );
    let both = super::encoded("((Company:starts_with:kes)and(Last_Name:equals:Nair))");
    assert_eq!(
        client
            .get(&format!("Leads/search?criteria={both}"))
            .await
            .ids()
            .len(),
        1
    );
    assert_eq!(client.get("Leads/search?criteria=nonsense").await.status, 400);
}

#[tokio::test]
async fn costs_are_readable() {
    let client = Client::new().await;
    let got = client.get("__apis").await;
    let entries = got.body["__apis"].as_array().expect("entries").clone();
    let coql = entries
        .iter()
        .find(|entry| entry["path"] == json!("/crm/v8/coql"))
        .expect("coql");
    assert_eq!(coql["operation_types"][0]["max_credits"], json!(3));
    client.set(|switches| switches.serves_apis = false);
    assert_eq!(client.get("__apis").await.status, 404);
}

#[tokio::test]
async fn five_calls_fit_into_one() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let part = |id: usize, uri: String| json!({"sub_request_id": id.to_string(), "method": "GET", "uri": uri, "params": {"fields": "Email"}});
    let parts = vec![
        part(1, format!("/crm/v8/Leads/{lead}")),
        part(2, "/crm/v8/Nothing".to_owned()),
    ];
    let got = client
        .post("__composite_requests", json!({"__composite_requests": parts}))
        .await;
    assert_eq!(got.status, 200, "{}", got.text);
    let answer = |at: usize| got.body["__composite_requests"][at]["details"]["response"].clone();
    assert_eq!(answer(0)["body"]["data"][0]["Email"], json!("ng@example.com"));
    assert_eq!(answer(1)["status_code"], json!("400"));
    let six = vec![part(1, "/crm/v8/org".to_owned()); 6];
    let got = client
        .post("__composite_requests", json!({"__composite_requests": six}))
        .await;
    assert_eq!(got.code(), "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn equal_instants_are_read_in_any_offset() {
    let client = Client::new().await;
    client.lead("ng@example.com").await;
    let at: Timestamp = client.record("Leads", &client.get(LIST).await.ids()[0]).await["Modified_Time"]
        .as_str()
        .expect("text")
        .parse()
        .expect("an instant");
    assert_eq!(at, client.now());
    for since in ["2026-01-05T13:29:59+05:30", "2026-01-05T07:59:59Z"] {
        assert_eq!(client.get_since(LIST, since).await.status, 200, "{since}");
    }
    assert_eq!(client.get_since(LIST, "yesterday").await.status, 400);
}
