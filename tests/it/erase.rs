//! Whoever is to be forgotten is: in no file of the state, not brought in again, and told apart from what only the CRM
//! can do. Who asked is noted.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::support::{Answer, Scene, property};

const ADDRESS: &str = "priya@acme.example.com";

/// What names her.
const PERSONAL: [&str; 3] = ["Priya", "Nair", ADDRESS];

/// Every file under a folder, as text.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

fn holds(scene: &Scene, word: &str) -> bool {
    files(&scene.path("state"))
        .iter()
        .any(|(_, text)| text.contains(word))
}

fn assert_forgotten(scene: &Scene) {
    for (path, text) in files(&scene.path("state")) {
        for word in PERSONAL {
            assert!(!text.contains(word), "{word} is in {}", path.display());
        }
    }
}

/// A portal in which Priya asked for a demo, got a task for it, and was called; Omar asked too.
fn asked() -> (Scene, String) {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    let priya = scene.form(ADDRESS, "demo", &owner);
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
    scene.log_call(&priya, &owner, "2026-11-02T09:07:00Z");
    scene.advance("5m");
    assert_eq!(scene.run_once().status, 0);
    (scene, priya)
}

fn erase(scene: &Scene, person: &str, more: &[&str]) -> Answer {
    let mut words = vec!["erase", person, "--json"];
    words.extend(more);
    scene.answer(&words)
}

