//! Hand-computed curves, properties, and the figures of `tests/metrics/reference.py`.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::share::wilson;

fn spell(entered: Option<i64>, left: i64, end: End) -> Spell {
    Spell { entered, left, end }
}

fn seen(left: i64, end: End) -> Spell {
    spell(None, left, end)
}

fn near(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() < 1e-9, "{what}: {a} is not {b}");
}

#[test]
fn kaplan_meier_of_five_by_hand() {
    // reached at 1, open at 2, reached at 3, 3 and open at 4: S = 4/5, then 4/5 · 1/3
    let spells = [
        seen(1, End::Reached),
        seen(2, End::Open),
        seen(3, End::Reached),
        seen(3, End::Reached),
        seen(4, End::Open),
    ];
    let curve = Curve::of(&spells);
    near(curve.share_at(1).unwrap().share, 0.2, "at 1");
    near(curve.share_at(2).unwrap().share, 0.2, "at 2");
    near(curve.share_at(3).unwrap().share, 11.0 / 15.0, "at 3");
    // Greenwood: (4/15)² · (1/(5·4) + 2/(3·1))
    let variance = (4.0_f64 / 15.0).powi(2) * (1.0 / 20.0 + 2.0 / 3.0);
    near(curve.steps[1].variance, variance, "Greenwood");
    assert_eq!(curve.share_at(5), None, "nobody was watched that long");
    assert_eq!(curve.quantile(0.5).at, Some(3));
    assert_eq!(curve.quantile(0.75).at, None, "never reached, never invented");
    assert_eq!(curve.watched_to, 4);
}

#[test]
fn a_competing_end_is_no_interruption_by_hand() {
    // reached 1, competing 2, reached 3, open 4: F = 1/4, then 1/4 + 1/2 · 1/2
    let spells = [
        seen(1, End::Reached),
        seen(2, End::Competing),
        seen(3, End::Reached),
        seen(4, End::Open),
    ];
    let curve = Curve::of(&spells);
    near(curve.share_at(3).unwrap().share, 0.5, "Aalen-Johansen");
    near(curve.competing_at(3).unwrap(), 0.25, "closed untouched");
    let alone = Curve::kaplan_meier(&spells);
    near(
        alone.share_at(3).unwrap().share,
        0.625,
        "Kaplan-Meier overstates it",
    );
}

#[test]
fn who_comes_late_is_not_at_risk_before() {
    // at 2 only two are at risk; the third enters at 2 itself and counts from after it
    let spells = [
        seen(2, End::Reached),
        seen(6, End::Open),
        spell(Some(2), 5, End::Reached),
    ];
    let curve = Curve::of(&spells);
    assert_eq!((curve.steps[0].at_risk, curve.steps[1].at_risk), (2, 2));
    near(curve.share_at(5).unwrap().share, 0.75, "1 - 1/2 · 1/2");
    let unseen = Curve::of(&[spell(Some(9), 9, End::Reached), seen(3, End::Open)]);
    assert_eq!(
        (unseen.n, unseen.unseen),
        (1, 1),
        "ended before it came under watch"
    );
}

#[test]
fn a_curve_that_ends_before_others_come_says_so() {
    let curve = Curve::of(&[spell(Some(0), 3, End::Reached), spell(Some(4), 9, End::Reached)]);
    assert!(curve.is_broken);
    let whole = Curve::of(&[seen(3, End::Reached), seen(9, End::Reached)]);
    assert!(!whole.is_broken);
}

#[test]
fn nobody_gives_no_estimate_and_an_instant_reply_counts() {
    assert_eq!(Curve::of(&[]).share_at(0), None);
    let curve = Curve::of(&[seen(0, End::Reached), seen(10, End::Open)]);
    near(curve.share_at(0).unwrap().share, 0.5, "at once");
}

#[derive(Deserialize)]
struct Figures {
    curves: Vec<Known>,
    wilson: Vec<KnownShare>,
}

#[derive(Deserialize)]
struct Known {
    name: String,
    spells: Vec<(Option<i64>, i64, String)>,
    steps: Vec<KnownStep>,
    quantiles: Vec<KnownQuantile>,
    is_broken: bool,
    #[serde(default)]
    lifelines: Vec<ByPackage>,
}

#[derive(Deserialize)]
struct KnownStep {
    at: i64,
    at_risk: u64,
    left: f64,
    share: f64,
    competing_share: f64,
    variance: f64,
    low: Option<f64>,
    high: Option<f64>,
}

#[derive(Deserialize)]
struct KnownQuantile {
    p: f64,
    at: Option<i64>,
    low: Option<i64>,
    high: Option<i64>,
}

