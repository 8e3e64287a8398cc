//! A connector over a simulated org, and the hands of other programs in it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use followup_core::{
    ConnectionId, Connector, Cursor, Lane, OwnerId, Page, PageEnd, PersonId, PullRequest, Record, RecordKind,
    RecordRef, Stream,
};
use followup_salesforce::{Salesforce, SalesforceConfig};
use followup_sandbox::{
    ClockMode, Fault, LateCommits, OrgSwitches, Reply, Sandbox, Switches, Vendor, WorldConfig,
};
use followup_testkit::{Fixture, Scene};
use followup_transport::{Future, SendError, SendLimits, TokenSource, Transport};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

/// Creation of tasks, for faults.
pub(crate) const CREATE: &str = "POST /services/data/*/composite/sobjects";

/// Path version other programs speak here.
const BASE: &str = "/services/data/v62.0";

pub(crate) fn connection() -> ConnectionId {
    ConnectionId::new("salesforce_main").expect("a constant name")
}

pub(crate) fn record(kind: RecordKind, id: &str) -> RecordRef {
    RecordRef::new(connection(), kind, id)
}

pub(crate) fn config() -> SalesforceConfig {
    let url = |text: &str| Url::parse(text).expect("a constant URL");
    SalesforceConfig {
        instance_url: Some(url("https://acme.my.salesforce.com")),
        api_share: 100,
        ..SalesforceConfig::new(connection(), url("https://login.salesforce.com"))
    }
}

/// The simulated org as a transport; requests are noted.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) sandbox: Sandbox,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self {
            sandbox: sandbox.clone(),
            seen: Arc::default(),
        }
    }

    /// Requests since the last call: method and path without query.
    pub(crate) fn drain(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().expect("no holder panicked"))
    }
}

impl Transport for Wire {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let line = format!("{} {}", request.method(), request.uri().path());
            self.seen.lock().expect("no holder panicked").push(line);
            let answer = match self.sandbox.salesforce(request).await {
                Reply::Answer(answer) => answer,
                // A client cannot tell whether the server acted before the connection closed.
                Reply::Closed { .. } => return Err(SendError::maybe_sent("the connection closed")),
            };
            let announced = answer
                .headers()
                .get(http::header::CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
            if announced.is_some_and(|length| length > answer.body().len()) {
                return Err(SendError::maybe_sent("the answer was cut"));
            }
            assert!(
                answer.body().len() <= limits.body_bytes_max,
                "answers stay below the cap"
            );
            Ok(answer)
        })
    }
}

/// An org and what a test does in it.
#[derive(Debug, Clone)]
pub(crate) struct Org {
    pub(crate) sandbox: Sandbox,
    pub(crate) wire: Wire,
}

impl Org {
    /// An empty org (users only) at a fixed instant, nothing late.
    pub(crate) fn empty() -> Self {
        Self::with(|_| {})
    }

    /// The same with other settings.
    pub(crate) fn with(change: impl FnOnce(&mut OrgSwitches)) -> Self {
        Self::limited(false, change)
    }

    pub(crate) fn limited(limits: bool, change: impl FnOnce(&mut OrgSwitches)) -> Self {
        let mut switches = Switches::default();
        switches.salesforce.late_commits = LateCommits {
            percent: 0,
            seconds_max: 0,
        };
        change(&mut switches.salesforce);
        let sandbox = Sandbox::new(WorldConfig {
            seed: 7,
            people: 0,
            as_of: Timestamp::from_second(1_772_445_600).expect("a constant instant"),
            limits,
            clock: ClockMode::Manual,
            switches,
        });
        let wire = Wire::new(&sandbox);
        Self { sandbox, wire }
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

    pub(crate) fn change(&self, change: impl FnOnce(&mut OrgSwitches)) {
        let mut switches = self.sandbox.org_switches();
        change(&mut switches);
        self.sandbox.set_org_switches(switches);
    }

    /// A connector with a session of its own.
    pub(crate) fn connector(&self) -> Salesforce {
        self.connector_with(config())
    }

    pub(crate) fn connector_with(&self, config: SalesforceConfig) -> Salesforce {
        let token = self.sandbox.salesforce_access().access_token;
        Self::connector_over(config, TokenSource::fixed(&token), Arc::new(self.wire.clone()))
    }

    pub(crate) fn connector_over(
        config: SalesforceConfig,
        tokens: TokenSource,
        wire: Arc<dyn Transport>,
    ) -> Salesforce {
        let hash = |subject: &str| format!("hash of {} letters", subject.len());
        Salesforce::new(config, wire, tokens, Arc::new(hash), 1).expect("a usable configuration")
    }

    /// One request as another program of the customer's would send it.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let token = self.sandbox.salesforce_access().access_token;
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://acme.my.salesforce.com{BASE}{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))
            .expect("a request of the test");
        match self.sandbox.salesforce(request).await {
            Reply::Answer(answer) => (
                answer.status().as_u16(),
                serde_json::from_slice(answer.body()).unwrap_or(Value::Null),
            ),
            Reply::Closed { .. } => unreachable!("faults are set after the scene"),
        }
    }

