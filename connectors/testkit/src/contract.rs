//! What every connector promises, whichever vendor it speaks to. One function; each connector's tests call it.

use std::collections::BTreeSet;

use followup_core::{
    Baseline, Closing, Connector, CreateOutcome, DraftLinks, Lane, LinkChange, OwnerId, PageEnd, PersonId,
    Provider, PullRequest, Record, Stream, Task, TaskChange, TaskDraft, TaskKey, TaskQuery, TaskStatus,
    WriteOutcome,
};
use jiff::{SignedDuration, Timestamp};

use crate::Scene;

/// More pages than any stream of a fixture has.
const PAGES_MAX: usize = 1_000;

/// A connector over a scene that holds at least one owner and one person.
pub struct Fixture {
    /// The connector.
    pub connector: Box<dyn Connector>,
    /// Its CRM.
    pub scene: Scene,
    /// Somebody to give tasks to.
    pub owner: OwnerId,
    /// Somebody to follow up with.
    pub person: PersonId,
    /// Method and path pattern of task creation, for faults.
    pub create_pattern: &'static str,
}

/// Reads a lane of a stream to its end, as a caller would.
///
/// # Panics
/// When the connector fails or does not end.
pub async fn read_lane(
    connector: &dyn Connector,
    stream: Stream,
    lane: Lane,
    mut cursor: Option<followup_core::Cursor>,
    now: Timestamp,
) -> (Vec<Record>, followup_core::Cursor, Timestamp) {
    let mut records = Vec::new();
    for _ in 0..PAGES_MAX {
        let request = PullRequest {
            stream,
            lane,
            cursor,
            now,
        };
        let page = connector.pull(request).await.expect("a readable stream");
        records.extend(page.records);
        if let PageEnd::ReadTo(at) = page.end {
            return (records, page.cursor, at);
        }
        cursor = Some(page.cursor);
    }
    unreachable!("{stream} {} does not end", lane.as_str());
}

/// Checks the whole contract. `make` gives a fresh fixture each time.
///
/// # Panics
/// When a promise is broken.
pub async fn contract<F: AsyncFn() -> Fixture>(make: F) {
    lanes_end_and_repeat(make().await).await;
    a_look_at_the_orgs_words_repeats(make().await).await;
    creation_happens_once(make().await).await;
    a_lost_answer_is_unknown_and_found_again(make().await).await;
    changes_are_idempotent_and_spare_humans(make().await).await;
    old_and_young_tasks_are_withdrawn(make().await).await;
}

/// Lists of the org's own words are told alike each time, each list and each word once.
async fn a_look_at_the_orgs_words_repeats(fixture: Fixture) {
    let now = fixture.scene.now();
    let found = fixture.connector.discover(now).await.expect("a readable org");
    let again = fixture.connector.discover(now).await.expect("a readable org");
    assert_eq!(found, again);
    assert!(found.unread.is_empty(), "{:?}", found.unread);
    let names: BTreeSet<&str> = found.lists.iter().map(|list| list.name.as_str()).collect();
    assert!(names.contains("deals.stages"), "{names:?}");
    assert_eq!(names.len(), found.lists.len(), "{names:?}");
    for list in &found.lists {
        let words: BTreeSet<&str> = list.words.iter().map(|word| word.word.as_str()).collect();
        assert_eq!(words.len(), list.words.len(), "{}", list.name);
    }
}

async fn lanes_end_and_repeat(fixture: Fixture) {
    let connector = &*fixture.connector;
    for stream in connector.streams() {
        let now = fixture.scene.now();
        let (first, cursor, read_to) = read_lane(connector, *stream, Lane::Backfill, None, now).await;
        assert!(
            read_to <= now,
            "{stream}: nothing beyond the present is ever read"
        );
        let (second, ..) = read_lane(connector, *stream, Lane::Backfill, None, now).await;
        assert_eq!(first, second, "{stream}: an equal read brings equal records");
        for lane in [Lane::Hot, Lane::Settled] {
            let (_, next, read_to) = read_lane(connector, *stream, lane, Some(cursor.clone()), now).await;
            assert!(read_to <= now, "{stream}");
            read_lane(
                connector,
                *stream,
                lane,
                Some(next),
                now + SignedDuration::from_mins(20),
            )
            .await;
        }
        sweeps_show_what_is_there(&fixture, *stream, &first).await;
    }
}

