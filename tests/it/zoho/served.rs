//! Zoho over sockets: the real binary against a served org.

use serde_json::json;

use super::org::{Org, person_of, text};
use crate::support::Answer;

/// What a cycle created and closed.
fn wrote(report: &Answer) -> (i64, i64) {
    let count = |key: &str| report.cycle()[key].as_i64().unwrap_or(-1);
    assert_eq!(report.status, 0, "{report:?}");
    (count("tasks_created"), count("tasks_closed"))
}

/// A lead who asked, and the task that came of it.
fn asked(org: &Org) -> (String, String, String) {
    let (owner, _) = org.users()[0].clone();
    let lead = org.asks("priya@acme.example.com", "pricing", &owner);
    org.advance("6m");
    assert_eq!(wrote(&org.run_once()), (1, 0));
    let tasks = org.tasks();
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    (owner, lead, text(&tasks[0], "id").to_owned())
}

#[test]
fn an_inquiry_in_a_served_zoho_org_gets_one_task_which_closes_when_the_call_is_logged() {
    let org = Org::begun();
    let (owner, lead, task) = asked(&org);
    let tasks = org.tasks();
    assert_eq!(tasks[0]["Owner"]["id"], json!(owner));
    assert_eq!(person_of(&tasks[0]), lead);
    assert_eq!(text(&tasks[0], "Due_Date"), "2026-11-02");
    assert!(!tasks[0]["Remind_At"].is_null(), "{tasks:#?}");
    assert!(
        !text(&tasks[0], "Subject").contains("key="),
        "the key has a field"
    );
    org.log_call(&lead, &owner);
    assert_eq!(wrote(&org.run_once()), (0, 1));
    let tasks = org.tasks();
    assert_eq!((tasks.len(), text(&tasks[0], "id")), (1, task.as_str()));
    assert_eq!(text(&tasks[0], "Status"), "Completed");
    org.advance("3h");
    assert_eq!(wrote(&org.run_once()), (0, 0), "what was done stays done");
}

#[test]
fn a_lost_state_directory_makes_no_second_task_in_zoho_with_and_without_the_key_field() {
    for options in [&[][..], &["--no-key-field"][..]] {
        let org = Org::new(options);
        assert_eq!(org.run_once().status, 0);
        let (owner, lead, _) = asked(&org);
        std::fs::remove_dir_all(org.path("state")).unwrap();
        org.advance("10m");
        let report = org.run_once();
        assert_eq!(report.status, 5, "frozen: {report:?}");
        assert_eq!(org.tasks().len(), 1);
        assert_eq!(org.answer(&["store", "confirm"]).status, 0);
        assert_eq!(wrote(&org.run_once()), (0, 0));
        org.log_call(&lead, &owner);
        org.advance("6m");
        assert_eq!(wrote(&org.run_once()), (0, 1), "the task found again is closed");
        assert_eq!(org.tasks().len(), 1);
    }
}

#[test]
fn a_task_a_rep_deleted_or_rewrote_in_zoho_stays_as_the_rep_wants_it() {
    let org = Org::begun();
    let (owner, lead, task) = asked(&org);
    org.advance("1m");
    org.update(
        "Tasks",
        &task,
        &json!({"Subject": "Ring Priya back, she is in Lyon"}),
    );
    org.advance("6m");
    assert_eq!(wrote(&org.run_once()), (0, 0));
    org.log_call(&lead, &owner);
    assert_eq!(wrote(&org.run_once()), (0, 1));
    assert_eq!(
        text(&org.tasks()[0], "Subject"),
        "Ring Priya back, she is in Lyon"
    );
    let other = org.asks("marco@zeta.example.com", "demo", &owner);
    org.advance("6m");
    assert_eq!(wrote(&org.run_once()), (1, 0));
    let open = org
        .tasks()
        .into_iter()
        .find(|task| person_of(task) == other)
        .unwrap();
    org.remove("Tasks", text(&open, "id"));
    for _ in 0..3 {
        org.advance("30m");
        assert_eq!(
            wrote(&org.run_once()),
            (0, 0),
            "who deletes a task does not want it"
        );
    }
}

#[test]
fn r15_twenty_restarts_of_the_service_in_five_minutes_cost_at_most_one_token_request() {
    let org = Org::new(&[]);
    let before = org.tokens_asked();
    for _ in 0..20 {
        let report = org.run_once();
        assert_eq!(report.status, 0, "{report:?}");
        org.advance("15s");
    }
    assert_eq!(org.tokens_asked() - before, 1);
    // An hour later the token is over, and one purchase serves the next twenty.
    org.advance("55m");
    for _ in 0..20 {
        let report = org.run_once();
        assert_eq!(report.status, 0, "{report:?}");
        org.advance("15s");
    }
    assert_eq!(org.tokens_asked() - before, 2);
}

#[test]
fn status_says_how_fresh_a_small_org_makes_each_rule() {
    let org = Org::new(&[]);
    org.change(&json!({"edition": "free", "seats": 3}));
    org.write("followupd.toml", &org.config("api_share = \"20%\""));
    assert_eq!(org.run_once().status, 0);
    let fresh = |rule: &str| {
        let status = org.answer(&["status", "--json"]);
        let connection = status.json["connections"][0].clone();
        let rules = connection["freshness"]["rules"].as_array().unwrap().clone();
        let found = rules.iter().find(|one| one["rule"] == rule).cloned();
        (connection, found.unwrap_or_else(|| panic!("{rule}: {rules:?}")))
    };
    let seconds = |value: &serde_json::Value| -> i64 {
        let text = value.as_str().unwrap_or_else(|| panic!("a time: {value}"));
        text.strip_suffix('s').unwrap().parse().unwrap()
    };
    let (connection, inquiry) = fresh("first-touch");
    assert_eq!(connection["budget"]["share"], json!(1_000));
    let polled = seconds(&connection["freshness"]["polled_every"]);
    assert!((900..1_300).contains(&polled), "{connection}");
    assert_eq!(inquiry["judges_within"], connection["freshness"]["polled_every"]);
    assert_eq!(inquiry["sees_within"], json!(null), "no mails were read yet");
    // Somebody asks; from the first read on the round of mails is known.
    let (owner, _) = org.users()[0].clone();
    org.asks("priya@acme.example.com", "demo", &owner);
    org.advance("6m");
    assert_eq!(org.run_once().status, 0);
    let (connection, inquiry) = fresh("first-touch");
    let mails = seconds(&connection["freshness"]["mails_every"]);
    assert!(mails >= 7_200, "{connection}");
    assert_eq!(seconds(&inquiry["sees_within"]), mails);
    let shown = org.answer(&["status"]);
    for words in [
        "read every 18 min",
        "the mails of each record every 2 h",
        "seen within",
    ] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    }
}
