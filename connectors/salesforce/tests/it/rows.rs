//! Rows of failures others have met that are about any CRM, as they look in Salesforce; and what a user may not see.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use followup_core::{
    Connector as _, ConnectorError, CreateOutcome, DraftLinks, Lane, OwnerId, PersonId, PullRequest,
    RecordKind, Stream, StreamAccess, TaskDraft, TaskKey, TaskQuery,
};
use followup_salesforce::{Mapping, SalesforceConfig};
use followup_transport::{Future, SendError, SendLimits, TokenSource, Transport};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    logins::{self, Memory, reads, source, token_calls, web_server},
    support::{CREATE, Org, Wire, config, read, record},
};

const TOKEN: &str = "POST /services/oauth2/token";
const QUERY: &str = "GET /services/data/*/queryAll";

/// The org as it is, but for one thing in some of its answers.
struct Bent {
    wire: Wire,
    bend: fn(&str, &mut Value),
}

impl Transport for Bent {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let answer = self.wire.send(request, limits);
        Box::pin(async move {
            let (mut parts, body) = answer.await?.into_parts();
            let body = match serde_json::from_slice(&body) {
                Ok(mut json) => {
                    (self.bend)(&query, &mut json);
                    parts.headers.remove(http::header::CONTENT_LENGTH);
                    Bytes::from(json.to_string())
                }
                Err(_) => body,
            };
            Ok(http::Response::from_parts(parts, body))
        })
    }
}

fn bent(org: &Org, bend: fn(&str, &mut Value)) -> followup_salesforce::Salesforce {
    let token = org.sandbox.salesforce_access().access_token;
    let wire = Bent {
        wire: org.wire.clone(),
        bend,
    };
    Org::connector_over(config(), TokenSource::fixed(&token), Arc::new(wire))
}

fn leads(org: &Org, lane: Lane) -> PullRequest {
    PullRequest {
        stream: Stream::Leads,
        lane,
        cursor: None,
        now: org.now(),
    }
}

