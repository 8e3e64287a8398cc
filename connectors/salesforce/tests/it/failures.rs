//! What went wrong for others, by the rows of the design: limits, locks, hidden fields, edges, dark mails.

use followup_core::{
    Capability, Connector as _, ConnectorError, CreateOutcome, DraftLinks, Lane, OwnerId, PersonId,
    PullRequest, RecordKind, Stream, StreamAccess, TaskDraft, TaskKey,
};
use followup_salesforce::{Mapping, SalesforceConfig};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{CREATE, Org, config, read, record};

fn pull(org: &Org, stream: Stream, lane: Lane) -> PullRequest {
    PullRequest {
        stream,
        lane,
        cursor: None,
        now: org.now(),
    }
}

async fn draft(org: &Org) -> TaskDraft {
    let user = org.user().await;
    let contact = org
        .create("Contact", json!({"LastName": "Prova", "OwnerId": user}))
        .await;
    TaskDraft {
        key: TaskKey("k1".to_owned()),
        owner: OwnerId(record(RecordKind::Owner, &user)),
        links: DraftLinks {
            people: vec![PersonId(record(RecordKind::Contact, &contact))],
            deals: Vec::new(),
        },
        subject: "Reply to Ana Prova".to_owned(),
        body: "Ana asked.".to_owned(),
        marker: "[followupd key=k1]".to_owned(),
        due_at: org.now() + SignedDuration::from_hours(2),
        reminder_at: None,
        is_urgent: false,
    }
}

#[tokio::test(start_paused = true)]
async fn r17_a_used_up_day_stops_the_org_and_too_many_at_once_only_waits() {
    let org = Org::empty();
    let connector = org.connector();
    connector
        .pull(pull(&org, Stream::Leads, Lane::Backfill))
        .await
        .unwrap();
    org.faults(&[("GET /services/data/*/queryAll", "throttle:concurrent", 2)]);
    connector
        .pull(pull(&org, Stream::Leads, Lane::Backfill))
        .await
        .expect("a moment's wait is enough");
    org.faults(&[("GET /services/data/*/queryAll", "throttle:daily", 0)]);
    let error = connector
        .pull(pull(&org, Stream::Leads, Lane::Backfill))
        .await
        .unwrap_err();
    let ConnectorError::Throttled { until, .. } = &error else {
        panic!("{error}");
    };
    assert!(*until >= org.now() + SignedDuration::from_mins(10), "{until}");
    org.wire.drain();
    connector
        .pull(pull(&org, Stream::Leads, Lane::Backfill))
        .await
        .unwrap_err();
    assert!(org.wire.drain().is_empty(), "nothing is sent meanwhile");
}

