//! The Salesforce org as a client meets it, one documented behaviour at a time.

mod acts;
mod limits;
mod login;
mod reading;
mod soql;
mod team;
mod together;
mod unconfirmed;
mod writing;

use bytes::Bytes;
use followup_sandbox::{ClockMode, OrgSwitches, Reply, SalesforceAccess, Sandbox, Switches, WorldConfig};
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::AS_OF;

const HOST: &str = "https://brightdesk.my.salesforce.com";
const DATA: &str = "/services/data/v62.0";

/// What came back.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Got {
    /// `errorCode` of the first error.
    fn code(&self) -> &str {
        self.body[0]["errorCode"].as_str().unwrap_or_default()
    }

    fn message(&self) -> &str {
        self.body[0]["message"].as_str().unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// A column of a query's records.
    fn column(&self, name: &str) -> Vec<Value> {
        let records = self.body["records"].as_array().expect("records");
        records.iter().map(|record| record[name].clone()).collect()
    }
}

/// A world, and a session in its org.
struct Client {
    sandbox: Sandbox,
    token: String,
}

impl Client {
    fn new() -> Self {
        Self::with(OrgSwitches::default())
    }

    fn with(salesforce: OrgSwitches) -> Self {
        Self::limited(salesforce, false)
    }

    fn limited(salesforce: OrgSwitches, limits: bool) -> Self {
        let sandbox = Sandbox::new(WorldConfig {
            seed: 7,
            people: 0,
            as_of: AS_OF.parse().expect("an instant"),
            limits,
            clock: ClockMode::Manual,
            switches: Switches {
                salesforce,
                ..Switches::default()
            },
        });
        let token = sandbox.salesforce_access().access_token;
        Self { sandbox, token }
    }

    fn access(&self) -> SalesforceAccess {
        self.sandbox.salesforce_access()
    }

    /// One request; a path without a leading slash is below the API version.
    async fn reply(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Reply {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{DATA}/{path}")
        };
        let mut request = Request::builder().method(method).uri(format!("{HOST}{path}"));
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sandbox
            .salesforce(request.body(body).expect("a request"))
            .await
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

    async fn post(&self, path: &str, body: Value) -> Got {
        self.send("POST", path, body).await
    }

    async fn patch(&self, path: &str, body: Value) -> Got {
        self.send("PATCH", path, body).await
    }

    async fn delete(&self, path: &str) -> Got {
        self.ask("DELETE", path, &[], Bytes::new()).await
    }

    async fn query(&self, text: &str) -> Got {
        self.get(&format!("query?q={}", encoded(text))).await
    }

    async fn query_all(&self, text: &str) -> Got {
        self.get(&format!("queryAll?q={}", encoded(text))).await
    }

    /// Creates a record; answers its id.
    async fn create(&self, kind: &str, fields: Value) -> String {
        let got = self.post(&format!("sobjects/{kind}"), fields).await;
        assert_eq!(got.status, 201, "{}", got.text);
        got.body["id"].as_str().expect("an id").to_owned()
    }

    async fn lead(&self, email: &str) -> String {
        self.create(
            "Lead",
            json!({"LastName": "Nair", "Company": "Kestrel Optics", "Email": email}),
        )
        .await
    }

    async fn contact(&self, email: &str) -> String {
        let account = self.create("Account", json!({"Name": "Juniper Foods"})).await;
        let fields = json!({"LastName": "Horak", "Email": email, "AccountId": account});
        self.create("Contact", fields).await
    }

    /// A record's fields.
    async fn fields(&self, kind: &str, id: &str) -> Value {
        let got = self.get(&format!("sobjects/{kind}/{id}")).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.body
    }

    /// A form at the login side.
    async fn login(&self, name: &str, form: &[(&str, &str)]) -> Got {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let path = format!("/services/oauth2/{name}");
        let headers = [
            ("authorization", ""),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.ask("POST", &path, &headers, Bytes::from(body)).await
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let got = self.post(&format!("/_sandbox/{path}"), body).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.body
    }

    fn set(&self, change: impl FnOnce(&mut OrgSwitches)) {
        let mut switches = self.sandbox.org_switches();
        change(&mut switches);
        self.sandbox.set_org_switches(switches);
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

    /// An active user other than the integration.
    async fn user(&self) -> String {
        let got = self
            .query("SELECT Id FROM User WHERE IsActive = true AND Username != 'integration@brightdesk.example.org'")
            .await;
        got.body["records"][0]["Id"].as_str().expect("a user").to_owned()
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}
