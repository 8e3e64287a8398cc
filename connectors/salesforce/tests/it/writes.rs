//! Our tasks in the org: created once, found, amended, withdrawn, and never over a human's head.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use followup_core::{
    Capability, Closing, Connector as _, CreateOutcome, DealId, DraftLinks, Lane, LinkChange, OwnerId,
    PersonId, Record, RecordKind, Stream, Task, TaskChange, TaskDraft, TaskKey, TaskQuery, TaskStatus,
    WriteOutcome,
};
use followup_salesforce::Salesforce;
use followup_sandbox::{
    RuleTest, StatusValue, ValidationRule,
    crm::{NewOwner, NewPerson, PersonChange, PersonOrigin},
};
use followup_testkit::contract::change;
use followup_transport::{Future, SendError, SendLimits, TokenSource, Transport};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::support::{CREATE, Org, config, read, record};

struct Scene {
    org: Org,
    connector: Salesforce,
    user: String,
}

impl Scene {
    async fn new(org: Org) -> Self {
        let user = org.user().await;
        Self {
            connector: org.connector(),
            org,
            user,
        }
    }

    fn draft(&self, key: &str, kind: RecordKind, person: &str) -> TaskDraft {
        let now = self.org.now();
        TaskDraft {
            key: TaskKey(key.to_owned()),
            owner: OwnerId(record(RecordKind::Owner, &self.user)),
            links: DraftLinks {
                people: vec![PersonId(record(kind, person))],
                deals: Vec::new(),
            },
            subject: "Reply to Ana Prova".to_owned(),
            body: "Ana asked for pricing.".to_owned(),
            marker: format!("[followupd key={key}; rule=first-touch]"),
            due_at: now + SignedDuration::from_hours(2),
            reminder_at: Some(now + SignedDuration::from_hours(1)),
            is_urgent: true,
        }
    }

    async fn contact(&self) -> String {
        self.org
            .create("Contact", json!({"LastName": "Prova", "OwnerId": self.user}))
            .await
    }

    async fn create(&self, drafts: &[TaskDraft]) -> Vec<CreateOutcome> {
        self.connector.create_tasks(drafts, self.org.now()).await
    }

    async fn created(&self, draft: &TaskDraft) -> Task {
        match self.create(std::slice::from_ref(draft)).await.pop() {
            Some(CreateOutcome::Done(task)) => *task,
            other => unreachable!("a plain draft is created: {other:?}"),
        }
    }

    async fn amend(&self, change: &TaskChange) -> WriteOutcome {
        let mut outcomes = self
            .connector
            .amend_tasks(std::slice::from_ref(change), self.org.now())
            .await;
        outcomes.pop().expect("one outcome a change")
    }
}

fn status(name: &str, is_final: bool) -> StatusValue {
    StatusValue {
        name: name.to_owned(),
        is_final,
    }
}

fn query(draft: &TaskDraft, at: Timestamp) -> TaskQuery {
    TaskQuery {
        key: draft.key.clone(),
        links: draft.links.clone(),
        sent_at: Some(at),
    }
}

#[tokio::test(start_paused = true)]
async fn two_hundred_and_one_drafts_are_two_calls_and_each_has_its_outcome() {
    let scene = Scene::new(Org::empty()).await;
    let contact = scene.contact().await;
    let drafts: Vec<TaskDraft> = (0..201)
        .map(|number| scene.draft(&format!("k{number}"), RecordKind::Contact, &contact))
        .collect();
    scene
        .created(&scene.draft("warm", RecordKind::Contact, &contact))
        .await;
    scene.org.wire.drain();
    let outcomes = scene.create(&drafts).await;
    assert_eq!(outcomes.len(), 201);
    for (outcome, draft) in outcomes.iter().zip(&drafts) {
        let CreateOutcome::Done(task) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(task.key.as_ref(), Some(&draft.key));
    }
    let sent = scene.org.wire.drain();
    let posts = sent
        .iter()
        .filter(|line| line.ends_with("/composite/sobjects"))
        .count();
    assert_eq!(posts, 2);
}

