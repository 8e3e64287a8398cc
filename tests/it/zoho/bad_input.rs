//! Bad input about Zoho: one clear message that names cause and fix, nothing else lost, no secret told.

use serde_json::json;

use super::org::{Org, login};
use crate::support::{Answer, followupd};

/// The errors of the first cycle, as one text.
fn errors(answer: &Answer) -> String {
    answer.cycle()["errors"].to_string()
}

#[test]
fn every_problem_of_a_connection_to_zoho_is_reported_with_place_and_fix() {
    let org = Org::new(&[]);
    let good = login("1000.A", "secret", "refresh");
    org.write(
        "followupd.toml",
        &format!(
            "data_dir = \"state\"\n\
             [connections.one]\nprovider = \"zoho\"\napi_version = \"v2\"\nmode = \"observe\"\n\
             [connections.one.auth]\n{good}\nflow = \"password\"\n\
             [connections.two]\nprovider = \"zoho\"\nlogin_url = \"http://accounts.zoho.eu\"\nmode = \"observe\"\n\
             [connections.two.auth]\n{}\n\
             [connections.three]\nprovider = \"zoho\"\nlogin_url = \"https://accounts.zoho.eu\"\nmode = \"observe\"\n\
             [connections.three.auth]\naccess_token_file = \"refresh\"\n",
            login("1000.A", "missing.secret", "refresh")
        ),
    );
    let answer = org.answer(&["check-config", "--json"]);
    assert_eq!(answer.status, 2, "{answer:?}");
    let problems = answer.json["problems"].as_array().unwrap();
    for needle in [
        "connections.one.login_url",
        "connections.one.api_version",
        "connections.one.auth.flow",
        "connections.two.login_url",
        "missing.secret",
        "connections.three.auth",
    ] {
        let problem = problems
            .iter()
            .find(|problem| problem.to_string().contains(needle))
            .unwrap_or_else(|| panic!("{needle} is missing in {problems:#?}"));
        let (place, fix) = (problem["where"].as_str(), problem["fix"].as_str());
        assert!(place.unwrap().contains("followupd.toml:"), "{problem}");
        assert!(!fix.unwrap().is_empty(), "{problem}");
    }
    // Right in form, and still no accounts server.
    let api_host = org.config("").replace(&org.base_url, "https://www.zohoapis.eu");
    org.write("followupd.toml", &api_host);
    let answer = org.answer(&["check-config"]);
    assert_eq!(answer.status, 2, "{answer:?}");
    assert!(answer.stdout.contains("accounts server"), "{answer:?}");
}

#[test]
fn a_host_that_does_not_answer_or_is_no_zoho_is_told_as_such() {
    let org = Org::new(&[]);
    let here = org.base_url.clone();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let hubspot = org.ready["hubspot"]["base_url"].as_str().unwrap().to_owned();
    for (host, needle) in [(format!("http://{closed}"), "refused"), (hubspot, "token")] {
        org.write("followupd.toml", &org.config("").replace(&here, &host));
        // The date is nobody's business here: the sandbox that would tell it is not where one logs in.
        let words = ["run", "--once", "--json", "--config", "followupd.toml"];
        let report = followupd(&words, org.folder.path());
        assert!([1, 3].contains(&report.status), "{report:?}");
        let told = errors(&report);
        assert!(told.to_lowercase().contains(needle), "{host}: {told}");
        assert!(!told.contains("<html"), "{told}");
    }
    org.write("followupd.toml", &org.config(""));
    let mended = org.run_once();
    assert_eq!(mended.status, 0, "{mended:?}");
}

