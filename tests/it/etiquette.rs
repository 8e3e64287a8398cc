//! What surrounds a task: the rep's words in it, the first one's primer, the digest beside it, and its evidence elsewhere.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use followup_rules::policy::Policy;
use followup_sandbox::Switches;
use followupd::{
    engine::{CycleReport, Engine, Rhythm},
    exit::Exit,
    queries::{self, Request},
    sync::Silent,
};
use serde_json::{Value, json};

use crate::{in_process::World, support::Scene};

async fn cycle(engine: &Engine) -> CycleReport {
    engine
        .cycle(&engine.links[0], Rhythm::Single, &Silent)
        .await
        .unwrap()
}

async fn ask(engine: &Engine, request: Request) -> (Exit, Value) {
    let response = queries::answer(engine, &BTreeMap::new(), &request).await;
    assert_eq!(response.error, None, "{request:?}");
    (response.exit, response.body)
}

/// A portal with one task that was just written.
async fn asked() -> (World, Engine) {
    let world = World::new(Switches::default()).await;
    let mut engine = world.daemon();
    engine.policy = Arc::new(Policy::default().limited_to(&["first-touch"]));
    cycle(&engine).await;
    world.due_inquiry().await;
    assert_eq!(cycle(&engine).await.tasks_created, 1);
    (world, engine)
}

