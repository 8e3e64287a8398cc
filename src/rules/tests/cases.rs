//! Every timeline case under `tests/timelines` agrees with the default policy, and files that are wrong are told so
//! with every problem at once.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use followup_rules::{
    cases::{Case, CaseReport, load, run},
    policy::Policy,
    problem::Problem,
};

fn timelines() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/timelines");
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json" || extension == "toml")
        })
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

fn load_ok(text: &str, file: &str) -> Vec<Case> {
    load(text, file).unwrap_or_else(|problems| panic!("{}", lines(&problems).join("\n")))
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn run_one(text: &str) -> CaseReport {
    let cases = load_ok(text, "one.json");
    assert_eq!(cases.len(), 1);
    run(&cases[0], &Policy::default())
}

fn problems(text: &str) -> Vec<String> {
    lines(&load(text, "bad.json").unwrap_err())
}

fn assert_has(problems: &[String], key: &str, word: &str) {
    assert!(
        problems
            .iter()
            .any(|line| line.contains(key) && line.contains(word)),
        "{key} … {word} is not in {problems:#?}"
    );
}

#[test]
fn every_timeline_agrees() {
    let policy = Policy::default();
    let mut differing = Vec::new();
    let mut names = BTreeSet::new();
    for (file, text) in timelines() {
        for case in load_ok(&text, &file) {
            assert!(names.insert(case.name.clone()), "two cases claim: {}", case.name);
            let report = run(&case, &policy);
            if !report.ok {
                differing.push(format!("{file}: {report}"));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(names.len() >= 60, "only {} cases", names.len());
}

#[test]
fn a_judgement_without_its_expectation_differs_and_shows_why() {
    let report = run_one(
        r#"{"cases": [{"name": "nothing is expected", "now": "2026-11-16T10:06:00Z",
        "people": [{"id": "p1", "kind": "lead", "name": "Priya Nair", "owner": "o1", "source": "demo",
                    "emails": ["priya@acme.example"], "created_at": "2026-11-16T10:00:00Z"}]}]}"#,
    );
    assert!(!report.ok);
    assert_eq!(report.unexpected.len(), 1);
    let text = report.to_string();
    for part in [
        "first-touch",
        "p1",
        "because",
        "case:lead:p1",
        "blocked_data is clear",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let json = serde_json::to_value(&report).unwrap();
    let keys: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        BTreeSet::from(["name", "ok", "missing", "unexpected", "differs"])
    );
}

#[test]
fn every_given_part_of_an_expectation_is_compared() {
    let text = r#"{"cases": [{"name": "all wrong", "now": "2026-11-16T10:06:00Z",
        "owners": [{"id": "o1", "name": "Ana"}, {"id": "o2", "name": "Ben"}],
        "people": [{"id": "p1", "kind": "lead", "name": "Priya Nair", "owner": "o1", "source": "demo",
                    "emails": ["priya@acme.example"], "created_at": "2026-11-16T10:00:00Z"}],
        "expect": [{"rule": "first-touch", "subject": "p1", "outcome": "held", "reason": "grace", "owner": "o2",
                    "due": "2026-11-16T11:00:00Z", "crossing": 2, "folded_into": "reply-waiting",
                    "text_contains": ["Marco"]}]}]}"#;
    let report = run_one(text);
    let fields: Vec<&str> = report.differs[0].fields.iter().map(|field| field.field).collect();
    let expected = [
        "outcome",
        "reason",
        "owner",
        "due",
        "crossing",
        "folded_into",
        "text_contains",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn an_expected_gap_that_is_not_open_is_missing_with_the_reason() {
    let report = run_one(
        r#"{"cases": [{"name": "not due yet", "now": "2026-11-16T10:01:00Z",
        "people": [{"id": "p1", "kind": "lead", "name": "Priya Nair", "owner": "o1", "source": "demo",
                    "created_at": "2026-11-16T10:00:00Z"}],
        "expect": [{"rule": "first-touch", "subject": "p1", "outcome": "task"}]}]}"#,
    );
    assert_eq!(report.missing.len(), 1);
    assert!(
        report.missing[0].note.contains("not_due"),
        "{}",
        report.missing[0].note
    );
}

