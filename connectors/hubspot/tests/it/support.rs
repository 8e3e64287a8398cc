//! A connector over a scene.

use std::sync::Arc;

use bytes::Bytes;
use followup_core::{ConnectionId, OwnerId, PersonId, RecordKind, RecordRef};
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_testkit::{Fixture, SandboxTransport, Scene, Switches};
use followup_transport::{Future, SendError, SendLimits, TokenSource, Transport};
use url::Url;

pub(crate) fn connection() -> ConnectionId {
    ConnectionId::new("hubspot_main").expect("a constant name")
}

pub(crate) fn record(kind: RecordKind, id: &str) -> RecordRef {
    RecordRef::new(connection(), kind, id)
}

pub(crate) fn config() -> HubspotConfig {
    let base_url = Url::parse("https://api.hubapi.example.com").expect("a constant URL");
    HubspotConfig {
        // The burst share is ours alone here; the waits run on paused time.
        api_share: 100,
        ..HubspotConfig::new(connection(), base_url)
    }
}

pub(crate) fn connector(scene: &Scene) -> Hubspot {
    connector_with(scene, config(), &scene.sandbox.access().access_token)
}

pub(crate) fn connector_with(scene: &Scene, config: HubspotConfig, token: &str) -> Hubspot {
    Hubspot::new(
        config,
        Arc::new(SandboxTransport(scene.sandbox.clone())),
        TokenSource::fixed(token),
        Arc::new(|subject: &str| format!("hash of {} letters", subject.len())),
        1,
    )
    .expect("a usable configuration")
}

/// A portal with one contact that belongs to an owner.
pub(crate) async fn fixture(switches: Switches) -> Fixture {
    fixture_with(switches, config()).await
}

/// The same over a connector of the test's choice.
pub(crate) async fn fixture_with(switches: Switches, config: HubspotConfig) -> Fixture {
    let create_pattern = if config.api_version == "v3" {
        "POST /crm/v3/objects/tasks/batch/create"
    } else {
        "POST /crm/objects/*/tasks/batch/create"
    };
    let scene = Scene::empty(switches);
    let (owner, _) = scene.owners().await.swap_remove(0);
    let person = scene
        .create(
            "contacts",
            serde_json::json!({"email": "ana@example.com", "firstname": "Ana", "hubspot_owner_id": owner}),
            &[],
        )
        .await;
    Fixture {
        connector: Box::new(connector_with(
            &scene,
            config,
            &scene.sandbox.access().access_token,
        )),
        owner: OwnerId(record(RecordKind::Owner, &owner)),
        person: PersonId(record(RecordKind::Contact, &person)),
        create_pattern,
        scene,
    }
}

/// A portal whose answers are altered on the way: one record gets a value no vendor should send.
pub(crate) struct Garble {
    pub(crate) inner: Scene,
    /// Removed everywhere first, so that a JSON object never holds a key twice.
    pub(crate) drop_key: &'static str,
    /// Replaced once.
    pub(crate) find: &'static str,
    pub(crate) replace: &'static str,
}

impl Transport for Garble {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let answer = SandboxTransport(self.inner.sandbox.clone())
                .send(request, limits)
                .await?;
            Ok(answer.map(|body| {
                let text = String::from_utf8_lossy(&body)
                    .replace(&format!("{},", self.drop_key), "")
                    .replace(&format!(",{}", self.drop_key), "")
                    .replacen(self.find, self.replace, 1);
                Bytes::from(text)
            }))
        })
    }
}

pub(crate) fn connector_over(scene: &Scene, transport: impl Transport + 'static) -> Hubspot {
    Hubspot::new(
        config(),
        Arc::new(transport),
        TokenSource::fixed(&scene.sandbox.access().access_token),
        Arc::new(|subject: &str| subject.len().to_string()),
        1,
    )
    .expect("a usable configuration")
}

/// A portal whose JSON answers pass through `alter`, which sees method and path.
pub(crate) struct Altered {
    pub(crate) inner: Scene,
    pub(crate) alter: fn(&str, &mut serde_json::Value),
}

impl Transport for Altered {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let what = format!("{} {}", request.method(), request.uri().path());
            let answer = SandboxTransport(self.inner.sandbox.clone())
                .send(request, limits)
                .await?;
            Ok(answer.map(|body| {
                let Ok(mut json) = serde_json::from_slice(&body) else {
                    return body;
                };
                (self.alter)(&what, &mut json);
                Bytes::from(json.to_string())
            }))
        })
    }
}

pub(crate) fn connector_altered(scene: &Scene, alter: fn(&str, &mut serde_json::Value)) -> Hubspot {
    let transport = Altered {
        inner: scene.clone(),
        alter,
    };
    connector_over(scene, transport)
}
