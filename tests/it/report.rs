//! The team's figures over a cached history, with the real binary.

use serde_json::{Value, json};

use crate::support::Scene;

/// A portal that is only watched, with 24 inquiries of a Monday at nine, owned in turn by this many reps: every second is
/// called after ten minutes, every fourth only the next day. The date is the Friday after.
fn week(reps: usize) -> Scene {
    let scene = Scene::new();
    let observing = scene.config("").replace("mode = \"enforce\"\n", "");
    scene.write("followupd.toml", &observing);
    assert_eq!(scene.run_once().status, 0);
    let owners: Vec<(String, String)> = (0..reps).map(|nth| scene.owner(nth)).collect();
    let contacts: Vec<(String, &str)> = (0..24)
        .map(|nth| {
            let owner = owners[nth % reps].0.as_str();
            let contact = scene.form(&format!("lead{nth}@acme{nth}.example.com"), "demo", owner);
            (contact, owner)
        })
        .collect();
    scene.advance("10m");
    for (contact, owner) in contacts.iter().step_by(2) {
        scene.log_call(contact, owner, "2026-11-02T09:10:00Z");
    }
    scene.control("advance", &json!({"to": "2026-11-03T12:00:00Z"}));
    for (contact, owner) in contacts.iter().skip(1).step_by(4) {
        scene.log_call(contact, owner, "2026-11-03T12:00:00Z");
    }
    scene.control("advance", &json!({"to": "2026-11-06T15:00:00Z"}));
    assert_eq!(scene.run_once().status, 0);
    scene
}

fn curve<'a>(report: &'a Value, measure: &str, clock: &str) -> &'a Value {
    let curves = report["speed"]["curves"].as_array().unwrap();
    let told = curves
        .iter()
        .find(|told| told["measure"] == measure && told["clock"] == clock);
    &told.unwrap()["curve"]
}

#[test]
fn a_leader_reads_how_the_team_follows_up_and_on_what_that_rests() {
    let scene = week(6);
    let answer = scene.answer(&["report", "--json"]);
    assert_eq!(
        (answer.status, &answer.json["schema"]),
        (0, &json!("report/1")),
        "{answer:?}"
    );
    let report = &answer.json;
    assert_eq!(report["as_of"], json!("2026-11-06T15:00:00Z"));
    let basis = &report["coverage"]["basis"];
    for key in ["as_of", "n", "left_out", "late_logged", "policy_version"] {
        assert!(basis.get(key).is_some(), "`{key}` is missing in {basis}");
    }
    assert_eq!(basis["n"], json!(24));

    let first_day = &report["coverage"]["within"][0];
    assert_eq!(
        (&first_day["share"]["k"], &first_day["share"]["n"]),
        (&json!(12), &json!(24)),
        "{first_day}"
    );
    let curve = curve(report, "first_touch", "calendar");
    assert_eq!(curve["state"], json!("shown"), "{curve}");
    let at = |by: &str| {
        let points = curve["points"].as_array().unwrap();
        points.iter().find(|point| point["by"] == by).unwrap()["share"]
            .as_f64()
            .unwrap()
    };
    assert!((at("15m") - 0.5).abs() < 1e-9 && at("5m") == 0.0, "{curve}");
    assert!((at("3d") - 0.75).abs() < 1e-9, "{curve}");
    let last = curve["quantiles"][2]["at"].as_str().unwrap();
    assert!(last.starts_with("> "), "a quarter was never called: {last}");

    let people: Vec<String> = (0..6).map(|nth| scene.owner(nth).1).collect();
    let text = scene.answer(&["report"]).stdout;
    assert!(text.contains("Speed to lead") && text.contains("50 %"), "{text}");
    for word in people.iter().map(String::as_str).chain(["acme", "hub:owner"]) {
        assert!(
            !text.contains(word) && !answer.stdout.contains(word),
            "{word} is in the report"
        );
    }
}

#[test]
fn a_small_team_gets_no_figures_and_the_reason() {
    let scene = week(3);
    let report = scene.answer(&["report", "--json"]).json;
    assert!(
        report["not_enough_data"].as_str().unwrap().contains("5 reps"),
        "{report}"
    );
    assert_eq!(
        report["coverage"]["within"][0]["share"]["state"],
        json!("not_enough_data")
    );
    assert_eq!(
        curve(&report, "first_touch", "business")["state"],
        json!("not_enough_data")
    );
    let text = scene.answer(&["report"]).stdout;
    assert!(text.contains("not enough data"), "{text}");
}

#[test]
fn the_period_is_a_length_or_an_instant_and_anything_else_is_refused() {
    let scene = week(6);
    let later = scene.answer(&["report", "--json", "--since", "2026-11-05T00:00:00Z"]);
    assert_eq!(later.json["coverage"]["basis"]["n"], Value::Null, "{later:?}");
    for wrong in ["90", "soon", "2027-01-01T00:00:00Z"] {
        let refused = scene.answer(&["report", "--since", wrong]);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains("--since"), "{refused:?}");
    }
}
