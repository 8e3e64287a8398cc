//! Rows of failures others have met that are about any CRM, as they look in Zoho.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use followup_core::{
    Connector as _, ConnectorError, CreateOutcome, DraftLinks, Lane, OwnerId, PageEnd, PersonId, PullRequest,
    RecordKind, Stream, TaskDraft, TaskKey, TaskQuery,
};
use followup_sandbox::ZohoEdition;
use followup_testkit::{Wire, read};
use followup_transport::{
    Future, SendError, SendLimits, TokenMemory, TokenPair, TokenSource, TokenStore, Transport,
};
use followup_zoho::{Zoho, auth::tokens};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::support::{CREATE, Org, config, record, text, url};

type Bend = fn(&http::Request<Bytes>, usize, http::Response<Bytes>) -> http::Response<Bytes>;

/// The org as it is, but for one thing in some of its answers; and what does not come in time does not come.
struct Bent {
    wire: Wire,
    bend: Bend,
    /// Answers so far.
    count: Mutex<usize>,
}

impl Transport for Bent {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        let sent = request.clone();
        Box::pin(async move {
            let answer = tokio::time::timeout(limits.total, self.wire.send(request, limits)).await;
            let answer = answer.map_err(|_| SendError::maybe_sent("no answer in time"))??;
            let nth = {
                let mut count = self.count.lock().expect("no holder panicked");
                *count += 1;
                *count
            };
            Ok((self.bend)(&sent, nth, answer))
        })
    }
}

async fn bent(org: &Org, bend: Bend) -> Zoho {
    let wire = Bent {
        wire: org.wire.clone(),
        bend,
        count: Mutex::default(),
    };
    let access = org.sandbox.zoho_access();
    let source = tokens(
        &url("https://accounts.zoho.eu"),
        &access.client_id,
        SecretString::from(access.client_secret),
        SecretString::from(access.refresh_token),
        "log in again",
        Arc::new(TokenMemory::default()),
    );
    let connector = Org::connector_over(config(), source.expect("a usable login"), Arc::new(wire));
    connector.probe(org.now()).await.expect("a look around");
    connector
}

/// Nothing is bent.
fn straight(_: &http::Request<Bytes>, _: usize, answer: http::Response<Bytes>) -> http::Response<Bytes> {
    answer
}

fn pull(org: &Org, stream: Stream, lane: Lane) -> PullRequest {
    PullRequest {
        stream,
        lane,
        cursor: None,
        now: org.now(),
    }
}

/// An org whose tokens outlive the test.
async fn org() -> Org {
    Org::with(|org| org.token_minutes = u16::MAX).await
}

async fn contacts(org: &Org, count: usize) -> Vec<String> {
    let rows: Vec<Value> = (0..count)
        .map(|number| json!({"Last_Name": format!("Person {number}"), "Email": format!("p{number}@example.com")}))
        .collect();
    org.create_many("Contacts", &rows).await
}

