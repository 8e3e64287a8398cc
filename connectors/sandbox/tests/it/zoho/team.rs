//! The scripted team on this org: its verdicts hold for a client that does everything right.

use std::collections::BTreeMap;

use followup_sandbox::{
    Vendor, ZohoSwitches,
    crm::{TaskState, TaskView},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{Client, minutes};

/// How late a task may come and go.
const TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_mins(12);

async fn of(people: u32) -> Client {
    Client::with(ZohoSwitches {
        people,
        // The client works for a fortnight on one token.
        token_minutes: u16::MAX,
        ..ZohoSwitches::default()
    })
    .await
}

/// One look at the script's truth: writes what is owed, closes what is over.
async fn cycle(client: &Client) {
    let now = client.now();
    let views = client.sandbox.act_in(Vendor::Zoho, |crm, _| crm.tasks());
    let by_key: BTreeMap<&str, &TaskView> = views
        .iter()
        .filter_map(|view| Some((view.key.as_deref()?, view)))
        .collect();
    let truth = client.sandbox.truth_of(Vendor::Zoho);
    let situations = truth["situations"].as_array().expect("situations");
    for (index, situation) in situations.iter().enumerate() {
        let Some(subject) = situation["subject"].as_str() else {
            continue;
        };
        for (nth, expect) in situation["expect"].as_array().expect("a list").iter().enumerate() {
            let key = format!("{index}-{nth}");
            let is_due = instant(&expect["from"]).is_some_and(|from| from <= now);
            match by_key.get(key.as_str()) {
                None if is_due => write(client, &key, subject, expect).await,
                Some(view) if view.state == TaskState::Open => close(client, view, expect, now).await,
                _ => {}
            }
        }
    }
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|text| text.parse().expect("an instant"))
}

async fn write(client: &Client, key: &str, subject: &str, expect: &Value) {
    let mut task = json!({
        "Followupd_Key": key, "Subject": "Follow up", "Owner": {"id": expect["owner"]}, "Due_Date": "2026-01-30",
    });
    let (field, id, module) = about(client, subject).await;
    task[field] = json!({ "id": id });
    if let Some(module) = module {
        task["$se_module"] = json!(module);
    }
    let got = client.insert("Tasks", task).await;
    assert_eq!(got.status, 201, "{key}: {}", got.text);
}

/// Deal, lead or contact, and the contact a lead became.
async fn about(client: &Client, subject: &str) -> (&'static str, String, Option<&'static str>) {
    if client.get(&format!("Deals/{subject}?fields=Stage")).await.status == 200 {
        return ("What_Id", subject.to_owned(), Some("Deals"));
    }
    let got = client
        .get(&format!("Leads/{subject}?fields=Converted__s,Converted_Contact"))
        .await;
    if got.status != 200 {
        return ("Who_Id", subject.to_owned(), None);
    }
    match got.element(0)["Converted_Contact"]["id"].as_str() {
        Some(contact) => ("Who_Id", contact.to_owned(), None),
        None => ("What_Id", subject.to_owned(), Some("Leads")),
    }
}

async fn close(client: &Client, view: &TaskView, expect: &Value, now: Timestamp) {
    if instant(&expect["until"]).is_none_or(|until| until > now) {
        return;
    }
    let got = if expect["ending"] == json!("answered") {
        client
            .change("Tasks", &view.id, json!({"Status": "Completed"}))
            .await
    } else {
        client.delete(&format!("Tasks/{}", view.id)).await
    };
    assert_eq!(got.status, 200, "{}", got.text);
}

fn is_anybody_there(now: Timestamp) -> bool {
    let zoned = now.to_zoned(TimeZone::UTC);
    zoned.weekday().to_monday_zero_offset() < 5 && (8..18).contains(&zoned.hour())
}

#[tokio::test]
async fn a_perfect_client_is_right_in_every_situation() {
    let client = of(120).await;
    for _ in 0..16 * 24 * 12 {
        client.advance(minutes(5));
        if is_anybody_there(client.now()) {
            cycle(&client).await;
        }
    }
    let score = client.sandbox.score_of(Vendor::Zoho, TOLERANCE);
    assert_eq!(score.problems, Vec::<String>::new());
    assert!(
        score.gaps_expected > 40 && score.gaps_found == score.gaps_expected,
        "{score:?}"
    );
    assert!(score.by_situation.values().all(|one| one.n == one.right));
    assert!(
        score.tasks_closed_by_evidence > 0 && score.tasks_moot > 0,
        "{score:?}"
    );
}

#[tokio::test]
async fn equal_seeds_make_equal_orgs() {
    let mut worlds = Vec::new();
    for step in [5, 60] {
        let client = of(60).await;
        for _ in 0..10 * 24 * 60 / step {
            client.advance(minutes(step));
        }
        client.advance(minutes(10));
        let views = client.sandbox.records_of(Vendor::Zoho);
        let kinds: BTreeMap<&str, usize> = views.iter().fold(BTreeMap::new(), |mut kinds, view| {
            *kinds.entry(view.kind).or_default() += 1;
            kinds
        });
        for kind in ["Leads", "Contacts", "Deals", "DealHistory", "Calls", "Emails"] {
            assert!(
                kinds.get(kind).is_some_and(|count| *count > 0),
                "{kind}: {kinds:?}"
            );
        }
        worlds.push(views);
    }
    assert_eq!(worlds[0], worlds[1], "however the clock is stepped");
}

#[tokio::test]
async fn the_org_is_seen_from_outside() {
    let client = Client::new().await;
    let contact = client.contact("ng@example.com").await;
    let task = client
        .create("Tasks", json!({"Subject": "Reply", "Who_Id": {"id": contact}}))
        .await;
    let view = client
        .sandbox
        .record_of(Vendor::Zoho, "Tasks", &task)
        .expect("a record");
    assert_eq!(view.values["Subject"], "Reply");
    assert_eq!(view.links["Contacts"], [contact]);
    client.delete(&format!("Tasks/{task}")).await;
    let view = client
        .sandbox
        .record_of(Vendor::Zoho, "Tasks", &task)
        .expect("a record");
    assert_eq!(view.archived_at, Some(client.now()));
    assert!(
        client
            .sandbox
            .owners_of(Vendor::Zoho)
            .iter()
            .any(|(_, is_active)| !is_active)
    );
}
