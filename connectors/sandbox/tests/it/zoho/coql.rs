//! The query language: what it answers, and what it refuses.

use serde_json::{Value, json};

use super::{Client, hours};

#[tokio::test]
async fn a_keyset_window_walks_through_equal_seconds() {
    let client = Client::new().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(client.lead(&format!("p{number}@example.com")).await);
    }
    let got = client
        .query("select id, Modified_Time from Leads where id is not null order by Modified_Time asc, id asc limit 3")
        .await;
    assert_eq!(got.body["info"], json!({"count": 3, "more_records": true}));
    let last = got.element(2);
    let (at, id) = (
        last["Modified_Time"].as_str().expect("text"),
        last["id"].as_str().expect("text"),
    );
    let text = format!(
        "select id from Leads where (Modified_Time > '{at}' or (Modified_Time = '{at}' and id > '{id}')) \
         order by Modified_Time asc, id asc limit 2000"
    );
    let got = client.query(&text).await;
    assert_eq!(got.ids(), ids[3..]);
    assert_eq!(got.body["info"]["more_records"], json!(false));
    client.set(|switches| switches.coql_orders_ids = false);
    let got = client.query(&text).await;
    assert_eq!((got.status, got.code()), (400, "INVALID_QUERY"));
    assert_eq!(got.body["details"]["operator"], json!(">"));
}

#[tokio::test]
async fn nothing_found_is_204() {
    let client = Client::new().await;
    let got = client
        .query("select id from Leads where Email = 'nobody@example.com'")
        .await;
    assert_eq!((got.status, got.text.as_str()), (204, ""));
}

#[tokio::test]
async fn lookups_are_bare_ids_and_names_by_a_dot() {
    let client = Client::new().await;
    let contact = client.contact("ng@example.com").await;
    let got = client
        .query("select Last_Name, Account_Name, Account_Name.Account_Name, Owner from Contacts where Email = 'NG@example.com'")
        .await;
    let row = got.element(0);
    assert_eq!(row["id"], json!(contact));
    assert_eq!(row["Account_Name"].as_object().map(serde_json::Map::len), Some(1));
    assert_eq!(row["Account_Name.Account_Name"], json!("Juniper Foods"));
    assert_eq!(row["Owner"].as_object().map(serde_json::Map::len), Some(1));
}

#[tokio::test]
async fn activities_are_found_by_what_they_are_about() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let task = client
        .create(
            "Tasks",
            json!({"Subject": "Reply", "What_Id": {"id": lead}, "$se_module": "Leads", "Followupd_Key": "fd-1"}),
        )
        .await;
    client.create("Tasks", json!({"Subject": "Other"})).await;
    for condition in [
        format!("What_Id = '{lead}'"),
        format!("What_Id in ('{lead}', '1')"),
        "'What_Id->Leads.Last_Name' = 'Nair'".to_owned(),
        "Followupd_Key = 'fd-1'".to_owned(),
        "What_Id is not null".to_owned(),
        "(Subject like 'Re%' and Status != 'Completed')".to_owned(),
    ] {
        let got = client
            .query(&format!("select id, Subject from Tasks where {condition}"))
            .await;
        assert_eq!(
            got.ids(),
            std::slice::from_ref(&task),
            "{condition}: {}",
            got.text
        );
    }
}

