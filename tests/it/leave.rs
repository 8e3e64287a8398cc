//! A rep's leave from end to end: nothing is written meanwhile, one list waits on the first day back, and who stands in
//! is asked what somebody waits for.

use std::{sync::Arc, time::Duration};

use followup_core::Absence;
use followup_rules::policy::Policy;
use followup_sandbox::Switches;
use followupd::{
    engine::{Engine, Rhythm},
    sync::Silent,
    team::OwnerSettings,
};
use jiff::civil::date;
use serde_json::{Value, json};

use crate::in_process::World;

/// A portal whose rep is away for two weeks from Tuesday on, and a daemon that was told so.
struct Desk {
    world: World,
    engine: Engine,
    /// The id of a colleague.
    colleague: String,
}

#[derive(Debug)]
struct Written {
    id: String,
    owner: String,
    subject: String,
    body: String,
    status: String,
}

impl Desk {
    async fn with_leave(stands_in: bool) -> Self {
        let world = World::new(Switches::default()).await;
        let mut engine = world.daemon();
        engine.policy = Arc::new(Policy::default().limited_to(&["first-touch", "after-hours-lead"]));
        let owners = world.ask("GET", "/crm/owners/2026-09", &Value::Null).await;
        let address = |place: usize| {
            let address = owners["results"][place]["email"].as_str().unwrap();
            address.to_lowercase()
        };
        let away = OwnerSettings {
            absences: vec![Absence {
                first_on: date(2026, 11, 3),
                last_on: date(2026, 11, 15),
            }],
            delegate: stands_in.then(|| address(1)),
            ..OwnerSettings::default()
        };
        engine.team.owners.insert(address(0), away);
        let colleague = owners["results"][1]["id"].as_str().unwrap().to_owned();
        let desk = Self {
            world,
            engine,
            colleague,
        };
        desk.cycle().await;
        desk
    }

    async fn cycle(&self) -> usize {
        let link = &self.engine.links[0];
        let report = self.engine.cycle(link, Rhythm::Single, &Silent).await.unwrap();
        assert!(report.errors.is_empty(), "{report:?}");
        usize::try_from(report.tasks_created).unwrap()
    }

    /// Lets so many hours pass, with a cycle in each; answers how many tasks came.
    async fn hours(&self, count: u32) -> usize {
        let mut written = 0;
        for _ in 0..count {
            tokio::time::sleep(Duration::from_hours(1)).await;
            written += self.cycle().await;
        }
        written
    }

    /// One demo request a day on so many days, weekends among them, each at eleven.
    async fn requests(&self, days: u32) -> (Vec<String>, usize) {
        let (mut asked, mut written) = (Vec::new(), 0);
        for day in 0..days {
            asked.push(
                self.world
                    .inquiry(&format!("kim{day}@acme{day}.example.com"))
                    .await,
            );
            written += self.hours(24).await;
        }
        (asked, written)
    }

    async fn tasks(&self) -> Vec<Written> {
        let path = "/crm/objects/2026-09/tasks?limit=100&properties=hs_task_subject,hs_task_body,hs_task_status,\
                    hubspot_owner_id";
        let page = self.world.ask("GET", path, &Value::Null).await;
        let tasks = page["results"].as_array().unwrap();
        let text =
            |task: &Value, name: &str| task["properties"][name].as_str().unwrap_or_default().to_owned();
        let written = tasks.iter().map(|task| Written {
            id: task["id"].as_str().unwrap().to_owned(),
            owner: text(task, "hubspot_owner_id"),
            subject: text(task, "hs_task_subject"),
            body: text(task, "hs_task_body"),
            status: text(task, "hs_task_status"),
        });
        written.collect()
    }

    async fn call(&self, contact: &str, by: &str) {
        let at = self.world.sandbox.now();
        let call = json!({"properties": {
            "hs_timestamp": at.to_string(), "hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED",
            "hs_call_duration": "180000", "hubspot_owner_id": by,
        }, "associations": [{"to": {"id": contact}, "types": [
            {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}]}]});
        let made = self.world.ask("POST", "/crm/objects/2026-09/calls", &call).await;
        assert!(made["id"].is_string(), "{made}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_weeks_of_leave_end_with_one_list_that_takes_in_nothing_new() {
    let desk = Desk::with_leave(false).await;
    assert_eq!(desk.hours(26).await, 0, "to Tuesday, eleven o'clock");
    let (asked, written) = desk.requests(9).await;
    assert_eq!(written, 0, "away");
    // From Thursday of the second week over the weekend to Monday, ten o'clock.
    assert_eq!(desk.hours(4 * 24 - 1).await, 1, "one list");
    let tasks = desk.tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(
        tasks[0].subject,
        "Follow up: 9 follow-ups from while you were away"
    );
    assert_eq!(tasks[0].owner, desk.world.owner);
    // What is new is a task of its own.
    desk.world.inquiry("new@acme99.example.com").await;
    assert_eq!(desk.hours(1).await, 1);
    for contact in &asked[..8] {
        desk.call(contact, &desk.world.owner).await;
    }
    desk.hours(1).await;
    let is_open = async |id: &str| {
        let tasks = desk.tasks().await;
        let task = tasks.iter().find(|task| task.id == id).unwrap();
        task.status == "NOT_STARTED"
    };
    assert!(is_open(&tasks[0].id).await, "one is left");
    desk.call(&asked[8], &desk.world.owner).await;
    desk.hours(1).await;
    assert!(!is_open(&tasks[0].id).await);
}

#[tokio::test(start_paused = true)]
async fn who_stands_in_is_asked_during_a_leave_and_the_owner_finds_nothing_twice() {
    let desk = Desk::with_leave(true).await;
    assert_eq!(desk.hours(26).await, 0, "to Tuesday, eleven o'clock");
    let (asked, written) = desk.requests(3).await;
    assert_eq!(written, 3);
    let tasks = desk.tasks().await;
    for task in &tasks {
        assert_eq!(task.owner, desk.colleague, "{task:?}");
        assert!(
            task.body.contains("back on 16 November 2026, and you stand in"),
            "{task:?}"
        );
    }
    desk.call(&asked[0], &desk.colleague).await;
    assert_eq!(desk.hours(10 * 24 - 1).await, 0, "to Monday, ten o'clock");
    let statuses: Vec<String> = desk.tasks().await.into_iter().map(|task| task.status).collect();
    assert_eq!(statuses, ["COMPLETED", "NOT_STARTED", "NOT_STARTED"]);
    desk.world.inquiry("new@acme99.example.com").await;
    assert_eq!(desk.hours(1).await, 1);
    let tasks = desk.tasks().await;
    let owners: Vec<&String> = tasks.iter().map(|task| &task.owner).collect();
    let (colleague, owner) = (&desk.colleague, &desk.world.owner);
    assert_eq!(owners, [colleague, colleague, colleague, owner], "back at work");
}
