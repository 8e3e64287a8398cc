//! Several records or requests in one call.

use serde_json::{Value, json};

use super::{Client, encoded};

fn task(fields: &Value) -> Value {
    let mut task = json!({"attributes": {"type": "Task"}});
    let (Some(object), Some(fields)) = (task.as_object_mut(), fields.as_object()) else {
        panic!("objects");
    };
    object.extend(fields.clone());
    task
}

#[tokio::test]
async fn a_collection_answers_200_with_an_outcome_for_each_record() {
    let client = Client::new();
    let records = [
        task(&json!({"Subject": "good"})),
        task(&json!({"Status": "Later"})),
        task(&json!({"Nope": 1})),
    ];
    let got = client
        .post("composite/sobjects", json!({"records": records}))
        .await;
    assert_eq!(got.status, 200);
    let outcomes: Vec<(bool, &str)> = got
        .body
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            let code = row["errors"][0]["statusCode"].as_str().unwrap_or_default();
            (row["success"] == json!(true), code)
        })
        .collect();
    let expected = [
        (true, ""),
        (false, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (false, "INVALID_FIELD"),
    ];
    assert_eq!(outcomes, expected);
    let id = got.body[0]["id"].as_str().expect("an id");
    let changes = [
        task(&json!({"id": id, "Subject": "better"})),
        task(&json!({"Id": "00T5g0000000000AAA", "Subject": "x"})),
        task(&json!({"Subject": "no id"})),
    ];
    let got = client
        .patch("composite/sobjects", json!({"records": changes}))
        .await;
    let codes: Vec<Value> = (0..3)
        .map(|at| got.body[at]["errors"][0]["statusCode"].clone())
        .collect();
    assert_eq!(
        codes,
        [
            json!(null),
            json!("INVALID_CROSS_REFERENCE_KEY"),
            json!("MISSING_ARGUMENT")
        ]
    );
    let got = client.delete(&format!("composite/sobjects?ids={id},{id}")).await;
    assert_eq!(got.body[0]["success"], json!(true));
    assert_eq!(got.body[1]["errors"][0]["statusCode"], json!("ENTITY_IS_DELETED"));
}

#[tokio::test]
async fn all_or_none_takes_everything_back() {
    let client = Client::new();
    let records = [
        task(&json!({"Subject": "good"})),
        task(&json!({"Status": "Later"})),
    ];
    let got = client
        .post(
            "composite/sobjects",
            json!({"allOrNone": true, "records": records}),
        )
        .await;
    assert_eq!(
        got.body[0]["errors"][0]["statusCode"],
        json!("ALL_OR_NONE_OPERATION_ROLLED_BACK")
    );
    assert!(got.body[0]["id"].is_string(), "a rolled-back row may show its id");
    assert_eq!(
        client.query("SELECT COUNT() FROM Task").await.body["totalSize"],
        json!(0)
    );
}

#[tokio::test]
async fn collections_have_bounds() {
    let client = Client::new();
    let many = vec![task(&json!({"Subject": "x"})); 201];
    let got = client.post("composite/sobjects", json!({"records": many})).await;
    assert_eq!((got.status, got.code()), (400, "EXCEEDED_ID_LIMIT"));
    let runs: Vec<Value> = (0..12)
        .map(|at| {
            if at % 2 == 0 {
                task(&json!({"Subject": "x"}))
            } else {
                json!({"attributes": {"type": "Account"}, "Name": "x"})
            }
        })
        .collect();
    assert_eq!(
        client
            .post("composite/sobjects", json!({"records": runs}))
            .await
            .status,
        400
    );
    let untyped = client
        .post("composite/sobjects", json!({"records": [{"Subject": "x"}]}))
        .await;
    assert_eq!((untyped.status, untyped.code()), (400, "INVALID_INPUT"));
}

#[tokio::test]
async fn an_upsert_of_many_goes_by_the_key_in_each_record() {
    let client = Client::new();
    let path = "composite/sobjects/Task/FollowupKey__c";
    let keyed = |key: &str| task(&json!({"FollowupKey__c": key, "Subject": key}));
    let got = client
        .patch(path, json!({"records": [keyed("fu-1"), keyed("fu-2")]}))
        .await;
    assert_eq!(
        (&got.body[0]["created"], &got.body[1]["created"]),
        (&json!(true), &json!(true))
    );
    let got = client
        .patch(
            path,
            json!({"records": [keyed("fu-1"), keyed("fu-3"), keyed("fu-3")]}),
        )
        .await;
    assert_eq!(got.body[0]["created"], json!(false));
    assert_eq!(got.body[1]["errors"][0]["statusCode"], json!("DUPLICATE_VALUE"));
    assert_eq!(got.body[2]["success"], json!(false));
    let got = client
        .patch(path, json!({"records": [task(&json!({"Subject": "no key"}))]}))
        .await;
    assert_eq!(got.body[0]["errors"][0]["statusCode"], json!("MISSING_ARGUMENT"));
}

#[tokio::test]
async fn many_rows_are_read_by_id_with_null_for_the_unreadable() {
    let client = Client::new();
    let lead = client.lead("many@example.com").await;
    let gone = client.lead("gone@example.com").await;
    client.delete(&format!("sobjects/Lead/{gone}")).await;
    let body = json!({"ids": [lead, gone, "00Q5g0000000000AAA"], "fields": ["Email", "Company"]});
    let got = client.post("composite/sobjects/Lead", body).await;
    assert_eq!(got.body[0]["Email"], json!("many@example.com"));
    assert!(got.body[0].get("Status").is_none());
    assert_eq!((&got.body[1], &got.body[2]), (&json!(null), &json!(null)));
    let got = client
        .post(
            "composite/sobjects/Lead",
            json!({"ids": [lead], "fields": ["Nope"]}),
        )
        .await;
    assert_eq!((got.status, got.code()), (400, "INVALID_FIELD"));
}

