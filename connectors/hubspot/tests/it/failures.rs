//! Failures that happened to others, by their row in the list of them (`r1` …): what the connector makes of each.

use std::collections::BTreeSet;

use followup_core::{
    Connector, ConnectorError, CreateOutcome, Lane, OwnerId, PullRequest, Record, RecordKind, Stream,
    TaskDraft,
};
use followup_testkit::{
    IndexLag, Scene, Switches,
    contract::{draft, read_lane},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{config, connector, connector_altered, connector_with, fixture, record};

fn ids(records: &[Record]) -> BTreeSet<String> {
    records
        .iter()
        .map(|record| record.id().native_id.clone())
        .collect()
}

fn request(scene: &Scene, stream: Stream, lane: Lane) -> PullRequest {
    PullRequest {
        stream,
        lane,
        cursor: None,
        now: scene.now(),
    }
}

fn contacts(from: usize, count: usize) -> Vec<Value> {
    (from..from + count)
        .map(|number| json!({"email": format!("p{number}@example.com")}))
        .collect()
}

/// A stream that is too large for one list page, read once; the cursor behind it.
async fn read_once(scene: &Scene, connector: &dyn Connector) -> followup_core::Cursor {
    scene.create_many("contacts", &contacts(0, 120)).await;
    scene.advance(SignedDuration::from_mins(30));
    let (_, cursor, _) = read_lane(connector, Stream::Contacts, Lane::Backfill, None, scene.now()).await;
    scene.advance(SignedDuration::from_mins(30));
    cursor
}

#[tokio::test(start_paused = true)]
async fn r1_all_of_25_001_contacts_changed_in_one_window_arrive() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    let cursor = read_once(&scene, &connector).await;
    let all = contacts(1_000, 25_001);
    for part in all.chunks(500) {
        scene.create_many("contacts", part).await;
        scene.advance(SignedDuration::from_millis(700));
    }
    scene.advance(SignedDuration::from_mins(1));
    let (records, ..) = read_lane(&connector, Stream::Contacts, Lane::Hot, Some(cursor), scene.now()).await;
    assert_eq!(ids(&records).len(), 25_001);
}

#[tokio::test(start_paused = true)]
async fn r2_all_of_30_000_contacts_with_one_timestamp_arrive() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    let cursor = read_once(&scene, &connector).await;
    scene.create_many("contacts", &contacts(1_000, 30_000)).await;
    scene.advance(SignedDuration::from_mins(1));
    let (records, ..) = read_lane(&connector, Stream::Contacts, Lane::Hot, Some(cursor), scene.now()).await;
    assert_eq!(ids(&records).len(), 30_000);
}

#[tokio::test(start_paused = true)]
async fn r3_a_record_changed_while_pages_are_read_is_not_skipped() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    let mut cursor = Some(read_once(&scene, &connector).await);
    scene.create_many("contacts", &contacts(1_000, 500)).await;
    scene.advance(SignedDuration::from_secs(30));
    let mut last = std::collections::BTreeMap::new();
    let mut changed = None;
    // Two passes: the change moves the record out of the window that is being read.
    for pass in 0..2 {
        for place in 0.. {
            let page = connector
                .pull(PullRequest {
                    cursor,
                    ..request(&scene, Stream::Contacts, Lane::Hot)
                })
                .await
                .unwrap();
            for found in &page.records {
                if let Record::Person(person) = found {
                    last.insert(found.id().native_id.clone(), person.company.clone());
                }
            }
            if (pass, place) == (0, 1) {
                let first = last.keys().next().unwrap().clone();
                scene
                    .change("contacts", &first, json!({"company": "Changed meanwhile"}))
                    .await;
                scene.advance(SignedDuration::from_secs(20));
                changed = Some(first);
            }
            cursor = Some(page.cursor);
            if page.end != followup_core::PageEnd::More {
                break;
            }
        }
        scene.advance(SignedDuration::from_mins(1));
    }
    assert_eq!(last.len(), 500);
    assert_eq!(last[&changed.unwrap()].as_deref(), Some("Changed meanwhile"));
}

#[tokio::test(start_paused = true)]
async fn r4_what_the_index_shows_up_to_ten_minutes_late_is_all_brought_by_the_settled_lane() {
    let scene = Scene::empty(Switches {
        index_lag: IndexLag {
            create: SignedDuration::from_mins(10),
            update: SignedDuration::from_mins(10),
            is_random: true,
        },
        ..Switches::default()
    });
    let connector = connector(&scene);
    let backfilled = read_once(&scene, &connector).await;
    let (mut settled, mut seen) = (backfilled, BTreeSet::new());
    for round in 0..12 {
        if round < 6 {
            scene
                .create_many("contacts", &contacts(1_000 + round * 40, 40))
                .await;
        }
        scene.advance(SignedDuration::from_mins(10));
        let (records, next, _) = read_lane(
            &connector,
            Stream::Contacts,
            Lane::Settled,
            Some(settled),
            scene.now(),
        )
        .await;
        seen.extend(ids(&records));
        settled = next;
    }
    assert_eq!(seen.len(), 240);
}

