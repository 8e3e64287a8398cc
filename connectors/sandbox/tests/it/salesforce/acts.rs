//! What people do, as the org shows it.

use followup_sandbox::{
    MailCapture, OrgSwitches, Vendor,
    crm::{Call, CallResult, DealStep, Mail, NewDeal, NewMeeting, PersonChange, TaskAct, TaskState},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Client, hours};

async fn first(client: &Client, text: &str) -> Value {
    let got = client.query(text).await;
    assert_eq!(got.status, 200, "{}", got.text);
    got.body["records"][0].clone()
}

async fn form(client: &Client, email: &str, kind: &str) -> String {
    let body = json!({"email": email, "firstname": "Leila", "lastname": "Haddad", "company": "Cobalt Energy", "form": kind});
    let ids = client.control("form", body).await;
    ids["ids"][0].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_form_is_always_a_new_lead() {
    let client = Client::new();
    let one = form(&client, "leila@example.com", "demo").await;
    let lead = client.fields("Lead", &one).await;
    assert_eq!(lead["LeadSource"], json!("Demo Request"));
    assert_eq!(lead["Status"], json!("Open - Not Contacted"));
    let two = form(&client, "leila@example.com", "pricing").await;
    assert_ne!(one, two);
    let user = client.user().await;
    let body = json!({"email": "tomas@example.com", "form": "other", "owner": user});
    let id = client.control("form", body).await["ids"][0].clone();
    let lead = client.fields("Lead", id.as_str().expect("an id")).await;
    assert_eq!(lead["OwnerId"], json!(user));
    let wrong = client
        .post(
            "/_sandbox/form",
            json!({"email": "x@example.com", "form": "demo", "owner": "7"}),
        )
        .await;
    assert_eq!(wrong.status, 400);
}

async fn mail(client: &Client, from: &str, to: &str) -> Vec<Value> {
    let sent = client
        .control("mail", json!({"from": from, "to": to, "thread": "t-1"}))
        .await;
    sent["ids"].as_array().expect("ids").clone()
}

async fn address(client: &Client) -> String {
    let user = client.user().await;
    client.fields("User", &user).await["Email"]
        .as_str()
        .expect("an address")
        .to_owned()
}

#[tokio::test]
async fn mail_is_a_message_with_relations_and_a_twin() {
    let client = Client::new();
    let lead = form(&client, "leila@example.com", "demo").await;
    let rep = address(&client).await;
    let id = mail(&client, "leila@example.com", &rep).await[0].clone();
    let message = client.fields("EmailMessage", id.as_str().expect("an id")).await;
    assert_eq!(
        (&message["Incoming"], &message["Status"]),
        (&json!(true), &json!("3"))
    );
    assert_eq!(message["ThreadIdentifier"], json!("t-1"));
    assert_eq!(
        message["ToAddress"],
        json!(null),
        "matched people are relations only"
    );
    let got = client
        .query("SELECT RelationType, RelationId, RelationObjectType FROM EmailMessageRelation ORDER BY RelationType")
        .await;
    assert_eq!(
        got.column("RelationType"),
        [json!("FromAddress"), json!("ToAddress")]
    );
    assert_eq!(got.column("RelationObjectType"), [json!("Lead"), json!("User")]);
    let twin = client
        .fields("Task", message["ActivityId"].as_str().expect("a twin"))
        .await;
    assert_eq!(
        (&twin["WhoId"], &twin["TaskSubtype"], &twin["IsClosed"]),
        (&json!(lead), &json!("Email"), &json!(true))
    );
}

#[tokio::test]
async fn mail_arrives_as_the_org_captures_it() {
    for (capture, messages, tasks) in [
        (MailCapture::EnhancedEmail, 1, 1),
        (MailCapture::TaskOnly, 0, 1),
        (MailCapture::LegacyCapture, 0, 0),
    ] {
        let client = Client::with(OrgSwitches {
            mail_capture: capture,
            ..OrgSwitches::default()
        });
        form(&client, "leila@example.com", "demo").await;
        let rep = address(&client).await;
        mail(&client, &rep, "leila@example.com").await;
        for (kind, count) in [
            ("EmailMessage", messages),
            ("Task WHERE TaskSubtype = 'Email' AND WhoId != null", tasks),
        ] {
            let got = client.query(&format!("SELECT COUNT() FROM {kind}")).await;
            assert_eq!(got.body["totalSize"], json!(count), "{capture:?} {kind}");
        }
    }
}

#[tokio::test]
async fn a_call_is_a_completed_task() {
    let client = Client::new();
    let lead = form(&client, "leila@example.com", "demo").await;
    let user = client.user().await;
    let id = client.sandbox.act_in(Vendor::Salesforce, |crm, now| {
        crm.log_call(
            now,
            Call {
                by: Some(user.clone()),
                is_inbound: false,
                result: CallResult::Voicemail,
                duration: SignedDuration::from_secs(42),
                people: vec![lead.clone()],
                deals: Vec::new(),
            },
        )
    });
    let call = client.fields("Task", &id).await;
    assert_eq!(
        (&call["TaskSubtype"], &call["CallType"]),
        (&json!("Call"), &json!("Outbound"))
    );
    assert_eq!(
        (&call["CallDurationInSeconds"], &call["IsClosed"]),
        (&json!(42), &json!(true))
    );
    assert_eq!(
        (&call["OwnerId"], &call["CreatedById"]),
        (&json!(user), &json!(user))
    );
    assert_eq!(
        client.fields("Lead", &lead).await["LastActivityDate"],
        json!("2026-01-05")
    );
}

#[tokio::test]
async fn a_meeting_has_a_child_for_each_colleague() {
    let client = Client::new();
    let lead = form(&client, "leila@example.com", "demo").await;
    let user = client.user().await;
    client.sandbox.act_in(Vendor::Salesforce, |crm, now| {
        crm.book_meeting(
            now,
            NewMeeting {
                by: user.clone(),
                starts_at: now + hours(2),
                ends_at: now + hours(3),
                people: vec![lead.clone()],
                deals: Vec::new(),
            },
        )
    });
    let got = client
        .query("SELECT IsChild, OwnerId, WhoId, DurationInMinutes FROM Event ORDER BY IsChild")
        .await;
    assert_eq!(got.column("IsChild"), [json!(false), json!(true)]);
    assert_eq!(got.column("DurationInMinutes"), [json!(60), json!(60)]);
    assert_eq!(got.column("OwnerId")[0], json!(user));
    assert_ne!(got.column("OwnerId")[1], json!(user));
    let relation = first(&client, "SELECT Status, Relation.Type FROM EventRelation").await;
    assert_eq!(relation["Relation"]["Type"], json!("User"));
}

#[tokio::test]
async fn a_first_deal_converts_the_lead_and_takes_its_activities() {
    let client = Client::new();
    let lead = form(&client, "leila@example.com", "demo").await;
    let rep = address(&client).await;
    mail(&client, "leila@example.com", &rep).await;
    let user = client.user().await;
    let deal = client.sandbox.act_in(Vendor::Salesforce, |crm, now| {
        crm.add_deal(
            now,
            NewDeal {
                name: "Cobalt Energy: first order".to_owned(),
                owner: user.clone(),
                people: vec![lead.clone()],
                amount: Some(12_000),
                close_on: None,
            },
        )
    });
    let shown = client.fields("Lead", &lead).await;
    assert_eq!(
        (&shown["IsConverted"], &shown["Status"]),
        (&json!(true), &json!("Closed - Converted"))
    );
    let contact = shown["ConvertedContactId"]
        .as_str()
        .expect("a contact")
        .to_owned();
    assert_eq!(
        first(&client, "SELECT WhoId FROM Task").await["WhoId"],
        json!(contact)
    );
    let role = first(
        &client,
        "SELECT ContactId, IsPrimary, Opportunity.StageName FROM OpportunityContactRole",
    )
    .await;
    assert_eq!(
        (&role["ContactId"], &role["IsPrimary"]),
        (&json!(contact), &json!(true))
    );
    client.advance(hours(1));
    client.sandbox.act_in(Vendor::Salesforce, |crm, now| {
        crm.move_deal(now, &deal, DealStep::Won);
    });
    let won = client.fields("Opportunity", &deal).await;
    assert_eq!(
        (&won["IsClosed"], &won["IsWon"], &won["Probability"]),
        (&json!(true), &json!(true), &json!(100.0))
    );
    assert_eq!(won["LastStageChangeDate"], json!("2026-01-05T09:00:00.000+0000"));
    let got = client
        .query("SELECT StageName, Amount FROM OpportunityHistory ORDER BY CreatedDate")
        .await;
    assert_eq!(
        got.column("StageName"),
        [json!("Qualification"), json!("Closed Won")]
    );
    let got = client
        .query("SELECT Field, OldValue, NewValue FROM OpportunityFieldHistory")
        .await;
    assert_eq!(got.column("NewValue"), [json!("Closed Won")]);
}

#[tokio::test]
async fn people_change_and_merge() {
    let client = Client::new();
    let (one, two) = (
        form(&client, "one@example.com", "demo").await,
        form(&client, "two@example.com", "demo").await,
    );
    client.sandbox.act_in(Vendor::Salesforce, |crm, now| {
        crm.change_person(now, &one, PersonChange::Disqualified);
        crm.change_person(now, &one, PersonChange::OptedOut);
        assert_eq!(crm.merge_people(now, &one, &two), one);
        assert_eq!(crm.person_by_email("one@example.com"), Some(one.clone()));
    });
    let lead = client.fields("Lead", &one).await;
    assert_eq!(
        (&lead["Status"], &lead["HasOptedOutOfEmail"]),
        (&json!("Closed - Not Converted"), &json!(true))
    );
    client.sandbox.act_in(Vendor::Salesforce, |crm, now| {
        crm.change_person(now, &two, PersonChange::Customer);
    });
    let account = first(&client, "SELECT Type FROM Account").await;
    assert_eq!(
        account["Type"],
        json!("Customer - Direct"),
        "acts on the loser reach the winner"
    );
}

#[tokio::test]
async fn a_bounced_mail_marks_message_and_person() {
    let client = Client::new();
    let lead = form(&client, "leila@example.com", "demo").await;
    let rep = address(&client).await;
    client.sandbox.act_in(Vendor::Salesforce, |crm, now| {
        crm.log_mail(
            now,
            Mail {
                from: rep.clone(),
                to: vec!["leila@example.com".to_owned()],
                subject: "Your enquiry".to_owned(),
                thread: None,
                is_auto_reply: false,
                is_bounced: true,
                is_automated: false,
            },
        )
    });
    assert_eq!(
        first(&client, "SELECT IsBounced, Incoming FROM EmailMessage").await["IsBounced"],
        json!(true)
    );
    assert!(client.fields("Lead", &lead).await["EmailBouncedDate"].is_string());
}

#[tokio::test]
async fn tasks_are_seen_with_their_keys_and_former_people() {
    let client = Client::new();
    let lead = form(&client, "leila@example.com", "demo").await;
    let task =
        json!({"Subject": "Reply", "WhoId": lead, "ActivityDate": "2026-01-06", "FollowupKey__c": "fu-1"});
    let id = client.create("Task", task).await;
    let marked = json!({"Subject": "Reply [followupd key=fu-2]", "WhoId": lead});
    client.create("Task", marked).await;
    client.control("convert", json!({"lead": lead})).await;
    let views = client.sandbox.act_in(Vendor::Salesforce, |crm, now| {
        crm.act_on_task(now, &id, TaskAct::Complete);
        crm.tasks()
    });
    let keys: Vec<Option<&str>> = views.iter().map(|view| view.key.as_deref()).collect();
    assert_eq!(keys, [Some("fu-1"), Some("fu-2")]);
    assert_eq!(views[0].state, TaskState::Done);
    assert!(views[0].people[0].starts_with("003") && views[0].people.contains(&lead));
    client.sandbox.act_in(Vendor::Salesforce, |crm, now| {
        crm.act_on_task(now, &id, TaskAct::Delete);
    });
    client.advance(hours(24 * 20));
    assert_eq!(
        client
            .query_all("SELECT Id FROM Task WHERE FollowupKey__c = 'fu-1'")
            .await
            .body["totalSize"],
        json!(0)
    );
    let states: Vec<TaskState> = client.sandbox.act_in(Vendor::Salesforce, |crm, _| {
        crm.tasks().into_iter().map(|view| view.state).collect()
    });
    assert_eq!(states, [TaskState::Deleted, TaskState::Open]);
}

#[tokio::test]
async fn the_scripted_team_works_in_the_org() {
    let client = Client::with(OrgSwitches {
        people: 120,
        ..OrgSwitches::default()
    });
    client.advance(hours(24 * 14));
    for (kind, least) in [
        ("Lead", 60),
        ("Contact", 5),
        ("Opportunity", 3),
        ("EmailMessage", 60),
        ("Event", 3),
        ("Task WHERE TaskSubtype = 'Call'", 10),
    ] {
        let got = client.query(&format!("SELECT COUNT() FROM {kind}")).await;
        assert!(
            got.body["totalSize"].as_u64() >= Some(least),
            "{kind}: {}",
            got.text
        );
    }
    let truth = client.sandbox.truth_of(Vendor::Salesforce);
    let situations = truth["situations"].as_array().expect("situations");
    assert_eq!(situations.len(), 120);
    let score = client.sandbox.score_of(Vendor::Salesforce, super::minutes(30));
    assert!(score.gaps_expected > 0 && score.gaps_found == 0 && score.gaps_missed == score.gaps_expected);
    let portal = client.sandbox.truth();
    assert_eq!(
        portal["situations"],
        json!([]),
        "the HubSpot account is left alone"
    );
}
