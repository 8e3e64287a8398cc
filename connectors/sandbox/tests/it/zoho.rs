//! The Zoho org as a client meets it, one documented behaviour at a time.

mod acts;
mod coql;
mod limits;
mod login;
mod mail;
mod reading;
mod team;
mod unconfirmed;
mod writing;

use bytes::Bytes;
use followup_sandbox::{
    ClockMode, Reply, Sandbox, Switches, WorldConfig, ZohoAccess, ZohoEdition, ZohoField, ZohoSwitches,
};
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::AS_OF;

const ACCOUNTS: &str = "https://accounts.zoho.eu";
const API: &str = "https://www.zohoapis.eu";

/// What came back.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Got {
    /// `code` of the answer, or of its first element.
    fn code(&self) -> &str {
        let element = self.body.get("code").or_else(|| self.element(0).get("code"));
        element.and_then(Value::as_str).unwrap_or_default()
    }

    /// One of the outcomes of a write.
    fn element(&self, at: usize) -> &Value {
        &self.body["data"][at]
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// A column of the records.
    fn column(&self, name: &str) -> Vec<Value> {
        let records = self.body["data"].as_array().cloned().unwrap_or_default();
        records.iter().map(|record| record[name].clone()).collect()
    }

    fn ids(&self) -> Vec<String> {
        let ids = self.column("id");
        ids.iter()
            .map(|id| id.as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// A world, and an access token of its Zoho org.
struct Client {
    sandbox: Sandbox,
    token: String,
}

impl Client {
    async fn new() -> Self {
        Self::with(ZohoSwitches::default()).await
    }

    async fn with(zoho: ZohoSwitches) -> Self {
        Self::limited(zoho, false).await
    }

    async fn limited(zoho: ZohoSwitches, limits: bool) -> Self {
        let sandbox = Sandbox::new(WorldConfig {
            seed: 7,
            people: 0,
            as_of: AS_OF.parse().expect("an instant"),
            limits,
            clock: ClockMode::Manual,
            switches: Switches {
                zoho,
                ..Switches::default()
            },
        });
        let mut client = Self {
            sandbox,
            token: String::new(),
        };
        client.refresh().await;
        client
    }

    /// A new access token.
    async fn refresh(&mut self) {
        let got = self.login(&self.grant()).await;
        got.body["access_token"]
            .as_str()
            .expect("a token")
            .clone_into(&mut self.token);
    }

    fn access(&self) -> ZohoAccess {
        self.sandbox.zoho_access()
    }

    /// The form of a refresh.
    fn grant(&self) -> Vec<(&'static str, String)> {
        let access = self.access();
        vec![
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", access.client_id),
            ("client_secret", access.client_secret),
            ("refresh_token", access.refresh_token),
        ]
    }

    async fn login(&self, form: &[(&str, String)]) -> Got {
        self.login_at(ACCOUNTS, form).await
    }

    async fn login_at(&self, host: &str, form: &[(&str, String)]) -> Got {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let url = format!("{host}/oauth/v2/token");
        self.ask("POST", &url, &[("authorization", "")], Bytes::from(body))
            .await
    }

    /// One request; a path without a scheme is below the API version.
    async fn reply(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Reply {
        let url = if path.contains("://") {
            path.to_owned()
        } else if path.starts_with('/') {
            format!("{API}{path}")
        } else {
            format!("{API}/crm/v8/{path}")
        };
        let mut request = Request::builder().method(method).uri(url);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Zoho-oauthtoken {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sandbox.zoho(request.body(body).expect("a request")).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Got {
        match self.reply(method, path, headers, body).await {
            Reply::Answer(response) => {
                let (head, bytes) = response.into_parts();
                let text = String::from_utf8(bytes.to_vec()).expect("text");
                let body = serde_json::from_str(&text).unwrap_or(Value::Null);
                Got {
                    status: head.status.as_u16(),
                    headers: head.headers,
                    body,
                    text,
                }
            }
            Reply::Closed { .. } => panic!("{method} {path}: closed without an answer"),
        }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Got {
        let headers = [("content-type", "application/json")];
        self.ask(method, path, &headers, Bytes::from(body.to_string()))
            .await
    }

    async fn get(&self, path: &str) -> Got {
        self.ask("GET", path, &[], Bytes::new()).await
    }

    async fn get_since(&self, path: &str, since: &str) -> Got {
        self.ask("GET", path, &[("if-modified-since", since)], Bytes::new())
            .await
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        self.send("POST", path, body).await
    }

    async fn put(&self, path: &str, body: Value) -> Got {
        self.send("PUT", path, body).await
    }

    async fn delete(&self, path: &str) -> Got {
        self.ask("DELETE", path, &[], Bytes::new()).await
    }

    async fn query(&self, text: &str) -> Got {
        self.post("coql", json!({ "select_query": text })).await
    }

    /// Creates a record without automation; answers its id.
    async fn create(&self, module: &str, fields: Value) -> String {
        let got = self.insert(module, fields).await;
        assert_eq!(got.status, 201, "{}", got.text);
        got.element(0)["details"]["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    async fn insert(&self, module: &str, fields: Value) -> Got {
        self.post(module, json!({"data": [fields], "trigger": []})).await
    }

    async fn change(&self, module: &str, id: &str, fields: Value) -> Got {
        self.put(
            &format!("{module}/{id}"),
            json!({"data": [fields], "trigger": []}),
        )
        .await
    }

    async fn lead(&self, email: &str) -> String {
        self.create(
            "Leads",
            json!({"Last_Name": "Nair", "Company": "Kestrel Optics", "Email": email}),
        )
        .await
    }

    async fn contact(&self, email: &str) -> String {
        let account = self
            .create("Accounts", json!({"Account_Name": "Juniper Foods"}))
            .await;
        let fields = json!({"Last_Name": "Horak", "Email": email, "Account_Name": {"id": account}});
        self.create("Contacts", fields).await
    }

    async fn deal(&self, contact: &str) -> String {
        let fields =
            json!({"Deal_Name": "First order", "Stage": "Qualification", "Contact_Name": {"id": contact}});
        self.create("Deals", fields).await
    }

    /// One record, whole.
    async fn record(&self, module: &str, id: &str) -> Value {
        let got = self.get(&format!("{module}/{id}")).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.element(0).clone()
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let got = self.post(&format!("/_sandbox/{path}"), body).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.body
    }

    fn set(&self, change: impl FnOnce(&mut ZohoSwitches)) {
        let mut switches = self.sandbox.zoho_switches();
        change(&mut switches);
        self.sandbox.set_zoho_switches(switches);
    }

    fn fault(&self, pattern: &str, kind: &str, times: u32) {
        let fault = followup_sandbox::Fault::new(pattern, kind, times).expect("a fault");
        self.sandbox.set_faults(vec![fault]);
    }

    fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    fn advance(&self, by: SignedDuration) {
        self.sandbox.advance_to(self.now() + by);
    }

    /// Ids and addresses of active users other than the token's.
    async fn users(&self) -> Vec<(String, String)> {
        let got = self.get("users?type=ActiveUsers").await;
        let users = got.body["users"].as_array().expect("users").clone();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        users
            .iter()
            .filter(|user| user["first_name"] != json!("Integration"))
            .map(|user| (text(&user["id"]), text(&user["email"])))
            .collect()
    }
}

fn secs(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

/// A query parameter's value.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A field an administrator added to Tasks.
fn task_field(name: &str) -> ZohoField {
    ZohoField {
        module: "Tasks".to_owned(),
        name: name.to_owned(),
        field_type: "text(100)".to_owned(),
        is_unique: false,
        is_external: false,
        is_required: false,
    }
}

/// The smallest edition.
fn free() -> ZohoSwitches {
    ZohoSwitches {
        edition: ZohoEdition::Free,
        ..ZohoSwitches::default()
    }
}
