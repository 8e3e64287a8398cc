//! What an admin decides, and what the daemon does not decide when it cannot know.

use serde_json::{Value, json};

use crate::support::{Scene, property};

fn due(scene: &Scene) -> String {
    let (owner, _) = scene.owner(0);
    let contact = scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    contact
}

fn key(plan: &Value) -> String {
    plan["would_create"][0]["task_key"].as_str().unwrap().to_owned()
}

#[test]
fn a_proposed_task_waits_for_approval_and_closes_by_itself_afterwards() {
    let scene = Scene::new();
    scene.write("followupd.toml", &scene.config("").replace("enforce", "propose"));
    scene.run_once();
    let contact = due(&scene);
    scene.run_once();
    assert_eq!(scene.tasks().len(), 0);
    let plan = scene.answer(&["plan", "--json"]);
    assert_eq!(
        (plan.status, &plan.json["schema"]),
        (0, &json!("plan/1")),
        "{plan:?}"
    );
    for wanted in ["would_create", "by_rule", "by_owner", "silent", "queued"] {
        assert!(plan.json.get(wanted).is_some(), "{wanted}: {plan:?}");
    }
    assert!(
        plan.json["would_create"][0]["body"]
            .as_str()
            .unwrap()
            .contains("Priya Nair")
    );
    assert_eq!(scene.answer(&["approve", "no-such-key"]).status, 1);
    assert_eq!(scene.answer(&["approve", &key(&plan.json)]).status, 0);
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
    let (owner, _) = scene.owner(0);
    scene.log_call(&contact, &owner, "2026-11-02T09:06:00Z");
    assert_eq!(scene.run_once().cycle()["tasks_closed"], json!(1));
}

#[test]
fn a_rejected_proposal_never_comes_back() {
    let scene = Scene::new();
    scene.write("followupd.toml", &scene.config("").replace("enforce", "propose"));
    scene.run_once();
    due(&scene);
    scene.run_once();
    let plan = scene.answer(&["plan", "--json"]);
    assert_eq!(scene.answer(&["reject", &key(&plan.json)]).status, 0);
    scene.write("followupd.toml", &scene.config(""));
    scene.run_once();
    assert_eq!(scene.tasks().len(), 0);
    assert_eq!(scene.answer(&["plan", "--json"]).json["would_create"], json!([]));
}

#[test]
fn what_was_owed_while_watching_does_not_flood_the_first_day_of_writing() {
    let scene = Scene::new();
    scene.write("followupd.toml", &scene.config("").replace("enforce", "observe"));
    scene.run_once();
    let (owner, _) = scene.owner(0);
    for person in 0..7 {
        scene.form(&format!("lead{person}@acme.example.com"), "demo", &owner);
    }
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(0));
    scene.write("followupd.toml", &scene.config(""));
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(5));
    scene.form("new@acme.example.com", "demo", &owner);
    scene.advance("6m");
    assert_eq!(
        scene.run_once().cycle()["tasks_created"],
        json!(1),
        "a new lead does not queue"
    );
    scene.advance("24h");
    assert_eq!(
        scene.run_once().cycle()["tasks_created"],
        json!(2),
        "the rest, a day later"
    );
}

#[test]
fn undo_withdraws_what_a_run_created_and_keeps_what_a_human_changed() {
    let scene = Scene::begun();
    due(&scene);
    let run = scene.run_once().cycle()["run"].as_str().unwrap().to_owned();
    let undone = scene.answer(&["undo", &run, "--json"]);
    assert_eq!(
        (undone.status, undone.json["withdrawn"].as_array().unwrap().len()),
        (0, 1),
        "{undone:?}"
    );
    scene.run_once();
    assert_eq!(property(&scene.tasks()[0], "hs_task_status"), "DEFERRED");
    scene.advance("1h");
    scene.run_once();
    assert_eq!(scene.tasks().len(), 1, "an undone task is not written again");
    assert_eq!(scene.answer(&["undo", "no-such-run"]).status, 1);
}

#[test]
fn nothing_is_written_while_the_tasks_cannot_be_read() {
    let scene = Scene::begun();
    due(&scene);
    scene.faults(&json!([{"match": "GET /crm/objects/2026-09/tasks", "kind": "status:400", "times": 0}]));
    assert_eq!(
        scene.run_once().cycle()["tasks_created"],
        json!(0),
        "a task of the rep could cover the person"
    );
    scene.faults(&json!([]));
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
}

#[test]
fn a_task_does_not_outlive_the_person_it_is_about() {
    let scene = Scene::begun();
    let contact = due(&scene);
    scene.run_once();
    scene.delete(&format!("/crm/objects/2026-09/contacts/{contact}"));
    let report = scene.run_once();
    assert_eq!(report.cycle()["tasks_withdrawn"], json!(1), "{report:?}");
}

#[test]
fn a_question_about_a_directory_without_state_makes_none() {
    let scene = Scene::begun();
    let nowhere = scene.path("nowhere");
    let answer = scene.answer(&["status", "--data-dir", nowhere.to_str().unwrap()]);
    assert_eq!(answer.status, 4);
    assert!(answer.stderr.contains("Fix:") && !nowhere.exists(), "{answer:?}");
}
