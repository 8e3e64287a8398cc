//! What went wrong for others: each line of the list that names Zoho or any vendor.

use followup_core::{Connector as _, ConnectorError, Lane, PullRequest, Stream};
use followup_testkit::read;
use followup_zoho::Zoho;
use jiff::SignedDuration;

use crate::support::{Org, config};

fn pull(org: &Org, stream: Stream) -> PullRequest {
    PullRequest {
        stream,
        lane: Lane::Backfill,
        cursor: None,
        now: org.now(),
    }
}

async fn org() -> (Org, Zoho) {
    let org = Org::with(|org| org.token_minutes = u16::MAX).await;
    let owner = org.user().await;
    org.lead(&owner).await;
    let connector = org.connector();
    connector.probe(org.now()).await.expect("a look around");
    (org, connector)
}

#[tokio::test(start_paused = true)]
async fn r18_r19_broken_answers_are_tried_again_and_never_taken_for_an_end() {
    for fault in ["status:500", "html:502", "close_before", "truncate:40"] {
        let (org, connector) = org().await;
        org.faults(&[("GET /crm/v8/Leads", fault, 2)]);
        let all = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
        assert_eq!(all.records.len(), 1, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn r16_credits_that_are_used_up_let_the_connection_rest() {
    let org = Org::limited(true, |org| {
        org.token_minutes = u16::MAX;
        org.daily_credits = Some(60);
        org.serves_apis = false;
    })
    .await;
    let connector = org.connector();
    let mut refused = None;
    for _ in 0..80 {
        if let Err(error) = connector.pull(pull(&org, Stream::Contacts)).await {
            refused = Some(error);
            break;
        }
    }
    let Some(ConnectorError::Throttled { until, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(until.duration_since(org.now()) >= SignedDuration::from_mins(10));
    org.wire.drain();
    let error = connector
        .pull(pull(&org, Stream::Contacts))
        .await
        .expect_err("resting");
    assert_eq!(error.code(), "throttled");
    assert!(org.wire.drain().is_empty(), "nothing leaves while it rests");
}

#[tokio::test(start_paused = true)]
async fn our_share_of_the_credits_is_never_exceeded_and_survives_a_restart() {
    let org = Org::limited(true, |org| {
        org.token_minutes = u16::MAX;
        org.edition = followup_sandbox::ZohoEdition::Free;
    })
    .await;
    let share = || {
        let mut config = config();
        config.api_share = 2;
        config
    };
    let connector = org.connector_with(share());
    let mut spent = 0;
    while connector.pull(pull(&org, Stream::Contacts)).await.is_ok() {
        spent += 1;
        assert!(spent < 200, "a share of a hundred credits ends");
    }
    let kept = connector.quota().expect("a count");
    assert!(kept.used <= 100, "{}", kept.used);
    let next = org.connector_with(share());
    next.restore_quota(&kept);
    org.wire.drain();
    // What is left is for writes and what they need.
    for _ in 0..100 {
        let _ = next.pull(pull(&org, Stream::Contacts)).await;
    }
    let used = next.quota().expect("a count").used;
    // A new process looks around before it knows how much the org has; what it spent before counts from then on.
    assert!(used <= kept.used + 20, "{used}");
    org.wire.drain();
    assert!(next.pull(pull(&org, Stream::Contacts)).await.is_err());
    assert!(org.wire.drain().is_empty(), "nothing more leaves");
}

#[tokio::test(start_paused = true)]
async fn a_field_hidden_while_running_is_no_longer_asked_for() {
    let (org, connector) = org().await;
    let before = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    org.change(|org| {
        org.hidden_fields.insert("Leads.Mobile".to_owned());
    });
    let after = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    assert_eq!(before.records.len(), after.records.len());
}

#[tokio::test(start_paused = true)]
async fn the_orgs_words_are_checked_before_anything_is_written() {
    let org = Org::with(|org| {
        org.token_minutes = u16::MAX;
        org.task_statuses = vec!["Offen".to_owned(), "Erledigt".to_owned()];
        org.hidden_fields.insert("Deals.Amount".to_owned());
        org.custom_fields.clear();
    })
    .await;
    let probe = org.connector().probe(org.now()).await.expect("a look around");
    let codes: Vec<&str> = probe
        .problems
        .iter()
        .map(|problem| problem.code.as_str())
        .collect();
    for code in ["task_status_words", "hidden_field", "no_task_key"] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    for problem in probe
        .problems
        .iter()
        .filter(|problem| problem.code == "task_status_words")
    {
        let command = format!("`followupd discover {} --out FILE`", config().connection);
        assert!(problem.fix.contains(&command), "{}", problem.fix);
    }
    assert!(probe.time_zone.is_some());
}

#[tokio::test(start_paused = true)]
async fn few_credits_make_passes_rarer_so_that_they_last_the_day() {
    for (edition, share, expected) in [
        (followup_sandbox::ZohoEdition::Free, 20, 18..19),
        (followup_sandbox::ZohoEdition::Enterprise, 50, 0..1),
    ] {
        let org = Org::with(|org| {
            org.token_minutes = u16::MAX;
            org.edition = edition;
        })
        .await;
        let mut config = config();
        config.api_share = share;
        let connector = org.connector_with(config);
        connector.probe(org.now()).await.expect("a look around");
        let minutes = connector.rest().as_mins();
        assert!(expected.contains(&minutes), "{edition:?}: {minutes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_heavy_day_keeps_no_new_process_from_learning_what_the_org_has_bought() {
    let org = Org::limited(true, |org| {
        org.token_minutes = u16::MAX;
        org.edition = followup_sandbox::ZohoEdition::Enterprise;
    })
    .await;
    let tenth = || {
        let mut config = config();
        config.api_share = 10;
        config
    };
    // 7,000 are ours; a tenth of what the smallest edition has would be 500.
    let connector = org.connector_with(tenth());
    for _ in 0..700 {
        connector
            .pull(pull(&org, Stream::Contacts))
            .await
            .expect("within our share");
        org.advance(SignedDuration::from_secs(1));
    }
    let kept = connector.quota().expect("a count");
    assert!(kept.used > 700, "{}", kept.used);
    let next = org.connector_with(tenth());
    next.restore_quota(&kept);
    next.pull(pull(&org, Stream::Contacts)).await.expect("it goes on");
    assert_eq!(next.usage().daily_share, 7_000);
}
