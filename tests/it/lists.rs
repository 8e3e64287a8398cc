//! Owners' lists from end to end: one task for several gaps, written once, amended as they come and go, closed with the
//! last of them, and never against the rep's own hand.

use std::{sync::Arc, time::Duration};

use followup_rules::policy::Policy;
use followup_sandbox::{Fault, Switches};
use followup_store::ledger::{GapRow, Ledger};
use followupd::{
    config::Mode,
    engine::{CycleReport, Engine, Rhythm},
    planning::{Outbox, Planned, plan_batch},
    queries::{HealthByName, Request, answer},
    sync::Silent,
    team::OwnerSettings,
};
use serde_json::{Value, json};

use crate::in_process::World;

const CREATE: &str = "POST /crm/objects/2026-09/tasks/batch/create";

/// Only these rules.
fn with(mut engine: Engine, rules: &[&str]) -> Engine {
    engine.policy = Arc::new(Policy::default().limited_to(rules));
    engine
}

async fn cycle(engine: &Engine) -> CycleReport {
    engine
        .cycle(&engine.links[0], Rhythm::Single, &Silent)
        .await
        .unwrap()
}

async fn hours(count: u64) {
    tokio::time::sleep(Duration::from_hours(count)).await;
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_mins(count)).await;
}

/// A company whose rep has open deals, and a daemon that knows of them.
struct Desk {
    world: World,
    engine: Engine,
}

impl Desk {
    /// So many deals since Monday morning; it is Wednesday, ten o'clock, and nothing was agreed on any of them.
    async fn with_deals(count: usize, switches: Switches) -> (Self, Vec<String>) {
        let world = World::new(switches).await;
        let engine = with(world.daemon(), &["no-next-step"]);
        let desk = Self { world, engine };
        cycle(&desk.engine).await;
        let mut deals = Vec::new();
        for number in 0..count {
            deals.push(desk.deal(number).await);
        }
        minutes(5).await;
        cycle(&desk.engine).await;
        hours(49).await;
        (desk, deals)
    }

    /// One person stands on every deal.
    async fn share(&self, deals: &[String]) {
        let contact = json!({"properties": {
            "email": "kim@example.com", "lastname": "Kim", "hubspot_owner_id": self.world.owner,
        }});
        let contact = self
            .world
            .ask("POST", "/crm/objects/2026-09/contacts", &contact)
            .await;
        let contact = contact["id"].as_str().unwrap();
        for deal in deals {
            let path = format!("/crm/v4/objects/deals/{deal}/associations/default/contacts/{contact}");
            self.world.ask("PUT", &path, &Value::Null).await;
        }
    }

    /// The rep's own next step on a deal.
    async fn plan_step(&self, deal: &str) {
        let at = self.world.sandbox.now() + jiff::SignedDuration::from_hours(48);
        let task = json!({"properties": {
            "hs_timestamp": at.to_string(), "hs_task_subject": "Send the drawings", "hs_task_status": "NOT_STARTED",
            "hubspot_owner_id": self.world.owner,
        }, "associations": [{"to": {"id": deal}, "types": [
            {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216}]}]});
        let made = self.world.ask("POST", "/crm/objects/2026-09/tasks", &task).await;
        assert!(made["id"].is_string(), "{made}");
    }

    async fn deal(&self, number: usize) -> String {
        let deal = json!({"properties": {
            "dealname": format!("Desks {number}"),
            "dealstage": "appointmentscheduled",
            "pipeline": "default",
            "amount": (1_000 * (number + 1)).to_string(),
            "hubspot_owner_id": self.world.owner,
        }});
        let made = self.world.ask("POST", "/crm/objects/2026-09/deals", &deal).await;
        made["id"].as_str().unwrap().to_owned()
    }

    async fn call(&self, deal: &str) {
        let at = self.world.sandbox.now();
        let call = json!({"properties": {
            "hs_timestamp": at.to_string(), "hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED",
            "hs_call_duration": "180000", "hubspot_owner_id": self.world.owner,
        }, "associations": [{"to": {"id": deal}, "types": [
            {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 206}]}]});
        let made = self.world.ask("POST", "/crm/objects/2026-09/calls", &call).await;
        assert!(made["id"].is_string(), "{made}");
    }

