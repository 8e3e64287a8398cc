//! `backtest`: another policy over the past of a portal.

use serde_json::json;

use crate::support::Scene;

/// An inquiry that was called 40 minutes later, and one nobody called.
fn played(scene: &Scene) {
    let (owner, _) = scene.owner(0);
    let first = scene.form("priya@acme.example.com", "demo", &owner);
    scene.form("marco@zeta.example.com", "pricing", &owner);
    scene.advance("40m");
    scene.log_call(&first, &owner, "2026-11-02T09:40:00Z");
    scene.advance("20m");
    scene.run_once();
}

#[test]
fn a_stricter_and_a_silent_policy_are_told_apart() {
    let scene = Scene::begun();
    played(&scene);
    scene.write(
        "strict.toml",
        "[rules.first-touch.within]\ndemo = \"50bm\"\npricing = \"50bm\"\n",
    );
    let strict = scene.path("strict.toml").display().to_string();
    let answer = scene.answer(&["backtest", "--policy", &strict, "--since", "1h", "--json"]);
    assert_eq!(
        (answer.status, &answer.json["schema"]),
        (0, &json!("backtest/1")),
        "{answer:?}"
    );
    let (current, candidate) = (&answer.json["current"], &answer.json["candidate"]);
    assert_eq!(current["tasks"], json!(2), "{answer:?}");
    assert_eq!(current["followed_up"], json!(1));
    assert_eq!(current["handled_within_an_hour"], json!(1));
    assert_eq!(current["seen_earlier_minutes"]["median"], json!(35));
    assert_eq!(current["open"], json!(1));
    assert_eq!(
        candidate["tasks"],
        json!(1),
        "the call came before the 50 minutes: {answer:?}"
    );
    let tasks = scene.tasks().len();
    assert_eq!(tasks, 1, "nothing was written by asking");
}

#[test]
fn a_wrong_policy_or_span_is_refused_with_its_fix() {
    let scene = Scene::begun();
    scene.run_once();
    scene.write("wrong.toml", "[rules.first-touch]\nwithin = \"5 apples\"\n");
    let wrong = scene.path("wrong.toml").display().to_string();
    let answer = scene.answer(&["backtest", "--policy", &wrong]);
    assert_eq!(answer.status, 2, "{answer:?}");
    assert!(answer.stderr.contains("within"), "{answer:?}");
    scene.write("right.toml", "");
    let right = scene.path("right.toml").display().to_string();
    let answer = scene.answer(&["backtest", "--policy", &right, "--since", "soon"]);
    assert_eq!(answer.status, 2);
    assert!(answer.stderr.contains("Fix:"), "{answer:?}");
    let answer = scene.answer(&["backtest", "--policy", "nowhere.toml"]);
    assert_eq!(answer.status, 2);
}
