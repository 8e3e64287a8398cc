//! What a call survives, what it repeats, and what it never repeats.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use http::Method;
use serde::Deserialize;

use super::*;
use crate::{
    budget::{BudgetLimits, Priority},
    guard::AllowList,
    send::{Future, Reached, Transport},
    vendor::{HiddenError, Limit, Verdict},
};

const TOKEN: &str = "planted-access-token";

#[derive(Clone, Copy)]
enum Step {
    Json(u16, &'static str),
    Html(u16),
    Lost(Reached),
}

struct Script {
    steps: Vec<Step>,
    seen: AtomicUsize,
}

impl Transport for Script {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        let turn = self.seen.fetch_add(1, Ordering::SeqCst).min(self.steps.len() - 1);
        let step = self.steps[turn];
        Box::pin(async move {
            let (status, kind, body) = match step {
                Step::Json(status, body) => (status, "application/json", body),
                Step::Html(status) => (status, "text/html", "<html>bad gateway</html>"),
                Step::Lost(reached) => {
                    return Err(SendError {
                        reached,
                        message: "connection closed".to_owned(),
                    });
                }
            };
            let answer = http::Response::builder()
                .status(status)
                .header("content-type", kind)
                .body(Bytes::from_static(body.as_bytes()));
            Ok(answer.unwrap())
        })
    }
}

struct PlainVendor;

impl Vendor for PlainVendor {
    fn rate_view(&self, _: &HeaderMap) -> RateView {
        RateView::default()
    }

    fn classify(&self, failure: &Failure<'_>) -> Verdict {
        let message = failure
            .json
            .and_then(|json| json["message"].as_str())
            .unwrap_or("no reason")
            .to_owned();
        match failure.status.as_u16() {
            401 => Verdict::Unauthorized {
                message,
                fix: "replace the token".to_owned(),
            },
            403 => Verdict::Forbidden {
                missing: "a.scope".to_owned(),
                fix: "grant it".to_owned(),
            },
            404 => Verdict::NotFound,
            423 => Verdict::Busy {
                message,
                wait: Duration::from_secs(2),
            },
            429 => Verdict::Throttled {
                limit: Limit::Burst,
                wait: None,
                policy: "ten seconds".to_owned(),
            },
            400..=499 => Verdict::Refused { message },
            _ => Verdict::Broken { message },
        }
    }

