//! The scripted team against a CRM in memory: what a perfect daemon scores, and that no flaw goes unseen.

mod daemon;
mod fake;

use followup_sandbox::{
    crm::Feature,
    team::{Scale, Score, Site, Team, TeamSize},
};
use jiff::Timestamp;

use crate::{
    daemon::{Flaw, Run, TOLERANCE, open, play, play_in},
    fake::FakeCrm,
};

const MONDAY: &str = "2026-03-02T08:00:00Z";

fn last(run: &Run) -> &Score {
    run.scores.last().expect("a run is judged at its end")
}

fn marks(flaw: Flaw) -> Score {
    last(&play(3, 100, MONDAY, 14, flaw)).clone()
}

fn wrong_situations(score: &Score) -> u64 {
    score.by_situation.values().map(|kind| kind.n - kind.right).sum()
}

#[test]
fn a_perfect_daemon_is_right_wherever_ten_seeds_are_stopped() {
    for seed in 1..=10 {
        let run = play(seed, 120, MONDAY, 14, Flaw::None);
        for score in &run.scores {
            assert_eq!(score.problems, Vec::<String>::new(), "seed {seed}");
            assert_eq!(
                (score.gaps_missed, score.duplicates, score.wrong_tasks),
                (0, 0, 0)
            );
            assert_eq!(wrong_situations(score), 0);
            assert_eq!(score.gaps_found, score.gaps_expected);
        }
        let score = last(&run);
        assert!(
            score.gaps_expected >= 30,
            "seed {seed}: {} gaps",
            score.gaps_expected
        );
        assert!(
            score.tasks_closed_by_evidence >= 15,
            "seed {seed}: {}",
            score.tasks_closed_by_evidence
        );
        assert!(score.by_situation.len() >= 16);
        assert!(
            score.by_situation.values().all(|kind| kind.n >= 1),
            "seed {seed}: {:?}",
            score.by_situation
        );
        assert_eq!(score.by_situation.values().map(|kind| kind.n).sum::<u64>(), 120);
        assert_eq!(score.tasks_created, score.gaps_found);
    }
}

#[test]
fn a_run_may_start_on_any_day_and_hour() {
    for as_of in [
        "2026-03-03T09:15:00Z",
        "2026-03-04T16:59:59Z",
        "2026-03-06T13:00:00Z",
        "2026-03-08T00:00:00.25Z",
    ] {
        let run = play(11, 100, as_of, 14, Flaw::None);
        assert_eq!(last(&run).problems, Vec::<String>::new(), "from {as_of}");
        assert!(
            last(&run).by_situation.values().all(|kind| kind.n >= 1),
            "from {as_of}"
        );
    }
}

#[test]
fn acts_come_in_time_order_and_equal_seeds_act_alike() {
    let (one, two) = (
        play(5, 100, MONDAY, 14, Flaw::None),
        play(5, 100, MONDAY, 14, Flaw::None),
    );
    assert_eq!(one.crm().book, two.crm().book);
    // Owners come with the world; what is remembered from before it comes next.
    let owners = one.crm().book.iter().filter(|words| words.contains("NewOwner"));
    assert!(one.crm().instants[owners.count()..].is_sorted());
    assert_ne!(one.crm().book, play(6, 100, MONDAY, 14, Flaw::None).crm().book);
}

#[test]
fn acts_are_the_same_however_the_clock_is_stepped() {
    let as_of: Timestamp = MONDAY.parse().unwrap();
    let end = as_of + jiff::SignedDuration::from_hours(14 * 24);
    let scale = Scale {
        alone: vec![60, 40],
        shared: 30,
        ..Scale::default()
    };
    let crms = || vec![FakeCrm::default(), FakeCrm::default()];
    let (mut at_once, mut stepped) = (crms(), crms());
    Team::new(9, &scale, as_of, &mut open(&mut at_once)).run_until(end, &mut open(&mut at_once));
    let mut team = Team::new(9, &scale, as_of, &mut open(&mut stepped));
    while let Some(next) = team.next_act_at() {
        team.run_until(next, &mut open(&mut stepped));
    }
    for (one, two) in at_once.iter().zip(&stepped) {
        assert_eq!(one.book, two.book);
        let remembered = as_of - jiff::SignedDuration::from_hours(7 * 7 * 24);
        assert!(one.instants.iter().all(|at| *at >= remembered && *at < end));
    }
}

