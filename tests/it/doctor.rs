//! The doctor finds what is wrong, says where, and how to mend it; each story breaks one thing.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::{
    crms::Crms,
    support::{Answer, BINARY, Scene},
};

/// The finding of a code at a place.
fn found<'a>(answer: &'a Answer, code: &str, place: &str) -> &'a Value {
    let problems = answer.json["problems"].as_array().unwrap();
    let is_it = |problem: &&Value| {
        problem["code"] == code && problem["where"].as_str().is_some_and(|at| at.contains(place))
    };
    let finding = problems.iter().find(is_it);
    assert!(finding.is_some(), "{code} at {place} is missing in {problems:#?}");
    let finding = finding.unwrap();
    for key in ["severity", "message", "fix"] {
        assert!(
            finding[key].as_str().is_some_and(|text| !text.is_empty()),
            "{key}: {finding}"
        );
    }
    finding
}

fn text<'a>(finding: &'a Value, key: &str) -> &'a str {
    finding[key].as_str().unwrap()
}

#[test]
fn a_healthy_hubspot_has_nothing_but_notes() {
    let scene = Scene::begun();
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(scene.path("token"), private).unwrap();
    let answer = scene.answer(&["doctor", "--json"]);
    assert_eq!(answer.status, 0, "{answer:?}");
    let connection = &answer.json["connections"][0];
    assert_eq!(connection["name"], json!("hub"));
    let kinds = connection["kinds"].as_array().unwrap();
    let mail = kinds.iter().find(|kind| kind["kind"] == "email").unwrap();
    assert!(mail["blind"].is_null() && mail["read_to"].is_string(), "{mail}");
    assert!(connection["owners"].as_array().unwrap().len() > 1);
    let shown = scene.answer(&["doctor"]);
    assert!(
        shown.stdout.contains("calls today") && shown.stdout.contains("known since"),
        "{}",
        shown.stdout
    );
}

#[test]
fn a_login_that_is_missing_names_the_command_that_brings_it() {
    let crms = Crms::new();
    let answer = crms.answer(&["doctor", "--json"]);
    assert_eq!(answer.status, 4, "there is no state yet: {answer:?}");
    crms.answer(&["run", "--once"]);
    let answer = crms.answer(&["doctor", "--json"]);
    assert_eq!(answer.status, 3, "{answer:?}");
    for name in ["hubspot", "salesforce", "zoho"] {
        let fix = text(found(&answer, "unauthorized", name), "fix").to_owned();
        assert!(fix.contains(&format!("followupd auth login {name}")), "{fix}");
    }
}

#[test]
fn three_logins_are_looked_at_and_what_they_have_too_much_is_named() {
    let crms = Crms::new();
    crms.log_in();
    crms.answer(&["run", "--once"]);
    let answer = crms.answer(&["doctor", "--json"]);
    assert!(matches!(answer.status, 0 | 1), "{answer:?}");
    // The simulated portal gives its app more than is asked for.
    let much = text(found(&answer, "superfluous_scopes", "hubspot"), "message").to_owned();
    assert!(much.contains("crm.objects.deals.write"), "{much}");
    found(&answer, "key_beside_tokens", "secret.key");
    assert_eq!(answer.json["connections"].as_array().unwrap().len(), 3);
}

#[test]
fn scopes_that_were_not_given_are_named_with_what_they_close() {
    let crms = Crms::new();
    crms.log_in();
    let some = [
        "ZohoCRM.modules.leads.READ",
        "ZohoCRM.org.READ",
        "ZohoCRM.users.READ",
        "ZohoCRM.settings.fields.READ",
    ];
    crate::login::log_in_by_code(&crms, &some);
    crms.answer(&["run", "--once"]);
    let answer = crms.answer(&["doctor", "--json"]);
    assert_eq!(answer.status, 3, "{answer:?}");
    let missing = text(found(&answer, "missing_scope", "zoho"), "message").to_owned();
    assert!(
        missing.contains("ZohoCRM.modules.tasks.CREATE") && missing.contains("ZohoCRM.coql.READ"),
        "{missing}"
    );
}

