//! The demo's closing figures: nothing missed, doubled, wrong or throttled; the same seed tells the same story.

use followupd::demo::{DemoOptions, Figures, run};

fn demo(seed: u64, days: u32, chaos: bool, with_zoho: bool) -> (Figures, Vec<String>) {
    let told = std::cell::RefCell::new(Vec::new());
    let figures = run(
        &DemoOptions {
            days,
            seed,
            chaos,
            with_zoho,
            reps: None,
            bystanders: 0,
        },
        &|line| {
            told.borrow_mut().push(line.to_owned());
        },
    )
    .unwrap();
    (figures, told.into_inner())
}

#[test]
fn three_simulated_days_are_judged_right_and_told_alike_twice() {
    let (figures, told) = demo(7, 3, false, true);
    assert!(figures.is_right(), "{:#?}", figures.problems);
    assert_eq!(figures.rate_limited, 0);
    assert!(figures.gaps_found >= 5, "{figures:?}");
    let (_, again) = demo(7, 3, false, true);
    assert_eq!(told, again);
}

#[test]
fn trouble_on_the_line_changes_nothing_in_the_end() {
    let (figures, _) = demo(3, 3, true, false);
    assert_eq!(
        (figures.duplicates, figures.wrong_tasks),
        (0, 0),
        "{:#?}",
        figures.problems
    );
}