#[test]
fn an_empty_world_has_owners_only() {
    let as_of: Timestamp = MONDAY.parse().unwrap();
    let mut crm = FakeCrm::default();
    let mut team = Team::new(1, &Scale::default(), as_of, &mut [&mut crm]);
    team.run_until(as_of + jiff::SignedDuration::from_hours(999), &mut [&mut crm]);
    assert!(crm.book.len() >= 7 && crm.book.iter().all(|words| words.contains("NewOwner")));
    assert_eq!(team.next_act_at(), None);
    assert_eq!(
        team.truth(Site(0), &crm),
        serde_json::json!({"situations": [], "tasks": []})
    );
}

#[test]
fn a_larger_team_shares_no_address_and_nobody_is_reminded_more_than_four_times_a_day() {
    let run = play(2, 200, MONDAY, 14, Flaw::None);
    assert_eq!(last(&run).problems, Vec::<String>::new());
    let truth = run.team.truth(Site(0), run.crm());
    let mut by_day = std::collections::BTreeMap::new();
    for task in &run.crm().tasks {
        let Some(situation) = task.key.as_ref().and_then(|key| key.split('-').nth(1)) else {
            continue;
        };
        let situation: usize = situation.parse().unwrap();
        // What a rep handed on was written for somebody else.
        if truth["situations"][situation]["name"] != "reminder-handed-on" {
            let day = task.created_at.to_string()[..10].to_owned();
            *by_day.entry((task.owner.clone(), day)).or_insert(0) += 1;
        }
    }
    assert!(by_day.values().all(|n| *n <= 4), "{by_day:?}");
}

#[test]
fn silence_misses_every_gap() {
    let score = marks(Flaw::Lazy);
    assert_eq!(
        (score.gaps_found, score.tasks_created, score.wrong_tasks),
        (0, 0, 0)
    );
    assert!(score.gaps_expected >= 30);
    assert_eq!(score.gaps_missed, score.gaps_expected);
    assert!(wrong_situations(&score) >= 25);
}

#[test]
fn a_missing_rule_misses_its_gaps_only() {
    let perfect = marks(Flaw::None);
    for (flaw, name) in [
        (Flaw::NoReplies, "customer-reply-forgotten"),
        (Flaw::NoAttempts, "second-attempt-forgotten"),
    ] {
        let score = marks(flaw);
        assert!(score.gaps_missed >= 10, "{flaw:?}");
        assert_eq!(score.gaps_found + score.gaps_missed, perfect.gaps_found);
        assert!(score.by_situation["demo-called-after-reminder"].right >= 1);
        assert_eq!(score.by_situation[name].right, 0);
    }
}

#[test]
fn a_second_task_is_a_duplicate_by_key_or_by_subject() {
    for flaw in [Flaw::SameKeyTwice, Flaw::TwoKeys] {
        let score = marks(flaw);
        assert_eq!(score.duplicates, score.gaps_found, "{flaw:?}");
        assert_eq!(score.gaps_missed, 0, "{flaw:?}");
        assert_eq!(score.by_situation["demo-called-after-reminder"].right, 0);
    }
}

#[test]
fn a_task_on_another_list_is_wrong() {
    let score = marks(Flaw::OtherOwner);
    assert!(score.wrong_tasks >= score.gaps_found - 1);
    assert_eq!(score.gaps_missed, 0);
}