    /// Creates a row; answers its id.
    pub(crate) async fn create(&self, object: &str, fields: Value) -> String {
        let (status, answer) = self
            .send("POST", &format!("/sobjects/{object}"), Some(fields))
            .await;
        assert_eq!(status, 201, "{answer}");
        text(&answer, "id")
    }

    /// Creates many rows, 200 a request; answers their ids.
    pub(crate) async fn create_many(&self, object: &str, rows: &[Value]) -> Vec<String> {
        let mut ids = Vec::new();
        for chunk in rows.chunks(200) {
            let records: Vec<Value> = chunk
                .iter()
                .map(|row| {
                    let mut row = row.as_object().cloned().unwrap_or_default();
                    row.insert("attributes".to_owned(), json!({"type": object}));
                    Value::Object(row)
                })
                .collect();
            let body = json!({"allOrNone": true, "records": records});
            let (status, answer) = self.send("POST", "/composite/sobjects", Some(body)).await;
            assert_eq!(status, 200, "{answer}");
            for row in answer.as_array().expect("rows") {
                assert_eq!(row.get("success"), Some(&Value::Bool(true)), "{row}");
                ids.push(text(row, "id"));
            }
        }
        ids
    }

    pub(crate) async fn update(&self, object: &str, id: &str, fields: Value) {
        let (status, answer) = self
            .send("PATCH", &format!("/sobjects/{object}/{id}"), Some(fields))
            .await;
        assert_eq!(status, 204, "{answer}");
    }

    pub(crate) async fn delete(&self, object: &str, id: &str) {
        let (status, answer) = self
            .send("DELETE", &format!("/sobjects/{object}/{id}"), None)
            .await;
        assert_eq!(status, 204, "{answer}");
    }

    /// Rows of a query.
    pub(crate) async fn query(&self, soql: &str) -> Vec<Value> {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", soql)
            .finish();
        let (status, answer) = self.send("GET", &format!("/queryAll?{query}"), None).await;
        assert_eq!(status, 200, "{soql}: {answer}");
        let records = answer.get("records").and_then(Value::as_array);
        records.cloned().unwrap_or_default()
    }

    /// An active user of flesh and blood.
    pub(crate) async fn user(&self) -> String {
        let rows = self
            .query("SELECT Id FROM User WHERE IsActive = true AND UserType = 'Standard' ORDER BY Id LIMIT 1")
            .await;
        text(rows.first().expect("a user"), "Id")
    }

    /// Moves through the world as the scripted team would.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut dyn followup_sandbox::crm::Crm, Timestamp) -> T) -> T {
        self.sandbox.act_in(Vendor::Salesforce, act)
    }
}

/// A text of an answer.
fn text(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_else(|| unreachable!("{name} in {value}"))
        .to_owned()
}

/// An org with a contact that belongs to a user, for the contract.
pub(crate) async fn fixture(change: impl FnOnce(&mut OrgSwitches)) -> Fixture {
    let org = Org::with(change);
    let owner = org.user().await;
    let person = org
        .create(
            "Contact",
            json!({"LastName": "Prova", "FirstName": "Ana", "Email": "ana@example.com", "OwnerId": owner}),
        )
        .await;
    Fixture {
        connector: Box::new(org.connector()),
        owner: OwnerId(record(RecordKind::Owner, &owner)),
        person: PersonId(record(RecordKind::Contact, &person)),
        create_pattern: CREATE,
        scene: Scene { sandbox: org.sandbox },
    }
}

/// Everything one lane of a stream says, to its end.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) records: Vec<Record>,
    pub(crate) gone: Vec<followup_core::Gone>,
    pub(crate) quarantined: usize,
    pub(crate) seen: Vec<RecordRef>,
    pub(crate) pages: usize,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) until: Option<Timestamp>,
}

impl Read {
    pub(crate) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .records
            .iter()
            .map(|record| record.id().native_id.clone())
            .collect();
        ids.sort();
        ids.dedup();
        ids
    }

    fn take(&mut self, page: Page) {
        self.pages += 1;
        self.records.extend(page.records);
        self.gone.extend(page.gone);
        self.quarantined += page.quarantined.len();
        self.seen.extend(page.seen.into_iter().flatten());
        self.cursor = Some(page.cursor);
        if let PageEnd::ReadTo(at) = page.end {
            self.until = Some(at);
        }
    }
}

/// Reads a lane to its end, as a caller would.
pub(crate) async fn read(
    connector: &Salesforce,
    stream: Stream,
    lane: Lane,
    cursor: Option<Cursor>,
    now: Timestamp,
) -> Read {
    let mut read = Read {
        cursor,
        ..Read::default()
    };
    for _ in 0..2_000 {
        let request = PullRequest {
            stream,
            lane,
            cursor: read.cursor.clone(),
            now,
        };
        let page = connector.pull(request).await.expect("a readable stream");
        read.take(page);
        if read.until.is_some() {
            return read;
        }
    }
    unreachable!("{stream} {} does not end", lane.as_str());
}
