//! Every interleaving within a budget keeps every claim, and every planted deviation is found.
//!
//! `FOLLOWUP_MODEL=wide` explores larger budgets (a quarter of an hour).

#![expect(
    clippy::print_stdout,
    clippy::panic,
    reason = "a proof tells its figures, and fails with the way to the violation"
)]

use followup_model::{
    defect::Defect,
    explore::{Explored, explore},
    protocol::Protocol,
    state::Budget,
};

/// More states than this are taken for a mistake in the model.
const STATES_MAX: usize = 20_000_000;

/// A calm run takes at most this many steps to settle: ten cycles.
const CALM_STEPS: usize = 120;

const fn budget(ticks: u8, crashes: u8, faults: u8, humans: u8, losses: u8) -> Budget {
    Budget {
        ticks,
        crashes,
        faults,
        humans,
        losses,
    }
}

/// What may go wrong together.
const TROUBLES: &[(&str, Budget)] = &[
    ("a crash, a fault, a human, time", budget(1, 1, 1, 1, 0)),
    ("two crashes, a fault", budget(0, 2, 1, 0, 0)),
    ("a crash, a fault, much time", budget(4, 1, 1, 0, 0)),
    ("a fault, two humans", budget(0, 0, 1, 2, 0)),
    ("a loss, a crash, a human", budget(0, 1, 0, 1, 1)),
    ("a crash, two faults, a human", budget(0, 1, 2, 1, 0)),
];

const WIDE: &[(&str, Budget)] = &[
    ("two crashes, a fault, a human, time", budget(1, 2, 1, 1, 0)),
    ("a loss, a crash, a fault, a human", budget(0, 1, 1, 1, 1)),
    ("a crash, a fault, two humans, time", budget(1, 1, 1, 2, 0)),
];

fn run(name: &str, is_strong: bool, protocol: &Protocol) -> Explored {
    let explored = explore(protocol, STATES_MAX, CALM_STEPS);
    let mode = if is_strong { "strong key" } else { "marker" };
    println!(
        "{name:<42} {mode:<11} {:>9} states {:>10} transitions, depth {:>3}",
        explored.states, explored.transitions, explored.depth
    );
    explored
}

fn holds(is_strong: bool) {
    let is_wide = std::env::var("FOLLOWUP_MODEL").is_ok_and(|word| word == "wide");
    let troubles = TROUBLES.iter().chain(WIDE.iter().filter(|_| is_wide));
    let mut states = 0;
    for (name, budget) in troubles {
        let explored = run(name, is_strong, &Protocol::new(is_strong, *budget));
        states += explored.states;
        if let Some(violation) = explored.violation {
            panic!("{}:\n  {}", violation.what, violation.way.join("\n  "));
        }
    }
    assert!(states > 50_000, "so few states prove nothing: {states}");
}

#[test]
fn with_a_strong_key_nothing_is_lost_and_nothing_is_there_twice() {
    holds(true);
}

#[test]
fn with_a_marker_nothing_is_lost_and_nothing_is_there_twice() {
    holds(false);
}

/// In which mode, and with how little trouble, a deviation shows.
const fn shows(defect: Defect) -> (bool, Budget) {
    match defect {
        Defect::NoIntent => (true, budget(0, 0, 0, 0, 0)),
        Defect::NoLook | Defect::NoSettling => (false, budget(1, 1, 1, 0, 0)),
        Defect::DatedByCycle => (false, budget(3, 1, 0, 0, 0)),
        Defect::AdoptedLate => (false, budget(0, 2, 0, 0, 1)),
        Defect::FrozenLast => (true, budget(0, 2, 0, 1, 1)),
        Defect::ForgetsEnded => (false, budget(0, 1, 0, 1, 1)),
        Defect::NoBaseline => (true, budget(0, 0, 0, 2, 0)),
        Defect::ToldWhenDecided => (true, budget(0, 0, 1, 1, 0)),
        Defect::PlannedForgotten => (true, budget(0, 1, 0, 0, 0)),
        Defect::MetUnjudged => (true, budget(0, 1, 1, 1, 0)),
    }
}

#[test]
fn every_planted_deviation_is_found() {
    let mut missed = Vec::new();
    for &defect in Defect::ALL {
        let (is_strong, budget) = shows(defect);
        let name = format!("{defect:?}");
        let explored = run(&name, is_strong, &Protocol::new(is_strong, budget).with(defect));
        match explored.violation {
            Some(violation) => println!("    {} steps: {}", violation.way.len(), violation.what),
            None => missed.push(defect),
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
