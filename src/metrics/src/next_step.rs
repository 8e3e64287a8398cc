//! Next-step coverage: of the open deals, how many have something dated ahead.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::Deal;
use followup_rules::history::NextStep;
use serde::{Deserialize, Serialize};

use crate::{
    basis::Basis,
    share::{Disclosure, Share},
};

/// How many open deals have a next step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextSteps {
    /// What it rests on: open deals.
    pub basis: Basis,
    /// A task, meeting or sequence step dated in the future.
    pub ahead: Share,
    /// Only overdue tasks: does not count as ahead.
    pub overdue_only: Share,
    /// Only tasks without a date: does not count as ahead.
    pub undated_only: Share,
    /// The same by amount, by currency; none if too few deals.
    pub by_amount: Option<BTreeMap<String, AmountShare>>,
    /// Open deals without an amount.
    pub without_amount: Option<u64>,
}

/// Amounts of one currency, in minor units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AmountShare {
    /// Deals with an amount in this currency.
    pub n: u64,
    /// Amount of the deals with a next step.
    pub ahead_minor: i128,
    /// Amount of all.
    pub all_minor: i128,
    /// Share of the amount; none if there is no amount. One large deal moves it, so it has no interval.
    pub share: Option<f64>,
}

/// What open deals add up to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deals {
    pub(crate) reps: BTreeSet<u32>,
    pub(crate) not_readable: u64,
    by_step: BTreeMap<NextStep, u64>,
    amounts: BTreeMap<String, Amount>,
    without_amount: u64,
}

#[derive(Debug, Clone, Default)]
struct Amount {
    n: u64,
    ahead: i128,
    all: i128,
}

impl Deals {
    pub(crate) fn add(&mut self, deal: &Deal, step: NextStep, rep: Option<u32>) {
        self.reps.extend(rep);
        *self.by_step.entry(step).or_default() += 1;
        let Some(amount) = deal.amount_minor.filter(|amount| *amount > 0) else {
            self.without_amount += 1;
            return;
        };
        let currency = deal.currency.clone().unwrap_or_else(|| "unknown".to_owned());
        let sum = self.amounts.entry(currency).or_default();
        sum.n += 1;
        sum.all += i128::from(amount);
        if step == NextStep::Ahead {
            sum.ahead += i128::from(amount);
        }
    }

    /// How many.
    pub(crate) fn n(&self) -> u64 {
        self.by_step.values().sum()
    }

    /// The figures; `why` withholds them all.
    pub(crate) fn figures(&self, basis: Basis, why: Option<&str>) -> NextSteps {
        let n = self.n();
        let of = |step: NextStep| match why {
            Some(why) => Share::withheld(why),
            None => Share::of(self.by_step.get(&step).copied().unwrap_or(0), n),
        };
        let is_told = why.is_none() && Disclosure::of(n) == Disclosure::Estimates;
        NextSteps {
            basis,
            ahead: of(NextStep::Ahead),
            overdue_only: of(NextStep::Overdue),
            undated_only: of(NextStep::Undated),
            by_amount: is_told.then(|| self.amounts.iter().filter_map(told).collect()),
            without_amount: is_told.then_some(self.without_amount),
        }
    }
}

/// The amounts of a currency, if there are enough deals that none is told by itself.
fn told((currency, amount): (&String, &Amount)) -> Option<(String, AmountShare)> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of amounts needs no more than 15 digits"
    )]
    let share = (amount.all > 0).then(|| amount.ahead as f64 / amount.all as f64);
    (Disclosure::of(amount.n) == Disclosure::Estimates).then(|| {
        let told = AmountShare {
            n: amount.n,
            ahead_minor: amount.ahead,
            all_minor: amount.all,
            share,
        };
        (currency.clone(), told)
    })
}
