//! A HubSpot portal to set scenes in: records made and changed through the vendor's API, faults on demand.

use bytes::Bytes;
use followup_sandbox::{ClockMode, Fault, Reply, Sandbox, Switches, WorldConfig};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// Path version that scenes are set with; the one the connector does not default to, so that both are served.
const VERSION: &str = "2026-03";

/// A simulated portal and the hands that change it.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The portal.
    pub sandbox: Sandbox,
}

impl Scene {
    /// An empty portal (owners only) at a fixed instant, limits off.
    pub fn empty(switches: Switches) -> Self {
        Self::with_limits(switches, false)
    }

    /// An empty portal, rate limits enforced or not.
    ///
    /// # Panics
    /// Never: the instant is a constant.
    pub fn with_limits(switches: Switches, limits: bool) -> Self {
        let as_of = Timestamp::from_second(1_772_445_600).expect("a constant instant");
        Self {
            sandbox: Sandbox::new(WorldConfig {
                seed: 7,
                people: 0,
                as_of,
                limits,
                clock: ClockMode::Manual,
                switches,
            }),
        }
    }

    /// The simulated present.
    pub fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    /// Lets simulated time pass.
    pub fn advance(&self, by: SignedDuration) {
        self.sandbox.advance_to(self.now() + by);
    }

    /// Puts faults in force: (method and path pattern, kind, times).
    ///
    /// # Panics
    /// When a fault cannot be read.
    pub fn faults(&self, faults: &[(&str, &str, u32)]) {
        let faults = faults
            .iter()
            .map(|(pattern, kind, times)| Fault::new(pattern, kind, *times).expect("a fault of the sandbox"))
            .collect();
        self.sandbox.set_faults(faults);
    }

    /// One request as another program of the customer's would send it.
    ///
    /// # Panics
    /// When the request cannot be built or the portal closes the connection.
    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let token = self.sandbox.access().access_token;
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://api.example.com{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))
            .expect("a request of the test");
        match self.sandbox.hubspot(request).await {
            Reply::Answer(answer) => (
                answer.status().as_u16(),
                serde_json::from_slice(answer.body()).unwrap_or(Value::Null),
            ),
            Reply::Closed { .. } => unreachable!("faults are set after the scene"),
        }
    }

    /// Creates a record, linked by (type id, record id); answers its id.
    ///
    /// # Panics
    /// When the portal refuses.
    pub async fn create(&self, object: &str, properties: Value, links: &[(u32, &str)]) -> String {
        let associations: Vec<Value> = links
            .iter()
            .map(|(type_id, id)| {
                json!({"to": {"id": id}, "types": [
                    {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]})
            })
            .collect();
        let body = json!({"properties": properties, "associations": associations});
        let (status, answer) = self
            .send("POST", &format!("/crm/objects/{VERSION}/{object}"), Some(body))
            .await;
        assert_eq!(status, 201, "{answer}");
        answer
            .get("id")
            .and_then(Value::as_str)
            .expect("a created record has an id")
            .to_owned()
    }

    /// Creates many records without links, a hundred a request.
    ///
    /// # Panics
    /// When the portal refuses.
    pub async fn create_many(&self, object: &str, records: &[Value]) {
        for chunk in records.chunks(100) {
            let inputs: Vec<Value> = chunk
                .iter()
                .enumerate()
                .map(|(place, properties)| {
                    json!({"properties": properties, "associations": [], "objectWriteTraceId": place.to_string()})
                })
                .collect();
            let path = format!("/crm/objects/{VERSION}/{object}/batch/create");
            let (status, answer) = self.send("POST", &path, Some(json!({"inputs": inputs}))).await;
            assert_eq!(status, 201, "{answer}");
        }
    }

    /// Changes a record.
    ///
    /// # Panics
    /// When the portal refuses.
    pub async fn change(&self, object: &str, id: &str, properties: Value) {
        let path = format!("/crm/objects/{VERSION}/{object}/{id}");
        let (status, answer) = self
            .send("PATCH", &path, Some(json!({"properties": properties})))
            .await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Archives a record.
    ///
    /// # Panics
    /// When the portal refuses.
    pub async fn archive(&self, object: &str, id: &str) {
        let (status, answer) = self
            .send("DELETE", &format!("/crm/objects/{VERSION}/{object}/{id}"), None)
            .await;
        assert_eq!(status, 204, "{answer}");
    }

    /// Submits a form through the control path; answers the contact's id.
    ///
    /// # Panics
    /// When the control path refuses.
    pub async fn form(&self, form: Value) -> String {
        let (status, answer) = self.send("POST", "/_sandbox/form", Some(form)).await;
        assert_eq!(status, 200, "{answer}");
        answer
            .get("ids")
            .and_then(|ids| ids.get(0))
            .and_then(Value::as_str)
            .expect("a form answers ids")
            .to_owned()
    }

    /// Active owners: (id, address).
    ///
    /// # Panics
    /// When the portal refuses.
    pub async fn owners(&self) -> Vec<(String, String)> {
        let (status, answer) = self
            .send("GET", &format!("/crm/owners/{VERSION}?limit=100"), None)
            .await;
        assert_eq!(status, 200, "{answer}");
        let text = |owner: &Value, name: &str| {
            owner
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        answer
            .get("results")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|owner| owner.get("type").and_then(Value::as_str) == Some("PERSON"))
            .map(|owner| (text(owner, "id"), text(owner, "email")))
            .collect()
    }

    /// Properties of a record, `null` ones left out.
    pub async fn properties(&self, object: &str, id: &str, names: &str) -> Map<String, Value> {
        let path = format!("/crm/objects/{VERSION}/{object}/{id}?properties={names}");
        let (_, answer) = self.send("GET", &path, None).await;
        answer
            .get("properties")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect()
    }
}