#[test]
fn a_secret_that_others_may_read_and_an_open_state_directory_are_told() {
    let scene = Scene::begun();
    let open = |path: &str, mode: u32| {
        std::fs::set_permissions(scene.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open("token", 0o644);
    let answer = scene.answer(&["doctor", "--json"]);
    assert_eq!(answer.status, 1, "{answer:?}");
    let fix = text(found(&answer, "secret_mode", "hub"), "fix").to_owned();
    assert!(fix.starts_with("chmod 600 ") && fix.ends_with("token"), "{fix}");
    open("token", 0o600);
    assert_eq!(scene.answer(&["doctor", "--json"]).status, 0);
}

#[test]
fn a_host_that_does_not_answer_and_a_clock_that_is_off_are_told() {
    let crms = Crms::new();
    // Without the sandbox's date this machine's clock is not the simulated CRM's.
    let answer = Answer::of(
        std::process::Command::new(BINARY)
            .args(["doctor", "--json", "--config"])
            .arg(crms.path("followupd.toml"))
            .output()
            .unwrap(),
    );
    for name in ["hubspot", "salesforce", "zoho"] {
        let fix = text(found(&answer, "clock_skew", name), "fix").to_owned();
        assert!(fix.contains("timesyncd"), "{fix}");
    }
    let scene = Scene::begun();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    scene.write(
        "followupd.toml",
        &scene
            .config("")
            .replace(&scene.base_url, &format!("http://127.0.0.1:{port}")),
    );
    let answer = Answer::of(
        std::process::Command::new(BINARY)
            .args(["doctor", "--json", "--config"])
            .arg(scene.path("followupd.toml"))
            .output()
            .unwrap(),
    );
    assert_eq!(answer.status, 3, "{answer:?}");
    assert!(text(found(&answer, "unreachable", "hub"), "fix").contains("https"));
}

#[test]
fn a_neighbour_that_eats_the_allowance_is_named() {
    let crms = Crms::of(&[
        "--people",
        "0",
        "--as-of",
        crate::support::MONDAY_NINE,
        "--daily",
        "5000",
    ]);
    crms.log_in();
    crms.control("salesforce", "neighbour", &json!({"requests": 4100}));
    crms.answer(&["run", "--once"]);
    let answer = crms.answer(&["doctor", "--json"]);
    let told = found(&answer, "quota_others", "salesforce");
    assert!(text(told, "message").contains("other apps spent"), "{told}");
    assert_eq!(answer.status, 1, "{answer:?}");
}

#[test]
fn somebody_whose_calls_are_never_logged_is_named_where_others_log_theirs() {
    let scene = Scene::begun();
    std::fs::set_permissions(scene.path("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let (owner, _) = scene.owner(0);
    let contact = scene.form("priya@acme.example.com", "demo", &owner);
    for minute in 10..16 {
        scene.log_call(&contact, &owner, &format!("2026-11-02T09:{minute}:00Z"));
    }
    scene.advance("1h");
    scene.run_once();
    let answer = scene.answer(&["doctor", "--json"]);
    assert_eq!(answer.status, 1, "{answer:?}");
    let told = found(&answer, "owner_unseen", "hub");
    assert!(
        text(told, "message").contains("no call was ever logged by"),
        "{told}"
    );
    assert!(text(told, "fix").contains("phone"), "{told}");
}

#[test]
fn a_broken_configuration_is_all_that_is_told() {
    let scene = Scene::begun();
    scene.write("followupd.toml", &scene.config("modee = \"observe\""));
    let answer = scene.answer(&["doctor", "--json"]);
    assert_eq!(answer.status, 2, "{answer:?}");
    assert!(text(found(&answer, "unknown_key", "followupd.toml:"), "fix").contains("`mode`"));
}
