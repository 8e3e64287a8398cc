//! The Leads object: never a person, always its contact's status and anchor.

use followup_core::{Connector, Lane, Person, Record, RecordKind, Stream, StreamAccess};
use followup_testkit::{Scene, Switches, contract::read_lane};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::connector;

fn persons(records: &[Record]) -> Vec<&Person> {
    records
        .iter()
        .map(|record| match record {
            Record::Person(person) => person,
            other => unreachable!("a person, not {other:?}"),
        })
        .collect()
}

async fn lead(scene: &Scene, contact: &str, stage: &str) -> String {
    let properties = json!({"hs_lead_name": "Pilot", "hs_pipeline_stage": stage});
    scene.create("leads", properties, &[(578, contact)]).await
}

async fn contact(scene: &Scene) -> String {
    scene
        .form(json!({"email": "ana@example.com", "firstname": "Ana", "lastname": "Prova", "company": "Acme", "form": "pricing"}))
        .await
}

#[tokio::test(start_paused = true)]
async fn a_lead_lends_its_stage_and_its_age_to_its_contact() {
    let scene = Scene::empty(Switches::default());
    let person = contact(&scene).await;
    let asked_at = scene.now();
    let read = async || {
        let (records, ..) = read_lane(
            &connector(&scene),
            Stream::Contacts,
            Lane::Backfill,
            None,
            scene.now(),
        )
        .await;
        persons(&records)[0].clone()
    };
    scene.advance(SignedDuration::from_mins(5));
    lead(&scene, &person, "new-stage-id").await;
    let first = read().await;
    assert_eq!(
        first.inquiry_at,
        Some(asked_at),
        "a lead opened for the inquiry is no new one"
    );
    assert_eq!(first.status.as_deref(), Some("new-stage-id"));
    scene.advance(SignedDuration::from_hours(24 * 60));
    let second = lead(&scene, &person, "new-stage-id").await;
    assert_eq!(read().await.inquiry_at, Some(scene.now()), "a later one is");
    scene
        .change(
            "leads",
            &second,
            json!({"hs_pipeline_stage": "unqualified-stage-id"}),
        )
        .await;
    let given_up = read().await;
    assert_eq!(given_up.status.as_deref(), Some("unqualified"));
    assert_eq!(given_up.inquiry_at, Some(asked_at));
    assert_eq!(given_up.id.record().kind, RecordKind::Contact);
}

#[tokio::test(start_paused = true)]
async fn a_changed_lead_brings_its_contact_although_that_did_not_change() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    let person = contact(&scene).await;
    let opened = lead(&scene, &person, "new-stage-id").await;
    scene.advance(SignedDuration::from_mins(30));
    let (first, cursor, _) = read_lane(&connector, Stream::Leads, Lane::Backfill, None, scene.now()).await;
    assert!(
        first.is_empty(),
        "the contacts bring their leads' words themselves"
    );
    scene
        .change(
            "leads",
            &opened,
            json!({"hs_pipeline_stage": "attempting-stage-id"}),
        )
        .await;
    scene.advance(SignedDuration::from_secs(30));
    let (changed, cursor, _) =
        read_lane(&connector, Stream::Leads, Lane::Hot, Some(cursor), scene.now()).await;
    assert_eq!(persons(&changed)[0].id.record().native_id, person);
    assert_eq!(
        persons(&changed)[0].status.as_deref(),
        Some("attempting-stage-id")
    );
    let mut cursor = cursor;
    let mut later = changed;
    for _ in 0..2 {
        scene.advance(SignedDuration::from_mins(10));
        (later, cursor, _) = read_lane(&connector, Stream::Leads, Lane::Hot, Some(cursor), scene.now()).await;
    }
    assert!(later.is_empty());
}
#[tokio::test(start_paused = true)]
async fn r24_a_portal_without_leads_lacks_a_stream_and_nothing_else() {
    let mut switches = Switches::default();
    switches
        .missing_scopes
        .insert("crm.objects.leads.read".to_owned());
    let scene = Scene::empty(switches);
    let person = contact(&scene).await;
    lead_by_admin(&scene, &person).await;
    let connector = connector(&scene);
    let probe = connector.probe(scene.now()).await.unwrap();
    assert!(probe.streams.contains(&(Stream::Leads, StreamAccess::Absent)));
    assert!(
        probe
            .problems
            .iter()
            .all(|problem| problem.code != "missing_scope"),
        "{:?}",
        probe.problems
    );
    let (contacts, ..) = read_lane(&connector, Stream::Contacts, Lane::Backfill, None, scene.now()).await;
    assert_eq!(persons(&contacts)[0].status, None);
    for lane in [Lane::Backfill, Lane::Hot, Lane::Settled, Lane::Sweep] {
        let (records, ..) = read_lane(&connector, Stream::Leads, lane, None, scene.now()).await;
        assert!(records.is_empty());
    }
}