#[tokio::test(start_paused = true)]
async fn r17_a_neighbour_who_eats_the_quota_leaves_reads_none_and_writes_some() {
    let org = Org::with(|org| {
        org.daily_limit = Some(1_000);
        org.others_per_hour = 0;
    });
    let draft = draft(&org).await;
    let connector = org.connector();
    connector.probe(org.now()).await.unwrap();
    org.change(|org| org.others_per_hour = 39);
    org.advance(SignedDuration::from_hours(24));
    // The header of this answer tells how little is left.
    connector
        .pull(pull(&org, Stream::Leads, Lane::Backfill))
        .await
        .ok();
    let read = connector.pull(pull(&org, Stream::Contacts, Lane::Backfill)).await;
    assert!(matches!(read, Err(ConnectorError::Throttled { .. })), "{read:?}");
    let created = connector.create_tasks(&[draft], org.now()).await;
    assert!(
        matches!(created.as_slice(), [CreateOutcome::Done(_)]),
        "{created:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_orgs_own_allowance_is_taken_over() {
    let org = Org::with(|org| org.licences = 15);
    let connector = org.connector_with(SalesforceConfig {
        api_share: 10,
        ..config()
    });
    connector.probe(org.now()).await.unwrap();
    assert_eq!(connector.usage().daily_share, 11_500);
}

#[tokio::test(start_paused = true)]
async fn fields_are_listed_again_only_where_the_last_list_fell_short() {
    let looks = async |org: &Org| {
        let connector = org.connector();
        let mut calls = Vec::new();
        for _ in 0..2 {
            connector.probe(org.now()).await.expect("a usable org");
            calls.push(org.wire.drain().len());
        }
        calls
    };
    let whole = looks(&Org::empty()).await;
    assert!(whole[1] + 1 < whole[0], "{whole:?}");
    let short = Org::with(|switches| {
        switches.hidden_fields.insert("Lead.Email".to_owned());
    });
    let short = looks(&short).await;
    assert!(short[1] > whole[1], "{short:?} against {whole:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_shows_no_row_in_place_of_one_does_not_say_that_it_is_gone() {
    let org = Org::empty();
    let id = org.create("Contact", json!({"LastName": "Prova"})).await;
    let ids = [record(RecordKind::Contact, &id)];
    let connector = org.connector();
    assert_eq!(
        connector.read(&ids, org.now()).await.expect("read").records.len(),
        1
    );
    org.faults(&[(
        "POST /services/data/*/composite/sobjects/Contact",
        "ok_with_error",
        1,
    )]);
    let read = connector.read(&ids, org.now()).await;
    assert!(matches!(read, Err(ConnectorError::Decode { .. })), "{read:?}");
    assert_eq!(
        connector.read(&ids, org.now()).await.expect("read").records.len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn r20_a_locked_record_is_tried_again() {
    let org = Org::empty();
    let draft = draft(&org).await;
    let connector = org.connector();
    connector.probe(org.now()).await.unwrap();
    org.faults(&[(CREATE, "error:UNABLE_TO_LOCK_ROW", 2)]);
    let outcomes = connector.create_tasks(&[draft], org.now()).await;
    assert!(
        matches!(outcomes.as_slice(), [CreateOutcome::Done(_)]),
        "{outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn r24_what_the_user_may_not_see_is_closed_alone_and_said() {
    let org = Org::with(|org| {
        org.hidden_objects.insert("Opportunity".to_owned());
        org.hidden_fields.insert("Task.TaskSubtype".to_owned());
        org.hidden_fields.insert("Task.Type".to_owned());
        org.hidden_fields.insert("Lead.Email".to_owned());
    });
    let connector = org.connector();
    let probe = connector.probe(org.now()).await.unwrap();
    for (stream, access) in &probe.streams {
        let is_closed = matches!(access, StreamAccess::Forbidden { .. });
        assert_eq!(
            is_closed,
            matches!(stream, Stream::Deals | Stream::Calls),
            "{stream}: {access:?}"
        );
        let answer = connector.pull(pull(&org, *stream, Lane::Backfill)).await;
        assert_eq!(
            matches!(answer, Err(ConnectorError::Forbidden { .. })),
            is_closed,
            "{stream}: {answer:?}"
        );
    }
    let hidden: Vec<&str> = probe
        .problems
        .iter()
        .filter(|problem| problem.code == "hidden_field")
        .map(|problem| problem.message.as_str())
        .collect();
    assert!(
        hidden.iter().any(|message| message.contains("Lead.Email")),
        "{hidden:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn r24_a_field_hidden_while_running_costs_one_look_and_no_stream() {
    let org = Org::empty();
    org.create(
        "Lead",
        json!({"LastName": "Prova", "Company": "Acme", "Phone": "+1 415 555 0100"}),
    )
    .await;
    let connector = org.connector();
    read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    org.change(|org| {
        org.hidden_fields.insert("Lead.Phone".to_owned());
    });
    let again = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    assert_eq!(again.records.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_org_without_a_known_word_for_given_up_is_told_which_command_drafts_its_mapping() {
    let org = Org::with(|org| {
        let word = |name: &str| followup_sandbox::StatusValue {
            name: name.to_owned(),
            is_final: false,
        };
        org.lead_statuses = vec![word("Nuovo"), word("Chiuso")];
    });
    let probe = org.connector().probe(org.now()).await.unwrap();
    let found = probe
        .problems
        .iter()
        .find(|problem| problem.code == "lead_status_words")
        .unwrap_or_else(|| panic!("{:?}", probe.problems));
    assert!(found.message.contains("Nuovo, Chiuso"), "{found:?}");
    let command = format!("`followupd discover {} --out FILE`", config().connection);
    assert!(found.fix.contains(&command), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn captured_mails_that_no_query_reaches_make_mail_unreadable() {
    let org = Org::with(|org| org.mail_capture = followup_sandbox::MailCapture::LegacyCapture);
    let connector = org.connector();
    let probe = connector.probe(org.now()).await.unwrap();
    let emails = probe.streams.iter().find(|(stream, _)| *stream == Stream::Emails);
    assert!(
        matches!(emails, Some((_, StreamAccess::Forbidden { .. }))),
        "{emails:?}"
    );
    assert!(
        probe
            .problems
            .iter()
            .any(|problem| problem.code == "mail_invisible"),
        "{:?}",
        probe.problems
    );
    let error = connector
        .pull(pull(&org, Stream::Emails, Lane::Backfill))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("Sync Email as Salesforce Activity"),
        "{error}"
    );
    // An admin who knows better says so.
    let text = include_str!("../../../../config/connectors/salesforce.toml")
        .replace("einstein_capture = \"auto\"", "einstein_capture = \"synced\"");
    let knowing = org.connector_with(SalesforceConfig {
        mapping: Mapping::from_toml(&text).unwrap(),
        ..config()
    });
    knowing
        .pull(pull(&org, Stream::Emails, Lane::Backfill))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn r18_pages_of_an_edge_and_cut_answers_are_tried_again() {
    for fault in [
        "html:502",
        "html:420",
        "status:503",
        "truncate:40",
        "close_before",
    ] {
        let org = Org::empty();
        org.create("Lead", json!({"LastName": "Prova", "Company": "Acme"}))
            .await;
        let connector = org.connector();
        connector.probe(org.now()).await.unwrap();
        org.faults(&[("GET /services/data/*/queryAll", fault, 2)]);
        let leads = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
        assert_eq!(leads.records.len(), 1, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_the_org_finds_too_large_is_halved() {
    let org = Org::empty();
    let connector = org.connector();
    let first = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        org.advance(SignedDuration::from_mins(30));
        ids.push(
            org.create("Lead", json!({"LastName": "Prova", "Company": "Acme"}))
                .await,
        );
    }
    org.faults(&[("GET /services/data/*/queryAll", "error:QUERY_TIMEOUT", 2)]);
    let hot = read(&connector, Stream::Leads, Lane::Hot, first.cursor, org.now()).await;
    assert_eq!(hot.ids(), ids);
}

#[tokio::test(start_paused = true)]
async fn a_version_the_org_does_not_list_is_said() {
    let org = Org::with(|org| org.newest_version = 60);
    let connector = org.connector();
    let error = connector.probe(org.now()).await.unwrap_err();
    let ConnectorError::Unauthorized { message, fix } = &error else {
        panic!("nothing can be done with such a version: {error}");
    };
    assert!(message.contains("64.0") && fix.contains("60.0"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_probe_knows_the_org_and_what_it_can_do() {
    let org = Org::empty();
    let probe = org.connector().probe(org.now()).await.unwrap();
    assert!(probe.account.starts_with("00D"), "{}", probe.account);
    assert!(probe.time_zone.is_some());
    assert!(probe.capabilities.contains(&Capability::WriteTasks));
    assert!(
        !probe.capabilities.contains(&Capability::MeetingOutcomes),
        "no outcome is recorded"
    );
    assert!(
        probe
            .streams
            .iter()
            .all(|(_, access)| *access == StreamAccess::Ok),
        "{:?}",
        probe.streams
    );
}
