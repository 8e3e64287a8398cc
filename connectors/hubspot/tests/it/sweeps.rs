//! The sweep: resumable, complete or not at all, and what it brings that the other lanes cannot.

use std::collections::BTreeSet;

use followup_core::{
    Connector, Cursor, Lane, Page, PageEnd, PullRequest, Record, RecordKind, Reread, Stream,
};
use followup_hubspot::HubspotConfig;
use followup_testkit::{Scene, Switches, contract::read_lane};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Garble, config, connector, connector_altered, connector_over, connector_with, record};

async fn page(scene: &Scene, stream: Stream, lane: Lane, cursor: Option<Cursor>) -> Page {
    // A new connector each time: nothing of a position lives in memory.
    connector(scene)
        .pull(PullRequest {
            stream,
            lane,
            cursor,
            now: scene.now(),
        })
        .await
        .expect("a readable stream")
}

/// A whole sweep: what it showed as there, what it told as gone, and how many records it delivered.
async fn sweep(scene: &Scene, stream: Stream) -> (BTreeSet<String>, BTreeSet<String>, usize) {
    let (mut seen, mut gone, mut delivered) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut cursor = None;
    for _ in 0..100 {
        let page = page(scene, stream, Lane::Sweep, cursor).await;
        seen.extend(page.seen.into_iter().flatten().map(|id| id.native_id));
        gone.extend(page.gone.into_iter().map(|gone| gone.id.native_id));
        delivered += page.records.len();
        if matches!(page.end, PageEnd::ReadTo(_)) {
            return (seen, gone, delivered);
        }
        cursor = Some(page.cursor);
    }
    unreachable!("a sweep ends");
}

fn companies(count: usize) -> Vec<Value> {
    (0..count)
        .map(
            |number| json!({"name": format!("Company {number}"), "domain": format!("c{number}.example.com")}),
        )
        .collect()
}

#[tokio::test(start_paused = true)]
async fn r5_a_sweep_shows_every_live_record_and_tells_every_deleted_one() {
    let scene = Scene::empty(Switches::default());
    scene.create_many("companies", &companies(230)).await;
    let gone = scene
        .create(
            "companies",
            json!({"name": "Gone", "domain": "gone.example.com"}),
            &[],
        )
        .await;
    scene.archive("companies", &gone).await;
    scene.advance(SignedDuration::from_mins(1));
    let (seen, deleted, delivered) = sweep(&scene, Stream::Accounts).await;
    assert_eq!((seen.len(), delivered), (230, 230));
    assert_eq!(deleted, BTreeSet::from([gone]));
}

#[tokio::test(start_paused = true)]
async fn r5_a_mail_deleted_for_good_is_missing_from_the_sweep_and_from_a_read_by_id() {
    let scene = Scene::empty(Switches::default());
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mail = json!({"hs_timestamp": "2026-03-01T10:00:00Z", "hs_email_direction": "EMAIL",
            "hs_email_status": "SENT"});
        ids.push(scene.create("emails", mail, &[]).await);
    }
    scene.archive("emails", &ids[1]).await;
    scene.advance(SignedDuration::from_mins(1));
    let (seen, deleted, _) = sweep(&scene, Stream::Emails).await;
    assert_eq!(seen, BTreeSet::from([ids[0].clone(), ids[2].clone()]));
    assert!(deleted.is_empty());
    let missing = [record(RecordKind::Email, &ids[1])];
    let reread = connector(&scene).read(&missing, scene.now()).await.unwrap();
    assert_eq!(reread, Reread::default());
}

/// A page with nothing on it.
fn empty(what: &str, answer: &mut Value) {
    if what.starts_with("GET /crm/objects") {
        *answer = json!({"results": []});
    }
}

/// A page that does not tell of the next one.
fn cut_short(what: &str, answer: &mut Value) {
    if what.starts_with("GET /crm/objects") {
        *answer = json!({"results": answer["results"]});
    }
}

