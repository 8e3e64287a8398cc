//! A task's links follow who leads, and what a human linked stays.

use followup_core::{
    CreateOutcome, DealId, DraftLinks, LinkChange, PersonId, RecordKind, Task, TaskChange, TaskDraft,
    WriteOutcome,
};
use followup_testkit::{
    Fixture, Scene, Switches,
    contract::{change, draft},
};
use serde_json::json;

use crate::support::{config, fixture_with, record};

async fn contact(scene: &Scene, name: &str) -> PersonId {
    let properties = json!({"email": format!("{name}@example.com"), "firstname": name});
    PersonId(record(
        RecordKind::Contact,
        &scene.create("contacts", properties, &[]).await,
    ))
}

fn people(links: &[&PersonId]) -> DraftLinks {
    DraftLinks {
        people: links.iter().map(|person| (*person).clone()).collect(),
        deals: Vec::new(),
    }
}

async fn about_a_deal(fixture: &Fixture) -> (Task, DealId) {
    let deal = fixture
        .scene
        .create("deals", json!({"dealname": "Acme"}), &[])
        .await;
    let deal = DealId(record(RecordKind::Deal, &deal));
    let draft = TaskDraft {
        links: DraftLinks {
            people: vec![fixture.person.clone()],
            deals: vec![deal.clone()],
        },
        ..draft(fixture, "k1")
    };
    let outcomes = fixture
        .connector
        .create_tasks(&[draft], fixture.scene.now())
        .await;
    let Ok([CreateOutcome::Done(task)]) = <[CreateOutcome; 1]>::try_from(outcomes) else {
        unreachable!("a plain draft is created");
    };
    (*task, deal)
}

async fn amended(fixture: &Fixture, change: &TaskChange) -> Task {
    let outcome = fixture
        .connector
        .amend_tasks(std::slice::from_ref(change), fixture.scene.now())
        .await
        .swap_remove(0);
    let WriteOutcome::Done(Some(task)) = outcome else {
        unreachable!("the change applies: {outcome:?}");
    };
    *task
}

#[tokio::test(start_paused = true)]
async fn a_task_follows_who_leads_and_keeps_what_a_human_linked() {
    for api_version in ["2026-09", "v3"] {
        let config = followup_hubspot::HubspotConfig {
            api_version: api_version.to_owned(),
            ..config()
        };
        let fixture = fixture_with(Switches::default(), config).await;
        let (ben, cleo) = (
            contact(&fixture.scene, "ben").await,
            contact(&fixture.scene, "cleo").await,
        );
        let (task, deal) = about_a_deal(&fixture).await;
        let task_id = task.id.record().native_id.clone();
        let (status, _) = fixture
            .scene
            .send(
                "PUT",
                &format!(
                    "/crm/objects/2026-09/tasks/{task_id}/associations/default/contacts/{}",
                    cleo.record().native_id
                ),
                None,
            )
            .await;
        assert_eq!(status, 200, "a human links Cleo");
        let follow = TaskChange {
            subject: Some("Follow up: Ben".to_owned()),
            links: LinkChange {
                add: people(&[&ben]),
                remove: people(&[&fixture.person]),
            },
            ..change(&task)
        };
        let mut after = amended(&fixture, &follow).await;
        after.people.sort();
        let mut expected = vec![ben.clone(), cleo.clone()];
        expected.sort();
        assert_eq!(
            (after.people, after.deals),
            (expected, vec![deal]),
            "{api_version}"
        );
        assert_eq!(after.fields.unwrap().subject, "Follow up: Ben");
        let before = fixture.connector.usage().requests;
        amended(
            &fixture,
            &TaskChange {
                subject: None,
                ..follow
            },
        )
        .await;
        // Reads only: nothing is written twice.
        assert!(fixture.connector.usage().requests - before <= 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_somebody_gave_a_label_is_theirs() {
    let fixture = fixture_with(Switches::default(), config()).await;
    let (task, _) = about_a_deal(&fixture).await;
    let labels = "/crm/associations/2026-09/tasks/contacts/labels";
    let (status, label) = fixture
        .scene
        .send(
            "POST",
            labels,
            Some(json!({"name": "asked_by", "label": "Asked by"})),
        )
        .await;
    assert_eq!(status, 200, "{label}");
    let to_contact = label["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| label["typeId"].as_u64().unwrap())
        .min()
        .unwrap();
    let path = format!(
        "/crm/objects/2026-09/tasks/{}/associations/contacts/{}",
        task.id.record().native_id,
        fixture.person.record().native_id
    );
    let types = json!([
        {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204},
        {"associationCategory": "USER_DEFINED", "associationTypeId": to_contact},
    ]);
    let (status, answer) = fixture.scene.send("PUT", &path, Some(types)).await;
    assert_eq!(status, 201, "{answer}");
    let take_off = TaskChange {
        links: LinkChange {
            add: DraftLinks::default(),
            remove: people(&[&fixture.person]),
        },
        ..change(&task)
    };
    assert_eq!(amended(&fixture, &take_off).await.people, task.people);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_is_gone_does_not_stop_the_text() {
    let fixture = fixture_with(Switches::default(), config()).await;
    let (task, _) = about_a_deal(&fixture).await;
    let follow = TaskChange {
        subject: Some("Follow up: somebody".to_owned()),
        links: LinkChange {
            add: people(&[&PersonId(record(RecordKind::Contact, "999999999"))]),
            remove: DraftLinks::default(),
        },
        ..change(&task)
    };
    let after = amended(&fixture, &follow).await;
    assert_eq!(after.people, task.people);
    assert_eq!(after.fields.unwrap().subject, "Follow up: somebody");
}
