//! Bad input: one clear message that names cause and fix, nothing else lost.

use serde_json::json;

use crate::support::{Scene, followupd, property};

#[test]
fn every_problem_of_a_configuration_is_reported_with_place_and_fix() {
    let scene = Scene::new();
    scene.write(
        "followupd.toml",
        "data_dir = \"state\"\n[calendar]\nzone = \"Europe/Berlim\"\nhours = { \"mon-fri\" = [\"09:00-25:00\"] }\n\
         [connections.hub]\nprovider = \"hubspott\"\nmode = \"enforc\"\napi_share = 10\npoll_every = 60\n\
         base_url = \"http://crm.example.com\"\nmodee = \"observe\"\n[connections.hub.auth]\n\
         access_token_file = \"missing.token\"\n",
    );
    let answer = scene.answer(&["check-config", "--json"]);
    assert_eq!(answer.status, 2, "{answer:?}");
    let problems = answer.json["problems"].as_array().unwrap();
    let found = |code: &str| problems.iter().find(|problem| problem["code"] == code);
    for (code, needle) in [
        ("bad_zone", "Europe/Berlim"),
        ("bad_hours", "09:00-25:00"),
        ("bad_value", "enforce"),
        ("missing_unit", "10%"),
        ("unknown_key", "mode"),
        ("insecure_url", "https"),
        ("secret_file", "missing.token"),
    ] {
        let problem = found(code).unwrap_or_else(|| panic!("{code} is missing in {problems:#?}"));
        let text = problem.to_string();
        assert!(text.contains(needle), "{code}: {text}");
        assert!(
            problem["where"].as_str().unwrap().contains("followupd.toml:"),
            "{code}: {text}"
        );
    }
    let refused = scene.answer(&["run", "--once", "--json"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("nothing was started"));
    assert!(
        !scene.path("state").exists(),
        "a refused configuration leaves no state behind"
    );
}

#[test]
fn a_bare_number_and_an_unknown_key_in_the_policy_name_the_unit_and_the_neighbour() {
    let scene = Scene::new();
    scene.write(
        "policy.toml",
        "[rules.first-touch]\nwithin = 15\n[caps]\nopne = 3\n[rules.gone-quite]\ndelivery = \"task\"\n",
    );
    let answer = scene.answer(&["check-config"]);
    assert_eq!(answer.status, 2);
    for needle in [
        "policy.toml:2",
        "bm",
        "policy.toml:4",
        "`open`",
        "gone-quite",
        "`gone-quiet`",
    ] {
        assert!(answer.stdout.contains(needle), "{needle}: {}", answer.stdout);
    }
}

#[test]
fn a_wrong_token_pauses_the_connection_with_its_fix_and_shows_no_secret() {
    let scene = Scene::begun();
    scene.write("token", "pat-eu1-planted-secret\n");
    let report = scene.run_once();
    assert_eq!(report.status, 3, "{report:?}");
    let error = report.cycle()["errors"][0].as_str().unwrap();
    assert!(error.contains("Fix:"), "{error}");
    let all = format!("{}{}", report.stdout, report.stderr);
    assert!(!all.contains("planted-secret"), "{all}");
    let status = scene.answer(&["status", "--json"]);
    assert_eq!(
        status.json["connections"][0]["state"],
        json!("paused"),
        "{status:?}"
    );
    scene.write("token", &scene.token);
    assert_eq!(scene.run_once().status, 0, "a mended token is taken up at once");
}

#[test]
fn a_missing_scope_blinds_the_rules_that_need_the_stream_and_loses_nothing_else() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    scene.faults(&json!([{"match": "* /crm/objects/2026-09/emails*", "kind": "forbid", "times": 0}]));
    let report = scene.run_once();
    assert_eq!(report.status, 3, "{report:?}");
    let errors = report.cycle()["errors"].to_string();
    assert!(errors.contains("emails") && errors.contains("Fix:"), "{errors}");
    assert_eq!(
        report.cycle()["tasks_created"],
        json!(0),
        "no absence is concluded from a stream nobody can read"
    );
    assert!(
        report.cycle()["pulled"]["contacts"].as_u64().unwrap() > 0,
        "the other streams go on"
    );
    scene.faults(&json!([]));
    scene.advance("5m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
}

#[test]
fn an_error_page_instead_of_json_costs_one_stream_one_cycle() {
    let scene = Scene::begun();
    scene.faults(&json!([{"match": "GET /crm/objects/2026-09/calls*", "kind": "html:524", "times": 0}]));
    let report = scene.run_once();
    assert_eq!(report.status, 1, "{report:?}");
    let errors = report.cycle()["errors"].to_string();
    assert!(errors.contains("calls"), "{errors}");
    assert!(!errors.contains("<html"), "no page is dumped: {errors}");
    scene.faults(&json!([]));
    assert_eq!(scene.run_once().status, 0);
}

#[test]
fn a_second_process_is_refused_while_questions_reach_the_running_daemon() {
    let scene = Scene::begun();
    let mut daemon = Daemon::start(&scene);
    let refused = scene.run_once();
    assert_eq!(refused.status, 4, "{refused:?}");
    assert!(
        refused.stderr.contains("in use by another followupd process"),
        "{refused:?}"
    );
    let status = scene.answer(&["status", "--json"]);
    assert_eq!(
        (status.status, &status.json["connections"][0]["state"]),
        (0, &json!("ok")),
        "{status:?}"
    );
    scene.write("followupd.toml", "[connections.hub]\nprovider = \"hubspott\"\n");
    daemon.signal("-HUP");
    assert!(
        daemon.says("the old one stays in force"),
        "a broken configuration changes nothing"
    );
    scene.write("followupd.toml", &scene.config("api_share = \"20%\""));
    daemon.signal("-HUP");
    assert!(daemon.says("cycle done"), "a valid one is taken up");
    daemon.signal("-TERM");
    assert_eq!(
        daemon.child.wait().unwrap().code(),
        Some(0),
        "a drained daemon ends with 0"
    );
    assert_eq!(scene.answer(&["status"]).status, 0);
}

/// A running daemon; it ends with the test, however the test ends.
struct Daemon {
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStderr>>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Daemon {
    /// Starts it and waits for its first cycle.
    fn start(scene: &Scene) -> Self {
        let mut command = scene.command(&["run"]);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        let mut daemon = Self { child, lines };
        assert!(daemon.says("cycle done"), "the daemon runs a cycle");
        daemon
    }

    /// Waits until it says so; false if it ends first.
    fn says(&mut self, words: &str) -> bool {
        self.lines.by_ref().any(|line| line.unwrap().contains(words))
    }

    fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

#[test]
fn plain_http_leaves_this_machine_never_and_the_sandbox_serves_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let answer = followupd(&["sandbox", "--hubspot", "0.0.0.0:0"], folder.path());
    assert_eq!(answer.status, 2);
    assert!(answer.stderr.contains("loopback"), "{answer:?}");
}

#[test]
fn a_human_text_survives_what_the_daemon_does_later() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    let contact = scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    scene.run_once();
    let id = scene.tasks()[0]["id"].as_str().unwrap().to_owned();
    let rename =
        json!({"inputs": [{"id": id, "properties": {"hs_task_subject": "Ring Priya back, she is in Lyon"}}]});
    scene.post("/crm/objects/2026-09/tasks/batch/update", &rename);
    scene.run_once();
    scene.log_call(&contact, &owner, "2026-11-02T09:06:00Z");
    let report = scene.run_once();
    assert_eq!(report.cycle()["tasks_closed"], json!(1), "{report:?}");
    let tasks = scene.tasks();
    assert_eq!(
        property(&tasks[0], "hs_task_subject"),
        "Ring Priya back, she is in Lyon"
    );
    assert_eq!(property(&tasks[0], "hs_task_status"), "COMPLETED");
}