#[tokio::test(start_paused = true)]
async fn r6_a_merge_with_a_new_id_leaves_no_ghost_and_its_tasks_are_still_found() {
    for (merge_mints_id, unique_task_property) in [(true, true), (true, false), (false, false)] {
        let fixture = fixture(Switches {
            merge_mints_id,
            unique_task_property,
            ..Switches::default()
        })
        .await;
        let (scene, connector) = (&fixture.scene, &*fixture.connector);
        let kept = fixture.person.record().native_id.clone();
        let lost = scene
            .create("contacts", json!({"email": "ana2@example.com"}), &[])
            .await;
        let draft = draft(&fixture, "k1");
        let made = connector
            .create_tasks(std::slice::from_ref(&draft), scene.now())
            .await;
        assert!(matches!(made.as_slice(), [CreateOutcome::Done(_)]), "{made:?}");
        scene.advance(SignedDuration::from_mins(5));
        let body = json!({"primaryObjectId": kept, "objectIdToMerge": lost});
        let (status, _) = scene
            .send("POST", "/crm/objects/2026-03/contacts/merge", Some(body))
            .await;
        assert_eq!(status, 200);
        scene.advance(SignedDuration::from_mins(5));
        let page = connector
            .pull(request(scene, Stream::Contacts, Lane::Sweep))
            .await
            .unwrap();
        let survivor = page.records[0].id().clone();
        let gone: BTreeSet<String> = page.gone.iter().map(|gone| gone.id.native_id.clone()).collect();
        let expected = if merge_mints_id {
            vec![kept.clone(), lost]
        } else {
            vec![lost]
        };
        assert_eq!(gone, expected.into_iter().collect());
        assert!(
            page.gone
                .iter()
                .all(|gone| gone.merged_into.as_ref() == Some(&survivor))
        );
        assert_eq!(page.seen.unwrap(), [survivor]);
        // The look that was due under the old id finds the task under the new one.
        let query = followup_core::TaskQuery {
            key: draft.key.clone(),
            links: draft.links.clone(),
            sent_at: None,
        };
        let found = connector.find_tasks(&[query], scene.now()).await.unwrap();
        assert_eq!(
            found.len(),
            1,
            "mints {merge_mints_id}, unique {unique_task_property}"
        );
    }
}

fn without_end(what: &str, answer: &mut Value) {
    if what.starts_with("GET /crm/objects") {
        answer["paging"] = json!({"next": {"link": "https://api.example.com/more"}});
    }
}

