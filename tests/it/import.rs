//! Activities from a file, with the real binary.

use serde_json::json;

use crate::support::Scene;

/// A portal with one inquiry of nine o'clock, read at two minutes past: the owner's address and the contact.
fn asked() -> (Scene, String, String) {
    let scene = Scene::begun();
    let (owner, address) = scene.owner(0);
    let contact = scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("2m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(0));
    (scene, address, contact)
}

fn import(scene: &Scene, rows: &str) -> crate::support::Answer {
    scene.write(
        "calls.csv",
        &format!("kind,direction,at,person,by,outcome,duration\n{rows}\n"),
    );
    let file = scene.path("calls.csv");
    scene.answer(&["import", "csv", file.to_str().unwrap(), "--json"])
}

#[test]
fn a_call_from_a_file_counts_as_a_touch_and_says_where_it_comes_from() {
    let (scene, rep, contact) = asked();
    let row = format!("call,out,2026-11-02T09:01:00Z,Priya@acme.example.com,{rep},connected,3m");
    let first = import(&scene, &row);
    assert_eq!(
        (first.status, &first.json["schema"]),
        (0, &json!("import/1")),
        "{first:?}"
    );
    assert_eq!(
        (&first.json["imported"], &first.json["known"]),
        (&json!(1), &json!(0))
    );
    let again = import(&scene, &row);
    assert_eq!(
        (&again.json["imported"], &again.json["known"]),
        (&json!(0), &json!(1))
    );

    scene.advance("8m");
    let run = scene.run_once();
    assert_eq!(run.cycle()["tasks_created"], json!(0), "the rep called: {run:?}");
    let why_not = scene
        .answer(&["why-not", &format!("hub:contact:{contact}")])
        .stdout;
    assert!(why_not.contains("touched"), "{why_not}");

    assert_eq!(scene.answer(&["store", "rebuild"]).status, 0);
    scene.advance("8m");
    let run = scene.run_once();
    assert_eq!(
        run.cycle()["tasks_created"],
        json!(0),
        "a new cache has it again: {run:?}"
    );
}

#[test]
fn a_file_with_wrong_rows_brings_nothing_and_every_problem_is_told() {
    let (scene, rep, _) = asked();
    let rows = format!(
        "call,out,2026-11-02T09:01:00Z,priya@acme.example.com,{rep},,\n\
         call,out,2026-11-02T09:01:00Z,nobody@example.com,{rep},,\n\
         letter,out,2026-11-02T09:01:00Z,priya@acme.example.com,{rep},,\n\
         call,out,yesterday,priya@acme.example.com,{rep},,\n\
         call,out,2027-01-01T00:00:00Z,priya@acme.example.com,{rep},,\n\
         call,out,2026-11-02T09:01:00Z,priya@acme.example.com,,,"
    );
    let refused = import(&scene, &rows);
    assert_eq!(refused.status, 2, "{refused:?}");
    for line in ["line 3", "line 4", "line 5", "line 6", "line 7"] {
        assert!(refused.stderr.contains(line), "{line}: {}", refused.stderr);
    }
    assert!(
        !refused.stderr.contains("nobody@"),
        "addresses stay out of messages"
    );
    scene.advance("8m");
    assert_eq!(
        scene.run_once().cycle()["tasks_created"],
        json!(1),
        "nothing was imported"
    );
}
