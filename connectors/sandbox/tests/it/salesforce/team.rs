//! The scripted team on this org: its verdicts hold for a client that does everything right.

use std::collections::BTreeMap;

use followup_sandbox::{
    OrgSwitches, Vendor,
    crm::{TaskState, TaskView},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{Client, minutes};

/// How late a task may come and go.
const TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_mins(12);

fn of(people: u32) -> Client {
    Client::with(OrgSwitches {
        people,
        ..OrgSwitches::default()
    })
}

/// One look at the script's truth: writes what is owed, closes what is over. What cannot be written now is tried again.
async fn cycle(client: &Client) {
    let now = client.now();
    let views = client.sandbox.act_in(Vendor::Salesforce, |crm, _| crm.tasks());
    let by_key: BTreeMap<&str, &TaskView> = views
        .iter()
        .filter_map(|view| Some((view.key.as_deref()?, view)))
        .collect();
    let truth = client.sandbox.truth_of(Vendor::Salesforce);
    for (index, situation) in truth["situations"]
        .as_array()
        .expect("situations")
        .iter()
        .enumerate()
    {
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
        "FollowupKey__c": key, "Subject": "Follow up", "OwnerId": expect["owner"], "ActivityDate": "2026-01-30",
    });
    let link = if subject.starts_with("006") {
        ("WhatId", subject.to_owned())
    } else {
        ("WhoId", present_id(client, subject).await)
    };
    task[link.0] = json!(link.1);
    let got = client.post("sobjects/Task", task).await;
    let is_passing = ["UNABLE_TO_LOCK_ROW", "INVALID_CROSS_REFERENCE_KEY"].contains(&got.code());
    assert!(got.status == 201 || is_passing, "{key}: {}", got.text);
}

/// The contact a lead became, or the lead.
async fn present_id(client: &Client, person: &str) -> String {
    let text = format!("SELECT ConvertedContactId FROM Lead WHERE Id = '{person}' AND IsConverted = true");
    let got = client.query(&text).await;
    let contact = got.body["records"][0]["ConvertedContactId"].as_str();
    contact.unwrap_or(person).to_owned()
}

async fn close(client: &Client, view: &TaskView, expect: &Value, now: Timestamp) {
    if instant(&expect["until"]).is_none_or(|until| until > now) {
        return;
    }
    let path = format!("sobjects/Task/{}", view.id);
    let got = if expect["ending"] == json!("answered") {
        client.patch(&path, json!({"Status": "Completed"})).await
    } else {
        client.delete(&path).await
    };
    assert!(
        got.status == 204 || got.code() == "UNABLE_TO_LOCK_ROW",
        "{}",
        got.text
    );
}

fn is_anybody_there(now: Timestamp) -> bool {
    let zoned = now.to_zoned(TimeZone::UTC);
    zoned.weekday().to_monday_zero_offset() < 5 && (8..18).contains(&zoned.hour())
}

#[tokio::test]
async fn a_perfect_client_is_right_in_every_situation() {
    let client = of(120);
    for _ in 0..16 * 24 * 12 {
        client.advance(minutes(5));
        if is_anybody_there(client.now()) {
            cycle(&client).await;
        }
    }
    let score = client.sandbox.score_of(Vendor::Salesforce, TOLERANCE);
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
        let client = of(60);
        for _ in 0..10 * 24 * 60 / step {
            client.advance(minutes(step));
        }
        client.advance(minutes(10));
        let mut rows = Vec::new();
        for kind in ["Lead", "Contact", "EmailMessage", "Task", "Event", "Opportunity"] {
            let text = format!("SELECT Id, CreatedDate, SystemModstamp FROM {kind} ORDER BY Id");
            rows.push(client.query(&text).await.body["records"].clone());
        }
        worlds.push(rows);
    }
    assert!(
        worlds[0]
            .iter()
            .all(|rows| !rows.as_array().expect("rows").is_empty())
    );
    assert_eq!(worlds[0], worlds[1], "however the clock is stepped");
}

#[tokio::test]
async fn two_teams_of_one_world_share_reps_and_no_buyer() {
    let sandbox = followup_sandbox::Sandbox::new(followup_sandbox::WorldConfig {
        people: 40,
        switches: followup_sandbox::Switches {
            salesforce: OrgSwitches {
                people: 40,
                ..OrgSwitches::default()
            },
            ..followup_sandbox::Switches::default()
        },
        ..crate::support::config(followup_sandbox::Switches::default())
    });
    let token = sandbox.salesforce_access().access_token;
    let client = Client { sandbox, token };
    client.advance(super::hours(24 * 10));
    let got = client
        .query("SELECT Email FROM Lead WHERE Email != null LIMIT 200")
        .await;
    let emails = got.column("Email");
    assert!(emails.len() > 20);
    client.sandbox.act_in(Vendor::Hubspot, |crm, _| {
        for email in emails.iter().filter_map(Value::as_str) {
            assert_eq!(crm.person_by_email(email), None, "{email}");
        }
    });
    let reps = client
        .query("SELECT Email FROM User WHERE Email LIKE 'ana.ruiz@%'")
        .await;
    assert_eq!(reps.body["totalSize"], json!(1));
}