#[derive(Deserialize)]
struct ByPackage {
    at: i64,
    share: f64,
    variance: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

#[derive(Deserialize)]
struct KnownShare {
    k: u64,
    n: u64,
    low: f64,
    high: f64,
}

fn figures() -> Figures {
    serde_json::from_str(include_str!("../../../../tests/metrics/figures.json")).unwrap()
}

fn spells_of(known: &Known) -> Vec<Spell> {
    let end = |word: &str| match word {
        "reached" => End::Reached,
        "competing" => End::Competing,
        _ => End::Open,
    };
    known
        .spells
        .iter()
        .map(|(entered, left, word)| spell(*entered, *left, end(word)))
        .collect()
}

#[test]
fn every_step_agrees_with_exact_fractions() {
    for known in figures().curves {
        let curve = Curve::of(&spells_of(&known));
        assert_eq!(curve.steps.len(), known.steps.len(), "{}", known.name);
        assert_eq!(curve.is_broken, known.is_broken, "{}", known.name);
        for (step, known_step) in curve.steps.iter().zip(&known.steps) {
            let what = format!("{} at {}", known.name, known_step.at);
            assert_eq!(
                (step.at, step.at_risk),
                (known_step.at, known_step.at_risk),
                "{what}"
            );
            near(step.left, known_step.left, &what);
            near(step.share, known_step.share, &what);
            near(step.competing_share, known_step.competing_share, &what);
            near(step.variance, known_step.variance, &what);
            let bounds = step.estimate().interval;
            assert_eq!(bounds.is_some(), known_step.low.is_some(), "{what}");
            if let (Some(bounds), Some(low), Some(high)) = (bounds, known_step.low, known_step.high) {
                near(bounds.low, low, &what);
                near(bounds.high, high, &what);
            }
        }
        for known_quantile in &known.quantiles {
            let quantile = curve.quantile(known_quantile.p);
            let told = (quantile.at, quantile.low, quantile.high);
            let expected = (known_quantile.at, known_quantile.low, known_quantile.high);
            assert_eq!(told, expected, "{} at {}", known.name, known_quantile.p);
        }
    }
}

#[test]
fn a_published_package_gives_the_same_figures() {
    let mut compared = 0;
    for known in figures().curves {
        let curve = Curve::of(&spells_of(&known));
        for there in &known.lifelines {
            let what = format!("{} at {}", known.name, there.at);
            let step = curve.steps.iter().find(|step| step.at == there.at).unwrap();
            near(step.share, there.share, &what);
            if let Some(variance) = there.variance {
                near(step.variance, variance, &what);
            }
            if let (Some(low), Some(high), Some(bounds)) = (there.low, there.high, step.estimate().interval) {
                near(bounds.low, low, &what);
                near(bounds.high, high, &what);
            }
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared} instants of the package were compared");
}

#[test]
fn shares_agree_with_the_roots_of_their_quadratic() {
    for known in figures().wilson {
        let (_, bounds) = wilson(known.k, known.n).unwrap();
        near(bounds.low, known.low, "low");
        near(bounds.high, known.high, "high");
    }
}

fn spells() -> impl Strategy<Value = Vec<Spell>> {
    let end = prop_oneof![Just(End::Reached), Just(End::Competing), Just(End::Open)];
    let one = (prop::option::weighted(0.3, 0..30_i64), 0..40_i64, end);
    prop::collection::vec(
        one.prop_map(|(entered, left, end)| spell(entered, left, end)),
        1..60,
    )
}

proptest! {
    #[test]
    fn what_is_left_reached_and_ended_otherwise_is_always_everybody(spells in spells()) {
        let curve = Curve::of(&spells);
        let mut before = 0.0;
        for step in &curve.steps {
            prop_assert!((step.left + step.share + step.competing_share - 1.0).abs() < 1e-9);
            prop_assert!(step.share >= before - 1e-12 && step.variance >= 0.0);
            before = step.share;
            if let Some(bounds) = step.estimate().interval {
                prop_assert!(0.0 <= bounds.low && bounds.low <= step.share + 1e-12);
                prop_assert!(step.share <= bounds.high + 1e-12 && bounds.high <= 1.0);
            }
        }
        prop_assert!(curve.steps.iter().map(|step| step.reached + step.competing).sum::<u64>() <= curve.n);
    }

    #[test]
    fn without_competing_ends_it_is_kaplan_meier_with_greenwood(spells in spells()) {
        let alone: Vec<Spell> = spells.iter().copied().filter(|spell| spell.end != End::Competing).collect();
        let (mut left, mut sum) = (1.0, 0.0);
        for step in &Curve::of(&alone).steps {
            let (risk, ended) = (real(step.at_risk), real(step.reached));
            left *= 1.0 - ended / risk;
            prop_assert!((step.share - (1.0 - left)).abs() < 1e-9);
            if risk > ended {
                sum += ended / (risk * (risk - ended));
                prop_assert!((step.variance - left * left * sum).abs() < 1e-9);
            }
        }
        prop_assert_eq!(Curve::of(&alone), Curve::kaplan_meier(&alone));
    }

    #[test]
    fn with_everybody_watched_to_the_end_it_is_a_plain_share(lefts in prop::collection::vec((0..40_i64, any::<bool>()), 1..60)) {
        let spells: Vec<Spell> = lefts
            .iter()
            .map(|(left, reached)| seen(*left, if *reached { End::Reached } else { End::Competing }))
            .collect();
        let curve = Curve::of(&spells);
        for at in 0..40 {
            let reached = lefts.iter().filter(|(left, reached)| *reached && *left <= at).count();
            let share = real(count(reached)) / real(count(lefts.len()));
            prop_assert!(curve.share_at(at).is_some_and(|told| (told.share - share).abs() < 1e-9));
        }
    }
}
