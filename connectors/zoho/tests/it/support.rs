//! A connector over a simulated org, and the hands of other programs in it.

use std::sync::Arc;

use bytes::Bytes;
use followup_core::{ConnectionId, OwnerId, PersonId, RecordKind, RecordRef};
use followup_sandbox::{
    ClockMode, Fault, Reply, Sandbox, Switches, Vendor, WorldConfig, ZohoSwitches, crm::Crm,
};
use followup_testkit::{Fixture, Scene, Wire};
use followup_transport::{TokenSource, Transport};
use followup_zoho::{Zoho, ZohoConfig};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

/// Creation of tasks, for faults.
pub(crate) const CREATE: &str = "POST /crm/v8/Tasks";

const ACCOUNTS: &str = "https://accounts.zoho.eu";
pub(crate) const API: &str = "https://www.zohoapis.eu";

pub(crate) fn connection() -> ConnectionId {
    ConnectionId::new("zoho_main").expect("a constant name")
}

pub(crate) fn record(kind: RecordKind, id: &str) -> RecordRef {
    RecordRef::new(connection(), kind, id)
}

pub(crate) fn url(text: &str) -> Url {
    Url::parse(text).expect("a constant URL")
}

pub(crate) fn config() -> ZohoConfig {
    ZohoConfig {
        api_url: Some(url(API)),
        api_share: 100,
        ..ZohoConfig::new(connection(), url(ACCOUNTS))
    }
}

/// An org and what a test does in it.
#[derive(Clone)]
pub(crate) struct Org {
    pub(crate) sandbox: Sandbox,
    pub(crate) wire: Wire,
    token: String,
}

