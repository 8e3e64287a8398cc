//! Open loops: threads in which the buyer wrote last and nobody was in contact since, and how old they are.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    basis::{Basis, ClockName, span_text, told},
    lead::Elapsed,
    share::Disclosure,
};

/// The quantiles of the ages that are told, in percent.
const PERCENTS: [usize; 3] = [50, 75, 90];

/// Threads that wait for us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenLoops {
    /// What it rests on: threads.
    pub basis: Basis,
    /// How many wait; none if fewer than 5.
    pub n: Option<u64>,
    /// Their ages; none if too few.
    pub ages: Option<Vec<Age>>,
    /// Why nothing is told, if nothing is.
    pub not_enough_data: Option<String>,
}

/// An age on both clocks, below which this share of the threads lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Age {
    /// The share.
    pub p: f64,
    /// Elapsed time.
    pub calendar: String,
    /// Inside business hours.
    pub business: String,
}

/// The threads found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loops {
    pub(crate) reps: BTreeSet<u32>,
    pub(crate) weak: u64,
    pub(crate) doubtful: u64,
    pub(crate) closed: u64,
    pub(crate) older: u64,
    pub(crate) not_readable: u64,
    calendar: Vec<SignedDuration>,
    business: Vec<SignedDuration>,
}

impl Loops {
    pub(crate) fn add(&mut self, age: Elapsed, rep: Option<u32>) {
        self.reps.extend(rep);
        self.calendar.push(age.calendar);
        self.business.push(age.business);
    }

    pub(crate) fn n(&self) -> u64 {
        u64::try_from(self.calendar.len()).unwrap_or(u64::MAX)
    }

    /// The figures; `why` withholds them all.
    pub(crate) fn figures(mut self, basis: Basis, why: Option<String>) -> OpenLoops {
        self.calendar.sort_unstable();
        self.business.sort_unstable();
        let n = self.n();
        let is_told = why.is_none() && Disclosure::of(n) == Disclosure::Estimates;
        let ages = is_told.then(|| PERCENTS.iter().map(|percent| self.age(*percent)).collect());
        OpenLoops {
            basis,
            n: told(n).filter(|_| why.is_none()),
            ages,
            not_enough_data: why,
        }
    }

    fn age(&self, percent: usize) -> Age {
        let of = |ages: &[SignedDuration], clock| {
            let place = (ages.len() * percent).div_ceil(100).saturating_sub(1);
            let age = ages.get(place).copied().unwrap_or_default();
            span_text(age, clock)
        };
        Age {
            p: crate::share::real(u64::try_from(percent).unwrap_or(0)) / 100.0,
            calendar: of(&self.calendar, ClockName::Calendar),
            business: of(&self.business, ClockName::Business),
        }
    }
}