    fn hidden_error(&self, body: &Value) -> Option<HiddenError> {
        let meant = body
            .get("oops")?
            .as_u64()
            .and_then(|code| u16::try_from(code).ok())?;
        Some(HiddenError {
            meant: StatusCode::from_u16(meant).ok()?,
            name: "OOPS".to_owned(),
            message: body["message"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

#[derive(Debug, Deserialize)]
struct Shape {
    id: String,
}

fn client(steps: &[Step]) -> (Client, Arc<Script>) {
    let script = Arc::new(Script {
        steps: steps.to_vec(),
        seen: AtomicUsize::new(0),
    });
    let base_url = Url::parse("https://api.example.com").unwrap();
    let allowed = AllowList::new()
        .allow(Method::POST, "/tasks")
        .allow(Method::POST, "/search");
    let client = Client::new(ClientParts {
        wire: Guarded::new(script.clone(), allowed, std::slice::from_ref(&base_url)).unwrap(),
        tokens: TokenSource::fixed(&format!("{TOKEN}\n")),
        budget: Arc::new(Budget::new(&BudgetLimits {
            burst_max: 1_000,
            burst_window: Duration::from_secs(10),
            burst_share: 50,
            search_max: 5,
            search_per_second: 1,
            search_burst: 4,
            daily_max: 100_000,
            api_share: 10,
            wait_max: Duration::from_mins(2),
        })),
        vendor: Arc::new(PlainVendor),
        base_url,
        limits: SendLimits::default(),
        seed: 1,
    });
    (client, script)
}

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn read() -> Call {
    Call::get("/record", Priority::Hot, "read records")
}

fn write() -> Call {
    Call::write(
        Method::POST,
        "/tasks",
        Some(serde_json::json!({"secret": TOKEN})),
        "create tasks",
    )
}

async fn ask(steps: &[Step], call: Call) -> (Result<Shape, CallError>, usize) {
    let (client, script) = client(steps);
    let result = client.call::<Shape>(&call, now()).await.map(|answer| answer.body);
    (result, script.seen.load(Ordering::SeqCst))
}

const GOOD: Step = Step::Json(200, r#"{"id":"7"}"#);

#[tokio::test(start_paused = true)]
async fn a_read_survives_server_errors_html_lost_answers_and_cut_bodies() {
    for fault in [
        Step::Json(500, "{}"),
        Step::Json(524, ""),
        Step::Html(200),
        Step::Html(502),
        Step::Lost(Reached::MaybeSent),
        Step::Lost(Reached::NotSent),
        Step::Json(200, r#"{"id":"#),
        Step::Json(200, r#"{"id":"7"} x"#),
        Step::Json(423, "{}"),
        Step::Json(429, "{}"),
    ] {
        let (result, seen) = ask(&[fault, fault, GOOD], read()).await;
        assert_eq!(result.unwrap().id, "7");
        assert_eq!(seen, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn r19_a_body_cut_at_any_byte_is_never_taken_for_a_page() {
    let whole = r#"{"id":"7"}"#;
    for end in 0..whole.len() {
        let (result, seen) = ask(&[Step::Json(200, &whole[..end]), GOOD], read()).await;
        // An empty body is a document of its own (`null`) and of the wrong shape.
        if end == 0 {
            assert_eq!(result.unwrap_err().cause, Cause::Decode);
        } else {
            assert_eq!((result.unwrap().id.as_str(), seen), ("7", 2), "cut at {end}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r21_a_write_is_not_repeated_once_it_can_have_had_an_effect() {
    for fault in [
        Step::Json(500, "{}"),
        Step::Json(502, "{}"),
        Step::Html(504),
        Step::Html(201),
        Step::Lost(Reached::MaybeSent),
        Step::Json(201, r#"{"id":"#),
    ] {
        let (result, seen) = ask(&[fault, GOOD], write()).await;
        assert_eq!(result.unwrap_err().effect, Effect::Maybe);
        assert_eq!(seen, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_certainly_had_no_effect_is_tried_again() {
    for fault in [
        Step::Lost(Reached::NotSent),
        Step::Json(429, "{}"),
        Step::Json(423, "{}"),
    ] {
        let (result, seen) = ask(&[fault, GOOD], write()).await;
        assert_eq!(result.unwrap().id, "7");
        assert_eq!(seen, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn tries_are_counted_and_the_last_cause_is_told() {
    let (result, seen) = ask(&[Step::Html(502)], read()).await;
    let error = result.unwrap_err();
    assert_eq!(
        (seen, error.status, error.cause),
        (4, Some(502), Cause::Transport)
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_are_not_repeated_and_say_what_they_are() {
    for (status, expected) in [
        (400, Cause::Refused),
        (404, Cause::NotFound),
        (
            401,
            Cause::Unauthorized {
                fix: "replace the token".to_owned(),
            },
        ),
        (
            403,
            Cause::Forbidden {
                missing: "a.scope".to_owned(),
                fix: "grant it".to_owned(),
            },
        ),
    ] {
        let (result, seen) = ask(&[Step::Json(status, "{}")], write()).await;
        let error = result.unwrap_err();
        assert_eq!((seen, error.effect), (1, Effect::None));
        assert_eq!(error.cause, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unlisted_write_is_refused_before_the_wire_and_known_to_be_unsent() {
    let (client, script) = client(&[GOOD]);
    let call = Call::write(Method::POST, "/contacts", None, "create contacts");
    let error = client.call::<Shape>(&call, now()).await.unwrap_err();
    assert_eq!(error.effect, Effect::None);
    assert_eq!(script.seen.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn r27_no_token_shows_in_errors_even_if_the_server_repeats_it() {
    let steps = [Step::Json(
        400,
        r#"{"message":"bad token planted-access-token of ana@example.com"}"#,
    )];
    let (client, _) = client(&steps);
    let error = client.call::<Shape>(&write(), now()).await.unwrap_err();
    let shown = format!(
        "{error} {client:?} {}",
        followup_core::ConnectorError::from(error.clone())
    );
    assert!(!shown.contains("planted") && !shown.contains("ana@"), "{shown}");
    assert!(shown.contains("[secret]"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_shape_names_the_path_and_is_not_asked_for_again() {
    let (result, seen) = ask(&[Step::Json(200, r#"{"id":7}"#)], read()).await;
    let error = result.unwrap_err();
    assert_eq!((seen, error.cause), (1, Cause::Decode));
    assert!(error.message.contains("id"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn retries_stay_within_their_budget_and_a_failing_class_is_left_alone() {
    let (client, script) = client(&[Step::Json(503, "{}")]);
    let mut errors = Vec::new();
    for _ in 0..20 {
        errors.push(client.call::<Shape>(&read(), now()).await.unwrap_err());
    }
    let sent = script.seen.load(Ordering::SeqCst);
    assert!(
        (5..=20).contains(&sent),
        "five calls and at most a dozen retries, not eighty: {sent}"
    );
    let Cause::Throttled { until, .. } = &errors[19].cause else {
        panic!("a class that keeps failing is left alone: {:?}", errors[19]);
    };
    assert_eq!(errors[19].effect, Effect::None);
    client.call::<Shape>(&read(), *until).await.unwrap_err();
    assert_eq!(script.seen.load(Ordering::SeqCst) - sent, 1, "one call tries");
    assert_eq!(client.usage().throttled, 0, "nobody asked us to slow down");
}

#[tokio::test(start_paused = true)]
async fn an_error_dressed_as_a_success_counts_as_what_it_says() {
    const GONE: Step = Step::Json(200, r#"{"oops":404,"message":"no such record"}"#);
    const BROKEN: Step = Step::Json(200, r#"{"oops":500,"message":"it broke"}"#);
    let (client, script) = client(&[GONE]);
    let error = client.call::<Shape>(&read(), now()).await.unwrap_err();
    assert_eq!(
        (error.cause, script.seen.load(Ordering::SeqCst)),
        (Cause::NotFound, 1)
    );
    let (client, script) = self::client(&[BROKEN, Step::Json(200, r#"{"id":"7"}"#)]);
    assert_eq!(client.call::<Shape>(&read(), now()).await.unwrap().body.id, "7");
    assert_eq!(script.seen.load(Ordering::SeqCst), 2, "a read is tried again");
    let (client, _) = self::client(&[BROKEN]);
    let error = client.call::<Value>(&read(), now()).await.unwrap_err();
    assert_eq!(error.cause, Cause::Transport);
    assert_eq!(error.message, "the CRM answered 200 with error OOPS: it broke");
    let (client, script) = self::client(&[GONE]);
    let write = Call::write(Method::POST, "/tasks", None, "create tasks");
    let error = client.call::<Value>(&write, now()).await.unwrap_err();
    assert_eq!(
        (error.cause, error.effect, script.seen.load(Ordering::SeqCst)),
        (Cause::Decode, Effect::Maybe, 1),
        "nobody knows what a write did"
    );
}
