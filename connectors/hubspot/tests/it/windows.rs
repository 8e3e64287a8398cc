//! Paging, search windows, equal timestamps, index lag.

use std::collections::BTreeSet;

use followup_core::{Connector, Lane, PageEnd, PullRequest, Record, Stream};
use followup_hubspot::HubspotConfig;
use followup_testkit::{IndexLag, Scene, Switches, contract::read_lane};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{config, connector, connector_with};

fn ids(records: &[Record]) -> BTreeSet<String> {
    records
        .iter()
        .map(|record| record.id().native_id.clone())
        .collect()
}

fn companies(count: usize) -> Vec<Value> {
    (0..count)
        .map(
            |number| json!({"name": format!("Company {number}"), "domain": format!("c{number}.example.com")}),
        )
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_backfill_reads_every_record_once_and_survives_a_restart_between_pages() {
    let scene = Scene::empty(Switches::default());
    scene.create_many("companies", &companies(250)).await;
    scene.advance(SignedDuration::from_mins(1));
    let mut cursor = None;
    let mut seen = Vec::new();
    let read_to = loop {
        // A new connector each time: nothing of the position lives in memory.
        let page = connector(&scene)
            .pull(PullRequest {
                stream: Stream::Accounts,
                lane: Lane::Backfill,
                cursor,
                now: scene.now(),
            })
            .await
            .unwrap();
        assert_eq!(page.total, Some(250), "the progress bar knows its end");
        seen.extend(page.records);
        cursor = Some(page.cursor);
        if let PageEnd::ReadTo(at) = page.end {
            break at;
        }
    };
    assert_eq!(read_to, scene.now());
    assert_eq!((seen.len(), ids(&seen).len()), (250, 250));
}

#[tokio::test(start_paused = true)]
async fn a_hot_pass_brings_all_of_more_than_ten_thousand_changes_with_one_timestamp() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    scene.create_many("companies", &companies(150)).await;
    scene.advance(SignedDuration::from_mins(30));
    let (_, cursor, _) = read_lane(&connector, Stream::Accounts, Lane::Backfill, None, scene.now()).await;
    scene.advance(SignedDuration::from_mins(30));
    // The simulated clock stands still, so all of these share one millisecond.
    scene.create_many("companies", &companies(10_150)).await;
    scene.advance(SignedDuration::from_mins(1));
    let (records, next, read_to) =
        read_lane(&connector, Stream::Accounts, Lane::Hot, Some(cursor), scene.now()).await;
    assert_eq!(ids(&records).len(), 10_150);
    assert_eq!(read_to, scene.now());
    let mut cursor = next;
    let mut again = Vec::new();
    for _ in 0..2 {
        scene.advance(SignedDuration::from_mins(10));
        (again, cursor, _) =
            read_lane(&connector, Stream::Accounts, Lane::Hot, Some(cursor), scene.now()).await;
    }
    assert!(again.is_empty(), "what is read is not read for ever");
}