/// The only task: id, status and body.
async fn task(world: &World) -> (String, String, String) {
    let path = "/crm/objects/2026-09/tasks?limit=100&properties=hs_task_status,hs_task_body";
    let page = world.ask("GET", path, &Value::Null).await;
    let tasks = page["results"].as_array().unwrap();
    assert_eq!(tasks.len(), 1, "{page}");
    let text = |name: &str| {
        tasks[0]["properties"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (
        tasks[0]["id"].as_str().unwrap().to_owned(),
        text("hs_task_status"),
        text("hs_task_body"),
    )
}

/// The rep writes something above what we wrote.
async fn write(world: &World, words: &str) {
    let (id, _, body) = task(world).await;
    let path = format!("/crm/objects/2026-09/tasks/{id}");
    let change = json!({"properties": {"hs_task_body": format!("{words}<br>{body}")}});
    world.ask("PATCH", &path, &change).await;
}

async fn minutes(minutes: u64) {
    tokio::time::sleep(Duration::from_mins(minutes)).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_edits_says_nothing_though_it_tells_of_the_words() {
    let (world, engine) = asked().await;
    let (_, _, body) = task(&world).await;
    assert!(body.contains("#handled"), "{body}");
    for _ in 0..3 {
        minutes(2).await;
        cycle(&engine).await;
    }
    assert_eq!(task(&world).await.1, "NOT_STARTED");
    // A note without a word leaves it open, though our own words stand beside it.
    write(&world, "Tried her mobile.").await;
    minutes(2).await;
    cycle(&engine).await;
    assert_eq!(task(&world).await.1, "NOT_STARTED");
}

#[tokio::test(start_paused = true)]
async fn handled_completes_the_task_and_keeps_what_the_rep_wrote() {
    let (world, engine) = asked().await;
    write(&world, "Met her at the fair. #handled").await;
    minutes(2).await;
    cycle(&engine).await;
    let (_, status, body) = task(&world).await;
    assert_eq!(status, "COMPLETED");
    assert!(body.starts_with("Met her at the fair. #handled"), "{body}");
    minutes(60).await;
    assert_eq!(
        cycle(&engine).await.tasks_created,
        0,
        "never again for this inquiry"
    );
    let (_, why) = ask(&engine, Request::Status).await;
    assert_eq!(why["rules"][0]["declared"], json!(1), "{why}");
}

#[tokio::test(start_paused = true)]
async fn wrong_withdraws_the_task_for_good_and_counts_against_its_rule() {
    let (world, engine) = asked().await;
    write(&world, "#falsch, ist schon Kundin").await;
    minutes(2).await;
    cycle(&engine).await;
    assert_eq!(task(&world).await.1, "DEFERRED");
    // A restart remembers it, and nothing comes back.
    let engine = Engine {
        policy: engine.policy.clone(),
        ..world.daemon()
    };
    for _ in 0..3 {
        minutes(60).await;
        assert_eq!(cycle(&engine).await.tasks_created, 0);
    }
    let (_, status) = ask(&engine, Request::Status).await;
    let rule = &status["rules"][0];
    assert_eq!(
        (&rule["rule"], &rule["wrong"]),
        (&json!("first-touch"), &json!(1))
    );
    assert_eq!(rule["in_digest"], json!(false), "one task says nothing");
}

#[tokio::test(start_paused = true)]
async fn later_puts_the_task_off_until_then_and_no_longer() {
    let (world, engine) = asked().await;
    let page = world
        .ask("GET", "/crm/objects/2026-09/contacts?limit=10", &Value::Null)
        .await;
    let contact = page["results"][0]["id"].as_str().unwrap().to_owned();
    let listed = async |engine: &Engine| {
        let person = format!("hub:contact:{contact}");
        let (_, answer) = ask(engine, Request::WhyNot { person }).await;
        let rules = answer["rules"].as_array().unwrap().clone();
        rules.iter().any(|rule| rule["state"] == "owed")
    };
    assert!(listed(&engine).await);
    write(&world, "#later 2h").await;
    minutes(2).await;
    cycle(&engine).await;
    assert!(!listed(&engine).await, "put off");
    assert_eq!(task(&world).await.1, "NOT_STARTED", "and left where it is");
    minutes(119).await;
    cycle(&engine).await;
    assert!(listed(&engine).await, "it is time");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_clear_is_told_in_the_digest() {
    let (world, engine) = asked().await;
    write(&world, "#later next week").await;
    minutes(2).await;
    cycle(&engine).await;
    assert_eq!(task(&world).await.1, "NOT_STARTED");
    let owner = format!("hub:owner:{}", world.owner);
    let (_, digest) = ask(&engine, Request::Digest { owner }).await;
    assert_eq!(digest["unclear"].as_array().unwrap().len(), 1, "{digest}");
    assert_eq!(digest["open_tasks"], json!(1));
}

#[tokio::test(start_paused = true)]
async fn only_the_first_task_an_owner_ever_gets_has_the_primer() {
    let (world, engine) = asked().await;
    let (_, _, body) = task(&world).await;
    assert_eq!(
        body.matches("Your first task from followupd").count(),
        1,
        "{body}"
    );
    world.inquiry("marco@acme.example.com").await;
    minutes(6).await;
    assert_eq!(cycle(&engine).await.tasks_created, 1);
    let path = "/crm/objects/2026-09/tasks?limit=100&properties=hs_task_body";
    let page = world.ask("GET", path, &Value::Null).await;
    let bodies = page["results"].as_array().unwrap().iter();
    let greeted = bodies.filter(|task| {
        task["properties"]["hs_task_body"]
            .to_string()
            .contains("Your first task")
    });
    assert_eq!(greeted.count(), 1, "{page}");
}

/// A portal that is only watched: what is owed stays in the digest's queue.
#[test]
fn a_digest_tells_one_owner_what_waits_and_nothing_of_anybody_else() {
    let scene = Scene::begun();
    let (ana, address) = scene.owner(0);
    let (ben, _) = scene.owner(1);
    for person in 0..17 {
        scene.form(&format!("lead{person}@acme.example.com"), "demo", &ana);
    }
    scene.form("other@beta.example.com", "demo", &ben);
    scene.advance("6m");
    assert_eq!(
        scene.run_once().cycle()["tasks_created"],
        json!(16),
        "15 of Ana's, one of Ben's"
    );
    let answer = scene.answer(&["digest", "--owner", &address, "--json"]);
    assert_eq!(
        (answer.status, &answer.json["schema"]),
        (0, &json!("digest/1")),
        "{answer:?}"
    );
    let queue = answer.json["queue"].as_array().unwrap();
    assert_eq!(
        (queue.len(), &answer.json["open_tasks"]),
        (2, &json!(15)),
        "{answer:?}"
    );
    assert!(!answer.stdout.contains("other@beta") && !answer.stdout.contains(&format!("owner:{ben}")));
    assert!(
        queue[0]["line"]
            .as_str()
            .unwrap()
            .contains("asked for a demo on Mon 09:00")
    );
    let shown = scene.answer(&["digest", "--owner", &format!("hub:owner:{ana}")]);
    assert!(
        shown.stdout.contains("waits for room on your list (2)"),
        "{shown:?}"
    );
    assert_eq!(
        scene.answer(&["digest", "--owner", "nobody@example.org"]).status,
        1
    );
}

#[test]
fn a_bundle_shows_a_verdict_elsewhere_without_anybodys_name() {
    let scene = Scene::begun();
    let (owner, address) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
    let task = scene.tasks()[0]["id"].as_str().unwrap().to_owned();
    let file = scene.path("bundle.json");
    let shown = file.display().to_string();
    assert_eq!(scene.answer(&["why", &task, "--bundle", &shown]).status, 0);
    assert_eq!(
        scene.answer(&["why", &task, "--bundle", &shown]).status,
        2,
        "never overwritten"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in ["Priya", "Nair", "acme.example.com", "Acme", &address] {
        assert!(!text.contains(secret), "{secret}");
    }
    let elsewhere = tempfile::TempDir::new().unwrap();
    let replayed = crate::support::followupd(&["replay", &shown, "--json"], elsewhere.path());
    assert_eq!(
        (replayed.status, &replayed.json["ok"]),
        (0, &json!(true)),
        "{replayed:?}"
    );
    assert_eq!(replayed.json["schema"], json!("replay/1"));
    assert_eq!(replayed.json["verdict"]["gaps"][0]["rule"], json!("first-touch"));
    // Other evidence is another verdict.
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let mut other = bundle.clone();
    other["evidence"]["now"] = json!("2026-12-15T09:01:00Z");
    scene.write("other.json", &other.to_string());
    let replayed = crate::support::followupd(
        &["replay", &scene.path("other.json").display().to_string()],
        elsewhere.path(),
    );
    assert_eq!(replayed.status, 1, "{replayed:?}");
}

#[test]
fn why_tells_how_it_was_judged_at_an_earlier_instant() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    let contact = scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    scene.run_once();
    let task = scene.tasks()[0]["id"].as_str().unwrap().to_owned();
    scene.log_call(&contact, &owner, "2026-11-02T09:06:00Z");
    assert_eq!(scene.run_once().cycle()["tasks_closed"], json!(1));
    let then = scene.answer(&["why", &task, "--at", "2026-11-02T09:05:30Z", "--json"]);
    assert_eq!(
        (then.status, &then.json["state"]),
        (0, &json!("task")),
        "{then:?}"
    );
    assert!(then.json["notes"].as_array().unwrap().len() >= 2, "{then:?}");
    let before = scene.answer(&["why", &task, "--at", "2026-11-02T09:02:00Z", "--json"]);
    assert_eq!(before.json["state"], json!("not_open"), "{before:?}");
    assert_eq!(
        scene
            .answer(&["why", &task, "--at", "2027-01-01T00:00:00Z"])
            .status,
        2
    );
}

#[test]
fn an_audit_tells_how_many_records_were_missed_with_the_interval() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    for person in 0..12 {
        scene.form(&format!("lead{person}@acme.example.com"), "other", &owner);
    }
    scene.advance("30m");
    scene.run_once();
    let answer = scene.answer(&["audit", "--sample", "10", "--seed", "1", "--json"]);
    assert_eq!(
        (answer.status, &answer.json["schema"]),
        (0, &json!("audit/1")),
        "{answer:?}"
    );
    let contacts = &answer.json["connections"][0]["kinds"]["contact"];
    assert_eq!(
        (&contacts["cached"], &contacts["read"], &contacts["missed"]),
        (&json!(12), &json!(10), &json!(0)),
        "{answer:?}"
    );
    let interval = answer.json["total"]["interval"].as_array().unwrap();
    assert!(
        interval[1].as_f64().unwrap() > 0.1,
        "ten records prove little: {answer:?}"
    );
}
