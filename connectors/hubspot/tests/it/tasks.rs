//! Writing tasks: partial failures, conflicts, lost answers, humans.

use followup_core::{
    Capability, Closing, Connector, CreateOutcome, OwnerId, RecordKind, Stream, TaskChange, TaskDraft,
    TaskOrigin, TaskQuery, TaskStatus, WriteOutcome,
};
use followup_core::{Lane, Record};
use followup_testkit::{
    Switches,
    contract::{change, draft, read_lane},
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{connector, fixture, record};

async fn one(connector: &dyn Connector, draft: &TaskDraft, now: jiff::Timestamp) -> CreateOutcome {
    connector
        .create_tasks(std::slice::from_ref(draft), now)
        .await
        .swap_remove(0)
}

#[tokio::test(start_paused = true)]
async fn r20_one_bad_draft_does_not_fail_the_others_with_and_without_partial_answers() {
    for multi_status_on_dated_paths in [true, false] {
        let fixture = fixture(Switches {
            multi_status_on_dated_paths,
            ..Switches::default()
        })
        .await;
        let mut drafts: Vec<TaskDraft> = (0..7)
            .map(|number| draft(&fixture, &format!("k{number}")))
            .collect();
        drafts[4].owner = OwnerId(record(RecordKind::Owner, "999999"));
        let outcomes = fixture.connector.create_tasks(&drafts, fixture.scene.now()).await;
        for (place, outcome) in outcomes.iter().enumerate() {
            match outcome {
                CreateOutcome::Rejected { reason } if place == 4 => {
                    assert!(reason.contains("999999"), "{reason}");
                }
                CreateOutcome::Done(task) if place != 4 => {
                    assert_eq!(task.key.as_ref(), Some(&drafts[place].key));
                }
                other => panic!("{place}: {other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_taken_is_already_there_and_is_left_alone() {
    for multi_status_on_dated_paths in [true, false] {
        let fixture = fixture(Switches {
            multi_status_on_dated_paths,
            ..Switches::default()
        })
        .await;
        let now = fixture.scene.now();
        let draft = draft(&fixture, "k1");
        let CreateOutcome::Done(first) = one(&*fixture.connector, &draft, now).await else {
            panic!("the first creation succeeds");
        };
        let second = TaskDraft {
            subject: "Follow up: another text".to_owned(),
            ..draft
        };
        let CreateOutcome::AlreadyThere(Some(found)) = one(&*fixture.connector, &second, now).await else {
            panic!("the second creation finds the first");
        };
        assert_eq!(found.id, first.id);
        assert_eq!(found.fields, first.fields);
    }
}

#[tokio::test(start_paused = true)]
async fn r21_lost_and_garbled_answers_to_a_creation_are_unknown_and_leave_exactly_one_task() {
    for kind in ["close_after_commit", "truncate:20"] {
        let fixture = fixture(Switches::default()).await;
        let now = fixture.scene.now();
        let draft = draft(&fixture, "k1");
        fixture.connector.probe(now).await.unwrap();
        fixture.scene.faults(&[(fixture.create_pattern, kind, 1)]);
        let outcome = one(&*fixture.connector, &draft, now).await;
        assert!(
            matches!(outcome, CreateOutcome::Unknown { .. }),
            "{kind}: {outcome:?}"
        );
        // The look the caller owes, and a creation that ignores it: still one task.
        let outcome = one(&*fixture.connector, &draft, now).await;
        assert!(
            matches!(outcome, CreateOutcome::AlreadyThere(Some(_))),
            "{kind}: {outcome:?}"
        );
        let (tasks, ..) = read_lane(&*fixture.connector, Stream::Tasks, Lane::Backfill, None, now).await;
        assert_eq!(tasks.len(), 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn server_errors_are_unknown_and_refusals_are_not() {
    for (kind, expected) in [
        ("status:500", "unknown"),
        ("html:502", "unknown"),
        ("status:504", "unknown"),
        ("html:201", "unknown"),
        ("ok_with_error", "unknown"),
        ("throttle:daily", "not sent"),
        ("forbid", "not allowed"),
        ("status:400", "rejected"),
    ] {
        let fixture = fixture(Switches::default()).await;
        let now = fixture.scene.now();
        fixture.connector.probe(now).await.unwrap();
        fixture.scene.faults(&[(fixture.create_pattern, kind, 0)]);
        let word = match one(&*fixture.connector, &draft(&fixture, "k1"), now).await {
            CreateOutcome::Done(_) => "done",
            CreateOutcome::AlreadyThere(_) => "there",
            CreateOutcome::Rejected { .. } => "rejected",
            CreateOutcome::NotSent { .. } => "not sent",
            CreateOutcome::NotAllowed { .. } => "not allowed",
            CreateOutcome::Unknown { .. } => "unknown",
        };
        assert_eq!(word, expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_admins_rule_that_refuses_tasks_is_told_and_not_retried() {
    let fixture = fixture(Switches {
        refuses_tasks: true,
        ..Switches::default()
    })
    .await;
    let outcome = one(&*fixture.connector, &draft(&fixture, "k1"), fixture.scene.now()).await;
    assert!(matches!(outcome, CreateOutcome::Rejected { .. }), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_task_carries_owner_reminder_priority_and_its_contact() {
    let fixture = fixture(Switches::default()).await;
    let draft = draft(&fixture, "k1");
    let CreateOutcome::Done(task) = one(&*fixture.connector, &draft, fixture.scene.now()).await else {
        panic!("a plain draft is created");
    };
    let stored = fixture
        .scene
        .properties(
            "tasks",
            &task.id.record().native_id,
            "hs_task_subject,hs_task_body,hs_task_status,hs_task_priority,hs_task_reminders,hs_task_type,followupd_key",
        )
        .await;
    assert_eq!(stored["followupd_key"], json!("k1"));
    assert_eq!(stored["hs_task_priority"], json!("HIGH"));
    assert_eq!(
        stored["hs_task_reminders"],
        json!(draft.reminder_at.unwrap().as_millisecond().to_string())
    );
    let body = stored["hs_task_body"].as_str().unwrap();
    assert!(
        body.contains("Ana &amp; her team") && body.ends_with("[followupd key=k1 rule=first-touch]"),
        "{body}"
    );
    let (tasks, ..) = read_lane(
        &*fixture.connector,
        Stream::Tasks,
        Lane::Backfill,
        None,
        fixture.scene.now(),
    )
    .await;
    let Record::Task(read) = &tasks[0] else {
        panic!("a task")
    };
    assert_eq!(read.people, std::slice::from_ref(&fixture.person));
    assert_eq!(
        (read.origin, read.key.as_ref().unwrap().as_str()),
        (TaskOrigin::Followupd, "k1")
    );
    assert_eq!(read.fields, task.fields, "what is polled is what was read back");
}

#[tokio::test(start_paused = true)]
async fn a_task_a_human_moved_or_renamed_is_let_go_and_never_withdrawn() {
    for edit in [
        json!({"hs_task_subject": "Call Ana myself"}),
        json!({"hs_timestamp": "2026-03-09T10:00:00Z"}),
        json!({"hs_task_body": "my notes"}),
        json!({"hs_task_status": "WAITING"}),
    ] {
        let fixture = fixture(Switches::default()).await;
        let now = fixture.scene.now();
        let CreateOutcome::Done(task) = one(&*fixture.connector, &draft(&fixture, "k1"), now).await else {
            panic!("a plain draft is created");
        };
        let id = task.id.record().native_id.clone();
        fixture.scene.change("tasks", &id, edit.clone()).await;
        let withdraw = TaskChange {
            closing: Some(Closing::Withdraw),
            append: Some("No longer needed: a reply is recorded.".to_owned()),
            ..change(&task)
        };
        let outcome = fixture
            .connector
            .amend_tasks(std::slice::from_ref(&withdraw), now)
            .await
            .swap_remove(0);
        assert!(
            matches!(outcome, WriteOutcome::HumanEdited(_)),
            "{edit}: {outcome:?}"
        );
        let let_go = TaskChange {
            closing: Some(Closing::LetGo),
            ..withdraw
        };
        for _ in 0..2 {
            let outcome = fixture
                .connector
                .amend_tasks(std::slice::from_ref(&let_go), now)
                .await
                .swap_remove(0);
            let WriteOutcome::Done(Some(after)) = outcome else {
                panic!("{edit}: {outcome:?}");
            };
            assert_eq!(after.status, TaskStatus::Open, "{edit}");
            let body = after.fields.unwrap().body;
            assert_eq!(body.matches("No longer needed").count(), 1, "{body}");
        }
        for (name, value) in edit.as_object().unwrap() {
            let stored = fixture.scene.properties("tasks", &id, name).await;
            let (stored, value) = (stored[name].as_str().unwrap(), value.as_str().unwrap());
            assert!(
                stored.starts_with(value.trim_end_matches('Z')),
                "{name} is theirs: {stored}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_task_is_gone_for_changes_and_seen_as_deleted_in_the_next_poll() {
    let fixture = fixture(Switches::default()).await;
    let now = fixture.scene.now();
    let (_, cursor, _) = read_lane(&*fixture.connector, Stream::Tasks, Lane::Backfill, None, now).await;
    let CreateOutcome::Done(task) = one(&*fixture.connector, &draft(&fixture, "k1"), now).await else {
        panic!("a plain draft is created");
    };
    fixture.scene.archive("tasks", &task.id.record().native_id).await;
    let complete = TaskChange {
        closing: Some(Closing::Complete),
        ..change(&task)
    };
    let outcome = fixture
        .connector
        .amend_tasks(&[complete], now)
        .await
        .swap_remove(0);
    assert_eq!(outcome, WriteOutcome::Gone);
    let (tasks, ..) = read_lane(&*fixture.connector, Stream::Tasks, Lane::Hot, Some(cursor), now).await;
    let Record::Task(read) = &tasks[0] else {
        panic!("a task")
    };
    assert_eq!((read.status, read.id.clone()), (TaskStatus::Deleted, task.id));
}

#[tokio::test(start_paused = true)]
async fn the_probe_tells_whether_tasks_can_carry_a_unique_key() {
    let strong = fixture(Switches::default()).await;
    let probe = strong.connector.probe(strong.scene.now()).await.unwrap();
    assert!(probe.capabilities.contains(&Capability::StrongTaskKey));
    assert!(probe.problems.is_empty(), "{:?}", probe.problems);
    // A second start finds the property it made.
    let again = connector(&strong.scene).probe(strong.scene.now()).await.unwrap();
    assert!(again.capabilities.contains(&Capability::StrongTaskKey));
    let marker = fixture(Switches {
        unique_task_property: false,
        ..Switches::default()
    })
    .await;
    let probe = marker.connector.probe(marker.scene.now()).await.unwrap();
    assert!(!probe.capabilities.contains(&Capability::StrongTaskKey));
    assert!(probe.problems.iter().any(|problem| problem.code == "no_task_key"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_task_is_seen_in_a_portal_with_many_tasks_too() {
    let fixture = fixture(Switches::default()).await;
    let human: Vec<_> = (0..130)
        .map(|number| json!({"hs_timestamp": "2026-03-05T09:00:00Z", "hs_task_subject": format!("To do {number}")}))
        .collect();
    fixture.scene.create_many("tasks", &human).await;
    fixture.scene.advance(SignedDuration::from_mins(10));
    let now = fixture.scene.now();
    let (_, cursor, _) = read_lane(&*fixture.connector, Stream::Tasks, Lane::Backfill, None, now).await;
    let CreateOutcome::Done(task) = one(&*fixture.connector, &draft(&fixture, "k1"), now).await else {
        panic!("a plain draft is created");
    };
    fixture.scene.archive("tasks", &task.id.record().native_id).await;
    fixture.scene.advance(SignedDuration::from_mins(10));
    let now = fixture.scene.now();
    let (tasks, next, read_to) =
        read_lane(&*fixture.connector, Stream::Tasks, Lane::Hot, Some(cursor), now).await;
    assert_eq!(read_to, now);
    let statuses: Vec<_> = tasks
        .iter()
        .filter_map(|record| match record {
            Record::Task(read) if read.id == task.id => Some(read.status),
            _ => None,
        })
        .collect();
    assert_eq!(statuses, [TaskStatus::Deleted]);
    read_lane(&*fixture.connector, Stream::Tasks, Lane::Settled, Some(next), now).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_from_before_the_property_existed_is_found_by_its_marker() {
    let fixture = fixture(Switches::default()).await;
    let now = fixture.scene.now();
    let draft = draft(&fixture, "k1");
    let person = fixture.person.record().native_id.clone();
    let early = fixture
        .scene
        .create(
            "tasks",
            json!({"hs_timestamp": "2026-03-05T09:00:00Z", "hs_task_subject": "Follow up: Ana",
                "hs_task_body": format!("facts<br>{}", draft.marker)}),
            &[(204, &person)],
        )
        .await;
    let query = TaskQuery {
        key: draft.key,
        links: draft.links,
        sent_at: None,
    };
    let found = fixture.connector.find_tasks(&[query], now).await.unwrap();
    let ids: Vec<&str> = found
        .iter()
        .map(|found| found.task.id.record().native_id.as_str())
        .collect();
    assert_eq!(ids, [early.as_str()]);
}