#[tokio::test(start_paused = true)]
async fn changes_spread_over_time_arrive_all_and_only_those() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    scene.create_many("companies", &companies(120)).await;
    scene.advance(SignedDuration::from_mins(30));
    let (_, mut cursor, _) = read_lane(&connector, Stream::Accounts, Lane::Backfill, None, scene.now()).await;
    let mut seen = BTreeSet::new();
    for round in 0..5 {
        for batch in 0..3 {
            scene.advance(SignedDuration::from_secs(50));
            scene
                .create_many("companies", &companies(70 + batch + round))
                .await;
        }
        scene.advance(SignedDuration::from_secs(7));
        let (records, next, _) =
            read_lane(&connector, Stream::Accounts, Lane::Hot, Some(cursor), scene.now()).await;
        seen.extend(ids(&records));
        cursor = next;
    }
    let expected: usize = (0..5).map(|round| 3 * (70 + round) + 3).sum();
    assert_eq!(seen.len(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_the_index_shows_late_is_brought_by_the_settled_lane() {
    let scene = Scene::empty(Switches {
        index_lag: IndexLag {
            create: SignedDuration::from_mins(8),
            update: SignedDuration::from_mins(8),
            is_random: false,
        },
        ..Switches::default()
    });
    let connector = connector(&scene);
    scene.create_many("companies", &companies(120)).await;
    scene.advance(SignedDuration::from_mins(30));
    let (_, cursor, _) = read_lane(&connector, Stream::Accounts, Lane::Backfill, None, scene.now()).await;
    let late = scene
        .create(
            "companies",
            json!({"name": "Late", "domain": "late.example.com"}),
            &[],
        )
        .await;
    scene.advance(SignedDuration::from_mins(5));
    let (hot, hot_cursor, _) = read_lane(
        &connector,
        Stream::Accounts,
        Lane::Hot,
        Some(cursor.clone()),
        scene.now(),
    )
    .await;
    assert!(!ids(&hot).contains(&late), "the index does not show it yet");
    scene.advance(SignedDuration::from_mins(5));
    let (hot, ..) = read_lane(
        &connector,
        Stream::Accounts,
        Lane::Hot,
        Some(hot_cursor),
        scene.now(),
    )
    .await;
    assert!(!ids(&hot).contains(&late), "the hot lane has passed it by");
    let (settled, ..) = read_lane(
        &connector,
        Stream::Accounts,
        Lane::Settled,
        Some(cursor),
        scene.now(),
    )
    .await;
    assert!(ids(&settled).contains(&late));
}

#[tokio::test(start_paused = true)]
async fn stale_hits_of_the_index_neither_stop_nor_mislead_a_pass() {
    let scene = Scene::empty(Switches {
        stale_hits: true,
        ..Switches::default()
    });
    let connector = connector(&scene);
    scene.create_many("contacts", &people(260)).await;
    scene.advance(SignedDuration::from_mins(30));
    let (first, cursor, _) = read_lane(&connector, Stream::Contacts, Lane::Backfill, None, scene.now()).await;
    let changed = ids(&first);
    for id in &changed {
        scene.change("contacts", id, json!({"company": "Acme"})).await;
        scene.advance(SignedDuration::from_millis(400));
    }
    scene.advance(SignedDuration::from_secs(10));
    // The index knows the first change; the records it returns already show this one.
    for id in &changed {
        scene.change("contacts", id, json!({"company": "Acme Ltd"})).await;
    }
    let mut seen = BTreeSet::new();
    let mut cursor = cursor;
    for _ in 0..2 {
        let (hot, next, _) =
            read_lane(&connector, Stream::Contacts, Lane::Hot, Some(cursor), scene.now()).await;
        seen.extend(hot.iter().filter_map(|record| match record {
            Record::Person(person) if person.company.as_deref() == Some("Acme Ltd") => {
                Some(person.id.record().native_id.clone())
            }
            _ => None,
        }));
        cursor = next;
        scene.advance(SignedDuration::from_mins(1));
    }
    assert_eq!(seen, changed);
}

fn people(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| json!({"email": format!("p{number}@example.com")}))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn contacts_are_searched_by_the_property_that_finds_them() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    scene.create_many("contacts", &people(130)).await;
    scene.advance(SignedDuration::from_mins(30));
    let (_, cursor, _) = read_lane(&connector, Stream::Contacts, Lane::Backfill, None, scene.now()).await;
    let fresh = scene
        .create("contacts", json!({"email": "new@example.com"}), &[])
        .await;
    scene.advance(SignedDuration::from_secs(30));
    let (hot, ..) = read_lane(&connector, Stream::Contacts, Lane::Hot, Some(cursor), scene.now()).await;
    assert_eq!(ids(&hot), BTreeSet::from([fresh]));
}

#[tokio::test(start_paused = true)]
async fn a_small_stream_is_read_by_list_and_shows_a_change_at_once() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    scene.create_many("contacts", &people(3)).await;
    let (_, cursor, _) = read_lane(&connector, Stream::Contacts, Lane::Backfill, None, scene.now()).await;
    let fresh = scene
        .create("contacts", json!({"email": "new@example.com"}), &[])
        .await;
    let (hot, ..) = read_lane(&connector, Stream::Contacts, Lane::Hot, Some(cursor), scene.now()).await;
    assert!(ids(&hot).contains(&fresh));
}

#[tokio::test(start_paused = true)]
async fn our_own_budget_keeps_us_below_every_limit_the_portal_enforces() {
    for burst_share in [50, 100] {
        let scene = Scene::with_limits(Switches::default(), true);
        let config = HubspotConfig {
            burst_share,
            ..config()
        };
        let connector = connector_with(&scene, config, &scene.sandbox.access().access_token);
        for stream in connector.streams() {
            let (_, mut cursor, _) = read_lane(&connector, *stream, Lane::Backfill, None, scene.now()).await;
            for _ in 0..40 {
                (_, cursor, _) = read_lane(&connector, *stream, Lane::Hot, Some(cursor), scene.now()).await;
            }
        }
        let usage = connector.usage();
        assert!(usage.requests > 300, "{usage:?}");
        assert_eq!(usage.throttled, 0);
        assert_eq!(scene.sandbox.stats()["throttled"], json!(0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_of_a_small_quiet_stream_costs_one_request() {
    let scene = Scene::empty(Switches::default());
    let connector = connector(&scene);
    scene
        .create("calls", json!({"hs_timestamp": "2026-03-01T09:00:00Z"}), &[])
        .await;
    let (_, cursor, _) = read_lane(&connector, Stream::Calls, Lane::Backfill, None, scene.now()).await;
    scene.advance(SignedDuration::from_mins(10));
    let before = connector.usage().requests;
    let (_, cursor, _) = read_lane(&connector, Stream::Calls, Lane::Hot, Some(cursor), scene.now()).await;
    scene.advance(SignedDuration::from_mins(10));
    let (calls, ..) = read_lane(
        &connector,
        Stream::Calls,
        Lane::Hot,
        Some(cursor.clone()),
        scene.now(),
    )
    .await;
    assert_eq!((calls.len(), connector.usage().requests - before), (0, 4));
    let (calls, ..) = read_lane(
        &connector,
        Stream::Calls,
        Lane::Settled,
        Some(cursor),
        scene.now(),
    )
    .await;
    assert_eq!(
        calls.len(),
        1,
        "the settled lane looks at the links of quiet records too"
    );
}