#[test]
fn a_task_outside_its_window_is_wrong_and_the_gap_missed() {
    for flaw in [Flaw::Late, Flaw::Early] {
        let score = marks(flaw);
        assert_eq!(score.gaps_found, 0, "{flaw:?}");
        assert_eq!(score.gaps_missed, score.gaps_expected, "{flaw:?}");
        assert!(
            score.wrong_tasks >= score.gaps_expected - 2,
            "{flaw:?}: {score:?}"
        );
    }
}

#[test]
fn a_task_that_stays_or_goes_too_soon_is_wrong() {
    let perfect = marks(Flaw::None);
    let closings = perfect.tasks_closed_by_evidence + perfect.tasks_moot;
    assert_eq!(marks(Flaw::NeverCloses).wrong_tasks, closings);
    assert_eq!(marks(Flaw::NeverCloses).tasks_closed_by_evidence, 0);
    assert!(marks(Flaw::ClosesAtOnce).wrong_tasks >= closings);
}

#[test]
fn done_and_moot_are_told_apart() {
    let perfect = marks(Flaw::None);
    assert!(perfect.tasks_moot >= 2);
    assert_eq!(marks(Flaw::MootAsDone).wrong_tasks, perfect.tasks_moot);
    assert_eq!(
        marks(Flaw::DoneAsMoot).wrong_tasks,
        perfect.tasks_closed_by_evidence
    );
}

#[test]
fn what_a_rep_closed_must_not_come_back() {
    let score = marks(Flaw::Nags);
    assert!(score.wrong_tasks >= 3);
    for name in [
        "reminder-deferred",
        "reminder-deleted",
        "reminder-completed-by-hand",
    ] {
        assert_eq!(score.by_situation[name].right, 0, "{name}");
    }
}

#[test]
fn a_task_nobody_owes_is_wrong() {
    let score = marks(Flaw::Unasked);
    assert!(score.wrong_tasks >= 14, "{}", score.wrong_tasks);
    assert_eq!(score.by_situation["out-of-office"].right, 0);
}

#[test]
fn what_humans_wrote_must_stay() {
    assert_eq!(marks(Flaw::Rewrites).by_situation["reminder-rewritten"].right, 0);
    let tidy = marks(Flaw::Tidies);
    assert_eq!(tidy.by_situation["human-task-due-today"].right, 0);
    assert!(tidy.wrong_tasks >= 2);
}

#[test]
fn what_is_not_due_yet_is_not_judged() {
    let as_of: Timestamp = MONDAY.parse().unwrap();
    let mut crm = FakeCrm::default();
    let mut team = Team::new(3, &Scale::of(100), as_of, &mut [&mut crm]);
    let noon = as_of + jiff::SignedDuration::from_mins(1);
    team.run_until(noon, &mut [&mut crm]);
    let score = team.score(&[&crm], noon, TOLERANCE);
    assert_eq!((score.gaps_expected, score.gaps_missed), (0, 0));
    assert!(score.by_situation.values().all(|kind| kind.n == 0));
}

#[test]
fn a_gap_shorter_than_the_tolerance_may_go_without_a_task() {
    let run = play(3, 100, MONDAY, 14, Flaw::Lazy);
    let end: Timestamp = "2026-03-16T08:00:00Z".parse().unwrap();
    let patient = run
        .team
        .score(&run.shown(), end, jiff::SignedDuration::from_mins(100));
    let strict = last(&run);
    assert!(patient.gaps_missed >= 1 && patient.gaps_missed < strict.gaps_missed / 2);
    assert_eq!(
        patient.by_situation["demo-called-after-reminder"].right,
        patient.by_situation["demo-called-after-reminder"].n
    );
}

