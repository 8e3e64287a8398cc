//! One human known to two connections: one list for the rep, whichever CRM something is recorded in.

use std::time::Duration;

use followup_sandbox::Switches;
use followupd::{
    config::Mode,
    engine::{Engine, Rhythm},
    sync::Silent,
};
use serde_json::{Value, json};

use crate::in_process::World;

/// Two portals of one company; the daemon's disks are the first one's.
struct Company {
    first: World,
    second: World,
    engine: Engine,
}

impl Company {
    async fn new(first_mode: Mode) -> Self {
        let (first, second) = (
            World::new(Switches::default()).await,
            World::new(Switches::default()).await,
        );
        let engine = first.daemon_with(vec![
            first.link("first", first_mode),
            second.link("second", Mode::Enforce),
        ]);
        let company = Self {
            first,
            second,
            engine,
        };
        company.cycle().await;
        company
    }

    /// As `run --once` does: both are read, then both write. Twice, since one may have planned what the other writes.
    async fn cycle(&self) {
        for _ in 0..2 {
            let mut looked = Vec::new();
            for link in &self.engine.links {
                looked.push(self.engine.look(link, Rhythm::Single, &Silent).await.unwrap());
            }
            for (link, looked) in self.engine.links.iter().zip(looked) {
                let report = self.engine.act(link, looked, &Silent).await.unwrap();
                assert!(report.errors.is_empty(), "{report:?}");
            }
        }
    }

    /// As the daemon does: each connection on its own.
    async fn cycle_of(&self, place: usize) {
        let link = &self.engine.links[place];
        self.engine.cycle(link, Rhythm::Single, &Silent).await.unwrap();
    }

    async fn counts(&self) -> (usize, usize) {
        (self.first.tasks().await.len(), self.second.tasks().await.len())
    }
}

/// A contact whom nobody asked about, of the portal's first owner.
async fn contact(world: &World, email: &str) -> String {
    let body = json!({"properties": {"email": email, "firstname": "Priya", "lastname": "Nair",
        "hubspot_owner_id": world.owner}});
    let made = world.ask("POST", "/crm/objects/2026-09/contacts", &body).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn log_call(world: &World, contact: &str) {
    let body = json!({
        "properties": {"hs_timestamp": world.sandbox.now().to_string(), "hs_call_direction": "OUTBOUND",
            "hs_call_status": "COMPLETED", "hs_call_duration": "120000", "hubspot_owner_id": world.owner},
        "associations": [{"to": {"id": contact}, "types": [{"associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": 194}]}]
    });
    let made = world.ask("POST", "/crm/objects/2026-09/calls", &body).await;
    assert!(made["id"].is_string(), "{made}");
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_mins(count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_in_one_portal_closes_the_task_that_the_other_raised() {
    let company = Company::new(Mode::Enforce).await;
    let there = contact(&company.second, "priya@acme.example.com").await;
    company.first.inquiry("priya@acme.example.com").await;
    minutes(6).await;
    for _ in 0..3 {
        company.cycle().await;
        let (first, second) = company.counts().await;
        assert_eq!(first + second, 1, "one task across both");
        minutes(5).await;
    }
    log_call(&company.second, &there).await;
    minutes(2).await;
    company.cycle().await;
    let tasks: Vec<Value> = [company.first.tasks().await, company.second.tasks().await].concat();
    let states: Vec<&Value> = tasks
        .iter()
        .map(|task| &task["properties"]["hs_task_status"])
        .collect();
    assert_eq!(states, ["COMPLETED"], "the call is recorded in the other portal");
}

#[tokio::test(start_paused = true)]
async fn a_lead_called_from_the_other_portal_owes_nothing() {
    let company = Company::new(Mode::Enforce).await;
    let there = contact(&company.second, "priya@acme.example.com").await;
    company.first.inquiry("priya@acme.example.com").await;
    minutes(2).await;
    log_call(&company.second, &there).await;
    minutes(20).await;
    company.cycle_of(0).await;
    assert_eq!(company.counts().await, (0, 0), "the other portal is read first");
    company.cycle_of(1).await;
    minutes(2).await;
    company.cycle_of(0).await;
    assert_eq!(company.counts().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn one_inquiry_that_reaches_both_portals_is_one_task() {
    let company = Company::new(Mode::Enforce).await;
    company.first.inquiry("priya@acme.example.com").await;
    minutes(1).await;
    company.second.inquiry("priya@acme.example.com").await;
    minutes(30).await;
    for _ in 0..3 {
        company.cycle().await;
        let (first, second) = company.counts().await;
        assert_eq!(first + second, 1);
        minutes(5).await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_one_portal_is_only_watched_the_task_goes_to_the_other() {
    let company = Company::new(Mode::Observe).await;
    company.first.inquiry("priya@acme.example.com").await;
    minutes(1).await;
    contact(&company.second, "priya@acme.example.com").await;
    minutes(10).await;
    company.cycle().await;
    assert_eq!(company.counts().await, (0, 1));
}