async fn draft(org: &Org) -> TaskDraft {
    let owner = org.user().await;
    let person = org.contact(&owner).await;
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
async fn r4_what_queries_show_minutes_late_is_brought_by_the_next_pass() {
    let org = Org::with(|org| {
        org.token_minutes = u16::MAX;
        org.coql_lag_secs = 240;
    })
    .await;
    let old = contacts(&org, 3).await;
    org.advance(SignedDuration::from_mins(10));
    org.update("Contacts", &old[0], json!({"Last_Name": "Changed"}))
        .await;
    let fresh = contacts(&org, 2).await;
    let connector = org.connector();
    let first = read(&connector, Stream::Contacts, Lane::Backfill, None, org.now()).await;
    assert_eq!(first.ids().len(), old.len(), "the query is minutes behind");
    org.advance(SignedDuration::from_secs(30));
    let hot = read(&connector, Stream::Contacts, Lane::Hot, first.cursor, org.now()).await;
    for id in fresh.iter().chain([&old[0]]) {
        assert!(hot.ids().contains(id), "{id} is read by its change");
    }
}

#[tokio::test(start_paused = true)]
async fn r7_an_empty_answer_in_the_middle_of_a_walk_proves_nothing() {
    let org = org().await;
    let rows: Vec<Value> = (0..450)
        .map(|number| json!({"Last_Name": format!("Person {number}"), "Company": "Acme"}))
        .collect();
    org.create_many("Leads", &rows).await;
    // The second page of leads comes as "nothing there".
    let connector = bent(&org, |request, _, answer| {
        let query = request.uri().query().unwrap_or_default();
        if request.uri().path().ends_with("/Leads") && query.contains("page_token=") {
            let empty = http::Response::builder().status(204);
            return empty.body(Bytes::new()).expect("an empty answer");
        }
        answer
    })
    .await;
    for lane in [Lane::Sweep, Lane::Backfill] {
        let first = connector
            .pull(pull(&org, Stream::Leads, lane))
            .await
            .expect("a page");
        assert_eq!(first.end, PageEnd::More);
        let next = PullRequest {
            cursor: Some(first.cursor.clone()),
            ..pull(&org, Stream::Leads, lane)
        };
        let error = connector.pull(next).await.expect_err("more was promised");
        assert_ne!(error.code(), "forbidden", "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn r13_a_refused_refresh_token_is_looked_up_again_once_and_then_left_alone() {
    let org = org().await;
    let access = org.sandbox.zoho_access();
    let store = Arc::new(TokenMemory::default());
    let source = || {
        let configured = SecretString::from("1000.revoked".to_owned());
        let secret = SecretString::from(access.client_secret.clone());
        let accounts = url("https://accounts.zoho.eu");
        tokens(
            &accounts,
            &access.client_id,
            secret,
            configured,
            "log in again",
            store.clone(),
        )
    };
    let over = |source: TokenSource| Org::connector_over(config(), source, Arc::new(org.wire.clone()));
    let refused = over(source().expect("a usable login"));
    let reads = || refused.pull(pull(&org, Stream::Contacts, Lane::Backfill));
    assert_eq!(reads().await.expect_err("refused").code(), "unauthorized");
    org.wire.drain();
    let error = reads().await.expect_err("still refused");
    assert!(error.to_string().contains("log in again"), "{error}");
    assert!(org.wire.count("/oauth/v2/token") <= 1, "no loop");
    // A sibling (a new consent) has put a good one in place.
    let pair = TokenPair {
        access: SecretString::from("1000.ended".to_owned()),
        refresh: SecretString::from(access.refresh_token.clone()),
        issued_at: org.now() - SignedDuration::from_hours(2),
        expires_at: org.now() - SignedDuration::from_hours(1),
        base_url: Some(url(crate::support::API)),
        scopes: None,
    };
    store.store(pair).await.expect("kept");
    org.advance(SignedDuration::from_mins(3));
    let page = refused.pull(pull(&org, Stream::Contacts, Lane::Backfill)).await;
    page.expect("the newer token is taken over");
    let kept = store.load().await.expect("readable").expect("a pair");
    assert_eq!(kept.refresh.expose_secret(), access.refresh_token);
}

#[tokio::test(start_paused = true)]
async fn r17_a_neighbour_who_eats_the_credits_leaves_reads_none_and_writes_some() {
    let org = Org::limited(true, |org| {
        org.token_minutes = u16::MAX;
        org.edition = ZohoEdition::Free;
    })
    .await;
    let draft = draft(&org).await;
    let connector = org.connector();
    connector.probe(org.now()).await.expect("a look around");
    // Of 5,000 credits others leave some four hundred: less than a tenth.
    let spent = http::Request::post(format!("{}/_sandbox/neighbour", crate::support::API));
    let spent = spent.body(Bytes::from_static(br#"{"requests": 4550}"#));
    org.sandbox.zoho(spent.expect("a request of the test")).await;
    // The first answer tells; whatever reads after it waits.
    let mut refused = None;
    for stream in [Stream::Contacts, Stream::Leads, Stream::Deals, Stream::Calls] {
        if let Err(error) = connector.pull(pull(&org, stream, Lane::Hot)).await {
            refused = Some(error);
        }
    }
    assert!(
        matches!(refused, Some(ConnectorError::Throttled { .. })),
        "{refused:?}"
    );
    org.wire.drain();
    let outcome = connector
        .create_tasks(std::slice::from_ref(&draft), org.now())
        .await;
    assert!(
        matches!(outcome.as_slice(), [CreateOutcome::Done(_)]),
        "{outcome:?}"
    );
    let usage = connector.usage();
    assert!(usage.daily_others >= 4_000, "{usage:?}");
}

#[tokio::test(start_paused = true)]
async fn r22_a_lost_task_is_looked_up_without_the_search_index_whatever_lags() {
    for fields in [3, 2, 1, 0] {
        let org = Org::with(|org| {
            org.token_minutes = u16::MAX;
            org.search_lag_secs = 3_600;
            for field in &mut org.custom_fields {
                (field.is_external, field.is_unique) = (fields == 3, fields >= 2);
            }
            if fields == 0 {
                org.custom_fields.clear();
            }
            // A plain field is looked for by a query and in the record's own list, which lags never.
            org.coql_lag_secs = if fields == 1 { 240 } else { 0 };
        })
        .await;
        let draft = draft(&org).await;
        let connector = org.connector();
        connector.probe(org.now()).await.expect("a look around");
        org.faults(&[(CREATE, "close_after_commit", 1)]);
        let outcome = connector
            .create_tasks(std::slice::from_ref(&draft), org.now())
            .await;
        assert!(
            matches!(outcome.as_slice(), [CreateOutcome::Unknown { .. }]),
            "{outcome:?}"
        );
        org.wire.drain();
        let query = TaskQuery {
            key: draft.key.clone(),
            links: draft.links.clone(),
            sent_at: Some(org.now()),
        };
        let found = connector.find_tasks(&[query], org.now()).await.expect("a look");
        assert_eq!(found.len(), 1, "{fields}");
        assert!(
            org.wire.drain().iter().all(|line| !line.contains("/search")),
            "{fields}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn r25_a_row_with_a_broken_instant_or_type_is_set_aside_and_its_page_goes_on() {
    let org = org().await;
    let owner = org.user().await;
    for number in 0..3 {
        org.create(
            "Leads",
            json!({"Last_Name": format!("Person {number}"), "Company": "Acme", "Owner": {"id": owner}}),
        )
        .await;
    }
    let connector = bent(&org, |request, _, answer| {
        if !request.uri().path().ends_with("/Leads") {
            return answer;
        }
        let (mut parts, body) = answer.into_parts();
        let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(rows) = body.get_mut("data").and_then(Value::as_array_mut) {
            for row in rows {
                match row["Last_Name"].as_str() {
                    Some("Person 0") => row["Created_Time"] = json!("2021-02-10 21:38:58 or so"),
                    // Objects where texts should be, and keys nobody knows.
                    Some("Person 1") => {
                        row["Company"] = json!({"name": "Acme"});
                        row["$rubbish"] = json!([1, {"a": null}]);
                    }
                    _ => {}
                }
            }
        }
        parts.headers.remove(http::header::CONTENT_LENGTH);
        http::Response::from_parts(parts, Bytes::from(body.to_string()))
    })
    .await;
    let page = connector
        .pull(pull(&org, Stream::Leads, Lane::Backfill))
        .await
        .expect("a page");
    assert_eq!((page.records.len(), page.quarantined.len()), (2, 1), "{page:?}");
    assert!(page.quarantined[0].reason.contains("Created_Time"), "{page:?}");
}

#[tokio::test(start_paused = true)]
async fn r25_no_address_grows_past_what_servers_take() {
    let org = org().await;
    let ids = contacts(&org, 230).await;
    let connector = bent(&org, |request, _, answer| {
        assert!(request.uri().to_string().len() < 8_000, "{}", request.uri());
        answer
    })
    .await;
    let asked: Vec<_> = ids.iter().map(|id| record(RecordKind::Contact, id)).collect();
    let found = connector.read(&asked, org.now()).await.expect("read");
    assert_eq!(found.records.len(), ids.len());
}

#[tokio::test(start_paused = true)]
async fn r26_an_answer_of_zoho_that_does_not_come_is_given_up_and_asked_for_again() {
    let org = org().await;
    contacts(&org, 1).await;
    let connector = bent(&org, straight).await;
    org.faults(&[("POST /crm/v8/coql", "delay:30m", 1)]);
    let started = tokio::time::Instant::now();
    let page = connector
        .pull(pull(&org, Stream::Contacts, Lane::Backfill))
        .await
        .expect("the second answer");
    assert_eq!(page.records.len(), 1);
    assert!(started.elapsed().as_secs() < 180);
}

#[tokio::test(start_paused = true)]
async fn r27_no_token_of_zoho_shows_in_an_error_even_if_the_org_repeats_it() {
    let org = org().await;
    let draft = draft(&org).await;
    let connector = bent(&org, |request, _, answer| {
        let is_read = request.uri().path().contains("/crm/v8/Leads");
        let is_write = request.method() == http::Method::POST && request.uri().path().ends_with("/Tasks");
        if !(is_read || is_write) {
            return answer;
        }
        let sent = request
            .headers()
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        let body = json!({"code": "INVALID_DATA", "status": "error", "details": {},
            "message": format!("no such thing for {}", sent.unwrap_or_default())});
        let refused = http::Response::builder()
            .status(400)
            .header("content-type", "application/json");
        refused.body(Bytes::from(body.to_string())).expect("a refusal")
    })
    .await;
    let access = org.sandbox.zoho_access();
    let error = connector
        .pull(pull(&org, Stream::Leads, Lane::Hot))
        .await
        .expect_err("refused");
    let outcome = connector.create_tasks(&[draft], org.now()).await;
    for told in [format!("{error} {error:?}"), format!("{outcome:?}")] {
        assert!(!told.contains("1000."), "{told}");
        for secret in [&access.client_secret, &access.refresh_token] {
            assert!(!told.contains(secret.as_str()), "{told}");
        }
    }
    assert_eq!(text(&json!({"told": error.code()}), "told"), "refused", "{error}");
}
