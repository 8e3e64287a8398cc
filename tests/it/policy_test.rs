//! `policy test` from outside: exit statuses, the JSON shape, files of both formats.

use crate::support::followupd;

const AGREES: &str = r#"{"cases": [{"name": "a demo request nobody touched is a task after five business minutes",
  "now": "2026-11-16T10:10:00Z",
  "people": [{"id": "p1", "kind": "lead", "name": "Priya Nair", "owner": "o1", "source": "demo",
    "created_at": "2026-11-16T10:00:00Z", "inquiry_at": "2026-11-16T10:00:00Z", "emails": ["priya@acme.example.com"]}],
  "expect": [{"rule": "first-touch", "subject": "p1", "outcome": "task", "owner": "o1"}]}]}"#;

#[test]
fn agreeing_differing_and_wrong_files_have_their_exit_statuses() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("agrees.json", AGREES);
    write("differs.json", &AGREES.replace("10:10:00Z", "10:02:00Z"));
    write("other-rule.json", &AGREES.replace("first-touch", "gone-quiet"));
    write(
        "wrong.json",
        &AGREES
            .replace("\"outcome\"", "\"outcom\"")
            .replace("2026-11-16T10:10:00Z", "today"),
    );

    let agrees = followupd(&["policy", "test", "agrees.json", "--json"], folder.path());
    assert_eq!(agrees.status, 0, "{agrees:?}");
    assert_eq!(agrees.json["schema"], "policy-test/1");
    assert_eq!(agrees.json["cases"][0]["ok"], true);

    let differs = followupd(&["policy", "test", "differs.json", "--json"], folder.path());
    assert_eq!(differs.status, 1);
    assert_eq!(differs.json["cases"][0]["missing"].as_array().unwrap().len(), 1);

    let other = followupd(&["policy", "test", "other-rule.json"], folder.path());
    assert_eq!(other.status, 1);
    for needle in ["gone-quiet", "first-touch"] {
        assert!(other.stdout.contains(needle), "missing and unexpected: {other:?}");
    }

    let wrong = followupd(&["policy", "test", "wrong.json", "agrees.json"], folder.path());
    assert_eq!(wrong.status, 2);
    for needle in ["wrong.json:", "outcom", "today"] {
        assert!(wrong.stderr.contains(needle), "{needle}: {wrong:?}");
    }
    assert_eq!(
        followupd(&["policy", "test", "nowhere.json"], folder.path()).status,
        2
    );
}

#[test]
fn a_policy_can_be_tested_before_it_is_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("case.json"), AGREES).unwrap();
    std::fs::write(
        folder.path().join("slow.toml"),
        "[rules.first-touch]\nwithin = \"2bh\"\n",
    )
    .unwrap();
    let slow = followupd(
        &["policy", "test", "case.json", "--policy", "slow.toml"],
        folder.path(),
    );
    assert_eq!(slow.status, 1, "{slow:?}");
}