impl Org {
    /// An empty org (users only) at a fixed instant.
    pub(crate) async fn empty() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut ZohoSwitches)) -> Self {
        Self::limited(false, change).await
    }

    pub(crate) async fn limited(limits: bool, change: impl FnOnce(&mut ZohoSwitches)) -> Self {
        let mut switches = Switches::default();
        change(&mut switches.zoho);
        let sandbox = Sandbox::new(WorldConfig {
            seed: 7,
            people: 0,
            as_of: Timestamp::from_second(1_772_445_600).expect("a constant instant"),
            limits,
            clock: ClockMode::Manual,
            switches,
        });
        let wire = Wire::new(&sandbox, Vendor::Zoho);
        let mut org = Self {
            sandbox,
            wire,
            token: String::new(),
        };
        org.token = org.login().await;
        org
    }

    /// A token of its own, for other programs.
    async fn login(&self) -> String {
        let access = self.sandbox.zoho_access();
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", &access.client_id)
            .append_pair("client_secret", &access.client_secret)
            .append_pair("refresh_token", &access.refresh_token)
            .finish();
        let request = http::Request::post(format!("{ACCOUNTS}/oauth/v2/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .expect("a request of the test");
        let (status, answer) = self.answer(request).await;
        assert_eq!(status, 200, "{answer}");
        text(&answer, "access_token")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        self.sandbox.advance_to(self.now() + by);
    }

    pub(crate) fn faults(&self, faults: &[(&str, &str, u32)]) {
        let faults = faults
            .iter()
            .map(|(pattern, kind, times)| Fault::new(pattern, kind, *times).expect("a fault of the sandbox"))
            .collect();
        self.sandbox.set_faults(faults);
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut ZohoSwitches)) {
        let mut switches = self.sandbox.zoho_switches();
        change(&mut switches);
        self.sandbox.set_zoho_switches(switches);
    }

    /// A connector with a token that lasts as long as the sandbox lets it.
    pub(crate) fn connector(&self) -> Zoho {
        self.connector_with(config())
    }

    pub(crate) fn connector_with(&self, config: ZohoConfig) -> Zoho {
        let tokens = TokenSource::fixed(&self.token);
        Self::connector_over(config, tokens, Arc::new(self.wire.clone()))
    }

    pub(crate) fn connector_over(config: ZohoConfig, tokens: TokenSource, wire: Arc<dyn Transport>) -> Zoho {
        let hash = |subject: &str| format!("hash of {} letters", subject.len());
        Zoho::new(config, wire, tokens, Arc::new(hash), 1).expect("a usable configuration")
    }

    async fn answer(&self, request: http::Request<Bytes>) -> (u16, Value) {
        match self.sandbox.zoho(request).await {
            Reply::Answer(answer) => (
                answer.status().as_u16(),
                serde_json::from_slice(answer.body()).unwrap_or(Value::Null),
            ),
            Reply::Closed { .. } => unreachable!("faults are set after the scene"),
        }
    }

    /// One request as another program of the customer's would send it.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{API}/crm/v8{path}"))
            .header("authorization", format!("Zoho-oauthtoken {}", self.token))
            .header("content-type", "application/json")
            .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))
            .expect("a request of the test");
        self.answer(request).await
    }

    /// Creates a record; answers its id.
    pub(crate) async fn create(&self, module: &str, fields: Value) -> String {
        let mut ids = self.create_many(module, &[fields]).await;
        ids.remove(0)
    }

    /// Creates many records, a hundred a request; answers their ids.
    pub(crate) async fn create_many(&self, module: &str, records: &[Value]) -> Vec<String> {
        let mut ids = Vec::new();
        for chunk in records.chunks(100) {
            let body = json!({"data": chunk, "trigger": []});
            let (status, answer) = self.send("POST", &format!("/{module}"), Some(body)).await;
            assert_eq!(status, 201, "{answer}");
            for row in answer["data"].as_array().expect("outcomes") {
                ids.push(text(&row["details"], "id"));
            }
        }
        ids
    }

    pub(crate) async fn update(&self, module: &str, id: &str, fields: Value) {
        let body = json!({"data": [fields], "trigger": []});
        let (status, answer) = self.send("PUT", &format!("/{module}/{id}"), Some(body)).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) async fn delete(&self, module: &str, id: &str) {
        let (status, answer) = self.send("DELETE", &format!("/{module}/{id}"), None).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// One record, whole.
    pub(crate) async fn one(&self, module: &str, id: &str) -> Value {
        let (status, answer) = self.send("GET", &format!("/{module}/{id}"), None).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"][0].clone()
    }

    /// Active users other than the connection's own: (id, address).
    pub(crate) async fn users(&self) -> Vec<(String, String)> {
        let (status, answer) = self.send("GET", "/users?type=ActiveUsers", None).await;
        assert_eq!(status, 200, "{answer}");
        let (_, own) = self.send("GET", "/users?type=CurrentUser", None).await;
        let own = own["users"][0]["id"].clone();
        let users = answer["users"].as_array().cloned().unwrap_or_default();
        users
            .iter()
            .filter(|user| user["id"] != own)
            .map(|user| (text(user, "id"), text(user, "email")))
            .collect()
    }

    pub(crate) async fn user(&self) -> String {
        self.users().await.remove(0).0
    }

    /// A contact that belongs to a user.
    pub(crate) async fn contact(&self, owner: &str) -> String {
        let fields = json!({"Last_Name": "Prova", "First_Name": "Ana", "Email": "ana@example.com", "Owner": {"id": owner}});
        self.create("Contacts", fields).await
    }

    pub(crate) async fn lead(&self, owner: &str) -> String {
        let fields = json!({"Last_Name": "Leer", "Company": "Acme", "Email": "leer@example.com",
            "Lead_Source": "Web Form", "Owner": {"id": owner}});
        self.create("Leads", fields).await
    }

    /// Moves through the world as the scripted team would.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut dyn Crm, Timestamp) -> T) -> T {
        self.sandbox.act_in(Vendor::Zoho, act)
    }
}

/// A text of an answer.
pub(crate) fn text(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_else(|| unreachable!("{name} in {value}"))
        .to_owned()
}

/// An org with a person that belongs to a user, for the contract.
pub(crate) async fn fixture(change: impl FnOnce(&mut ZohoSwitches)) -> Fixture {
    let org = Org::with(change).await;
    let owner = org.user().await;
    let person = org.contact(&owner).await;
    fixture_of(org, &owner, PersonId(record(RecordKind::Contact, &person)))
}

/// The same about a lead.
pub(crate) async fn fixture_with_lead(change: impl FnOnce(&mut ZohoSwitches)) -> Fixture {
    let org = Org::with(change).await;
    let owner = org.user().await;
    let person = org.lead(&owner).await;
    fixture_of(org, &owner, PersonId(record(RecordKind::Lead, &person)))
}

fn fixture_of(org: Org, owner: &str, person: PersonId) -> Fixture {
    Fixture {
        connector: Box::new(org.connector()),
        owner: OwnerId(record(RecordKind::Owner, owner)),
        person,
        create_pattern: CREATE,
        scene: Scene { sandbox: org.sandbox },
    }
}