fn part(reference: &str, method: &str, path: &str, body: &Value) -> Value {
    json!({
        "referenceId": reference, "method": method, "url": format!("/services/data/v62.0/{path}"), "body": body,
    })
}

#[tokio::test]
async fn a_composite_passes_results_on_and_counts_once() {
    let client = Client::new();
    let used =
        || client.sandbox.stats_of(followup_sandbox::Vendor::Salesforce)["quota"]["daily"]["used"].as_u64();
    let before = used();
    let query = format!("query?q={}", encoded("SELECT Id FROM Task"));
    let parts = [
        part("a", "POST", "sobjects/Account", &json!({"Name": "Willow Tools"})),
        part(
            "c",
            "POST",
            "sobjects/Contact",
            &json!({"LastName": "Sokol", "AccountId": "@{a.id}"}),
        ),
        part(
            "t",
            "POST",
            "sobjects/Task",
            &json!({"WhoId": "@{c.id}", "Subject": "About @{c.id}"}),
        ),
        part("q", "GET", &query, &Value::Null),
        part(
            "g",
            "GET",
            "sobjects/Task/@{q.records[0].Id}?fields=AccountId",
            &Value::Null,
        ),
        part("x", "GET", "sobjects/Task/@{A.id}", &Value::Null),
    ];
    let got = client.post("composite", json!({"compositeRequest": parts})).await;
    let answers = got.body["compositeResponse"].as_array().expect("answers");
    let statuses: Vec<u64> = answers
        .iter()
        .filter_map(|answer| answer["httpStatusCode"].as_u64())
        .collect();
    assert_eq!(statuses, [201, 201, 201, 200, 200, 400], "{}", got.text);
    assert_eq!(answers[4]["body"]["AccountId"], answers[0]["body"]["id"]);
    assert!(
        answers[0]["httpHeaders"]["Location"]
            .as_str()
            .is_some_and(|at| at.contains("/sobjects/Account/001"))
    );
    assert_eq!(used(), before.map(|before| before + 1));
}

#[tokio::test]
async fn a_failed_composite_of_all_or_none_leaves_nothing() {
    let client = Client::new();
    let rows = json!({"records": [task(&json!({"Subject": "x"}))]});
    let parts = [
        part("rows", "POST", "composite/sobjects", &rows),
        part("account", "POST", "sobjects/Account", &json!({"Name": "x"})),
        part("wrong", "POST", "sobjects/Task", &json!({"Nope": 1})),
        part("after", "POST", "sobjects/Account", &json!({"Name": "y"})),
    ];
    let got = client
        .post("composite", json!({"allOrNone": true, "compositeRequest": parts}))
        .await;
    let answers = got.body["compositeResponse"].as_array().expect("answers");
    assert_eq!(got.status, 200);
    assert_eq!(
        answers[0]["body"][0]["success"],
        json!(true),
        "a rolled-back collection may say so"
    );
    assert_eq!(answers[1]["body"][0]["errorCode"], json!("PROCESSING_HALTED"));
    assert_eq!(answers[2]["body"][0]["errorCode"], json!("INVALID_FIELD"));
    assert_eq!(answers[3]["body"][0]["errorCode"], json!("PROCESSING_HALTED"));
    for kind in ["Task", "Account"] {
        let got = client.query(&format!("SELECT COUNT() FROM {kind}")).await;
        assert_eq!(got.body["totalSize"], json!(0));
    }
}

#[tokio::test]
async fn a_composite_holds_five_queries_and_no_sixth() {
    let client = Client::new();
    let query = format!("queryAll?q={}", encoded("SELECT Id FROM Lead"));
    let parts: Vec<Value> = (0..6)
        .map(|at| part(&format!("q{at}"), "GET", &query, &Value::Null))
        .collect();
    let five = client
        .post("composite", json!({"compositeRequest": parts[..5]}))
        .await;
    assert_eq!(five.status, 200);
    let six = client.post("composite", json!({"compositeRequest": parts})).await;
    assert_eq!((six.status, six.code()), (400, "LIMIT_EXCEEDED"));
    let twice = [
        part("q", "GET", &query, &Value::Null),
        part("q", "GET", &query, &Value::Null),
    ];
    assert_eq!(
        client
            .post("composite", json!({"compositeRequest": twice}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_batch_runs_on_after_a_failure_unless_told_to_halt() {
    let client = Client::new();
    let parts = [
        json!({"method": "GET", "url": "v62.0/sobjects/Lead/00Q5g0000000000AAA"}),
        json!({"method": "POST", "url": "v62.0/sobjects/Account", "richInput": {"Name": "x"}}),
    ];
    for (halts, statuses) in [(false, [404, 201]), (true, [404, 412])] {
        let got = client
            .post(
                "composite/batch",
                json!({"haltOnError": halts, "batchRequests": parts}),
            )
            .await;
        assert_eq!(got.body["hasErrors"], json!(true));
        let results = got.body["results"].as_array().expect("results");
        let found: Vec<Value> = results
            .iter()
            .map(|result| result["statusCode"].clone())
            .collect();
        assert_eq!(found, statuses.map(|status| json!(status)));
    }
}
