//! Time until something happens, where not everybody has been watched to the end, other ends compete, and some come
//! under watch late.
//!
//! [`Curve::of`] is the Aalen–Johansen estimate of the cumulative incidence of the wanted end; without competing ends it
//! is one minus Kaplan–Meier ([`Curve::kaplan_meier`]). Intervals are Greenwood's (with competing ends the delta-method
//! variance that becomes Greenwood's without them), on the log(−log) scale of what is left, so that they stay between 0
//! and 1. Ends count before interruptions of the same instant; who comes late at an instant is not yet at risk at it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::share::{Interval, Z, real};

/// What reaching a share is compared with: sums of fractions miss it by rounding only.
const ROUNDING: f64 = 1e-12;

/// How watching somebody ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What is waited for happened.
    Reached,
    /// Something else happened after which it no longer can, or no longer matters.
    Competing,
    /// Nothing happened yet.
    Open,
}

/// How long one subject was watched, in any unit of time since its own start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// When watching began, if not at the start: it counts from after this instant on.
    pub entered: Option<i64>,
    /// When it ended.
    pub left: i64,
    /// How.
    pub end: End,
}

/// The state of the estimate after one instant at which something ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The instant since the start.
    pub at: i64,
    /// How many were watched just before.
    pub at_risk: u64,
    /// How many of them reached it.
    pub reached: u64,
    /// How many ended otherwise.
    pub competing: u64,
    /// Share for whom nothing ended yet.
    pub left: f64,
    /// Share that reached it.
    pub share: f64,
    /// Share that ended otherwise.
    pub competing_share: f64,
    /// Variance of `share`.
    pub variance: f64,
}

/// An estimate at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Share that reached it by then.
    pub share: f64,
    /// 95 % interval; none where nobody has reached it yet or everybody has.
    pub interval: Option<Interval>,
}

/// The first instant by which a share is reached; `None` = not within what was watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantile {
    /// By the estimate.
    pub at: Option<i64>,
    /// By the interval's upper bound: the earliest plausible.
    pub low: Option<i64>,
    /// By the interval's lower bound: the latest plausible.
    pub high: Option<i64>,
}

/// The estimate over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// After each instant at which something ended, in order.
    pub steps: Vec<Step>,
    /// How many were ever at risk.
    pub n: u64,
    /// How many came under watch late.
    pub late: u64,
    /// How many were never at risk: under watch only after they had ended.
    pub unseen: u64,
    /// The longest anybody was watched.
    pub watched_to: i64,
    /// Everybody at risk had ended at an instant while others came under watch only later: nothing after it can be
    /// estimated.
    pub is_broken: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    reached: u64,
    competing: u64,
    open: u64,
}

/// Sums from which the variance at any instant follows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weight: f64,
    weight_share: f64,
    weight_square: f64,
    own: f64,
    cross: f64,
    cross_share: f64,
}

impl Curve {
    /// Estimates the cumulative incidence of [`End::Reached`] with [`End::Competing`] as a competing end.
    pub fn of(spells: &[Spell]) -> Self {
        let (seen, unseen): (Vec<Spell>, Vec<Spell>) = spells
            .iter()
            .partition(|spell| spell.entered.is_none_or(|entered| entered < spell.left));
        let mut entries: Vec<i64> = seen.iter().filter_map(|spell| spell.entered).collect();
        entries.sort_unstable();
        let mut ends: BTreeMap<i64, Ends> = BTreeMap::new();
        for spell in &seen {
            let ends = ends.entry(spell.left).or_default();
            match spell.end {
                End::Reached => ends.reached += 1,
                End::Competing => ends.competing += 1,
                End::Open => ends.open += 1,
            }
        }
        let mut curve = Self {
            steps: Vec::new(),
            n: count(seen.len()),
            late: count(entries.len()),
            unseen: count(unseen.len()),
            watched_to: ends.keys().next_back().copied().unwrap_or(0),
            is_broken: false,
        };
        curve.walk(&ends, &entries);
        curve
    }

    /// One minus Kaplan–Meier: competing ends count as interruptions. It answers "how soon, if nothing else could end it"
    /// and overstates what is eventually reached.
    pub fn kaplan_meier(spells: &[Spell]) -> Self {
        let alone: Vec<Spell> = spells
            .iter()
            .map(|spell| Spell {
                end: match spell.end {
                    End::Reached => End::Reached,
                    End::Competing | End::Open => End::Open,
                },
                ..*spell
            })
            .collect();
        Self::of(&alone)
    }