    /// Reads and writes until nothing moves any more.
    async fn rest(&self) {
        for _ in 0..3 {
            minutes(7).await;
            let report = cycle(&self.engine).await;
            assert!(report.errors.is_empty(), "{report:?}");
        }
    }

    /// Subject, body, status and linked deals of every task, oldest first.
    async fn lists(&self) -> Vec<Listed> {
        let path = "/crm/objects/2026-09/tasks?limit=100&associations=deals&properties=hs_task_subject,hs_task_body,\
                    hs_task_status,hubspot_owner_id";
        let page = self.world.ask("GET", path, &Value::Null).await;
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(Listed::of)
            .collect()
    }

    async fn only_list(&self) -> Listed {
        let mut lists = self.lists().await;
        assert_eq!(lists.len(), 1, "{lists:?}");
        lists.remove(0)
    }

    async fn patch(&self, task: &str, properties: Value) {
        let path = format!("/crm/objects/2026-09/tasks/{task}");
        let done = self
            .world
            .ask("PATCH", &path, &json!({"properties": properties}))
            .await;
        assert!(done["id"].is_string(), "{done}");
    }
}

#[derive(Debug)]
struct Listed {
    id: String,
    subject: String,
    body: String,
    status: String,
    deals: Vec<String>,
}

impl Listed {
    fn of(task: &Value) -> Self {
        let text = |name: &str| task["properties"][name].as_str().unwrap_or_default().to_owned();
        let linked = task["associations"]["deals"]["results"].as_array();
        let mut deals: Vec<String> = linked
            .into_iter()
            .flatten()
            .filter_map(|deal| deal["id"].as_str().map(str::to_owned))
            .collect();
        deals.sort();
        deals.dedup();
        Self {
            id: task["id"].as_str().unwrap().to_owned(),
            subject: text("hs_task_subject"),
            body: text("hs_task_body"),
            status: text("hs_task_status"),
            deals,
        }
    }
}

fn sorted(deals: &[String]) -> Vec<String> {
    let mut deals = deals.to_vec();
    deals.sort();
    deals
}

#[tokio::test(start_paused = true)]
async fn three_deals_without_a_next_step_are_one_task_that_follows_them_until_the_last_is_settled() {
    let (desk, deals) = Desk::with_deals(3, Switches::default()).await;
    desk.rest().await;
    let list = desk.only_list().await;
    assert_eq!(list.subject, "Follow up: 3 deals without a next step");
    assert_eq!(list.deals, sorted(&deals), "linked to what it lists");
    desk.call(&deals[0]).await;
    desk.rest().await;
    let list = desk.only_list().await;
    assert_eq!(list.status, "NOT_STARTED");
    assert_eq!(list.subject, "Follow up: 2 deals without a next step");
    assert!(!list.body.contains("Desks 0"), "{}", list.body);
    assert_eq!(list.deals, sorted(&deals[1..]), "a settled entry is taken off");
    desk.call(&deals[1]).await;
    desk.call(&deals[2]).await;
    desk.rest().await;
    assert_eq!(
        desk.only_list().await.status,
        "COMPLETED",
        "followed up, not withdrawn"
    );
}

