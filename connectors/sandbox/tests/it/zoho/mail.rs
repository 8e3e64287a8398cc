//! The `Emails` list, the only way to mail.

use followup_sandbox::{Vendor, crm::Mail};
use serde_json::{Value, json};

use super::{Client, minutes};

impl Client {
    /// A mail from a buyer to a user, or back.
    fn mail(&self, from: &str, to: &str, change: impl FnOnce(&mut Mail)) -> String {
        let mut mail = Mail {
            from: from.to_owned(),
            to: vec![to.to_owned()],
            subject: "Your enquiry".to_owned(),
            thread: Some("t1".to_owned()),
            is_auto_reply: false,
            is_bounced: false,
            is_automated: false,
        };
        change(&mut mail);
        self.sandbox
            .act_in(Vendor::Zoho, |crm, at| crm.log_mail(at, mail))
    }
}

fn mails(body: &Value) -> Vec<Value> {
    body["Emails"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn mails_come_ten_at_a_time_in_a_wrapper_of_their_own() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let (_, user) = client.users().await[0].clone();
    let path = format!("Leads/{lead}/Emails");
    assert_eq!(client.get(&path).await.status, 204);
    for _ in 0..12 {
        client.mail("ng@example.com", &user, |_| {});
        client.advance(minutes(1));
    }
    let got = client.get(&path).await;
    assert!(got.body.get("data").is_none());
    assert_eq!(mails(&got.body).len(), 10);
    let info = &got.body["info"];
    assert_eq!(
        (&info["per_page"], &info["more_records"]),
        (&json!(10), &json!(true))
    );
    let first = &mails(&got.body)[0];
    assert_eq!(first["time"], json!("2026-01-05T09:11:00+01:00"), "newest first");
    assert_eq!(first["sent"], json!(false));
    assert_eq!(first["from"]["email"], json!("ng@example.com"));
    let index = info["next_index"].as_str().expect("an index");
    let rest = client.get(&format!("{path}?index={index}")).await;
    assert_eq!(mails(&rest.body).len(), 2);
    assert_eq!(rest.body["info"]["next_index"], Value::Null);
    let id = first["message_id"].as_str().expect("an id");
    let one = client.get(&format!("{path}/{id}")).await;
    assert_eq!(mails(&one.body)[0]["thread_id"], json!("t1"));
    client.set(|switches| switches.mail_newest_first = false);
    let oldest = mails(&client.get(&path).await.body)[0]["time"].clone();
    assert_eq!(oldest, json!("2026-01-05T09:00:00+01:00"));
}

#[tokio::test]
async fn without_a_synced_mailbox_only_mail_from_the_crm_is_there() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let (_, user) = client.users().await[0].clone();
    client.mail("ng@example.com", &user, |_| {});
    client.mail(&user, "ng@example.com", |_| {});
    client.mail("hello@brightdesk.example.org", "ng@example.com", |mail| {
        mail.is_automated = true;
    });
    let path = format!("Leads/{lead}/Emails");
    assert_eq!(mails(&client.get(&path).await.body).len(), 3);
    let from_crm = client.get(&format!("{path}?type=sent_from_crm")).await;
    assert_eq!(mails(&from_crm.body)[0]["source"], json!("crm"));
    assert_eq!(
        mails(&client.get(&format!("{path}?type=user_emails")).await.body).len(),
        2
    );
    client.set(|switches| {
        switches.users_without_mailbox.insert(user.clone());
    });
    assert_eq!(mails(&client.get(&path).await.body).len(), 1);
    let sharing = client
        .get(&format!("Leads/{lead}/__emails_sharing_details"))
        .await;
    let shared = sharing.body["__emails_sharing_details"][0]["share_from_users"].to_string();
    assert!(!shared.contains("Ana"), "{shared}");
}

#[tokio::test]
async fn a_bounce_stands_in_the_status() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let (_, user) = client.users().await[0].clone();
    client.mail(&user, "ng@example.com", |mail| mail.is_bounced = true);
    let got = client.get(&format!("Leads/{lead}/Emails")).await;
    let status = mails(&got.body)[0]["status"].clone();
    assert_eq!(status[0]["type"], json!("sent"));
    assert_eq!(status[1]["type"], json!("bounced"));
    client.set(|switches| switches.sent_means_from_crm = true);
    let got = client.get(&format!("Leads/{lead}/Emails")).await;
    assert_eq!(
        mails(&got.body)[0]["sent"],
        json!(false),
        "synced, not sent from the CRM"
    );
}

#[tokio::test]
async fn mail_is_listed_on_the_contact_its_deals_and_account() {
    let client = Client::new().await;
    let contact = client.contact("ng@example.com").await;
    let deal = client.deal(&contact).await;
    let (_, user) = client.users().await[0].clone();
    client.mail("ng@example.com", &user, |_| {});
    let account = client.record("Contacts", &contact).await["Account_Name"]["id"]
        .as_str()
        .expect("an account")
        .to_owned();
    for path in [
        format!("Contacts/{contact}"),
        format!("Deals/{deal}"),
        format!("Accounts/{account}"),
    ] {
        let got = client.get(&format!("{path}/Emails")).await;
        assert_eq!(mails(&got.body).len(), 1, "{path}");
    }
}

#[tokio::test]
async fn mail_moves_the_last_activity_and_nothing_else_unless_told() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    let (_, user) = client.users().await[0].clone();
    client.advance(minutes(5));
    client.mail("ng@example.com", &user, |_| {});
    let record = client.record("Leads", &lead).await;
    assert_eq!(record["Last_Activity_Time"], json!("2026-01-05T09:05:00+01:00"));
    assert_eq!(record["Modified_Time"], json!("2026-01-05T09:00:00+01:00"));
    client.set(|switches| switches.activity_moves_modified = true);
    client.advance(minutes(5));
    client.mail("ng@example.com", &user, |_| {});
    let record = client.record("Leads", &lead).await;
    assert_eq!(record["Modified_Time"], json!("2026-01-05T09:10:00+01:00"));
    client.set(|switches| switches.mail_moves_last_activity = false);
    client.advance(minutes(5));
    client.mail("ng@example.com", &user, |_| {});
    let record = client.record("Leads", &lead).await;
    assert_eq!(record["Last_Activity_Time"], json!("2026-01-05T09:10:00+01:00"));
}

#[tokio::test]
async fn mail_needs_two_scopes() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    client.set(|switches| {
        // What covers every module does not cover mail.
        switches
            .missing_scopes
            .insert("ZohoCRM.modules.emails.READ".to_owned());
    });
    let got = client.get(&format!("Leads/{lead}/Emails")).await;
    assert_eq!((got.status, got.code()), (401, "OAUTH_SCOPE_MISMATCH"));
}

#[tokio::test]
async fn the_list_may_be_busy() {
    let client = Client::new().await;
    let lead = client.lead("ng@example.com").await;
    client.fault("GET /crm/v8/*/Emails", "error:CANNOT_PROCESS", 1);
    let got = client.get(&format!("Leads/{lead}/Emails")).await;
    assert_eq!((got.status, got.code()), (400, "CANNOT_PROCESS"));
}
