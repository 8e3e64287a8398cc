//! A client for tests: sends one request, reads status and JSON.

use bytes::Bytes;
use followup_sandbox::{ClockMode, Reply, Sandbox, Switches, WorldConfig};
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The date every test world starts at.
pub(crate) const AS_OF: &str = "2026-01-05T08:00:00Z";

/// A world and the token to enter it.
pub(crate) struct Client {
    pub(crate) sandbox: Sandbox,
    pub(crate) token: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Got {
    pub(crate) fn ids(&self) -> Vec<String> {
        let results = self.body["results"].as_array().cloned().unwrap_or_default();
        results
            .iter()
            .map(|record| record["id"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    pub(crate) fn id(&self) -> String {
        assert!(
            self.status == 200 || self.status == 201,
            "{} {}",
            self.status,
            self.text
        );
        self.body["id"].as_str().expect("a record").to_owned()
    }
}

pub(crate) fn config(switches: Switches) -> WorldConfig {
    WorldConfig {
        seed: 7,
        people: 0,
        as_of: AS_OF.parse().expect("an instant"),
        limits: false,
        clock: ClockMode::Manual,
        switches,
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::with(Switches::default())
    }

    pub(crate) fn with(switches: Switches) -> Self {
        Self::of(config(switches))
    }

    pub(crate) fn of(config: WorldConfig) -> Self {
        let sandbox = Sandbox::new(config);
        let token = sandbox.access().access_token;
        Self { sandbox, token }
    }

    pub(crate) async fn reply(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://api.hubapi.com{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))
            .expect("a request");
        self.sandbox.hubspot(request).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Got {
        match self.reply(method, path, body.as_ref()).await {
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

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Got {
        self.send("POST", path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Got {
        self.send("PATCH", path, Some(body)).await
    }

    /// Creates a record of `kind` by the dated path; answers its id.
    pub(crate) async fn create(&self, kind: &str, properties: Value) -> String {
        let path = format!("/crm/objects/2026-09/{kind}");
        self.post(&path, json!({"properties": properties, "associations": []}))
            .await
            .id()
    }

    pub(crate) async fn contact(&self, email: &str) -> String {
        self.create("contacts", json!({"email": email})).await
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.sandbox
            .advance_to(self.now() + SignedDuration::from_secs(seconds));
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    pub(crate) async fn search(&self, kind: &str, body: Value) -> Got {
        self.post(&format!("/crm/objects/2026-09/{kind}/search"), body)
            .await
    }

    pub(crate) async fn owner(&self) -> String {
        let owners = self.get("/crm/owners/2026-09").await;
        owners.ids().first().expect("an owner").clone()
    }
}

/// A task linked to a contact by `type_id`.
pub(crate) fn task(contact: &str, type_id: u32) -> Value {
    json!({
        "properties": {"hs_timestamp": "2026-01-06T14:00:00Z", "hs_task_subject": "Reply"},
        "associations": [{"to": {"id": contact}, "types": [
            {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id},
        ]}],
    })
}