/// A finished sweep has shown every record the first read delivered, and no other lane speaks of absence.
async fn sweeps_show_what_is_there(fixture: &Fixture, stream: Stream, delivered: &[Record]) {
    let now = fixture.scene.now();
    let (mut cursor, mut seen, mut is_telling) = (None, BTreeSet::new(), true);
    for _ in 0..PAGES_MAX {
        let request = PullRequest {
            stream,
            lane: Lane::Sweep,
            cursor,
            now,
        };
        let page = fixture.connector.pull(request).await.expect("a readable stream");
        is_telling &= page.seen.is_some();
        seen.extend(page.seen.into_iter().flatten());
        cursor = Some(page.cursor);
        if let PageEnd::ReadTo(at) = page.end {
            assert!(at <= now, "{stream}: a sweep speaks of when it began");
            break;
        }
    }
    if is_telling {
        for record in delivered {
            assert!(
                seen.contains(record.id()),
                "{stream}: {} was not seen",
                record.id()
            );
        }
    }
    let request = PullRequest {
        stream,
        lane: Lane::Hot,
        cursor: None,
        now,
    };
    let page = fixture.connector.pull(request).await.expect("a readable stream");
    assert_eq!(page.seen, None, "{stream}: only sweeps tell what they saw");
}

/// A draft that every CRM accepts.
pub fn draft(fixture: &Fixture, key: &str) -> TaskDraft {
    let now = fixture.scene.now();
    TaskDraft {
        key: TaskKey(key.to_owned()),
        owner: fixture.owner.clone(),
        links: DraftLinks {
            people: vec![fixture.person.clone()],
            deals: Vec::new(),
        },
        subject: "Follow up: Ana Prova (Acme <Ltd>) — asked for pricing".to_owned(),
        body: "What happened\nAna & her team asked for pricing.".to_owned(),
        marker: format!("[followupd key={key} rule=first-touch]"),
        due_at: now + SignedDuration::from_hours(2),
        reminder_at: Some(now + SignedDuration::from_hours(1)),
        is_urgent: true,
    }
}

fn query(fixture: &Fixture, key: &str) -> TaskQuery {
    TaskQuery {
        key: TaskKey(key.to_owned()),
        links: draft(fixture, key).links,
        sent_at: Some(fixture.scene.now()),
    }
}

async fn created(fixture: &Fixture, key: &str) -> Task {
    let outcomes = fixture
        .connector
        .create_tasks(&[draft(fixture, key)], fixture.scene.now())
        .await;
    match <[CreateOutcome; 1]>::try_from(outcomes) {
        Ok([CreateOutcome::Done(task)]) => *task,
        other => unreachable!("a plain draft is created: {other:?}"),
    }
}

async fn creation_happens_once(fixture: Fixture) {
    let now = fixture.scene.now();
    let drafts: Vec<TaskDraft> = ["k1", "k2", "k3"].map(|key| draft(&fixture, key)).to_vec();
    let outcomes = fixture.connector.create_tasks(&drafts, now).await;
    assert_eq!(outcomes.len(), drafts.len());
    for (outcome, draft) in outcomes.iter().zip(&drafts) {
        let CreateOutcome::Done(task) = outcome else {
            unreachable!("a plain draft is created: {outcome:?}");
        };
        assert_eq!(task.key.as_ref(), Some(&draft.key));
        assert_eq!(task.owner.as_ref(), Some(&draft.owner));
        assert_eq!(task.people, draft.links.people);
        assert!(is_due_when_asked(&*fixture.connector, task, draft), "{task:?}");
        let fields = task.fields.as_ref().expect("our own task keeps its fields");
        assert_eq!(fields.reminder_at, draft.reminder_at);
        assert!(!fields.body.contains('\u{1b}') && fields.body.contains(&draft.marker));
    }
    let queries: Vec<TaskQuery> = ["k1", "k2", "k3", "k4"].map(|key| query(&fixture, key)).to_vec();
    let found = fixture
        .connector
        .find_tasks(&queries, now)
        .await
        .expect("a readable CRM");
    let keys: Vec<&str> = found.iter().map(|found| found.key.as_str()).collect();
    assert_eq!(keys, ["k1", "k2", "k3"], "each is there once, and only those");
}

/// Salesforce and Zoho know a due *date*, which is read as the beginning of that day where the owner is.
fn is_due_when_asked(connector: &dyn Connector, task: &Task, draft: &TaskDraft) -> bool {
    match connector.provider() {
        Provider::Salesforce | Provider::Zoho => task.due_at.is_some_and(|due_at| {
            let ahead = draft.due_at.duration_since(due_at);
            !ahead.is_negative() && ahead < SignedDuration::from_hours(24)
        }),
        Provider::Hubspot => task.due_at == Some(draft.due_at),
    }
}

async fn a_lost_answer_is_unknown_and_found_again(fixture: Fixture) {
    let now = fixture.scene.now();
    // Everything lazy is set up before the fault.
    fixture
        .connector
        .find_tasks(&[query(&fixture, "k0")], now)
        .await
        .expect("a readable CRM");
    fixture
        .scene
        .faults(&[(fixture.create_pattern, "close_after_commit", 1)]);
    let outcomes = fixture
        .connector
        .create_tasks(&[draft(&fixture, "k1")], now)
        .await;
    assert!(
        matches!(outcomes.as_slice(), [CreateOutcome::Unknown { .. }]),
        "{outcomes:?}"
    );
    let found = fixture
        .connector
        .find_tasks(&[query(&fixture, "k1")], now)
        .await
        .expect("a readable CRM");
    assert_eq!(found.len(), 1, "the task is there exactly once");
    fixture
        .scene
        .faults(&[(fixture.create_pattern, "close_before", 1)]);
    let outcomes = fixture
        .connector
        .create_tasks(&[draft(&fixture, "k2")], now)
        .await;
    assert!(
        matches!(outcomes.as_slice(), [CreateOutcome::Unknown { .. }]),
        "a client cannot tell a lost request from a lost answer: {outcomes:?}"
    );
    let found = fixture
        .connector
        .find_tasks(&[query(&fixture, "k2")], now)
        .await
        .expect("a readable CRM");
    assert!(found.is_empty());
}

