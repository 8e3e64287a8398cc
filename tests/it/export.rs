//! Whoever asks for their data gets all of it, and nothing of their colleagues.

use serde_json::json;

use crate::support::Scene;

#[test]
fn everything_kept_about_a_person_is_exported_and_nothing_of_others() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    let priya = scene.form("priya@acme.example.com", "demo", &owner);
    scene.form("omar@granite.example.org", "demo", &owner);
    scene.advance("6m");
    scene.run_once();
    scene.log_call(&priya, &owner, "2026-11-02T09:07:00Z");
    scene.advance("5m");
    assert_eq!(scene.run_once().status, 0);
    let answer = scene.answer(&["export", &format!("hub:contact:{priya}"), "--json"]);
    assert_eq!(answer.status, 0, "{answer:?}");
    assert_eq!(answer.json["people"].as_array().unwrap().len(), 1);
    assert_eq!(
        answer.json["people"][0]["emails"],
        json!(["priya@acme.example.com"])
    );
    let kinds: Vec<&str> = answer.json["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|activity| activity["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"call"), "{kinds:?}");
    let decisions = answer.json["decisions"].as_array().unwrap();
    assert!(
        decisions.len() == 1 && decisions[0]["closed_at"].is_string(),
        "{decisions:?}"
    );
    assert!(!answer.stdout.contains("omar"), "{}", answer.stdout);
    let nobody = scene.answer(&["export", "hub:contact:999999999"]);
    assert_eq!(nobody.status, 1, "{nobody:?}");
    assert!(nobody.stderr.contains("nothing is kept"), "{}", nobody.stderr);
}