#[tokio::test(start_paused = true)]
async fn a_settled_entry_ends_none_of_what_the_list_names_beside_it() {
    let (desk, deals) = Desk::with_deals(3, Switches::default()).await;
    desk.share(&deals).await;
    desk.rest().await;
    desk.plan_step(&deals[0]).await;
    desk.rest().await;
    let lists = desk.lists().await;
    let list = lists
        .iter()
        .find(|list| list.subject.contains("2 deals"))
        .unwrap();
    assert_eq!(list.deals, sorted(&deals[1..]));

    let now = desk.world.sandbox.now();
    let inputs = desk.engine.inputs(now).await.unwrap();
    let judged_anew = desk.engine.store.with(move |store| {
        let before = store.ledger().clone();
        store.mark_all_dirty()?;
        let (mut outbox, mut planned) = (Outbox::default(), Planned::default());
        while plan_batch(store, &inputs, now, &mut outbox, &mut planned)? {}
        assert!(planned.evaluated >= 3, "{planned:?}");
        Ok((before, store.ledger().clone()))
    });
    let (before, after) = judged_anew.await.unwrap();
    let gaps = |ledger: &Ledger| -> Vec<GapRow> { ledger.gaps().map(|(_, gap)| gap.clone()).collect() };
    assert_eq!(gaps(&after), gaps(&before));
    assert_eq!(gaps(&before).iter().filter(|gap| gap.end.is_none()).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_list_names_the_largest_and_what_comes_later_waits_for_room_and_the_next_day() {
    let (desk, deals) = Desk::with_deals(7, Switches::default()).await;
    desk.rest().await;
    let list = desk.only_list().await;
    assert_eq!(list.subject, "Follow up: 5 deals without a next step");
    assert!(
        !list.body.contains("Desks 0") && !list.body.contains("Desks 1"),
        "{}",
        list.body
    );
    desk.call(&deals[6]).await;
    desk.rest().await;
    hours(23).await;
    desk.rest().await;
    let list = desk.only_list().await;
    assert_eq!(
        list.subject, "Follow up: 5 deals without a next step",
        "one took the free place"
    );
    assert!(
        list.body.contains("Desks 1") && !list.body.contains("Desks 6"),
        "{}",
        list.body
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_the_rep_ticked_off_does_not_come_back_for_the_same_deals() {
    let (desk, _) = Desk::with_deals(3, Switches::default()).await;
    desk.rest().await;
    let list = desk.only_list().await;
    desk.patch(&list.id, json!({"hs_task_status": "COMPLETED"})).await;
    desk.rest().await;
    hours(72).await;
    desk.rest().await;
    assert_eq!(desk.lists().await.len(), 1);
    // Something else later is a list of its own, with that alone.
    desk.deal(7).await;
    hours(96).await;
    desk.rest().await;
    let lists = desk.lists().await;
    assert_eq!(lists.len(), 2, "{lists:?}");
    assert_eq!(lists[1].subject, "Follow up: 1 deal without a next step");
}

#[tokio::test(start_paused = true)]
async fn what_a_rep_wrote_into_a_list_stays_and_a_deleted_list_is_not_asked_again() {
    let (desk, deals) = Desk::with_deals(3, Switches::default()).await;
    desk.rest().await;
    let list = desk.only_list().await;
    desk.patch(&list.id, json!({"hs_task_subject": "My round of calls"}))
        .await;
    desk.call(&deals[0]).await;
    desk.rest().await;
    assert_eq!(desk.only_list().await.subject, "My round of calls");
    let path = format!("/crm/objects/2026-09/tasks/{}", list.id);
    desk.world.ask("DELETE", &path, &Value::Null).await;
    desk.rest().await;
    hours(24).await;
    desk.rest().await;
    assert!(desk.lists().await.is_empty(), "dismissed is dismissed");
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_answer_there_is_one_list() {
    for has_strong_key in [true, false] {
        for kind in [
            "close_after_commit",
            "close_before",
            "status_after_commit:504",
            "truncate:20",
        ] {
            let switches = Switches {
                unique_task_property: has_strong_key,
                ..Switches::default()
            };
            let (desk, _) = Desk::with_deals(3, switches).await;
            desk.world
                .sandbox
                .set_faults(vec![Fault::new(CREATE, kind, 1).unwrap()]);
            for _ in 0..6 {
                minutes(7).await;
                cycle(&desk.engine).await;
                assert!(
                    desk.lists().await.len() <= 1,
                    "{kind}, strong key: {has_strong_key}"
                );
            }
            let list = desk.only_list().await;
            assert_eq!(list.subject, "Follow up: 3 deals without a next step", "{kind}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_outlives_the_state_directory() {
    let (desk, deals) = Desk::with_deals(3, Switches::default()).await;
    desk.rest().await;
    let before = desk.only_list().await;
    let desk = Desk {
        world: desk.world.with_lost_disks(),
        engine: desk.engine,
    };
    let engine = with(desk.world.daemon(), &["no-next-step"]);
    let report = cycle(&engine).await;
    assert!(
        report.frozen.is_some_and(|why| why.contains("1 tasks")),
        "adopted, frozen"
    );
    let now = desk.world.sandbox.now();
    engine.store.with(move |store| store.confirm(now)).await.unwrap();
    let desk = Desk { engine, ..desk };
    desk.rest().await;
    assert_eq!(desk.only_list().await.subject, before.subject, "no second list");
    desk.call(&deals[0]).await;
    desk.rest().await;
    assert_eq!(
        desk.only_list().await.subject,
        "Follow up: 2 deals without a next step"
    );
    desk.call(&deals[1]).await;
    desk.call(&deals[2]).await;
    desk.rest().await;
    assert_eq!(desk.only_list().await.status, "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_record_without_owner_is_on_the_admins_list_and_on_nobodys_where_there_is_no_admin() {
    for has_admin in [true, false] {
        let world = World::new(Switches::default()).await;
        let mut engine = with(world.daemon(), &["no-owner", "first-touch"]);
        let owners = world.ask("GET", "/crm/owners/2026-09", &Value::Null).await;
        let admin = &owners["results"][1];
        let address = admin["email"].as_str().unwrap().to_lowercase();
        let settings = OwnerSettings {
            is_admin: has_admin,
            ..OwnerSettings::default()
        };
        engine.team.owners.insert(address, settings);
        cycle(&engine).await;
        let form = json!({"email": "priya@acme.example.com", "firstname": "Priya", "lastname": "Nair",
            "company": "Acme", "form": "demo"});
        world.ask("POST", "/_sandbox/form", &form).await;
        for _ in 0..6 {
            minutes(20).await;
            cycle(&engine).await;
        }
        let path = "/crm/objects/2026-09/tasks?limit=100&properties=hs_task_subject,hubspot_owner_id";
        let page = world.ask("GET", path, &Value::Null).await;
        let tasks = page["results"].as_array().unwrap();
        if has_admin {
            assert_eq!(tasks.len(), 1, "{page}");
            let properties = &tasks[0]["properties"];
            assert_eq!(
                properties["hs_task_subject"],
                "Follow up: 1 record without a valid owner"
            );
            assert_eq!(properties["hubspot_owner_id"], admin["id"]);
        } else {
            assert!(tasks.is_empty(), "{page}");
        }
    }
}

async fn asked(engine: &Engine, request: &Request) -> Value {
    let response = answer(engine, &HealthByName::default(), request).await;
    assert_eq!(response.error, None);
    response.body
}

#[tokio::test(start_paused = true)]
async fn plan_why_and_status_tell_of_a_list_and_of_what_waits_for_room_in_it() {
    let (mut desk, deals) = Desk::with_deals(6, Switches::default()).await;
    // Only watched: the plan says what would be written.
    desk.engine.links[0].mode = Mode::Observe;
    desk.rest().await;
    let engine = &desk.engine;
    let plan = asked(engine, &Request::Plan).await;
    let list = &plan["would_create"][0];
    assert_eq!(plan["would_create"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!(list["rule"], "no-next-step");
    assert_eq!(list["subject_line"], "Follow up: 5 deals without a next step");
    assert_eq!(list["gaps"].as_array().unwrap().len(), 5);
    assert_eq!(plan["by_rule"], json!({"no-next-step": 1}));
    assert_eq!(plan["queued"], 1);
    assert_eq!(plan["silent"], json!({}));
    let key = list["task_key"].as_str().unwrap().to_owned();
    desk.engine.links[0].mode = Mode::Enforce;
    desk.rest().await;
    let engine = &desk.engine;
    assert_eq!(
        desk.only_list().await.subject,
        "Follow up: 5 deals without a next step"
    );
    assert_eq!(
        asked(engine, &Request::Plan).await["would_create"],
        json!([]),
        "it is there"
    );
    let why = asked(engine, &Request::Why { what: key, at: None }).await;
    assert_eq!(
        (&why["rule"], &why["state"]),
        (&json!("no-next-step"), &json!("bundled"))
    );
    let named: Vec<&str> = why["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["subject"].as_str().unwrap())
        .collect();
    assert_eq!(named.len(), 5);
    assert!(
        !named.contains(&format!("hub:deal:{}", deals[0]).as_str()),
        "the smallest waits: {named:?}"
    );
    let why_not = |place: usize| Request::WhyNot {
        person: format!("hub:deal:{}", deals[place]),
    };
    let line = |answer: Value| {
        let rules = answer["rules"].as_array().unwrap().clone();
        let rule = rules
            .iter()
            .find(|rule| rule["rule"] == "no-next-step")
            .unwrap()
            .clone();
        (rule["state"].clone(), rule["detail"].clone())
    };
    let (state, detail) = line(asked(engine, &why_not(0)).await);
    assert_eq!(state, "owed");
    assert_eq!(
        detail,
        "true, and waits for room in the owner's list, or for the owner's cap"
    );
    let (_, detail) = line(asked(engine, &why_not(5)).await);
    assert_eq!(detail, "true, and an entry of an owner's list");
    let status = asked(engine, &Request::Status).await;
    assert_eq!(status["lists"], json!({"no-next-step": 1}));
    assert_eq!(status["queue"], json!({"no-next-step": 1}));
    assert_eq!(status["outbox"], json!({"open": 1}));
}

/// Two connections of one company; the second one's login is taken away.
#[tokio::test(start_paused = true)]
async fn an_admin_hears_of_a_connection_in_trouble_in_the_one_that_is_well_and_once() {
    let well = World::new(Switches::default()).await;
    let ill = World::new(Switches::default()).await;
    let links = vec![well.link("well", Mode::Enforce), ill.link("ill", Mode::Enforce)];
    let mut engine = with(well.daemon_with(links), &["sync-health"]);
    let owners = well.ask("GET", "/crm/owners/2026-09", &Value::Null).await;
    let address = owners["results"][1]["email"].as_str().unwrap().to_lowercase();
    let settings = OwnerSettings {
        is_admin: true,
        ..OwnerSettings::default()
    };
    engine.team.owners.insert(address, settings);
    let round = async |engine: &Engine| {
        for link in &engine.links {
            engine.cycle(link, Rhythm::Repeated, &Silent).await.unwrap();
        }
    };
    round(&engine).await;
    ill.sandbox
        .set_faults(vec![Fault::new("* *", "status:401", 0).unwrap()]);
    for _ in 0..5 {
        minutes(10).await;
        round(&engine).await;
    }
    assert_eq!(well.tasks().await.len(), 0, "less than an hour is no trouble yet");
    for _ in 0..12 {
        minutes(10).await;
        round(&engine).await;
    }
    assert_eq!(well.tasks().await.len(), 1, "told once");
    // A restart is told nothing new.
    let again = with(
        well.daemon_with(vec![
            well.link("well", Mode::Enforce),
            ill.link("ill", Mode::Enforce),
        ]),
        &["sync-health"],
    );
    let mut again = again;
    again.team = engine.team.clone();
    drop(engine);
    for _ in 0..8 {
        minutes(10).await;
        round(&again).await;
    }
    assert_eq!(well.tasks().await.len(), 1);
    ill.sandbox.set_faults(Vec::new());
    for _ in 0..4 {
        minutes(16).await;
        round(&again).await;
    }
    let tasks = well.tasks().await;
    assert_eq!(tasks.len(), 1);
    assert_ne!(
        tasks[0]["properties"]["hs_task_status"], "COMPLETED",
        "nobody did it: withdrawn"
    );
    assert_ne!(tasks[0]["properties"]["hs_task_status"], "NOT_STARTED");
    assert_eq!(ill.tasks().await.len(), 0);
}
