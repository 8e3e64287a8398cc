//! The control paths, and the records people's acts leave.

use followup_sandbox::{ClockMode, Switches, WorldConfig};
use serde_json::{Value, json};

use crate::support::{Client, config};

async fn control(client: &Client, path: &str, body: Value) -> crate::support::Got {
    client.post(&format!("/_sandbox/{path}"), body).await
}

#[tokio::test]
async fn a_form_leaves_conversion_properties_and_no_activity() {
    let client = Client::new();
    let owner = client.owner().await;
    let form = |kind: &str| {
        json!({"email": "lee@acme.example", "firstname": "Lee", "lastname": "Park", "company": "Acme",
            "form": kind, "owner": owner})
    };
    let first = control(&client, "form", form("demo")).await.body["ids"][0].clone();
    client.advance(3_600);
    let again = control(&client, "form", form("pricing")).await.body["ids"][0].clone();
    assert_eq!(first, again);
    let path = format!(
        "/crm/objects/2026-09/contacts/{}?properties=recent_conversion_date,recent_conversion_event_name,\
         first_conversion_event_name,num_conversion_events,hubspot_owner_id,lifecyclestage,hs_object_source",
        first.as_str().expect("an id")
    );
    let shown = client.get(&path).await.body["properties"].clone();
    assert_eq!(shown["recent_conversion_date"], json!("2026-01-05T09:00:00.000Z"));
    assert_eq!(
        shown["recent_conversion_event_name"],
        json!("Plans and pricing: Pricing request")
    );
    assert_eq!(
        shown["first_conversion_event_name"],
        json!("Book a demo: Demo request")
    );
    assert_eq!(shown["num_conversion_events"], json!("2"));
    assert_eq!(
        (&shown["lifecyclestage"], &shown["hubspot_owner_id"]),
        (&json!("lead"), &json!(owner))
    );
    assert_eq!(shown["hs_object_source"], json!("FORM"));
    for kind in ["calls", "emails", "meetings", "notes", "tasks", "communications"] {
        assert!(
            client
                .get(&format!("/crm/objects/2026-09/{kind}"))
                .await
                .ids()
                .is_empty(),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn mail_is_logged_as_mailbox_sync_would() {
    let client = Client::new();
    let owners = client.get("/crm/owners/2026-09").await.body["results"].clone();
    let (owner, address) = (
        owners[0]["id"].clone(),
        owners[0]["email"].as_str().expect("text").to_owned(),
    );
    let contact = client.contact("lee@acme.example").await;
    control(
        &client,
        "mail",
        json!({"from": "lee@acme.example", "to": address}),
    )
    .await;
    let away = json!({"from": "lee@acme.example", "to": address, "auto_reply": true, "thread": "t1"});
    control(&client, "mail", away).await;
    control(
        &client,
        "mail",
        json!({"from": address, "to": "lee@acme.example"}),
    )
    .await;
    let got = client
        .get(
            "/crm/objects/2026-09/emails?associations=contacts&properties=hs_email_direction,hs_email_from_email,\
             hs_email_to_email,hs_incoming_email_is_out_of_office,hs_email_thread_id,hubspot_owner_id",
        )
        .await;
    let mails = got.body["results"].as_array().expect("mails").clone();
    let read = |name: &str| {
        mails
            .iter()
            .map(|mail| mail["properties"][name].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        read("hs_email_direction"),
        ["INCOMING_EMAIL", "INCOMING_EMAIL", "EMAIL"]
    );
    assert_eq!(
        read("hs_incoming_email_is_out_of_office"),
        [json!("false"), json!("true"), Value::Null]
    );
    assert_eq!(
        read("hs_email_from_email"),
        [
            json!("lee@acme.example"),
            json!("lee@acme.example"),
            json!(address)
        ]
    );
    assert_eq!(read("hubspot_owner_id"), vec![owner; 3]);
    let threads = read("hs_email_thread_id");
    assert_eq!((&threads[0], &threads[1]), (&threads[2], &json!("t1")));
    for mail in &mails {
        assert_eq!(
            mail["associations"]["contacts"]["results"][0]["id"],
            json!(contact)
        );
    }
}

#[tokio::test]
async fn bad_control_input_is_answered_with_its_reason() {
    let client = Client::new();
    for (path, body, reason) in [
        (
            "form",
            json!({"email": "lee", "form": "demo"}),
            "not an e-mail address",
        ),
        (
            "form",
            json!({"email": "lee@acme.example", "form": "fax"}),
            "content-download",
        ),
        (
            "form",
            json!({"email": "lee@acme.example", "form": "demo", "owner": "5"}),
            "no owner with id 5",
        ),
        (
            "form",
            json!({"email": "lee@acme.example", "form": "demo", "colour": 1}),
            "colour",
        ),
        (
            "mail",
            json!({"from": "a@x.example", "to": "b@x.example"}),
            "one of the account's users",
        ),
        ("advance", json!({"by": "4"}), "unit"),
        (
            "advance",
            json!({"to": "2020-01-01T00:00:00Z"}),
            "does not run back",
        ),
        ("advance", json!({}), "one of the two"),
        (
            "faults",
            json!([{"match": "GET /", "kind": "explode"}]),
            "unknown fault kind",
        ),
    ] {
        let got = control(&client, path, body).await;
        assert_eq!(got.status, 400, "{path}");
        assert!(
            got.body["error"].as_str().expect("a reason").contains(reason),
            "{}",
            got.text
        );
    }
    assert_eq!(client.get("/_sandbox/nothing").await.status, 404);
    assert_eq!(client.get("/_sandbox/form").await.status, 405);
}

#[tokio::test]
async fn time_moves_only_when_told() {
    let client = Client::new();
    let now = |got: crate::support::Got| got.body["now"].as_str().expect("an instant").to_owned();
    assert_eq!(now(client.get("/_sandbox/now").await), "2026-01-05T08:00:00Z");
    assert_eq!(
        now(control(&client, "advance", json!({"by": "4h"})).await),
        "2026-01-05T12:00:00Z"
    );
    let to = json!({"to": "2026-01-07T00:00:00Z"});
    assert_eq!(now(control(&client, "advance", to).await), "2026-01-07T00:00:00Z");
    assert_eq!(now(client.get("/_sandbox/now").await), "2026-01-07T00:00:00Z");
    assert_eq!(client.sandbox.stats()["requests"], json!(0));
}

#[tokio::test]
async fn truth_lists_tasks_by_their_key_even_in_an_empty_world() {
    let client = Client::new();
    let property = json!({
        "groupName": "task", "name": "followupd_key", "label": "Key", "type": "string", "fieldType": "text",
        "hasUniqueValue": true,
    });
    client.post("/crm/properties/2026-09/tasks", property).await;
    let values = json!({"hs_timestamp": "1767600000000", "followupd_key": "g1", "hs_task_subject": "Reply"});
    let id = client.create("tasks", values).await;
    let truth = client.get("/_sandbox/truth").await.body;
    assert_eq!(truth["tasks"][0]["id"], json!(id));
    assert_eq!(truth["tasks"][0]["task_key"], json!("g1"));
}

#[tokio::test]
async fn a_key_in_the_body_counts_where_there_is_no_unique_property() {
    let client = Client::with(Switches {
        unique_task_property: false,
        ..Switches::default()
    });
    let body = "<p>Call back.</p>[followupd key=g-7; rule=first-touch; gaps=a]";
    client
        .create(
            "tasks",
            json!({"hs_timestamp": "1767600000000", "hs_task_body": body}),
        )
        .await;
    client
        .create(
            "tasks",
            json!({"hs_timestamp": "1767600000000", "hs_task_body": "by hand"}),
        )
        .await;
    let truth = client.get("/_sandbox/truth").await.body;
    assert_eq!(truth["tasks"].as_array().map(Vec::len), Some(1));
    assert_eq!(truth["tasks"][0]["task_key"], json!("g-7"));
}

#[tokio::test]
async fn a_merged_away_address_still_finds_its_person() {
    let client = Client::new();
    let (a, b) = (
        client.contact("a@acme.example").await,
        client.contact("b@acme.example").await,
    );
    let merge = json!({"primaryObjectId": a, "objectIdToMerge": b});
    let survivor = client
        .post("/crm/objects/2026-09/contacts/merge", merge)
        .await
        .id();
    let again = control(
        &client,
        "form",
        json!({"email": "b@acme.example", "form": "demo"}),
    )
    .await;
    assert_eq!(again.body["ids"], json!([survivor]));
    client
        .send(
            "DELETE",
            &format!("/crm/objects/2026-09/contacts/{survivor}"),
            None,
        )
        .await;
    let anew = control(
        &client,
        "form",
        json!({"email": "b@acme.example", "form": "demo"}),
    )
    .await;
    assert_ne!(anew.body["ids"], json!([survivor]));
}

#[tokio::test]
async fn equal_seeds_play_equal_worlds_and_others_differ() {
    let play = async |seed: u64| {
        let world = WorldConfig {
            seed,
            people: 40,
            clock: ClockMode::Manual,
            ..config(Switches::default())
        };
        let client = Client::of(world);
        client
            .sandbox
            .advance_to("2026-01-19T08:00:00Z".parse().expect("an instant"));
        let mut shown = Vec::new();
        for kind in ["contacts", "emails", "calls", "meetings", "deals", "tasks"] {
            shown.push(
                client
                    .get(&format!("/crm/objects/2026-09/{kind}?limit=100"))
                    .await
                    .text,
            );
        }
        assert!(
            shown
                .iter()
                .any(|page| page.contains("INCOMING") || page.len() > 1_000)
        );
        shown.join("\n")
    };
    assert_eq!(play(1).await, play(1).await);
    assert_ne!(play(1).await, play(2).await);
}
