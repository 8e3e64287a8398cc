//! The same over real sockets: what only shows on the wire (content lengths, cut bodies, closed connections).

use std::sync::Arc;

use followup_core::{Connector, CreateOutcome, Lane, OwnerId, PersonId, RecordKind, Stream};
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_testkit::{
    Fixture, Scene, Switches,
    contract::{draft, read_lane},
    serve,
};
use followup_transport::{HttpTransport, TokenSource};
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use crate::support::{connection, record};

async fn story(scene: Scene, port: u16) {
    let (owner, _) = scene.owners().await.swap_remove(0);
    let person = scene
        .create("contacts", json!({"email": "ana@example.com"}), &[])
        .await;
    let base_url = Url::parse(&format!("http://127.0.0.1:{port}")).expect("a loopback URL");
    let connector = Hubspot::new(
        HubspotConfig::new(connection(), base_url),
        Arc::new(HttpTransport::new().expect("a TLS provider")),
        TokenSource::fixed(&scene.sandbox.access().access_token),
        Arc::new(|subject: &str| subject.len().to_string()),
        1,
    )
    .expect("a usable configuration");
    let fixture = Fixture {
        connector: Box::new(connector),
        owner: OwnerId(record(RecordKind::Owner, &owner)),
        person: PersonId(record(RecordKind::Contact, &person)),
        create_pattern: "POST /crm/objects/*/tasks/batch/create",
        scene: scene.clone(),
    };
    let now = scene.now();
    let draft = draft(&fixture, "k1");
    let connector: &dyn Connector = &*fixture.connector;
    scene.faults(&[("GET /crm/objects/*/contacts", "truncate:30", 1)]);
    let (people, ..) = read_lane(connector, Stream::Contacts, Lane::Backfill, None, now).await;
    assert_eq!(people.len(), 1, "a cut page is read again");
    scene.faults(&[(fixture.create_pattern, "close_after_commit", 1)]);
    let outcome = connector
        .create_tasks(std::slice::from_ref(&draft), now)
        .await
        .swap_remove(0);
    assert!(matches!(outcome, CreateOutcome::Unknown { .. }), "{outcome:?}");
    let outcome = connector
        .create_tasks(std::slice::from_ref(&draft), now)
        .await
        .swap_remove(0);
    assert!(
        matches!(outcome, CreateOutcome::AlreadyThere(Some(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_cut_page_is_read_again_and_a_lost_answer_leaves_one_task_over_sockets() {
    let scene = Scene::empty(Switches::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::select! {
        served = serve(scene.sandbox.clone(), listener, std::future::pending()) => {
            panic!("the portal ends before the story: {served:?}");
        }
        () = story(scene, port) => {}
    }
}
