//! Lost answers and processes that die between intent and answer: exactly one task, every time.

use std::process::Stdio;

use serde_json::json;

use crate::support::Scene;

const CREATE: &str = "POST /crm/objects/2026-09/tasks/batch/create";

fn inquiry(scene: &Scene) {
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
}

#[test]
fn a_lost_answer_on_creation_leaves_exactly_one_task() {
    let scene = Scene::begun();
    inquiry(&scene);
    scene.faults(&json!([{"match": CREATE, "kind": "close_after_commit", "times": 1}]));
    let report = scene.run_once();
    assert_eq!((report.status, scene.tasks().len()), (0, 1), "{report:?}");
    scene.advance("1m");
    scene.run_once();
    assert_eq!(scene.tasks().len(), 1);
}

#[test]
fn a_process_killed_between_intent_and_answer_leaves_exactly_one_task() {
    let scene = Scene::begun();
    inquiry(&scene);
    scene.faults(&json!([{"match": CREATE, "kind": "delay:60s", "times": 1}]));
    let mut run = scene
        .command(&["run", "--once"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let has_sent = || {
        let stats = scene.look("stats");
        stats["by_endpoint"]
            .as_object()
            .unwrap()
            .keys()
            .any(|endpoint| endpoint.contains("tasks/batch/create"))
    };
    while !has_sent() && run.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    run.kill().unwrap();
    run.wait().unwrap();
    scene.faults(&json!([]));
    scene.advance("1m");
    let report = scene.run_once();
    assert_eq!(report.status, 0, "{report:?}");
    assert_eq!(scene.tasks().len(), 1);
}