#[test]
fn toml_cases_read_as_json_ones() {
    let text = r#"
        [[cases]]
        name = "a demo request waits"
        now = 2026-11-16T10:06:00Z
        [[cases.people]]
        id = "p1"
        kind = "lead"
        name = "Priya Nair"
        owner = "o1"
        source = "demo"
        emails = ["priya@acme.example"]
        created_at = 2026-11-16T10:00:00Z
        [[cases.expect]]
        rule = "first-touch"
        subject = "p1"
        outcome = "task"
        due = 2026-11-16T10:15:00Z
    "#;
    let cases = load_ok(text, "one.toml");
    let report = run(&cases[0], &Policy::default());
    assert!(report.ok, "{report}");
}

#[test]
fn all_problems_of_a_file_are_reported_with_their_places() {
    let found = problems(
        r#"{"cases": [
  {"name": "one", "now": "yesterday", "colour": "red",
   "people": [{"id": "p1", "kind": "leed", "ownr": "o1", "created_at": "2026-11-16"}]},
  {"now": "2026-11-16T10:00:00Z",
   "owners": [{"id": "o1", "tz": "Mars/Base"}],
   "people": [{"id": "p1", "kind": "lead", "owner": "o9", "created_at": "2026-11-16T09:00:00Z", "emails": "a"},
              {"id": "p1", "kind": "lead", "owner": "o1", "created_at": "2026-11-16T09:00:00Z"}],
   "activities": [
     {"id": "a1", "kind": "email", "direction": "in", "at": "2026-11-16T10:00:01Z", "people": ["p7"]},
     {"id": "a2", "kind": "meeting", "direction": "out", "at": "2026-11-16T09:00:00Z"},
     {"id": "a3", "kind": "call", "direction": "out", "at": "2026-11-16T09:00:00Z",
      "logged_at": "2026-11-16T11:00:00Z"}],
   "tasks": [{"id": "t1", "origin": "followupd", "status": "open", "created_at": "2026-11-16T09:00:00Z"}],
   "calendar": {"hours": {"mon-fri": ["09:00-17:00"], "wed-sat": ["10:00-12:00"]}, "holidays": ["2026-13-01"]},
   "policy": {"rules": {"first-touch": {"within": {"demo": 5}}}},
   "expect": [{"rule": "first-tuch", "subject": "p1", "outcome": "open"}],
   "expect_tasks": [{"id": "t2", "then": "moot", "reason": "gone"}]}
]}"#,
    );
    let expect = [
        ("bad.json:2:26: error: cases[0].now", "no instant"),
        ("cases[0].colour", "not a known key"),
        ("cases[0].people[0].kind", "lead"),
        ("cases[0].people[0].ownr", "`owner`"),
        ("cases[0].people[0].created_at", "no instant"),
        ("cases[1].name", "missing"),
        ("cases[1].owners[0].tz", "Europe/Berlin"),
        ("cases[1].people[0].owner", "not the id of an owner"),
        ("cases[1].people[0].emails", "expected a list"),
        ("cases[1].people[1].id", "stands twice"),
        ("cases[1].activities[0].at", "after the case's now"),
        ("cases[1].activities[0].people[0]", "not the id of a person"),
        ("cases[1].activities[1].starts_at", "missing"),
        ("cases[1].activities[2].logged_at", "after the case's now"),
        ("cases[1].tasks[0].gap", "missing"),
        ("cases[1].calendar.hours.wed-sat", "both set"),
        ("cases[1].calendar.holidays[0]", "no date"),
        ("cases[1].policy.rules.first-touch.within.demo", "5bm"),
        ("cases[1].expect[0].rule", "`first-touch`"),
        ("cases[1].expect[0].outcome", "not known"),
        ("cases[1].expect_tasks[0].id", "not the id of a followupd task"),
        ("cases[1].expect_tasks[0].reason", "not a reason"),
    ];
    for (key, word) in expect {
        assert_has(&found, key, word);
    }
    let line_of = |problem: &String| problem.split(':').nth(1).unwrap().parse::<u32>().unwrap();
    assert!(found.is_sorted_by_key(line_of), "{found:#?}");
}