/// A vendor without conversions and one without flags and meeting results.
fn two() -> Vec<FakeCrm> {
    let hides = |features: &[Feature]| {
        let mut crm = FakeCrm::default();
        crm.hides = features.to_vec();
        crm
    };
    vec![
        hides(&[Feature::Conversion]),
        hides(&[Feature::AbsenceFlag, Feature::MeetingResult, Feature::Ownerless]),
    ]
}

fn in_two(seed: u64, flaw: Flaw) -> Run {
    let scale = Scale {
        alone: vec![50, 50],
        shared: 60,
        ..Scale::default()
    };
    play_in(two(), seed, &scale, MONDAY, 14, flaw)
}

#[test]
fn a_perfect_daemon_is_right_through_three_fortnights_with_few_reps_and_a_purchased_list() {
    let scale = Scale {
        alone: vec![40, 40],
        shared: 20,
        size: TeamSize {
            fortnights: 3,
            reps: Some(9),
            bystanders: 30,
            has_leaves: false,
        },
    };
    let run = play_in(two(), 2, &scale, MONDAY, 3 * 14, Flaw::None);
    let score = last(&run);
    assert_eq!(score.problems, Vec::<String>::new());
    assert_eq!(score.by_situation.values().map(|kind| kind.n).sum::<u64>(), 300);
    assert_eq!(score.gaps_found, score.gaps_expected);
    let begun = run.team.next_act_at();
    assert_eq!(begun, None, "everything was played");
}

#[test]
fn a_perfect_daemon_is_right_in_two_crms_and_in_three() {
    for seed in 1..=5 {
        let run = in_two(seed, Flaw::None);
        for score in &run.scores {
            assert_eq!(score.problems, Vec::<String>::new(), "seed {seed}");
        }
        let score = last(&run);
        assert_eq!(score.gaps_found, score.gaps_expected);
        let shared = score
            .by_situation
            .iter()
            .filter(|(name, _)| name.starts_with("two-crms"));
        assert_eq!(shared.map(|(_, kind)| kind.n).sum::<u64>(), 60);
        for site in [Site(0), Site(1)] {
            let own = run.team.score_of(
                site,
                &run.shown(),
                "2026-03-16T08:00:00Z".parse().unwrap(),
                TOLERANCE,
            );
            assert_eq!(own.problems, Vec::<String>::new());
            assert_eq!(own.by_situation.values().map(|kind| kind.n).sum::<u64>(), 50);
        }
    }
    let mut three = two();
    three.push(FakeCrm::default());
    let scale = Scale {
        alone: vec![20, 20, 20],
        shared: 70,
        ..Scale::default()
    };
    let run = play_in(three, 4, &scale, MONDAY, 14, Flaw::None);
    assert_eq!(last(&run).problems, Vec::<String>::new());
    for crm in &run.crms {
        assert!(crm.tasks.iter().filter(|task| task.key.is_some()).count() >= 15);
    }
}

#[test]
fn what_a_crm_cannot_show_is_not_played_in_it() {
    let run = in_two(1, Flaw::None);
    assert!(run.crms[0].book.iter().all(|words| !words.contains("convert")));
    assert!(
        run.crms[1]
            .book
            .iter()
            .all(|words| !words.contains("is_auto_reply: true"))
    );
    assert!(run.crms[1].book.iter().any(|words| words.contains("convert")));
}

#[test]
fn one_human_with_two_tasks_is_a_duplicate() {
    let score = last(&in_two(2, Flaw::Splits)).clone();
    assert!(score.duplicates >= 30, "{score:?}");
    assert_eq!(score.by_situation["two-crms-inquiry-reaches-both"].right, 0);
    assert!(score.by_situation["demo-called-after-reminder"].right >= 1);
}

#[test]
fn a_task_in_the_other_crm_is_wrong() {
    let score = last(&in_two(2, Flaw::WrongCrm)).clone();
    assert!(score.wrong_tasks >= 20, "{score:?}");
    assert_eq!(
        score.by_situation["two-crms-inquiry-called-in-the-other"].right,
        0
    );
}
