//! Both settings of what nobody settled, where no other test has them.

use followup_sandbox::{IndexLag, Switches, Tier, WorldConfig};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, config};

const CONTACTS: &str = "/crm/objects/2026-09/contacts";

#[tokio::test]
async fn an_archived_task_may_keep_its_key_reserved() {
    for keeps in [false, true] {
        let client = Client::with(Switches {
            archived_keeps_unique: keeps,
            ..Switches::default()
        });
        let property = json!({
            "groupName": "task", "name": "key", "label": "Key", "type": "string", "fieldType": "text",
            "hasUniqueValue": true,
        });
        client.post("/crm/properties/2026-09/tasks", property).await;
        let task = json!({"hs_timestamp": "1767600000000", "key": "g1"});
        let id = client.create("tasks", task.clone()).await;
        client
            .send("DELETE", &format!("/crm/objects/2026-09/tasks/{id}"), None)
            .await;
        let again = client
            .post("/crm/objects/2026-09/tasks", json!({"properties": task}))
            .await;
        assert_eq!(again.status, if keeps { 400 } else { 201 });
    }
}

#[tokio::test]
async fn null_clears_or_is_refused() {
    for clears in [true, false] {
        let client = Client::with(Switches {
            null_clears: clears,
            ..Switches::default()
        });
        let id = client
            .create("contacts", json!({"email": "a@acme.example", "city": "Ulm"}))
            .await;
        let got = client
            .patch(&format!("{CONTACTS}/{id}"), json!({"properties": {"city": null}}))
            .await;
        assert_eq!(got.status, if clears { 200 } else { 400 });
        let shown = client.get(&format!("{CONTACTS}/{id}?properties=city")).await;
        assert_eq!(shown.body["properties"]["city"].is_null(), clears);
    }
}

#[tokio::test]
async fn a_merge_may_keep_the_primary_id_and_forget_the_other() {
    let client = Client::with(Switches {
        merge_mints_id: false,
        merged_id_resolves: false,
        ..Switches::default()
    });
    let (a, b) = (
        client.contact("a@acme.example").await,
        client.contact("b@acme.example").await,
    );
    let merge = json!({"primaryObjectId": a, "objectIdToMerge": b});
    assert_eq!(client.post(&format!("{CONTACTS}/merge"), merge).await.id(), a);
    assert_eq!(client.get(&format!("{CONTACTS}/{b}")).await.status, 404);
    assert_eq!(client.get(CONTACTS).await.ids(), [a]);
}

#[tokio::test]
async fn a_first_mail_from_outside_may_arrive_as_forwarded() {
    let client = Client::with(Switches {
        unsolicited_as_forwarded: true,
        ..Switches::default()
    });
    let owners = client.get("/crm/owners/2026-09").await.body;
    let rep = owners["results"][0]["email"].clone();
    for (from, to) in [
        (json!("a@acme.example"), rep.clone()),
        (rep.clone(), json!("a@acme.example")),
        (json!("a@acme.example"), rep.clone()),
    ] {
        client
            .post("/_sandbox/mail", json!({"from": from, "to": to}))
            .await;
    }
    let mails = client
        .get("/crm/objects/2026-09/emails?properties=hs_email_direction")
        .await
        .body;
    let read = |at: usize| mails["results"][at]["properties"]["hs_email_direction"].clone();
    assert_eq!(
        [read(0), read(1), read(2)],
        [json!("FORWARDED_EMAIL"), json!("EMAIL"), json!("INCOMING_EMAIL")]
    );
}

#[tokio::test]
async fn a_random_lag_stays_within_its_bound_and_varies() {
    let hour = SignedDuration::from_hours(1);
    let lag = IndexLag {
        create: hour,
        update: hour,
        is_random: true,
    };
    let client = Client::with(Switches {
        index_lag: lag,
        ..Switches::default()
    });
    for number in 0..20 {
        client.contact(&format!("p{number}@acme.example")).await;
    }
    client.advance(1_800);
    let half = client.search("contacts", json!({})).await.body["total"]
        .as_u64()
        .expect("a count");
    assert!((1..20).contains(&half), "{half}");
    client.advance(1_801);
    assert_eq!(
        client.search("contacts", json!({})).await.body["total"],
        json!(20)
    );
}

#[tokio::test]
async fn an_expired_token_may_look_like_any_bad_one() {
    let mut client = Client::with(Switches {
        expired_category: false,
        ..Switches::default()
    });
    let access = client.sandbox.access();
    let form = format!(
        "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
        access.client_id, access.client_secret, access.refresh_token
    );
    let request = http::Request::post("/oauth/2026-09/token")
        .body(form.into())
        .expect("a request");
    let followup_sandbox::Reply::Answer(answer) = client.sandbox.hubspot(request).await else {
        panic!("closed")
    };
    let body: serde_json::Value = serde_json::from_slice(answer.body()).expect("JSON");
    client.token = body["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(client.get(CONTACTS).await.status, 200);
    client.advance(1_801);
    let got = client.get(CONTACTS).await;
    assert_eq!(
        (got.status, got.body["category"].as_str()),
        (401, Some("INVALID_AUTHENTICATION"))
    );
}

#[tokio::test]
async fn a_new_contact_may_have_no_stage() {
    let client = Client::with(Switches {
        default_lifecycle: None,
        ..Switches::default()
    });
    let id = client.contact("a@acme.example").await;
    let shown = client
        .get(&format!("{CONTACTS}/{id}?properties=lifecyclestage"))
        .await;
    assert!(shown.body["properties"]["lifecyclestage"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_larger_tier_allows_a_larger_burst() {
    for (tier, burst) in [
        (Tier::Professional, 190),
        (Tier::Enterprise, 190),
        (Tier::CapacityPack, 250),
    ] {
        let switches = Switches {
            tier,
            ..Switches::default()
        };
        let client = Client::of(WorldConfig {
            limits: true,
            ..config(switches)
        });
        for _ in 0..burst {
            assert_eq!(client.get(CONTACTS).await.status, 200);
        }
        assert_eq!(client.get(CONTACTS).await.status, 429);
    }
}