async fn draft(org: &Org) -> TaskDraft {
    let owner = org.user().await;
    let person = org
        .create("Contact", json!({"LastName": "Prova", "OwnerId": owner}))
        .await;
    TaskDraft {
        key: TaskKey("k1".to_owned()),
        owner: OwnerId(record(RecordKind::Owner, &owner)),
        links: DraftLinks {
            people: vec![PersonId(record(RecordKind::Contact, &person))],
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
async fn r15_a_token_endpoint_in_trouble_is_asked_again_and_believed_only_with_a_token() {
    for kind in ["html:503", "status:500", "truncate:20", "ok_with_error"] {
        let org = Org::empty();
        let store = Arc::new(Memory::default());
        let connector = logins::connector(&org, source(&org, web_server(&org), &store));
        org.faults(&[(TOKEN, kind, 1)]);
        let first = reads(&org, &connector).await;
        if let Err(error) = first {
            assert!(
                matches!(
                    error,
                    ConnectorError::Transport { .. } | ConnectorError::Unauthorized { .. }
                ),
                "{kind}: {error}"
            );
            assert_eq!(
                store.stored.load(Ordering::SeqCst),
                0,
                "{kind}: nothing was a token"
            );
        }
        org.faults(&[]);
    }
    // Twenty restarts go on with the token that was kept.
    let org = Org::empty();
    let store = Arc::new(Memory::default());
    for _ in 0..20 {
        let connector = logins::connector(&org, source(&org, web_server(&org), &store));
        reads(&org, &connector).await.expect("a readable stream");
    }
    assert_eq!(token_calls(&org), 1);
}

#[tokio::test(start_paused = true)]
async fn r16_too_many_calls_at_once_are_waited_out_by_everybody_although_no_header_says_how_long() {
    let org = Org::empty();
    let connector = Arc::new(org.connector());
    connector.pull(leads(&org, Lane::Backfill)).await.expect("leads");
    org.faults(&[(QUERY, "throttle:concurrent", 1)]);
    let started = tokio::time::Instant::now();
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (org, connector) = (org.clone(), Arc::clone(&connector));
        reads.spawn(async move { connector.pull(leads(&org, Lane::Backfill)).await.is_ok() });
    }
    assert!(reads.join_all().await.into_iter().all(|is_ok| is_ok));
    assert_eq!(connector.usage().throttled, 1, "one refusal is enough for all");
    assert!(started.elapsed().as_secs() >= 5, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn r22_a_lost_task_is_looked_up_in_the_database_with_and_without_the_key_field() {
    for has_field in [true, false] {
        let org = Org::with(|org| {
            if !has_field {
                org.custom_fields.clear();
            }
        });
        let connector = org.connector();
        let draft = draft(&org).await;
        org.faults(&[(CREATE, "close_after_commit", 1)]);
        let outcomes = connector
            .create_tasks(std::slice::from_ref(&draft), org.now())
            .await;
        assert!(
            matches!(outcomes.as_slice(), [CreateOutcome::Unknown { .. }]),
            "{outcomes:?}"
        );
        org.wire.drain();
        let query = TaskQuery {
            key: draft.key.clone(),
            links: draft.links.clone(),
            sent_at: Some(org.now()),
        };
        let found = connector
            .find_tasks(&[query], org.now())
            .await
            .expect("an answer");
        assert_eq!(found.len(), 1, "at once");
        let asked = org.wire.drain();
        assert!(asked.iter().all(|line| !line.contains("/search")), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn r25_an_address_that_is_too_long_goes_in_a_body() {
    let org = Org::with(|org| org.uri_bytes_max = 300);
    let id = org
        .create("Lead", json!({"LastName": "Prova", "Company": "Acme"}))
        .await;
    org.wire.drain();
    let found = read(&org.connector(), Stream::Leads, Lane::Sweep, None, org.now()).await;
    assert_eq!(found.ids(), [id]);
    let asked = org.wire.drain();
    assert!(
        asked
            .iter()
            .any(|line| line.starts_with("POST") && line.ends_with("/composite")),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn r25_a_row_with_a_broken_instant_is_set_aside_and_its_page_goes_on() {
    let org = Org::empty();
    let rows: Vec<Value> = (0..3)
        .map(|number| json!({"LastName": format!("Prova {number}"), "Company": "Acme"}))
        .collect();
    let ids = org.create_many("Lead", &rows).await;
    let connector = bent(&org, |query, answer| {
        if query.contains("Lead") && answer["records"][1]["CreatedDate"].is_string() {
            answer["records"][1]["CreatedDate"] = json!("2021-02-10 21:38:58");
        }
    });
    let found = read(&connector, Stream::Leads, Lane::Sweep, None, org.now()).await;
    assert_eq!((found.ids().len(), found.quarantined), (2, 1));
    assert_eq!(found.seen.len(), ids.len(), "set aside is not gone");
}

#[tokio::test(start_paused = true)]
async fn r26_an_answer_of_the_org_that_does_not_come_is_given_up_and_asked_for_again() {
    let org = Org::empty();
    org.create("Lead", json!({"LastName": "Prova", "Company": "Acme"}))
        .await;
    let connector = org.connector();
    connector.pull(leads(&org, Lane::Sweep)).await.expect("leads");
    org.faults(&[(QUERY, "delay:30m", 1)]);
    let started = tokio::time::Instant::now();
    let page = connector.pull(leads(&org, Lane::Sweep)).await.expect("leads");
    assert_eq!(page.records.len(), 1);
    assert!(started.elapsed().as_secs() < 180, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn r27_no_secret_of_a_login_shows_in_an_error_even_if_the_org_repeats_it() {
    let org = Org::empty();
    let access = org.sandbox.salesforce_access();
    let wrong = "5Aep861-planted-refresh-token";
    let flow = followup_salesforce::auth::Flow::WebServer {
        client_secret: Some(secrecy::SecretString::from(access.client_secret.clone())),
        refresh_token: secrecy::SecretString::from(wrong.to_owned()),
    };
    let store = Arc::new(Memory::default());
    let connector = logins::connector(&org, source(&org, flow, &store));
    let error = reads(&org, &connector).await.expect_err("a wrong token");
    let told = format!("{error} {error:?}");
    assert!(
        !told.contains(wrong) && !told.contains(&access.client_secret),
        "{told}"
    );
    let connector = bent(&org, |_, answer| {
        let said = "no access for Bearer 00D000-planted!session of ana@example.com";
        *answer = json!({"totalSize": "00D000-planted!session", "done": said});
    });
    let error = connector
        .pull(leads(&org, Lane::Sweep))
        .await
        .expect_err("no page");
    let told = format!("{error} {error:?}");
    assert!(!told.contains("planted") && !told.contains("ana@"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn of_an_object_the_login_does_not_see_nothing_is_told() {
    let org = Org::with(|org| {
        org.hidden_objects.insert("Lead".to_owned());
    });
    let asked = [
        record(RecordKind::Lead, "00Q000000000001AAA"),
        record(RecordKind::Contact, "003000000000001AAA"),
        record(RecordKind::Note, "002000000000001AAA"),
    ];
    let reread = org.connector().read(&asked, org.now()).await.expect("read");
    assert_eq!(reread.unread, [asked[0].clone(), asked[2].clone()]);
    assert_eq!(
        reread.missing(&asked),
        [&asked[1]],
        "the contact is not there any more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_not_shown_any_more_is_not_gone_where_not_everything_is_shown() {
    let org = Org::empty();
    let asked = [record(RecordKind::Lead, "00Q000000000001AAA")];
    let connector = org.connector();
    let reread = connector.read(&asked, org.now()).await.expect("read");
    assert_eq!(reread.missing(&asked), [&asked[0]], "everything is shown");
    org.change(|org| org.view_all_data = false);
    let reread = connector.read(&asked, org.now()).await.expect("read");
    assert_eq!(reread.unread, asked, "the right was taken away a moment ago");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_see_everybodys_records_concludes_nothing_from_their_absence() {
    let org = Org::with(|org| org.view_all_data = false);
    let connector = org.connector();
    let probe = connector.probe(org.now()).await.expect("a probe");
    for (stream, access) in &probe.streams {
        let is_activity = stream.activity_kind().is_some();
        assert_eq!(*access == StreamAccess::Ok, !is_activity, "{stream}: {access:?}");
    }
    let told = probe
        .problems
        .iter()
        .find(|problem| problem.code == "records_invisible")
        .expect("it is told");
    assert!(
        told.fix.contains("View All Data") && told.fix.contains("sees_all_records"),
        "{told:?}"
    );
    let calls = PullRequest {
        stream: Stream::Calls,
        ..leads(&org, Lane::Backfill)
    };
    let error = connector.pull(calls).await.expect_err("closed");
    assert!(matches!(error, ConnectorError::Forbidden { .. }), "{error}");
    // Given the right, the streams open; and an admin who knows better is believed.
    org.change(|org| org.view_all_data = true);
    let probe = connector.probe(org.now()).await.expect("a probe");
    assert!(
        probe
            .streams
            .iter()
            .all(|(_, access)| *access == StreamAccess::Ok)
    );
    org.change(|org| org.view_all_data = false);
    let text = include_str!("../../../../config/connectors/salesforce.toml");
    let mapping =
        Mapping::from_toml(&text.replace("sees_all_records = \"auto\"", "sees_all_records = \"yes\""));
    let connector = org.connector_with(SalesforceConfig {
        mapping: mapping.expect("a mapping"),
        ..config()
    });
    let probe = connector.probe(org.now()).await.expect("a probe");
    assert!(
        probe
            .streams
            .iter()
            .all(|(_, access)| *access == StreamAccess::Ok)
    );
}

#[tokio::test(start_paused = true)]
async fn the_allowance_is_that_of_the_last_24_hours_and_a_restart_does_not_give_it_anew() {
    let org = Org::empty();
    let connector = org.connector();
    connector.pull(leads(&org, Lane::Backfill)).await.expect("leads");
    let spent = connector.quota().expect("something was sent");
    assert!(spent.used > 0);
    let again = org.connector();
    again.restore_quota(&spent);
    org.advance(SignedDuration::from_hours(23));
    again.pull(leads(&org, Lane::Backfill)).await.expect("leads");
    assert!(
        again.usage().daily_used > spent.used,
        "midnight passed, and it still counts"
    );
    org.advance(SignedDuration::from_hours(3));
    again.pull(leads(&org, Lane::Backfill)).await.expect("leads");
    assert!(
        again.usage().daily_used < 2 * spent.used + 2,
        "what was spent a day ago came free"
    );
}

#[tokio::test(start_paused = true)]
async fn a_public_client_renews_its_session_without_a_secret() {
    let org = Org::empty();
    let flow = followup_salesforce::auth::Flow::WebServer {
        client_secret: None,
        refresh_token: secrecy::SecretString::from(org.sandbox.salesforce_access().refresh_token),
    };
    let store = Arc::new(Memory::default());
    let connector = logins::connector(&org, source(&org, flow, &store));
    reads(&org, &connector).await.expect("a session");
    org.advance(SignedDuration::from_hours(3));
    reads(&org, &connector).await.expect("another session");
    assert_eq!(store.stored.load(Ordering::SeqCst), 2);
}
