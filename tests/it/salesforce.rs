//! Salesforce over sockets: the real binary against a served org.

mod bad_input;
pub(crate) mod org;

use serde_json::json;

use crate::support::Answer;
use org::{Org, text};

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
    (owner, lead, text(&tasks[0], "Id").to_owned())
}

#[test]
fn an_inquiry_in_salesforce_gets_one_task_which_closes_when_the_call_is_logged() {
    let org = Org::begun();
    let (owner, lead, task) = asked(&org);
    let tasks = org.tasks();
    assert_eq!(text(&tasks[0], "OwnerId"), owner);
    assert_eq!(text(&tasks[0], "WhoId"), lead);
    assert_eq!(text(&tasks[0], "ActivityDate"), "2026-11-02");
    assert_eq!(tasks[0]["IsReminderSet"], json!(true));
    assert!(text(&tasks[0], "ReminderDateTime") < "2026-11-02T09:15");
    assert!(
        !text(&tasks[0], "Subject").contains("key="),
        "the key has a field of its own"
    );
    org.log_call(&lead, &owner);
    assert_eq!(wrote(&org.run_once()), (0, 1));
    let tasks = org.tasks();
    assert_eq!((tasks.len(), text(&tasks[0], "Id")), (1, task.as_str()));
    assert_eq!(
        (&tasks[0]["IsClosed"], text(&tasks[0], "Status")),
        (&json!(true), "Completed")
    );
    // What was done stays done.
    org.advance("3h");
    assert_eq!(wrote(&org.run_once()), (0, 0));
}

#[test]
fn a_conversion_answers_the_inquiry_and_its_task_goes_without_a_successor() {
    let org = Org::begun();
    let (_, lead, _) = asked(&org);
    org.control("convert", &json!({"lead": lead}));
    org.advance("6m");
    let report = org.run_once();
    assert_eq!(
        (report.status, &report.cycle()["tasks_withdrawn"]),
        (0, &json!(1)),
        "{report:?}"
    );
    for _ in 0..3 {
        org.advance("20m");
        assert_eq!(wrote(&org.run_once()), (0, 0));
    }
    assert_eq!(org.tasks().len(), 0);
}

#[test]
fn a_reply_that_waits_moves_to_the_contact_with_its_task_when_the_lead_is_converted() {
    let org = Org::begun();
    let (owner, mailbox) = org.users()[0].clone();
    let lead = org.asks("marco@zeta.example.com", "demo", &owner);
    org.log_call(&lead, &owner);
    org.advance("30m");
    org.control(
        "mail",
        &json!({"from": "marco@zeta.example.com", "to": mailbox, "thread": "pilot"}),
    );
    org.control("advance", &json!({"to": "2026-11-03T10:05:00Z"}));
    assert_eq!(wrote(&org.run_once()), (1, 0));
    assert_eq!(text(&org.tasks()[0], "WhoId"), lead);
    let made = org.control("convert", &json!({"lead": lead}));
    org.advance("6m");
    assert_eq!(wrote(&org.run_once()), (0, 0));
    let tasks = org.tasks();
    assert_eq!(
        (tasks.len(), &tasks[0]["WhoId"]),
        (1, &made["contact"]),
        "{tasks:#?}"
    );
    org.control(
        "mail",
        &json!({"from": mailbox, "to": "marco@zeta.example.com", "thread": "pilot"}),
    );
    org.advance("6m");
    assert_eq!(wrote(&org.run_once()), (0, 1));
    let tasks = org.tasks();
    assert_eq!(
        (tasks.len(), &tasks[0]["IsClosed"]),
        (1, &json!(true)),
        "{tasks:#?}"
    );
}

#[test]
fn a_lost_state_directory_makes_no_second_task_in_salesforce_with_and_without_the_key_field() {
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
fn without_the_key_field_a_lost_answer_still_leaves_exactly_one_task() {
    let org = Org::new(&["--no-key-field"]);
    assert_eq!(org.run_once().status, 0);
    let (owner, _) = org.users()[0].clone();
    org.asks("priya@acme.example.com", "demo", &owner);
    org.advance("6m");
    let create = "POST /services/data/*/composite/sobjects";
    org.faults(&json!([{"match": create, "kind": "close_after_commit", "times": 1}]));
    let report = org.run_once();
    assert_eq!((report.status, org.tasks().len()), (0, 1), "{report:?}");
    for _ in 0..5 {
        org.advance("8m");
        org.run_once();
    }
    let tasks = org.tasks();
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    assert!(text(&tasks[0], "Subject").contains("key="), "{tasks:#?}");
}

#[test]
fn a_task_a_rep_deleted_or_rewrote_in_salesforce_stays_as_the_rep_wants_it() {
    let org = Org::begun();
    let (owner, lead, task) = asked(&org);
    org.update(
        "Task",
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
        .find(|task| text(task, "WhoId") == other)
        .unwrap();
    org.remove("Task", text(&open, "Id"));
    for _ in 0..3 {
        org.advance("20m");
        assert_eq!(
            wrote(&org.run_once()),
            (0, 0),
            "who deletes a task does not want it"
        );
    }
}

#[test]
fn a_day_of_sessions_that_end_needs_nobody_with_or_without_a_client_secret() {
    let org = Org::begun();
    for flow in [
        "flow = \"client_credentials\"\nclient_secret_file = \"secret\"",
        "refresh_token_file = \"refresh\"",
    ] {
        std::fs::remove_file(org.path("state/tokens-sf")).ok();
        let login = format!("client_id = \"{}\"\n{flow}", org.said("client_id"));
        org.write("followupd.toml", &org.config_with("", &login));
        for _ in 0..3 {
            let report = org.run_once();
            assert_eq!(report.status, 0, "{flow}: {report:?}");
            org.advance("3h");
        }
    }
}
