//! SOQL: what a query means, and how mistakes are worded.

use serde_json::json;

use super::{Client, hours};

async fn named(client: &Client, names: &[&str]) {
    for name in names {
        client.create("Account", json!({"Name": name})).await;
    }
}

async fn names(client: &Client, condition: &str) -> Vec<String> {
    let got = client
        .query(&format!("SELECT Name FROM Account {condition}"))
        .await;
    assert_eq!(got.status, 200, "{condition}: {}", got.text);
    got.column("Name")
        .iter()
        .map(|name| name.as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn conditions_choose_rows() {
    let client = Client::new();
    for (name, rating, employees) in [
        ("alpha", json!("Hot"), json!(5)),
        ("Beta", json!("Cold"), json!(50)),
        ("gamma", json!(null), json!(null)),
        ("it's 50% \\ off_", json!("Warm"), json!(500)),
    ] {
        let fields = json!({"Name": name, "Rating": rating, "NumberOfEmployees": employees});
        client.create("Account", fields).await;
    }
    for (condition, expected) in [
        ("WHERE Name = 'ALPHA'", vec!["alpha"]),
        ("WHERE Rating = null", vec!["gamma"]),
        (
            "WHERE Rating != 'Hot' ORDER BY Name",
            vec!["Beta", "gamma", "it's 50% \\ off_"],
        ),
        (
            "WHERE NumberOfEmployees > 5 AND NumberOfEmployees <= 500 ORDER BY Name",
            vec!["Beta", "it's 50% \\ off_"],
        ),
        ("WHERE NumberOfEmployees < 10", vec!["alpha"]),
        (
            "WHERE Name LIKE '%A' ORDER BY Name",
            vec!["alpha", "Beta", "gamma"],
        ),
        ("WHERE Name LIKE '_eta'", vec!["Beta"]),
        ("WHERE Name LIKE '%50\\%%'", vec!["it's 50% \\ off_"]),
        ("WHERE Name = 'it\\'s 50% \\\\ off_'", vec!["it's 50% \\ off_"]),
        (
            "WHERE Rating IN ('Hot', 'Warm') ORDER BY Name",
            vec!["alpha", "it's 50% \\ off_"],
        ),
        (
            "WHERE Rating NOT IN ('Hot', 'Warm') ORDER BY Name",
            vec!["Beta", "gamma"],
        ),
        (
            "WHERE NOT Rating IN ('Hot', 'Warm') AND NumberOfEmployees != null",
            vec!["Beta"],
        ),
        (
            "WHERE (Rating = 'Hot' OR Rating = 'Cold') AND NumberOfEmployees > 10",
            vec!["Beta"],
        ),
        ("where rating = 'hot' limit 1", vec!["alpha"]),
        (
            "ORDER BY Rating DESC NULLS LAST, Name LIMIT 2",
            vec!["it's 50% \\ off_", "alpha"],
        ),
        (
            "ORDER BY Rating, Name",
            vec!["gamma", "Beta", "alpha", "it's 50% \\ off_"],
        ),
        ("ORDER BY Name LIMIT 2 OFFSET 1", vec!["Beta", "gamma"]),
        ("WHERE Id IN (SELECT AccountId FROM Contact)", vec![]),
        ("WHERE IsDeleted = false AND NumberOfEmployees = 50", vec!["Beta"]),
    ] {
        assert_eq!(names(&client, condition).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn instants_and_days_compare() {
    let client = Client::new();
    named(&client, &["early"]).await;
    client.advance(hours(48));
    named(&client, &["late"]).await;
    for (condition, expected) in [
        ("WHERE CreatedDate < 2026-01-06T00:00:00Z", vec!["early"]),
        ("WHERE CreatedDate >= 2026-01-07T09:00:00+01:00", vec!["late"]),
        ("WHERE CreatedDate > 2026-01-07T08:00:00.000Z", vec![]),
        ("WHERE CreatedDate = TODAY", vec!["late"]),
        ("WHERE CreatedDate < TODAY", vec!["early"]),
        (
            "WHERE CreatedDate = LAST_N_DAYS:3 ORDER BY CreatedDate",
            vec!["early", "late"],
        ),
        ("WHERE CreatedDate = N_DAYS_AGO:2", vec!["early"]),
        (
            "WHERE CreatedDate = THIS_MONTH AND CreatedDate > YESTERDAY",
            vec!["late"],
        ),
    ] {
        assert_eq!(names(&client, condition).await, expected, "{condition}");
    }
    let task = client
        .create("Task", json!({"Subject": "x", "ActivityDate": "2026-01-09"}))
        .await;
    for (condition, count) in [
        ("ActivityDate = 2026-01-09", 1),
        ("ActivityDate > 2026-01-09", 0),
        ("ActivityDate = NEXT_N_DAYS:2", 1),
        ("ActivityDate = TOMORROW", 0),
    ] {
        let got = client
            .query(&format!(
                "SELECT Id FROM Task WHERE {condition} AND Id = '{task}'"
            ))
            .await;
        assert_eq!(got.body["totalSize"], json!(count), "{condition}");
    }
}

#[tokio::test]
async fn paths_lead_to_parents_and_children() {
    let client = Client::new();
    let contact = client.contact("pavel@example.com").await;
    let lead = client.lead("nadia@example.com").await;
    client
        .create("Task", json!({"Subject": "To a contact", "WhoId": contact}))
        .await;
    client
        .create("Task", json!({"Subject": "To a lead", "WhoId": lead}))
        .await;
    let got = client
        .query("SELECT Subject, Who.Name, Who.Type, Owner.Name, Account.Name FROM Task WHERE WhoId != null ORDER BY Subject")
        .await;
    let [first, second] = got.body["records"].as_array().expect("records").as_slice() else {
        panic!("two records: {}", got.text);
    };
    assert_eq!(first["Who"]["Type"], json!("Contact"));
    assert_eq!(first["Who"]["attributes"]["type"], json!("Name"));
    assert_eq!(first["Account"]["Name"], json!("Juniper Foods"));
    assert_eq!(second["Who"]["Name"], json!("Nair"));
    assert_eq!(second["Account"], json!(null));
    let got = client
        .query("SELECT Id FROM Task WHERE Who.Type = 'Lead' AND Owner.Name LIKE 'Integration%'")
        .await;
    assert_eq!(got.body["totalSize"], json!(1));
    let got = client
        .query(&format!("SELECT Id, (SELECT Subject FROM Tasks WHERE IsClosed = false) FROM Contact WHERE Id = '{contact}'"))
        .await;
    assert_eq!(got.body["records"][0]["Tasks"]["totalSize"], json!(1));
}

#[tokio::test]
async fn counts_and_groups_answer() {
    let client = Client::new();
    named(&client, &["a", "b"]).await;
    let got = client.query("SELECT COUNT() FROM Account").await;
    assert_eq!(got.body, json!({"totalSize": 2, "done": true, "records": []}));
    let got = client
        .query("SELECT Name, COUNT(Id), MAX(CreatedDate) newest FROM Account GROUP BY Name")
        .await;
    assert_eq!(got.body["records"][1]["expr0"], json!(1));
    assert_eq!(
        got.body["records"][1]["newest"],
        json!("2026-01-05T08:00:00.000+0000")
    );
}

#[tokio::test]
async fn queues_are_read_from_an_object_named_like_a_keyword() {
    let client = Client::new();
    client
        .create("Group", json!({"Name": "Inbound", "Type": "Queue"}))
        .await;
    let got = client
        .query(
            "SELECT Type, COUNT(Id) total FROM Group WHERE Type = 'Queue' AND Name = 'Inbound' GROUP BY Type",
        )
        .await;
    assert_eq!(got.column("total"), [json!(1)], "{}", got.text);
}

#[tokio::test]
async fn fields_by_set_need_a_limit() {
    let client = Client::new();
    client
        .create("Task", json!({"Subject": "x", "FollowupKey__c": "fu-1"}))
        .await;
    let got = client.query("SELECT FIELDS(ALL) FROM Task LIMIT 200").await;
    assert_eq!(got.column("FollowupKey__c"), [json!("fu-1")]);
    assert_eq!(
        client.query("SELECT FIELDS(ALL) FROM Task").await.code(),
        "MALFORMED_QUERY"
    );
    let got = client.query("SELECT FIELDS(STANDARD) FROM Task").await;
    assert!(got.body["records"][0].get("FollowupKey__c").is_none());
}

/// A wrong statement, its error code, and what its message contains.
const MISTAKES: [(&str, &str, &str); 19] = [
    (
        "SELECT Id, Foo FROM Task",
        "INVALID_FIELD",
        "\nSELECT Id, Foo FROM Task\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo' on entity 'Task'. If you \
             are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please \
             reference your WSDL or the describe call for the appropriate names.",
    ),
    (
        "SELECT Id FROM Foo",
        "INVALID_TYPE",
        "sObject type 'Foo' is not supported.",
    ),
    (
        "SELECT Foo.Id FROM Task",
        "INVALID_FIELD",
        "Didn't understand relationship 'Foo' in field path.",
    ),
    (
        "SELECT Id, (SELECT Id FROM Foos) FROM Lead",
        "INVALID_TYPE",
        "Didn't understand relationship 'Foos' in FROM part",
    ),
    (
        "SELECT Id FROM Task WHERE",
        "MALFORMED_QUERY",
        "unexpected token: '<EOF>'",
    ),
    (
        "SELECT Id FROM Task WHERE Id = 'x' AND Id = 'y' OR Id = 'z'",
        "MALFORMED_QUERY",
        "unexpected token: 'OR'",
    ),
    (
        "SELECT Id FROM Task LIMIT some",
        "MALFORMED_QUERY",
        "unexpected token: 'some'",
    ),
    (
        "SELECT Id FROM Task OFFSET 2001",
        "NUMBER_OUTSIDE_VALID_RANGE",
        "Maximum SOQL offset allowed is 2000",
    ),
    (
        "DELETE FROM Task",
        "MALFORMED_QUERY",
        "unexpected token: 'DELETE'",
    ),
    (
        "SELECT Id FROM Task WHERE Subject = 'a\\x'",
        "MALFORMED_QUERY",
        "Illegal escape sequence",
    ),
    (
        "SELECT Id FROM Task WHERE Description = 'a'",
        "INVALID_FIELD",
        "field 'Description' can not be filtered in a query call",
    ),
    (
        "SELECT Id FROM Task ORDER BY Description",
        "MALFORMED_QUERY",
        "can not be sorted",
    ),
    (
        "SELECT Id FROM Task WHERE IsClosed = 'true'",
        "INVALID_FIELD",
        "must be of type boolean and should not be enclosed in quotes",
    ),
    (
        "SELECT Id FROM Task WHERE Subject = 5",
        "INVALID_FIELD",
        "must be of type string and should be enclosed in quotes",
    ),
    (
        "SELECT Id FROM Task WHERE CreatedDate > 2026-01-01",
        "INVALID_FIELD",
        "must be of type dateTime",
    ),
    (
        "SELECT Id FROM Task WHERE ActivityDate > 2026-01-01T00:00:00Z",
        "INVALID_FIELD",
        "must be of type date",
    ),
    (
        "SELECT Id FROM Task WHERE WhoId = 'nobody'",
        "INVALID_QUERY_FILTER_OPERATOR",
        "invalid ID field: nobody",
    ),
    (
        "SELECT Id FROM Opportunity WHERE HasOpenActivity = true",
        "INVALID_FIELD",
        "can not be filtered",
    ),
    (
        "SELECT Subject, COUNT(Id) FROM Task GROUP BY Status",
        "MALFORMED_QUERY",
        "must be grouped",
    ),
];

#[tokio::test]
async fn mistakes_are_worded_as_the_vendor_does() {
    let client = Client::new();
    for (text, code, message) in MISTAKES {
        let got = client.query(text).await;
        assert_eq!((got.status, got.code()), (400, code), "{text}: {}", got.text);
        assert!(got.message().contains(message), "{text}: {}", got.message());
    }
    assert_eq!(client.get("query").await.code(), "MALFORMED_QUERY");
}

#[tokio::test]
async fn a_statement_has_a_length() {
    let client = Client::new();
    let long = format!("SELECT Id FROM Lead WHERE Name = '{}'", "x".repeat(100_000));
    let got = client
        .post("jobs/query", json!({"operation": "query", "query": long}))
        .await;
    assert_eq!(got.code(), "MALFORMED_QUERY");
    assert!(got.message().contains("100000 characters"));
}
