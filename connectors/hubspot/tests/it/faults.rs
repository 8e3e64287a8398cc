//! What goes wrong on the wire, and what the caller hears of it.

use followup_core::{
    Connector, ConnectorError, Lane, PageEnd, PullRequest, RecordKind, Stream, StreamAccess,
};
use followup_testkit::{Scene, Switches, contract::read_lane};
use serde_json::json;

use crate::support::{config, connector, connector_with, record};

fn request(scene: &Scene, stream: Stream) -> PullRequest {
    PullRequest {
        stream,
        lane: Lane::Backfill,
        cursor: None,
        now: scene.now(),
    }
}

async fn scene() -> Scene {
    let scene = Scene::empty(Switches::default());
    scene
        .create(
            "contacts",
            json!({"email": "ana@example.com", "firstname": "Ana"}),
            &[],
        )
        .await;
    scene
}

#[tokio::test(start_paused = true)]
async fn a_read_survives_throttles_of_every_shape_server_errors_html_and_cut_answers() {
    for kind in [
        "throttle:burst",
        "throttle:search",
        "status:500",
        "status:502",
        "status:423",
        "html:503",
        "html:524",
        "truncate:40",
        "close_before",
        "close_after_commit",
    ] {
        let scene = scene().await;
        scene.faults(&[("GET /crm/objects", kind, 2)]);
        let (records, ..) = read_lane(
            &connector(&scene),
            Stream::Contacts,
            Lane::Backfill,
            None,
            scene.now(),
        )
        .await;
        assert_eq!(records.len(), 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_that_does_not_end_is_told_with_its_cause_and_moves_no_cursor() {
    for (kind, code) in [
        ("html:502", "transport"),
        ("status:500", "transport"),
        ("close_before", "transport"),
        ("html:200", "decode"),
        ("ok_with_error", "transport"),
        ("throttle:daily", "throttled"),
        ("status:400", "refused"),
    ] {
        let scene = scene().await;
        scene.faults(&[("GET /crm/objects", kind, 0)]);
        let error = connector(&scene)
            .pull(request(&scene, Stream::Contacts))
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{kind}: {error}");
        assert!(error.to_string().chars().count() < 500, "{kind}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_refused_with_the_fix_and_without_the_token() {
    let scene = scene().await;
    let error = connector_with(&scene, config(), "pat-planted-secret")
        .pull(request(&scene, Stream::Contacts))
        .await
        .unwrap_err();
    let ConnectorError::Unauthorized { fix, .. } = &error else {
        panic!("a wrong token is unauthorized: {error:?}");
    };
    assert!(fix.contains("access_token_file"), "{fix}");
    assert!(!format!("{error} {error:?}").contains("planted"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn r24_a_missing_scope_is_named_and_closes_only_its_stream() {
    let mut switches = Switches::default();
    switches
        .missing_scopes
        .insert("crm.objects.deals.read".to_owned());
    let scene = Scene::empty(switches);
    let connector = connector(&scene);
    let error = connector.pull(request(&scene, Stream::Deals)).await.unwrap_err();
    assert!(
        matches!(&error, ConnectorError::Forbidden { missing, .. } if missing.contains("crm.objects.deals.read")),
        "{error:?}"
    );
    connector.pull(request(&scene, Stream::Contacts)).await.unwrap();
    let probe = connector.probe(scene.now()).await.unwrap();
    for (stream, access) in probe.streams {
        if stream == Stream::Deals {
            assert!(matches!(access, StreamAccess::Forbidden { .. }), "{access:?}");
        } else {
            assert_eq!(access, StreamAccess::Ok, "{stream}");
        }
    }
    assert!(
        probe
            .problems
            .iter()
            .any(|problem| problem.fix.contains("crm.objects.deals.read"))
    );
    assert_eq!(probe.time_zone.as_deref(), Some("America/New_York"));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_nobody_is_refused_as_such() {
    let scene = scene().await;
    let error = connector(&scene)
        .pull(PullRequest {
            cursor: Some(followup_core::Cursor("garbage".to_owned())),
            ..request(&scene, Stream::Contacts)
        })
        .await
        .unwrap_err();
    assert_eq!(error.code(), "cursor");
}

#[tokio::test(start_paused = true)]
async fn records_are_read_again_by_id_and_missing_ones_are_left_out() {
    let scene = scene().await;
    let other = scene
        .create("contacts", json!({"email": "bo@example.com"}), &[])
        .await;
    let gone = scene
        .create("contacts", json!({"email": "cy@example.com"}), &[])
        .await;
    scene.archive("contacts", &gone).await;
    let ids = [
        record(RecordKind::Contact, &other),
        record(RecordKind::Contact, &gone),
        record(RecordKind::Contact, "999999999"),
    ];
    let reread = connector(&scene).read(&ids, scene.now()).await.unwrap();
    let read: Vec<&str> = reread
        .records
        .iter()
        .map(|record| record.id().native_id.as_str())
        .collect();
    assert_eq!(read, [other.as_str()]);
    assert_eq!(reread.missing(&ids), [&ids[1], &ids[2]]);
}

#[tokio::test(start_paused = true)]
async fn deletions_are_told_by_the_sweep() {
    let scene = scene().await;
    let gone_id = scene
        .create("contacts", json!({"email": "cy@example.com"}), &[])
        .await;
    scene.archive("contacts", &gone_id).await;
    let (mut cursor, mut gone) = (None, Vec::new());
    loop {
        let page = connector(&scene)
            .pull(PullRequest {
                lane: Lane::Sweep,
                cursor,
                ..request(&scene, Stream::Contacts)
            })
            .await
            .unwrap();
        gone.extend(page.gone);
        if matches!(page.end, PageEnd::ReadTo(_)) {
            break;
        }
        cursor = Some(page.cursor);
    }
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].id, record(RecordKind::Contact, &gone_id));
}
