//! What people do, as this org shows it.

use followup_sandbox::{
    Vendor,
    crm::{
        Call, CallResult, Crm, DealStep, Form, FormKind, MeetingEnd, NewDeal, NewMeeting, NewTask,
        PersonChange, TaskAct, TaskState,
    },
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Client, minutes};

impl Client {
    fn act<T>(&self, act: impl FnOnce(&mut dyn Crm, Timestamp) -> T) -> T {
        self.sandbox.act_in(Vendor::Zoho, act)
    }

    fn form(&self, email: &str, kind: FormKind, owner: &str) -> String {
        let form = Form {
            email: email.to_owned(),
            first_name: "Wei".to_owned(),
            last_name: "Ng".to_owned(),
            company: "Cobalt Tools".to_owned(),
            phone: None,
            kind,
            owner: Some(owner.to_owned()),
        };
        self.act(|crm, at| crm.submit_form(at, form))
    }
}

#[tokio::test]
async fn a_form_is_a_lead_with_its_source() {
    let client = Client::new().await;
    let (owner, _) = client.users().await[0].clone();
    let lead = client.form("ng@example.com", FormKind::Demo, &owner);
    let record = client.record("Leads", &lead).await;
    assert_eq!(record["Lead_Source"], json!("Demo Request"));
    assert_eq!(record["Full_Name"], json!("Wei Ng"));
    assert_eq!(record["Owner"]["id"], json!(owner));
    assert_eq!(record["Last_Activity_Time"], Value::Null);
    let second = client.form("ng@example.com", FormKind::Pricing, &owner);
    assert_ne!(second, lead, "a web form makes a new lead");
}