/// The scene's own token may still write leads.
async fn lead_by_admin(scene: &Scene, contact: &str) {
    lead(scene, contact, "new-stage-id").await;
}

#[tokio::test(start_paused = true)]
async fn notes_are_internal_and_communications_have_no_direction() {
    use followup_core::{ActivityKind, Direction};
    let scene = Scene::empty(Switches::default());
    let person = scene
        .create("contacts", json!({"email": "ana@example.com"}), &[])
        .await;
    scene
        .create(
            "notes",
            json!({"hs_timestamp": "2026-03-01T09:00:00Z", "hs_note_body": "private words"}),
            &[(202, &person)],
        )
        .await;
    for channel in ["WHATS_APP", "LINKEDIN_MESSAGE", "SMS"] {
        let message = json!({"hs_timestamp": "2026-03-01T09:00:00Z", "hs_communication_channel_type": channel,
            "hs_communication_logged_from": "CRM", "hs_communication_body": "private words"});
        scene.create("communications", message, &[(81, &person)]).await;
    }
    for (stream, count, kind, direction) in [
        (Stream::Notes, 1, ActivityKind::Note, Direction::Internal),
        (Stream::Messages, 3, ActivityKind::Sms, Direction::Unknown),
    ] {
        let (records, ..) = read_lane(&connector(&scene), stream, Lane::Backfill, None, scene.now()).await;
        assert_eq!(records.len(), count);
        assert!(!serde_json::to_string(&records).unwrap().contains("private"));
        for record in &records {
            let Record::Activity(activity) = record else {
                panic!("an activity")
            };
            assert_eq!((activity.kind, activity.direction), (kind, direction));
            assert_eq!(activity.people[0].record().native_id, person);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_leads_are_searched_and_few_are_listed_without_index_lag() {
    for others in [0, 150] {
        let scene = Scene::empty(Switches::default());
        let connector = connector(&scene);
        let person = contact(&scene).await;
        let opened = lead(&scene, &person, "new-stage-id").await;
        for _ in 0..others {
            lead(&scene, &person, "new-stage-id").await;
        }
        scene.advance(SignedDuration::from_mins(30));
        let (_, cursor, _) = read_lane(&connector, Stream::Leads, Lane::Backfill, None, scene.now()).await;
        scene
            .change(
                "leads",
                &opened,
                json!({"hs_pipeline_stage": "connected-stage-id"}),
            )
            .await;
        if others > 0 {
            scene.advance(SignedDuration::from_secs(30));
        }
        let (changed, cursor, _) =
            read_lane(&connector, Stream::Leads, Lane::Hot, Some(cursor), scene.now()).await;
        assert_eq!(persons(&changed).len(), 1, "{others}");
        scene.advance(SignedDuration::from_hours(1));
        let (_, cursor, _) = read_lane(&connector, Stream::Leads, Lane::Hot, Some(cursor), scene.now()).await;
        scene.advance(SignedDuration::from_hours(1));
        let before = connector.usage().requests;
        let (quiet, ..) = read_lane(&connector, Stream::Leads, Lane::Hot, Some(cursor), scene.now()).await;
        assert!(quiet.is_empty());
        assert_eq!(connector.usage().requests - before, 1, "a quiet poll is cheap");
    }
}