#[test]
fn a_login_zoho_refuses_inside_a_success_pauses_the_connection_with_its_fix_and_shows_no_secret() {
    let org = Org::begun();
    let (secret, refresh) = (org.said("client_secret"), org.said("refresh_token"));
    let (app, wrong) = (org.said("client_id"), "1000.planted.secret");
    org.write("wrong", wrong);
    let logins = [
        ("client_id", login("1000.NOBODY", "secret", "refresh")),
        ("secret", login(&app, "wrong", "refresh")),
        ("refresh", login(&app, "secret", "wrong")),
    ];
    for (needle, login) in logins {
        std::fs::remove_file(org.path("state/tokens-zoho")).ok();
        org.write("followupd.toml", &org.config_with("", &login));
        let report = org.run_once();
        let told = errors(&report);
        assert_eq!(report.status, 3, "{login}: {report:?}");
        assert!(told.contains("Fix:") && told.contains(needle), "{login}: {told}");
        let all = format!("{}{}", report.stdout, report.stderr);
        for hidden in [secret.as_str(), refresh.as_str(), wrong] {
            assert!(!all.contains(hidden), "{login}: {all}");
        }
        let status = org.answer(&["status", "--json"]);
        assert_eq!(
            status.json["connections"][0]["state"],
            json!("paused"),
            "{status:?}"
        );
    }
    org.write("followupd.toml", &org.config(""));
    let mended = org.run_once();
    assert_eq!(mended.status, 0, "{mended:?}");
}

#[test]
fn wrong_words_in_a_mapping_for_zoho_are_all_named_before_anything_starts() {
    let org = Org::new(&[]);
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/connectors/zoho.toml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let broken = text
        .replace("outcome = \"busy\"", "outcome = \"occupied\"")
        .replace("mailboxes = \"auto\"", "mailboxes = \"maybe\"")
        .replace("trigger = []", "trigger = [\"everything\"]");
    org.write("mapping.toml", &broken);
    org.write("followupd.toml", &org.config("mapping_file = \"mapping.toml\""));
    let answer = org.run_once();
    assert_eq!(answer.status, 2, "{answer:?}");
    let told = format!("{}{}", answer.stdout, answer.stderr);
    for needle in ["mapping.toml", "occupied", "mails.mailboxes", "everything"] {
        assert!(told.contains(needle), "{needle}: {told}");
    }
    org.write("mapping.toml", &format!("{text}\nrobots = []\n"));
    let answer = org.run_once();
    assert_eq!(answer.status, 2, "{answer:?}");
    assert!(answer.stderr.contains("robots"), "{answer:?}");
    org.write("mapping.toml", &text);
    assert_eq!(org.run_once().status, 0);
}

#[test]
fn what_is_closed_to_the_login_blinds_the_rules_that_need_it_and_nothing_else() {
    let org = Org::begun();
    let (owner, _) = org.users()[0].clone();
    for (settings, needle) in [
        (json!({"hidden_fields": ["Calls.Call_Type"]}), "Calls.Call_Type"),
        (
            json!({"hidden_fields": [], "forbidden_modules": ["Deals"]}),
            "Deals",
        ),
        (json!({"forbidden_modules": [], "is_admin": false}), "notes"),
    ] {
        org.change(&settings);
        org.advance("6m");
        let report = org.run_once();
        assert_eq!(report.status, 3, "{needle}: {report:?}");
        let told = errors(&report);
        assert!(told.contains(needle) && told.contains("Fix:"), "{needle}: {told}");
    }
    org.change(&json!({"is_admin": true, "forbidden_modules": ["Calls"]}));
    org.asks("priya@acme.example.com", "demo", &owner);
    org.advance("6m");
    let report = org.run_once();
    assert_eq!(
        report.cycle()["tasks_created"],
        json!(0),
        "no absence is concluded from calls nobody can see: {report:?}"
    );
    org.change(&json!({"forbidden_modules": []}));
    org.advance("6m");
    let report = org.run_once();
    assert_eq!(
        (report.status, &report.cycle()["tasks_created"]),
        (0, &json!(1)),
        "{report:?}"
    );
}

#[test]
fn words_the_org_does_not_know_and_mail_nobody_shares_are_told_with_their_fix() {
    let org = Org::begun();
    org.change(&json!({"task_statuses": ["Offen", "Erledigt"], "mailboxes_synced": false}));
    let (owner, _) = org.users()[0].clone();
    org.asks("priya@acme.example.com", "demo", &owner);
    // What is not visible is found out when it is first looked for, and told by the next look around.
    for _ in 0..2 {
        org.advance("20m");
        org.run_once();
    }
    let status = org.answer(&["status", "--json"]);
    let problems = status.json["connections"][0]["problems"].to_string();
    assert!(problems.contains("Not Started"), "{problems}");
    assert!(problems.contains("Fix:"), "{problems}");
    assert_eq!(org.tasks().len(), 0, "nothing is concluded from silence");
}