#[tokio::test(start_paused = true)]
async fn r8_a_page_that_says_more_without_saying_where_moves_no_cursor() {
    let scene = Scene::empty(Switches::default());
    scene.create_many("contacts", &contacts(0, 3)).await;
    for lane in [Lane::Backfill, Lane::Sweep] {
        let error = connector_altered(&scene, without_end)
            .pull(request(&scene, Stream::Contacts, lane))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "decode", "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn r9_a_refused_page_token_is_told_as_a_lost_place_and_not_as_a_refusal() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    scene.create_many("contacts", &contacts(0, 250)).await;
    let first = connector
        .pull(request(&scene, Stream::Contacts, Lane::Backfill))
        .await
        .unwrap();
    scene.faults(&[("GET /crm/objects", "expire_page_token", 1)]);
    let next = PullRequest {
        cursor: Some(first.cursor),
        ..request(&scene, Stream::Contacts, Lane::Backfill)
    };
    let error = connector.pull(next).await.unwrap_err();
    assert_eq!(error.code(), "cursor", "the lane starts anew: {error}");
    let (records, ..) = read_lane(&connector, Stream::Contacts, Lane::Backfill, None, scene.now()).await;
    assert_eq!(ids(&records).len(), 250);
}

#[tokio::test(start_paused = true)]
async fn r16_each_of_the_three_shapes_of_429_is_waited_out_without_retry_after() {
    for (shape, least) in [("throttle:burst", 10), ("throttle:search", 1)] {
        let scene = Scene::empty(Switches::default());
        scene.create_many("contacts", &contacts(0, 1)).await;
        scene.faults(&[("GET /crm/objects", shape, 1)]);
        let started = tokio::time::Instant::now();
        let connector = connector(&scene);
        connector
            .pull(request(&scene, Stream::Contacts, Lane::Backfill))
            .await
            .unwrap();
        assert_eq!(connector.usage().throttled, 1);
        let waited = started.elapsed().as_secs();
        assert!(waited >= least, "{shape}: {waited}");
    }
    let scene = Scene::empty(Switches::default());
    scene.faults(&[("GET /crm/objects", "throttle:daily", 1)]);
    let error = connector(&scene)
        .pull(request(&scene, Stream::Contacts, Lane::Backfill))
        .await
        .unwrap_err();
    let ConnectorError::Throttled { until, .. } = error else {
        panic!("a used-up day is told, not slept through: {error:?}");
    };
    assert!(until > scene.now() && until <= scene.now() + SignedDuration::from_hours(2));
}

#[tokio::test(start_paused = true)]
async fn r18_errors_of_the_edge_are_tried_again_and_told_in_one_line() {
    for kind in [
        "html:503", "html:520", "html:521", "html:522", "html:523", "html:524", "html:525", "html:526",
    ] {
        let scene = Scene::empty(Switches::default());
        scene.create_many("contacts", &contacts(0, 1)).await;
        scene.faults(&[("GET /crm/objects", kind, 2)]);
        let connector = connector(&scene);
        let page = connector
            .pull(request(&scene, Stream::Contacts, Lane::Backfill))
            .await
            .unwrap();
        assert_eq!(page.records.len(), 1, "{kind}");
        scene.faults(&[("GET /crm/objects", kind, 0)]);
        let error = connector
            .pull(request(&scene, Stream::Contacts, Lane::Backfill))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "transport", "{kind}");
        assert!(
            !error.to_string().contains('<'),
            "no page of HTML in a message: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn r18_a_malformed_token_is_refused_at_the_edge_and_told_with_its_fix() {
    let scene = Scene::empty(Switches::default());
    let error = connector_with(&scene, config(), "pat-eu1-with a space")
        .pull(request(&scene, Stream::Contacts, Lane::Backfill))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ConnectorError::Unauthorized { fix, .. } if fix.contains("whole access token")),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_moves_is_left_alone_until_it_said_and_then_read_again() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    scene.faults(&[("GET /crm/objects", "status:477", 1)]);
    let paused = async |at| match connector
        .pull(PullRequest {
            now: at,
            ..request(&scene, Stream::Contacts, Lane::Backfill)
        })
        .await
    {
        Err(ConnectorError::Throttled { until, .. }) => Some(until),
        Err(error) => panic!("{error:?}"),
        Ok(_) => None,
    };
    let until = paused(scene.now()).await.unwrap();
    let hour = SignedDuration::from_hours(1);
    assert!(until >= scene.now() + hour && until <= scene.now() + hour + SignedDuration::from_mins(1));
    let before = connector.usage().requests;
    assert_eq!(
        paused(scene.now() + SignedDuration::from_mins(59)).await,
        Some(until)
    );
    assert_eq!(connector.usage().requests, before, "nothing leaves meanwhile");
    assert_eq!(paused(until).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_locked_record_is_waited_for_and_the_write_goes_through() {
    let fixture = fixture(Switches::default()).await;
    fixture.connector.probe(fixture.scene.now()).await.unwrap();
    fixture.scene.faults(&[(fixture.create_pattern, "status:423", 1)]);
    let started = tokio::time::Instant::now();
    let outcomes = fixture
        .connector
        .create_tasks(&[draft(&fixture, "k1")], fixture.scene.now())
        .await;
    assert!(
        matches!(outcomes.as_slice(), [CreateOutcome::Done(_)]),
        "{outcomes:?}"
    );
    assert!(started.elapsed().as_secs() >= 2);
}

#[tokio::test(start_paused = true)]
async fn r24_a_ban_is_a_refused_login_and_not_a_missing_scope() {
    let scene = Scene::empty(Switches::default());
    // The sandbox's bare 403 is the vendor's BANNED.
    scene.faults(&[("GET /crm/objects", "status:403", 0)]);
    let error = connector(&scene)
        .pull(request(&scene, Stream::Contacts, Lane::Backfill))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ConnectorError::Unauthorized { fix, .. } if fix.contains("banned")),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn r25_a_url_that_is_too_long_is_read_by_body_instead() {
    let scene = Scene::empty(Switches {
        url_bytes_max: 120,
        ..Switches::default()
    });
    scene.create_many("contacts", &contacts(0, 130)).await;
    scene.advance(SignedDuration::from_mins(1));
    let connector = connector(&scene);
    for lane in [Lane::Backfill, Lane::Sweep] {
        let (records, ..) = read_lane(&connector, Stream::Contacts, lane, None, scene.now()).await;
        assert_eq!(ids(&records).len(), 130);
    }
    let (owner, _) = scene.owners().await.swap_remove(0);
    let person = scene
        .create("contacts", json!({"email": "new@example.com"}), &[])
        .await;
    let fixture = followup_testkit::Fixture {
        connector: Box::new(connector),
        owner: OwnerId(record(RecordKind::Owner, &owner)),
        person: followup_core::PersonId(record(RecordKind::Contact, &person)),
        create_pattern: "",
        scene,
    };
    let draft = draft(&fixture, "k1");
    for attempt in 0..2 {
        let outcomes = fixture
            .connector
            .create_tasks(std::slice::from_ref(&draft), fixture.scene.now())
            .await;
        let is_right = match outcomes.as_slice() {
            [CreateOutcome::Done(_)] => attempt == 0,
            [CreateOutcome::AlreadyThere(Some(_))] => attempt == 1,
            _ => false,
        };
        assert!(is_right, "{outcomes:?}");
    }
}

fn shuffled_with_one_missing(what: &str, answer: &mut Value) {
    if what.ends_with("/tasks/batch/create")
        && let Some(results) = answer["results"].as_array_mut()
    {
        results.reverse();
        results.pop();
        // What is left tells its key in a property only.
        for result in results {
            result["objectWriteTraceId"] = Value::Null;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r20_a_207_is_matched_by_key_and_what_it_does_not_mention_is_unknown() {
    let mut fixture = fixture(Switches::default()).await;
    fixture.connector = Box::new(connector_altered(&fixture.scene, shuffled_with_one_missing));
    let mut drafts: Vec<TaskDraft> = (0..5)
        .map(|number| draft(&fixture, &format!("k{number}")))
        .collect();
    drafts[2].owner = OwnerId(record(RecordKind::Owner, "999999"));
    let outcomes = fixture.connector.create_tasks(&drafts, fixture.scene.now()).await;
    for (place, (outcome, draft)) in outcomes.iter().zip(&drafts).enumerate() {
        match (place, outcome) {
            (0, CreateOutcome::Unknown { .. }) => {}
            (2, CreateOutcome::Rejected { reason }) => {
                assert!(!reason.contains('{'), "sentences, not code: {reason}");
            }
            (1 | 3 | 4, CreateOutcome::Done(task)) => {
                assert_eq!(task.key.as_ref(), Some(&draft.key));
                let stored = fixture
                    .scene
                    .properties("tasks", &task.id.record().native_id, "followupd_key")
                    .await;
                assert_eq!(stored["followupd_key"], json!(draft.key.as_str()));
            }
            (place, outcome) => panic!("{place}: {outcome:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_admins_rule_of_2026_09_is_told_in_the_portals_words() {
    let fixture = fixture(Switches {
        refuses_tasks: true,
        ..Switches::default()
    })
    .await;
    let outcomes = fixture
        .connector
        .create_tasks(&[draft(&fixture, "k1")], fixture.scene.now())
        .await;
    let [CreateOutcome::Rejected { reason }] = outcomes.as_slice() else {
        panic!("a rule rejects: {outcomes:?}");
    };
    assert!(reason.contains("conditional property rules"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn r22_a_look_for_a_task_does_not_depend_on_the_index() {
    for unique_task_property in [true, false] {
        let hour = SignedDuration::from_hours(1);
        let fixture = fixture(Switches {
            unique_task_property,
            index_lag: IndexLag {
                create: hour,
                update: hour,
                is_random: false,
            },
            ..Switches::default()
        })
        .await;
        let (connector, now) = (&*fixture.connector, fixture.scene.now());
        connector.probe(now).await.unwrap();
        fixture
            .scene
            .faults(&[(fixture.create_pattern, "close_after_commit", 1)]);
        let draft = draft(&fixture, "k1");
        let outcomes = connector.create_tasks(std::slice::from_ref(&draft), now).await;
        assert!(
            matches!(outcomes.as_slice(), [CreateOutcome::Unknown { .. }]),
            "{outcomes:?}"
        );
        let query = followup_core::TaskQuery {
            key: draft.key.clone(),
            links: draft.links.clone(),
            sent_at: Some(now),
        };
        assert_eq!(connector.find_tasks(&[query], now).await.unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn r26_an_answer_that_does_not_come_is_given_up_and_asked_for_again() {
    let scene = Scene::empty(Switches::default());
    scene.create_many("contacts", &contacts(0, 1)).await;
    scene.faults(&[("GET /crm/objects", "delay:30m", 1)]);
    let started = tokio::time::Instant::now();
    let page = connector(&scene)
        .pull(request(&scene, Stream::Contacts, Lane::Backfill))
        .await
        .unwrap();
    assert_eq!(page.records.len(), 1);
    assert!(started.elapsed().as_secs() < 180);
}