    fn walk(&mut self, ends: &BTreeMap<i64, Ends>, entries: &[i64]) {
        let mut sums = Sums::default();
        let (mut left, mut share, mut competing_share) = (1.0, 0.0, 0.0);
        let mut gone: u64 = 0;
        for (&at, here) in ends {
            let yet_to_come = count(entries.len() - entries.partition_point(|entered| *entered < at));
            let at_risk = self.n - gone - yet_to_come;
            gone += here.reached + here.competing + here.open;
            let ended = here.reached + here.competing;
            if ended == 0 {
                continue;
            }
            let risk = real(at_risk);
            let before = left;
            left = before * (real(at_risk - ended) / risk);
            share += before * real(here.reached) / risk;
            competing_share += before * real(here.competing) / risk;
            sums.add(at_risk, here, before, share);
            self.steps.push(Step {
                at,
                at_risk,
                reached: here.reached,
                competing: here.competing,
                left,
                share,
                competing_share,
                variance: sums.variance(share),
            });
            if at_risk == ended {
                self.is_broken = yet_to_come > 0;
                break;
            }
        }
    }

    /// The state at an instant: after the last step at or before it.
    fn step_at(&self, at: i64) -> Option<&Step> {
        let place = self.steps.partition_point(|step| step.at <= at);
        self.steps.get(place.checked_sub(1)?)
    }

    /// The share that reached it by an instant; `None` if nobody was watched that long and it is not settled before.
    pub fn share_at(&self, at: i64) -> Option<Estimate> {
        let is_settled = self.steps.last().is_some_and(|last| last.left <= 0.0);
        if self.n == 0 || (at > self.watched_to && !is_settled) {
            return None;
        }
        Some(self.step_at(at).map_or(
            Estimate {
                share: 0.0,
                interval: None,
            },
            Step::estimate,
        ))
    }

    /// The share that ended otherwise by an instant, under the same condition.
    pub fn competing_at(&self, at: i64) -> Option<f64> {
        self.share_at(at)?;
        Some(self.step_at(at).map_or(0.0, |step| step.competing_share))
    }

    /// How many were watched at an instant or longer.
    pub fn at_risk_at(&self, at: i64, spells: &[Spell]) -> u64 {
        let watched = |spell: &&Spell| spell.left >= at && spell.entered.is_none_or(|entered| entered < at);
        count(spells.iter().filter(watched).count())
    }

    /// When a share between 0 and 1 was reached.
    pub fn quantile(&self, p: f64) -> Quantile {
        let first = |reached: &dyn Fn(&Step) -> Option<f64>| {
            self.steps
                .iter()
                .find(|step| reached(step).is_some_and(|share| share >= p - ROUNDING))
                .map(|step| step.at)
        };
        Quantile {
            at: first(&|step| Some(step.share)),
            low: first(&|step| step.estimate().interval.map(|bounds| bounds.high)),
            high: first(&|step| step.estimate().interval.map(|bounds| bounds.low)),
        }
    }
}

impl Step {
    /// Share and interval after this step.
    pub fn estimate(&self) -> Estimate {
        Estimate {
            share: self.share,
            interval: interval(self.share, self.variance),
        }
    }
}

impl Sums {
    /// Adds one instant: `before` is what was left just before it, `share` what was reached just after it.
    fn add(&mut self, at_risk: u64, here: &Ends, before: f64, share: f64) {
        let ended = here.reached + here.competing;
        let (risk, reached) = (real(at_risk), real(here.reached));
        if at_risk > ended {
            let weight = real(ended) / (risk * real(at_risk - ended));
            self.weight += weight;
            self.weight_share += weight * share;
            self.weight_square += weight * share * share;
        }
        self.own += before * before * (risk - reached) * reached / (risk * risk * risk);
        let cross = before * reached / (risk * risk);
        self.cross += cross;
        self.cross_share += cross * share;
    }

    /// `Σ (F − Fj)² dj/(nj(nj − dj)) + Σ Sj² (nj − d1j) d1j/nj³ − 2 Σ (F − Fj) Sj d1j/nj²`, multiplied out.
    fn variance(&self, share: f64) -> f64 {
        let spread = share * share * self.weight - 2.0 * share * self.weight_share + self.weight_square;
        (spread + self.own - 2.0 * (share * self.cross - self.cross_share)).max(0.0)
    }
}

/// The interval on the log(−log) scale of what is left; none at the ends of the scale.
fn interval(share: f64, variance: f64) -> Option<Interval> {
    let rest = 1.0 - share;
    if share <= ROUNDING || rest <= ROUNDING {
        return None;
    }
    let error = variance.sqrt() / (rest * rest.ln().abs());
    let bound = |sign: f64| 1.0 - rest.powf((sign * Z * error).exp());
    Some(Interval {
        low: bound(-1.0),
        high: bound(1.0),
    })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