#[tokio::test(start_paused = true)]
async fn r20_one_bad_row_fails_alone() {
    let org = Org::with(|org| {
        org.validation_rules = vec![ValidationRule {
            object: "Task".to_owned(),
            field: "Subject".to_owned(),
            refuses: RuleTest::Contains("forbidden".to_owned()),
            message: "This word is not used here.".to_owned(),
        }];
    });
    let scene = Scene::new(org).await;
    let contact = scene.contact().await;
    let mut drafts: Vec<TaskDraft> = (0..3)
        .map(|number| scene.draft(&format!("k{number}"), RecordKind::Contact, &contact))
        .collect();
    drafts[1].subject = "A forbidden word".to_owned();
    let outcomes = scene.create(&drafts).await;
    assert!(matches!(outcomes[0], CreateOutcome::Done(_)));
    assert!(matches!(outcomes[2], CreateOutcome::Done(_)));
    let CreateOutcome::Rejected { reason } = &outcomes[1] else {
        panic!("{:?}", outcomes[1]);
    };
    assert!(reason.contains("This word is not used here"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_taken_means_that_the_task_is_there() {
    let scene = Scene::new(Org::empty()).await;
    let contact = scene.contact().await;
    let draft = scene.draft("k1", RecordKind::Contact, &contact);
    let first = scene.created(&draft).await;
    let outcome = scene.create(std::slice::from_ref(&draft)).await.pop();
    let Some(CreateOutcome::AlreadyThere(Some(task))) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(task.id, first.id);
    let rows = scene.org.query("SELECT Id FROM Task").await;
    assert_eq!(rows.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn r21_an_answer_lost_after_the_commit_is_found_and_a_deleted_task_is_found_too() {
    let scene = Scene::new(Org::empty()).await;
    let contact = scene.contact().await;
    let draft = scene.draft("k1", RecordKind::Contact, &contact);
    let at = scene.org.now();
    for fault in ["close_after_commit", "status_after_commit:504"] {
        let draft = TaskDraft {
            key: TaskKey(fault.chars().filter(char::is_ascii_alphanumeric).collect()),
            ..draft.clone()
        };
        scene
            .connector
            .find_tasks(&[query(&draft, at)], at)
            .await
            .unwrap();
        scene.org.faults(&[(CREATE, fault, 1)]);
        let outcome = scene.create(std::slice::from_ref(&draft)).await.pop();
        assert!(
            matches!(outcome, Some(CreateOutcome::Unknown { .. })),
            "{fault}: {outcome:?}"
        );
        let found = scene
            .connector
            .find_tasks(&[query(&draft, at)], at)
            .await
            .unwrap();
        assert_eq!(found.len(), 1, "{fault}");
        scene
            .org
            .delete("Task", &found[0].task.id.record().native_id)
            .await;
        let found = scene
            .connector
            .find_tasks(&[query(&draft, at)], at)
            .await
            .unwrap();
        assert_eq!(found[0].task.status, TaskStatus::Deleted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_about_a_lead_names_nothing_else() {
    let scene = Scene::new(Org::empty()).await;
    let lead = scene
        .org
        .create(
            "Lead",
            json!({"LastName": "Prova", "Company": "Acme", "OwnerId": scene.user}),
        )
        .await;
    let deal = scene
        .org
        .create(
            "Opportunity",
            json!({"Name": "Pilot", "StageName": "Prospecting", "CloseDate": "2026-06-30"}),
        )
        .await;
    let mut draft = scene.draft("k1", RecordKind::Lead, &lead);
    draft.links.deals = vec![DealId(record(RecordKind::Deal, &deal))];
    let task = scene.created(&draft).await;
    assert_eq!(task.people[0].record().native_id, lead);
    assert!(task.deals.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lead_converted_since_the_plan_gives_way_to_its_contact() {
    let scene = Scene::new(Org::empty()).await;
    let user = scene.user.clone();
    let lead = scene.org.act(|crm, now| {
        crm.add_person(
            now,
            NewPerson {
                email: Some("ana@example.com".to_owned()),
                first_name: "Ana".to_owned(),
                last_name: "Prova".to_owned(),
                company: "Acme".to_owned(),
                phone: None,
                owner: Some(user),
                is_customer: false,
                origin: PersonOrigin::Manual,
            },
        )
    });
    let draft = scene.draft("k1", RecordKind::Lead, &lead);
    scene
        .org
        .act(|crm, now| crm.change_person(now, &lead, PersonChange::Customer));
    let rows = scene
        .org
        .query(&format!(
            "SELECT IsConverted, ConvertedContactId FROM Lead WHERE Id = '{lead}'"
        ))
        .await;
    assert_eq!(rows[0]["IsConverted"], true);
    let task = scene.created(&draft).await;
    let person = task.people[0].record();
    assert_eq!(person.kind, RecordKind::Contact);
    assert_eq!(rows[0]["ConvertedContactId"], person.native_id.as_str());
    let leads = read(
        &scene.connector,
        Stream::Leads,
        Lane::Backfill,
        None,
        scene.org.now(),
    )
    .await;
    let Some(Record::Person(found)) = leads.records.first() else {
        panic!("{leads:?}");
    };
    let converted = found.converted.as_ref().expect("a conversion");
    assert_eq!(converted.contact.as_ref().unwrap().record(), person);
    assert_eq!(converted.at, scene.org.now());
}

#[tokio::test(start_paused = true)]
async fn a_lead_that_belongs_to_a_queue_never_gets_a_task() {
    let scene = Scene::new(Org::empty()).await;
    let queue = scene.org.act(|crm, now| {
        crm.add_owner(
            now,
            NewOwner {
                email: "inbound@example.com".to_owned(),
                first_name: "Inbound".to_owned(),
                last_name: "Queue".to_owned(),
                is_queue: true,
                is_active: true,
            },
        )
    });
    assert!(queue.starts_with("00G"));
    let lead = scene
        .org
        .create(
            "Lead",
            json!({"LastName": "Prova", "Company": "Acme", "OwnerId": queue}),
        )
        .await;
    let outcome = scene
        .create(&[scene.draft("k1", RecordKind::Lead, &lead)])
        .await
        .pop();
    let Some(CreateOutcome::Rejected { reason }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("queue"), "{reason}");
    assert!(scene.org.query("SELECT Id FROM Task").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn r23_an_owner_who_left_is_refused_in_words() {
    let scene = Scene::new(Org::empty()).await;
    let contact = scene.contact().await;
    let inactive = scene
        .org
        .query("SELECT Id FROM User WHERE IsActive = false")
        .await;
    let mut draft = scene.draft("k1", RecordKind::Contact, &contact);
    let id = inactive[0]["Id"].as_str().expect("an inactive user");
    draft.owner = OwnerId(record(RecordKind::Owner, id));
    let outcome = scene.create(&[draft]).await.pop();
    let Some(CreateOutcome::Rejected { reason }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("not active"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn renamed_statuses_and_priorities_are_written_and_recognised() {
    let org = Org::with(|org| {
        org.task_statuses = vec![status("Offen", false), status("Erledigt", true)];
        org.task_priorities = vec![status("P2", false), status("P1", true)];
    });
    let scene = Scene::new(org).await;
    let contact = scene.contact().await;
    let task = scene
        .created(&scene.draft("k1", RecordKind::Contact, &contact))
        .await;
    let fields = task.fields.clone().unwrap();
    assert_eq!(
        (fields.status.as_str(), fields.priority.as_str()),
        ("Offen", "P1")
    );
    let done = scene
        .amend(&TaskChange {
            closing: Some(Closing::Complete),
            ..change(&task)
        })
        .await;
    let WriteOutcome::Done(Some(done)) = done else {
        panic!("{done:?}");
    };
    assert_eq!(
        (done.status, done.fields.unwrap().status.as_str()),
        (TaskStatus::Done, "Erledigt")
    );
}

#[tokio::test(start_paused = true)]
async fn a_reminder_that_went_off_is_no_edit() {
    let scene = Scene::new(Org::empty()).await;
    let contact = scene.contact().await;
    let task = scene
        .created(&scene.draft("k1", RecordKind::Contact, &contact))
        .await;
    scene.org.advance(SignedDuration::from_hours(3));
    let rows = scene.org.query("SELECT Id, IsReminderSet FROM Task").await;
    assert_eq!(rows[0]["IsReminderSet"], false, "it switched itself off");
    let read = scene
        .connector
        .read(&[task.id.record().clone()], scene.org.now())
        .await
        .unwrap();
    let [Record::Task(now)] = read.records.as_slice() else {
        panic!("{read:?}");
    };
    assert!(!change(&task).baseline.is_edited(now));
    assert_eq!(
        now.fields.as_ref().unwrap().reminder_at,
        task.fields.as_ref().unwrap().reminder_at
    );
    let withdrawn = scene
        .amend(&TaskChange {
            closing: Some(Closing::Withdraw),
            ..change(&task)
        })
        .await;
    assert_eq!(withdrawn, WriteOutcome::Done(None));
}

#[tokio::test(start_paused = true)]
async fn an_edit_between_our_read_and_our_write_is_seen() {
    let scene = Scene::new(Org::empty()).await;
    let contact = scene.contact().await;
    let task = scene
        .created(&scene.draft("k1", RecordKind::Contact, &contact))
        .await;
    let rename = TaskChange {
        subject: Some("Reply to Ana Prova, asked twice".to_owned()),
        ..change(&task)
    };
    // A human renames it first: theirs for ever.
    scene.org.advance(SignedDuration::from_mins(5));
    scene
        .org
        .update("Task", &task.id.record().native_id, json!({"Subject": "Mine"}))
        .await;
    let outcome = scene.amend(&rename).await;
    assert!(matches!(outcome, WriteOutcome::HumanEdited(_)), "{outcome:?}");
    let conditional = scene.org.wire.drain();
    assert!(!conditional.iter().any(|line| line.starts_with("PATCH")));
}

/// What happens when a conditional write of ours is under way.
#[derive(Clone, Copy)]
enum Meanwhile {
    /// A human renames the task.
    Renamed,
    /// The condition is refused although nothing changed.
    Refused,
}

struct Interrupted {
    org: Org,
    what: Meanwhile,
    task: String,
    times: AtomicUsize,
}

impl Transport for Interrupted {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            if request.headers().contains_key("if-unmodified-since") {
                let time = self.times.fetch_add(1, Ordering::SeqCst);
                match self.what {
                    Meanwhile::Renamed if time == 0 => {
                        self.org.advance(SignedDuration::from_mins(1));
                        self.org
                            .update("Task", &self.task, json!({"Subject": "Mine"}))
                            .await;
                    }
                    Meanwhile::Renamed => {}
                    Meanwhile::Refused => {
                        let answer = http::Response::builder().status(412).body(Bytes::from_static(
                            b"[{\"errorCode\":\"PRECONDITION_FAILED\",\"message\":\"no\"}]",
                        ));
                        return Ok(answer.expect("a plain answer"));
                    }
                }
            }
            self.org.wire.send(request, limits).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_rename_under_our_write_wins_and_a_condition_refused_for_nothing_does_not_block() {
    for what in [Meanwhile::Renamed, Meanwhile::Refused] {
        let mut scene = Scene::new(Org::empty()).await;
        let contact = scene.contact().await;
        let task = scene
            .created(&scene.draft("k1", RecordKind::Contact, &contact))
            .await;
        let wire = Interrupted {
            org: scene.org.clone(),
            what,
            task: task.id.record().native_id.clone(),
            times: AtomicUsize::new(0),
        };
        let token = scene.org.sandbox.salesforce_access().access_token;
        scene.connector = Org::connector_over(config(), TokenSource::fixed(&token), Arc::new(wire));
        let rename = TaskChange {
            subject: Some("Reply to Ana Prova, asked twice".to_owned()),
            ..change(&task)
        };
        let outcome = scene.amend(&rename).await;
        match what {
            Meanwhile::Renamed => assert!(matches!(outcome, WriteOutcome::HumanEdited(_)), "{outcome:?}"),
            Meanwhile::Refused => assert!(matches!(outcome, WriteOutcome::Done(_)), "{outcome:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_follows_its_person_to_another_record() {
    let scene = Scene::new(Org::empty()).await;
    let (old, new) = (scene.contact().await, scene.contact().await);
    let task = scene.created(&scene.draft("k1", RecordKind::Contact, &old)).await;
    let person = |id: &str| DraftLinks {
        people: vec![PersonId(record(RecordKind::Contact, id))],
        deals: Vec::new(),
    };
    let moved = TaskChange {
        links: LinkChange {
            add: person(&new),
            remove: person(&old),
        },
        ..change(&task)
    };
    for _ in 0..2 {
        let WriteOutcome::Done(Some(task)) = scene.amend(&moved).await else {
            panic!("moved, and moving twice is moving once");
        };
        assert_eq!(task.people, person(&new).people);
    }
}

#[tokio::test(start_paused = true)]
async fn hidden_key_field_means_marker_mode_and_says_so() {
    let scene = Scene::new(Org::empty()).await;
    let probe = scene.connector.probe(scene.org.now()).await.unwrap();
    assert!(probe.capabilities.contains(&Capability::StrongTaskKey));
    assert!(probe.problems.is_empty(), "{:?}", probe.problems);
    let contact = scene.contact().await;
    let draft = scene.draft("k1", RecordKind::Contact, &contact);
    let task = scene.created(&draft).await;
    let at = scene.org.now();
    scene.org.change(|org| {
        org.hidden_fields.insert("Task.FollowupKey__c".to_owned());
    });
    // Hidden while running: the look still finds what was written with the field.
    let found = scene
        .connector
        .find_tasks(&[query(&draft, at)], at)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].task.id, task.id);
    let probe = scene.connector.probe(scene.org.now()).await.unwrap();
    assert!(!probe.capabilities.contains(&Capability::StrongTaskKey));
    assert!(probe.problems.iter().any(|problem| problem.code == "no_task_key"));
    let second = scene.draft("k2", RecordKind::Contact, &contact);
    let task = scene.created(&second).await;
    assert_eq!(
        task.key.as_ref(),
        Some(&second.key),
        "the key travels in the subject"
    );
}
