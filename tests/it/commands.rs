//! What the commands answer: the documented keys, always with a schema.

use serde_json::{Value, json};

use crate::support::Scene;

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .map(|object| object.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn has(value: &Value, wanted: &[&str]) {
    let keys = keys(value);
    for key in wanted {
        assert!(keys.contains(key), "`{key}` is missing in {value}");
    }
}

/// A portal with one inquiry that is due for a task: the contact.
fn due(scene: &Scene) -> String {
    let (owner, _) = scene.owner(0);
    let contact = scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    contact
}

#[test]
fn a_cycle_and_its_task_are_explained_with_the_documented_keys() {
    let scene = Scene::begun();
    let contact = due(&scene);
    let run = scene.run_once();
    assert_eq!(run.json["schema"], json!("run/1"));
    has(
        run.cycle(),
        &[
            "connection",
            "pulled",
            "evaluated",
            "gaps_opened",
            "tasks_created",
            "tasks_closed",
            "tasks_withdrawn",
            "api_calls",
            "errors",
        ],
    );

    let task = scene.tasks()[0]["id"].as_str().unwrap().to_owned();
    let why = scene.answer(&["why", &task, "--json"]);
    assert_eq!((why.status, &why.json["schema"]), (0, &json!("why/1")), "{why:?}");
    let wanted = [
        "gap",
        "rule",
        "policy_version",
        "clause",
        "anchor",
        "evidence",
        "watermarks",
        "suppressors",
        "history",
    ];
    has(&why.json, &wanted);
    assert_eq!(why.json["rule"], json!("first-touch"));
    assert_eq!(why.json["anchor"], json!(format!("hub:contact:{contact}")));
    assert!(!why.json["suppressors"].as_array().unwrap().is_empty());
    let by_gap = scene.answer(&["why", why.json["gap"].as_str().unwrap(), "--json"]);
    assert_eq!(by_gap.json["gap"], why.json["gap"]);
    let by_id = scene.answer(&["why", &format!("hub:task:{task}"), "--json"]);
    assert_eq!(by_id.json["gap"], why.json["gap"]);

    let why_not = scene.answer(&["why-not", &format!("hub:contact:{contact}"), "--json"]);
    assert_eq!(why_not.json["schema"], json!("why-not/1"));
    has(&why_not.json, &["subject", "rules"]);
    has(
        &why_not.json["rules"][0],
        &["rule", "state", "reason", "detail", "wake_at"],
    );
}

#[test]
fn the_state_is_told_with_the_documented_keys() {
    let scene = Scene::begun();
    due(&scene);
    scene.run_once();
    let status = scene.answer(&["status", "--json"]);
    assert_eq!(status.json["schema"], json!("status/1"));
    has(
        &status.json,
        &["connections", "outbox", "queue", "quarantine", "sweep_missed"],
    );
    let connection = &status.json["connections"][0];
    has(
        connection,
        &["name", "state", "streams", "budget", "blind", "last_error", "fix"],
    );
    has(&connection["streams"][0], &["stream", "watermark", "lane", "lag"]);
    has(&connection["budget"], &["share", "used", "forecast", "others"]);

    let verify = scene.answer(&["store", "verify", "--json"]);
    assert_eq!(
        (verify.status, &verify.json["ok"]),
        (0, &json!(true)),
        "{verify:?}"
    );
    let check = scene.answer(&["check-config", "--json"]);
    assert_eq!(
        (check.status, &check.json["problems"]),
        (0, &json!([])),
        "{check:?}"
    );
}

#[test]
fn why_not_takes_an_address_from_standard_input_and_warns_about_one_in_the_arguments() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.run_once();
    let warned = scene.answer(&["why-not", "priya@acme.example.com"]);
    assert_eq!(warned.status, 0, "{warned:?}");
    assert!(warned.stderr.contains("process lists"));

    let mut child = scene
        .command(&["why-not", "-", "--json"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"priya@acme.example.com\n").unwrap();
    let answer = crate::support::Answer::of(child.wait_with_output().unwrap());
    assert_eq!(
        (answer.status, &answer.json["schema"]),
        (0, &json!("why-not/1")),
        "{answer:?}"
    );
}

#[test]
fn unknown_people_and_gaps_are_told_apart_from_silence() {
    let scene = Scene::begun();
    let nobody = scene.answer(&["why-not", "hub:contact:1"]);
    assert_eq!(nobody.status, 1);
    assert!(nobody.stderr.contains("not in the cache"), "{nobody:?}");
    assert_eq!(scene.answer(&["why", "feed"]).status, 1);
    assert_eq!(scene.answer(&["why-not", "not an id"]).status, 2);
}

#[test]
fn a_rebuilt_cache_is_read_again_and_nothing_is_written_twice() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    scene.run_once();
    assert_eq!(scene.answer(&["store", "rebuild"]).status, 0);
    let report = scene.run_once();
    assert_eq!(
        (report.status, &report.cycle()["tasks_created"]),
        (0, &json!(0)),
        "{report:?}"
    );
    assert_eq!(scene.tasks().len(), 1);
}
