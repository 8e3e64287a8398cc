//! What an answer to a write means: a right that is missing, a conflict, a size, and errors inside a success.

use followup_core::{
    Closing, Connector, CreateOutcome, Lane, PullRequest, Stream, TaskChange, TaskDraft, WriteOutcome,
};
use followup_testkit::{
    Fixture, Scene, Switches,
    contract::{change, draft},
};
use serde_json::{Value, json};

use crate::support::{connector, connector_altered, fixture};

fn drafts(fixture: &Fixture, count: usize) -> Vec<TaskDraft> {
    (0..count)
        .map(|number| draft(fixture, &format!("k{number}")))
        .collect()
}

/// Creates `count` tasks while every creation meets this trouble `times` times (0 = always); answers the outcomes and the
/// number of requests it took.
async fn creations(kind: &str, times: u32, count: usize) -> (Vec<CreateOutcome>, u64) {
    let fixture = fixture(Switches::default()).await;
    let now = fixture.scene.now();
    fixture.connector.probe(now).await.expect("a readable CRM");
    fixture.scene.faults(&[(fixture.create_pattern, kind, times)]);
    let before = fixture.connector.usage().requests;
    let outcomes = fixture
        .connector
        .create_tasks(&drafts(&fixture, count), now)
        .await;
    (outcomes, fixture.connector.usage().requests - before)
}

#[tokio::test(start_paused = true)]
async fn a_login_that_may_not_create_is_told_with_the_step_that_mends_it_and_asked_once() {
    for (kind, step) in [
        ("forbid", "crm.objects.contacts.write"),
        ("status:403", "ask a HubSpot super admin"),
        ("status:401", "access_token_file"),
    ] {
        let (outcomes, requests) = creations(kind, 0, 130).await;
        assert_eq!(outcomes.len(), 130);
        for outcome in outcomes {
            let CreateOutcome::NotAllowed { reason } = outcome else {
                panic!("{kind}: {outcome:?}");
            };
            assert!(
                reason.contains("Fix: ") && reason.contains(step),
                "{kind}: {reason}"
            );
        }
        assert_eq!(requests, 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_may_not_change_is_told_with_the_step_that_mends_it_and_asked_once() {
    let fixture = fixture(Switches::default()).await;
    let now = fixture.scene.now();
    let mut changes = Vec::new();
    for outcome in fixture.connector.create_tasks(&drafts(&fixture, 3), now).await {
        let CreateOutcome::Done(task) = outcome else {
            panic!("a plain draft is created: {outcome:?}");
        };
        changes.push(TaskChange {
            closing: Some(Closing::Complete),
            ..change(&task)
        });
    }
    fixture.scene.faults(&[("PATCH /crm/*", "forbid", 0)]);
    let before = fixture.connector.usage().requests;
    for outcome in fixture.connector.amend_tasks(&changes, now).await {
        let WriteOutcome::NotAllowed { reason } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(reason.contains("Fix: add the scope"), "{reason}");
    }
    // The first task as it stands, its links, and the one refused write.
    assert!(fixture.connector.usage().requests - before <= 4);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_path_or_a_url_too_long_is_no_refusal_of_any_task() {
    for kind in ["status:404", "html:404", "status:414", "status:405"] {
        let (outcomes, requests) = creations(kind, 0, 8).await;
        for outcome in outcomes {
            assert!(
                matches!(outcome, CreateOutcome::NotSent { .. }),
                "{kind}: {outcome:?}"
            );
        }
        assert_eq!(requests, 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large_is_split_and_a_task_too_large_is_not_sent() {
    let (outcomes, _) = creations("status:413", 2, 8).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, CreateOutcome::Done(_))),
        "{outcomes:?}"
    );
    let (outcomes, _) = creations("status:413", 0, 3).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, CreateOutcome::NotSent { .. })),
        "{outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_conflict_of_the_whole_request_is_looked_up_by_key() {
    let fixture = fixture(Switches::default()).await;
    let now = fixture.scene.now();
    let drafts = drafts(&fixture, 2);
    let there = fixture.connector.create_tasks(&drafts[..1], now).await;
    assert!(matches!(there[..], [CreateOutcome::Done(_)]), "{there:?}");
    fixture.scene.faults(&[(fixture.create_pattern, "status:409", 0)]);
    let outcomes = fixture.connector.create_tasks(&drafts, now).await;
    let [
        CreateOutcome::AlreadyThere(Some(found)),
        CreateOutcome::Rejected { .. },
    ] = &outcomes[..]
    else {
        panic!("the one that is there is found, the other refused: {outcomes:?}");
    };
    assert_eq!(found.key.as_ref(), Some(&drafts[0].key));
}

#[tokio::test(start_paused = true)]
async fn an_error_item_means_what_its_category_says() {
    fn alter(what: &str, answer: &mut Value) {
        if !what.ends_with("/tasks/batch/create") {
            return;
        }
        let error = |key: &str, category: &str, message: &str| {
            json!({"status": "error", "category": category, "message": message,
                "context": {"objectWriteTraceId": [key]}})
        };
        *answer = json!({"status": "COMPLETE", "results": [], "errors": [
            error("k0", "MISSING_SCOPES", "This app hasn't been granted all required scopes"),
            error("k1", "RATE_LIMITS", "You have reached your secondly limit."),
            error("k2", "INTERNAL_ERROR", "internal error"),
            error("k3", "VALIDATION_ERROR", "Property values were not valid"),
            error("k4", "OBJECT_ALREADY_EXISTS", "it exists"),
        ]});
    }
    let fixture = fixture(Switches::default()).await;
    let connector = connector_altered(&fixture.scene, alter);
    let outcomes = connector
        .create_tasks(&drafts(&fixture, 5), fixture.scene.now())
        .await;
    assert!(
        matches!(
            outcomes[..],
            [
                CreateOutcome::NotAllowed { .. },
                CreateOutcome::NotSent { .. },
                CreateOutcome::Unknown { .. },
                CreateOutcome::Rejected { .. },
                // The portal of this test did create it: a look by key brings it.
                CreateOutcome::AlreadyThere(Some(_)),
            ]
        ),
        "{outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_200_with_an_error_in_it_is_told_by_its_category() {
    let scene = Scene::empty(Switches::default());
    let request = || PullRequest {
        stream: Stream::Deals,
        lane: Lane::Backfill,
        cursor: None,
        now: scene.now(),
    };
    scene.faults(&[("GET /crm/objects", "ok_with_error", 0)]);
    let error = connector(&scene).pull(request()).await.unwrap_err();
    let told = "the CRM answered 200 with error INTERNAL_ERROR: internal error";
    assert!(
        error.code() == "transport" && error.to_string().contains(told),
        "{error}"
    );
    scene.faults(&[("GET /crm/objects", "ok_with_error", 1)]);
    connector(&scene).pull(request()).await.unwrap();
    scene.faults(&[]);
    let refused = connector_altered(&scene, |what, answer| {
        if what.starts_with("GET /crm/objects") {
            *answer =
                json!({"status": "error", "category": "INVALID_AUTHENTICATION", "message": "no such token"});
        }
    });
    assert_eq!(refused.pull(request()).await.unwrap_err().code(), "unauthorized");
}
