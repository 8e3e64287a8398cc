//! `docs/failures.md` is true: every row is there, every test it names exists; and two rows that only the whole
//! program can show.

use std::{collections::BTreeSet, path::Path};

use serde_json::json;

use crate::{support::Scene, tidy};

fn document() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failures.md")).unwrap()
}

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a word in backticks is the name of a test: snake case, and longer than any setting.
fn is_test_name(word: &str) -> bool {
    word.split('_').count() >= 4
        && word
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

/// The names of all functions under a folder.
fn names_in(folder: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in tidy::sources(folder) {
        let source = std::fs::read_to_string(path).unwrap();
        names.extend(source.lines().filter_map(|line| {
            let name = line.split_once("fn ")?.1.split_once('(')?.0;
            Some(name.to_owned())
        }));
    }
    names
}

#[test]
fn every_row_is_told_and_every_test_it_names_exists() {
    let text = document();
    let tests: BTreeSet<String> = ["src", "connectors", "tests"]
        .into_iter()
        .flat_map(names_in)
        .collect();
    for row in 1..=29 {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("| R-{row} |")))
            .unwrap_or_else(|| panic!("R-{row} has no line"));
        assert!(
            quoted(line).any(is_test_name) || line.contains("not built yet"),
            "R-{row} names no test"
        );
    }
    for name in text.lines().flat_map(quoted).filter(|word| is_test_name(word)) {
        assert!(tests.contains(name), "no test is called {name}");
    }
    // What is named after a row belongs into its line.
    for test in &tests {
        let Some((row, _)) = test.strip_prefix('r').and_then(|rest| rest.split_once('_')) else {
            continue;
        };
        if row.parse::<u32>().is_ok() {
            assert!(text.contains(&format!("`{test}`")), "{test} is not told of");
        }
    }
}

#[test]
fn r28_who_waited_for_years_gets_no_task_on_the_first_day() {
    let scene = Scene::of(&["--people", "0", "--as-of", "2023-11-06T09:00:00Z"]);
    let (owner, _) = scene.owner(0);
    for number in 0..30 {
        scene.form(&format!("old{number}@acme.example.com"), "demo", &owner);
    }
    scene.control("advance", &json!({"to": "2026-11-02T09:00:00Z"}));
    for _ in 0..3 {
        let report = scene.run_once();
        assert_eq!(
            (report.status, &report.cycle()["tasks_created"]),
            (0, &json!(0)),
            "{report:?}"
        );
        scene.advance("1h");
    }
    assert_eq!(scene.tasks().len(), 0);
    scene.form("new@acme.example.com", "demo", &owner);
    scene.advance("20m");
    assert_eq!(
        scene.run_once().cycle()["tasks_created"],
        json!(1),
        "who asks now is not forgotten"
    );
}

#[test]
fn r29_a_cache_that_cannot_be_opened_is_set_aside_and_costs_no_second_task() {
    let scene = Scene::begun();
    let (owner, _) = scene.owner(0);
    scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
    for entry in std::fs::read_dir(scene.path("state/cache")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::write(path, [0xA5; 300]).unwrap();
        }
    }
    let report = scene.run_once();
    assert_eq!(
        (report.status, &report.cycle()["tasks_created"]),
        (0, &json!(0)),
        "{report:?}"
    );
    assert!(report.stderr.contains("nothing but time is lost"), "{report:?}");
    assert_eq!(scene.tasks().len(), 1);
}