fn log(scene: &Scene) -> Vec<Value> {
    let text = std::fs::read_to_string(scene.path("state/access.log")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn whoever_is_erased_after_the_crm_is_in_no_byte_of_the_state() {
    let (scene, priya) = asked();
    let record = format!("hub:contact:{priya}");
    scene.delete(&format!("/crm/objects/2026-09/contacts/{priya}"));
    let told = erase(&scene, ADDRESS, &[]);
    assert_eq!(
        (told.status, &told.json["schema"]),
        (0, &json!("erase/1")),
        "{told:?}"
    );
    assert_eq!(told.json["people"][0]["name"], json!("Priya Nair"));
    assert_eq!(
        (
            &told.json["done"],
            &told.json["decisions"],
            &told.json["still_in_crm"]
        ),
        (&json!(false), &json!(2), &json!([]))
    );
    assert!(told.json["activities"].as_u64().unwrap() >= 1, "{told:?}");
    assert_eq!(
        scene.answer(&["export", &record]).status,
        0,
        "nothing was done yet"
    );
    assert!(PERSONAL.iter().all(|word| holds(&scene, word)));

    let done = erase(&scene, ADDRESS, &["--yes"]);
    assert_eq!((done.status, &done.json["done"]), (0, &json!(true)), "{done:?}");
    assert_eq!(
        done.json["ended_tasks"].as_array().unwrap().len(),
        1,
        "its text is in the CRM"
    );
    assert_forgotten(&scene);
    assert_eq!(scene.answer(&["store", "verify"]).status, 0);
    for person in [ADDRESS, record.as_str()] {
        let export = scene.answer(&["export", person]);
        assert_eq!(export.status, 1, "{export:?}");
    }
    // The next polls bring nothing back, neither by a lagging index nor by the daily scan.
    for _ in 0..2 {
        scene.advance("25h");
        let run = scene.run_once();
        assert_eq!(
            (run.status, &run.cycle()["tasks_created"]),
            (0, &json!(0)),
            "{run:?}"
        );
    }
    assert_forgotten(&scene);
    let again = erase(&scene, ADDRESS, &[]);
    assert!(
        again.status == 1 && again.stderr.contains("nothing is kept"),
        "{again:?}"
    );
    let fresh = erase(&scene, ADDRESS, &["--yes"]);
    assert_eq!(
        (fresh.status, &fresh.json["done"]),
        (0, &json!(true)),
        "{fresh:?}"
    );
}

#[test]
fn whom_the_crm_still_has_is_set_aside_and_gets_no_second_task() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    let priya = scene.form(ADDRESS, "demo", &owner);
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
    let record = format!("hub:contact:{priya}");
    let task = scene.tasks().remove(0);
    let done = erase(&scene, &record, &["--yes"]);
    assert_eq!(done.status, 1, "it is not done while the CRM has her: {done:?}");
    assert_eq!(done.json["still_in_crm"][0]["native_id"], json!(priya));
    assert_eq!(done.json["open_tasks"][0]["native_id"], task["id"]);
    assert_forgotten(&scene);
    // She changes in the CRM, and asks again; the task there is nobody's concern here any more.
    let renamed = json!({"inputs": [{"id": priya, "properties": {"jobtitle": "Buyer"}}]});
    scene.post("/crm/objects/2026-09/contacts/batch/update", &renamed);
    scene.form(ADDRESS, "pricing", &owner);
    for wait in ["30m", "26h"] {
        scene.advance(wait);
        let run = scene.run_once();
        assert_eq!(run.cycle()["tasks_created"], json!(0), "{run:?}");
    }
    assert_forgotten(&scene);
    let tasks = scene.tasks();
    assert_eq!(tasks.len(), 1);
    assert_eq!(
        property(&tasks[0], "hs_task_status"),
        "NOT_STARTED",
        "it is left alone"
    );
    let status = scene.answer(&["status", "--json"]);
    assert_eq!(status.json["quarantine"], json!(1), "{status:?}");
    // The admin erases her there: nothing is left to do.
    scene.delete(&format!("/crm/objects/2026-09/contacts/{priya}"));
    scene.delete(&format!(
        "/crm/objects/2026-09/tasks/{}",
        task["id"].as_str().unwrap()
    ));
    scene.advance("26h");
    assert_eq!(scene.run_once().status, 0);
    let status = scene.answer(&["status", "--json"]);
    assert_eq!(status.json["frozen"], Value::Null, "{status:?}");
    assert_forgotten(&scene);
}

#[test]
fn a_running_daemon_erases_and_goes_on() {
    let (scene, priya) = asked();
    scene.delete(&format!("/crm/objects/2026-09/contacts/{priya}"));
    let mut daemon = scene
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(daemon.stderr.take().unwrap());
    let mut logs = String::new();
    while !logs.contains("cycle done") {
        assert!(said.read_line(&mut logs).unwrap() > 0, "it ended: {logs}");
    }
    let record = format!("hub:contact:{priya}");
    let done = erase(&scene, &record, &["--yes"]);
    assert_eq!((done.status, &done.json["done"]), (0, &json!(true)), "{done:?}");
    assert_eq!(scene.answer(&["export", &record]).status, 1);
    let (owner, _) = scene.owner(0);
    scene.form("omar@granite.example.org", "demo", &owner);
    scene.advance("6m");
    logs.clear();
    while !logs.contains("tasks.created=1") {
        assert!(said.read_line(&mut logs).unwrap() > 0, "it ended: {logs}");
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    // Omar's form says Priya Nair too: only the address is hers alone.
    assert!(!holds(&scene, ADDRESS));
    let by = &log(&scene)[0]["by"];
    let own = followupd::access_log::Asker::own();
    assert_eq!(by["uid"], json!(own.uid), "the kernel says who asked");
}

#[test]
fn imported_activities_are_forgotten_with_whom_they_were_with() {
    let (scene, priya) = asked();
    let (_, rep) = scene.owner(0);
    let omar = scene.form("omar@granite.example.org", "demo", &scene.owner(0).0);
    scene.advance("2m");
    scene.run_once();
    let rows = format!(
        "kind,direction,at,person,by\ncall,out,2026-11-02T09:01:00Z,{ADDRESS},{rep}\n\
         call,out,2026-11-02T09:02:00Z,hub:contact:{omar},{rep}\n"
    );
    scene.write("calls.csv", &rows);
    let file = scene.path("calls.csv");
    assert_eq!(scene.answer(&["import", "csv", file.to_str().unwrap()]).status, 0);
    let imported = |person: &str| {
        files(&scene.path("state/imports"))
            .iter()
            .any(|(_, text)| text.contains(person))
    };
    assert!(imported(&priya) && imported(&omar));
    let done = erase(&scene, ADDRESS, &["--yes"]);
    assert_eq!(done.json["imported"], json!(1), "{done:?}");
    assert!(!imported(&priya) && imported(&omar));
    let export = scene.answer(&["export", &format!("hub:contact:{omar}"), "--json"]);
    let ids = export.json["activities"].to_string();
    assert!(ids.contains("manual"), "{ids}");
}

#[test]
fn every_export_and_every_erasure_is_noted_and_names_nobody() {
    let (scene, priya) = asked();
    let record = format!("hub:contact:{priya}");
    scene.answer(&["export", ADDRESS]);
    scene.answer(&["erase", ADDRESS]);
    scene.answer(&["erase", &record, "--yes"]);
    let lines = log(&scene);
    let commands: Vec<&str> = lines
        .iter()
        .map(|line| line["command"].as_str().unwrap())
        .collect();
    assert_eq!(commands, ["export", "erase", "erase --yes"]);
    assert_eq!(
        lines[0]["person"], lines[1]["person"],
        "the same address, the same hash"
    );
    assert_ne!(lines[1]["person"], lines[2]["person"]);
    assert!(lines.iter().all(|line| line["by"]["uid"].is_u64()), "{lines:?}");
    let text = std::fs::read_to_string(scene.path("state/access.log")).unwrap();
    assert!(!text.contains("acme") && !text.contains(&priya), "{text}");
    // Without a line nothing is told.
    std::fs::remove_file(scene.path("state/access.log")).unwrap();
    std::fs::create_dir(scene.path("state/access.log")).unwrap();
    let refused = scene.answer(&["export", "omar@granite.example.org"]);
    assert_eq!(refused.status, 4, "{refused:?}");
    assert!(refused.stderr.contains("access log"), "{refused:?}");
}

#[test]
fn what_cannot_be_erased_is_said_with_its_reason() {
    let scene = Scene::begun();
    let deal = scene.answer(&["erase", "hub:deal:7"]);
    assert!(
        deal.status == 2 && deal.stderr.contains("no lead and no contact"),
        "{deal:?}"
    );
    let nobody = scene.answer(&["erase", "hub:contact:999999999"]);
    assert!(
        nobody.status == 1 && nobody.stderr.contains("nothing is kept"),
        "{nobody:?}"
    );
}
