//! The runs that every change must pass: two hundred seeds, and equal traces for equal seeds.

use std::io::Write;

use followupd_sim::{
    many::{self, Batch, Totals},
    plan::{self, Wish},
    run, shrink, table,
};

const SEEDS: u64 = 200;

fn batch(first: u64, count: u64) -> Batch {
    Batch {
        first,
        count,
        days: None,
        connections: None,
        crms: None,
        threads: 2,
    }
}

fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").ok();
}

#[test]
fn two_hundred_seeds_of_one_to_three_days_hold_every_invariant() {
    let outcomes = many::play(batch(0, SEEDS), &|_| {});
    say(&table::totals(&Totals::of(&outcomes)));
    if let Some(failed) = outcomes.iter().find(|outcome| !outcome.violations.is_empty()) {
        let plan = plan::draw(Wish::seed(failed.seed));
        let small = shrink::shrink(&plan, failed);
        panic!("seed {} fails\n{}", failed.seed, table::failure(&small));
    }
}

#[test]
fn the_same_seed_leaves_the_same_trace() {
    for seed in [3, 7, 11] {
        let plan = plan::draw(Wish {
            days: Some(1),
            ..Wish::seed(seed)
        });
        let (first, second) = (run::run(&plan, None), run::run(&plan, None));
        assert!(first.events > 500, "seed {seed}: {}", first.events);
        assert_eq!(first.hash, second.hash, "seed {seed}");
    }
}
