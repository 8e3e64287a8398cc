//! Bad input about Salesforce: one clear message that names cause and fix, nothing else lost, no secret told.

use serde_json::json;

use super::org::Org;
use crate::support::{Answer, followupd};

/// The errors of the first cycle, as one text.
fn errors(answer: &Answer) -> String {
    answer.cycle()["errors"].to_string()
}

/// A login by a signed statement with one part replaced.
fn jwt(org: &Org, replaced: &str, by: &str) -> String {
    let value = |key: &str, said: &str| {
        let value = if key == replaced {
            by.to_owned()
        } else {
            org.said(said)
        };
        format!("{key} = \"{value}\"\n")
    };
    format!(
        "flow = \"jwt_bearer\"\n{}{}{}",
        value("client_id", "client_id"),
        value("username", "username"),
        value("jwt_key_file", "jwt_key_file")
    )
}

#[test]
fn every_problem_of_a_connection_to_salesforce_is_reported_with_place_and_fix() {
    let org = Org::new(&[]);
    org.write("nokey.pem", "this is no key\n");
    org.write(
        "followupd.toml",
        "data_dir = \"state\"\n\
         [connections.one]\nprovider = \"salesforce\"\napi_version = \"41.0\"\nmode = \"observe\"\n\
         [connections.one.auth]\nflow = \"password\"\n\
         [connections.two]\nprovider = \"salesforce\"\nlogin_url = \"http://acme.my.salesforce.com\"\nmode = \"observe\"\n\
         [connections.two.auth]\nflow = \"jwt_bearer\"\nclient_id = \"app\"\njwt_key_file = \"missing.pem\"\n\
         [connections.three]\nprovider = \"salesforce\"\nlogin_url = \"https://acme.my.salesforce.com\"\nmode = \"observe\"\n\
         [connections.three.auth]\nflow = \"jwt_bearer\"\nclient_id = \"app\"\nusername = \"a@example.com\"\n\
         jwt_key_file = \"nokey.pem\"\n",
    );
    let answer = org.answer(&["check-config", "--json"]);
    assert_eq!(answer.status, 2, "{answer:?}");
    let problems = answer.json["problems"].as_array().unwrap();
    for needle in [
        "connections.one.login_url",
        "connections.one.api_version",
        "connections.one.auth.flow",
        "connections.two.login_url",
        "connections.two.auth.username",
        "missing.pem",
        "nokey.pem",
    ] {
        let problem = problems
            .iter()
            .find(|problem| problem.to_string().contains(needle))
            .unwrap_or_else(|| panic!("{needle} is missing in {problems:#?}"));
        let (place, fix) = (problem["where"].as_str(), problem["fix"].as_str());
        assert!(place.unwrap().contains("followupd.toml:"), "{problem}");
        assert!(!fix.unwrap().is_empty(), "{problem}");
    }
}

#[test]
fn a_host_that_does_not_answer_or_is_no_salesforce_is_told_as_such() {
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
fn a_login_the_org_refuses_pauses_the_connection_with_its_fix_and_shows_no_secret() {
    let org = Org::begun();
    let secret = org.said("client_secret");
    let refresh = org.said("refresh_token");
    let (app, wrong) = (org.said("client_id"), "5Aep861.planted.secret");
    org.write("wrong", wrong);
    let web = |id: &str, secret: &str, refresh: &str| {
        format!("client_id = \"{id}\"\nclient_secret_file = \"{secret}\"\nrefresh_token_file = \"{refresh}\"")
    };
    let logins = [
        ("client_id", jwt(&org, "client_id", "3MVG9.nobody")),
        ("user", jwt(&org, "username", "nobody@example.org")),
        ("client_id", web("3MVG9.nobody", "secret", "refresh")),
        ("secret", web(&app, "wrong", "refresh")),
        ("refresh", web(&app, "secret", "wrong")),
    ];
    for (needle, login) in logins {
        std::fs::remove_file(org.path("state/tokens-sf")).ok();
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
fn an_app_that_is_not_installed_and_a_version_the_org_does_not_list_say_what_to_do() {
    let org = Org::begun();
    std::fs::remove_file(org.path("state/tokens-sf")).ok();
    org.change(&json!({"app_installed": false}));
    let report = org.run_once();
    assert_eq!(report.status, 3, "{report:?}");
    assert!(errors(&report).contains("install"), "{report:?}");
    org.change(&json!({"app_installed": true}));
    org.write("followupd.toml", &org.config("api_version = \"99.0\""));
    let report = org.run_once();
    assert_eq!(report.status, 3, "{report:?}");
    let told = errors(&report);
    assert!(told.contains("99.0") && told.contains("68.0"), "{told}");
}

#[test]
fn wrong_words_in_a_mapping_are_all_named_before_anything_starts() {
    let org = Org::new(&[]);
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/connectors/salesforce.toml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let broken = text
        .replace("outcome = \"busy\"", "outcome = \"occupied\"")
        .replace("sees_all_records = \"auto\"", "sees_all_records = \"maybe\"")
        .replace("unset_direction = \"out\"", "unset_direction = \"up\"");
    org.write("mapping.toml", &broken);
    org.write("followupd.toml", &org.config("mapping_file = \"mapping.toml\""));
    let answer = org.run_once();
    assert_eq!(answer.status, 2, "{answer:?}");
    let told = format!("{}{}", answer.stdout, answer.stderr);
    for needle in [
        "mapping.toml",
        "occupied",
        "users.sees_all_records",
        "calls.unset_direction",
    ] {
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
fn fields_and_rows_that_are_hidden_blind_the_rules_that_need_them_and_nothing_else() {
    let org = Org::begun();
    let (owner, _) = org.users()[0].clone();
    for (settings, needle) in [
        (
            json!({"hidden_fields": ["Task.TaskSubtype", "Task.Type"]}),
            "TaskSubtype",
        ),
        (
            json!({"hidden_fields": [], "hidden_objects": ["EmailMessage"]}),
            "EmailMessage",
        ),
        (
            json!({"hidden_objects": [], "view_all_data": false}),
            "View All Data",
        ),
    ] {
        org.change(&settings);
        org.advance("6m");
        let report = org.run_once();
        assert_eq!(report.status, 3, "{needle}: {report:?}");
        let told = errors(&report);
        assert!(told.contains(needle) && told.contains("Fix:"), "{told}");
    }
    org.asks("priya@acme.example.com", "demo", &owner);
    org.advance("6m");
    let report = org.run_once();
    assert_eq!(
        report.cycle()["tasks_created"],
        json!(0),
        "no absence is concluded from rows nobody can see: {report:?}"
    );
    org.change(&json!({"view_all_data": true}));
    org.advance("6m");
    let report = org.run_once();
    assert_eq!(
        (report.status, &report.cycle()["tasks_created"]),
        (0, &json!(1)),
        "{report:?}"
    );
}
