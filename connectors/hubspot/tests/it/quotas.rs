//! Allowances: what the account has bought, what others use of it, what a restart remembers; and scopes.

use followup_core::{Capability, Connector, Lane, SpentQuota, Stream, Usage};
use followup_hubspot::HubspotConfig;

use followup_testkit::{Scene, Switches, Tier, contract::read_lane};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{config, connector, connector_with};

fn with_shares(scene: &Scene, api_share: u8, burst_share: u8) -> followup_hubspot::Hubspot {
    let config = HubspotConfig {
        api_share,
        burst_share,
        ..config()
    };
    connector_with(scene, config, &scene.sandbox.access().access_token)
}

#[tokio::test(start_paused = true)]
async fn r17_a_neighbour_that_eats_half_the_burst_and_the_day_never_brings_us_a_429() {
    let switches = Switches {
        daily_limit: Some(4_000),
        ..Switches::default()
    };
    let scene = Scene::with_limits(switches, true);
    let many: Vec<_> = (0..600)
        .map(|number| json!({"name": format!("Company {number}")}))
        .collect();
    scene.create_many("companies", &many).await;
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let connector = with_shares(&scene, 40, 50);
    connector.probe(scene.now()).await.unwrap();
    // The neighbour sends evenly, fifty in any ten seconds, with the same token.
    let neighbour = scene.clone();
    let mut eater = tokio::task::JoinSet::new();
    eater.spawn(async move {
        let mut refused = 0;
        for _ in 0..2_000 {
            let (status, _) = neighbour.send("GET", "/crm/owners/2026-03?limit=1", None).await;
            refused += u32::from(status == 429);
            tokio::time::sleep(std::time::Duration::from_millis(201)).await;
        }
        refused
    });
    let mut hot = None;
    for _ in 0..30 {
        let (records, ..) = read_lane(&connector, Stream::Accounts, Lane::Backfill, None, scene.now()).await;
        assert_eq!(records.len(), 600);
        let (_, cursor, _) = read_lane(&connector, Stream::Calls, Lane::Hot, hot, scene.now()).await;
        hot = Some(cursor);
    }
    let busy: Usage = connector.usage();
    assert_eq!(
        eater.join_next().await.unwrap().unwrap(),
        0,
        "and we bring the neighbour none"
    );
    read_lane(&connector, Stream::Calls, Lane::Hot, hot, scene.now()).await;
    let usage = connector.usage();
    assert!(busy.requests > 200, "{busy:?}");
    assert_eq!(usage.throttled, 0);
    assert_eq!(scene.sandbox.stats()["throttled"], json!(0));
    assert!(usage.daily_others >= 2_000, "{usage:?}");
    assert_eq!(usage.daily_share, 1_600);
}