/// What is refused: with which code, and what a detail of the refusal says.
const REFUSED: [(&str, &str, &str, &str); 11] = [
    (
        "select id Leads where id is null",
        "SYNTAX_ERROR",
        "near",
        "Leads",
    ),
    (
        "select id from Leads where id = ",
        "SYNTAX_ERROR",
        "near",
        "<EOF>",
    ),
    (
        "select id from Leads order by id",
        "SYNTAX_ERROR",
        "clause",
        "where",
    ),
    (
        "select id, Foo from Leads where id is not null",
        "INVALID_QUERY",
        "column_name",
        "Foo",
    ),
    (
        "select id from Leads where Foo = '1'",
        "INVALID_QUERY",
        "clause",
        "where",
    ),
    (
        "select id from Unicorns where id is not null",
        "INVALID_QUERY",
        "module",
        "Unicorns",
    ),
    (
        "select id, id from Leads where id is not null",
        "DUPLICATE_DATA",
        "column_name",
        "id",
    ),
    (
        "select id from Leads where Modified_Time > 'soon'",
        "INVALID_QUERY",
        "value",
        "soon",
    ),
    (
        "select id from Leads where Description = 'x'",
        "INVALID_QUERY",
        "column_name",
        "Description",
    ),
    (
        "select id from Leads where id is not null limit 2001",
        "LIMIT_EXCEEDED",
        "limit",
        "2000",
    ),
    (
        "select id from Leads where id is not null limit 99900, 200",
        "LIMIT_EXCEEDED",
        "clause",
        "offset",
    ),
];

#[tokio::test]
async fn refusals_name_the_place() {
    let client = Client::new().await;
    for (text, code, detail, value) in REFUSED {
        let got = client.query(text).await;
        assert_eq!((got.status, got.code()), (400, code), "{text}: {}", got.text);
        let said = got.body["details"][detail].to_string();
        assert_eq!(said.trim_matches('"'), value, "{text}: {}", got.text);
    }
    let got = client.post("coql", json!({})).await;
    assert_eq!(got.code(), "MANDATORY_NOT_FOUND");
}

#[tokio::test]
async fn rows_are_few_unless_asked_for() {
    let client = Client::new().await;
    for _ in 0..3 {
        let data: Vec<Value> = (0..100)
            .map(|at| json!({"Last_Name": format!("N{at}")}))
            .collect();
        client.post("Leads", json!({"data": data, "trigger": []})).await;
    }
    let count = |text: &'static str| {
        let client = &client;
        async move { client.query(text).await.ids().len() }
    };
    assert_eq!(count("select id from Leads where id is not null").await, 200);
    assert_eq!(
        count("select id from Leads where id is not null limit 2000").await,
        300
    );
    assert_eq!(
        count("select id from Leads where id is not null limit 250, 200").await,
        50
    );
    assert_eq!(
        count("select id from Leads where id is not null limit 20 offset 290").await,
        10
    );
    let got = client
        .query("select COUNT(id) as total from Leads where id is not null")
        .await;
    assert_eq!(got.element(0)["total"], json!(300));
    client.set(|switches| switches.coql_rows_max = 200);
    let got = client
        .query("select id from Leads where id is not null limit 201")
        .await;
    assert_eq!(got.code(), "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn converted_leads_are_seen_when_asked_about() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    client.control("convert", json!({ "lead": lead })).await;
    assert_eq!(
        client
            .query("select id from Leads where Email is not null")
            .await
            .status,
        204
    );
    let got = client
        .query("select id, Converted_Contact from Leads where Converted__s = true")
        .await;
    assert_eq!(got.ids(), std::slice::from_ref(&lead));
    client.set(|switches| switches.coql_shows_converted = true);
    let got = client.query("select id from Leads where Email is not null").await;
    assert_eq!(got.ids(), [lead]);
}

#[tokio::test]
async fn a_query_may_be_behind_a_write() {
    let client = Client::new().await;
    client.set(|switches| switches.coql_lag_secs = 30);
    let lead = client.lead("ng@example.com").await;
    let found = || client.query("select id, Last_Name from Leads where Last_Name is not null");
    assert_eq!(found().await.status, 204);
    client.advance(super::secs(30));
    assert_eq!(found().await.column("Last_Name"), [json!("Nair")]);
    client.change("Leads", &lead, json!({"Last_Name": "Ng"})).await;
    assert_eq!(
        found().await.column("Last_Name"),
        [json!("Nair")],
        "the state before"
    );
    client.advance(super::secs(30));
    assert_eq!(found().await.column("Last_Name"), [json!("Ng")]);
    client.delete(&format!("Leads/{lead}")).await;
    assert_eq!(found().await.ids().len(), 1);
    client.advance(hours(1) - super::secs(120));
    assert_eq!(found().await.status, 204);
}