#[test]
fn expectations_and_gaps_belong_to_tasks_of_ours() {
    let found = problems(
        r#"{"cases": [{"name": "one", "now": "2026-11-16T10:00:00Z",
        "people": [{"id": "p1", "kind": "lead", "created_at": "2026-11-16T09:00:00Z"}],
        "tasks": [{"id": "h1", "origin": "human", "status": "open", "people": ["p1"],
                   "gap": {"rule": "first-touch", "subject": "p1", "anchor": "p1"}}],
        "expect_tasks": [{"id": "h1", "then": "keep"}]}]}"#,
    );
    assert_has(&found, "cases[0].tasks[0].gap", "only a followupd task");
    assert_has(&found, "cases[0].expect_tasks[0].id", "a followupd task");
}

#[test]
fn a_file_that_was_cut_off_is_refused_wherever_the_cut_is() {
    let (file, text) = timelines().swap_remove(0);
    let end = text.trim_end().len();
    for cut in (0..end).step_by(53).filter(|cut| text.is_char_boundary(*cut)) {
        assert!(load(&text[..cut], &file).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_file_that_is_no_case_file_says_so() {
    assert_has(&problems("{\"cases\": [}"), "bad.json:1:", "cannot be read");
    assert_has(&problems("{\"case\": []}"), "cases", "missing");
    assert_has(&problems("[]"), "", "expected a table");
}

/// A case with this many demo requests at once, from source `source`.
fn crowd(count: usize, source: &str, expect: &str) -> String {
    let people: Vec<String> = (0..count)
        .map(|index| {
            format!(
                r#"{{"id": "p{index}", "kind": "lead", "owner": "o1", "source": "{source}",
                     "created_at": "2026-11-16T10:00:00Z", "emails": ["p{index}@acme.example"]}}"#
            )
        })
        .collect();
    format!(
        r#"{{"cases": [{{"name": "a crowd", "now": "2026-11-16T15:00:00Z", "people": [{}],
            "policy": {{"caps": {{"new_per_day": 100, "open": 100}}}}, "expect": [{expect}]}}]}}"#,
        people.join(",")
    )
}

#[test]
fn more_than_fifty_people_created_at_once_through_an_api_are_an_import() {
    assert!(run_one(&crowd(51, "api", "")).ok);
    let fifty = run_one(&crowd(50, "api", ""));
    assert_eq!(fifty.unexpected.len(), 50, "{fifty}");
}

#[test]
fn the_default_hard_cap_is_fifteen_new_tasks_a_day() {
    let text = crowd(17, "demo", "").replace(r#""new_per_day": 100, "open": 100"#, "");
    let report = run_one(&text);
    let outcomes: Vec<&str> = report.unexpected.iter().map(|found| found.outcome).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "task").count(), 15);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "queued").count(), 2);
}

#[test]
fn a_given_policy_is_the_base_of_the_own_policy_of_a_case() {
    let text = r#"{"cases": [{"name": "both", "now": "2026-11-16T10:06:00Z",
        "policy": {"rules": {"first-touch": {"within": {"chat": "1bh"}}}},
        "people": [{"id": "p1", "kind": "lead", "owner": "o1", "source": "demo", "created_at": "2026-11-16T10:00:00Z"},
                   {"id": "p2", "kind": "lead", "owner": "o1", "source": "chat", "created_at": "2026-11-16T10:00:00Z"},
                   {"id": "p3", "kind": "lead", "owner": "o1", "source": "pricing",
                    "created_at": "2026-11-16T10:00:00Z"}],
        "expect": [{"rule": "first-touch", "subject": "p3", "outcome": "task"}]}]}"#;
    let base = Policy::from_toml("[rules.first-touch]\nwithin.demo = \"2bh\"\n", "policy.toml").unwrap();
    let report = run(&load_ok(text, "one.json")[0], &base);
    assert!(report.ok, "{report}");
}