#[tokio::test(start_paused = true)]
async fn r17_the_last_tenth_of_the_day_is_left_to_others() {
    let switches = Switches {
        daily_limit: Some(1_000),
        ..Switches::default()
    };
    let scene = Scene::with_limits(switches, false);
    let connector = with_shares(&scene, 50, 50);
    connector.probe(scene.now()).await.unwrap();
    for _ in 0..900 {
        scene.send("GET", "/crm/owners/2026-03?limit=1", None).await;
    }
    let request = followup_core::PullRequest {
        stream: Stream::Contacts,
        lane: Lane::Hot,
        cursor: None,
        now: scene.now(),
    };
    // The first page was read by looking around; the next answer tells what is left.
    connector.pull(request.clone()).await.unwrap();
    connector.pull(request.clone()).await.unwrap();
    let error = connector.pull(request).await.unwrap_err();
    assert_eq!(error.code(), "throttled");
    let tomorrow = followup_core::PullRequest {
        stream: Stream::Contacts,
        lane: Lane::Hot,
        cursor: None,
        now: scene.now() + SignedDuration::from_hours(24),
    };
    connector.pull(tomorrow).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_tier_of_the_account_is_read_off_its_headers() {
    for (tier, daily, burst_share, expected) in [
        (Tier::Starter, 250_000, 50, 50),
        (Tier::Professional, 650_000, 50, 95),
        // The association endpoints allow 150.
        (Tier::Professional, 650_000, 100, 150),
        (Tier::Enterprise, 1_000_000, 50, 95),
        (Tier::CapacityPack, 1_650_000, 100, 200),
    ] {
        let scene = Scene::with_limits(
            Switches {
                tier,
                ..Switches::default()
            },
            true,
        );
        let connector = with_shares(&scene, 10, burst_share);
        connector.probe(scene.now()).await.unwrap();
        assert_eq!(connector.usage().daily_share, daily / 10);
        let started = tokio::time::Instant::now();
        let before = connector.usage().requests;
        while started.elapsed().as_secs() < 30 {
            read_lane(&connector, Stream::Owners, Lane::Hot, None, scene.now()).await;
        }
        let in_ten_seconds = (connector.usage().requests - before) / 3;
        assert!(
            in_ten_seconds <= expected && in_ten_seconds * 10 >= expected * 8,
            "{tier:?}: {in_ten_seconds} of {expected}"
        );
        assert_eq!(scene.sandbox.stats()["throttled"], json!(0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_spent_today_survives_a_restart() {
    let scene = Scene::empty(Switches::default());
    let first = connector(&scene);
    assert_eq!(first.quota(), None);
    read_lane(&first, Stream::Owners, Lane::Backfill, None, scene.now()).await;
    let spent = first.quota().unwrap();
    assert_eq!(
        spent,
        SpentQuota {
            day: "2026-03-02".to_owned(),
            used: 2
        }
    );
    let second = connector(&scene);
    second.restore_quota(&SpentQuota {
        used: 500,
        ..spent.clone()
    });
    read_lane(&second, Stream::Owners, Lane::Backfill, None, scene.now()).await;
    assert_eq!(second.quota().unwrap().used, 502);
    second.restore_quota(&spent);
    assert_eq!(
        second.quota().unwrap().used,
        502,
        "a smaller figure is an older one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_may_not_write_tasks_is_told_so() {
    let mut switches = Switches::default();
    switches
        .missing_scopes
        .insert("crm.objects.contacts.write".to_owned());
    let scene = Scene::empty(switches);
    let probe = connector(&scene).probe(scene.now()).await.unwrap();
    assert!(!probe.capabilities.contains(&Capability::WriteTasks));
    assert!(
        probe
            .problems
            .iter()
            .any(|problem| problem.code == "missing_scope"
                && problem.fix.contains("crm.objects.contacts.write")),
        "{:?}",
        probe.problems
    );
}

/// One pass as the engine makes it: look around (or not), the hot lane of every stream, the settled lane behind it (or
/// not). Answers the requests it took.
async fn pass(
    connector: &followup_hubspot::Hubspot,
    cursors: &mut std::collections::BTreeMap<(Stream, Lane), followup_core::Cursor>,
    now: jiff::Timestamp,
    (looks_around, lanes): (bool, &[Lane]),
) -> u64 {
    let before = connector.usage().requests;
    if looks_around {
        connector.probe(now).await.expect("a readable CRM");
    }
    for stream in connector.streams() {
        for lane in lanes {
            let first = cursors.get(&(*stream, Lane::Backfill)).cloned();
            let cursor = cursors.get(&(*stream, *lane)).cloned().or(first);
            let (_, cursor, _) = read_lane(connector, *stream, *lane, cursor, now).await;
            cursors.insert((*stream, *lane), cursor);
        }
    }
    connector.usage().requests - before
}

#[tokio::test(start_paused = true)]
async fn an_idle_pass_asks_for_little_and_for_nothing_twice() {
    let scene = Scene::empty(Switches::default());
    let person = scene
        .create("contacts", json!({"email": "ana@example.com"}), &[])
        .await;
    scene
        .create(
            "calls",
            json!({"hs_timestamp": "2026-03-01T09:00:00Z"}),
            &[(194, &person)],
        )
        .await;
    let mut cursors = std::collections::BTreeMap::new();
    let mut measure = async |connector: &followup_hubspot::Hubspot, looks_around, lanes: &[Lane]| {
        scene.advance(SignedDuration::from_mins(20));
        pass(connector, &mut cursors, scene.now(), (looks_around, lanes)).await
    };
    let first = connector(&scene);
    let backfill = measure(&first, true, &[Lane::Backfill]).await;
    let again = connector(&scene);
    let start = measure(&again, true, &[Lane::Hot]).await;
    let hot = measure(&again, false, &[Lane::Hot]).await;
    let settled = measure(&again, false, &[Lane::Hot, Lane::Settled]).await;
    println!(
        "{:#?} {}",
        scene.sandbox.stats()["by_endpoint"],
        again.streams().len()
    );
    // Every stream once, owners and tasks also archived; at a start the account, the right to write and the key.
    let streams = again.streams().len() as u64;
    assert_eq!((hot, start), (streams + 2, streams + 2 + 3));
    // Behind it: the archived records of all but owners, tasks and leads, and the links of the two records.
    assert!(settled <= hot + streams + 8, "{settled} after {hot}");
    assert!(backfill <= start + 12, "{backfill} after {start}");
}