#[tokio::test]
async fn the_control_path_submits_forms_and_mails() {
    let client = Client::new().await;
    let (owner, address) = client.users().await[0].clone();
    let body = json!({"email": "ng@example.com", "lastname": "Ng", "form": "contact-us", "owner": owner});
    let made = client.control("form", body).await;
    let lead = made["ids"][0].as_str().expect("an id").to_owned();
    assert_eq!(
        client.record("Leads", &lead).await["Lead_Source"],
        json!("Contact Us")
    );
    let mailed = client
        .control("mail", json!({"from": "ng@example.com", "to": address}))
        .await;
    assert_eq!(mailed["ids"].as_array().map(Vec::len), Some(1));
    let got = client.get(&format!("Leads/{lead}/Emails")).await;
    assert_eq!(got.body["Emails"][0]["message_id"], mailed["ids"][0]);
    let wrong = client
        .post(
            "/_sandbox/form",
            json!({"email": "ng@example.com", "form": "demo", "owner": "1"}),
        )
        .await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn calls_have_a_type_a_length_and_a_result() {
    let client = Client::new().await;
    let (owner, _) = client.users().await[0].clone();
    let lead = client.form("ng@example.com", FormKind::Demo, &owner);
    for (result, is_inbound, kind, duration) in [
        (CallResult::Connected, false, "Outbound", "04:10"),
        (CallResult::NoAnswer, false, "Outbound", "00:00"),
        (CallResult::Connected, true, "Inbound", "04:10"),
        (CallResult::Missed, true, "Missed", "00:00"),
    ] {
        let call = Call {
            by: Some(owner.clone()),
            is_inbound,
            result,
            duration: SignedDuration::from_secs(250),
            people: vec![lead.clone()],
            deals: Vec::new(),
        };
        let id = client.act(|crm, at| crm.log_call(at, call));
        let record = client.record("Calls", &id).await;
        assert_eq!(
            (&record["Call_Type"], &record["Call_Duration"]),
            (&json!(kind), &json!(duration))
        );
        assert_eq!(record["What_Id"]["id"], json!(lead));
    }
}

#[tokio::test]
async fn a_first_deal_converts_the_lead_and_takes_its_past_along() {
    let client = Client::new().await;
    let (owner, address) = client.users().await[0].clone();
    let lead = client.form("ng@example.com", FormKind::Demo, &owner);
    let task = client.act(|crm, at| {
        let task = NewTask {
            owner: owner.clone(),
            due_at: at + minutes(60),
            subject: "Prepare".to_owned(),
            people: vec![lead.clone()],
            deals: Vec::new(),
        };
        crm.add_task(at, task)
    });
    client
        .control("mail", json!({"from": "ng@example.com", "to": address}))
        .await;
    client.advance(minutes(5));
    let deal = client.act(|crm, at| {
        let deal = NewDeal {
            name: "Cobalt Tools: first order".to_owned(),
            owner: owner.clone(),
            people: vec![lead.clone()],
            amount: Some(12_000),
            close_on: None,
        };
        crm.add_deal(at, deal)
    });
    let record = client.record("Leads", &lead).await;
    let contact = record["Converted_Contact"]["id"]
        .as_str()
        .expect("a contact")
        .to_owned();
    assert_eq!(record["Converted_Deal"]["id"], json!(deal));
    let shown = client.record("Tasks", &task).await;
    assert_eq!(
        (&shown["Who_Id"]["id"], &shown["What_Id"]),
        (&json!(contact), &Value::Null)
    );
    for path in [format!("Contacts/{contact}"), format!("Deals/{deal}")] {
        let got = client.get(&format!("{path}/Emails")).await;
        assert_eq!(got.status, 200, "{path}");
    }
    let views = client.act(|crm, _| crm.tasks());
    assert_eq!(views[0].people, [contact, lead], "known by either id");
    client.act(|crm, at| crm.move_deal(at, &deal, DealStep::Next));
    assert_eq!(
        client.record("Deals", &deal).await["Stage"],
        json!("Needs Analysis")
    );
    client.act(|crm, at| crm.move_deal(at, &deal, DealStep::Won));
    let deal = client.record("Deals", &deal).await;
    assert_eq!(
        (&deal["Stage"], &deal["Probability"]),
        (&json!("Closed Won"), &json!(100))
    );
}

#[tokio::test]
async fn a_merge_deletes_the_loser_and_tells_nobody() {
    let client = Client::new().await;
    let (owner, _) = client.users().await[0].clone();
    let winner = client.form("ng@example.com", FormKind::Demo, &owner);
    let loser = client.form("wei@example.com", FormKind::Demo, &owner);
    let fields = json!({"Subject": "Reply", "What_Id": {"id": loser}, "$se_module": "Leads"});
    let task = client.create("Tasks", fields).await;
    let survivor = client.act(|crm, at| crm.merge_people(at, &winner, &loser));
    assert_eq!(survivor, winner);
    assert_eq!(
        client.record("Tasks", &task).await["What_Id"]["id"],
        json!(winner)
    );
    let got = client.get("Leads/deleted?type=all").await;
    assert_eq!(
        (&got.element(0)["id"], &got.element(0)["type"]),
        (&json!(loser), &json!("recycle"))
    );
    assert_eq!(
        client.act(|crm, _| crm.person_by_email("ng@example.com")),
        Some(winner)
    );
}

#[tokio::test]
async fn a_meeting_names_its_participants_and_may_be_cancelled() {
    let client = Client::new().await;
    let (owner, _) = client.users().await[0].clone();
    let lead = client.form("ng@example.com", FormKind::Demo, &owner);
    let book = || {
        client.act(|crm, at| {
            let meeting = NewMeeting {
                by: owner.clone(),
                starts_at: at + minutes(120),
                ends_at: at + minutes(150),
                people: vec![lead.clone()],
                deals: Vec::new(),
            };
            crm.book_meeting(at, meeting)
        })
    };
    let id = book();
    let record = client.record("Events", &id).await;
    assert_eq!(record["Participants"][0]["participant"], json!(lead));
    assert_eq!(record["What_Id"]["id"], json!(lead));
    assert_eq!(record["$event_cancelled"], json!(false));
    client.act(|crm, at| crm.end_meeting(at, &id, MeetingEnd::Cancelled));
    let got = client.get("Events?fields=Event_Title,$event_cancelled").await;
    assert_eq!(got.element(0)["$event_cancelled"], json!(true));
    client.set(|switches| switches.events_take_leads = false);
    let other = client.record("Events", &book()).await;
    assert_eq!(other["What_Id"], Value::Null);
    assert_eq!(other["Participants"][0]["type"], json!("lead"));
}

#[tokio::test]
async fn people_work_on_tasks() {
    let client = Client::new().await;
    let (owner, _) = client.users().await[0].clone();
    let lead = client.form("ng@example.com", FormKind::Demo, &owner);
    let body = "Why: nobody answered.\n[followupd key=fd-9]";
    let fields =
        json!({"Subject": "Reply", "What_Id": {"id": lead}, "$se_module": "Leads", "Description": body});
    let id = client.create("Tasks", fields).await;
    let view = || client.act(|crm, _| crm.tasks()).remove(0);
    assert_eq!(
        (view().key.as_deref(), view().state),
        (Some("fd-9"), TaskState::Open)
    );
    for (act, state) in [
        (TaskAct::Defer, TaskState::Deferred),
        (TaskAct::Complete, TaskState::Done),
        (TaskAct::Delete, TaskState::Deleted),
    ] {
        client.advance(minutes(1));
        client.act(|crm, at| crm.act_on_task(at, &id, act));
        assert_eq!((view().state, view().closed_at), (state, Some(client.now())));
    }
}

#[tokio::test]
async fn changes_of_a_person_show() {
    let client = Client::new().await;
    let (owner, _) = client.users().await[0].clone();
    let lead = client.form("ng@example.com", FormKind::Demo, &owner);
    client.act(|crm, at| {
        crm.change_person(at, &lead, PersonChange::OptedOut);
        crm.change_person(at, &lead, PersonChange::Disqualified);
    });
    let record = client.record("Leads", &lead).await;
    assert_eq!(record["Email_Opt_Out"], json!(true));
    assert_eq!(record["Unsubscribed_Mode"], json!("Manual"));
    assert_eq!(record["Lead_Status"], json!("Junk Lead"));
    client.act(|crm, at| crm.change_person(at, &lead, PersonChange::Customer));
    let account = client.record("Leads", &lead).await["Converted_Account"]["id"]
        .as_str()
        .expect("an account")
        .to_owned();
    assert_eq!(
        client.record("Accounts", &account).await["Account_Type"],
        json!("Customer")
    );
    client.act(|crm, at| crm.delete_person(at, &lead));
    assert_eq!(
        client.get("Contacts?fields=Email").await.status,
        204,
        "the contact it became"
    );
}

#[tokio::test]
async fn what_left_can_come_back() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    client.delete(&format!("Leads/{lead}")).await;
    client.advance(minutes(5));
    client.control("restore", json!({ "id": lead })).await;
    let record = client.record("Leads", &lead).await;
    assert_eq!(record["Modified_Time"], json!("2026-01-05T09:05:00+01:00"));
    client.set(|switches| switches.restore_is_a_change = false);
    client.delete(&format!("Leads/{lead}")).await;
    client.advance(minutes(5));
    client.control("restore", json!({ "id": lead })).await;
    let record = client.record("Leads", &lead).await;
    assert_eq!(record["Modified_Time"], json!("2026-01-05T09:05:00+01:00"));
    client.control("purge", json!({ "id": lead })).await;
    let got = client.get("Leads/deleted?type=permanent").await;
    assert_eq!(got.ids(), [lead]);
}
