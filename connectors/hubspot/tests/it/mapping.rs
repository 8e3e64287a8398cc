//! Records as they come out, set down as snapshots; and what one bad record does to its page.

use followup_core::{Connector, Lane, PullRequest, Record, Stream};
use followup_testkit::{Scene, Switches, contract::read_lane};
use serde_json::{Value, json};

use crate::support::connector;

/// Records as JSON without what differs between portals: ids become numbers in the order of appearance, stamps go.
fn plain(records: &[Record]) -> Value {
    fn walk(value: &mut Value, ids: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                fields.remove("stamp");
                for (name, value) in fields {
                    match value {
                        Value::String(id) if name == "native_id" => {
                            let place = ids.iter().position(|known| known == id).unwrap_or_else(|| {
                                ids.push(id.clone());
                                ids.len() - 1
                            });
                            *id = format!("#{place}");
                        }
                        value => walk(value, ids),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| walk(value, ids)),
            _ => {}
        }
    }
    let mut value = json!(records);
    walk(&mut value, &mut Vec::new());
    value
}

async fn read(scene: &Scene, stream: Stream) -> Vec<Record> {
    read_lane(&connector(scene), stream, Lane::Backfill, None, scene.now())
        .await
        .0
}

#[tokio::test(start_paused = true)]
async fn a_form_submission_arrives_as_an_inbound_lead() {
    let scene = Scene::empty(Switches::default());
    let (owner, _) = scene.owners().await.swap_remove(0);
    scene
        .form(
            json!({"email": "Priya@Example.com", "firstname": "Priya", "lastname": "Nair",
            "company": "Acme", "form": "pricing", "owner": owner}),
        )
        .await;
    insta::assert_json_snapshot!("lead_by_form", plain(&read(&scene, Stream::Contacts).await));
}

#[tokio::test(start_paused = true)]
async fn calls_mails_and_meetings_arrive_as_metadata() {
    let scene = Scene::empty(Switches::default());
    let (owner, email) = scene.owners().await.swap_remove(0);
    let person = scene
        .create("contacts", json!({"email": "ana@example.com"}), &[])
        .await;
    let deal = scene
        .create(
            "deals",
            json!({"dealname": "Pilot", "pipeline": "default", "dealstage": "contractsent", "amount": "1500.5"}),
            &[(3, &person)],
        )
        .await;
    scene
        .create(
            "calls",
            json!({"hs_timestamp": "2026-03-01T09:00:00Z", "hs_call_direction": "OUTBOUND",
                "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7", "hs_call_duration": "65000",
                "hs_call_status": "COMPLETED", "hubspot_owner_id": owner, "hs_call_body": "private words"}),
            &[(194, &person), (206, &deal)],
        )
        .await;
    log_mails(&scene, &email, &person).await;
    scene
        .create(
            "meetings",
            json!({"hs_timestamp": "2026-03-05T09:00:00Z", "hs_meeting_start_time": "2026-03-05T09:00:00Z",
                "hs_meeting_end_time": "2026-03-05T09:30:00Z", "hs_meeting_outcome": "NO_SHOW",
                "hubspot_owner_id": owner}),
            &[(200, &person)],
        )
        .await;
    let mut all = Vec::new();
    for stream in [Stream::Deals, Stream::Calls, Stream::Emails, Stream::Meetings] {
        all.extend(read(&scene, stream).await);
    }
    let text = serde_json::to_string(&all).unwrap();
    assert!(
        !text.contains("private words") && !text.contains("Pilot scope"),
        "{text}"
    );
    insta::assert_json_snapshot!("activities", plain(&all));
}

#[tokio::test(start_paused = true)]
async fn a_deals_stages_keep_their_history_and_its_end() {
    let scene = Scene::empty(Switches::default());
    let deal = scene
        .create(
            "deals",
            json!({"dealname": "Pilot", "pipeline": "default", "dealstage": "appointmentscheduled"}),
            &[],
        )
        .await;
    for stage in ["qualifiedtobuy", "contractsent", "closedwon"] {
        scene.advance(jiff::SignedDuration::from_hours(24));
        scene.change("deals", &deal, json!({"dealstage": stage})).await;
    }
    let records = read(&scene, Stream::Deals).await;
    let Record::Deal(deal) = &records[0] else {
        panic!("a deal")
    };
    let stages: Vec<&str> = deal
        .stage_history
        .iter()
        .map(|entry| entry.stage.as_str())
        .collect();
    assert_eq!(
        stages,
        [
            "appointmentscheduled",
            "qualifiedtobuy",
            "contractsent",
            "closedwon"
        ]
    );
    assert!(deal.stage_history.is_sorted_by_key(|entry| entry.entered_at));
    assert_eq!(deal.state, followup_core::DealState::Won);
    assert_eq!(deal.stage_entered_at, scene.now());
}