#[tokio::test(start_paused = true)]
async fn r7_an_empty_or_short_list_is_no_sweep() {
    let scene = Scene::empty(Switches::default());
    scene.create_many("companies", &companies(130)).await;
    scene.advance(SignedDuration::from_mins(1));
    for alter in [empty as fn(&str, &mut Value), cut_short] {
        let over = connector_altered(&scene, alter);
        let error = over
            .pull(PullRequest {
                stream: Stream::Accounts,
                lane: Lane::Sweep,
                cursor: None,
                now: scene.now(),
            })
            .await
            .unwrap_err();
        assert_eq!(error.code(), "cursor", "{error}");
        assert!(error.to_string().contains("130"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_sweep_begins_again_and_a_quarantined_record_is_seen() {
    let scene = Scene::empty(Switches::default());
    scene
        .create(
            "contacts",
            json!({"email": "ana@example.com", "firstname": "Ana"}),
            &[],
        )
        .await;
    scene.advance(SignedDuration::from_mins(1));
    let over = connector_over(
        &scene,
        Garble {
            inner: scene.clone(),
            find: "\"firstname\":\"Ana\"",
            replace: "\"firstname\":\"Ana\",\"recent_conversion_date\":\"soon\"",
            drop_key: "\"recent_conversion_date\":null",
        },
    );
    let mut cursor = None;
    for pass in 0..2 {
        let mut seen = 0;
        loop {
            let request = PullRequest {
                stream: Stream::Contacts,
                lane: Lane::Sweep,
                cursor,
                now: scene.now(),
            };
            let page = over.pull(request).await.unwrap();
            seen += page.seen.unwrap().len();
            cursor = Some(page.cursor);
            if matches!(page.end, PageEnd::ReadTo(_)) {
                break;
            }
        }
        assert_eq!(seen, 1, "pass {pass}");
    }
}

#[tokio::test(start_paused = true)]
async fn deleted_tasks_and_all_owners_count_as_seen() {
    let scene = Scene::empty(Switches::default());
    let task = scene
        .create(
            "tasks",
            json!({"hs_timestamp": "2026-03-05T09:00:00Z", "hs_task_subject": "Call"}),
            &[],
        )
        .await;
    scene.archive("tasks", &task).await;
    scene.advance(SignedDuration::from_mins(1));
    let (seen, gone, delivered) = sweep(&scene, Stream::Tasks).await;
    assert_eq!((seen, gone.len(), delivered), (BTreeSet::from([task]), 0, 1));
    let (owners, ..) = sweep(&scene, Stream::Owners).await;
    assert!(
        owners.len() > scene.owners().await.len(),
        "archived owners are there too"
    );
}

#[tokio::test(start_paused = true)]
async fn other_lanes_say_nothing_about_absence() {
    let scene = Scene::empty(Switches::default());
    for lane in [Lane::Backfill, Lane::Hot, Lane::Settled] {
        for stream in [Stream::Contacts, Stream::Owners, Stream::Leads] {
            assert_eq!(page(&scene, stream, lane, None).await.seen, None);
        }
    }
}

fn links(records: &[Record], id: &str) -> usize {
    records
        .iter()
        .find_map(|record| match record {
            Record::Activity(activity) if activity.id.record().native_id == id => Some(activity.people.len()),
            _ => None,
        })
        .unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn an_activity_linked_later_is_noticed_although_nothing_bumps_its_date() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    let person = scene
        .create("contacts", json!({"email": "ana@example.com"}), &[])
        .await;
    let call = |minute: usize| json!({"hs_timestamp": format!("2026-03-01T09:{:02}:00Z", minute % 60)});
    // Old ones, so that the stream is no small one; then a recent one.
    let many: Vec<Value> = (0..120).map(call).collect();
    scene.create_many("calls", &many).await;
    scene.advance(SignedDuration::from_hours(24 * 10));
    let recent = scene.create("calls", call(1), &[]).await;
    scene.advance(SignedDuration::from_mins(30));
    let (_, cursor, _) = read_lane(&connector, Stream::Calls, Lane::Backfill, None, scene.now()).await;
    let settled = async |cursor: &Cursor| {
        read_lane(
            &connector,
            Stream::Calls,
            Lane::Settled,
            Some(cursor.clone()),
            scene.now(),
        )
        .await
    };
    scene.advance(SignedDuration::from_mins(10));
    let (_, cursor, _) = settled(&cursor).await;
    scene.advance(SignedDuration::from_mins(50));
    let path = format!("/crm/objects/2026-03/calls/{recent}/associations/default/contacts/{person}");
    let (status, _) = scene.send("PUT", &path, None).await;
    assert_eq!(status, 200);
    let (records, cursor, _) = settled(&cursor).await;
    assert_eq!(links(&records, &recent), 0, "the look is hourly");
    scene.advance(SignedDuration::from_mins(20));
    let (records, cursor, _) = settled(&cursor).await;
    assert_eq!(links(&records, &recent), 1);
    assert_eq!(
        records.len(),
        1 + 1,
        "only the recent ones, behind the last old one"
    );
    scene.advance(SignedDuration::from_mins(20));
    let (records, ..) = settled(&cursor).await;
    assert!(records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_old_activity_linked_later_is_brought_by_the_sweep() {
    let scene = Scene::empty(Switches::default());
    let person = scene
        .create("contacts", json!({"email": "ana@example.com"}), &[])
        .await;
    let call = scene
        .create("calls", json!({"hs_timestamp": "2025-03-01T09:00:00Z"}), &[])
        .await;
    scene.advance(SignedDuration::from_hours(24 * 30));
    let path = format!("/crm/objects/2026-03/calls/{call}/associations/default/contacts/{person}");
    scene.send("PUT", &path, None).await;
    let page = page(&scene, Stream::Calls, Lane::Sweep, None).await;
    assert_eq!(links(&page.records, &call), 1);
}

#[tokio::test(start_paused = true)]
async fn activities_from_before_the_configured_start_are_left_out_of_every_lane_and_still_seen() {
    let scene = Scene::empty(Switches::default());
    let config = HubspotConfig {
        backfill_since: Some("2026-03-01T00:00:00Z".parse().unwrap()),
        ..config()
    };
    for at in ["2026-02-01T09:00:00Z", "2026-03-01T09:00:00Z"] {
        scene.create("calls", json!({"hs_timestamp": at}), &[]).await;
    }
    scene.advance(SignedDuration::from_mins(1));
    let connector = connector_with(&scene, config, &scene.sandbox.access().access_token);
    for lane in [Lane::Backfill, Lane::Hot, Lane::Settled, Lane::Sweep] {
        let (records, ..) = read_lane(&connector, Stream::Calls, lane, None, scene.now()).await;
        assert_eq!(records.len(), 1, "{lane:?}");
    }
    let request = PullRequest {
        stream: Stream::Calls,
        lane: Lane::Sweep,
        cursor: None,
        now: scene.now(),
    };
    let page = connector.pull(request).await.unwrap();
    assert_eq!(page.seen.unwrap().len(), 2);
}
