//! The whole loop with the real binary: a form, a task, a call, a mail, a lost state directory.

use serde_json::json;

use crate::support::{Scene, property};

#[test]
fn an_inquiry_gets_one_task_which_closes_when_the_call_is_logged() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    let contact = scene.form("priya@acme.example.com", "pricing", &owner);
    scene.advance("6m");
    let report = scene.run_once();
    assert_eq!(
        (report.status, &report.cycle()["tasks_created"]),
        (0, &json!(1)),
        "{report:?}"
    );

    let tasks = scene.tasks();
    assert_eq!(tasks.len(), 1);
    let task = &tasks[0];
    assert_eq!(property(task, "hubspot_owner_id"), owner);
    assert_eq!(property(task, "hs_task_status"), "NOT_STARTED");
    assert_eq!(
        task["associations"]["contacts"]["results"][0]["id"],
        json!(contact)
    );
    assert_eq!(property(task, "hs_timestamp"), "2026-11-02T09:15:00.000Z");
    let reminder: i64 = property(task, "hs_task_reminders").parse().unwrap();
    let due = "2026-11-02T09:15:00Z"
        .parse::<jiff::Timestamp>()
        .unwrap()
        .as_millisecond();
    assert!(reminder < due, "the reminder comes before the deadline");

    scene.log_call(&contact, &owner, "2026-11-02T09:06:00Z");
    let report = scene.run_once();
    assert_eq!(report.cycle()["tasks_closed"], json!(1), "{report:?}");
    let tasks = scene.tasks();
    assert_eq!(tasks.len(), 1);
    assert_eq!(property(&tasks[0], "hs_task_status"), "COMPLETED");
}

#[test]
fn an_answer_from_another_owners_address_closes_the_waiting_reply() {
    let scene = Scene::begun();
    let (owner, email) = scene.owner(0);
    let (_, colleague) = scene.owner(1);
    let contact = scene.form("marco@zeta.example.com", "demo", &owner);
    scene.log_call(&contact, &owner, "2026-11-02T09:00:00Z");
    scene.advance("30m");
    scene.control(
        "mail",
        &json!({"from": "marco@zeta.example.com", "to": email, "thread": "pilot"}),
    );
    scene.advance("7h");
    assert_eq!(
        scene.run_once().cycle()["tasks_created"],
        json!(0),
        "a lead's reply may wait 8 business hours"
    );
    scene.control("advance", &json!({"to": "2026-11-03T10:05:00Z"}));
    let report = scene.run_once();
    assert_eq!(report.cycle()["tasks_created"], json!(1), "{report:?}");
    scene.control(
        "mail",
        &json!({"from": colleague, "to": "marco@zeta.example.com"}),
    );
    let report = scene.run_once();
    assert_eq!(report.cycle()["tasks_closed"], json!(1), "{report:?}");
    assert_eq!(property(&scene.tasks()[0], "hs_task_status"), "COMPLETED");
}

#[test]
fn a_lost_state_directory_makes_no_second_task_and_writes_wait_for_confirmation() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));

    std::fs::remove_dir_all(scene.path("state")).unwrap();
    scene.advance("10m");
    for _ in 0..2 {
        let report = scene.run_once();
        assert_eq!(report.status, 5, "frozen: {report:?}");
        assert!(
            report.cycle()["frozen"]
                .as_str()
                .unwrap()
                .contains("store confirm")
        );
        assert_eq!(scene.tasks().len(), 1);
    }
    let status = scene.answer(&["status", "--json"]);
    assert_eq!(status.status, 1);
    assert!(status.json["frozen"].is_string());

    assert_eq!(scene.answer(&["store", "confirm"]).status, 0);
    let report = scene.run_once();
    assert_eq!((report.status, scene.tasks().len()), (0, 1), "{report:?}");
    let lena = scene.form("lena@yota.example.com", "demo", &owner);
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
    let tasks = scene.tasks();
    assert_eq!(tasks.len(), 2);
    assert_eq!(
        tasks[1]["associations"]["contacts"]["results"][0]["id"],
        json!(lena)
    );
}

#[test]
fn an_older_journal_put_back_is_told_by_status_and_what_a_rep_dismissed_stays_dismissed() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    let journal = scene.path("state/journal.log");
    let backup = std::fs::read(&journal).unwrap();
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
    let id = scene.tasks()[0]["id"].as_str().unwrap().to_owned();
    scene.delete(&format!("/crm/objects/2026-09/tasks/{id}"));
    scene.advance("10m");
    scene.run_once();

    std::fs::write(&journal, backup).unwrap();
    let status = scene.answer(&["status"]);
    assert!(
        status.stderr.contains("entries that were written are not there"),
        "{status:?}"
    );
    for _ in 0..2 {
        scene.advance("10m");
        assert_eq!(scene.run_once().status, 5, "frozen until the admin has looked");
    }
    assert_eq!(scene.tasks().len(), 0);
    assert_eq!(scene.answer(&["store", "confirm"]).status, 0);
    let report = scene.run_once();
    assert_eq!((report.status, scene.tasks().len()), (0, 0), "{report:?}");
}

#[test]
fn an_adopted_task_still_closes_by_itself() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    let contact = scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    scene.run_once();
    std::fs::remove_dir_all(scene.path("state")).unwrap();
    scene.run_once();
    scene.answer(&["store", "confirm"]);
    scene.log_call(&contact, &owner, "2026-11-02T09:06:00Z");
    let report = scene.run_once();
    assert_eq!(report.cycle()["tasks_closed"], json!(1), "{report:?}");
}

#[test]
fn what_the_rep_does_to_a_task_is_a_command() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    scene.run_once();
    let id = scene.tasks()[0]["id"].as_str().unwrap().to_owned();
    let defer = json!({"inputs": [{"id": id, "properties": {"hs_task_status": "DEFERRED"}}]});
    scene.post("/crm/objects/2026-09/tasks/batch/update", &defer);
    for _ in 0..3 {
        scene.advance("1h");
        let report = scene.run_once();
        assert_eq!(
            report.cycle()["tasks_created"],
            json!(0),
            "a dismissed task never comes back: {report:?}"
        );
    }
    assert_eq!(scene.tasks().len(), 1);
    assert_eq!(property(&scene.tasks()[0], "hs_task_status"), "DEFERRED");
}

#[test]
fn a_new_connection_observes_and_writes_nothing() {
    let scene = Scene::new();
    let observing = scene.config("").replace("mode = \"enforce\"\n", "");
    scene.write("followupd.toml", &observing);
    scene.run_once();
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    let report = scene.run_once();
    assert_eq!(
        (&report.cycle()["gaps_opened"], scene.tasks().len()),
        (&json!(1), 0),
        "{report:?}"
    );
    scene.write("followupd.toml", &scene.config(""));
    let report = scene.run_once();
    assert_eq!(
        (&report.cycle()["tasks_created"], scene.tasks().len()),
        (&json!(1), 1),
        "{report:?}"
    );
}

#[test]
fn a_configured_cutover_lets_older_inquiries_in() {
    let scene = Scene::new();
    scene.write(
        "followupd.toml",
        &scene.config("cutover = \"2026-11-01T00:00:00Z\""),
    );
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    let report = scene.run_once();
    assert_eq!(report.cycle()["tasks_created"], json!(1), "{report:?}");
}