#[tokio::test(start_paused = true)]
async fn r23_owners_come_with_deactivated_users() {
    let scene = Scene::empty(Switches::default());
    let records = read(&scene, Stream::Owners).await;
    let owners: Vec<_> = records
        .iter()
        .map(|record| match record {
            Record::Owner(owner) => owner,
            other => panic!("an owner, not {other:?}"),
        })
        .collect();
    let active = scene.owners().await;
    for (id, email) in &active {
        let owner = owners
            .iter()
            .find(|owner| owner.id.record().native_id == *id)
            .unwrap();
        assert!(owner.is_active && !owner.name.is_empty());
        assert_eq!(owner.email.as_ref(), Some(email));
    }
    assert!(
        owners.iter().any(|owner| !owner.is_active),
        "deactivated users still own records"
    );
}

#[tokio::test(start_paused = true)]
async fn a_merge_tells_what_went_into_what() {
    for merge_mints_id in [true, false] {
        let scene = Scene::empty(Switches {
            merge_mints_id,
            ..Switches::default()
        });
        let first = scene
            .create("contacts", json!({"email": "a@example.com"}), &[])
            .await;
        let second = scene
            .create("contacts", json!({"email": "b@example.com"}), &[])
            .await;
        let (status, answer) = scene
            .send(
                "POST",
                "/crm/objects/2026-03/contacts/merge",
                Some(json!({"primaryObjectId": first, "objectIdToMerge": second})),
            )
            .await;
        assert_eq!(status, 200, "{answer}");
        let page = connector(&scene)
            .pull(PullRequest {
                stream: Stream::Contacts,
                lane: Lane::Backfill,
                cursor: None,
                now: scene.now(),
            })
            .await
            .unwrap();
        let survivor = page.records[0].id().clone();
        assert_eq!(page.records.len(), 1);
        let gone: Vec<&str> = page.gone.iter().map(|gone| gone.id.native_id.as_str()).collect();
        assert!(gone.contains(&second.as_str()), "{gone:?}");
        assert!(
            page.gone
                .iter()
                .all(|gone| gone.merged_into.as_ref() == Some(&survivor))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn r25_a_record_with_a_broken_date_is_set_aside_and_its_page_goes_on() {
    let scene = Scene::empty(Switches::default());
    for number in 0..3 {
        scene
            .create(
                "contacts",
                json!({"email": format!("p{number}@example.com"), "firstname": "Ana"}),
                &[],
            )
            .await;
    }
    let page = crate::support::connector_over(
        &scene,
        crate::support::Garble {
            inner: scene.clone(),
            find: "\"firstname\":\"Ana\"",
            replace: "\"firstname\":\"Ana\",\"recent_conversion_date\":\"soon\"",
            drop_key: "\"recent_conversion_date\":null",
        },
    )
    .pull(PullRequest {
        stream: Stream::Contacts,
        lane: Lane::Backfill,
        cursor: None,
        now: scene.now(),
    })
    .await
    .unwrap();
    assert_eq!((page.records.len(), page.quarantined.len()), (2, 1));
    assert!(page.quarantined[0].reason.contains("recent_conversion_date"));
    assert!(
        !page.quarantined[0].reason.contains("soon"),
        "no content travels in reasons"
    );
}

/// A reply, a mail of a rep, an automated one, and one that is only scheduled.
async fn log_mails(scene: &Scene, email: &str, person: &str) {
    for (direction, from, to, subject) in [
        ("INCOMING_EMAIL", "ana@example.com", email, "Re: Pilot scope"),
        ("EMAIL", email, "ana@example.com", "Pilot scope"),
        (
            "EMAIL",
            "noreply@example.com",
            "ana@example.com",
            "We got your message",
        ),
    ] {
        let headers = json!({"from": {"email": from}, "to": [{"email": to}], "cc": [], "bcc": []});
        scene
            .create(
                "emails",
                json!({"hs_timestamp": "2026-03-01T10:00:00Z", "hs_email_direction": direction,
                    "hs_email_status": "SENT", "hs_email_subject": subject, "hs_email_text": "private words",
                    "hs_email_headers": headers.to_string()}),
                &[(198, person)],
            )
            .await;
    }
    scene
        .create(
            "emails",
            json!({"hs_timestamp": "2026-03-09T10:00:00Z", "hs_email_direction": "EMAIL",
                "hs_email_status": "SCHEDULED", "hs_email_subject": "not yet a mail"}),
            &[(198, person)],
        )
        .await;
}