/// A change of nothing, to be filled in.
///
/// # Panics
/// When the task is not one of ours.
pub fn change(task: &Task) -> TaskChange {
    let key = task.key.clone().expect("our own task has a key");
    TaskChange {
        id: task.id.clone(),
        marker: format!("[followupd key={key} rule=first-touch]"),
        key,
        baseline: Baseline::of(task),
        subject: None,
        body: None,
        links: LinkChange::default(),
        append: None,
        closing: None,
        created_at: task.created_at,
    }
}

async fn changes_are_idempotent_and_spare_humans(fixture: Fixture) {
    let now = fixture.scene.now();
    let task = created(&fixture, "k1").await;
    let rename = TaskChange {
        subject: Some("Follow up: Ana Prova — asked twice".to_owned()),
        ..change(&task)
    };
    let renamed = expect_done(&fixture, &rename, now).await;
    let again = expect_done(&fixture, &rename, now).await;
    assert_eq!(
        renamed.fields, again.fields,
        "sending it twice changes nothing more"
    );
    let stale = TaskChange {
        subject: Some("Follow up: something else".to_owned()),
        ..change(&task)
    };
    let outcomes = fixture.connector.amend_tasks(&[stale], now).await;
    assert!(
        matches!(outcomes.as_slice(), [WriteOutcome::HumanEdited(_)]),
        "a subject that is not our last one is somebody's: {outcomes:?}"
    );
    let complete = TaskChange {
        closing: Some(Closing::Complete),
        append: Some("Closed: a call is recorded.".to_owned()),
        ..change(&renamed)
    };
    let done = expect_done(&fixture, &complete, now).await;
    assert_eq!(done.status, TaskStatus::Done);
    let again = expect_done(&fixture, &complete, now).await;
    assert_eq!(again.fields, done.fields);
    let withdraw = TaskChange {
        closing: Some(Closing::Withdraw),
        ..change(&renamed)
    };
    let outcomes = fixture.connector.amend_tasks(&[withdraw], now).await;
    assert!(
        matches!(outcomes.as_slice(), [WriteOutcome::HumanEdited(_)]),
        "a completed task is not withdrawn: {outcomes:?}"
    );
}

async fn old_and_young_tasks_are_withdrawn(fixture: Fixture) {
    let task = created(&fixture, "k1").await;
    let withdraw = TaskChange {
        closing: Some(Closing::Withdraw),
        append: Some("No longer needed: the deal was won.".to_owned()),
        ..change(&task)
    };
    let now = fixture.scene.now();
    let outcomes = fixture
        .connector
        .amend_tasks(std::slice::from_ref(&withdraw), now)
        .await;
    assert!(
        matches!(outcomes.as_slice(), [WriteOutcome::Done(_)]),
        "{outcomes:?}"
    );
    let found = fixture
        .connector
        .find_tasks(&[query(&fixture, "k1")], now)
        .await
        .expect("a readable CRM");
    assert!(
        found
            .iter()
            .all(|found| matches!(found.task.status, TaskStatus::Deferred | TaskStatus::Deleted)),
        "a withdrawn task never reads as done: {found:?}"
    );
    let outcomes = fixture.connector.amend_tasks(&[withdraw], now).await;
    assert!(
        matches!(outcomes.as_slice(), [WriteOutcome::Done(_) | WriteOutcome::Gone]),
        "withdrawing twice is withdrawing once: {outcomes:?}"
    );
    let old = created(&fixture, "k2").await;
    fixture.scene.advance(SignedDuration::from_hours(30));
    let withdraw = TaskChange {
        closing: Some(Closing::Withdraw),
        ..change(&old)
    };
    let now = fixture.scene.now();
    let outcomes = fixture
        .connector
        .amend_tasks(std::slice::from_ref(&withdraw), now)
        .await;
    assert!(
        matches!(outcomes.as_slice(), [WriteOutcome::Done(_)]),
        "{outcomes:?}"
    );
}

async fn expect_done(fixture: &Fixture, change: &TaskChange, now: Timestamp) -> Task {
    let outcomes = fixture
        .connector
        .amend_tasks(std::slice::from_ref(change), now)
        .await;
    match <[WriteOutcome; 1]>::try_from(outcomes) {
        Ok([WriteOutcome::Done(Some(task))]) => *task,
        other => unreachable!("the change applies: {other:?}"),
    }
}
